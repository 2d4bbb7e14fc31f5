//! Real worker processes on one database and one broker, and everything around them breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::intake::Parsed;
use invoice_dispatcher::model::ids::WorkerId;
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::model::state::{Concluded, DeliveryState};
use invoice_dispatcher::store::Store;

use crate::harness::LOOK;
use crate::harness::database::TestDatabase;
use crate::harness::process::{Process, Site};
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Act, Script, Sink, Step};

/// Longer than a dead worker is waited for, and servers take to come back.
const PATIENCE: Duration = Duration::from_mins(5);

/// Waits until so many deliveries have ended, and nothing is due or on its way.
pub(crate) async fn until_concluded(store: &Store, count: i64) -> BTreeMap<DeliveryState, i64> {
    let waiting = async {
        loop {
            // The database may be away.
            if let Ok(counts) = store.state_counts().await {
                let concluded = |(state, _): &(&DeliveryState, &i64)| state.is_concluded();
                let in_lanes: i64 = counts.iter().filter(|entry| !concluded(entry)).map(|(_, count)| count).sum();
                let ended: i64 = counts.iter().filter(concluded).map(|(_, count)| count).sum();
                if in_lanes == 0 && ended >= count {
                    return counts;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("everything concludes in time")
}

pub(crate) fn count(counts: &BTreeMap<DeliveryState, i64>, concluded: Concluded) -> i64 {
    counts.get(&DeliveryState::Concluded(concluded)).copied().unwrap_or(0)
}

/// How often the sink took each message.
fn times_taken(sink: &Sink) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for mail in sink.mails() {
        *times.entry(mail.message_id.expect("every mail has a Message-ID")).or_default() += 1;
    }
    times
}

pub(crate) async fn take_in(site: &Site, addresses: &[(&str, &str)]) {
    let batch: Vec<Parsed> = addresses
        .iter()
        .map(|(id, address)| {
            let body = Bytes::from(site.event(id, address).to_string());
            Parsed::of(Incoming::new(body, Via::File))
        })
        .collect();
    site.app().intake.take(&batch).await.expect("the database answers");
}

/// A worker to which the relay is silent: before DATA of one mail, and after the dot of another.
async fn before_and_after_data(database: &TestDatabase) -> (Sink, Site, Process) {
    let script = Script::new().on_address("before@customer.example", Step::Rcpt, Act::Hang).on_address(
        "after@customer.example",
        Step::Dot,
        Act::take_then(Act::Hang),
    );
    let sink = Sink::scripted(script).await;
    let site = Site::new(&database.url, None, &sink).await;
    let worker = site.start();
    take_in(&site, &[("before", "before@customer.example"), ("after", "after@customer.example")]).await;
    sink.wait_for("both conversations", |state| state.steps.get(&Step::Rcpt) == Some(&2) && state.mails.len() == 1)
        .await;
    (sink, site, worker)
}

/// The relay is silent before DATA for one mail, and after the dot for another, when the worker is killed.
async fn killed_before_and_after_data(database: TestDatabase) {
    let (sink, site, worker) = before_and_after_data(&database).await;
    worker.kill();
    sink.behave(Script::new());
    let worker = site.start();
    let counts = until_concluded(&site.store, 2).await;

    assert_eq!((count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain)), (1, 1), "{counts:?}");
    let times = times_taken(&sink);
    assert_eq!(times.values().copied().collect::<Vec<_>>(), [1, 1], "{times:?}");
    assert!(worker.stop().await.success());
    site.assert_adds_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_the_next_process_takes_over_at_once() {
    killed_before_and_after_data(TestDatabase::sqlite_unlocked().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_another_process_takes_over_in_time() {
    killed_before_and_after_data(TestDatabase::postgres().await).await;
}

/// A machine is suspended with a worker on it, before DATA of one mail and after the dot of another, for longer than the
/// others wait. When it wakes, it learns that it was called dead, starts no DATA, and works on under another name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_sends_nothing_twice() {
    let database = TestDatabase::postgres().await;
    let (sink, site, suspended) = before_and_after_data(&database).await;
    let first: BTreeSet<_> = workers(&site).await;
    suspended.signal("-STOP");
    sink.behave(Script::new());
    let other = site.start();
    let counts = until_concluded(&site.store, 2).await;
    assert_eq!((count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain)), (1, 1), "{counts:?}");

    let second: BTreeSet<_> = workers(&site).await;
    suspended.signal("-CONT");
    let renamed = async {
        while workers(&site).await.is_subset(&second) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, renamed).await.expect("it comes back under another name");
    assert!(workers(&site).await.is_disjoint(&first));
    take_in(&site, &[("later", "later@customer.example")]).await;
    let counts = until_concluded(&site.store, 3).await;

    assert_eq!((count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain)), (2, 1), "{counts:?}");
    let times = times_taken(&sink);
    assert_eq!(times.values().copied().collect::<Vec<_>>(), [1, 1, 1], "{times:?}");
    assert!(suspended.stop().await.success() && other.stop().await.success());
    site.assert_adds_up().await;
}

async fn workers(site: &Site) -> BTreeSet<WorkerId> {
    let beats = site.store.workers().await.expect("the database answers");
    beats.into_iter().map(|beat| beat.worker).collect()
}

/// Two processes on one broker and one database; the broker restarts, one process is killed, the other is told to
/// stop and a third takes its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_sent_once_whatever_is_killed() {
    const EVENTS: usize = 300;
    let servers = PrivateServers::start().await;
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(20)))).await;
    let site = Site::new(&servers.database_url(), Some(&servers.amqp_url()), &sink).await;
    let (first, second) = (site.start(), site.start());
    let events: Vec<Bytes> =
        (0..EVENTS).map(|n| Bytes::from(site.event(&format!("{n:03}"), "ap@customer.example").to_string())).collect();
    let url = BrokerUrl::parse(&servers.amqp_url()).expect("the broker's address");
    let publisher = Publisher::new(url, Topology::default(), Clock::system());
    // The workers declare the topology; until then nothing can be routed.
    let published = async {
        while publisher.publish_events(&events[..EVENTS / 2]).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, published).await.expect("the workers declare the topology");

    sink.wait_for("the first mails", |state| state.mails.len() >= 20).await;
    first.kill();
    servers.restart_rabbitmq().await;
    let published = async {
        while publisher.publish_events(&events).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, published).await.expect("the broker comes back");
    let third = site.start();
    assert!(second.stop().await.success());
    let counts = until_concluded(&site.store, i64::try_from(EVENTS).expect("a small number")).await;

    let (sent, uncertain) = (count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain));
    assert_eq!(usize::try_from(sent + uncertain).expect("not negative"), EVENTS, "{counts:?}");
    assert!(uncertain <= 12, "at most what the killed process had on its four connections or recorded: {counts:?}");
    let times = times_taken(&sink);
    assert!(times.values().all(|times| *times == 1), "nothing is sent twice: {times:?}");
    assert!(times.len() >= usize::try_from(sent).expect("not negative"));
    assert!(third.stop().await.success());
    site.assert_adds_up().await;
}

/// Servers start in any order, and again while workers start: each worker waits until its database answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_start_before_their_database_wait_for_it() {
    let servers = PrivateServers::start_postgres_alone().await;
    let sink = Sink::start().await;
    let site = Site::new(&servers.database_url(), None, &sink).await;
    servers.stop_postgres().await;
    let mut started = vec![site.start()];
    servers.start_postgres().await;
    for _ in 0..3 {
        started.push(site.start());
        servers.restart_postgres().await;
    }
    site.store.wait_until_reachable().await;
    take_in(&site, &[("once", "ap@customer.example")]).await;
    let counts = until_concluded(&site.store, 1).await;
    assert_eq!(count(&counts, Concluded::Sent), 1, "{counts:?}");
    let registered = async {
        while workers(&site).await.len() < started.len() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, registered).await.expect("none of them gave up");
    for worker in started {
        assert!(worker.stop().await.success());
    }
    site.assert_adds_up().await;
}

//! A real process ends, as by `kill -9`, at each place where that could hurt; the next one goes on. Nothing is lost,
//! nothing is sent twice, and only what the relay may hold is uncertain.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::failpoint::Failpoint;
use invoice_dispatcher::ledger::Evidence;
use invoice_dispatcher::retry::Settled;
use invoice_dispatcher::store::DeliveryState;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::harness::LOOK;
use crate::harness::database::{TestDatabase, assert_adds_up};
use crate::harness::process::{Process, Site};
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Act, Script, Sink, Step};
use crate::processes_are_killed::{count, take_in, until_settled};

/// Between claim and record, in the order in which a mail passes them, and whether a delivery whose process ends
/// there may be at the relay.
const SENDING: [(Failpoint, bool); 10] = [
    (Failpoint::AfterClaim, false),
    (Failpoint::AfterDocuments, false),
    (Failpoint::AfterCompose, false),
    (Failpoint::BeforeDataStart, false),
    (Failpoint::AfterDataStart, true),
    (Failpoint::InData, true),
    (Failpoint::AfterDot, true),
    (Failpoint::AfterAnswer, true),
    (Failpoint::BeforeRecord, true),
    (Failpoint::AfterRecord, false),
];

/// From the broker to the database.
const TAKING_IN: [Failpoint; 5] = [
    Failpoint::AfterReceive,
    Failpoint::BeforeIntakeCommit,
    Failpoint::AfterIntakeCommit,
    Failpoint::BeforeAck,
    Failpoint::AfterAck,
];

/// Cells that run at once.
const AT_ONCE: usize = 3;

/// How long a process may live until it reaches its failpoint.
const PATIENCE: Duration = Duration::from_mins(1);

const EVENTS: [(&str, &str); 4] = [
    ("a", "a@customer.example"),
    ("b", "b@customer.example"),
    ("c", "c@customer.example"),
    ("d", "d@customer.example"),
];

/// One connection, so that at each moment one delivery at most is at the relay.
const ONE_CONNECTION: &str = "[relays.default]\nconnections = 1\n";

/// Runs cells side by side, a few at once; fails with the first that fails.
async fn side_by_side<Cell: Future<Output = ()> + Send + 'static>(cells: impl IntoIterator<Item = Cell>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for cell in cells {
        let places = Arc::clone(&places);
        running.spawn(async move {
            let _place = places.acquire().await.expect("never closed");
            cell.await;
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("the cell holds");
    }
}

async fn assert_killed(process: Process, point: Failpoint) {
    let ended = tokio::time::timeout(PATIENCE, process.until_ended()).await;
    let status = ended.unwrap_or_else(|_| panic!("{point} was never reached"));
    assert!(status.signal().is_some(), "the process did not die at {point}: {status}");
}

fn published(site: &Site) -> Vec<(String, String)> {
    EVENTS
        .iter()
        .map(|(id, address)| {
            let event = site.event(id, address);
            let text = |name: &str| event[name].as_str().expect("a text").to_owned();
            (text("source"), text("id"))
        })
        .collect()
}

/// A worker ends at the place; the next one sends what is left.
async fn while_sending(point: Failpoint, may_be_out: bool, script: Script) {
    let database = TestDatabase::sqlite_unlocked().await;
    let sink = Sink::scripted(script).await;
    let site = Site::new(&database.url, None, &sink).await;
    site.configure(ONE_CONNECTION);
    take_in(&site, &EVENTS).await;
    assert_killed(site.start_failing(&format!("{point}:exit")), point).await;
    let next = site.start();
    let counts = until_settled(&site.store, 4).await;

    let (sent, uncertain) = (count(&counts, Settled::Sent), count(&counts, Settled::Uncertain));
    assert_eq!((sent, uncertain), (4 - i64::from(may_be_out), i64::from(may_be_out)), "{point}: {counts:?}");
    assert!(next.stop().await.success());
    let taken = Some(sink.books().taken());
    assert_adds_up(&site.store, &Evidence { published: published(&site), queued: 0, taken }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_sending_by_a_relay_that_is_well() {
    side_by_side(SENDING.map(|(point, may_be_out)| Box::pin(while_sending(point, may_be_out, Script::new())))).await;
}

#[ignore = "long: scripts/prove"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove_kill_while_sending_by_a_slow_relay() {
    let slow = || {
        let moment = Duration::from_millis(300);
        Script::new()
            .on(Step::Rcpt, Act::Slow(moment))
            .on(Step::Data, Act::Slow(moment))
            .on(Step::Dot, Act::Slow(moment))
    };
    side_by_side(SENDING.map(|(point, may_be_out)| Box::pin(while_sending(point, may_be_out, slow())))).await;
}

/// A virtual host of its own on a private RabbitMQ; returns its address.
async fn virtual_host(servers: &PrivateServers, name: &str) -> String {
    servers.rabbitmqctl(&["-q", "add_vhost", name]).await;
    servers.rabbitmqctl(&["-q", "set_permissions", "-p", name, "dispatcher", ".*", ".*", ".*"]).await;
    servers.amqp_url().replace("%2f", name)
}

async fn publish(amqp_url: &str, bodies: &[Bytes]) {
    let url = BrokerUrl::parse(amqp_url).expect("the broker's address");
    let publisher = Publisher::new(url, Topology::default(), Clock::system());
    let publishing = async {
        while publisher.publish_events(bodies).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, publishing).await.expect("the broker takes events");
    publisher.close().await;
}

/// A worker ends at the place between the broker and the database; the next one takes in and sends what is left.
async fn while_taking_in(servers: Arc<PrivateServers>, point: Failpoint, restart_broker: bool) {
    let amqp_url = virtual_host(&servers, point.as_str()).await;
    let database = TestDatabase::sqlite_unlocked().await;
    let sink = Sink::start().await;
    let site = Site::new(&database.url, Some(&amqp_url), &sink).await;
    site.configure(ONE_CONNECTION);
    let events: Vec<Bytes> = EVENTS.iter().map(|(id, to)| Bytes::from(site.event(id, to).to_string())).collect();
    publish(&amqp_url, &events).await;
    assert_killed(site.start_failing(&format!("{point}:exit")), point).await;
    if restart_broker {
        servers.restart_rabbitmq().await;
    }
    let next = site.start();
    let counts = until_settled(&site.store, 4).await;

    let (sent, uncertain) = (count(&counts, Settled::Sent), count(&counts, Settled::Uncertain));
    assert_eq!(sent + uncertain, 4, "{point}: {counts:?}");
    // The lane may have begun with the one delivery that its one connection carries once the batch is committed.
    assert!(uncertain <= 1, "{point}: {counts:?}");
    assert!(next.stop().await.success());
    let taken = Some(sink.books().taken());
    assert_adds_up(&site.store, &Evidence { published: published(&site), queued: 0, taken }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_taking_in_from_a_broker() {
    let servers = Arc::new(PrivateServers::start().await);
    side_by_side(TAKING_IN.map(|point| Box::pin(while_taking_in(Arc::clone(&servers), point, false)))).await;
}

#[ignore = "long: scripts/prove"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove_kill_while_taking_in_and_the_broker_restarts() {
    let servers = Arc::new(PrivateServers::start().await);
    // One after the other: they share the broker that restarts.
    for point in TAKING_IN {
        while_taking_in(Arc::clone(&servers), point, true).await;
    }
}

/// A panic while a mail is composed or sent is that delivery's dead letter, and for a person to decide once the relay
/// may hold it; the worker goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_one_delivery_is_its_dead_letter() {
    let database = TestDatabase::sqlite_unlocked().await;
    let sink = Sink::start().await;
    let site = Site::new(&database.url, None, &sink).await;
    site.configure(ONE_CONNECTION);
    take_in(&site, &EVENTS).await;
    let worker = site.start_failing("after_documents:panic@2,before_data_start:panic@2,after_answer:panic@2");
    let counts = until_settled(&site.store, 4).await;

    let ended = [Settled::Sent, Settled::Dead, Settled::Uncertain].map(|settled| count(&counts, settled));
    assert_eq!(ended, [1, 2, 1], "{counts:?}");
    let internal =
        database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open' AND class = 'internal'").await;
    assert_eq!(internal, 2);
    assert!(worker.stop().await.success());
    let taken = Some(sink.books().taken());
    assert_adds_up(&site.store, &Evidence { published: published(&site), queued: 0, taken }).await;
}

/// A panic where an end is written down costs neither the slot nor the delivery: nobody knows of it any more, so the
/// heartbeat gives it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_recording_costs_no_slot() {
    let database = TestDatabase::sqlite_unlocked().await;
    let sink = Sink::start().await;
    let site = Site::new(&database.url, None, &sink).await;
    site.configure(ONE_CONNECTION);
    take_in(&site, &EVENTS).await;
    let worker = site.start_failing("before_record:panic@1");
    let counts = until_settled(&site.store, 4).await;

    assert_eq!((count(&counts, Settled::Sent), count(&counts, Settled::Uncertain)), (3, 1), "{counts:?}");
    assert!(worker.stop().await.success());
    let taken = Some(sink.books().taken());
    assert_adds_up(&site.store, &Evidence { published: published(&site), queued: 0, taken }).await;
}

/// Redrive and resend happen or do not; a person who saw no answer may ask again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_person_puts_something_back() {
    let database = TestDatabase::sqlite_unlocked().await;
    let sink = Sink::start().await;
    let site = Site::new(&database.url, None, &sink).await;
    take_in(&site, &[("dead", "refuse-554-5.7.1-once@customer.example")]).await;
    let worker = site.start();
    until_settled(&site.store, 1).await;
    let letter = database.texts("SELECT CAST(invoice_number AS TEXT) FROM dead_letter WHERE state = 'open'").await;
    assert_eq!(letter, ["R-dead"]);
    assert!(worker.stop().await.success());

    let redrive = ["dead-letters", "redrive", "--tenant", "acme", "--yes"];
    let open = "SELECT COUNT(*) FROM dead_letter WHERE state = 'open'";
    assert!(site.run(&redrive, "before_redrive_commit:exit").await.signal().is_some());
    assert_eq!(database.number(open).await, 1);
    assert!(site.run(&redrive, "after_redrive_commit:exit").await.signal().is_some());
    assert_eq!(database.number(open).await, 0);
    let worker = site.start();
    assert_eq!(count(&until_settled(&site.store, 1).await, Settled::Sent), 1);
    assert!(worker.stop().await.success());

    let resend = ["resend", "--tenant", "acme", "--invoice", "R-dead", "--reason", "asked for it"];
    let deliveries = "SELECT COUNT(*) FROM delivery";
    assert!(site.run(&resend, "before_resend_commit:exit").await.signal().is_some());
    assert_eq!(database.number(deliveries).await, 1);
    assert!(site.run(&resend, "after_resend_commit:exit").await.signal().is_some());
    assert_eq!(database.number(deliveries).await, 2);
    let worker = site.start();
    let counts = until_settled(&site.store, 2).await;
    assert_eq!(counts.get(&DeliveryState::Settled(Settled::Sent)), Some(&2), "{counts:?}");
    assert!(worker.stop().await.success());
    assert_adds_up(&site.store, &Evidence { taken: Some(sink.books().taken()), ..Evidence::default() }).await;
}

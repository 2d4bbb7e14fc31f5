//! The database is away for twenty seconds while two workers send and events come in: nothing is acked that is not
//! stored, nothing is sent twice, and all goes on by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::state::{Concluded, DeliveryState};

use crate::failure::processes_are_killed::until_concluded;
use crate::harness::broker::until;
use crate::harness::process::Site;
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Act, Script, Sink, Step};

const EVENTS: usize = 2_000;
/// Longer than any pause of those who wait for it.
const OUTAGE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn nothing_is_lost_or_sent_twice_and_it_goes_on() {
    let servers = PrivateServers::start().await;
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(10)))).await;
    let site = Site::new(&servers.database_url(), Some(&servers.amqp_url()), &sink).await;
    let workers = [site.start(), site.start()];
    let url = BrokerUrl::parse(&servers.amqp_url()).expect("the broker's address");
    let publisher = Publisher::new(url, Topology::default(), Clock::system());
    let event = |n| Bytes::from(site.event(&format!("{n:04}"), "ap@customer.example").to_string());
    let events: Vec<Bytes> = (0..EVENTS).map(event).collect();
    publisher.publish_events(&events[..EVENTS / 2]).await.expect("the broker takes them");
    sink.wait_for("the first mails", |state| state.mails.len() >= 50).await;

    servers.kill_postgres().await;
    // Published while it cannot be stored: the broker keeps it.
    publisher.publish_events(&events[EVENTS / 2..]).await.expect("the broker takes them");
    tokio::time::sleep(OUTAGE).await;
    let taken = sink.mails().len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(sink.mails().len(), taken, "no DATA begins while the database is away");
    servers.start_postgres().await;
    until("mail flows again", async || sink.mails().len() > taken).await;
    let counts = until_concluded(&site.store, i64::try_from(EVENTS).expect("it fits")).await;

    assert_eq!(counts.get(&DeliveryState::Concluded(Concluded::Sent)), Some(&2_000), "{counts:?}");
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for mail in sink.mails() {
        *times.entry(mail.message_id.expect("every mail has one")).or_default() += 1;
    }
    assert_eq!(times.len(), EVENTS);
    assert!(times.values().all(|times| *times == 1), "nothing is sent twice");
    for worker in workers {
        assert!(worker.stop().await.success());
    }
    site.assert_adds_up().await;
}

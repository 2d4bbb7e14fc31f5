//! The broker goes away while deliveries are due: they are sent all the same, and what was published is taken in when
//! it is back. So is the queue of dead letters brought up to date, whatever became of them meanwhile.

use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::state::{Concluded, DeliveryState};

use crate::failure::processes_are_killed::{take_in, until_concluded};
use crate::harness::broker::{Broker, until};
use crate::harness::mirror::{assert_mirrors, until_mirrored};
use crate::harness::process::Site;
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Act, Script, Sink, Step};

const REFUSED: &str = "refuse-554-5.7.1@customer.example";
const TOO_LARGE: &str = "refuse-552-5.3.4@customer.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_sent_and_the_rest_follows() {
    let servers = PrivateServers::start().await;
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(20)))).await;
    let site = Site::new(&servers.database_url(), Some(&servers.amqp_url()), &sink).await;
    let worker = site.start();
    let url = BrokerUrl::parse(&servers.amqp_url()).expect("the broker's address");
    let publisher = Publisher::new(url, Topology::default(), Clock::system());
    let event = |n: i32| Bytes::from(site.event(&format!("queued-{n}"), "ap@customer.example").to_string());
    let published: Vec<Bytes> = (0..20).map(event).collect();
    // The worker declares the topology; until then nothing can be routed.
    until("the first events are published", async || publisher.publish_events(&published[..10]).await.is_ok()).await;
    sink.wait_for("the first mails", |state| state.mails.len() == 10).await;
    let dead = [("dead-0", REFUSED), ("dead-1", TOO_LARGE), ("dead-2", REFUSED)];
    take_in(&site, &dead[..2]).await;
    let broker = Broker::private(servers.amqp_url()).await;
    broker.until_ready(&broker.topology.dead, 2).await;

    servers.stop_rabbitmq().await;
    let discard = ["dead-letters", "discard", "--class", "too_large", "--reason", "sent by post"];
    assert!(site.run(&discard, "").await.success());
    take_in(&site, &dead[2..]).await;
    let ids: Vec<String> = (0..30).map(|n| format!("due-{n}")).collect();
    let due: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "ap@customer.example")).collect();
    take_in(&site, &due).await;
    sink.wait_for("what was due", |state| state.mails.len() == 40).await;
    servers.start_rabbitmq().await;
    until("the rest is published", async || publisher.publish_events(&published).await.is_ok()).await;
    let counts = until_concluded(&site.store, 53).await;

    assert_eq!(counts.get(&DeliveryState::Concluded(Concluded::Sent)), Some(&50), "{counts:?}");
    assert_eq!(sink.mails_and_data_phases(), (50, 50));
    let (broker, when) = (broker.again().await, "once the broker was back");
    until_mirrored(&site.store, &broker, when).await;
    assert!(worker.stop().await.success());
    assert_eq!(site.store.open_dead_letters().await.expect("answered").values().sum::<i64>(), 2);
    let dead = dead.map(|(id, address)| Bytes::from(site.event(id, address).to_string()));
    assert_mirrors(&site.store, &broker, &dead, when).await;
}

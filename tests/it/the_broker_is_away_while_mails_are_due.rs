//! The broker goes away while deliveries are due: they are sent all the same, and what was published is taken in when
//! it is back.

use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::retry::Settled;
use invoice_dispatcher::store::DeliveryState;

use crate::harness::broker::until;
use crate::harness::process::Site;
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Act, Script, Sink, Step};
use crate::processes_are_killed::{take_in, until_settled};

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

    servers.stop_rabbitmq().await;
    let ids: Vec<String> = (0..30).map(|n| format!("due-{n}")).collect();
    let due: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "ap@customer.example")).collect();
    take_in(&site, &due).await;
    sink.wait_for("what was due", |state| state.mails.len() == 40).await;
    servers.start_rabbitmq().await;
    until("the rest is published", async || publisher.publish_events(&published).await.is_ok()).await;
    let counts = until_settled(&site.store, 50).await;

    assert_eq!(counts.get(&DeliveryState::Settled(Settled::Sent)), Some(&50), "{counts:?}");
    assert_eq!(sink.mails_and_data_phases(), (50, 50));
    assert!(worker.stop().await.success());
}

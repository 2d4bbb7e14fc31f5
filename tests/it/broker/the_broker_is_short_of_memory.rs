//! The broker raises its memory alarm: it reads nothing more from publishers, and blocks them. Events that it has
//! are taken in all the same, and publishing comes back by itself.

use bytes::Bytes;
use invoice_dispatcher::broker::{Consumer, Published, Publisher};
use invoice_dispatcher::clock::Clock;

use crate::harness::broker::{Broker, Running, until};
use crate::harness::scripted_intake::ScriptedIntake;
use crate::harness::servers::PrivateServers;

/// More than one batch.
const EVENTS: usize = 1_500;

async fn set_watermark(servers: &PrivateServers, fraction: &str) {
    servers.rabbitmqctl(&["set_vm_memory_high_watermark", fraction]).await;
}

/// Whether the alarm is on: the watermark counts from the next measurement.
async fn is_alarmed(servers: &PrivateServers) -> bool {
    servers.rabbitmqctl(&["eval", "rabbit_alarm:get_alarms()."]).await.contains("memory")
}

async fn states(servers: &PrivateServers) -> String {
    servers.rabbitmqctl(&["-q", "list_connections", "state"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consuming_goes_on_and_publishing_waits() {
    let servers = PrivateServers::start_rabbitmq_alone().await;
    let broker = Broker::at(servers.amqp_url()).await;
    let intake = ScriptedIntake::closed();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake.clone(), Clock::system());
    let consumer = Running::start(|stop| consumer.run(stop));
    let publisher = Publisher::new(broker.url.clone(), broker.topology.clone(), Clock::system());
    let events: Vec<Bytes> = (0..EVENTS).map(|number| Bytes::from(number.to_string())).collect();
    assert_eq!(publisher.publish_events(&events).await.expect("published"), vec![Published::Confirmed; EVENTS]);
    intake.until_arrived(1).await;

    set_watermark(&servers, "0.000001").await;
    until("the alarm is on", async || is_alarmed(&servers).await).await;
    let late = [Bytes::from_static(b"late")];
    let publishing = tokio::spawn(async move {
        let published = publisher.publish_events(&late).await;
        publisher.close().await;
        published
    });
    until("the publisher is blocked", async || states(&servers).await.contains("blocked")).await;

    intake.let_pass(EVENTS);
    intake.until_taken(EVENTS).await;
    let messages = ["-q", "list_queues", "--no-table-headers", "messages"];
    until("all are acked", async || {
        servers.rabbitmqctl(&messages).await.split_whitespace().all(|messages| messages == "0")
    })
    .await;
    assert!(!publishing.is_finished(), "the broker has taken nothing");
    assert_eq!(intake.bodies().len(), EVENTS);

    set_watermark(&servers, "0.4").await;
    let published = publishing.await.expect("no panic").expect("published");
    assert_eq!(published, [Published::Confirmed]);
    intake.let_pass(1);
    intake.until_taken(EVENTS + 1).await;
    consumer.stop().await;
}

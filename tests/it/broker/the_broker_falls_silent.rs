//! Packets to and from the broker are swallowed without an error: every wait for it ends in a bounded time, and a
//! new connection is made.

use std::time::{Duration, Instant};

use invoice_dispatcher::broker::{BrokerUrl, Consumer, ConsumerStatus, Published, Publisher};
use invoice_dispatcher::clock::Clock;
use tokio::sync::watch;

use crate::harness::black_hole::BlackHole;
use crate::harness::broker::{Broker, Running, short_delays, soon};
use crate::harness::scripted_intake::ScriptedIntake;

/// With a heartbeat of 2 s a silent peer is noticed after 4 s; with ours, 15 s, after 30 s.
const NOTICED: Duration = Duration::from_secs(25);

async fn before(broker: &Broker) -> (BlackHole, BrokerUrl) {
    let hole = BlackHole::before_url(&broker.text).await;
    let url = format!("{}?heartbeat=2", hole.url(&broker.text));
    (hole, BrokerUrl::parse(&url).expect("an address"))
}

async fn until_consuming(status: &mut watch::Receiver<ConsumerStatus>) {
    soon("consuming", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
}

fn start(url: BrokerUrl, broker: &Broker, intake: &ScriptedIntake) -> (Running, watch::Receiver<ConsumerStatus>) {
    let consumer =
        Consumer::new(url, broker.topology.clone(), intake.clone(), Clock::system()).with_delays(short_delays());
    let status = consumer.status();
    (Running::start(|stop| consumer.run(stop)), status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_waits_notices_it_and_consumes_by_a_new_connection() {
    let broker = Broker::new().await;
    let (hole, url) = before(&broker).await;
    let intake = ScriptedIntake::new();
    let (consumer, mut status) = start(url, &broker, &intake);
    until_consuming(&mut status).await;
    hole.swallow();
    let began = Instant::now();
    soon("the trouble", status.wait_for(|status| *status != ConsumerStatus::Consuming)).await.expect("it lives");
    assert!(began.elapsed() < NOTICED, "{:?}", began.elapsed());
    hole.pass_new_ones();
    broker.publish_numbers(3).await;
    intake.until_taken(3).await;
    consumer.stop().await;
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ack_that_never_arrives_is_noticed_and_the_event_comes_again() {
    let broker = Broker::new().await;
    let (hole, url) = before(&broker).await;
    let intake = ScriptedIntake::closed();
    let (consumer, mut status) = start(url, &broker, &intake);
    until_consuming(&mut status).await;
    broker.publish_event("one").await;
    intake.until_arrived(1).await;
    hole.swallow();
    intake.let_pass(10);
    let began = Instant::now();
    soon("the trouble", status.wait_for(|status| *status != ConsumerStatus::Consuming)).await.expect("it lives");
    assert!(began.elapsed() < NOTICED, "{:?}", began.elapsed());
    // The broker holds the event for the dead connection until it notices too; then it hands it over again.
    hole.pass_new_ones();
    intake.until_arrived(2).await;
    consumer.stop().await;
    let taken = intake.taken();
    assert!(taken.last().expect("taken").redelivered, "{taken:?}");
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(0));
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_reported_to_stop_does_not_wait_for_it() {
    let broker = Broker::new().await;
    let (hole, url) = before(&broker).await;
    let (consumer, mut status) = start(url, &broker, &ScriptedIntake::new());
    until_consuming(&mut status).await;
    hole.swallow();
    let began = Instant::now();
    consumer.stop().await;
    // Two channels and the connection, 5 s each at most; twice that on a busy machine.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_notices_it_and_publishes_by_a_new_connection() {
    let broker = Broker::new().await;
    let (hole, url) = before(&broker).await;
    let publisher = Publisher::new(url, broker.topology.clone(), Clock::system());
    let events = ["one".into(), "two".into()];
    assert_eq!(publisher.publish_events(&events).await.expect("published"), [Published::Confirmed; 2]);
    hole.swallow();
    let began = Instant::now();
    publisher.publish_events(&events).await.expect_err("no confirm comes");
    assert!(began.elapsed() < NOTICED, "{:?}", began.elapsed());
    hole.pass_new_ones();
    assert_eq!(publisher.publish_events(&events).await.expect("published"), [Published::Confirmed; 2]);
    publisher.close().await;
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_never_answered_is_given_up() {
    let broker = Broker::new().await;
    let (hole, url) = before(&broker).await;
    hole.swallow();
    let (consumer, mut status) = start(url, &broker, &ScriptedIntake::new());
    let given_up = |status: &ConsumerStatus| matches!(status, ConsumerStatus::Reconnecting { reason } if reason.contains("no reply in time to connect and log in"));
    soon("the connection to be given up", status.wait_for(given_up)).await.expect("it lives");
    hole.until_opened(2).await;
    hole.pass_new_ones();
    until_consuming(&mut status).await;
    consumer.stop().await;
    broker.clean_up().await;
}

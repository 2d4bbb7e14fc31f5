//! Whatever happens to the broker, consuming goes on by itself, says why it stopped, and loses nothing.

use std::collections::HashSet;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Consumer, ConsumerStatus, Topology, TopologyMode};
use invoice_dispatcher::clock::Clock;
use lapin::types::AMQPValue;
use tokio::sync::watch;

use crate::harness::broker::{Broker, Proxy, Running, quorum, short_delays, soon, until};
use crate::harness::scripted_intake::ScriptedIntake;

/// Starts a consumer that may not be able to consume yet.
fn start(url: BrokerUrl, topology: &Topology, intake: &ScriptedIntake) -> (Running, watch::Receiver<ConsumerStatus>) {
    let consumer = Consumer::new(url, topology.clone(), intake.clone(), Clock::system()).with_delays(short_delays());
    let status = consumer.status();
    (Running::start(|stop| consumer.run(stop)), status)
}

async fn until_consuming(status: &mut watch::Receiver<ConsumerStatus>) {
    soon("consuming", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
}

/// The first reason it gives that is not the one at the start.
async fn reason(status: &mut watch::Receiver<ConsumerStatus>) -> String {
    let told = |status: &ConsumerStatus| matches!(status, ConsumerStatus::Reconnecting { reason } if !reason.contains("not connected yet"));
    let status = soon("a reason", status.wait_for(told)).await.expect("it lives").clone();
    let ConsumerStatus::Reconnecting { reason } = status else { unreachable!("waited for it") };
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_twenty_cuts() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    let intake = ScriptedIntake::new();
    let (consumer, mut status) = start(proxy.url(&broker), &broker.topology, &intake);
    for cut in 1..=20 {
        until_consuming(&mut status).await;
        let before = intake.bodies().len();
        broker.publish_numbers_from(cut * 100, 100).await;
        // In the middle of the run: some are taken in, some wait, some are on the wire.
        intake.until_taken(before + 1).await;
        let opened = proxy.opened();
        proxy.cut();
        // Not by the status: it may be consuming again before anybody looks.
        until("the cut is noticed", async || proxy.opened() > opened).await;
    }
    // The last cut may come when everything is taken in; it is a cut all the same.
    until_consuming(&mut status).await;
    let all: HashSet<Bytes> = (100..2_100).map(|number: usize| Bytes::from(number.to_string())).collect();
    intake.until_taken(all.len()).await;
    assert_eq!(intake.bodies(), all);
    assert_eq!(proxy.opened(), 1 + 20, "each cut was a real one");
    consumer.stop().await;
    broker.until_ready(&broker.topology.dispatch, 0).await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_broker_that_is_away_at_first_is_waited_for() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    proxy.refuse(true);
    let intake = ScriptedIntake::new();
    let (consumer, mut status) = start(proxy.url(&broker), &broker.topology, &intake);
    let reason = reason(&mut status).await;
    assert!(reason.starts_with("the connection to the broker is lost"), "{reason}");
    proxy.refuse(false);
    until_consuming(&mut status).await;
    consumer.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_deleted_queue_is_declared_again() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::new();
    let (consumer, mut status) = start(broker.url.clone(), &broker.topology, &intake);
    for queue in [&broker.topology.dispatch, &broker.topology.undelivered] {
        until_consuming(&mut status).await;
        broker.delete_queue(queue).await;
        let reason = reason(&mut status).await;
        let cancelled = format!("the broker cancelled the consumer of queue {queue}: the queue was deleted, or");
        assert!(reason.starts_with(&cancelled), "{reason}");
    }
    until_consuming(&mut status).await;
    broker.publish_event("after").await;
    intake.until_taken(1).await;
    consumer.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_until_it_is_gone() {
    let broker = Broker::new().await;
    let other = quorum(&[("x-delivery-limit", AMQPValue::LongLongInt(5))]);
    broker.declare_queue(&broker.topology.dead, other).await.expect("declared");
    let intake = ScriptedIntake::new();
    let (consumer, mut status) = start(broker.url.clone(), &broker.topology, &intake);
    let reason = reason(&mut status).await;
    let named = format!("queue {} exists with another x-delivery-limit", broker.topology.dead);
    assert!(reason.starts_with(&named) && reason.contains("delete it"), "{reason}");
    broker.delete_queue(&broker.topology.dead).await;
    until_consuming(&mut status).await;
    consumer.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn what_is_only_looked_for_is_named_when_it_is_missing() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::new();
    let verified = broker.topology.clone().with_mode(TopologyMode::Verify);
    let (consumer, mut status) = start(broker.url.clone(), &verified, &intake);
    let reason = reason(&mut status).await;
    assert!(reason.starts_with(&format!("queue {} is missing", verified.dead)), "{reason}");
    assert_eq!(broker.ready(&verified.dead).await, None, "looking makes nothing");
    // An administrator makes it; the process is left alone.
    let (declaring, mut declared) = start(broker.url.clone(), &broker.topology, &intake);
    until_consuming(&mut declared).await;
    declaring.stop().await;
    until_consuming(&mut status).await;
    consumer.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_refused_login_is_reported_without_the_password() {
    let broker = Broker::new().await;
    let wrong = format!("amqp://guest:hunter2@{}:{}/%2f", broker.url.host(), broker.url.port());
    let nowhere = format!("{}-nowhere", broker.text);
    for (url, expected) in [(wrong, "ACCESS_REFUSED"), (nowhere, "NOT_ALLOWED")] {
        let url = BrokerUrl::parse(&url).expect("an address");
        let (consumer, mut status) = start(url, &broker.topology, &ScriptedIntake::new());
        let reason = reason(&mut status).await;
        assert!(reason.contains(expected) && reason.contains("check user, password and virtual host"), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
        consumer.stop().await;
    }
    broker.clean_up().await;
}

#[tokio::test]
async fn nothing_is_consumed_while_the_database_is_away() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::new();
    let (consumer, mut status) = start(broker.url.clone(), &broker.topology, &intake);
    until_consuming(&mut status).await;
    intake.set_reachable(false);
    broker.publish_numbers(700).await;
    soon("the pause", status.wait_for(|status| *status == ConsumerStatus::PausedForDatabase)).await.expect("it lives");
    // Also those that were prefetched: another worker with a database could take them.
    broker.until_ready(&broker.topology.dispatch, 700).await;
    assert!(intake.taken().is_empty());
    assert_eq!(broker.consumers(&broker.topology.dispatch).await, 0);
    assert_eq!(*status.borrow(), ConsumerStatus::PausedForDatabase);

    intake.set_reachable(true);
    intake.until_taken(700).await;
    until_consuming(&mut status).await;
    until("all is acked", async || broker.ready(&broker.topology.dispatch).await == Some(0)).await;
    consumer.stop().await;
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(0));
    broker.clean_up().await;
}

#[tokio::test]
async fn the_database_is_waited_for_before_the_first_event() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    let intake = ScriptedIntake::new();
    intake.set_reachable(false);
    let (consumer, mut status) = start(proxy.url(&broker), &broker.topology, &intake);
    intake.until_asked().await;
    assert_eq!(proxy.opened(), 0, "no connection before the database answers");
    intake.set_reachable(true);
    until_consuming(&mut status).await;
    consumer.stop().await;
    broker.clean_up().await;
}

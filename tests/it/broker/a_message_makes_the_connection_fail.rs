//! A message that cannot be received, since the connection fails with it each time: it is named, what stands before it
//! and beside it flows, and what stands behind it flows when the broker has given it up.

use invoice_dispatcher::broker::{BrokerUrl, Consumer, ConsumerStatus};
use invoice_dispatcher::clock::Clock;

use crate::harness::broker::{Broker, Running, short_delays, soon, until};
use crate::harness::censor::{Censor, FORBIDDEN};
use crate::harness::scripted_intake::ScriptedIntake;

#[tokio::test(flavor = "multi_thread")]
async fn the_others_flow_and_it_is_named() {
    let mut broker = Broker::new().await;
    // In production 1,000: too long to wait for here.
    broker.topology.dispatch_delivery_limit = 15;
    let censor = Censor::before(broker.url.host(), broker.url.port()).await;
    let url = BrokerUrl::parse(&censor.url(&broker.text)).expect("an address");
    let intake = ScriptedIntake::new();
    let start = |url: BrokerUrl| {
        let consumer =
            Consumer::new(url, broker.topology.clone(), intake.clone(), Clock::system()).with_delays(short_delays());
        let status = consumer.status();
        (Running::start(|stop| consumer.run(stop)), status)
    };
    // Makes the queues.
    let (consumer, mut status) = start(broker.url.clone());
    soon("the consumer", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
    consumer.stop().await;

    broker.publish_numbers(10).await;
    broker.publish_event(FORBIDDEN).await;
    broker.publish_numbers_from(10, 10).await;
    let (consumer, mut status) = start(url);
    let hindered = |status: &ConsumerStatus| matches!(status, ConsumerStatus::Hindered { .. });
    let named = soon("the message to be named", status.wait_for(hindered)).await.expect("it lives").clone();
    let ConsumerStatus::Hindered { reason } = named else { unreachable!("waited for it") };
    let expected = format!(
        "the first message of queue {} (routing key \"{}\", {} bytes) makes the connection fail each time",
        broker.topology.dispatch,
        broker.topology.invoice_sent,
        FORBIDDEN.len()
    );
    assert!(reason.starts_with(&expected) && reason.contains("docs/operations.md"), "{reason}");
    assert!(intake.bodies().len() >= 10, "what stands before it was taken in");

    // The broker gives it up after so many tries; it hinders the other queue now, and that one alone.
    intake.until_taken(20).await;
    broker.publish_numbers_from(20, 10).await;
    intake.until_taken(30).await;
    let other = format!("the first message of queue {} ", broker.topology.undelivered);
    let named =
        |status: &ConsumerStatus| matches!(status, ConsumerStatus::Hindered { reason } if reason.starts_with(&other));
    soon("the other queue to be named", status.wait_for(named)).await.expect("it lives");
    let cut = censor.cut();
    until("it is tried again and again", async || censor.cut() > cut).await;

    // A person takes it out, as the runbook says.
    let (body, _) = broker.take_out(&broker.topology.undelivered).await;
    assert_eq!(body, FORBIDDEN.as_bytes());
    soon("consuming", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
    broker.publish_numbers_from(30, 1).await;
    intake.until_taken(31).await;
    consumer.stop().await;
    broker.clean_up().await;
}

//! Events go from the broker to the intake, and are acked only when it has taken them in.

use invoice_dispatcher::broker::{Consumer, ConsumerStatus};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::ids::DeadLetterId;
use invoice_dispatcher::model::incoming::Via;
use invoice_dispatcher::sha256::Sha256;
use lapin::options::BasicGetOptions;

use crate::harness::broker::{Broker, Running, header, soon};
use crate::harness::scripted_intake::ScriptedIntake;

/// A consumer that is consuming.
pub(crate) async fn consuming(broker: &Broker, intake: &ScriptedIntake) -> Running {
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake.clone(), Clock::system());
    let mut status = consumer.status();
    let running = Running::start(|stop| consumer.run(stop));
    soon("the consumer", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
    running
}

#[tokio::test]
async fn each_event_is_taken_in_once_in_batches_of_at_most_200() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::closed();
    let consumer = consuming(&broker, &intake).await;
    broker.publish_numbers(1_000).await;
    intake.until_arrived(1).await;
    // Half of them are handed over and not acked: the consumer asks for no more at once.
    broker.until_ready(&broker.topology.dispatch, 500).await;
    intake.let_pass(1_000);
    intake.until_taken(1_000).await;
    consumer.stop().await;

    let taken = intake.taken();
    assert_eq!(taken.len(), 1_000);
    assert!(taken.iter().all(|event| event.via == Via::Amqp && !event.redelivered && !event.given_up));
    let sizes: Vec<usize> = intake.batches().iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 200), "{sizes:?}");
    // While the first batch waited at the gate the others arrived: they are taken together, not one by one.
    assert!(sizes.contains(&200), "{sizes:?}");
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(0));
    broker.clean_up().await;
}

#[tokio::test]
async fn an_event_that_was_not_taken_in_comes_again() {
    let broker = Broker::new().await;
    let stuck = ScriptedIntake::closed();
    let consumer = consuming(&broker, &stuck).await;
    broker.publish_event("one").await;
    stuck.until_arrived(1).await;
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(0), "it is held, not acked");
    // The process dies in the middle of it.
    stuck.set_reachable(false);
    stuck.let_pass(1);
    broker.until_ready(&broker.topology.dispatch, 1).await;
    consumer.stop().await;
    assert!(stuck.taken().is_empty());

    let intake = ScriptedIntake::new();
    let consumer = consuming(&broker, &intake).await;
    intake.until_taken(1).await;
    consumer.stop().await;
    assert!(intake.taken()[0].redelivered);
    broker.clean_up().await;
}

#[tokio::test]
async fn the_batch_at_hand_is_finished_and_acked_at_shutdown() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::closed();
    let consumer = consuming(&broker, &intake).await;
    broker.publish_event("one").await;
    intake.until_arrived(1).await;
    consumer.tell_to_stop();
    intake.let_pass(1);
    consumer.stop().await;
    assert_eq!(intake.taken().len(), 1);
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(0));
    broker.clean_up().await;
}

#[tokio::test]
async fn of_a_message_far_too_large_the_beginning_is_handed_over_and_what_it_was() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::new();
    let consumer = consuming(&broker, &intake).await;
    let large: Vec<u8> = (0..3 << 20).map(|place: u32| (place % 253).to_le_bytes()[0]).collect();
    broker.publish_event(&large).await;
    broker.publish_event(&large[..1 << 20]).await;
    broker.publish_event("").await;
    intake.until_taken(3).await;
    consumer.stop().await;
    let taken = intake.taken();
    assert_eq!(taken[0].body, large[..64 << 10]);
    let whole = taken[0].whole.expect("it was cut");
    assert_eq!((whole.bytes, whole.sha256), (3 << 20, Sha256::of(&large)));
    // As large as an event may be.
    assert_eq!(taken[1].body, large[..1 << 20]);
    assert!(taken[2].body.is_empty());
    assert_eq!((taken[1].whole, taken[2].whole), (None, None));
    broker.clean_up().await;
}

#[tokio::test]
async fn a_dead_letter_moved_back_by_hand_is_known_by_its_header() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::new();
    let consumer = consuming(&broker, &intake).await;
    let id = Clock::system().new_id();
    broker.put(&broker.topology.dispatch, "moved", header("dispatch-dead-letter-id", &id.to_string())).await;
    broker.put(&broker.topology.dispatch, "wrong", header("dispatch-dead-letter-id", "no id")).await;
    intake.until_taken(2).await;
    consumer.stop().await;
    let ids: Vec<_> = intake.taken().iter().map(|event| event.dead_letter_id).collect();
    assert_eq!(ids, [Some(DeadLetterId(id)), None]);
    broker.clean_up().await;
}

#[tokio::test]
async fn what_the_broker_gave_up_on_is_taken_in_as_such() {
    let mut broker = Broker::new().await;
    broker.topology.dispatch_delivery_limit = 1;
    let intake = ScriptedIntake::new();
    consuming(&broker, &intake).await.stop().await;
    broker.publish_event("unlucky").await;
    // Two that take it and die: one redelivery more than the limit.
    for _ in 0..2 {
        broker.until_ready(&broker.topology.dispatch, 1).await;
        let channel = broker.channel().await;
        let got = channel
            .basic_get(broker.topology.dispatch.as_str().into(), BasicGetOptions::default())
            .await
            .expect("a queue");
        assert!(got.is_some());
        channel.close(200, "died".into()).await.expect("closed");
    }
    broker.until_ready(&broker.topology.undelivered, 1).await;
    let consumer = consuming(&broker, &intake).await;
    intake.until_taken(1).await;
    consumer.stop().await;
    assert!(intake.taken()[0].given_up);
    assert_eq!(broker.ready(&broker.topology.undelivered).await, Some(0));
    broker.clean_up().await;
}

//! A quorum queue has no leader, while the broker answers and its other queues work: as after the loss of most of its
//! nodes, or of the record that it was ever made. It is named, the others flow, and it flows again by itself.

use invoice_dispatcher::broker::{Consumer, ConsumerStatus, Mirror, Publisher};
use invoice_dispatcher::clock::Clock;
use lapin::types::FieldTable;

use crate::harness::broker::{Broker, OFTEN, Running, short_delays, soon};
use crate::harness::memory_outbox::{MemoryOutbox, MirrorState};
use crate::harness::scripted_intake::ScriptedIntake;
use crate::harness::servers::PrivateServers;

/// A broker in which everything has been made.
async fn made(servers: &PrivateServers) -> Broker {
    let broker = Broker::private(servers.amqp_url()).await;
    let publisher = Publisher::new(broker.url.clone(), broker.topology.clone(), Clock::system());
    publisher.publish_events(&["first".into()]).await.expect("the broker answers");
    publisher.close().await;
    broker
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_events_is_named_and_the_other_one_flows() {
    let servers = PrivateServers::start_rabbitmq_alone().await;
    let broker = made(&servers).await;
    let intake = ScriptedIntake::new();
    let (dispatch, undelivered) = (&broker.topology.dispatch, &broker.topology.undelivered);
    // The first event stands in the queue that has no leader at first.
    for (queue, other, taken) in [(dispatch, undelivered, 0), (undelivered, dispatch, 3)] {
        servers.lead(queue, false).await;
        let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake.clone(), Clock::system());
        let consumer = consumer.with_delays(short_delays());
        let mut status = consumer.status();
        let consumer = Running::start(|stop| consumer.run(stop));
        let expected = format!("the broker cannot hand over queue {queue} (");
        let is_named = |status: &ConsumerStatus| match status {
            // No event comes.
            ConsumerStatus::Reconnecting { reason } => queue == dispatch && reason.starts_with(&expected),
            ConsumerStatus::Hindered { reason } => queue == undelivered && reason.starts_with(&expected),
            ConsumerStatus::Consuming | ConsumerStatus::PausedForDatabase => false,
        };
        soon("the queue to be named", status.wait_for(is_named)).await.expect("the consumer lives");
        broker.put(other, format!("beside {queue}"), FieldTable::default()).await;
        intake.until_taken(taken + 1).await;
        assert!(is_named(&status.borrow()), "{:?}", *status.borrow());

        servers.lead(queue, true).await;
        broker.put(queue, format!("behind {queue}"), FieldTable::default()).await;
        let standing = usize::from(queue == dispatch);
        intake.until_taken(taken + standing + 2).await;
        let consuming = status.wait_for(|status| *status == ConsumerStatus::Consuming);
        soon("consuming", consuming).await.expect("the consumer lives");
        consumer.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_wait_for_it() {
    let servers = PrivateServers::start_rabbitmq_alone().await;
    let broker = made(&servers).await;
    let outbox = MemoryOutbox::default();
    servers.lead(&broker.topology.dead, false).await;
    outbox.add(2);
    let mirror = Mirror::new(broker.url.clone(), broker.topology.clone(), outbox.clone(), Clock::system());
    let mirror = mirror.with_intervals(OFTEN).with_delays(short_delays());
    let mirror = Running::start(|stop| mirror.run(stop));
    // Twice for each try to publish.
    outbox.until_asked_for_the_lease(6).await;
    assert_eq!(outbox.count(MirrorState::Published), 0);

    servers.lead(&broker.topology.dead, true).await;
    outbox.until(MirrorState::Published, 2).await;
    mirror.stop().await;
    assert_eq!(broker.drain(&broker.topology.dead).await.len(), 2);
}

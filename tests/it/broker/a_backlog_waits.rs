//! More waits in the queues than a worker keeps in memory of messages when it starts.

use std::time::Duration;

use invoice_dispatcher::broker::{Consumer, ConsumerStatus, Publisher};
use invoice_dispatcher::clock::Clock;
use lapin::types::FieldTable;

use crate::harness::broker::{Broker, Running, soon, until};
use crate::harness::scripted_intake::ScriptedIntake;

/// Far below what one question to the broker may take, 30 s: one that is answered behind messages of which no more are
/// read takes as long.
const STALL: Duration = Duration::from_secs(25);

fn body(number: usize) -> String {
    format!("{number:060000}")
}

async fn taken_in_at_once(dispatch: usize, undelivered: usize) {
    let broker = Broker::new().await;
    let publisher = Publisher::new(broker.url.clone(), broker.topology.clone(), Clock::system());
    publisher.publish_events(&[body(0).into()]).await.expect("the broker answers");
    publisher.close().await;
    broker.publish_events((1..dispatch).map(body)).await;
    for number in 0..undelivered {
        broker.put(&broker.topology.undelivered, body(dispatch + number), FieldTable::default()).await;
    }
    let intake = ScriptedIntake::new();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake.clone(), Clock::system());
    let mut status = consumer.status();
    let consumer = Running::start(|stop| consumer.run(stop));
    let taken = || intake.batches().iter().map(Vec::len).sum::<usize>();
    let taking = until("all are taken in", async || taken() >= dispatch + undelivered);
    let in_time = tokio::time::timeout(STALL, taking).await;
    assert!(in_time.is_ok(), "only {} are taken in: {:?}", taken(), *status.borrow());
    soon("consuming", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
    consumer.stop().await;
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_events() {
    taken_in_at_once(300, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_the_broker_gave_up() {
    taken_in_at_once(1, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_both() {
    taken_in_at_once(300, 300).await;
}

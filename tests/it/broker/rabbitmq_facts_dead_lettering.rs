//! What RabbitMQ does with messages that it gives up on: the design rests on it.

use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::AMQPValue;

use crate::harness::broker::{Broker, quorum, soon, until};

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// Source and target of dead letters as the design has them, with this limit; declared, bound.
async fn source_and_target(broker: &Broker, limit: i64) -> (String, String) {
    let topology = &broker.topology;
    let (source, target, exchange) = (&topology.dispatch, &topology.undelivered, &topology.dead_letter_exchange);
    broker.declare_exchange(exchange, lapin::ExchangeKind::Direct).await;
    broker.declare_queue(target, quorum(&[])).await.expect("declared");
    broker.bind(target, exchange, "undelivered").await;
    let arguments = quorum(&[
        ("x-delivery-limit", AMQPValue::LongLongInt(limit)),
        ("x-dead-letter-exchange", text(exchange)),
        ("x-dead-letter-routing-key", text("undelivered")),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]);
    broker.declare_queue(source, arguments).await.expect("declared");
    (source.clone(), target.clone())
}

/// Takes the message and dies with it, which the broker sees as a channel that closes.
async fn take_and_die(broker: &Broker, queue: &str) -> Option<i64> {
    let channel = broker.channel().await;
    let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("a queue")?;
    let count = match got.properties.headers().as_ref().and_then(|headers| headers.inner().get("x-delivery-count")) {
        Some(AMQPValue::LongLongInt(count)) => *count,
        // RabbitMQ 4 leaves it away the first time; 3.10 says 0.
        None => 0,
        other => panic!("a delivery count, not {other:?}"),
    };
    channel.close(200, "died".into()).await.expect("closed");
    Some(count)
}

#[tokio::test]
async fn a_message_over_the_limit_arrives_in_undelivered_and_the_body_is_as_it_was() {
    let broker = Broker::new().await;
    let (source, target) = source_and_target(&broker, 2).await;
    broker.put(&source, "unlucky", lapin::types::FieldTable::default()).await;
    for expected in 0..=2 {
        broker.until_ready(&source, 1).await;
        assert_eq!(take_and_die(&broker, &source).await, Some(expected), "each death counts");
    }
    broker.until_ready(&target, 1).await;
    assert_eq!(broker.ready(&source).await, Some(0));
    let messages = broker.drain(&target).await;
    assert_eq!(messages[0].0, "unlucky");
    broker.clean_up().await;
}

#[tokio::test]
async fn a_prefetched_message_counts_as_delivered_when_its_consumer_dies() {
    use futures_util::StreamExt as _;
    use lapin::options::{BasicConsumeOptions, BasicQosOptions};

    let broker = Broker::new().await;
    let (source, target) = source_and_target(&broker, 1).await;
    for number in 0..5 {
        broker.put(&source, number.to_string(), lapin::types::FieldTable::default()).await;
    }
    for _ in 0..=1 {
        broker.until_ready(&source, 5).await;
        let channel = broker.channel().await;
        channel.basic_qos(10, BasicQosOptions::default()).await.expect("prefetch");
        let consume = channel.basic_consume(
            source.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            lapin::types::FieldTable::default(),
        );
        let mut consumer = consume.await.expect("consuming");
        // All five are handed over; the consumer looks at one.
        soon("a message", consumer.next()).await.expect("one").expect("no error");
        broker.until_ready(&source, 0).await;
        channel.close(200, "died".into()).await.expect("closed");
    }
    broker.until_ready(&target, 5).await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_requeued_message_returns_to_the_head() {
    let broker = Broker::new().await;
    let (source, _) = source_and_target(&broker, 1_000).await;
    for body in ["one", "two", "three"] {
        broker.put(&source, body, lapin::types::FieldTable::default()).await;
    }
    let channel = broker.channel().await;
    let get = async || {
        let got = channel.basic_get(source.as_str().into(), BasicGetOptions::default()).await.expect("a queue");
        got.expect("a message")
    };
    let first = get().await;
    assert_eq!(first.delivery.data, b"one");
    first.acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await.expect("returned");
    until("all three are there again", async || broker.ready(&source).await == Some(3)).await;
    for expected in ["one", "two", "three"] {
        let got = get().await;
        assert_eq!(got.delivery.data, expected.as_bytes());
        got.acker.ack(BasicAckOptions::default()).await.expect("acked");
    }
    broker.clean_up().await;
}

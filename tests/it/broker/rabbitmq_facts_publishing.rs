//! What RabbitMQ says about messages and declarations that it does not take: the design rests on it.

use lapin::options::BasicPublishOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Confirmation, ErrorKind};

use crate::harness::broker::{Broker, quorum};

#[tokio::test]
async fn what_no_queue_takes_is_confirmed_and_only_mandatory_tells() {
    let broker = Broker::new().await;
    broker.declare_exchange(&broker.topology.billing, lapin::ExchangeKind::Topic).await;
    let channel = broker.channel().await;
    let publish = async |mandatory| {
        let publish = channel.basic_publish(
            broker.topology.billing.as_str().into(),
            "nobody.listens".into(),
            BasicPublishOptions { mandatory, ..BasicPublishOptions::default() },
            b"lost",
            BasicProperties::default().with_message_id("seven".into()),
        );
        publish.await.expect("sent").await.expect("answered")
    };
    assert_eq!(publish(false).await, Confirmation::Ack(None), "dropped, and confirmed all the same");
    let Confirmation::Ack(Some(returned)) = publish(true).await else { panic!("it is returned") };
    assert_eq!(returned.reply_code, 312, "NO_ROUTE");
    assert_eq!(
        returned.delivery.properties.message_id().as_ref().map(lapin::types::ShortString::as_str),
        Some("seven")
    );
    broker.clean_up().await;
}

#[tokio::test]
async fn other_arguments_are_refused_and_the_argument_is_named() {
    let broker = Broker::new().await;
    let limit = |limit| quorum(&[("x-delivery-limit", AMQPValue::LongLongInt(limit))]);
    broker.declare_queue(&broker.topology.dead, limit(5)).await.expect("declared");
    broker.declare_queue(&broker.topology.dead, limit(5)).await.expect("the same again is nothing new");
    let error = broker.declare_queue(&broker.topology.dead, limit(6)).await.expect_err("other arguments");
    let ErrorKind::ProtocolError(said) = error.kind() else { panic!("{error}") };
    assert_eq!(*said.kind(), AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED));
    assert_eq!(said.get_id(), 406);
    assert!(said.get_message().as_str().contains("'x-delivery-limit'"), "{said}");
    broker.clean_up().await;
}

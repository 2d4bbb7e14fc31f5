//! What is published is confirmed, or it is told which message no queue took.

use bytes::Bytes;
use invoice_dispatcher::broker::{Published, Publisher};
use invoice_dispatcher::clock::Clock;

use crate::harness::broker::{Broker, Proxy};

#[tokio::test]
async fn events_reach_the_dispatch_queue_in_order() {
    let broker = Broker::new().await;
    let publisher = Publisher::new(broker.url.clone(), broker.topology.clone(), Clock::system());
    // More than one window of unconfirmed messages.
    let events: Vec<Bytes> = (0..2_500).map(|number: u32| Bytes::from(number.to_string())).collect();
    let results = publisher.publish_events(&events).await.expect("published");
    assert_eq!(results, vec![Published::Confirmed; events.len()]);
    publisher.close().await;
    let bodies: Vec<Bytes> = broker.drain(&broker.topology.dispatch).await.into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, events);
    broker.clean_up().await;
}

#[tokio::test]
async fn an_event_that_no_queue_takes_is_reported_and_the_queue_made_again() {
    let broker = Broker::new().await;
    let publisher = Publisher::new(broker.url.clone(), broker.topology.clone(), Clock::system());
    let events = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    assert_eq!(publisher.publish_events(&events).await.expect("published"), [Published::Confirmed; 2]);
    broker.delete_queue(&broker.topology.dispatch).await;
    assert_eq!(publisher.publish_events(&events).await.expect("published"), [Published::Unroutable; 2]);
    assert_eq!(publisher.publish_events(&events).await.expect("published"), [Published::Confirmed; 2]);
    publisher.close().await;
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(2));
    broker.clean_up().await;
}

#[tokio::test]
async fn a_lost_connection_is_an_error_and_the_next_call_makes_another() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    let publisher = Publisher::new(proxy.url(&broker), broker.topology.clone(), Clock::system());
    let event = [Bytes::from_static(b"one")];
    assert_eq!(publisher.publish_events(&event).await.expect("published"), [Published::Confirmed]);
    proxy.refuse(true);
    proxy.cut();
    publisher.publish_events(&event).await.expect_err("the broker is away");
    publisher.publish_events(&event).await.expect_err("it still is");
    proxy.refuse(false);
    assert_eq!(publisher.publish_events(&event).await.expect("published"), [Published::Confirmed]);
    publisher.close().await;
    broker.clean_up().await;
}

//! A message, or a broker's greeting, that overflows the stack of a reader that recurses; and properties that no
//! library expects. The message is taken in like any other, and so is what comes behind it.

use std::sync::Arc;

use invoice_dispatcher::broker::{Consumer, ConsumerStatus};
use invoice_dispatcher::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::harness::broker::{Broker, Running, soon};
use crate::harness::database::TestDatabase;
use crate::harness::process::Site;
use crate::harness::raw_amqp::{RawPublisher, large_table, method, nested_arrays, nested_tables};
use crate::harness::scripted_intake::ScriptedIntake;
use crate::harness::sink::{Script, Sink};

/// Headers that end every process that parses them by recursion: tables, arrays, and as many as fit into a frame.
fn deadly() -> [Vec<u8>; 3] {
    [nested_tables(2_500), nested_arrays(6_000), nested_arrays(26_000)]
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_headers_do_not_end_the_worker_and_every_event_is_sent() {
    let database = TestDatabase::sqlite_unlocked().await;
    let broker = Broker::new().await;
    let sink = Sink::scripted(Script::new()).await;
    let site = Site::new(&database.url, Some(&broker.text), &sink).await;
    site.configure(&broker.configuration());
    // Makes the queues.
    let worker = site.start();
    crate::harness::broker::until("the queue is consumed", async || {
        broker.consumers(&broker.topology.dispatch).await == 1
    })
    .await;

    let mut raw = RawPublisher::connect(&broker.text).await;
    for (number, headers) in deadly().iter().enumerate() {
        let event = site.event(&format!("deep-{number}"), "ap@customer.example").to_string();
        let (exchange, key) = (&broker.topology.billing, &broker.topology.invoice_sent);
        raw.publish_with_headers(exchange, key, headers, event.as_bytes()).await;
        broker.publish_event(site.event(&format!("good-{number}"), "ap@customer.example").to_string()).await;
    }
    sink.wait_for("all mails", |state| state.mails.len() == 6).await;
    assert!(worker.stop().await.success());
    site.assert_adds_up().await;
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_greets_with_a_deep_table_does_not_end_the_worker() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("amqp://guest:guest@{}/%2f", listener.local_addr().expect("bound"));
    let greeted = Arc::new(watch::Sender::new(0));
    let hostile = tokio::spawn({
        let greeted = Arc::clone(&greeted);
        async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("the listener lives");
                let mut header = [0; 8];
                if stream.read_exact(&mut header).await.is_err() {
                    continue;
                }
                let table = nested_tables(5_000);
                let start = [&[0, 9], &table[..], b"\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US"].concat();
                stream.write_all(&method(0, 10, 10, &start)).await.expect("the worker reads");
                // It has read the greeting when it answers it, or ends.
                let mut answer = [0; 1];
                if stream.read_exact(&mut answer).await.is_ok() {
                    greeted.send_modify(|count| *count += 1);
                }
            }
        }
    });
    let database = TestDatabase::sqlite_unlocked().await;
    let sink = Sink::scripted(Script::new()).await;
    let site = Site::new(&database.url, Some(&url), &sink).await;
    let worker = site.start();
    let mut answered = greeted.subscribe();
    soon("the worker to come again and again", answered.wait_for(|count| *count >= 3)).await.expect("it lives");
    assert!(worker.stop().await.success());
    hostile.abort();
}

#[tokio::test]
async fn properties_that_no_library_expects_arrive_or_are_left_out() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::new();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake.clone(), Clock::system());
    let mut status = consumer.status();
    let running = Running::start(|stop| consumer.run(stop));
    soon("the consumer", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");

    let mut raw = RawPublisher::connect(&broker.text).await;
    let (exchange, key) = (&broker.topology.billing, &broker.topology.invoice_sent);
    // As large as a frame of RabbitMQ's own size allows, four times our own.
    raw.publish_with_headers(exchange, key, &large_table(130_000), b"large").await;
    // Latin-1 in a header's name, in the content type and in the message id.
    raw.publish_with_headers(exchange, key, b"\x00\x00\x00\x06\x04gr\xf6\xdfV", b"latin-1 header").await;
    raw.publish(exchange, key, b"\x80\x80\x05text\xe4\x03\xfc-1", b"latin-1 property").await;
    broker.publish_event("behind").await;
    intake.until_taken(4).await;
    assert_eq!(*status.borrow_and_update(), ConsumerStatus::Consuming);
    assert!(!intake.taken().iter().any(|event| event.redelivered), "no connection was lost");
    running.stop().await;
    broker.clean_up().await;
}

//! A relay puts each new recipient off once: no sender is held for it, and all is out after a retry or two.

use super::senders::{holds, mails, pass_until_ended};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

on_both_databases!(at_rcpt, at_the_dot, by_its_rate);

async fn all_is_out_after_a_retry(database: TestDatabase, local: &str) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.take(&mails(&dispatcher, "acme", local, 40, 40)).await;
    dispatcher.start();
    let minutes = pass_until_ended(&dispatcher, "acme", "sent", 40).await;
    println!("40 x {local}: all out after {minutes:.2} min");
    // Half a minute until the retry, and the machine's time. A refused sender's first trial comes after five.
    assert!(minutes < 5.0, "{minutes}");
    assert!(holds(&dispatcher.database).await.is_empty());
    dispatcher.finish().await;
}

async fn at_rcpt(database: TestDatabase) {
    all_is_out_after_a_retry(database, "defer-451-4.7.1-once").await;
}

async fn at_the_dot(database: TestDatabase) {
    all_is_out_after_a_retry(database, "dot-451-4.7.1-once").await;
}

async fn by_its_rate(database: TestDatabase) {
    all_is_out_after_a_retry(database, "dot-454-4.7.0-once").await;
}

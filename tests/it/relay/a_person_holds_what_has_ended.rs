//! A person holds everything while deliveries are in no lane: a refusal has ended them that is their sender's, as it turns out,
//! or nobody knows whether the relay has them. What brings them back by itself brings them to the person.

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;
use invoice_dispatcher::store::HeldCounts;

use super::senders::{mails, pass};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::{Dispatcher, Mortal};
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

on_both_databases!(
    what_was_refused_before_comes_back_held,
    what_was_refused_before_and_let_go_waits_for_its_sender,
    a_late_451_of_what_is_held_comes_back_held,
    a_late_451_of_what_was_uncertain_before_comes_back_held,
    a_late_refusal_of_what_is_held_waits,
    a_late_451_after_it_was_let_go_is_sent_again,
);

const BY_SENDER: &str =
    "SELECT COUNT(*) FROM lane_entry WHERE held LIKE 'the relay refuses its sender%' AND state = 'due'";
const BY_HAND: &str = "SELECT COUNT(*) FROM lane_entry WHERE held = 'by hand' AND state = 'due'";
const MARKED: &str = "SELECT COUNT(*) FROM delivery WHERE held_by_hand IS NOT NULL";
const DEAD: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'dead'";
const UNCERTAIN: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'";
const SENT: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";
const SENDER: &str = "rechnung@acme.example";

async fn hold_all(dispatcher: &Dispatcher) -> HeldCounts {
    let database = &dispatcher.database;
    database.store.hold(database.clock.now(), None, &actor("ada")).await.expect("the database answers")
}

async fn let_all_go(dispatcher: &Dispatcher) -> u64 {
    dispatcher.database.store.let_go(None, &actor("ada")).await.expect("the database answers").let_go
}

/// Three are dead by refusals, and their sender is not held: that takes five.
async fn three_are_refused(database: TestDatabase) -> (Dispatcher, Sink) {
    let refusing = Script::new().on_sender(SENDER, Step::Rcpt, Act::reply("550 5.7.1 not you"));
    let sink = Sink::scripted(refusing).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&mails(&dispatcher, "acme", "first", 3, 3)).await;
    dispatcher.pass_until(DEAD, 3).await;
    assert_eq!(hold_all(&dispatcher).await, HeldCounts::default(), "nothing waits");
    assert_eq!(dispatcher.database.number(MARKED).await, 3);
    (dispatcher, sink)
}

/// The relay takes the sender again, and a person releases it.
async fn release(dispatcher: &Dispatcher, sink: &Sink) {
    sink.behave(Script::new());
    let released =
        dispatcher.database.store.release_sender(&RelayName::from("default"), SENDER, &actor("billing")).await;
    assert!(released.expect("the database answers"), "it was held");
}

async fn what_was_refused_before_comes_back_held(database: TestDatabase) {
    let (dispatcher, sink) = three_are_refused(database).await;
    dispatcher.take(&mails(&dispatcher, "acme", "later", 3, 3)).await;
    dispatcher.pass_until(BY_HAND, 3).await;
    dispatcher.pass_until(BY_SENDER, 3).await;
    assert_eq!(dispatcher.database.number(MARKED).await, 0, "the lane says it");

    release(&dispatcher, &sink).await;
    dispatcher.pass_until(SENT, 3).await;
    pass(&dispatcher, Duration::from_mins(10)).await;
    assert_eq!(dispatcher.database.number(BY_HAND).await, 3);
    assert_eq!(sink.mails_and_data_phases(), (3, 3));

    assert_eq!(let_all_go(&dispatcher).await, 3);
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (6, 6));
    dispatcher.finish().await;
}

async fn what_was_refused_before_and_let_go_waits_for_its_sender(database: TestDatabase) {
    let (dispatcher, sink) = three_are_refused(database).await;
    assert_eq!(let_all_go(&dispatcher).await, 0, "nothing waits");
    assert_eq!(dispatcher.database.number(MARKED).await, 0);
    dispatcher.take(&mails(&dispatcher, "acme", "later", 3, 3)).await;
    dispatcher.pass_until(BY_SENDER, 6).await;

    release(&dispatcher, &sink).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (6, 6));
    dispatcher.finish().await;
}

/// A worker that stands still has handed a message over, to which the relay answers `reply` when the gate opens.
async fn handed_over(database: TestDatabase, reply: &str) -> (Dispatcher, Sink, Mortal, Gate) {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::wait_then_reply(&gate, reply))).await;
    let patient = relay("default", &sink).with(|config| {
        config.deadlines.command = Duration::from_mins(5);
        config.deadlines.final_dot = Duration::from_mins(5);
    });
    let dispatcher = Dispatcher::with(database, &[patient]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    let suspended = dispatcher.start_suspended().await;
    dispatcher.pass_until_seen(&sink, "the message", |state| state.count(Step::Dot) == 1).await;
    (dispatcher, sink, suspended, gate)
}

/// The same, held by a person, and taken over by another worker.
async fn held_and_taken_over(database: TestDatabase, reply: &str) -> (Dispatcher, Sink, Mortal, Gate) {
    let (mut dispatcher, sink, suspended, gate) = handed_over(database, reply).await;
    assert_eq!(hold_all(&dispatcher).await, HeldCounts { held: 0, under_way: 1 });
    dispatcher.start();
    dispatcher.pass_until(UNCERTAIN, 1).await;
    assert_eq!(dispatcher.database.number(MARKED).await, 1);
    (dispatcher, sink, suspended, gate)
}

/// The answer comes, and the delivery waits for the person; let go, it is sent once.
async fn waits_until_it_is_let_go(dispatcher: Dispatcher, sink: &Sink, suspended: Mortal, gate: &Gate) {
    gate.open();
    dispatcher.wait_until(BY_HAND, 1).await;
    assert_eq!(dispatcher.database.number(MARKED).await, 0, "the lane says it");
    suspended.kill().await;
    pass(&dispatcher, Duration::from_mins(10)).await;
    assert_eq!(dispatcher.database.number(BY_HAND).await, 1);
    assert_eq!(sink.mails_and_data_phases(), (0, 1));

    assert_eq!(let_all_go(&dispatcher).await, 1);
    dispatcher.pass_until(SENT, 1).await;
    assert_eq!(sink.mails_and_data_phases(), (1, 2));
    dispatcher.finish().await;
}

async fn a_late_451_of_what_is_held_comes_back_held(database: TestDatabase) {
    let (dispatcher, sink, suspended, gate) = held_and_taken_over(database, "451 4.3.0 later").await;
    waits_until_it_is_let_go(dispatcher, &sink, suspended, &gate).await;
}

async fn a_late_451_of_what_was_uncertain_before_comes_back_held(database: TestDatabase) {
    let (mut dispatcher, sink, suspended, gate) = handed_over(database, "451 4.3.0 later").await;
    dispatcher.start();
    dispatcher.pass_until(UNCERTAIN, 1).await;
    assert_eq!(hold_all(&dispatcher).await, HeldCounts::default(), "nothing waits");
    waits_until_it_is_let_go(dispatcher, &sink, suspended, &gate).await;
}

/// It may be about the sender: as one that is held in its lane, it goes back.
async fn a_late_refusal_of_what_is_held_waits(database: TestDatabase) {
    let (dispatcher, sink, suspended, gate) = held_and_taken_over(database, "550 5.7.1 not you").await;
    waits_until_it_is_let_go(dispatcher, &sink, suspended, &gate).await;
}

async fn a_late_451_after_it_was_let_go_is_sent_again(database: TestDatabase) {
    let (dispatcher, sink, suspended, gate) = held_and_taken_over(database, "451 4.3.0 later").await;
    assert_eq!(let_all_go(&dispatcher).await, 0, "it may be out, and waits for nothing");
    assert_eq!(dispatcher.database.number(MARKED).await, 0);
    gate.open();
    dispatcher.pass_until(SENT, 1).await;
    assert_eq!(sink.mails_and_data_phases(), (1, 2));
    suspended.kill().await;
    dispatcher.finish().await;
}

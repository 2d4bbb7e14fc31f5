//! A relay is tried again, while an earlier message still hangs at it, or with nothing to try it with.

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

on_both_databases!(
    resume_tries_another_delivery_while_one_hangs,
    what_hung_before_does_not_break_the_next_trial,
    a_relay_without_traffic_is_used_again,
    a_relay_that_refused_everybody_is_used_again_when_nothing_is_left,
);

const OPEN: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'";
const HALF_OPEN: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'half_open'";
const CLOSED: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'closed'";
const SENDING: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'";
const SENT: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";

const EMAILS: usize = 6;

/// A dispatcher whose relay has come back, and whose first delivery since waits for the answer to its final dot, which
/// `script` holds back.
async fn hanging_in_a_trial(database: TestDatabase, script: Script) -> (Dispatcher, Sink) {
    let mut sink = Sink::start().await;
    sink.go_away().await;
    let patient = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_mins(10));
    let mut dispatcher = Dispatcher::with(database, &[patient]).await;
    let events: Vec<_> = (0..EMAILS).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until(OPEN, 1).await;
    dispatcher.wait_until(SENDING, 0).await;
    sink.behave(script);
    sink.come_back().await;
    dispatcher.pass_until_seen(&sink, "the trial's message", |state| state.count(Step::Dot) == 1).await;
    assert_eq!(dispatcher.database.number(HALF_OPEN).await, 1);
    (dispatcher, sink)
}

async fn resume(dispatcher: &Dispatcher) {
    let default = RelayName::from("default");
    dispatcher.database.store.pause_relay(&default, false, &actor("operator")).await.expect("the database answers");
}

async fn resume_tries_another_delivery_while_one_hangs(database: TestDatabase) {
    let gate = Gate::closed();
    let script = Script::new().once(Step::Dot, Act::Wait(gate.clone()));
    let (dispatcher, sink) = hanging_in_a_trial(database, script).await;
    resume(&dispatcher).await;
    let before = dispatcher.database.clock.now();
    dispatcher.pass_until_seen(&sink, "another one's message", |state| !state.mails.is_empty()).await;
    let passed = dispatcher.database.clock.now().since(before);
    assert!(passed < Duration::from_mins(1), "the others waited for {passed:?}");
    dispatcher.pass_until(SENT, 5).await;
    dispatcher.pass_until(CLOSED, 1).await;
    assert_eq!(sink.mails_and_data_phases(), (EMAILS - 1, EMAILS), "the one that hangs is not sent again");
    gate.open();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number(SENT).await, 6);
    assert_eq!(sink.mails_and_data_phases(), (EMAILS, EMAILS));
    dispatcher.finish().await;
}

/// It ends without an answer in the middle of the next trial, and says nothing of how the relay is now.
async fn what_hung_before_does_not_break_the_next_trial(database: TestDatabase) {
    let (first, next) = (Gate::closed(), Gate::closed());
    let script = Script::new().once(Step::Dot, Act::take_then(Act::WaitThenClose(first.clone()))).nth(
        Step::Dot,
        2,
        Act::Wait(next.clone()),
    );
    let (dispatcher, sink) = hanging_in_a_trial(database, script).await;
    resume(&dispatcher).await;
    dispatcher.pass_until_seen(&sink, "the next trial's message", |state| state.count(Step::Dot) == 2).await;
    first.open();
    dispatcher.wait_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'", 1).await;
    next.open();
    dispatcher.pass_until(CLOSED, 1).await;
    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE probes > 0").await,
        0,
        "no trial failed"
    );
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number(SENT).await, 5);
    assert_eq!(sink.mails_and_data_phases(), (EMAILS, EMAILS));
    dispatcher.finish().await;
}

/// A dispatcher without anything to send, whose relay's breaker is open for `columns` and is probed now.
async fn idle(database: TestDatabase, columns: &str, values: &str) -> (Dispatcher, Sink) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let now = dispatcher.database.clock.now().0;
    dispatcher
        .database
        .execute(format!(
            "INSERT INTO relay_state (relay, breaker, reason, opened_at, probes, probe_at, version{columns})
             VALUES ('default', 'open', 'it was away', {now}, 1, {now}, 1{values})"
        ))
        .await;
    dispatcher.start();
    dispatcher.pass_until(HALF_OPEN, 1).await;
    (dispatcher, sink)
}

async fn closes_within_two_minutes(dispatcher: Dispatcher, sink: &Sink) {
    let before = dispatcher.database.clock.now();
    dispatcher.pass_until(CLOSED, 1).await;
    let passed = dispatcher.database.clock.now().since(before);
    assert!(passed < Duration::from_mins(2), "it stood as half-open for {passed:?}");
    assert_eq!(sink.see(|state| state.connections), 1, "it was probed once");
    let left = "SELECT COUNT(*) FROM relay_state WHERE reason IS NOT NULL OR refused_code IS NOT NULL OR probes > 0";
    assert_eq!(dispatcher.database.number(left).await, 0);
    dispatcher.take(&[dispatcher.event("later", "C-1")]).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_relay_without_traffic_is_used_again(database: TestDatabase) {
    let (dispatcher, sink) = idle(database, "", "").await;
    closes_within_two_minutes(dispatcher, &sink).await;
}

async fn a_relay_that_refused_everybody_is_used_again_when_nothing_is_left(database: TestDatabase) {
    let (dispatcher, sink) = idle(database, ", refused_phase, refused_code", ", 'mail', '550 5.7.1'").await;
    closes_within_two_minutes(dispatcher, &sink).await;
}

//! A relay refuses connections: because it is being restarted, or because it has enough of ours.

use std::time::Duration;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

on_both_databases!(
    after_a_restart_all_connections_are_back_at_once,
    a_limit_of_connections_opens_no_breaker_and_costs_no_attempt,
);

const CONNECTIONS: u32 = 32;
/// Slow enough for mails to overlap.
const SLOW: Duration = Duration::from_millis(30);

async fn take(dispatcher: &Dispatcher, count: usize) {
    let events: Vec<_> = (0..count).map(|n| dispatcher.event(&format!("{n:03}"), "C-1")).collect();
    dispatcher.take(&events).await;
}

/// Connections that stand have answered, which shows what the refusal of the others means. Otherwise a worker
/// would wait for that for ten seconds of a clock that runs far ahead of the machine.
async fn until_answered(sink: &Sink) {
    sink.wait_for("the first mails", |state| state.mails.len() >= 6).await;
}

async fn after_a_restart_all_connections_are_back_at_once(database: TestDatabase) {
    let all = usize::try_from(CONNECTIONS).expect("few");
    // However slow the machine is, all connections are made: what comes first waits for the others.
    let gate = Gate::closed();
    let waiting = Act::Wait(gate.clone());
    let script = (1..=all).fold(Script::new(), |script, n| script.nth(Step::Dot, n, waiting.clone()));
    let mut sink = Sink::scripted(script.on(Step::Dot, Act::Hang)).await;
    let relay = relay("default", &sink).connections(CONNECTIONS);
    // What waits does so for as long as the test wants.
    let patient = relay.with(|config| config.deadlines.final_dot = Duration::from_mins(10));
    let mut dispatcher = Dispatcher::with(database, &[patient]).await;
    take(&dispatcher, 600).await;
    dispatcher.start();
    sink.wait_for("all connections", |state| state.open == all && state.count(Step::Dot) == all).await;
    gate.open();
    sink.wait_for("their mails", |state| state.mails.len() == all).await;
    sink.go_away().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'", 1).await;
    // More than the trial takes; the others wait again.
    let gate = Gate::closed();
    let script = (1..=3 * all).fold(Script::new(), |script, n| script.nth(Step::Dot, n, Act::Slow(SLOW)));
    sink.behave(script.on(Step::Dot, Act::Wait(gate.clone())));
    sink.come_back().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'half_open'", 1).await;
    // From here the clock stands still: a minute, or ten, would not be needed.
    dispatcher.wait_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'closed'", 1).await;
    sink.wait_for("all connections again", |state| state.open == all).await;
    gate.open();
    // Mails whose answer the restart swallowed are uncertain, the others go out.
    dispatcher.pass_until_concluded().await;
    dispatcher.finish().await;
}

async fn a_limit_of_connections_opens_no_breaker_and_costs_no_attempt(database: TestDatabase) {
    let slow = Script::new().on(Step::Dot, Act::Slow(SLOW)).connections_max(2);
    let sink = Sink::scripted(slow).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(8)]).await;
    take(&dispatcher, 60).await;
    dispatcher.start();
    until_answered(&sink).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (60, 60));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE attempts = 1").await, 60);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE version > 0").await, 0);
    let turned_away = sink.see(|state| state.connections);
    assert!(turned_away < 60, "{turned_away} connections for 60 mails: it was hammered");
    dispatcher.finish().await;
}

/// As in a rolling restart: the worker that joins gets no connection, and stops no other.
#[tokio::test]
async fn a_worker_that_gets_no_connection_leaves_the_others_theirs() {
    let slow = Script::new().on(Step::Dot, Act::Slow(SLOW)).connections_max(2);
    let sink = Sink::scripted(slow).await;
    let relay = relay("default", &sink).connections(8);
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[relay]).await;
    take(&dispatcher, 40).await;
    let first = dispatcher.start_mortal().await;
    until_answered(&sink).await;
    let some_sent = "SELECT COUNT(*) FROM (SELECT id FROM delivery WHERE concluded = 'sent' LIMIT 6) AS sent";
    dispatcher.pass_until(some_sent, 6).await;
    let second = dispatcher.start_mortal().await;
    let more: Vec<_> = (100..300).map(|n| dispatcher.event(&format!("{n:03}"), "C-1")).collect();
    dispatcher.take(&more).await;
    // Mails that the first one has in hand take the machine's time: the clock must not run away from them.
    dispatcher.pass_idle_until("SELECT COUNT(*) FROM lane_entry", 0).await;
    assert_eq!(sink.mails_and_data_phases(), (240, 240));
    assert!(sink.see(|state| state.connections) > 2, "the second one was never turned away");
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE version > 0").await, 0);
    first.stop().await;
    second.stop().await;
    dispatcher.finish().await;
}

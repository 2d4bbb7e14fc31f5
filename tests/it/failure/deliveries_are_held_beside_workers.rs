//! `deliveries hold --all` beside a running worker: what it has claimed does not go out either, unless its DATA had begun.

use std::time::Duration;

use invoice_dispatcher::store::HeldCounts;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Gate, Script, Sink, Step};
use crate::operator::samples::WHO;

on_both_databases!(what_is_claimed_is_held, what_has_begun_data_is_counted_apart);

const HELD: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND held = 'by hand' AND fair_rank IS NULL";

/// A relay that is waited for until the test lets it go on.
fn patient(sink: &Sink) -> TestRelay {
    relay("default", sink).with(|config| config.deadlines.command = Duration::from_mins(5))
}

async fn what_is_claimed_is_held(database: TestDatabase) {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().on(Step::Rcpt, Act::Wait(gate.clone()))).await;
    let mut dispatcher = Dispatcher::with(database, &[patient(&sink).connections(3)]).await;
    let events: Vec<_> = (0..8).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    sink.wait_for("recipients", |state| state.count(Step::Rcpt) == 3).await;
    let store = dispatcher.database.store.clone();
    let counts = store.hold(dispatcher.database.clock.now(), None, &actor(WHO)).await.expect("answered");
    assert_eq!(counts, HeldCounts { held: 8, under_way: 0 });
    gate.open();
    dispatcher.wait_until(HELD, 8).await;

    assert_eq!(sink.see(|state| state.count(Step::Data)), 0, "no DATA after the hold was answered");
    assert!(dispatcher.attempts().await.is_empty(), "nothing was attempted");
    let unchanged = (0..8).map(|n| format!("R-{n} due - - 0")).collect::<Vec<_>>();
    assert_eq!(dispatcher.states().await, unchanged);
    sink.behave(Script::new());
    assert_eq!(store.let_go(None, &actor(WHO)).await.expect("answered").let_go, 8);
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (8, 8));
    dispatcher.finish().await;
}

/// The relay closes a used connection before its 354, so that the worker asks for the permit anew: it is held by then.
async fn what_has_begun_data_is_counted_apart(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::with(database, &[patient(&sink).connections(1)]).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until_concluded().await;
    let gate = Gate::closed();
    let script = Script::new()
        .once(Step::Data, Act::ReplyThenClose("421 4.3.2 closing".to_owned()))
        .once(Step::Banner, Act::Wait(gate.clone()));
    sink.behave(script);
    dispatcher.take(&[dispatcher.event("b", "C-1")]).await;
    sink.wait_for("the second connection", |state| state.connections == 2).await;
    let store = dispatcher.database.store.clone();
    let counts = store.hold(dispatcher.database.clock.now(), None, &actor(WHO)).await.expect("answered");
    assert_eq!(counts, HeldCounts { held: 0, under_way: 1 });
    gate.open();
    dispatcher.wait_until(HELD, 1).await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-b due - - 0"]);
    assert_eq!(sink.mails_and_data_phases().0, 1, "the second was not handed over");
    assert_eq!(store.let_go(None, &actor(WHO)).await.expect("answered").let_go, 1);
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails().len(), 2);
    dispatcher.finish().await;
}

//! A person holds everything, or pauses the tenant or the relay, while a delivery of a refused sender waits for the relay's
//! answer. The answer is another refusal: the delivery goes back uncounted, and what the person decided holds.

use std::time::Duration;

use invoice_dispatcher::model::ids::{RelayName, TenantId};
use invoice_dispatcher::store::{HeldCounts, PauseChange};

use super::senders::mails;
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

on_both_databases!(
    a_trial_that_a_person_holds_goes_back_to_them,
    what_outlasts_its_sender_s_hold_goes_back_to_the_person,
    a_trial_of_a_paused_tenant_goes_back,
    a_trial_at_a_paused_relay_goes_back,
);

const BY_SENDER: &str =
    "SELECT COUNT(*) FROM lane_entry WHERE held LIKE 'the relay refuses its sender%' AND state = 'due'";
const BY_HAND: &str = "SELECT COUNT(*) FROM lane_entry WHERE held = 'by hand' AND state = 'due'";
const BY_PAUSE: &str = "SELECT COUNT(*) FROM lane_entry WHERE held = 'tenant paused' AND state = 'due'";
const SENDING: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'";
const HOLDS: &str = "SELECT COUNT(*) FROM sender_hold";

/// Deliveries that the sender's hold holds at first.
const HELD: i64 = 6;

/// The trial after the one that the relay refused.
const NEXT_TRIAL: Duration = Duration::from_mins(15);

fn refusing(script: Script) -> Script {
    script.on_sender("rechnung@acme.example", Step::Rcpt, Act::reply("550 5.7.1 not you"))
}

/// A dispatcher whose relay refuses the sender by this script, and may take its time for each answer.
async fn refused(database: TestDatabase, script: Script) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(script).await;
    let patient = relay("default", &sink).with(|config| config.deadlines.command = Duration::from_mins(5));
    let mut dispatcher = Dispatcher::with(database, &[patient]).await;
    dispatcher.start();
    (dispatcher, sink)
}

async fn take_until_held(dispatcher: &Dispatcher) {
    dispatcher.take(&mails(dispatcher, "acme", "ap", 6, 6)).await;
    dispatcher.pass_until(BY_SENDER, HELD).await;
}

/// The same with a trial that waits for the relay's answer until the gate opens.
async fn trial_on_the_wire(database: TestDatabase) -> (Dispatcher, Sink, Gate) {
    let (dispatcher, sink) = refused(database, refusing(Script::new())).await;
    take_until_held(&dispatcher).await;
    let before = sink.see(|state| state.count(Step::Mail));
    let gate = Gate::closed();
    sink.behave(refusing(Script::new().on(Step::Mail, Act::Wait(gate.clone()))));
    dispatcher.database.clock.advance(Duration::from_mins(5));
    dispatcher.pass_until_seen(&sink, "the trial", |state| state.count(Step::Mail) > before).await;
    assert_eq!(dispatcher.database.number(BY_SENDER).await, HELD - 1);
    (dispatcher, sink, gate)
}

async fn hold_all(dispatcher: &Dispatcher) -> HeldCounts {
    let database = &dispatcher.database;
    database.store.hold(database.clock.now(), None, &actor("ada")).await.expect("the database answers")
}

async fn let_all_go(dispatcher: &Dispatcher) {
    dispatcher.database.store.let_go(None, &actor("ada")).await.expect("the database answers");
}

/// Lets time pass in leaps; after each the worker's heart has beaten, so that it is not taken for dead.
async fn pass(dispatcher: &Dispatcher, time: Duration) {
    const LEAP: Duration = Duration::from_secs(20);
    let database = &dispatcher.database;
    let until = database.clock.now().plus(time);
    while database.clock.now() < until {
        let beats = database.number("SELECT MAX(beats) FROM worker").await;
        database.clock.advance(LEAP);
        dispatcher.pass_until(&format!("SELECT COUNT(*) FROM worker WHERE beats > {beats}"), 1).await;
    }
}

/// Waits until the relay's answer is recorded: nothing has ended by it, and no attempt is consumed.
async fn goes_back(dispatcher: &Dispatcher, query: &str, all: i64) {
    dispatcher.pass_until(query, all).await;
    let database = &dispatcher.database;
    assert_eq!(database.number("SELECT COUNT(*) FROM lane_entry WHERE attempts = 0").await, all);
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery WHERE concluded IS NOT NULL").await, 0);
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
}

async fn all_are_sent(dispatcher: Dispatcher, sink: &Sink, all: usize) {
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (all, all));
    dispatcher.finish().await;
}

async fn a_trial_that_a_person_holds_goes_back_to_them(database: TestDatabase) {
    let (dispatcher, sink, gate) = trial_on_the_wire(database).await;
    assert_eq!(hold_all(&dispatcher).await, HeldCounts { held: 6, under_way: 0 });
    pass(&dispatcher, Duration::from_mins(10)).await;
    dispatcher.wait_until(SENDING, 1).await;
    gate.open();
    goes_back(&dispatcher, BY_HAND, HELD).await;
    pass(&dispatcher, NEXT_TRIAL).await;
    dispatcher.pass_until(HOLDS, 0).await;
    assert_eq!(dispatcher.database.number(BY_HAND).await, HELD);

    sink.behave(Script::new());
    let_all_go(&dispatcher).await;
    all_are_sent(dispatcher, &sink, 6).await;
}

/// It was on the wire before its sender was held, and the hold has ended since, for nothing waits for it any more.
async fn what_outlasts_its_sender_s_hold_goes_back_to_the_person(database: TestDatabase) {
    let gate = Gate::closed();
    let (dispatcher, sink) = refused(database, refusing(Script::new().once(Step::Mail, Act::Wait(gate.clone())))).await;
    dispatcher.take(&mails(&dispatcher, "acme", "first", 1, 1)).await;
    dispatcher.pass_until_seen(&sink, "the first", |state| state.count(Step::Mail) == 1).await;
    take_until_held(&dispatcher).await;
    assert_eq!(hold_all(&dispatcher).await, HeldCounts { held: 7, under_way: 0 });
    pass(&dispatcher, Duration::from_mins(5)).await;
    dispatcher.pass_until(HOLDS, 0).await;
    dispatcher.wait_until(SENDING, 1).await;

    let tried = sink.see(|state| state.count(Step::Mail));
    gate.open();
    goes_back(&dispatcher, BY_HAND, HELD + 1).await;
    // The refusal may hold the sender again: with nothing to try, that ends, too.
    pass(&dispatcher, NEXT_TRIAL).await;
    dispatcher.pass_until(HOLDS, 0).await;
    assert_eq!(dispatcher.database.number(BY_HAND).await, HELD + 1);
    assert_eq!(sink.see(|state| state.count(Step::Mail)), tried, "nothing was tried");

    sink.behave(Script::new());
    let_all_go(&dispatcher).await;
    all_are_sent(dispatcher, &sink, 7).await;
}

async fn a_trial_of_a_paused_tenant_goes_back(database: TestDatabase) {
    let (dispatcher, sink, gate) = trial_on_the_wire(database).await;
    let (store, acme) = (dispatcher.database.store.clone(), TenantId::from("acme"));
    let paused = store.pause_tenant(&acme, &actor("ada"), "a wrong price").await.expect("the database answers");
    assert_eq!(paused, PauseChange::Done { deliveries: 6 });
    pass(&dispatcher, Duration::from_mins(10)).await;
    gate.open();
    goes_back(&dispatcher, BY_PAUSE, HELD).await;
    pass(&dispatcher, NEXT_TRIAL).await;
    dispatcher.pass_until(HOLDS, 0).await;

    sink.behave(Script::new());
    store.resume_tenant(&acme, &actor("ada")).await.expect("the database answers");
    all_are_sent(dispatcher, &sink, 6).await;
}

async fn a_trial_at_a_paused_relay_goes_back(database: TestDatabase) {
    let (dispatcher, sink, gate) = trial_on_the_wire(database).await;
    let (store, default) = (dispatcher.database.store.clone(), RelayName::from("default"));
    store.pause_relay(&default, true, &actor("ada")).await.expect("the database answers");
    pass(&dispatcher, Duration::from_mins(10)).await;
    gate.open();
    goes_back(&dispatcher, BY_SENDER, HELD).await;

    sink.behave(Script::new());
    store.pause_relay(&default, false, &actor("ada")).await.expect("the database answers");
    pass(&dispatcher, NEXT_TRIAL).await;
    all_are_sent(dispatcher, &sink, 6).await;
}

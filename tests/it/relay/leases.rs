//! Who tries a relay again holds a lease. It does not outlive its holder, and people can end it.

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    a_worker_that_stops_in_a_trial_leaves_no_lease,
    a_worker_that_dies_in_a_trial_leaves_none_for_long,
    resume_ends_a_lease,
    each_trial_takes_another_delivery,
);

const OPEN: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'";
const HALF_OPEN: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'half_open'";
const SENDING: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'";

/// A dispatcher with eight deliveries, whose relay was away.
async fn opened(database: TestDatabase, sink: &mut Sink) -> Dispatcher {
    sink.go_away().await;
    // What hangs at RCPT does so for longer than the test.
    let patient = relay("default", sink).with(|config| config.deadlines.command = Duration::from_mins(5));
    let configure =
        |config: &mut invoice_dispatcher::config::Config| config.worker.shutdown_grace = Duration::from_millis(200);
    let dispatcher = Dispatcher::configured(database, &[patient], configure).await;
    let events: Vec<_> = (0..8).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher
}

async fn hang_in_a_trial(dispatcher: &Dispatcher, sink: &mut Sink) {
    dispatcher.wait_until(OPEN, 1).await;
    dispatcher.wait_until(SENDING, 0).await;
    sink.behave(Script::new().on(Step::Rcpt, Act::Hang));
    sink.come_back().await;
    dispatcher.pass_until_seen(sink, "the trial's recipient", |state| state.count(Step::Rcpt) == 1).await;
    assert_eq!(dispatcher.database.number(HALF_OPEN).await, 1);
}

async fn a_worker_that_stops_in_a_trial_leaves_no_lease(database: TestDatabase) {
    let mut sink = Sink::start().await;
    let mut dispatcher = opened(database, &mut sink).await;
    dispatcher.start();
    hang_in_a_trial(&dispatcher, &mut sink).await;
    dispatcher.stop().await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE probe_until IS NULL").await, 1);

    sink.behave(Script::new());
    let before = dispatcher.database.clock.now();
    dispatcher.start();
    dispatcher.pass_until_seen(&sink, "the next trial's message", |state| !state.mails.is_empty()).await;
    let passed = dispatcher.database.clock.now().since(before);
    assert!(passed < Duration::from_mins(1), "the lane stood still for {passed:?}");
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (8, 8));
    dispatcher.finish().await;
}

async fn a_worker_that_dies_in_a_trial_leaves_none_for_long(database: TestDatabase) {
    let mut sink = Sink::start().await;
    let mut dispatcher = opened(database, &mut sink).await;
    let dies = dispatcher.start_mortal().await;
    hang_in_a_trial(&dispatcher, &mut sink).await;
    dies.kill().await;
    sink.behave(Script::new());
    let before = dispatcher.database.clock.now();
    dispatcher.start();
    dispatcher.pass_until_seen(&sink, "the next trial's message", |state| !state.mails.is_empty()).await;
    let passed = dispatcher.database.clock.now().since(before);
    // On PostgreSQL a heart must have stood still for 30 s; the lease holds for two minutes.
    assert!(passed < Duration::from_secs(90), "the lane stood still for {passed:?}");
    dispatcher.pass_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", 8).await;
    dispatcher.finish().await;
}

async fn resume_ends_a_lease(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let events: Vec<_> = (0..4).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    // Of an unknown worker: of an earlier version's, that was forgotten without its leases.
    let (nobody, until) = (uuid::Uuid::from_u128(7), dispatcher.database.clock.now().plus(Duration::from_mins(2)).0);
    let nobody = if dispatcher.database.store.is_single_process() {
        format!("x'{}'", nobody.simple())
    } else {
        format!("'{nobody}'")
    };
    dispatcher
        .database
        .execute(format!(
            "INSERT INTO relay_state (relay, breaker, allowance, reason, probe_worker, probe_until, version)
             VALUES ('default', 'half_open', 4, 'it was away', {nobody}, {until}, 1)"
        ))
        .await;
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM worker WHERE beats >= 2", 1).await;
    assert_eq!(sink.mails_and_data_phases(), (0, 0), "the lease holds");
    let default = RelayName::from("default");
    dispatcher.database.store.pause_relay(&default, false, &actor("operator")).await.expect("the database answers");
    let before = dispatcher.database.clock.now();
    dispatcher.pass_until_seen(&sink, "a message", |state| !state.mails.is_empty()).await;
    let passed = dispatcher.database.clock.now().since(before);
    assert!(passed < Duration::from_mins(1), "it was tried after {passed:?}");
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (4, 4));
    dispatcher.finish().await;
}

/// A delivery that breaks the trial is not the next trial's: the relay would never be found well.
async fn each_trial_takes_another_delivery(database: TestDatabase) {
    let mut sink = Sink::start().await;
    sink.go_away().await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    let mut events = vec![dispatcher.event_to("bad", &[("to", "bad@customer.example")])];
    events.extend((0..7).map(|n| dispatcher.event(&n.to_string(), "C-1")));
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until(OPEN, 1).await;
    dispatcher.wait_until(SENDING, 0).await;
    // Whatever is tried first, and the bad one each time, finds the relay gone.
    sink.behave(Script::new().once(Step::Mail, Act::Close).on_address("bad@customer.example", Step::Rcpt, Act::Close));
    sink.come_back().await;
    let sent = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";
    let before = dispatcher.database.clock.now();
    dispatcher.pass_until(sent, 7).await;
    let passed = dispatcher.database.clock.now().since(before);
    assert!(passed < Duration::from_mins(5), "seven good ones took {passed:?}");
    dispatcher.stop().await;
    sink.behave(Script::new());
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    dispatcher.finish().await;
}

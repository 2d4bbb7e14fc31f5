//! A worker is told to stop, as at each deployment: what is on the wire ends, the rest is given back, nothing is lost.

use std::time::Duration;

use invoice_dispatcher::relay::Deadlines;
use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, SinkState, Step};

on_both_databases!(
    a_mail_on_the_wire_is_finished,
    what_was_claimed_is_given_back,
    half_a_message_is_deferred_at_the_deadline,
    what_is_before_its_data_at_the_deadline_is_given_back,
    what_is_handed_over_and_not_answered_is_uncertain_at_once,
);

/// A dispatcher whose drain ends at once, whatever is on the wire, and which waits for its relay for as long as it
/// runs.
async fn impatient(database: TestDatabase, sink: &Sink) -> Dispatcher {
    draining_within(Duration::from_millis(50), database, sink).await
}

/// A dispatcher whose drain takes as long as what is on the wire, and which waits for its relay for as long as it runs.
async fn patient(database: TestDatabase, sink: &Sink) -> Dispatcher {
    draining_within(Duration::from_mins(1), database, sink).await
}

async fn draining_within(grace: Duration, database: TestDatabase, sink: &Sink) -> Dispatcher {
    let patience = Duration::from_mins(5);
    let relay = relay("default", sink).with(|config| {
        config.deadlines = Deadlines { command: patience, transfer: patience, final_dot: patience, ..config.deadlines };
    });
    Dispatcher::configured(database, &[relay], |config| config.worker.shutdown_grace = grace).await
}

const SUSPECTED: &str = "SELECT COUNT(*) FROM lane_entry WHERE takeovers > 0";

/// The relay stops reading in the middle of a message that is larger than what the sockets hold.
async fn half_a_message_is_deferred_at_the_deadline(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Body, Act::Hang)).await;
    let mut dispatcher = impatient(database, &sink).await;
    let mut event = dispatcher.event("a", "C-1");
    event["data"]["documents"] = json!([dispatcher.add_document("acme/large.pdf", &vec![b'x'; 12 << 20])]);
    dispatcher.take(&[event]).await;
    dispatcher.start();
    sink.wait_for("DATA", |state| state.data_phases == 1).await;
    dispatcher.stop().await;

    assert_eq!(dispatcher.states().await, ["R-a due - - 1"]);
    assert_eq!(dispatcher.attempts().await, ["R-a deferred transfer -"]);
    assert_eq!(dispatcher.database.number(SUSPECTED).await, 0, "no worker died with it");
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM worker").await, 0);
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 2), "the relay has forgotten the half");
    dispatcher.finish().await;
}

/// As often as a delivery would be blamed for, if each stop counted as a death.
async fn what_is_before_its_data_at_the_deadline_is_given_back(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Rcpt, Act::Hang)).await;
    let mut dispatcher = impatient(database, &sink).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    for asked in 1..=4 {
        dispatcher.start();
        sink.wait_for("RCPT", |state| state.commands_of("RCPT").len() == asked).await;
        dispatcher.stop().await;
        assert_eq!(dispatcher.states().await, ["R-a due - - 0"]);
        assert_eq!(dispatcher.database.number(SUSPECTED).await, 0, "no worker died with it");
    }
    sink.behave(Script::new());
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn what_is_handed_over_and_not_answered_is_uncertain_at_once(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Hang))).await;
    let mut dispatcher = impatient(database, &sink).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    sink.wait_for("the mail", |state| state.mails.len() == 1).await;
    dispatcher.stop().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 0"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_mail_on_the_wire_is_finished(database: TestDatabase) {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(gate.clone()))).await;
    let mut dispatcher = patient(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    sink.wait_for("DATA", |state| state.data_phases == 1).await;
    assert_eq!(sink.mails().len(), 0);
    // It is told to stop before the relay answers.
    tokio::join!(biased; dispatcher.stop(), async { gate.open() });

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM worker").await, 0);
    dispatcher.finish().await;
}

/// A rolling deployment: one of two workers stops, the other sends the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_worker_goes_on() {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(10)))).await;
    let mut dispatcher = patient(TestDatabase::postgres().await, &sink).await;
    let events: Vec<_> = (0..60).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    let one = dispatcher.start_mortal().await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM worker", 2).await;
    dispatcher.take(&events).await;
    dispatcher.pass_until_seen(&sink, "some mails", |state| state.mails.len() >= 15).await;
    one.stop().await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1").await,
        60
    );
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await, 0);
    assert_eq!(sink.mails_and_data_phases(), (60, 60));
    dispatcher.finish().await;
}

async fn what_was_claimed_is_given_back(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = patient(database, &sink).await;
    let events: Vec<_> = (0..40).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    for _ in 0..3 {
        // After five mails the relay keeps both connections waiting until the worker is told to stop.
        let (gate, before) = (Gate::closed(), sink.mails().len());
        let waits = || Act::Wait(gate.clone());
        sink.behave(Script::new().nth(Step::Dot, 6, waits()).nth(Step::Dot, 7, waits()));
        dispatcher.start();
        let two_wait = |state: &SinkState| state.mails.len() == before + 5 && state.count(Step::Dot) == before + 7;
        sink.wait_for("five mails, and two that wait", two_wait).await;
        tokio::join!(biased; dispatcher.stop(), async { gate.open() });
        let sent = dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'").await;
        let due = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 0 AND fair_rank IS NOT NULL";
        let due = dispatcher.database.number(due).await;
        assert_eq!((sent + due, sink.mails().len()), (40, usize::try_from(sent).expect("not negative")));
        assert!(due > 0, "the worker stopped too late to show anything");
    }
    sink.behave(Script::new());
    dispatcher.start();
    dispatcher.wait_until_concluded().await;

    assert_eq!(sink.mails_and_data_phases(), (40, 40));
    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1").await,
        40
    );
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM attempt").await, 40);
    dispatcher.finish().await;
}

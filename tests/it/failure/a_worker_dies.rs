//! A worker is killed, or stands still for so long that the others call it dead. What it had not begun to hand over is
//! sent by another; what it had is uncertain; and nothing is sent twice.

use std::time::Duration;

use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{Acted, MarkedSent};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Gate, Script, Sink, Step, SunkMail};

on_both_databases!(
    before_data_another_worker_sends_it,
    after_data_it_is_uncertain,
    three_deaths_with_one_delivery_are_its_fault,
    what_waited_for_a_connection_is_due_again,
    a_link_that_may_be_out_opens_the_portal,
);

const UNCERTAIN: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'";

/// A relay that has all the time in the world.
fn patient(sink: &Sink) -> TestRelay {
    relay("default", sink).with(|config| {
        config.deadlines.command = Duration::from_mins(10);
        config.deadlines.final_dot = Duration::from_mins(10);
    })
}

/// On SQLite who comes next takes over at once; on PostgreSQL a heart must have stood still for 30 seconds. Who comes next
/// is registered: no time passes before.
async fn until_taken_over(dispatcher: &Dispatcher, taken_over: &str) {
    if dispatcher.database.store.is_single_process() {
        return dispatcher.wait_until(taken_over, 1).await;
    }
    let registered = dispatcher.database.clock.now();
    dispatcher.pass_until(taken_over, 1).await;
    let took = dispatcher.database.clock.now().since(registered);
    let expected = Duration::from_secs(30)..Duration::from_secs(90);
    assert!(expected.contains(&took), "the dead worker was taken over after {took:?}");
}

async fn before_data_another_worker_sends_it(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Rcpt, Act::Hang)).await;
    let dispatcher = Dispatcher::with(database, &[patient(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    let worker = dispatcher.start_mortal().await;
    sink.wait_for("the recipient", |state| state.count(Step::Rcpt) == 1).await;
    worker.kill().await;
    sink.behave(Script::new());
    let next = dispatcher.start_mortal().await;
    let taken_over = "SELECT (SELECT COUNT(*) FROM lane_entry WHERE takeovers = 1)
                           + (SELECT COUNT(*) FROM delivery WHERE concluded = 'sent')";
    until_taken_over(&dispatcher, taken_over).await;
    dispatcher.pass_until_concluded().await;
    next.stop().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(dispatcher.attempts().await, ["R-a accepted final_dot 250 2.0.0"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn after_data_it_is_uncertain(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Hang))).await;
    let mut dispatcher = Dispatcher::with(database, &[patient(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    let worker = dispatcher.start_mortal().await;
    sink.wait_for("the mail", |state| state.mails.len() == 1).await;
    worker.kill().await;
    sink.behave(Script::new());
    dispatcher.start();
    dispatcher.pass_until(UNCERTAIN, 1).await;
    // The next worker has work, and leaves the uncertain one alone.
    dispatcher.take(&[dispatcher.event("b", "C-2")]).await;
    dispatcher.pass_until_concluded().await;
    dispatcher.database.clock.advance(Duration::from_hours(24));
    dispatcher.take(&[dispatcher.event("c", "C-2")]).await;
    dispatcher.pass_until_concluded().await;

    let expected = ["R-a uncertain uncertain attach 0", "R-b sent accepted link 1", "R-c sent accepted link 1"];
    assert_eq!(dispatcher.states().await, expected);
    assert_eq!(sink.mails_and_data_phases(), (3, 3));
    let told = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain' AND message_sha256 IS NOT NULL
                AND decision_reason IS NOT NULL AND LENGTH(reason) > 10";
    assert_eq!(dispatcher.database.number(told).await, 1);
    dispatcher.finish().await;
}

async fn three_deaths_with_one_delivery_are_its_fault(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Rcpt, Act::Hang)).await;
    let mut dispatcher = Dispatcher::with(database, &[patient(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    for death in 1..=3 {
        let worker = dispatcher.start_mortal().await;
        dispatcher.pass_until_seen(&sink, "the recipient", |state| state.count(Step::Rcpt) == death).await;
        worker.kill().await;
    }
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a dead internal - 0"]);
    assert_eq!(dispatcher.dead_letters().await, ["R-a internal - - 0"]);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    dispatcher.finish().await;
}

async fn what_waited_for_a_connection_is_due_again(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Banner, Act::Hang)).await;
    let mut dispatcher = Dispatcher::with(database, &[patient(&sink)]).await;
    let events: Vec<_> = (0..10).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    let worker = dispatcher.start_mortal().await;
    // Two for the connections that it waits for, and one claimed ahead.
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 3).await;
    worker.kill().await;
    sink.behave(Script::new());
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1").await,
        10
    );
    assert_eq!(sink.mails_and_data_phases(), (10, 10));
    dispatcher.finish().await;
}

async fn a_link_that_may_be_out_opens_the_portal(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Hang))).await;
    let dispatcher = Dispatcher::with(database, &[patient(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-2")]).await;
    let worker = dispatcher.start_mortal().await;
    sink.wait_for("the mail", |state| state.mails.len() == 1).await;
    let token = token_in(&sink.mails()[0]);
    let shown = || async { dispatcher.database.store.tenant_of_link(token).await.expect("answered").is_some() };
    assert!(shown().await, "the customer may have the mail already");
    worker.kill().await;
    let next = dispatcher.start_mortal().await;
    dispatcher.pass_until(UNCERTAIN, 1).await;
    assert!(shown().await);
    next.stop().await;

    let found = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain' AND portal_access = 'verified'
                 AND attachments = '[]'";
    assert_eq!(dispatcher.database.number(found).await, 1);
    let id = dispatcher.database.texts("SELECT message_id FROM delivery").await;
    assert_eq!(id, [sink.mails()[0].message_id.clone().expect("it has one")], "what a person asks the relay's log for");
    let delivery = dispatcher.the_uncertain_one().await;
    let marked = dispatcher.database.store.mark_sent(delivery, &actor("test"), "in the log").await.expect("answered");
    assert_eq!(marked, MarkedSent { acted: Acted::Done, rest: None, recipients_unknown: false });
    assert!(shown().await);
    dispatcher.finish().await;
}

/// The digest of the portal token in a link mail.
fn token_in(mail: &SunkMail) -> Sha256 {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
    let plain = parsed.parts().find(|part| part.ctype.mimetype == "text/plain").expect("it has a plain text");
    let text = plain.get_body().expect("the text can be read");
    let (_, rest) = text.split_once("/i/").expect("it has a link");
    Sha256::of(rest.split_whitespace().next().expect("a token").as_bytes())
}

/// The 250 comes after the others have called the worker dead: it still counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_250_turns_uncertain_into_sent() {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(gate.clone()))).await;
    let mut dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[patient(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    let suspended = dispatcher.start_suspended().await;
    sink.wait_for("DATA", |state| state.data_phases == 1).await;
    dispatcher.start();
    dispatcher.pass_until(UNCERTAIN, 1).await;
    assert_eq!(sink.mails().len(), 0, "the relay has not answered yet");
    gate.open();
    dispatcher.wait_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", 1).await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    suspended.kill().await;
    dispatcher.finish().await;
}

/// The others have called the worker dead before it asked for the permit: it gets none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_called_dead_starts_no_data() {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().once(Step::Rcpt, Act::Wait(gate.clone()))).await;
    let mut dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[patient(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    let suspended = dispatcher.start_suspended().await;
    sink.wait_for("the recipient", |state| state.count(Step::Rcpt) == 1).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    // The other one gets its answer now, and forgets the transaction.
    gate.open();
    sink.wait_for("RSET", |state| state.count(Step::Rset) == 1).await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    suspended.kill().await;
    dispatcher.finish().await;
}

//! A relay is configured to get what is uncertain once more, and the worker is gone that handed a message over: the one
//! that takes over sends it, once, the same bytes, and never if that cannot be.

use std::time::Duration;

use invoice_dispatcher::model::state::OnUncertain;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

on_both_databases!(
    it_is_sent_once_more_with_the_same_bytes,
    a_second_death_is_the_last,
    what_may_show_less_by_now_waits_for_a_person,
    an_orderly_stop_is_no_different,
    an_answer_that_comes_after_all_is_reported,
);

/// A dispatcher whose relay wants resends and takes the first `silent` messages without an answer, and a delivery that is
/// handed over. Its drain ends at once.
async fn handed_over(database: TestDatabase, silent: usize) -> (Dispatcher, Sink) {
    let script = (1..=silent).fold(Script::new(), |script, n| script.nth(Step::Dot, n, Act::take_then(Act::Hang)));
    let sink = Sink::scripted(script).await;
    let relay = relay("default", &sink).with(|config| {
        config.on_uncertain = OnUncertain::Resend;
        // What hangs does so for longer than the test.
        (config.deadlines.command, config.deadlines.final_dot) = (Duration::from_mins(10), Duration::from_mins(10));
    });
    let configure = |config: &mut invoice_dispatcher::config::Config| {
        config.worker.shutdown_grace = Duration::from_millis(50);
    };
    let dispatcher = Dispatcher::configured(database, &[relay], configure).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    (dispatcher, sink)
}

async fn kill_with(dispatcher: &Dispatcher, sink: &Sink, mails: usize) {
    let worker = dispatcher.start_mortal().await;
    dispatcher.pass_until_seen(sink, "the mail", |state| state.mails.len() == mails).await;
    worker.kill().await;
}

async fn it_is_sent_once_more_with_the_same_bytes(database: TestDatabase) {
    let (mut dispatcher, sink) = handed_over(database, 1).await;
    kill_with(&dispatcher, &sink, 1).await;
    // What the mail shows changes meanwhile.
    dispatcher.database.execute("UPDATE customer SET name = 'Other', address = 'other@customer.example'").await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);
    assert_eq!(dispatcher.attempts().await, ["R-a uncertain data -", "R-a accepted final_dot 250 2.0.0"]);
    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.bytes, second.bytes);
    dispatcher.finish().await;
}

async fn a_second_death_is_the_last(database: TestDatabase) {
    let (mut dispatcher, sink) = handed_over(database, 2).await;
    kill_with(&dispatcher, &sink, 1).await;
    kill_with(&dispatcher, &sink, 2).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    let known = "SELECT COUNT(*) FROM delivery WHERE message_id IS NOT NULL AND message_sha256 IS NOT NULL
                 AND decision_inputs IS NOT NULL AND attachments LIKE '%Rechnung.pdf%'";
    assert_eq!(dispatcher.database.number(known).await, 1, "what a person looks for in the relay's log");
    dispatcher.finish().await;
}

async fn what_may_show_less_by_now_waits_for_a_person(database: TestDatabase) {
    let (mut dispatcher, sink) = handed_over(database, 1).await;
    kill_with(&dispatcher, &sink, 1).await;
    dispatcher.set_policy("acme", "exclude").await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    let known = "SELECT COUNT(*) FROM delivery WHERE message_id IS NOT NULL AND message_sha256 IS NOT NULL
                 AND decision_inputs IS NOT NULL AND attachments LIKE '%Rechnung.pdf%'";
    assert_eq!(dispatcher.database.number(known).await, 1, "what a person looks for in the relay's log");
    dispatcher.finish().await;
}

async fn an_orderly_stop_is_no_different(database: TestDatabase) {
    let (mut dispatcher, sink) = handed_over(database, 1).await;
    dispatcher.start();
    sink.wait_for("the mail", |state| state.mails.len() == 1).await;
    dispatcher.stop().await;
    assert_eq!(dispatcher.states().await, ["R-a due - - 1"]);
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);
    let mails = sink.mails();
    assert_eq!((mails.len(), &mails[0].bytes), (2, &mails[1].bytes));
    dispatcher.finish().await;
}

/// The worker is only slow: its machine stands still while the relay answers.
async fn an_answer_that_comes_after_all_is_reported(database: TestDatabase) {
    let (mut dispatcher, sink) = handed_over(database, 0).await;
    let gate = Gate::closed();
    sink.behave(Script::new().once(Step::Dot, Act::Wait(gate.clone())));
    let slow = dispatcher.start_suspended().await;
    dispatcher.pass_until_seen(&sink, "the message", |state| state.count(Step::Dot) == 1).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);

    gate.open();
    let notes = "SELECT COUNT(*) FROM delivery_note WHERE what LIKE 'the relay answered late: accepted (250 2.0.0);%'";
    dispatcher.wait_until(notes, 1).await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);
    assert_eq!(dispatcher.attempts().await, ["R-a uncertain final_dot 250 2.0.0", "R-a accepted final_dot 250 2.0.0"]);
    slow.kill().await;
    dispatcher.finish().await;
}

//! The relay takes DATA and falls silent, mail after mail. Each such mail is uncertain and a person's to decide: so the
//! breaker sees to it that there are few of them, not a night's worth.

use std::time::Duration;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(only_the_first_and_the_trials_are_uncertain);

const MAILS: i64 = 300;
const CONNECTIONS: u32 = 4;
const UNCERTAIN: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'";
const UNTOUCHED: &str = "SELECT COUNT(*) FROM lane_entry WHERE attempts = 0";

/// How many of them there may be before the breaker opens: those on the connections at the third silence, and the two
/// that took the place of the first and the second. Until workers know of each other, each uses all connections. After
/// that it is one a trial.
const fn at_once(workers: i64) -> i64 {
    workers * (CONNECTIONS as i64 + 2)
}

async fn silent(database: TestDatabase) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Hang))).await;
    // Short where it is silent, long where it answers again.
    let relay = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_secs(4));
    let dispatcher = Dispatcher::with(database, &[relay.connections(CONNECTIONS)]).await;
    let events: Vec<_> = (0..MAILS).map(|n| dispatcher.event(&format!("{n:03}"), "C-1")).collect();
    dispatcher.take(&events).await;
    (dispatcher, sink)
}

/// Lets so many trials fail; returns how many deliveries are uncertain then.
async fn after_trials(dispatcher: &Dispatcher, trials: u32) -> i64 {
    let failed = format!("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open' AND probes >= {trials}");
    dispatcher.pass_until(&failed, 1).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 0).await;
    dispatcher.database.number(UNCERTAIN).await
}

/// The relay has come to its senses: the rest goes out, and what was uncertain stays so.
async fn assert_the_rest_is_sent_once(dispatcher: &Dispatcher, sink: &Sink, uncertain: i64) {
    sink.behave(Script::new());
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number(UNCERTAIN).await, uncertain);
    let sent = dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'").await;
    assert_eq!(sent + uncertain, MAILS);
    let mut ids = sink.see(|state| state.mails.iter().filter_map(|mail| mail.message_id.clone()).collect::<Vec<_>>());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), sink.mails().len()), (300, 300), "each was handed over once");
}

async fn only_the_first_and_the_trials_are_uncertain(database: TestDatabase) {
    let (mut dispatcher, sink) = silent(database).await;
    dispatcher.start();
    let uncertain = after_trials(&dispatcher, 4).await;
    assert!((3..=at_once(1) + 4).contains(&uncertain), "{uncertain} are uncertain");
    assert_eq!(dispatcher.database.number(UNTOUCHED).await, MAILS - uncertain);
    assert_the_rest_is_sent_once(&dispatcher, &sink, uncertain).await;
    dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_make_no_more_of_them() {
    let (mut dispatcher, sink) = silent(TestDatabase::postgres().await).await;
    dispatcher.start();
    let other = dispatcher.start_mortal().await;
    let uncertain = after_trials(&dispatcher, 4).await;
    assert!((3..=at_once(2) + 4).contains(&uncertain), "{uncertain} are uncertain");
    assert_eq!(dispatcher.database.number(UNTOUCHED).await, MAILS - uncertain);
    assert_the_rest_is_sent_once(&dispatcher, &sink, uncertain).await;
    other.stop().await;
    dispatcher.finish().await;
}

/// The trial's mail is on the way for longer than a lease holds: the lease is renewed, and no other worker tries the
/// relay too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_joins_a_trial_that_takes_long() {
    nobody_joins_a_trial("SELECT 1").await;
}

/// It cannot look at the shares of the relay's connections, so the other worker has them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_joins_a_trial_whose_worker_has_lost_its_share() {
    nobody_joins_a_trial(
        "SELECT 1 FROM worker_relay WHERE worker_id = (SELECT probe_worker FROM relay_state) FOR UPDATE",
    )
    .await;
}

/// While the mail is on the way the row lock of this statement is held.
async fn nobody_joins_a_trial(locked: &str) {
    let mut sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Close))).await;
    let relay = relay("default", &sink)
        .connections(CONNECTIONS)
        .with(|config| config.deadlines.final_dot = Duration::from_mins(5));
    let mut dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[relay]).await;
    let events: Vec<_> = (0..MAILS).map(|n| dispatcher.event(&format!("{n:03}"), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    let other = dispatcher.start_mortal().await;
    let before = after_trials(&dispatcher, 0).await;

    sink.behave(Script::new().on(Step::Dot, Act::take_then(Act::Hang)));
    let in_trial = usize::try_from(before).expect("a small number") + 1;
    dispatcher.pass_until_seen(&sink, "the trial's mail", |state| state.mails.len() == in_trial).await;
    let connections = sink.see(|state| state.connections);
    let lock = dispatcher.database.begin(locked).await;
    let leases = Duration::from_mins(5);
    let clock = &dispatcher.database.clock;
    let began = clock.now();
    while clock.now().since(began) < leases {
        dispatcher.step().await;
    }
    assert_eq!(sink.mails_and_data_phases(), (in_trial, in_trial), "one mail a trial");
    assert_eq!(sink.see(|state| state.connections), connections, "no worker probes meanwhile");
    lock.commit().await;

    sink.behave(Script::new());
    sink.go_away().await;
    sink.come_back().await;
    assert_the_rest_is_sent_once(&dispatcher, &sink, before + 1).await;
    other.stop().await;
    dispatcher.finish().await;
}

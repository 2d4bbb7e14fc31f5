//! Many of a tenant's customers are gone, and stand before all others: good mail goes out within minutes, and nobody has
//! to act. What the relay says of the dead mailboxes may be what others say of senders.

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;

use super::senders::{holds, mails, pass, pass_until_ended};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::Sink;

on_both_databases!(
    eight_over_as_many_domains,
    thirty_over_as_many_domains,
    thirty_over_one_domain,
    thirty_by_one_connection,
    thirty_and_a_restart,
    thirty_and_an_operator_who_releases_the_sender,
    thirty_with_an_enhanced_code,
    what_a_person_holds_stays_held,
);

/// How long good mail may wait in all. Most of it is the machine's time: 100 mails take some, while the clock goes on.
const MINUTES_MAX: f64 = 10.0;
const GOOD: usize = 100;

async fn with_dead(
    database: TestDatabase,
    connections: u32,
    local: &str,
    dead: usize,
    domains: usize,
) -> (Dispatcher, Sink) {
    let sink = Sink::start().await;
    let relay = relay("default", &sink).connections(connections);
    let dispatcher = Dispatcher::with(database, &[relay]).await;
    dispatcher.take(&mails(&dispatcher, "acme", local, dead, domains)).await;
    (dispatcher, sink)
}

/// The dead ones are tried before the good ones come, and then all of them go out.
async fn good_goes_out(mut dispatcher: Dispatcher, sink: &Sink, dead: usize) {
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM (SELECT 1 FROM attempt LIMIT 8) AS tried", 8).await;
    dispatcher.take(&mails(&dispatcher, "acme", "good", GOOD, GOOD)).await;
    all_end_as_they_should(dispatcher, sink, dead).await;
}

async fn all_end_as_they_should(dispatcher: Dispatcher, sink: &Sink, dead: usize) {
    let good = pass_until_ended(&dispatcher, "acme", "sent", GOOD).await;
    println!("{dead} dead mailboxes: {GOOD} good mails out after {good:.2} min");
    assert!(good <= MINUTES_MAX, "{good}");
    dead_ones_are_let_go(&dispatcher).await;
    pass_until_ended(&dispatcher, "acme", "rejected", dead).await;
    assert!(holds(&dispatcher.database).await.is_empty());
    assert_eq!(sink.mails_and_data_phases().0, GOOD);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    dispatcher.finish().await;
}

/// Where ten of them that were not tried before come last, with no good mail behind them, they wait for some, or for a
/// person, and after that the next ten may.
async fn dead_ones_are_let_go(dispatcher: &Dispatcher) {
    // Each release ends at least ten: what tripped a hold never counts for another. On a busy machine a trip may come later.
    let none_or_held = "SELECT COUNT(*) FROM (SELECT 1 AS one) AS now
                        WHERE NOT EXISTS (SELECT 1 FROM lane_entry) OR EXISTS (SELECT 1 FROM sender_hold)";
    for _ in 0..12 {
        pass(dispatcher, Duration::from_mins(1)).await;
        dispatcher.pass_until(none_or_held, 1).await;
        if dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await == 0 {
            return;
        }
        release(dispatcher).await;
    }
}

/// Releases the sender, as an operator does.
async fn release(dispatcher: &Dispatcher) {
    let store = &dispatcher.database.store;
    let released = store.release_sender(&RelayName::from("default"), "rechnung@acme.example", &actor("billing")).await;
    released.expect("the database answers");
    store.let_senders_go().await.expect("the database answers");
}

async fn eight_over_as_many_domains(database: TestDatabase) {
    let (dispatcher, sink) = with_dead(database, 4, "refuse-550", 8, 8).await;
    good_goes_out(dispatcher, &sink, 8).await;
}

async fn thirty_over_as_many_domains(database: TestDatabase) {
    let (dispatcher, sink) = with_dead(database, 4, "refuse-550", 30, 30).await;
    good_goes_out(dispatcher, &sink, 30).await;
}

async fn thirty_over_one_domain(database: TestDatabase) {
    let (dispatcher, sink) = with_dead(database, 4, "refuse-550", 30, 1).await;
    good_goes_out(dispatcher, &sink, 30).await;
}

async fn thirty_by_one_connection(database: TestDatabase) {
    let (dispatcher, sink) = with_dead(database, 1, "refuse-550", 30, 30).await;
    good_goes_out(dispatcher, &sink, 30).await;
}

async fn thirty_with_an_enhanced_code(database: TestDatabase) {
    let (dispatcher, sink) = with_dead(database, 4, "refuse-550-5.1.1", 30, 30).await;
    good_goes_out(dispatcher, &sink, 30).await;
}

async fn thirty_and_a_restart(database: TestDatabase) {
    let (mut dispatcher, sink) = with_dead(database, 4, "refuse-550", 30, 30).await;
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM sender_hold", 1).await;
    dispatcher.stop().await;
    dispatcher.take(&mails(&dispatcher, "acme", "good", GOOD, GOOD)).await;
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM sender_hold WHERE trial_delivery IS NOT NULL", 1).await;
    dispatcher.stop().await;
    dispatcher.start();
    all_end_as_they_should(dispatcher, &sink, 30).await;
}

/// Good ones come, and the operator lets the sender go again and again, before any trial.
async fn thirty_and_an_operator_who_releases_the_sender(database: TestDatabase) {
    let (mut dispatcher, sink) = with_dead(database, 4, "refuse-550", 30, 30).await;
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM sender_hold", 1).await;
    dispatcher.take(&mails(&dispatcher, "acme", "good", GOOD, GOOD)).await;
    for _ in 0..10 {
        release(&dispatcher).await;
        for _ in 0..6 {
            dispatcher.step().await;
        }
    }
    all_end_as_they_should(dispatcher, &sink, 30).await;
}

async fn what_a_person_holds_stays_held(database: TestDatabase) {
    let (mut dispatcher, sink) = with_dead(database, 4, "refuse-550", 30, 30).await;
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM sender_hold", 1).await;
    pass(&dispatcher, Duration::from_secs(20)).await;
    dispatcher
        .database
        .store
        .hold(dispatcher.database.clock.now(), None, &actor("ada"))
        .await
        .expect("the database answers");
    pass(&dispatcher, Duration::from_mins(10)).await;
    // Also what was on the wire at that moment, or had just been refused.
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM lane_entry WHERE held = 'by hand'").await, 30);
    assert!(holds(&dispatcher.database).await.is_empty(), "it holds nothing any more");
    dispatcher.database.store.let_go(None, &actor("ada")).await.expect("the database answers");
    dispatcher.take(&mails(&dispatcher, "acme", "good", GOOD, GOOD)).await;
    pass_until_ended(&dispatcher, "acme", "sent", GOOD).await;
    dead_ones_are_let_go(&dispatcher).await;
    pass_until_ended(&dispatcher, "acme", "rejected", 30).await;
    assert_eq!(sink.mails_and_data_phases().0, GOOD);
    dispatcher.finish().await;
}

/// Two workers see different halves of what the relay answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_by_two_workers() {
    let (dispatcher, sink) = with_dead(TestDatabase::postgres().await, 2, "refuse-550", 30, 30).await;
    let other = dispatcher.start_mortal().await;
    good_goes_out(dispatcher, &sink, 30).await;
    drop(other);
}

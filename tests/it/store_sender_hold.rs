//! A held sender: what tripped the hold comes back, the rest waits, and everything goes out once the hold ends.

use std::time::Duration;

use invoice_dispatcher::class::Class;
use invoice_dispatcher::relay::outcome::Phase;
use invoice_dispatcher::store::{Claimed, Next, Record, SenderHold, Settled, TrippedAttempt};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::store_samples::{
    add_due, add_tenant, add_worker, attempt, claim, dead_letter, deferred, relay, settlement, states,
};

on_both_databases!(
    what_tripped_it_waits_as_if_it_had_not_been_tried,
    a_later_attempt_is_left_alone,
    what_waits_goes_when_the_hold_ends,
    one_of_several_lets_the_trial_through,
    a_hold_of_nothing_ends,
);

const HELD: &str = "SELECT COUNT(*) FROM lane_entry WHERE held IS NOT NULL AND state = 'due' AND attempts = 0";

fn hold(database: &TestDatabase) -> SenderHold {
    let now = database.clock.now();
    SenderHold {
        relay: relay(),
        sender: "rechnung@acme.example".to_owned(),
        phase: Phase::Mail,
        code: "550 5.7.1".to_owned(),
        words: "the relay refuses its sender".to_owned(),
        held_since: now,
        trials: 0,
        trial_at: now.plus(Duration::from_hours(1)),
        trial_delivery: None,
    }
}

fn tripped(claimed: &Claimed) -> TrippedAttempt {
    TrippedAttempt { delivery: claimed.delivery, claim: claimed.claim, attempts: claimed.attempts }
}

/// Two claims of one tenant: the first is dead by its attempt, the second is deferred.
async fn refused(database: &TestDatabase) -> Vec<Claimed> {
    add_tenant(database, "acme").await;
    add_due(database, "acme", 2).await;
    let worker = add_worker(database).await;
    let claimed = claim(database, worker, 2).await;
    let now = database.clock.now();
    let mut dead = settlement(&claimed[0], Settled::Dead, Class::Refused, now);
    dead.dead_letter = Some(dead_letter(Some(claimed[0].delivery), Class::Refused, None, now));
    let dead = Record {
        fence: claimed[0].fence(worker),
        attempt: Some(attempt(&claimed[0], Class::Refused, now)),
        next: Next::Settled(Box::new(dead)),
    };
    let deferred = deferred(&claimed[1], worker, now.plus(Duration::from_secs(30)));
    database.store.record(&[dead, deferred]).await.expect("answered");
    claimed
}

async fn held(database: &TestDatabase) -> Vec<Claimed> {
    let claimed = refused(database).await;
    let attempts: Vec<_> = claimed.iter().map(tripped).collect();
    let (stands, new) = database.store.hold_sender(&hold(database), &attempts).await.expect("answered");
    assert!(new && stands == hold(database));
    assert_eq!(database.store.held_senders().await.expect("answered"), [(stands, 2)]);
    claimed
}

async fn what_tripped_it_waits_as_if_it_had_not_been_tried(database: TestDatabase) {
    let claimed = held(&database).await;
    assert_eq!(database.number(HELD).await, 2);
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    database.assert_ledger().await;

    // The answer was lost, and it is done again.
    let attempts: Vec<_> = claimed.iter().map(tripped).collect();
    let (_, new) = database.store.hold_sender(&hold(&database), &attempts).await.expect("answered");
    assert!(!new);
    assert_eq!(database.number(HELD).await, 2);
    database.clock.advance(Duration::from_hours(2));
    database.store.rank_ripe(10).await.expect("answered");
    let worker = add_worker(&database).await;
    assert!(claim(&database, worker, 2).await.is_empty(), "what is held is not claimed");
    database.assert_ledger().await;
}

async fn a_later_attempt_is_left_alone(database: TestDatabase) {
    let claimed = refused(&database).await;
    let later = claimed.iter().map(|claimed| TrippedAttempt { claim: claimed.claim + 1, ..tripped(claimed) });
    database.store.hold_sender(&hold(&database), &later.collect::<Vec<_>>()).await.expect("answered");
    assert_eq!(database.number(HELD).await, 0);
    assert_eq!(states(&database).await["dead"], 1);
    database.assert_ledger().await;
}

async fn what_waits_goes_when_the_hold_ends(database: TestDatabase) {
    held(&database).await;
    let store = &database.store;
    assert_eq!(store.let_senders_go().await.expect("answered"), 0, "the hold stands");
    assert!(store.release_sender(&relay(), "rechnung@acme.example").await.expect("answered"));
    assert!(!store.release_sender(&relay(), "rechnung@acme.example").await.expect("answered"), "only once");
    assert_eq!(store.let_senders_go().await.expect("answered"), 2);
    database.clock.advance(Duration::from_secs(30));
    store.rank_ripe(10).await.expect("answered");
    let worker = add_worker(&database).await;
    assert_eq!(claim(&database, worker, 5).await.len(), 2);
    database.assert_ledger().await;
}

async fn one_of_several_lets_the_trial_through(database: TestDatabase) {
    held(&database).await;
    let (store, next) = (&database.store, Duration::from_hours(2));
    let stands = store.sender_holds().await.expect("answered").remove(0);
    assert!(!store.try_sender(&stands, next).await.expect("answered"), "not before its time");
    database.clock.advance(Duration::from_hours(1));
    let (one, other) = tokio::join!(store.try_sender(&stands, next), store.try_sender(&stands, next));
    assert!(one.expect("answered") ^ other.expect("answered"));
    assert_eq!(database.number(HELD).await, 1);
    let stands = store.sender_holds().await.expect("answered").remove(0);
    assert_eq!((stands.trials, stands.trial_at), (1, database.clock.now().plus(next)));
    assert!(stands.trial_delivery.is_some());
    database.assert_ledger().await;
}

async fn a_hold_of_nothing_ends(database: TestDatabase) {
    let (store, next) = (&database.store, Duration::from_hours(2));
    store.hold_sender(&hold(&database), &[]).await.expect("answered");
    assert_eq!(store.held_senders().await.expect("answered"), [(hold(&database), 0)]);
    database.clock.advance(Duration::from_hours(1));
    let stands = store.sender_holds().await.expect("answered").remove(0);
    assert!(store.try_sender(&stands, next).await.expect("answered"));
    assert!(store.sender_holds().await.expect("answered").is_empty());
}

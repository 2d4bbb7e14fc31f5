//! What a person holds, where the relay refuses its sender: neither the refusal nor the sender's hold takes the person's
//! hold away.

use std::time::Duration;

use invoice_dispatcher::model::ids::WorkerId;
use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::store::{BackToDue, Claimed, HeldCounts, NextState, Record, Recorded, RefusingRelay};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::WHO;
use crate::store::samples::{add_due, add_tenant, add_worker, claim, deferred, relay, states};
use crate::store::sender_hold::{dead, held, hold, key, refused, stands};

on_both_databases!(
    what_a_person_holds_is_left_alone,
    what_is_refused_meanwhile_waits_on,
    what_a_held_sender_lost_is_held_too,
    what_a_relay_that_refuses_everybody_lost_is_held_too,
    a_release_lets_go_of_what_is_being_tried,
);

const BY_HAND: &str = "SELECT COUNT(*) FROM lane_entry WHERE held = 'by hand' AND state = 'due' AND attempts = 0";

async fn hold_all(database: &TestDatabase) -> HeldCounts {
    database.store.hold(database.clock.now(), None, &actor(WHO)).await.expect("answered")
}

async fn what_a_person_holds_is_left_alone(database: TestDatabase) {
    held(&database).await;
    let store = &database.store;
    hold_all(&database).await;
    database.clock.advance(Duration::from_mins(5));
    assert!(store.begin_trial(&stands(&database).await, 1).await.expect("answered"), "it holds nothing any more");
    assert!(store.sender_holds().await.expect("answered").is_empty());
    store.let_senders_go().await.expect("answered");
    assert_eq!(database.number(BY_HAND).await, 2);
    database.assert_ledger().await;
}

/// The record of a refusal that may be about the sender.
fn refused_or_held(database: &TestDatabase, claimed: &Claimed, worker: WorkerId) -> Record {
    let record = dead(database, claimed, worker, key());
    let NextState::Due(due) = deferred(claimed, worker, database.clock.now()).next else { unreachable!() };
    let NextState::Concluded(mut dead) = record.next else { unreachable!() };
    dead.if_held = Some(Box::new(BackToDue { attempts: claimed.attempts, ..*due }));
    Record { next: NextState::Concluded(dead), ..record }
}

async fn what_is_refused_meanwhile_waits_on(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 2).await;
    let records: Vec<_> = claimed.iter().map(|claimed| refused_or_held(&database, claimed, worker)).collect();
    let store = &database.store;
    assert_eq!(store.record(&records[..1]).await.expect("answered"), [Recorded::Done]);
    assert_eq!(hold_all(&database).await, HeldCounts { held: 1, under_way: 0 });

    // Twice, as after an answer that was lost.
    for _ in 0..2 {
        assert_eq!(store.record(&records).await.expect("answered"), [Recorded::Done; 2]);
        assert_eq!(states(&database).await["dead"], 1, "nobody held the first");
        assert_eq!(database.number(BY_HAND).await, 1);
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM attempt").await, 2);
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter").await, 1);
    database.assert_ledger().await;
}

/// The refusals are recorded, and not brought back yet.
async fn what_a_held_sender_lost_is_held_too(database: TestDatabase) {
    refused(&database).await;
    database.store.hold_sender(&hold(&database), &[], None).await.expect("answered");
    assert_eq!(hold_all(&database).await, HeldCounts { held: 2, under_way: 0 });
    assert_eq!(database.number(BY_HAND).await, 2);
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    database.assert_ledger().await;
}

async fn what_a_relay_that_refuses_everybody_lost_is_held_too(database: TestDatabase) {
    refused(&database).await;
    let now = database.clock.now();
    let refusing = RefusingRelay { relay: relay(), phase: Phase::Mail, code: "550 5.7.1".to_owned(), since: now };
    assert!(database.store.refuse_every_sender(&refusing, now).await.expect("answered"));
    assert_eq!(hold_all(&database).await, HeldCounts { held: 2, under_way: 0 });
    assert_eq!(database.number(BY_HAND).await, 2);
    database.assert_ledger().await;
}

/// It had its chance as well as what waits.
async fn a_release_lets_go_of_what_is_being_tried(database: TestDatabase) {
    held(&database).await;
    let store = &database.store;
    database.clock.advance(Duration::from_mins(5));
    assert!(store.begin_trial(&stands(&database).await, 1).await.expect("answered"));
    let sender = stands(&database).await.sender;
    assert!(store.release_sender(&relay(), &sender, &actor(WHO)).await.expect("answered"));
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery WHERE tripped_at = 0").await, 2);
}

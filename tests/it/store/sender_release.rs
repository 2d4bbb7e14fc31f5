//! A person releases a held sender: what tripped the hold counts for no other one and goes last, whatever else holds it, and
//! if it has ended, too.

use std::time::Duration;

use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::model::ids::{DeliveryId, TenantId};
use invoice_dispatcher::policy::sender_key::SenderKey;
use invoice_dispatcher::store::{Claimed, HeldCounts, LetGoCounts, NextTrial, PauseChange, Recorded, SenderHold};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::WHO;
use crate::store::held_and_ended::{MARKED, hold_all, let_all_go, tripped};
use crate::store::samples::{add_due, add_worker, claim, data_start, deferred, relay};
use crate::store::sender_hold::{dead, held, hold, key, stands};

on_both_databases!(
    what_a_person_holds_is_released_too,
    what_the_pause_of_its_tenant_holds_is_released_too,
    what_a_person_lets_go_during_a_pause_goes_last,
    what_a_pause_has_left_behind_goes_last,
    what_is_released_later_counts_until_then,
    what_has_ended_is_released_too,
    what_is_refused_once_more_stays_released,
    what_was_counted_before_the_release_holds_nobody,
    what_tripped_the_hold_of_another_sender_is_left_alone,
);

const RELEASED: &str = "SELECT COUNT(*) FROM delivery WHERE tripped_at = 0";

/// What tripped the hold, and as many that wait with it.
async fn held_with_others(database: &TestDatabase) -> (Vec<Claimed>, Vec<DeliveryId>) {
    let first = held(database).await;
    (first, add_due(database, "acme", 2).await)
}

/// How many refusals of the sender count for a hold, if nothing of it was accepted.
async fn counting(database: &TestDatabase) -> usize {
    let answers = database.store.refusals_since(&relay(), &key().alone(), Timestamp(0), None).await.expect("answered");
    answers.iter().filter(|(_, answer)| answer.counts).count()
}

/// The two that tripped the hold count no more.
async fn release(database: &TestDatabase) {
    assert_eq!((database.number(RELEASED).await, counting(database).await), (0, 2));
    let sender = hold(database).sender;
    assert!(database.store.release_sender(&relay(), &sender, &actor(WHO)).await.expect("answered"), "it was held");
    assert_eq!((database.number(RELEASED).await, counting(database).await), (2, 0));
}

async fn pause(database: &TestDatabase) -> PauseChange {
    database.store.pause_tenant(&TenantId::from("acme"), &actor(WHO), "wrong amounts").await.expect("answered")
}

async fn resume(database: &TestDatabase) -> PauseChange {
    database.store.resume_tenant(&TenantId::from("acme"), &actor(WHO)).await.expect("answered")
}

/// All of them are claimed, what tripped the hold behind the others.
async fn go_in_order(database: &TestDatabase, first: &[Claimed], others: &[DeliveryId]) {
    let worker = add_worker(database).await;
    let mut order = Vec::new();
    for _ in 0..8 {
        database.store.enqueue_ready(10).await.expect("answered");
        order.extend(claim(database, worker, 5).await.into_iter().map(|claimed| claimed.delivery));
        database.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(order.len(), first.len() + others.len());
    let (early, late) = order.split_at(others.len());
    assert!(early.iter().all(|delivery| others.contains(delivery)), "the others go first");
    assert!(late.iter().all(|delivery| first.iter().any(|claimed| claimed.delivery == *delivery)));
    database.assert_ledger().await;
}

async fn what_a_person_holds_is_released_too(database: TestDatabase) {
    let (first, others) = held_with_others(&database).await;
    assert_eq!(hold_all(&database).await, HeldCounts { held: 4, under_way: 0 });
    release(&database).await;
    assert_eq!(let_all_go(&database).await, 4);
    go_in_order(&database, &first, &others).await;
}

async fn what_the_pause_of_its_tenant_holds_is_released_too(database: TestDatabase) {
    let (first, others) = held_with_others(&database).await;
    assert_eq!(pause(&database).await, PauseChange::Done { deliveries: 4 });
    release(&database).await;
    assert_eq!(resume(&database).await, PauseChange::Done { deliveries: 4 });
    go_in_order(&database, &first, &others).await;
}

async fn what_a_person_lets_go_during_a_pause_goes_last(database: TestDatabase) {
    let (first, others) = held_with_others(&database).await;
    hold_all(&database).await;
    assert_eq!(pause(&database).await, PauseChange::Done { deliveries: 0 }, "a person holds them");
    release(&database).await;
    let counts = database.store.let_go(None, &actor(WHO)).await.expect("answered");
    assert_eq!(counts, LetGoCounts { let_go: 4, tenant_paused: 4 });
    database.clock.advance(Duration::from_mins(1));
    assert_eq!(resume(&database).await, PauseChange::Done { deliveries: 4 });
    go_in_order(&database, &first, &others).await;
}

/// The process ended in between that ended the pause.
async fn what_a_pause_has_left_behind_goes_last(database: TestDatabase) {
    let (first, others) = held_with_others(&database).await;
    assert_eq!(pause(&database).await, PauseChange::Done { deliveries: 4 });
    release(&database).await;
    database
        .execute("UPDATE tenant SET paused_at = NULL, paused_by = NULL, pause_reason = NULL WHERE id = 'acme'")
        .await;
    assert_eq!(database.store.hold_paused_tenants(100).await.expect("answered"), 4);
    go_in_order(&database, &first, &others).await;
}

/// Nothing holds it, for it is let go; a worker has it when its sender is released.
async fn what_is_released_later_counts_until_then(database: TestDatabase) {
    held(&database).await;
    hold_all(&database).await;
    assert_eq!(let_all_go(&database).await, 2);
    database.clock.advance(Duration::from_secs(5));
    database.store.enqueue_ready(10).await.expect("answered");
    let worker = add_worker(&database).await;
    assert_eq!(claim(&database, worker, 5).await.len(), 2);
    release(&database).await;
    database.assert_ledger().await;
}

/// It was tried while a person held all, and its worker was called dead. Then it answers after all.
async fn what_has_ended_is_released_too(database: TestDatabase) {
    held(&database).await;
    let store = &database.store;
    database.clock.advance(Duration::from_mins(5));
    assert!(store.begin_trial(&stands(&database).await, 1).await.expect("answered"));
    store.enqueue_ready(10).await.expect("answered");
    let slow = add_worker(&database).await;
    let claimed = claim(&database, slow, 1).await.remove(0);
    store.permit_data(&[data_start(&claimed, slow)]).await.expect("answered");
    assert_eq!(hold_all(&database).await, HeldCounts { held: 1, under_way: 1 });
    let live = add_worker(&database).await;
    store.take_over(slow, live).await.expect("answered");
    assert_eq!(database.number(MARKED).await, 1);
    let next = NextTrial { at: database.clock.now(), refused: false, repeat: None };
    assert!(store.end_trial(&stands(&database).await, next).await.expect("answered"), "it had no answer");

    release(&database).await;
    let late = deferred(&claimed, slow, database.clock.now());
    assert_eq!(store.record(&[late]).await.expect("answered"), [Recorded::Done]);
    let by_hand = format!("{RELEASED} AND id IN (SELECT delivery_id FROM lane_entry WHERE held = 'by hand')");
    assert_eq!(database.number(by_hand).await, 2);
    database.assert_ledger().await;
}

/// Others hold the sender again, and their hold takes back what its refusals have ended meanwhile.
async fn what_is_refused_once_more_stays_released(database: TestDatabase) {
    held(&database).await;
    let store = &database.store;
    release(&database).await;
    assert_eq!(store.let_senders_go().await.expect("answered"), 2);
    database.clock.advance(Duration::from_secs(5));
    store.enqueue_ready(10).await.expect("answered");
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 2).await;
    let records: Vec<_> = claimed.iter().map(|claimed| dead(&database, claimed, worker, key())).collect();
    store.record(&records).await.expect("answered");
    let (again, new) =
        store.hold_sender(&hold(&database), &tripped(&claimed), None).await.expect("answered").expect("it is held");
    assert!(new);
    store.keep_tripped(&again, claimed[0].delivery).await.expect("answered");
    let waiting = format!("SELECT COUNT(*) FROM lane_entry WHERE held = '{}'", again.description);
    assert_eq!(database.number(waiting).await, 2, "they wait with the others");
    assert_eq!((database.number(RELEASED).await, counting(&database).await), (2, 0));
    database.assert_ledger().await;
}

/// A second worker has counted the same refusals, and comes after the release.
async fn what_was_counted_before_the_release_holds_nobody(database: TestDatabase) {
    let claimed = held(&database).await;
    release(&database).await;
    let again = hold(&database);
    let by = |delivery| database.store.hold_sender(&again, &[], delivery);
    assert_eq!(by(Some(claimed[0].delivery)).await.expect("answered"), None);
    assert_eq!(database.store.sender_holds().await.expect("answered"), []);
    let other = add_due(&database, "acme", 1).await[0];
    assert!(by(Some(other)).await.expect("answered").is_some_and(|(_, new)| new), "it has refusals of its own");
}

async fn what_tripped_the_hold_of_another_sender_is_left_alone(database: TestDatabase) {
    held(&database).await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 1).await;
    let address = "other@acme.example".to_owned();
    let other = SenderKey::of(&relay(), &address, &address);
    database.store.record(&[dead(&database, &claimed[0], worker, other)]).await.expect("answered");
    let description = "the relay refuses another sender".to_owned();
    let other = SenderHold { sender: address.clone(), envelope_sender: address, description, ..hold(&database) };
    database.store.hold_sender(&other, &tripped(&claimed), None).await.expect("answered");
    assert_eq!(hold_all(&database).await, HeldCounts { held: 3, under_way: 0 });
    release(&database).await;
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery WHERE tripped_at > 0").await, 1);
    assert_eq!(database.store.sender_holds().await.expect("answered"), [other]);
}

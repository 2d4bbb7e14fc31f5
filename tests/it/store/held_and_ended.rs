//! What a person holds stays held where it is in no lane: it ended before, or ended held, and comes back by itself.

use std::time::Duration;

use invoice_dispatcher::model::ids::{TenantId, WorkerId};
use invoice_dispatcher::model::note::NoteKind;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::model::state::{Concluded, DeliveryRole};
use invoice_dispatcher::store::{
    BackToDue, Claimed, HeldCounts, NextState, Record, Recorded, RefusingRelay, RemainderDelivery, TrippedAttempt,
};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, customer, event};
use crate::store::samples::{
    accepted, add_due, add_tenant, add_worker, attempt, claim, conclusion, data_start, deferred, relay, sent, states,
};
use crate::store::sender_hold::{dead, hold, key, refused};

on_both_databases!(
    a_late_deferral_of_what_is_held_is_held,
    a_late_deferral_of_what_was_uncertain_is_held,
    a_late_deferral_after_it_was_let_go_is_due,
    a_late_refusal_of_what_is_held_waits,
    what_is_left_of_a_late_acceptance_is_held,
    what_is_given_up_with_its_answer_is_held,
    what_a_sender_lost_before_is_held,
    what_a_sender_lost_before_and_is_let_go_is_its_senders,
    what_a_relay_that_refuses_everybody_lost_before_is_held,
    a_cure_keeps_the_hold_and_a_redrive_does_not,
    what_is_of_no_use_to_hold_is_not_marked,
    a_hold_of_one_tenant_marks_its_own,
    the_hold_and_its_end_are_noted,
    rows_from_before_the_mark_are_kept,
);

const BY_HAND: &str = "SELECT COUNT(*) FROM lane_entry WHERE held = 'by hand' AND state = 'due' AND fair_rank IS NULL";
pub(super) const FREE: &str = "SELECT COUNT(*) FROM lane_entry WHERE held IS NULL AND state = 'due'";
pub(super) const MARKED: &str = "SELECT COUNT(*) FROM delivery WHERE held_by_hand IS NOT NULL";

pub(super) async fn hold_all(database: &TestDatabase) -> HeldCounts {
    database.store.hold(database.clock.now(), None, &actor(WHO)).await.expect("answered")
}

pub(super) async fn let_all_go(database: &TestDatabase) -> u64 {
    database.store.let_go(None, &actor(WHO)).await.expect("answered").let_go
}

/// A delivery whose DATA has begun, and its worker.
pub(super) async fn started(database: &TestDatabase) -> (Claimed, WorkerId) {
    add_tenant(database, "acme").await;
    add_due(database, "acme", 1).await;
    let slow = add_worker(database).await;
    let claimed = claim(database, slow, 1).await.remove(0);
    database.store.permit_data(&[data_start(&claimed, slow)]).await.expect("answered");
    (claimed, slow)
}

async fn take_over(database: &TestDatabase, slow: WorkerId) {
    let live = add_worker(database).await;
    database.store.take_over(slow, live).await.expect("answered");
    assert_eq!(states(database).await["uncertain"], 1);
    database.assert_ledger().await;
}

/// The same, uncertain because its worker was called dead.
pub(super) async fn uncertain(database: &TestDatabase) -> (Claimed, WorkerId) {
    let (claimed, slow) = started(database).await;
    take_over(database, slow).await;
    (claimed, slow)
}

/// The same, held by a person before that.
pub(super) async fn held_and_uncertain(database: &TestDatabase) -> (Claimed, WorkerId) {
    let (claimed, slow) = started(database).await;
    assert_eq!(hold_all(database).await, HeldCounts { held: 0, under_way: 1 });
    take_over(database, slow).await;
    assert_eq!(database.number(MARKED).await, 1);
    (claimed, slow)
}

/// It is held in its lane, nothing takes it, and once it is let go it is claimed once.
pub(super) async fn waits_until_it_is_let_go(database: &TestDatabase, count: i64) {
    assert_eq!((database.number(BY_HAND).await, database.number(MARKED).await), (count, 0));
    database.clock.advance(Duration::from_hours(1));
    database.store.let_senders_go().await.expect("answered");
    database.store.enqueue_ready(10).await.expect("answered");
    let worker = add_worker(database).await;
    assert!(claim(database, worker, 5).await.is_empty(), "what is held is not claimed");
    database.assert_ledger().await;

    let count = usize::try_from(count).expect("a small number");
    assert_eq!(let_all_go(database).await, count as u64);
    // What tripped a hold of its sender is due a little later.
    database.clock.advance(Duration::from_secs(5));
    database.store.enqueue_ready(10).await.expect("answered");
    assert_eq!(claim(database, worker, 5).await.len(), count);
    database.assert_ledger().await;
}

async fn record(database: &TestDatabase, record: &Record) {
    // Twice, as after an answer that was lost.
    for _ in 0..2 {
        let recorded = database.store.record(std::slice::from_ref(record)).await.expect("answered");
        assert_eq!(recorded, [Recorded::Done]);
    }
}

async fn a_late_deferral_of_what_is_held_is_held(database: TestDatabase) {
    let (claimed, slow) = held_and_uncertain(&database).await;
    record(&database, &deferred(&claimed, slow, database.clock.now())).await;
    waits_until_it_is_let_go(&database, 1).await;
}

async fn a_late_deferral_of_what_was_uncertain_is_held(database: TestDatabase) {
    let (claimed, slow) = uncertain(&database).await;
    assert_eq!(hold_all(&database).await, HeldCounts::default(), "nothing waits");
    assert_eq!(hold_all(&database).await, HeldCounts::default(), "a second time");
    record(&database, &deferred(&claimed, slow, database.clock.now())).await;
    waits_until_it_is_let_go(&database, 1).await;
}

async fn a_late_deferral_after_it_was_let_go_is_due(database: TestDatabase) {
    let (claimed, slow) = held_and_uncertain(&database).await;
    assert_eq!(let_all_go(&database).await, 0, "it may be out, and waits for nothing");
    record(&database, &deferred(&claimed, slow, database.clock.now())).await;
    assert_eq!((database.number(FREE).await, database.number(MARKED).await), (1, 0));
    database.assert_ledger().await;
}

/// It may be about the sender, so it ends nothing that a person holds.
async fn a_late_refusal_of_what_is_held_waits(database: TestDatabase) {
    let (claimed, slow) = held_and_uncertain(&database).await;
    let refusal = dead(&database, &claimed, slow, key());
    let NextState::Due(due) = deferred(&claimed, slow, database.clock.now()).next else { unreachable!() };
    let NextState::Concluded(mut concluded) = refusal.next else { unreachable!() };
    concluded.if_held =
        Some(Box::new(BackToDue { attempts: claimed.attempts, note: Some(NoteKind::RefusedWhileHeld), ..*due }));
    record(&database, &Record { next: NextState::Concluded(concluded), ..refusal }).await;
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    assert_eq!(
        database.number("SELECT COUNT(*) FROM delivery_note WHERE what LIKE 'due again: a person held it%'").await,
        1
    );
    waits_until_it_is_let_go(&database, 1).await;
}

async fn what_is_left_of_a_late_acceptance_is_held(database: TestDatabase) {
    let (claimed, slow) = held_and_uncertain(&database).await;
    let now = database.clock.now();
    let (_, mut rest, mut entry) = accepted("acme", "rest", now);
    rest.role = DeliveryRole::Rest;
    (rest.root, rest.main) = (claimed.delivery, claimed.delivery);
    entry.delivery = rest.id;
    let mut concluded = conclusion(&claimed, Concluded::Sent, ReasonCode::Accepted, now);
    concluded.rest = Some(RemainderDelivery { delivery: rest, entry });
    let next = NextState::Concluded(Box::new(concluded));
    record(&database, &Record { next, ..sent(&claimed, slow, now) }).await;
    assert_eq!(states(&database).await["sent"], 1);
    assert_eq!(database.number(BY_HAND).await, 1);
    assert_eq!(let_all_go(&database).await, 1);
    assert_eq!((database.number(FREE).await, database.number(MARKED).await), (1, 0));
    let notes = "SELECT COUNT(*) FROM delivery_note WHERE what = 'let go'";
    assert_eq!(database.number(notes).await, 1, "the one that was sent is not let go");
}

/// Its worker lives, and has lost what the database answered.
async fn what_is_given_up_with_its_answer_is_held(database: TestDatabase) {
    let (claimed, slow) = started(&database).await;
    hold_all(&database).await;
    database.store.abandon(&[claimed.fence(slow)]).await.expect("answered");
    assert_eq!((states(&database).await["uncertain"], database.number(MARKED).await), (1, 1));
    record(&database, &deferred(&claimed, slow, database.clock.now())).await;
    waits_until_it_is_let_go(&database, 1).await;
}

pub(super) fn tripped(claimed: &[Claimed]) -> Vec<TrippedAttempt> {
    let attempt = |one: &Claimed| TrippedAttempt { delivery: one.delivery, claim: one.claim, attempts: one.attempts };
    claimed.iter().map(attempt).collect()
}

async fn what_a_sender_lost_before_is_held(database: TestDatabase) {
    let claimed = refused(&database).await;
    assert_eq!(hold_all(&database).await, HeldCounts::default(), "nothing waits");
    assert_eq!(database.number(MARKED).await, 2);
    let store = &database.store;
    let sender_hold = hold(&database);
    store.hold_sender(&sender_hold, &tripped(&claimed[..1]), None).await.expect("answered");
    let since = sender_hold.lost_since().expect("a refusal ends deliveries");
    assert_eq!(store.return_lost(&sender_hold, since, 10).await.expect("answered"), 1);
    assert!(store.release_sender(&relay(), &sender_hold.sender, &actor(WHO)).await.expect("answered"));
    waits_until_it_is_let_go(&database, 2).await;
}

async fn what_a_sender_lost_before_and_is_let_go_is_its_senders(database: TestDatabase) {
    let claimed = refused(&database).await;
    hold_all(&database).await;
    assert_eq!(let_all_go(&database).await, 0);
    database.store.hold_sender(&hold(&database), &tripped(&claimed), None).await.expect("answered");
    let by_sender = "SELECT COUNT(*) FROM lane_entry WHERE held = 'the relay refuses its sender'";
    assert_eq!(database.number(by_sender).await, 2);
    database.assert_ledger().await;
}

async fn what_a_relay_that_refuses_everybody_lost_before_is_held(database: TestDatabase) {
    refused(&database).await;
    hold_all(&database).await;
    let now = database.clock.now();
    let refusing = RefusingRelay { relay: relay(), phase: Phase::Mail, code: "550 5.7.1".to_owned(), since: now };
    let store = &database.store;
    assert!(store.refuse_every_sender(&refusing, now).await.expect("answered"));
    assert_eq!(store.return_refused(&refusing, refusing.lost_since(), 10).await.expect("answered"), 2);
    waits_until_it_is_let_go(&database, 2).await;
}

async fn a_cure_keeps_the_hold_and_a_redrive_does_not(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (store, database) = (&support.database.store, &support.database);
    support.accept(&event("1")).await;
    support.die(ReasonCode::NoVerificationMethod).await;
    assert_eq!(hold_all(database).await, HeldCounts::default(), "nothing waits");
    let mut usable = customer("C-1");
    usable.postal.postcode = Some("01067".to_owned());
    usable.postal.house_number = Some("12a".to_owned());
    store.upsert_customer(&usable, &actor("billing")).await.expect("answered");
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    assert_eq!((database.number(BY_HAND).await, database.number(MARKED).await), (1, 0));
    assert_eq!(let_all_go(database).await, 1);
    assert_eq!(database.number(FREE).await, 1);

    let (_, letter) = support.die(ReasonCode::NoVerificationMethod).await;
    hold_all(database).await;
    assert_eq!(database.number(MARKED).await, 1);
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    assert_eq!((database.number(FREE).await, database.number(MARKED).await), (1, 0));
    database.assert_ledger().await;
}

/// A recipient's own refusal is final, and so is what a person has decided.
async fn what_is_of_no_use_to_hold_is_not_marked(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 3).await;
    let now = database.clock.now();
    let mut rejected = attempt(&claimed[0], ReasonCode::Rejected, now);
    (rejected.phase, rejected.code, rejected.sender_key) =
        (Some(Phase::Rcpt), Some("550 5.1.1".to_owned()), Some(key()));
    let ended = conclusion(&claimed[0], Concluded::Rejected, ReasonCode::Rejected, now);
    let own = Record {
        fence: claimed[0].fence(worker),
        attempt: Some(rejected),
        next: NextState::Concluded(Box::new(ended)),
    };
    database.store.record(&[own, sent(&claimed[1], worker, now)]).await.expect("answered");
    assert_eq!(hold_all(&database).await, HeldCounts { held: 1, under_way: 0 }, "the third one");
    let_all_go(&database).await;
    assert_eq!(database.number(MARKED).await, 0);

    // And what was refused longer ago than any hold of its sender would take back.
    database.store.record(&[dead(&database, &claimed[2], worker, key())]).await.expect("answered");
    database.clock.advance(Duration::from_hours(1));
    assert_eq!(hold_all(&database).await, HeldCounts::default());
    assert_eq!(database.number(MARKED).await, 0);
    assert_eq!(database.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'deliveries_held'").await, 1);
}

async fn a_hold_of_one_tenant_marks_its_own(database: TestDatabase) {
    refused(&database).await;
    let (acme, other) = (TenantId::from("acme"), TenantId::from("other"));
    let (store, now) = (&database.store, database.clock.now());
    store.hold(now, Some(&other), &actor(WHO)).await.expect("answered");
    assert_eq!(database.number(MARKED).await, 0);
    store.hold(now, Some(&acme), &actor(WHO)).await.expect("answered");
    assert_eq!(database.number(MARKED).await, 2);
    store.let_go(Some(&other), &actor(WHO)).await.expect("answered");
    assert_eq!(database.number(MARKED).await, 2);
    store.let_go(Some(&acme), &actor(WHO)).await.expect("answered");
    assert_eq!(database.number(MARKED).await, 0);
}

async fn the_hold_and_its_end_are_noted(database: TestDatabase) {
    uncertain(&database).await;
    hold_all(&database).await;
    let_all_go(&database).await;
    let notes = format!("SELECT what FROM delivery_note WHERE who = '{WHO}' ORDER BY noted_at, what");
    let notes = database.texts(notes).await;
    let since = database.clock.now();
    let held = format!("held if it comes back by itself: what was sent since {since} may be missing here");
    assert_eq!(notes, [held, "let go".to_owned()]);
    let acts = "SELECT action FROM audit_entry WHERE action IN ('deliveries_held', 'deliveries_released')
                ORDER BY sequence";
    assert_eq!(database.texts(acts).await, ["deliveries_held", "deliveries_released"]);
}

async fn rows_from_before_the_mark_are_kept(database: TestDatabase) {
    let (claimed, slow) = held_and_uncertain(&database).await;
    let uncertain = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain' AND message_sha256 IS NOT NULL";
    let look = async |way: &str| assert_eq!(database.number(uncertain).await, 1, "{way}");
    database.migrate_down_and_up("0014_holds_of_ended", look).await;
    assert_eq!(database.number(MARKED).await, 0);
    hold_all(&database).await;
    record(&database, &deferred(&claimed, slow, database.clock.now())).await;
    waits_until_it_is_let_go(&database, 1).await;
}

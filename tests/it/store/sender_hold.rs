//! A held sender: what tripped the hold comes back, the rest waits, and everything goes out once the hold ends.

use std::time::Duration;

use invoice_dispatcher::model::ids::{DeliveryId, WorkerId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::model::state::{BreakerState, Concluded};
use invoice_dispatcher::policy::sender_key::SenderKey;
use invoice_dispatcher::policy::sender_trial::HoldReason;
use invoice_dispatcher::store::{
    Claimed, EndedAttempt, LostBy, NewAttempt, NextState, NextTrial, Record, RefusingRelay, SenderHold, TrippedAttempt,
};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::store::samples::{
    add_due, add_tenant, add_worker, attempt, claim, conclusion, data_start, dead_letter, relay, sent, states,
};

on_both_databases!(
    what_tripped_it_waits_as_if_it_had_not_been_tried,
    a_later_attempt_is_left_alone,
    what_waits_goes_when_the_hold_ends_and_what_tripped_it_goes_last,
    one_of_several_begins_the_trial,
    few_senders_are_tried_at_once,
    a_trial_takes_another_delivery_each_time,
    a_trial_goes_on_until_its_attempt_is_recorded,
    a_hold_of_nothing_ends,
    what_was_lost_while_its_worker_died_is_found,
    answers_are_found_by_sender_whoever_sent,
    what_tripped_a_hold_counts_only_until_something_is_accepted,
    a_relay_that_refuses_everybody_takes_the_holds_over,
);

const HELD: &str = "SELECT COUNT(*) FROM lane_entry WHERE held IS NOT NULL AND state = 'due' AND attempts = 0";
const SENDER: &str = "rechnung@acme.example";

pub(super) fn key() -> SenderKey {
    SenderKey::of(&relay(), SENDER, SENDER)
}

pub(crate) fn hold(database: &TestDatabase) -> SenderHold {
    let now = database.clock.now();
    SenderHold {
        relay: relay(),
        sender: SENDER.to_owned(),
        envelope_sender: SENDER.to_owned(),
        from: None,
        reason: HoldReason::Refused,
        phase: Phase::Mail,
        code: "550 5.7.1".to_owned(),
        description: "the relay refuses its sender".to_owned(),
        first_refused_at: now,
        held_since: now,
        trials: 0,
        trial_at: now.plus(Duration::from_mins(5)),
        trial_delivery: None,
        trial_claim: None,
        repeat_delivery: None,
    }
}

fn tripped(claimed: &Claimed) -> TrippedAttempt {
    TrippedAttempt { delivery: claimed.delivery, claim: claimed.claim, attempts: claimed.attempts }
}

/// An attempt that the relay refused with the hold's answer, or accepted.
fn answered(database: &TestDatabase, claimed: &Claimed, class: ReasonCode, key: SenderKey) -> NewAttempt {
    NewAttempt {
        phase: Some(Phase::Mail),
        code: Some("550 5.7.1".to_owned()),
        sender_key: Some(key),
        ..attempt(claimed, class, database.clock.now())
    }
}

/// The record of a delivery that is dead by a refusal.
pub(super) fn dead(database: &TestDatabase, claimed: &Claimed, worker: WorkerId, key: SenderKey) -> Record {
    let now = database.clock.now();
    let mut dead = conclusion(claimed, Concluded::Dead, ReasonCode::Refused, now);
    dead.dead_letter = Some(dead_letter(Some(claimed.delivery), ReasonCode::Refused, None, now));
    Record {
        fence: claimed.fence(worker),
        attempt: Some(answered(database, claimed, ReasonCode::Refused, key)),
        next: NextState::Concluded(Box::new(dead)),
    }
}

/// Two claims of one tenant, each dead by its attempt.
pub(super) async fn refused(database: &TestDatabase) -> Vec<Claimed> {
    add_tenant(database, "acme").await;
    add_due(database, "acme", 2).await;
    let worker = add_worker(database).await;
    let claimed = claim(database, worker, 2).await;
    let records: Vec<_> = claimed.iter().map(|claimed| dead(database, claimed, worker, key())).collect();
    database.store.record(&records).await.expect("answered");
    claimed
}

pub(super) async fn held(database: &TestDatabase) -> Vec<Claimed> {
    let claimed = refused(database).await;
    let attempts: Vec<_> = claimed.iter().map(tripped).collect();
    let (stands, new) =
        database.store.hold_sender(&hold(database), &attempts, None).await.expect("answered").expect("it is held");
    assert!(new && stands == hold(database));
    assert_eq!(database.store.held_senders().await.expect("answered"), [(stands, 2)]);
    claimed
}

pub(super) async fn stands(database: &TestDatabase) -> SenderHold {
    database.store.sender_holds().await.expect("answered").remove(0)
}

/// Holds what is due, as it is when its turn comes.
async fn hold_all_due(database: &TestDatabase) {
    database.execute("UPDATE lane_entry SET held = 'the relay refuses its sender', fair_rank = NULL").await;
}

/// Which delivery the trial that is due now takes.
async fn tried(database: &TestDatabase) -> DeliveryId {
    assert!(database.store.begin_trial(&stands(database).await, 1).await.expect("answered"));
    let stands = stands(database).await;
    let next = NextTrial { at: database.clock.now(), refused: true, repeat: None };
    assert!(database.store.end_trial(&stands, next).await.expect("answered"));
    hold_all_due(database).await;
    database.clock.advance(Duration::from_millis(1));
    stands.trial_delivery.expect("a trial goes on")
}

async fn what_tripped_it_waits_as_if_it_had_not_been_tried(database: TestDatabase) {
    let claimed = held(&database).await;
    assert_eq!(database.number(HELD).await, 2);
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery WHERE tripped_at IS NOT NULL").await, 2);
    database.assert_ledger().await;

    // The answer was lost, and it is done again.
    let attempts: Vec<_> = claimed.iter().map(tripped).collect();
    let (_, new) =
        database.store.hold_sender(&hold(&database), &attempts, None).await.expect("answered").expect("it is held");
    assert!(!new);
    assert_eq!(database.number(HELD).await, 2);
    database.clock.advance(Duration::from_hours(2));
    database.store.enqueue_ready(10).await.expect("answered");
    let worker = add_worker(&database).await;
    assert!(claim(&database, worker, 2).await.is_empty(), "what is held is not claimed");
    database.assert_ledger().await;
}

async fn a_later_attempt_is_left_alone(database: TestDatabase) {
    let claimed = refused(&database).await;
    let later = claimed.iter().map(|claimed| TrippedAttempt { claim: claimed.claim + 1, ..tripped(claimed) });
    database.store.hold_sender(&hold(&database), &later.collect::<Vec<_>>(), None).await.expect("answered");
    assert_eq!(database.number(HELD).await, 0);
    assert_eq!(states(&database).await["dead"], 2);
    database.assert_ledger().await;
}

async fn what_waits_goes_when_the_hold_ends_and_what_tripped_it_goes_last(database: TestDatabase) {
    let first = held(&database).await;
    let later = add_due(&database, "acme", 2).await;
    hold_all_due(&database).await;
    let store = &database.store;
    assert_eq!(store.let_senders_go().await.expect("answered"), 0, "the hold stands");
    assert!(store.release_sender(&relay(), SENDER, &actor("billing")).await.expect("answered"));
    assert!(!store.release_sender(&relay(), SENDER, &actor("billing")).await.expect("answered"), "only once");
    assert_eq!(store.let_senders_go().await.expect("answered"), 4);
    let worker = add_worker(&database).await;
    let mut order = Vec::new();
    for _ in 0..8 {
        store.enqueue_ready(10).await.expect("answered");
        order.extend(claim(&database, worker, 5).await.into_iter().map(|claimed| claimed.delivery));
        database.clock.advance(Duration::from_secs(1));
    }
    let first: Vec<_> = first.iter().map(|claimed| claimed.delivery).collect();
    assert!(order[..2].iter().all(|delivery| later.contains(delivery)), "the others go first");
    assert!(order[2..].iter().all(|delivery| first.contains(delivery)) && order.len() == 4);
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery WHERE tripped_at = 0").await, 2);
    database.assert_ledger().await;
}

async fn few_senders_are_tried_at_once(database: TestDatabase) {
    held(&database).await;
    let store = &database.store;
    let description = |n: usize| format!("the relay refuses sender {n}");
    let others = (0..2).map(|n| SenderHold {
        sender: format!("s{n}@acme.example"),
        description: description(n),
        ..hold(&database)
    });
    for other in others.collect::<Vec<_>>() {
        store.hold_sender(&other, &[], None).await.expect("answered");
    }
    // Of two deliveries the first hold keeps one.
    database
        .execute(format!(
            "UPDATE lane_entry SET held = '{}'
             WHERE delivery_id = (SELECT delivery_id FROM lane_entry ORDER BY delivery_id LIMIT 1)",
            description(0)
        ))
        .await;
    database.clock.advance(Duration::from_mins(5));
    let holds = store.sender_holds().await.expect("answered");
    let begun = |sender: &str| holds.iter().find(|hold| hold.sender == sender).expect("it is held").clone();
    assert!(store.begin_trial(&begun(SENDER), 1).await.expect("answered"));
    assert!(!store.begin_trial(&begun("s0@acme.example"), 1).await.expect("answered"), "another one is tried");
    assert!(store.begin_trial(&begun("s0@acme.example"), 2).await.expect("answered"));
    assert_eq!(database.number("SELECT COUNT(*) FROM sender_hold WHERE trial_delivery IS NOT NULL").await, 2);
    assert!(!store.begin_trial(&begun("s1@acme.example"), 2).await.expect("answered"));
}

async fn one_of_several_begins_the_trial(database: TestDatabase) {
    held(&database).await;
    let store = &database.store;
    let before = stands(&database).await;
    assert!(!store.begin_trial(&before, 1).await.expect("answered"), "not before its time");
    database.clock.advance(Duration::from_mins(5));
    let (one, other) = tokio::join!(store.begin_trial(&before, 1), store.begin_trial(&before, 1));
    assert!(one.expect("answered") ^ other.expect("answered"));
    assert_eq!(database.number(HELD).await, 1);
    let stands = stands(&database).await;
    let trial = stands.trial_delivery.expect("it goes on");
    assert!(!store.begin_trial(&stands, 1).await.expect("answered"), "one at a time");

    let next = NextTrial { at: database.clock.now().plus(Duration::from_mins(15)), refused: true, repeat: None };
    let (one, other) = tokio::join!(store.end_trial(&stands, next), store.end_trial(&stands, next));
    assert!(one.expect("answered") ^ other.expect("answered"));
    let after = self::stands(&database).await;
    assert_eq!((after.trials, after.trial_at, after.trial_delivery), (1, next.at, None));
    assert!(trial != DeliveryId(uuid::Uuid::nil()));
    database.assert_ledger().await;
}

async fn a_trial_takes_another_delivery_each_time(database: TestDatabase) {
    let first = held(&database).await;
    let never = add_due(&database, "acme", 4).await;
    hold_all_due(&database).await;
    database
        .execute(
            "UPDATE delivery SET recipients = REPLACE(recipients, '@customer.example', '@other.example')
             WHERE id = (SELECT id FROM delivery WHERE tripped_at IS NULL ORDER BY id LIMIT 1)",
        )
        .await;
    database.clock.advance(Duration::from_mins(5));
    let mut seen = vec![tried(&database).await];
    let elsewhere = "SELECT COUNT(*) FROM delivery WHERE recipients LIKE '%other.example%' AND tripped_at IS NOT NULL";
    assert_eq!(database.number(elsewhere).await, 1, "another domain comes first");
    for _ in 1..6 {
        seen.push(tried(&database).await);
    }
    assert!(seen[..4].iter().all(|delivery| never.contains(delivery)), "first what was never tried");
    assert!(seen[4..].iter().all(|delivery| first.iter().any(|claimed| claimed.delivery == *delivery)));
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), 6);
    database.assert_ledger().await;
}

async fn a_trial_goes_on_until_its_attempt_is_recorded(database: TestDatabase) {
    held(&database).await;
    database.clock.advance(Duration::from_mins(5));
    assert!(database.store.begin_trial(&stands(&database).await, 1).await.expect("answered"));
    let stands = stands(&database).await;
    let (delivery, after) = (stands.trial_delivery.expect("it goes on"), stands.trial_claim.expect("it goes on"));
    let end = || database.store.attempt_after(&stands.relay, delivery, after);
    assert_eq!(end().await.expect("answered"), None, "it waits for its turn");
    database.store.enqueue_ready(10).await.expect("answered");
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 5).await.remove(0);
    assert_eq!(claimed.delivery, delivery);
    assert_eq!(end().await.expect("answered"), None, "it is being sent");
    // Its worker gives it back, or dies.
    database.store.release(&[claimed.fence(worker)]).await.expect("answered");
    assert_eq!(end().await.expect("answered"), Some(EndedAttempt::default()), "there is no answer");
    let claimed = claim(&database, worker, 5).await.remove(0);
    database.store.record(&[dead(&database, &claimed, worker, key())]).await.expect("answered");
    let ended = end().await.expect("answered").expect("it has ended");
    assert_eq!((ended.phase, ended.class), (Some(Phase::Mail), Some(ReasonCode::Refused)));
}

async fn a_hold_of_nothing_ends(database: TestDatabase) {
    let store = &database.store;
    store.hold_sender(&hold(&database), &[], None).await.expect("answered");
    assert_eq!(store.held_senders().await.expect("answered"), [(hold(&database), 0)]);
    database.clock.advance(Duration::from_mins(5));
    assert!(store.begin_trial(&stands(&database).await, 1).await.expect("answered"));
    assert!(store.sender_holds().await.expect("answered").is_empty());
}

/// The refusal is recorded, and the worker dies before it looks at what it means.
async fn what_was_lost_while_its_worker_died_is_found(database: TestDatabase) {
    refused(&database).await;
    let (stands, _) =
        database.store.hold_sender(&hold(&database), &[], None).await.expect("answered").expect("it is held");
    let since = database.clock.now().minus(Duration::from_mins(10));
    assert_eq!(database.store.return_lost(&stands, since, 1).await.expect("answered"), 1);
    assert_eq!(database.store.return_lost(&stands, since, 10).await.expect("answered"), 1);
    assert_eq!(database.store.return_lost(&stands, since, 10).await.expect("answered"), 0, "it may be repeated");
    assert_eq!(database.number(HELD).await, 2);
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    database.assert_ledger().await;
}

async fn answers_are_found_by_sender_whoever_sent(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 6).await;
    let other = SenderKey::of(&relay(), SENDER, "other@acme.example");
    let (store, relay) = (&database.store, relay());
    let workers = [add_worker(&database).await, add_worker(&database).await];
    let claimed = [claim(&database, workers[0], 3).await, claim(&database, workers[1], 3).await].concat();
    let start = database.clock.now();
    for (n, claimed) in claimed.iter().enumerate() {
        let worker = workers[n / 3];
        let record = match n {
            1 => {
                store.permit_data(&[data_start(claimed, worker)]).await.expect("answered");
                let accepted = answered(&database, claimed, ReasonCode::Accepted, key());
                Record { attempt: Some(accepted), ..sent(claimed, worker, database.clock.now()) }
            }
            4 => dead(&database, claimed, worker, other),
            _ => dead(&database, claimed, worker, key()),
        };
        store.record(&[record]).await.expect("answered");
        database.clock.advance(Duration::from_secs(1));
    }
    let accepted = start.plus(Duration::from_secs(1));
    for keys in [key().alone(), key().same_envelope(), SenderKey::all_senders(&relay)] {
        assert_eq!(store.last_accepted(&relay, &keys).await.expect("answered"), Some(accepted), "{keys:?}");
    }
    assert_eq!(store.last_accepted(&relay, &other.alone()).await.expect("answered"), None);
    assert_eq!(store.last_accepted(&"another".into(), &SenderKey::all_senders(&relay)).await.expect("answered"), None);
    let found = |answers: Vec<(_, invoice_dispatcher::policy::sender_trip::PastAnswer<Phase>)>| {
        answers.into_iter().map(|(_, answer)| answer.delivery).collect::<Vec<_>>()
    };
    let alone = store.refusals_since(&relay, &key().alone(), accepted, Some(accepted)).await.expect("answered");
    assert_eq!(found(alone), [5, 3, 2].map(|n: usize| claimed[n].delivery));
    let all = store.refusals_since(&relay, &key().same_envelope(), accepted, Some(accepted)).await.expect("answered");
    assert_eq!(found(all), [5, 4, 3, 2].map(|n: usize| claimed[n].delivery));
    let lost = |keys, since| {
        let relay = relay.clone();
        async move {
            let lost = LostBy { relay: &relay, keys: &keys, phase: Phase::Mail, code: "550 5.7.1", since };
            store.lost_deliveries(&lost, 10).await.expect("answered").len()
        }
    };
    assert_eq!(lost(key().alone(), start).await, 4);
    assert_eq!(lost(SenderKey::all_senders(&relay), start).await, 5);
    assert_eq!(lost(key().alone(), start.plus(Duration::from_secs(3))).await, 2);
    database.assert_ledger().await;
}

async fn what_tripped_a_hold_counts_only_until_something_is_accepted(database: TestDatabase) {
    held(&database).await;
    let (store, relay, keys) = (&database.store, relay(), key().alone());
    let counting = |accepted| {
        let (relay, keys) = (relay.clone(), keys.clone());
        async move {
            let since = invoice_dispatcher::clock::Timestamp(0);
            let answers = store.refusals_since(&relay, &keys, since, accepted).await.expect("answered");
            answers.iter().filter(|(_, answer)| answer.counts).count()
        }
    };
    let tripped_at = database.clock.now();
    assert_eq!(counting(None).await, 2, "nothing shows that they were not the sender's");
    assert_eq!(counting(Some(tripped_at)).await, 0, "what followed was taken");
    assert!(store.release_sender(&relay, SENDER, &actor("billing")).await.expect("answered"));
    assert_eq!(counting(None).await, 0, "a person has let them go");
}

async fn a_relay_that_refuses_everybody_takes_the_holds_over(database: TestDatabase) {
    held(&database).await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 1).await.remove(0);
    let other = SenderKey::of(&relay(), "other@acme.example", "other@acme.example");
    database.store.record(&[dead(&database, &claimed, worker, other)]).await.expect("answered");
    let now = database.clock.now();
    let refusing = RefusingRelay { relay: relay(), phase: Phase::Mail, code: "550 5.7.1".to_owned(), since: now };
    let (store, soon) = (&database.store, now.plus(Duration::from_secs(5)));
    assert!(store.refuse_every_sender(&refusing, soon).await.expect("answered"));
    assert!(!store.refuse_every_sender(&refusing, soon).await.expect("answered"), "only once");
    assert_eq!(store.refusing_relays().await.expect("answered"), std::slice::from_ref(&refusing));
    let state = store.relay_state(&relay()).await.expect("answered");
    assert_eq!(
        (state.breaker, state.probe_at, state.refused_phase),
        (BreakerState::Open, Some(soon), Some(Phase::Mail))
    );
    assert!(state.reason.expect("it says why").contains("refuses every sender"));
    assert!(store.sender_holds().await.expect("answered").is_empty());
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery WHERE tripped_at IS NOT NULL").await, 0);

    assert_eq!(store.return_refused(&refusing, now, 10).await.expect("answered"), 1, "the other sender's, too");
    assert_eq!(store.let_senders_go().await.expect("answered"), 2);
    assert_eq!(database.number("SELECT COUNT(*) FROM lane_entry WHERE held IS NULL AND state = 'due'").await, 3);
    database.assert_ledger().await;
}

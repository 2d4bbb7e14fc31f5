//! Dead workers: what they held goes on, and nothing is sent twice for it.

use std::collections::BTreeMap;
use std::time::Duration;

use invoice_dispatcher::model::ids::WorkerId;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{BreakerState, Concluded};
use invoice_dispatcher::store::{
    Claimed, Conclusion, DataPermitAnswer, Erased, NextState, Record, Recorded, RelayState, Store,
};
use invoice_dispatcher::upkeep::reconciliation::{self, Evidence};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::store::samples::{
    add_due, add_tenant, add_worker, attempt, claim, conclusion, data_start, dead_letter, deferred, relay, sent, states,
};

on_both_databases!(
    before_data_it_is_due_again_and_after_it_is_uncertain,
    a_late_answer_still_counts,
    a_late_answer_after_a_person_decided_is_lost,
    a_late_deferral_is_due_again,
    a_late_answer_to_what_is_sent_once_more_is_kept,
    a_late_acceptance_ends_what_has_become_uncertain,
    a_late_answer_brings_no_erased_customer_back,
    three_dead_workers_are_enough,
    a_worker_that_was_declared_dead_is_reported,
    a_worker_that_nobody_registered_is_found,
    two_observers_share_it_out,
    its_leases_go_with_it,
);

async fn before_data_it_is_due_again_and_after_it_is_uncertain(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 5).await;
    let (dead, live) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, dead, 5).await;
    let starts: Vec<_> = claimed.iter().take(2).map(|claimed| data_start(claimed, dead)).collect();
    database.store.permit_data(&starts).await.expect("answered");

    let taken = database.store.take_over(dead, live).await.expect("answered");
    assert_eq!((taken.due.len(), taken.uncertain.len(), taken.given_up.len()), (3, 2, 0));
    assert_eq!(
        states(&database).await.into_iter().collect::<Vec<_>>(),
        [("due".to_owned(), 3), ("uncertain".to_owned(), 2)]
    );
    let told = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain' AND message_sha256 IS NOT NULL
                AND message_date IS NOT NULL
                AND decision = 'attach' AND decision_inputs IS NOT NULL AND reason IS NOT NULL AND claim = 1";
    assert_eq!(database.number(told).await, 2);
    database.assert_ledger().await;

    let again = claim(&database, live, 5).await;
    assert_eq!(again.iter().map(|claimed| (claimed.claim, claimed.takeovers)).collect::<Vec<_>>(), [(2, 1); 3]);
    let late = data_start(&claimed[4], dead);
    assert_eq!(
        database.store.permit_data(&[late]).await.expect("answered"),
        [DataPermitAnswer::Lost],
        "no DATA any more"
    );
}

async fn a_late_answer_still_counts(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    let (slow, live) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, slow, 2).await;
    let starts: Vec<_> = claimed.iter().map(|claimed| data_start(claimed, slow)).collect();
    database.store.permit_data(&starts).await.expect("answered");
    database.store.take_over(slow, live).await.expect("answered");
    assert_eq!(states(&database).await["uncertain"], 2);

    let now = database.clock.now();
    let mut dead = conclusion(&claimed[1], Concluded::Dead, ReasonCode::Refused, now);
    dead.dead_letter = Some(dead_letter(Some(claimed[1].delivery), ReasonCode::Refused, None, now));
    let attempt = Some(attempt(&claimed[1], ReasonCode::Refused, now));
    let refused = Record { attempt, next: NextState::Concluded(Box::new(dead)), ..sent(&claimed[1], slow, now) };
    let recorded = database.store.record(&[sent(&claimed[0], slow, now), refused]).await.expect("answered");
    assert_eq!(recorded, [Recorded::Done; 2]);
    assert_eq!(
        states(&database).await.into_iter().collect::<Vec<_>>(),
        [("dead".to_owned(), 1), ("sent".to_owned(), 1)]
    );
    database.assert_ledger().await;
}

async fn a_late_answer_after_a_person_decided_is_lost(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    let (slow, live) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, slow, 2).await;
    let starts: Vec<_> = claimed.iter().map(|claimed| data_start(claimed, slow)).collect();
    database.store.permit_data(&starts).await.expect("answered");
    database.store.take_over(slow, live).await.expect("answered");
    database
        .execute(
            "UPDATE delivery SET concluded = 'cancelled', class = 'superseded';
             UPDATE concluded_count SET concluded = 'cancelled';",
        )
        .await;
    let now = database.clock.now();
    for late in [sent(&claimed[0], slow, now), deferred(&claimed[1], slow, now)] {
        assert_eq!(database.store.record(&[late]).await.expect("answered"), [Recorded::Lost]);
    }
    assert_eq!(states(&database).await["cancelled"], 2);
    let attempts = "SELECT class FROM attempt ORDER BY class";
    assert_eq!(database.texts(attempts).await, ["accepted", "deferred"], "what the relay answered is known");
    database.assert_ledger().await;
}

async fn a_late_deferral_is_due_again(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let (slow, live) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = &claim(&database, slow, 1).await[0];
    database.store.permit_data(&[data_start(claimed, slow)]).await.expect("answered");
    database.store.take_over(slow, live).await.expect("answered");

    let again_at = database.clock.now().plus(Duration::from_secs(30));
    let late = deferred(claimed, slow, again_at);
    for _ in 0..2 {
        assert_eq!(database.store.record(std::slice::from_ref(&late)).await.expect("answered"), [Recorded::Done]);
        database.assert_ledger().await;
    }
    database.clock.advance(Duration::from_secs(30));
    assert_eq!(database.store.enqueue_ready(10).await.expect("answered"), 1);
    let again = &claim(&database, live, 1).await[0];
    assert_eq!((again.claim, again.attempts), (2, 1));
    let message = (again.message_sha256, again.message_date);
    let start = data_start(claimed, slow);
    assert_eq!(message, (Some(start.message_sha256), Some(start.message_date)), "its message moves with it");
}

async fn a_late_answer_to_what_is_sent_once_more_is_kept(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    let store = database.store.clone().with_resent_by([relay()]);
    let (slow, live) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, slow, 2).await;
    let starts: Vec<_> = claimed.iter().map(|claimed| data_start(claimed, slow)).collect();
    store.permit_data(&starts).await.expect("answered");
    assert_eq!(store.take_over(slow, live).await.expect("answered").resent.len(), 2);
    database.clock.advance(Duration::from_secs(5));
    assert_eq!(store.enqueue_ready(10).await.expect("answered"), 2);

    // The one is sent once more before the answer comes, the other after.
    let again = &claim(&database, live, 1).await[0];
    store.permit_data(&[data_start(again, live)]).await.expect("answered");
    assert_eq!(store.record(&[sent(again, live, database.clock.now())]).await.expect("answered"), [Recorded::Done]);
    let before = states(&database).await;
    assert_eq!((before["due"], before["sent"]), (1, 1));
    database.clock.advance(Duration::from_mins(1));
    let now = database.clock.now();
    let late: Vec<_> = claimed.iter().map(|claimed| sent(claimed, slow, now)).collect();
    assert_eq!(store.record(&late).await.expect("answered"), [Recorded::Lost; 2]);
    let attempts = "SELECT class || ' ' || claim || ' ' || COALESCE(code, '-') || ' ' || (ended_at - started_at)
                    FROM attempt ORDER BY claim, delivery_id";
    let told = database.texts(attempts).await;
    assert_eq!(told, ["uncertain 1 250 2.0.0 0", "uncertain 1 250 2.0.0 0", "accepted 2 250 2.0.0 0"]);
    let notes = "SELECT COUNT(*) FROM delivery_note WHERE what LIKE 'the relay answered late: accepted (250 2.0.0);%'";
    assert_eq!(database.number(notes).await, 2);
    assert_eq!(states(&database).await, before, "nothing else changes by it");

    assert_eq!(store.record(&late).await.expect("answered"), [Recorded::Done; 2], "it stands already");
    assert_eq!(database.number(notes).await, 2);
    let ledger = reconciliation::audit(&store, &Evidence::default()).await.expect("answered");
    assert!(ledger.balances(), "{ledger:#?}");
    assert_eq!(ledger.notices.len(), 1, "it is told that the relay took one of them twice: {ledger:#?}");
}

/// What was sent once more got no reply either; but the relay accepts the first one, before or after.
async fn a_late_acceptance_ends_what_has_become_uncertain(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    let store = database.store.clone().with_resent_by([relay()]);
    let (slow, live) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, slow, 2).await;
    store.permit_data(&claimed.iter().map(|one| data_start(one, slow)).collect::<Vec<_>>()).await.expect("answered");
    assert_eq!(store.take_over(slow, live).await.expect("answered").resent.len(), 2);
    database.clock.advance(Duration::from_secs(5));
    assert_eq!(store.enqueue_ready(10).await.expect("answered"), 2);
    let again = claim(&database, live, 2).await;
    store.permit_data(&again.iter().map(|one| data_start(one, live)).collect::<Vec<_>>()).await.expect("answered");

    let now = database.clock.now();
    let late =
        |one: &Claimed| sent(claimed.iter().find(|first| first.delivery == one.delivery).expect("it is"), slow, now);
    let unanswered = |one: &Claimed| {
        let mut record = sent(one, live, now);
        let attempt = record.attempt.as_mut().expect("it was tried");
        (attempt.class, attempt.code, attempt.reply) = (ReasonCode::Uncertain, None, None);
        if let NextState::Concluded(conclusion) = &mut record.next {
            (conclusion.concluded, conclusion.class) = (Concluded::Uncertain, ReasonCode::Uncertain);
        }
        record
    };
    store.record(&[late(&again[0])]).await.expect("answered");
    assert_eq!(states(&database).await["sending"], 2, "the second attempt goes on");
    store.record(&[unanswered(&again[0])]).await.expect("answered");
    assert_eq!((states(&database).await["sent"], states(&database).await["sending"]), (1, 1));
    store.record(&[unanswered(&again[1])]).await.expect("answered");
    assert_eq!(states(&database).await["uncertain"], 1);
    store.record(&[late(&again[1])]).await.expect("answered");
    assert_eq!(states(&database).await, BTreeMap::from([("sent".to_owned(), 2)]));
    let ledger = reconciliation::audit(&store, &Evidence::default()).await.expect("answered");
    assert!(ledger.balances(), "{ledger:#?}");
}

async fn a_late_answer_brings_no_erased_customer_back(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    let (slow, live) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, slow, 3).await;
    let starts: Vec<_> = claimed.iter().map(|claimed| data_start(claimed, slow)).collect();
    database.store.permit_data(&starts).await.expect("answered");
    database.store.take_over(slow, live).await.expect("answered");
    let erased =
        database.store.erase_customer(&"acme".into(), &"C-1".into(), &actor("a test")).await.expect("answered");
    assert!(matches!(erased, Erased::Done { deliveries: 3, discarded: 0, .. }), "{erased:?}");

    let now = database.clock.now();
    let again_at = now.plus(Duration::from_secs(30));
    let mut dead = sent(&claimed[2], slow, now);
    dead.attempt = Some(attempt(&claimed[2], ReasonCode::Refused, now));
    let letter = dead_letter(Some(claimed[2].delivery), ReasonCode::Refused, None, now);
    let refused = conclusion(&claimed[2], Concluded::Dead, ReasonCode::Refused, now);
    dead.next = NextState::Concluded(Box::new(Conclusion { dead_letter: Some(letter), ..refused }));
    let late = [sent(&claimed[0], slow, now), deferred(&claimed[1], slow, again_at), dead];
    for _ in 0..2 {
        assert_eq!(database.store.record(&late).await.expect("answered"), [Recorded::Done; 3]);
        database.assert_ledger().await;
    }
    let ended: Vec<_> = states(&database).await.into_iter().collect();
    assert_eq!(ended, [("cancelled".to_owned(), 2), ("sent".to_owned(), 1)]);
    assert_eq!(database.number("SELECT COUNT(*) FROM lane_entry").await, 0, "nothing is due without an address");
    assert_eq!(database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    assert_eq!(database.number("SELECT COUNT(*) FROM attempt").await, 3, "what the relay answered is known");
    let words = "SELECT COUNT(*) FROM attempt WHERE reply IS NOT NULL OR refused IS NOT NULL";
    assert_eq!(database.number(words).await, 0, "without its words");
}

async fn three_dead_workers_are_enough(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let live = add_worker(&database).await;
    for _ in 0..2 {
        let dead = add_worker(&database).await;
        assert_eq!(claim(&database, dead, 1).await.len(), 1);
        assert_eq!(database.store.take_over(dead, live).await.expect("answered").due.len(), 1);
    }
    let dead = add_worker(&database).await;
    claim(&database, dead, 1).await;
    let taken = database.store.take_over(dead, live).await.expect("answered");
    assert_eq!((taken.due.len(), taken.given_up.len()), (0, 1));
    assert_eq!(taken.given_up[0].takeovers, 3);
    assert!(claim(&database, live, 1).await.is_empty(), "no other may send it");

    let now = database.clock.now();
    let mut concluded = conclusion(&taken.given_up[0], Concluded::Dead, ReasonCode::Internal, now);
    concluded.dead_letter = Some(dead_letter(Some(taken.given_up[0].delivery), ReasonCode::Internal, None, now));
    let record =
        Record { fence: taken.given_up[0].fence(live), attempt: None, next: NextState::Concluded(Box::new(concluded)) };
    assert_eq!(database.store.record(&[record]).await.expect("answered"), [Recorded::Done]);
    assert_eq!(states(&database).await["dead"], 1);
    database.assert_ledger().await;
}

async fn a_worker_that_was_declared_dead_is_reported(database: TestDatabase) {
    let (one, other) = (add_worker(&database).await, add_worker(&database).await);
    let beats = database.store.beat(one).await.expect("answered").expect("it lives");
    assert_eq!(beats.len(), 2);
    assert_eq!(beats.iter().find(|heartbeat| heartbeat.worker == one).map(|heartbeat| heartbeat.beats), Some(1));
    database.store.take_over(one, other).await.expect("answered");
    assert_eq!(database.store.beat(one).await.expect("answered"), None);
    database.store.remove_worker(other).await.expect("answered");
    assert!(database.store.workers().await.expect("answered").is_empty());
}

async fn a_worker_that_nobody_registered_is_found(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    let (gone, live) = (add_worker(&database).await, add_worker(&database).await);
    claim(&database, gone, 1).await;
    claim(&database, live, 1).await;
    assert!(database.store.unregistered_workers().await.expect("answered").is_empty());
    database.store.remove_worker(gone).await.expect("answered");
    assert_eq!(database.store.unregistered_workers().await.expect("answered"), [gone]);
    assert_eq!(database.store.take_over(gone, live).await.expect("answered").due.len(), 1);
    assert!(database.store.unregistered_workers().await.expect("answered").is_empty());
    database.assert_ledger().await;
}

async fn two_observers_share_it_out(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 40).await;
    let (dead, one, other) = (add_worker(&database).await, add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, dead, 40).await;
    let starts: Vec<_> = claimed.iter().step_by(2).map(|claimed| data_start(claimed, dead)).collect();
    database.store.permit_data(&starts).await.expect("answered");
    let (first, second) = tokio::join!(database.store.take_over(dead, one), database.store.take_over(dead, other));
    let (first, second) = (first.expect("answered"), second.expect("answered"));
    assert_eq!(first.due.len() + second.due.len(), 20);
    assert_eq!(first.uncertain.len() + second.uncertain.len(), 20);
    database.assert_ledger().await;
}

async fn its_leases_go_with_it(database: TestDatabase) {
    let live = add_worker(&database).await;
    let process = Store::open_beside(&database.url, database.clock.clone()).await.expect("the database opens");
    let minutes = Duration::from_mins(2);
    // Of a worker that is called dead its process's leases end, and its probe; another process's do not.
    let dead = WorkerId(new_id());
    process.register_worker(dead, "test", &[relay()]).await.expect("registered");
    assert!(process.hold_lease("outcomes", minutes).await.expect("answered"));
    assert!(database.store.hold_lease("mirror", minutes).await.expect("answered"));
    let state = RelayState {
        breaker: BreakerState::HalfOpen,
        probe_worker: Some(dead),
        probe_until: Some(database.clock.now().plus(minutes)),
        ..RelayState::closed(relay())
    };
    assert!(database.store.change_breaker(&state).await.expect("answered"));
    assert!(!database.store.hold_lease("outcomes", minutes).await.expect("answered"), "it is held");
    database.store.take_over(dead, live).await.expect("answered");
    assert!(database.store.hold_lease("outcomes", minutes).await.expect("answered"));
    assert!(!process.hold_lease("mirror", minutes).await.expect("answered"));
    let state = database.store.relay_state(&relay()).await.expect("answered");
    assert_eq!((state.breaker, state.probe_worker, state.probe_until), (BreakerState::HalfOpen, None, None));

    // One that ends in order gives its probe back itself; its process's leases are for those to end who hold them.
    let ends = WorkerId(new_id());
    process.register_worker(ends, "test", &[relay()]).await.expect("registered");
    assert!(process.hold_lease("other", minutes).await.expect("answered"));
    let state = RelayState { probe_worker: Some(ends), probe_until: Some(database.clock.now().plus(minutes)), ..state };
    assert!(database.store.change_breaker(&state).await.expect("answered"));
    process.leave(ends).await.expect("answered");
    let state = database.store.relay_state(&relay()).await.expect("answered");
    assert_eq!((state.probe_worker, state.probe_until), (None, None));
    assert!(!database.store.hold_lease("other", minutes).await.expect("answered"));
}

//! DATA and outcomes: fenced by the claim, repeatable, and never against the settings that hold.

use std::time::Duration;

use invoice_dispatcher::model::ids::DeliveryId;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, Decision, DeliveryRole};
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{
    Acted, Claimed, DataPermitAnswer, DataPermitRequest, Fence, NewPortalLink, NextState, Record, Recorded,
    RemainderDelivery,
};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::store::samples::{
    accepted, add_due, add_tenant, add_worker, attempt, batch, claim, conclusion, data_start, dead_letter, deferred,
    relay, sent, states, take_in,
};

on_both_databases!(
    a_sent_mail_is_concluded_with_its_attempt,
    a_deferred_mail_waits_and_consumes_an_attempt,
    what_is_due_at_once_keeps_its_place,
    an_old_claim_records_nothing,
    a_record_may_be_repeated,
    a_dead_mail_leaves_its_dead_letter,
    what_a_conclusion_brings_is_written_with_it,
    no_data_without_the_claim,
    no_data_for_an_earlier_claim_of_the_same_worker,
    no_data_against_new_settings,
    no_data_against_a_new_customer_type,
    no_data_against_what_another_transaction_changes,
    no_data_against_what_changes_while_the_statement_waits,
    no_data_after_the_deliverys_time,
    a_link_stands_from_the_start_of_data,
    a_batch_is_answered_in_its_order,
    of_two_claims_in_a_batch_the_one_that_stands_counts,
);

async fn a_sent_mail_is_concluded_with_its_attempt(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = &claim(&database, worker, 1).await[0];
    let started = database.store.permit_data(&[data_start(claimed, worker)]).await.expect("answered");
    assert_eq!(started, [DataPermitAnswer::Started]);
    let recorded = database.store.record(&[sent(claimed, worker, database.clock.now())]).await.expect("answered");
    assert_eq!(recorded, [Recorded::Done]);
    assert_eq!(states(&database).await["sent"], 1);
    let kept = "SELECT COUNT(*) FROM delivery JOIN attempt ON attempt.delivery_id = delivery.id
                WHERE delivery.class = 'accepted' AND attempt.class = 'accepted' AND delivery.claim = 1
                  AND delivery.attempts = 1 AND delivery.message_sha256 = attempt.message_sha256
                  AND delivery.attention_at IS NULL";
    assert_eq!(database.number(kept).await, 1);
    database.assert_ledger().await;
}

async fn a_deferred_mail_waits_and_consumes_an_attempt(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = &claim(&database, worker, 1).await[0];
    let again_at = database.clock.now().plus(Duration::from_secs(30));
    database.store.record(&[deferred(claimed, worker, again_at)]).await.expect("answered");
    assert!(claim(&database, worker, 1).await.is_empty(), "not before its time");
    assert_eq!(database.store.next_ready_at(&relay()).await.expect("answered"), Some(again_at));
    database.assert_ledger().await;

    database.clock.advance(Duration::from_secs(30));
    database.store.enqueue_ready(10).await.expect("answered");
    let again = &claim(&database, worker, 1).await[0];
    assert_eq!((again.claim, again.attempts, again.first_failed_at), (2, 1, Some(again_at)));
    assert_eq!(again.earlier, Some(Decision::Attach.into()));
}

async fn what_is_due_at_once_keeps_its_place(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 2).await;
    let now = database.clock.now();
    database.store.record(&[deferred(&claimed[0], worker, now)]).await.expect("answered");
    assert_eq!(claim(&database, worker, 1).await[0].delivery, claimed[0].delivery);
}

async fn an_old_claim_records_nothing(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let (one, other) = (add_worker(&database).await, add_worker(&database).await);
    let old = claim(&database, one, 1).await.remove(0);
    database.store.release(&[old.fence(one)]).await.expect("answered");
    let new = claim(&database, other, 1).await.remove(0);
    let now = database.clock.now();

    let wrong_worker = Record { fence: Fence { worker: one, ..new.fence(other) }, ..sent(&new, other, now) };
    for stale in [sent(&old, one, now), deferred(&old, one, now), wrong_worker] {
        assert_eq!(database.store.record(&[stale]).await.expect("answered"), [Recorded::Lost]);
    }
    assert_eq!(states(&database).await["sending"], 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM attempt").await, 0);
    assert_eq!(database.store.record(&[sent(&new, other, now)]).await.expect("answered"), [Recorded::Done]);
    database.assert_ledger().await;
}

async fn a_record_may_be_repeated(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 3).await;
    let now = database.clock.now();
    let mut uncertain = sent(&claimed[2], worker, now);
    uncertain.attempt = Some(attempt(&claimed[2], ReasonCode::Uncertain, now));
    uncertain.next =
        NextState::Concluded(Box::new(conclusion(&claimed[2], Concluded::Uncertain, ReasonCode::Uncertain, now)));
    let records =
        [sent(&claimed[0], worker, now), deferred(&claimed[1], worker, now.plus(Duration::from_secs(30))), uncertain];
    for _ in 0..2 {
        let recorded = database.store.record(&records).await.expect("answered");
        assert_eq!(recorded, [Recorded::Done; 3]);
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM attempt").await, 3);
    database.assert_ledger().await;
}

async fn a_dead_mail_leaves_its_dead_letter(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = &claim(&database, worker, 1).await[0];
    let now = database.clock.now();
    let mut dead = conclusion(claimed, Concluded::Dead, ReasonCode::Refused, now);
    dead.dead_letter = Some(dead_letter(Some(claimed.delivery), ReasonCode::Refused, None, now));
    let attempt = Some(attempt(claimed, ReasonCode::Refused, now));
    let record = Record { attempt, next: NextState::Concluded(Box::new(dead)), ..sent(claimed, worker, now) };
    for _ in 0..2 {
        assert_eq!(database.store.record(std::slice::from_ref(&record)).await.expect("answered"), [Recorded::Done]);
    }
    let open = "SELECT COUNT(*) FROM dead_letter JOIN delivery ON delivery.id = dead_letter.delivery_id
                WHERE dead_letter.state = 'open' AND mirror = 'pending' AND delivery.attention_at IS NOT NULL";
    assert_eq!(database.number(open).await, 1);
    database.assert_ledger().await;
}

async fn what_a_conclusion_brings_is_written_with_it(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = &claim(&database, worker, 1).await[0];
    let now = database.clock.now();
    let (_, mut rest, mut entry) = accepted("acme", "rest", now.plus(Duration::from_secs(30)));
    rest.role = DeliveryRole::Rest;
    (rest.root, rest.main) = (claimed.delivery, claimed.delivery);
    entry.delivery = rest.id;
    let mut concluded = conclusion(claimed, Concluded::Sent, ReasonCode::Accepted, now);
    concluded.rest = Some(RemainderDelivery { delivery: rest.clone(), entry });
    let record = Record { next: NextState::Concluded(Box::new(concluded)), ..sent(claimed, worker, now) };
    assert_eq!(database.store.record(&[record]).await.expect("answered"), [Recorded::Done]);
    assert_eq!(states(&database).await["due"], 1, "the rest is to be sent");
    database.assert_ledger().await;
}

async fn no_data_without_the_claim(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let (one, other) = (add_worker(&database).await, add_worker(&database).await);
    let old = claim(&database, one, 1).await.remove(0);
    let start = data_start(&old, one);
    assert_eq!(
        database.store.permit_data(std::slice::from_ref(&start)).await.expect("answered"),
        [DataPermitAnswer::Started]
    );
    assert_eq!(
        database.store.permit_data(std::slice::from_ref(&start)).await.expect("answered"),
        [DataPermitAnswer::Started],
        "the same claim may ask again"
    );
    assert_eq!(database.store.release(&[old.fence(one)]).await.expect("answered"), 0, "not after DATA has started");

    database.store.record(&[deferred(&old, one, database.clock.now())]).await.expect("answered");
    let new = claim(&database, other, 1).await.remove(0);
    assert_eq!(database.store.permit_data(&[start]).await.expect("answered"), [DataPermitAnswer::Lost]);
    let never = Fence { delivery: DeliveryId(new_id()), ..new.fence(other) };
    let mut unknown = data_start(&new, other);
    unknown.fence = never;
    assert_eq!(database.store.permit_data(&[unknown]).await.expect("answered"), [DataPermitAnswer::Lost]);
    assert_eq!(database.number("SELECT COUNT(*) FROM lane_entry WHERE data_started").await, 0);
}

async fn no_data_for_an_earlier_claim_of_the_same_worker(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let old = claim(&database, worker, 1).await.remove(0);
    database.store.release(&[old.fence(worker)]).await.expect("answered");
    let new = claim(&database, worker, 1).await.remove(0);
    let starts = [data_start(&old, worker)];
    assert_eq!(database.store.permit_data(&starts).await.expect("answered"), [DataPermitAnswer::Lost]);
    let recorded = database.store.record(&[sent(&old, worker, database.clock.now())]).await.expect("answered");
    assert_eq!(recorded, [Recorded::Lost]);
    let starts = [data_start(&new, worker)];
    assert_eq!(database.store.permit_data(&starts).await.expect("answered"), [DataPermitAnswer::Started]);
}

async fn no_data_against_new_settings(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = &claim(&database, worker, 1).await[0];
    database.execute("UPDATE tenant_settings SET version = 2, sensitive_attachments = 'exclude'").await;
    let mut start = data_start(claimed, worker);
    assert_eq!(database.store.permit_data(&[start.clone()]).await.expect("answered"), [DataPermitAnswer::Stale]);
    start.settings_version = 2;
    assert_eq!(database.store.permit_data(&[start]).await.expect("answered"), [DataPermitAnswer::Started]);
}

async fn no_data_against_a_new_customer_type(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = &claim(&database, worker, 1).await[0];
    let mut start = data_start(claimed, worker);
    database.execute("UPDATE customer SET type = NULL").await;
    assert_eq!(database.store.permit_data(&[start.clone()]).await.expect("answered"), [DataPermitAnswer::Stale]);
    start.customer_type = None;
    assert_eq!(database.store.permit_data(&[start]).await.expect("answered"), [DataPermitAnswer::Started]);
}

/// On PostgreSQL what is locked is not waited for: it is asked about again. SQLite has one writer, who is waited for.
async fn no_data_against_what_another_transaction_changes(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_tenant(&database, "other").await;
    let worker = add_worker(&database).await;
    let changes = [
        ("UPDATE tenant_settings SET version = version WHERE tenant_id = 'acme'", DataPermitAnswer::Started),
        ("UPDATE customer SET type = 'private' WHERE tenant_id = 'acme'", DataPermitAnswer::Stale),
        // The settings stay, and the customer changes meanwhile.
        (
            "UPDATE tenant_settings SET version = version WHERE tenant_id = 'acme';
             UPDATE customer SET type = NULL WHERE tenant_id = 'acme'",
            DataPermitAnswer::Stale,
        ),
        (
            "UPDATE tenant_settings SET version = version WHERE tenant_id = 'acme';
             DELETE FROM customer WHERE tenant_id = 'acme'",
            DataPermitAnswer::Stale,
        ),
        ("UPDATE tenant_settings SET version = 2 WHERE tenant_id = 'acme'", DataPermitAnswer::Stale),
    ];
    for (change, expected) in changes {
        database
            .execute(
                "INSERT INTO customer (tenant_id, id, type, name, address, updated_at)
                 VALUES ('acme', 'C-1', 'business', 'Käufer', 'ap@customer.example', 0)
                 ON CONFLICT (tenant_id, id) DO UPDATE SET type = 'business'",
            )
            .await;
        add_due(&database, "acme", 1).await;
        add_due(&database, "other", 1).await;
        let claimed = claim(&database, worker, 2).await;
        let mut starts: Vec<_> = claimed.iter().map(|claimed| data_start(claimed, worker)).collect();
        starts.sort_by_key(|start| start.tenant.clone());
        let changing = database.begin(change).await;
        let asking = tokio::spawn({
            let (store, starts) = (database.store.clone(), starts.clone());
            async move { store.permit_data(&starts).await }
        });
        let asked = if database.store.is_single_process() {
            changing.commit().await;
            asking.await.expect("the task ends").expect("answered")
        } else {
            let meanwhile = asking.await.expect("the task ends").expect("answered");
            assert_eq!(meanwhile, [DataPermitAnswer::Locked, DataPermitAnswer::Started], "{change}");
            changing.commit().await;
            database.store.permit_data(&starts).await.expect("answered")
        };
        assert_eq!(asked, [expected, DataPermitAnswer::Started], "{change}");
        database.execute("DELETE FROM lane_entry").await;
    }
}

async fn no_data_against_what_changes_while_the_statement_waits(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let worker = add_worker(&database).await;
    let changes = [
        // The statement waits for a lane entry: nothing that it rests on changes before it has its answer.
        ("UPDATE lane_entry SET held = NULL", DataPermitAnswer::Started),
        ("UPDATE lane_entry SET claim = claim + 1", DataPermitAnswer::Lost),
        ("UPDATE lane_entry SET held = 'by hand', fair_rank = NULL", DataPermitAnswer::Held),
    ];
    for (change, expected) in changes {
        add_due(&database, "acme", 1).await;
        let claimed = claim(&database, worker, 1).await.remove(0);
        let changing = database.begin(change).await;
        let starting = tokio::spawn({
            let (store, start) = (database.store.clone(), data_start(&claimed, worker));
            async move { store.permit_data(&[start]).await }
        });
        database.until_a_statement_waits().await;
        changing.commit().await;
        let started = starting.await.expect("the task ends").expect("answered");
        assert_eq!(started, [expected], "{change}");
        database.execute("DELETE FROM lane_entry").await;
    }
}

async fn no_data_after_the_deliverys_time(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let worker = add_worker(&database).await;
    let due_at = database.clock.now();
    let (event, delivery, mut entry) = accepted("acme", "a", due_at);
    entry.expires_at = Some(due_at.plus(Duration::from_mins(1)));
    take_in(&database, &batch([(event, delivery, entry)])).await;
    let claimed = &claim(&database, worker, 1).await[0];
    let start = data_start(claimed, worker);
    database.clock.advance(Duration::from_secs(59));
    assert_eq!(
        database.store.permit_data(std::slice::from_ref(&start)).await.expect("answered"),
        [DataPermitAnswer::Started]
    );

    database.execute("UPDATE lane_entry SET data_started = FALSE").await;
    database.clock.advance(Duration::from_secs(1));
    assert_eq!(
        database.store.permit_data(std::slice::from_ref(&start)).await.expect("answered"),
        [DataPermitAnswer::Stale]
    );
    assert_eq!(database.store.release(&[claimed.fence(worker)]).await.expect("answered"), 1);
    assert!(claim(&database, worker, 1).await.is_empty(), "it is not tried again");
    assert_eq!(database.store.expire(10).await.expect("answered"), [claimed.delivery]);
    assert_eq!(states(&database).await["expired"], 1);
    database.assert_ledger().await;
}

async fn a_link_stands_from_the_start_of_data(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    let (worker, other) = (add_worker(&database).await, add_worker(&database).await);
    let claimed = claim(&database, worker, 3).await;
    let now = database.clock.now();
    let start = |claimed: &Claimed, after: Duration| DataPermitRequest {
        link: Some(NewPortalLink {
            root: claimed.delivery,
            generation: 0,
            token_sha256: token(claimed),
            key_fingerprint: "k1".to_owned(),
            expires_at: now.plus(after),
        }),
        ..data_start(claimed, worker)
    };
    let day = Duration::from_hours(24);
    let lost = DataPermitRequest { fence: claimed[1].fence(other), ..start(&claimed[1], day) };
    let starts = [start(&claimed[0], day), lost, data_start(&claimed[2], worker)];
    let started = database.store.permit_data(&starts).await.expect("answered");
    assert_eq!(started, [DataPermitAnswer::Started, DataPermitAnswer::Lost, DataPermitAnswer::Started]);
    let links = || database.texts("SELECT CAST(expires_at AS TEXT) FROM portal_link");
    assert_eq!(links().await, [now.plus(day).0.to_string()], "none without a permit, none without a token");
    let shown = || database.store.tenant_of_link(token(&claimed[0]));
    assert!(shown().await.expect("answered").is_some());

    // Another start moves the end, never back.
    for (after, expected) in [(day * 2, day * 2), (day, day * 2)] {
        let again = database.store.permit_data(&[start(&claimed[0], after)]).await.expect("answered");
        assert_eq!(again, [DataPermitAnswer::Started]);
        assert_eq!(links().await, [now.plus(expected).0.to_string()]);
    }
    // The worker dies, and a person finds the message in the relay's log: the customer has had the link all the while.
    database.store.take_over(worker, other).await.expect("answered");
    assert!(shown().await.expect("answered").is_some());
    let marked = database.store.mark_sent(claimed[0].delivery, &actor("test"), "in the log").await.expect("answered");
    assert_eq!(marked.acted, Acted::Done);
    assert!(shown().await.expect("answered").is_some());
    database.clock.advance(day * 2);
    assert!(shown().await.expect("answered").is_none());
}

fn token(claimed: &Claimed) -> Sha256 {
    Sha256::of(format!("token of {}", claimed.delivery).as_bytes())
}

async fn a_batch_is_answered_in_its_order(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 100).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 100).await;
    let now = database.clock.now();
    let every_third: Vec<_> = claimed.iter().step_by(3).map(|claimed| claimed.fence(worker)).collect();
    database.store.release(&every_third).await.expect("answered");
    let starts: Vec<_> = claimed.iter().map(|claimed| data_start(claimed, worker)).collect();
    let records: Vec<_> = claimed.iter().map(|claimed| sent(claimed, worker, now)).collect();
    let started = database.store.permit_data(&starts).await.expect("answered");
    let recorded = database.store.record(&records).await.expect("answered");
    for index in 0..100 {
        let lost = index % 3 == 0;
        assert_eq!(started[index] == DataPermitAnswer::Lost, lost, "{index}");
        assert_eq!(recorded[index] == Recorded::Lost, lost, "{index}");
    }
    database.assert_ledger().await;
}

/// A claim was given back before its worker heard of it, and made again: both are under way in one worker.
async fn of_two_claims_in_a_batch_the_one_that_stands_counts(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let old = claim(&database, worker, 1).await.remove(0);
    database.store.release(&[old.fence(worker)]).await.expect("answered");
    let new = claim(&database, worker, 1).await.remove(0);
    assert_eq!((old.delivery, old.claim + 1), (new.delivery, new.claim));

    let starts = [data_start(&old, worker), data_start(&new, worker)];
    let started = database.store.permit_data(&starts).await.expect("answered");
    assert_eq!(started, [DataPermitAnswer::Lost, DataPermitAnswer::Started]);
    let now = database.clock.now();
    let recorded = database.store.record(&[sent(&old, worker, now), sent(&new, worker, now)]).await.expect("answered");
    assert_eq!(recorded, [Recorded::Lost, Recorded::Done]);
    assert_eq!(database.number("SELECT COUNT(*) FROM attempt").await, 1);
    database.assert_ledger().await;
}

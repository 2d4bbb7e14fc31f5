//! A person pauses one tenant: its deliveries wait, whatever way they come, and nobody else's.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeliveryRole, DeliveryState};
use invoice_dispatcher::store::{
    Acted, DataPermitAnswer, LetGoCounts, NextState, PauseChange, Record, Recorded, RemainderDelivery, TENANT_PAUSED,
};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::WHO;
use crate::store::held_and_ended::uncertain;
use crate::store::samples::{
    accepted, add_due, add_tenant, add_worker, attempt, claim, conclusion, data_start, deferred, sent, states,
};

on_both_databases!(
    what_waits_is_held_and_let_go,
    what_is_taken_in_meanwhile_waits,
    what_is_claimed_gets_no_permit_and_comes_back_held,
    what_is_left_of_one_on_the_wire_waits,
    what_a_person_holds_stays_theirs,
    only_the_end_of_the_pause_lets_it_go,
    what_slips_through_is_held_and_what_was_left_behind_goes,
    of_a_pause_and_its_end_at_once_the_later_counts,
    what_is_left_of_a_late_acceptance_waits,
);

const HELD: &str =
    "SELECT COUNT(*) FROM lane_entry WHERE held = 'tenant paused' AND state = 'due' AND fair_rank IS NULL";

fn acme() -> TenantId {
    TenantId::from("acme")
}

async fn pause(database: &TestDatabase) -> PauseChange {
    database.store.pause_tenant(&acme(), &actor(WHO), "wrong amounts").await.expect("answered")
}

async fn resume(database: &TestDatabase) -> PauseChange {
    database.store.resume_tenant(&acme(), &actor(WHO)).await.expect("answered")
}

/// How many of each tenant are claimed by a new worker.
async fn claimed(database: &TestDatabase) -> Vec<String> {
    database.clock.advance(Duration::from_hours(1));
    database.store.enqueue_ready(100).await.expect("answered");
    let worker = add_worker(database).await;
    let mut tenants: Vec<String> =
        claim(database, worker, 50).await.iter().map(|claimed| claimed.tenant.to_string()).collect();
    tenants.sort();
    tenants
}

async fn what_waits_is_held_and_let_go(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_tenant(&database, "beta").await;
    add_due(&database, "acme", 3).await;
    add_due(&database, "beta", 1).await;
    assert_eq!(pause(&database).await, PauseChange::Done { deliveries: 3 });
    assert_eq!(pause(&database).await, PauseChange::Unchanged);
    let stands = database.store.tenant_pause(&acme()).await.expect("answered").expect("it is paused");
    assert_eq!((stands.reason.as_str(), stands.paused_by.as_str()), ("wrong amounts", actor(WHO).name()));
    assert_eq!(claimed(&database).await, ["beta"], "nobody else waits");
    database.assert_ledger().await;

    assert_eq!(resume(&database).await, PauseChange::Done { deliveries: 3 });
    assert_eq!(resume(&database).await, PauseChange::Unchanged);
    assert_eq!(database.store.tenant_pause(&acme()).await.expect("answered"), None);
    assert_eq!(claimed(&database).await, ["acme"; 3]);
    let notes = "SELECT DISTINCT what FROM delivery_note ORDER BY what";
    let told = database.texts(notes).await;
    assert_eq!(told, ["held: the tenant is paused: wrong amounts", "let go: the tenant is resumed"]);
    let nobody = TenantId::from("nobody");
    assert_eq!(
        database.store.pause_tenant(&nobody, &actor(WHO), "none").await.expect("answered"),
        PauseChange::UnknownTenant
    );
    database.assert_ledger().await;
}

async fn what_is_taken_in_meanwhile_waits(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_tenant(&database, "beta").await;
    assert_eq!(pause(&database).await, PauseChange::Done { deliveries: 0 });
    add_due(&database, "acme", 2).await;
    add_due(&database, "beta", 1).await;
    assert_eq!(database.number(HELD).await, 2);
    assert_eq!(claimed(&database).await, ["beta"]);
    resume(&database).await;
    assert_eq!(claimed(&database).await, ["acme"; 2]);
}

async fn what_is_claimed_gets_no_permit_and_comes_back_held(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    let worker = add_worker(&database).await;
    let taken = claim(&database, worker, 2).await;
    database.store.permit_data(&[data_start(&taken[0], worker)]).await.expect("answered");
    pause(&database).await;
    let permits = database.store.permit_data(&[data_start(&taken[1], worker)]).await.expect("answered");
    assert_eq!(permits, [DataPermitAnswer::Held]);

    let now = database.clock.now();
    let records: Vec<Record> = taken.iter().map(|taken| deferred(taken, worker, now)).collect();
    assert_eq!(database.store.record(&records).await.expect("answered"), [Recorded::Done; 2]);
    assert_eq!(database.number(HELD).await, 2);
    assert!(claimed(&database).await.is_empty());
    resume(&database).await;
    assert_eq!(claimed(&database).await, ["acme"; 2]);
    database.assert_ledger().await;
}

async fn what_is_left_of_one_on_the_wire_waits(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let taken = claim(&database, worker, 1).await.remove(0);
    database.store.permit_data(&[data_start(&taken, worker)]).await.expect("answered");
    pause(&database).await;
    let now = database.clock.now();
    let (_, mut rest, mut entry) = accepted("acme", "rest", now);
    rest.role = DeliveryRole::Rest;
    (rest.root, rest.main) = (taken.delivery, taken.delivery);
    entry.delivery = rest.id;
    let mut concluded = conclusion(&taken, Concluded::Sent, ReasonCode::Accepted, now);
    concluded.rest = Some(RemainderDelivery { delivery: rest, entry });
    let record = Record {
        fence: taken.fence(worker),
        attempt: Some(attempt(&taken, ReasonCode::Accepted, now)),
        next: NextState::Concluded(Box::new(concluded)),
    };
    database.store.record(&[record]).await.expect("answered");
    assert_eq!(states(&database).await["sent"], 1, "what was on the wire ends as it does");
    assert_eq!(database.number(HELD).await, 1);
    assert!(claimed(&database).await.is_empty());
}

async fn what_a_person_holds_stays_theirs(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let now = database.clock.now();
    database.store.hold(now, None, &actor(WHO)).await.expect("answered");
    assert_eq!(pause(&database).await, PauseChange::Done { deliveries: 0 });
    resume(&database).await;
    assert!(claimed(&database).await.is_empty(), "it is still held by hand");
    pause(&database).await;
    let counts = database.store.let_go(None, &actor(WHO)).await.expect("answered");
    assert_eq!(counts, LetGoCounts { let_go: 1, tenant_paused: 1 });
    assert!(claimed(&database).await.is_empty(), "now the pause holds it");
    resume(&database).await;
    assert_eq!(claimed(&database).await, ["acme"]);
}

async fn only_the_end_of_the_pause_lets_it_go(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let delivery = add_due(&database, "acme", 1).await[0];
    pause(&database).await;
    assert_eq!(database.store.send_now(delivery, &actor(WHO)).await.expect("answered"), Acted::TenantPaused);
    let counts = database.store.let_go(None, &actor(WHO)).await.expect("answered");
    assert_eq!(counts, LetGoCounts::default(), "it is not held by hand");
    database.store.let_senders_go().await.expect("answered");
    let stands = database.store.delivery(delivery, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((stands.state, stands.held.as_deref()), (DeliveryState::Due, Some(TENANT_PAUSED)));
    assert!(claimed(&database).await.is_empty());
    // A person may still stop it.
    assert_eq!(database.store.cancel(delivery, &actor(WHO), "wrong amount").await.expect("answered"), Acted::Done);
}

async fn what_slips_through_is_held_and_what_was_left_behind_goes(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2).await;
    // A process that ended between its two steps.
    database
        .execute("UPDATE tenant SET paused_at = 1, paused_by = 'ada', pause_reason = 'wrong amounts' WHERE id = 'acme'")
        .await;
    assert_eq!(database.store.hold_paused_tenants(100).await.expect("answered"), 2);
    assert_eq!(database.store.hold_paused_tenants(100).await.expect("answered"), 0);
    assert_eq!(database.number(HELD).await, 2);
    database
        .execute("UPDATE tenant SET paused_at = NULL, paused_by = NULL, pause_reason = NULL WHERE id = 'acme'")
        .await;
    assert_eq!(database.store.hold_paused_tenants(100).await.expect("answered"), 2);
    assert_eq!(claimed(&database).await, ["acme"; 2]);
}

/// However the batches of the two come between each other.
async fn of_a_pause_and_its_end_at_once_the_later_counts(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 20).await;
    pause(&database).await;
    for _ in 0..20 {
        tokio::join!(resume(&database), pause(&database));
        let is_paused = database.store.tenant_pause(&acme()).await.expect("answered").is_some();
        let (held, free) = (if is_paused { 20 } else { 0 }, if is_paused { 0 } else { 20 });
        assert_eq!(database.number(HELD).await, held, "paused: {is_paused}");
        assert_eq!(database.number("SELECT COUNT(*) FROM lane_entry WHERE held IS NULL").await, free);
        if !is_paused {
            pause(&database).await;
        }
    }
}

async fn what_is_left_of_a_late_acceptance_waits(database: TestDatabase) {
    let (claimed, slow) = uncertain(&database).await;
    pause(&database).await;
    let now = database.clock.now();
    let (_, mut rest, mut entry) = accepted("acme", "rest", now);
    rest.role = DeliveryRole::Rest;
    (rest.root, rest.main) = (claimed.delivery, claimed.delivery);
    entry.delivery = rest.id;
    let mut concluded = conclusion(&claimed, Concluded::Sent, ReasonCode::Accepted, now);
    concluded.rest = Some(RemainderDelivery { delivery: rest, entry });
    let next = NextState::Concluded(Box::new(concluded));
    let record = Record { next, ..sent(&claimed, slow, now) };
    assert_eq!(database.store.record(&[record]).await.expect("answered"), [Recorded::Done]);
    assert_eq!((states(&database).await["sent"], database.number(HELD).await), (1, 1));
    assert_eq!(resume(&database).await, PauseChange::Done { deliveries: 1 });
}

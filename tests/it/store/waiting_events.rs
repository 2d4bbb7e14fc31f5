//! An event that waits for its customer ends in one place: as a delivery, or as a dead letter, never as both.

use invoice_dispatcher::intake::{Parsed, Verdict};
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{DeadLetterId, TenantId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::operator::redriven::{Fate, RedriveError};
use invoice_dispatcher::store::{DeadLetterFilter, PageRequest};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{CUSTOMER_WAIT, Support, WHO, customer, event, tenant};

on_both_databases!(
    one_whose_objects_left_the_tenants_prefix_waits_no_more,
    one_that_was_discarded_is_not_sent,
    one_that_cannot_be_read_any_more_is_dead_once,
    one_that_the_database_refuses_is_dead_once,
    one_that_waited_in_vain_is_dead_once,
);

const WAITING: &str = "SELECT COUNT(*) FROM event WHERE state = 'waiting'";

/// The tenant `acme`, and an event that waits for its customer.
async fn waiting(database: TestDatabase) -> Support {
    let support = Support::new(database);
    support.database.store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    assert_eq!(support.take(&event("1")).await, Verdict::Waiting);
    support
}

/// Looks at the events whose customers came or were waited for, as the sweeper does; returns how many there were.
async fn sweep(support: &Support) -> usize {
    let ready = support.database.store.ready_waiting_events(10).await.expect("answered");
    let batch: Vec<Parsed> = ready.into_iter().map(Parsed::waiting).collect();
    support.intake.take(&batch).await.expect("answered");
    support.database.assert_ledger().await;
    batch.len()
}

async fn set_prefix(support: &Support, prefix: &str) {
    support.database.execute(format!("UPDATE tenant SET object_prefix = '{prefix}'")).await;
}

async fn letter(support: &Support) -> DeadLetterId {
    let page = PageRequest { limit: 2, after: None };
    let letters = support
        .database
        .store
        .dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page)
        .await
        .expect("answered");
    assert_eq!(letters.items.len(), 1);
    assert_eq!(letters.items[0].tenant.as_ref().map(TenantId::as_str), Some("acme"));
    letters.items[0].id
}

async fn one_whose_objects_left_the_tenants_prefix_waits_no_more(database: TestDatabase) {
    let support = waiting(database).await;
    set_prefix(&support, "elsewhere/").await;
    support.database.store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    assert_eq!(sweep(&support).await, 1);
    assert_eq!(support.letters().await, ["malformed open"]);
    assert_eq!(support.database.number(WAITING).await, 0);
    assert_eq!(sweep(&support).await, 0, "once");

    let refused = support.redrive.letter(letter(&support).await, &actor(WHO)).await;
    assert!(matches!(refused, Err(RedriveError::SameFault { class: ReasonCode::Malformed, .. })), "{refused:?}");
    set_prefix(&support, "acme/").await;
    let redriven = support.redrive.letter(letter(&support).await, &actor(WHO)).await.expect("it goes back");
    assert!(matches!(redriven.fate, Fate::Due(_)), "{redriven:?}");
    assert_eq!(support.letters().await, ["malformed redriven"]);
    assert_eq!(support.states().await, ["due -"]);
    support.database.assert_ledger().await;
}

async fn one_that_was_discarded_is_not_sent(database: TestDatabase) {
    let support = waiting(database).await;
    set_prefix(&support, "elsewhere/").await;
    support.database.store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    sweep(&support).await;
    let letter = letter(&support).await;
    support.database.store.discard_dead_letters(&[letter], &actor(WHO), "not wanted").await.expect("answered");
    set_prefix(&support, "acme/").await;
    support.database.clock.advance(CUSTOMER_WAIT);
    assert_eq!(sweep(&support).await, 0);
    assert_eq!(support.take(&event("1")).await, Verdict::Duplicate, "the event is known, and stays where it was put");
    assert!(support.states().await.is_empty());
    assert_eq!(support.letters().await, ["malformed discarded"]);
    support.database.assert_ledger().await;
}

/// A later version of this program may be stricter than the one that took the event in.
async fn one_that_cannot_be_read_any_more_is_dead_once(database: TestDatabase) {
    let support = waiting(database).await;
    let empty = if support.database.url.starts_with("sqlite") { "x'7b7d'" } else { "'\\x7b7d'" };
    support.database.execute(format!("UPDATE event SET body = {empty}")).await;
    support.database.clock.advance(CUSTOMER_WAIT);
    assert_eq!(sweep(&support).await, 1);
    assert_eq!((sweep(&support).await, support.database.number(WAITING).await), (0, 0));
    assert_eq!(support.letters().await, ["malformed open"]);
    let report = support.database.store.event_fate("https://billing.example/test", "1", &TenantScope::All).await;
    let report = report.expect("answered").expect("it is known");
    assert_eq!(report.dead_letters.len(), 1, "its publisher learns what became of it");
}

async fn one_that_the_database_refuses_is_dead_once(database: TestDatabase) {
    let support = waiting(database).await;
    support.database.store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    // As a constraint of a later schema would.
    let refuse = if support.database.url.starts_with("sqlite") {
        "CREATE TRIGGER no_delivery BEFORE INSERT ON delivery BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "ALTER TABLE delivery ADD CONSTRAINT no_delivery CHECK (invoice_number = 'none')"
    };
    support.database.execute(refuse).await;
    assert_eq!(sweep(&support).await, 1);
    assert_eq!((sweep(&support).await, support.database.number(WAITING).await), (0, 0));
    assert_eq!(support.letters().await, ["internal open"]);
}

async fn one_that_waited_in_vain_is_dead_once(database: TestDatabase) {
    let support = waiting(database).await;
    support.database.clock.advance(CUSTOMER_WAIT);
    assert_eq!(sweep(&support).await, 1);
    assert_eq!((sweep(&support).await, support.database.number(WAITING).await), (0, 0));
    assert_eq!(support.letters().await, ["unknown_customer open"]);
}

//! A night in which everything failed: a hundred thousand dead letters. Operations still see what it is about, and put
//! it back, while they watch.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::store::{DeadLetterFilter, PageRequest};

use crate::harness::actor;
use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

const MANY: usize = 100_000;

/// Causes that the letters fall into, beside the first.
const CAUSES: usize = 50;

/// Runs it, says how long it took, and fails if that is longer than a person waits.
async fn within<T: Debug>(longest: Duration, what: &str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = work.await;
    let took = began.elapsed();
    println!("{what}: {} ms", took.as_millis());
    assert!(took <= longest, "{what} took {took:?}");
    result
}

/// Makes many dead letters out of the only one that there is, each of an event and an invoice of its own, in several
/// causes.
async fn multiply(dispatcher: &Dispatcher) {
    // The invoice in the body is another, too: two dead letters of one invoice do not both go back.
    let (id, digest, body) = if dispatcher.database.store.is_single_process() {
        (
            "CAST(printf('%016d', n) AS BLOB)",
            "CAST(printf('%032d', n) AS BLOB)",
            "CAST(replace(CAST(body AS TEXT), '\"inv-x\"', '\"inv-x-' || n || '\"') AS BLOB)",
        )
    } else {
        (
            "CAST(LPAD(CAST(n AS TEXT), 32, '0') AS UUID)",
            "DECODE(LPAD(CAST(n AS TEXT), 64, '0'), 'hex')",
            "convert_to(replace(convert_from(body, 'UTF8'), '\"inv-x\"', '\"inv-x-' || n || '\"'), 'UTF8')",
        )
    };
    let numbers =
        format!("WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < {})", MANY - 1);
    dispatcher
        .database
        .execute(format!(
            "INSERT INTO event (key, source, event_id, content_sha256, invoice_sha256, tenant_id, customer_id, invoice_id,
                 invoice_number, kind, body, via, received_at, state, delivery_id)
             {numbers} SELECT {id}, source, event_id || '-' || n, {digest}, {digest}, tenant_id, customer_id,
                 invoice_id || '-' || n, invoice_number || '-' || n, kind, {body}, via, received_at, state, {id}
             FROM place CROSS JOIN (SELECT * FROM event) AS model;
             INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                 invoice_number, kind, recipients, customer_name, locale, profile_version, template_version,
                 snapshot_at, link_key, created_at, concluded, concluded_at, class, reason, attempts, claim)
             {numbers} SELECT {id}, {id}, role, {id}, {id}, tenant_id, customer_id, invoice_id || '-' || n,
                 invoice_number || '-' || n, kind, recipients, customer_name, locale, profile_version, template_version,
                 snapshot_at, link_key, created_at, concluded, concluded_at + n, class, reason, attempts, claim
             FROM place CROSS JOIN (SELECT * FROM delivery) AS model;
             INSERT INTO dead_letter (id, delivery_id, event_key, source, event_id, tenant_id, customer_id,
                 invoice_number, class, phase, code, reason, hint, attempts, fingerprint, first_failed_at,
                 last_failed_at, state, mirror)
             {numbers} SELECT {id}, {id}, {id}, source, event_id || '-' || n, tenant_id, customer_id,
                 invoice_number || '-' || n, class, phase, code, reason, hint, attempts,
                 fingerprint || '-' || CAST(n % {CAUSES} AS TEXT), first_failed_at, last_failed_at + n, state, mirror
             FROM place CROSS JOIN (SELECT * FROM dead_letter) AS model;
             UPDATE concluded_count SET count = count + {} WHERE concluded = 'dead';",
            MANY - 1
        ))
        .await;
}

async fn everything_stays_responsive(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event_to("x", &[("to", "refuse-554-5.7.1@customer.example")])]).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM dead_letter", 1).await;
    dispatcher.stop().await;
    multiply(&dispatcher).await;

    let store = &dispatcher.database.store;
    let (soon, page) = (Duration::from_secs(2), PageRequest { limit: 100, after: None });
    let all = DeadLetterFilter::default();
    let groups = within(soon, "groups", store.dead_letter_groups(&TenantScope::All, 100)).await.expect("answered");
    assert_eq!(groups.len(), 1 + CAUSES);
    let first = within(soon, "first page", store.dead_letters(&all, &TenantScope::All, page)).await.expect("answered");
    assert_eq!(first.items.len(), 100);
    let mut deep = page;
    for _ in 0..50 {
        deep.after = store.dead_letters(&all, &TenantScope::All, deep).await.expect("answered").next;
    }
    within(soon, "page 51", store.dead_letters(&all, &TenantScope::All, deep)).await.expect("answered");
    let of_tenant = DeadLetterFilter { tenant: Some("acme".into()), ..DeadLetterFilter::default() };
    within(soon, "a tenant's page", store.dead_letters(&of_tenant, &TenantScope::All, page)).await.expect("answered");
    let shown = within(soon, "show", store.dead_letter(first.items[0].id, &TenantScope::All)).await.expect("answered");
    assert!(shown.is_some_and(|(_, body)| body.is_some()));
    within(soon, "gauges", store.open_dead_letters()).await.expect("answered");

    let redrive = &dispatcher.app.redrive;
    let one = within(soon, "redrive of one", redrive.letters(&[first.items[0].id], &actor("operator"))).await;
    assert_eq!(one.expect("answered").redriven.len(), 1);
    let group = DeadLetterFilter { fingerprint: Some(groups[0].example.fingerprint.clone()), ..all.clone() };
    let many =
        within(Duration::from_secs(30), "redrive of a group of 2,000", redrive.all(&group, &actor("operator"))).await;
    assert!(many.expect("answered").redriven.len() >= MANY / CAUSES - 2);
    let rest =
        within(Duration::from_mins(10), "redrive of all the others", redrive.all(&all, &actor("operator"))).await;
    assert!(rest.expect("answered").failed.is_empty());
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await,
        i64::try_from(MANY).expect("it fits")
    );
    dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn on_sqlite_everything_stays_responsive() {
    everything_stays_responsive(TestDatabase::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn on_postgresql_everything_stays_responsive() {
    everything_stays_responsive(TestDatabase::postgres().await).await;
}

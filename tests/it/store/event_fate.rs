//! A publisher asks for one event, and the database reads the rows of that event.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::EventKey;
use tokio::time::{Instant, sleep};

use crate::harness::LOOK;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, event};

on_both_databases!(other_events_of_the_same_number_are_not_reported, the_other_rows_of_its_number_are_not_read);

const SOURCE: &str = "https://billing.example/test";

async fn other_events_of_the_same_number_are_not_reported(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let first = support.accept(&event("1")).await;
    let mut reminder = event("2");
    reminder["data"]["invoice"]["number"] = event("1")["data"]["invoice"]["number"].clone();
    let second = support.accept(&reminder).await;
    let store = &support.database.store;
    for (id, delivery) in [("1", first), ("2", second)] {
        let found = store.deliveries_of_event(EventKey::new(SOURCE, id), &TenantScope::All).await.expect("answered");
        assert_eq!(found.iter().map(|found| found.id).collect::<Vec<_>>(), [delivery]);
    }
    let none = store.deliveries_of_event(EventKey::new(SOURCE, "3"), &TenantScope::All).await.expect("answered");
    assert!(none.is_empty());
}

async fn the_other_rows_of_its_number_are_not_read(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let delivery = support.accept(&event("1")).await;
    let is_postgres = support.database.url.starts_with("postgres");
    let id = if is_postgres { "gen_random_uuid()" } else { "randomblob(16)" };
    support
        .database
        .execute(format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
             INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                                   invoice_number, kind, recipients, customer_name, locale, profile_version,
                                   template_version, snapshot_at, link_key, created_at, concluded, concluded_at, class)
             SELECT {id}, root_id, role, main_id, {id}, tenant_id, customer_id, invoice_id, invoice_number, kind,
                    recipients, customer_name, locale, profile_version, template_version, snapshot_at, link_key,
                    created_at, 'cancelled', created_at, 'by_hand'
             FROM delivery, n"
        ))
        .await;
    support.database.execute("ANALYZE").await;
    let before = scans(&support, is_postgres).await;
    let found = support
        .database
        .store
        .deliveries_of_event(EventKey::new(SOURCE, "1"), &TenantScope::All)
        .await
        .expect("answered");
    assert_eq!(found.iter().map(|found| found.id).collect::<Vec<_>>(), [delivery]);
    let fate = support
        .database
        .store
        .event_fate(SOURCE, "1", &TenantScope::All)
        .await
        .expect("answered")
        .expect("it is known");
    assert_eq!(fate.delivery.map(|found| found.id), Some(delivery));
    if is_postgres {
        // A backend tells what it has read when it idles.
        let deadline = Instant::now() + Duration::from_secs(30);
        let after = loop {
            let after = scans(&support, true).await;
            if after.0 >= before.0 + 2 {
                break after;
            }
            assert!(Instant::now() < deadline, "the statistics do not come: {before:?}, {after:?}");
            sleep(LOOK).await;
        };
        assert!(after.1 - before.1 < 20, "rows of delivery were read: {before:?}, {after:?}");
    }
}

/// How often an index of `delivery` was used so far, and how many rows were fetched by it.
async fn scans(support: &Support, is_postgres: bool) -> (i64, i64) {
    if !is_postgres {
        return (0, 0);
    }
    let number = |column| {
        let text =
            format!("SELECT COALESCE(SUM({column}), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'delivery'");
        async move { support.database.number(text).await }
    };
    (number("idx_scan").await, number("idx_tup_fetch").await)
}

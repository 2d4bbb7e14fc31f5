//! A million deliveries, of a hundred thousand customers: a person at the phone waits a second at most.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::secrets::{AddressKeys, SecretKeys};
use invoice_dispatcher::store::{DeliveryFilter, PageRequest};

use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, event};

const MANY: usize = 1_000_000;

/// Customers, of ten deliveries each.
const CUSTOMERS: usize = MANY / 10;

/// The longest that a person at the phone waits.
const LONGEST: Duration = Duration::from_secs(1);

/// Makes many deliveries out of the only one that there is: of customers of two tenants, `R-2026-1` and on, each to one
/// of ten thousand addresses.
async fn multiply(support: &Support) {
    let id = if support.database.store.is_single_process() {
        "CAST(printf('%016d', n) AS BLOB)"
    } else {
        "CAST(LPAD(CAST(n AS TEXT), 32, '0') AS UUID)"
    };
    let digest = if support.database.store.is_single_process() {
        "CAST(printf('%032d', n) AS BLOB)"
    } else {
        "DECODE(LPAD(CAST(n AS TEXT), 64, '0'), 'hex')"
    };
    let up_to = |last: usize| {
        format!("WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < {last})")
    };
    let customer = format!("'K-' || (n % {CUSTOMERS})");
    let mut text = String::new();
    write!(
        text,
        "INSERT INTO customer (tenant_id, id, type, name, address, updated_at)
         {} SELECT tenant_id, 'K-' || n, type, 'Kunde ' || n || ' GmbH', address, updated_at
         FROM place CROSS JOIN (SELECT * FROM customer LIMIT 1) AS model;
         INSERT INTO customer_word (word, tenant_id, customer_id)
         {0} SELECT CASE word WHEN 'n' THEN CAST(n AS TEXT) WHEN 'id' THEN 'k-' || n ELSE word END, 'acme', 'K-' || n
         FROM place CROSS JOIN (SELECT 'kunde' AS word UNION ALL SELECT 'gmbh' UNION ALL SELECT 'n'
                           UNION ALL SELECT 'id') AS words;
         INSERT INTO event (key, source, event_id, content_sha256, invoice_sha256, tenant_id, customer_id, invoice_id,
             invoice_number, kind, body, via, received_at, state, delivery_id)
         {1} SELECT {id}, source, 'evt-' || n, {digest}, {digest}, tenant_id, {customer}, 'inv-' || n,
             'R-2026-' || n, kind, NULL, via, received_at + n, state, {id}
         FROM place CROSS JOIN (SELECT * FROM event) AS model;
         INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
             invoice_number, kind, recipients, customer_name, locale, profile_version, template_version,
             snapshot_at, link_key, created_at, concluded, concluded_at, class, attempts, claim, message_sha256,
            message_date)
         {1} SELECT {id}, {id}, role, {id}, {id}, tenant_id, {customer}, 'inv-' || n, 'R-2026-' || n, kind,
             recipients, customer_name, locale, profile_version, template_version, snapshot_at, link_key,
             created_at + n, concluded, concluded_at + n, class, attempts, claim, message_sha256,
            message_date
         FROM place CROSS JOIN (SELECT * FROM delivery) AS model;
         INSERT INTO delivery_recipient (address_key, delivery_id)
         {1} SELECT address_key + n % 10000, {id} FROM place CROSS JOIN (SELECT * FROM delivery_recipient) AS model;
         UPDATE concluded_count SET count = count + {MANY} WHERE concluded = 'sent';",
        up_to(CUSTOMERS),
        up_to(MANY),
    )
    .expect("a String takes any text");
    support.database.execute(text).await;
    if !support.database.store.is_single_process() {
        support.database.execute("ANALYZE").await;
    }
}

/// Each way of searching, five times over: how long it took at most, and how much it found.
async fn everything_is_found_in_time(mut database: TestDatabase) {
    let keys = SecretKeys::parse("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b").expect("keys");
    database.store = database.store.clone().with_address_keys(AddressKeys::of(&keys));
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, invoice_dispatcher::model::reason::ReasonCode::Accepted).await;
    multiply(&support).await;
    let store = &support.database.store;
    let acme = TenantId::from("acme");
    let id = "00000000-0000-0000-0000-000000000777";
    let mut slow = Vec::new();
    for (text, tenant) in [
        ("r-2026-424242", None),
        ("R-2026-4", None),
        ("r", None),
        ("R-2026-999999", Some(&acme)),
        ("nothing like that", None),
        ("ap@customer.example", None),
        ("kunde 4242 gmbh", None),
        ("kunde gmbh", None),
        ("gmbh", None),
        ("kunde xyz", None),
        ("K-4242", None),
        ("evt-424242", None),
        ("evt-", None),
        (id, None),
        ("00000000-0000-0000-0000-000000000777@acme.example", None),
    ] {
        let (mut longest, mut found) = (Duration::ZERO, 0);
        for _ in 0..5 {
            let began = Instant::now();
            let hits = store.find(text, &TenantScope::All.narrowed_to(tenant), 20).await.expect("answered");
            longest = longest.max(began.elapsed());
            found = hits.deliveries.len() + hits.customers.len();
        }
        println!("find {text:?}: {} ms, {found} found", longest.as_millis());
        if longest > LONGEST {
            slow.push(format!("find {text:?}: {longest:?}"));
        }
    }
    let since = Some(support.database.clock.now());
    for (name, filter) in [
        ("of a tenant", DeliveryFilter { tenant: Some(acme.clone()), ..DeliveryFilter::default() }),
        (
            "of a customer",
            DeliveryFilter { tenant: Some(acme.clone()), customer: Some("K-77".into()), ..DeliveryFilter::default() },
        ),
        ("to an address", DeliveryFilter { to: Some("ap@customer.example".to_owned()), ..DeliveryFilter::default() }),
        ("of a number", DeliveryFilter { invoice: Some("r-2026-77".to_owned()), ..DeliveryFilter::default() }),
        ("since", DeliveryFilter { since, ..DeliveryFilter::default() }),
    ] {
        let began = Instant::now();
        let page = store
            .deliveries(&filter, &TenantScope::All, PageRequest { limit: 100, after: None })
            .await
            .expect("answered");
        let took = began.elapsed();
        println!("list {name}: {} ms, {} shown", took.as_millis(), page.items.len());
        assert!(!page.items.is_empty(), "{name}");
        if took > LONGEST {
            slow.push(format!("list {name}: {took:?}"));
        }
    }
    let began = Instant::now();
    let whose = store.invoices_numbered("r2026-0", &TenantScope::All, 10).await.expect("answered");
    println!("whose: {} ms, {}", began.elapsed().as_millis(), whose.len());
    assert!(slow.is_empty(), "{slow:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn on_sqlite() {
    everything_is_found_in_time(TestDatabase::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn on_postgres() {
    everything_is_found_in_time(TestDatabase::postgres().await).await;
}

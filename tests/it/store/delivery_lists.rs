//! Lists of deliveries: narrowed, in pages, and read along an index however many there are.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::secrets::{AddressKeys, SecretKeys};
use invoice_dispatcher::store::{Cursor, DeliveryFilter, PageRequest, SearchStatement, search_statements};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, customer, event, tenant};

on_both_databases!(lists_are_narrowed_and_paged, lists_of_several_tenants_are_one, no_search_reads_a_whole_table);

const KEY: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

/// Support for `acme`, whose store writes recipients down.
async fn support(mut database: TestDatabase) -> Support {
    let keys = AddressKeys::of(&SecretKeys::parse(KEY).expect("keys"));
    database.store = database.store.clone().with_address_keys(keys);
    Support::with_acme(database).await
}

async fn lists_are_narrowed_and_paged(database: TestDatabase) {
    let support = support(database).await;
    support.database.store.upsert_customer(&customer("C-2"), &actor("billing")).await.expect("answered");
    for id in 1..=6 {
        support.database.clock.advance(Duration::from_secs(1));
        let mut event = event(&id.to_string());
        if id % 2 == 0 {
            event["data"]["customer_id"] = "C-2".into();
        }
        if id == 6 {
            event["data"]["invoice"]["number"] = "R-5".into();
            event["data"]["invoice"]["kind"] = "credit_note".into();
        }
        support.accept(&event).await;
    }
    let acme = || Some(TenantId::from("acme"));
    let filters = [
        (DeliveryFilter { invoice: Some("r - 5".to_owned()), ..DeliveryFilter::default() }, vec!["R-5", "R-5"]),
        (
            DeliveryFilter { tenant: acme(), customer: Some("C-2".into()), ..DeliveryFilter::default() },
            vec!["R-5", "R-4", "R-2"],
        ),
        (
            DeliveryFilter { tenant: acme(), ..DeliveryFilter::default() },
            vec!["R-5", "R-5", "R-4", "R-3", "R-2", "R-1"],
        ),
        (
            DeliveryFilter {
                invoice: Some("R-5".to_owned()),
                kind: Some(InvoiceKind::CreditNote),
                ..DeliveryFilter::default()
            },
            vec!["R-5"],
        ),
        (
            DeliveryFilter {
                since: Some(support.database.clock.now().minus(Duration::from_secs(2))),
                ..DeliveryFilter::default()
            },
            vec!["R-5", "R-5", "R-4"],
        ),
        (
            DeliveryFilter {
                to: Some("AP@customer.example".to_owned()),
                customer: Some("C-1".into()),
                ..DeliveryFilter::default()
            },
            vec!["R-5", "R-3", "R-1"],
        ),
    ];
    for (filter, expected) in filters {
        let (mut after, mut numbers): (Option<Cursor>, _) = (None, Vec::new());
        loop {
            let page = PageRequest { limit: 2, after };
            let page = support.database.store.deliveries(&filter, &TenantScope::All, page).await.expect("answered");
            if let (Some(next), Some(last)) = (page.next, page.items.last()) {
                assert_eq!(filter.cursor(last), next, "each row says where the list goes on");
            }
            numbers.extend(page.items.into_iter().map(|delivery| delivery.invoice.number));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(numbers, expected, "{filter:?}");
    }
}

async fn lists_of_several_tenants_are_one(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    for id in ["beta", "gamma"] {
        store.upsert_tenant(&tenant(id), &actor("billing")).await.expect("answered");
        let theirs = Customer { tenant_id: id.into(), ..customer("C-1") };
        store.upsert_customer(&theirs, &actor("billing")).await.expect("answered");
    }
    for (id, tenant) in [("1", "beta"), ("2", "acme"), ("3", "gamma"), ("4", "beta"), ("5", "gamma"), ("6", "beta")] {
        support.database.clock.advance(Duration::from_secs(1));
        let mut event = event(id);
        event["data"]["tenant_id"] = tenant.into();
        event["data"]["documents"][0]["object"] = format!("{tenant}/1.pdf").into();
        support.accept(&event).await;
    }
    let scope = TenantScope::of([TenantId::from("beta"), TenantId::from("gamma")]);
    for limit in 1..=6 {
        let (mut after, mut numbers): (Option<Cursor>, _) = (None, Vec::new());
        loop {
            let page = PageRequest { limit, after };
            let page = store.deliveries(&DeliveryFilter::default(), &scope, page).await.expect("answered");
            numbers.extend(page.items.into_iter().map(|delivery| delivery.invoice.number));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(numbers, ["R-6", "R-5", "R-4", "R-3", "R-1"], "{limit} a page");
    }
}

/// Tables that grow with every invoice, or with every customer.
const LARGE: [&str; 7] =
    ["delivery", "event", "dead_letter", "attempt", "customer", "customer_word", "delivery_recipient"];

/// Lists whose first page begins at the end of an index of the list's order. The second one is partial: it holds what a
/// person may have to look at.
const IN_ORDER: [(&str, &str); 5] = [
    ("list of all", "delivery_created"),
    ("list of what was rejected of a tenant", "delivery_attention"),
    ("list of what was rejected of two tenants", "delivery_attention"),
    ("acknowledged work", "delivery_acknowledged"),
    ("acknowledged work of a tenant", "delivery_acknowledged_of_tenant"),
];

async fn no_search_reads_a_whole_table(database: TestDatabase) {
    let sqlite = database.store.is_single_process();
    let statements = search_statements(sqlite);
    assert!(statements.len() >= 45, "{} statements", statements.len());
    for statement in statements {
        let SearchStatement { name, text, .. } = &statement;
        let plan = plan(&database, &statement).await;
        let told = format!("{name}\n{}\n{text}", plan.join("\n"));
        for line in &plan {
            // What nothing narrows is read along the index that is in the list's order, up to the limit.
            let is_in_order = IN_ORDER.iter().any(|(list, index)| name == list && line.contains(index));
            let whole = LARGE.iter().any(|table| {
                line.contains(&format!("Seq Scan on {table}")) || line.starts_with(&format!("SCAN {table}"))
            });
            assert!(!whole || is_in_order, "{line}: {told}");
        }
        let bounded = |line: &String| line.contains("Index Cond:") || line.starts_with("SEARCH");
        let in_order = |line: &String| IN_ORDER.iter().any(|(list, index)| name == list && line.contains(index));
        assert!(plan.iter().any(|line| bounded(line) || in_order(line)), "{told}");
        // The tenant alone narrows too little; PostgreSQL chooses by what it knows of the rows, and here are none.
        let by_tenant = sqlite && plan.iter().any(|line| line.contains("delivery_of_tenant"));
        assert!(!by_tenant || *name == "list of a tenant", "{told}");
    }
}

/// The lines of how a database reads what a statement asks for.
pub(super) async fn plan(database: &TestDatabase, statement: &SearchStatement) -> Vec<String> {
    let SearchStatement { text, types, .. } = statement;
    if database.store.is_single_process() {
        return database.plan(&format!("EXPLAIN QUERY PLAN {text}")).await;
    }
    let nulls = vec!["NULL"; types.split(',').count()].join(", ");
    // As the store's connections plan: for whatever values come.
    database
        .plan(&format!(
            "DEALLOCATE ALL; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
             SET enable_hashjoin = off; SET enable_mergejoin = off; SET random_page_cost = 1.1;
             PREPARE searched ({types}) AS {text}; EXPLAIN (COSTS OFF) EXECUTE searched ({nulls})"
        ))
        .await
}

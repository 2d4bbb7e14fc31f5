//! Customers of a small tenant are found by name, however many of other tenants bear the same one.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::store::search_statements;

use super::delivery_lists::plan;
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{customer, tenant};

on_both_databases!(
    a_small_tenants_names_are_read_alone,
    of_a_common_word_each_tenants_customers_are_found,
    names_from_before_the_index_are_found,
);

/// More of one word than are looked through.
const MANY: usize = 20_000;

/// The tenant `tiny`, whose one customer is called Müller, beside `acme`, where `MANY` have this word.
async fn tiny_beside_many(database: &TestDatabase) {
    let store = &database.store;
    for id in ["acme", "tiny"] {
        store.upsert_tenant(&tenant(id), &actor("billing")).await.expect("answered");
    }
    let known = Customer { tenant_id: "tiny".into(), name: "Müller Nord".to_owned(), ..customer("T-1") };
    store.upsert_customer(&known, &actor("billing")).await.expect("answered");
    let numbers = if store.is_single_process() {
        format!("WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < {MANY})")
    } else {
        format!("WITH place (n) AS (SELECT generate_series(1, {MANY}))")
    };
    // Their records are not there: whoever reads these words finds nothing by them.
    let words = format!(
        "INSERT INTO customer_word (word, tenant_id, customer_id) {numbers} SELECT 'müller', 'acme', 'K-' || n FROM place"
    );
    database.execute(words).await;
    database.execute("ANALYZE").await;
}

/// The ids of customers of this name, and whether there may be more.
async fn named(database: &TestDatabase, text: &str, tenants: &[&str]) -> (Vec<String>, bool) {
    let scope = TenantScope::of(tenants.iter().map(|tenant| TenantId::from(*tenant)));
    let (customers, more) = database.store.customers_named(text, &scope, 20).await.expect("answered");
    (customers.iter().map(|customer| customer.id.to_string()).collect(), more)
}

async fn a_small_tenants_names_are_read_alone(database: TestDatabase) {
    tiny_beside_many(&database).await;
    for text in ["müller", "mül", "nord müller", "t-1"] {
        assert_eq!(named(&database, text, &["tiny"]).await, (vec!["T-1".to_owned()], false), "{text}");
    }
    assert_eq!(named(&database, "müller", &[]).await, (Vec::new(), false));

    let sqlite = database.store.is_single_process();
    // Of tenant and word, not of the word alone.
    let bounds: &[&[&str]] = if sqlite {
        &[&["customer_word_of_tenant (tenant_id=? AND word>? AND word<?)"]]
    } else {
        &[&["customer_word_of_tenant"], &["Index Cond:", "tenant_id = ", "word >= ", "word < "]]
    };
    let statements = search_statements(sqlite);
    let of_tenants: Vec<_> = statements.iter().filter(|statement| statement.name.contains("of tenants")).collect();
    assert_eq!(of_tenants.len(), 2, "{of_tenants:?}");
    for statement in of_tenants {
        let plan = plan(&database, statement).await;
        let told = format!("{}\n{}", statement.name, plan.join("\n"));
        for bound in bounds {
            let has_it = |line: &String| bound.iter().all(|part| line.contains(part));
            assert!(plan.iter().any(has_it), "{bound:?}: {told}");
        }
        let of_all = ["customer_word_pkey", "customer_word USING PRIMARY KEY"];
        assert!(!plan.iter().any(|line| of_all.iter().any(|index| line.contains(index))), "{told}");
    }
}

async fn of_a_common_word_each_tenants_customers_are_found(database: TestDatabase) {
    tiny_beside_many(&database).await;
    // Those of `acme` come first, and are more than are looked through.
    assert_eq!(named(&database, "müller", &["acme", "tiny"]).await, (vec!["T-1".to_owned()], true));
    assert_eq!(named(&database, "nord müller", &["acme", "tiny"]).await, (vec!["T-1".to_owned()], false));
}

async fn names_from_before_the_index_are_found(database: TestDatabase) {
    tiny_beside_many(&database).await;
    let found = async |way: &str| {
        assert_eq!(named(&database, "müller", &["tiny"]).await, (vec!["T-1".to_owned()], false), "{way}");
    };
    database.migrate_down_and_up("0012_tenant_words", found).await;
}

//! What customers are verified by: the keys beside their records.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::{Customer, Postal, VerificationRecord};
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::verification_key::CallingCode;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, customer, event, tenant};

on_both_databases!(
    an_upsert_writes_the_keys,
    rows_from_before_the_migration_are_read_by_todays_rules_and_made_anew,
    a_refused_number_is_unusable_until_it_changes,
);

/// As a database that has just been migrated holds it.
const BEFORE: &str = "UPDATE customer SET verification_rules = 0, postcode_key = NULL, house_number_key = NULL,
    mobile_country = NULL";

fn dutch(id: &str) -> Customer {
    let text = |text: &str| Some(text.to_owned());
    let postal = Postal { country: text("NL"), postcode: text("NL-1234 ab"), house_number: text("12 bus 4") };
    Customer { postal, mobile: text("+31612345678"), ..customer(id) }
}

const USABLE: VerificationRecord = VerificationRecord {
    postcode_house_number: true,
    mobile: true,
    mobile_country: Some(CallingCode(31)),
    mobile_refused: false,
};

async fn keys(database: &TestDatabase) -> Vec<String> {
    let keys = "SELECT COALESCE(postcode_key, '-') || ' ' || COALESCE(house_number_key, '-') || ' '
        || COALESCE(CAST(mobile_country AS TEXT), '-') FROM customer ORDER BY id";
    database.texts(keys).await
}

async fn an_upsert_writes_the_keys(database: TestDatabase) {
    let store = &database.store;
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    let mut po_box = dutch("C-2");
    po_box.postal.house_number = Some("Postbus 90".to_owned());
    store.upsert_customers(&[dutch("C-1"), po_box, customer("C-3")], &actor("billing")).await.expect("answered");
    assert_eq!(keys(&database).await, ["1234AB 12 31", "1234AB - 31", "- - -"]);

    let mut moved = dutch("C-1");
    moved.postal.postcode = Some("1234".to_owned());
    store.upsert_customer(&moved, &actor("billing")).await.expect("answered");
    assert_eq!(keys(&database).await[0], "- 12 31", "no postcode of that country");

    let groups = store.customer_groups(&TenantId::from("acme"), &TenantScope::All).await.expect("answered");
    let number_only = VerificationRecord { postcode_house_number: false, ..USABLE };
    let groups: Vec<_> = groups.iter().map(|group| (group.record, group.count)).collect();
    assert_eq!(groups.len(), 2, "{groups:?}");
    assert!(groups.contains(&(number_only, 2)) && groups.contains(&(VerificationRecord::default(), 1)), "{groups:?}");
}

async fn rows_from_before_the_migration_are_read_by_todays_rules_and_made_anew(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let database = &support.database;
    let store = &database.store;
    store.upsert_customers(&[dutch("C-1"), dutch("C-2"), customer("C-3")], &actor("billing")).await.expect("answered");
    let delivery = support.accept(&event("1")).await;
    database.execute(BEFORE).await;
    assert_eq!(keys(database).await, ["- - -", "- - -", "- - -"]);

    let loaded = store.load(&[delivery]).await.expect("answered");
    assert_eq!(loaded[0].verification, USABLE, "no invoice fails because of the upgrade");

    let mut rounds = Vec::new();
    while rounds.last() != Some(&0) {
        rounds.push(store.renew_verification_keys(2).await.expect("answered"));
    }
    assert_eq!(rounds, [2, 1, 0]);
    assert_eq!(keys(database).await, ["1234AB 12 31", "1234AB 12 31", "- - -"]);
    assert_eq!(store.load(&[delivery]).await.expect("answered")[0].verification, USABLE);

    database.execute(BEFORE).await;
    store.migrate().await.expect("it is current");
    assert_eq!(keys(database).await[0], "1234AB 12 31", "migrating makes them, too");
}

async fn a_refused_number_is_unusable_until_it_changes(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let (acme, id) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let mut one = dutch("C-1");
    store.upsert_customer(&one, &actor("billing")).await.expect("answered");
    let delivery = support.accept(&event("1")).await;
    let refused = async || {
        let keys = store.verification_keys(&acme, &id).await.expect("answered").expect("it is known");
        let loaded = store.load(&[delivery]).await.expect("answered");
        assert_eq!(loaded[0].verification, VerificationRecord::from(&keys), "one answer");
        keys.mobile_refused
    };
    store.refuse_mobile(&acme, &id, "+31600000000").await.expect("answered");
    assert!(!refused().await, "another number was refused");
    store.refuse_mobile(&acme, &id, "+31612345678").await.expect("answered");
    assert!(refused().await);

    "Neu".clone_into(&mut one.name);
    store.upsert_customer(&one, &actor("billing")).await.expect("answered");
    assert!(refused().await, "it is still that number");
    one.mobile = Some("+31687654321".to_owned());
    store.upsert_customer(&one, &actor("billing")).await.expect("answered");
    assert!(!refused().await);

    store.refuse_mobile(&acme, &id, "+31687654321").await.expect("answered");
    one.mobile = None;
    store.upsert_customer(&one, &actor("billing")).await.expect("answered");
    assert!(!refused().await, "there is no number");
}

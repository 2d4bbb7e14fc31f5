//! Tenants and customers: an import changes what it should, and never what an administrator chose.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::settings::{Settings, VersionedSettings};
use invoice_dispatcher::store::{SettingsPut, TenantUpserted};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, customer, event, tenant};

on_both_databases!(
    a_tenant_is_created_once_and_then_changed,
    settings_are_never_applied_by_an_upsert,
    settings_are_saved_only_over_those_that_were_seen,
    earlier_settings_are_restored_as_a_new_version,
    versions_from_before_there_were_reasons_are_kept,
    customers_are_counted_by_what_became_of_them,
    ten_thousand_customers_are_taken_in_batches,
    an_upsert_names_what_it_cures,
);

async fn a_tenant_is_created_once_and_then_changed(database: TestDatabase) {
    let store = &database.store;
    let mut acme = tenant("acme");
    let created = store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    assert_eq!(created, TenantUpserted { created: true, ..TenantUpserted::default() });
    assert_eq!(
        store.upsert_tenant(&acme, &actor("billing")).await.expect("answered"),
        TenantUpserted::default(),
        "nothing changed"
    );

    "neu@acme.example".clone_into(&mut acme.profile.sender.address);
    let changed = store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    assert_eq!(changed, TenantUpserted { profile_changed: true, ..TenantUpserted::default() });
    acme.relay = "second".into();
    let moved = store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    assert_eq!(moved, TenantUpserted { moved: true, ..TenantUpserted::default() });

    assert_eq!(database.number("SELECT COUNT(*) FROM tenant_profile").await, 2, "a version for each change");
    assert_eq!(database.number("SELECT COUNT(*) FROM tenant_profile WHERE superseded_at IS NOT NULL").await, 1);
    assert_eq!(database.number("SELECT profile_version FROM tenant").await, 2);
    let known = store.tenant(&acme.id, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((known.profile, known.relay.as_str()), (acme.profile, "second"));
    assert_eq!(known.object_prefix.as_deref(), Some("acme/"));
    assert_eq!(store.tenant(&TenantId::from("nobody"), &TenantScope::All).await.expect("answered"), None);
}

async fn settings_are_never_applied_by_an_upsert(database: TestDatabase) {
    let store = &database.store;
    let acme = tenant("acme");
    store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    let chosen = other_settings(acme.settings);
    let put = store.put_settings(&acme.id, &chosen, None, None, &actor(WHO)).await.expect("answered");
    assert_eq!(put, SettingsPut::Saved(VersionedSettings { version: 2, settings: chosen }));

    let upserted = store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    assert_eq!(upserted, TenantUpserted { settings_ignored: true, ..TenantUpserted::default() });
    let holds = store.settings(&acme.id, &TenantScope::All).await.expect("answered").expect("it has settings");
    assert_eq!((holds.version, holds.settings), (2, chosen));
    let changes = store.settings_changes(&acme.id, &TenantScope::All, None, 100).await.expect("answered");
    let changes: Vec<_> = changes.iter().map(|change| (change.version, change.changed_by.as_str())).collect();
    assert_eq!(changes, [(2, WHO), (1, "created with the tenant")]);
}

async fn settings_are_saved_only_over_those_that_were_seen(database: TestDatabase) {
    let store = &database.store;
    let acme = tenant("acme");
    let other = other_settings(acme.settings);
    assert_eq!(
        store.put_settings(&acme.id, &other, None, None, &actor(WHO)).await.expect("answered"),
        SettingsPut::UnknownTenant
    );
    store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    let (ada, bob) = (actor("ada"), actor("bob"));
    let (one, two) = tokio::join!(
        store.put_settings(&acme.id, &other, Some(1), None, &ada),
        store.put_settings(&acme.id, &other, Some(1), None, &bob),
    );
    let answers = [one.expect("answered"), two.expect("answered")];
    let current = VersionedSettings { version: 2, settings: other };
    assert!(answers.contains(&SettingsPut::Saved(current)), "{answers:?}");
    assert!(answers.contains(&SettingsPut::Conflict(current)), "{answers:?}");
    let again = store.put_settings(&acme.id, &other, Some(2), None, &actor(WHO)).await.expect("answered");
    assert_eq!(again, SettingsPut::Saved(current), "what holds already is no change");
    assert_eq!(database.number("SELECT COUNT(*) FROM settings_change").await, 2);
}

async fn earlier_settings_are_restored_as_a_new_version(database: TestDatabase) {
    let store = &database.store;
    let acme = tenant("acme");
    let (first, ada) = (acme.settings, actor("ada"));
    let restore = async |version, if_match, why| {
        store.restore_settings(&acme.id, version, if_match, why, &ada).await.expect("answered")
    };
    assert_eq!(restore(1, None, None).await, SettingsPut::UnknownTenant);
    store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    let other = other_settings(first);
    store.put_settings(&acme.id, &other, Some(1), Some("the auditor asked for it"), &ada).await.expect("answered");

    let current = VersionedSettings { version: 2, settings: other };
    assert_eq!(restore(7, Some(2), None).await, SettingsPut::UnknownVersion);
    assert_eq!(restore(1, Some(1), None).await, SettingsPut::Conflict(current));
    assert_eq!(restore(2, Some(2), None).await, SettingsPut::Saved(current), "what holds already is no change");
    let restored = VersionedSettings { version: 3, settings: first };
    assert_eq!(restore(1, Some(2), Some("a mistake")).await, SettingsPut::Saved(restored));

    let holds = store.settings(&acme.id, &TenantScope::All).await.expect("answered");
    assert_eq!(holds, Some(restored));
    let changes = store.settings_changes(&acme.id, &TenantScope::All, None, 100).await.expect("answered");
    let changes: Vec<_> =
        changes.iter().map(|change| (change.version, change.settings, change.reason.as_deref())).collect();
    assert_eq!(
        changes,
        [(3, first, Some("a mistake")), (2, other, Some("the auditor asked for it")), (1, first, None)]
    );
    let reasons = "SELECT reason FROM audit_detail JOIN audit_entry ON audit_entry.sequence = audit_detail.sequence
                   WHERE action = 'settings_changed' ORDER BY audit_detail.sequence";
    assert_eq!(database.texts(reasons).await, ["the auditor asked for it", "a mistake"]);
    let restored = "SELECT COUNT(*) FROM audit_detail WHERE change LIKE '%\"restored_version\":1%'";
    assert_eq!(database.number(restored).await, 1);
}

async fn versions_from_before_there_were_reasons_are_kept(database: TestDatabase) {
    let store = &database.store;
    let acme = tenant("acme");
    store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    let other = other_settings(acme.settings);
    store.put_settings(&acme.id, &other, None, Some("to be forgotten"), &actor("ada")).await.expect("answered");
    database.migrate_down_and_up("0008_settings_reason", async |_| ()).await;
    let changes = store.settings_changes(&acme.id, &TenantScope::All, None, 100).await.expect("answered");
    let changes: Vec<_> =
        changes.iter().map(|change| (change.version, change.changed_by.as_str(), change.reason.as_deref())).collect();
    assert_eq!(changes, [(2, "ada", None), (1, "created with the tenant", None)]);
}

async fn customers_are_counted_by_what_became_of_them(database: TestDatabase) {
    let store = &database.store;
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    let (one, mut two) = (customer("C-1"), customer("C-2"));
    let stranger = Customer { tenant_id: "nobody".into(), ..customer("C-1") };
    let upserted =
        store.upsert_customers(&[two.clone(), stranger, one.clone()], &actor("billing")).await.expect("answered");
    assert_eq!((upserted.created, upserted.changed, upserted.unchanged), (2, 0, 0));
    assert_eq!(upserted.unknown_tenant, [(TenantId::from("nobody"), CustomerId::from("C-1"))]);

    two.mobile = Some("+4915112345678".to_owned());
    let three = customer("C-3");
    let batch = [customer("C-2"), one.clone(), three, two.clone()];
    let upserted = store.upsert_customers(&batch, &actor("billing")).await.expect("answered");
    assert_eq!((upserted.created, upserted.changed, upserted.unchanged), (1, 1, 1), "the last of two counts");
    assert_eq!(store.customer(&two.tenant_id, &two.id, &TenantScope::All).await.expect("answered"), Some(two));
    assert_eq!(
        store.customer(&one.tenant_id, &CustomerId::from("C-9"), &TenantScope::All).await.expect("answered"),
        None
    );
    assert_eq!(
        store.upsert_customers(&[], &actor("billing")).await.expect("answered"),
        invoice_dispatcher::store::CustomersUpserted::default()
    );
}

async fn ten_thousand_customers_are_taken_in_batches(database: TestDatabase) {
    database.store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    let customers: Vec<Customer> = (0..10_000).map(|number| customer(&format!("C-{number}"))).collect();
    for batch in customers.chunks(1_000) {
        assert_eq!(database.store.upsert_customers(batch, &actor("billing")).await.expect("answered").created, 1_000);
    }
    for batch in customers.chunks(1_000) {
        assert_eq!(database.store.upsert_customers(batch, &actor("billing")).await.expect("answered").unchanged, 1_000);
    }
}

async fn an_upsert_names_what_it_cures(database: TestDatabase) {
    let support = Support::new(database);
    let store = &support.database.store;
    support.take(&event("1")).await;
    assert_eq!(support.letters().await, ["unknown_tenant open"]);
    let upserted = store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    assert_eq!(upserted.resolvable.len(), 1);
    assert_eq!(store.resolvable_dead_letters(10).await.expect("answered"), upserted.resolvable);
    assert_eq!(store.upsert_tenant(&tenant("other"), &actor("billing")).await.expect("answered").resolvable, []);

    store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    let (_, letter) = support.die(ReasonCode::NoVerificationMethod).await;
    let unchanged = store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    assert_eq!(unchanged.resolvable, [], "it brought nothing new");
    let renamed = Customer { name: "Neu".to_owned(), ..customer("C-1") };
    assert_eq!(
        store.upsert_customer(&renamed, &actor("billing")).await.expect("answered").resolvable,
        [],
        "still nothing to verify by"
    );
    let mut usable = renamed;
    usable.postal.postcode = Some("01067".to_owned());
    usable.postal.house_number = Some("12a".to_owned());
    assert_eq!(store.upsert_customer(&usable, &actor("billing")).await.expect("answered").resolvable, [letter]);
}

fn other_settings(settings: Settings) -> Settings {
    let other = invoice_dispatcher::model::settings::SensitiveAttachments::Exclude;
    assert_ne!(settings.sensitive_attachments, other);
    Settings { sensitive_attachments: other, ..settings }
}

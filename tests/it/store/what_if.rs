//! Which deliveries of the past other settings would have changed.

use std::time::{Duration, Instant};

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::{CustomerType, VerificationRecord};
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::settings::{
    PortalAuthentication, PortalLevel, SensitiveAttachments, Settings, VerificationMethod,
};
use invoice_dispatcher::model::verification::VerificationConfig;
use invoice_dispatcher::policy::decision::{PortalAccess, PortalTerms};
use invoice_dispatcher::policy::invoice_route::{InvoiceRoute, ordinary_inputs};
use invoice_dispatcher::store::PAST_DELIVERIES_MAX;

use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::store::samples::add_tenant;

on_both_databases!(other_settings_are_compared_with_what_went, twenty_thousand_deliveries_are_compared_in_time,);

/// The longest that somebody waits for a comparison with 20,000 deliveries, by a debug build. The fastest of three counts: a
/// busy moment of the machine is no slow plan.
const LONGEST: Duration = Duration::from_secs(5);

const POSTCODE: Option<VerificationMethod> = Some(VerificationMethod::PostcodeHouseNumber);

fn settings(sensitive_attachments: SensitiveAttachments, level: PortalLevel) -> Settings {
    let primary = if level.verifies() { POSTCODE } else { None };
    Settings { sensitive_attachments, portal_authentication: PortalAuthentication { level, primary, secondary: None } }
}

fn acme() -> TenantId {
    TenantId::from("acme")
}

/// A delivery of the past.
#[derive(Clone, Copy)]
struct Past<'a> {
    tenant: &'a str,
    customer: &'a str,
    role: &'a str,
    /// None: it is due.
    concluded: Option<(&'a str, &'a str)>,
    inputs: Option<&'a str>,
    age: Duration,
}

impl Past<'_> {
    async fn insert(self, database: &TestDatabase) {
        let is_sqlite = database.store.is_single_process();
        let id = new_id();
        let id = if is_sqlite { format!("X'{}'", id.simple()) } else { format!("'{id}'") };
        let quoted = |text: Option<&str>| text.map_or("NULL".to_owned(), |text| format!("'{text}'"));
        let created_at = database.clock.now().minus(self.age).0;
        let Self { tenant, customer, role, .. } = self;
        let is_sent = self.concluded.is_some_and(|(state, _)| state == "sent");
        let digest = match (is_sent, is_sqlite) {
            (false, _) => "NULL".to_owned(),
            (true, true) => format!("X'{}'", "00".repeat(32)),
            (true, false) => format!("decode('{}', 'hex')", "00".repeat(32)),
        };
        let (state, class) = (quoted(self.concluded.map(|one| one.0)), quoted(self.concluded.map(|one| one.1)));
        let concluded_at = if self.concluded.is_some() { created_at.to_string() } else { "NULL".to_owned() };
        // Of one that is due it stands in its lane.
        let (kept, under_way) = if self.concluded.is_some() { (self.inputs, None) } else { (None, self.inputs) };
        database
            .execute(format!(
                "INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                     invoice_number, kind, recipients, customer_name, locale, profile_version, template_version,
                     snapshot_at, link_key, created_at, concluded, concluded_at, class, message_sha256, message_date,
                     decision_inputs)
                 VALUES ({id}, {id}, '{role}', {id}, {id}, '{tenant}', '{customer}', 'i', 'R-1', 'invoice', '[]', 'K',
                     'de-DE', 1, 't1', {created_at}, 'k1', {created_at}, {state}, {concluded_at}, {class}, {digest}, 0,
                     {})",
                quoted(kept)
            ))
            .await;
        if self.concluded.is_none() {
            database
                .execute(format!(
                    "INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, due_at, decision_inputs)
                     VALUES ({id}, 'default', '{tenant}', '{customer}', 'due', 0, {})",
                    quoted(under_way)
                ))
                .await;
        }
    }
}

/// JSON of what was decided upon.
fn inputs(held: Settings, kind: CustomerType, postcode_house_number: bool) -> String {
    let record = VerificationRecord { postcode_house_number, ..VerificationRecord::default() };
    serde_json::to_string(&ordinary_inputs(held, Some(kind), record, false)).expect("JSON")
}

async fn other_settings_are_compared_with_what_went(database: TestDatabase) {
    let store = &database.store;
    add_tenant(&database, "acme").await;
    database
        .execute(
            "INSERT INTO customer (tenant_id, id, type, name, address, country, postcode, house_number, updated_at)
             VALUES ('acme', 'C-9', 'private', 'K', 'k@customer.example', 'DE', '01067', '12a', 0)",
        )
        .await;
    let held = settings(SensitiveAttachments::ExcludeForPrivate, PortalLevel::NotRequired);
    let attached = inputs(held, CustomerType::Business, true);
    let open = inputs(held, CustomerType::Private, true);
    let open_of_nobody = inputs(held, CustomerType::Private, false);
    let sent = Past {
        tenant: "acme",
        customer: "C-1",
        role: "main",
        concluded: Some(("sent", "accepted")),
        inputs: Some(&attached),
        age: Duration::from_hours(1),
    };
    let day = Duration::from_hours(24);
    let dead = Some(("dead", "no_verification_method"));
    for past in [
        sent,
        Past { age: day * 29, ..sent },
        Past { concluded: None, ..sent },
        Past { concluded: Some(("uncertain", "uncertain")), ..sent },
        Past { inputs: Some(&open), ..sent },
        Past { inputs: Some(&open_of_nobody), ..sent },
        Past { inputs: None, concluded: dead, customer: "C-9", ..sent },
        // Nothing was decided yet, or what was is not readable, or whose customer is gone.
        Past { inputs: None, concluded: None, ..sent },
        Past { inputs: Some("{}"), ..sent },
        Past { inputs: None, concluded: dead, customer: "C-404", ..sent },
        // None of the tenant's invoices of the last 30 days.
        Past { role: "bcc", ..sent },
        Past { role: "rest", ..sent },
        Past { tenant: "beta", ..sent },
        Past { age: day * 31, ..sent },
    ] {
        past.insert(&database).await;
    }
    let strict = settings(SensitiveAttachments::Exclude, PortalLevel::Sensitive);
    let without_sms = VerificationConfig::without_sms();
    let compared = store.compare_with_past(&acme(), &TenantScope::All, strict, &without_sms).await.expect("answered");
    let comparison = compared.comparison;
    let open = InvoiceRoute::Linked(PortalTerms { access: PortalAccess::Open, method: None });
    let verified = InvoiceRoute::Linked(PortalTerms { access: PortalAccess::Verified, method: POSTCODE });
    let unverifiable = InvoiceRoute::NotSent(ReasonCode::NoVerificationMethod);
    let mut changes: Vec<_> = comparison.changes.iter().map(|one| (one.from, one.to, one.deliveries)).collect();
    assert_eq!(changes.remove(0), (InvoiceRoute::Attached, verified, 4), "the most frequent first");
    for expected in [(open, verified, 1), (open, unverifiable, 1), (unverifiable, verified, 1)] {
        assert!(changes.contains(&expected), "{expected:?}: {changes:?}");
    }
    assert_eq!((changes.len(), comparison.unchanged, comparison.undecided), (3, 0, 3));
    assert_eq!((comparison.considered(), compared.has_more), (10, false));

    let same = store.compare_with_past(&acme(), &TenantScope::All, held, &without_sms).await.expect("answered");
    assert_eq!((same.comparison.unchanged, same.comparison.changed()), (6, 1), "the dead letter would have gone");
    let foreign = TenantScope::of([TenantId::from("beta")]);
    let nothing = store.compare_with_past(&acme(), &foreign, strict, &without_sms).await.expect("answered");
    assert_eq!(nothing.comparison.considered(), 0, "another's tenant");
}

async fn twenty_thousand_deliveries_are_compared_in_time(database: TestDatabase) {
    let store = &database.store;
    add_tenant(&database, "acme").await;
    let held = settings(SensitiveAttachments::ExcludeForPrivate, PortalLevel::Sensitive);
    let [business, private] = [CustomerType::Business, CustomerType::Private].map(|kind| inputs(held, kind, true));
    let (id, digest) = if store.is_single_process() {
        ("CAST(printf('%016d', n) AS BLOB)", "CAST(printf('%032d', n) AS BLOB)")
    } else {
        ("CAST(LPAD(CAST(n AS TEXT), 32, '0') AS UUID)", "DECODE(LPAD(CAST(n AS TEXT), 64, '0'), 'hex')")
    };
    let now = database.clock.now().0;
    // Two at each moment, and those of another tenant between them.
    database
        .execute(format!(
            "INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                 invoice_number, kind, recipients, customer_name, locale, profile_version, template_version, snapshot_at,
                 link_key, created_at, concluded, concluded_at, class, message_sha256, message_date, decision_inputs)
             WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < 60000)
             SELECT {id}, {id}, 'main', {id}, {id}, CASE n % 3 WHEN 0 THEN 'beta' ELSE 'acme' END, 'C-1', 'inv-' || n,
                 'R-' || n, 'invoice', '[]', 'K', 'de-DE', 1, 't1', 0, 'k1', {now} - n / 3, 'sent', {now}, 'accepted',
                 {digest}, 0, CASE n % 2 WHEN 0 THEN '{business}' ELSE '{private}' END
             FROM place"
        ))
        .await;
    if !store.is_single_process() {
        database.execute("ANALYZE delivery").await;
    }
    let strict = settings(SensitiveAttachments::Exclude, PortalLevel::Sensitive);
    let without_sms = VerificationConfig::without_sms();
    let scope = TenantScope::All;
    let mut took = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        store.compare_with_past(&acme(), &scope, strict, &without_sms).await.expect("answered");
        took = took.min(began.elapsed());
        if took < LONGEST {
            break;
        }
    }
    let compared = store.compare_with_past(&acme(), &scope, strict, &without_sms).await.expect("answered");
    println!("20,000 of 40,000 deliveries are compared in {} ms", took.as_millis());
    assert_eq!(compared.comparison.considered(), u64::from(PAST_DELIVERIES_MAX));
    assert!(compared.has_more && compared.comparison.changes.len() == 1, "{compared:?}");
    assert_eq!(compared.comparison.changed(), 10_000, "every second one is a business customer's");
    assert!(took < LONGEST, "{took:?}");
    // The newest, without a gap where two are of the same moment.
    let newest: Vec<_> = compared.comparison.changes[0].examples.iter().map(|one| &*one.invoice_number).collect();
    assert_eq!(newest, ["R-2", "R-4", "R-8", "R-10", "R-14"]);
}

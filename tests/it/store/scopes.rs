//! Whoever is limited to some tenants sees, finds and changes nothing of any other, by whatever query or act.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use invoice_dispatcher::model::access::{Principal, TenantScope};
use invoice_dispatcher::model::actor::Actor;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{CustomerId, DeadLetterId, DeliveryId, EventKey, TenantId};
use invoice_dispatcher::model::logo::Logo;
use invoice_dispatcher::model::portal_event::PortalEventKind;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeliveryState};
use invoice_dispatcher::operator::resend::ResendRequest;
use invoice_dispatcher::policy::lockout::LINK_RULE;
use invoice_dispatcher::secrets::{AddressKeys, SecretKeys};
use invoice_dispatcher::store::{
    Acted, DeadLetterFilter, DeliveryFilter, FindRequest, LinkFilter, LinkSelection, NewPortalEvent, PageRequest,
    PauseChange, Store, VerificationAttempt,
};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, asked, customer, event, tenant};

on_both_databases!(no_query_shows_what_lies_outside_the_scope, no_act_reaches_what_lies_outside_the_scope);

/// 2 × 1 pixels.
const LOGO: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR42mPgyvYHIgAE2QGJ8TRcUwAAAABJRU5ErkJggg==";
const SOURCE: &str = "https://billing.example/test";
const EVERYTHING: PageRequest = PageRequest { limit: 100, after: None };
const TENANTS: [&str; 2] = ["acme", "beta"];

/// What one tenant has.
pub(crate) struct Owned {
    pub(crate) tenant: TenantId,
    /// Sent, with a link that was opened.
    pub(crate) sent: DeliveryId,
    letter: DeadLetterId,
    event: EventKey,
}

/// The tenants that each query shows something of.
type Shown = Vec<(&'static str, BTreeSet<String>)>;

async fn no_query_shows_what_lies_outside_the_scope(mut database: TestDatabase) {
    let keys = SecretKeys::parse("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b").expect("keys");
    database.store = database.store.clone().with_address_keys(AddressKeys::of(&keys));
    let support = Support::with_acme(database).await;
    let mut owned = Vec::new();
    for name in TENANTS {
        owned.push(fill(&support, name).await);
    }
    let store = &support.database.store;
    let both: BTreeSet<String> = TENANTS.map(str::to_owned).into();
    for (name, tenants) in shown(store, &TenantScope::All, &owned).await {
        assert_eq!(tenants, both, "{name} shows each tenant to whoever may see all");
    }
    for scope in [&["acme"][..], &["beta"], &["acme", "beta"], &["acme", "nobody"], &[]] {
        let scope: BTreeSet<String> = scope.iter().map(|name| (*name).to_owned()).collect();
        let expected: BTreeSet<String> = scope.intersection(&both).cloned().collect();
        let limited = TenantScope::of(scope.iter().map(|name| TenantId::from(name.as_str())));
        for (name, tenants) in shown(store, &limited, &owned).await {
            assert_eq!(tenants, expected, "{name} for {scope:?}");
        }
    }
}

/// Gives a tenant one of everything.
pub(crate) async fn fill(support: &Support, name: &str) -> Owned {
    let store = &support.database.store;
    let id = TenantId::from(name);
    store.upsert_tenant(&tenant(name), &actor("billing")).await.expect("answered");
    store
        .upsert_customer(&Customer { tenant_id: id.clone(), ..customer("C-1") }, &actor("billing"))
        .await
        .expect("answered");
    let logo = Logo::read(STANDARD.decode(LOGO).expect("base64").into()).expect("a logo");
    store.save_logo(&id, &logo, &actor("billing")).await.expect("answered");
    let of = |number: &str| numbered(name, number);
    support.database.clock.advance(std::time::Duration::from_secs(1));
    support.accept(&of("sent")).await;
    let (sent, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&of("dead")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.accept(&of("rejected")).await;
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    let mut waiting = of("waiting");
    waiting["data"]["customer_id"] = "C-9".into();
    support.take(&waiting).await;
    let opened = NewPortalEvent { root: sent, kind: PortalEventKind::Opened, detail: None, network: None };
    store.record_portal_event(&opened).await.expect("answered");
    let customer = CustomerId::from("C-1");
    let attempt = VerificationAttempt { root: sent, tenant: &id, customer: &customer, network: Some("192.0.2.0/24") };
    for _ in 0..LINK_RULE.failures {
        store.admit_verification(&attempt).await.expect("answered");
    }
    Owned { tenant: id, sent, letter, event: EventKey::new(SOURCE, &format!("sent-{name}")) }
}

/// The event of the tenant's invoice `R-{number}`.
pub(crate) fn numbered(tenant: &str, number: &str) -> Value {
    let mut event = event(&format!("{number}-{tenant}"));
    event["data"]["tenant_id"] = tenant.into();
    event["data"]["invoice"]["number"] = format!("R-{number}").into();
    event["data"]["documents"][0]["object"] = format!("{tenant}/{number}.pdf").into();
    event
}

/// What somebody wants to act upon, all of acme.
struct Targets {
    due: DeliveryId,
    uncertain: DeliveryId,
    rejected: DeliveryId,
    open: DeadLetterId,
    to_redrive: DeadLetterId,
    discarded: DeadLetterId,
}

async fn no_act_reaches_what_lies_outside_the_scope(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    fill(&support, "acme").await;
    let mut letters = Vec::new();
    for number in ["open", "redriven", "discarded"] {
        support.accept(&numbered("acme", number)).await;
        letters.push(support.die(ReasonCode::Refused).await.1);
    }
    store.discard_dead_letters(&letters[2..], &actor("ops"), "not wanted").await.expect("answered");
    support.accept(&numbered("acme", "unseen")).await;
    let (rejected, _) = support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    support.accept(&numbered("acme", "uncertain")).await;
    let (uncertain, _) = support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
    let due = support.accept(&numbered("acme", "due")).await;
    let (open, to_redrive, discarded) = (letters[0], letters[1], letters[2]);
    let targets = Targets { due, uncertain, rejected, open, to_redrive, discarded };

    let limited = |name: &str, scope: TenantScope| Actor::new(Principal { scope, ..Principal::command_line(name) });
    for scope in [TenantScope::of(["beta".into()]), TenantScope::of([])] {
        for (act, is_done) in acts(&support, &targets, &limited("eve", scope)).await {
            assert!(!is_done, "{act} of another tenant's");
        }
    }
    for table in ["audit_detail WHERE name", "delivery_note WHERE who"] {
        assert_eq!(support.database.number(format!("SELECT COUNT(*) FROM {table} = 'eve'")).await, 0, "{table}");
    }
    // The same acts of whoever may: each of them would have changed something.
    for (act, is_done) in acts(&support, &targets, &limited("ada", TenantScope::of(["acme".into()]))).await {
        assert!(is_done, "{act} of one's own tenant's");
    }
}

/// What somebody tries, and whether it changed anything.
async fn acts(support: &Support, targets: &Targets, who: &Actor) -> Vec<(&'static str, bool)> {
    let store = &support.database.store;
    let (acme, customer) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let Targets { due, uncertain, rejected, open, to_redrive, discarded } = *targets;
    let links = LinkSelection::Tenant(acme.clone());
    let request = ResendRequest { who, ..asked(&acme, "R-sent") };
    let restored = store.restore_dead_letters(&[discarded], who, false).await.expect("answered");
    let paused = store.pause_tenant(&acme, who, "asked for").await.expect("answered");
    let resumed = store.resume_tenant(&acme, who).await.expect("answered");
    let scope = &who.principal.scope;
    vec![
        ("a pause", matches!(paused, PauseChange::Done { .. })),
        ("the end of a pause", matches!(resumed, PauseChange::Done { .. })),
        ("sending now", store.send_now(due, who).await.expect("answered") == Acted::Done),
        ("cancelling", store.cancel(due, who, "paid").await.expect("answered") == Acted::Done),
        ("marking as sent", store.mark_sent(uncertain, who, "seen").await.expect("answered").acted == Acted::Done),
        ("a look", !store.acknowledge(scope, &[rejected], who).await.expect("answered").done.is_empty()),
        ("discarding", !store.discard_dead_letters(&[open], who, "no").await.expect("answered").is_empty()),
        ("restoring", !restored.letters.is_empty()),
        ("redriving", support.redrive.letter(to_redrive, who).await.is_ok()),
        ("revoking links", store.revoke_links(&links, who, "pasted").await.expect("answered") > 0),
        ("lifting a lock", store.lift_portal_locks(&acme, &customer, who, "called").await.expect("answered")),
        ("resending", support.resend.resend(&request).await.is_ok()),
    ]
}

async fn shown(store: &Store, scope: &TenantScope, owned: &[Owned]) -> Shown {
    let mut all = lists(store, scope).await;
    all.extend(searches(store, scope).await);
    all.extend(of_one_tenant(store, scope, owned).await);
    all
}

fn set<'a>(tenants: impl IntoIterator<Item = &'a TenantId>) -> BTreeSet<String> {
    tenants.into_iter().map(ToString::to_string).collect()
}

async fn lists(store: &Store, scope: &TenantScope) -> Shown {
    let mut shown = Shown::new();
    let rejected = Some(DeliveryState::Concluded(Concluded::Rejected));
    let to = Some("ap@customer.example".to_owned());
    for (name, filter) in [
        ("deliveries", DeliveryFilter::default()),
        ("deliveries of a state", DeliveryFilter { state: rejected, ..DeliveryFilter::default() }),
        ("deliveries of a number", DeliveryFilter { invoice: Some("R-sent".to_owned()), ..DeliveryFilter::default() }),
        ("deliveries to an address", DeliveryFilter { to, ..DeliveryFilter::default() }),
    ] {
        let page = store.deliveries(&filter, scope, EVERYTHING).await.expect("answered");
        shown.push((name, set(page.items.iter().map(|delivery| &delivery.invoice.tenant))));
    }
    let letters = store.dead_letters(&DeadLetterFilter::default(), scope, EVERYTHING).await.expect("answered");
    shown.push(("dead letters", set(letters.items.iter().filter_map(|letter| letter.tenant.as_ref()))));
    let tenants = store.tenants(scope, None, 100).await.expect("answered");
    shown.push(("tenants", set(tenants.iter().map(|tenant| &tenant.id))));
    let locks = store.portal_locks(scope, None, 100).await.expect("answered").locks;
    shown.push(("portal locks", set(locks.iter().map(|lock| &lock.tenant))));
    shown
}

async fn searches(store: &Store, scope: &TenantScope) -> Shown {
    let mut shown = Shown::new();
    for (name, text) in [
        ("find a number", "R-sent"),
        ("find the beginning of a number", "r-"),
        ("find an address", "ap@customer.example"),
        ("find a customer", "käufer"),
        ("find what waits", "R-waiting"),
        ("find what died", "R-dead"),
    ] {
        let request = FindRequest { text, scope, after: None, limit: 20 };
        let found = store.find(&request).await.expect("answered").hits;
        let deliveries = found.deliveries.iter().map(|(_, delivery)| &delivery.invoice.tenant);
        let events = found.events.iter().map(|(_, event)| &event.invoice.tenant);
        let letters = found.dead_letters.iter().filter_map(|(_, letter)| letter.tenant.as_ref());
        let customers = found.customers.iter().map(|customer| &customer.tenant_id);
        shown.push((name, set(deliveries.chain(events).chain(letters).chain(customers))));
    }
    let numbered = store.invoices_numbered("r-sent", scope, 10).await.expect("answered");
    shown.push(("invoices numbered", set(numbered.iter().map(|invoice| &invoice.tenant))));
    let (customers, _) = store.customers_named("käufer", scope, 10).await.expect("answered");
    shown.push(("customers named", set(customers.iter().map(|customer| &customer.tenant_id))));
    shown
}

/// What names a tenant, or something of one.
async fn of_one_tenant(store: &Store, scope: &TenantScope, owned: &[Owned]) -> Shown {
    let mut shown: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for Owned { tenant, sent, letter, event } in owned {
        let id = CustomerId::from("C-1");
        let range = |id: Uuid| (id, id);
        let invoice = LinkSelection::Invoice { tenant: tenant.clone(), invoice: "R-sent".to_owned() };
        let found = [
            ("tenant", store.tenant(tenant, scope).await.expect("answered").is_some()),
            ("settings", store.settings(tenant, scope).await.expect("answered").is_some()),
            (
                "settings' history",
                !store.settings_changes(tenant, scope, None, 100).await.expect("answered").is_empty(),
            ),
            ("customers counted", !store.customer_groups(tenant, scope).await.expect("answered").is_empty()),
            ("logo", store.logo_of(tenant, scope).await.expect("answered").is_some()),
            ("customer", store.customer(tenant, &id, scope).await.expect("answered").is_some()),
            ("customers", !store.customers(tenant, scope, None, 10).await.expect("answered").is_empty()),
            ("customer's locks", !store.portal_locks_of(tenant, &id, scope).await.expect("answered").is_empty()),
            ("timeline", store.explain(tenant, "R-sent", scope).await.expect("answered").is_some()),
            ("delivery", store.delivery(*sent, scope).await.expect("answered").is_some()),
            (
                "deliveries between",
                !store.deliveries_between(range(sent.0), scope, 2).await.expect("answered").is_empty(),
            ),
            ("portal events", !store.portal_events(&[*sent], scope).await.expect("answered").is_empty()),
            ("dead letter", store.dead_letter(*letter, scope).await.expect("answered").is_some()),
            (
                "dead letters between",
                !store.dead_letters_between(range(letter.0), scope, 2).await.expect("answered").is_empty(),
            ),
            ("deliveries of an event", !store.deliveries_of_event(*event, scope).await.expect("answered").is_empty()),
            ("event", store.event_fate(SOURCE, &format!("sent-{tenant}"), scope).await.expect("answered").is_some()),
            (
                "event that died",
                store.event_fate(SOURCE, &format!("dead-{tenant}"), scope).await.expect("answered").is_some(),
            ),
            ("links of a delivery", has_links(store, &LinkSelection::Delivery(*sent), scope).await),
            ("links of an invoice", has_links(store, &invoice, scope).await),
            ("links of a tenant", has_links(store, &LinkSelection::Tenant(tenant.clone()), scope).await),
        ];
        for (name, is_there) in found {
            shown.entry(name).or_default().extend(is_there.then(|| tenant.to_string()));
        }
    }
    shown.into_iter().collect()
}

async fn has_links(store: &Store, selection: &LinkSelection, scope: &TenantScope) -> bool {
    let page = store.portal_links(selection, scope, LinkFilter::All, EVERYTHING).await.expect("answered");
    let count = store.count_links(selection, scope, LinkFilter::All).await.expect("answered");
    assert_eq!(page.items.len() as u64, count);
    count > 0
}

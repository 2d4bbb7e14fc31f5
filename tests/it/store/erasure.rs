//! Whatever names an erased customer is gone: also bytes that no column says are theirs, what people noted, and what
//! the database's file keeps of old rows.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::intake::{Parsed, Verdict};
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::actor::NamedAct;
use invoice_dispatcher::model::audit::AuditAction;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{CustomerId, DeadLetterId, RelayName, TenantId};
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::model::outbox::DeadLetterOutbox;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::settings::{PortalLevel, VerificationMethod};
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::operator::resend::ResendRequest;
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{
    DeadLetterFilter, Erased, LinkSelection, NewPortalOpening, NewVerification, PageRequest,
};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{CUSTOMER_WAIT, Support, WHO, asked, customer, event, tenant};
use crate::store::retention::leftovers;

on_both_databases!(
    bytes_that_could_not_be_read_are_erased,
    what_people_noted_is_erased,
    what_is_another_customers_stays,
    the_portal_forgets_them_and_their_sessions_end,
    why_the_tenant_is_paused_names_them_no_more,
    a_name_is_erased_in_whatever_case_it_was_written,
    an_event_for_an_erased_customer_waits_for_the_next_import,
    a_reason_with_their_number_is_erased_and_what_stands_beside_it_stays,
    the_name_of_an_imported_file_is_erased,
);

const ADDRESS: &str = "erika.muster@customer.example";

/// Support for `acme`, whose customer `C-1` is Erika Muster.
async fn support(database: TestDatabase) -> Support {
    let support = Support::with_acme(database).await;
    let erika = Customer { name: "Erika Muster".to_owned(), address: ADDRESS.to_owned(), ..customer("C-1") };
    support.database.store.upsert_customer(&erika, &actor("billing")).await.expect("answered");
    support
}

async fn erase(support: &Support) -> Erased {
    let (acme, customer) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let who = actor(WHO).because("asked for by Erika Muster");
    support.database.store.erase_customer(&acme, &customer, &who).await.expect("answered")
}

async fn bring(support: &Support, body: &str) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let incoming = Incoming::new(body, Via::Amqp);
    let verdicts = support.intake.take(&[Parsed::of(incoming)]).await.expect("answered");
    assert_eq!(verdicts, [Verdict::DeadLetter(ReasonCode::Malformed)]);
}

/// What the dead letters and the events still hold.
async fn bodies(support: &Support) -> Vec<String> {
    let text =
        if support.database.store.is_single_process() { "CAST(body AS TEXT)" } else { "convert_from(body, 'UTF8')" };
    let letters = format!("SELECT {text} FROM dead_letter WHERE body IS NOT NULL AND octet_length(body) > 0");
    support.database.texts(format!("{letters} UNION ALL SELECT {text} FROM event WHERE body IS NOT NULL")).await
}

async fn bytes_that_could_not_be_read_are_erased(database: TestDatabase) {
    let support = support(database).await;
    let mut stray = event("stray");
    stray["data"]["documents"][0]["object"] = json!("elsewhere/1.pdf");
    let mut malformed = event("malformed");
    malformed["data"]["invoice"]["total"] = json!("much");
    let unnamed = json!({ "data": { "recipients": [{ "role": "to", "address": ADDRESS.to_uppercase() }] } });
    for body in [stray, malformed, unnamed] {
        bring(&support, &body.to_string()).await;
    }
    bring(&support, &format!("From: billing\nTo: Erika Muster <{ADDRESS}>")).await;
    let store = &support.database.store;
    let published: Vec<DeadLetterId> =
        store.next_to_publish(10).await.expect("answered").iter().map(|letter| letter.id).collect();
    store.mark_published(&published).await.expect("answered");

    let leftovers = leftovers(&support);
    assert_eq!(erase(&support).await, Erased::Done { deliveries: 0, letters: 4, discarded: 4, leftovers });
    assert!(bodies(&support).await.is_empty(), "{:?}", bodies(&support).await);
    assert_eq!(support.letters().await, ["malformed discarded"; 4]);
    let mut removed = store.to_remove().await.expect("answered");
    removed.sort();
    assert_eq!(removed, published, "the queue's copies go with the next pass");
    support.database.assert_ledger().await;
}

async fn what_people_noted_is_erased(mut database: TestDatabase) {
    database.store = database.store.with_outcomes(true);
    let support = support(database).await;
    let store = &support.database.store;
    let delivery = support.accept(&event("1")).await;
    store.cancel(delivery, &actor(WHO), "Frau Muster rief an").await.expect("answered");
    // Of another customer, and it names this one.
    let other = Customer { address: "max@customer.example".to_owned(), ..customer("C-2") };
    store.upsert_customer(&other, &actor("billing")).await.expect("answered");
    let mut event = event("2");
    event["data"]["customer_id"] = json!("C-2");
    let named = support.accept(&event).await;
    store.cancel(named, &actor(WHO), &format!("{ADDRESS} pays it")).await.expect("answered");
    event["id"] = json!("3");
    event["data"]["invoice"]["id"] = json!("inv-3");
    let innocent = support.accept(&event).await;
    store.cancel(innocent, &actor(WHO), "paid in cash").await.expect("answered");
    for (relay, why) in [("default", "until Erika Muster has called"), ("second", "maintenance")] {
        store.pause_relay(&RelayName::from(relay), true, &actor(WHO).because(why)).await.expect("answered");
    }

    assert!(matches!(erase(&support).await, Erased::Done { deliveries: 1, .. }));
    let notes = support.database.texts("SELECT what FROM delivery_note ORDER BY what").await;
    let expected = ["cancelled: (erased)", "cancelled: (erased)", "cancelled: paid in cash", "the customer was erased"];
    assert_eq!(notes, expected);
    for table in ["delivery", "outcome"] {
        let reasons = format!("SELECT reason FROM {table} WHERE reason IS NOT NULL");
        assert_eq!(support.database.texts(reasons).await, ["paid in cash"], "{table}");
    }
    let relays = support.database.texts("SELECT paused_by FROM relay_state ORDER BY relay").await;
    assert_eq!(relays, ["ada: (erased)", "ada: maintenance"]);
    let who = support.database.texts("SELECT DISTINCT who FROM delivery_note").await;
    assert_eq!(who, [WHO], "also the reason of the erasure names no person");
    assert!(matches!(erase(&support).await, Erased::Done { deliveries: 1, .. }), "once more");
}

async fn what_is_another_customers_stays(database: TestDatabase) {
    let support = support(database).await;
    for (tenant, customer) in [("acme", "C-2"), ("other", "C-1")] {
        let mut theirs = event("theirs");
        theirs["data"]["tenant_id"] = json!(tenant);
        theirs["data"]["customer_id"] = json!(customer);
        theirs["data"]["recipients"] = json!([{ "role": "cc", "address": ADDRESS }]);
        theirs["data"]["invoice"]["total"] = json!("much");
        bring(&support, &theirs.to_string()).await;
    }
    assert!(matches!(erase(&support).await, Erased::Done { letters: 0, .. }));
    assert_eq!(support.letters().await, ["malformed open"; 2]);
    assert_eq!(bodies(&support).await.len(), 2);
}

async fn the_portal_forgets_them_and_their_sessions_end(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    let other = Customer { address: "max@customer.example".to_owned(), ..customer("C-2") };
    store.upsert_customer(&other, &actor("billing")).await.expect("answered");
    let mut ids = Vec::new();
    for customer in ["C-1", "C-2"] {
        let mut event = event(customer);
        event["data"]["customer_id"] = json!(customer);
        support.accept(&event).await;
        let (root, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
        let (id, raised) = (Sha256::of(customer.as_bytes()), Sha256::of(format!("raised {customer}").as_bytes()));
        let network = Some("203.0.113.0/24".to_owned());
        let opening = NewPortalOpening { old: None, new: id, root, generation: 0, network };
        store.open_portal_link(&opening).await.expect("answered");
        let verification = NewVerification {
            tenant: TenantId::from("acme"),
            customer: CustomerId::from(customer),
            method: VerificationMethod::SmsOtp,
            record_hmac: [7; 32],
        };
        assert!(store.raise_portal_session(id, raised, &verification).await.expect("answered"));
        ids.push(raised);
    }
    let reason = "asked for by Erika Muster";
    let theirs = LinkSelection::Customer { tenant: "acme".into(), customer: "C-2".into() };
    store.revoke_links(&theirs, &actor(WHO), reason).await.expect("answered");
    let acme = TenantId::from("acme");
    let mut settings = store.settings(&acme, &TenantScope::All).await.expect("answered").expect("it is known").settings;
    for (level, why) in [(PortalLevel::EveryPage, reason), (PortalLevel::Inaccessible, "by order")] {
        settings.portal_authentication.level = level;
        store.put_settings(&acme, &settings, None, Some(why), &actor(WHO)).await.expect("answered");
    }

    assert!(matches!(erase(&support).await, Erased::Done { deliveries: 1, .. }));
    assert!(store.portal_session(ids[0]).await.expect("answered").is_none(), "theirs has ended");
    assert!(store.portal_session(ids[1]).await.expect("answered").is_some(), "another customer's goes on");
    for (of, expected) in [("portal_link", 1), ("portal_event", 1), ("portal_session_customer", 1)] {
        assert_eq!(support.database.number(format!("SELECT COUNT(*) FROM {of}")).await, expected, "{of}");
    }
    let reasons = support.database.texts("SELECT revoke_reason FROM portal_link").await;
    assert_eq!(reasons, ["(erased)"], "also where it was another customer's link");
    let reasons = "SELECT reason FROM settings_change WHERE reason IS NOT NULL ORDER BY version";
    assert_eq!(support.database.texts(reasons).await, ["(erased)", "by order"]);
}

async fn why_the_tenant_is_paused_names_them_no_more(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    let other = Customer { address: "max@customer.example".to_owned(), ..customer("C-2") };
    store.upsert_customer(&other, &actor("billing")).await.expect("answered");
    store.upsert_tenant(&tenant("beta"), &actor("billing")).await.expect("answered");
    let mut theirs = event("1");
    theirs["data"]["customer_id"] = json!("C-2");
    support.accept(&theirs).await;
    let (acme, beta, reason) = (TenantId::from("acme"), TenantId::from("beta"), "wrong amounts, says ERIKA Muster");
    for tenant in [&acme, &beta] {
        store.pause_tenant(tenant, &actor(WHO), reason).await.expect("answered");
    }

    assert!(matches!(erase(&support).await, Erased::Done { .. }));
    for (tenant, expected) in [(&acme, "(erased)"), (&beta, reason)] {
        let paused = store.tenant_pause(tenant).await.expect("answered").expect("it is paused as before");
        assert_eq!((paused.reason.as_str(), paused.paused_by.as_str()), (expected, WHO), "{tenant}");
    }
    let held = support.database.texts("SELECT what FROM delivery_note").await;
    assert_eq!(held, ["held: (erased)"], "also where it waits for that reason");
    support.database.assert_ledger().await;
}

async fn a_name_is_erased_in_whatever_case_it_was_written(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let named = Customer { name: "Özlem Müller".to_owned(), ..customer("C-1") };
    store.upsert_customer(&named, &actor("billing")).await.expect("answered");
    let acme = TenantId::from("acme");
    let mut settings = store.settings(&acme, &TenantScope::All).await.expect("answered").expect("it is known").settings;
    let levels = [PortalLevel::EveryPage, PortalLevel::Inaccessible, PortalLevel::Sensitive, PortalLevel::EveryPage];
    let reasons = ["for Özlem Müller", "FOR ÖZLEM MÜLLER", "for özlem müller", "for Özlem Möller"];
    for (level, why) in levels.into_iter().zip(reasons) {
        settings.portal_authentication.level = level;
        store.put_settings(&acme, &settings, None, Some(why), &actor(WHO)).await.expect("answered");
    }
    assert!(matches!(erase(&support).await, Erased::Done { .. }));
    let kept = "SELECT reason FROM settings_change WHERE reason IS NOT NULL ORDER BY version";
    let erased = "(erased)";
    assert_eq!(support.database.texts(kept).await, [erased, erased, erased, "for Özlem Möller"]);
}

async fn an_event_for_an_erased_customer_waits_for_the_next_import(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    assert!(matches!(erase(&support).await, Erased::Done { deliveries: 0, .. }));
    let groups = store.customer_groups(&TenantId::from("acme"), &TenantScope::All).await.expect("answered");
    assert!(groups.is_empty(), "the settings page counts them no more: {groups:?}");
    assert!(store.all_customer_groups().await.expect("answered").is_empty());

    // An address of the event's own changes nothing: whom the mail greets is not known.
    let to_them = |id: &str| {
        let mut event = event(id);
        event["data"]["recipients"] = json!([{ "role": "to", "address": ADDRESS }]);
        event
    };
    assert_eq!(support.take(&to_them("1")).await, Verdict::Waiting);
    assert_eq!(sweep(&support).await, 0, "what the erasure left is not the customer who is waited for");
    support.database.clock.advance(CUSTOMER_WAIT);
    assert_eq!(sweep(&support).await, 1);
    assert_eq!(support.letters().await, ["unknown_customer open"]);
    assert_eq!(support.take(&to_them("2")).await, Verdict::Waiting);
    assert_eq!(erase(&support).await, Erased::UnderWay(1), "an event that waits is under way");
    assert!(support.states().await.is_empty(), "nothing is sent");

    let again = Customer { name: "Erika Beispiel".to_owned(), ..customer("C-1") };
    let upserted = store.upsert_customer(&again, &actor("billing")).await.expect("answered");
    assert_eq!(upserted.resolvable.len(), 1);
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    assert_eq!(sweep(&support).await, 1);
    assert_eq!(support.letters().await, ["unknown_customer cured"]);
    assert_eq!(support.states().await, ["due -"; 2]);
    let names = support.database.texts("SELECT DISTINCT customer_name FROM delivery").await;
    assert_eq!(names, ["Erika Beispiel"]);
    assert_eq!(store.all_customer_groups().await.expect("answered").len(), 1);
    support.database.assert_ledger().await;
}

async fn a_reason_with_their_number_is_erased_and_what_stands_beside_it_stays(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    let erika = Customer {
        name: "Erika Muster".to_owned(),
        address: ADDRESS.to_owned(),
        mobile: Some("+4915155500099".to_owned()),
        ..customer("C-1")
    };
    let other = Customer { address: "max@customer.example".to_owned(), ..customer("C-2") };
    store.upsert_customers(&[erika, other], &actor("billing")).await.expect("answered");
    let mut theirs = event("1");
    theirs["data"]["customer_id"] = json!("C-2");
    support.accept(&theirs).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let acme = TenantId::from("acme");
    for reason in ["caller +4915155500099, 09955", "caller (0151) 555-000 99", "caller 0151 555 00098"] {
        support.database.clock.advance(Duration::from_secs(1));
        let request = ResendRequest { reason, ..asked(&acme, "R-1") };
        let resent = support.resend.resend(&request).await.expect("it is sent again");
        store.cancel(resent.delivery, &actor(WHO), "paid: in cash").await.expect("answered");
    }

    assert!(matches!(erase(&support).await, Erased::Done { deliveries: 0, .. }));
    let notes = "SELECT what FROM delivery_note WHERE what LIKE 'resent: %' OR what LIKE 'cancelled: %'";
    let (paid, erased, others) = ("cancelled: paid: in cash", "resent: (erased)", "resent: caller 0151 555 00098");
    let mut noted = support.database.texts(notes).await;
    noted.sort_unstable();
    assert_eq!(noted, [paid, paid, paid, erased, erased, others]);
    let reasons = "SELECT resend_reason FROM delivery WHERE resend_reason IS NOT NULL";
    assert_eq!(support.database.texts(reasons).await, ["caller 0151 555 00098"]);
    let cancelled = "SELECT COUNT(*) FROM delivery WHERE reason = 'paid: in cash'";
    assert_eq!(support.database.number(cancelled).await, 3);
    let kept = "SELECT reason FROM audit_detail WHERE reason LIKE 'caller%'";
    assert_eq!(support.database.texts(kept).await, ["caller 0151 555 00098"]);
}

async fn the_name_of_an_imported_file_is_erased(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    let change = Some(json!({ "file": "exports/Erika Muster.ndjson" }));
    let act = NamedAct { action: AuditAction::CatalogueImported, subject: "catalogue", change };
    store.upsert_customer(&customer("C-2"), &actor("billing").in_act(act)).await.expect("answered");
    let files = "SELECT COUNT(*) FROM audit_detail WHERE change LIKE '%Muster.ndjson%'";
    assert_eq!(support.database.number(files).await, 1, "it is shown with the entry");

    assert!(matches!(erase(&support).await, Erased::Done { .. }));
    assert_eq!(support.database.number(files).await, 0);
    let subjects = "SELECT subject FROM audit_entry WHERE action = 'catalogue_imported'";
    assert_eq!(support.database.texts(subjects).await, ["catalogue"], "the chain holds what is never erased");
    let proof = store.prove_audit(&[]).await.expect("answered");
    assert!(proof.is_ok(), "{proof:?}");
}

/// Looks at the events whose customers came or were waited for, as the sweeper does; returns how many there were.
async fn sweep(support: &Support) -> usize {
    let ready = support.database.store.ready_waiting_events(10).await.expect("answered");
    let batch: Vec<Parsed> = ready.into_iter().map(Parsed::waiting).collect();
    support.intake.take(&batch).await.expect("answered");
    batch.len()
}

/// The bytes of a database's files, and whether they hold this text.
fn files_hold(url: &str, text: &str) -> Vec<String> {
    let file = url.strip_prefix("sqlite://").expect("a file");
    let holds = |suffix: &&str| {
        let path = format!("{file}{suffix}");
        let bytes = Path::new(&path).exists().then(|| std::fs::read(&path).expect("it can be read"));
        bytes.is_some_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    ["", "-wal"].iter().filter(|suffix| holds(suffix)).map(|suffix| format!("dispatcher.db{suffix}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_keeps_nothing_of_an_erased_customer() {
    let support = support(TestDatabase::sqlite().await).await;
    for number in 0..30 {
        support.accept(&event(&number.to_string())).await;
        support.end(Concluded::Sent, ReasonCode::Accepted).await;
    }
    bring(&support, &format!("To: {ADDRESS}")).await;
    // An earlier address, which was overwritten: free bytes of pages hold it.
    let corrected = Customer { address: "neu@customer.example".to_owned(), ..customer("C-1") };
    support.database.store.upsert_customer(&corrected, &actor("billing")).await.expect("answered");
    let page = PageRequest { limit: 1, after: None };
    support.database.store.dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page).await.expect("answered");
    assert!(!files_hold(&support.database.url, ADDRESS).is_empty(), "the test would see it");

    erase(&support).await;
    assert_eq!(files_hold(&support.database.url, ADDRESS), [""; 0]);
    assert_eq!(files_hold(&support.database.url, "neu@customer.example"), [""; 0]);
    support.database.assert_ledger().await;
}

//! Everything under one number: each document for itself, and what holds it up.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeliveryState};
use invoice_dispatcher::operator::invoice::history::InvoiceHistory;
use invoice_dispatcher::operator::invoice::wait_reason::WaitReason;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, event};

on_both_databases!(
    each_document_under_a_number_stands_for_itself,
    what_holds_a_due_one_up_is_said,
    what_waits_or_died_has_a_page_too,
    another_tenants_number_is_unknown,
);

async fn history(support: &Support, number: &str) -> InvoiceHistory {
    let (store, acme) = (&support.database.store, TenantId::from("acme"));
    let found = InvoiceHistory::read(store, &acme, number, &TenantScope::All).await.expect("answered");
    found.unwrap_or_else(|| panic!("{number} is known"))
}

async fn each_document_under_a_number_stands_for_itself(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    support.database.clock.advance(std::time::Duration::from_secs(1));
    let mut reminder = event("2");
    reminder["data"]["invoice"]["number"] = "R-1".into();
    reminder["data"]["invoice"]["kind"] = "reminder".into();
    reminder["data"]["invoice"]["reminder_level"] = 2.into();
    support.accept(&reminder).await;
    support.resend(None).await.expect_err("two share the number");

    for written in ["R-1", "r - 1"] {
        let found = history(&support, written).await;
        assert_eq!((found.number.as_str(), found.customer_id.as_ref().map(CustomerId::as_str)), ("R-1", Some("C-1")));
        let told: Vec<_> = found
            .documents
            .iter()
            .map(|one| (one.kind, one.newest().expect("it has a delivery").delivery.state, one.events.len()))
            .collect();
        let rejected = DeliveryState::Concluded(Concluded::Rejected);
        let expected = [(InvoiceKind::Reminder, DeliveryState::Due, 1), (InvoiceKind::Invoice, rejected, 1)];
        assert_eq!(told, expected, "the newest first: {written}");
        let level = found.documents[0].data.as_ref().and_then(|data| data.invoice.reminder_level);
        assert_eq!((level, found.documents[1].deliveries.len()), (Some(2), 1));
    }
}

async fn what_holds_a_due_one_up_is_said(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let found = history(&support, "R-1").await;
    let newest = found.documents[0].newest().expect("it has one");
    let reason = found.wait_reason(newest).expect("it is due");
    assert!(matches!(reason, WaitReason::RelayUnserved(_)), "no worker is at work: {reason:?}");
    support.database.store.pause_tenant(&"acme".into(), &actor(WHO), "wrong amounts").await.expect("answered");
    let found = history(&support, "R-1").await;
    let reason = found.wait_reason(found.documents[0].newest().expect("it has one")).expect("it is due");
    assert!(matches!(reason, WaitReason::TenantPaused(Some(_))), "{reason:?}");
    assert_eq!(reason.sentence().as_deref(), Some("the tenant is paused: wrong amounts"));
}

async fn what_waits_or_died_has_a_page_too(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let mut waiting = event("1");
    waiting["data"]["customer_id"] = "C-9".into();
    support.take(&waiting).await;
    let found = history(&support, "R-1").await;
    let [only] = found.documents.as_slice() else { panic!("{:?}", found.documents) };
    assert!(only.newest().is_none() && only.open_letter().is_none() && only.events.len() == 1);
    assert_eq!((found.customer_id.map(|id| id.to_string()), found.customer), (Some("C-9".to_owned()), None));
    support.database.clock.advance(std::time::Duration::from_mins(20));
    let ready = support.database.store.ready_waiting_events(10).await.expect("answered");
    let batch: Vec<_> = ready.into_iter().map(invoice_dispatcher::intake::Parsed::waiting).collect();
    support.intake.take(&batch).await.expect("answered");
    let found = history(&support, "R-1").await;
    let letter = found.documents[0].open_letter().expect("nobody came");
    assert_eq!((found.documents.len(), letter.class), (1, ReasonCode::UnknownCustomer));
}

async fn another_tenants_number_is_unknown(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (store, acme) = (&support.database.store, TenantId::from("acme"));
    let beta = TenantScope::of([TenantId::from("beta")]);
    assert!(InvoiceHistory::read(store, &acme, "R-1", &beta).await.expect("answered").is_none());
    assert!(InvoiceHistory::read(store, &acme, "R-2", &TenantScope::All).await.expect("answered").is_none());
}

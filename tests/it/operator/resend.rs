//! A person sends an invoice again: a new delivery takes the place of the old one, whatever became of that.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeliveryRole, DeliveryState};
use invoice_dispatcher::operator::resend::{ResendError, ResendRequest};
use invoice_dispatcher::store::NewDelivery;
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, asked, event};
use crate::store::samples::{accepted, sent, take_in};

on_both_databases!(
    a_due_delivery_is_superseded,
    a_sent_one_stays_sent,
    a_dead_one_is_superseded_with_its_letter,
    an_uncertain_one_is_cancelled_and_its_late_answer_is_lost,
    one_that_is_being_sent_must_end_first,
    a_rest_is_superseded_too,
    another_address_revokes_the_links,
    a_number_of_several_is_sent_again_only_by_its_kind,
    what_cannot_be_sent_again_is_reported,
    bcc_are_not_sent_again,
    the_original_of_a_duplicate_is_sent_again,
);

async fn a_due_delivery_is_superseded(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let original = support.accept(&event("1")).await;
    let resent = support.resend(None).await.expect("it is sent again");
    assert_eq!((resent.original, resent.original_was), (original, DeliveryState::Due));
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    support.database.assert_ledger().await;
    let new = support
        .database
        .store
        .delivery(resent.delivery, &TenantScope::All)
        .await
        .expect("answered")
        .expect("it is known");
    assert_eq!((new.root, new.main, new.role), (resent.delivery, resent.delivery, DeliveryRole::Main));
    assert_eq!((new.resend_of, new.resend_reason.as_deref()), (Some(original), Some("asked for")));
    assert!(new.express);
    assert_eq!(new.recipients[0].address, "ap@customer.example");

    let again = support.resend(None).await.expect("it is sent again");
    assert_eq!(again.original, resent.delivery, "the newest is the one");
    assert_eq!(support.states().await, ["cancelled superseded", "cancelled superseded", "due -"]);
    let tenant = TenantId::from("acme");
    let request = ResendRequest { link_only: true, ..asked(&tenant, "inv-1") };
    let narrowed = support.resend.resend(&request).await.expect("it is found by its identifier too");
    assert!(support.database.store.load(&[narrowed.delivery]).await.expect("answered")[0].link_only);
    support.database.assert_ledger().await;
}

/// An invoice and a reminder of it: one number, two documents.
async fn a_number_of_several_is_sent_again_only_by_its_kind(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let invoice = support.accept(&event("1")).await;
    support.database.clock.advance(Duration::from_secs(1));
    let mut reminder = event("2");
    reminder["data"]["invoice"] = event("1")["data"]["invoice"].clone();
    reminder["data"]["invoice"]["kind"] = "reminder".into();
    let reminder = support.accept(&reminder).await;

    let refused = support.resend(None).await.expect_err("which of them is not said");
    let told = refused.to_string();
    let ResendError::Ambiguous { candidates, .. } = refused else { panic!("{told}") };
    let newest: Vec<_> = candidates.iter().map(|candidate| (candidate.kind, candidate.delivery)).collect();
    assert_eq!(newest, [(InvoiceKind::Reminder, reminder), (InvoiceKind::Invoice, invoice)], "the newest first");
    assert!(told.contains("invoice of 20") && told.contains(&invoice.to_string()), "{told}");
    assert_eq!(support.states().await, ["due -", "due -"], "nothing was touched");

    let tenant = TenantId::from("acme");
    let request = ResendRequest { kind: Some(InvoiceKind::Invoice), ..asked(&tenant, "R-1") };
    let resent = support.resend.resend(&request).await.expect("it is said which");
    assert_eq!((resent.original, resent.kind), (invoice, InvoiceKind::Invoice));
    assert_eq!(support.states().await, ["cancelled superseded", "due -", "due -"]);
    let none = ResendRequest { kind: Some(InvoiceKind::CreditNote), ..asked(&tenant, "R-1") };
    assert!(matches!(support.resend.resend(&none).await, Err(ResendError::UnknownInvoice { .. })));
    support.database.assert_ledger().await;
}

async fn a_sent_one_stays_sent(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let resent = support.resend(None).await.expect("it is sent again");
    assert_eq!((resent.original_was, resent.links_revoked), (DeliveryState::Concluded(Concluded::Sent), 0));
    assert_eq!(support.states().await, ["sent accepted", "due -"]);
    support.database.assert_ledger().await;
}

async fn a_dead_one_is_superseded_with_its_letter(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.resend(None).await.expect("it is sent again");
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    assert_eq!(support.letters().await, ["refused redriven"]);
    let restored = support.database.store.restore_dead_letters(&[letter], &actor(WHO), false).await.expect("answered");
    assert!(restored.letters.is_empty(), "it cannot come back beside the resend");
    support.database.assert_ledger().await;
}

async fn an_uncertain_one_is_cancelled_and_its_late_answer_is_lost(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (claimed, slow) = support.start().await;
    support
        .database
        .store
        .take_over(slow, crate::store::samples::add_worker(&support.database).await)
        .await
        .expect("ok");
    support.resend(None).await.expect("it is sent again");
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    let reasons = support.database.texts("SELECT reason FROM delivery WHERE concluded IS NOT NULL").await;
    assert_eq!(reasons, ["unknown, resent"]);
    let late = support.database.store.record(&[sent(&claimed, slow, support.database.clock.now())]).await;
    assert_eq!(late.expect("answered"), [invoice_dispatcher::store::Recorded::Lost]);
    support.database.assert_ledger().await;
}

async fn one_that_is_being_sent_must_end_first(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let original = support.accept(&event("1")).await;
    support.start().await;
    let refused = support.resend(None).await;
    assert!(matches!(refused, Err(ResendError::Sending(delivery)) if delivery == original), "{refused:?}");
    assert_eq!(support.states().await, ["sending -"], "everything stands as before");
    support.database.assert_ledger().await;
}

async fn a_rest_is_superseded_too(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let main = support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let (_, rest, entry) = accepted("acme", "1", support.database.clock.now());
    let original =
        support.database.store.delivery(main, &TenantScope::All).await.expect("answered").expect("it is known");
    let rest = NewDelivery { role: DeliveryRole::Rest, root: main, main, event_key: original.event_key, ..rest };
    let rows = invoice_dispatcher::store::IntakeRows {
        deliveries: vec![rest],
        lane_entries: vec![entry],
        ..invoice_dispatcher::store::IntakeRows::default()
    };
    take_in(&support.database, &rows).await;
    support.resend(None).await.expect("it is sent again");
    let mut states = support.states().await;
    states.sort();
    assert_eq!(states, ["cancelled superseded", "due -", "sent accepted"], "the customer gets it once");
    support.database.assert_ledger().await;
}

async fn another_address_revokes_the_links(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&event("2")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let resent = support.resend(Some("other@customer.example")).await.expect("it is sent again");
    assert_eq!(resent.links_revoked, 1);
    let open = "SELECT COUNT(*) FROM portal_link WHERE revoked_at IS NULL";
    assert_eq!(support.database.number(open).await, 1, "the other invoice's link stays");
    let new = support
        .database
        .store
        .delivery(resent.delivery, &TenantScope::All)
        .await
        .expect("answered")
        .expect("it is known");
    let to: Vec<_> = new.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
    assert_eq!(to, ["other@customer.example"]);

    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    let new = support
        .database
        .store
        .delivery(resent.delivery, &TenantScope::All)
        .await
        .expect("answered")
        .expect("it is known");
    assert_eq!(new.recipients[0].address, "other@customer.example", "a redrive keeps whom the person named");
}

async fn what_cannot_be_sent_again_is_reported(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    assert!(matches!(support.resend(None).await, Err(ResendError::UnknownInvoice { .. })));
    support.accept(&event("1")).await;
    for address in ["", "no address", "a@b, c@d", "a@customer.example>\r\nRCPT TO:<evil@example.org"] {
        let refused = support.resend(Some(address)).await;
        assert!(matches!(refused, Err(ResendError::Address(_))), "{address}: {refused:?}");
    }
    support.database.execute("UPDATE event SET body = NULL").await;
    assert!(matches!(support.resend(None).await, Err(ResendError::Forgotten)));
    assert_eq!(support.states().await, ["due -"]);
}

async fn bcc_are_not_sent_again(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let mut event = event("1");
    event["data"]["recipients"] = json!([{ "role": "bcc", "address": "archive@acme.example" }]);
    support.accept(&event).await;
    support.resend(None).await.expect("it is sent again");
    let roles = "SELECT delivery_state.state || ' ' || delivery.role FROM delivery
                 JOIN delivery_state ON delivery_state.id = delivery.id ORDER BY 1";
    assert_eq!(support.database.texts(roles).await, ["cancelled main", "due bcc", "due main"]);
    support.database.assert_ledger().await;
}

async fn the_original_of_a_duplicate_is_sent_again(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let original = support.accept(&event("1")).await;
    let mut twin = event("1");
    twin["id"] = json!("twin");
    support.database.clock.advance(std::time::Duration::from_secs(1));
    assert!(matches!(support.take(&twin).await, Verdict::DuplicateInvoice(_)));
    let resent = support.resend(None).await.expect("it is sent again");
    assert_eq!(resent.original, original);
    let due = "SELECT COUNT(*) FROM lane_entry";
    assert_eq!(support.database.number(due).await, 1, "once");
    support.database.assert_ledger().await;
}

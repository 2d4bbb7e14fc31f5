//! The same invoice under two event ids: it is sent once, and whatever will not be sent suppresses nothing.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{DeadLetterId, DeliveryId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::operator::redriven::{Fate, RedriveError};
use invoice_dispatcher::policy::sender_trial::HoldReason;
use invoice_dispatcher::store::{DeadLetterFilter, PageRequest, SenderHold, TrippedAttempt};
use serde_json::{Value, json};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{CUSTOMER_WAIT, Support, WHO, customer, event, tenant};
use crate::store::samples::relay;

on_both_databases!(
    what_is_sent_or_may_be_makes_the_second_a_duplicate,
    what_will_not_be_sent_suppresses_nothing,
    what_is_overdue_suppresses_nothing,
    a_resend_of_the_first_counts,
    a_redrive_names_what_is_sent_already,
    of_two_dead_ones_one_goes_back,
    a_resend_that_is_dead_goes_back_beside_what_was_sent,
    a_cure_cancels_what_is_sent_already,
    a_cure_of_an_event_that_lay_for_days_is_a_duplicate,
    an_event_that_is_put_back_by_hand_names_what_is_sent_already,
    a_restore_names_what_is_sent_already,
    a_sender_s_hold_takes_nothing_back_that_is_sent_already,
    recipients_are_the_same_however_they_are_written,
    the_customers_own_address_is_the_same_written_or_not,
    an_event_that_waited_for_its_customer_is_compared_by_its_address,
);

/// The event `1` under another id.
fn twin() -> Value {
    let mut twin = event("1");
    twin["id"] = json!("twin");
    twin
}

async fn second(support: &Support) -> Verdict {
    // So that the second is the younger one.
    support.database.clock.advance(Duration::from_secs(1));
    support.take(&twin()).await
}

/// A dead letter of the first event's delivery, and the delivery of the second, which is due.
async fn dead_and_due(support: &Support) -> (DeadLetterId, DeliveryId) {
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    match second(support).await {
        Verdict::Accepted(delivery) => (letter, delivery),
        other => panic!("the second event is not accepted: {other:?}"),
    }
}

async fn what_is_sent_or_may_be_makes_the_second_a_duplicate(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    assert!(matches!(second(&support).await, Verdict::DuplicateInvoice(_)), "due");
    for (concluded, class) in [
        (Concluded::Sent, ReasonCode::Accepted),
        (Concluded::Uncertain, ReasonCode::Uncertain),
        // It goes back by itself once the customer can be verified.
        (Concluded::Dead, ReasonCode::NoVerificationMethod),
    ] {
        support.database.execute("DELETE FROM lane_entry; DELETE FROM dead_letter").await;
        support.database.execute("DELETE FROM delivery; DELETE FROM event; DELETE FROM attempt").await;
        support.database.execute("DELETE FROM concluded_count; DELETE FROM portal_link").await;
        support.accept(&event("1")).await;
        support.end(concluded, class).await;
        let verdict = second(&support).await;
        assert!(matches!(verdict, Verdict::DuplicateInvoice(_)), "{concluded} {class}: {verdict:?}");
        support.database.assert_ledger().await;
    }
}

async fn what_will_not_be_sent_suppresses_nothing(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let cases = [
        (Concluded::Expired, ReasonCode::Expired),
        (Concluded::Rejected, ReasonCode::Rejected),
        (Concluded::Cancelled, ReasonCode::ByHand),
        (Concluded::Dead, ReasonCode::Refused),
        (Concluded::Dead, ReasonCode::RetriesExhausted),
    ];
    for (index, (concluded, class)) in cases.into_iter().enumerate() {
        let number = format!("case-{index}");
        support.accept(&event(&number)).await;
        let (_, letter) = support.end(concluded, class).await;
        let mut twin = event(&number);
        twin["id"] = json!(format!("{number}-twin"));
        let verdict = support.take(&twin).await;
        assert!(matches!(verdict, Verdict::Accepted(_)), "{concluded} {class}: {verdict:?}");
        support.end(Concluded::Rejected, ReasonCode::Rejected).await;
        // One that operations discarded, too.
        let Some(letter) = letter else { continue };
        support.database.store.discard_dead_letters(&[letter], &actor(WHO), "no").await.expect("answered");
        twin["id"] = json!(format!("{number}-third"));
        assert!(matches!(support.take(&twin).await, Verdict::Accepted(_)), "discarded");
        support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    }
    support.database.assert_ledger().await;
}

async fn what_is_overdue_suppresses_nothing(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let mut first = event("1");
    first["data"]["expires_at"] = json!("2026-11-23T10:00:00Z");
    support.accept(&first).await;
    let mut second = first.clone();
    second["id"] = json!("twin");
    assert!(matches!(support.take(&second).await, Verdict::DuplicateInvoice(_)), "it may still be sent");
    support.database.clock.advance(Duration::from_hours(1));
    // The sweeper has not run: it stands in its lane, and is not claimed any more.
    let mut third = event("1");
    third["id"] = json!("third");
    assert!(matches!(support.take(&third).await, Verdict::Accepted(_)));
    support.database.assert_ledger().await;
}

async fn a_resend_of_the_first_counts(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.die(ReasonCode::Refused).await;
    support.resend(None).await.expect("it is sent again");
    let verdict = second(&support).await;
    assert!(matches!(verdict, Verdict::DuplicateInvoice(_)), "{verdict:?}");
    support.database.assert_ledger().await;
}

async fn a_redrive_names_what_is_sent_already(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (letter, newer) = dead_and_due(&support).await;
    for concluded in [None, Some(Concluded::Sent)] {
        if let Some(concluded) = concluded {
            support.end(concluded, ReasonCode::Accepted).await;
        }
        let refused = support.redrive.letter(letter, &actor(WHO)).await;
        assert!(matches!(refused, Err(RedriveError::Newer(found)) if found == newer), "{refused:?}");
        assert_eq!(support.letters().await, ["refused open"]);
    }
    support.database.assert_ledger().await;
    let redriven = support.redrive.despite_newer(true).letter(letter, &actor(WHO)).await.expect("it goes back");
    assert!(matches!(redriven.fate, Fate::Due(_)));
    assert_eq!(support.states().await, ["due -", "sent accepted"]);
    support.database.assert_ledger().await;
}

/// Neither stood in the other's way when it came.
async fn of_two_dead_ones_one_goes_back(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (first, _) = dead_and_due(&support).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let many = support.redrive.letters(&[letter, first], &actor(WHO)).await.expect("answered");
    assert_eq!(many.redriven.iter().map(|redriven| redriven.letter).collect::<Vec<_>>(), [letter]);
    assert!(matches!(many.failed[..], [(failed, RedriveError::Newer(_))] if failed == first), "{:?}", many.failed);
    assert_eq!(support.states().await, ["dead refused", "due -"]);
    support.database.assert_ledger().await;
}

async fn a_resend_that_is_dead_goes_back_beside_what_was_sent(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.resend(None).await.expect("it is sent again");
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let redriven = support.redrive.letter(letter, &actor(WHO)).await.expect("a person has asked for it");
    assert!(matches!(redriven.fate, Fate::Due(_)));
    assert_eq!(support.states().await, ["sent accepted", "due -"]);
}

async fn a_cure_cancels_what_is_sent_already(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    dead_and_due(&support).await;
    support.database.execute("UPDATE dead_letter SET curable = TRUE").await;
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    assert_eq!(support.states().await, ["cancelled duplicate_invoice", "due -"]);
    assert_eq!(support.letters().await, ["refused cured"]);
    support.database.assert_ledger().await;
}

async fn a_cure_of_an_event_that_lay_for_days_is_a_duplicate(database: TestDatabase) {
    let support = Support::new(database);
    let store = &support.database.store;
    assert_eq!(support.take(&event("1")).await, Verdict::DeadLetter(ReasonCode::UnknownTenant));
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    support.database.clock.advance(Duration::from_hours(20));
    assert!(matches!(support.take(&twin()).await, Verdict::Accepted(_)), "the first is not put back yet");
    support.database.clock.advance(Duration::from_hours(60));
    assert_eq!(support.redrive.auto_redrive(10).await.expect("answered"), 1);
    let mut states = support.states().await;
    states.sort();
    assert_eq!(states, ["cancelled duplicate_invoice", "due -"]);
    support.database.assert_ledger().await;
}

async fn an_event_that_is_put_back_by_hand_names_what_is_sent_already(database: TestDatabase) {
    let support = Support::new(database);
    let store = &support.database.store;
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    assert_eq!(support.take(&event("1")).await, Verdict::Waiting);
    support.database.clock.advance(CUSTOMER_WAIT);
    let ready = store.ready_waiting_events(10).await.expect("answered");
    let batch: Vec<_> = ready.into_iter().map(invoice_dispatcher::intake::Parsed::waiting).collect();
    support.intake.take(&batch).await.expect("answered");
    let page = PageRequest { limit: 1, after: None };
    let letter =
        store.dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page).await.expect("answered").items[0].id;
    store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    let Verdict::Accepted(newer) = support.take(&twin()).await else { panic!("the second event is accepted") };
    let refused = support.redrive.letter(letter, &actor(WHO)).await;
    assert!(matches!(refused, Err(RedriveError::Newer(found)) if found == newer), "{refused:?}");
    let redriven = support.redrive.despite_newer(true).letter(letter, &actor(WHO)).await.expect("it goes back");
    assert!(matches!(redriven.fate, Fate::Due(_)), "{redriven:?}");
    support.database.assert_ledger().await;
}

async fn a_restore_names_what_is_sent_already(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let (letter, newer) = dead_and_due(&support).await;
    store.discard_dead_letters(&[letter], &actor(WHO), "paid in cash").await.expect("answered");
    let restored = store.restore_dead_letters(&[letter], &actor(WHO), false).await.expect("answered");
    assert!(restored.letters.is_empty());
    assert_eq!(restored.newer.get(&letter), Some(&newer));
    assert_eq!(support.states().await, ["discarded refused", "due -"]);
    let restored = store.restore_dead_letters(&[letter], &actor(WHO), true).await.expect("answered");
    assert!(restored.letters.contains(&letter) && restored.newer.is_empty());
    assert_eq!(support.states().await, ["dead refused", "due -"]);
    support.database.assert_ledger().await;

    // A discarded one that a person has sent again stands behind the resend, too.
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    store.discard_dead_letters(&[letter], &actor(WHO), "paid in cash").await.expect("answered");
    let resent = support.resend(None).await.expect("it is sent again");
    let restored = store.restore_dead_letters(&[letter], &actor(WHO), false).await.expect("answered");
    assert_eq!(restored.newer.get(&letter), Some(&resent.delivery));
    support.database.assert_ledger().await;
}

async fn a_sender_s_hold_takes_nothing_back_that_is_sent_already(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let first = support.accept(&event("1")).await;
    support.die(ReasonCode::Refused).await;
    assert!(matches!(second(&support).await, Verdict::Accepted(_)));
    let tripped = TrippedAttempt { delivery: first, claim: 1, attempts: 0 };
    support.database.store.hold_sender(&hold(&support.database), &[tripped], None).await.expect("answered");
    assert_eq!(support.states().await, ["cancelled duplicate_invoice", "due -"]);
    assert_eq!(support.letters().await, ["refused cured"]);
    support.database.assert_ledger().await;
}

pub(super) fn hold(database: &TestDatabase) -> SenderHold {
    let now = database.clock.now();
    SenderHold {
        relay: relay(),
        sender: "rechnung@acme.example".to_owned(),
        envelope_sender: "rechnung@acme.example".to_owned(),
        from: None,
        reason: HoldReason::Refused,
        phase: Phase::Mail,
        code: "550 5.7.1".to_owned(),
        description: "the relay refuses its sender".to_owned(),
        first_refused_at: now,
        held_since: now,
        trials: 0,
        trial_at: now.plus(Duration::from_hours(1)),
        trial_delivery: None,
        trial_claim: None,
        repeat_delivery: None,
    }
}

/// An event of the invoice `R-1` to these recipients.
fn to(id: &str, recipients: &[(&str, &str)]) -> Value {
    let mut to = event("1");
    to["id"] = json!(id);
    let recipient = |(role, address): &(&str, &str)| json!({ "role": role, "address": address });
    to["data"]["recipients"] = recipients.iter().map(recipient).collect();
    to
}

async fn recipients_are_the_same_however_they_are_written(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&to("1", &[("to", "ap@bücher.example"), ("cc", "copy@customer.example")])).await;
    let same = [
        &[("cc", "copy@customer.example"), ("to", "AP@xn--bcher-kva.example")][..],
        &[("to", "Ap@BÜCHER.example"), ("cc", "Copy@Customer.example"), ("bcc", "ap@bücher.example")],
    ];
    for (index, recipients) in same.into_iter().enumerate() {
        support.database.clock.advance(Duration::from_secs(1));
        let verdict = support.take(&to(&format!("same-{index}"), recipients)).await;
        assert!(matches!(verdict, Verdict::DuplicateInvoice(_)), "{recipients:?}: {verdict:?}");
    }
    let other = to("other", &[("to", "ap@bucher.example"), ("cc", "copy@customer.example")]);
    assert!(matches!(support.take(&other).await, Verdict::Accepted(_)), "that is another customer");
    support.database.assert_ledger().await;
}

async fn the_customers_own_address_is_the_same_written_or_not(database: TestDatabase) {
    let own = "ap@customer.example";
    let copy = ("cc", "copy@customer.example");
    // Without a `to` the customer's own address is one.
    let writings = [&[("to", own), copy][..], &[copy], &[("to", "AP@Customer.example"), copy], &[copy, ("cc", own)]];
    let support = Support::with_acme(database).await;
    for (round, first) in writings.iter().enumerate() {
        let number = |event: Value| {
            let mut event = event;
            event["data"]["invoice"]["id"] = json!(format!("inv-{round}"));
            event
        };
        support.accept(&number(to(&format!("{round}"), first))).await;
        for (n, second) in writings.iter().enumerate() {
            support.database.clock.advance(Duration::from_secs(1));
            let verdict = support.take(&number(to(&format!("{round}-{n}"), second))).await;
            assert!(matches!(verdict, Verdict::DuplicateInvoice(_)), "{first:?} then {second:?}: {verdict:?}");
        }
        let other = number(to(&format!("{round}-other"), &[("to", "another@customer.example"), copy]));
        support.accept(&other).await;
    }
    support.database.assert_ledger().await;
}

async fn an_event_that_waited_for_its_customer_is_compared_by_its_address(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let of = |id: &str, recipients: &[(&str, &str)]| {
        let mut event = to(id, recipients);
        event["data"]["customer_id"] = json!("C-9");
        event
    };
    let waiting = support.take(&of("1", &[])).await;
    assert_eq!(waiting, Verdict::Waiting);
    let nine = Customer { address: "nine@customer.example".to_owned(), ..customer("C-9") };
    support.database.store.upsert_customer(&nine, &actor("billing")).await.expect("answered");
    let ready = support.database.store.ready_waiting_events(10).await.expect("answered");
    let ready: Vec<_> = ready.into_iter().map(invoice_dispatcher::intake::Parsed::waiting).collect();
    let verdicts = support.intake.take(&ready).await.expect("answered");
    assert!(matches!(verdicts[..], [Verdict::Accepted(_)]), "{verdicts:?}");
    support.database.clock.advance(Duration::from_secs(1));
    let second = support.take(&of("2", &[("to", "nine@customer.example")])).await;
    assert!(matches!(second, Verdict::DuplicateInvoice(_)), "{second:?}");
    support.database.assert_ledger().await;
}

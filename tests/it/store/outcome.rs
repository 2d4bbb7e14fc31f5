//! The outbox of outcomes: how main deliveries end is written with their end, and nothing while outcomes are off.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::outbox::{OutcomeOutbox, PendingOutcome};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, Decision};
use invoice_dispatcher::store::{Acted, Recorded, WaitingOutcomes};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{START, TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, event};
use crate::store::samples::sent;

on_both_databases!(
    how_a_main_delivery_ends_is_reported,
    what_never_becomes_due_is_reported,
    a_bcc_is_not_reported,
    what_is_uncertain_is_reported_when_that_is_decided,
    a_late_answer_is_reported,
    a_resend_is_reported_of_its_own,
    a_dead_letter_that_is_sent_is_reported_twice,
    a_discarded_dead_letter_stays_dead,
    a_customer_who_is_erased_leaves_no_reason,
    nothing_is_written_while_outcomes_are_off,
);

/// A database whose outcomes are told, with the tenant `acme` and its customer `C-1`.
async fn telling(mut database: TestDatabase) -> Support {
    database.store = database.store.with_outcomes(true);
    Support::with_acme(database).await
}

async fn outcomes(support: &Support) -> Vec<PendingOutcome> {
    support.database.store.next_outcomes(100).await.expect("answered")
}

/// `number state class` of what waits to be told, in its order.
async fn told(support: &Support) -> Vec<String> {
    let line = |outcome: &PendingOutcome| format!("{} {} {}", outcome.invoice.number, outcome.concluded, outcome.class);
    outcomes(support).await.iter().map(line).collect()
}

async fn how_a_main_delivery_ends_is_reported(database: TestDatabase) {
    let support = telling(database).await;
    let store = &support.database.store;
    let delivery = support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&event("2")).await;
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    support.accept(&event("3")).await;
    support.die(ReasonCode::Refused).await;
    let unwanted = support.accept(&event("4")).await;
    assert_eq!(store.cancel(unwanted, &actor(WHO), "paid in cash").await.expect("answered"), Acted::Done);
    let mut urgent = event("5");
    urgent["data"]["expires_at"] = json!("2026-11-23T09:31:00Z");
    support.accept(&urgent).await;
    support.database.clock.advance(Duration::from_mins(2));
    store.expire(10).await.expect("answered");

    let lines = ["R-1 sent accepted", "R-2 rejected rejected", "R-3 dead refused", "R-4 cancelled by_hand"];
    assert_eq!(told(&support).await, [&lines[..], &["R-5 expired expired"]].concat());
    let waiting = outcomes(&support).await;
    let first = &waiting[0];
    assert_eq!((first.delivery, first.concluded_at, first.decision), (delivery, START, Some(Decision::Attach)));
    assert_eq!(first.message_id, Some(format!("{delivery}@acme.example")));
    assert_eq!((first.reason.as_deref(), first.code.as_deref()), (Some("as the test says"), Some("250 2.0.0")));
    assert_eq!(
        (first.invoice.tenant.as_str(), first.invoice.customer.as_str(), first.invoice.id.as_str()),
        ("acme", "C-1", "inv-1")
    );
    assert_eq!((first.event_source.as_str(), first.event_id.as_str()), ("https://billing.example/test", "1"));
    let all = WaitingOutcomes { count: 5, oldest: Some(START) };
    assert_eq!(store.waiting_outcomes().await.expect("answered"), all);
    assert_eq!(store.outbox_oldest().await.expect("answered"), Some(START));

    store.forget_outcomes(&waiting[..4]).await.expect("answered");
    assert_eq!(told(&support).await, ["R-5 expired expired"]);
    store.forget_outcomes(&waiting).await.expect("answered");
    assert_eq!(store.waiting_outcomes().await.expect("answered"), WaitingOutcomes { count: 0, oldest: None });
    support.database.assert_ledger().await;
}

async fn what_never_becomes_due_is_reported(database: TestDatabase) {
    let support = telling(database).await;
    support.accept(&event("1")).await;
    let mut again = event("1");
    again["id"] = json!("another");
    support.take(&again).await;
    let mut nobody = event("2");
    nobody["data"]["recipients"] = json!([{ "role": "to", "address": "no address" }]);
    support.take(&nobody).await;
    assert_eq!(told(&support).await, ["R-1 cancelled duplicate_invoice", "R-2 dead invalid_recipient"]);
}

async fn a_bcc_is_not_reported(database: TestDatabase) {
    let support = telling(database).await;
    let mut copied = event("1");
    copied["data"]["recipients"] = json!([{ "role": "bcc", "address": "archive@acme.example" }]);
    let main = support.accept(&copied).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    assert_eq!(support.states().await, ["sent accepted", "sent accepted"]);
    assert_eq!(outcomes(&support).await.iter().map(|told| told.delivery).collect::<Vec<_>>(), [main]);
}

async fn what_is_uncertain_is_reported_when_that_is_decided(database: TestDatabase) {
    let support = telling(database).await;
    support.accept(&event("1")).await;
    let (delivery, _) = support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
    assert_eq!(told(&support).await, [""; 0]);
    support.database.store.mark_sent(delivery, &actor(WHO), "the relay's log has it").await.expect("answered");
    assert_eq!(told(&support).await, ["R-1 sent by_hand"]);
    assert_eq!(outcomes(&support).await[0].reason.as_deref(), Some("the relay's log has it"));
}

async fn a_late_answer_is_reported(database: TestDatabase) {
    let support = telling(database).await;
    support.accept(&event("1")).await;
    let (claimed, worker) = support.start().await;
    support.database.store.abandon(&[claimed.fence(worker)]).await.expect("answered");
    assert_eq!(told(&support).await, [""; 0]);
    let record = sent(&claimed, worker, support.database.clock.now());
    for _ in 0..2 {
        let recorded = support.database.store.record(std::slice::from_ref(&record)).await.expect("answered");
        assert_eq!(recorded, [Recorded::Done]);
        assert_eq!(told(&support).await, ["R-1 sent accepted"], "a repeated record tells nothing new");
    }
}

async fn a_resend_is_reported_of_its_own(database: TestDatabase) {
    let support = telling(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
    support.resend(None).await.expect("it is sent again");
    assert_eq!(told(&support).await, ["R-1 cancelled superseded"]);
    support.resend(None).await.expect("it is sent again");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    assert_eq!(told(&support).await, ["R-1 cancelled superseded", "R-1 cancelled superseded", "R-1 sent accepted"]);
    let mut deliveries: Vec<_> = outcomes(&support).await.iter().map(|told| told.delivery).collect();
    deliveries.dedup();
    assert_eq!(deliveries.len(), 3);
}

async fn a_dead_letter_that_is_sent_is_reported_twice(database: TestDatabase) {
    let support = telling(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    assert_eq!(told(&support).await, ["R-1 dead refused"], "as it was, though the delivery is due again");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    assert_eq!(told(&support).await, ["R-1 dead refused", "R-1 sent accepted"]);
}

async fn a_discarded_dead_letter_stays_dead(database: TestDatabase) {
    let support = telling(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.database.store.discard_dead_letters(&[letter], &actor(WHO), "not wanted").await.expect("answered");
    assert_eq!(told(&support).await, ["R-1 dead refused"]);
    support.database.store.restore_dead_letters(&[letter], &actor(WHO), false).await.expect("answered");
    assert_eq!(told(&support).await, ["R-1 dead refused", "R-1 dead refused"]);
}

async fn a_customer_who_is_erased_leaves_no_reason(database: TestDatabase) {
    let support = telling(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    let store = &support.database.store;
    store.erase_customer(&"acme".into(), &"C-1".into(), &actor(WHO)).await.expect("answered");
    let waiting = outcomes(&support).await;
    assert_eq!((waiting.len(), waiting[0].reason.as_deref()), (1, None));
}

async fn nothing_is_written_while_outcomes_are_off(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let delivery = support.accept(&event("1")).await;
    assert!(matches!(support.take(&event("1")).await, Verdict::Duplicate));
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&event("2")).await;
    support.die(ReasonCode::Refused).await;
    let unwanted = support.accept(&event("3")).await;
    support.database.store.cancel(unwanted, &actor(WHO), "paid in cash").await.expect("answered");
    assert_ne!(delivery, unwanted);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM outcome").await, 0);
}

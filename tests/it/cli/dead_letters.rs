//! `dead-letters`: seen by cause, shown whole, put back, discarded and restored.

use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::intake::Parsed;
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::model::reason::ReasonCode;
use serde_json::Value;

use crate::cli::support::{objects, printed, run, told};
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, event};

/// Two invoices that were refused for one cause, and one whose document is another.
async fn support() -> Support {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    for (id, class) in [("1", ReasonCode::Refused), ("2", ReasonCode::Refused), ("3", ReasonCode::DocumentMismatch)] {
        support.accept(&event(id)).await;
        support.die(class).await;
        // So that the next one is the younger one.
        support.database.clock.advance(Duration::from_secs(1));
    }
    support
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn they_are_seen_by_cause_and_one_by_one() {
    let support = support().await;
    let counts: i64 = objects(&support, &["dead-letters", "groups"])
        .iter()
        .map(|group| group["count"].as_i64().expect("a count"))
        .sum();
    assert_eq!(counts, 3);
    let of_acme = objects(&support, &["dead-letters", "groups", "--tenant", "acme", "--class", "refused"]);
    assert_eq!(of_acme.iter().map(|group| group["count"].as_i64()).sum::<Option<i64>>(), Some(2));
    assert!(objects(&support, &["dead-letters", "groups", "--tenant", "nobody"]).is_empty());

    assert_eq!(objects(&support, &["dead-letters", "list"]).len(), 3);
    assert_eq!(objects(&support, &["dead-letters", "list", "--class", "refused"]).len(), 2);
    let cut = printed(&support, &["dead-letters", "list", "--limit", "2"]);
    assert!(cut.contains("there are more: raise --limit"), "{cut}");
}

#[tokio::test]
async fn more_than_one_goes_back_only_when_it_is_said_so() {
    let support = support().await;
    let told = told(&support, &["dead-letters", "redrive", "--class", "refused"]);
    assert!(told.starts_with("error: this would redrive 2 dead letters"), "{told}");
    assert!(support.letters().await.iter().all(|letter| letter.ends_with("open")), "nothing was done");

    let back = objects(&support, &["dead-letters", "redrive", "--class", "refused", "--yes"]);
    assert!(back.len() == 2 && back.iter().all(|row| row["result"] == "due"), "{back:?}");
    assert_eq!(support.letters().await, ["refused redriven", "refused redriven", "document_mismatch open"]);
    support.database.assert_ledger().await;
}

#[tokio::test]
async fn what_stays_says_why_and_is_an_error() {
    let support = support().await;
    let output = run(&support, &["dead-letters", "redrive", "--all", "--yes"]);
    let (table, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        table.contains("it would fail again (document_missing)") && table.contains("2 dead letters done"),
        "{table}"
    );
    assert!(told.starts_with("error: 1 dead letter of 3 not changed"), "{told}");
}

#[tokio::test]
async fn a_discard_is_listed_and_can_be_taken_back() {
    let support = support().await;
    let id = ids(&objects(&support, &["dead-letters", "list", "--class", "document_mismatch"])).remove(0);
    printed(&support, &["dead-letters", "discard", &id, "--reason", "test data"]);
    assert_eq!(support.letters().await[2], "document_mismatch discarded");
    let concluded = printed(&support, &["dead-letters", "list", "--settled"]);
    assert!(concluded.contains("by ada@") && concluded.contains(" (command line): test data"), "{concluded}");
    let again = run(&support, &["dead-letters", "discard", &id, "--reason", "test data"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("the dead letter is discarded already"), "{again:?}");
    assert_eq!(again.status.code(), Some(1));

    printed(&support, &["dead-letters", "restore", &id]);
    assert_eq!(support.letters().await[2], "document_mismatch open");
    support.database.assert_ledger().await;
}

#[tokio::test]
async fn their_kind_is_shown_and_nobodys_address() {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    let mut note = event("1");
    note["data"]["invoice"]["kind"] = "credit_note".into();
    note["data"]["recipients"] =
        serde_json::json!([{ "role": "to", "address": "erika.mustermann@home.example", "name": "Erika" }]);
    support.accept(&note).await;
    support.die(ReasonCode::Refused).await;
    let row = &objects(&support, &["dead-letters", "list"])[0];
    assert_eq!(row["kind"], "credit_note");
    let id = row["id"].as_str().expect("an id");
    let list = printed(&support, &["dead-letters", "list"]);
    assert!(list.contains("R-1 (credit note)"), "{list}");
    let shown = printed(&support, &["dead-letters", "show", id]);
    assert!(shown.starts_with("credit note R-1 of acme: refused, open"), "{shown}");
    assert_eq!(objects(&support, &["dead-letters", "show", id])[0]["kind"], "credit_note");
    // The event is there, but its recipient's address is masked; who needs it asks for the bytes.
    assert!(shown.contains("\"credit_note\"") && !shown.contains("mustermann@"), "{shown}");
    assert!(printed(&support, &["dead-letters", "show", id, "--body"]).contains("erika.mustermann@home.example"));

    // A reminder, malformed in more than one place: the first is told, and how many more there are.
    let mut reminder = event("2");
    reminder["data"]["invoice"]["kind"] = "reminder".into();
    for (member, value) in [("total", "much"), ("currency", "euro"), ("issue_date", "today")] {
        reminder["data"]["invoice"][member] = value.into();
    }
    support.take(&reminder).await;
    let malformed = &objects(&support, &["dead-letters", "list", "--class", "malformed"])[0];
    let reason = malformed["reason"].as_str().expect("a sentence");
    assert!(reason.contains("; and 2 more: ") && malformed["kind"].is_null(), "{malformed}");
    let shown = printed(&support, &["dead-letters", "show", malformed["id"].as_str().expect("an id")]);
    assert!(shown.contains("and 2 more: "), "{shown}");
    for member in ["total", "currency", "issue_date"] {
        assert!(reason.contains(&format!("data.invoice.{member}")), "{reason}");
    }
}

#[tokio::test]
async fn the_events_bytes_are_shown_and_cannot_steer_the_terminal() {
    let support = Support::new(TestDatabase::sqlite().await);
    let body = Bytes::from_static(b"{\"id\": \"\x1b[31m\xff");
    let incoming = Incoming::new(body, Via::Http);
    support.intake.take(&[Parsed::of(incoming)]).await.expect("the database answers");
    let id = ids(&objects(&support, &["dead-letters", "list"])).remove(0);
    let text = printed(&support, &["dead-letters", "show", &id]);
    assert!(text.contains("an unknown invoice of an unknown tenant: malformed, open"), "{text}");
    assert!(text.contains("{\"id\": \"\\u{1b}[31m\\xff") && !text.contains('\x1b'), "{text}");
    assert_eq!(objects(&support, &["dead-letters", "show", &id])[0]["event_base64"], "eyJpZCI6ICIbWzMxbf8=");
}

#[tokio::test]
async fn the_events_bytes_alone_are_what_came() {
    let support = Support::new(TestDatabase::sqlite().await);
    // No text, no line end, and longer than what a terminal is shown.
    let body = Bytes::from([&b"{\"id\": \"\x1b\xff"[..], "x".repeat(100_000).as_bytes()].concat());
    let incoming = Incoming {
        body: body.clone(),
        whole: None,
        via: Via::Http,
        redelivered: false,
        dead_letter_id: None,
        given_up: false,
    };
    support.intake.take(&[Parsed::of(incoming)]).await.expect("the database answers");
    let letter = &objects(&support, &["dead-letters", "list"])[0];
    let id = letter["id"].as_str().expect("an id");
    let shown = run(&support, &["dead-letters", "show", id, "--body"]);
    assert!(shown.status.success() && shown.stderr.is_empty(), "{shown:?}");
    assert_eq!(Bytes::from(shown.stdout), body);
    assert!(printed(&support, &["dead-letters", "show", id]).contains("… (--body writes all)"));

    let both = run(&support, &["dead-letters", "show", id, "--body", "--json"]);
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    support.database.execute("UPDATE dead_letter SET body = x''").await;
    let forgotten = told(&support, &["dead-letters", "show", id, "--body"]);
    assert!(forgotten.contains("has no bytes, or they have been deleted\n  what to do: "), "{forgotten}");
}

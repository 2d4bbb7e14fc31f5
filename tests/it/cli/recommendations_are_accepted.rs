//! Every command that `explain` recommends is one that is accepted, for every state and every reason code.

use std::fs;

use strum::VariantArray as _;

use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::sha256::Sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::support::command;
use crate::harness::actor;
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, WHO, customer, event};
use crate::store::samples::add_worker;

const BYTES: &[u8] = b"%PDF-1.4";

/// The invoice R-1, due.
async fn due() -> (Support, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("data/documents/acme")).expect("a folder");
    fs::write(folder.path().join("data/documents/acme/1.pdf"), BYTES).expect("written");
    let support = Support::with_acme(TestDatabase::sqlite_unlocked().await).await;
    // Whom a link can be sent to, which is what goes to a new address.
    let address = "{\"country\":\"DE\",\"postcode\":\"01067\",\"house_number\":\"12\"}";
    let verifiable = Customer { postal: serde_json::from_str(address).expect("an address"), ..customer("C-1") };
    support.database.store.upsert_customer(&verifiable, &actor("billing")).await.expect("answered");
    support.accept(&document_of(event("1"))).await;
    // One is at work that may know the relay.
    add_worker(&support.database).await;
    (support, folder)
}

/// The event with the document that is there.
fn document_of(mut event: Value) -> Value {
    event["data"]["documents"][0]["size"] = json!(BYTES.len());
    event["data"]["documents"][0]["sha256"] = json!(Sha256::of(BYTES).to_string());
    event["data"]["documents"][0]["object"] = json!("acme/1.pdf");
    event
}

fn run(support: &Support, folder: &TempDir, words: &[&str]) -> (bool, String) {
    let output = command(support, folder, words).output().expect("the binary starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// What stands between backticks in the lines "what to do", with everything else that is said there.
fn recommended(timeline: &str) -> (Vec<String>, String) {
    let words = timeline.split_whitespace().collect::<Vec<_>>().join(" ");
    let todo: Vec<&str> = words.split("what to do ").skip(1).collect();
    let todo: String = todo.iter().map(|rest| rest.split("What happened").next().unwrap_or(rest)).collect();
    (todo.split('`').skip(1).step_by(2).map(str::to_owned).collect(), todo)
}

/// Runs each command that is recommended now, each in a copy of what was before; returns the commands.
async fn assert_accepted<F: Future<Output = (Support, TempDir)>>(what: &str, make: impl Fn() -> F) -> Vec<String> {
    let (support, folder) = make().await;
    let (ok, timeline) = run(&support, &folder, &["explain", "--tenant", "acme", "--invoice", "R-1"]);
    assert!(ok, "{what}: {timeline}");
    let (commands, todo) = recommended(&timeline);
    assert!(!todo.trim().is_empty(), "{what}: {timeline}");
    let mut seen = Vec::new();
    for number in 0..commands.len() {
        let (support, folder) = make().await;
        let (_, timeline) = run(&support, &folder, &["explain", "--tenant", "acme", "--invoice", "R-1"]);
        let line = recommended(&timeline).0[number].replace("TEXT", "why").replace("ADDRESS", "new@customer.example");
        if line.starts_with("import FILE") {
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let (ok, said) = run(&support, &folder, &words);
        assert!(ok, "{what}: `{line}` is recommended and refused: {said}");
        seen.push(words[..2.min(words.len())].join(" "));
    }
    seen
}

#[tokio::test]
async fn of_every_reason_code_of_a_dead_letter() {
    for class in ReasonCode::VARIANTS.iter().copied().filter(|class| class.makes_dead_letters()) {
        // These never become a delivery.
        if matches!(
            class,
            ReasonCode::Malformed | ReasonCode::ConflictingEvent | ReasonCode::Poison | ReasonCode::UnknownTenant
        ) {
            assert!(!class.hint().contains("redrive"), "{class}: a redrive of it is refused");
            continue;
        }
        let make = async || {
            let (support, folder) = due().await;
            support.die(class).await;
            (support, folder)
        };
        let seen = assert_accepted(class.into_str(), make).await;
        if class.hint().contains("redrive") {
            assert!(seen.contains(&"dead-letters redrive".to_owned()), "{class}: {seen:?}");
        }
        // Nothing is left to send: neither is recommended.
        let make = async || {
            let (support, folder) = due().await;
            support.die(class).await;
            support.database.execute("UPDATE event SET body = NULL").await;
            (support, folder)
        };
        let seen = assert_accepted(class.into_str(), make).await;
        assert!(!seen.contains(&"dead-letters redrive".to_owned()), "{class}: {seen:?}");
        // Discarded.
        let make = async || {
            let (support, folder) = due().await;
            let (_, letter) = support.die(class).await;
            support.database.store.discard_dead_letters(&[letter], &actor(WHO), "test").await.expect("answered");
            (support, folder)
        };
        assert_eq!(assert_accepted(class.into_str(), make).await[..], ["dead-letters restore"]);
    }
}

#[tokio::test]
async fn of_every_other_state() {
    for (concluded, class, first) in [
        (Concluded::Sent, ReasonCode::Accepted, "resend --delivery"),
        (Concluded::Rejected, ReasonCode::Rejected, "resend --delivery"),
        (Concluded::Uncertain, ReasonCode::Uncertain, "deliveries mark-sent"),
        (Concluded::Cancelled, ReasonCode::ByHand, "resend --delivery"),
        (Concluded::Expired, ReasonCode::Expired, "resend --delivery"),
    ] {
        for forgotten in [false, true] {
            let make = async || {
                let (support, folder) = due().await;
                support.end(concluded, class).await;
                if forgotten {
                    support.database.execute("UPDATE event SET body = NULL").await;
                }
                (support, folder)
            };
            let seen = assert_accepted(concluded.into_str(), make).await;
            if forgotten {
                assert!(!seen.iter().any(|line| line.starts_with("resend")), "{concluded}: {seen:?}");
            } else {
                assert_eq!(seen.first().map(String::as_str), Some(first), "{concluded}: {seen:?}");
            }
        }
    }
    let later = async || {
        let (support, folder) = due().await;
        support.database.execute("UPDATE lane_entry SET due_at = due_at + 360000000000").await;
        (support, folder)
    };
    assert_eq!(assert_accepted("due later", later).await, ["deliveries send-now"]);
    let held = async || {
        let (support, folder) = due().await;
        support.database.store.hold(support.database.clock.now(), None, &actor(WHO)).await.expect("answered");
        (support, folder)
    };
    assert_eq!(assert_accepted("held", held).await, ["relays list", "deliveries send-now"]);
    let paused = async || {
        let (support, folder) = due().await;
        let (ok, said) = run(&support, &folder, &["relays", "pause", "default", "--reason", "test"]);
        assert!(ok, "{said}");
        (support, folder)
    };
    assert_eq!(assert_accepted("paused", paused).await, ["relays resume"]);
}

/// What is at fault in the event itself no redrive mends.
#[tokio::test]
async fn of_an_event_that_names_no_usable_recipient() {
    for recipients in [
        json!([{ "role": "to", "address": "nobody" }]),
        json!(vec![json!({ "role": "cc", "address": "a@b.example" }); 11]),
    ] {
        let make = async || {
            let (support, folder) = due().await;
            support.end(Concluded::Sent, ReasonCode::Accepted).await;
            let mut event = document_of(event("3"));
            event["data"]["invoice"]["number"] = json!("R-1");
            event["data"]["invoice"]["id"] = json!("inv-1");
            event["data"]["recipients"] = recipients.clone();
            support.database.clock.advance(std::time::Duration::from_secs(1));
            support.take(&event).await;
            (support, folder)
        };
        let seen = assert_accepted("invalid_recipient of the event", make).await;
        assert_eq!(seen.first().map(String::as_str), Some("resend --delivery"), "{seen:?}");
        let (support, folder) = make().await;
        let (_, rows) = run(&support, &folder, &["dead-letters", "list", "--json"]);
        let letter: Value = serde_json::from_str(rows.lines().next().expect("a letter")).expect("JSON");
        assert!(letter["hint"].as_str().is_some_and(|hint| hint.contains("(--to)")), "{letter}");
        let (ok, said) = run(&support, &folder, &["dead-letters", "redrive", letter["id"].as_str().expect("an id")]);
        assert!(!ok && said.contains("(--to)"), "a redrive says so, too: {said}");
    }
}

/// A letter that never became a delivery: its hint stands alone.
#[tokio::test]
async fn of_an_event_that_became_no_delivery() {
    let make = async || {
        let (support, folder) = due().await;
        let mut unknown: Value = event("2");
        unknown["data"]["invoice"]["number"] = json!("R-1");
        unknown["data"]["tenant_id"] = json!("nobody");
        support.take(&unknown).await;
        (support, folder)
    };
    let (support, folder) = make().await;
    let (ok, timeline) = run(&support, &folder, &["explain", "--tenant", "nobody", "--invoice", "R-1"]);
    assert!(ok && timeline.contains("import the tenant"), "{timeline}");
    assert!(!timeline.contains("redrive"), "{timeline}");
}

//! A resend or a redrive that must fail again says so before it concludes anything; the others of a group go.

use std::fs;

use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::sha256::Sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::support::command;
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, event, tenant};

on_both_databases!(
    a_resend_of_another_document_concludes_nothing,
    of_a_group_those_that_must_fail_stay_and_the_others_go,
    what_the_decision_refuses_is_refused_before,
);

/// The event `id`, whose document has these bytes.
fn event_with(id: &str, bytes: &[u8]) -> Value {
    let mut event = event(id);
    event["data"]["documents"][0]["size"] = json!(bytes.len());
    event["data"]["documents"][0]["sha256"] = json!(Sha256::of(bytes).to_string());
    event
}

/// A folder whose document store holds these objects.
fn documents(objects: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("data/documents/acme")).expect("a folder");
    for (object, bytes) in objects {
        fs::write(folder.path().join("data/documents").join(object), bytes).expect("written");
    }
    folder
}

/// Exit code, what was printed, what was told.
fn run(support: &Support, folder: &TempDir, line: &str) -> (i32, String, String) {
    let words: Vec<&str> = line.split(' ').collect();
    let output = command(support, folder, &words).output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("no signal"), text(&output.stdout), text(&output.stderr))
}

async fn states(support: &Support) -> Vec<String> {
    let text = "SELECT delivery.invoice_number || ' ' || delivery_state.state FROM delivery
        JOIN delivery_state ON delivery_state.id = delivery.id ORDER BY delivery.invoice_number, delivery.id";
    support.database.texts(text).await
}

async fn unlocked(database: TestDatabase) -> Support {
    Support::with_acme(database.unlocked().await).await
}

async fn a_resend_of_another_document_concludes_nothing(database: TestDatabase) {
    let support = unlocked(database).await;
    support.accept(&event_with("1", b"right")).await;
    support.end(Concluded::Dead, ReasonCode::DocumentMismatch).await;
    let resend = "resend --tenant acme --invoice R-1 --reason asked";
    for (objects, class) in [
        (&[("acme/1.pdf", &b"wrong"[..])][..], "document_mismatch"),
        (&[("acme/1.pdf", &b"longer"[..])][..], "document_mismatch"),
        (&[][..], "document_missing"),
    ] {
        let (code, _, told) = run(&support, &documents(objects), resend);
        assert!(code == 1 && told.contains(&format!("it would fail ({class}): acme/1.pdf ")), "{told}");
        assert!(told.contains("nothing was changed"), "{told}");
        assert_eq!(states(&support).await, ["R-1 dead"]);
        assert_eq!(support.letters().await, ["document_mismatch open"]);
    }
    let (code, _, told) = run(&support, &documents(&[("acme/1.pdf", b"right")]), resend);
    assert_eq!(code, 0, "{told}");
    assert_eq!(states(&support).await, ["R-1 cancelled", "R-1 due"]);
    support.database.assert_ledger().await;
}

async fn of_a_group_those_that_must_fail_stay_and_the_others_go(database: TestDatabase) {
    let support = unlocked(database).await;
    for id in ["1", "2", "3", "4"] {
        support.accept(&event_with(id, b"right")).await;
        let class = if id == "4" { ReasonCode::DocumentMismatch } else { ReasonCode::DocumentMissing };
        support.die(class).await;
    }
    let store: &[(&str, &[u8])] = &[("acme/1.pdf", b"right"), ("acme/3.pdf", b"wrong"), ("acme/4.pdf", b"right")];
    let (code, table, told) = run(&support, &documents(store), "dead-letters redrive --all --yes");
    assert!(code == 1 && told.contains("2 dead letters of 4 not changed"), "{told}\n{table}");
    assert!(
        table.contains("it would fail again (document_missing): acme/2.pdf is not in the document store"),
        "{table}"
    );
    assert!(table.contains("it would fail again (document_mismatch): acme/3.pdf should have SHA-256"), "{table}");
    assert_eq!(states(&support).await, ["R-1 due", "R-2 dead", "R-3 dead", "R-4 due"]);
    // Who insists gets it, but for what only another document can mend.
    let (code, _, told) = run(&support, &documents(&[]), "dead-letters redrive --all --yes --anyway");
    assert_eq!(code, 0, "{told}");
    assert_eq!(states(&support).await, ["R-1 due", "R-2 due", "R-3 due", "R-4 due"]);
    support.database.assert_ledger().await;
}

async fn what_the_decision_refuses_is_refused_before(database: TestDatabase) {
    let support = unlocked(database).await;
    support.accept(&event_with("1", b"right")).await;
    support.die(ReasonCode::NoVerificationMethod).await;
    // Every customer gets a link now, must be verified for it, and the customer has nothing to be verified by.
    let mut strict = tenant("acme");
    strict.settings.sensitive_attachments = invoice_dispatcher::model::settings::SensitiveAttachments::Exclude;
    let settings =
        support.database.store.put_settings(&"acme".into(), &strict.settings, None, None, &actor("ada")).await;
    settings.expect("answered");
    let folder = documents(&[("acme/1.pdf", b"right")]);
    let (code, table, _) = run(&support, &folder, "dead-letters redrive --all");
    assert!(code == 1 && table.contains("it would fail again (no_verification_method): "), "{table}");
    let (code, _, told) = run(&support, &folder, "resend --tenant acme --invoice R-1 --reason asked");
    assert!(code == 1 && told.contains("it would fail (no_verification_method): "), "{told}");
    assert_eq!(states(&support).await, ["R-1 dead"]);
}

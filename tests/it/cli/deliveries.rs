//! `deliveries`: listed, and decided about one by one.

use std::time::Duration;

use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use serde_json::json;

use crate::cli::support::{command, objects, printed, told};
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, event};

async fn support() -> Support {
    Support::with_acme(TestDatabase::sqlite().await).await
}

#[tokio::test]
async fn they_are_listed_with_masked_recipients() {
    let support = support().await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&event("2")).await;
    let due = objects(&support, &["deliveries", "list", "--state", "due"]);
    assert_eq!((due.len(), &due[0]["invoice_number"]), (1, &"R-2".into()));
    assert_eq!(objects(&support, &["deliveries", "list", "--tenant", "acme"]).len(), 2);
    let text = printed(&support, &["deliveries", "list", "--limit", "1"]);
    assert!(text.contains("a***@customer.example") && text.contains("there are more"), "{text}");
    assert!(printed(&support, &["deliveries", "list", "--state", "expired"]).starts_with("no delivery is like that"));
}

#[tokio::test]
async fn a_decision_holds_or_says_why_it_cannot() {
    let support = support().await;
    let id = support.accept(&event("1")).await.to_string();
    assert!(printed(&support, &["deliveries", "send-now", &id]).contains("invoice R-1 of acme, goes ahead"));
    let cannot = told(&support, &["deliveries", "mark-sent", &id, "--reason", "it is in the log"]);
    assert!(cannot.contains("is due: nothing was changed\n  what to do: only an uncertain"), "{cannot}");
    assert!(printed(&support, &["deliveries", "cancel", &id, "--reason", "wrong"]).contains("is cancelled"));
    assert_eq!(support.states().await, ["cancelled by_hand"]);
    let cannot = told(&support, &["deliveries", "cancel", &id, "--reason", "wrong"]);
    assert!(cannot.contains("is cancelled: nothing was changed"), "{cannot}");
    let unknown = told(&support, &["deliveries", "send-now", "01938c5e-7a10-7cc0-8000-3b6f0d2a9e11"]);
    assert!(unknown.contains("there is no delivery 01938c5e"), "{unknown}");

    support.database.clock.advance(Duration::from_secs(1));
    support.accept(&event("2")).await;
    let (uncertain, _) = support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
    printed(&support, &["deliveries", "mark-sent", &uncertain.to_string(), "--reason", "it is in the relay's log"]);
    assert_eq!(support.states().await[1], "sent by_hand");
    support.database.assert_ledger().await;
}

#[tokio::test]
async fn who_decided_is_known_where_no_variable_names_the_user() {
    let support = support().await;
    let uid = rustix::process::getuid().as_raw();
    for (id, environment, who) in [
        ("1", &[][..], format!("uid {uid}@")),
        ("2", &[("USER", ""), ("LOGNAME", " ")], format!("uid {uid}@")),
        ("3", &[("LOGNAME", "grace")], "grace@".to_owned()),
        ("4", &[("SUDO_USER", "ada"), ("USER", "root")], "ada@".to_owned()),
    ] {
        let delivery = support.accept(&event(id)).await.to_string();
        let folder = tempfile::tempdir().expect("a folder");
        let mut cancel = command(&support, &folder, &["deliveries", "cancel", &delivery, "--reason", "wrong"]);
        cancel.env_remove("USER").envs(environment.iter().copied());
        assert!(cancel.output().expect("the binary starts").status.success());
        let notes = support.database.texts("SELECT who FROM delivery_note").await;
        let [note] = notes.as_slice() else { panic!("{id}: {notes:?}") };
        assert!(note.starts_with(&who) && note.ends_with(" (command line)"), "{id}: {note}");
        support.database.execute("DELETE FROM delivery_note").await;
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_looked_up_is_reported() {
    let support = support().await;
    let folder = tempfile::tempdir().expect("a folder");
    let lines = [&["find", "ap@customer.example"][..], &["deliveries", "list", "--to", "ap@customer.example"]];
    let told_by = |line: &[&str]| {
        let output = command(&support, &folder, line).output().expect("the binary starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert!(lines.iter().all(|line| told_by(line).is_empty()), "nothing was written down yet");
    support.accept(&event("1")).await;
    for line in lines {
        let told = told_by(line);
        assert!(told.starts_with("warning: addresses cannot be looked up: the secret key k1"), "{line:?}: {told}");
        let told = told_by(&[line, &["--json"]].concat());
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        assert!(told["warning"].as_str().is_some_and(|told| told.contains("SECRET_KEYS")), "{told}");
    }
    assert!(told_by(&["find", "R-1"]).is_empty(), "no address is asked for");
}

#[tokio::test]
async fn after_a_restore_everything_is_held_until_it_is_let_go() {
    let support = support().await;
    support.accept(&event("1")).await;
    support.accept(&event("2")).await;
    // A backlog that was due before the backup is not safe either: it may have gone out right after it.
    let hold = ["deliveries", "hold", "--all", "--since", "2026-11-25T02:00:00Z"];
    let held = &objects(&support, &hold)[0];
    assert_eq!((&held["deliveries"], &held["under_way"]), (&json!(2), &json!(0)));
    let timeline = printed(&support, &["explain", "--tenant", "acme", "--invoice", "R-1"]);
    assert!(timeline.contains("held: what was sent since 2026-11-25T02:00:00Z may be missing here"), "{timeline}");
    let list = printed(&support, &["deliveries", "list", "--state", "due"]);
    assert!(list.contains("due, held") && list.contains("held by hand"), "{list}");
    assert_eq!(objects(&support, &["deliveries", "let-go", "--tenant", "other"])[0]["deliveries"], 0);
    assert_eq!(objects(&support, &["deliveries", "let-go", "--all"])[0]["deliveries"], 2);
}

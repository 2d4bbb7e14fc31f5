//! `links`: listed and revoked by whatever support knows of them; the link itself never stands on a command line.

use std::io::Write;
use std::process::{Output, Stdio};

use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;

use crate::cli::support::{command, objects, printed, run, told};
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, TOKEN, event};

/// Two invoices of one customer, each with a link; the first one's token is [`TOKEN`].
async fn support() -> Support {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    support.accept(&event("1")).await;
    let (first, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.make_token_of(first).await;
    support.accept(&event("2")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support
}

async fn revoked(support: &Support) -> i64 {
    support.database.number("SELECT COUNT(*) FROM portal_link WHERE revoked_at IS NOT NULL").await
}

/// What the command does with this on standard input.
fn with_input(support: &Support, arguments: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = command(support, &folder, arguments);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[tokio::test]
async fn they_are_listed_by_invoice_customer_tenant_and_delivery() {
    let support = support().await;
    let of_invoice = objects(&support, &["links", "list", "--invoice", "r-1"]);
    assert_eq!(of_invoice.len(), 1);
    assert_eq!((&of_invoice[0]["invoice_number"], &of_invoice[0]["customer_id"]), (&"R-1".into(), &"C-1".into()));
    assert!(!of_invoice[0].to_string().contains(TOKEN), "tokens are stored nowhere");
    let delivery = of_invoice[0]["delivery_id"].as_str().expect("an id");
    assert_eq!(objects(&support, &["links", "list", "--delivery", delivery]), of_invoice);
    assert_eq!(objects(&support, &["links", "list", "--tenant", "acme"]).len(), 2);
    assert_eq!(objects(&support, &["links", "list", "--tenant", "acme", "--customer", "C-1"]).len(), 2);
    assert!(objects(&support, &["links", "list", "--tenant", "acme", "--customer", "C-9"]).is_empty());
    assert_eq!(printed(&support, &["links", "list", "--tenant", "nobody"]), "no link is like that\n");

    let first = objects(&support, &["links", "list", "--tenant", "acme", "--limit", "1"]);
    let cursor = first[0]["cursor"].as_str().expect("a cursor");
    let second = objects(&support, &["links", "list", "--tenant", "acme", "--after", cursor]);
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0]["delivery_id"], second[0]["delivery_id"]);
}

#[tokio::test]
async fn a_pasted_link_is_revoked_from_standard_input() {
    let support = support().await;
    let pasted = format!("<https://portal.example/i/{TOKEN}>.\n");
    let listed = with_input(&support, &["links", "list", "--stdin", "--json"], &pasted);
    let row: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("one object");
    assert_eq!(row["invoice_number"], "R-1");
    let output = with_input(&support, &["links", "revoke", "--stdin", "--reason", "published in a forum"], &pasted);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "1 link revoked: they open nothing any more; `resend` sends a new one\n"
    );
    assert_eq!(revoked(&support).await, 1);
    let explained = printed(&support, &["explain", "--invoice", "R-1"]);
    let line = explained.lines().find(|line| line.contains("portal link")).expect("the link is shown");
    assert!(line.contains(" by ada@") && explained.contains("published in a forum"), "{explained}");

    let again = with_input(&support, &["links", "revoke", "--stdin", "--reason", "again"], &pasted);
    assert!(String::from_utf8_lossy(&again.stdout).starts_with("nothing was revoked: it was done before"), "{again:?}");
    let stranger = with_input(&support, &["links", "revoke", "--stdin", "--reason", "x"], &TOKEN.to_uppercase());
    let text = String::from_utf8_lossy(&stranger.stdout);
    assert!(text.starts_with("nothing was revoked: no such link was ever sent from here"), "{text}");
    let nothing = with_input(&support, &["links", "revoke", "--stdin", "--reason", "x"], "https://portal.example/");
    let text = String::from_utf8_lossy(&nothing.stderr);
    assert!(
        nothing.status.code() == Some(1) && text.starts_with("error: standard input holds no portal link"),
        "{text}"
    );
}

#[tokio::test]
async fn more_than_one_is_revoked_only_after_a_yes() {
    let support = support().await;
    let customer = ["links", "revoke", "--tenant", "acme", "--customer", "C-1", "--reason", "mailbox taken over"];
    let asked = told(&support, &customer);
    assert!(asked.starts_with("error: this would revoke 2 links for good, and standard input is no"), "{asked}");
    assert_eq!(revoked(&support).await, 0);
    let done = objects(&support, &[&customer[..], &["--yes"]].concat());
    assert_eq!(done, [serde_json::json!({ "revoked": 2 })]);
    let why = support.database.texts("SELECT DISTINCT revoke_reason FROM portal_link").await;
    assert_eq!(why, ["mailbox taken over"]);
    let listed = printed(&support, &["links", "list", "--tenant", "acme"]);
    assert_eq!(listed.matches(" revoked ").count(), 2, "{listed}");
    assert!(objects(&support, &["links", "list", "--tenant", "acme", "--valid"]).is_empty());
}

#[tokio::test]
async fn what_is_meant_must_be_said() {
    let support = support().await;
    for arguments in [
        &["links", "revoke", "--reason", "x"][..],
        &["links", "revoke", "--tenant", "acme"],
        &["links", "revoke", "--customer", "C-1", "--reason", "x"],
        &["links", "revoke", "--stdin", "--tenant", "acme", "--reason", "x"],
        &["links", "list"],
    ] {
        assert_eq!(run(&support, arguments).status.code(), Some(2), "{arguments:?}");
    }
    let unsent = told(&support, &["links", "list", "--invoice", "R-9"]);
    assert!(unsent.starts_with("error: nothing is known of an invoice R-9 of any tenant"), "{unsent}");
    assert_eq!(revoked(&support).await, 0);
}

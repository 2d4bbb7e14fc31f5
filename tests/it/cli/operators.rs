//! `operators` and `tokens`: the first people and programs, made where nobody can sign in yet.

use serde_json::Value;

use crate::cli::support::{objects, printed, run, told};
use crate::harness::database::TestDatabase;
use crate::operator::samples::Support;

async fn support() -> Support {
    Support::with_acme(TestDatabase::sqlite().await).await
}

fn one(support: &Support, arguments: &[&str]) -> Value {
    let mut found = objects(support, arguments);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[tokio::test]
async fn the_first_operator_is_added_and_invited() {
    let support = support().await;
    assert_eq!(printed(&support, &["operators", "list"]), "nobody signs in yet; `operators add` makes the first one\n");
    let added = printed(&support, &["operators", "add", "Ops@acme.example", "--role", "admin"]);
    assert!(added.contains("`operators invite Ops@acme.example`"), "{added}");
    let link = one(&support, &["operators", "invite", "ops@acme.example"]);
    let url = link["url"].as_str().expect("a link");
    let token = url.strip_prefix("http://127.0.0.1:8080/invitation/").expect("the console's");
    assert_eq!(token.len(), 43);
    let again = printed(&support, &["operators", "invite", "ops@acme.example"]);
    assert!(again.contains("once, until ") && !again.contains(token), "another one: {again}");

    let listed = one(&support, &["operators", "list"]);
    assert_eq!(
        (&listed["address"], &listed["role"], &listed["state"]),
        (&"ops@acme.example".into(), &"admin".into(), &"invited".into())
    );
    assert_eq!(listed["tenants"], Value::Null, "all of them");
    assert!(listed["created_by"].as_str().is_some_and(|by| by.ends_with("(command line)")), "{listed}");
    let table = printed(&support, &["operators", "list"]);
    assert!(
        table.contains("ops@acme.example") && table.contains("invited") && !table.contains("/invitation/"),
        "{table}"
    );
}

#[tokio::test]
async fn people_are_changed_disabled_and_enabled() {
    let support = support().await;
    let with_link = printed(
        &support,
        &["operators", "add", "a@acme.example", "--role", "tenant_admin", "--tenant", "acme", "--invite"],
    );
    assert!(with_link.contains("/invitation/"), "{with_link}");
    let listed = one(&support, &["operators", "list"]);
    assert_eq!(listed["tenants"], serde_json::json!(["acme"]));
    let changed = printed(&support, &["operators", "change", "a@acme.example", "--role", "support"]);
    assert_eq!(changed, "a@acme.example has these rights now\n");
    assert_eq!(printed(&support, &["operators", "disable", "a@acme.example"]), "a@acme.example can sign in no more\n");
    assert_eq!(
        printed(&support, &["operators", "disable", "a@acme.example"]),
        "a@acme.example could not sign in before\n"
    );
    let invited = told(&support, &["operators", "invite", "a@acme.example"]);
    assert!(invited.contains("`operators enable` first"), "{invited}");
    assert_eq!(printed(&support, &["operators", "enable", "a@acme.example"]), "a@acme.example can sign in again\n");
    let reset = printed(&support, &["operators", "reset", "a@acme.example"]);
    assert!(reset.contains("the old one works no more") && reset.contains("/invitation/"), "{reset}");
    let app = printed(&support, &["operators", "reset", "a@acme.example", "--app-only"]);
    assert_eq!(app, "a@acme.example had no authenticator app\n");
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_a_sentence() {
    let support = support().await;
    printed(&support, &["operators", "add", "a@acme.example", "--role", "admin"]);
    for (arguments, expected) in [
        (
            &["operators", "add", "A@acme.example", "--role", "viewer"][..],
            "somebody signs in with this address already",
        ),
        (&["operators", "add", "nobody", "--role", "viewer"], "it has no @"),
        (&["operators", "add", "b@acme.example", "--role", "billing"], "of tokens only"),
        (&["operators", "add", "b@acme.example", "--role", "tenant_admin"], "name them: --tenant ID"),
        (
            &["operators", "add", "b@acme.example", "--role", "viewer", "--tenant", "acne"],
            "no tenant \"acne\" is known",
        ),
        (&["operators", "disable", "b@acme.example"], "nobody signs in with b@acme.example"),
        (&["tokens", "add", "", "--role", "viewer"], "a token's name has 1 to 64 characters"),
        (&["tokens", "add", "x", "--role", "viewer", "--expires", "5000d"], "at most three years"),
        (&["tokens", "revoke", "x"], "no token that works is called \"x\""),
        (&["tokens", "revoke", "01938c5e-7a10-7cc0-8000-3b6f0d2a9e11"], "there is no such token"),
    ] {
        let error = told(&support, arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    assert_eq!(run(&support, &["operators", "add", "b@acme.example", "--role", "boss"]).status.code(), Some(2));
    assert_eq!(objects(&support, &["operators", "list"]).len(), 1);
}

#[tokio::test]
async fn a_token_is_printed_once_and_revoked_by_its_name() {
    let support = support().await;
    let made =
        one(&support, &["tokens", "add", "billing-eu", "--role", "billing", "--tenant", "acme", "--expires", "90d"]);
    let token = made["token"].as_str().expect("a token");
    assert!(token.starts_with("idt_") && token.len() == 47, "{token}");
    let listed = one(&support, &["tokens", "list"]);
    assert_eq!(
        (&listed["name"], &listed["state"], &listed["role"]),
        (&"billing-eu".into(), &"works".into(), &"billing".into())
    );
    assert_eq!(listed["prefix"], token[..8]);
    assert_eq!(listed["tenants"], serde_json::json!(["acme"]));
    assert!(!printed(&support, &["tokens", "list"]).contains(token));
    let kept = support.database.texts("SELECT name || role || scope || prefix || created_by FROM api_token").await;
    assert!(!kept.concat().contains(&token[8..]), "{kept:?}");
    let taken = told(&support, &["tokens", "add", "billing-eu", "--role", "billing"]);
    assert!(taken.contains("another token has this name"), "{taken}");
    assert_eq!(printed(&support, &["tokens", "revoke", "billing-eu"]), "the token billing-eu works no more\n");
    assert_eq!(one(&support, &["tokens", "list"])["state"], "revoked");
    printed(&support, &["tokens", "add", "billing-eu", "--role", "billing"]);
    assert_eq!(objects(&support, &["tokens", "list"]).len(), 2);
}

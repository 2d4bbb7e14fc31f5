//! Sign-ins, sessions, people and tokens in the audit log: who, what, from where, and what was and is.

use std::time::Duration;

use invoice_dispatcher::model::access::{InvitationKind, Role, TenantScope};
use invoice_dispatcher::model::audit::AuditAction;
use invoice_dispatcher::operator::sign_in::{SignIn, SignInAnswer, SignInOrigin};
use invoice_dispatcher::store::{AuditRecord, AuditSearch, PageRequest, RetentionTimes};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::people_sign_in::recovery_codes;
use super::support::{Browser, PASSWORD, TestConsole};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::{LOOK, actor};
use crate::operator::samples::tenant;

on_both_databases!(
    what_people_do_with_their_own_account_is_kept,
    what_is_done_with_people_and_tokens_is_kept,
    guesses_leave_few_entries_and_those_at_nobody_none,
    a_stop_in_order_writes_what_was_noted,
);

const ADDRESS: &str = "ops@acme.example";
const ADMINISTRATOR: &str = "admin@acme.example";
const NETWORK: &str = "127.0.0.0/24";
const STEP: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_mins(1);

/// Everything that the audit log has, the oldest first.
async fn entries(console: &TestConsole) -> Vec<AuditRecord> {
    let page = PageRequest { limit: 200, after: None };
    let page = console.app.store.audit_entries(&TenantScope::All, &AuditSearch::default(), page).await;
    let mut entries = page.expect("answered").items;
    entries.reverse();
    entries
}

/// The entries of an action, once there are so many.
async fn until_kept(console: &TestConsole, action: AuditAction, number: usize) -> Vec<AuditRecord> {
    let kept = async {
        loop {
            let found: Vec<AuditRecord> =
                entries(console).await.into_iter().filter(|entry| entry.action == action).collect();
            if found.len() >= number {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.expect("they are written")
}

/// What somebody did, in order.
fn acts_of(entries: &[AuditRecord], who: &str) -> Vec<AuditAction> {
    entries.iter().filter(|entry| entry.who.as_deref() == Some(who)).map(|entry| entry.action).collect()
}

fn change(entry: &AuditRecord) -> &Value {
    entry.change.as_ref().expect("it says what changed")
}

async fn prove(console: &TestConsole) {
    let proof = console.app.store.prove_audit(&[]).await.expect("answered");
    assert!(proof.is_ok(), "{proof:?}");
}

async fn signed_in_with_code(console: &TestConsole, browser: &mut Browser, password: &str, code: &str) {
    assert_eq!(browser.sign_in(ADDRESS, password).await.location(), "/sign-in/code");
    let answer = browser.post("/sign-in/code", &[("code", code)]).await;
    assert_eq!(answer.location(), "/", "at {}", console.now());
}

async fn what_people_do_with_their_own_account_is_kept(database: TestDatabase) {
    let console = TestConsole::configured(database, |_| {}).await;
    let (id, path) = console.invite(ADDRESS, Role::Admin, &TenantScope::All).await;
    let mut browser = console.browser();
    assert_eq!(browser.accept(&path, PASSWORD).await.location(), "/account/totp");
    let token = browser.get("/account/totp").await.between("name=\"csrf\" value=\"").to_owned();
    let code = console.code(id).await;
    let codes = recovery_codes(&browser.post("/account/totp", &[("csrf", &token), ("code", &code)]).await.text);
    browser.submit("/sign-out", &[]).await;

    console.database.clock.advance(STEP);
    signed_in_with_code(&console, &mut browser, PASSWORD, &console.code(id).await).await;
    let mut other = console.browser();
    signed_in_with_code(&console, &mut other, PASSWORD, &codes[0]).await;
    let new = "a new and longer one";
    let form = [("current", PASSWORD), ("password", new), ("password_again", new)];
    assert_eq!(browser.submit("/account/password", &form).await.location(), "/account?done=password_changed");
    console.database.clock.advance(STEP);
    let code = console.code(id).await;
    assert_eq!(recovery_codes(&browser.submit("/account/recovery-codes", &[("code", &code)]).await.text).len(), 10);
    console.database.clock.advance(STEP);
    signed_in_with_code(&console, &mut other, new, &console.code(id).await).await;
    let theirs = console.app.store.operator_session(other.session_id().sha256()).await.expect("answered");
    let theirs = theirs.expect("it is open").session;
    browser.submit(&format!("/account/sessions/{theirs}/end"), &[]).await;
    // Whoever signs in again without having signed out leaves a session behind.
    console.database.clock.advance(STEP);
    signed_in_with_code(&console, &mut browser, new, &console.code(id).await).await;

    let entries = entries(&console).await;
    assert_eq!(acts_of(&entries, "test"), [AuditAction::OperatorAdded]);
    let own: Vec<&AuditRecord> = entries.iter().filter(|entry| entry.who.as_deref() == Some(ADDRESS)).collect();
    let expected = [
        AuditAction::InvitationAccepted,
        AuditAction::SecondFactorAdded,
        AuditAction::SignedIn,
        AuditAction::SignedOut,
        AuditAction::SignedIn,
        AuditAction::RecoveryCodeUsed,
        AuditAction::SignedIn,
        AuditAction::PasswordChanged,
        AuditAction::RecoveryCodesMade,
        AuditAction::SignedIn,
        AuditAction::SessionEnded,
        AuditAction::SignedOut,
        AuditAction::SignedIn,
    ];
    assert_eq!(own.iter().map(|entry| entry.action).collect::<Vec<_>>(), expected);
    for entry in &own {
        assert_eq!((entry.who_kind.as_str(), entry.who_id), ("operator", Some(id.0)), "{entry:?}");
        assert_eq!(entry.network.as_deref(), Some(NETWORK), "{entry:?}");
    }
    assert_eq!(own[2].subject, own[3].subject, "the session that began is the one that ended");
    assert_eq!(change(own[5]), &json!({ "recovery_codes_left": 9 }));
    assert_eq!(change(own[7]), &json!({ "sessions_ended": 1 }));
    assert_eq!(own[10].subject, Some(theirs.to_string()));
    let secrets: Vec<&str> = codes.iter().map(String::as_str).chain([PASSWORD, new, &code]).collect();
    let texts = console.database.texts("SELECT COALESCE(change, '') FROM audit_detail").await;
    assert!(texts.iter().all(|text| !secrets.iter().any(|secret| text.contains(secret))), "{texts:?}");
    prove(&console).await;
}

async fn what_is_done_with_people_and_tokens_is_kept(database: TestDatabase) {
    let console = TestConsole::start(database).await;
    let store = &console.app.store;
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    let (_, mut admin) = console.person(ADMINISTRATOR, Role::Admin).await;
    let (with_app, mut owner) = console.person("app@acme.example", Role::Viewer).await;
    owner.get("/account/totp").await;
    let code = console.code(with_app).await;
    assert_eq!(owner.submit("/account/totp", &[("code", &code)]).await.status, StatusCode::OK);

    let form = [("email", "support@acme.example"), ("name", "Support"), ("role", "support"), ("tenants", "acme")];
    assert_eq!(admin.submit("/operators", &form).await.status, StatusCode::OK);
    assert_eq!(admin.submit("/operators", &form).await.status, StatusCode::UNPROCESSABLE_ENTITY, "they are there");
    let id = store.operator_with_address("support@acme.example").await.expect("answered").expect("they were added");
    admin.submit(&format!("/operators/{id}/invite"), &[]).await;
    let rights = [("role", "operations"), ("tenants", "")];
    admin.submit(&format!("/operators/{id}"), &rights).await;
    admin.submit(&format!("/operators/{id}"), &rights).await;
    admin.submit(&format!("/operators/{with_app}/reset-totp"), &[]).await;
    admin.submit(&format!("/operators/{with_app}/reset-totp"), &[]).await;
    for act in ["disable", "disable", "enable", "enable"] {
        admin.submit(&format!("/operators/{id}/{act}"), &[]).await;
    }
    let form = [("name", "crm"), ("role", "viewer"), ("tenants", "acme"), ("expires_in_days", "30")];
    assert_eq!(admin.submit("/tokens", &form).await.status, StatusCode::OK);
    assert_eq!(admin.submit("/tokens", &form).await.status, StatusCode::UNPROCESSABLE_ENTITY, "the name is taken");
    let token = store.token_named("crm").await.expect("answered").expect("it was made");
    admin.submit(&format!("/tokens/{token}/revoke"), &[]).await;
    // And by a command.
    let who = actor("ada").because("lost her phone");
    console.app.people().invite(with_app, InvitationKind::Reset, &who).await.expect("a link");

    let entries = entries(&console).await;
    let by_admin: Vec<&AuditRecord> =
        entries.iter().filter(|entry| entry.who.as_deref() == Some(ADMINISTRATOR)).skip(2).collect();
    let expected = [
        (AuditAction::OperatorAdded, id.to_string()),
        (AuditAction::OperatorInvited, id.to_string()),
        (AuditAction::OperatorChanged, id.to_string()),
        (AuditAction::SecondFactorRemoved, with_app.to_string()),
        (AuditAction::OperatorDisabled, id.to_string()),
        (AuditAction::OperatorEnabled, id.to_string()),
        (AuditAction::TokenMade, token.to_string()),
        (AuditAction::TokenRevoked, token.to_string()),
    ];
    let kept = by_admin.iter().map(|entry| (entry.action, entry.subject.clone().unwrap_or_default()));
    assert_eq!(kept.collect::<Vec<_>>(), expected, "each change once, and nothing that changed nothing");
    assert!(by_admin.iter().all(|entry| entry.network.as_deref() == Some(NETWORK)));
    let added = change(by_admin[0]);
    assert_eq!((&added["operator"], &added["role"]), (&json!("support@acme.example"), &json!("support")));
    assert_eq!((&added["name"], &added["tenants"]), (&json!("Support"), &json!(["acme"])));
    let rights = json!({
        "operator": "support@acme.example",
        "role": { "old": "support", "new": "operations" },
        "tenants": { "old": ["acme"], "new": "*" },
    });
    assert_eq!(change(by_admin[2]), &rights);
    assert_eq!(change(by_admin[3]), &json!({ "operator": "app@acme.example" }));
    assert_eq!((&change(by_admin[6])["token"], &change(by_admin[6])["role"]), (&json!("crm"), &json!("viewer")));
    assert_eq!(change(by_admin[7]), &json!({ "token": "crm" }));
    let by_ada = entries.last().expect("there are entries");
    assert_eq!((by_ada.action, by_ada.who_kind.as_str()), (AuditAction::OperatorReset, "command_line"));
    assert_eq!((by_ada.reason.as_deref(), by_ada.network.as_deref()), (Some("lost her phone"), None));
    prove(&console).await;
}

async fn guesses_leave_few_entries_and_those_at_nobody_none(database: TestDatabase) {
    let console = TestConsole::start(database).await;
    let (id, _) = console.person(ADDRESS, Role::Admin).await;
    let (left, _) = console.person("left@acme.example", Role::Support).await;
    console.app.people().disable(left, &actor("test")).await.expect("they are disabled");
    let guess = async |address: &str, times: usize| {
        let mut refused = 0;
        for _ in 0..times {
            let answer = console.browser().sign_in(address, "a guess of a password").await;
            refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
        }
        refused
    };
    assert_eq!(guess("nobody@acme.example", 12).await, 7);
    assert_eq!(guess("left@acme.example", 1).await, 0, "the answer does not tell");
    assert_eq!(guess(ADDRESS, 205).await, 200);
    assert_eq!(until_kept(&console, AuditAction::SignInFailed, 5).await.len(), 5);
    // The time of what was only counted is over; whatever is noted next has it written.
    console.database.clock.advance(Duration::from_mins(15));
    assert_eq!(guess(ADDRESS, 1).await, 0);

    let failed = until_kept(&console, AuditAction::SignInFailed, 6).await;
    for entry in &failed {
        assert_eq!((entry.who.as_deref(), entry.who_id), (Some(ADDRESS), Some(id.0)), "{entry:?}");
        assert_eq!((entry.subject.as_deref(), entry.network.as_deref()), (Some(&*id.to_string()), Some(NETWORK)));
        assert_eq!(change(entry), &json!({ "step": "password" }));
    }
    let refused = until_kept(&console, AuditAction::SignInRefused, 3).await;
    let told: Vec<(Option<&str>, &Value)> =
        refused.iter().map(|entry| (entry.who.as_deref(), &change(entry)["times"])).collect();
    let expected = [(Some("left@acme.example"), json!(1)), (Some(ADDRESS), json!(1)), (Some(ADDRESS), json!(199))];
    assert_eq!(told, expected.each_ref().map(|(who, times)| (*who, times)));
    assert!(failed.iter().chain(&refused).all(|entry| AuditAction::is_refusal(entry.action)));
    assert_eq!(
        entries(&console).await.len(),
        7 + 6 + 3,
        "two people added, two invitations, two sign-ins, one disabled"
    );
    let counted =
        ["failed", "refused"].map(|column| format!("SELECT CAST(SUM({column}) AS BIGINT) FROM sign_in_count"));
    assert_eq!((console.database.number(&*counted[0]).await, console.database.number(&*counted[1]).await), (5, 7));
    prove(&console).await;

    // Networks go after a week, and the log stays whole.
    console.database.clock.advance(Duration::from_hours(8 * 24));
    console.app.store.forget(&RetentionTimes::default(), 100).await.expect("answered");
    assert!(entries(&console).await.iter().all(|entry| entry.network.is_none()));
    assert_eq!(console.database.number("SELECT COUNT(*) FROM sign_in_count").await, 0);
    prove(&console).await;
}

async fn a_stop_in_order_writes_what_was_noted(database: TestDatabase) {
    let console = TestConsole::start(database).await;
    console.person(ADDRESS, Role::Admin).await;
    // No task writes for this one until it ends.
    let sign_in = SignIn::new(console.app.store.clone(), &console.app.secret_keys, &[], "console.example");
    let from = SignInOrigin { network: Some("198.51.100.0/24"), browser: None };
    let mut waited = 0;
    for _ in 0..8 {
        let guess = SecretString::from("a guess of a password");
        let answer = sign_in.with_password(ADDRESS, &guess, from).await.expect("answered");
        waited += u32::from(matches!(answer, SignInAnswer::Wait(_)));
    }
    assert_eq!(waited, 3);
    let kept = async || {
        let kept = entries(&console).await.into_iter().filter(|entry| entry.action.is_refusal());
        kept.map(|entry| (entry.action, entry.change.expect("it says which")["times"].clone())).collect::<Vec<_>>()
    };
    assert!(kept().await.is_empty());
    let ended = CancellationToken::new();
    ended.cancel();
    sign_in.keep_journal(ended).await;
    let mut expected = vec![(AuditAction::SignInFailed, Value::Null); 5];
    expected.extend([(AuditAction::SignInRefused, json!(1)), (AuditAction::SignInRefused, json!(2))]);
    assert_eq!(kept().await, expected);
    prove(&console).await;
}

/// Else the time of the answer would tell who has an account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_wrong_password_waits_for_no_log() {
    let console = TestConsole::start(TestDatabase::postgres().await).await;
    console.person(ADDRESS, Role::Admin).await;
    let locked =
        console.database.begin("LOCK TABLE audit_head, audit_entry, sign_in_count IN ACCESS EXCLUSIVE MODE").await;
    for address in [ADDRESS, "nobody@acme.example"] {
        let answer = console.browser().sign_in(address, "a wrong password").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}: {answer:?}");
    }
    for _ in 0..10 {
        console.browser().sign_in(ADDRESS, "a wrong password").await;
    }
    console.database.until_a_statement_waits().await;
    locked.commit().await;
    assert_eq!(until_kept(&console, AuditAction::SignInFailed, 5).await.len(), 5);
    assert_eq!(until_kept(&console, AuditAction::SignInRefused, 1).await.len(), 1);
    // It is written after the entries.
    let counted = async {
        while console.database.number("SELECT COUNT(*) FROM sign_in_count").await == 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.expect("it is counted");
    prove(&console).await;
}

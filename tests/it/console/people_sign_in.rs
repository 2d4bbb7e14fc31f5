//! From the invitation to the signed-in person: password, authenticator app, recovery codes, sessions.

use std::time::Duration;

use invoice_dispatcher::model::access::{InvitationKind, Role, TenantScope};
use invoice_dispatcher::model::ids::OperatorId;
use invoice_dispatcher::operator::sign_in::SignIn;
use reqwest::{Method, StatusCode};

use super::support::{Browser, PASSWORD, TestConsole, with_newer_key};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(an_administrator_is_invited_and_sets_up_an_app, a_code_is_good_once_however_many_enter_it);

const ADDRESS: &str = "ops@acme.example";
const STEP: Duration = Duration::from_secs(30);

/// An administrator whose role asks for an app, and who has set one up; returns their recovery codes, too.
async fn enrolled(console: &TestConsole) -> (OperatorId, Browser, Vec<String>) {
    let (id, path) = console.invite(ADDRESS, Role::Admin, &TenantScope::All).await;
    let mut browser = console.browser();
    assert_eq!(browser.accept(&path, PASSWORD).await.location(), "/account/totp");
    let page = browser.get("/account/totp").await;
    let token = page.between("name=\"csrf\" value=\"").to_owned();
    let code = console.code(id).await;
    let answer = browser.post("/account/totp", &[("csrf", &token), ("code", &code)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    (id, browser, recovery_codes(&answer.text))
}

/// The groups of four that a page shows.
pub(super) fn recovery_codes(text: &str) -> Vec<String> {
    let is_code = |word: &&str| {
        word.len() == 19
            && word.split('-').count() == 4
            && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(is_code);
    let mut codes: Vec<String> = Vec::new();
    for code in words.map(str::to_owned) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

async fn with_totp(database: TestDatabase) -> TestConsole {
    TestConsole::configured(database, |_| {}).await
}

async fn an_administrator_is_invited_and_sets_up_an_app(database: TestDatabase) {
    let console = with_totp(database).await;
    let (id, path) = console.invite(ADDRESS, Role::Admin, &TenantScope::All).await;
    let mut browser = console.browser();
    let page = browser.get(&path).await;
    assert_eq!((page.status, page.header("referrer-policy")), (StatusCode::OK, "strict-origin"), "{page:?}");
    assert!(page.text.contains(ADDRESS), "{page:?}");
    for (password, again) in [("short", "short"), (PASSWORD, "another one"), ("administrator1", "administrator1")] {
        let form = [("name", "Ops"), ("password", password), ("password_again", again)];
        let answer = browser.post(&path, &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{password} {again}");
    }
    assert_eq!(browser.accept(&path, PASSWORD).await.location(), "/account/totp");
    assert_eq!(console.browser().accept(&path, PASSWORD).await.status, StatusCode::NOT_FOUND, "it works once");

    // Nothing is open before the app is set up.
    for closed in ["/account", "/operators", "/nothing"] {
        assert_eq!(browser.get(closed).await.location(), "/account/totp", "{closed}");
    }
    let before = browser.session_id();
    let page = browser.get("/account/totp").await;
    let secret = console.app_of(id).await;
    assert!(page.text.contains("otpauth://totp/127%2E0%2E0%2E1:ops%40acme%2Eexample?secret="), "{}", page.text);
    let token = page.between("name=\"csrf\" value=\"").to_owned();
    let wrong = browser.post("/account/totp", &[("csrf", &token), ("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    let again = console.app_of(id).await;
    assert_eq!(secret.bytes(), again.bytes(), "the app that was scanned is still the one");
    let code = console.code(id).await;
    let answer = browser.post("/account/totp", &[("csrf", &token), ("code", &code)]).await;
    let codes = recovery_codes(&answer.text);
    assert_eq!((answer.status, codes.len()), (StatusCode::OK, 10), "{answer:?}");
    assert!(browser.is_signed_in().await);
    assert_ne!(browser.session_id(), before);
    let mut planted = console.browser();
    planted.cookie = Some(before.to_cookie());
    assert!(!planted.is_signed_in().await, "the id from before has no rights");

    // The next time: password, then a code.
    assert_eq!(browser.submit("/sign-out", &[]).await.location(), "/sign-in?signed_out=1");
    assert!(!browser.is_signed_in().await);
    assert_eq!(browser.sign_in(ADDRESS, PASSWORD).await.location(), "/sign-in/code");
    assert_eq!(browser.get("/account").await.location(), "/sign-in/code");
    assert_ne!(browser.post("/sign-in/code", &[("code", &code)]).await.status, StatusCode::SEE_OTHER, "used before");
    console.database.clock.advance(STEP);
    let code = console.code(id).await;
    assert_eq!(browser.post("/sign-in/code", &[("code", &code)]).await.location(), "/");
    assert!(browser.is_signed_in().await);

    // Without the phone: a recovery code, once. It leads to what was asked for at first.
    let mut other = console.browser();
    let form = [("email", "OPS@acme.example"), ("password", PASSWORD), ("next", "/search?q=R-1")];
    assert_eq!(other.post("/sign-in", &form).await.location(), "/sign-in/code?next=/search%3Fq%3DR-1");
    let page = other.get("/sign-in/code?next=/search%3Fq%3DR-1").await;
    assert_eq!(page.between("name=\"next\" value=\""), "/search?q=R-1");
    let form = [("code", codes[0].to_lowercase()), ("next", "/search?q=R-1".to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(other.post("/sign-in/code", &form).await.location(), "/search?q=R-1");
    let mut third = console.browser();
    third.sign_in(ADDRESS, PASSWORD).await;
    assert_ne!(third.post("/sign-in/code", &[("code", &codes[0])]).await.status, StatusCode::SEE_OTHER);
}

async fn a_code_is_good_once_however_many_enter_it(database: TestDatabase) {
    let console = with_totp(database).await;
    let (id, _, _) = enrolled(&console).await;
    console.database.clock.advance(STEP);
    let mut browsers = Vec::new();
    for _ in 0..4 {
        let mut browser = console.browser();
        assert_eq!(browser.sign_in(ADDRESS, PASSWORD).await.location(), "/sign-in/code");
        browsers.push(browser);
    }
    let code = console.code(id).await;
    let entered = futures_util::future::join_all(browsers.iter_mut().map(|browser| {
        let code = code.clone();
        async move { browser.post("/sign-in/code", &[("code", &code)]).await.status == StatusCode::SEE_OTHER }
    }))
    .await;
    assert_eq!(entered.iter().filter(|signed_in| **signed_in).count(), 1, "{entered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_asks_for_no_app_is_let_in_by_password() {
    let console = with_totp(TestDatabase::sqlite().await).await;
    let (id, mut browser) = console.person("viewer@acme.example", Role::Viewer).await;
    // Who wants one sets one up, and is asked for it from then on.
    let page = browser.get("/account/totp").await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let code = console.code(id).await;
    let answer = browser.submit("/account/totp", &[("code", &code)]).await;
    assert_eq!((answer.status, recovery_codes(&answer.text).len()), (StatusCode::OK, 10));
    let mut other = console.browser();
    assert_eq!(other.sign_in("viewer@acme.example", PASSWORD).await.location(), "/sign-in/code");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_asks_for_an_app_is_not_reached_without_one() {
    let console = with_totp(TestDatabase::sqlite().await).await;
    let (id, mut browser) = console.person("viewer@acme.example", Role::Viewer).await;
    let people = console.app.people();
    people.change(id, Role::Admin, &TenantScope::All, &actor("test")).await.expect("changed");
    assert_eq!(browser.get("/operators").await.location(), "/sign-in?next=/operators", "a session by password alone");
    let api = browser.request(Method::GET, "/api/v1/me");
    assert_eq!(browser.send(api).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.sign_in("viewer@acme.example", PASSWORD).await.location(), "/account/totp");
    let token = browser.get("/account/totp").await.between("name=\"csrf\" value=\"").to_owned();
    let code = console.code(id).await;
    browser.post("/account/totp", &[("csrf", &token), ("code", &code)]).await;
    assert_eq!(browser.get("/operators").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_replaced_only_by_who_has_proven_lately_who_they_are() {
    let console = with_totp(TestDatabase::sqlite().await).await;
    let (id, mut browser, _) = enrolled(&console).await;
    let before = console.app_of(id).await;
    assert_eq!(browser.get("/account/totp").await.status, StatusCode::OK);
    console.database.clock.advance(Duration::from_mins(16));
    assert_eq!(browser.get("/account/totp").await.location(), "/sign-in?next=/account/totp");
    let code = before.code_at(console.now());
    let answer = browser.submit("/account/totp", &[("code", &code)]).await;
    assert_eq!(answer.location(), "/sign-in?next=/account/totp", "a browser that was left open");
    // New recovery codes are for who has the app.
    let wrong = browser.submit("/account/recovery-codes", &[("code", "000000")]).await;
    assert!(recovery_codes(&wrong.text).is_empty(), "{wrong:?}");
    let renewed = browser.submit("/account/recovery-codes", &[("code", &code)]).await;
    assert_eq!(recovery_codes(&renewed.text).len(), 10, "{renewed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_takes_over_the_secrets_of_apps() {
    let console = with_totp(TestDatabase::sqlite().await).await;
    let (id, _, _) = enrolled(&console).await;
    let secret = console.app_of(id).await;
    let store = &console.database.store;
    let keys = with_newer_key();
    let sign_in = SignIn::new(store.clone(), &keys, &[], "console.example");
    assert_eq!(sign_in.reseal().await.expect("answered"), 1);
    assert_eq!(sign_in.reseal().await.expect("answered"), 0, "once");
    let uses = store.keys_in_use().await.expect("answered");
    assert_eq!(uses[keys.link_keys().newest().fingerprint()].apps, 1);
    let stored = store.operator_totp(id, true).await.expect("answered").expect("it is set up");
    let sealing = keys.sealing_keys(invoice_dispatcher::operator::sign_in::TOTP_LABEL);
    let opened = sealing.open(&stored.secret, id.0.as_bytes()).expect("the newest key opens it");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&opened), secret.bytes());
    // A process that has only other keys leaves it as it is.
    let strange = invoice_dispatcher::secrets::SecretKeys::parse(&"0e".repeat(32)).expect("a key");
    assert_eq!(SignIn::new(store.clone(), &strange, &[], "x").reseal().await.expect("answered"), 0);
    assert_eq!(store.operator_totp(id, true).await.expect("answered"), Some(stored));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_end_their_own_sessions_and_nobody_elses() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    let (one, mut first) = console.person("one@acme.example", Role::Support).await;
    let (_, mut stranger) = console.person("other@acme.example", Role::Support).await;
    let mut second = console.browser();
    assert_eq!(second.sign_in("one@acme.example", PASSWORD).await.location(), "/");
    let sessions = console.database.store.operator_sessions(one).await.expect("answered");
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().all(|session| session.network.as_deref() == Some("127.0.0.0/24")), "{sessions:?}");
    for session in &sessions {
        stranger.submit(&format!("/account/sessions/{}/end", session.session), &[]).await;
    }
    assert!(first.is_signed_in().await && second.is_signed_in().await);
    let newest = sessions[0].session;
    assert_eq!(
        first.submit(&format!("/account/sessions/{newest}/end"), &[]).await.location(),
        "/account?done=session_ended"
    );
    let others = [first.is_signed_in().await, second.is_signed_in().await];
    assert_eq!(others.iter().filter(|open| **open).count(), 1);
    assert!(stranger.is_signed_in().await);

    let mut third = console.browser();
    third.sign_in("one@acme.example", PASSWORD).await;
    let mut staying = if others[0] { first } else { second };
    assert_eq!(
        staying.submit("/account/sessions/end-others", &[]).await.location(),
        "/account?done=other_sessions_ended"
    );
    assert!(staying.is_signed_in().await && !third.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_password_needs_the_old_one_and_ends_other_sessions() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    let (_, mut browser) = console.person(ADDRESS, Role::Support).await;
    let mut other = console.browser();
    other.sign_in(ADDRESS, PASSWORD).await;
    let new = "a new and longer one";
    let form = |current, password, again| [("current", current), ("password", password), ("password_again", again)];
    for (current, password, again) in
        [("wrong horse battery", new, new), (PASSWORD, "short", "short"), (PASSWORD, new, "x")]
    {
        let answer = browser.submit("/account/password", &form(current, password, again)).await;
        assert_ne!(answer.status, StatusCode::SEE_OTHER, "{current} {password} {again}");
    }
    let before = browser.session_id();
    let answer = browser.submit("/account/password", &form(PASSWORD, new, new)).await;
    assert_eq!(answer.location(), "/account?done=password_changed");
    assert_ne!(browser.session_id(), before);
    assert!(browser.is_signed_in().await && !other.is_signed_in().await);
    assert_ne!(other.sign_in(ADDRESS, PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert_eq!(other.sign_in(ADDRESS, new).await.location(), "/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_leads_to_where_somebody_wanted_to_go_and_never_away() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    console.person(ADDRESS, Role::Support).await;
    let mut browser = console.browser();
    let entrance = browser.get("/tokens?x=1&y=2").await;
    assert_eq!(entrance.location(), "/sign-in?next=/tokens%3Fx%3D1%26y%3D2");
    let form = |next| [("email", ADDRESS), ("password", PASSWORD), ("next", next)];
    assert_eq!(browser.post("/sign-in", &form("/tokens?x=1&y=2")).await.location(), "/tokens?x=1&y=2");
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""] {
        assert_eq!(console.browser().post("/sign-in", &form(elsewhere)).await.location(), "/", "{elsewhere}");
    }
    // A script of the page is told to send the whole page there.
    let mut left = console.browser();
    let request = left.request(Method::GET, "/tokens").header("hx-request", "true");
    let answer = left.send(request).await;
    assert_eq!((answer.status, answer.header("hx-redirect")), (StatusCode::UNAUTHORIZED, "/sign-in?next=/tokens"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_reset_the_old_password_is_worth_nothing() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    let (id, mut browser) = console.person(ADDRESS, Role::Support).await;
    let link = console.app.people().invite(id, InvitationKind::Reset, &actor("test")).await.expect("a link");
    assert!(!browser.is_signed_in().await);
    assert_ne!(browser.sign_in(ADDRESS, PASSWORD).await.status, StatusCode::SEE_OTHER);
    let path = link.url.strip_prefix(&console.base).expect("it leads here");
    assert_eq!(browser.accept(path, "another horse battery").await.location(), "/");
    assert_eq!(console.browser().sign_in(ADDRESS, "another horse battery").await.location(), "/");
}

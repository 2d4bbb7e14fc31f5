//! Whose request it is: sessions, tokens, this machine; and forms that another site has a browser send.

use std::time::Duration;

use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::secrets::SessionId;
use reqwest::{Method, StatusCode};
use secrecy::SecretString;

use super::support::{PASSWORD, TestConsole, answer, form_of};
use crate::harness::actor;
use crate::harness::database::TestDatabase;

const ADDRESS: &str = "ops@acme.example";
const BOOTSTRAP: &str = "0123456789abcdef0123456789abcdef";
/// What is asked: there is no such tenant, so 404 is the answer to whoever may ask.
const ASKED: &str = "/api/v1/tenants/acme";

async fn asked(console: &TestConsole) -> StatusCode {
    answer(console.request(Method::GET, ASKED)).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_machine_is_answered_until_there_is_an_operator() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    assert_eq!(asked(&console).await, StatusCode::NOT_FOUND);
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"] {
        let by_proxy = console.request(Method::GET, ASKED).header(header, "203.0.113.9");
        assert_eq!(answer(by_proxy).await.status, StatusCode::UNAUTHORIZED, "{header}");
    }
    // A page is for who has signed in, whoever asks; the entrance says how to begin.
    assert_eq!(console.browser().get("/account").await.location(), "/sign-in?next=/account");
    assert!(console.browser().get("/sign-in").await.text.contains("operators add"));
    console.invite(ADDRESS, Role::Admin, &TenantScope::All).await;
    assert_eq!(asked(&console).await, StatusCode::UNAUTHORIZED);
    assert!(!console.browser().get("/sign-in").await.text.contains("operators add"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_console_has_a_public_name_this_machine_is_nobody() {
    let console = TestConsole::configured(TestDatabase::sqlite().await, |config| {
        let public = "203.0.113.9:80".parse().expect("an address");
        config.console.url = invoice_dispatcher::config::BaseUrl::of_listener(public);
    })
    .await;
    assert_eq!(asked(&console).await, StatusCode::FORBIDDEN, "nobody is known at all");
    console.invite(ADDRESS, Role::Admin, &TenantScope::All).await;
    assert_eq!(asked(&console).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bootstrap_token_is_an_administrator() {
    let console = TestConsole::configured(TestDatabase::sqlite().await, |config| {
        config.console.api_token = Some(SecretString::from(BOOTSTRAP));
    })
    .await;
    assert_eq!(asked(&console).await, StatusCode::UNAUTHORIZED, "with a token, this machine shows it, too");
    for (token, status) in [(BOOTSTRAP, StatusCode::NOT_FOUND), ("wrong", StatusCode::UNAUTHORIZED)] {
        assert_eq!(answer(console.request(Method::GET, ASKED).bearer_auth(token)).await.status, status);
    }
    console.invite(ADDRESS, Role::Admin, &TenantScope::All).await;
    assert_eq!(answer(console.request(Method::GET, ASKED).bearer_auth(BOOTSTRAP)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_not_made_good_by_a_session() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    let (_, browser) = console.person(ADDRESS, Role::Admin).await;
    assert_eq!(answer(browser.request(Method::GET, ASKED)).await.status, StatusCode::NOT_FOUND, "a browser may ask");
    let wrong = browser.request(Method::GET, ASKED).bearer_auth(format!("idt_{}", "A".repeat(43)));
    assert_eq!(answer(wrong).await.status, StatusCode::UNAUTHORIZED);
    let made = console.app.people();
    let lives = Duration::from_hours(1);
    let (_, token) = made.add_token("crm", Role::Viewer, &TenantScope::All, lives, &actor("test")).await.expect("made");
    let right = console.request(Method::GET, ASKED).bearer_auth(token.expose());
    assert_eq!(answer(right).await.status, StatusCode::NOT_FOUND);
    console.database.clock.advance(lives);
    let late = console.request(Method::GET, ASKED).bearer_auth(token.expose());
    assert_eq!(answer(late).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_id_is_never_given_rights() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    console.person(ADDRESS, Role::Admin).await;
    let planted = SessionId::random();
    let mut victim = console.browser();
    victim.cookie = Some(planted.to_cookie());
    assert_eq!(victim.sign_in(ADDRESS, PASSWORD).await.location(), "/");
    assert_ne!(victim.session_id(), planted);
    let mut attacker = console.browser();
    attacker.cookie = Some(planted.to_cookie());
    assert!(!attacker.is_signed_in().await && victim.is_signed_in().await);

    // The attacker's own session in the victim's browser ends when the victim signs in.
    console.person("attacker@acme.example", Role::Viewer).await;
    assert_eq!(attacker.sign_in("attacker@acme.example", PASSWORD).await.location(), "/");
    let mut victim = console.browser();
    victim.cookie.clone_from(&attacker.cookie);
    assert_eq!(victim.sign_in(ADDRESS, PASSWORD).await.location(), "/");
    assert!(!attacker.is_signed_in().await && victim.is_signed_in().await);
    // Two cookies of the name: one of them is not ours.
    let two = format!("console_session={}; console_session={}", planted.to_cookie(), victim.session_id().to_cookie());
    let both = console.browser().request(Method::GET, "/account").header("cookie", two);
    assert_eq!(answer(both).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_of_other_sites_change_nothing() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    let (id, mut admin) = console.person(ADDRESS, Role::Admin).await;
    let (_, mut other) = console.person("other@acme.example", Role::Admin).await;
    let (own, others) = (admin.form_token().await, other.form_token().await);
    let path = format!("/operators/{id}/disable");
    let sites: [(&str, &[(&str, &str)]); 5] = [
        ("another site", &[("sec-fetch-site", "cross-site")]),
        ("a neighbour", &[("sec-fetch-site", "same-site")]),
        ("another origin", &[("origin", "https://evil.example")]),
        ("no origin", &[("origin", "null")]),
        ("nothing said", &[]),
    ];
    for (what, headers) in sites {
        let mut request = form_of(admin.bare(Method::POST, &path), &[("csrf", &own)]);
        let mut sign_in = form_of(admin.bare(Method::POST, "/sign-in"), &[("email", ADDRESS), ("password", PASSWORD)]);
        let mut to_api = admin.bare(Method::PUT, ASKED).json(&serde_json::json!({}));
        for (name, value) in headers {
            request = request.header(*name, *value);
            sign_in = sign_in.header(*name, *value);
            to_api = to_api.header(*name, *value);
        }
        assert_eq!(answer(request).await.status, StatusCode::FORBIDDEN, "{what}");
        assert_eq!(answer(sign_in).await.status, StatusCode::FORBIDDEN, "{what}");
        assert_eq!(answer(to_api).await.status, StatusCode::FORBIDDEN, "{what}");
    }
    for (what, token) in [("none", ""), ("another session's", others.as_str()), ("cut", &own[1..])] {
        let request = form_of(admin.request(Method::POST, &path), &[("csrf", token)]);
        assert_eq!(answer(request).await.status, StatusCode::FORBIDDEN, "{what}");
    }
    let as_text = admin.request(Method::POST, &path).header("content-type", "text/plain").body(format!("csrf={own}"));
    assert_eq!(answer(as_text).await.status, StatusCode::FORBIDDEN);
    assert!(admin.is_signed_in().await);
    // From a page of ours it is done.
    assert_eq!(admin.submit(&path, &[]).await.location(), "/operators?done=operator_disabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_for_the_one_who_asked_and_run_nothing() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    let (_, mut browser) = console.person(ADDRESS, Role::Admin).await;
    for path in ["/account", "/operators", "/tokens", "/sign-in", "/nothing"] {
        let page = browser.get(path).await;
        assert_eq!(page.header("cache-control"), "private, no-store", "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!page.text.contains("<script>") && !page.text.contains(" style="), "{path}");
    }
    assert_eq!(browser.get("/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/api/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/api/nothing").await.header("content-type"), "application/problem+json");
}

//! People and tokens on their pages: who may, what they may not, and what ends with somebody's rights.

use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::ids::TenantId;
use reqwest::{Method, StatusCode};

use super::support::{Browser, PASSWORD, TestConsole, answer};
use crate::harness::actor;
use crate::harness::database::TestDatabase;

async fn console() -> TestConsole {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    let store = &console.database.store;
    store.upsert_tenant(&crate::operator::samples::tenant("acme"), &actor("billing")).await.expect("answered");
    console
}

async fn made_token(browser: &mut Browser, name: &str, role: &str) -> String {
    let answer =
        browser.submit("/tokens", &[("name", name), ("role", role), ("tenants", ""), ("expires_in_days", "30")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let (_, rest) = answer.text.split_once("idt_").expect("the token is shown once");
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    assert_eq!(token.len(), 43, "{token}");
    assert!(!browser.get("/tokens").await.text.contains(&token), "and never again");
    format!("idt_{token}")
}

async fn status_with(console: &TestConsole, token: &str) -> StatusCode {
    answer(console.request(Method::GET, "/api/v1/tenants/acme").bearer_auth(token)).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_adds_and_changes_people() {
    let console = console().await;
    let (_, mut admin) = console.person("admin@acme.example", Role::Admin).await;
    let form = [("email", "Support@acme.example"), ("name", "Support"), ("role", "support"), ("tenants", "acme")];
    let added = admin.submit("/operators", &form).await;
    assert_eq!(added.status, StatusCode::OK, "{added:?}");
    let path = added.between(&format!("{}/invitation/", console.base)).to_owned();
    let path = path.split(['<', '&', '"', ' ', '\n']).next().expect("a token");
    let mut support = console.browser();
    assert_eq!(support.accept(&format!("/invitation/{path}"), PASSWORD).await.location(), "/");
    let store = &console.database.store;
    let id = store.operator_with_address("support@acme.example").await.expect("answered").expect("they were added");
    let scope = store.operator(id).await.expect("answered").expect("they are there").scope;
    assert_eq!(scope, TenantScope::of([TenantId::from("acme")]));

    let same = admin.submit("/operators", &form).await;
    assert_ne!(same.status, StatusCode::SEE_OTHER, "{same:?}");
    for (role, tenants) in [("tenant_admin", ""), ("support", "unknown"), ("billing", ""), ("nonsense", "")] {
        let form = [("email", "more@acme.example"), ("name", ""), ("role", role), ("tenants", tenants)];
        let refused = admin.submit("/operators", &form).await;
        assert!(refused.status.is_client_error(), "{role} {tenants}: {}", refused.status);
    }
    assert!(store.operator_with_address("more@acme.example").await.expect("answered").is_none());

    let changed = admin.submit(&format!("/operators/{id}"), &[("role", "operations"), ("tenants", "")]).await;
    assert_eq!(changed.location(), "/operators?done=operator_changed");
    assert_eq!(store.operator(id).await.expect("answered").expect("they are there").role, Role::Operations);
    assert_eq!(
        admin.submit(&format!("/operators/{id}/disable"), &[]).await.location(),
        "/operators?done=operator_disabled"
    );
    assert!(!support.is_signed_in().await);
    assert_eq!(
        admin.submit(&format!("/operators/{id}/enable"), &[]).await.location(),
        "/operators?done=operator_enabled"
    );
    assert!(!support.is_signed_in().await, "they sign in anew");
    assert_eq!(support.sign_in("support@acme.example", PASSWORD).await.location(), "/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_administrator_stays() {
    let console = console().await;
    let (id, mut admin) = console.person("admin@acme.example", Role::Admin).await;
    for (path, form) in [
        (format!("/operators/{id}/disable"), vec![]),
        (format!("/operators/{id}"), vec![("role", "viewer"), ("tenants", "")]),
        (format!("/operators/{id}"), vec![("role", "admin"), ("tenants", "acme")]),
    ] {
        let refused = admin.submit(&path, &form).await;
        assert!(refused.status.is_client_error(), "{path}: {}", refused.status);
    }
    assert!(
        admin.submit(&format!("/operators/{id}/invite"), &[]).await.status.is_client_error(),
        "nor resets themselves"
    );
    assert!(admin.is_signed_in().await);
    assert_eq!(admin.get("/operators").await.status, StatusCode::OK);
}

/// The button is not there, and forging it is no help: also where the role is right and the tenants are some.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_manages_people_and_tokens() {
    let console = console().await;
    let (admin, _) = console.person("admin@acme.example", Role::Admin).await;
    let acme = TenantScope::of([TenantId::from("acme")]);
    let others = [
        (Role::Viewer, TenantScope::All),
        (Role::Support, TenantScope::All),
        (Role::Operations, TenantScope::All),
        (Role::TenantAdmin, acme.clone()),
        (Role::Admin, acme),
    ];
    for (n, (role, scope)) in others.into_iter().enumerate() {
        let (id, mut browser) = console.person_of(&format!("p{n}@acme.example"), role, &scope).await;
        for page in ["/operators", "/tokens"] {
            assert_eq!(browser.get(page).await.status, StatusCode::FORBIDDEN, "{role} {page}");
        }
        for (path, form) in [
            ("/operators".to_owned(), vec![("email", "x@acme.example"), ("role", "admin")]),
            (format!("/operators/{id}"), vec![("role", "admin"), ("tenants", "")]),
            (format!("/operators/{admin}/disable"), vec![]),
            (format!("/operators/{admin}/invite"), vec![]),
            (format!("/operators/{admin}/reset-totp"), vec![]),
            (format!("/operators/{id}/enable"), vec![]),
            ("/tokens".to_owned(), vec![("name", "mine"), ("role", "admin")]),
            (format!("/tokens/{id}/revoke"), vec![]),
        ] {
            assert_eq!(browser.submit(&path, &form).await.status, StatusCode::FORBIDDEN, "{role} {path}");
        }
        let now = console.database.store.operator(id).await.expect("answered").expect("they are there");
        assert_eq!((now.role, now.scope), (role, scope));
    }
    assert_eq!(console.database.number("SELECT COUNT(*) FROM api_token").await, 0);
    assert_eq!(console.database.number("SELECT COUNT(*) FROM operator").await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_with_the_rights_of_whoever_made_it() {
    let console = console().await;
    let (id, mut admin) = console.person("admin@acme.example", Role::Admin).await;
    let (_, mut other) = console.person("other@acme.example", Role::Admin).await;
    let (kept, revoked) =
        (made_token(&mut admin, "kept", "admin").await, made_token(&mut admin, "revoked", "admin").await);
    assert_eq!(status_with(&console, &kept).await, StatusCode::OK);
    let tokens = console.database.texts("SELECT name FROM api_token WHERE last_used_at IS NOT NULL").await;
    assert_eq!(tokens, ["kept"]);
    let revoked_id = console.database.store.token_named("revoked").await.expect("answered").expect("it is there");
    assert_eq!(
        other.submit(&format!("/tokens/{revoked_id}/revoke"), &[]).await.location(),
        "/tokens?done=token_revoked"
    );
    assert_eq!(status_with(&console, &revoked).await, StatusCode::UNAUTHORIZED);

    let nothing = console.database.store.operator(id).await.expect("answered").expect("they are there");
    assert!(nothing.disabled_at.is_none());
    assert_eq!(
        other.submit(&format!("/operators/{id}/disable"), &[]).await.location(),
        "/operators?done=operator_disabled"
    );
    assert_eq!(status_with(&console, &kept).await, StatusCode::UNAUTHORIZED, "they may have taken it along");
    assert!(!admin.is_signed_in().await);
    other.submit(&format!("/operators/{id}/enable"), &[]).await;
    assert_eq!(status_with(&console, &kept).await, StatusCode::OK);
    other.submit(&format!("/operators/{id}"), &[("role", "support"), ("tenants", "")]).await;
    assert_eq!(status_with(&console, &kept).await, StatusCode::UNAUTHORIZED, "they may not make it any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_does_over_the_api_what_its_role_may() {
    let console = console().await;
    let (_, mut admin) = console.person("admin@acme.example", Role::Admin).await;
    let (viewer, billing) =
        (made_token(&mut admin, "viewer", "viewer").await, made_token(&mut admin, "billing", "billing").await);
    let (tenant, settings) = ("/api/v1/tenants/acme", "/api/v1/tenants/acme/settings");
    let lift = "/api/v1/portal-locks/lift";
    for (token, method, path, may) in [
        (&viewer, Method::GET, tenant, true),
        (&viewer, Method::GET, settings, true),
        (&viewer, Method::PUT, tenant, false),
        (&viewer, Method::PUT, settings, false),
        (&viewer, Method::POST, lift, false),
        (&viewer, Method::POST, "/api/v1/events", false),
        (&viewer, Method::GET, "/api/v1/audit", false),
        (&viewer, Method::GET, "/api/v1/audit.csv", false),
        (&billing, Method::GET, tenant, false),
        (&billing, Method::PUT, tenant, true),
        (&billing, Method::POST, "/api/v1/events", true),
        (&billing, Method::GET, "/api/v1/tenants/acme/customers/C-1", false),
        (&billing, Method::PUT, settings, false),
    ] {
        let status = answer(console.request(method.clone(), path).bearer_auth(token)).await.status;
        assert_eq!(status != StatusCode::FORBIDDEN, may, "{method} {path}: {status}");
    }
}

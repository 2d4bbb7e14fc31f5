//! Operators and tokens over the API: who may sign in, and what is shown once.

use invoice_dispatcher::model::access::{Role, TenantScope};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::desk::{ApiDesk, kind};
use super::support::send;
use crate::console::support::PASSWORD;
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    a_person_is_added_changed_and_disabled,
    what_nobody_can_be_is_refused,
    the_last_administrator_stays,
    nobody_resets_their_own_account,
    operators_are_listed_page_after_page,
    a_token_is_shown_once_and_revoked,
    a_token_that_a_token_made_ends_with_its_owner,
);

const OPERATORS: &str = "/api/v1/operators";
const TOKENS: &str = "/api/v1/tokens";
/// What is asked with a token: there is no such tenant, so 404 is the answer to whoever may ask.
const ASKED: &str = "/api/v1/tenants/nobody";

async fn a_person_is_added_changed_and_disabled(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let admin = desk.program(Role::Admin).await;
    let wanted = json!({ "address": "Support@acme.example", "role": "support", "tenants": ["acme"] });
    let added = admin.post(OPERATORS, &wanted).await;
    let answer = added.success(201);
    let url = answer["url"].as_str().expect("a link");
    let path = url.strip_prefix(desk.console.base.as_str()).expect("it leads to the console").to_owned();
    let id = answer["id"].as_str().expect("an id").to_owned();
    let own = format!("{OPERATORS}/{id}");
    let shown = admin.get(&own).await;
    let person = shown.success(200);
    assert_eq!(
        (&person["address"], &person["role"], &person["tenants"], &person["state"]),
        (&json!("support@acme.example"), &json!("support"), &json!(["acme"]), &json!("invited"))
    );
    assert!(!person.to_string().contains("/invitation/"), "a link is shown once");
    let mut browser = desk.console.browser();
    assert_eq!(browser.accept(&path, PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert!(browser.is_signed_in().await);
    assert_eq!(admin.get(&own).await.success(200)["state"], "active");

    let taken = admin.post(OPERATORS, &wanted).await;
    assert_eq!((kind(&taken, 409), &taken.json["operator_id"]), ("address taken", &json!(id)));
    for changed in [true, false] {
        let answer = admin.put(&own, &json!({ "role": "viewer" })).await;
        assert_eq!(answer.success(200), &json!({ "id": id, "changed": changed }));
    }
    assert_eq!(admin.get(&own).await.success(200)["tenants"], Value::Null, "all of them");
    assert_eq!(admin.act(&format!("{own}/reset-totp")).await.success(200)["changed"], false, "they have none");
    assert_eq!(admin.act(&format!("{own}/disable")).await.success(200)["changed"], true);
    assert!(!browser.is_signed_in().await);
    assert_eq!(kind(&admin.act(&format!("{own}/invite")).await, 409), "operator disabled");
    assert_eq!(admin.act(&format!("{own}/enable")).await.success(200)["changed"], true);
    // They have a password: this takes it away.
    assert!(admin.act(&format!("{own}/invite")).await.success(200)["url"].is_string());
    assert_eq!(admin.get(&own).await.success(200)["state"], "invited");
    for action in ["operator_added", "operator_changed", "operator_disabled", "operator_enabled", "operator_reset"] {
        assert_eq!(desk.audited(action).await, 1, "{action}");
    }
}

async fn what_nobody_can_be_is_refused(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let admin = desk.program(Role::Admin).await;
    let address = "somebody@acme.example";
    for (body, place) in [
        (json!({ "role": "viewer" }), "address"),
        (json!({ "address": "no address", "role": "viewer" }), "address"),
        (json!({ "address": address, "role": "king" }), "role"),
        (json!({ "address": address, "role": "billing" }), "role"),
        (json!({ "address": address, "role": "tenant_admin" }), "tenants"),
        (json!({ "address": address, "role": "viewer", "tenants": [] }), "tenants"),
        (json!({ "address": address, "role": "viewer", "tenants": ["nobody"] }), "tenants"),
        (json!({ "address": address, "role": "viewer", "tenants": ["acme", " "] }), "tenants[1]"),
        (json!({ "address": address, "role": "viewer", "admin": true }), "admin"),
    ] {
        let answer = admin.post(OPERATORS, &body).await;
        assert_eq!(kind(&answer, 400), "malformed", "{body}");
        // Where a member is missing, the whole is what cannot be read.
        let path = answer.json["path"].as_str().expect("a path");
        assert!(path == place || path == "$", "{body}: {path}");
    }
    assert_eq!(desk.number("SELECT COUNT(*) FROM operator").await, 0);
    for path in ["no-id", "00000000-0000-0000-0000-000000000000"] {
        let own = format!("{OPERATORS}/{path}");
        assert_eq!(kind(&admin.get(&own).await, 404), "unknown operator");
        assert_eq!(kind(&admin.put(&own, &json!({ "role": "viewer" })).await, 404), "unknown operator");
        for act in ["invite", "reset-totp", "disable", "enable"] {
            assert_eq!(kind(&admin.act(&format!("{own}/{act}")).await, 404), "unknown operator", "{act}");
        }
        assert_eq!(kind(&admin.act(&format!("{TOKENS}/{path}/revoke")).await, 404), "unknown token");
    }
}

async fn the_last_administrator_stays(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let admin = desk.program(Role::Admin).await;
    let (id, _) = desk.console.person("admin@acme.example", Role::Admin).await;
    let own = format!("{OPERATORS}/{id}");
    assert_eq!(kind(&admin.act(&format!("{own}/disable")).await, 409), "last admin");
    assert_eq!(kind(&admin.put(&own, &json!({ "role": "viewer" })).await, 409), "last admin");
    assert_eq!(admin.get(&own).await.success(200)["state"], "active");
}

async fn nobody_resets_their_own_account(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let (id, browser) = desk.console.person("admin@acme.example", Role::Admin).await;
    let own = send(browser.request(Method::POST, &format!("{OPERATORS}/{id}/invite"))).await;
    assert_eq!(kind(&own, 409), "own account");
    let (other, _) = desk.console.person("other@acme.example", Role::Viewer).await;
    send(browser.request(Method::POST, &format!("{OPERATORS}/{other}/invite"))).await.success(200);
}

async fn operators_are_listed_page_after_page(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let admin = desk.program(Role::Admin).await;
    for name in ["c", "a", "b"] {
        desk.console.invite(&format!("{name}@acme.example"), Role::Viewer, &TenantScope::All).await;
    }
    let addresses = |answer: &Value| -> Vec<String> {
        let all = answer["operators"].as_array().expect("a list").iter();
        all.map(|one| one["address"].as_str().expect("a text").to_owned()).collect()
    };
    let first = admin.get(&format!("{OPERATORS}?limit=2")).await;
    assert_eq!(addresses(first.success(200)), ["a@acme.example", "b@acme.example"]);
    let next = first.json["next"].as_str().expect("there is more");
    assert!(!next.contains('@'), "an address does not stand in one that is logged");
    let last = admin.get(&format!("{OPERATORS}?limit=2&after={next}")).await;
    assert_eq!((addresses(last.success(200)), &last.json["next"]), (vec!["c@acme.example".to_owned()], &Value::Null));
    for odd in ["after=x", "after=00000000-0000-0000-0000-000000000000", "limit=0", "role=viewer"] {
        assert_eq!(kind(&admin.get(&format!("{OPERATORS}?{odd}")).await, 400), "malformed", "{odd}");
    }
}

async fn a_token_is_shown_once_and_revoked(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let admin = desk.program(Role::Admin).await;
    let wanted = json!({ "name": "billing-eu", "role": "billing", "expires_in_days": 90 });
    let made = admin.post(TOKENS, &wanted).await;
    let answer = made.success(201);
    let (id, token) = (answer["id"].as_str().expect("an id"), answer["token"].as_str().expect("a token"));
    let billing = desk.with_token(token);
    let event = json!({ "specversion": "1.0" }).to_string();
    let publishes =
        billing.request(Method::POST, "/api/v1/events").header("content-type", "application/cloudevents+json");
    assert_eq!(kind(&send(publishes.body(event)).await, 400), "malformed", "it may publish");
    assert_eq!(kind(&billing.get(TOKENS).await, 403), "not permitted");

    let listed = admin.get(TOKENS).await;
    let all = listed.success(200)["tokens"].as_array().expect("a list");
    let newest = all.iter().find(|token| token["id"] == json!(id)).expect("it is listed");
    assert_eq!(
        (&newest["id"], &newest["name"], &newest["state"], &newest["tenants"]),
        (&json!(id), &json!("billing-eu"), &json!("works"), &Value::Null)
    );
    assert!(!listed.json.to_string().contains(token) && token.starts_with(newest["prefix"].as_str().expect("a text")));
    assert_eq!(kind(&admin.post(TOKENS, &wanted).await, 409), "name taken");
    for (body, place) in [
        (json!({ "name": " ", "role": "viewer" }), "name"),
        (json!({ "name": "x", "role": "viewer", "expires_in_days": 0 }), "expires_in_days"),
        (json!({ "name": "x", "role": "viewer", "expires_in_days": 4_000_000_000_u32 }), "expires_in_days"),
        (json!({ "name": "x", "role": "viewer", "tenants": ["nobody"] }), "tenants"),
    ] {
        let answer = admin.post(TOKENS, &body).await;
        assert_eq!((kind(&answer, 400), &answer.json["path"]), ("malformed", &json!(place)), "{body}");
    }
    let revoke = format!("{TOKENS}/{id}/revoke");
    for revoked in [true, false] {
        assert_eq!(admin.act(&revoke).await.success(200), &json!({ "id": id, "revoked": revoked }));
    }
    assert_eq!(kind(&billing.get(ASKED).await, 401), "unauthorised");
    assert_eq!(
        (desk.audited("token_made").await, desk.audited("token_revoked").await),
        (2, 1),
        "the administrator's, too"
    );
}

async fn a_token_that_a_token_made_ends_with_its_owner(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    desk.console.person("other@acme.example", Role::Admin).await;
    let (leaver, browser) = desk.console.person("leaver@acme.example", Role::Admin).await;
    let own = send(browser.request(Method::POST, TOKENS).json(&json!({ "name": "own", "role": "admin" }))).await;
    let own = desk.with_token(own.success(201)["token"].as_str().expect("a token"));
    let child = own.post(TOKENS, &json!({ "name": "child", "role": "viewer" })).await;
    let child = desk.with_token(child.success(201)["token"].as_str().expect("a token"));
    assert_eq!(kind(&child.get(ASKED).await, 404), "unknown tenant", "it works");
    desk.console.app.people().disable(leaver, &actor("test")).await.expect("disabled");
    for token in [&own, &child] {
        assert_eq!(kind(&token.get(ASKED).await, 401), "unauthorised");
    }
    let admin = desk.program(Role::Admin).await;
    let listed = admin.get(TOKENS).await;
    let tokens = listed.success(200)["tokens"].as_array().expect("a list");
    let child = tokens.iter().find(|token| token["name"] == "child").expect("it is listed");
    assert_eq!((&child["state"], &child["created_by"]), (&json!("owner_disabled"), &json!("own")));
}

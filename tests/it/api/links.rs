//! Links over HTTP: listed and revoked; a pasted link in bodies only.

use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::support::{Answer, Api, send};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, TOKEN, event};

on_both_databases!(links_are_listed_page_after_page, what_is_meant_is_revoked, what_is_not_understood_revokes_nothing);

/// Two invoices of one customer with a link each; the first one's token is [`TOKEN`].
async fn two_links(database: TestDatabase) -> (Support, Api) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (first, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.make_token_of(first).await;
    support.database.clock.advance(std::time::Duration::from_secs(1));
    support.accept(&event("2")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let api = Api::start(&support.database).await;
    (support, api)
}

async fn post(api: &Api, action: &str, body: &Value) -> Answer {
    send(api.request(Method::POST, &format!("/api/v1/links/{action}")).json(body)).await
}

fn numbers(answer: &Answer) -> Vec<&str> {
    let links = answer.success(200)["links"].as_array().expect("a list");
    links.iter().map(|link| link["invoice_number"].as_str().expect("a number")).collect()
}

async fn links_are_listed_page_after_page(database: TestDatabase) {
    let (_support, api) = two_links(database).await;
    let all = api.get("/api/v1/links?tenant_id=acme").await;
    assert_eq!((numbers(&all), &all.json["next"]), (vec!["R-2", "R-1"], &Value::Null));
    let link = &all.json["links"][0];
    assert_eq!(
        (&link["state"], &link["kind"], &link["customer_id"]),
        (&json!("valid"), &json!("invoice"), &json!("C-1"))
    );
    let delivery = link["delivery_id"].as_str().expect("an id");
    assert_eq!(numbers(&api.get(&format!("/api/v1/links?delivery_id={delivery}")).await), ["R-2"]);
    assert_eq!(numbers(&api.get("/api/v1/links?tenant_id=acme&invoice=R-1&valid=true").await), ["R-1"]);
    assert_eq!(numbers(&api.get("/api/v1/links?tenant_id=acme&customer_id=C-1").await), ["R-2", "R-1"]);
    let first = api.get("/api/v1/links?tenant_id=acme&limit=1").await;
    let next = first.success(200)["next"].as_str().expect("there is more");
    assert_eq!(numbers(&api.get(&format!("/api/v1/links?tenant_id=acme&limit=1&after={next}")).await), ["R-1"]);
    let pasted = post(&api, "find", &json!({ "link": format!("https://portal.example/i/{TOKEN}") })).await;
    assert_eq!(numbers(&pasted), ["R-1"]);
}

async fn what_is_meant_is_revoked(database: TestDatabase) {
    let (_support, api) = two_links(database).await;
    let body = json!({ "link": TOKEN, "reason": "published in a forum" });
    assert_eq!(post(&api, "revoke", &body).await.success(200), &json!({ "revoked": 1 }));
    assert_eq!(post(&api, "revoke", &body).await.success(200), &json!({ "revoked": 0 }));
    let links = api.get("/api/v1/links?tenant_id=acme&invoice=R-1").await;
    let link = &links.success(200)["links"][0];
    let by = (&link["state"], &link["revoked_by"], &link["revoke_reason"]);
    assert_eq!(by, (&json!("revoked"), &json!("this machine"), &json!("published in a forum")));
    assert_eq!(numbers(&api.get("/api/v1/links?tenant_id=acme&valid=true").await), ["R-2"]);
    let body = json!({ "tenant_id": "acme", "customer_id": "C-1", "reason": "mailbox taken over" });
    assert_eq!(post(&api, "revoke", &body).await.success(200), &json!({ "revoked": 1 }));
}

async fn what_is_not_understood_revokes_nothing(database: TestDatabase) {
    let (support, api) = two_links(database).await;
    for body in [
        json!({ "reason": "of nothing" }),
        json!({ "tenant_id": "acme" }),
        json!({ "tenant_id": "acme", "reason": " " }),
        // A member with a slip in its name would else revoke all of the tenant's.
        json!({ "tenant_id": "acme", "custommer_id": "C-1", "reason": "x" }),
        json!({ "tenant_id": "acme", "link": TOKEN, "reason": "x" }),
        json!({ "tenant_id": "acme", "customer_id": "C-1", "invoice": "R-1", "reason": "x" }),
        json!({ "customer_id": "C-1", "reason": "x" }),
        json!({ "link": "https://portal.example/", "reason": "x" }),
        json!({ "delivery_id": "no uuid", "reason": "x" }),
        json!(["acme"]),
    ] {
        post(&api, "revoke", &body).await.refusal(400);
    }
    for query in [
        "",
        "?customer_id=C-1",
        "?tenant_id=acme&limit=0",
        "?tenant_id=acme&after=x",
        &format!("?link={TOKEN}"),
        "?tenant_id=acme&reason=x",
    ] {
        api.get(&format!("/api/v1/links{query}")).await.refusal(400);
    }
    let request = api.request(Method::POST, "/api/v1/links/revoke").body("{}");
    send(request).await.refusal(415);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM portal_link WHERE revoked_at IS NOT NULL").await, 0);
}

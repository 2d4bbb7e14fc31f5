//! The API's document: current, whole, and served to everybody.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use invoice_dispatcher::api::document_json;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::api::support::{Api, send};
use crate::harness::database::TestDatabase;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn document() -> Value {
    serde_json::from_str(&document_json()).expect("JSON")
}

/// Each operation with its method and path.
fn operations(document: &Value) -> Vec<(Method, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().expect("an item");
            item.iter().map(move |(method, operation)| {
                (method.to_uppercase().parse().expect("a method"), path.as_str(), operation)
            })
        })
        .collect()
}

/// `RENEW_API_DOCUMENT=1 cargo test --test it the_api_document_is_current` writes it anew.
#[test]
fn the_api_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let current = document_json();
    if std::env::var_os("RENEW_API_DOCUMENT").is_some() {
        fs::write(&path, &current).expect("docs/openapi.json can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/openapi.json is stale: run this test with RENEW_API_DOCUMENT=1, and look at the change"
    );
}

#[test]
fn each_operation_says_what_it_is_and_how_it_refuses() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let tags: BTreeSet<&str> =
        document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let of = format!("{method} {path}");
        let text = |name: &str| operation[name].as_str().unwrap_or_default();
        assert!(ids.insert(text("operationId")), "{of} has the operation id of another");
        assert!(text("summary").ends_with(|end: char| end.is_alphanumeric() || end == '.'), "{of} has no summary");
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        assert!(tags.contains(tag), "{of} is of no group: {tag:?}");
        let responses = operation["responses"].as_object().expect("responses");
        let is_public = operation.get("security").is_some();
        let shared: &[&str] = if is_public { &["400", "500"] } else { &["400", "401", "403", "429", "500", "503"] };
        for status in shared {
            assert!(responses.contains_key(*status), "{of} does not say when it answers {status}");
        }
        if operation.get("requestBody").is_some() {
            for status in ["408", "413", "415"] {
                assert!(responses.contains_key(status), "{of} takes a body and does not say when it answers {status}");
            }
        }
    }
}

/// A `$ref` that leads nowhere makes the document useless to whoever generates a client.
#[test]
fn every_reference_leads_somewhere() {
    fn look(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').expect("a reference inside the document");
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                members.values().for_each(|member| look(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, document)),
            _ => {}
        }
    }
    let document = document();
    look(&document, &document);
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let database = TestDatabase::sqlite().await;
    let api =
        Api::configured(database.store.clone(), |config| config.api_token = Some(SecretString::from(TOKEN))).await;
    api.get("/api/v1/me").await.refusal(401);
    let answer = api.get("/api/v1/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.json, document());
    send(api.request(Method::POST, "/api/v1/openapi.json")).await.refusal(405);
}

#[tokio::test]
async fn each_operation_is_a_route_that_asks_who_it_is() {
    let database = TestDatabase::sqlite().await;
    let api =
        Api::configured(database.store.clone(), |config| config.api_token = Some(SecretString::from(TOKEN))).await;
    let document = document();
    for (method, path, operation) in operations(&document) {
        if operation.get("security").is_some() {
            continue;
        }
        let address = path.replace(['{', '}'], "");
        send(api.request(method.clone(), &address)).await.refusal(401);
        let known = send(api.request(method.clone(), &address).bearer_auth(TOKEN)).await;
        // An administrator may do everything, so there is a row for the route; and it is a route.
        let is_answered = known.status != 403 && known.status != 405 && known.json["title"] != "not found";
        assert!(is_answered, "{method} {path}: {known:?}");
    }
}

#[tokio::test]
async fn whoever_asks_reads_what_they_may_do() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    let answer = api.get("/api/v1/me").await;
    let me = answer.success(200);
    let permissions = me["permissions"].as_array().expect("a list");
    for permission in ["manage_tokens", "resend", "publish_events"] {
        assert!(permissions.contains(&json!(permission)), "{me}");
    }
    let mut rest = me.clone();
    rest.as_object_mut().expect("an object").remove("permissions");
    let expected =
        json!({"kind": "this_machine", "name": "this machine", "role": "admin", "all_tenants": true, "tenants": []});
    assert_eq!(rest, expected);
}

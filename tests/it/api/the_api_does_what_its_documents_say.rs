//! Who copies from `docs/` or `examples/` gets what stands there.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::api::support::{Api, BATCH};
use crate::harness::database::TestDatabase;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file")
}

/// The first block of `text` that is fenced as `kind`.
fn block(text: &str, kind: &str) -> Value {
    let (_, rest) = text.split_once(&format!("```{kind}\n")).expect("a block of this kind");
    let (block, _) = rest.split_once("\n```").expect("its end");
    serde_json::from_str(block).expect("JSON")
}

#[tokio::test]
async fn the_documents_bodies_are_taken() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    let document = read("docs/api.md");
    let answer = api.put("/api/v1/tenants/acme", &block(&document, "json tenant")).await;
    assert_eq!(answer.success(201)["result"], "created");
    let answer = api.put("/api/v1/tenants/acme/customers/C-1042", &block(&document, "json customer")).await;
    assert_eq!(answer.success(201)["result"], "created");
    let settings = block(&document, "json settings");
    let answer = api.put_settings("acme", "\"1\"", &settings).await;
    assert_eq!(answer.success(200)["portal_authentication"], settings["portal_authentication"]);
    assert_eq!(api.publish(&block(&read("docs/events.md"), "json")).await["result"], "accepted");
}

#[tokio::test]
async fn the_examples_are_taken_as_one_batch() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    for line in read("examples/catalogue.ndjson").lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let name = |value: &Value| value.as_str().expect("a text").to_owned();
        let (path, body) = match (entry.get("tenant"), entry.get("customer")) {
            (Some(tenant), None) => (format!("/api/v1/tenants/{}", name(&tenant["id"])), tenant),
            (None, Some(customer)) => {
                let (tenant, id) = (name(&customer["tenant_id"]), name(&customer["id"]));
                (format!("/api/v1/tenants/{tenant}/customers/{id}"), customer)
            }
            _ => panic!("a tenant or a customer: {line}"),
        };
        api.put(&path, body).await.success(201);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/events");
    let mut events = Vec::new();
    for file in fs::read_dir(folder).expect("the examples") {
        let text = fs::read_to_string(file.expect("a file").path()).expect("a text");
        events.push(serde_json::from_str::<Value>(&text).expect("JSON"));
    }
    let answer = api.post(BATCH, Value::from(events.clone()).to_string()).await;
    let taken = answer.success(202).as_array().expect("a list");
    assert_eq!(taken.len(), events.len());
    for (event, one) in events.iter().zip(taken) {
        assert_eq!((&one["id"], one["result"].as_str()), (&event["id"], Some("accepted")));
    }
}

//! The audit log over HTTP: what each request changed, found, page after page, and as a file.

use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::api::support::{Answer, Api, customer, send, tenant};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples;

on_both_databases!(
    changes_are_entries,
    entries_are_listed_page_after_page,
    whoever_reads_it_is_in_it,
    the_file_holds_no_formula,
    what_is_not_understood_is_refused
);

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// How often somebody has read the audit log.
const LOOKS: &str = "SELECT COUNT(*) FROM audit_entry WHERE action = 'audit_viewed'";

fn entries(answer: &Answer) -> Vec<Value> {
    answer.success(200)["entries"].as_array().expect("a list").clone()
}

fn actions(answer: &Answer) -> Vec<String> {
    entries(answer).iter().map(|entry| entry["action"].as_str().expect("a text").to_owned()).collect()
}

async fn changes_are_entries(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let mut renamed = customer();
    renamed["name"] = json!("Käufer AG");
    api.put("/api/v1/tenants/acme/customers/C-1", &renamed).await.success(200);
    let settings = json!({ "sensitive_attachments": "exclude",
        "portal_authentication": { "level": "sensitive", "primary": "sms_otp" } });
    api.put_settings("acme", "\"1\"", &settings).await.success(200);
    // The same again changes nothing.
    api.put("/api/v1/tenants/acme/customers/C-1", &renamed).await.success(200);
    api.put_settings("acme", "*", &settings).await.success(200);
    let listed = api.get("/api/v1/audit").await;
    assert_eq!(actions(&listed), ["settings_changed", "customers_written", "customers_written", "tenants_written"]);
    let all = entries(&listed);
    let change = json!({
        "sensitive_attachments": { "old": "exclude_for_private", "new": "exclude" },
        "portal_authentication": {
            "old": { "level": "sensitive", "primary": "postcode_house_number" },
            "new": { "level": "sensitive", "primary": "sms_otp" },
        },
        "version": { "old": 1, "new": 2 },
    });
    assert_eq!(without_null(&all[0]["change"]), change);
    assert_eq!(all[1]["change"], json!({ "changed": ["name"] }), "master data are named, not repeated");
    assert_eq!((&all[0]["who_kind"], &all[0]["who"]), (&json!("this_machine"), &json!("this machine")));
    assert_eq!((&all[0]["tenant_id"], &all[0]["network"]), (&json!("acme"), &json!("127.0.0.0/24")));
    assert_eq!((&all[1]["customer_id"], &all[1]["subject"]), (&json!("C-1"), &json!("C-1")));
}

/// Without members that are null: a method that is not chosen may stand there so, or not at all.
fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(name, member)| (name.clone(), without_null(member)))
            .collect(),
        other => other.clone(),
    }
}

async fn entries_are_listed_page_after_page(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    api.put("/api/v1/tenants/beta", &tenant()).await.success(201);
    let first = api.get("/api/v1/audit?limit=2").await;
    assert_eq!(actions(&first), ["tenants_written", "customers_written"]);
    let next = first.json["next"].as_str().expect("there is more");
    let last = api.get(&format!("/api/v1/audit?limit=2&after={next}")).await;
    assert_eq!((actions(&last), &last.json["next"]), (vec!["tenants_written".to_owned()], &Value::Null));
    assert_eq!(entries(&api.get("/api/v1/audit?tenant_id=beta").await).len(), 1);
    assert_eq!(
        actions(&api.get("/api/v1/audit?action=customers_written&who=this+machine").await),
        ["customers_written"]
    );
    assert!(entries(&api.get("/api/v1/audit?since=2030-01-01T00:00:00Z").await).is_empty());
    assert_eq!(entries(&api.get("/api/v1/audit?until=2030-01-01T00:00:00Z&subject=C-1").await).len(), 1);
}

async fn whoever_reads_it_is_in_it(database: TestDatabase) {
    let api =
        Api::configured(database.store.clone(), |config| config.api_token = Some(SecretString::from(TOKEN))).await;
    let get =
        async |query: &str| send(api.request(Method::GET, &format!("/api/v1/audit?{query}")).bearer_auth(TOKEN)).await;
    for id in ["acme", "beta", "gamma"] {
        database.store.upsert_tenant(&samples::tenant(id), &actor("billing")).await.expect("answered");
    }
    // All pages of a search are one look; what finds nothing is none.
    let first = get("limit=1&action=tenants_written").await;
    let next = first.success(200)["next"].as_str().expect("there is more").to_owned();
    get(&format!("limit=1&action=tenants_written&after={next}")).await.success(200);
    assert!(entries(&get("who=nobody").await).is_empty());
    get("tenant_id=acme").await.success(200);
    let looks = get("action=audit_viewed").await;
    let sought: Vec<_> = entries(&looks)
        .iter()
        .map(|entry| (entry["who"].clone(), entry["tenant_id"].clone(), entry["change"]["action"].clone()))
        .collect();
    let who = json!("API_TOKEN");
    let expected = [(who.clone(), json!("acme"), Value::Null), (who, Value::Null, json!("tenants_written"))];
    assert_eq!(sought, expected);

    // Whoever begins the search again later, looks again.
    database.clock.advance(Duration::from_mins(14));
    get("action=tenants_written").await.success(200);
    assert_eq!(database.number(LOOKS).await, 3);
    database.clock.advance(Duration::from_mins(1));
    get("action=tenants_written").await.success(200);
    assert_eq!(database.number(LOOKS).await, 4);
}

async fn the_file_holds_no_formula(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    database.execute("UPDATE audit_detail SET reason = '=1+1', name = '@eve' WHERE sequence = 1").await;
    let answer = api.request(Method::GET, "/api/v1/audit.csv").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"audit.csv\"");
    let file = answer.text().await.expect("a text");
    let rows: Vec<&str> = file.trim_start_matches('\u{feff}').lines().collect();
    assert!(rows[0].starts_with("\"entry\",\"time\",\"action\""), "{file}");
    assert_eq!(rows.len(), 4, "two changes, the export, and the columns: {file}");
    assert!(rows[1].contains("\"audit_exported\""), "{file}");
    assert!(rows[3].contains("\"'=1+1\"") && rows[3].contains("\"'@eve\""), "{file}");
    let narrowed =
        api.request(Method::GET, "/api/v1/audit.csv?action=tenants_written").send().await.expect("an answer");
    assert_eq!(narrowed.text().await.expect("a text").lines().count(), 2);
}

async fn what_is_not_understood_is_refused(database: TestDatabase) {
    let api = Api::start(&database).await;
    for query in ["limit=0", "limit=501", "since=yesterday", "action=nothing", "after=5", "tenant=acme"] {
        api.get(&format!("/api/v1/audit?{query}")).await.refusal(400);
    }
    for query in ["limit=5", "after=1.00000000000000000000000000000001", "until=x"] {
        api.get(&format!("/api/v1/audit.csv?{query}")).await.refusal(400);
    }
    assert!(entries(&api.get("/api/v1/audit").await).is_empty(), "a file that is refused is not exported");
}

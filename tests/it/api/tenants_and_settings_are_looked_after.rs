//! Tenants at a glance and their pause; what settings were, one back, and what others would mean.

use invoice_dispatcher::model::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{ApiDesk, Program, kind};
use super::support::{Answer, send};
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    a_tenant_is_paused_and_resumed,
    an_earlier_version_is_restored,
    a_preview_saves_nothing,
    reasons_name_no_address_to_whoever_may_not_read_them,
);

const SETTINGS: &str = "/api/v1/tenants/acme/settings";

async fn a_tenant_is_paused_and_resumed(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    desk.dispatcher.add_tenant("beta", "include").await;
    desk.dispatcher.take(&[desk.dispatcher.event("a", "C-1")]).await;
    let operations = desk.program(Role::Operations).await;
    let listed = operations.get("/api/v1/tenants?limit=1").await;
    let acme = &listed.success(200)["tenants"][0];
    assert_eq!(
        (&acme["id"], &acme["name"], &acme["sender"], &acme["due"]),
        (&json!("acme"), &json!("acme GmbH"), &json!("rechnung@acme.example"), &json!(1))
    );
    assert_eq!((acme.get("paused"), &listed.json["next"]), (None, &json!("acme")));
    let last = operations.get("/api/v1/tenants?limit=1&after=acme").await;
    assert_eq!((&last.success(200)["tenants"][0]["id"], &last.json["next"]), (&json!("beta"), &Value::Null));

    let (pause, resume) = ("/api/v1/tenants/acme/pause", "/api/v1/tenants/acme/resume");
    assert_eq!(kind(&operations.post(pause, &json!({ "reason": "" })).await, 400), "malformed");
    for (changed, deliveries) in [(true, 1), (false, 0)] {
        let answer = operations.post(pause, &json!({ "reason": "wrong amounts" })).await;
        let expected = json!({ "tenant_id": "acme", "paused": true, "changed": changed, "deliveries": deliveries });
        assert_eq!(answer.success(200), &expected);
    }
    let listed = operations.get("/api/v1/tenants").await;
    assert_eq!(listed.success(200)["tenants"][0]["paused"]["reason"], "wrong amounts");
    for (changed, deliveries) in [(true, 1), (false, 0)] {
        let expected = json!({ "tenant_id": "acme", "paused": false, "changed": changed, "deliveries": deliveries });
        assert_eq!(operations.act(resume).await.success(200), &expected);
    }
    assert_eq!(kind(&operations.act("/api/v1/tenants/nobody/resume").await, 404), "unknown tenant");
    assert_eq!((desk.audited("tenant_paused").await, desk.audited("tenant_resumed").await), (1, 1));
    desk.end().await;
}

fn settings(sensitive_attachments: &str) -> Value {
    json!({
        "sensitive_attachments": sensitive_attachments,
        "portal_authentication": { "level": "sensitive", "primary": "postcode_house_number" },
    })
}

async fn with_tag(program: &Program, method: Method, path: &str, tag: &str, body: &Value) -> Answer {
    send(program.request(method, path).header("if-match", tag).json(body)).await
}

async fn an_earlier_version_is_restored(database: TestDatabase) {
    let desk = ApiDesk::resting(database).await;
    let admin = desk.program(Role::Admin).await;
    let versions = format!("{SETTINGS}/versions");
    let restore = format!("{SETTINGS}/restore");
    for (tag, choice) in [("\"1\"", "exclude"), ("\"2\"", "include")] {
        let mut body = settings(choice);
        body["reason"] = json!(format!("because of {choice}"));
        with_tag(&admin, Method::PUT, SETTINGS, tag, &body).await.success(200);
    }
    let listed = admin.get(&versions).await;
    let all = listed.success(200)["versions"].as_array().expect("a list");
    let said: Vec<_> = all.iter().map(|one| (&one["version"], &one["sensitive_attachments"], &one["reason"])).collect();
    let (two, three) = (
        (json!(2), json!("exclude"), json!("because of exclude")),
        (json!(3), json!("include"), json!("because of include")),
    );
    assert_eq!(said[..2], [(&three.0, &three.1, &three.2), (&two.0, &two.1, &two.2)]);

    let part = admin.get(&format!("{versions}?limit=2")).await;
    let (part, next) = (part.success(200)["versions"].clone(), part.json["next"].as_str().expect("it goes on"));
    assert_eq!((&part[0]["version"], &part[1]["version"], next), (&json!(3), &json!(2), "2"));
    let last = admin.get(&format!("{versions}?limit=2&after={next}")).await;
    assert_eq!((&last.success(200)["versions"][0]["version"], &last.json["next"]), (&json!(1), &Value::Null));
    assert_eq!(kind(&admin.get(&format!("{versions}?after=x")).await, 400), "malformed");

    let wanted = json!({ "version": 2, "reason": "customers asked" });
    assert_eq!(kind(&admin.post(&restore, &wanted).await, 428), "precondition required");
    let stale = with_tag(&admin, Method::POST, &restore, "\"2\"", &wanted).await;
    assert_eq!((kind(&stale, 412), stale.header("etag")), ("precondition failed", "\"3\""));
    let never = with_tag(&admin, Method::POST, &restore, "\"3\"", &json!({ "version": 9 })).await;
    assert_eq!(kind(&never, 404), "unknown version");
    let restored = with_tag(&admin, Method::POST, &restore, "\"3\"", &wanted).await;
    assert_eq!((&restored.success(200)["version"], restored.header("etag")), (&json!(4), "\"4\""));
    assert_eq!(restored.json["sensitive_attachments"], "exclude");
    let newest = admin.get(&versions).await.success(200)["versions"][0].clone();
    assert_eq!((&newest["version"], &newest["reason"]), (&json!(4), &json!("customers asked")));
    assert_eq!(kind(&admin.get("/api/v1/tenants/nobody/settings/versions").await, 404), "unknown tenant");
    assert_eq!(desk.audited("settings_changed").await, 3);
}

async fn a_preview_saves_nothing(database: TestDatabase) {
    let desk = ApiDesk::at_work(database).await;
    desk.send("a").await;
    let viewer = desk.program(Role::Viewer).await;
    let path = format!("{SETTINGS}/preview");
    let shown = viewer.post(&path, &settings("exclude")).await;
    let answer = shown.success(200);
    assert_eq!(answer["settings"], settings("exclude"));
    let business = &answer["consequences"][1];
    assert_eq!((&business["customer_type"], &business["customers"]), (&json!("business"), &json!(1)));
    assert_eq!(
        business["route"],
        json!({ "decision": "link", "access": "verified", "method": "postcode_house_number" })
    );
    let past = &answer["past"];
    assert_eq!((&past["considered"], &past["changed"], &past["has_more"]), (&json!(1), &json!(1), &json!(false)));
    let change = &past["changes"][0];
    assert_eq!(
        (&change["from"], &change["deliveries"], &change["examples"][0]["invoice_number"]),
        (&json!({ "decision": "attach" }), &json!(1), &json!("R-a"))
    );

    let mut inaccessible = settings("exclude");
    inaccessible["portal_authentication"] = json!({ "level": "inaccessible" });
    let warned = viewer.post(&path, &inaccessible).await;
    let codes: Vec<_> =
        warned.success(200)["warnings"].as_array().expect("a list").iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("documents_reachable_nowhere")), "{codes:?}");
    assert_eq!(kind(&viewer.post(&path, &json!({})).await, 400), "malformed");
    assert_eq!(viewer.get(SETTINGS).await.success(200)["version"], 1, "nothing is saved");
    assert_eq!(
        kind(&viewer.post("/api/v1/tenants/nobody/settings/preview", &settings("exclude")).await, 404),
        "unknown tenant"
    );
    assert_eq!(desk.audited("settings_changed").await, 0);
    desk.end().await;
}

async fn reasons_name_no_address_to_whoever_may_not_read_them(database: TestDatabase) {
    const ADDRESS: &str = "erika.muster@customer.example";
    let desk = ApiDesk::resting(database).await;
    let (admin, viewer) = (desk.program(Role::Admin).await, desk.program(Role::Viewer).await);
    let reason = format!("{ADDRESS} asked for it");
    admin.post("/api/v1/tenants/acme/pause", &json!({ "reason": reason })).await.success(200);
    let mut body = settings("exclude");
    body["reason"] = json!(reason);
    with_tag(&admin, Method::PUT, SETTINGS, "\"1\"", &body).await.success(200);
    for path in ["/api/v1/tenants", "/api/v1/tenants/acme/settings/versions"] {
        for (program, is_whole) in [(&admin, true), (&viewer, false)] {
            let answer = program.get(path).await.success(200).to_string();
            assert!(answer.contains("asked for it"), "{path}: {answer}");
            assert_eq!(answer.contains(ADDRESS), is_whole, "{path}: {answer}");
        }
    }
}

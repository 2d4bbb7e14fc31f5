//! Tenants, customers and settings over HTTP.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::api::support::{Answer, Api, customer, send, tenant, with, without};
use crate::harness::database::{TestDatabase, on_both_databases};

const TENANT: &str = "/api/v1/tenants/acme";
const CUSTOMER: &str = "/api/v1/tenants/acme/customers/C-1";
const SETTINGS: &str = "/api/v1/tenants/acme/settings";

on_both_databases!(
    a_tenant_is_created_changed_and_left_as_it_is,
    settings_in_a_tenants_body_count_at_creation_only,
    a_customer_is_created_changed_and_left_as_it_is,
    what_verifies_a_customer_goes_in_and_never_comes_out,
    settings_change_only_for_who_has_read_them,
    a_reason_is_kept_with_the_settings,
    settings_that_nothing_reads_are_reported,
    settings_that_leave_customers_without_documents_warn,
    every_fault_of_a_body_is_reported,
);

async fn a_tenant_is_created_changed_and_left_as_it_is(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.get(TENANT).await.refusal(404);
    let created = api.put(TENANT, &tenant()).await;
    let expected = json!({"id": "acme", "result": "created", "moved": false, "settings_ignored": false, "dead_letters_cured": 0,
               "warnings": []});
    assert_eq!(created.success(201), &expected);
    assert_eq!(api.put(TENANT, &tenant()).await.success(200)["result"], "unchanged");
    let renamed = with(with(tenant(), "/name", json!("Acme SE")), "/relay", json!("other"));
    let changed = api.put(TENANT, &renamed).await;
    assert_eq!((&changed.success(200)["result"], &changed.json["moved"]), (&json!("changed"), &json!(true)));

    let shown = api.get(TENANT).await;
    let shown = shown.success(200);
    for (pointer, value) in
        [("/id", "acme"), ("/name", "Acme SE"), ("/relay", "other"), ("/contact/phone", "+49 351 123456")]
    {
        assert_eq!(shown.pointer(pointer), Some(&json!(value)), "{pointer}");
    }
    // What is shown may be put back as it is.
    assert_eq!(api.put(TENANT, shown).await.success(200)["result"], "unchanged");
}

async fn settings_in_a_tenants_body_count_at_creation_only(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.put(TENANT, &tenant()).await.success(201);
    let wider = with(tenant(), "/settings/sensitive_attachments", json!("include"));
    let answer = api.put(TENANT, &wider).await;
    assert_eq!((&answer.success(200)["result"], &answer.json["settings_ignored"]), (&json!("unchanged"), &json!(true)));
    let settings = api.get(SETTINGS).await;
    assert_eq!(settings.success(200)["sensitive_attachments"], "exclude_for_private");
    assert_eq!(settings.header("etag"), "\"1\"");
}

async fn settings_that_nothing_reads_are_reported(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.put(TENANT, &tenant()).await.success(201);
    let shown = api.get(SETTINGS).await;
    assert!(shown.success(200).get("ignored").is_none(), "there is nothing to tell of");
    let mistyped = with(shown.json.clone(), "/portal_authentication/secondry", json!("sms_otp"));
    let changed = api.put_settings("acme", "*", &mistyped).await;
    let ignored = json!([{
        "path": "portal_authentication.secondry", "problem": "is not known and is ignored; did you mean secondary?",
    }]);
    assert_eq!(changed.success(200)["ignored"], ignored);
    let plain = api.put_settings("acme", "*", &shown.json).await;
    assert_eq!(plain.success(200).get("ignored"), None, "version and warnings may stand there");
}

async fn every_fault_of_a_body_is_reported(database: TestDatabase) {
    let api = Api::start(&database).await;
    let paths = |answer: &Answer| -> Vec<String> {
        answer.refusal(400);
        let errors = answer.json["errors"].as_array().expect("a list");
        errors.iter().map(|error| error["path"].as_str().expect("a path").to_owned()).collect()
    };
    let several = with(without(tenant(), "/sender"), "/locale", json!("german"));
    let several =
        with(with(several, "/imprint_url", json!("http://x")), "/settings/sensitive_attachments", json!("no"));
    let mut found = paths(&api.put(TENANT, &several).await);
    found.sort();
    assert_eq!(found, ["imprint_url", "locale", "sender", "settings.sensitive_attachments"]);
    api.put(TENANT, &tenant()).await.success(201);
    let several = with(with(without(customer(), "/name"), "/address", json!("nobody")), "/mobile", json!("0351"));
    assert_eq!(paths(&api.put(CUSTOMER, &several).await), ["name", "address", "mobile"]);
    let several = json!({ "sensitive_attachments": 1, "portal_authentication": { "level": "sensitive" } });
    let found = paths(&api.put_settings("acme", "*", &several).await);
    assert_eq!(found, ["sensitive_attachments", "portal_authentication.primary"]);
}

async fn a_customer_is_created_changed_and_left_as_it_is(database: TestDatabase) {
    let api = Api::start(&database).await;
    let answer = api.put(CUSTOMER, &customer()).await;
    assert!(answer.refusal(404).contains("acme"), "{answer:?}");
    api.put(TENANT, &tenant()).await.success(201);
    api.get(CUSTOMER).await.refusal(404);
    let expected = json!({"tenant_id": "acme", "id": "C-1", "result": "created", "dead_letters_cured": 0,
        "warnings": []});
    assert_eq!(api.put(CUSTOMER, &customer()).await.success(201), &expected);
    assert_eq!(api.put(CUSTOMER, &customer()).await.success(200)["result"], "unchanged");
    // An unknown type is none, and counts as private.
    let other = with(customer(), "/type", json!("partner"));
    let changed = api.put(CUSTOMER, &other).await;
    assert_eq!(
        (&changed.success(200)["result"], &changed.json["warnings"][0]["path"]),
        (&json!("changed"), &json!("type"))
    );
    assert_eq!(api.get(CUSTOMER).await.success(200)["type"], Value::Null);
    let mistyped = with(customer(), "/postal/post_code", json!("01067"));
    let warnings = api.put(CUSTOMER, &mistyped).await.success(200)["warnings"].clone();
    let problem = "is not known and is ignored";
    assert_eq!(warnings, json!([{"path": "postal.post_code", "problem": problem}]));
    let mistyped = with(tenant(), "/settings/portal_authentication/secondry", json!("sms_otp"));
    let warnings = api.put(TENANT, &mistyped).await.success(200)["warnings"].clone();
    assert_eq!(warnings[0]["path"], "settings.portal_authentication.secondry");

    let odd = "/api/v1/tenants/acme/customers/C%2F1%20%C3%A4%3F";
    assert_eq!(api.put(odd, &customer()).await.success(201)["id"], "C/1 ä?");
    assert_eq!(api.get(odd).await.success(200)["id"], "C/1 ä?");
}

async fn what_verifies_a_customer_goes_in_and_never_comes_out(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let shown = api.get(CUSTOMER).await;
    let expected = json!({
        "tenant_id": "acme", "id": "C-1", "type": "business", "name": "Käufer OHG", "address": "ap@customer.example",
        "locale": "de-DE", "country": "DE", "on_record": {"postcode": true, "house_number": true, "mobile": true},
    });
    assert_eq!(shown.success(200), &expected);
    let without_number = without(without(customer(), "/postal/house_number"), "/mobile");
    api.put(CUSTOMER, &without_number).await.success(200);
    let expected = json!({"postcode": true, "house_number": false, "mobile": false});
    assert_eq!(api.get(CUSTOMER).await.json["on_record"], expected);
}

async fn settings_change_only_for_who_has_read_them(database: TestDatabase) {
    let api = Api::start(&database).await;
    let attach = json!({"sensitive_attachments": "include",
                        "portal_authentication": {"level": "every_page", "primary": "sms_otp"}});
    api.get(SETTINGS).await.refusal(404);
    api.put_settings("acme", "*", &attach).await.refusal(404);
    api.remember_acme().await;

    let read = api.get(SETTINGS).await;
    assert_eq!((&read.success(200)["version"], read.header("etag")), (&json!(1), "\"1\""));
    api.put(SETTINGS, &attach).await.refusal(428);
    for stale in ["\"0\"", "\"2\"", "W/\"1\"", "1", "\"x\""] {
        let answer = api.put_settings("acme", stale, &attach).await;
        answer.refusal(412);
        assert_eq!((answer.header("etag"), &answer.json["version"]), ("\"1\"", &json!(1)));
    }
    let saved = api.put_settings("acme", "\"7\", \"1\"", &attach).await;
    assert_eq!((&saved.success(200)["version"], saved.header("etag")), (&json!(2), "\"2\""));
    assert_eq!(saved.json["portal_authentication"], attach["portal_authentication"]);
    api.put_settings("acme", "\"1\"", &attach).await.refusal(412);
    // The same again changes nothing.
    assert_eq!(api.put_settings("acme", "*", &attach).await.success(200)["version"], 2);
    assert_eq!(api.put_settings("acme", "\"2\"", &api.get(SETTINGS).await.json).await.success(200)["version"], 2);

    for (bad, path) in [
        (
            json!({"sensitive_attachments": "sometimes", "portal_authentication": {"level": "inaccessible"}}),
            "sensitive_attachments",
        ),
        (
            json!({"sensitive_attachments": "include", "portal_authentication": {"level": "sensitive"}}),
            "portal_authentication.primary",
        ),
        (json!({"sensitive_attachments": "include"}), "portal_authentication"),
        (json!([]), "$"),
    ] {
        let answer = api.put_settings("acme", "*", &bad).await;
        answer.refusal(400);
        assert_eq!(answer.json["path"], path);
    }
    let history = "SELECT changed_by FROM settings_change WHERE tenant_id = 'acme' ORDER BY version";
    assert_eq!(database.texts(history).await, ["created with the tenant", "this machine"]);
}

async fn a_reason_is_kept_with_the_settings(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let put = async |reason: Value, if_match: &str| {
        let body = json!({"sensitive_attachments": "include", "reason": reason,
                          "portal_authentication": {"level": "every_page", "primary": "sms_otp"}});
        api.put_settings("acme", if_match, &body).await
    };
    for bad in [json!(7), json!(["x"]), json!("two\nlines"), json!("x".repeat(501))] {
        let answer = put(bad.clone(), "\"1\"").await;
        answer.refusal(400);
        assert_eq!(answer.json["path"], "reason", "{bad}");
    }
    let saved = put(json!(" as agreed "), "\"1\"").await;
    assert_eq!((&saved.success(200)["version"], saved.json.get("ignored")), (&json!(2), None));
    let kept = "SELECT reason FROM settings_change WHERE tenant_id = 'acme' AND version = 2";
    assert_eq!(database.texts(kept).await, ["as agreed"]);
    let entry = &api.get("/api/v1/audit?action=settings_changed").await.json["entries"][0];
    assert_eq!(entry["reason"], "as agreed", "{entry}");
}

async fn settings_that_leave_customers_without_documents_warn(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let bypass = &api.get(SETTINGS).await.json["warnings"][0];
    assert_eq!((&bypass["code"], &bypass["customers"]), (&json!("attachments_bypass_portal"), &json!(1)));
    let private = without(without(with(customer(), "/type", json!("private")), "/postal"), "/mobile");
    api.put("/api/v1/tenants/acme/customers/C-2", &private).await.success(201);

    let warnings = |answer: &Value| -> Vec<(String, i64)> {
        let list = answer["warnings"].as_array().expect("a list");
        list.iter()
            .map(|one| (one["code"].as_str().expect("a code").to_owned(), one["customers"].as_i64().expect("a number")))
            .collect()
    };
    let closed = json!({"sensitive_attachments": "exclude", "portal_authentication": {"level": "inaccessible"}});
    let answer = api.put_settings("acme", "\"1\"", &closed).await;
    let told = [("documents_reachable_nowhere".to_owned(), 2), ("invoice_not_transmitted".to_owned(), 1)];
    assert_eq!(warnings(answer.success(200)), told);
    let verified = json!({"sensitive_attachments": "exclude",
                          "portal_authentication": {"level": "sensitive", "primary": "sms_otp"}});
    let answer = api.put_settings("acme", "\"2\"", &verified).await;
    let told = [("no_verification_method".to_owned(), 1), ("method_not_usable".to_owned(), 1)];
    assert_eq!(warnings(answer.success(200)), told);
    assert_eq!(warnings(&api.get(SETTINGS).await.json), told);
    assert_eq!(answer.json["warnings"][1]["method"], "sms_otp");
}

#[tokio::test]
async fn a_completed_record_cures_what_waited_for_it() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let event = crate::api::support::event();
    let bare = without(without(customer(), "/postal"), "/mobile");
    api.put(CUSTOMER, &bare).await.success(200);
    let taken = api.publish(&event).await;
    let id = taken["delivery_id"].as_str().expect("an id").replace('-', "");
    // As the lane leaves it when the decision finds no method.
    database
        .execute(format!(
            "DELETE FROM lane_entry;
             UPDATE delivery SET concluded = 'dead', concluded_at = 1, class = 'no_verification_method', reason = 'x';
             INSERT INTO concluded_count (concluded, shard, count) VALUES ('dead', 0, 1);
             INSERT INTO dead_letter (id, delivery_id, event_key, source, event_id, tenant_id, customer_id,
                    invoice_number, class, reason, hint, fingerprint, first_failed_at, last_failed_at, state, mirror)
             SELECT x'{id}', id, event_key, 's', 'e', tenant_id, customer_id, invoice_number, 'no_verification_method',
                    'x', 'x', 'x', 1, 1, 'open', 'pending' FROM delivery"
        ))
        .await;
    assert_eq!(api.put(CUSTOMER, &bare).await.success(200)["dead_letters_cured"], 0);
    let answer = api.put(CUSTOMER, &customer()).await;
    assert_eq!(answer.success(200)["dead_letters_cured"], 1);
    let report = api.report(event["id"].as_str().expect("a text")).await;
    assert_eq!(report.success(200)["deliveries"][0]["state"], "due");
    assert_eq!(report.json["dead_letters"][0]["state"], "cured");
    database.assert_ledger().await;
}

#[tokio::test]
async fn bad_bodies_and_bad_names_are_refused() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.put(TENANT, &tenant()).await.success(201);
    for (path, body, at) in [
        (TENANT, without(tenant(), "/settings"), "settings"),
        (TENANT, without(tenant(), "/sender/address"), "sender.address"),
        (TENANT, with(tenant(), "/sender/address", json!("a@b\r\nBcc: c@d")), "sender.address"),
        (TENANT, with(tenant(), "/id", json!("other")), "id"),
        (TENANT, with(tenant(), "/name", json!("a\u{0}")), "name"),
        (TENANT, json!([]), "$"),
        ("/api/v1/tenants/a%2Fb", tenant(), "id"),
        ("/api/v1/tenants/%00", tenant(), "tenant_id"),
        ("/api/v1/tenants/%ff", tenant(), "tenant_id"),
        (CUSTOMER, without(customer(), "/address"), "address"),
        (CUSTOMER, with(customer(), "/mobile", json!("0151 1234")), "mobile"),
        (CUSTOMER, with(customer(), "/tenant_id", json!("other")), "tenant_id"),
        ("/api/v1/tenants/acme/customers/%20", customer(), "customer_id"),
    ] {
        let answer = api.put(path, &body).await;
        let detail = answer.refusal(400);
        assert!(!detail.contains("0151") && !detail.contains("Bcc"), "a value is repeated: {detail}");
        assert_eq!(answer.json["path"], at, "{path} {body}");
    }
    for path in [TENANT, CUSTOMER, SETTINGS] {
        let plain = api.request(Method::PUT, path).header(CONTENT_TYPE, "text/plain").body("{}");
        send(plain).await.refusal(415);
        send(api.request(Method::PUT, path).body("{}")).await.refusal(415);
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM customer").await, 0);
}

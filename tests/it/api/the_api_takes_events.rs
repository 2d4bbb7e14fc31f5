//! Events over HTTP: each way of carrying them, what is said of each, and what became of it later.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::api::support::{Api, BATCH, EVENT, SOURCE, customer, event, send, tenant, with};
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    an_event_becomes_a_delivery_and_its_publisher_can_ask_for_it,
    each_event_of_a_batch_has_its_own_answer_in_order,
    binary_mode_is_the_same_event,
    the_same_event_again_is_a_duplicate_and_other_content_a_conflict,
    what_nothing_reads_is_reported_and_a_duplicate_names_what_came_of_the_first,
    what_an_event_lacks_may_come_later,
    a_dead_delivery_is_put_back_by_publishing_its_event_again,
    recipients_that_cannot_be_used_are_a_dead_letter,
);

async fn an_event_becomes_a_delivery_and_its_publisher_can_ask_for_it(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let event = event();
    let taken = api.publish(&event).await;
    assert_eq!(taken["result"], "accepted");

    let report = api.report(event["id"].as_str().expect("a text")).await;
    let report = report.success(200);
    assert_eq!((&report["state"], &report["tenant_id"]), (&json!("accepted"), &json!("acme")));
    assert_eq!(report["invoice_number"], event["data"]["invoice"]["number"]);
    assert_eq!(report["received_at"], "2026-11-23T09:30:00Z");
    let deliveries = report["deliveries"].as_array().expect("a list");
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0]["id"], taken["delivery_id"]);
    assert_eq!((&deliveries[0]["state"], &deliveries[0]["attempts"]), (&json!("due"), &json!(0)));
    assert_eq!((&deliveries[0]["role"], &report["dead_letters"]), (&json!("main"), &json!([])));
    // A report is about states; whom the mail goes to stands elsewhere.
    assert!(!report.to_string().contains("customer.example"), "{report}");

    api.report("e-nobody-published").await.refusal(404);
    database.assert_ledger().await;
}

async fn each_event_of_a_batch_has_its_own_answer_in_order(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let (first, second) = (event(), event());
    let same_invoice = with(first.clone(), "/id", json!("another-id"));
    let unknown_tenant = with(event(), "/data/tenant_id", json!("nobody"));
    let unknown_customer = with(event(), "/data/customer_id", json!("C-2"));
    let batch = json!([first, second, first, same_invoice, unknown_tenant, unknown_customer]);
    let answer = api.post(&format!("{BATCH}; charset=utf-8"), batch.to_string()).await;
    let taken = answer.success(202).as_array().expect("a list");
    let results: Vec<&Value> = taken.iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["accepted", "accepted", "duplicate", "duplicate_invoice", "dead_letter", "waiting"]);
    assert_eq!(taken[4]["class"], "unknown_tenant");
    assert!(taken[4]["hint"].as_str().expect("a hint").contains("import the tenant"));
    let ids: Vec<&Value> = taken.iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, batch.as_array().expect("a list").iter().map(|one| &one["id"]).collect::<Vec<_>>());
    assert_eq!(api.post(BATCH, "[]").await.success(202), &json!([]));
    database.assert_ledger().await;
}

async fn binary_mode_is_the_same_event(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let event = event();
    let id = event["id"].as_str().expect("a text");
    let binary = |id: &str| {
        api.request(Method::POST, "/api/v1/events")
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("ce-specversion", "1.0")
            .header("CE-Type", "invoice.sent.v1")
            .header("ce-source", SOURCE)
            .header("ce-id", id)
            .body(event["data"].to_string())
    };
    let answer = send(binary(id)).await;
    assert_eq!(answer.success(202)[0]["result"], "accepted");
    // The way it is carried is no content: in structured mode it is the same event.
    assert_eq!(api.publish(&event).await["result"], "duplicate");
    let answer = send(binary("").header("ce-extension", "x")).await;
    assert!(answer.refusal(400).starts_with("id:"), "{answer:?}");
}

async fn the_same_event_again_is_a_duplicate_and_other_content_a_conflict(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let event = event();
    let first = api.publish(&event).await;
    assert_eq!(api.publish(&event).await["result"], "duplicate");
    let other = with(event.clone(), "/data/invoice/total", json!("1190.01"));
    for _ in 0..2 {
        let answer = api.publish(&other).await;
        assert_eq!((&answer["result"], &answer["class"]), (&json!("dead_letter"), &json!("conflicting_event")));
    }
    let under_a_new_id = api.publish(&with(event.clone(), "/id", json!("new-id"))).await;
    assert_eq!(under_a_new_id["result"], "duplicate_invoice");
    assert_ne!(under_a_new_id["delivery_id"], first["delivery_id"]);

    let report = api.report(event["id"].as_str().expect("a text")).await;
    assert_eq!(report.json["deliveries"].as_array().expect("a list").len(), 1);
    let letters = report.json["dead_letters"].as_array().expect("a list");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((&letters[0]["class"], &letters[0]["state"]), (&json!("conflicting_event"), &json!("open")));
    let report = api.report("new-id").await;
    let delivery = &report.success(200)["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["class"]), (&json!("cancelled"), &json!("duplicate_invoice")));
    assert!(delivery["reason"].as_str().expect("a sentence").contains("24 hours"));
    database.assert_ledger().await;
}

async fn what_nothing_reads_is_reported_and_a_duplicate_names_what_came_of_the_first(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let mistyped = with(event(), "/data/recipients_", json!([]));
    let warnings = json!([{
        "path": "data.recipients_", "problem": "is not known and is ignored; did you mean recipients?",
    }]);
    let first = api.publish(&mistyped).await;
    assert_eq!((&first["result"], &first["warnings"]), (&json!("accepted"), &warnings), "{first}");
    let plain = event();
    assert!(api.publish(&plain).await.get("warnings").is_none());

    // In a batch each has its own, and so does each way of carrying an event.
    let waits = with(event(), "/data/customer_id", json!("C-9"));
    assert_eq!(api.publish(&waits).await["result"], "waiting");
    let batch = json!([mistyped, plain, waits]);
    let answer = api.post(BATCH, batch.to_string()).await;
    let again = answer.success(202).as_array().expect("a list");
    assert!(again.iter().all(|one| one["result"] == "duplicate"), "{again:?}");
    assert_eq!((&again[0]["delivery_id"], &again[0]["state"]), (&first["delivery_id"], &json!("due")));
    assert_eq!((&again[0]["warnings"], again[1].get("warnings")), (&warnings, None));
    assert_eq!(again[1]["state"], "due");
    assert_eq!((again[2].get("delivery_id"), again[2].get("state")), (None, None), "it has none yet");
    let binary = api
        .request(Method::POST, "/api/v1/events")
        .header(CONTENT_TYPE, "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-type", "invoice.sent.v1")
        .header("ce-source", SOURCE)
        .header("ce-id", "binary")
        .body(mistyped["data"].to_string());
    assert_eq!(send(binary).await.success(202)[0]["warnings"], warnings);
    database.assert_ledger().await;
}

async fn what_an_event_lacks_may_come_later(database: TestDatabase) {
    let api = Api::start(&database).await;
    let event = event();
    let id = event["id"].as_str().expect("a text");
    let answer = api.publish(&event).await;
    assert_eq!((&answer["result"], &answer["class"]), (&json!("dead_letter"), &json!("unknown_tenant")));
    let report = api.report(id).await;
    assert_eq!(report.success(200)["state"], "dead");

    let answer = api.put("/api/v1/tenants/acme", &tenant()).await;
    assert_eq!(answer.success(201)["dead_letters_cured"], 1);
    let report = api.report(id).await;
    assert_eq!(report.success(200)["state"], "waiting");
    assert_eq!(report.json["wait_until"], "2026-11-23T09:40:00Z");
    assert_eq!(report.json["dead_letters"][0]["state"], "cured");

    // Waiting is no dead letter: the sweeper takes it up.
    let answer = api.put("/api/v1/tenants/acme/customers/C-1", &customer()).await;
    assert_eq!(answer.success(201)["dead_letters_cured"], 0);
    assert_eq!(database.store.ready_waiting_events(10).await.expect("it answers").len(), 1);
}

async fn a_dead_delivery_is_put_back_by_publishing_its_event_again(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let event = with(event(), "/data/recipients", json!([]));
    database.execute("UPDATE customer SET address = 'nobody'").await;
    assert_eq!(api.publish(&event).await["class"], "invalid_recipient");
    let again = api.publish(&event).await;
    assert_eq!((&again["result"], &again["class"]), (&json!("dead_letter"), &json!("invalid_recipient")));

    api.put("/api/v1/tenants/acme/customers/C-1", &customer()).await.success(200);
    let again = api.publish(&event).await;
    assert_eq!(again["result"], "accepted", "{again}");
    let report = api.report(event["id"].as_str().expect("a text")).await;
    assert_eq!(report.success(200)["deliveries"][0]["state"], "due");
    assert_eq!(report.json["dead_letters"][0]["state"], "redriven");
    assert_eq!(api.publish(&event).await["result"], "duplicate");
    database.assert_ledger().await;
}

async fn recipients_that_cannot_be_used_are_a_dead_letter(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let eleven: Vec<Value> =
        (0..11).map(|number| json!({"role": "cc", "address": format!("c{number}@customer.example")})).collect();
    let injection = "a@customer.example>\r\nRCPT TO:<evil@elsewhere.example";
    for recipients in [
        json!(eleven),
        json!([{"role": "to", "address": ""}]),
        json!([{"role": "to", "address": "nobody"}]),
        json!([{"role": "to", "address": injection}]),
        json!([{"role": "bcc", "address": "ok@customer.example"}, {"role": "to", "address": "a b@customer.example"}]),
    ] {
        let answer = api.publish(&with(event(), "/data/recipients", recipients.clone())).await;
        assert_eq!(answer["class"], "invalid_recipient", "{recipients}");
    }
    // What turns the direction of a name is cleaned later; control characters are in no name.
    let named = |name: &str| json!([{"role": "to", "address": "ap@customer.example", "name": name}]);
    let answer = api.publish(&with(event(), "/data/recipients", named("Evil Bcc: x@y.example \u{202e}"))).await;
    assert_eq!(answer["result"], "accepted");
    let forged = with(event(), "/data/recipients", named("Evil\r\nBcc: x@y.example"));
    let refused = api.post(EVENT, forged.to_string()).await;
    let refusal = refused.refusal(400).to_string();
    assert!(refusal.contains("data.recipients[0].name") && refusal.contains("control character"), "{refusal}");
    assert_eq!(api.post(EVENT, event().to_string()).await.success(202)[0]["result"], "accepted");
}

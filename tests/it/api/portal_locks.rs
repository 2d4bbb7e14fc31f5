//! Locks of the portal over HTTP.

use invoice_dispatcher::model::ids::DeliveryId;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::store::{Store, VerificationAdmission, VerificationAttempt};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::support::{Api, send};
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::operator::samples::{Support, event};

on_both_databases!(a_lock_is_listed_and_lifted);

async fn a_lock_is_listed_and_lifted(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (root, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let (tenant, customer) = ("acme".into(), "C-1".into());
    let attempt = VerificationAttempt { root, tenant: &tenant, customer: &customer, network: None };
    let store = &support.database.store;
    while let VerificationAdmission::Admitted { .. } = store.admit_verification(&attempt).await.expect("answered") {}
    lock_another(store).await;
    let api = Api::start(&support.database).await;

    let answer = api.get("/api/v1/portal-locks?tenant_id=acme").await;
    let locks = answer.success(200)["locks"].as_array().expect("a list");
    assert_eq!(locks.len(), 1, "{locks:?}");
    assert_eq!((&locks[0]["customer_id"], &locks[0]["caused_by"]), (&json!("C-1"), &json!([root])));
    assert_eq!(api.get("/api/v1/portal-locks?tenant_id=beta").await.success(200), &json!({ "locks": [] }));
    api.get("/api/v1/portal-locks?customer_id=C-1").await.refusal(400);

    // Page by page.
    let answer = api.get("/api/v1/portal-locks?limit=1").await;
    let first = answer.success(200);
    assert_eq!((first["locks"].as_array().map(Vec::len), &first["locks"][0]["tenant_id"]), (Some(1), &json!("acme")));
    let next = first["next"].as_str().expect("there are more");
    let answer = api.get(&format!("/api/v1/portal-locks?limit=1&after={next}")).await;
    let last = answer.success(200);
    assert_eq!((&last["locks"][0]["tenant_id"], &last["next"]), (&json!("other"), &Value::Null));
    let of_acme = api.get(&format!("/api/v1/portal-locks?tenant_id=acme&after={next}")).await;
    assert_eq!(of_acme.success(200), &json!({ "locks": [] }));
    for wrong in ["limit=0", "limit=501", "limit=x", "after=", "after=5.7", "after=AAAA"] {
        api.get(&format!("/api/v1/portal-locks?{wrong}")).await.refusal(400);
    }
    for list in ["portal-locks?", "work-list?", "invoices?q=R&", "audit?", "links?tenant_id=acme&", "tenants?"] {
        for limit in ["-1", "1e2", ""] {
            let answer = api.get(&format!("/api/v1/{list}limit={limit}")).await;
            answer.refusal(400);
            assert_eq!(answer.json["path"], "limit", "{list} {limit:?}");
        }
    }

    let lift = async |body: Value| send(api.request(Method::POST, "/api/v1/portal-locks/lift").json(&body)).await;
    lift(json!({ "tenant_id": "acme", "customer_id": "C-1" })).await.refusal(400);
    lift(json!({ "tenant_id": "acme", "customer_id": "C-9", "reason": "x" })).await.refusal(404);
    let body = json!({ "tenant_id": "acme", "customer_id": "C-1", "reason": "called back" });
    assert_eq!(lift(body.clone()).await.success(200), &json!({ "lifted": true }));
    assert_eq!(lift(body).await.success(200), &json!({ "lifted": false }));
    assert_eq!(api.get("/api/v1/portal-locks?tenant_id=acme").await.success(200), &json!({ "locks": [] }));
    let notes = support.database.texts("SELECT who || ': ' || what FROM delivery_note").await;
    assert_eq!(notes, ["this machine: portal lock lifted: called back"]);
}

/// Locks a link of a customer of another tenant.
async fn lock_another(store: &Store) {
    let (tenant, customer) = ("other".into(), "C-7".into());
    let attempt =
        VerificationAttempt { root: DeliveryId(new_id()), tenant: &tenant, customer: &customer, network: None };
    while let VerificationAdmission::Admitted { .. } = store.admit_verification(&attempt).await.expect("answered") {}
}

//! The schemas over HTTP: for everybody, as they are committed.

use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::api::support::{Api, send};
use crate::harness::database::TestDatabase;

#[tokio::test]
async fn schemas_are_shown_to_everybody_as_they_are_committed() {
    let database = TestDatabase::sqlite().await;
    let token = SecretString::from("0123456789abcdef0123456789abcdef");
    let api = Api::configured(database.store.clone(), |config| config.api_token = Some(token)).await;
    for (name, text) in [
        ("invoice-sent.v1.json", include_str!("../../../docs/schemas/invoice-sent.v1.json")),
        ("invoice-mail-outcome.v1.json", include_str!("../../../docs/schemas/invoice-mail-outcome.v1.json")),
    ] {
        let path = format!("/api/v1/schemas/{name}");
        let answer = api.get(&path).await;
        assert_eq!(answer.success(200), &serde_json::from_str::<Value>(text).expect("JSON"), "{name}");
        let head = (answer.header("content-type"), answer.header("cache-control"));
        assert_eq!(head, ("application/schema+json", "public, no-cache"));
        let tag = answer.header("etag");
        for known in [tag, &format!("\"x\", W/{tag}"), "*"] {
            let again = send(api.request(Method::GET, &path).header("if-none-match", known)).await;
            assert_eq!((again.status.as_u16(), again.header("etag")), (304, tag), "{known}");
        }
        let other = send(api.request(Method::GET, &path).header("if-none-match", "\"x\"")).await;
        other.success(200);
        send(api.request(Method::POST, &path)).await.refusal(405);
    }
    for nothing in ["invoice-sent.v1", "..", "invoice-sent.v2.json", "%ff"] {
        api.get(&format!("/api/v1/schemas/{nothing}")).await.refusal(404);
    }
    api.get("/api/v1/tenants/acme").await.refusal(401);
}

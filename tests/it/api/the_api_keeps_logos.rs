//! A tenant's logo over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::sha256::Sha256;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use crate::api::support::{Answer, Api, send, tenant};
use crate::harness::database::{TestDatabase, on_both_databases};

const TENANT: &str = "/api/v1/tenants/acme";
const LOGO: &str = "/api/v1/tenants/acme/logo";
/// 2 × 1 pixels.
const WIDE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR42mPgyvYHIgAE2QGJ8TRcUwAAAABJRU5ErkJggg==";
/// 1 × 2 pixels.
const TALL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAACCAIAAAAW4yFwAAAAC0lEQVR42mNggAAAAAgAAST8BHIAAAAASUVORK5CYII=";

on_both_databases!(a_logo_is_given_shown_replaced_and_taken_away, what_is_no_logo_is_refused);

fn decoded(image: &str) -> Vec<u8> {
    STANDARD.decode(image).expect("base64")
}

async fn put(api: &Api, content_type: &str, body: Vec<u8>) -> Answer {
    send(api.request(Method::PUT, LOGO).header(CONTENT_TYPE, content_type).body(body)).await
}

async fn a_logo_is_given_shown_replaced_and_taken_away(database: TestDatabase) {
    let api = Api::start(&database).await;
    let (wide, tall) = (decoded(WIDE), decoded(TALL));
    assert!(put(&api, "image/png", wide.clone()).await.refusal(404).contains("acme"));
    api.put(TENANT, &tenant()).await.success(201);
    api.get(LOGO).await.refusal(404);
    assert_eq!(put(&api, "image/png", wide.clone()).await.status, 201);
    assert_eq!(put(&api, "image/png", wide.clone()).await.status, 204);

    let shown = api.request(Method::GET, LOGO).send().await.expect("an answer");
    assert_eq!(shown.headers()[CONTENT_TYPE], "image/png");
    assert_eq!(shown.headers()["etag"], format!("\"{}\"", Sha256::of(&wide)));
    assert_eq!(shown.bytes().await.expect("the image"), wide, "byte for byte");

    // What the bytes are counts, not what the request calls them.
    assert_eq!(put(&api, "image/jpeg", tall.clone()).await.status, 204);
    let kept = database.store.logo_of(&"acme".into(), &TenantScope::All).await.expect("an answer").expect("a logo");
    assert_eq!((kept.width, kept.height, kept.format.into_str(), &*kept.bytes), (1, 2, "image/png", &*tall));
    let by_digest = database.store.logo(Sha256::of(&tall)).await.expect("an answer");
    assert_eq!(by_digest, Some(kept));
    assert_eq!(database.store.logo(Sha256::of(&wide)).await.expect("an answer"), None, "the old one is gone");

    for _ in 0..2 {
        assert_eq!(send(api.request(Method::DELETE, LOGO)).await.status, 204);
    }
    api.get(LOGO).await.refusal(404);
    assert_eq!(database.store.logo(Sha256::of(&tall)).await.expect("an answer"), None);
    // The tenant itself is as it was.
    assert_eq!(api.put(TENANT, &tenant()).await.success(200)["result"], "unchanged");
}

async fn what_is_no_logo_is_refused(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.put(TENANT, &tenant()).await.success(201);
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    put(&api, "image/svg+xml", svg.clone()).await.refusal(415);
    assert!(put(&api, "image/png", svg).await.refusal(400).contains("neither a PNG nor a JPEG"));
    let mut cut = decoded(WIDE);
    cut.truncate(cut.len() - 20);
    assert!(put(&api, "image/png", cut).await.refusal(400).contains("cannot be decoded"));
    let mut large = decoded(WIDE);
    large.resize(100_001, 0);
    assert!(put(&api, "image/png", large).await.refusal(400).contains("more than 100000"));
    api.get(LOGO).await.refusal(404);
}

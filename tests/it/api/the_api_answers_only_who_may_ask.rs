//! Who may ask, and what every answer is like.

use reqwest::Method;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::support::{Api, EVENT, assert_nothing_stored, customer, event, send, store_without_database, tenant};
use crate::harness::database::TestDatabase;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_name_that_somebody_pointed_here_is_refused_also_on_loopback() {
    let database = TestDatabase::sqlite().await;
    let api = Api::configured(database.store.clone(), |config| config.hosts = vec!["console.example".to_owned()]).await;
    for host in ["evil.example", "127.0.0.1.evil.example", "0.0.0.0"] {
        for path in ["/api/v1/events", "/livez", "/nothing"] {
            let request = api.request(Method::POST, path).header("host", host).header("content-type", EVENT);
            assert!(send(request.body(event().to_string())).await.refusal(421).contains(host));
        }
    }
    for host in ["localhost:1", "console.example", "[::1]"] {
        assert_eq!(send(api.request(Method::GET, "/livez").header("host", host)).await.status, 200, "{host}");
    }
    assert_nothing_stored(&database).await;
}

#[tokio::test]
async fn every_route_of_the_api_asks_for_the_token() {
    let database = TestDatabase::sqlite().await;
    let api =
        Api::configured(database.store.clone(), |config| config.api_token = Some(SecretString::from(TOKEN))).await;
    let routes = [
        (Method::GET, "/api/v1/events?source=a&id=b", 404),
        (Method::POST, "/api/v1/events", 415),
        (Method::DELETE, "/api/v1/events", 405),
        (Method::GET, "/api/v1/tenants/acme", 404),
        (Method::PUT, "/api/v1/tenants/acme", 415),
        (Method::GET, "/api/v1/tenants/acme/customers/C-1", 404),
        (Method::PUT, "/api/v1/tenants/acme/customers/C-1", 415),
        (Method::GET, "/api/v1/tenants/acme/settings", 404),
        (Method::PUT, "/api/v1/tenants/acme/settings", 415),
    ];
    for (method, path, status) in routes {
        let request = || api.request(method.clone(), path);
        for wrong in [request(), request().bearer_auth("wrong"), request().basic_auth("x", Some(TOKEN))] {
            let answer = send(wrong).await;
            assert!(!answer.refusal(401).contains(TOKEN));
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        }
        send(request().bearer_auth(TOKEN)).await.refusal(status);
    }
    // Probes carry no token.
    assert_eq!(api.get("/livez").await.status, 200);
    assert_eq!(api.get("/readyz").await.status, 503);
    api.probes.readiness.database(Ok(()));
    assert_eq!(api.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn without_a_token_an_open_listener_answers_nobody() {
    let database = TestDatabase::sqlite().await;
    let api = Api::configured(database.store.clone(), |config| {
        config.listen = "0.0.0.0:8080".parse().expect("an address");
    })
    .await;
    assert!(api.get("/api/v1/tenants/acme").await.refusal(403).contains("API_TOKEN"));
    assert_eq!(api.get("/livez").await.status, 200);
}

#[tokio::test]
async fn pages_of_other_sites_may_not_use_a_browser_that_can_reach_us() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    let request = api.request(Method::POST, "/api/v1/events").header("content-type", EVENT);
    send(request.header("sec-fetch-site", "cross-site").body(event().to_string())).await.refusal(403);
    // A preflight is answered, but with no leave.
    let preflight = api
        .request(Method::OPTIONS, "/api/v1/events")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST");
    let answer = send(preflight).await;
    answer.refusal(405);
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{answer:?}");
    assert_nothing_stored(&database).await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    for path in ["/", "/api", "/api/v1/nothing", "/api/v1/tenants/acme/", "/api/v2/events", "/metrics"] {
        api.get(path).await.refusal(404);
    }
    for (method, path, allow) in [
        (Method::DELETE, "/api/v1/events", "GET,HEAD,POST"),
        (Method::POST, "/api/v1/tenants/acme", "GET,HEAD,PUT"),
        (Method::PATCH, "/api/v1/tenants/acme/settings", "GET,HEAD,PUT"),
        (Method::POST, "/livez", "GET,HEAD"),
    ] {
        let answer = send(api.request(method, path)).await;
        answer.refusal(405);
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    let answer = api.get("/livez").await;
    assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
}

#[tokio::test]
async fn a_database_that_is_away_is_said_so_on_every_route() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.remember_acme().await;
    database.store.close().await;
    let answers = [
        api.post(EVENT, event().to_string()).await,
        api.report("e-1").await,
        api.get("/api/v1/tenants/acme").await,
        api.put("/api/v1/tenants/acme", &tenant()).await,
        api.get("/api/v1/tenants/acme/customers/C-1").await,
        api.put("/api/v1/tenants/acme/customers/C-1", &customer()).await,
        api.get("/api/v1/tenants/acme/settings").await,
        api.put_settings("acme", "*", &tenant()["settings"]).await,
    ];
    for answer in answers {
        answer.refusal(503);
        assert_eq!(answer.header("retry-after"), "5");
    }
}

#[tokio::test]
async fn a_server_that_nobody_reaches_is_not_named() {
    let api = Api::configured(store_without_database().await, |_| {}).await;
    let answer = api.post(EVENT, event().to_string()).await;
    let detail = answer.refusal(503);
    assert!(!detail.contains("nobody") && !detail.contains("127.0.0.1"), "{detail}");
}

#[tokio::test]
async fn a_sender_that_waits_for_leave_need_not_send_what_is_too_large() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    let address = api.base.strip_prefix("http://").expect("an http address");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: {address}\r\nContent-Type: {EVENT}\r\nContent-Length: 999999999\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
}

//! Hosts, redirects, paths, names and two processes: what an attacker sends changes nothing for anybody else.

use invoice_dispatcher::app::App;
use invoice_dispatcher::config::Config;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::settings::PortalLevel;
use invoice_dispatcher::store::{DeliveryFilter, PageRequest, Store};
use reqwest::header::HOST;
use reqwest::{Method, StatusCode};
use serde_json::json;
use strum::VariantArray as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{ServedPortal, TestPortal};
use crate::harness::database::TestDatabase;

/// Sends these bytes, and reads all that comes.
async fn raw(portal: &TestPortal, request: &str) -> String {
    let address = portal.served.base.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_stay_here_whatever_the_request_says() {
    let portal = TestPortal::start(TestDatabase::sqlite().await).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let mut browser = portal.browser();
    for query in ["", "?lang=nl", "?lang=//evil.example", "?next=https://evil.example", "?lang=%0d%0aX-Evil:1"] {
        let answer = browser.post(&format!("/i/{}{query}", invoice.token), &[("next", "//evil.example")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{query}");
        let location = answer.header("location");
        assert!([invoice.page(), format!("{}?lang=nl", invoice.page())].contains(&location.to_owned()), "{location}");
        assert!(answer.headers.get("x-evil").is_none());
    }
    // Another host's name, in the header or in the target, is not ours to answer.
    for host in ["evil.example", "127.0.0.1.evil.example", "evil.example:80"] {
        let request = browser.request(Method::POST, &format!("/i/{}", invoice.token)).header(HOST, host);
        let answer = browser.clone().send(request).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    // Nothing that stands in for the host is believed.
    let request = browser
        .request(Method::POST, &format!("/i/{}", invoice.token))
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example");
    assert_eq!(browser.send(request).await.header("location"), invoice.page());
    portal.end().await;
}

/// Each of them would hold a turn if forms were read in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_that_never_arrive_hold_up_their_senders_alone() {
    let portal = TestPortal::start(TestDatabase::sqlite().await).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let address = portal.served.base.strip_prefix("http://").expect("plain HTTP");
    let mut half_sent = Vec::new();
    for n in 0..50 {
        let path = ["/links", "/close", &format!("{}/verification", invoice.page())][n % 3].to_owned();
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        // The form is asked for: the request is at work.
        let mut continued = [0; 25];
        stream.read_exact(&mut continued).await.expect("an answer");
        assert_eq!(&continued, b"HTTP/1.1 100 Continue\r\n\r\n");
        half_sent.push(stream);
    }
    let mut browser = portal.browser();
    let answer = browser.open(&invoice).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    drop(half_sent);
    portal.end().await;
}

/// Also where something before the page's own handler answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_to_a_link_lets_its_token_into_a_referer() {
    let portal = TestPortal::start(TestDatabase::sqlite().await).await;
    for request in ["GET /i/T HTTP/1.1", "POST /i/T HTTP/1.1", "DELETE /i/T HTTP/1.1", "GET /i/T/U HTTP/1.1"] {
        let answer = raw(&portal, &format!("{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.to_lowercase().contains("referrer-policy: strict-origin\r\n"), "{request}: {answer}");
    }
    portal.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_paths_lead_nowhere() {
    let portal = TestPortal::start(TestDatabase::sqlite().await).await;
    portal.dispatcher.set_settings("acme", "portal_level = 'not_required'").await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let browser = portal.opened(&invoice).await;
    let cookie = browser.cookie.clone().expect("a session");
    let page = invoice.page();
    for path in [
        "//evil.example/%2e%2e",
        "/invoices/../../etc/passwd",
        &format!("{page}/documents/../../1"),
        &format!("{page}/documents/%2e%2e%2f1"),
        &format!("{page}/documents/1%00"),
        &format!("{page}/documents/1/"),
        &format!("{page}/documents/acme%2f1.pdf"),
        &format!("{page}/documents.zip/.."),
        &format!("{page}%2fdocuments/1"),
        "/invoices/%FF",
        "/invoices/00000000-0000-0000-0000-000000000000",
        "/invoices/'%20OR%20'1'='1",
        "/I/x",
        "/.well-known/../i/x",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: portal_session={cookie}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(&portal, &request).await;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(["400", "403", "404"].contains(&status.as_str()), "{path}: {answer}");
        assert!(!answer.contains("%PDF") && !answer.contains("R-1"), "{path}: {answer}");
    }
    // Several cookies of the name: one of them is not ours, so none counts.
    let request = format!(
        "GET {page} HTTP/1.1\r\nHost: localhost\r\nCookie: portal_session={cookie}; portal_session=x\r\nConnection: close\r\n\r\n"
    );
    assert!(raw(&portal, &request).await.starts_with("HTTP/1.1 403"));
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"] {
        for path in [page.as_str(), "/close", "/invoices", &format!("{page}/documents/1")] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let answer = raw(&portal, &request).await;
            assert!(
                answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 405"),
                "{method} {path}: {answer}"
            );
        }
    }
    portal.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_and_numbers_are_text_on_every_page() {
    const HOSTILE: &str = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let portal = TestPortal::start(TestDatabase::sqlite().await).await;
    let mut event = portal.dispatcher.event("1", "C-2");
    event["data"]["invoice"]["number"] = json!(format!("R-1 {HOSTILE}"));
    event["data"]["invoice"]["payment_reference"] = json!(HOSTILE);
    event["data"]["documents"][0]["name"] = json!(format!("{HOSTILE}.pdf"));
    portal.dispatcher.take(&[event]).await;
    portal.dispatcher.wait_until_concluded().await;
    let found = portal
        .dispatcher
        .database
        .store
        .deliveries(&DeliveryFilter::default(), &TenantScope::All, PageRequest { limit: 1, after: None })
        .await;
    let invoice = portal.sent(found.expect("answered").items[0].root);
    for level in PortalLevel::VARIANTS {
        portal.dispatcher.set_settings("acme", &format!("portal_level = '{level}'")).await;
        let mut browser = portal.opened(&invoice).await;
        let paths = [invoice.page(), "/invoices".to_owned(), format!("/i/{}", invoice.token)];
        for verified in [false, true] {
            if verified {
                portal.verify(&mut browser, "C-2").await;
            }
            for path in &paths {
                let answer = browser.get(path).await;
                let text = answer.text();
                assert!(!text.contains("<script") && !text.contains("<img src=x"), "{level} {path}: {text}");
                let policy = answer.header("content-security-policy");
                assert!(
                    policy.contains("default-src 'none'") && !policy.contains("unsafe"),
                    "{level} {path}: {policy}"
                );
            }
        }
    }
    let mut browser = portal.opened(&invoice).await;
    portal.dispatcher.set_settings("acme", "portal_level = 'not_required'").await;
    for route in ["/documents/1", "/documents.zip"] {
        let answer = browser.get(&format!("{}{route}", invoice.page())).await;
        assert_eq!(answer.status, StatusCode::OK);
        let disposition = answer.header("content-disposition");
        assert!(!disposition.contains(['<', '>', '\'']) && disposition.matches('"').count() == 2, "{disposition}");
    }
    portal.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_know_the_same_sessions() {
    let portal = TestPortal::start(TestDatabase::postgres().await).await;
    let (invoice, other) = (portal.send_invoice("1", "C-2").await, portal.send_invoice("2", "C-2").await);
    let app = &portal.dispatcher.app;
    let store = Store::open_beside(&portal.dispatcher.database.url, portal.dispatcher.database.clock.clone()).await;
    let beside = App::with_store(Config::clone(&app.config), store.expect("it opens")).expect("the parts fit");
    let second = ServedPortal::start(&beside).await;

    let first_browser = portal.opened(&invoice).await;
    let mut at_second = second.browser();
    at_second.cookie = first_browser.cookie.clone();
    assert_eq!(at_second.get(&invoice.page()).await.status, StatusCode::OK);
    // More rights by the one, under a new id, which the other knows; the older id has them by neither.
    at_second.open(&other).await;
    let mut at_first = portal.browser();
    at_first.cookie = at_second.cookie.clone();
    assert_eq!(at_first.get(&other.page()).await.status, StatusCode::OK);
    assert_eq!(first_browser.clone().get(&other.page()).await.status, StatusCode::FORBIDDEN);
    // Both read the same document at once: it is recorded once.
    portal.dispatcher.set_settings("acme", "portal_level = 'not_required'").await;
    let path = format!("{}/documents/1", invoice.page());
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..8 {
        for browser in [&at_first, &at_second] {
            let (mut browser, path) = (browser.clone(), path.clone());
            reading.spawn(async move { browser.get(&path).await.status });
        }
    }
    for status in reading.join_all().await {
        assert_eq!(status, StatusCode::OK);
    }
    let recorded = "SELECT COUNT(*) FROM portal_event WHERE kind = 'downloaded'";
    assert_eq!(portal.dispatcher.database.number(recorded).await, 1);
    // A session that is closed by the one is over at the other; a token of the one is good at the other.
    let session = beside.store.portal_session(at_second.session_id().sha256()).await.expect("answered");
    let tokens = invoice_dispatcher::web::FormTokens::of(&app.secret_keys);
    let token = tokens.token(session.expect("a session"));
    assert_eq!(at_second.post("/close", &[("csrf", &token)]).await.status, StatusCode::OK);
    assert_eq!(at_first.get(&other.page()).await.status, StatusCode::FORBIDDEN);
    portal.end().await;
}

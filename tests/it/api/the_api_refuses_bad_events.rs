//! What cannot be an event is refused at once, with its place, and leaves nothing behind.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::support::{Api, BATCH, EVENT, SOURCE, assert_nothing_stored, event, send, with, without};
use crate::harness::database::TestDatabase;

/// Bodies that are no event, and the path that the refusal names.
fn bad_events() -> Vec<(String, &'static str)> {
    let long = "x".repeat(256);
    let mut cases: Vec<(String, &'static str)> = vec![
        (String::new(), "$"),
        ("not JSON".to_owned(), "$"),
        ("{".to_owned(), "$"),
        ("\u{feff}{}".to_owned(), "specversion"),
        ("\u{feff}\u{feff}{}".to_owned(), "$"),
        ("[]".to_owned(), "$"),
        ("null".to_owned(), "$"),
        ("{}".to_owned(), "specversion"),
        (r#"{"id": "a", "id": "b"}"#.to_owned(), "id"),
    ];
    let changed: Vec<(&str, Value, &'static str)> = vec![
        ("/specversion", json!("0.3"), "specversion"),
        ("/type", json!("invoice.sent.v2"), "type"),
        ("/type", json!("order.placed.v1"), "type"),
        ("/id", json!(""), "id"),
        ("/id", json!(7), "id"),
        ("/id", json!(long), "id"),
        ("/source", json!("a\u{0}b"), "source"),
        ("/data", json!([]), "data"),
        ("/data/tenant_id", json!(null), "data.tenant_id"),
        ("/data/customer_id", json!(long), "data.customer_id"),
        ("/data/invoice/number", json!("R\u{0}"), "data.invoice.number"),
        ("/data/invoice/kind", json!("quote"), "data.invoice.kind"),
        ("/data/invoice/issue_date", json!("20.11.2026"), "data.invoice.issue_date"),
        ("/data/invoice/total", json!(1190.0), "data.invoice.total"),
        ("/data/invoice/total", json!("1.190,00"), "data.invoice.total"),
        ("/data/invoice/currency", json!("euro"), "data.invoice.currency"),
        ("/data/invoice/reminder_level", json!(1), "data.invoice.reminder_level"),
        ("/data/documents", json!([]), "data.documents"),
        ("/data/documents/0/sha256", json!("abc"), "data.documents[0].sha256"),
        ("/data/documents/0/size", json!(0), "data.documents[0].size"),
        ("/data/documents/0/size", json!(-1), "data.documents[0].size"),
        ("/data/documents/0/media_type", json!("application/x-msdownload"), "data.documents[0].media_type"),
        ("/data/documents/0/object", json!("acme/../other/R.pdf"), "data.documents[0].object"),
        ("/data/documents/0/object", json!("/etc/passwd"), "data.documents[0].object"),
        ("/data/documents/0/object", json!("https://elsewhere.example/R.pdf"), "data.documents[0].object"),
        // Only the catalogue knows whose folder is whose.
        ("/data/documents/0/object", json!("other/R.pdf"), "data.documents[0].object"),
        ("/data/documents/0/object", json!("acme2/R.pdf"), "data.documents[0].object"),
        ("/data/expires_at", json!("tomorrow"), "data.expires_at"),
    ];
    cases.extend(changed.into_iter().map(|(at, value, path)| (with(event(), at, value).to_string(), path)));
    for (at, path) in [
        ("/source", "source"),
        ("/data", "data"),
        ("/data/invoice", "data.invoice"),
        ("/data/invoice/currency", "data.invoice.currency"),
        ("/data/documents/0/object", "data.documents[0].object"),
    ] {
        cases.push((without(event(), at).to_string(), path));
    }
    cases
}

#[tokio::test]
async fn a_malformed_event_is_reported_where_and_nothing_is_stored() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.remember_acme().await;
    for (body, path) in bad_events() {
        let answer = api.post(EVENT, body.clone()).await;
        answer.refusal(400);
        assert_eq!((&answer.json["title"], &answer.json["path"]), (&json!("malformed"), &json!(path)), "{body}");
        assert!(answer.json.get("index").is_none(), "{answer:?}");
    }
    assert_nothing_stored(&database).await;
}

#[tokio::test]
async fn every_fault_of_an_event_is_reported_at_once() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let bad = with(without(event(), "/data/invoice/currency"), "/data/documents/0/size", json!("4"));
    let answer = api.post(EVENT, bad.to_string()).await;
    let detail = answer.refusal(400).to_owned();
    let mut paths: Vec<String> = answer.json["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| error["path"].as_str().expect("a path").to_owned())
        .collect();
    assert_eq!(Some(&paths[0]), answer.json["path"].as_str().map(str::to_owned).as_ref());
    assert!(detail.contains("; and 1 more: data."), "{detail}");
    paths.sort();
    assert_eq!(paths, ["data.documents[0].size", "data.invoice.currency"]);
    let one = api.post(EVENT, without(event(), "/data/invoice/currency").to_string()).await;
    one.refusal(400);
    assert_eq!(one.json["errors"], json!([{"path": "data.invoice.currency", "problem": "is missing"}]));
}

#[tokio::test]
async fn one_malformed_event_refuses_its_whole_batch() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let bad = [
        (without(event(), "/data/invoice/total"), "data.invoice.total"),
        (with(event(), "/data/documents/0/object", json!("other/R.pdf")), "data.documents[0].object"),
        (json!(7), "$"),
    ];
    for (bad, path) in bad {
        let answer = api.post(BATCH, json!([event(), event(), bad, event()]).to_string()).await;
        answer.refusal(400);
        assert_eq!((&answer.json["index"], &answer.json["path"]), (&json!(2), &json!(path)), "{answer:?}");
    }
    for body in ["{}", "", "[", "[{},]", "{\"a\":[]}"] {
        let answer = api.post(BATCH, body).await;
        answer.refusal(400);
    }
    let answer = api.post(BATCH, event().to_string()).await;
    assert_eq!((answer.refusal(400), answer.json.get("index")), ("$: must be an array of events", None));
    assert_nothing_stored(&database).await;
}

#[tokio::test]
async fn binary_mode_is_as_strict() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let attributes =
        [("ce-specversion", "1.0"), ("ce-type", "invoice.sent.v1"), ("ce-source", SOURCE), ("ce-id", "b-1")];
    let post = |without: &'static str, more: &'static [(&str, &str)], body: String| {
        let request = api.request(Method::POST, "/api/v1/events").header(CONTENT_TYPE, "application/json");
        let kept = attributes.iter().filter(move |(name, _)| *name != without);
        let request = kept.chain(more).fold(request, |request, (name, value)| request.header(*name, *value));
        send(request.body(body))
    };
    let data = event()["data"].to_string();
    for (missing, path) in
        [("ce-id", "id"), ("ce-source", "source"), ("ce-type", "type"), ("ce-specversion", "specversion")]
    {
        let answer = post(missing, &[], data.clone()).await;
        answer.refusal(400);
        assert_eq!(answer.json["path"], path, "{answer:?}");
    }
    for (more, path) in
        [(&[("ce-id", "b-2")][..], "id"), (&[("ce-data", "{}")][..], "data"), (&[("ce-a_b", "x")][..], "a_b")]
    {
        let answer = post("", more, data.clone()).await;
        answer.refusal(400);
        assert_eq!(answer.json["path"], path, "{answer:?}");
    }
    // What would close the envelope and open another.
    let answer = post("", &[], format!("{data},\"id\":\"b-3\"")).await;
    answer.refusal(400);
    assert_eq!(answer.json["path"], "data", "{answer:?}");
    assert_nothing_stored(&database).await;

    // Nothing depends on the time: one that cannot be read is dropped.
    let dropped = post("", &[("ce-time", "noon")], data).await;
    assert_eq!(dropped.success(202)[0]["result"], "accepted");
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    let event = event().to_string();
    for content_type in
        ["application/json", "text/plain", "application/cloudevents", "application/cloudevents+avro", "x"]
    {
        let answer = api.post(content_type, event.clone()).await;
        assert!(answer.refusal(415).contains(EVENT), "{content_type}");
    }
    send(api.request(Method::POST, "/api/v1/events").body(event.clone())).await.refusal(415);
    let coded = |coding| {
        let request = api.request(Method::POST, "/api/v1/events").header("content-type", EVENT);
        request.header("content-encoding", coding).body(event.clone())
    };
    for coding in ["gzip", "br", "identity, gzip", ""] {
        let answer = send(coded(coding)).await;
        assert!(answer.refusal(415).contains("content-encoding"), "{coding}");
        assert_eq!(answer.header("accept-encoding"), "identity");
    }
    // A page of another site can send a form without asking for leave.
    api.post("application/x-www-form-urlencoded", event).await.refusal(415);
    assert_nothing_stored(&database).await;
}

#[tokio::test]
async fn a_body_over_1_mib_is_refused_and_its_sender_sees_why() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    api.remember_acme().await;
    let largest = |size: usize| {
        let event = event();
        let padding = size - with(event.clone(), "/padding", json!("")).to_string().len();
        with(event, "/padding", json!("x".repeat(padding))).to_string()
    };
    let body = largest(1 << 20);
    assert_eq!(body.len(), 1 << 20);
    assert_eq!(api.post(EVENT, body).await.success(202)[0]["result"], "accepted");
    for size in [(1 << 20) + 1, 3 << 20] {
        let answer = api.post(EVENT, largest(size)).await;
        answer.refusal(413);
        assert_eq!(answer.json["bytes_max"], 1 << 20);
    }
    let answer = api.put("/api/v1/tenants/acme", &json!({"name": "x".repeat(1 << 20)})).await;
    answer.refusal(413);
}

#[tokio::test]
async fn without_a_length_the_size_is_found_out_on_the_way() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    let address = api.base.strip_prefix("http://").expect("an http address");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: {address}\r\nContent-Type: {BATCH}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let chunk = format!("{:x}\r\n{}\r\n", 100_000, " ".repeat(100_000));
    for _ in 0..40 {
        stream.write_all(chunk.as_bytes()).await.expect("read to its end");
    }
    stream.write_all(b"0\r\n\r\n").await.expect("read to its end");
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
}

#[tokio::test]
async fn who_asks_for_an_event_names_it_by_both() {
    let database = TestDatabase::sqlite().await;
    let api = Api::start(&database).await;
    for (query, path) in [
        ("", "source"),
        ("?source=a", "id"),
        ("?id=a", "source"),
        ("?source=a&id=", "id"),
        ("?source=a&id=%00", "id"),
        ("?source=a&id=a&id=b", "$"),
    ] {
        let answer = api.get(&format!("/api/v1/events{query}")).await;
        answer.refusal(400);
        assert_eq!(answer.json["path"], path, "{query}");
    }
    api.get("/api/v1/events?source=a&id=b").await.refusal(404);
}

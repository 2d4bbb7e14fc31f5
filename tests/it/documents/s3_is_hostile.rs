//! The S3 server, or who answers in its place, sends without end, sends us elsewhere, or says nothing. No memory fills,
//! no credentials leave for another host, and no reader waits for ever.

use std::time::{Duration, Instant};

use invoice_dispatcher::clock::{Clock, Timestamp};
use invoice_dispatcher::documents::DocumentError;

use crate::harness::broker::until;
use crate::harness::document::describing;
use crate::harness::s3::{S3, open_at};
use crate::harness::scripted_http::{Answer, ScriptedHttp};

/// What the sockets on both sides may hold, and what we may keep, of an answer without end.
const SENT_MAX: u64 = 32 << 20;
/// A client that read until its deadline would be far beyond this.
const SOON: Duration = Duration::from_secs(30);

const OBJECT: &str = "last-modified: Mon, 23 Nov 2026 09:30:00 GMT\r\netag: \"1\"\r\n";

/// One chunk of 64 KiB, framed.
fn chunk() -> Vec<u8> {
    [b"10000\r\n".as_slice(), &vec![b'x'; 65_536], b"\r\n"].concat()
}

fn assert_unavailable(found: &DocumentError, what: &str) {
    assert!(matches!(found, DocumentError::Unavailable { .. }), "{what}: {found}");
    assert!(found.to_string().contains(what), "{what}: {found}");
}

#[tokio::test]
async fn a_body_longer_than_announced_is_not_read() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\ntransfer-encoding: chunked\r\n{OBJECT}\r\n");
    let server = ScriptedHttp::start(move |_| Answer::WithoutEnd(head.clone(), chunk())).await;
    let began = Instant::now();
    let found = open_at(&server.url, "s3://b").load(&describing("acme/a.pdf", &[b'x'; 1000])).await;
    assert_unavailable(&found.expect_err("it has no end"), "sends more than the 1000 bytes that it announced");
    assert!(began.elapsed() < SOON && server.sent() < SENT_MAX, "{:?}, {} bytes", began.elapsed(), server.sent());
}

#[tokio::test]
async fn a_body_shorter_than_announced_blames_no_document() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\ntransfer-encoding: chunked\r\n";
    let answer = format!("{head}{OBJECT}\r\n3\r\nxxx\r\n0\r\n\r\n");
    let server = ScriptedHttp::start(move |_| Answer::Once(answer.clone())).await;
    let found = open_at(&server.url, "s3://b").load(&describing("acme/a.pdf", &[b'x'; 1000])).await;
    assert_unavailable(&found.expect_err("it is too short"), "sent 3 of the 1000 bytes");
}

#[tokio::test]
async fn the_body_of_an_error_is_kept_in_part() {
    for status in ["403 Forbidden", "404 Not Found", "500 Internal Server Error", "503 Slow Down"] {
        let head = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
        let server = ScriptedHttp::start(move |_| Answer::WithoutEnd(head.clone(), chunk())).await;
        let began = Instant::now();
        let found = open_at(&server.url, "s3://b").load(&describing("acme/a.pdf", b"x")).await.expect_err(status);
        assert_eq!(matches!(found, DocumentError::Missing { .. }), status.starts_with("404"), "{status}: {found}");
        assert!(
            began.elapsed() < SOON && server.sent() < SENT_MAX,
            "{status}: {:?}, {}",
            began.elapsed(),
            server.sent()
        );
    }
}

#[tokio::test]
async fn a_listing_without_end_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let server = ScriptedHttp::start(move |_| Answer::WithoutEnd(head.clone(), chunk())).await;
    let said = open_at(&server.url, "s3://b").check().await.expect_err("it has no end");
    assert!(said.contains("cannot be listed"), "{said}");
    assert!(server.sent() < 3 * SENT_MAX, "{}", server.sent());
}

/// The signature is made for the host that we ask, the session token is not.
#[tokio::test]
async fn nothing_is_sent_to_a_host_that_the_server_names() {
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let other =
            ScriptedHttp::start(|_| Answer::Once("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into())).await;
        let answer = format!("HTTP/1.1 {status}\r\nlocation: {}/b/acme/a.pdf\r\ncontent-length: 0\r\n\r\n", other.url);
        let server = ScriptedHttp::start(move |_| Answer::Once(answer.clone())).await;
        let store = open_at(&server.url, "s3://b");
        let document = describing("acme/a.pdf", b"x");
        let found = store.load(&document).await.expect_err("the document is elsewhere");
        assert!(matches!(found, DocumentError::Unavailable { .. }), "{status}: {found}");
        let clock = Clock::manual(Timestamp(0));
        assert_eq!(store.check_presence(std::slice::from_ref(&document), &clock).await, Ok(()), "{status}");
        assert!(store.check().await.is_err(), "{status}");
        assert!(server.heads().iter().all(|head| head.contains("authorization:")), "{:?}", server.heads());
        assert_eq!(other.heads(), [""; 0], "{status}");
    }
}

#[tokio::test]
async fn a_link_learns_what_is_not_there_and_what_is_another() {
    let server = S3::shared();
    server.create_bucket("presence").await;
    server.put("presence/acme/a.pdf", b"what is there".to_vec()).await;
    let store = server.open("s3://presence");
    let (clock, there) = (Clock::manual(Timestamp(0)), describing("acme/a.pdf", b"what is there"));
    let absent = describing("acme/absent.pdf", b"x");
    // Its digest is not asked for: that would be to read it.
    let others = describing("acme/a.pdf", b"what is THERE");
    assert_eq!(store.check_presence(&[there.clone(), others], &clock).await, Ok(()));
    let found = store.check_presence(&[there.clone(), absent], &clock).await;
    assert_eq!(found, Err(DocumentError::Missing { object: "acme/absent.pdf".to_owned() }));
    let found = store.check_presence(&[there.clone(), describing("acme/a.pdf", b"less")], &clock).await;
    assert_eq!(found.expect_err("more bytes").to_string(), "acme/a.pdf should have 4 bytes and has 13 bytes");
    // A missing bucket is the operator's to mend, not the document's end.
    assert_eq!(server.open("s3://nobody-made-this").check_presence(&[there], &clock).await, Ok(()));
}

#[tokio::test]
async fn a_link_is_not_held_up_by_a_server_that_says_nothing() {
    let server = ScriptedHttp::start(|_| Answer::Silence).await;
    let (store, clock) = (open_at(&server.url, "s3://b"), Clock::manual(Timestamp(0)));
    // In turn they would take longer than that. Few, so that each is asked for before the patience of all has ended.
    let documents: Vec<_> = (0..20).map(|n| describing(&format!("acme/{n}.pdf"), b"x")).collect();
    let began = Instant::now();
    assert_eq!(store.check_presence(&documents, &clock).await, Ok(()));
    assert!(began.elapsed() < SOON, "all are asked at once: {:?}", began.elapsed());
    let asked = documents.len();
    until("the server has heard all", async || server.heads().len() == asked).await;
    // For 30 s nothing is asked, then one asks for all.
    clock.advance(Duration::from_secs(29));
    assert_eq!(store.check_presence(&documents, &clock).await, Ok(()));
    assert_eq!(server.heads().len(), asked);
    clock.advance(Duration::from_secs(2));
    let one = std::slice::from_ref(&documents[0]);
    let both = futures_util::future::join(store.check_presence(one, &clock), store.check_presence(one, &clock)).await;
    assert_eq!(both, (Ok(()), Ok(())));
    assert_eq!(server.heads().len(), asked + 1);
}

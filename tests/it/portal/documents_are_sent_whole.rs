//! What leaves is what the event says, byte for byte, or nothing.

use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use invoice_dispatcher::documents::{DocumentError, DocumentStore, Options};
use invoice_dispatcher::sha256::Sha256;
use reqwest::header::{IF_RANGE, RANGE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::support::{Browser, PageAnswer, SentInvoice, TestPortal};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::document::describing;
use crate::harness::s3::S3;

/// Larger than what is answered from memory, and not a multiple of any chunk.
const LARGE: usize = (8 << 20) + 12_345;

on_both_databases!(a_download_is_recorded_once_in_ten_minutes);

/// A portal at a level that asks for nothing, with an invoice of these documents: name, media type, bytes.
async fn portal_with(documents: &[(&str, &str, &[u8])]) -> (TestPortal, SentInvoice, Browser) {
    let portal = TestPortal::start(TestDatabase::sqlite().await).await;
    portal.dispatcher.set_settings("acme", "portal_level = 'not_required'").await;
    let mut event = portal.dispatcher.event("1", "C-2");
    let described: Vec<Value> = documents
        .iter()
        .enumerate()
        .map(|(n, (name, media_type, bytes))| {
            let mut document = portal.dispatcher.add_document(&format!("acme/{n}"), bytes);
            document["role"] = json!(if n == 0 { "invoice_pdf" } else { "attachment" });
            (document["name"], document["media_type"]) = (json!(name), json!(media_type));
            document
        })
        .collect();
    event["data"]["documents"] = json!(described);
    let invoice = portal.send(&event).await;
    let browser = portal.opened(&invoice).await;
    (portal, invoice, browser)
}

fn large() -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    bytes.extend((bytes.len()..LARGE).map(|n| u8::try_from(n * 31 % 251).expect("a byte")));
    bytes
}

async fn get_range(browser: &mut Browser, path: &str, range: &str) -> PageAnswer {
    let request = browser.request(Method::GET, path).header(RANGE, range);
    browser.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_and_large_documents_are_sent_whole_and_in_parts() {
    let (small, large) = (b"%PDF-1.7 small".to_vec(), large());
    let (portal, invoice, mut browser) =
        portal_with(&[("small.pdf", "application/pdf", &small), ("large.pdf", "application/pdf", &large)]).await;
    for (number, bytes) in [(1, &small), (2, &large)] {
        let path = format!("{}/documents/{number}", invoice.page());
        let whole = browser.get(&path).await;
        assert_eq!((whole.status, whole.header("accept-ranges")), (StatusCode::OK, "bytes"), "{number}");
        assert_eq!(whole.header("content-length"), bytes.len().to_string());
        assert!(whole.bytes == **bytes, "{number}");
        let etag = whole.header("etag").to_owned();
        assert_eq!(etag, format!("\"{}\"", Sha256::of(bytes)));
        let length = bytes.len();
        for (range, part) in [
            ("bytes=0-0".to_owned(), 0..1),
            ("bytes=3-9".to_owned(), 3..10),
            ("bytes=-4".to_owned(), length - 4..length),
            (format!("bytes={}-", length / 2), length / 2..length),
            (format!("bytes={}-{}", length / 3, length / 3 * 2), length / 3..length / 3 * 2 + 1),
        ] {
            let answer = get_range(&mut browser, &path, &range).await;
            assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
            let expected = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            assert_eq!(answer.header("content-range"), expected);
            assert!(answer.bytes == bytes[part], "{range}");
        }
        let beyond = get_range(&mut browser, &path, &format!("bytes={length}-")).await;
        assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
        assert!(beyond.bytes.is_empty());
        for (tag, status) in [(etag.as_str(), 206), ("\"other\"", 200)] {
            let request = browser.request(Method::GET, &path).header(RANGE, "bytes=0-0").header(IF_RANGE, tag);
            assert_eq!(browser.send(request).await.status, status, "{tag}");
        }
        let head = browser.request(Method::HEAD, &path);
        let head = browser.send(head).await;
        assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, length.to_string().as_str()));
        assert!(head.bytes.is_empty());
    }
    for nowhere in ["0", "3", "-1", "x", "1/..", "99999999999999999999999"] {
        let answer = browser.get(&format!("{}/documents/{nowhere}", invoice.page())).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
    portal.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_documents_come_as_one_archive() {
    let (large, text) = (large(), "Größe".as_bytes());
    let (portal, invoice, mut browser) = portal_with(&[
        ("Rechnung.pdf", "application/pdf", &large),
        ("../../Größe.txt", "text/plain", text),
        ("a; Set-Cookie: x.csv", "text/csv", b"1;2"),
        ("rechnung.PDF", "application/pdf", b"%PDF-1.4 another"),
    ])
    .await;
    let archive = browser.get(&format!("{}/documents.zip", invoice.page())).await;
    assert_eq!(archive.status, StatusCode::OK, "{}", archive.text());
    assert_eq!(archive.header("content-length"), archive.bytes.len().to_string());
    assert_eq!(archive.header("content-disposition"), "attachment; filename=\"R-1.zip\"");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.zip");
    std::fs::write(&file, &archive.bytes).expect("written");
    let script = "import sys, zipfile, hashlib\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                  for i in z.infolist(): print(i.filename, hashlib.sha256(z.read(i)).hexdigest())";
    let read = std::process::Command::new("python3").args(["-c", script]).arg(&file).output().expect("python3");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let expected: Vec<_> = [
        ("Rechnung.pdf", &large[..]),
        ("Groesse.txt", text),
        ("a-Set-Cookie-x.csv", b"1;2"),
        ("rechnung-2.pdf", b"%PDF-1.4 another"),
    ]
    .iter()
    .map(|(name, bytes)| format!("{name} {}", Sha256::of(bytes)))
    .collect();
    assert_eq!(String::from_utf8_lossy(&read.stdout).lines().collect::<Vec<_>>(), expected);
    portal.end().await;
}

/// Nothing of it is read: the files have no content, and a proof of 2 GiB would take longer than this test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_two_gibibytes_are_no_archive() {
    const SIZE: u64 = 1 << 30;
    let portal = TestPortal::start(TestDatabase::sqlite().await).await;
    portal.dispatcher.set_settings("acme", "portal_level = 'not_required'").await;
    let mut event = portal.dispatcher.event("1", "C-2");
    let described = [0, 1].map(|n| {
        let mut document = portal.dispatcher.add_document(&format!("acme/{n}"), b"");
        let file = std::fs::File::options().write(true).open(portal.dispatcher.documents().join(format!("acme/{n}")));
        file.and_then(|file| file.set_len(SIZE)).expect("a file with a hole");
        (document["size"], document["name"]) = (json!(SIZE), json!(format!("{n}.pdf")));
        document
    });
    event["data"]["documents"] = json!(described);
    let invoice = portal.send(&event).await;
    let mut browser = portal.opened(&invoice).await;
    let page = browser.get(&invoice.page()).await.text();
    assert!(page.contains("/documents/2") && !page.contains("/documents.zip"), "it is not offered: {page}");
    let refused = browser.get(&format!("{}/documents.zip", invoice.page())).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().contains("hilfe@acme.example"), "whom to ask: {}", refused.text());
    assert_eq!(
        portal.dispatcher.database.number("SELECT COUNT(*) FROM portal_event WHERE kind = 'downloaded'").await,
        0
    );
    portal.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_document_gives_no_bytes_and_names_the_contact() {
    let (small, large) = (b"%PDF-1.7 small".to_vec(), large());
    let (portal, invoice, mut browser) =
        portal_with(&[("small.pdf", "application/pdf", &small), ("large.pdf", "application/pdf", &large)]).await;
    let routes = ["/documents/1", "/documents/2", "/documents.zip"].map(|route| format!("{}{route}", invoice.page()));
    for route in &routes {
        assert_eq!(browser.get(route).await.status, StatusCode::OK, "{route}");
    }
    let folder = portal.dispatcher.documents().join("acme");
    let changed = |bytes: &[u8]| {
        let mut changed = bytes.to_vec();
        *changed.last_mut().expect("it has bytes") ^= 1;
        changed
    };
    let changes = [
        ("the last byte", Some(changed(&small)), Some(changed(&large))),
        ("shorter", Some(small[1..].to_vec()), Some(large[1..].to_vec())),
        ("longer", Some([&small[..], b"x"].concat()), Some([&large[..], b"x"].concat())),
        ("gone", None, None),
    ];
    for (what, first, second) in changes {
        for (name, bytes) in [("0", &first), ("1", &second)] {
            match bytes {
                Some(bytes) => std::fs::write(folder.join(name), bytes).expect("written"),
                None => std::fs::remove_file(folder.join(name)).expect("removed"),
            }
        }
        for route in &routes {
            let answer = browser.get(route).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{what} {route}");
            assert!(answer.text().contains("hilfe@acme.example"), "{what} {route}: {}", answer.text());
            assert!(!answer.text().contains("%PDF") && !answer.text().contains("PK\x03\x04"), "{what} {route}");
        }
    }
    // What comes back is the document again.
    std::fs::write(folder.join("0"), &small).expect("written");
    std::fs::write(folder.join("1"), &large).expect("written");
    for route in &routes {
        assert_eq!(browser.get(route).await.status, StatusCode::OK, "{route}");
    }
    portal.end().await;
}

/// A store in a folder and one in S3, each with `bytes` at `acme/large.pdf`, and what replaces these bytes.
async fn stores(bytes: &[u8]) -> Vec<(DocumentStore, Box<dyn ReplacesObject>)> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("acme")).expect("made");
    std::fs::write(folder.path().join("acme/large.pdf"), bytes).expect("written");
    let url = format!("file:{}", folder.path().display());
    let file = DocumentStore::open(&url, &Options::default()).expect("a folder");
    let server = S3::shared();
    server.create_bucket("streamed").await;
    server.put("streamed/acme/large.pdf", bytes.to_vec()).await;
    vec![
        (file, Box::new(InFolder(folder)) as Box<dyn ReplacesObject>),
        (server.open("s3://streamed"), Box::new(InBucket)),
    ]
}

/// Puts other bytes in the place of the document.
trait ReplacesObject {
    fn replace<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, ()>;
}

struct InFolder(tempfile::TempDir);
struct InBucket;

impl ReplacesObject for InFolder {
    fn replace<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        std::fs::write(self.0.path().join("acme/large.pdf"), bytes).expect("written");
        Box::pin(std::future::ready(()))
    }
}

impl ReplacesObject for InBucket {
    fn replace<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(S3::shared().put("streamed/acme/large.pdf", bytes.to_vec()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_changes_while_it_is_sent_is_broken_off() {
    let bytes = large();
    let document = describing("acme/large.pdf", &bytes);
    for (store, place) in stores(&bytes).await {
        let proof = store.prove(&document).await.expect("it is there");
        assert_eq!(store.prove(&document).await.expect("and known").crc32(), crc32fast::hash(&bytes));
        let whole = store.stream(document.clone(), proof.clone(), 0..document.size);
        let sent: Vec<_> = whole.try_collect().await.expect("all of it");
        assert!(sent.concat() == bytes);
        let half = document.size / 2;
        let mut stream = Box::pin(store.stream(document.clone(), proof.clone(), 0..document.size));
        let first = stream.try_next().await.expect("proven").expect("a chunk");
        assert!(bytes.starts_with(&first));
        let mut changed = bytes.clone();
        changed[usize::try_from(half).expect("small")] ^= 1;
        place.replace(&changed).await;
        let mut sent = first.len();
        let error = loop {
            match stream.try_next().await {
                Ok(Some(chunk)) => {
                    assert!(chunk == bytes[sent..sent + chunk.len()], "only what was proven");
                    sent += chunk.len();
                }
                Ok(None) => panic!("all of a changed object was sent"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, DocumentError::Unavailable { .. }), "{error}");
        assert!((sent as u64) <= half, "nothing of the changed chunk");
        // Whoever asks now is told before the first byte.
        let error = store.prove(&document).await.expect_err("it is another object");
        assert!(matches!(error, DocumentError::Mismatch { .. }), "{error}");
        place.replace(&bytes).await;
        store.prove(&document).await.expect("it is back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_harmless_types_are_shown_by_the_browser() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const HTML: &[u8] = b"<!doctype html><script>alert(document.cookie)</script>";
    let (portal, invoice, mut browser) = portal_with(&[
        ("a.pdf", "application/pdf", b"%PDF-1.7 a"),
        ("b.png", "image/png", PNG),
        ("c.pdf", "application/pdf", HTML),
        ("d.xml", "application/xml", b"<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"/>"),
        ("e\";x=\"\u{202e}fdp.svg.jpg", "image/jpeg", HTML),
        ("f.txt", "text/plain", HTML),
    ])
    .await;
    for (number, kind, is_framed) in [
        (1, "inline", true),
        (2, "inline", false),
        (3, "attachment", false),
        (4, "attachment", false),
        (5, "attachment", false),
        (6, "attachment", false),
    ] {
        let path = format!("{}/documents/{number}", invoice.page());
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{number}");
        assert!(answer.header("content-disposition").starts_with(kind), "{number} {:?}", answer.headers);
        let policy = answer.header("content-security-policy");
        assert_eq!(policy.contains("frame-ancestors 'self'"), is_framed, "{number} {policy}");
        assert_eq!(policy.contains("sandbox"), !is_framed, "{number} {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        let saved = browser.get(&format!("{path}?download=1")).await;
        assert!(saved.header("content-disposition").starts_with("attachment; filename=\""), "{number}");
        assert!(saved.header("content-disposition").is_ascii());
        assert_eq!(saved.header("content-disposition").matches('"').count(), 2, "{number}");
    }
    portal.end().await;
}

async fn a_download_is_recorded_once_in_ten_minutes(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    portal.dispatcher.set_settings("acme", "portal_level = 'not_required'").await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let browser = portal.opened(&invoice).await;
    let path = format!("{}/documents/1", invoice.page());
    let mut parts = tokio::task::JoinSet::new();
    for n in 0..10 {
        let (mut browser, path) = (browser.clone(), path.clone());
        parts.spawn(async move { get_range(&mut browser, &path, &format!("bytes={n}-{n}")).await.status });
    }
    for status in parts.join_all().await {
        assert_eq!(status, StatusCode::PARTIAL_CONTENT);
    }
    let mut browser = browser;
    let head = browser.request(Method::HEAD, &path);
    browser.send(head).await;
    let recorded = "SELECT detail FROM portal_event WHERE kind = 'downloaded'";
    assert_eq!(portal.dispatcher.database.texts(recorded).await, ["Rechnung.pdf"]);
    let clock = portal.dispatcher.database.clock.clone();
    clock.advance(Duration::from_mins(9));
    browser.get(&path).await;
    assert_eq!(portal.dispatcher.database.texts(recorded).await.len(), 1);
    clock.advance(Duration::from_mins(2));
    browser.get(&path).await;
    assert_eq!(portal.dispatcher.database.texts(recorded).await.len(), 2);
    portal.end().await;
}

//! Documents come from S3, proven; what is wrong with them is told apart.

use std::time::Duration;

use invoice_dispatcher::documents::{DocumentError, DocumentStore, Measure, Options, S3Access};
use invoice_dispatcher::sha256::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::document::describing;
use crate::harness::s3::{S3, open_at};

#[tokio::test]
async fn documents_arrive_in_order_under_any_key() {
    let server = S3::shared();
    server.create_bucket("invoices").await;
    let large = vec![7; 3 << 20];
    let objects: [(&str, &[u8]); 5] = [
        ("acme/2026/R-1.pdf", b"%PDF one"),
        ("acme/2026/Rechnung Müller & Söhne.pdf", b"%PDF two"),
        ("acme/100% #1 [a]{b}~^?x=y+z.xml", b"<three/>"),
        ("acme/large.pdf", &large),
        ("acme/a%2Fb.csv", b"five"),
    ];
    for (key, bytes) in objects {
        server.put(&format!("invoices/eu/{key}"), bytes.to_vec()).await;
    }
    let documents = objects.map(|(key, bytes)| describing(key, bytes));
    for url in ["s3://invoices/eu", "s3://invoices/eu/"] {
        let loaded = server.open(url).load_all(&documents).await.expect("all are there");
        assert_eq!(loaded.len(), objects.len());
        for (loaded, (key, bytes)) in loaded.iter().zip(objects) {
            assert_eq!((loaded.document.object.as_str(), &loaded.bytes[..]), (key, bytes));
        }
    }
    let loaded = server.open("s3://invoices").load(&describing("eu/acme/2026/R-1.pdf", b"%PDF one")).await;
    assert_eq!(loaded.expect("without a prefix").bytes, &b"%PDF one"[..]);
}

#[tokio::test]
async fn what_is_wrong_with_a_document_is_distinguished() {
    let server = S3::shared();
    server.create_bucket("wrong").await;
    server.put("wrong/acme/a.pdf", b"what is there".to_vec()).await;
    let store = server.open("s3://wrong");

    let absent = store.load(&describing("acme/absent.pdf", b"x")).await.expect_err("it was never put there");
    assert_eq!(absent, DocumentError::Missing { object: "acme/absent.pdf".to_owned() });

    let found = store.load(&describing("acme/a.pdf", b"what is there!")).await.expect_err("one byte less");
    assert_eq!(found.to_string(), "acme/a.pdf should have 14 bytes and has 13 bytes");

    let found = store.load(&describing("acme/a.pdf", b"what is THERE")).await.expect_err("other bytes");
    let (expected, is) = (Sha256::of(b"what is THERE"), Sha256::of(b"what is there"));
    assert_eq!(
        found,
        DocumentError::Mismatch {
            object: "acme/a.pdf".to_owned(),
            expected: Measure::Digest(expected),
            found: Measure::Digest(is),
        }
    );

    let good = describing("acme/a.pdf", b"what is there");
    let all = store.load_all(&[good, describing("acme/absent.pdf", b"x")]).await;
    assert!(matches!(all, Err(DocumentError::Missing { .. })), "all or nothing");
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_document() {
    let store = S3::shared().open("s3://nobody-made-it");
    let found = store.load(&describing("acme/a.pdf", b"x")).await.expect_err("there is no bucket");
    assert!(matches!(found, DocumentError::Unavailable { .. }), "{found}");
    assert!(store.check().await.expect_err("there is no bucket").contains("nobody-made-it"));
}

#[tokio::test]
async fn a_store_that_answers_passes_the_check() {
    let server = S3::shared();
    server.create_bucket("checked").await;
    assert_eq!(server.open("s3://checked").check().await, Ok(()), "an empty bucket is fine");
    assert_eq!(server.open("s3://checked/some/prefix").check().await, Ok(()));
}

#[tokio::test]
async fn a_server_that_is_not_there_makes_documents_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    drop(listener);
    let found =
        open_at(&endpoint, "s3://b").load(&describing("acme/a.pdf", b"x")).await.expect_err("no server listens");
    assert!(matches!(found, DocumentError::Unavailable { .. }), "{found}");
    assert!(!format!("{found} {found:?}").contains("a-secret"));
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let s3 = S3Access {
        access_key_id: Some("test".to_owned()),
        secret_access_key: Some("a-secret".into()),
        endpoint: Some(endpoint),
        ..S3Access::default()
    };
    let options = Options { deadline: Duration::from_millis(200), s3 };
    let store = DocumentStore::open("s3://b", &options).expect("a store");
    let found = store.load(&describing("acme/a.pdf", b"x")).await.expect_err("it says nothing");
    assert!(matches!(found, DocumentError::Unavailable { .. }), "{found}");
}

/// What is neither there nor missing: the store cannot be used just now, and no document is to blame.
#[tokio::test]
async fn refusals_and_faults_of_the_server_make_documents_unavailable() {
    let answers = [
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 503 Slow Down\r\ncontent-length: 4\r\n\r\nbusy",
        "HTTP/1.1 301 Moved Permanently\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nlast-modified: Mon, 23 Nov 2026 09:30:00 GMT\r\netag: \"1\"\r\n\r\ncut",
        "nonsense\r\n\r\n",
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let server = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        let found = open_at(&endpoint, "s3://b").load(&describing("acme/a.pdf", b"12345")).await.expect_err(answer);
        assert!(matches!(found, DocumentError::Unavailable { .. }), "{answer}: {found}");
        server.abort();
    }
}

#[tokio::test]
async fn an_object_that_is_too_large_is_refused_before_it_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let server = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a request");
        let mut request = [0; 4096];
        let _ = connection.read(&mut request).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\nlast-modified: Mon, 23 Nov 2026 09:30:00 GMT\r\netag: \"1\"\r\n\r\n";
        let _ = connection.write_all(head.as_bytes()).await;
        // No byte of the body ever comes: its reader waits in vain.
        std::future::pending::<()>().await;
    });
    let found = open_at(&endpoint, "s3://b").load(&describing("acme/a.pdf", b"12345")).await.expect_err("a terabyte");
    assert_eq!(found.to_string(), "acme/a.pdf should have 5 bytes and has 1000000000000 bytes");
    server.abort();
}

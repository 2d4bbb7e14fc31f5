//! Documents come from a folder, proven; nothing outside of it can be read.

use std::fs;
use std::path::Path;
use std::time::Duration;

use invoice_dispatcher::documents::{DocumentError, DocumentStore, Options};
use tempfile::TempDir;

use crate::harness::document::describing;

/// A folder `documents` with one document, and a secret beside it.
fn folder() -> (TempDir, DocumentStore) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("documents/acme/2026")).expect("a folder");
    fs::write(folder.path().join("documents/acme/2026/R-1.pdf"), b"%PDF one").expect("a file");
    fs::write(folder.path().join("secret"), b"secret").expect("a file");
    let store = open(&folder.path().join("documents"));
    (folder, store)
}

fn open(path: &Path) -> DocumentStore {
    DocumentStore::open(&format!("file:{}", path.display()), &Options::default()).expect("a store")
}

fn is_missing(result: &Result<impl Sized, DocumentError>) -> bool {
    matches!(result, Err(DocumentError::Missing { .. }))
}

#[tokio::test]
async fn a_document_arrives_whole() {
    let (folder, store) = folder();
    let document = describing("acme/2026/R-1.pdf", b"%PDF one");
    let loaded = store.load(&document).await.expect("it is there");
    assert_eq!((loaded.document, &loaded.bytes[..]), (document.clone(), &b"%PDF one"[..]));
    assert!(store.load_all(&[]).await.expect("nothing to read").is_empty());
    assert_eq!(store.check().await, Ok(()));

    let url = format!("file://{}", folder.path().join("documents").display());
    let store = DocumentStore::open(&url, &Options::default()).expect("a URL with an empty host");
    assert!(store.load(&document).await.is_ok());
}

#[tokio::test]
async fn what_is_wrong_with_a_document_is_distinguished() {
    let (_folder, store) = folder();
    assert!(is_missing(&store.load(&describing("acme/2026/R-2.pdf", b"x")).await));
    assert!(is_missing(&store.load(&describing("acme/2026", b"x")).await), "a folder is no document");
    assert!(is_missing(&store.load(&describing("acme/2026/R-1.pdf/x", b"x")).await));
    assert!(is_missing(&store.load(&describing(&"x".repeat(400), b"x")).await), "no file can have such a name");

    let found = store.load(&describing("acme/2026/R-1.pdf", b"%PDF")).await.expect_err("more bytes");
    assert_eq!(found.to_string(), "acme/2026/R-1.pdf should have 4 bytes and has 8 bytes");
    let found = store.load(&describing("acme/2026/R-1.pdf", b"%PDF two")).await.expect_err("other bytes");
    assert!(found.to_string().starts_with("acme/2026/R-1.pdf should have SHA-256 "), "{found}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_makes_no_document_missing() {
    let store = open(Path::new("/nonexistent/documents"));
    let found = store.load(&describing("acme/a.pdf", b"x")).await.expect_err("no folder");
    assert!(matches!(found, DocumentError::Unavailable { .. }), "{found}");
    let said = store.check().await.expect_err("no folder");
    assert_eq!(said, "the folder does not exist");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_outside_of_the_folder_can_be_read() {
    use std::os::unix::fs::symlink;

    let (folder, store) = folder();
    let documents = folder.path().join("documents");
    symlink(folder.path().join("secret"), documents.join("acme/out.pdf")).expect("a link");
    symlink("../../secret", documents.join("acme/relative.pdf")).expect("a link");
    symlink(folder.path(), documents.join("acme/up")).expect("a link");
    symlink("2026/R-1.pdf", documents.join("acme/inside.pdf")).expect("a link");
    let absolute = folder.path().join("secret").display().to_string();
    for key in ["acme/out.pdf", "acme/relative.pdf", "acme/up/secret", "../secret", "acme/../../secret", &absolute] {
        assert!(is_missing(&store.load(&describing(key, b"secret")).await), "{key}");
    }
    assert!(store.load(&describing("acme/inside.pdf", b"%PDF one")).await.is_ok(), "links inside are fine");
    // The store's own folder may be a link.
    symlink(&documents, folder.path().join("current")).expect("a link");
    let store = open(&folder.path().join("current"));
    assert!(store.load(&describing("acme/2026/R-1.pdf", b"%PDF one")).await.is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn a_named_pipe_is_not_waited_for() {
    let (folder, store) = folder();
    let pipe = folder.path().join("documents/acme/pipe.pdf");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let pipe = describing("acme/pipe.pdf", b"x");
    let loading = store.load(&pipe);
    assert!(is_missing(&tokio::time::timeout(Duration::from_secs(10), loading).await.expect("no waiting")));
}

//! Whatever a fuzzer has found, and what it began with, keeps the laws of `fuzz/entries`.

#[path = "../../../fuzz/entries/mod.rs"]
#[allow(unreachable_pub, reason = "a test binary has no outside")]
mod entries;

use std::path::Path;

/// Runs every file of a corpus; a law that is broken names the file.
fn replay(corpus: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(corpus);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("the folder can be read").path();
        let bytes = std::fs::read(&path).expect("the file can be read");
        let kept = std::panic::catch_unwind(|| run(&bytes));
        assert!(kept.is_ok(), "{} breaks a law", path.display());
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn events() {
    replay("event", entries::event::run);
}

#[test]
fn names() {
    replay("names", entries::names::run);
}

#[test]
fn relays() {
    replay("relay", entries::relay::run);
}

#[test]
fn messages() {
    replay("message", entries::message::run);
}

//! `publish` without a broker: straight into the intake.

use crate::harness::command_line::{CommandLine, example};

#[test]
fn every_example_is_accepted_once() {
    let here = CommandLine::new();
    here.import_examples();
    let mut files: Vec<String> = std::fs::read_dir(example("events"))
        .expect("the examples")
        .map(|entry| entry.expect("an entry").path().display().to_string())
        .collect();
    files.sort();
    let publish = format!("publish --json {}", files.join(" "));
    for expected in ["accepted", "duplicate"] {
        let rows = here.run(&publish).json();
        assert_eq!(rows.len(), files.len());
        assert!(rows.iter().all(|row| row["result"] == expected), "{rows:?}");
    }
}

#[test]
fn nothing_is_published_if_one_event_cannot_be_read() {
    let here = CommandLine::new();
    here.import_examples();
    let good = example("events/01-invoice-business.json");
    let bad = here.folder().join("bad.json");
    std::fs::write(&bad, r#"{"specversion": "1.0"}"#).expect("written");
    let said = here.run(&format!("publish {good} {}", bad.display()));
    assert!(said.code == 1 && said.stderr.contains("nothing was published"), "{}", said.stderr);
    assert_eq!(here.run(&format!("publish --json {good}")).json()[0]["result"], "accepted");
}

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

/// An example, changed, as a file of its own.
fn changed(here: &CommandLine, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(example("events/01-invoice-business.json")).expect("an example");
    assert!(text.contains(from), "{from}");
    let file = here.folder().join("changed.json");
    std::fs::write(&file, text.replace(from, to)).expect("written");
    file.display().to_string()
}

#[test]
fn what_is_ignored_is_reported_and_strictly_refused() {
    let here = CommandLine::new();
    here.import_examples();
    let file = changed(&here, "\"recipients\"", "\"recipients_\"");
    let told = "data.recipients_ is not known and is ignored; did you mean recipients?";
    for command in ["publish --strict", "preview --strict"] {
        let said = here.run(&format!("{command} {file}"));
        assert!(said.code == 1 && said.stderr.contains(told), "{command}: {}", said.stderr);
    }
    let said = here.run(&format!("publish --json {file}"));
    assert_eq!((said.code, &said.json()[0]["result"]), (0, &"accepted".into()));
    let warning: serde_json::Value = serde_json::from_str(said.stderr.trim_end()).expect("one object");
    assert!(warning["warning"].as_str().is_some_and(|warning| warning.contains(told)), "{warning}");
    let said = here.run(&format!("publish --strict {}", example("events/01-invoice-business.json")));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

#[test]
fn what_is_wrong_with_several_events_is_one_sentence() {
    let here = CommandLine::new();
    let file = here.folder().join("events.ndjson");
    let bad = |count: usize| "{\"specversion\": 1}\n".repeat(count);
    for (count, more) in [(2, None), (12, Some("; and 2 more"))] {
        std::fs::write(&file, bad(count)).expect("written");
        let said = here.run(&format!("publish {}", file.display()));
        let lines: Vec<&str> = said.stderr.lines().collect();
        assert!(lines.len() == 2 && lines[1].starts_with("  what to do: "), "{}", said.stderr);
        let begin = format!("error: {count} events cannot be read: {} line 1: ", file.display());
        assert!(lines[0].starts_with(&begin) && lines[0].contains("events.ndjson line 2: "), "{}", said.stderr);
        assert!(more.is_none_or(|more| lines[0].ends_with(more)), "{}", said.stderr);
    }
    let typo = changed(&here, "\"recipients\"", "\"recipients_\"");
    let said = here.run(&format!("publish --strict {typo}"));
    assert_eq!(said.stderr.lines().count(), 2, "{}", said.stderr);
}

#[test]
fn a_duplicate_names_its_delivery_and_where_that_stands() {
    let here = CommandLine::new();
    here.import_examples();
    let publish = format!("publish --json {}", example("events/01-invoice-business.json"));
    let first = here.run(&publish).json().remove(0);
    let again = here.run(&publish).json().remove(0);
    assert_eq!((&first["result"], &first["state"]), (&"accepted".into(), &serde_json::Value::Null));
    assert_eq!((&again["delivery_id"], &again["state"]), (&first["delivery_id"], &"due".into()));
    assert!(again["detail"].as_str().is_some_and(|detail| detail.ends_with(" is due")), "{again}");
}

#[test]
fn every_fault_of_an_event_is_reported_at_once() {
    let here = CommandLine::new();
    let file = changed(&here, "\"currency\"", "\"curency\"");
    let text = std::fs::read_to_string(&file).expect("written").replace("\"customer_id\"", "\"costumer_id\"");
    std::fs::write(&file, text).expect("written");
    for command in ["publish", "preview"] {
        let said = here.run(&format!("{command} {file}"));
        assert_eq!(said.code, 1);
        for fault in ["data.invoice.currency is missing", "data.customer_id is missing"] {
            assert!(said.stderr.contains(fault), "{command}: {}", said.stderr);
        }
    }
}

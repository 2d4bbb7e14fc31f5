//! `import`: what is good is stored, what is bad is named, and what waited for it goes on.

use serde_json::{Value, json};

use crate::harness::command_line::{CommandLine, example};
use crate::harness::database::TestDatabase;

#[test]
fn the_examples_are_imported_once_and_then_unchanged() {
    let here = CommandLine::new();
    let import = format!("import {} --json", example("catalogue.ndjson"));
    let first = here.run(&import).json().remove(0);
    assert_eq!(first["tenants"], json!({"created": 3, "changed": 0, "unchanged": 0}));
    assert_eq!(first["customers"], json!({"created": 7, "changed": 0, "unchanged": 0}));
    let second = here.run(&import).json().remove(0);
    assert_eq!(second["tenants"], json!({"created": 0, "changed": 0, "unchanged": 3}));
    assert_eq!(second["customers"], json!({"created": 0, "changed": 0, "unchanged": 7}));
}

#[test]
fn a_bad_line_is_named_and_the_others_are_stored() {
    let here = CommandLine::new();
    here.import_examples();
    let customer = |tenant: &str, id: &str| {
        format!(
            r#"{{"customer": {{"tenant_id": "{tenant}", "id": "{id}", "name": "N", "address": "n@post.example"}}}}"#
        )
    };
    let lines = [r#"{"tenant": {"id": "new"}}"#, "", &customer("nobody", "X-1"), &customer("acme", "X-2")].join("\n");
    let said = here.run_with("import -", &lines);
    assert_eq!(said.code, 1);
    for expected in [
        "customers  1 created, 0 changed, 0 unchanged",
        "left out   standard input line 3: customer X-1: its tenant nobody is unknown",
        "left out   standard input line 1: tenant.",
    ] {
        assert!(said.stdout.contains(expected), "{expected}: {}", said.stdout);
    }
    assert!(said.stderr.starts_with("error: 2 lines of standard input not imported"), "{}", said.stderr);
    assert_eq!(here.run("settings get --tenant new").code, 1, "nothing of a bad line is stored");
}

#[test]
fn a_logo_is_imported_after_its_tenant() {
    let here = CommandLine::new();
    let logo = |tenant: &str, image: &str| format!(r#"{{"logo": {{"tenant_id": "{tenant}", "image": "{image}"}}}}"#);
    let image = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR42mPgyvYHIgAE2QGJ8TRcUwAAAABJRU5ErkJggg==";
    let catalogue = std::fs::read_to_string(example("catalogue.ndjson")).expect("the example");
    let lines = format!(
        "{catalogue}{}\n{}\n{}\n{}",
        logo("acme", image),
        logo("nobody", image),
        logo("acme", "R0lGODlh"),
        logo("acme", "%")
    );
    let said = here.run_with("import - --json", &lines);
    assert_eq!(said.code, 1);
    let done = said.json().remove(0);
    assert_eq!(done["logos"], json!({"created": 1, "changed": 0, "unchanged": 0}));
    let told: Vec<_> =
        done["faults"].as_array().expect("a list").iter().map(|fault| (&fault["path"], &fault["problem"])).collect();
    let expected = [
        ("logo.tenant_id", "names no tenant that was imported; import the tenant before its logo"),
        ("logo.image", "is neither a PNG nor a JPEG image"),
        ("logo.image", "is not base64"),
    ];
    assert_eq!(
        told,
        expected
            .map(|(path, problem)| (json!(path), json!(problem)))
            .iter()
            .map(|(path, problem)| (path, problem))
            .collect::<Vec<_>>()
    );
    let again = here.run_with("import -", &logo("acme", image));
    assert!(again.stdout.contains("logos      0 created, 0 changed, 1 unchanged"), "{}", again.stdout);
}

#[test]
fn every_fault_of_a_line_is_named() {
    let here = CommandLine::new();
    let tenant = r#"{"tenant": {"id": "a/b", "sender": {"name": "N", "address": "nobody"}, "locale": "en",
        "settings": {"sensitive_attachments": "exclude", "portal_authentication": {"level": "sensitive"}}}}"#;
    let customer = r#"{"customer": {"tenant_id": "acme", "type": "private", "address": "x", "mobile": "0351"}}"#;
    let lines = format!("{}\n{customer}\n", tenant.replace('\n', ""));
    let said = here.run_with("import - --json", &lines);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("2 lines of standard input not imported"), "{}", said.stderr);
    let faults = said.json().remove(0)["faults"].clone();
    let mut named: Vec<String> = faults
        .as_array()
        .expect("a list")
        .iter()
        .map(|fault| format!("{} {}", fault["line"], fault["path"].as_str().expect("a path")))
        .collect();
    named.sort();
    let expected = [
        "1 tenant.id",
        "1 tenant.name",
        "1 tenant.sender.address",
        "1 tenant.settings.portal_authentication.primary",
        "2 customer.address",
        "2 customer.id",
        "2 customer.mobile",
        "2 customer.name",
    ];
    assert_eq!(named, expected, "{faults}");
}

#[test]
fn lines_count_in_the_order_of_the_file() {
    let here = CommandLine::new();
    let catalogue = std::fs::read_to_string(example("catalogue.ndjson")).expect("the example");
    let (tenants, customers): (Vec<&str>, Vec<&str>) =
        catalogue.lines().partition(|line| line.starts_with("{\"tenant"));
    let said = here.run_with("import - --json", &[customers.clone(), tenants, customers].concat().join("\n"));
    let done = said.json().remove(0);
    assert_eq!(said.code, 1);
    assert_eq!(done["customers_of_unknown_tenants"].as_array().expect("a list").len(), 7, "{done}");
    assert_eq!(done["customers_of_unknown_tenants"][0]["line"], 1, "{done}");
    assert_eq!(done["customers"]["created"], 7, "{done}");
}

/// A tenant and a customer can be read, and yet the database refuses them, as `refuse` has it for a table and an id.
async fn what_the_database_refuses_ends_nothing(database: TestDatabase, refuse: fn(&str, &str) -> String) {
    database.execute(refuse("tenant", "lumiere")).await;
    database.execute(refuse("customer", "C-2001")).await;
    let here = CommandLine::new().with("DATABASE_URL", &database.url);
    let file = example("catalogue.ndjson");
    let said = here.run(&format!("import {file} --json"));
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains(&format!("4 lines of {file} not imported; everything else is")), "{}", said.stderr);
    let done = said.json().remove(0);
    assert_eq!((&done["tenants"]["created"], &done["customers"]["created"]), (&json!(2), &json!(4)), "{done}");
    let lines = |list: &str| -> Vec<Value> {
        done[list].as_array().expect("a list").iter().map(|fault| fault["line"].clone()).collect()
    };
    assert_eq!(lines("faults"), [3, 5], "{done}");
    assert_eq!(lines("customers_of_unknown_tenants"), [9, 10], "of the tenant that was refused: {done}");
    assert_eq!(database.texts("SELECT id FROM tenant ORDER BY id").await, ["acme", "molen"]);
    assert_eq!(database.number("SELECT COUNT(*) FROM customer").await, 4);

    let said = here.run(&format!("import {file}"));
    let told = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&format!("{file} line 5: it is not stored: the database refuses a value (")), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sqlite_refuses_ends_nothing() {
    let refuse = |table: &str, id: &str| {
        format!(
            "CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} WHEN NEW.id = '{id}'
             BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    };
    what_the_database_refuses_ends_nothing(TestDatabase::sqlite_unlocked().await, refuse).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgresql_refuses_ends_nothing() {
    let refuse =
        |table: &str, id: &str| format!("ALTER TABLE {table} ADD CONSTRAINT not_this_one CHECK (id <> '{id}')");
    what_the_database_refuses_ends_nothing(TestDatabase::postgres().await, refuse).await;
}

#[test]
fn settings_in_the_file_are_reported_and_never_applied() {
    let here = CommandLine::new();
    here.import_examples();
    assert_eq!(here.run("settings set --tenant acme --sensitive-attachments exclude").code, 0);
    let said = here.run(&format!("import {}", example("catalogue.ndjson")));
    assert_eq!(said.code, 0);
    assert!(said.stdout.contains("ignored    the settings of tenant acme"), "{}", said.stdout);
    let settings = here.run("settings get --tenant acme --json").json().remove(0);
    assert_eq!(settings["sensitive_attachments"], "exclude");
}

#[test]
fn dead_letters_that_it_cures_are_put_back() {
    let here = CommandLine::new();
    let publish = format!("publish {} --json", example("events/01-invoice-business.json"));
    assert_eq!(here.run(&publish).json()[0]["class"], "unknown_tenant");
    let done = here.run(&format!("import {} --json", example("catalogue.ndjson"))).json().remove(0);
    assert_eq!(done["dead_letters_cured"], 1);
    assert_eq!(here.run(&publish).json()[0]["result"], "duplicate");
}

#[test]
fn what_is_ignored_is_reported_and_strictly_left_out() {
    let here = CommandLine::new();
    here.import_examples();
    let file = here.folder().join("typos.ndjson");
    let customer = |id: &str, more: &str| {
        format!(r#"{{"customer": {{"tenant_id": "acme", "id": "{id}", "name": "N", "address": "a@x.example"{more}}}}}"#)
    };
    let lines =
        [customer("T-1", r#", "type": "Business""#), customer("T-2", r#", "typ": "business""#), customer("T-3", "")];
    std::fs::write(&file, lines.join("\n")).expect("written");
    let file = file.display().to_string();

    let said = here.run(&format!("import --strict --json {file}"));
    let done = said.json().remove(0);
    assert_eq!((said.code, &done["customers"]["created"]), (1, &json!(1)), "{done}");
    let paths = |done: &Value, list: &str| -> Vec<String> {
        done[list]
            .as_array()
            .expect("a list")
            .iter()
            .map(|fault| format!("{} {}", fault["line"], fault["path"]))
            .collect()
    };
    let both = ["1 \"customer.type\"", "2 \"customer.typ\""];
    assert_eq!(paths(&done, "faults"), both, "{done}");
    assert!(said.stderr.contains("2 lines of"), "{}", said.stderr);

    let said = here.run(&format!("import --json {file}"));
    let done = said.json().remove(0);
    assert_eq!((said.code, &done["customers"]["created"]), (0, &json!(2)), "{done}");
    assert_eq!(paths(&done, "warnings"), both, "{done}");
    let told = here.run(&format!("import {file}")).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("customer.typ is not known and is ignored; did you mean type?"), "{told}");
}

//! `doctor`: says of everything whether it is well, whatever is away, and changes nothing.

use std::collections::BTreeMap;

use crate::harness::broker::until;
use crate::harness::command_line::{CommandLine, Said, example};
use crate::harness::sink::{Act, Script, Sink, Step};

/// The result of each check, by its name.
fn results(said: &Said) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    said.json().iter().map(|row| (text(&row["check"]), text(&row["result"]))).collect()
}

#[test]
fn before_anything_is_there_it_says_so_and_makes_nothing() {
    let here = CommandLine::new();
    let said = here.run("doctor --json");
    let results = results(&said);
    assert_eq!(results["database"], "warn");
    assert_eq!(results["documents"], "warn", "both are made at the first start");
    assert_eq!(results["relays"], "warn");
    assert!(results.contains_key("disk"), "the disk that the data will be on: {results:?}");
    assert_eq!(std::fs::read_dir(here.folder()).expect("a folder").count(), 0, "doctor made something");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_is_ok() {
    let sink = Sink::start().await;
    let here = CommandLine::new().with("SMTP_URL", &sink.url()).with("PORTAL_URL", "http://127.0.0.1:1");
    here.import_examples();
    assert_eq!(here.run(&format!("publish {}", example("events/01-invoice-business.json"))).code, 0);
    let said = here.run("doctor --ledger --json");
    assert_eq!(said.code, 0, "{}", said.stdout);
    let mut results = results(&said);
    assert_eq!(results.remove("workers"), Some("warn".to_owned()), "no worker sends");
    for lacks_a_provider in ["SMS", "verification"] {
        assert!(results.remove(lacks_a_provider).is_some(), "{results:?}");
    }
    assert!(results.remove("disk").is_some(), "as the machine has it");
    assert!(results.values().all(|result| result == "ok"), "{results:?}");
    assert!(said.stdout.contains("1 delivery, each in exactly one state"), "{}", said.stdout);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
}

#[test]
fn servers_elsewhere_without_verified_tls_are_warned_of() {
    let elsewhere = |database: &str, broker: &str| {
        let here = CommandLine::new().with("DATABASE_URL", database).with("AMQP_URL", broker);
        results(&here.run("doctor --json"))
    };
    let unsafe_ = elsewhere("postgres://dora:pw@db.invalid/mail?sslmode=require", "amqp://dora:pw@mq.invalid/%2f");
    assert_eq!(
        (unsafe_["DATABASE_URL TLS"].as_str(), unsafe_["AMQP_URL TLS"].as_str()),
        ("warn", "warn"),
        "{unsafe_:?}"
    );
    let safe = elsewhere("postgres://dora:pw@db.invalid/mail?sslmode=verify-full", "amqps://dora:pw@mq.invalid/%2f");
    assert!(!safe.contains_key("DATABASE_URL TLS") && !safe.contains_key("AMQP_URL TLS"), "{safe:?}");
}

#[test]
fn whatever_is_away_is_named_with_what_to_do() {
    let here = CommandLine::new()
        .with("DATABASE_URL", "postgres://dora:hunter2@127.0.0.1:1/mail")
        .with("AMQP_URL", "amqp://dora:hunter2@127.0.0.1:1/%2f")
        .with("SMTP_URL", "smtp://127.0.0.1:1");
    let said = here.run("doctor --json --allow-embedded");
    assert_eq!(said.code, 1);
    let results = results(&said);
    assert!(said.stdout.contains("free of") && !said.stdout.contains("dispatcher.db"), "only the documents are here");
    for away in ["database", "RabbitMQ", "relay default", "documents"] {
        assert_eq!(results[away], "fail", "{results:?}");
    }
    assert!(said.json().iter().all(|row| row["result"] == "ok" || row["what_to_do"].is_string()));
    assert!(!said.stdout.contains("hunter2") && !said.stderr.contains("hunter2"));
}

#[test]
fn a_key_that_is_in_use_and_missing_is_named() {
    let here = CommandLine::new();
    here.import_examples();
    assert_eq!(here.run(&format!("publish {}", example("events/02-invoice-private.json"))).code, 0);
    std::fs::remove_file(here.folder().join("data/secret.key")).expect("the key was made");
    let said = here.run("doctor --json");
    assert_eq!(results(&said)["secret keys"], "fail", "{}", said.stdout);
    assert!(said.stdout.contains("is missing: 1 delivery cannot be sent"), "{}", said.stdout);
    assert!(!here.folder().join("data/secret.key").exists(), "doctor made a key");
}

#[test]
fn outcomes_that_wait_for_rabbitmq_are_counted() {
    let here = CommandLine::new();
    here.import_examples();
    assert_eq!(here.run(&format!("publish {}", example("events/01-invoice-business.json"))).code, 0);
    assert!(!results(&here.run("doctor --json")).contains_key("outcomes"), "they were not asked for");

    std::fs::write(here.folder().join("config.toml"), "[broker]\noutcomes = true\n").expect("the file can be written");
    let here = here.with("AMQP_URL", "amqp://127.0.0.1:1/%2f");
    let resent = here.run("resend --tenant acme --invoice R-2026-0042 --reason lost --anyway");
    assert_eq!(resent.code, 0, "{}", resent.stderr);
    let said = here.run("doctor --json");
    assert_eq!(results(&said)["outcomes"], "ok", "not for long yet: {}", said.stdout);
    assert!(said.stdout.contains("1 outcome on the way to RabbitMQ"), "the superseded one: {}", said.stdout);
}

/// Puts so many reminders into a file, which need no document; returns its path.
fn reminders(here: &CommandLine, count: usize) -> String {
    let text = std::fs::read_to_string(example("events/04-reminder-private.json")).expect("it is there");
    let mut event: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    event["data"]["documents"] = serde_json::json!([]);
    let mut lines = Vec::new();
    for n in 0..count {
        event["id"] = format!("reminder-{n}").into();
        event["data"]["invoice"]["id"] = format!("inv-{n}").into();
        lines.push(event.to_string());
    }
    let path = here.folder().join("reminders.ndjson");
    std::fs::write(&path, lines.join("\n")).expect("the file can be written");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_a_relay_refuses_is_named_with_what_releases_it() {
    let sender = "bounces@acme.example";
    let sink = Sink::scripted(Script::new().on_sender(sender, Step::Mail, Act::reply("550 5.7.1 not you"))).await;
    let here = CommandLine::new().with("SMTP_URL", &sink.url()).with("METRICS_LISTEN", "127.0.0.1:0");
    here.import_examples();
    assert_eq!(here.run(&format!("publish {}", reminders(&here, 6))).code, 0);
    let worker = here.start("run --role worker");
    until("all are held", async || here.run("relays list --json").json()[0]["held"] == 6).await;
    assert!(worker.stop().await.success());

    let said = here.run("doctor --json");
    assert_eq!(said.code, 0, "a warning: {}", said.stdout);
    let check = said.json().into_iter().find(|row| row["check"] == "senders").expect("there is one");
    assert_eq!(check["result"], "warn", "{check}");
    let detail = check["detail"].as_str().expect("a text");
    let expected = format!("relay default refuses {sender} (550 5.7.1 to mail), held since ");
    assert!(detail.starts_with(&expected) && detail.contains("; 6 deliveries wait, tried in "), "{detail}");

    let what_to_do = check["what_to_do"].as_str().expect("a text");
    let (_, command) = what_to_do.split_once("run: invoice-dispatcher ").expect("a command");
    assert_eq!(here.run(command).code, 0, "{command}");
    assert_eq!(results(&here.run("doctor --json"))["senders"], "ok");
}

#[test]
fn a_delivery_that_is_lost_fails_the_ledger() {
    let here = CommandLine::new();
    here.import_examples();
    assert_eq!(here.run(&format!("publish {}", example("events/01-invoice-business.json"))).code, 0);
    lose_every_place(&here);
    let said = here.run("doctor --ledger --json");
    assert_eq!(results(&said)["ledger"], "fail", "{}", said.stdout);
    assert!(said.stdout.contains("1 in no state"), "{}", said.stdout);
}

#[test]
fn an_event_that_was_published_and_is_nowhere_fails_the_ledger() {
    let here = CommandLine::new();
    here.import_examples();
    let [known, unknown] = ["events/01-invoice-business.json", "events/02-invoice-private.json"].map(example);
    assert_eq!(here.run(&format!("publish {known}")).code, 0);
    let said = here.run(&format!("doctor --ledger --json --published {known}"));
    assert_eq!(results(&said)["ledger"], "ok", "{}", said.stdout);
    let said = here.run(&format!("doctor --ledger --json --published {known} {unknown}"));
    assert_eq!(results(&said)["ledger"], "fail", "{}", said.stdout);
    assert!(said.stdout.contains("1 published and nowhere"), "{}", said.stdout);

    let bad = here.folder().join("bad.json");
    std::fs::write(&bad, "{").expect("written");
    let said = here.run(&format!("doctor --ledger --published {}", bad.display()));
    assert!(said.code == 1 && said.stderr.contains("bad.json line 1"), "{}", said.stderr);
    assert_ne!(here.run(&format!("doctor --published {known}")).code, 0, "it is of the ledger");
}

#[tokio::main(flavor = "current_thread")]
async fn lose_every_place(here: &CommandLine) {
    let url = format!("sqlite://{}", here.folder().join("data/dispatcher.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.expect("the database opens");
    sqlx::raw_sql("DELETE FROM lane_entry").execute(&pool).await.expect("the statement is right");
    pool.close().await;
}

#[test]
fn every_fault_of_the_configuration_is_a_failed_check() {
    let said = CommandLine::new().with("SMTP_URL", "mail").with("LOG_FORMAT", "xml").run("doctor");
    assert_eq!(said.code, 1);
    assert_eq!(said.stdout.matches("FAIL  configuration  ").count(), 2, "{}", said.stdout);
}

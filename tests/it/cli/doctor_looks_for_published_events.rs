//! `doctor --ledger --published`: what the queues may still hold is not lost, and a queue that has no leader is named.

use serde_json::Value;

use crate::harness::broker::{Broker, until};
use crate::harness::command_line::{CommandLine, Said, example};
use crate::harness::servers::PrivateServers;
use crate::harness::sink::Sink;

/// An installation that lacks nothing but a worker; its relay is the sink.
fn here(sink: &Sink, amqp_url: &str) -> CommandLine {
    let here = CommandLine::new().with("SMTP_URL", &sink.url()).with("PORTAL_URL", "http://127.0.0.1:1");
    let here = here.with("AMQP_URL", amqp_url);
    here.import_examples();
    here
}

/// Two events that are published.
fn events() -> String {
    ["events/01-invoice-business.json", "events/02-invoice-private.json"].map(example).join(" ")
}

/// Looks for them.
fn doctor(here: &CommandLine) -> Said {
    here.run(&format!("doctor --ledger --json --published {}", events()))
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("no {key}: {row}"))
}

/// What the ledger says beside its sum: result and detail of each finding.
fn findings(said: &Said) -> Vec<(String, String)> {
    let rows = said.json().into_iter().filter(|row| text(row, "check") == "ledger");
    let findings = rows.map(|row| (text(&row, "result").to_owned(), text(&row, "detail").to_owned()));
    findings.filter(|(_, detail)| detail.contains(" was published, and ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_queue_without_a_leader_holds_is_not_lost() {
    let servers = PrivateServers::start_rabbitmq_alone().await;
    let broker = Broker::private(servers.amqp_url()).await;
    let names = &broker.topology;
    let sink = Sink::start().await;
    let here = here(&sink, &servers.amqp_url());
    assert_eq!(here.run(&format!("publish {}", events())).code, 0);
    let said = doctor(&here);
    assert_eq!((said.code, findings(&said).len()), (0, 0), "they stand in the queue: {}", said.stdout);

    let queues = [&names.dead, &names.undelivered, &names.dispatch];
    for queue in queues {
        servers.lead(queue, false).await;
    }
    let said = doctor(&here);
    assert_eq!(said.code, 1, "{}", said.stdout);
    let rows = said.json();
    let failed: Vec<&Value> = rows.iter().filter(|row| row["result"] == "fail").collect();
    assert_eq!(failed.len(), queues.len(), "nothing but the queues: {}", said.stdout);
    for (row, queue) in failed.into_iter().zip(queues) {
        assert_eq!(text(row, "check"), format!("queue {queue}"));
        assert!(text(row, "detail").starts_with(&format!("the broker cannot hand over queue {queue} (")), "{row}");
        assert!(text(row, "what_to_do").contains("\"A queue without a leader\""), "{row}");
    }
    let found = findings(&said);
    let cannot_be_asked = format!("queue {}, queue {} may hold it", names.undelivered, names.dispatch);
    let is_unseen = |(result, detail): &(String, String)| {
        result == "warn" && detail.starts_with("unseen: ") && detail.contains(&cannot_be_asked)
    };
    assert!(found.len() == 2 && found.iter().all(is_unseen), "{found:?}");

    for queue in queues {
        servers.lead(queue, true).await;
    }
    until("every queue has a leader", async || doctor(&here).code == 0).await;
    broker.until_ready(&names.dispatch, 2).await;
    assert_eq!(findings(&doctor(&here)).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consumer_may_hold_is_not_lost() {
    let broker = Broker::new().await;
    let dispatch = broker.topology.dispatch.clone();
    let sink = Sink::start().await;
    let here = here(&sink, &broker.text);
    std::fs::write(here.folder().join("config.toml"), broker.configuration()).expect("the file can be written");
    assert_eq!(here.run(&format!("publish {}", events())).code, 0);

    let held = broker.hold_all(&dispatch, 2).await;
    let said = doctor(&here);
    assert_eq!(said.code, 0, "{}", said.stdout);
    let found = findings(&said);
    let is_unseen = |(result, detail): &(String, String)| {
        result == "warn"
            && detail.starts_with("unseen: ")
            && detail.ends_with("consumers of the queues (1) may hold it")
    };
    assert!(found.len() == 2 && found.iter().all(is_unseen), "{found:?}");

    held.close(200, "done".into()).await.expect("the broker answers");
    broker.until_ready(&dispatch, 2).await;
    assert_eq!(findings(&doctor(&here)).len(), 0);

    // Nothing can hold them now.
    broker.purge(&dispatch).await;
    let said = doctor(&here);
    assert_eq!(said.code, 1, "{}", said.stdout);
    let found = findings(&said);
    let is_lost = |(result, detail): &(String, String)| result == "fail" && detail.starts_with("lost: ");
    assert!(found.len() == 2 && found.iter().all(is_lost), "{found:?}");
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broker_that_is_away_may_hold_is_not_lost() {
    let sink = Sink::start().await;
    let said = doctor(&here(&sink, "amqp://dora:hunter2@127.0.0.1:1/%2f"));
    assert_eq!(said.code, 1, "RabbitMQ is away: {}", said.stdout);
    let found = findings(&said);
    let is_unseen = |(result, detail): &(String, String)| {
        result == "warn" && detail.starts_with("unseen: ") && detail.contains("RabbitMQ may hold it")
    };
    assert!(found.len() == 2 && found.iter().all(is_unseen), "{found:?}");
}

//! Outcomes go back to billing: every end of an invoice arrives, late if the broker is away, and recognisable if twice.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::LazyLock;
use std::time::Duration;

use invoice_dispatcher::broker::{BrokerUrl, Outcomes};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::store::{Store, WaitingOutcomes};
use lapin::ExchangeKind;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};

use crate::harness::broker::{Broker, Proxy, Running, header, short_delays, until};
use crate::harness::database::TestDatabase;
use crate::harness::process::{Process, Site};
use crate::harness::sink::{Act, Script, Sink, Step};
use crate::store::samples::{add_due, add_tenant, add_worker, claim, sent};

/// What the billing system hears from.
const PORTAL: &str = "http://127.0.0.1:8081";

/// What the billing system may expect of an outcome.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../../docs/schemas/invoice-mail-outcome.v1.json");
    let schema = serde_json::from_str(text).expect("JSON");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
});

/// What the processes are configured with: everything of this scenario in the shared broker, and outcomes.
fn configuration(broker: &Broker) -> String {
    broker.configuration() + "outcomes = true\n"
}

/// Binds a queue to the outcomes, as the billing system does; returns its name.
async fn listen(broker: &Broker) -> String {
    let queue = format!("{}.billing", broker.topology.outcomes);
    broker.declare_exchange(&broker.topology.outcomes, ExchangeKind::Topic).await;
    broker.declare_queue(&queue, FieldTable::default()).await.expect("declared");
    broker.bind(&queue, &broker.topology.outcomes, "invoice.mail.*").await;
    queue
}

/// One outcome as it came.
struct Heard {
    routing_key: String,
    event: Value,
}

/// Everything that has come.
async fn hear(broker: &Broker, queue: &str) -> Vec<Heard> {
    let channel = broker.channel().await;
    let mut heard = Vec::new();
    while let Some(got) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("a queue") {
        got.acker.ack(BasicAckOptions::default()).await.expect("acked");
        let properties = &got.delivery.properties;
        assert_eq!(*properties.content_type(), Some("application/cloudevents+json".into()));
        assert_eq!(*properties.delivery_mode(), Some(2), "it survives a restart of the broker");
        let event = serde_json::from_slice(&got.delivery.data).expect("it is JSON");
        assert!(SCHEMA.is_valid(&event), "{event}");
        heard.push(Heard { routing_key: got.delivery.routing_key.to_string(), event });
    }
    heard
}

fn id(heard: &Heard) -> &str {
    heard.event["id"].as_str().expect("every event has an id")
}

async fn until_it_consumes(broker: &Broker) {
    until("the worker consumes", async || broker.consumers(&broker.topology.dispatch).await > 0).await;
}

async fn until_published(database: &TestDatabase) {
    until("the outbox is empty", async || database.number("SELECT COUNT(*) FROM outcome").await == 0).await;
}

async fn clean_up(broker: Broker, queue: &str) {
    broker.delete_queue(queue).await;
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_of_an_invoice_arrives() {
    let (broker, database) = (Broker::new().await, TestDatabase::sqlite_unlocked().await);
    let gone = Act::reply("550 5.1.1 <gone@customer.example> no such user");
    let sink = Sink::scripted(Script::new().on_address("gone@customer.example", Step::Rcpt, gone)).await;
    let site = Site::new(&database.url, Some(&broker.text), &sink).await;
    site.configure(&configuration(&broker));
    let queue = listen(&broker).await;
    let worker = site.start();
    until_it_consumes(&broker).await;

    let plain = site.event("plain", "ap@customer.example");
    let mut again = plain.clone();
    again["id"] = json!("again");
    let mut other_document = site.event("other", "ap@customer.example");
    other_document["data"]["documents"][0]["sha256"] = json!("00".repeat(32));
    let mut late = site.event("late", "ap@customer.example");
    late["data"]["expires_at"] = json!("2001-01-01T00:00:00Z");
    let refused = site.event("refused", "gone@customer.example");
    for event in [&plain, &again, &other_document, &late, &refused] {
        broker.publish_event(event.to_string()).await;
    }
    broker.until_ready(&queue, 5).await;
    until_published(&database).await;
    assert!(worker.stop().await.success());

    let heard: BTreeMap<String, Heard> =
        hear(&broker, &queue).await.into_iter().map(|heard| (heard.routing_key.clone(), heard)).collect();
    for (state, event, class) in [
        ("sent", "plain", "accepted"),
        ("cancelled", "again", "duplicate_invoice"),
        ("dead", "other", "document_mismatch"),
        ("expired", "late", "expired"),
        ("rejected", "refused", "rejected"),
    ] {
        let found = &heard[&format!("invoice.mail.{state}")].event;
        assert_eq!(found["type"], json!(format!("invoice.mail.{state}.v1")));
        assert_eq!((&found["specversion"], &found["source"]), (&json!("1.0"), &json!(PORTAL)));
        let data = &found["data"];
        assert_eq!((&data["state"], &data["class"]), (&json!(state), &json!(class)));
        assert_eq!(data["event"], json!({ "source": "https://billing.example/test", "id": event }));
        assert_eq!(data["invoice"]["kind"], json!("invoice"));
        assert_eq!(found["subject"], data["invoice"]["id"]);
        assert!(!found.to_string().contains("@customer.example"), "no address is told: {found}");
    }
    let sent = &heard["invoice.mail.sent"].event;
    assert_eq!((&sent["data"]["decision"], &sent["subject"]), (&json!("attach"), &json!("inv-plain")));
    let mails = sink.mails();
    let [mail] = mails.as_slice() else { panic!("one mail leaves: {}", mails.len()) };
    let message_id = mail.message_id.as_deref().expect("every mail has a Message-ID");
    let told = sent["data"]["message_id"].as_str().expect("what is sent names its message");
    assert_eq!(message_id.trim_matches(['<', '>']), told.trim_matches(['<', '>']));
    assert_eq!(heard["invoice.mail.rejected"].event["data"]["code"], json!("550 5.1.1"));
    site.assert_adds_up().await;
    clean_up(broker, &queue).await;
}

async fn until_killed(process: Process) {
    let ended = tokio::time::timeout(Duration::from_mins(1), process.until_ended()).await;
    assert!(ended.expect("the process reaches its failpoint").signal().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_twice_has_one_id() {
    let (broker, database) = (Broker::new().await, TestDatabase::sqlite_unlocked().await);
    let sink = Sink::scripted(Script::new()).await;
    let site = Site::new(&database.url, Some(&broker.text), &sink).await;
    site.configure(&configuration(&broker));
    let queue = listen(&broker).await;
    let worker = site.start_failing("after_outcome_confirm:exit");
    until_it_consumes(&broker).await;
    broker.publish_event(site.event("a", "ap@customer.example").to_string()).await;
    until_killed(worker).await;

    // The lease of the dead process would end by itself, in two minutes.
    database.execute("DELETE FROM lease").await;
    let worker = site.start();
    broker.until_ready(&queue, 2).await;
    until_published(&database).await;
    assert!(worker.stop().await.success());
    let heard = hear(&broker, &queue).await;
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].event, heard[1].event);
    assert_eq!(sink.mails().len(), 1);
    site.assert_adds_up().await;
    clean_up(broker, &queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_publishes_nothing_twice() {
    let broker = Broker::new().await;
    let database = with_sent(TestDatabase::postgres().await, 4_000).await;
    let queue = listen(&broker).await;
    let first = publish_outcomes(broker.url.clone(), &broker, &database.store);
    // In the midst of its four steps.
    until("the first outcomes are there", async || broker.ready(&queue).await.is_some_and(|ready| ready > 0)).await;
    first.stop().await;
    let second = publish_outcomes(broker.url.clone(), &broker, &database.store);
    until_waiting(&database, 0).await;
    second.stop().await;
    let heard = hear(&broker, &queue).await;
    let mut ids: Vec<&str> = heard.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((heard.len(), ids.len()), (4_000, 4_000));
    clean_up(broker, &queue).await;
}

/// Deliveries that were sent and whose outcomes wait.
async fn with_sent(mut database: TestDatabase, count: u32) -> TestDatabase {
    database.store = database.store.with_outcomes(true);
    add_tenant(&database, "acme").await;
    send(&database, count).await;
    database
}

async fn send(database: &TestDatabase, count: u32) {
    add_due(database, "acme", count as usize).await;
    let worker = add_worker(database).await;
    let now = database.clock.now();
    let records: Vec<_> = claim(database, worker, count).await.iter().map(|one| sent(one, worker, now)).collect();
    assert_eq!(records.len(), count as usize);
    database.store.record(&records).await.expect("answered");
}

fn publish_outcomes(url: BrokerUrl, broker: &Broker, store: &Store) -> Running {
    let (topology, source) = (broker.topology.clone(), PORTAL.to_owned());
    let outcomes = Outcomes::new(url, topology, source, store.clone(), Clock::system());
    let outcomes = outcomes.with_look(Duration::from_millis(20)).with_delays(short_delays());
    Running::start(|stop| outcomes.run(stop))
}

async fn until_waiting(database: &TestDatabase, count: u64) {
    let waiting = async || {
        let WaitingOutcomes { count: waiting, .. } = database.store.waiting_outcomes().await.expect("answered");
        waiting == count
    };
    until("so many outcomes wait", waiting).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_come_later_if_the_broker_is_away() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    let database = with_sent(TestDatabase::postgres().await, 1).await;
    let queue = listen(&broker).await;
    let running = publish_outcomes(proxy.url(&broker), &broker, &database.store);
    until_waiting(&database, 0).await;
    proxy.refuse(true);
    proxy.cut();
    send(&database, 60).await;
    proxy.until_refused(3).await;
    until_waiting(&database, 60).await;
    proxy.refuse(false);
    until_waiting(&database, 0).await;
    running.stop().await;

    let heard = hear(&broker, &queue).await;
    let mut ids: Vec<&str> = heard.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 61);
    clean_up(broker, &queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_wait_while_a_queue_is_full() {
    let broker = Broker::new().await;
    let queue = format!("{}.billing", broker.topology.outcomes);
    let mut arguments = header("x-overflow", "reject-publish");
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    broker.declare_exchange(&broker.topology.outcomes, ExchangeKind::Topic).await;
    broker.declare_queue(&queue, arguments).await.expect("declared");
    broker.bind(&queue, &broker.topology.outcomes, "#").await;
    let database = with_sent(TestDatabase::postgres().await, 3).await;
    let running = publish_outcomes(broker.url.clone(), &broker, &database.store);
    let mut ids = Vec::new();
    for left in [2, 1, 0] {
        until_waiting(&database, left).await;
        ids.extend(hear(&broker, &queue).await.iter().map(|heard| id(heard).to_owned()));
    }
    running.stop().await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    clean_up(broker, &queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_piles_up_without_a_subscriber() {
    let broker = Broker::new().await;
    let database = with_sent(TestDatabase::postgres().await, 100).await;
    let running = publish_outcomes(broker.url.clone(), &broker, &database.store);
    until_waiting(&database, 0).await;
    running.stop().await;
    broker.clean_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_workers_publishes() {
    let broker = Broker::new().await;
    let database = with_sent(TestDatabase::postgres().await, 1).await;
    let queue = listen(&broker).await;
    let first = publish_outcomes(broker.url.clone(), &broker, &database.store);
    until_waiting(&database, 0).await;
    let clock = Clock::manual(database.clock.now());
    let beside = Store::open_beside(&database.url, clock).await.expect("the database opens");
    let second = publish_outcomes(broker.url.clone(), &broker, &beside);
    send(&database, 200).await;
    until_waiting(&database, 0).await;
    first.stop().await;
    // A worker that stops gives the election back.
    send(&database, 1).await;
    until_waiting(&database, 0).await;
    second.stop().await;
    let heard = hear(&broker, &queue).await;
    assert_eq!(heard.len(), 202, "none is published twice");
    clean_up(broker, &queue).await;
}

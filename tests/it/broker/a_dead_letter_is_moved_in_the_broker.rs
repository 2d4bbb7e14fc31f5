//! Dead letters of the database, mirrored in a real broker, and what people do to them there.

use std::collections::BTreeMap;

use bytes::Bytes;
use invoice_dispatcher::broker::{Consumer, Mirror};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::ids::DeadLetterId;
use invoice_dispatcher::telemetry::Metrics;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::actor;
use crate::harness::broker::{Broker, OFTEN, Running, header, short_delays, text, until};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    a_refused_delivery_stands_in_the_queue_until_it_is_redriven,
    a_dead_letter_moved_by_hand_is_sent_once,
    one_that_the_database_does_not_know_is_an_ordinary_event,
);

/// A dispatcher with one dead letter, which the relay refused because of its sender, and its mirror.
struct Scene {
    broker: Broker,
    sink: Sink,
    dispatcher: Dispatcher,
    mirror: Running,
    event: Value,
}

impl Scene {
    async fn set(database: TestDatabase) -> Self {
        let broker = Broker::new().await;
        let sink = Sink::scripted(Script::new().on(Step::Mail, Act::reply("554 5.7.1 sender refused"))).await;
        let mut dispatcher = Dispatcher::new(database, &sink).await;
        // The mirror's lease and intervals go by a clock that moves by itself.
        let store = dispatcher.app.store.clone();
        let mirror = Mirror::new(broker.url.clone(), broker.topology.clone(), store, Clock::system());
        let mirror = mirror.with_intervals(OFTEN).with_delays(short_delays());
        let mirror = Running::start(|stop| mirror.run(stop));
        let event = dispatcher.event_to("1", &[("to", "secret.person@customer.example")]);
        dispatcher.take(std::slice::from_ref(&event)).await;
        dispatcher.start();
        dispatcher.wait_until_concluded().await;
        sink.behave(Script::new());
        broker.until_ready(&broker.topology.dead, 1).await;
        Self { broker, sink, dispatcher, mirror, event }
    }

    async fn letter(&self) -> String {
        let id = "SELECT LOWER(REPLACE(CAST(id AS TEXT), '-', '')) FROM dead_letter";
        let blob = "SELECT LOWER(HEX(id)) FROM dead_letter";
        let query = if self.dispatcher.app.store.is_single_process() { blob } else { id };
        let id = self.dispatcher.database.texts(query).await.remove(0);
        Uuid::try_parse(&id).expect("an identifier").to_string()
    }

    async fn end(self) {
        self.mirror.stop().await;
        self.dispatcher.finish().await;
        self.broker.clean_up().await;
    }
}

async fn a_refused_delivery_stands_in_the_queue_until_it_is_redriven(database: TestDatabase) {
    let scene = Scene::set(database).await;
    let Scene { broker, dispatcher, .. } = &scene;
    let (body, headers) = broker.first(&broker.topology.dead).await;
    assert_eq!(body, scene.event.to_string(), "the original bytes");
    let letter = scene.letter().await;
    for (name, value) in [
        ("dead-letter-id", letter.as_str()),
        ("tenant", "acme"),
        ("invoice", "R-1"),
        ("event-id", "1"),
        ("class", "refused"),
        ("code", "554 5.7.1"),
        ("phase", "mail"),
        ("first-failed-at", "2026-11-23T09:30:00Z"),
        ("last-failed-at", "2026-11-23T09:30:00Z"),
    ] {
        assert_eq!(text(&headers, &format!("dispatch-{name}")), value);
    }
    assert_eq!(headers["dispatch-attempts"], AMQPValue::LongLongInt(1));
    for name in ["delivery-id", "fingerprint", "hint"] {
        assert!(!text(&headers, &format!("dispatch-{name}")).is_empty(), "{name}");
    }
    assert!(!format!("{headers:?}").contains("customer.example"), "nothing personal: {headers:?}");

    let id = DeadLetterId(Uuid::try_parse(&letter).expect("an identifier"));
    dispatcher.app.redrive.letter(id, &actor("ada")).await.expect("it goes back");
    broker.until_ready(&broker.topology.dead, 0).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM dead_letter WHERE state = 'redriven' AND mirror = 'removed'", 1).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-1 sent accepted attach 1"]);
    assert_eq!(scene.sink.mails().len(), 1);
    scene.end().await;
}

async fn a_dead_letter_moved_by_hand_is_sent_once(database: TestDatabase) {
    let metrics = Metrics::install();
    let scene = Scene::set(database).await;
    let Scene { broker, dispatcher, .. } = &scene;
    let intake = dispatcher.app.intake.clone();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake, Clock::system());
    let consumer = Running::start(|stop| consumer.run(stop));

    // As a shovel or a person does: taken out of one queue, put into the other with body and headers as they are.
    let (body, headers) = broker.drain(&broker.topology.dead).await.remove(0);
    move_to_dispatch(broker, &body, &headers).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM dead_letter WHERE state = 'redriven'", 1).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-1 sent accepted attach 1"]);

    // A person does it again with a copy: it is concluded, so it is taken off the queue and counted.
    let stale = stale_redrives(&metrics);
    move_to_dispatch(broker, &body, &headers).await;
    until("the second one is counted", async || stale_redrives(&metrics) > stale).await;
    broker.until_ready(&broker.topology.dispatch, 0).await;
    consumer.stop().await;
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(0), "acked: it does not come back");
    dispatcher.wait_until("SELECT COUNT(*) FROM dead_letter WHERE mirror = 'removed'", 1).await;
    assert_eq!(dispatcher.states().await, ["R-1 sent accepted attach 1"]);
    assert_eq!(scene.sink.mails().len(), 1);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 1);
    scene.end().await;
}

async fn one_that_the_database_does_not_know_is_an_ordinary_event(database: TestDatabase) {
    let scene = Scene::set(database).await;
    let Scene { broker, dispatcher, .. } = &scene;
    let intake = dispatcher.app.intake.clone();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake, Clock::system());
    let consumer = Running::start(|stop| consumer.run(stop));

    // As after a restore: neither the letter nor its event is known. One of them was no event then either.
    let unknown = || header("dispatch-dead-letter-id", &Clock::system().new_id().to_string());
    let event = dispatcher.event("2", "C-1");
    broker.put(&broker.topology.dispatch, event.to_string(), unknown()).await;
    broker.put(&broker.topology.dispatch, "no event", unknown()).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM delivery WHERE invoice_number = 'R-2'", 1).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM dead_letter WHERE class = 'malformed'", 1).await;
    dispatcher.pass_until_concluded().await;
    broker.until_ready(&broker.topology.dispatch, 0).await;
    consumer.stop().await;
    assert_eq!(dispatcher.states().await, ["R-1 dead refused attach 1", "R-2 sent accepted attach 1"]);
    scene.end().await;
}

async fn move_to_dispatch(broker: &Broker, body: &Bytes, headers: &BTreeMap<String, AMQPValue>) {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.as_str().into(), value.clone());
    }
    broker.put(&broker.topology.dispatch, body, table).await;
}

/// How many moved dead letters were concluded already, in this whole process.
fn stale_redrives(metrics: &Metrics) -> u64 {
    let rendered = metrics.render();
    let line = rendered.lines().find(|line| {
        line.starts_with("invoice_mail_events_consumed_total{") && line.contains("result=\"stale_redrive\"")
    });
    line.and_then(|line| line.rsplit_once(' ')).map_or(0, |(_, count)| count.parse().expect("a count"))
}

//! One tenant has published thousands of events before another publishes one. That one is at the relay soon, while the
//! thousands are still being sent: intake waits for no relay.

use std::time::{Duration, Instant};

use invoice_dispatcher::broker::{Consumer, ConsumerStatus};
use invoice_dispatcher::clock::Clock;
use serde_json::{Value, json};

use crate::harness::broker::{Broker, Running, short_delays, soon, until};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Gate, Script, Sink, SinkState, Step};

on_both_databases!(behind_five_thousand_it_is_at_the_relay_in_its_turn);

/// Thirty seconds are promised, to which `scripts/prove load` holds a release build behind a hundred thousand; here turns
/// are counted.
const PATIENCE: Duration = Duration::from_mins(4);

/// Consumes into the dispatcher's intake.
async fn consume(broker: &Broker, dispatcher: &Dispatcher) -> Running {
    let intake = dispatcher.app.intake.clone();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake, Clock::system());
    let consumer = consumer.with_delays(short_delays());
    let mut status = consumer.status();
    let running = Running::start(|stop| consumer.run(stop));
    soon("consuming", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
    running
}

fn of(template: &Value, tenant: &str, n: usize) -> String {
    let mut event = template.clone();
    event["id"] = json!(format!("{tenant}-{n}"));
    event["data"]["invoice"]["id"] = json!(format!("{tenant}-{n}"));
    event["data"]["tenant_id"] = json!(tenant);
    event["data"]["documents"][0]["object"] = json!(format!("{tenant}/x.pdf"));
    event.to_string()
}

/// How many mails came before the one event's, once that is at the relay.
fn overtaken_at(state: &SinkState) -> Option<usize> {
    state.mails.iter().position(|mail| mail.sender == "rechnung@globex.example")
}

/// A dispatcher, and a queue in which one event stands behind `many` of another tenant.
async fn one_behind(many: usize, database: TestDatabase, relay: TestRelay) -> (Broker, Dispatcher) {
    let broker = Broker::new().await;
    let dispatcher = Dispatcher::with(database, &[relay.connections(4)]).await;
    dispatcher.add_tenant("globex", "exclude").await;
    let mut template = dispatcher.event("x", "C-2");
    template["data"]["documents"] = json!([dispatcher.add_document("acme/x.pdf", b"%PDF-1.4")]);
    dispatcher.add_document("globex/x.pdf", b"%PDF-1.4");
    // The topology is declared, then nothing is consumed while the queue fills.
    consume(&broker, &dispatcher).await.stop().await;
    broker.publish_events((0..many).map(|n| of(&template, "acme", n))).await;
    broker.publish_events(std::iter::once(of(&template, "globex", 0))).await;
    (broker, dispatcher)
}

/// How long the one event behind `many` takes to the relay, with so many workers.
pub(crate) async fn time_of_the_last(database: TestDatabase, many: usize, workers: usize) -> Duration {
    let script = Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(5))).forgetful();
    let sink = Sink::scripted(script).await;
    let (broker, mut dispatcher) = one_behind(many, database, relay("default", &sink)).await;
    let began = Instant::now();
    dispatcher.start();
    let mut others = Vec::new();
    let mut consumers = vec![consume(&broker, &dispatcher).await];
    for _ in 1..workers {
        others.push(dispatcher.start_mortal().await);
        consumers.push(consume(&broker, &dispatcher).await);
    }
    sink.wait_within(PATIENCE, "the event behind the others", |state| overtaken_at(state).is_some()).await;
    let took = began.elapsed();
    for consumer in consumers {
        consumer.stop().await;
    }
    for other in others {
        other.stop().await;
    }
    let before = sink.see(overtaken_at).expect("it was just seen");
    assert!(before < many, "the others were sent before: nothing was shown");
    dispatcher.finish().await;
    broker.clean_up().await;
    took
}

async fn behind_five_thousand_it_is_at_the_relay_in_its_turn(database: TestDatabase) {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(gate.clone())).forgetful()).await;
    let patient = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_mins(10));
    let (broker, mut dispatcher) = one_behind(5_000, database, patient).await;
    dispatcher.start();
    let consumer = consume(&broker, &dispatcher).await;
    // The relay answers nobody meanwhile.
    let taken_in = async || dispatcher.database.number("SELECT COUNT(*) FROM delivery").await == 5_001;
    until("all of the events are taken in", taken_in).await;
    consumer.stop().await;
    gate.open();
    sink.wait_within(PATIENCE, "the event behind the others", |state| overtaken_at(state).is_some()).await;
    let before = sink.see(overtaken_at).expect("it was just seen");
    // Up to sixteen places were taken, and it is claimed together with others.
    assert!(before <= 40, "{before} came before it");
    dispatcher.finish().await;
    broker.clean_up().await;
}

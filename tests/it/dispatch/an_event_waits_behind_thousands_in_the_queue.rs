//! One tenant has published thousands of events before another publishes one. That one is at the relay soon, while the
//! thousands are still being sent: intake waits for no relay.

use std::time::{Duration, Instant};

use invoice_dispatcher::broker::{Consumer, ConsumerStatus};
use invoice_dispatcher::clock::Clock;
use serde_json::{Value, json};

use crate::harness::broker::{Broker, Running, short_delays, soon};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, SinkState, Step};

on_both_databases!(behind_five_thousand_it_is_at_the_relay_before_they_are_sent);

/// Thirty seconds are promised, to which `scripts/prove load` holds a release build behind a hundred thousand; a debug
/// build on a busy machine may need more behind fewer.
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

/// How long the one event behind `many` takes to the relay, with so many workers.
pub(crate) async fn time_of_the_last(database: TestDatabase, many: usize, workers: usize) -> Duration {
    let broker = Broker::new().await;
    let script = Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(5))).forgetful();
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(4)]).await;
    dispatcher.add_tenant("globex", "exclude").await;
    let mut template = dispatcher.event("x", "C-2");
    template["data"]["documents"] = json!([dispatcher.add_document("acme/x.pdf", b"%PDF-1.4")]);
    dispatcher.add_document("globex/x.pdf", b"%PDF-1.4");
    // The topology is declared, then nothing is consumed while the queue fills.
    consume(&broker, &dispatcher).await.stop().await;
    broker.publish_events((0..many).map(|n| of(&template, "acme", n))).await;
    broker.publish_events(std::iter::once(of(&template, "globex", 0))).await;

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

async fn behind_five_thousand_it_is_at_the_relay_before_they_are_sent(database: TestDatabase) {
    let took = time_of_the_last(database, 5_000, 1).await;
    println!("one event behind 5,000: at the relay after {took:?}");
}

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

on_both_databases!(behind_five_thousand_it_is_at_the_relay_within_thirty_seconds);

const PROMISED: Duration = Duration::from_secs(30);

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

fn is_at_the_relay(state: &SinkState) -> bool {
    state.mails.iter().any(|mail| mail.sender == "rechnung@globex.example")
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
    let patience = PROMISED * 4;
    sink.wait_within(patience, "the event behind the others", is_at_the_relay).await;
    let took = began.elapsed();
    for consumer in consumers {
        consumer.stop().await;
    }
    for other in others {
        other.stop().await;
    }
    let left = dispatcher.database.number("SELECT COUNT(*) FROM lane_entry WHERE tenant_id = 'acme'").await;
    assert!(left > 0, "the others were sent before: nothing was shown");
    dispatcher.finish().await;
    broker.clean_up().await;
    took
}

async fn behind_five_thousand_it_is_at_the_relay_within_thirty_seconds(database: TestDatabase) {
    let took = time_of_the_last(database, 5_000, 1).await;
    assert!(took <= PROMISED, "it took {took:?}");
}

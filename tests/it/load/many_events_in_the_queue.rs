//! More events in the queue than memory should ever hold: the worker takes them in and sends them in the same memory
//! from the first to the last.
//!
//! `LOAD_EVENTS` says how many there are, 200,000 if unset.

use std::time::{Duration, Instant};

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use serde_json::{Value, json};

use crate::failure::processes_are_killed::until_concluded;
use crate::harness::process::Site;
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Script, Sink};

/// The worker's default budget for mails in flight.
const BYTES_IN_FLIGHT: u64 = 256 << 20;
/// What a worker with nothing to do takes, generously: code, caches, connections, prefetched events.
const WORKER_ITSELF: u64 = 192 << 20;
/// What the allocator may add between a fifth of the way and its end.
const GROWTH_MAX: u64 = 48 << 20;

fn wanted() -> usize {
    std::env::var("LOAD_EVENTS").map_or(200_000, |text| text.parse().expect("LOAD_EVENTS is a number"))
}

fn event(template: &Value, n: usize) -> Bytes {
    let mut event = template.clone();
    event["id"] = json!(format!("event-{n}"));
    event["data"]["invoice"]["id"] = json!(format!("inv-{n}"));
    event["data"]["invoice"]["number"] = json!(format!("R-{n}"));
    event.to_string().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn the_workers_memory_stays_flat() {
    let wanted = wanted();
    let servers = PrivateServers::start().await;
    let sink = Sink::scripted(Script::new().forgetful()).await;
    let site = Site::new(&servers.database_url(), Some(&servers.amqp_url()), &sink).await;
    let template = site.event("x", "ap@customer.example");
    let url = BrokerUrl::parse(&servers.amqp_url()).expect("the broker's address");
    let publisher = Publisher::new(url, Topology::default(), Clock::system());
    for first in (0..wanted).step_by(1_000) {
        let events: Vec<Bytes> = (first..wanted.min(first + 1_000)).map(|n| event(&template, n)).collect();
        publisher.publish_events(&events).await.expect("the broker takes them");
    }

    let began = Instant::now();
    let worker = site.start();
    let patience = Duration::from_hours(3);
    sink.wait_within(patience, "a fifth of the mails", |state| state.mails.len() >= wanted / 5).await;
    let early = worker.peak_bytes();
    sink.wait_within(patience, "all mails", |state| state.mails.len() >= wanted).await;
    let (late, took) = (worker.peak_bytes(), began.elapsed());
    println!(
        "{wanted} events in {:.0} s; peak {} MiB after a fifth, {} MiB at the end",
        took.as_secs_f64(),
        early >> 20,
        late >> 20
    );
    assert!(late - early <= GROWTH_MAX, "it grew from {early} to {late} bytes");
    assert!(late <= BYTES_IN_FLIGHT + WORKER_ITSELF, "{late} bytes");
    until_concluded(&site.store, i64::try_from(wanted).expect("it fits")).await;
    assert_eq!(sink.mails_and_data_phases(), (wanted, wanted), "each once");
    assert!(worker.stop().await.success());
    site.assert_adds_up().await;
}

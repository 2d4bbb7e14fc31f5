//! Many bodies come at once that are as large as an event may be and are none: what is in memory is bounded in bytes, on the
//! way into the database and on the way into the dead-letter queue.

use std::time::Duration;

use crate::harness::LOOK;
use crate::harness::broker::{Broker, until};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::process::Site;
use crate::harness::sink::{Script, Sink};

on_both_databases!(they_are_kept_and_cost_little_memory);

/// The machine writes and reads 600 MB meanwhile, perhaps beside other work.
const PATIENCE: Duration = Duration::from_mins(5);

/// Between two looks at the queue's length, each over a channel of its own.
const LOOK_AT_QUEUE: Duration = Duration::from_millis(50);

const COUNT: usize = 150;
const BYTES: usize = 1 << 20;
/// What the whole process, a debug build, may have in memory at any time: 101 MiB were measured on PostgreSQL and 159 to 181
/// on SQLite, which works in this process; 235 and 402 before there was a bound for each step.
const PEAK_MAX_POSTGRES: u64 = 180 << 20;
const PEAK_MAX_SQLITE: u64 = 210 << 20;

async fn they_are_kept_and_cost_little_memory(database: TestDatabase) {
    let database = database.unlocked().await;
    let peak_max = if database.store.is_single_process() { PEAK_MAX_SQLITE } else { PEAK_MAX_POSTGRES };
    let broker = Broker::new().await;
    let sink = Sink::scripted(Script::new()).await;
    let site = Site::new(&database.url, Some(&broker.text), &sink).await;
    site.configure(&broker.configuration());
    let worker = site.start();
    until("the queue is consumed", async || broker.consumers(&broker.topology.dispatch).await == 1).await;

    // They gather while the worker stands still, so that it gets as many at once as it asks for.
    worker.signal("-STOP");
    worker.until_stopped().await;
    for number in 0..COUNT {
        let mut body = format!("{number} ").into_bytes();
        body.resize(BYTES, b'x');
        broker.publish_event(body).await;
    }
    worker.signal("-CONT");
    // The queue's length costs nothing to look at. To read `mirror` SQLite walks through the body before it: looking at the
    // rows again and again would read 150 MB each time, and keep the worker's write-ahead log from starting anew.
    let count = u32::try_from(COUNT).expect("few");
    let mirrored = async {
        while broker.ready(&broker.topology.dead).await != Some(count) {
            tokio::time::sleep(LOOK_AT_QUEUE).await;
        }
        let pending = "SELECT COUNT(*) FROM dead_letter WHERE mirror = 'pending'";
        while database.number(pending).await != 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, mirrored).await.expect("all are mirrored");
    let whole = format!(
        "SELECT COUNT(*) FROM dead_letter
         WHERE class = 'malformed' AND mirror = 'published' AND octet_length(body) = {BYTES}"
    );
    assert_eq!(database.number(whole).await, i64::from(count));
    let peak = worker.peak_bytes();
    println!("{COUNT} bodies of {BYTES} bytes: at most {} MiB", peak >> 20);
    assert!(peak < peak_max, "{} MiB", peak >> 20);
    assert!(worker.stop().await.success());
    assert_eq!(broker.drain(&broker.topology.dead).await.len(), COUNT);
    broker.clean_up().await;
}

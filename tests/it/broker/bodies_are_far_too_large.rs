//! Bodies far larger than an event may be cost no memory: what is kept of each is its beginning, its size and its hash,
//! in the database and in the dead-letter queue.

use std::time::Duration;

use invoice_dispatcher::sha256::Sha256;

use crate::harness::LOOK;
use crate::harness::broker::{Broker, until};
use crate::harness::database::TestDatabase;
use crate::harness::process::Site;
use crate::harness::sink::{Script, Sink};

/// The machine writes and reads 600 MB meanwhile, perhaps beside other work.
const PATIENCE: Duration = Duration::from_mins(5);

/// Between two looks at the queue's length, each over a channel of its own.
const LOOK_AT_QUEUE: Duration = Duration::from_millis(50);

/// Each of 15 MB: RabbitMQ 4 takes 16 MiB at most.
const COUNT: usize = 40;
const BYTES: usize = 15_000_000;
/// What the worker may grow by, however many of them come.
const GROWTH_MAX: u64 = 48 << 20;

fn body(number: usize) -> Vec<u8> {
    let mut body = format!("{number} ").into_bytes();
    body.resize(BYTES, b'x');
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn they_cost_no_memory_and_their_size_and_hash_are_kept() {
    let database = TestDatabase::sqlite_unlocked().await;
    let broker = Broker::new().await;
    let sink = Sink::scripted(Script::new()).await;
    let site = Site::new(&database.url, Some(&broker.text), &sink).await;
    site.configure(&broker.configuration());
    let worker = site.start();
    until("the queue is consumed", async || broker.consumers(&broker.topology.dispatch).await == 1).await;
    broker.publish_event(site.event("first", "ap@customer.example").to_string()).await;
    sink.wait_for("the first mail", |state| state.mails.len() == 1).await;
    let before = worker.peak_bytes();

    // They gather while the worker stands still, so that it gets as many at once as it asks for.
    worker.signal("-STOP");
    worker.until_stopped().await;
    for number in 0..COUNT {
        broker.publish_event(body(number)).await;
    }
    worker.signal("-CONT");
    // The queue's length costs nothing to look at; on SQLite a look at the rows reads what is kept of each body.
    let mirrored = async {
        while broker.ready(&broker.topology.dead).await != u32::try_from(COUNT).ok() {
            tokio::time::sleep(LOOK_AT_QUEUE).await;
        }
        while database.number("SELECT COUNT(*) FROM dead_letter WHERE mirror = 'pending'").await != 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, mirrored).await.expect("all are mirrored");
    let published = "SELECT COUNT(*) FROM dead_letter WHERE class = 'malformed' AND mirror = 'published'";
    assert_eq!(database.number(published).await, i64::try_from(COUNT).expect("few"));
    let grown = worker.peak_bytes() - before;
    println!("{COUNT} bodies of {BYTES} bytes: {} MiB more", grown >> 20);
    assert!(grown < GROWTH_MAX, "{} MiB", grown >> 20);
    assert!(worker.stop().await.success());

    let kept = "SELECT COUNT(*) FROM dead_letter WHERE class = 'malformed' AND octet_length(body) = 65536";
    assert_eq!(database.number(kept).await, i64::try_from(COUNT).expect("few"));
    let reasons = database.texts("SELECT reason FROM dead_letter WHERE reason LIKE '%SHA-256%' ORDER BY reason").await;
    let mut expected: Vec<String> = (0..COUNT)
        .map(|number| {
            let sha256 = Sha256::of(&body(number));
            format!("$: has {BYTES} bytes, more than 1048576; its first 65536 are kept, its SHA-256 is {sha256}")
        })
        .collect();
    expected.sort();
    assert_eq!(reasons, expected);
    let mirrored = broker.drain(&broker.topology.dead).await;
    assert_eq!(mirrored.len(), COUNT);
    assert!(mirrored.iter().all(|(body, _)| body.len() == 65_536));
    broker.clean_up().await;
}

//! Many bodies come at once that are as large as an event may be and are none: what is in memory is bounded in bytes, on the
//! way into the database and on the way into the dead-letter queue.

use std::time::Duration;

use crate::harness::LOOK;
use crate::harness::broker::{Broker, Proxy, until};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::process::{Process, Site};
use crate::harness::sink::{Script, Sink};

on_both_databases!(they_are_kept_and_cost_little_memory);

/// The machine writes and reads a gigabyte meanwhile, perhaps on a slow disk beside other work.
const PATIENCE: Duration = Duration::from_mins(15);

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
    let scene = Scene::of(&database.url).await;
    scene.begin().await;
    scene.all_are_mirrored(&database).await;
    assert_eq!(scene.end(peak_max).await, COUNT);
}

#[tokio::test]
async fn they_stay_with_the_broker_when_the_database_goes() {
    let database = TestDatabase::postgres().await;
    let url = url::Url::parse(&database.url).expect("a URL");
    let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
    let proxy = Proxy::to(host, port).await;
    let by_proxy = database.url.replace(&format!("{host}:{port}"), &format!("127.0.0.1:{}", proxy.port()));
    let scene = Scene::of(&by_proxy).await;
    scene.begin().await;
    until("the first are committed", async || database.number("SELECT COUNT(*) FROM dead_letter").await > 0).await;

    // Whatever the broker has sent by then stands before its answer to our close.
    proxy.refuse(true);
    proxy.cut();
    until("nothing is consumed", async || scene.consumers().await == 0).await;
    let taken_in = database.number("SELECT COUNT(*) FROM dead_letter").await;
    assert!(taken_in < i64::try_from(COUNT).expect("few"), "all were taken in before: nothing was shown");
    proxy.refuse(false);
    scene.all_are_mirrored(&database).await;
    // An outage between a confirm and its mark leaves a second copy, which a later pass removes.
    assert!(scene.end(PEAK_MAX_POSTGRES).await >= COUNT);
}

/// A worker that finds all of the bodies in its queue at once.
struct Scene {
    broker: Broker,
    worker: Process,
    _site: Site,
    _sink: Sink,
}

impl Scene {
    async fn of(database_url: &str) -> Self {
        let broker = Broker::new().await;
        let sink = Sink::scripted(Script::new()).await;
        let site = Site::new(database_url, Some(&broker.text), &sink).await;
        site.configure(&broker.configuration());
        let worker = site.start();
        Self { broker, worker, _site: site, _sink: sink }
    }

    /// They gather while the worker stands still, so that it gets as many at once as it asks for.
    async fn begin(&self) {
        until("the queue is consumed", async || self.consumers().await == 1).await;
        self.worker.signal("-STOP");
        self.worker.until_stopped().await;
        for number in 0..COUNT {
            let mut body = format!("{number} ").into_bytes();
            body.resize(BYTES, b'x');
            self.broker.publish_event(body).await;
        }
        self.worker.signal("-CONT");
    }

    async fn consumers(&self) -> u32 {
        self.broker.consumers(&self.broker.topology.dispatch).await
    }

    /// The queue's length costs nothing to look at. To read `mirror` SQLite walks through the body before it: looking at
    /// the rows again and again would read 150 MB each time, and keep the worker's write-ahead log from starting anew.
    async fn all_are_mirrored(&self, database: &TestDatabase) {
        let count = u32::try_from(COUNT).expect("few");
        let mirrored = async {
            while self.broker.ready(&self.broker.topology.dead).await < Some(count) {
                tokio::time::sleep(LOOK_AT_QUEUE).await;
            }
            let pending = "SELECT COUNT(*) FROM dead_letter WHERE mirror = 'pending'";
            while database.number(pending).await != 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(PATIENCE, mirrored).await.is_err() {
            let taken_in = database.number("SELECT COUNT(*) FROM dead_letter").await;
            let mirrored = self.broker.ready(&self.broker.topology.dead).await;
            panic!("{taken_in} of {COUNT} are taken in, {mirrored:?} mirrored");
        }
        let whole = format!(
            "SELECT COUNT(*) FROM dead_letter
             WHERE class = 'malformed' AND mirror = 'published' AND octet_length(body) = {BYTES}"
        );
        assert_eq!(database.number(whole).await, i64::from(count));
    }

    /// Returns how many messages stand in the dead-letter queue.
    async fn end(self, peak_max: u64) -> usize {
        let peak = self.worker.peak_bytes();
        println!("{COUNT} bodies of {BYTES} bytes: at most {} MiB", peak >> 20);
        assert!(peak < peak_max, "{} MiB", peak >> 20);
        assert!(self.worker.stop().await.success());
        let mirrored = self.broker.drain(&self.broker.topology.dead).await.len();
        self.broker.clean_up().await;
        mirrored
    }
}

//! The promise about the queue, at its full size: one event behind a hundred thousand, on one worker and on two.

use std::time::Duration;

use crate::dispatch::an_event_waits_behind_thousands_in_the_queue::time_of_the_last;
use crate::harness::database::TestDatabase;

const MANY: usize = 100_000;

async fn assert_in_time(workers: usize) {
    let took = time_of_the_last(TestDatabase::postgres().await, MANY, workers).await;
    println!("one event behind {MANY}, {workers} worker(s): at the relay after {:.1} s", took.as_secs_f64());
    assert!(took <= Duration::from_secs(30), "it took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn one_worker_has_it_at_the_relay_within_thirty_seconds() {
    assert_in_time(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn two_workers_have_it_at_the_relay_within_thirty_seconds() {
    assert_in_time(2).await;
}

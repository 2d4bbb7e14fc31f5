//! The dispatcher itself is wrong about one delivery: that one ends, and the worker goes on.

use std::sync::Arc;

use invoice_dispatcher::model::state::Concluded;

use crate::failure::processes_are_killed::{count, until_concluded};
use crate::harness::around::{Around, Cell, Kept};

const EVENTS: [(&str, &str); 4] = [
    ("a", "a@customer.example"),
    ("b", "b@customer.example"),
    ("c", "c@customer.example"),
    ("d", "d@customer.example"),
];

/// A panic while a mail is composed or sent is that delivery's dead letter, and for a person to decide once the relay
/// may hold it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_a_dead_letter() {
    let mut cell = Cell::new(&Arc::new(Around::all_well(Kept::Sqlite))).await;
    cell.bring(&EVENTS).await;
    let failpoints = "after_documents:panic@2,before_data_start:panic@2,after_answer:panic@2";
    let worker = cell.site.start_failing(failpoints);
    let counts = until_concluded(&cell.site.store, 4).await;

    let ended = [Concluded::Sent, Concluded::Dead, Concluded::Uncertain].map(|concluded| count(&counts, concluded));
    assert_eq!(ended, [1, 2, 1], "{counts:?}");
    let internal = "SELECT COUNT(*) FROM dead_letter WHERE state = 'open' AND class = 'internal'";
    assert_eq!(cell.database.number(internal).await, 2);
    cell.end(worker).await;
}

/// A panic where an end is written down costs neither the slot nor the delivery: no task knows of it any more, so the
/// heartbeat gives it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_costs_no_slot() {
    let mut cell = Cell::new(&Arc::new(Around::all_well(Kept::Sqlite))).await;
    cell.bring(&EVENTS).await;
    let worker = cell.site.start_failing("before_record:panic@1");
    let counts = until_concluded(&cell.site.store, 4).await;

    assert_eq!((count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain)), (3, 1), "{counts:?}");
    cell.end(worker).await;
}

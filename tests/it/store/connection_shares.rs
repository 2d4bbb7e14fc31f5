//! What the workers show each other of the connections to a relay that they use.

use invoice_dispatcher::model::ids::{RelayName, WorkerId};
use invoice_dispatcher::store::SharingLane;

use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::store::samples::relay;

on_both_databases!(
    each_sees_what_the_others_use,
    of_workers_that_take_at_once_each_sees_what_the_others_took,
    the_schema_before_knows_no_shares
);

async fn registered(database: &TestDatabase, relays: &[RelayName]) -> WorkerId {
    let worker = WorkerId(new_id());
    database.store.register_worker(worker, "test", relays).await.expect("the worker is registered");
    worker
}

const fn lane(worker: WorkerId, connections: u32, asks: bool, looks: i64) -> SharingLane {
    SharingLane { worker, connections, asks, looks }
}

/// Shows that `worker` uses so many; returns the others, and whether it has a lane.
async fn show(database: &TestDatabase, worker: WorkerId, connections: u32, asks: bool) -> (Vec<SharingLane>, bool) {
    database.store.show_connections(&relay(), lane(worker, connections, asks, 0)).await.expect("answered")
}

async fn each_sees_what_the_others_use(database: TestDatabase) {
    let first = registered(&database, &[relay()]).await;
    let elsewhere = registered(&database, &[RelayName::from("other")]).await;
    let second = registered(&database, &[relay(), RelayName::from("other")]).await;
    assert!(first < elsewhere && elsewhere < second, "ids are in the order of the starts");

    assert_eq!(show(&database, first, 0, true).await, (vec![lane(second, 0, true, 0)], true));
    assert!(!show(&database, elsewhere, 0, true).await.1, "it does not know the relay");
    let mut seen = Vec::new();
    let take = |others: &[SharingLane]| {
        seen = others.to_vec();
        4
    };
    assert!(database.store.take_connections(&relay(), first, take).await.expect("answered"));
    assert_eq!(seen, [lane(second, 0, true, 0)]);
    assert_eq!(show(&database, second, 0, true).await.0, [lane(first, 4, true, 2)]);
    show(&database, first, 3, false).await;
    assert_eq!(show(&database, second, 0, true).await.0, [lane(first, 3, false, 3)]);
    database.store.remove_worker(first).await.expect("answered");
    assert!(!show(&database, first, 4, true).await.1, "it is called dead");
    assert_eq!(show(&database, second, 0, true).await, (Vec::new(), true));
}

async fn of_workers_that_take_at_once_each_sees_what_the_others_took(database: TestDatabase) {
    const CONNECTIONS: u32 = 20;
    let mut workers = Vec::new();
    for _ in 0..8 {
        workers.push(registered(&database, &[relay()]).await);
    }
    let takers = workers.into_iter().map(|worker| {
        let store = database.store.clone();
        tokio::spawn(async move {
            // Each takes half of what is left.
            let take = |others: &[SharingLane]| {
                (CONNECTIONS - others.iter().map(|lane| lane.connections).sum::<u32>()).div_ceil(2)
            };
            store.take_connections(&relay(), worker, take).await.expect("answered");
        })
    });
    for taker in takers.collect::<Vec<_>>() {
        taker.await.expect("none of them panics, as it would if less than nothing were left");
    }
    let taken = database.number("SELECT SUM(connections) FROM worker_relay").await;
    assert_eq!(taken, i64::from(CONNECTIONS), "10, 5, 3, 1, 1 and nothing more");
}

async fn the_schema_before_knows_no_shares(database: TestDatabase) {
    let (worker, other) = (registered(&database, &[relay()]).await, registered(&database, &[relay()]).await);
    show(&database, worker, 4, false).await;
    database.migrate_down_and_up("0016_connection_shares", async |_| ()).await;
    let before = lane(worker, 0, true, 0);
    assert_eq!(show(&database, other, 0, true).await.0, [before], "it asks, and uses none until it has looked");
}

//! What the workers show each other of the connections to a relay that they use.

use invoice_dispatcher::model::ids::{RelayName, WorkerId};
use invoice_dispatcher::store::SharingLane;

use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::store::samples::relay;

on_both_databases!(each_sees_what_the_others_use, the_schema_before_knows_no_shares);

async fn registered(database: &TestDatabase, relays: &[RelayName]) -> WorkerId {
    let worker = WorkerId(new_id());
    database.store.register_worker(worker, "test", relays).await.expect("the worker is registered");
    worker
}

/// Shows that `worker` uses so many; returns what it saw of all.
async fn show(database: &TestDatabase, worker: WorkerId, connections: u32, asks: bool) -> Option<Vec<SharingLane>> {
    let mut seen = None;
    let decide = |lanes: &[SharingLane], own: SharingLane| {
        seen = Some(lanes.to_vec());
        SharingLane { connections, asks, ..own }
    };
    let shown = database.store.share_connections(&relay(), worker, decide).await.expect("answered");
    assert_eq!(shown, seen.is_some());
    seen
}

async fn each_sees_what_the_others_use(database: TestDatabase) {
    let first = registered(&database, &[relay()]).await;
    let elsewhere = registered(&database, &[RelayName::from("other")]).await;
    let second = registered(&database, &[relay(), RelayName::from("other")]).await;
    assert!(first < elsewhere && elsewhere < second, "ids are in the order of the starts");
    let lane = |worker, connections, asks, looks| SharingLane { worker, connections, asks, looks };

    assert_eq!(
        show(&database, first, 4, true).await,
        Some(vec![lane(first, 0, true, 0), lane(second, 0, true, 0)]),
        "nobody uses any yet, and one worker does not know the relay"
    );
    assert_eq!(show(&database, elsewhere, 4, true).await, None);
    show(&database, first, 3, false).await;
    assert_eq!(show(&database, second, 1, true).await, Some(vec![lane(first, 3, false, 2), lane(second, 0, true, 0)]));
    database.store.remove_worker(first).await.expect("answered");
    assert_eq!(show(&database, first, 4, true).await, None, "it is called dead");
    assert_eq!(show(&database, second, 1, true).await, Some(vec![lane(second, 1, true, 1)]));
}

async fn the_schema_before_knows_no_shares(database: TestDatabase) {
    let worker = registered(&database, &[relay()]).await;
    show(&database, worker, 4, false).await;
    database.migrate_down_and_up("0016_connection_shares", async |_| ()).await;
    let before = SharingLane { worker, connections: 0, asks: true, looks: 0 };
    assert_eq!(show(&database, worker, 4, true).await, Some(vec![before]), "it asks and uses none until it has looked");
}

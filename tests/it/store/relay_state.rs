//! The shared state of a relay: one writer wins, one worker probes, and people's pause survives.

use std::time::Duration;

use invoice_dispatcher::model::ids::WorkerId;
use invoice_dispatcher::model::state::BreakerState;
use invoice_dispatcher::store::RelayState;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::store::samples::relay;

on_both_databases!(
    a_change_counts_only_upon_what_it_was_decided,
    one_worker_probes_at_a_time,
    a_pause_is_nobody_elses_to_end,
);

fn opened(database: &TestDatabase, from: RelayState) -> RelayState {
    let now = database.clock.now();
    RelayState {
        breaker: BreakerState::Open,
        reason: Some("535 5.7.8".to_owned()),
        opened_at: Some(now),
        probe_at: Some(now.plus(Duration::from_secs(15))),
        ..from
    }
}

async fn a_change_counts_only_upon_what_it_was_decided(database: TestDatabase) {
    let store = &database.store;
    let closed = store.relay_state(&relay()).await.expect("answered");
    assert_eq!(closed, RelayState::closed(relay()));
    let open = opened(&database, closed.clone());
    assert!(store.change_breaker(&open).await.expect("answered"));
    assert!(!store.change_breaker(&open).await.expect("answered"), "another was first");
    let now = store.relay_state(&relay()).await.expect("answered");
    assert_eq!(now, RelayState { version: 1, ..open });
    assert!(store.change_breaker(&RelayState { version: 1, ..closed }).await.expect("answered"));
    let now = store.relay_states().await.expect("answered");
    assert_eq!(now.iter().map(|state| (state.breaker, state.version)).collect::<Vec<_>>(), [(BreakerState::Closed, 2)]);
}

async fn one_worker_probes_at_a_time(database: TestDatabase) {
    let store = &database.store;
    let (one, other) = (WorkerId(new_id()), WorkerId(new_id()));
    assert!(store.change_breaker(&opened(&database, RelayState::closed(relay()))).await.expect("answered"));
    let lease = || database.clock.now().plus(Duration::from_mins(1));
    assert!(!store.take_probe(&relay(), one, lease()).await.expect("answered"), "not due yet");
    database.clock.advance(Duration::from_secs(15));
    assert!(store.take_probe(&relay(), one, lease()).await.expect("answered"));
    assert!(!store.take_probe(&relay(), other, lease()).await.expect("answered"), "one probes already");
    database.clock.advance(Duration::from_mins(1));
    assert!(store.take_probe(&relay(), other, lease()).await.expect("answered"), "the lease ran out");
}

async fn a_pause_is_nobody_elses_to_end(database: TestDatabase) {
    let store = &database.store;
    store.pause_relay(&relay(), true, &actor("ops")).await.expect("answered");
    let paused = store.relay_state(&relay()).await.expect("answered");
    assert_eq!((paused.paused, paused.paused_by.as_deref()), (true, Some("ops")));
    assert!(store.change_breaker(&opened(&database, RelayState { paused: false, ..paused })).await.expect("answered"));
    assert!(store.relay_state(&relay()).await.expect("answered").paused);
    store.pause_relay(&relay(), false, &actor("ops")).await.expect("answered");
    let resumed = store.relay_state(&relay()).await.expect("answered");
    assert!(!resumed.paused && resumed.paused_by.is_none());
    assert_eq!(resumed.probe_at, Some(database.clock.now()), "it is probed at once");
}

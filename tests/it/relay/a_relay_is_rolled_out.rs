//! A tenant moves to a new relay while only some workers are configured with it, or none.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::tenant::Tenant;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::Sink;

on_both_databases!(what_no_worker_knows_is_given_up_after_ten_minutes);

async fn move_acme_to_the_new_relay(dispatcher: &Dispatcher) {
    let store = &dispatcher.app.store;
    let acme = store.tenant(&TenantId::from("acme"), &TenantScope::All).await.expect("answered").expect("it is known");
    store.upsert_tenant(&Tenant { relay: "new".into(), ..acme }, &actor("billing")).await.expect("answered");
}

/// A delivery that waits for the new relay, and was seen by a worker that does not know it.
async fn waits_for_the_new_relay(dispatcher: &Dispatcher) {
    dispatcher.take(&[dispatcher.event("1", "C-1")]).await;
    // The event finds its tenant at the old relay, where nothing is sent; then the tenant moves.
    move_acme_to_the_new_relay(dispatcher).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM lane_entry WHERE relay = 'new'", 1).await;
    // The worker looks at relays about as often as it beats.
    let beats = dispatcher.database.number("SELECT beats FROM worker").await;
    dispatcher.pass_until(&format!("SELECT COUNT(*) FROM worker WHERE beats >= {}", beats + 3), 1).await;
}

/// The relay `default`, paused, so that nothing goes out by it.
async fn with_the_old_relay_alone(database: TestDatabase, sink: &Sink) -> Dispatcher {
    let dispatcher = Dispatcher::new(database, sink).await;
    dispatcher.app.store.pause_relay(&"default".into(), true, &actor("the test")).await.expect("answered");
    dispatcher
}

async fn what_no_worker_knows_is_given_up_after_ten_minutes(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = with_the_old_relay_alone(database, &sink).await;
    dispatcher.start();
    waits_for_the_new_relay(&dispatcher).await;
    dispatcher.database.clock.advance(Duration::from_mins(10));
    dispatcher.pass_until("SELECT COUNT(*) FROM dead_letter WHERE class = 'unknown_relay'", 1).await;
    dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_worker_leaves_it_to_the_new_one() {
    let (old_sink, new_sink) = (Sink::start().await, Sink::start().await);
    let dispatcher = with_the_old_relay_alone(TestDatabase::postgres().await, &old_sink).await;
    let old = dispatcher.start_mortal().await;
    waits_for_the_new_relay(&dispatcher).await;
    dispatcher.database.clock.advance(Duration::from_mins(9));

    let relays = [relay("default", &old_sink), relay("new", &new_sink)];
    let mut dispatcher = dispatcher.reconfigured(&relays);
    dispatcher.start();
    dispatcher.pass_until_seen(&new_sink, "the mail", |state| state.mails.len() == 1).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-1 sent accepted attach 1"]);
    assert!(dispatcher.dead_letters().await.is_empty());
    old.stop().await;
    dispatcher.finish().await;
}

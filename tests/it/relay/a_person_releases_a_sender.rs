//! A relay refuses a sender, and a person holds everything, or pauses the tenant, before they release the sender. What tripped
//! the hold has had its chance as well as what its sender's hold holds: it goes last, and trips no other one.

use std::time::Duration;

use invoice_dispatcher::model::ids::{RelayName, TenantId};
use invoice_dispatcher::store::{HeldCounts, LetGoCounts, PauseChange};

use super::senders::{holds, mails, pass};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    what_nobody_holds_besides_ends,
    what_a_person_holds_ends_when_it_is_let_go,
    what_a_pause_holds_ends_when_the_tenant_is_resumed,
    what_a_person_holds_goes_last_where_the_relay_takes_the_sender,
);

const SENDER: &str = "rechnung@acme.example";
const BY_SENDER: &str =
    "SELECT COUNT(*) FROM lane_entry WHERE held LIKE 'the relay refuses its sender%' AND state = 'due'";
const BY_PAUSE: &str = "SELECT COUNT(*) FROM lane_entry WHERE held = 'tenant paused' AND state = 'due'";
const DEAD: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'dead'";
const RELEASED: &str = "SELECT COUNT(*) FROM delivery WHERE tripped_at = 0";

/// As many as trip a hold, and fewer.
const FIRST: usize = 5;
const LATER: usize = 3;

/// The first ones have tripped the hold, and wait for it.
async fn tripped(database: TestDatabase) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(Script::new().on_sender(SENDER, Step::Mail, Act::reply("550 5.7.1 not you"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&mails(&dispatcher, "acme", "first", FIRST, FIRST)).await;
    dispatcher.pass_until(BY_SENDER, 5).await;
    (dispatcher, sink)
}

async fn take_later(dispatcher: &Dispatcher) {
    dispatcher.take(&mails(dispatcher, "acme", "later", LATER, LATER)).await;
}

async fn hold_all(dispatcher: &Dispatcher) -> HeldCounts {
    let database = &dispatcher.database;
    database.store.hold(database.clock.now(), None, &actor("ada")).await.expect("the database answers")
}

async fn let_all_go(dispatcher: &Dispatcher) -> LetGoCounts {
    dispatcher.database.store.let_go(None, &actor("ada")).await.expect("the database answers")
}

async fn release(dispatcher: &Dispatcher) {
    let store = &dispatcher.database.store;
    let released = store.release_sender(&RelayName::from("default"), SENDER, &actor("billing")).await;
    assert!(released.expect("the database answers"), "it was held");
    assert_eq!(dispatcher.database.number(RELEASED).await, 5);
}

/// Each has ended by its refusal, and no hold has taken it back.
async fn all_are_dead(dispatcher: Dispatcher) {
    dispatcher.pass_until(DEAD, 8).await;
    pass(&dispatcher, Duration::from_mins(1)).await;
    assert!(holds(&dispatcher.database).await.is_empty(), "no second hold");
    assert_eq!(dispatcher.database.number(DEAD).await, 8);
    assert_eq!(dispatcher.database.number(RELEASED).await, 5);
    dispatcher.finish().await;
}

async fn what_nobody_holds_besides_ends(database: TestDatabase) {
    let (dispatcher, _sink) = tripped(database).await;
    release(&dispatcher).await;
    take_later(&dispatcher).await;
    all_are_dead(dispatcher).await;
}

async fn what_a_person_holds_ends_when_it_is_let_go(database: TestDatabase) {
    let (dispatcher, _sink) = tripped(database).await;
    assert_eq!(hold_all(&dispatcher).await, HeldCounts { held: 5, under_way: 0 });
    release(&dispatcher).await;
    take_later(&dispatcher).await;
    dispatcher.pass_until(DEAD, 3).await;
    assert!(holds(&dispatcher.database).await.is_empty(), "three refusals hold nobody");
    assert_eq!(let_all_go(&dispatcher).await, LetGoCounts { let_go: 5, tenant_paused: 0 });
    all_are_dead(dispatcher).await;
}

async fn what_a_pause_holds_ends_when_the_tenant_is_resumed(database: TestDatabase) {
    let (dispatcher, _sink) = tripped(database).await;
    let (store, acme) = (dispatcher.database.store.clone(), TenantId::from("acme"));
    let paused = store.pause_tenant(&acme, &actor("ada"), "a wrong price").await.expect("the database answers");
    assert_eq!(paused, PauseChange::Done { deliveries: 5 });
    release(&dispatcher).await;
    take_later(&dispatcher).await;
    dispatcher.pass_until(BY_PAUSE, 8).await;
    let resumed = store.resume_tenant(&acme, &actor("ada")).await.expect("the database answers");
    assert_eq!(resumed, PauseChange::Done { deliveries: 8 });
    all_are_dead(dispatcher).await;
}

async fn what_a_person_holds_goes_last_where_the_relay_takes_the_sender(database: TestDatabase) {
    let (dispatcher, sink) = tripped(database).await;
    take_later(&dispatcher).await;
    dispatcher.pass_until(BY_SENDER, 8).await;
    assert_eq!(hold_all(&dispatcher).await, HeldCounts { held: 8, under_way: 0 });
    sink.behave(Script::new());
    release(&dispatcher).await;
    assert_eq!(let_all_go(&dispatcher).await, LetGoCounts { let_go: 8, tenant_paused: 0 });
    dispatcher.pass_until_concluded().await;
    let recipients: Vec<String> = sink.mails().iter().flat_map(|mail| mail.recipients.clone()).collect();
    assert_eq!(recipients.len(), FIRST + LATER);
    assert!(recipients[..LATER].iter().all(|address| address.starts_with("later+")), "{recipients:?}");
    dispatcher.finish().await;
}

//! The relay takes few connections of us, and those that we have only wait for an email: they make room.

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Script, Sink};

on_both_databases!(they_make_room_for_other_emails, they_make_room_for_a_probe);

const CONNECTIONS_MAX: usize = 2;

/// A dispatcher with more connections than its relay takes, all of which wait for an email.
async fn all_wait(database: TestDatabase) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(Script::new().connections_max(CONNECTIONS_MAX)).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(8)]).await;
    let events: Vec<_> = (0..CONNECTIONS_MAX).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    sink.wait_for("connections that wait", |state| state.open == CONNECTIONS_MAX).await;
    (dispatcher, sink)
}

async fn they_make_room_for_other_emails(database: TestDatabase) {
    let (dispatcher, sink) = all_wait(database).await;
    // As many as there are connections not made yet: each of these takes one, and is turned away.
    let events: Vec<_> = (0..6).map(|n| dispatcher.event(&format!("more-{n}"), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (8, 8));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE version > 0").await, 0);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE attempts = 1").await, 8);
    dispatcher.finish().await;
}

async fn they_make_room_for_a_probe(database: TestDatabase) {
    let (dispatcher, sink) = all_wait(database).await;
    let now = dispatcher.database.clock.now().0;
    dispatcher
        .database
        .execute(format!(
            "INSERT INTO relay_state (relay, breaker, reason, opened_at, probes, probe_at, version)
             VALUES ('default', 'open', 'it was away', {now}, 0, {now}, 1)"
        ))
        .await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'half_open'", 1).await;
    assert_eq!(sink.see(|state| state.connections), CONNECTIONS_MAX + 1, "the first probe was turned away");
    dispatcher.take(&[dispatcher.event("later", "C-1")]).await;
    dispatcher.pass_until_concluded().await;
    dispatcher.finish().await;
}

//! The database commits and its answer is lost, as when the connection breaks at that moment: the row says that a
//! worker has it, the worker lives, and does not know.

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

on_both_databases!(a_claim_nobody_knows_of_is_given_back, a_start_nobody_can_record_is_uncertain);

/// A running worker, and one delivery that lies in wait for the test.
async fn with_one_waiting(database: TestDatabase, sink: &Sink) -> Dispatcher {
    let mut dispatcher = Dispatcher::new(database, sink).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM worker", 1).await;
    let mut event = dispatcher.event("a", "C-1");
    event["data"]["not_before"] = "2026-11-24T00:00:00Z".into();
    dispatcher.take(&[event]).await;
    dispatcher
}

/// What a claim leaves behind.
const CLAIMED: &str = "UPDATE lane_entry
    SET state = 'sending', worker_id = (SELECT id FROM worker), claim = claim + 1, due_at = NULL";

async fn a_claim_nobody_knows_of_is_given_back(database: TestDatabase) {
    let sink = Sink::start().await;
    let dispatcher = with_one_waiting(database, &sink).await;
    assert_eq!(dispatcher.database.execute(CLAIMED).await, 1);
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_start_nobody_can_record_is_uncertain(database: TestDatabase) {
    let sink = Sink::start().await;
    let dispatcher = with_one_waiting(database, &sink).await;
    let digest = if dispatcher.database.store.is_single_process() { "randomblob(32)" } else { "sha256('message')" };
    let started =
        format!("{CLAIMED}, data_started = TRUE, decision = 'attach', message_sha256 = {digest}, message_date = 0");
    assert_eq!(dispatcher.database.execute(started).await, 1);
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 0"]);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    dispatcher.finish().await;
}

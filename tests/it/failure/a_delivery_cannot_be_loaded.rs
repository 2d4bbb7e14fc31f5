//! What the database holds of a delivery cannot be read, or is not there: it ends with a reason, and no other delivery
//! waits.

use invoice_dispatcher::model::reason::ReasonCode;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

on_both_databases!(
    it_is_a_dead_letter_and_the_others_of_its_claim_go_out,
    no_delivery_suffers_for_a_schema_that_does_not_fit
);

async fn it_is_a_dead_letter_and_the_others_of_its_claim_go_out(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let events: Vec<_> = (0..8).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    let database = &dispatcher.database;
    database.execute("UPDATE delivery SET recipients = 'none' WHERE invoice_number = 'R-2'").await;
    database.execute("UPDATE delivery SET recipients = '[{\"role\":\"to\"}]' WHERE invoice_number = 'R-5'").await;
    database.execute("UPDATE event SET body = NULL WHERE event_id = '3'").await;
    // The relay may hold this one: that is for a person to decide.
    database.execute("UPDATE event SET body = NULL WHERE event_id = '6'").await;
    let sixth = "(SELECT id FROM delivery WHERE invoice_number = 'R-6')";
    let digest = if database.store.is_single_process() { "zeroblob(32)" } else { "sha256('a message')" };
    let out = format!("UPDATE lane_entry SET may_be_out = TRUE, message_sha256 = {digest}, message_date = 0");
    database.execute(format!("{out} WHERE delivery_id = {sixth}")).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.dead_letters().await, ["2", "3", "5"].map(|n| format!("R-{n} internal - - 0")));
    assert_eq!(sink.mails_and_data_phases(), (4, 4));
    let database = &dispatcher.database;
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'").await, 1);
    assert_eq!(
        database.number("SELECT CAST(MAX(claim) AS BIGINT) FROM delivery").await,
        1,
        "nothing is claimed again and again"
    );
    let reasons = database.texts("SELECT reason FROM dead_letter ORDER BY invoice_number").await;
    assert!(reasons[0].contains("recipients") && reasons[1].contains("have been deleted"), "{reasons:?}");
    let named = format!(
        "SELECT COUNT(*) FROM dead_letter WHERE source IS NOT NULL AND event_id IS NOT NULL
        AND customer_id = 'C-1' AND hint = '{}'",
        ReasonCode::Internal.hint()
    );
    assert_eq!(database.number(named).await, 3);
    // The books can only be held against what can be read.
    database.execute("UPDATE delivery SET recipients = '[]' WHERE concluded = 'dead'").await;
    dispatcher.finish().await;
}

async fn no_delivery_suffers_for_a_schema_that_does_not_fit(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.database.execute("ALTER TABLE tenant_profile RENAME TO mislaid").await;
    dispatcher.start();
    // Claimed in vain, and given back: nothing is wrong with it.
    dispatcher.pass_until("SELECT COUNT(*) FROM lane_entry WHERE claim >= 2", 1).await;
    dispatcher.database.execute("ALTER TABLE mislaid RENAME TO tenant_profile").await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    dispatcher.finish().await;
}

//! A document is missing, another one, or out of reach: the mail waits or is given up, and is never sent without; nor is
//! a link to what is not there.

use std::time::Duration;

use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Sink, Step};

on_both_databases!(
    a_document_that_appears_within_ten_minutes_is_sent,
    a_document_that_never_appears_makes_a_dead_letter,
    another_document_under_the_key_is_never_sent,
    a_store_that_is_away_costs_no_attempt,
    a_link_waits_for_a_document_that_is_not_there,
    a_link_to_what_never_comes_or_is_another_makes_a_dead_letter,
    a_link_goes_out_while_the_store_is_away,
    where_nobody_reaches_the_documents_none_is_asked_for,
);

const MISSED: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND last_class = 'document_missing'";

fn remove(dispatcher: &Dispatcher, object: &str) {
    std::fs::remove_file(dispatcher.documents().join(object)).expect("the document was there");
}

async fn a_document_that_appears_within_ten_minutes_is_sent(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-1");
    remove(&dispatcher, "acme/a.pdf");
    dispatcher.start();
    dispatcher.take(&[event]).await;
    dispatcher.wait_until(MISSED, 1).await;
    dispatcher.database.clock.advance(Duration::from_mins(9));
    let looked_again = format!("{MISSED} AND claim >= 2");
    dispatcher.pass_until(&looked_again, 1).await;
    assert_eq!(sink.see(|state| state.count(Step::Mail)), 0);
    dispatcher.event("a", "C-1");
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(dispatcher.attempts().await, ["R-a accepted final_dot 250 2.0.0"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_document_that_never_appears_makes_a_dead_letter(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let mut event = dispatcher.event("a", "C-1");
    let present = dispatcher.add_document("acme/present.pdf", b"%PDF-1.4");
    event["data"]["documents"].as_array_mut().expect("an array").insert(0, present);
    remove(&dispatcher, "acme/a.pdf");
    let began = dispatcher.database.clock.now();
    dispatcher.start();
    dispatcher.take(&[event]).await;
    dispatcher.wait_until(MISSED, 1).await;
    dispatcher.pass_until_concluded().await;

    let waited = dispatcher.database.clock.now().since(began);
    assert!((Duration::from_mins(10)..Duration::from_mins(15)).contains(&waited), "{waited:?}");
    assert_eq!(dispatcher.states().await, ["R-a dead document_missing - 0"]);
    assert_eq!(dispatcher.dead_letters().await, ["R-a document_missing - - 0"]);
    let reason = dispatcher.database.texts("SELECT reason FROM dead_letter").await;
    assert_eq!(reason, ["acme/a.pdf is not in the document store"]);
    assert_eq!(sink.see(|state| state.commands.len()), 0, "the relay was never asked");
    dispatcher.finish().await;
}

async fn another_document_under_the_key_is_never_sent(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let (size, digest, second) =
        (dispatcher.event("size", "C-1"), dispatcher.event("digest", "C-1"), dispatcher.event("second", "C-1"));
    dispatcher.add_document("acme/size.pdf", b"longer than the document of the event");
    let right = std::fs::read(dispatcher.documents().join("acme/digest.pdf")).expect("it is there");
    dispatcher.add_document("acme/digest.pdf", &right.to_ascii_uppercase());
    let mut second = second;
    let mut wrong = dispatcher.add_document("acme/wrong.pdf", b"%PDF-1.4 right");
    wrong["sha256"] = json!("0".repeat(64));
    second["data"]["documents"].as_array_mut().expect("an array").push(wrong);
    dispatcher.start();
    dispatcher.take(&[size, digest, second]).await;
    dispatcher.wait_until_concluded().await;

    let expected = ["digest", "second", "size"].map(|id| format!("R-{id} dead document_mismatch - 0"));
    assert_eq!(dispatcher.states().await, expected);
    let letters = ["digest", "second", "size"].map(|id| format!("R-{id} document_mismatch - - 0"));
    assert_eq!(dispatcher.dead_letters().await, letters);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    dispatcher.finish().await;
}

async fn a_store_that_is_away_costs_no_attempt(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-1");
    let (here, away) = (dispatcher.documents(), dispatcher.documents().with_extension("away"));
    std::fs::rename(&here, &away).expect("the folder can be renamed");
    dispatcher.start();
    dispatcher.take(&[event]).await;
    let again = "SELECT COUNT(*) FROM lane_entry WHERE claim >= 5 AND attempts = 0 AND last_class = 'dependency'";
    dispatcher.pass_until(again, 1).await;
    // Longer than a missing document is waited for.
    dispatcher.database.clock.advance(Duration::from_hours(2));
    dispatcher.pass_until(&again.replace('5', "8"), 1).await;
    std::fs::rename(&away, &here).expect("the folder can be renamed");
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_link_waits_for_a_document_that_is_not_there(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-2");
    remove(&dispatcher, "acme/a.pdf");
    dispatcher.start();
    dispatcher.take(&[event]).await;
    dispatcher.wait_until(MISSED, 1).await;
    dispatcher.database.clock.advance(Duration::from_mins(9));
    dispatcher.pass_until(&format!("{MISSED} AND claim >= 2"), 1).await;
    assert_eq!(sink.see(|state| state.count(Step::Mail)), 0);
    dispatcher.event("a", "C-2");
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_link_to_what_never_comes_or_is_another_makes_a_dead_letter(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let (absent, size) = (dispatcher.event("absent", "C-2"), dispatcher.event("size", "C-2"));
    remove(&dispatcher, "acme/absent.pdf");
    dispatcher.add_document("acme/size.pdf", b"longer than the document of the event");
    let began = dispatcher.database.clock.now();
    dispatcher.start();
    dispatcher.take(&[absent, size]).await;
    dispatcher.pass_until_concluded().await;

    let waited = dispatcher.database.clock.now().since(began);
    assert!((Duration::from_mins(10)..Duration::from_mins(15)).contains(&waited), "{waited:?}");
    assert_eq!(dispatcher.states().await, ["R-absent dead document_missing - 0", "R-size dead document_mismatch - 0"]);
    assert_eq!(sink.see(|state| state.commands.len()), 0, "the relay was never asked");
    dispatcher.finish().await;
}

async fn a_link_goes_out_while_the_store_is_away(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-2");
    std::fs::rename(dispatcher.documents(), dispatcher.documents().with_extension("away")).expect("it can be renamed");
    dispatcher.start();
    dispatcher.take(&[event]).await;
    dispatcher.wait_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

/// A Bcc has no link; where the portal is closed, the mail names whom to ask.
async fn where_nobody_reaches_the_documents_none_is_asked_for(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let mut event = dispatcher.event_to("a", &[("bcc", "archive@acme.example")]);
    event["data"]["customer_id"] = json!("C-2");
    remove(&dispatcher, "acme/a.pdf");
    dispatcher.start();
    dispatcher.take(&[event]).await;
    dispatcher.wait_until(MISSED, 1).await;
    sink.wait_for("the Bcc", |state| state.mails.len() == 1).await;
    assert_eq!(sink.mails()[0].recipients, ["archive@acme.example"]);

    dispatcher.set_settings("acme", "portal_level = 'inaccessible'").await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 1"; 2]);
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    dispatcher.finish().await;
}

//! The same event twice, other content under its id, or the same invoice under a new id: one mail, and everything else
//! on record.

use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::intake::{Parsed, Verdict};
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::model::reason::ReasonCode;
use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    the_same_event_is_counted_and_ignored,
    other_content_under_the_same_id_is_a_dead_letter,
    the_same_invoice_under_a_new_id_is_cancelled,
    two_intakes_at_once_make_one_delivery,
    one_that_the_broker_gave_up_is_no_redrive,
);

async fn the_same_event_is_counted_and_ignored(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-1");
    // The same content is the same JSON, however it is written.
    let spelled = format!(" {} ", serde_json::to_string_pretty(&event).expect("it is JSON"));
    let verdicts = dispatcher.take_bodies(&[event.to_string(), spelled.clone()]).await;
    assert!(matches!(verdicts[..], [Verdict::Accepted(_), Verdict::Duplicate]), "{verdicts:?}");
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    dispatcher.database.clock.advance(Duration::from_hours(30 * 24));
    assert_eq!(dispatcher.take_bodies(&[spelled]).await, [Verdict::Duplicate]);
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    dispatcher.finish().await;
}

async fn other_content_under_the_same_id_is_a_dead_letter(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-1");
    let mut other = event.clone();
    other["data"]["invoice"]["total"] = json!("2380.00");
    let conflict = Verdict::DeadLetter(ReasonCode::ConflictingEvent);
    let verdicts = dispatcher.take(&[event.clone(), other.clone()]).await;
    assert!(matches!(verdicts[0], Verdict::Accepted(_)));
    assert_eq!(verdicts[1], conflict);
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    // Once more, and the first once more: nothing new.
    assert_eq!(dispatcher.take(&[other, event]).await, [conflict, Verdict::Duplicate]);

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(dispatcher.dead_letters().await, ["R-a conflicting_event - - 0"]);
    let kept = "SELECT COUNT(*) FROM dead_letter WHERE body IS NOT NULL AND hint LIKE '%new id%'";
    assert_eq!(dispatcher.database.number(kept).await, 1);
    dispatcher.finish().await;
}

async fn the_same_invoice_under_a_new_id_is_cancelled(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let under = |id: &str| {
        let mut event = dispatcher.event("a", "C-1");
        event["id"] = json!(id);
        event
    };
    let (first, second, third) = (under("1"), under("2"), under("3"));
    dispatcher.take(&[first]).await;
    dispatcher.wait_until_concluded().await;
    dispatcher.database.clock.advance(Duration::from_hours(23));
    let verdicts = dispatcher.take(&[second]).await;
    assert!(matches!(verdicts[..], [Verdict::DuplicateInvoice(_)]), "{verdicts:?}");
    // A duplicate does not make the day longer.
    dispatcher.database.clock.advance(Duration::from_hours(2));
    let verdicts = dispatcher.take(&[third]).await;
    assert!(matches!(verdicts[..], [Verdict::Accepted(_)]), "{verdicts:?}");
    dispatcher.pass_until_concluded().await;

    let mut states = dispatcher.states().await;
    states.sort();
    let expected = ["R-a cancelled duplicate_invoice - 0", "R-a sent accepted attach 1", "R-a sent accepted attach 1"];
    assert_eq!(states, expected);
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    dispatcher.finish().await;
}

async fn two_intakes_at_once_make_one_delivery(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let events: Vec<_> = (0..20).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    let backwards: Vec<_> = events.iter().rev().cloned().collect();
    let (one, other) = tokio::join!(dispatcher.take(&events), dispatcher.take(&backwards));
    let accepted =
        |verdicts: &[Verdict]| verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Accepted(_))).count();
    assert_eq!(accepted(&one) + accepted(&other), 20);
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (20, 20));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'").await, 20);
    dispatcher.finish().await;
}

async fn one_that_the_broker_gave_up_is_no_redrive(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Mail, Act::reply("554 5.7.1 sender refused"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-1");
    dispatcher.take(std::slice::from_ref(&event)).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    let again = |given_up| {
        let body = Bytes::from(event.to_string());
        Parsed::of(Incoming { body, whole: None, via: Via::Amqp, redelivered: false, dead_letter_id: None, given_up })
    };
    // It was handed over so often, perhaps by crashing workers, that the broker put it into the other queue, from where
    // it comes for the first time.
    let verdicts = dispatcher.app.intake.take(&[again(true)]).await.expect("the database answers");
    assert_eq!(verdicts, [Verdict::Duplicate]);
    assert_eq!(dispatcher.states().await, ["R-a dead refused attach 1"]);
    // Its publisher wants it sent.
    let verdicts = dispatcher.app.intake.take(&[again(false)]).await.expect("the database answers");
    assert!(matches!(verdicts[..], [Verdict::Accepted(_)]), "{verdicts:?}");
    sink.behave(Script::new());
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    dispatcher.finish().await;
}

//! Answers as relays give them, each to a customer of its own tenant: what is the customer's is `rejected`, what passes
//! waits, and only what a person at the sender's side can mend is a dead letter.

use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(each_has_its_state,);

const REJECTED: &str = "rejected rejected attach 1";
const REFUSED: &str = "dead refused attach 1";
const DEFERRED: &str = "due - - 1";
const SENT: &str = "sent accepted attach 1";

/// Local part, where, answer, and state, class, decision and attempts.
const ANSWERS: [(&str, Step, &str, &str); 25] = [
    ("unknown", Step::Rcpt, "550 5.1.1 no such user", REJECTED),
    ("exo", Step::Rcpt, "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", REJECTED),
    ("hotmail", Step::Rcpt, "550 5.5.0 Requested action not taken: mailbox unavailable", REJECTED),
    ("bare550", Step::Rcpt, "550 no such user", REJECTED),
    ("full552", Step::Rcpt, "552 5.2.2 mailbox over quota", REJECTED),
    ("bare552", Step::Rcpt, "552 too many recipients", DEFERRED),
    ("many452", Step::Rcpt, "452 4.5.3 too many recipients", DEFERRED),
    ("mc510", Step::Rcpt, "550 5.1.0 Address rejected.", REJECTED),
    ("relaydenied", Step::Rcpt, "554 5.7.1 Relay access denied", REFUSED),
    ("moved", Step::Rcpt, "550 5.1.6 mailbox moved", REJECTED),
    ("nodomain", Step::Rcpt, "550 5.4.4 host not found", REJECTED),
    ("nullmx", Step::Rcpt, "556 5.1.10 recipient null MX", REJECTED),
    ("disabled", Step::Rcpt, "554 5.2.1 mailbox disabled", REJECTED),
    ("sys430", Step::Rcpt, "554 5.3.0 Unknown user", REJECTED),
    (
        "multi",
        Step::Rcpt,
        "550-5.1.1 The email account that you\r\n550-5.1.1 tried to reach\r\n550 5.1.1 is gone",
        REJECTED,
    ),
    ("r421", Step::Rcpt, "421 4.7.0 too many errors", DEFERRED),
    ("r250cc", Step::Rcpt, "550 5.7.1 recipient is suppressed", REJECTED),
    ("umlaut", Step::Rcpt, "550 5.1.1 Postf\u{fffd}cher f\u{fffd}r M\u{fffd}ller unbekannt", REJECTED),
    ("x50", Step::Rcpt, "550 5.0.0 User unknown", REJECTED),
    ("x511bad", Step::Rcpt, "550 #5.1.0 Address rejected.", REJECTED),
    ("code521", Step::Rcpt, "521 5.1.10 does not accept mail", REJECTED),
    ("sv", Step::Rcpt, "550 5.1.1", REJECTED),
    ("x5125", Step::Rcpt, "550 5.1.251 remote server returned", REJECTED),
    ("yahoo", Step::Dot, "554 delivery error: dd This user doesn't have a yahoo.com account", REFUSED),
    ("spam", Step::Dot, "550 5.7.1 message looks like spam", REFUSED),
];

async fn each_has_its_state(database: TestDatabase) {
    let script = ANSWERS.iter().fold(Script::new(), |script, (local, step, answer, _)| {
        script.on_address(&format!("{local}@x.example"), *step, Act::reply(answer))
    });
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    let mut events = Vec::new();
    let locals = ANSWERS.iter().map(|(local, ..)| *local).chain(["plain"]);
    for local in locals {
        dispatcher.add_tenant(local, "exclude_for_private").await;
        let mut event = dispatcher.event_to(local, &[("to", &format!("{local}@x.example"))]);
        event["data"]["tenant_id"] = json!(local);
        let document = dispatcher.add_document(&format!("{local}/{local}.pdf"), b"%PDF-1.4");
        event["data"]["documents"] = json!([document]);
        events.push(event);
    }
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending' OR attempts = 0", 0).await;

    let mut expected: Vec<_> = ANSWERS
        .iter()
        .map(|(local, _, _, state)| format!("R-{local} {state}"))
        .chain([format!("R-plain {SENT}")])
        .collect();
    expected.sort();
    let mut states = dispatcher.states().await;
    states.sort();
    assert_eq!(states, expected);
    assert_eq!(sink.mails().len(), 1);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE breaker <> 'closed'").await, 0);
    dispatcher.finish().await;
}

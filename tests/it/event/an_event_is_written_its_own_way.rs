//! Events as billing systems really write them: a recipient twice, an empty copy, a locale of Java's, an unusable time.
//! None of that stops an invoice, and its timeline says what was not used.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::store::{DeadLetterFilter, PageRequest};
use serde_json::{Value, json};

use crate::api::support::{Api, BATCH, EVENT, event};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

on_both_databases!(
    one_mailbox_gets_one_mail,
    a_copy_that_cannot_be_used_is_left_out_and_noted,
    what_nothing_depends_on_is_dropped_and_noted,
    a_redrive_notes_whom_it_leaves_out,
    a_byte_order_mark_is_no_fault_over_http,
    a_byte_order_mark_is_no_fault_from_a_queue_or_a_file,
);

/// Every note, with the invoice's number.
async fn notes(database: &TestDatabase) -> Vec<String> {
    let query = "SELECT delivery.invoice_number || ' ' || who || ' ' || what
        FROM delivery_note JOIN delivery ON delivery.id = delivery_note.delivery_id ORDER BY 1";
    database.texts(query).await
}

async fn one_mailbox_gets_one_mail(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let twice = [("to", "one@x.example"), ("to", "one@x.example\n"), ("cc", "One@x.example"), ("bcc", "one@X.example")];
    let own = [("cc", "c-1@customer.example"), ("bcc", "archive@acme.example"), ("bcc", "Archive@acme.example")];
    dispatcher.take(&[dispatcher.event_to("twice", &twice), dispatcher.event_to("own", &own)]).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    let mut recipients: Vec<_> = sink.mails().into_iter().map(|mail| mail.recipients).collect();
    recipients.sort();
    assert_eq!(recipients, [["C-1@customer.example"], ["archive@acme.example"], ["one@x.example"]]);
    assert_eq!(notes(&dispatcher.database).await, [""; 0], "no recipient is left out");
    dispatcher.finish().await;
}

async fn a_copy_that_cannot_be_used_is_left_out_and_noted(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let recipients = [
        ("to", "a@x.example"),
        ("cc", ""),
        ("cc", "two@@x.example"),
        ("bcc", "b@x.example; c@x.example"),
        ("to", "nobody"),
    ];
    dispatcher.take(&[dispatcher.event_to("a", &recipients)]).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].recipients, ["a@x.example"]);
    let notes = notes(&dispatcher.database).await;
    assert_eq!(notes.len(), 4, "{notes:#?}");
    assert_eq!(
        notes[0],
        "R-a dispatcher a bcc address is left out: it holds more than one address; write a recipient for each"
    );
    assert_eq!(notes[1], "R-a dispatcher a cc address is left out: it is empty");
    assert!(notes[2].starts_with("R-a dispatcher a cc address is left out: the part before the @"), "{notes:#?}");
    assert_eq!(notes[3], "R-a dispatcher a to address is left out: it has no @");
    dispatcher.finish().await;
}

async fn what_nothing_depends_on_is_dropped_and_noted(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let locale = |id: &str, locale: &str| {
        let mut event = dispatcher.event(id, "C-1");
        event["data"]["locale"] = json!(locale);
        event
    };
    let mut quarkus = dispatcher.event("5", "C-1");
    quarkus["time"] = json!("2023-01-25T19:07:06.370582GMT");
    quarkus["traceparent"] = json!("none");
    let events =
        [locale("1", "fr_BE"), locale("2", "nld"), locale("3", "pl-PL"), locale("4", "german please"), quarkus];
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    let languages: Vec<_> = dispatcher.database.texts("SELECT locale FROM delivery ORDER BY invoice_number").await;
    assert_eq!(languages, ["fr-BE", "nl", "de-DE", "de-DE", "de-DE"]);
    assert_eq!(
        notes(&dispatcher.database).await,
        [
            "R-3 dispatcher there is no template for the event's locale pl-PL; \
             the mail is written for de-DE, as the tenant has it",
            "R-4 dispatcher the event's locale is not a language tag (BCP 47) like de-DE; \
             the mail is written for de-DE, as the tenant has it",
            "R-5 dispatcher the event's time is not an RFC 3339 date and time between the years 1970 and 2199; \
             it is left out",
            "R-5 dispatcher the event's traceparent is not a W3C trace context; it is left out",
        ]
    );
    assert_eq!(sink.mails_and_data_phases(), (5, 5));
    dispatcher.finish().await;
}

async fn a_redrive_notes_whom_it_leaves_out(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.database.execute("UPDATE customer SET address = 'nobody' WHERE id = 'C-1'").await;
    dispatcher.take(&[dispatcher.event_to("a", &[("cc", "")])]).await;
    assert_eq!(dispatcher.states().await, ["R-a dead invalid_recipient - 0"]);
    dispatcher.database.execute("UPDATE customer SET address = 'ap@x.example' WHERE id = 'C-1'").await;
    let page = PageRequest { limit: 1, after: None };
    let letters = dispatcher
        .app
        .store
        .dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page)
        .await
        .expect("answered");
    let letter = letters.items[0].id;
    dispatcher.app.redrive.letter(letter, &actor("ada")).await.expect("it goes back");
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    assert_eq!(sink.mails()[0].recipients, ["ap@x.example"]);
    let notes = notes(&dispatcher.database).await;
    assert_eq!(notes, ["R-a ada redriven", "R-a dispatcher a cc address is left out: it is empty"]);
    dispatcher.finish().await;
}

/// The event with a byte order mark, as some writers put first.
fn marked(event: &Value) -> String {
    format!("\u{feff}{event}")
}

async fn a_byte_order_mark_is_no_fault_over_http(database: TestDatabase) {
    let api = Api::start(&database).await;
    api.remember_acme().await;
    assert_eq!(api.post(EVENT, marked(&event())).await.success(202)[0]["result"], "accepted");
    let batch = api.post(BATCH, format!("\u{feff}[{}]", event())).await;
    assert_eq!(batch.success(202)[0]["result"], "accepted");
    database.assert_ledger().await;
}

async fn a_byte_order_mark_is_no_fault_from_a_queue_or_a_file(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.take_bodies(&[marked(&dispatcher.event("a", "C-1")), marked(&dispatcher.event("b", "C-2"))]).await;
    dispatcher.start();
    // The worker reads the same bytes once more, from the database.
    dispatcher.wait_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-b sent accepted link 1"]);
    dispatcher.finish().await;
}

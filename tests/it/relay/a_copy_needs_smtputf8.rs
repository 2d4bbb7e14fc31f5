//! An address with a non-ASCII local part at a relay without SMTPUTF8: a copy or a Reply-To is left out, the invoice goes.

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step, SunkMail};

on_both_databases!(
    the_mail_goes_without_the_copy_and_every_retry_too,
    the_mail_goes_without_the_reply_to,
    a_relay_that_takes_such_addresses_gets_them,
    a_to_or_a_sender_that_needs_it_is_a_dead_letter,
    a_blind_copys_header_goes_without_the_copy,
);

const TO: &str = "ap@customer.example";
const COPY: &str = "b\u{fc}ro@customer.example";
const NOTE: &str = "SELECT COUNT(*) FROM delivery_note WHERE what LIKE 'composed anew without%'";

/// The value of a header of one line.
fn header(mail: &SunkMail, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&mail.bytes).into_owned();
    let headers = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    headers.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

async fn set_sender(dispatcher: &Dispatcher, field: &str, address: &str) {
    let body = dispatcher.database.texts("SELECT body FROM tenant_profile WHERE tenant_id = 'acme'").await.remove(0);
    let mut profile: serde_json::Value = serde_json::from_str(&body).expect("a profile is JSON");
    profile["sender"][field] = address.into();
    let set = format!("UPDATE tenant_profile SET body = '{profile}' WHERE tenant_id = 'acme'");
    assert_eq!(dispatcher.database.execute(set).await, 1);
}

async fn the_mail_goes_without_the_copy_and_every_retry_too(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::reply("451 4.3.0 later"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let recipients = [("to", TO), ("cc", COPY), ("cc", "archive@customer.example")];
    dispatcher.take(&[dispatcher.event_to("a", &recipients)]).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);
    let attempts = dispatcher.attempts().await;
    let expected =
        ["R-a unsupported_address mail -", "R-a deferred final_dot 451 4.3.0", "R-a accepted final_dot 250 2.0.0"];
    assert_eq!(attempts, expected);
    let [mail] = &sink.mails()[..] else { panic!("one mail") };
    assert_eq!(mail.recipients, [TO, "archive@customer.example"]);
    assert_eq!(header(mail, "Cc").as_deref(), Some("<archive@customer.example>"));
    let digests = "SELECT COUNT(DISTINCT message_sha256) FROM attempt WHERE class <> 'unsupported_address'";
    assert_eq!(dispatcher.database.number(digests).await, 1, "a retry keeps every byte");
    assert_eq!(dispatcher.database.number(NOTE).await, 1);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    dispatcher.finish().await;
}

async fn the_mail_goes_without_the_reply_to(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    set_sender(&dispatcher, "reply_to", "b\u{fc}ro@acme.example").await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(header(&sink.mails()[0], "Reply-To"), None);
    assert_eq!(dispatcher.database.number(NOTE).await, 1);
    dispatcher.finish().await;
}

async fn a_relay_that_takes_such_addresses_gets_them(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().offering("SMTPUTF8")).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    set_sender(&dispatcher, "reply_to", "b\u{fc}ro@acme.example").await;
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", COPY)])]).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;

    assert_eq!(dispatcher.attempts().await, ["R-a accepted final_dot 250 2.0.0"]);
    assert_eq!(sink.mails()[0].recipients, [TO, COPY]);
    assert_eq!(dispatcher.database.number(NOTE).await, 0);
    dispatcher.finish().await;
}

async fn a_to_or_a_sender_that_needs_it_is_a_dead_letter(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event_to("to", &[("to", COPY), ("cc", COPY)])]).await;
    dispatcher.wait_until_concluded().await;
    set_sender(&dispatcher, "address", "b\u{fc}ro@acme.example").await;
    dispatcher.stop().await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event_to("sender", &[("to", TO), ("cc", COPY)])]).await;
    dispatcher.wait_until_concluded().await;

    let expected = ["R-sender dead unsupported_address attach 1", "R-to dead unsupported_address attach 1"];
    assert_eq!(dispatcher.states().await, expected);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    assert_eq!(dispatcher.database.number(NOTE).await, 0);
    dispatcher.finish().await;
}

async fn a_blind_copys_header_goes_without_the_copy(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", COPY), ("bcc", "audit@customer.example")])]).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;

    let mails = sink.mails();
    let mut recipients: Vec<_> = mails.iter().map(|mail| mail.recipients.clone()).collect();
    recipients.sort();
    assert_eq!(recipients, [[TO], ["audit@customer.example"]]);
    assert!(mails.iter().all(|mail| header(mail, "Cc").is_none()));
    assert_eq!(dispatcher.database.number(NOTE).await, 2);
    dispatcher.finish().await;
}

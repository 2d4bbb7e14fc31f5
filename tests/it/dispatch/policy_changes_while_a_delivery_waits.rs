//! An administrator changes what may be attached, or the customer turns out to be a private one, while deliveries
//! wait: what has not begun by then is decided anew, and a retry never sends more than was decided before.

use std::time::Duration;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step, SunkMail};

on_both_databases!(
    settings_changed_between_claim_and_data_count,
    a_customer_who_turns_private_between_claim_and_data_gets_no_documents,
    settings_changed_while_a_connection_is_replaced_count,
    a_retry_after_exclude_is_a_link_under_the_same_message_id,
    a_retry_after_include_stays_a_link,
    a_retry_keeps_every_byte,
    a_retry_is_composed_anew_when_the_portal_asks_more,
    a_retry_keeps_every_byte_when_the_portal_asks_less,
    a_delivery_whose_time_ends_between_claim_and_data_expires,
);

const ATTEMPTED: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 1";

fn attachments(mail: &SunkMail) -> usize {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
    parsed.parts().filter(|part| part.ctype.mimetype == "application/pdf").count()
}

/// What the mail says in plain text.
fn text(mail: &SunkMail) -> String {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
    let plain = parsed.parts().find(|part| part.ctype.mimetype == "text/plain").expect("it has a plain text");
    plain.get_body().expect("the text can be read")
}

/// A sink that answers RCPT when the gate opens, so that a test can act after the mail was composed.
fn hesitating(gate: &Gate) -> Script {
    Script::new().once(Step::Rcpt, Act::Wait(gate.clone()))
}

async fn settings_changed_between_claim_and_data_count(database: TestDatabase) {
    let gate = Gate::closed();
    let sink = Sink::scripted(hesitating(&gate)).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    sink.wait_for("the recipient", |state| state.count(Step::Rcpt) == 1).await;
    dispatcher.set_policy("acme", "exclude").await;
    gate.open();
    dispatcher.wait_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(sink.see(|state| state.count(Step::Data)), 1, "DATA was never asked for with the documents");
    assert_eq!(attachments(&sink.mails()[0]), 0);
    let inputs = dispatcher.database.texts("SELECT decision_reason || decision_inputs FROM delivery").await;
    assert!(inputs[0].starts_with("policy_exclude") && inputs[0].contains("\"settings_version\":2"), "{inputs:?}");
    dispatcher.finish().await;
}

async fn a_customer_who_turns_private_between_claim_and_data_gets_no_documents(database: TestDatabase) {
    let gate = Gate::closed();
    let sink = Sink::scripted(hesitating(&gate)).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    sink.wait_for("the recipient", |state| state.count(Step::Rcpt) == 1).await;
    dispatcher.database.execute("UPDATE customer SET type = NULL WHERE id = 'C-1'").await;
    gate.open();
    dispatcher.wait_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 1"]);
    let reasons = dispatcher.database.texts("SELECT decision_reason FROM delivery").await;
    assert_eq!(reasons, ["unknown_customer_type"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(attachments(&sink.mails()[0]), 0);
    dispatcher.finish().await;
}

async fn settings_changed_while_a_connection_is_replaced_count(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until_concluded().await;
    let gate = Gate::closed();
    let script = Script::new()
        .once(Step::Data, Act::ReplyThenClose("421 4.3.2 closing".to_owned()))
        .once(Step::Banner, Act::Wait(gate.clone()));
    sink.behave(script);
    dispatcher.take(&[dispatcher.event("b", "C-1")]).await;
    sink.wait_for("the second connection", |state| state.connections == 2).await;
    dispatcher.set_policy("acme", "exclude").await;
    gate.open();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-b sent accepted link 1"]);
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    assert_eq!(attachments(&sink.mails()[1]), 0);
    dispatcher.finish().await;
}

async fn a_retry_after_exclude_is_a_link_under_the_same_message_id(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::reply("451 later"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until(ATTEMPTED, 1).await;
    dispatcher.set_policy("acme", "exclude").await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 2"]);
    let recorded = dispatcher.database.texts("SELECT decision FROM attempt ORDER BY claim").await;
    assert_eq!(recorded, ["attach", "link"], "both are recorded");
    assert_eq!(dispatcher.database.number("SELECT COUNT(DISTINCT message_sha256) FROM attempt").await, 2);
    assert_eq!(sink.mails_and_data_phases(), (1, 2));
    let mail = &sink.mails()[0];
    assert_eq!(attachments(mail), 0);
    assert_eq!(dispatcher.database.texts("SELECT message_id FROM delivery").await, [mail.message_id.clone().unwrap()]);
    dispatcher.finish().await;
}

async fn a_retry_after_include_stays_a_link(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::reply("451 later"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-2")]).await;
    dispatcher.wait_until(ATTEMPTED, 1).await;
    dispatcher.set_policy("acme", "include").await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 2"]);
    assert_eq!(dispatcher.database.texts("SELECT decision_reason FROM delivery").await, ["earlier_decision"]);
    assert_eq!(dispatcher.database.number("SELECT COUNT(DISTINCT message_sha256) FROM attempt").await, 1);
    assert_eq!(sink.mails_and_data_phases(), (1, 2));
    assert_eq!(attachments(&sink.mails()[0]), 0);
    dispatcher.finish().await;
}

async fn a_retry_keeps_every_byte(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::reply("451 later")))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until(ATTEMPTED, 1).await;
    // What the mail shows changes meanwhile, and so does the worker.
    dispatcher.database.execute("UPDATE customer SET name = 'Other', address = 'other@customer.example'").await;
    dispatcher.stop().await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);
    let mails = sink.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].bytes, mails[1].bytes);
    assert_eq!(mails[0].recipients, mails[1].recipients);
    let digests = dispatcher.database.number(
        "SELECT COUNT(DISTINCT attempt.message_sha256) FROM attempt JOIN delivery
         ON delivery.id = attempt.delivery_id AND delivery.message_sha256 = attempt.message_sha256",
    );
    assert_eq!(digests.await, 1);
    dispatcher.finish().await;
}

async fn a_retry_is_composed_anew_when_the_portal_asks_more(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::reply("451 later")))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-2")]).await;
    dispatcher.wait_until(ATTEMPTED, 1).await;
    dispatcher.set_settings("acme", "portal_level = 'every_page'").await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 2"]);
    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.message_id, second.message_id);
    assert!(text(first).contains("1.190") && !text(second).contains("1.190"), "now the portal gates the amount");
    assert_eq!(dispatcher.database.number("SELECT COUNT(DISTINCT message_sha256) FROM attempt").await, 2);
    let kept = "SELECT portal_access || ' ' || portal_method || ' ' || decision_inputs FROM delivery";
    let kept = dispatcher.database.texts(kept).await;
    assert!(kept[0].starts_with("every_page_verified postcode_house_number "), "{kept:?}");
    let before = r#""earlier":{"decision":"link","portal":{"access":"verified","method":"postcode_house_number"}}"#;
    assert!(kept[0].contains(before), "both are recorded: {kept:?}");
    dispatcher.finish().await;
}

async fn a_retry_keeps_every_byte_when_the_portal_asks_less(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::reply("451 later")))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.set_settings("acme", "sensitive_attachments = 'exclude', portal_level = 'every_page'").await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until(ATTEMPTED, 1).await;
    // Of a business customer the portal now asks nothing.
    dispatcher.set_settings("acme", "portal_level = 'sensitive_for_private'").await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 2"]);
    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.bytes, second.bytes);
    let kept = dispatcher.database.texts("SELECT portal_access || ' ' || portal_method FROM delivery").await;
    assert_eq!(kept, ["every_page_verified postcode_house_number"]);
    dispatcher.finish().await;
}

async fn a_delivery_whose_time_ends_between_claim_and_data_expires(database: TestDatabase) {
    let gate = Gate::closed();
    let sink = Sink::scripted(hesitating(&gate)).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let mut event = dispatcher.event("a", "C-1");
    event["data"]["expires_at"] = serde_json::json!("2026-11-23T09:30:05Z");
    dispatcher.take(&[event]).await;
    sink.wait_for("the recipient", |state| state.count(Step::Rcpt) == 1).await;
    dispatcher.database.clock.advance(Duration::from_secs(5));
    gate.open();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a expired expired - 0"]);
    assert_eq!(sink.see(|state| state.count(Step::Data)), 0, "DATA was never asked for");
    dispatcher.finish().await;
}

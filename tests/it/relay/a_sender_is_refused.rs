//! A relay refuses one tenant's sender, on a lane that it shares with others. Its mails are held and none is lost;
//! all others go out.

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;
use serde_json::Value;

use super::senders::{holds, mails};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    at_mail_only_its_own_mails_wait,
    at_rcpt_with_a_policy_code_they_wait,
    a_bare_550_to_everybody_is_the_senders,
    unknown_mailboxes_among_good_ones_hold_nobody,
    a_trial_that_works_ends_the_hold,
    a_trial_that_fails_holds_on,
    a_new_sender_address_ends_the_wait,
    a_sender_in_other_case_is_the_same_sender,
    an_import_ends_the_wait_by_another_sender_only,
);

const HELD: &str = "SELECT COUNT(*) FROM lane_entry WHERE held LIKE 'the relay refuses its sender%'";
const GOOD_SENT: &str = "SELECT COUNT(*) FROM delivery WHERE tenant_id = 'acme' AND concluded = 'sent'";
const REFUSED_SENT: &str = "SELECT COUNT(*) FROM delivery WHERE tenant_id = 'bad' AND concluded = 'sent'";

/// Mails of the tenant that is refused.
const REFUSED: usize = 12;

fn event_of_bad(dispatcher: &Dispatcher, n: usize) -> Value {
    let mut event = dispatcher.event(&format!("bad-{n}"), "C-1");
    event["data"]["tenant_id"] = "bad".into();
    // Each to another recipient, and each a link: the document is another tenant's.
    event["data"]["recipients"] = serde_json::json!([{ "role": "to", "address": format!("ap@customer-{n}.example") }]);
    event["data"]["documents"] = Value::Array(vec![dispatcher.add_document(&format!("bad/{n}.pdf"), b"%PDF-1.4")]);
    event
}

/// A dispatcher with mails of a tenant that the script refuses, mixed with those of one that it takes.
async fn mixed(database: TestDatabase, script: Script) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.add_tenant("bad", "include").await;
    let good = (0..REFUSED).map(|n| dispatcher.event(&format!("good-{n}"), "C-1"));
    let events: Vec<Value> =
        (0..REFUSED).map(|n| event_of_bad(&dispatcher, n)).zip(good).flat_map(|(a, b)| [a, b]).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    (dispatcher, sink)
}

/// All of the one are held, as if they had not been tried, and all of the other are sent.
async fn only_the_refused_wait(dispatcher: &Dispatcher, code: &str) {
    let all = i64::try_from(REFUSED).expect("a small number");
    dispatcher.pass_until(HELD, all).await;
    dispatcher.pass_until(GOOD_SENT, all).await;
    // But for one at a time, by which the hold is tried.
    let untouched = "SELECT COUNT(*) FROM lane_entry WHERE tenant_id = 'bad' AND state = 'due' AND attempts = 0";
    dispatcher.pass_until(untouched, all).await;
    let alarms = "SELECT sender || ' ' || code FROM sender_hold";
    assert_eq!(dispatcher.database.texts(alarms).await, [format!("rechnung@bad.example {code}")]);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    dispatcher.database.assert_ledger().await;
}

/// After a release everything goes out, once.
async fn after_release_all_go_out(dispatcher: Dispatcher, sink: &Sink) {
    sink.behave(Script::new());
    let store = &dispatcher.database.store;
    let released = store.release_sender(&RelayName::from("default"), "rechnung@bad.example", &actor("billing")).await;
    assert!(released.expect("the database answers"), "it was held");
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number(REFUSED_SENT).await, i64::try_from(REFUSED).expect("a small number"));
    assert_eq!(sink.mails_and_data_phases().0, REFUSED * 2);
    dispatcher.finish().await;
}

async fn at_mail_only_its_own_mails_wait(database: TestDatabase) {
    let script = Script::new().on_sender("rechnung@bad.example", Step::Mail, Act::reply("550 5.7.1 not you"));
    let (dispatcher, sink) = mixed(database, script).await;
    only_the_refused_wait(&dispatcher, "550 5.7.1").await;
    after_release_all_go_out(dispatcher, &sink).await;
}

async fn at_rcpt_with_a_policy_code_they_wait(database: TestDatabase) {
    let script = Script::new().on_sender("rechnung@bad.example", Step::Rcpt, Act::reply("550 5.7.1 not you"));
    let (dispatcher, sink) = mixed(database, script).await;
    only_the_refused_wait(&dispatcher, "550 5.7.1").await;
    after_release_all_go_out(dispatcher, &sink).await;
}

async fn a_bare_550_to_everybody_is_the_senders(database: TestDatabase) {
    let script = Script::new().on_sender("rechnung@bad.example", Step::Rcpt, Act::reply("550 no"));
    let (dispatcher, sink) = mixed(database, script).await;
    only_the_refused_wait(&dispatcher, "550").await;
    after_release_all_go_out(dispatcher, &sink).await;
}

async fn unknown_mailboxes_among_good_ones_hold_nobody(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let events: Vec<Value> = (0..30)
        .map(|n| match n % 3 {
            0 => dispatcher.event_to(&n.to_string(), &[("to", &format!("refuse-550+{n}@customer.example"))]),
            _ => dispatcher.event(&n.to_string(), "C-1"),
        })
        .collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'rejected'").await, 10);
    assert_eq!(dispatcher.database.number(GOOD_SENT).await, 20);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM sender_hold").await, 0);
    dispatcher.finish().await;
}

async fn a_trial_that_works_ends_the_hold(database: TestDatabase) {
    let script = Script::new().on_sender("rechnung@bad.example", Step::Mail, Act::reply("550 5.7.1 not you"));
    let (dispatcher, sink) = mixed(database, script).await;
    only_the_refused_wait(&dispatcher, "550 5.7.1").await;
    sink.behave(Script::new());
    // The clock has gone on since the hold began, who knows how far.
    let left = dispatcher.database.number("SELECT trial_at FROM sender_hold").await - dispatcher.database.clock.now().0;
    let left = Duration::from_millis(u64::try_from(left).expect("the trial is to come"));
    dispatcher.leap(left.saturating_sub(Duration::from_secs(30))).await;
    dispatcher.step().await;
    assert_eq!(dispatcher.database.number(REFUSED_SENT).await, 0, "it is not tried before its time");
    dispatcher.database.clock.advance(Duration::from_secs(30));
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM sender_hold").await, 0);
    assert_eq!(dispatcher.database.number(REFUSED_SENT).await, i64::try_from(REFUSED).expect("a small number"));
    assert_eq!(sink.mails_and_data_phases().0, REFUSED * 2);
    dispatcher.finish().await;
}

async fn a_trial_that_fails_holds_on(database: TestDatabase) {
    let script = Script::new().on_sender("rechnung@bad.example", Step::Mail, Act::reply("550 5.7.1 not you"));
    let (dispatcher, sink) = mixed(database, script).await;
    only_the_refused_wait(&dispatcher, "550 5.7.1").await;
    let attempts = "SELECT COUNT(*) FROM attempt JOIN delivery ON delivery.id = attempt.delivery_id
                    WHERE tenant_id = 'bad'";
    let before = dispatcher.database.number(attempts).await;
    dispatcher.database.clock.advance(Duration::from_mins(5));
    dispatcher.pass_until(attempts, before + 1).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM sender_hold WHERE trials = 1", 1).await;
    let next = dispatcher.database.number("SELECT trial_at FROM sender_hold").await - dispatcher.database.clock.now().0;
    only_the_refused_wait(&dispatcher, "550 5.7.1").await;
    assert!((14 * 60_000..=15 * 60_000).contains(&next), "the next trial is in a quarter of an hour, not in {next} ms");
    after_release_all_go_out(dispatcher, &sink).await;
}

async fn a_new_sender_address_ends_the_wait(database: TestDatabase) {
    let script = Script::new().on_sender("rechnung@bad.example", Step::Mail, Act::reply("550 5.7.1 not you"));
    let (dispatcher, sink) = mixed(database, script).await;
    only_the_refused_wait(&dispatcher, "550 5.7.1").await;
    dispatcher
        .database
        .execute(
            "INSERT INTO tenant_profile (tenant_id, version, body)
                 SELECT 'bad', 2, REPLACE(body, 'rechnung@bad.example', 'neu@bad.example')
                 FROM tenant_profile WHERE tenant_id = 'bad';
             UPDATE tenant SET profile_version = 2 WHERE id = 'bad';",
        )
        .await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number(REFUSED_SENT).await, i64::try_from(REFUSED).expect("a small number"));
    assert_eq!(sink.mails_and_data_phases().0, REFUSED * 2);
    dispatcher.finish().await;
}

/// Two tenants write their common sender in their own way.
async fn a_sender_in_other_case_is_the_same_sender(database: TestDatabase) {
    let spellings = ["rechnung@bad.example", "Rechnung@BAD.example", "Rechnung@bad.example"];
    let script = spellings
        .iter()
        .fold(Script::new(), |script, sender| script.on_sender(sender, Step::Mail, Act::reply("550 5.7.1 not you")));
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    for tenant in ["bad", "worse"] {
        dispatcher.add_tenant(tenant, "include").await;
    }
    dispatcher
        .database
        .execute(
            "UPDATE tenant_profile SET body = REPLACE(body, 'rechnung@worse.example', 'Rechnung@BAD.example')
             WHERE tenant_id = 'worse'",
        )
        .await;
    for tenant in ["bad", "worse"] {
        dispatcher.take(&mails(&dispatcher, tenant, "ap", 4, 4)).await;
    }
    dispatcher.start();
    dispatcher.pass_until(HELD, 8).await;
    assert_eq!(holds(&dispatcher.database).await, ["rechnung@bad.example refused mail 550 5.7.1"]);
    sink.behave(Script::new());
    let store = &dispatcher.database.store;
    let released = store.release_sender(&RelayName::from("default"), "RECHNUNG@Bad.Example", &actor("billing")).await;
    assert!(released.expect("the database answers"), "it is found, however it is written");
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases().0, 8);
    dispatcher.finish().await;
}

async fn an_import_ends_the_wait_by_another_sender_only(database: TestDatabase) {
    let script = Script::new().on_sender("rechnung@bad.example", Step::Mail, Act::reply("550 5.7.1 not you"));
    let (dispatcher, sink) = mixed(database, script).await;
    only_the_refused_wait(&dispatcher, "550 5.7.1").await;
    let import = async |address: &str| {
        let tenant = serde_json::json!({
            "id": "bad", "name": "bad GmbH", "locale": "de-DE",
            "sender": { "name": "bad Buchhaltung", "address": address },
            "settings": { "sensitive_attachments": "include", "portal_authentication": { "level": "inaccessible" } },
        });
        let tenant = serde_json::from_value(tenant).expect("a tenant");
        dispatcher.database.store.upsert_tenant(&tenant, &actor("billing")).await.expect("the database answers");
    };
    // The same sender: nothing is gained by another try.
    import("Rechnung@Bad.example").await;
    let all = i64::try_from(REFUSED).expect("a small number");
    for _ in 0..20 {
        dispatcher.step().await;
    }
    assert_eq!(dispatcher.database.number(HELD).await, all);
    import("neu@bad.example").await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number(REFUSED_SENT).await, all);
    assert!(holds(&dispatcher.database).await.is_empty());
    assert!(sink.mails().iter().all(|mail| mail.sender != "rechnung@bad.example"));
    dispatcher.finish().await;
}

//! A relay refuses many tenants' senders, each for a reason of its own, and hangs whenever one is tried: the
//! connections are there for the emails of the others.

use std::time::Duration;

use super::senders::{holds, mails};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(their_trials_leave_the_connections_to_others);

const TENANTS: usize = 8;
const GOOD: usize = 20;

fn script(act: impl Fn(usize) -> Act) -> Script {
    (0..TENANTS)
        .fold(Script::new(), |script, n| script.on_sender(&format!("rechnung@bad{n}.example"), Step::Mail, act(n)))
}

async fn their_trials_leave_the_connections_to_others(database: TestDatabase) {
    // Each another code: alike, they would be the relay's fault.
    let sink = Sink::scripted(script(|n| Act::reply(&format!("550 5.7.{} not you", 100 + n)))).await;
    // What hangs does so for longer than the test.
    let patient =
        relay("default", &sink).connections(4).with(|config| config.deadlines.command = Duration::from_mins(5));
    let mut dispatcher = Dispatcher::with(database, &[patient]).await;
    for n in 0..TENANTS {
        let tenant = format!("bad{n}");
        dispatcher.add_tenant(&tenant, "include").await;
        dispatcher.take(&mails(&dispatcher, &tenant, "ap", 5, 5)).await;
    }
    dispatcher.start();
    let all = i64::try_from(TENANTS).expect("a small number");
    dispatcher.pass_until("SELECT COUNT(*) FROM sender_hold", all).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM lane_entry WHERE held IS NULL", 0).await;

    sink.behave(script(|_| Act::Hang));
    let seen = sink.see(|state| state.count(Step::Mail));
    dispatcher.database.clock.advance(Duration::from_mins(5));
    dispatcher.pass_until_seen(&sink, "two trials", |state| state.count(Step::Mail) == seen + 2).await;
    dispatcher.take(&mails(&dispatcher, "acme", "good", GOOD, GOOD)).await;
    let sent = "SELECT COUNT(*) FROM delivery WHERE tenant_id = 'acme' AND concluded = 'sent'";
    dispatcher.pass_until(sent, i64::try_from(GOOD).expect("a small number")).await;
    assert_eq!(sink.see(|state| state.count(Step::Mail)), seen + 2 + GOOD, "no third sender is tried meanwhile");
    let trials = "SELECT COUNT(*) FROM sender_hold WHERE trial_delivery IS NOT NULL";
    assert_eq!(dispatcher.database.number(trials).await, 2);
    assert_eq!(holds(&dispatcher.database).await.len(), TENANTS);
    dispatcher.finish().await;
}

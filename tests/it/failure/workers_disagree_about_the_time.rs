//! Two workers whose clocks are a minute apart, and stay so: retries are early or late by that minute, and nothing else
//! comes of it. (A worker that reaches its database goes by the database's clock; this is one that never asked.)

use std::time::Duration;

use invoice_dispatcher::clock::Clock;

use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

const MAILS: i64 = 40;

/// Both clocks move together, half a second at a time, until the query gives `expected`.
async fn pass_until(dispatcher: &Dispatcher, ahead: &Clock, query: &str, expected: i64) {
    for _ in 0..2_000 {
        if dispatcher.database.number(query).await == expected {
            return;
        }
        ahead.advance(Duration::from_millis(500));
        // Time runs away from neither: a heart that has not got its turn must not be called dead.
        let _ = tokio::join!(dispatcher.step(), tokio::time::timeout(Duration::from_secs(1), ahead.all_asleep()));
    }
    panic!("time passed in vain for {expected} of: {query}; deliveries: {:#?}", dispatcher.states().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mail_is_deferred_once_and_sent_once() {
    let script = (1..=40).fold(Script::new(), |script, nth| script.nth(Step::Rcpt, nth, Act::reply("451 4.3.0 later")));
    let sink = Sink::scripted(script).await;
    let relay = relay("default", &sink).connections(4);
    let mut dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[relay]).await;
    let ahead = Clock::manual(dispatcher.database.clock.now().plus(Duration::from_mins(1)));
    dispatcher.start();
    let other = dispatcher.start_with_clock(ahead.clone()).await;
    let events: Vec<_> = (0..MAILS).map(|n| dispatcher.event(&format!("{n:02}"), "C-1")).collect();
    dispatcher.take(&events).await;
    pass_until(&dispatcher, &ahead, "SELECT COUNT(*) FROM lane_entry", 0).await;

    let sent = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts BETWEEN 1 AND 3";
    assert_eq!(dispatcher.database.number(sent).await, MAILS);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM attempt").await, 2 * MAILS);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM worker").await, 2, "no worker was called dead");
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'").await, 0);
    assert_eq!(sink.mails_and_data_phases(), (40, 40));
    other.stop().await;
    dispatcher.finish().await;
}

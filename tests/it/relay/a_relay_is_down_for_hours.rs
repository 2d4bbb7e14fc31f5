//! The relay is down for hours. Nothing fails for it, nothing is tried in vain, and once it is back the mail comes to
//! it by ones, twos and fours, not all at once.

use std::time::Duration;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Load, Script, Sink, Step};

on_both_databases!(nothing_fails_and_all_go_out_by_a_ramp);

const MAILS: usize = 60;
const CONNECTIONS: u32 = 8;
const WORKING: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'closed'";
const UNTOUCHED: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 0";
/// Slow enough for mails to overlap, so that it shows how many are sent at once.
const SLOW: Duration = Duration::from_millis(20);

/// How many messages may be under way, over all workers, when so many were taken since the relay came back.
const fn allowed(taken: usize) -> usize {
    match taken {
        0 => 1,
        1..3 => 2,
        3..7 => 4,
        7..15 => 8,
        _ => CONNECTIONS as usize,
    }
}

/// No round of the trial was larger than it may be, and no connection was made but for a message; one more is the
/// probe's, while it says goodbye.
fn assert_ramp(sink: &Sink) {
    let loads = sink.see(|state| state.loads.clone());
    assert_eq!(loads.len(), MAILS);
    for Load { taken, under_way, open } in loads {
        assert!(under_way <= allowed(taken), "{under_way} messages at once after {taken}");
        let connections = (taken + allowed(taken)).min(CONNECTIONS as usize);
        assert!(open <= connections + 1, "{open} connections after {taken} messages");
    }
}

async fn down(database: TestDatabase) -> (Dispatcher, Sink) {
    let mut sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(SLOW))).await;
    sink.go_away().await;
    let dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(CONNECTIONS)]).await;
    let events: Vec<_> = (0..MAILS).map(|n| dispatcher.event(&format!("{n:02}"), "C-1")).collect();
    dispatcher.take(&events).await;
    (dispatcher, sink)
}

async fn assert_sent_once_at_the_first_attempt(dispatcher: &Dispatcher, sink: &Sink) {
    let first = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1";
    assert_eq!(dispatcher.database.number(first).await, i64::try_from(MAILS).expect("few"));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    assert_eq!(sink.mails_and_data_phases(), (MAILS, MAILS));
}

async fn nothing_fails_and_all_go_out_by_a_ramp(database: TestDatabase) {
    let (mut dispatcher, mut sink) = down(database).await;
    let began = dispatcher.database.clock.now();
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'", 1).await;
    // 8 hours: the probes come every two minutes, and each finds no relay.
    for probe in 1..=240 {
        dispatcher.database.clock.advance(Duration::from_mins(2));
        dispatcher.pass_until(&format!("SELECT COUNT(*) FROM relay_state WHERE probes >= {probe}"), 1).await;
    }
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 0).await;
    assert!(dispatcher.database.clock.now().since(began) >= Duration::from_hours(8));
    assert_eq!(dispatcher.database.number(UNTOUCHED).await, i64::try_from(MAILS).expect("few"));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM attempt").await, 0);

    sink.come_back().await;
    dispatcher.pass_until_concluded().await;
    dispatcher.wait_until(WORKING, 1).await;
    assert_ramp(&sink);
    assert_sent_once_at_the_first_attempt(&dispatcher, &sink).await;
    dispatcher.finish().await;
}

/// The trial is one for all: the second worker waits until the first has found the relay to work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_do_not_make_two_ramps() {
    let (mut dispatcher, mut sink) = down(TestDatabase::postgres().await).await;
    dispatcher.start();
    let other = dispatcher.start_mortal().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE probes >= 4", 1).await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM attempt").await, 0);
    sink.come_back().await;
    dispatcher.pass_until_concluded().await;
    assert_ramp(&sink);
    assert_sent_once_at_the_first_attempt(&dispatcher, &sink).await;
    other.stop().await;
    dispatcher.finish().await;
}

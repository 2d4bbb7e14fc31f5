//! A worker stands still, or cannot write to the database, while others share a relay's connections with it. What it may
//! use of them is not its any more, since the others count it as absent: it begins no message before it has looked again.

use std::time::Duration;

use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::store::{DatabaseDeadlines, Store};

use super::workers_share_a_relays_connections::{
    FIRST, SECOND, assert_never_more_than, assert_sent, begun, default_relay, join, pass, take,
};
use crate::harness::black_hole::BlackHole;
use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::{Dispatcher, Mortal};
use crate::harness::sink::{Act, Gate, Script, Sink, SinkState, Step};

const COUNT: usize = 40;

/// The row of the older of two workers, whose identifier is the smaller one.
const OF_THE_OLDER: &str = "worker_id = (SELECT worker_id FROM worker_relay ORDER BY worker_id LIMIT 1)";
const OF_THE_YOUNGER: &str = "worker_id = (SELECT worker_id FROM worker_relay ORDER BY worker_id DESC LIMIT 1)";
const LOCK: &str = "LOCK TABLE worker_relay IN EXCLUSIVE MODE";

/// Longer than a lane that does not look is counted by the others.
const ABSENCE: Duration = Duration::from_secs(8);

fn lock_row(which: &str) -> String {
    format!("SELECT 1 FROM worker_relay WHERE {which} FOR UPDATE")
}

fn each_begun(state: &SinkState) -> [usize; 2] {
    [FIRST, SECOND].map(|hello| begun(state, hello))
}

/// They share two connections, and the relay answers nobody before the gate opens.
struct TwoWorkers {
    dispatcher: Dispatcher,
    sink: Sink,
    gate: Gate,
    first: Mortal,
    second: Mortal,
}

impl TwoWorkers {
    /// Each has begun a message of its own.
    async fn with_a_message_each() -> Self {
        let gate = Gate::closed();
        let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(gate.clone()))).await;
        let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[default_relay(FIRST, &sink, 2)]).await;
        let first = dispatcher.start_mortal().await;
        let dispatcher = dispatcher.reconfigured(&[default_relay(SECOND, &sink, 2)]);
        let second = join(&dispatcher).await;
        dispatcher.pass_until("SELECT COUNT(*) FROM worker_relay WHERE connections = 1", 2).await;
        take(&dispatcher, "", COUNT).await;
        dispatcher.pass_until_seen(&sink, "a message of each", |state| state.count(Step::Dot) == 2).await;
        Self { dispatcher, sink, gate, first, second }
    }
}

/// Lets time pass, no faster than the younger worker looks at the shares: the older one cannot.
async fn pass_for_the_younger(dispatcher: &Dispatcher, time: Duration) {
    let (database, clock) = (&dispatcher.database, &dispatcher.database.clock);
    let began = clock.now();
    while clock.now().since(began) < time {
        let looks = database.number(format!("SELECT looks FROM worker_relay WHERE {OF_THE_YOUNGER}")).await;
        let looked = format!("SELECT COUNT(*) FROM worker_relay WHERE {OF_THE_YOUNGER} AND looks > {looks}");
        dispatcher.pass_until(&looked, 1).await;
    }
}

/// It has looked last when it was alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_frozen_begins_nothing_before_it_has_looked() {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(gate.clone()))).await;
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[default_relay(FIRST, &sink, 1)]).await;
    take(&dispatcher, "", COUNT).await;
    let its_clock = Clock::manual(dispatcher.database.clock.now());
    let first = dispatcher.start_with_clock(its_clock.clone()).await;
    sink.wait_for("its first message", |state| state.count(Step::Dot) == 1).await;
    let dispatcher = dispatcher.reconfigured(&[default_relay(SECOND, &sink, 1)]);
    let second = join(&dispatcher).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM worker_relay WHERE connections = 1", 2).await;
    sink.wait_for("the other one's first message", |state| state.count(Step::Dot) == 2).await;

    // It goes on, and cannot look.
    let lock = dispatcher.database.begin(LOCK).await;
    its_clock.advance(ABSENCE);
    gate.open();
    // All that is left is the older one's, and has not begun.
    let older = "SELECT worker_id FROM worker_relay ORDER BY worker_id LIMIT 1";
    let others = format!("SELECT COUNT(*) FROM lane_entry WHERE data_started OR worker_id IS DISTINCT FROM ({older})");
    dispatcher.wait_until(&others, 0).await;
    let [of_first, of_second] = sink.see(each_begun);
    assert_eq!(of_first, 1, "it began another one");
    let claimed = dispatcher.database.number("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'").await;
    assert_eq!(usize::try_from(claimed).expect("not negative"), COUNT - 1 - of_second, "it has claimed what is left");
    assert!(claimed > 0, "it has nothing to begin with");

    lock.commit().await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.see(each_begun), [1, COUNT - 1]);
    assert_sent(COUNT, &dispatcher, &sink).await;
    first.stop().await;
    second.stop().await;
    dispatcher.finish().await;
}

/// The other one has its connection as soon as it does not use it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_write_leaves_its_share_to_the_other() {
    let TwoWorkers { dispatcher, sink, gate, first, second } = TwoWorkers::with_a_message_each().await;

    let lock = dispatcher.database.begin(lock_row(OF_THE_OLDER)).await;
    pass_for_the_younger(&dispatcher, ABSENCE).await;
    gate.open();
    // What it had claimed it has given back.
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.see(each_begun), [1, COUNT - 1]);

    lock.commit().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM worker_relay WHERE connections = 1", 2).await;
    let later = Gate::closed();
    sink.behave(Script::new().on(Step::Dot, Act::Wait(later.clone())));
    take(&dispatcher, "later-", COUNT).await;
    dispatcher.pass_until_seen(&sink, "a message of each", |state| each_begun(state) == [2, COUNT]).await;
    later.open();
    dispatcher.pass_until_concluded().await;
    // One more by the message that it had begun when it could not write any more.
    assert_never_more_than(2 + 1, &sink);
    assert_sent(2 * COUNT, &dispatcher, &sink).await;
    first.stop().await;
    second.stop().await;
    dispatcher.finish().await;
}

/// That the other one has not looked proves nothing, then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_none_can_write_none_takes_the_others_share() {
    let TwoWorkers { dispatcher, sink, gate, first, second } = TwoWorkers::with_a_message_each().await;

    let of_the_older = dispatcher.database.begin(lock_row(OF_THE_OLDER)).await;
    let of_the_younger = dispatcher.database.begin(lock_row(OF_THE_YOUNGER)).await;
    for _ in 0..3 {
        dispatcher.leap(ABSENCE / 2).await;
        dispatcher.step().await;
    }
    of_the_older.commit().await;
    // It looks, and sees that the other one has not for long.
    for _ in 0..6 {
        dispatcher.step().await;
    }
    of_the_younger.commit().await;
    pass(&dispatcher, ABSENCE).await;
    assert_eq!(sink.see(each_begun), [1, 1]);
    gate.open();
    dispatcher.pass_until_concluded().await;
    assert_never_more_than(2, &sink);
    assert!(sink.see(each_begun).iter().all(|begun| *begun > 1), "one of them has not come back");
    assert_sent(COUNT, &dispatcher, &sink).await;
    first.stop().await;
    second.stop().await;
    dispatcher.finish().await;
}

/// It looks again on another one, long before a statement's deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dead_costs_one_look() {
    const LOOKING: &str = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                           AND query LIKE '%UPDATE worker_relay SET connections%'";
    let sink = Sink::start().await;
    let relays = || [default_relay(FIRST, &sink, 2)];
    let mut dispatcher = Dispatcher::with(TestDatabase::postgres().await, &relays()).await;
    let direct = dispatcher.database.store.clone();
    let hole = BlackHole::before_url(&dispatcher.database.url).await;
    let (by_hole, clock) = (hole.url(&dispatcher.database.url), dispatcher.database.clock.clone());
    let deadlines = DatabaseDeadlines::default();
    dispatcher.database.store = Store::open_impatient(&by_hole, deadlines, clock).await.expect("the address is one");
    let mut dispatcher = dispatcher.reconfigured(&relays());
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM worker_relay WHERE connections = 2", 1).await;

    let lock = dispatcher.database.begin(LOCK).await;
    dispatcher.pass_until(&format!("SELECT COUNT(*) {LOOKING}"), 1).await;
    let port = dispatcher.database.number(format!("SELECT CAST(client_port AS BIGINT) {LOOKING}")).await;
    hole.lose(u16::try_from(port).expect("it comes by TCP"));
    let looks = dispatcher.database.number("SELECT looks FROM worker_relay").await;
    lock.commit().await;
    let began = dispatcher.database.clock.now();
    // The server counts the look whose answer is lost, too.
    dispatcher.pass_until(&format!("SELECT COUNT(*) FROM worker_relay WHERE looks >= {looks} + 2"), 1).await;
    let took = dispatcher.database.clock.now().since(began);
    assert!(took < 2 * ABSENCE, "it stood for {took:?}");

    take(&dispatcher, "", COUNT).await;
    dispatcher.pass_until_concluded().await;
    assert_sent(COUNT, &dispatcher, &sink).await;
    dispatcher.stop().await;
    dispatcher.database.store = direct;
    dispatcher.finish().await;
}

//! Several workers send by one relay: all together they never use more connections, or a higher rate, than the relay is
//! configured with; and what one of them does not use, or can use no more, the others have.

use std::collections::BTreeSet;
use std::time::Duration;

use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::relay::{Deadlines, RelayUrl};
use serde_json::{Value, json};

use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::{Dispatcher, Mortal};
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Gate, Script, Sink, SinkState, Step};

/// What the workers say in EHLO, from the oldest on.
pub(super) const FIRST: &str = "first.example";
pub(super) const SECOND: &str = "second.example";
const THIRD: &str = "third.example";

const IN_LANES: &str = "SELECT COUNT(*) FROM lane_entry";

/// Time for many looks of each lane at what the others use, and for less than half of what a dead worker is waited for.
const LOOKS: Duration = Duration::from_secs(10);

/// The same relay, which waits for minutes, for workers that say this name in EHLO.
fn known_as(hello: &str, relay: TestRelay) -> TestRelay {
    let patience = Duration::from_mins(10);
    relay.with(|config| {
        hello.clone_into(&mut config.hello_name);
        config.deadlines = Deadlines { command: patience, final_dot: patience, ..config.deadlines };
    })
}

pub(super) fn default_relay(hello: &str, sink: &Sink, connections: u32) -> TestRelay {
    known_as(hello, relay("default", sink).connections(connections))
}

pub(super) async fn take(dispatcher: &Dispatcher, prefix: &str, count: usize) {
    let events: Vec<_> = (0..count).map(|n| dispatcher.event(&format!("{prefix}{n:03}"), "C-1")).collect();
    dispatcher.take(&events).await;
}

/// Starts a worker that is younger than those that run: their ids begin with the moment at which they were made.
pub(super) async fn join(dispatcher: &Dispatcher) -> Mortal {
    dispatcher.step().await;
    dispatcher.start_mortal().await
}

/// Lets time pass, no faster than each lane looks at the others: a lane that the machine holds up is not absent.
pub(super) async fn pass(dispatcher: &Dispatcher, time: Duration) {
    let (database, clock) = (&dispatcher.database, &dispatcher.database.clock);
    let began = clock.now();
    while clock.now().since(began) < time {
        database.execute("CREATE TABLE looks_before AS SELECT worker_id, relay, looks FROM worker_relay").await;
        // A lane looks every second at least.
        for _ in 0..3 {
            dispatcher.step().await;
        }
        let standing = "SELECT COUNT(*) FROM worker_relay JOIN looks_before USING (worker_id, relay)
                        WHERE worker_relay.looks = looks_before.looks";
        dispatcher.wait_until(standing, 0).await;
        database.execute("DROP TABLE looks_before").await;
    }
}

/// How many messages this worker has begun.
pub(super) fn begun(state: &SinkState, hello: &str) -> usize {
    let greeting = format!("EHLO {hello}");
    let greeted = state.commands.iter().filter(|command| command.line == greeting);
    let connections: BTreeSet<usize> = greeted.map(|command| command.connection).collect();
    state.commands_of("DATA").iter().filter(|data| connections.contains(&data.connection)).count()
}

/// The relay never had more connections, or messages under way, than so many.
pub(super) fn assert_never_more_than(connections: usize, sink: &Sink) {
    sink.see(|state| {
        assert!(state.open_max <= connections, "{} connections at once", state.open_max);
        let under_way = state.loads.iter().map(|load| load.under_way).max().unwrap_or(0);
        assert!(under_way <= connections, "{under_way} messages under way at once");
    });
}

/// All of these were sent, each once and at its first attempt.
pub(super) async fn assert_sent(count: usize, dispatcher: &Dispatcher, sink: &Sink) {
    let sent = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1";
    let sent = dispatcher.database.number(sent).await;
    assert_eq!((usize::try_from(sent).expect("not negative"), sink.mails_and_data_phases()), (count, (count, count)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_connection_goes_from_one_that_stops_to_the_other() {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().nth(Step::Dot, 11, Act::Wait(gate.clone()))).await;
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[default_relay(FIRST, &sink, 1)]).await;
    let first = dispatcher.start_mortal().await;
    let dispatcher = dispatcher.reconfigured(&[default_relay(SECOND, &sink, 1)]);
    let second = join(&dispatcher).await;
    take(&dispatcher, "", 40).await;
    dispatcher.pass_until_seen(&sink, "a message at the gate", |state| state.count(Step::Dot) >= 11).await;
    pass(&dispatcher, LOOKS).await;
    assert_never_more_than(1, &sink);
    assert_eq!(sink.see(|state| [FIRST, SECOND].map(|hello| begun(state, hello))), [11, 0]);

    // It is told to stop before the relay answers.
    tokio::join!(biased; first.stop(), async { gate.open() });
    dispatcher.pass_until_concluded().await;
    assert!(sink.see(|state| begun(state, SECOND)) > 0);
    assert_never_more_than(1, &sink);
    assert_sent(40, &dispatcher, &sink).await;
    second.stop().await;
    dispatcher.finish().await;
}

/// Neither of those that join begins before the first worker has given back what they may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_join_a_busy_one_wait_for_what_it_gives_back() {
    let (at_first, then) = (Gate::closed(), Gate::closed());
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(at_first.clone()))).await;
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[default_relay(FIRST, &sink, 4)]).await;
    take(&dispatcher, "", 40).await;
    let first = dispatcher.start_mortal().await;
    dispatcher.pass_until_seen(&sink, "every connection in use", |state| state.count(Step::Dot) == 4).await;
    let dispatcher = dispatcher.reconfigured(&[default_relay(SECOND, &sink, 4)]);
    let second = join(&dispatcher).await;
    pass(&dispatcher, LOOKS).await;
    let dispatcher = dispatcher.reconfigured(&[default_relay(THIRD, &sink, 4)]);
    let third = join(&dispatcher).await;
    pass(&dispatcher, LOOKS).await;
    let shares = |state: &SinkState| [FIRST, SECOND, THIRD].map(|hello| begun(state, hello));
    assert_eq!(sink.see(|state| (state.open_max, shares(state))), (4, [4, 0, 0]));

    // The four are sent. Of the next ones each worker begins as many as it may: the oldest has what cannot be divided.
    sink.behave(Script::new().on(Step::Dot, Act::Wait(then.clone())));
    at_first.open();
    dispatcher.pass_until_seen(&sink, "each worker's share", |state| shares(state) == [4 + 2, 1, 1]).await;
    pass(&dispatcher, LOOKS).await;
    assert_eq!(sink.see(|state| (state.open_max, shares(state))), (4, [4 + 2, 1, 1]));

    sink.behave(Script::new());
    then.open();
    dispatcher.pass_until_concluded().await;
    assert_never_more_than(4, &sink);
    assert_sent(40, &dispatcher, &sink).await;
    for worker in [first, second, third] {
        worker.stop().await;
    }
    dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_only_the_youngest_knows_is_all_its_own() {
    let gate = Gate::closed();
    let sink = Sink::start().await;
    let other = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(gate.clone()))).await;
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[default_relay(FIRST, &sink, 3)]).await;
    dispatcher.add_tenant("globex", "include").await;
    dispatcher.set_relay("globex", "other").await;
    let first = dispatcher.start_mortal().await;
    let known_to_one = known_as(SECOND, relay("other", &other).connections(3));
    let dispatcher = dispatcher.reconfigured(&[default_relay(SECOND, &sink, 3), known_to_one]);
    let events: Vec<_> = (0..6).map(|n| of_globex(&dispatcher, &n.to_string())).collect();
    dispatcher.take(&events).await;
    let second = join(&dispatcher).await;
    let began = dispatcher.database.clock.now();
    dispatcher.pass_until_seen(&other, "all its connections in use", |state| state.count(Step::Dot) == 3).await;
    let passed = dispatcher.database.clock.now().since(began);
    assert!(passed < Duration::from_secs(20), "they were in use after {passed:?}");

    gate.open();
    dispatcher.pass_until_concluded().await;
    assert_never_more_than(3, &other);
    assert_sent(6, &dispatcher, &other).await;
    first.stop().await;
    second.stop().await;
    dispatcher.finish().await;
}

fn of_globex(dispatcher: &Dispatcher, id: &str) -> Value {
    let mut event = dispatcher.event(id, "C-1");
    event["data"]["tenant_id"] = json!("globex");
    event["data"]["documents"] = json!([dispatcher.add_document(&format!("globex/{id}.pdf"), b"%PDF-1.4")]);
    event
}

/// What more may come than the rate allows for the time between two moments: the messages on both connections may have
/// had their turn before, the first one of each worker after that does not wait, and a turn may have been late.
const EARLY: usize = 2 + 2 + 2;

/// How many messages had come at each moment.
#[derive(Default)]
struct Arrivals(Vec<(Timestamp, usize)>);

impl Arrivals {
    /// Lets time pass until this worker has begun so many messages.
    async fn watch(&mut self, dispatcher: &Dispatcher, sink: &Sink, hello: &str, count: usize) {
        let watching = async {
            while sink.see(|state| begun(state, hello)) < count {
                dispatcher.step().await;
                self.0.push((dispatcher.database.clock.now(), sink.see(|state| state.mails.len())));
            }
        };
        let watched = tokio::time::timeout(Duration::from_mins(3), watching).await;
        assert!(watched.is_ok(), "{hello} never began {count} messages: {:?}", self.0);
    }

    /// Between no two moments more have come than one for each second.
    fn assert_one_a_second(&self) {
        for (index, (since, before)) in self.0.iter().enumerate() {
            for (until, after) in &self.0[index..] {
                let seconds = usize::try_from(until.since(*since).as_secs()).expect("few");
                let came = after - before;
                assert!(came <= seconds + EARLY, "{came} within {seconds} s: {:?}", self.0);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_is_kept_before_while_and_after_another_joins() {
    let sink = Sink::start().await;
    let limited = |hello| default_relay(hello, &sink, 2).with(|config| config.rate = Some(1.0));
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[limited(FIRST)]).await;
    dispatcher.take(&[dispatcher.event("x", "C-1")]).await;
    dispatcher.multiply_due("acme", 1_000).await;
    let mut arrivals = Arrivals::default();
    let first = dispatcher.start_mortal().await;
    arrivals.watch(&dispatcher, &sink, FIRST, 6).await;
    let dispatcher = dispatcher.reconfigured(&[limited(SECOND)]);
    let second = join(&dispatcher).await;
    // For twice as many seconds: it has half of the rate.
    arrivals.watch(&dispatcher, &sink, SECOND, 12).await;
    arrivals.assert_one_a_second();
    assert_never_more_than(2, &sink);
    first.stop().await;
    second.stop().await;
    assert!(dispatcher.database.number(IN_LANES).await > 0, "all were sent: nothing was shown");
    dispatcher.finish().await;
}

/// It would keep the one connection, or its half of them, and send nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_credentials_are_refused_leaves_all_to_the_other() {
    for connections in [1, 2] {
        let gate = Gate::closed();
        let login = Script::new().login("mailer", "right");
        let sink = Sink::scripted(login.on(Step::Dot, Act::Wait(gate.clone()))).await;
        let at = |hello, credentials| {
            let url = RelayUrl::parse(&sink.url_as(credentials)).expect("the sink's address is a relay's");
            default_relay(hello, &sink, connections).with(|config| config.url = url)
        };
        let database = TestDatabase::postgres().await;
        let dispatcher = Dispatcher::with(database, &[at(FIRST, "mailer:wrong")]).await;
        take(&dispatcher, "", 6).await;
        let first = dispatcher.start_mortal().await;
        dispatcher.pass_until("SELECT COUNT(*) FROM refused_credentials", 1).await;
        let dispatcher = dispatcher.reconfigured(&[at(SECOND, "mailer:right")]);
        let second = join(&dispatcher).await;
        let all = usize::try_from(connections).expect("few");
        dispatcher.pass_until_seen(&sink, "every connection in use", |state| state.count(Step::Dot) == all).await;
        pass(&dispatcher, LOOKS).await;

        gate.open();
        dispatcher.pass_until_concluded().await;
        assert_never_more_than(all, &sink);
        assert_eq!(sink.see(|state| [FIRST, SECOND].map(|hello| begun(state, hello))), [0, 6]);
        assert_sent(6, &dispatcher, &sink).await;
        first.stop().await;
        second.stop().await;
        dispatcher.finish().await;
    }
}

/// Its probes fail, and the other one would not be asked to try.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_reach_the_relay_leaves_its_share_to_the_other() {
    let sink = Sink::start().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let away = default_relay(FIRST, &sink, 1).with(|config| {
        config.url = RelayUrl::parse(&format!("smtp://{closed}")).expect("it is a relay's");
    });
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[away]).await;
    take(&dispatcher, "", 6).await;
    let first = dispatcher.start_mortal().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'", 1).await;
    let dispatcher = dispatcher.reconfigured(&[default_relay(SECOND, &sink, 1)]);
    let second = join(&dispatcher).await;
    dispatcher.pass_until_concluded().await;
    // It stays so: the first one does not take it back, and open the breaker again.
    let opened = dispatcher.database.number("SELECT version FROM relay_state").await;
    pass(&dispatcher, Duration::from_mins(2)).await;
    take(&dispatcher, "later-", 6).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number("SELECT version FROM relay_state").await, opened);
    assert_eq!(sink.see(|state| [FIRST, SECOND].map(|hello| begun(state, hello))), [0, 12]);
    assert_never_more_than(1, &sink);
    assert_sent(12, &dispatcher, &sink).await;
    first.stop().await;
    second.stop().await;
    dispatcher.finish().await;
}

/// That its deliveries are taken over takes 30 s; its connections are free long before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_killed_keeps_its_connections_for_seconds() {
    let sink = Sink::start().await;
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[default_relay(FIRST, &sink, 1)]).await;
    let first = dispatcher.start_mortal().await;
    let dispatcher = dispatcher.reconfigured(&[default_relay(SECOND, &sink, 1)]);
    let second = join(&dispatcher).await;
    take(&dispatcher, "before-", 20).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.see(|state| [FIRST, SECOND].map(|hello| begun(state, hello))), [20, 0]);

    first.kill().await;
    sink.wait_for("the end of its connection", |state| state.open == 0).await;
    let killed_at = dispatcher.database.clock.now();
    take(&dispatcher, "after-", 5).await;
    dispatcher.pass_idle_until(IN_LANES, 0).await;
    let passed = dispatcher.database.clock.now().since(killed_at);
    assert!(passed < Duration::from_secs(20), "the other one had sent them after {passed:?}");
    assert_eq!(sink.see(|state| [FIRST, SECOND].map(|hello| begun(state, hello))), [20, 5]);
    assert_never_more_than(1, &sink);
    assert_sent(25, &dispatcher, &sink).await;
    second.stop().await;
    dispatcher.finish().await;
}

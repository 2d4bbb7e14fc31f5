//! SIGTERM: the process ends within its grace, whatever is silent, and its probes say so until it has.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use invoice_dispatcher::app::{Listeners, Observability, Roles, Service};
use invoice_dispatcher::relay::Deadlines;
use invoice_dispatcher::store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::loops_turn::{probe, until_probed};
use crate::harness::black_hole::BlackHole;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(probes_and_metrics_are_answered_until_the_drain_is_over);

/// Long enough to ask the probes meanwhile on a loaded machine.
const GRACE: Duration = Duration::from_secs(10);
/// What the documents promise beyond the grace: to record, to give back, and to answer who watches.
const LAST_STEPS: Duration = Duration::from_secs(4);
/// How much later a loaded machine may see it: less than one more of the waits, of which the shortest is 5 s.
const SLACK: Duration = Duration::from_secs(4);
/// A busy moment of the machine meets one of them; a wait too many meets all.
const TRIES: usize = 3;

/// Once within `bound` is enough.
async fn assert_within(bound: Duration, mut took: impl AsyncFnMut() -> Duration) {
    let mut all = Vec::new();
    for _ in 0..TRIES {
        all.push(took().await);
        if all.last().is_some_and(|took| *took < bound) {
            return;
        }
    }
    panic!("not within {bound:?}: {all:?}");
}

struct Running {
    dispatcher: Dispatcher,
    sink: Sink,
    metrics: SocketAddr,
    stop: CancellationToken,
    process: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// A process with every role, one of whose mails is handed over and not answered.
    async fn start(database: TestDatabase) -> Self {
        let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Hang))).await;
        let free = async || TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let listeners = (free().await, free().await, free().await);
        let [metrics, console, portal] =
            [&listeners.0, &listeners.1, &listeners.2].map(|free| free.local_addr().expect("it is bound"));
        drop(listeners);
        // It waits for the relay's answer for as long as it may.
        let patience = Duration::from_mins(5);
        let relay = relay("default", &sink).with(|config| {
            config.deadlines = Deadlines { command: patience, final_dot: patience, ..config.deadlines };
        });
        let dispatcher = Dispatcher::configured(database, &[relay], |config| {
            config.worker.shutdown_grace = GRACE;
            (config.metrics.listen, config.console.listen, config.portal.listen) = (metrics, console, portal);
        })
        .await;
        let stop = CancellationToken::new();
        let roles = Roles { worker: true, console: true, portal: true };
        let liveness = dispatcher.app.liveness.clone();
        let config = &dispatcher.app.config;
        let observability = Observability::serve(config, liveness).await.expect("it listens");
        let listeners = Listeners::open(config, roles, &observability.probes).await.expect("it listens");
        let process =
            tokio::spawn(Service::new(dispatcher.app.clone(), roles, observability, listeners, stop.clone()).run());
        dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
        sink.wait_for("the mail", |state| state.mails.len() == 1).await;
        until_probed(metrics, "/readyz", 200).await;
        Self { dispatcher, sink, metrics, stop, process }
    }
}

async fn probes_and_metrics_are_answered_until_the_drain_is_over(database: TestDatabase) {
    let Running { dispatcher, sink, metrics, stop, process } = Running::start(database).await;
    let began = Instant::now();
    stop.cancel();
    assert!(until_probed(metrics, "/readyz", 503).await.contains("the process is ending"));
    // The mail on the wire is waited for all the while.
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(probe(metrics, "/livez").await.0, 200);
    let (code, answer) = probe(metrics, "/metrics").await;
    assert!(code == 200 && answer.contains("invoice_mail_build_info"), "{answer}");
    process.await.expect("it ends").expect("in order");
    assert!(began.elapsed() >= GRACE, "the drain took its time: {:?}", began.elapsed());
    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 0"]);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM worker").await, 0);
    dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_does_not_keep_it() {
    assert_within(GRACE + LAST_STEPS + SLACK, ended_after).await;
}

async fn ended_after() -> Duration {
    let mut database = TestDatabase::postgres().await;
    let hole = BlackHole::before_url(&database.url).await;
    // With the deadlines of everyday: 40 s for a statement.
    database.store = Store::open_beside(&hole.url(&database.url), database.clock.clone()).await.expect("an address");
    let Running { mut dispatcher, sink: _sink, metrics, stop, process } = Running::start(database).await;
    let began = Instant::now();
    stop.cancel();
    hole.swallow();
    assert!(until_probed(metrics, "/readyz", 503).await.contains("the process is ending"));
    assert_eq!(probe(metrics, "/livez").await.0, 200);
    process.await.expect("it ends").expect("in order");
    let took = began.elapsed();

    // What it had is taken over: handed over and not answered.
    hole.pass_new_ones();
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 0"]);
    dispatcher.finish().await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_shows_in_readiness_in_15_s() {
    assert_within(Duration::from_secs(15), shown_after).await;
}

async fn shown_after() -> Duration {
    let mut database = TestDatabase::postgres().await;
    let hole = BlackHole::before_url(&database.url).await;
    database.store = Store::open_beside(&hole.url(&database.url), database.clock.clone()).await.expect("an address");
    let Running { metrics, stop, process, .. } = Running::start(database).await;
    let began = Instant::now();
    hole.swallow();
    assert!(until_probed(metrics, "/readyz", 503).await.contains("the database is not reached"));
    let took = began.elapsed();
    stop.cancel();
    process.await.expect("it ends").expect("in order");
    took
}

//! Whether the loops of a process turn: an outage stops none of them, and one that stands still is named.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use invoice_dispatcher::app::{Listeners, Observability, Roles, Service};
use invoice_dispatcher::lifecycle::Liveness;
use invoice_dispatcher::store::{DatabaseDeadlines, Store};
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::harness::LOOK;
use crate::harness::black_hole::BlackHole;
use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

/// How long a turn may take here; outside it is minutes.
const LIMIT: Duration = Duration::from_secs(10);

/// The outage, in turns: six minutes would be as many of the real ones.
const OUTAGE: Duration = Duration::from_secs(25);

/// The status code of a probe's answer, and the answer.
pub(crate) async fn probe(listener: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(listener).await.expect("the listener listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {listener}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it takes the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    (code, answer)
}

pub(crate) async fn until_probed(listener: SocketAddr, path: &str, code: u16) -> String {
    let probing = async {
        loop {
            let (seen, answer) = probe(listener, path).await;
            if seen == code {
                return answer;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), probing).await.expect("the probe answers so in time")
}

/// A dispatcher with one mail, whose process serves its probes by way of the hole; the relay takes the mail and does not
/// answer.
async fn serving(database: TestDatabase, hole: &BlackHole, sink: &Sink) -> (Dispatcher, SocketAddr) {
    let moment = Duration::from_secs(1);
    let deadlines = DatabaseDeadlines {
        acquire: moment,
        statement: moment,
        release: moment,
        idle_in_transaction: Duration::from_secs(5),
    };
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it is bound");
    let relays = || [relay("default", sink).with(|config| config.deadlines.final_dot = Duration::from_secs(1))];
    let mut dispatcher = Dispatcher::configured(database, &relays(), |config| config.metrics.listen = free).await;
    // With the deadlines of everyday.
    dispatcher.take(&[dispatcher.event("silent", "C-1")]).await;
    let (url, clock) = (hole.url(&dispatcher.database.url), dispatcher.database.clock.clone());
    dispatcher.database.store = Store::open_impatient(&url, deadlines, clock).await.expect("the address is one");
    let mut dispatcher = dispatcher.reconfigured(&relays());
    dispatcher.app.liveness = Liveness::with_limit(LIMIT);
    (dispatcher, free)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_fails_readiness_and_never_liveness() {
    let database = TestDatabase::postgres().await;
    let hole = BlackHole::before_url(&database.url).await;
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Hang)).await;
    let (dispatcher, listener) = serving(database, &hole, &sink).await;
    let stop = CancellationToken::new();
    let roles = Roles { worker: true, console: false, portal: false };
    let liveness = dispatcher.app.liveness.clone();
    let config = &dispatcher.app.config;
    let observability = Observability::serve(config, liveness).await.expect("it listens");
    let listeners = Listeners::open(config, roles, &observability.probes).await.expect("it listens");
    let running =
        tokio::spawn(Service::new(dispatcher.app.clone(), roles, observability, listeners, stop.clone()).run());
    sink.wait_for("the message", |state| state.count(Step::Dot) == 1).await;
    until_probed(listener, "/readyz", 200).await;

    hole.swallow();
    let began = Instant::now();
    while began.elapsed() < OUTAGE {
        let (code, answer) = probe(listener, "/livez").await;
        assert_eq!(code, 200, "after {:?}: {answer}", began.elapsed());
        dispatcher.step().await;
    }
    assert!(until_probed(listener, "/readyz", 503).await.contains("the database is not reached"));
    hole.pass_new_ones();
    until_probed(listener, "/readyz", 200).await;
    assert_eq!(probe(listener, "/livez").await.0, 200);
    stop.cancel();
    running.await.expect("it ends").expect("in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_stands_still_is_named() {
    let database = TestDatabase::postgres().await;
    let url = database.url.clone();
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let liveness = Liveness::with_limit(LIMIT);
    dispatcher.app.liveness = liveness.clone();
    // What only the sweeper reads is locked, and its statement waits: for longer than a turn may take here.
    let mut other = PgConnection::connect(&url).await.expect("the database answers");
    other.execute("BEGIN; LOCK TABLE event IN ACCESS EXCLUSIVE MODE").await.expect("no other holds it");
    dispatcher.start();
    let until_stuck = async |wanted: &[&str]| {
        let waiting = async {
            while liveness.stuck(Instant::now()) != wanted {
                dispatcher.step().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        assert!(waited.is_ok(), "not {wanted:?} but {:?}", liveness.stuck(Instant::now()));
    };
    until_stuck(&["sweeper"]).await;
    other.execute("ROLLBACK").await.expect("it goes on");
    until_stuck(&[]).await;
    dispatcher.finish().await;
}

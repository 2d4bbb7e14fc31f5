//! Packets to PostgreSQL are swallowed without a word, as after a failover without RST: what waits for an answer gives
//! up in time, closes its connection, and goes on with new ones.

use std::time::Duration;

use futures_util::future::join_all;
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::ids::EventKey;
use invoice_dispatcher::store::{DatabaseDeadlines, IntakeTransaction, Store, StoreError};
use uuid::Uuid;

use crate::harness::black_hole::BlackHole;
use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

/// How many connections a store has at most.
const PLACES: usize = 12;

/// The longest that anything may take here, however many waits follow each other: less than a statement's 40 s of everyday.
const BOUND: Duration = Duration::from_secs(35);

fn impatient() -> DatabaseDeadlines {
    DatabaseDeadlines {
        acquire: Duration::from_secs(4),
        statement: Duration::from_secs(2),
        release: Duration::from_secs(1),
        // The server still holds the locks of those whom it cannot hear.
        idle_in_transaction: Duration::from_secs(3),
    }
}

async fn store_by(hole: &BlackHole, database: &TestDatabase, clock: Clock) -> Store {
    Store::open_impatient(&hole.url(&database.url), impatient(), clock).await.expect("the address is one")
}

/// As many transactions at once as there are places. A busy server may take longer for that than any of them waits: then
/// again, a few times.
async fn every_place(store: &Store) -> Vec<IntakeTransaction> {
    for _ in 0..4 {
        let begun = join_all((0..PLACES).map(|_| store.begin_intake(&[]))).await;
        if let Ok(begun) = begun.into_iter().collect::<Result<Vec<_>, _>>() {
            return begun;
        }
    }
    panic!("not every place of the pool is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_waits_ends_and_every_place_of_the_pool_comes_back() {
    let database = TestDatabase::postgres().await;
    let hole = BlackHole::before_url(&database.url).await;
    let store = store_by(&hole, &database, database.clock.clone()).await;
    for _ in 0..2 {
        let mut open = every_place(&store).await;
        let (left, committing, writing) = (open.pop(), open.pop(), open.pop());
        // Some places are idle when it happens.
        open.truncate(4);

        hole.swallow();
        let waits = async {
            drop(left);
            let committed = committing.expect("it is open").commit();
            let mut writing = writing.expect("it is open");
            let key = [EventKey(Uuid::nil())];
            let written = writing.context(&key, &[], &[], database.clock.now());
            let (committed, written) = tokio::join!(committed, written);
            assert!(committed.is_err_and(|error| error.is_unavailable()));
            assert!(written.is_err_and(|error| error.is_unavailable()));
            // BEGIN, and single statements, more of them than there are places.
            let begun = join_all((0..PLACES).map(|_| store.begin_intake(&[]))).await;
            assert!(begun.iter().all(|begun| begun.as_ref().is_err_and(StoreError::is_unavailable)));
            let answers = join_all((0..PLACES).map(|_| store.answers())).await;
            assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(StoreError::is_unavailable)));
        };
        tokio::time::timeout(BOUND, waits).await.expect("every wait has an end");

        hole.pass_new_ones();
        drop(open);
        tokio::time::timeout(BOUND, store.wait_until_reachable()).await.expect("new connections are used");
        drop(every_place(&store).await);
    }
    tokio::time::timeout(BOUND, store.close()).await.expect("closing has an end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_goes_on_by_new_connections_and_sends_nothing_twice() {
    const MAILS: usize = 300;
    let database = TestDatabase::postgres().await;
    let hole = BlackHole::before_url(&database.url).await;
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(5)))).await;
    // It is the database that is waited for in vain, and never the relay.
    let relays = || {
        [relay("default", &sink).with(|config| {
            config.deadlines.command = Duration::from_mins(5);
            config.deadlines.final_dot = Duration::from_mins(5);
        })]
    };
    let mut dispatcher = Dispatcher::with(database, &relays()).await;
    let events: Vec<_> = (0..MAILS).map(|n| dispatcher.event(&format!("{n:03}"), "C-1")).collect();
    dispatcher.take(&events).await;
    let direct = dispatcher.database.store.clone();
    dispatcher.database.store = store_by(&hole, &dispatcher.database, dispatcher.database.clock.clone()).await;
    let mut dispatcher = dispatcher.reconfigured(&relays());
    dispatcher.start();
    sink.wait_for("the first mails", |state| state.mails.len() >= 20).await;

    let opened = hole.opened();
    hole.swallow();
    // Answers are overdue, their connections closed, and new ones tried.
    hole.until_opened(opened + 1).await;
    hole.pass_new_ones();
    dispatcher
        .pass_until("SELECT COUNT(*) FROM delivery WHERE concluded IS NOT NULL", i64::try_from(MAILS).expect("few"))
        .await;
    let sent = dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'").await;
    assert_eq!(usize::try_from(sent).expect("few"), MAILS, "{:#?}", dispatcher.states().await);
    assert_eq!(sink.mails_and_data_phases(), (MAILS, MAILS));
    dispatcher.stop().await;
    dispatcher.database.store = direct;
    dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_still_inside_a_transaction_is_reported_to_try_again() {
    let database = TestDatabase::postgres().await;
    let deadlines =
        DatabaseDeadlines { idle_in_transaction: Duration::from_millis(300), ..DatabaseDeadlines::default() };
    let store = Store::open_impatient(&database.url, deadlines, Clock::system()).await.expect("the address is one");
    let mut still = store.begin_intake(&[]).await.expect("the database answers");
    let open = "SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'invoice-dispatcher' AND xact_start IS NOT NULL";
    let ended = async {
        while database.number(open).await > 0 {
            tokio::time::sleep(crate::harness::LOOK).await;
        }
    };
    tokio::time::timeout(BOUND, ended).await.expect("the server ends it");
    let context = still.context(&[EventKey(Uuid::nil())], &[], &[], store.now()).await;
    assert!(context.as_ref().is_err_and(StoreError::is_unavailable), "{context:?}");
    drop(still);
    store.answers().await.expect("another connection is as good");
}

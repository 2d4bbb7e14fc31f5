//! PostgreSQL answers and takes no writes, as a server that has become a replica: that is an outage like any other, is
//! named as one, and ends by itself.

use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::store::Store;
use invoice_dispatcher::upkeep::reconciliation::Evidence;
use tokio::net::{TcpListener, TcpStream};

use super::loops_turn::{probe, until_probed};
use super::processes_are_killed::take_in;
use crate::harness::broker::until;
use crate::harness::database::{TestDatabase, assert_adds_up};
use crate::harness::process::Site;
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_count_as_one_that_answers() {
    let database = TestDatabase::postgres().await;
    database.set_read_only(true).await;
    let store = Store::open_beside(&database.url, database.clock.clone()).await.expect("the address is one");
    let error = store.answers().await.expect_err("it takes no writes");
    assert!(error.is_unavailable() && error.to_string().contains("the database is read-only"), "{error}");
    assert!(store.workers().await.expect("it can be read").is_empty());
    store.close().await;

    database.set_read_only(false).await;
    let store = Store::open_beside(&database.url, database.clock.clone()).await.expect("the address is one");
    store.answers().await.expect("it takes writes again");
    store.close().await;
}

/// A relay takes a message meanwhile, and what it answered is recorded afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_not_ready_until_it_takes_them_again() {
    let database = TestDatabase::postgres().await;
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Wait(gate.clone()))).await;
    let mut site = Site::new(&database.url, None, &sink).await;
    let probes = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it is bound");
    site.set("METRICS_LISTEN", probes.to_string());
    take_in(&site, &[("a", "ap@customer.example")]).await;
    let worker = site.start();
    until("the probes are answered", async || TcpStream::connect(probes).await.is_ok()).await;
    until_probed(probes, "/readyz", 200).await;
    sink.wait_for("the message", |state| state.count(Step::Dot) == 1).await;

    database.set_read_only(true).await;
    until("it says why it is not ready", async || {
        let (code, answer) = probe(probes, "/readyz").await;
        code == 503 && answer.contains("the database is not reached") && answer.contains("the database is read-only")
    })
    .await;
    assert_eq!(probe(probes, "/livez").await.0, 200, "it waits, and need not be restarted");
    gate.open();
    sink.wait_for("the end of the message", |state| state.mails.len() == 1).await;

    database.set_read_only(false).await;
    until_probed(probes, "/readyz", 200).await;
    let sent = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1";
    until("the relay's answer is recorded", async || database.number(sent).await == 1).await;
    assert!(worker.stop().await.success());
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    // By connections that were not ended.
    let store = Store::open_beside(&database.url, Clock::system()).await.expect("the address is one");
    let evidence = Evidence { taken: Some(sink.books().taken()), ..Evidence::default() };
    assert_adds_up(&store, &evidence).await;
    store.close().await;
}

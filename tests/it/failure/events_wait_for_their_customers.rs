//! Events wait for their customers, and several workers look at them: each becomes one delivery, and no worker goes on
//! about what another has done.

use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::event;
use invoice_dispatcher::intake::{Parsed, Verdict};
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::store::WaitingEvent;

use crate::harness::broker::until;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::process::Site;
use crate::harness::sink::Sink;

on_both_databases!(a_worker_leaves_what_another_has_taken);

/// The first customer that is not known yet.
const FIRST: usize = 100;

async fn add_customers(database: &TestDatabase, count: usize) {
    let customers: Vec<_> = (FIRST..FIRST + count)
        .map(|n| format!("('acme', 'C-{n}', 'business', 'Käufer', 'c{n}@customer.example', 0)"))
        .collect();
    let insert = "INSERT INTO customer (tenant_id, id, type, name, address, updated_at) VALUES";
    database.execute(format!("{insert} {}", customers.join(","))).await;
}

async fn a_worker_leaves_what_another_has_taken(database: TestDatabase) {
    let sink = Sink::start().await;
    let dispatcher = Dispatcher::new(database, &sink).await;
    let events: Vec<_> = (FIRST..FIRST + 3).map(|n| dispatcher.event(&n.to_string(), &format!("C-{n}"))).collect();
    assert_eq!(dispatcher.take(&events).await, [Verdict::Waiting; 3]);
    add_customers(&dispatcher.database, 3).await;
    let read = dispatcher.database.store.ready_waiting_events(100).await.expect("the database answers");
    let both_read: Vec<_> = read.iter().cloned().map(Parsed::waiting).collect();
    assert_eq!(both_read.len(), 3);
    // An unknown one: its tenant has no row that could be locked.
    let mut stray = dispatcher.event("stray", "C-1");
    stray["data"]["tenant_id"] = "nobody".into();
    let body = Bytes::from(stray.to_string());
    let stray =
        Parsed::waiting(WaitingEvent { key: event::parse(&body).expect("an event").key(), body, ..read[0].clone() });

    let first = dispatcher.app.intake.take(&both_read[..2]).await.expect("the database answers");
    assert!(first.iter().all(|verdict| matches!(verdict, Verdict::Accepted(_))), "{first:?}");
    let stale = [both_read, vec![stray]].concat();
    let second = tokio::time::timeout(Duration::from_secs(30), dispatcher.app.intake.take(&stale));
    let second = second.await.expect("it comes to an end").expect("the database answers");
    assert!(
        matches!(second[..], [Verdict::Duplicate, Verdict::Duplicate, Verdict::Accepted(_), Verdict::Duplicate]),
        "{second:?}"
    );
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery").await, 3);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_under_load_take_each_event_once() {
    const COUNT: usize = 400;
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(TestDatabase::postgres().await, &sink).await;
    let events: Vec<_> = (FIRST..FIRST + COUNT).map(|n| dispatcher.event(&n.to_string(), &format!("C-{n}"))).collect();
    assert!(dispatcher.take(&events).await.iter().all(|verdict| *verdict == Verdict::Waiting));
    dispatcher.start();
    let other = dispatcher.start_mortal().await;
    add_customers(&dispatcher.database, COUNT).await;
    for round in 0..20 {
        let load: Vec<_> = (0..20).map(|n| dispatcher.event(&format!("load-{round}-{n}"), "C-1")).collect();
        tokio::join!(dispatcher.take(&load), dispatcher.step());
    }
    dispatcher.pass_until("SELECT COUNT(*) FROM event WHERE state = 'waiting'", 0).await;
    dispatcher.pass_until_concluded().await;
    // Expiry, retries and what else the sweepers do go on: an event that comes now waits, and ends.
    assert_eq!(dispatcher.take(&[dispatcher.event("late", "C-9")]).await, [Verdict::Waiting]);
    dispatcher.pass_until("SELECT COUNT(*) FROM dead_letter WHERE class = 'unknown_customer'", 1).await;
    assert_eq!(sink.mails_and_data_phases(), (COUNT + 400, COUNT + 400));
    other.stop().await;
    dispatcher.finish().await;
}

/// What is sent later is taken in all the same.
#[tokio::test]
async fn a_process_without_a_relay_takes_them_in_when_their_customers_come() {
    let (database, sink) = (TestDatabase::postgres().await, Sink::start().await);
    let mut site = Site::new(&database.url, None, &sink).await;
    let mut event = site.event("a", "late@customer.example");
    event["data"]["customer_id"] = format!("C-{FIRST}").into();
    let parsed = [Parsed::of(Incoming::new(event.to_string().into(), Via::File))];
    assert_eq!(site.app().intake.take(&parsed).await.expect("the database answers"), [Verdict::Waiting]);
    site.unset("SMTP_URL");
    let process = site.start();
    add_customers(&database, 1).await;
    let due = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due'";
    until("the event is a delivery", async || database.number(due).await == 1).await;
    assert!(process.stop().await.success());
    assert_eq!(database.number(due).await, 1, "it is not given up");
}

//! An operator's transaction keeps one tenant's settings, or a customer, locked in PostgreSQL: the mail of all other
//! tenants of the lane goes out, and theirs once the lock is gone. (SQLite has one writer: there is nothing like it.)

use std::time::Duration;

use invoice_dispatcher::store::{DataPermitAnswer, Store};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::Sink;
use crate::store::samples::{add_due, add_tenant, add_worker, claim, data_start};

fn event_of(dispatcher: &Dispatcher, tenant: &str, number: usize) -> Value {
    let mut event = dispatcher.event(&format!("{tenant}-{number}"), "C-1");
    event["data"]["tenant_id"] = json!(tenant);
    event["data"]["documents"] = json!([dispatcher.add_document(&format!("{tenant}/{number}.pdf"), b"%PDF-1.4")]);
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_tenants_of_the_lane_do_not_wait() {
    for locked in ["UPDATE tenant_settings SET version = version", "UPDATE customer SET name = name"] {
        let sink = Sink::start().await;
        let relay = relay("default", &sink).connections(4);
        let mut dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[relay]).await;
        dispatcher.add_tenant("other", "include").await;
        let events: Vec<_> = (0..20)
            .flat_map(|n| {
                let own = (n < 10).then(|| event_of(&dispatcher, "acme", n));
                own.into_iter().chain([event_of(&dispatcher, "other", n)])
            })
            .collect();
        dispatcher.take(&events).await;
        let column =
            if locked.contains("customer") { "tenant_id = 'acme' AND id = 'C-1'" } else { "tenant_id = 'acme'" };
        let lock = dispatcher.database.begin(format!("{locked} WHERE {column}")).await;
        dispatcher.start();
        let others = "SELECT COUNT(*) FROM delivery WHERE tenant_id = 'other' AND concluded = 'sent'";
        dispatcher.pass_until(others, 20).await;
        let waits = "SELECT COUNT(*) FROM lane_entry WHERE last_class = 'dependency' AND attempts = 0
                     AND last_reply = 'another transaction in the database keeps the tenant''s settings or the customer locked'";
        dispatcher.pass_until(waits, 10).await;
        assert_eq!(sink.mails_and_data_phases(), (20, 20), "none of the tenant whose rows are locked");

        lock.commit().await;
        dispatcher.pass_until_concluded().await;
        assert_eq!(sink.mails_and_data_phases(), (30, 30));
        dispatcher.finish().await;
    }
}

/// The permit has locked the settings and waits for a lane entry, whose owner comes for the settings: PostgreSQL ends
/// the permit's statement, which is not given up but asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_that_gave_way_to_another_transaction_is_asked_for_again() {
    let database = TestDatabase::postgres().await;
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let start = data_start(&claim(&database, worker, 1).await.remove(0), worker);
    let mut other = PgConnection::connect(&database.url).await.expect("the database answers");
    // The one who waits first looks first whether they wait for each other, and once only: not before the other waits.
    let separator = if database.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options[deadlock_timeout]=5s", database.url);
    let store = Store::open_beside(&url, database.clock.clone()).await.expect("the address is one");
    let patient = "SET deadlock_timeout = '2min'; BEGIN; UPDATE lane_entry SET held = NULL";
    sqlx::raw_sql(patient).execute(&mut other).await.expect("the statement is right");
    let asking = tokio::spawn({
        let (store, start) = (store.clone(), start.clone());
        async move { store.permit_data(&[start]).await }
    });
    database.until_a_statement_waits().await;
    let locking = sqlx::raw_sql("UPDATE tenant_settings SET version = version").execute(&mut other);
    let bound = Duration::from_mins(1);
    tokio::time::timeout(bound, locking).await.expect("the permit gives way").expect("the statement is right");
    let asked = asking.await.expect("the task ends").expect("the statement is repeated");
    assert_eq!(asked, [DataPermitAnswer::Locked]);
    sqlx::raw_sql("COMMIT").execute(&mut other).await.expect("the transaction commits");
    assert_eq!(database.store.permit_data(&[start]).await.expect("answered"), [DataPermitAnswer::Started]);
}

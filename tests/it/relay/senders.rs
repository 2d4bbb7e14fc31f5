//! Tenants with customers at many domains, and days that pass quickly: what the scenarios of refused senders share.

use std::time::Duration;

use serde_json::Value;

use crate::harness::database::{START, TestDatabase};
use crate::harness::dispatcher::Dispatcher;

/// Mails of `tenant` to `local+n@customer-n.example`, over so many domains. Each is a link: what relays say does not
/// depend on documents.
pub(super) fn mails(dispatcher: &Dispatcher, tenant: &str, local: &str, count: usize, domains: usize) -> Vec<Value> {
    (0..count)
        .map(|n| {
            let number = format!("{tenant}-{local}-{n}");
            let mut event = dispatcher.event(&number, "C-1");
            event["data"]["tenant_id"] = tenant.into();
            let address = format!("{local}+{n}@customer-{}.example", n % domains);
            event["data"]["recipients"] = serde_json::json!([{ "role": "to", "address": address }]);
            let document = dispatcher.add_document(&format!("{tenant}/{number}.pdf"), b"%PDF-1.4");
            event["data"]["documents"] = Value::Array(vec![document]);
            event
        })
        .collect()
}

/// How many deliveries of `tenant` have ended as `state`.
pub(super) async fn ended(database: &TestDatabase, tenant: &str, state: &str) -> i64 {
    database
        .number(format!("SELECT COUNT(*) FROM delivery WHERE tenant_id = '{tenant}' AND concluded = '{state}'"))
        .await
}

/// How many deliveries of `tenant` wait, or are being tried.
pub(super) async fn waiting(database: &TestDatabase, tenant: &str) -> i64 {
    database.number(format!("SELECT COUNT(*) FROM lane_entry WHERE tenant_id = '{tenant}'")).await
}

/// Who is held, and why.
pub(super) async fn holds(database: &TestDatabase) -> Vec<String> {
    database
        .texts("SELECT sender || ' ' || reason || ' ' || phase || ' ' || code FROM sender_hold ORDER BY sender")
        .await
}

/// Minutes that have passed since the test began.
pub(super) fn minutes(database: &TestDatabase) -> f64 {
    database.clock.now().since(START).as_secs_f64() / 60.0
}

/// Lets hours pass in leaps that no heartbeat misses, with time to work after each.
pub(super) async fn pass(dispatcher: &Dispatcher, time: Duration) {
    const LEAP: Duration = Duration::from_secs(20);
    let until = dispatcher.database.clock.now().plus(time);
    while dispatcher.database.clock.now() < until {
        dispatcher.leap(LEAP).await;
        for _ in 0..3 {
            dispatcher.step().await;
        }
    }
}

/// Lets time pass until `state` is how so many deliveries of `tenant` ended; says after how many minutes of the test.
pub(super) async fn pass_until_ended(dispatcher: &Dispatcher, tenant: &str, state: &str, count: usize) -> f64 {
    let query = format!("SELECT COUNT(*) FROM delivery WHERE tenant_id = '{tenant}' AND concluded = '{state}'");
    dispatcher.pass_idle_until(&query, i64::try_from(count).expect("a small number")).await;
    minutes(&dispatcher.database)
}

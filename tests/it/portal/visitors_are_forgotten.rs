//! The worker's sweeper deletes what visitors of the portal leave behind, each in its time, and makes customers' keys anew.

use std::time::Duration;

use invoice_dispatcher::store::UndeclaredProxy;

use super::visitors_prove_who_they_are::{Customer, with_phones};
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(a_worker_deletes_what_visitors_leave_behind, a_worker_makes_keys_anew_that_other_rules_have_made,);

const HOUR: Duration = Duration::from_hours(1);

/// What a visit leaves in the database.
const TRACES: [&str; 9] = [
    "portal_session",
    "portal_session_link",
    "portal_verification",
    "portal_code",
    "portal_failure",
    "portal_fresh_link_request",
    "portal_event WHERE network IS NOT NULL",
    "portal_forwarder",
    "sms_log",
];

async fn a_worker_deletes_what_visitors_leave_behind(database: TestDatabase) {
    let (mut portal, _provider) = with_phones(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    customer.send_code().await;
    customer.answer(&[("code", "000000")]).await;
    customer.browser.post("/links", &[("token", "none")]).await;
    let store = &portal.dispatcher.database.store;
    store.record_undeclared_proxy(UndeclaredProxy::Own([10, 0, 0, 1].into())).await.expect("answered");
    portal.dispatcher.stop().await;

    let count = |of: &str| format!("SELECT COUNT(*) FROM {of}");
    for of in TRACES {
        assert!(portal.dispatcher.database.number(count(of)).await > 0, "{of}");
    }
    // Sessions and verifications a day after their end, counters after two, networks after seven, messages after thirty.
    for (hours, gone) in [(37, 4), (12, 6), (6 * 24, 8), (24 * 24, 9)] {
        portal.dispatcher.database.clock.advance(HOUR * hours);
        portal.dispatcher.start();
        for of in &TRACES[..gone] {
            portal.dispatcher.wait_until(&count(of), 0).await;
        }
        portal.dispatcher.stop().await;
        for of in &TRACES[gone..] {
            assert!(portal.dispatcher.database.number(count(of)).await > 0, "{of} after {hours} hours more");
        }
    }
}

async fn a_worker_makes_keys_anew_that_other_rules_have_made(database: TestDatabase) {
    let (portal, _provider) = with_phones(database).await;
    // As a process of another version leaves them.
    let of_other_rules = "UPDATE customer SET verification_rules = 0, postcode_key = 'x', mobile_country = NULL";
    for _ in 0..2 {
        portal.dispatcher.database.execute(of_other_rules).await;
        portal.dispatcher.database.clock.advance(Duration::from_mins(10));
        portal.dispatcher.pass_until("SELECT COUNT(*) FROM customer WHERE verification_rules = 0", 0).await;
    }
    let keys = "SELECT postcode_key || ' ' || COALESCE(CAST(mobile_country AS TEXT), '-') FROM customer ORDER BY id";
    assert_eq!(portal.dispatcher.database.texts(keys).await, ["01067 -", "01067 49"]);
    portal.end().await;
}

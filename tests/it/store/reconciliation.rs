//! Whether everything adds up, where a row cannot be read, and where a person's resend met a late answer.

use invoice_dispatcher::upkeep::reconciliation::{self, Evidence, Reconciliation, ReconciliationFault};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, event};
use crate::store::samples::{add_due, add_tenant, add_worker, claim, data_start, sent};

on_both_databases!(one_unreadable_row_is_named_and_stops_nothing, a_resend_of_what_was_accepted_after_all_is_reported);

async fn audit(database: &TestDatabase) -> Reconciliation {
    reconciliation::audit(&database.store, &Evidence::default()).await.expect("answered")
}

async fn one_unreadable_row_is_named_and_stops_nothing(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    database.execute("DELETE FROM lane_entry").await;
    let bad = "UPDATE delivery SET recipients = '[{\"role\":\"ap@customer.example\"}]'
               WHERE id = (SELECT id FROM delivery ORDER BY id LIMIT 1)";
    assert_eq!(database.execute(bad).await, 1);

    let ledger = audit(&database).await;
    let number = |fault: ReconciliationFault| ledger.findings.iter().filter(|finding| finding.fault == fault).count();
    assert_eq!((ledger.deliveries, number(ReconciliationFault::Unreadable)), (3, 1), "{ledger:#?}");
    assert_eq!(number(ReconciliationFault::InNoState), 2, "the others are looked at: {ledger:#?}");
    assert!(!format!("{ledger:?}").contains("ap@customer.example"), "{ledger:#?}");
    assert!(!ledger.balances());
}

async fn a_resend_of_what_was_accepted_after_all_is_reported(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (claimed, slow) = support.start().await;
    let (database, by) = (&support.database, add_worker(&support.database).await);
    database.store.take_over(slow, by).await.expect("answered");
    support.resend(None).await.expect("it is sent again");
    let now = database.clock.now();
    database.store.record(&[sent(&claimed, slow, now)]).await.expect("answered");
    assert!(audit(database).await.notices.is_empty(), "the second is not out");

    database.store.enqueue_ready(10).await.expect("answered");
    let again = claim(database, by, 1).await.remove(0);
    database.store.permit_data(&[data_start(&again, by)]).await.expect("answered");
    database.store.record(&[sent(&again, by, now)]).await.expect("answered");
    let ledger = audit(database).await;
    assert!(ledger.balances(), "{ledger:#?}");
    let [notice] = &ledger.notices[..] else { panic!("{ledger:#?}") };
    assert_eq!((notice.fault, notice.invoice.as_deref()), (ReconciliationFault::AcceptedAndResent, Some("R-1")));
    assert!(notice.detail.contains(&claimed.delivery.to_string()), "{notice:?}");
}

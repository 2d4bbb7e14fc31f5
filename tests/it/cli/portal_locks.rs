//! `portal-locks`: who is locked, by whose link, and lifted by name.

use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::store::{VerificationAdmission, VerificationAttempt};

use crate::cli::support::{objects, printed, told};
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, event};

/// The customer `C-1` of `acme`, whose link to `R-1` was used for wrong answers until it was locked just now.
async fn locked() -> Support {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    lock(&support, "1").await;
    support
}

/// Uses the link to this invoice of `C-1` for wrong answers until it is locked.
async fn lock(support: &Support, number: &str) {
    support.accept(&event(number)).await;
    let (root, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let (tenant, customer) = ("acme".into(), "C-1".into());
    let attempt = VerificationAttempt { root, tenant: &tenant, customer: &customer, network: Some("203.0.113.0/24") };
    let store = &support.database.store;
    while let VerificationAdmission::Admitted { .. } = store.admit_verification(&attempt).await.expect("answered") {}
    // The command goes by the system's clock.
    let now = Clock::system().now().0;
    support.database.execute(format!("UPDATE portal_failure SET at = {now}")).await;
}

#[tokio::test]
async fn locks_are_listed_a_page_at_a_time() {
    let support = locked().await;
    lock(&support, "2").await;
    // The customer's, and those of both links.
    assert_eq!(objects(&support, &["portal-locks", "list"]).len(), 3);
    let first = objects(&support, &["portal-locks", "list", "--limit", "1"]);
    assert_eq!((first.len(), first[0]["delivery_id"].is_null()), (1, true), "{first:?}");
    let page = printed(&support, &["portal-locks", "list", "--limit", "1"]);
    let (_, after) = page.split_once("there are more: the same with --after ").expect("it says how to read on");
    let (cursor, _) = after.split_once(',').expect("a cursor");
    assert_eq!(first[0]["cursor"], cursor, "programs go on behind any row");
    let rest = objects(&support, &["portal-locks", "list", "--after", cursor]);
    assert_eq!(rest.iter().filter(|row| !row["delivery_id"].is_null()).count(), 2, "{rest:?}");
}

#[tokio::test]
async fn a_lock_names_the_link_that_caused_it_and_is_lifted_with_a_reason() {
    let support = locked().await;
    let rows = objects(&support, &["portal-locks", "list"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!((&row["tenant_id"], &row["customer_id"]), (&"acme".into(), &"C-1".into()));
    assert_eq!(row["caused_by"][0]["invoice_number"], "R-1", "{row}");
    assert_eq!(row["caused_by"][0]["delivery_id"], row["delivery_id"], "the link alone is locked: {row}");
    let text = printed(&support, &["portal-locks", "list", "--tenant", "acme"]);
    assert!(text.contains(" one link ") && text.contains("R-1 (") && text.contains("`portal-locks lift`"), "{text}");
    assert_eq!(printed(&support, &["portal-locks", "list", "--tenant", "beta"]), "nothing is locked\n");

    let lift = ["portal-locks", "lift", "--tenant", "acme", "--customer", "C-1", "--reason", "called back"];
    assert_eq!(printed(&support, &lift), "customer C-1 of acme can try again\n");
    assert!(objects(&support, &["portal-locks", "list"]).is_empty());
    assert!(printed(&support, &lift).starts_with("nothing was lifted: "));
    let story = printed(&support, &["explain", "--invoice", "R-1"]);
    assert!(story.contains("(command line): portal lock lifted: called back"), "{story}");
    let unknown = told(&support, &["portal-locks", "lift", "--tenant", "acme", "--customer", "C-9", "--reason", "x"]);
    assert!(unknown.starts_with("error: there is no customer \"C-9\" of tenant \"acme\""), "{unknown}");
}

//! What a search finds does not depend on how long a page is: each invoice stands on one page, with where it stands now.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::operator::search::{InvoiceSearch, export_search};
use invoice_dispatcher::secrets::{AddressKeys, SecretKeys};
use invoice_dispatcher::store::{FindCursor, FoundBy, Store};
use serde_json::Value;

use super::samples::{Support, WHO, customer, event};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    what_was_sent_again_is_one_row_with_its_present_state,
    two_invoices_of_one_number_are_two_rows,
    what_is_found_in_two_ways_is_one_row,
    one_invoice_of_two_numbers_is_found_by_each,
    an_invoice_that_was_published_many_times_is_one_row,
    the_dead_letter_of_a_delivery_names_its_invoice,
);

const KEYS: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

/// Support for `acme`, whose store writes recipients down.
async fn support(mut database: TestDatabase) -> Support {
    let keys = AddressKeys::of(&SecretKeys::parse(KEYS).expect("keys"));
    database.store = database.store.clone().with_address_keys(keys);
    Support::with_acme(database).await
}

/// An event that brings this number.
fn numbered(id: &str, number: &str) -> Value {
    let mut event = event(id);
    event["data"]["invoice"]["number"] = number.into();
    event
}

fn search(text: &str, state: Option<&str>) -> InvoiceSearch {
    InvoiceSearch::of(text).narrowed(None, state.map(|state| state.parse().expect("a state")))
}

/// `number state` of each row of all pages, in order.
async fn walk(store: &Store, search: &InvoiceSearch, limit: u32) -> Vec<String> {
    let (mut rows, mut after): (Vec<String>, Option<FindCursor>) = (Vec::new(), None);
    for _ in 0..50 {
        let page = search.find(store, &TenantScope::All, after.as_ref(), limit).await.expect("answered");
        assert!(page.invoices.len() <= limit as usize, "{limit} a page: {:?}", page.invoices);
        rows.extend(page.invoices.iter().map(|found| format!("{} {}", found.number, found.standing.into_str())));
        // As an address carries it.
        after = page.next.map(|next| next.to_string().parse().expect("a cursor"));
        if after.is_none() {
            return rows;
        }
    }
    panic!("the search does not end: {rows:?}");
}

/// The same of a file.
async fn file(store: &Store, search: &InvoiceSearch) -> Vec<String> {
    let rows = export_search(store, &actor(WHO), search).await.expect("answered");
    rows.iter().map(|[_, number, _, state, ..]| format!("{number} {state}")).collect()
}

/// Whatever the length of a page, and in the file, this is found.
async fn assert_found(store: &Store, text: &str, state: Option<&str>, expected: &[&str]) {
    let search = search(text, state);
    for limit in 1..=7 {
        assert_eq!(walk(store, &search, limit).await, expected, "{text} {state:?}, {limit} a page");
    }
    assert_eq!(file(store, &search).await, expected, "{text} {state:?}, the file");
}

async fn what_was_sent_again_is_one_row_with_its_present_state(database: TestDatabase) {
    let support = support(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    for _ in 0..3 {
        support.resend(Some("moved@acme.example")).await.expect("it is sent again");
        support.end(Concluded::Sent, ReasonCode::Accepted).await;
    }
    support.database.clock.advance(Duration::from_secs(1));
    support.accept(&event("2")).await;
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    support.database.clock.advance(Duration::from_secs(1));
    support.accept(&event("3")).await;
    let mut waiting = event("4");
    waiting["data"]["customer_id"] = "C-9".into();
    assert_eq!(support.take(&waiting).await, Verdict::Waiting);
    let mut unknown = event("5");
    unknown["data"]["tenant_id"] = "nobody".into();
    unknown["data"]["documents"][0]["object"] = "nobody/5.pdf".into();
    assert_eq!(support.take(&unknown).await, Verdict::DeadLetter(ReasonCode::UnknownTenant));

    let store = &support.database.store;
    let all = ["R-1 sent", "R-2 rejected", "R-3 due", "R-4 waiting", "R-5 dead_letter"];
    assert_found(store, "r-", None, &all).await;
    for (state, expected) in [
        ("sent", &["R-1 sent"][..]),
        // One of the first invoice was rejected, too, but it has been sent since.
        ("rejected", &["R-2 rejected"]),
        ("due", &["R-3 due"]),
        ("waiting", &["R-4 waiting"]),
        ("dead_letter", &["R-5 dead_letter"]),
        ("uncertain", &[]),
    ] {
        assert_found(store, "r-", Some(state), expected).await;
    }
    assert_found(store, "R-1", None, &["R-1 sent"]).await;
    // By address and by customer the newest comes first. The first mail went there, the invoice has moved on since.
    let newest_first = ["R-3 due", "R-2 rejected", "R-1 sent"];
    assert_found(store, "ap@customer.example", None, &newest_first).await;
    assert_found(store, "ap@customer.example", Some("sent"), &["R-1 sent"]).await;
    assert_found(store, "moved@acme.example", None, &["R-1 sent"]).await;
    assert_found(store, "moved@acme.example", Some("rejected"), &[]).await;
    assert_found(store, "c-1", None, &newest_first).await;
    assert_found(store, "c-1", Some("rejected"), &["R-2 rejected"]).await;
}

async fn two_invoices_of_one_number_are_two_rows(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    store.upsert_customer(&customer("C-2"), &actor("billing")).await.expect("answered");
    support.accept(&numbered("1", "R-1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.database.clock.advance(Duration::from_secs(1));
    let mut other = numbered("2", "R-1");
    other["data"]["customer_id"] = "C-2".into();
    support.accept(&other).await;
    assert_found(store, "R-1", None, &["R-1 sent", "R-1 due"]).await;
    assert_found(store, "ap@customer.example", None, &["R-1 due", "R-1 sent"]).await;
}

async fn what_is_found_in_two_ways_is_one_row(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    // A number, an event and a customer that begin alike.
    for (id, number) in [("7", "C-1-7"), ("c-1", "R-8"), ("9", "R-9")] {
        support.database.clock.advance(Duration::from_secs(1));
        support.accept(&numbered(id, number)).await;
    }
    let search = search("c-1", None);
    // What an id names stands above the list and is not counted.
    let expected = ["R-8 due", "C-1-7 due", "R-9 due"];
    for limit in 1..=7 {
        let (mut rows, mut after) = (Vec::new(), None);
        for _ in 0..9 {
            let page = search.find(store, &TenantScope::All, after.as_ref(), limit).await.expect("answered");
            rows.extend(page.invoices.iter().map(|found| format!("{} {}", found.number, found.standing.into_str())));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(rows, expected, "{limit} a page");
    }
    assert_eq!(file(store, &search).await, expected);
}

async fn one_invoice_of_two_numbers_is_found_by_each(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    support.accept(&numbered("1", "R-1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.database.clock.advance(Duration::from_secs(1));
    let mut other = numbered("2", "R-2");
    other["data"]["invoice"]["id"] = "inv-1".into();
    support.accept(&other).await;
    assert_found(store, "R-1", None, &["R-1 sent"]).await;
    assert_found(store, "R-2", None, &["R-2 due"]).await;
    assert_found(store, "r-", None, &["R-1 sent", "R-2 due"]).await;
    assert_found(store, "ap@customer.example", None, &["R-2 due", "R-1 sent"]).await;
    assert_found(store, "c-1", None, &["R-2 due", "R-1 sent"]).await;
}

async fn an_invoice_that_was_published_many_times_is_one_row(database: TestDatabase) {
    let support = support(database).await;
    for id in ["2", "3", "1"] {
        support.accept(&event(id)).await;
        support.end(Concluded::Sent, ReasonCode::Accepted).await;
        support.database.clock.advance(Duration::from_secs(1));
    }
    support.publish_again(&event("1"), 600).await;
    let store = &support.database.store;
    // By number the first delivery of it comes first, by address and by customer the newest one. Its state is the first
    // one's: the others duplicate it.
    for (text, expected) in [
        ("r-", ["R-1 sent", "R-2 sent", "R-3 sent"]),
        ("ap@customer.example", ["R-1 sent", "R-3 sent", "R-2 sent"]),
        ("c-1", ["R-1 sent", "R-3 sent", "R-2 sent"]),
    ] {
        let search = search(text, None);
        for limit in [1, 7] {
            assert_eq!(walk(store, &search, limit).await, expected, "{text}, {limit} a page");
        }
        assert_eq!(file(store, &search).await, expected, "{text}, the file");
        // More of its deliveries than a page reads: the page behind its row is empty, and goes on.
        let first = search.find(store, &TenantScope::All, None, 1).await.expect("answered");
        let second = search.find(store, &TenantScope::All, first.next.as_ref(), 1).await.expect("answered");
        assert!(second.invoices.is_empty() && second.next.is_some(), "{text}: {second:?}");
    }
}

async fn the_dead_letter_of_a_delivery_names_its_invoice(database: TestDatabase) {
    let support = support(database).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    let (delivery, letter) = support.die(ReasonCode::Refused).await;
    let whole = letter.0.to_string();
    let page = search(&whole, None).find(store, &TenantScope::All, None, 9).await.expect("answered");
    let rows: Vec<_> = page.invoices.iter().map(|found| (found.by, found.delivery, found.dead_letter)).collect();
    assert_eq!(rows, [(FoundBy::DeadLetterId, Some(delivery), None)]);
    // Ids begin with the time: the delivery and its dead letter may begin alike.
    for text in [whole.as_str(), &whole[..8], &whole[..4]] {
        assert_found(store, text, None, &["R-1 dead"]).await;
        assert_found(store, text, Some("dead_letter"), &[]).await;
    }
    support.resend(None).await.expect("it is sent again");
    assert_found(store, &whole, None, &["R-1 due"]).await;
}

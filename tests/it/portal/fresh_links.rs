//! A customer whose link has expired asks for a fresh one on its page.

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::store::LinkSelection;
use reqwest::StatusCode;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::portal::support::{SentInvoice, TestPortal};

on_both_databases!(
    an_expired_link_brings_an_email_with_a_fresh_one,
    every_link_gets_the_same_answer,
    only_our_own_page_may_ask,
);

const SENT: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";

async fn expire(portal: &TestPortal, invoice: &SentInvoice) {
    let root = portal.literal(invoice.root);
    let expired = format!("UPDATE portal_link SET expires_at = 1 WHERE root_id = {root}");
    assert_eq!(portal.dispatcher.database.execute(expired).await, 1);
}

async fn an_expired_link_brings_an_email_with_a_fresh_one(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let old = portal.send_invoice("a", "C-1").await;
    expire(&portal, &old).await;
    let mut browser = portal.browser();
    assert_ne!(browser.open(&old).await.status, StatusCode::SEE_OTHER);
    let answer = browser.post("/links", &[("token", &old.token)]).await;
    assert_eq!((answer.status, browser.cookie.as_ref()), (StatusCode::OK, None), "{answer:?}");
    portal.dispatcher.wait_until(SENT, 2).await;
    let newest =
        "SELECT COUNT(*) FROM delivery WHERE link_only AND resend_reason LIKE 'a fresh link%' AND decision = 'link'";
    assert_eq!(portal.dispatcher.database.number(newest).await, 1);
    let store = &portal.dispatcher.database.store;
    let invoice = LinkSelection::Tenant("acme".into());
    let page = invoice_dispatcher::store::PageRequest { limit: 10, after: None };
    let links =
        store.portal_links(&invoice, &TenantScope::All, invoice_dispatcher::store::LinkFilter::Valid, page).await;
    let links = links.expect("answered").items;
    assert_eq!(links.len(), 1);
    let fresh = portal.sent(links[0].root);
    assert_eq!(browser.open(&fresh).await.status, StatusCode::SEE_OTHER, "the fresh one opens");
    let asked =
        portal.dispatcher.database.texts("SELECT detail FROM portal_event WHERE kind = 'fresh_link_asked'").await;
    assert_eq!(asked, ["sent"]);
    portal.dispatcher.finish().await;
}

async fn every_link_gets_the_same_answer(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let (expired, revoked) = (portal.send_invoice("a", "C-1").await, portal.send_invoice("b", "C-1").await);
    let valid = portal.send_invoice("c", "C-1").await;
    expire(&portal, &expired).await;
    expire(&portal, &revoked).await;
    let store = &portal.dispatcher.database.store;
    store.revoke_links(&LinkSelection::Delivery(revoked.root), &actor("ada"), "wrong person").await.expect("answered");
    let unknown = expired.token.chars().rev().collect::<String>();
    let mut answers = Vec::new();
    for token in [&expired.token, &revoked.token, &valid.token, &unknown, "", "<script>"] {
        let answer = portal.browser().post("/links", &[("token", token)]).await;
        answers.push((answer.status, answer.text(), answer.header("cache-control").to_owned()));
    }
    let empty = portal.browser().post("/links", &[]).await;
    answers.push((empty.status, empty.text(), empty.header("cache-control").to_owned()));
    assert_eq!(answers[0].0, StatusCode::OK);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    portal.dispatcher.wait_until(SENT, 4).await;
    portal.dispatcher.finish().await;
}

async fn only_our_own_page_may_ask(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let old = portal.send_invoice("a", "C-1").await;
    expire(&portal, &old).await;
    let browser = portal.browser();
    let form = format!("token={}", old.token);
    for (header, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example"), ("x-none", "x")]
    {
        let request = portal.served.client.post(format!("{}/links", portal.served.base)).header(header, value);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.clone());
        let answer = browser.clone().send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header}");
    }
    assert_eq!(portal.dispatcher.database.number("SELECT COUNT(*) FROM delivery").await, 1);
    assert_eq!(portal.dispatcher.database.number("SELECT COUNT(*) FROM portal_fresh_link_request").await, 0);
    portal.dispatcher.finish().await;
}

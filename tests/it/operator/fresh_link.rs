//! A customer with an expired link asks for a fresh one.

use std::sync::Arc;
use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::{DeliveryId, TenantId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::settings::{PortalAuthentication, PortalLevel, Settings};
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::operator::fresh_link::{
    FreshLink, FreshLinkAnswer, LINKS_PER_INVOICE_MAX, REQUESTS_PER_NETWORK_MAX, WhyNot,
};
use invoice_dispatcher::store::LinkSelection;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, TOKEN, WHO, customer, event, factory};

on_both_databases!(
    an_expired_link_gets_a_fresh_one_to_the_newest_recipients,
    a_link_that_has_not_expired_or_was_revoked_gets_none,
    an_older_link_gets_none_once_the_newest_is_revoked,
    an_invoice_gets_three_a_day,
    a_network_asks_thirty_times_an_hour,
    two_who_ask_at_once_get_one_mail,
    what_cannot_be_sent_is_refused_in_one_sentence,
);

const DAY: Duration = Duration::from_hours(24);
const NETWORK: &str = "203.0.113.0/24";

fn fresh_link(support: &Support) -> FreshLink {
    FreshLink::new(factory(&support.database, "t2", "k2"), None)
}

async fn ask(support: &Support) -> FreshLinkAnswer {
    fresh_link(support).ask(Some(TOKEN), NETWORK).await.expect("answered")
}

async fn refused(support: &Support) -> WhyNot {
    match ask(support).await {
        FreshLinkAnswer::NotSent(why_not) => why_not,
        other => panic!("it is not refused: {other:?}"),
    }
}

async fn sent(support: &Support) -> DeliveryId {
    match ask(support).await {
        FreshLinkAnswer::Sent(delivery) => delivery,
        other => panic!("nothing is sent: {other:?}"),
    }
}

/// `R-1` was sent, and its link, whose token is [`TOKEN`], has expired.
async fn expired(database: TestDatabase) -> (Support, DeliveryId) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let root = support.end(Concluded::Sent, ReasonCode::Accepted).await.0;
    support.make_token_of(root).await;
    support.database.clock.advance(DAY * 61);
    (support, root)
}

/// What the portal's events say, oldest first.
async fn events(support: &Support) -> Vec<String> {
    support.database.texts("SELECT kind || ': ' || detail FROM portal_event ORDER BY at").await
}

async fn an_expired_link_gets_a_fresh_one_to_the_newest_recipients(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let root = support.end(Concluded::Sent, ReasonCode::Accepted).await.0;
    support.make_token_of(root).await;
    // Sent again, to where the customer is reached by then.
    let moved = Customer { address: "new@customer.example".to_owned(), ..customer("C-1") };
    support.database.store.upsert_customer(&moved, &actor("billing")).await.expect("answered");
    support.resend(None).await.expect("it is sent again");
    let resent = support.end(Concluded::Sent, ReasonCode::Accepted).await.0;
    let elsewhere = Customer { address: "later@customer.example".to_owned(), ..customer("C-1") };
    support.database.store.upsert_customer(&elsewhere, &actor("billing")).await.expect("answered");
    support.database.clock.advance(DAY * 61);

    let fresh = sent(&support).await;
    let delivery =
        support.database.store.delivery(fresh, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!(delivery.recipients[0].address, "new@customer.example", "the mailbox that got the last one");
    assert_eq!((delivery.resend_of, delivery.link_only, delivery.express), (Some(resent), true, true));
    assert_eq!((delivery.root, delivery.main), (fresh, fresh));
    assert_eq!(support.states().await, ["sent accepted", "sent accepted", "due -"]);
    assert_eq!(events(&support).await, ["fresh_link_asked: sent"]);
    let notes = support.database.texts("SELECT who || ': ' || what FROM delivery_note").await;
    assert!(notes.contains(&"customer portal: a fresh link was asked for with an expired one".to_owned()), "{notes:?}");
    let revoked = "SELECT COUNT(*) FROM portal_link WHERE revoked_at IS NOT NULL";
    assert_eq!(support.database.number(revoked).await, 0, "a fresh link revokes nothing");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.database.assert_ledger().await;
}

async fn a_link_that_has_not_expired_or_was_revoked_gets_none(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let root = support.end(Concluded::Sent, ReasonCode::Accepted).await.0;
    support.make_token_of(root).await;
    let links = fresh_link(&support);
    for unknown in [None, Some("no token of ours")] {
        let answer = links.ask(unknown, NETWORK).await.expect("answered");
        assert_eq!(answer, FreshLinkAnswer::NotSent(WhyNot::UnknownLink));
    }
    assert_eq!(refused(&support).await, WhyNot::Valid);
    support.database.clock.advance(DAY * 61);
    let store = &support.database.store;
    let revoked = store.revoke_links(&LinkSelection::Delivery(root), &actor(WHO), "sent to the wrong person").await;
    assert_eq!(revoked.expect("answered"), 1);
    assert_eq!(refused(&support).await, WhyNot::Revoked, "although it would have expired, too");
    assert_eq!(support.states().await, ["sent accepted"]);
    let expected = [
        "fresh_link_asked: the link opens the portal",
        "fresh_link_asked: the link was revoked: `resend` sends a new one",
    ];
    assert_eq!(events(&support).await, expected, "of a link that is unknown there is nowhere to record it");
}

async fn an_older_link_gets_none_once_the_newest_is_revoked(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let root = support.end(Concluded::Sent, ReasonCode::Accepted).await.0;
    support.make_token_of(root).await;
    // Sent again, to a mailbox that turns out to be the wrong one.
    support.resend(None).await.expect("it is sent again");
    let resent = support.end(Concluded::Sent, ReasonCode::Accepted).await.0;
    support.database.clock.advance(DAY * 61);
    let store = &support.database.store;
    let revoked = store.revoke_links(&LinkSelection::Delivery(resent), &actor(WHO), "sent to the wrong person").await;
    assert_eq!(revoked.expect("answered"), 1);
    assert_eq!(refused(&support).await, WhyNot::Revoked, "although the link itself has only expired");
    assert_eq!(support.states().await, ["sent accepted"; 2]);
}

async fn an_invoice_gets_three_a_day(database: TestDatabase) {
    let (support, _) = expired(database).await;
    for _ in 0..LINKS_PER_INVOICE_MAX {
        sent(&support).await;
        assert_eq!(refused(&support).await, WhyNot::UnderWay);
        support.end(Concluded::Sent, ReasonCode::Accepted).await;
        support.database.clock.advance(Duration::from_mins(1));
    }
    assert_eq!(refused(&support).await, WhyNot::TooManyLately);
    support.database.clock.advance(DAY);
    sent(&support).await;
}

async fn a_network_asks_thirty_times_an_hour(database: TestDatabase) {
    let (support, _) = expired(database).await;
    let links = fresh_link(&support);
    for _ in 0..REQUESTS_PER_NETWORK_MAX {
        let answer = links.ask(Some("a guess"), NETWORK).await.expect("answered");
        assert_eq!(answer, FreshLinkAnswer::NotSent(WhyNot::UnknownLink));
    }
    assert_eq!(ask(&support).await, FreshLinkAnswer::TooMany, "whatever the link");
    assert_eq!(support.states().await, ["sent accepted"]);
    let other = links.ask(Some("a guess"), "198.51.100.0/24").await.expect("answered");
    assert_eq!(other, FreshLinkAnswer::NotSent(WhyNot::UnknownLink));
    support.database.clock.advance(Duration::from_hours(1));
    sent(&support).await;
    let before = support.database.clock.now().minus(Duration::from_mins(30));
    let purged = support.database.store.purge_fresh_link_requests(before, 1000).await.expect("answered");
    assert_eq!(purged, u64::from(REQUESTS_PER_NETWORK_MAX) + 1, "the last one is too young");
}

async fn two_who_ask_at_once_get_one_mail(database: TestDatabase) {
    let (support, _) = expired(database).await;
    let (links, mut tasks) = (Arc::new(fresh_link(&support)), tokio::task::JoinSet::new());
    for _ in 0..6 {
        let links = Arc::clone(&links);
        tasks.spawn(async move { links.ask(Some(TOKEN), NETWORK).await.expect("answered") });
    }
    let answers = tasks.join_all().await;
    let sent = answers.iter().filter(|answer| matches!(answer, FreshLinkAnswer::Sent(_))).count();
    assert_eq!(sent, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| !matches!(answer, FreshLinkAnswer::TooMany)), "{answers:?}");
    assert_eq!(support.states().await, ["sent accepted", "due -"]);
    support.database.assert_ledger().await;
}

async fn what_cannot_be_sent_is_refused_in_one_sentence(database: TestDatabase) {
    let (support, _) = expired(database).await;
    let store = &support.database.store;
    let acme = TenantId::from("acme");
    let now = store.settings(&acme, &TenantScope::All).await.expect("answered").expect("it is known").settings;
    let portal_authentication = PortalAuthentication { level: PortalLevel::Inaccessible, ..now.portal_authentication };
    let closed = Settings { portal_authentication, ..now };
    store.put_settings(&acme, &closed, None, None, &actor(WHO)).await.expect("answered");
    assert_eq!(refused(&support).await, WhyNot::Closed);
    store.put_settings(&acme, &now, None, None, &actor(WHO)).await.expect("answered");

    let torn = if store.is_single_process() { "x'7b7d'" } else { "'{}'" };
    support.database.execute(format!("UPDATE event SET body = {torn}")).await;
    assert_eq!(refused(&support).await, WhyNot::Forgotten, "what is stored cannot be read");

    support.database.execute("UPDATE event SET body = NULL").await;
    let why_not = refused(&support).await;
    assert_eq!(why_not, WhyNot::Forgotten);
    assert!(why_not.to_string().starts_with("what the invoice says has been deleted"), "{why_not}");
    let resend = support.resend(None).await.expect_err("there is nothing to send");
    assert!(resend.to_string().starts_with("the event's bytes have been deleted"), "{resend}");
    assert_eq!(support.states().await, ["sent accepted"]);
}

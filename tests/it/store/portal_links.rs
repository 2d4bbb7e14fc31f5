//! Links are listed and revoked by whatever a person knows of them.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{CustomerId, DeliveryId, TenantId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{LinkFilter, LinkSelection, LinkState, PageRequest, PortalLink};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, customer, event, tenant};

on_both_databases!(
    a_link_knows_whose_it_is,
    links_are_found_by_whatever_is_known_of_them,
    only_what_is_meant_is_revoked,
    one_of_several_links_is_revoked_by_its_token,
    links_of_many_deliveries_come_in_pages,
    a_resend_to_another_address_says_why_links_ended,
);

const DAY: Duration = Duration::from_hours(24);

/// Everything in one page.
const ALL: PageRequest = PageRequest { limit: 100, after: None };

async fn listed(support: &Support, selection: &LinkSelection, filter: LinkFilter) -> Vec<PortalLink> {
    support.database.store.portal_links(selection, &TenantScope::All, filter, ALL).await.expect("answered").items
}

/// Sends `R-id` of `acme` to `customer`, a minute after the one before.
async fn send(support: &Support, id: &str, customer: &str) -> DeliveryId {
    support.database.clock.advance(Duration::from_mins(1));
    let mut event = event(id);
    event["data"]["customer_id"] = customer.into();
    support.accept(&event).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await.0
}

/// Four links: two of C-1, one of C-2, and one of another tenant's C-1.
async fn four_links(database: TestDatabase) -> (Support, [DeliveryId; 4]) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    store.upsert_customer(&customer("C-2"), &actor("billing")).await.expect("answered");
    store.upsert_tenant(&tenant("beta"), &actor("billing")).await.expect("answered");
    let theirs = invoice_dispatcher::model::customer::Customer { tenant_id: "beta".into(), ..customer("C-1") };
    store.upsert_customer(&theirs, &actor("billing")).await.expect("answered");
    let acme = [send(&support, "1", "C-1").await, send(&support, "2", "C-1").await, send(&support, "3", "C-2").await];
    support.database.clock.advance(Duration::from_mins(1));
    let mut event = event("4");
    event["data"]["tenant_id"] = "beta".into();
    event["data"]["documents"][0]["object"] = "beta/4.pdf".into();
    support.accept(&event).await;
    let beta = support.end(Concluded::Sent, ReasonCode::Accepted).await.0;
    (support, [acme[0], acme[1], acme[2], beta])
}

fn of_customer(tenant: &str, customer: &str) -> LinkSelection {
    LinkSelection::Customer { tenant: tenant.into(), customer: customer.into() }
}

fn of_invoice(tenant: &str, invoice: &str) -> LinkSelection {
    LinkSelection::Invoice { tenant: tenant.into(), invoice: invoice.to_owned() }
}

async fn a_link_knows_whose_it_is(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let root = send(&support, "1", "C-1").await;
    let now = support.database.clock.now();
    let links = listed(&support, &LinkSelection::Delivery(root), LinkFilter::All).await;
    let [link] = links.as_slice() else { panic!("one link: {links:?}") };
    assert_eq!((link.root, link.generation), (root, 0));
    assert_eq!((&link.invoice.tenant, &link.invoice.customer), (&TenantId::from("acme"), &CustomerId::from("C-1")));
    assert_eq!((link.invoice.number.as_str(), link.created_at), ("R-1", Some(now)));
    let later = |days: u32| now.plus(DAY * days);
    let states = [link.state(now), link.state(later(60)), link.state(later(59))];
    assert_eq!(states, [LinkState::Valid, LinkState::Expired, LinkState::Valid]);
}

async fn links_are_found_by_whatever_is_known_of_them(database: TestDatabase) {
    let (support, [first, second, third, theirs]) = four_links(database).await;
    let cases = [
        (LinkSelection::Delivery(second), vec![second]),
        (of_invoice("acme", "R-2"), vec![second]),
        (of_invoice("acme", "inv-2"), vec![second]),
        (of_invoice("beta", "R-2"), vec![]),
        (of_customer("acme", "C-1"), vec![second, first]),
        (of_customer("beta", "C-1"), vec![theirs]),
        (LinkSelection::Tenant("acme".into()), vec![third, second, first]),
        (LinkSelection::Token(Sha256::of(b"no token of ours")), vec![]),
    ];
    for (selection, expected) in cases {
        let found: Vec<DeliveryId> =
            listed(&support, &selection, LinkFilter::All).await.iter().map(|link| link.root).collect();
        assert_eq!(found, expected, "{selection:?}");
    }
    support.database.clock.advance(DAY * 61);
    let acme = LinkSelection::Tenant("acme".into());
    assert_eq!(listed(&support, &acme, LinkFilter::Valid).await, [], "they have expired");
    assert_eq!(listed(&support, &acme, LinkFilter::NotRevoked).await.len(), 3);
}

async fn only_what_is_meant_is_revoked(database: TestDatabase) {
    let (support, [first, second, third, theirs]) = four_links(database).await;
    let store = &support.database.store;
    let revoked = || {
        support.database.number("SELECT COUNT(*) FROM portal_link WHERE revoked_at IS NOT NULL AND revoked_by = 'ada'")
    };
    let revoke = |selection: LinkSelection| async move {
        store.revoke_links(&selection, &actor(WHO), "sent to the wrong person").await.expect("answered")
    };
    assert_eq!(revoke(LinkSelection::Delivery(first)).await, 1);
    assert_eq!(revoke(LinkSelection::Delivery(first)).await, 0, "once is enough");
    assert_eq!((revoke(of_customer("acme", "C-1")).await, revoked().await), (1, 2));
    assert_eq!(revoke(of_customer("acme", "C-9")).await, 0);
    // One that has expired gets no fresh link any more.
    support.database.clock.advance(DAY * 61);
    assert_eq!((revoke(LinkSelection::Tenant("acme".into())).await, revoked().await), (1, 3));

    let acme = listed(&support, &LinkSelection::Tenant("acme".into()), LinkFilter::All).await;
    assert_eq!(acme.iter().map(|link| link.root).collect::<Vec<_>>(), [third, second, first]);
    assert!(acme.iter().all(|link| link.state(support.database.clock.now()) == LinkState::Revoked));
    assert!(acme.iter().all(|link| link.revoke_reason.as_deref() == Some("sent to the wrong person")));
    let beta = listed(&support, &LinkSelection::Delivery(theirs), LinkFilter::NotRevoked).await;
    assert_eq!(beta.len(), 1, "another tenant's stays");
}

async fn one_of_several_links_is_revoked_by_its_token(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let root = send(&support, "1", "C-1").await;
    // As after a revocation and a redrive.
    let token = Sha256::of(b"the second token");
    let is_sqlite = support.database.store.is_single_process();
    let bytes = if is_sqlite { format!("x'{token}'") } else { format!("decode('{token}', 'hex')") };
    support
        .database
        .execute(format!(
            "INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at)
             SELECT root_id, 1, {bytes}, 'k1', expires_at FROM portal_link"
        ))
        .await;
    let token = LinkSelection::Token(token);
    let links = listed(&support, &token, LinkFilter::All).await;
    assert_eq!(links.iter().map(|link| (link.root, link.generation)).collect::<Vec<_>>(), [(root, 1)]);
    let store = &support.database.store;
    assert_eq!(store.revoke_links(&token, &actor(WHO), "pasted").await.expect("answered"), 1);
    let states = support.database.texts(
        "SELECT generation || ' ' || CASE WHEN revoked_at IS NULL THEN 'valid' ELSE 'revoked' END
         FROM portal_link ORDER BY generation",
    );
    assert_eq!(states.await, ["0 valid", "1 revoked"]);
}

async fn links_of_many_deliveries_come_in_pages(database: TestDatabase) {
    let (support, [first, second, third, _]) = four_links(database).await;
    support
        .database
        .execute(
            "INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at)
             SELECT delivery.id, 1, event.content_sha256, 'k1', 0
             FROM delivery JOIN event ON event.key = delivery.event_key",
        )
        .await;
    let store = &support.database.store;
    let acme = LinkSelection::Tenant("acme".into());
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..4 {
        let page = store
            .portal_links(&acme, &TenantScope::All, LinkFilter::All, PageRequest { limit: 1, after })
            .await
            .expect("answered");
        assert_eq!(page.items.len(), 2, "all links of a delivery stand in one page");
        found.push(page.items[0].root);
        match page.next {
            None => break,
            next => after = next,
        }
    }
    assert_eq!(found, [third, second, first]);
    let some = PageRequest { limit: 2, after: None };
    assert_eq!(
        store.portal_links(&acme, &TenantScope::All, LinkFilter::All, some).await.expect("answered").items.len(),
        4
    );
}

async fn a_resend_to_another_address_says_why_links_ended(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let root = send(&support, "1", "C-1").await;
    let resent = support.resend(Some("new@customer.example")).await.expect("it is resent");
    assert_eq!(resent.links_revoked, 1);
    let links = listed(&support, &LinkSelection::Delivery(root), LinkFilter::All).await;
    assert_eq!(links[0].revoked_by.as_deref(), Some(WHO));
    assert_eq!(links[0].revoke_reason.as_deref(), Some("the invoice was sent to another address"));
}

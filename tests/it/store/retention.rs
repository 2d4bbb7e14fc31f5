//! What is forgotten when its time is over, and what must not be.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::operator::fresh_link::{FreshLink, FreshLinkAnswer, WhyNot};
use invoice_dispatcher::sha256::Sha256;
use invoice_dispatcher::store::{Erased, Forgotten, Leftovers, NewPortalOpening, RetentionTimes, UndeclaredProxy};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, TOKEN, WHO, event, factory, tenant};

on_both_databases!(
    bodies_go_after_ninety_days_and_names_stay,
    a_body_outlives_the_last_link_by_thirty_days,
    a_fresh_link_keeps_the_body_for_as_long_as_its_own_time,
    visitors_of_the_portal_are_forgotten_in_days,
    each_proxy_is_remembered_and_told_until_it_is_declared,
    a_flood_of_visitors_is_forgotten_in_batches,
    visitors_are_forgotten_although_a_statement_before_fails,
    what_somebody_must_act_upon_is_kept,
    deliveries_go_after_two_years,
    profiles_and_templates_go_when_nothing_is_made_of_them,
    templates_are_kept_although_they_were_told_before_the_event,
    an_erased_customer_is_named_nowhere,
    a_customer_is_not_erased_while_mails_are_under_way,
);

const DAY: Duration = Duration::from_hours(24);

async fn forget(support: &Support) -> Forgotten {
    support.database.store.forget(&RetentionTimes::default(), 100).await.expect("answered")
}

/// What an erasure cannot take from this kind of database.
pub(crate) fn leftovers(support: &Support) -> Leftovers {
    if support.database.store.is_single_process() { Leftovers::Nothing } else { Leftovers::OldRowVersions }
}

async fn bodies_go_after_ninety_days_and_names_stay(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.database.clock.advance(DAY * 30);
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.database.clock.advance(DAY * 89);
    assert_eq!(forget(&support).await, Forgotten::default(), "90 days from the end, not from the beginning");
    support.database.clock.advance(DAY * 2);
    assert_eq!(forget(&support).await, Forgotten { bodies: 1, ..Forgotten::default() });
    assert_eq!(forget(&support).await, Forgotten::default());
    assert_eq!(support.take(&event("1")).await, Verdict::Duplicate, "it is known for ever");
    assert_eq!(support.states().await, ["sent accepted"]);
}

async fn a_body_outlives_the_last_link_by_thirty_days(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let until = support.database.clock.now().plus(DAY * 120);
    support.database.execute("DELETE FROM portal_link").await;
    for (generation, token, expires_at) in [(0, "content_sha256", 0), (1, "invoice_sha256", until.0)] {
        support
            .database
            .execute(format!(
                "INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at)
                 SELECT root_id, {generation}, {token}, 'k1', {expires_at}
                 FROM delivery JOIN event ON event.key = delivery.event_key"
            ))
            .await;
    }
    support.database.clock.advance(DAY * 149);
    assert_eq!(forget(&support).await, Forgotten::default(), "29 days after the last link");
    support.database.clock.advance(DAY * 2);
    assert_eq!(forget(&support).await, Forgotten { bodies: 1, ..Forgotten::default() });
}

async fn a_fresh_link_keeps_the_body_for_as_long_as_its_own_time(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (root, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.make_token_of(root).await;
    // The first link has ended after 60 days; its event is kept for 30 more, and asked for on the last of them.
    support.database.clock.advance(DAY * 89);
    assert_eq!(forget(&support).await.bodies, 0);
    let fresh = FreshLink::new(factory(&support.database, "t2", "k2"), None);
    let answer = fresh.ask(Some(TOKEN), "203.0.113.0/24").await.expect("answered");
    assert!(matches!(answer, FreshLinkAnswer::Sent(_)), "{answer:?}");
    support.database.clock.advance(DAY * 5);
    assert_eq!(forget(&support).await.bodies, 0, "it is under way");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.database.clock.advance(DAY * 89);
    assert_eq!(forget(&support).await.bodies, 0, "60 days of the fresh one, and 29");
    support.database.clock.advance(DAY * 2);
    assert_eq!(forget(&support).await.bodies, 1);
    let answer = fresh.ask(Some(TOKEN), "203.0.113.0/24").await.expect("answered");
    assert_eq!(answer, FreshLinkAnswer::NotSent(WhyNot::Forgotten));
}

async fn visitors_of_the_portal_are_forgotten_in_days(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (root, _) = support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let store = &support.database.store;
    let network = "203.0.113.0/24";
    let opening = NewPortalOpening {
        old: None,
        new: Sha256::of(b"an id"),
        root,
        generation: 0,
        network: Some(network.to_owned()),
    };
    store.open_portal_link(&opening).await.expect("answered");
    assert!(store.count_fresh_link_request(network, 30).await.expect("answered"));
    let proxy = UndeclaredProxy::Public(network.parse().expect("a network"));
    store.record_undeclared_proxy(proxy).await.expect("answered");
    let left = async || {
        forget(&support).await;
        let mut left = Vec::new();
        for of in [
            "portal_session",
            "portal_session_link",
            "portal_fresh_link_request",
            "portal_event WHERE network IS NOT NULL",
            "portal_forwarder",
            "portal_event",
        ] {
            left.push(support.database.number(format!("SELECT COUNT(*) FROM {of}")).await);
        }
        left
    };
    // The session ends after 12 hours at the latest, and is kept for a day; counters for two days, networks for seven.
    for (hours, expected) in [
        (35, [1, 1, 1, 1, 1, 1]),
        (2, [0, 0, 1, 1, 1, 1]),
        (12, [0, 0, 0, 1, 1, 1]),
        (6 * 24 - 2, [0, 0, 0, 0, 0, 1]),
        (800 * 24, [0, 0, 0, 0, 0, 0]),
    ] {
        support.database.clock.advance(Duration::from_hours(hours));
        assert_eq!(left().await, expected, "{hours} hours later");
    }
}

async fn each_proxy_is_remembered_and_told_until_it_is_declared(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let public = |network: &str| UndeclaredProxy::Public(network.parse().expect("a network"));
    let own = |last: u8| UndeclaredProxy::Own([10, 0, 0, last].into());
    let seen = async || {
        let seen = store.undeclared_proxies().await.expect("answered");
        seen.into_iter().map(|(proxy, _)| proxy).collect::<Vec<_>>()
    };
    let record = async |proxy| {
        support.database.clock.advance(Duration::from_secs(1));
        store.record_undeclared_proxy(proxy).await.expect("answered");
    };
    for proxy in [public("203.0.113.0/24"), own(1), public("2001:db8:1:2::/64"), own(2), own(1)] {
        record(proxy).await;
    }
    let all = [own(1), own(2), public("2001:db8:1:2::/64"), public("203.0.113.0/24")];
    assert_eq!(seen().await, all, "none hides another; the last of one's own first");

    // However many networks strangers come from.
    for third in 0..100 {
        record(public(&format!("198.51.{third}.0/24"))).await;
    }
    assert_eq!(seen().await[..3], [own(1), own(2), public("198.51.99.0/24")]);
    assert_eq!(seen().await.len(), 2 + 8);

    let trusted = ["10.0.0.1/32", "198.51.99.7/32"].map(|network| network.parse().expect("a network"));
    store.forget_declared_proxies(&trusted).await.expect("answered");
    assert_eq!(seen().await[..2], [own(2), public("198.51.98.0/24")]);
}

async fn a_flood_of_visitors_is_forgotten_in_batches(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    for _ in 0..30 {
        assert!(store.count_fresh_link_request("203.0.113.0/24", 30).await.expect("answered"));
    }
    support.database.clock.advance(DAY * 3);
    let round = async || store.forget(&RetentionTimes::default(), 1).await.expect("answered").visitors;
    assert_eq!([round().await, round().await, round().await], [20, 10, 0], "no round lasts without end");
}

/// What visitors leave behind is kept for days, the rest for months: a fault there must not hold it up.
async fn visitors_are_forgotten_although_a_statement_before_fails(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    assert!(store.count_fresh_link_request("203.0.113.0/24", 30).await.expect("answered"));
    support.database.clock.advance(DAY * 3);
    support.database.execute("ALTER TABLE dead_letter RENAME TO dead_letter_away").await;
    store.forget(&RetentionTimes::default(), 100).await.expect_err("dead letters are away");
    assert_eq!(support.database.number("SELECT COUNT(*) FROM portal_fresh_link_request").await, 0);
}

async fn what_somebody_must_act_upon_is_kept(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.accept(&event("2")).await;
    support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
    support.take(&serde_json::json!({ "no": "event" })).await;
    support.accept(&event("3")).await;
    support.database.clock.advance(DAY * 1_000);
    assert_eq!(forget(&support).await, Forgotten { audit: 2, ..Forgotten::default() });
    support.database.store.discard_dead_letters(&[letter], &actor(WHO), "too old").await.expect("answered");
    support.database.clock.advance(DAY * 91);
    let forgotten = forget(&support).await;
    assert_eq!((forgotten.bodies, forgotten.deliveries), (1, 0), "time counts from the discarding");
    support.database.assert_ledger().await;
}

async fn deliveries_go_after_two_years(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.database.clock.advance(DAY * 800);
    support.accept(&event("2")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    let forgotten = forget(&support).await;
    assert_eq!((forgotten.deliveries, forgotten.dead_letters, forgotten.bodies), (1, 1, 1));
    support.database.assert_ledger().await;
    for table in ["delivery", "attempt", "portal_link"] {
        assert_eq!(support.database.number(format!("SELECT COUNT(*) FROM {table}")).await, 1, "{table}");
    }
    assert_eq!(support.database.number("SELECT COUNT(*) FROM delivery_note").await, 0);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM event").await, 2);
    assert_eq!(support.take(&event("1")).await, Verdict::Duplicate);
}

async fn profiles_and_templates_go_when_nothing_is_made_of_them(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    store.save_template_version("t1", "{}").await.expect("answered");
    support.accept(&event("1")).await;
    support.database.clock.advance(DAY);
    let mut acme = tenant("acme");
    "Neu".clone_into(&mut acme.profile.name);
    store.upsert_tenant(&acme, &actor("billing")).await.expect("answered");
    store.save_template_version("t2", "{}").await.expect("answered");
    support.database.clock.advance(DAY * 200);
    store.save_template_version("t2", "{}").await.expect("answered");
    assert_eq!(forget(&support).await, Forgotten::default(), "a delivery is due that is made with them");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.database.clock.advance(DAY * 91);
    store.save_template_version("t2", "{}").await.expect("answered");
    let forgotten = forget(&support).await;
    assert_eq!((forgotten.bodies, forgotten.snapshots), (1, 2));
    assert!(store.tenant(&acme.id, &TenantScope::All).await.expect("answered").is_some(), "what holds stays");
    assert!(store.template_sources("t2").await.expect("answered").is_some());
}

async fn templates_are_kept_although_they_were_told_before_the_event(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    store.save_template_version("t1", "{}").await.expect("answered");
    // A process that takes events in notes its templates now and then, not with each event, and may end right
    // afterwards.
    support.database.clock.advance(DAY / 2);
    support.accept(&event("1")).await;
    support.database.clock.advance(DAY * 200);
    assert_eq!(forget(&support).await, Forgotten::default());
    assert!(
        store.template_sources("t1").await.expect("answered").is_some(),
        "the delivery is still to be made of them"
    );
}

async fn an_erased_customer_is_named_nowhere(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&event("2")).await;
    support.die(ReasonCode::Refused).await;
    let (acme, customer) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let erased = store.erase_customer(&acme, &customer, &actor(WHO)).await.expect("answered");
    let leftovers = leftovers(&support);
    assert_eq!(erased, Erased::Done { deliveries: 2, letters: 1, discarded: 1, leftovers });
    support.database.assert_ledger().await;
    assert_eq!(support.states().await.len(), 2);
    let known = store.customer(&acme, &customer, &TenantScope::All).await.expect("answered").expect("its number stays");
    assert_eq!((known.name.as_str(), known.address.as_str()), ("(erased)", ""));
    let named = "SELECT COUNT(*) FROM delivery WHERE recipients <> '[]' OR customer_name <> '(erased)'";
    assert_eq!(support.database.number(named).await, 0);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM event WHERE body IS NOT NULL").await, 0);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM attempt WHERE reply IS NOT NULL").await, 0);
    assert_eq!(support.letters().await, ["refused discarded"]);
    assert_eq!(support.take(&event("3")).await, Verdict::Waiting, "a customer whom nobody knows");
    let stranger = store.erase_customer(&acme, &CustomerId::from("C-9"), &actor(WHO)).await.expect("answered");
    assert_eq!(stranger, Erased::Unknown);
}

async fn a_customer_is_not_erased_while_mails_are_under_way(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (acme, customer) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let refused = support.database.store.erase_customer(&acme, &customer, &actor(WHO)).await.expect("answered");
    assert_eq!(refused, Erased::UnderWay(1));
    let known = support
        .database
        .store
        .customer(&acme, &customer, &TenantScope::All)
        .await
        .expect("answered")
        .expect("it is known");
    assert_eq!(known.name, "Käufer");
}

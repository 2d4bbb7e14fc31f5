//! What people see of deliveries, and what they decide about single ones.

use std::collections::BTreeMap;
use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{DeliveryId, RelayName, TenantId, WorkerId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeliveryState, EventState};
use invoice_dispatcher::store::{Acted, DeliveryFilter, PageRequest};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::operator::samples::{Support, WHO, customer, event, tenant};
use crate::store::samples::{add_worker, claim, deferred};

on_both_databases!(
    an_invoice_is_explained,
    an_invoice_that_waits_or_died_early_is_explained,
    lists_go_by_state_and_page,
    a_due_delivery_is_cancelled_once,
    send_now_goes_ahead,
    an_uncertain_delivery_is_marked_sent,
    what_is_held_is_not_sent_until_let_go,
    a_publisher_learns_what_became_of_an_event,
    the_lanes_are_counted,
    deliveries_follow_their_tenants_relay,
    a_relay_that_nobody_has_is_a_dead_letter,
    templates_are_kept_by_version,
);

const ALL: PageRequest = PageRequest { limit: 100, after: None };

async fn an_invoice_is_explained(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let acme = TenantId::from("acme");
    assert_eq!(store.explain(&acme, "R-1", &TenantScope::All).await.expect("answered"), None);
    let delivery = support.accept(&event("1")).await;
    let worker = add_worker(&support.database).await;
    let claimed = claim(&support.database, worker, 1).await.pop().expect("it is due");
    store.record(&[deferred(&claimed, worker, support.database.clock.now())]).await.expect("answered");
    let (_, letter) = support.die(ReasonCode::Refused).await;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&event("2")).await;

    for name in ["R-1", "inv-1"] {
        let explained = store.explain(&acme, name, &TenantScope::All).await.expect("answered").expect("it is known");
        assert_eq!((explained.events.len(), explained.deliveries.len()), (1, 1));
        let found = &explained.deliveries[0];
        assert_eq!((found.delivery.id, found.delivery.state), (delivery, DeliveryState::Concluded(Concluded::Sent)));
        assert!(found.delivery.decision_reason.is_some() && found.delivery.decision_inputs.is_some());
        let attempts: Vec<_> = found.attempts.iter().map(|attempt| (attempt.claim, attempt.class)).collect();
        assert_eq!(attempts, [(1, ReasonCode::Deferred), (2, ReasonCode::Refused), (3, ReasonCode::Accepted)]);
        assert_eq!(found.attempts[0].reply.as_deref(), Some("ok"));
        assert_eq!(found.notes.iter().map(|note| note.what.as_str()).collect::<Vec<_>>(), ["redriven"]);
        assert_eq!(found.links.iter().map(|link| link.generation).collect::<Vec<_>>(), [0]);
        assert_eq!(explained.dead_letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), [letter]);
        assert!(explained.events[0].has_body);
    }
}

async fn an_invoice_that_waits_or_died_early_is_explained(database: TestDatabase) {
    let support = Support::new(database);
    let store = &support.database.store;
    support.take(&event("1")).await;
    store.upsert_tenant(&tenant("acme"), &actor("billing")).await.expect("answered");
    assert_eq!(support.take(&event("2")).await, Verdict::Waiting);
    let acme = TenantId::from("acme");
    let died = store.explain(&acme, "R-1", &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((died.events[0].state, died.dead_letters[0].class), (EventState::Dead, ReasonCode::UnknownTenant));
    let waits = store.explain(&acme, "R-2", &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((waits.events[0].state, waits.deliveries.len()), (EventState::Waiting, 0));
}

async fn lists_go_by_state_and_page(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let mut made = Vec::new();
    for number in 0..6 {
        support.database.clock.advance(Duration::from_secs(1));
        made.push(support.accept(&event(&number.to_string())).await);
    }
    made.reverse();
    let since = support.database.clock.now();
    let list = async |state, page| {
        let filter = DeliveryFilter { state, ..DeliveryFilter::default() };
        let page = support.database.store.deliveries(&filter, &TenantScope::All, page).await.expect("answered");
        (page.items.iter().map(|delivery| delivery.id).collect::<Vec<DeliveryId>>(), page.next)
    };
    for state in [None, Some(DeliveryState::Due)] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let (items, next) = list(state, PageRequest { limit: 2, after }).await;
            found.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, made, "{state:?}");
    }
    for (concluded, class) in [(Concluded::Sent, ReasonCode::Accepted), (Concluded::Rejected, ReasonCode::Rejected)] {
        for _ in 0..2 {
            let (delivery, _) = support.end(concluded, class).await;
            let (items, _) = list(Some(DeliveryState::Concluded(concluded)), ALL).await;
            assert!(items.contains(&delivery));
        }
        let state = Some(DeliveryState::Concluded(concluded));
        let (first, next) = list(state, PageRequest { limit: 1, after: None }).await;
        let (second, end) = list(state, PageRequest { limit: 1, after: next }).await;
        assert!(first != second && end.is_none(), "{concluded}");
    }
    let narrow = async |filter: DeliveryFilter| {
        support.database.store.deliveries(&filter, &TenantScope::All, ALL).await.expect("answered").items.len()
    };
    let none = DeliveryFilter::default();
    assert_eq!(narrow(none.clone()).await, 6);
    assert_eq!(narrow(DeliveryFilter { tenant: Some("other".into()), ..none.clone() }).await, 0);
    assert_eq!(narrow(DeliveryFilter { relay: Some("default".into()), ..none.clone() }).await, 6);
    assert_eq!(narrow(DeliveryFilter { relay: Some("second".into()), ..none.clone() }).await, 0);
    assert_eq!(narrow(DeliveryFilter { since: Some(since), ..none.clone() }).await, 1);
    let rejected = DeliveryFilter { state: Some(DeliveryState::Concluded(Concluded::Rejected)), ..none };
    assert_eq!(narrow(DeliveryFilter { relay: Some("second".into()), ..rejected.clone() }).await, 0);
    assert_eq!(narrow(DeliveryFilter { relay: Some("default".into()), since: Some(since), ..rejected }).await, 2);
}

async fn a_due_delivery_is_cancelled_once(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let delivery = support.accept(&event("1")).await;
    assert_eq!(store.cancel(delivery, &actor(WHO), "paid in cash").await.expect("answered"), Acted::Done);
    assert_eq!(support.states().await, ["cancelled by_hand"]);
    let cancelled = Acted::NotPossible(DeliveryState::Concluded(Concluded::Cancelled));
    assert_eq!(store.cancel(delivery, &actor(WHO), "twice").await.expect("answered"), cancelled);
    assert_eq!(store.send_now(delivery, &actor(WHO)).await.expect("answered"), cancelled);
    assert_eq!(store.mark_sent(delivery, &actor(WHO), "no").await.expect("answered").acted, cancelled);
    let nobody = DeliveryId(uuid::Uuid::nil());
    assert_eq!(store.cancel(nobody, &actor(WHO), "none").await.expect("answered"), Acted::Unknown);
    let sending = support.accept(&event("2")).await;
    support.start().await;
    let stands = Acted::NotPossible(DeliveryState::Sending);
    assert_eq!(store.cancel(sending, &actor(WHO), "late").await.expect("answered"), stands);
    support.database.assert_ledger().await;
}

async fn send_now_goes_ahead(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let mut later = event("1");
    later["data"]["not_before"] = json!("2026-12-01T00:00:00Z");
    let hurried = support.accept(&later).await;
    support.accept(&event("2")).await;
    assert_eq!(store.send_now(hurried, &actor(WHO)).await.expect("answered"), Acted::Done);
    let (first, _) = {
        store.enqueue_ready(10).await.expect("answered");
        let worker = add_worker(&support.database).await;
        let claimed = store.claim_due(&RelayName::from("default"), worker, 1, 1, 0, &[]).await.expect("answered");
        (claimed[0].delivery, worker)
    };
    assert_eq!(first, hurried);
    support.database.assert_ledger().await;
}

async fn an_uncertain_delivery_is_marked_sent(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (delivery, _) = support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
    let done =
        support.database.store.mark_sent(delivery, &actor(WHO), "the relay's log has it").await.expect("answered");
    assert_eq!((done.acted, done.rest, done.recipients_unknown), (Acted::Done, None, false));
    assert_eq!(support.states().await, ["sent by_hand"]);
    support.database.assert_ledger().await;
}

async fn what_is_held_is_not_sent_until_let_go(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    let (dead, live) = (add_worker(&support.database).await, add_worker(&support.database).await);
    claim(&support.database, dead, 1).await;
    support.accept(&event("2")).await;
    let acme = TenantId::from("acme");
    // The backup came long after both: they waited in it, and may have gone out since.
    support.database.clock.advance(Duration::from_hours(24));
    let backup = support.database.clock.now();
    assert_eq!(store.hold(backup, Some(&TenantId::from("other")), &actor(WHO)).await.expect("answered").held, 0);
    assert_eq!(store.hold(backup, Some(&acme), &actor(WHO)).await.expect("answered").held, 2);
    assert_eq!(store.hold(backup, None, &actor(WHO)).await.expect("answered").held, 0, "they are held");
    let noted = support.database.texts("SELECT what FROM delivery_note").await;
    assert_eq!(noted, ["held: what was sent since 2026-11-24T09:30:00Z may be missing here"; 2]);

    store.take_over(dead, live).await.expect("answered");
    store.enqueue_ready(10).await.expect("answered");
    assert!(claim(&support.database, live, 10).await.is_empty(), "also what a dead worker had");
    assert_eq!(store.let_go(None, &actor(WHO)).await.expect("answered").let_go, 2);
    store.enqueue_ready(10).await.expect("answered");
    assert_eq!(claim(&support.database, live, 10).await.len(), 2);
    support.database.assert_ledger().await;
}

async fn a_publisher_learns_what_became_of_an_event(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let source = "https://billing.example/test";
    assert_eq!(store.event_fate(source, "1", &TenantScope::All).await.expect("answered"), None);
    let delivery = support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let fate = store.event_fate(source, "1", &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!(fate.event.expect("it is one").state, EventState::Accepted);
    let found = fate.delivery.expect("it became one");
    assert_eq!((found.id, found.state), (delivery, DeliveryState::Concluded(Concluded::Dead)));
    assert_eq!(fate.dead_letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), [letter]);

    let mut conflict = event("1");
    conflict["data"]["invoice"]["total"] = json!("1.00");
    support.take(&conflict).await;
    let fate = store.event_fate(source, "1", &TenantScope::All).await.expect("answered").expect("it is known");
    let classes: Vec<_> = fate.dead_letters.iter().map(|letter| letter.class).collect();
    assert_eq!(classes.len(), 2);
    assert!(classes.contains(&ReasonCode::ConflictingEvent));

    let mut malformed = event("2");
    malformed["data"]["invoice"]["total"] = json!("much");
    support.take(&malformed).await;
    let fate = store.event_fate(source, "2", &TenantScope::All).await.expect("answered").expect("it is known");
    assert!(fate.event.is_none() && fate.delivery.is_none());
    assert_eq!(fate.dead_letters[0].class, ReasonCode::Malformed);
}

async fn the_lanes_are_counted(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    let start = support.database.clock.now();
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    support.accept(&event("2")).await;
    support.start().await;
    let mut later = event("3");
    later["data"]["not_before"] = json!("2026-12-01T00:00:00Z");
    support.accept(&later).await;
    assert_eq!(store.due_oldest().await.expect("answered"), BTreeMap::new(), "its time has not come");
    support.accept(&event("4")).await;
    let counts = store.state_counts().await.expect("answered");
    let counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    let sent = DeliveryState::Concluded(Concluded::Sent);
    assert_eq!(counts, [(DeliveryState::Due, 2), (DeliveryState::Sending, 1), (sent, 1)]);
    support.database.clock.advance(Duration::from_mins(1));
    let oldest = store.due_oldest().await.expect("answered");
    assert_eq!(oldest, BTreeMap::from([(RelayName::from("default"), start)]));
}

async fn deliveries_follow_their_tenants_relay(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    let worker = add_worker(&support.database).await;
    let claimed = claim(&support.database, worker, 1).await;
    support.accept(&event("2")).await;
    assert_eq!(store.follow_tenants_relays(10).await.expect("answered"), 0);
    let moved = invoice_dispatcher::model::tenant::Tenant { relay: "second".into(), ..tenant("acme") };
    store.upsert_tenant(&moved, &actor("billing")).await.expect("answered");
    assert_eq!(store.follow_tenants_relays(10).await.expect("answered"), 1, "one is being sent");
    assert!(claim(&support.database, worker, 10).await.is_empty());
    store.release(&[claimed[0].fence(worker)]).await.expect("answered");
    assert_eq!(store.follow_tenants_relays(10).await.expect("answered"), 1);
    assert_eq!(store.enqueue_ready(10).await.expect("answered"), 2, "they get places in the new lane");
    let second = RelayName::from("second");
    let claimed = store.claim_due(&second, worker, 10, 5, 0, &[]).await.expect("answered");
    assert_eq!(claimed.len(), 2);
}

async fn a_relay_that_nobody_has_is_a_dead_letter(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let store = &support.database.store;
    support.accept(&event("1")).await;
    support.accept(&event("2")).await;
    let default = [RelayName::from("default")];
    let unknown = async || store.unknown_relays().await.expect("answered").into_iter().collect::<Vec<_>>();
    // A worker that knows it, and one that knows another.
    let (knows, other) = (new_id(), new_id());
    for (worker, relays) in [(knows, &["default", "other"][..]), (other, &["other"])] {
        let relays: Vec<RelayName> = relays.iter().map(|relay| RelayName::from(*relay)).collect();
        store.register_worker(WorkerId(worker), "test", &relays).await.expect("answered");
    }
    assert_eq!(unknown().await, []);
    assert_eq!(store.give_up_relays(&default, 10).await.expect("answered"), 0, "a worker serves it");
    store.take_over(WorkerId(knows), WorkerId(other)).await.expect("answered");
    assert_eq!(unknown().await, default);

    // One of them was tried before.
    let tried = "UPDATE lane_entry SET decision = 'link', portal_access = 'verified', portal_method = 'sms_otp'
        WHERE delivery_id IN (SELECT delivery_id FROM lane_entry ORDER BY delivery_id LIMIT 1)";
    assert_eq!(support.database.execute(tried).await, 1);
    assert_eq!(store.give_up_relays(&[], 10).await.expect("answered"), 0);
    assert_eq!(store.give_up_relays(&default, 1).await.expect("answered"), 1);
    assert_eq!(store.give_up_relays(&default, 10).await.expect("answered"), 1);
    assert_eq!(support.states().await, ["dead unknown_relay"; 2]);
    assert_eq!(support.letters().await, ["unknown_relay open"; 2]);
    support.database.assert_ledger().await;
    let groups = store.dead_letter_groups(&TenantScope::All, 10).await.expect("answered");
    assert_eq!((groups.len(), groups[0].count), (1, 2));
    assert!(groups[0].example.reason.contains("default"), "{}", groups[0].example.reason);
    assert_eq!(groups[0].example.event_id.as_deref().map(str::len), Some(1));

    let moved = invoice_dispatcher::model::tenant::Tenant { relay: "other".into(), ..tenant("acme") };
    store.upsert_tenant(&moved, &actor("billing")).await.expect("answered");
    store.upsert_customer(&customer("C-1"), &actor("billing")).await.expect("answered");
    let letter = groups[0].example.id;
    support.redrive.letter(letter, &actor(WHO)).await.expect("it goes back");
    assert_eq!(support.database.texts("SELECT relay FROM lane_entry").await, ["other"]);
    support.database.assert_ledger().await;
}

async fn templates_are_kept_by_version(database: TestDatabase) {
    let store = &database.store;
    assert_eq!(store.template_sources("t1").await.expect("answered"), None);
    for _ in 0..2 {
        store.save_template_version("t1", "{}").await.expect("answered");
    }
    assert_eq!(store.template_sources("t1").await.expect("answered").as_deref(), Some("{}"));
}

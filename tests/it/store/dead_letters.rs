//! The list of dead letters, and its mirror's ledger.

use std::collections::HashSet;
use std::time::Duration;

use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{DeadLetterId, TenantId};
use invoice_dispatcher::model::outbox::DeadLetterOutbox;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::DeadLetterState;
use invoice_dispatcher::store::{DeadLetterFilter, IntakeRows, NewDeadLetter, PageRequest, Store};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::operator::samples::{Support, WHO, event};
use crate::store::samples::{dead_letter, take_in};

on_both_databases!(
    pages_go_from_the_newest_to_the_oldest,
    every_filter_narrows,
    groups_name_a_cause_once,
    a_letter_is_shown_with_its_bytes,
    discarded_and_restored_it_is_as_before,
    the_ledger_follows_a_letter_through_the_mirror,
    large_letters_are_published_a_few_at_a_time,
    one_process_holds_the_lease,
);

const ALL: PageRequest = PageRequest { limit: 100, after: None };

async fn add(database: &TestDatabase, letters: Vec<NewDeadLetter>) {
    take_in(database, &IntakeRows { dead_letters: letters, ..IntakeRows::default() }).await;
}

fn letter(class: ReasonCode, fingerprint: &str, tenant: &str, at: Timestamp) -> NewDeadLetter {
    NewDeadLetter {
        fingerprint: fingerprint.to_owned(),
        tenant: Some(tenant.into()),
        ..dead_letter(None, class, None, at)
    }
}

async fn ids(store: &Store, filter: &DeadLetterFilter) -> Vec<DeadLetterId> {
    store
        .dead_letters(filter, &TenantScope::All, ALL)
        .await
        .expect("answered")
        .items
        .iter()
        .map(|letter| letter.id)
        .collect()
}

async fn pages_go_from_the_newest_to_the_oldest(database: TestDatabase) {
    let now = database.clock.now();
    // Every third moment is shared by three letters.
    let letters: Vec<_> = (0..10)
        .map(|number| letter(ReasonCode::Refused, "a", "acme", now.plus(Duration::from_secs(number / 3))))
        .collect();
    add(&database, letters.clone()).await;
    let mut wanted: Vec<_> = letters.iter().map(|letter| (letter.last_failed_at, letter.id)).collect();
    wanted.sort_unstable();
    wanted.reverse();

    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: 4, after };
        let page =
            database.store.dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page).await.expect("answered");
        found.extend(page.items.iter().map(|letter| (letter.last_failed_at, letter.id)));
        let Some(next) = page.next else { break };
        after = Some(next.to_string().parse().expect("a cursor survives a text"));
    }
    assert_eq!(found, wanted);
}

async fn every_filter_narrows(database: TestDatabase) {
    let now = database.clock.now();
    let later = now.plus(Duration::from_secs(1));
    let letters = [
        letter(ReasonCode::Refused, "a", "acme", now),
        letter(ReasonCode::Refused, "b", "other", now),
        letter(ReasonCode::Internal, "c", "acme", later),
    ];
    add(&database, letters.to_vec()).await;
    let [one, two, three] = letters.map(|letter| letter.id);
    let filter = DeadLetterFilter::default();
    let store = &database.store;
    let of = |class| DeadLetterFilter { class: Some(class), ..filter.clone() };
    assert_eq!(
        ids(store, &of(ReasonCode::Refused)).await.into_iter().collect::<HashSet<_>>(),
        HashSet::from([one, two])
    );
    let acme = DeadLetterFilter { tenant: Some(TenantId::from("acme")), ..filter.clone() };
    assert_eq!(ids(store, &acme).await, [three, one]);
    assert_eq!(ids(store, &DeadLetterFilter { class: Some(ReasonCode::Internal), ..acme.clone() }).await, [three]);
    assert_eq!(ids(store, &DeadLetterFilter { fingerprint: Some("b".into()), ..filter.clone() }).await, [two]);
    assert_eq!(ids(store, &DeadLetterFilter { fingerprint: Some("b".into()), ..acme }).await, []);
    assert_eq!(ids(store, &DeadLetterFilter { since: Some(later), ..filter.clone() }).await, [three]);
    assert_eq!(ids(store, &DeadLetterFilter { concluded: true, ..filter.clone() }).await, []);
    store.discard_dead_letters(&[two], &actor(WHO), "no more").await.expect("answered");
    assert_eq!(ids(store, &DeadLetterFilter { concluded: true, ..filter.clone() }).await, [two]);
    assert_eq!(ids(store, &filter).await, [three, one]);
}

async fn groups_name_a_cause_once(database: TestDatabase) {
    let now = database.clock.now();
    let later = now.plus(Duration::from_secs(9));
    let newest = letter(ReasonCode::Refused, "often", "acme", later);
    add(
        &database,
        vec![
            letter(ReasonCode::Refused, "often", "acme", now),
            newest.clone(),
            letter(ReasonCode::Internal, "once", "acme", now),
        ],
    )
    .await;
    let groups = database.store.dead_letter_groups(&TenantScope::All, 10).await.expect("answered");
    let seen: Vec<_> = groups.iter().map(|group| (group.example.fingerprint.as_str(), group.count)).collect();
    assert_eq!(seen, [("often", 2), ("once", 1)]);
    assert_eq!((groups[0].oldest, groups[0].example.id), (now, newest.id));
    assert_eq!(database.store.dead_letter_groups(&TenantScope::All, 1).await.expect("answered").len(), 1);
    let counts = database.store.open_dead_letters().await.expect("answered");
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(ReasonCode::Refused, 2), (ReasonCode::Internal, 1)]);
    assert_eq!(database.store.oldest_dead_letter().await.expect("answered"), Some(now));
}

async fn a_letter_is_shown_with_its_bytes(database: TestDatabase) {
    let support = Support::new(database);
    support.take(&event("1")).await;
    support.take(&serde_json::json!({ "no": "event" })).await;
    let store = &support.database.store;
    let page = store.dead_letters(&DeadLetterFilter::default(), &TenantScope::All, ALL).await.expect("answered");
    let mut bytes = Vec::new();
    for letter in &page.items {
        let (shown, body) =
            store.dead_letter(letter.id, &TenantScope::All).await.expect("answered").expect("it is known");
        assert_eq!(shown, *letter);
        bytes.push((shown.class, String::from_utf8(body.expect("bytes").to_vec()).expect("text")));
    }
    bytes.sort();
    let wanted =
        [(ReasonCode::Malformed, r#"{"no":"event"}"#.to_owned()), (ReasonCode::UnknownTenant, event("1").to_string())];
    assert_eq!(bytes, wanted);
    assert!(store.dead_letter(DeadLetterId(uuid::Uuid::nil()), &TenantScope::All).await.expect("answered").is_none());
}

async fn discarded_and_restored_it_is_as_before(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (_, letter) = support.die(ReasonCode::Refused).await;
    let store = &support.database.store;
    let before = store.dead_letter(letter, &TenantScope::All).await.expect("answered");

    let discarded = store.discard_dead_letters(&[letter], &actor(WHO), "paid in cash").await.expect("answered");
    assert_eq!(discarded, HashSet::from([letter]));
    assert_eq!(support.states().await, ["discarded refused"]);
    let (shown, _) = store.dead_letter(letter, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((shown.state, shown.concluded_by.as_deref()), (DeadLetterState::Discarded, Some(WHO)));
    assert_eq!(shown.note.as_deref(), Some("paid in cash"));
    support.database.assert_ledger().await;
    let again = store.discard_dead_letters(&[letter], &actor(WHO), "twice").await.expect("answered");
    assert!(again.is_empty(), "it is not open any more");

    assert_eq!(
        store.restore_dead_letters(&[letter], &actor(WHO), false).await.expect("answered").letters,
        HashSet::from([letter])
    );
    assert_eq!(support.states().await, ["dead refused"]);
    assert_eq!(store.dead_letter(letter, &TenantScope::All).await.expect("answered"), before);
    assert!(store.restore_dead_letters(&[letter], &actor(WHO), false).await.expect("answered").letters.is_empty());
    support.database.assert_ledger().await;
    assert_eq!(support.database.number("SELECT COUNT(*) FROM delivery_note").await, 2);
}

async fn large_letters_are_published_a_few_at_a_time(database: TestDatabase) {
    let large = |_| NewDeadLetter {
        body: Some(vec![b'x'; 1 << 20].into()),
        ..dead_letter(None, ReasonCode::Malformed, None, Timestamp(0))
    };
    let store = &database.store;
    let mut transaction = store.begin_intake(&[]).await.expect("answered");
    let rows = IntakeRows { dead_letters: (0..12).map(large).collect(), ..IntakeRows::default() };
    transaction.insert(&rows).await.expect("answered");
    transaction.commit().await.expect("answered");
    let mut steps = Vec::new();
    loop {
        let ids: Vec<_> =
            store.next_to_publish(200).await.expect("answered").iter().map(|pending| pending.id).collect();
        if ids.is_empty() {
            break;
        }
        steps.push(ids.len());
        store.mark_published(&ids).await.expect("answered");
    }
    assert_eq!(steps, [1; 12], "1 MiB in a step");
}

async fn the_ledger_follows_a_letter_through_the_mirror(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.accept(&event("1")).await;
    let (delivery, letter) = support.die(ReasonCode::Refused).await;
    support.take(&serde_json::json!({ "no": "event" })).await;
    let store = &support.database.store;

    let pending = store.next_to_publish(10).await.expect("answered");
    assert_eq!(pending.len(), 2);
    let of_delivery = pending.iter().find(|pending| pending.id == letter).expect("it is pending");
    assert_eq!((of_delivery.delivery_id, of_delivery.class), (Some(delivery), ReasonCode::Refused));
    let malformed = pending.iter().find(|pending| pending.id != letter).expect("it is pending");
    assert_eq!(&malformed.body[..], br#"{"no":"event"}"#);
    assert_eq!(store.next_to_publish(1).await.expect("answered").len(), 1);

    let both = [letter, malformed.id];
    let open = async || store.still_open(&both).await.expect("answered").into_keys().collect::<HashSet<_>>();
    assert_eq!(open().await, HashSet::from(both));
    store.mark_published(&both).await.expect("answered");
    assert_eq!(store.next_to_publish(10).await.expect("answered").len(), 0);
    assert_eq!(store.published_and_open().await.expect("answered"), 2);
    assert_eq!(store.to_remove().await.expect("answered"), []);

    store.mark_removed(&[letter]).await.expect("answered");
    assert_eq!(store.published_and_open().await.expect("answered"), 2, "what is open stays in the queue");
    store.discard_dead_letters(&[letter], &actor(WHO), "no more").await.expect("answered");
    assert_eq!(open().await, HashSet::from([malformed.id]));
    let unknown = DeadLetterId(new_id());
    let concluded = store.concluded(&[letter, malformed.id, unknown]).await.expect("answered");
    assert_eq!(concluded, HashSet::from([letter]), "an unknown one is not concluded");
    assert_eq!(store.to_remove().await.expect("answered"), [letter]);
    store.mark_removed(&[letter]).await.expect("answered");
    assert_eq!(store.to_remove().await.expect("answered"), []);
    store.restore_dead_letters(&[letter], &actor(WHO), false).await.expect("answered");
    assert_eq!(store.next_to_publish(10).await.expect("answered")[0].id, letter, "it goes to the queue again");
    for nothing in [store.mark_published(&[]).await, store.mark_removed(&[]).await] {
        nothing.expect("answered");
    }
}

async fn one_process_holds_the_lease(database: TestDatabase) {
    let clock = database.clock.clone();
    let other = Store::open_beside(&database.url, clock.clone()).await.expect("the database opens");
    let lease = Duration::from_mins(2);
    let store = &database.store;
    assert!(store.hold_mirror_lease(lease).await.expect("answered"));
    assert!(!other.hold_mirror_lease(lease).await.expect("answered"));
    clock.advance(Duration::from_secs(100));
    assert!(store.hold_mirror_lease(lease).await.expect("answered"), "renewed");
    clock.advance(Duration::from_secs(100));
    assert!(!other.hold_mirror_lease(lease).await.expect("answered"));
    clock.advance(Duration::from_secs(20));
    assert!(other.hold_mirror_lease(lease).await.expect("answered"), "it ran out");
    assert!(!store.hold_mirror_lease(lease).await.expect("answered"));
    store.release_mirror_lease().await.expect("answered");
    assert!(!store.hold_mirror_lease(lease).await.expect("answered"), "only its holder gives it back");
    other.release_mirror_lease().await.expect("answered");
    assert!(store.hold_mirror_lease(lease).await.expect("answered"));
    other.close().await;
}

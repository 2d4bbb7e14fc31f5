//! The queue of dead letters, held against the database whose mirror it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::DeadLetterId;
use invoice_dispatcher::model::outbox::DeadLetterOutbox as _;
use invoice_dispatcher::store::{DeadLetterFilter, PageRequest, Store};

use super::LOOK;
use super::broker::{Broker, text};

/// The longest that the mirror may take after a restart of the broker.
const PATIENCE: Duration = Duration::from_mins(3);

/// More than any scenario has open.
const LETTERS_MAX: u32 = 100_000;

/// Waits until the worker that keeps the mirror has nothing left to do: every open dead letter was published, what is
/// concluded was taken out, and as many messages stand in the queue as letters are open.
pub(crate) async fn until_mirrored(store: &Store, broker: &Broker, when: &str) {
    let seen = Mutex::new(String::new());
    let told = async || {
        let pending = store.next_to_publish(1).await.map(|letters| letters.len());
        let concluded = store.to_remove().await.map(|letters| letters.len());
        let Ok(open) = store.open_dead_letters().await else { return false };
        let standing = broker.at_rest(&broker.topology.dead).await.map(i64::from);
        let open: i64 = open.values().sum();
        *seen.lock().expect("no panic") =
            format!("{pending:?} to publish, {concluded:?} to remove, {standing:?} in the queue of {open}");
        matches!((pending, concluded), (Ok(0), Ok(0))) && standing == Some(open)
    };
    let mirrored = async {
        while !told().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    let mirrored = tokio::time::timeout(PATIENCE, mirrored).await;
    assert!(mirrored.is_ok(), "the mirror was not brought up to date {when}: {}", seen.lock().expect("no panic"));
}

/// Takes every message out of the queue of dead letters. There must be exactly one for each open dead letter and none
/// of any other, and each must be, byte for byte, the event as the database keeps it and as it was `published`.
///
/// No process may keep the mirror meanwhile.
pub(crate) async fn assert_mirrors(store: &Store, broker: &Broker, published: &[Bytes], when: &str) {
    let mut standing: BTreeMap<String, Vec<Bytes>> = BTreeMap::new();
    for (body, headers) in broker.drain(&broker.topology.dead).await {
        standing.entry(text(&headers, "dispatch-dead-letter-id")).or_default().push(body);
    }
    let originals: BTreeSet<&Bytes> = published.iter().collect();
    let mut wrong = Vec::new();
    for (letter, kept) in open_letters(store).await {
        match standing.remove(&letter.to_string()).as_deref() {
            Some([body]) if Some(body) != kept.as_ref() => wrong.push(format!("{letter} has other bytes: {body:?}")),
            Some([body]) if !originals.contains(body) => wrong.push(format!("{letter} was never published: {body:?}")),
            Some([_]) => {}
            Some(copies) => wrong.push(format!("{letter} stands there {} times", copies.len())),
            None => wrong.push(format!("{letter} is open and does not stand there")),
        }
    }
    wrong.extend(standing.keys().map(|letter| format!("{letter} stands there and is not open")));
    assert!(wrong.is_empty(), "{} is no mirror of the dead letters {when}: {wrong:#?}", broker.topology.dead);
}

/// Every open dead letter, and its event's bytes.
async fn open_letters(store: &Store) -> Vec<(DeadLetterId, Option<Bytes>)> {
    let page = PageRequest { limit: LETTERS_MAX, after: None };
    let page =
        store.dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page).await.expect("the database answers");
    assert!(page.next.is_none(), "more dead letters than a scenario has");
    let mut letters = Vec::new();
    for letter in page.items {
        let (letter, body) =
            store.dead_letter(letter.id, &TenantScope::All).await.expect("the database answers").expect("it was there");
        letters.push((letter.id, body));
    }
    letters
}

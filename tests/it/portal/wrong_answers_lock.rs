//! Wrong answers are counted before an answer is compared: over links, methods and processes.

use std::time::Duration;

use futures_util::future::join_all;
use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{CustomerId, DeliveryId, TenantId};
use invoice_dispatcher::store::{
    DatabaseDeadlines, LockCursor, PortalLock, Store, VerificationAdmission, VerificationAttempt,
};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};

on_both_databases!(
    two_hundred_guesses_at_once_are_five_comparisons,
    ten_guesses_by_many_links_are_all_of_a_day,
    a_right_answer_clears_its_link_and_not_the_customer,
    a_lock_is_lifted_by_a_person,
    locks_are_listed_in_pages,
    a_network_waits_and_locks_nobody,
    failures_are_deleted_when_they_can_lock_no_more,
);

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Whoever guesses about the customer `C-1` of `acme`.
struct Guesser {
    tenant: TenantId,
    customer: CustomerId,
    network: Option<String>,
}

impl Guesser {
    fn new() -> Self {
        Self { tenant: "acme".into(), customer: "C-1".into(), network: Some("198.51.100.0/24".to_owned()) }
    }

    async fn guess(&self, store: &Store, root: DeliveryId) -> VerificationAdmission {
        store.admit_verification(&self.attempt(root)).await.expect("the database answers")
    }

    fn attempt(&self, root: DeliveryId) -> VerificationAttempt<'_> {
        VerificationAttempt { root, tenant: &self.tenant, customer: &self.customer, network: self.network.as_deref() }
    }

    /// Guesses that must be compared; returns whether the last one locks.
    async fn fail(&self, store: &Store, root: DeliveryId, times: u32) -> bool {
        let mut locks = false;
        for time in 0..times {
            let VerificationAdmission::Admitted { locks_if_wrong, .. } = self.guess(store, root).await else {
                panic!("guess {time} is not compared");
            };
            locks = locks_if_wrong;
        }
        locks
    }
}

fn link() -> DeliveryId {
    DeliveryId(new_id())
}

fn until(admission: VerificationAdmission) -> Option<Timestamp> {
    match admission {
        VerificationAdmission::Locked { until } => Some(until),
        _ => None,
    }
}

/// The first page of what is locked.
async fn all_locks(store: &Store, tenant: Option<&TenantId>) -> Vec<PortalLock> {
    let page = store.portal_locks(&TenantScope::All.narrowed_to(tenant), None, 100).await.expect("answered");
    assert_eq!(page.next, None);
    page.locks
}

async fn two_hundred_guesses_at_once_are_five_comparisons(database: TestDatabase) {
    // However long the last of them waits for a connection.
    let deadlines = DatabaseDeadlines { acquire: Duration::from_mins(1), ..DatabaseDeadlines::default() };
    let open = async || {
        Store::open_impatient(&database.url, deadlines, database.clock.clone()).await.expect("the database opens")
    };
    let (guesser, root) = (Guesser::new(), link());
    // Of two processes, each with its own connections.
    let (one, other) = (open().await, open().await);
    let stores = [&one, &other];
    let guesses = (0..200).map(|number| guesser.guess(stores[number % 2], root));
    let answers = join_all(guesses).await;
    let compared = answers.iter().filter(|answer| matches!(answer, VerificationAdmission::Admitted { .. })).count();
    assert_eq!(compared, 5, "{answers:?}");
    let locking = |answer: &&VerificationAdmission| {
        matches!(answer, VerificationAdmission::Admitted { locks_if_wrong: true, .. })
    };
    assert_eq!(answers.iter().filter(locking).count(), 1, "one of them locks");
    let end = database.clock.now().plus(MINUTE * 15);
    assert!(answers.iter().filter_map(|answer| until(*answer)).all(|until| until == end), "{answers:?}");
    assert_eq!(database.number("SELECT COUNT(*) FROM portal_failure").await, 5);

    database.clock.advance(MINUTE * 15);
    let answers = join_all((0..200).map(|number| guesser.guess(stores[number % 2], root))).await;
    let compared = answers.iter().filter(|answer| matches!(answer, VerificationAdmission::Admitted { .. })).count();
    assert_eq!(compared, 5, "ten of that customer are all of a day");
    one.close().await;
    other.close().await;
}

async fn ten_guesses_by_many_links_are_all_of_a_day(database: TestDatabase) {
    let (store, clock) = (&database.store, &database.clock);
    let guesser = Guesser::new();
    for _ in 0..9 {
        assert!(!guesser.fail(store, link(), 1).await);
        clock.advance(HOUR);
    }
    assert!(guesser.fail(store, link(), 1).await, "the tenth locks");
    let tenth = clock.now();
    for root in [link(), link()] {
        assert_eq!(until(guesser.guess(store, root).await), Some(tenth.plus(HOUR * 24)));
    }
    let other = Guesser { customer: "C-2".into(), ..Guesser::new() };
    other.fail(store, link(), 1).await;

    clock.advance(HOUR * 23 + MINUTE * 59);
    assert!(until(guesser.guess(store, link()).await).is_some(), "the first is older than a day, the lock holds");
    clock.advance(MINUTE);
    assert!(!guesser.fail(store, link(), 1).await);
}

async fn a_right_answer_clears_its_link_and_not_the_customer(database: TestDatabase) {
    let store = &database.store;
    let (guesser, root) = (Guesser::new(), link());
    guesser.fail(store, root, 4).await;
    let VerificationAdmission::Admitted { attempt, .. } = guesser.guess(store, root).await else { panic!("locked") };
    assert!(until(guesser.guess(store, root).await).is_some(), "a fifth is being compared");
    store.verification_succeeded(attempt, root).await.expect("answered");
    assert!(!guesser.fail(store, root, 4).await, "the link begins anew");
    let refused = store.verification_refusal(&guesser.attempt(root)).await.expect("answered");
    assert_eq!(refused, None);
    // Eight wrong ones are counted; the right one never was.
    assert!(!guesser.fail(store, link(), 1).await);
    assert!(guesser.fail(store, link(), 1).await, "the tenth wrong one of the customer");
}

async fn a_lock_is_lifted_by_a_person(database: TestDatabase) {
    let store = &database.store;
    let (guesser, one, two) = (Guesser::new(), link(), link());
    guesser.fail(store, one, 5).await;
    let now = database.clock.now();
    let locks = all_locks(store, None).await;
    assert_eq!(locks.len(), 1);
    assert_eq!((locks[0].root, locks[0].until), (Some(one), now.plus(MINUTE * 15)));
    guesser.fail(store, two, 5).await;
    let locks = all_locks(store, Some(&guesser.tenant)).await;
    assert_eq!(locks.iter().map(|lock| lock.root.is_some()).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!((locks[0].customer.as_str(), locks[0].until), ("C-1", now.plus(HOUR * 24)));
    assert_eq!(locks[0].roots.len(), 2, "it says by which links");
    assert_eq!(all_locks(store, Some(&"other".into())).await, []);
    let theirs = store.portal_locks_of(&guesser.tenant, &guesser.customer, &TenantScope::All).await.expect("answered");
    assert_eq!(theirs, locks);

    assert!(
        !store.lift_portal_locks(&guesser.tenant, &"C-2".into(), &actor("ada"), "they called").await.expect("answered")
    );
    assert!(
        store
            .lift_portal_locks(&guesser.tenant, &guesser.customer, &actor("ada"), "they called")
            .await
            .expect("answered")
    );
    assert_eq!(all_locks(store, None).await, []);
    assert!(guesser.fail(store, one, 5).await, "all guesses of the link are new");
}

async fn locks_are_listed_in_pages(database: TestDatabase) {
    let store = &database.store;
    let of = |tenant: &str, customer: &str| Guesser { tenant: tenant.into(), customer: customer.into(), network: None };
    // Two links of one customer, and the customer with them; one of each other; and one who has only failed.
    let several = of("acme", "C-1");
    several.fail(store, link(), 5).await;
    several.fail(store, link(), 5).await;
    for guesser in [of("acme", "C-2"), of("acme", "C-3"), of("beta", "C-1")] {
        guesser.fail(store, link(), 5).await;
    }
    let careless = of("acme", "C-25");
    careless.fail(store, link(), 4).await;
    careless.fail(store, link(), 1).await;
    let told = |lock: &PortalLock| {
        format!("{} {} {}", lock.tenant, lock.customer, if lock.root.is_some() { "link" } else { "all" })
    };
    let expected =
        ["acme C-1 all", "acme C-1 link", "acme C-1 link", "acme C-2 link", "acme C-3 link", "beta C-1 link"];
    for limit in 1..=7 {
        let (mut after, mut seen, mut pages): (Option<LockCursor>, Vec<PortalLock>, _) = (None, Vec::new(), 0);
        loop {
            let page = store.portal_locks(&TenantScope::All, after.as_ref(), limit).await.expect("answered");
            seen.extend(page.locks);
            pages += 1;
            // As an address carries it.
            after = page.next.map(|next| next.to_string().parse().expect("a cursor"));
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.iter().map(told).collect::<Vec<_>>(), expected, "{limit} a page");
        assert!(seen[1].root < seen[2].root, "{limit} a page");
        assert_eq!(pages, expected.len().div_ceil(limit as usize));
    }

    // What is lifted meanwhile repeats and hides nothing: the list goes on behind where it stood.
    let first = store.portal_locks(&TenantScope::All, None, 4).await.expect("answered");
    for customer in ["C-1", "C-2"] {
        store.lift_portal_locks(&"acme".into(), &customer.into(), &actor("ada"), "called").await.expect("answered");
    }
    let rest = store.portal_locks(&TenantScope::All, first.next.as_ref(), 4).await.expect("answered");
    assert_eq!(rest.locks.iter().map(told).collect::<Vec<_>>(), &expected[4..]);
}

async fn a_network_waits_and_locks_nobody(database: TestDatabase) {
    let store = &database.store;
    let of = |number: u32| Guesser { customer: CustomerId::from(format!("C-{number}")), ..Guesser::new() };
    for number in 0..30 {
        of(number).fail(store, link(), 1).await;
    }
    let root = link();
    let refused = of(30).guess(store, root).await;
    assert_eq!(refused, VerificationAdmission::TooMany { until: database.clock.now().plus(HOUR) });
    let elsewhere = Guesser { network: Some("203.0.113.0/24".to_owned()), ..of(30) };
    elsewhere.fail(store, root, 1).await;
    assert_eq!(all_locks(store, None).await, []);
    database.clock.advance(HOUR);
    of(30).fail(store, root, 1).await;
}

async fn failures_are_deleted_when_they_can_lock_no_more(database: TestDatabase) {
    let store = &database.store;
    let guesser = Guesser::new();
    guesser.fail(store, link(), 1).await;
    database.clock.advance(HOUR * 48);
    assert_eq!(store.purge_portal_failures(1000).await.expect("answered"), 0);
    guesser.fail(store, link(), 1).await;
    database.clock.advance(MINUTE);
    assert_eq!(store.purge_portal_failures(1000).await.expect("answered"), 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM portal_failure").await, 1);
}

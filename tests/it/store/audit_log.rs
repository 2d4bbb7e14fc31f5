//! The audit log proves itself: whatever is changed in it by hand is found, and what may be erased leaves it whole.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::actor::Actor;
use invoice_dispatcher::model::audit::AuditAction;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::secrets::{AuditKeys, SecretKeys};
use invoice_dispatcher::store::{
    AuditFault, AuditHead, AuditProof, AuditRecord, AuditSearch, Cursor, NewAuditEntry, PageRequest, RetentionTimes,
    Store,
};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    an_untouched_log_is_proven,
    an_edit_by_hand_is_found,
    a_tail_that_was_cut_is_found_by_a_logged_head,
    older_keys_prove_older_entries,
    an_erased_customer_leaves_the_chain_whole,
    networks_are_forgotten_after_a_week,
    the_front_is_cut_after_two_years,
    entries_that_were_made_old_by_hand_are_kept,
    a_forged_checkpoint_is_found,
    processes_append_one_after_the_other,
    times_never_go_back,
    entries_are_found,
    a_scope_sees_its_tenants_only,
    the_same_look_is_one_entry,
);

const OLDER: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
const NEWER: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn keys(text: &str) -> AuditKeys {
    AuditKeys::of(&SecretKeys::parse(text).expect("keys"))
}

/// A store with a secret key.
fn keyed(database: &TestDatabase) -> Store {
    database.store.clone().with_audit_keys(keys(OLDER))
}

fn ada() -> Actor {
    actor("ada").because("asked for").from_network("198.51.100.0/24")
}

/// Five entries: 1 and 2 of acme's C-1 and C-2, 3 of beta, 4 of no tenant, 5 with an old and a new value.
async fn five(store: &Store) {
    let (acme, beta) = (TenantId::from("acme"), TenantId::from("beta"));
    let (one, two) = (CustomerId::from("C-1"), CustomerId::from("C-2"));
    let (ada, bob) = (ada(), actor("bob"));
    for entry in [
        NewAuditEntry::new(AuditAction::CustomerViewed, &ada).of_customer(&acme, &one).about("C-1"),
        NewAuditEntry::new(AuditAction::CustomerViewed, &ada).of_customer(&acme, &two).about("C-2"),
        NewAuditEntry::new(AuditAction::InvoiceViewed, &bob).of_tenant(&beta).about("R-1"),
        NewAuditEntry::new(AuditAction::RelayPaused, &bob).because("the provider is changed").about("default"),
        NewAuditEntry::new(AuditAction::SettingsChanged, &ada).of_tenant(&acme).with(json!({ "old": 1, "new": 2 })),
    ] {
        store.audit(&entry).await.expect("answered");
    }
}

async fn proof(store: &Store) -> Result<AuditProof, AuditFault> {
    store.prove_audit(&[]).await.expect("answered")
}

async fn all(store: &Store, scope: &TenantScope, filter: &AuditSearch) -> Vec<AuditRecord> {
    let page = store.audit_entries(scope, filter, PageRequest { limit: 100, after: None }).await.expect("answered");
    assert_eq!(page.next, None);
    page.items
}

async fn an_untouched_log_is_proven(database: TestDatabase) {
    let store = keyed(&database);
    let empty = proof(&store).await.expect("an empty log fits");
    assert_eq!((empty.entries, empty.head.sequence), (0, 0));
    five(&store).await;
    let whole = proof(&store).await.expect("it fits");
    assert_eq!((whole.entries, whole.head.sequence, whole.without_detail), (5, 5, 0));
    assert_eq!(whole.head, store.audit_head().await.expect("answered"));
    // The log of an hour ago, and the one of now.
    let logged = [empty.head, whole.head];
    assert!(store.prove_audit(&logged).await.expect("answered").is_ok());
    assert_eq!(
        proof(&database.store).await,
        Err(AuditFault::KeyMissing { sequence: 1, key: keys(OLDER).newest().fingerprint().to_owned() }),
    );
}

async fn an_edit_by_hand_is_found(first: TestDatabase) {
    let is_sqlite = first.store.is_single_process();
    drop(first);
    let (hex, blob) = if is_sqlite { ("x'", "'") } else { ("'\\x", "'::bytea") };
    let hash = format!("{hex}{}{blob}", "ab".repeat(32));
    let copy = "INSERT INTO audit_entry SELECT 6, at, action, who_kind, who_id, tenant_id, customer_id, subject, key,
                detail_hmac, network_hmac, previous_hash, hash FROM audit_entry WHERE sequence = 5";
    let swap = "UPDATE audit_entry SET sequence = -1 WHERE sequence = 3; \
                UPDATE audit_entry SET sequence = 3 WHERE sequence = 4; \
                UPDATE audit_entry SET sequence = 4 WHERE sequence = -1";
    let without_children = "DELETE FROM audit_network WHERE sequence IN (3, 4); \
                            DELETE FROM audit_detail WHERE sequence IN (3, 4);";
    let shift = "DELETE FROM audit_entry WHERE sequence = 2; DELETE FROM audit_network; DELETE FROM audit_detail; \
                 UPDATE audit_entry SET sequence = 2 WHERE sequence = 3";
    for (edit, fault) in [
        ("UPDATE audit_entry SET action = 'signed_in' WHERE sequence = 3".to_owned(), AuditFault::Changed(3)),
        ("UPDATE audit_entry SET at = at - 1000 WHERE sequence = 1".to_owned(), AuditFault::Changed(1)),
        ("UPDATE audit_entry SET subject = 'C-3' WHERE sequence = 2".to_owned(), AuditFault::Changed(2)),
        ("UPDATE audit_entry SET tenant_id = NULL WHERE sequence = 5".to_owned(), AuditFault::Changed(5)),
        (format!("UPDATE audit_entry SET previous_hash = {hash} WHERE sequence = 2"), AuditFault::Changed(2)),
        (format!("UPDATE audit_entry SET hash = {hash} WHERE sequence = 2"), AuditFault::Changed(2)),
        ("UPDATE audit_detail SET reason = 'another' WHERE sequence = 4".to_owned(), AuditFault::DetailChanged(4)),
        ("UPDATE audit_detail SET name = 'eve' WHERE sequence = 1".to_owned(), AuditFault::DetailChanged(1)),
        ("UPDATE audit_detail SET change = NULL WHERE sequence = 5".to_owned(), AuditFault::DetailChanged(5)),
        ("UPDATE audit_network SET network = '::/64' WHERE sequence = 2".to_owned(), AuditFault::NetworkChanged(2)),
        ("DELETE FROM audit_entry WHERE sequence = 3".to_owned(), AuditFault::Missing { expected: 3, found: 4 }),
        ("DELETE FROM audit_entry WHERE sequence = 1".to_owned(), AuditFault::Missing { expected: 1, found: 2 }),
        ("DELETE FROM audit_entry WHERE sequence = 5".to_owned(), AuditFault::TailMissing { head: 5, last: 4 }),
        (copy.to_owned(), AuditFault::TailTooLong { head: 5, last: 6 }),
        (copy.replace("SELECT 6", "SELECT 0"), AuditFault::BeforeCheckpoint(0)),
        (format!("{without_children} {swap}"), AuditFault::Changed(3)),
        (shift.to_owned(), AuditFault::Changed(2)),
        (format!("UPDATE audit_head SET hash = {hash}"), AuditFault::HeadChanged(5)),
        ("UPDATE audit_head SET sequence = 4".to_owned(), AuditFault::TailTooLong { head: 4, last: 5 }),
        ("UPDATE audit_head SET at = at + 86400000".to_owned(), AuditFault::HeadChanged(5)),
        (
            "UPDATE audit_entry SET key = 'none' WHERE sequence = 4".to_owned(),
            AuditFault::KeyMissing { sequence: 4, key: "none".to_owned() },
        ),
    ] {
        let database = if is_sqlite { TestDatabase::sqlite().await } else { TestDatabase::postgres().await };
        let store = keyed(&database);
        five(&store).await;
        database.execute(&*edit).await;
        assert_eq!(proof(&store).await, Err(fault), "{edit}");
    }
}

async fn a_tail_that_was_cut_is_found_by_a_logged_head(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    let logged = store.audit_head().await.expect("answered");
    // Whoever cuts knows the hash of the entry before: the log itself fits, and the log of the hour does not.
    let cut = "CREATE TABLE kept AS SELECT * FROM audit_entry WHERE sequence = 5;
               DELETE FROM audit_entry WHERE sequence > 3;
               UPDATE audit_head SET (sequence, at, hash) = (SELECT sequence, at, hash FROM audit_entry WHERE sequence = 3)";
    database.execute(cut).await;
    assert_eq!(proof(&store).await.map(|proof| proof.entries), Ok(3));
    assert_eq!(store.prove_audit(&[logged]).await.expect("answered"), Err(AuditFault::LoggedHeadMissing(5)));
    // And if it has grown again.
    for _ in 0..3 {
        store.audit(&NewAuditEntry::new(AuditAction::SignedIn, &ada())).await.expect("answered");
    }
    assert_eq!(proof(&store).await.map(|proof| proof.entries), Ok(6));
    assert_eq!(store.prove_audit(&[logged]).await.expect("answered"), Err(AuditFault::LoggedHeadDiffers(5)));
    // An entry that was once written does not fit into another history.
    let back = "DELETE FROM audit_entry WHERE sequence = 5; INSERT INTO audit_entry SELECT * FROM kept";
    database.execute(back).await;
    assert_eq!(proof(&store).await, Err(AuditFault::NotChained(5)));
}

async fn older_keys_prove_older_entries(database: TestDatabase) {
    five(&keyed(&database)).await;
    let both = database.store.clone().with_audit_keys(keys(&format!("{NEWER},{OLDER}")));
    five(&both).await;
    assert_eq!(proof(&both).await.map(|proof| proof.entries), Ok(10));
    let newer = database.store.clone().with_audit_keys(keys(NEWER));
    assert!(matches!(proof(&newer).await, Err(AuditFault::KeyMissing { sequence: 1, .. })));
    // A key that is not ours proves nothing, whatever it is called.
    let fingerprint = keys(OLDER).newest().fingerprint().to_owned();
    let renamed = format!("UPDATE audit_entry SET key = '{fingerprint}' WHERE sequence = 6");
    database.execute(renamed).await;
    assert_eq!(proof(&both).await, Err(AuditFault::Changed(6)));
}

async fn an_erased_customer_leaves_the_chain_whole(database: TestDatabase) {
    let support = crate::operator::samples::Support::with_acme(database).await;
    let store = keyed(&support.database);
    let (acme, customer) = (TenantId::from("acme"), CustomerId::from("C-1"));
    let before = i64::try_from(all(&store, &TenantScope::All, &AuditSearch::default()).await.len()).expect("few");
    support.database.execute("DELETE FROM audit_entry").await;
    support.database.execute("DELETE FROM audit_head").await;
    let zero = if store.is_single_process() { "zeroblob(32)" } else { "decode(repeat('00', 32), 'hex')" };
    support.database.execute(format!("INSERT INTO audit_head VALUES (1, 0, 0, {zero})")).await;
    assert!(before > 0, "the samples are written by somebody");
    five(&store).await;
    let naming = actor("bob").because("wrote to AP@Customer.example twice");
    let of_another = CustomerId::from("C-2");
    let entry = NewAuditEntry::new(AuditAction::CustomerViewed, &naming).of_customer(&acme, &of_another);
    store.audit(&entry).await.expect("answered");
    let innocent = NewAuditEntry::new(AuditAction::LinksRevoked, &naming).of_tenant(&acme).because("in a forum");
    store.audit(&innocent).await.expect("answered");

    let who = actor("ada").because("asked for by ap@customer.example");
    store.erase_customer(&acme, &customer, &who).await.expect("answered");
    let again = actor("ada").because("ticket 17");
    store.erase_customer(&acme, &customer, &again).await.expect("answered");
    store.erase_customer(&acme, &customer, &again).await.expect("answered");

    let erased = "SELECT CAST(sequence AS TEXT) FROM audit_entry
                  WHERE sequence NOT IN (SELECT sequence FROM audit_detail) ORDER BY sequence";
    assert_eq!(support.database.texts(erased).await, ["1", "6"], "what is about them, and what names them");
    let kept = "SELECT COUNT(*) FROM audit_detail WHERE lower(reason) LIKE '%ap@customer.example%'";
    assert_eq!(support.database.number(kept).await, 0);
    let reasons = "SELECT COALESCE(reason, '-') FROM audit_detail WHERE sequence >= 7 ORDER BY sequence";
    assert_eq!(support.database.texts(reasons).await, ["in a forum", "-", "ticket 17", "ticket 17"]);
    let proof = proof(&store).await.expect("it fits");
    assert_eq!((proof.entries, proof.without_detail), (10, 2));
}

async fn networks_are_forgotten_after_a_week(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    let networks = "SELECT COUNT(*) FROM audit_network";
    assert_eq!(database.number(networks).await, 3);
    database.clock.advance(Duration::from_hours(7 * 24 - 1));
    store.audit(&NewAuditEntry::new(AuditAction::SignedIn, &ada())).await.expect("answered");
    assert_eq!(store.forget(&RetentionTimes::default(), 100).await.expect("answered").audit, 0);
    database.clock.advance(Duration::from_hours(2));
    assert_eq!(store.forget(&RetentionTimes::default(), 2).await.expect("answered").audit, 2);
    assert_eq!(store.forget(&RetentionTimes::default(), 2).await.expect("answered").audit, 1);
    assert_eq!(database.number(networks).await, 1);
    assert_eq!(proof(&store).await.map(|proof| (proof.entries, proof.without_detail)), Ok((6, 0)));
}

async fn the_front_is_cut_after_two_years(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    let logged = store.audit_head().await.expect("answered");
    database.clock.advance(Duration::from_hours(365 * 24));
    five(&store).await;
    database.clock.advance(Duration::from_hours(365 * 24 + 48));
    let times = RetentionTimes { addresses: Duration::from_hours(1_000_000), ..RetentionTimes::default() };
    assert_eq!(store.forget(&times, 3).await.expect("answered").audit, 3);
    assert_eq!(
        proof(&store).await.map(|proof| (proof.entries, proof.pruned.map(|last| last.sequence))),
        Ok((7, Some(3)))
    );
    assert_eq!(store.forget(&times, 3).await.expect("answered").audit, 2);
    assert_eq!(store.forget(&times, 3).await.expect("answered").audit, 0);
    let whole = store.prove_audit(&[logged]).await.expect("answered").expect("it fits");
    assert_eq!((whole.entries, whole.pruned, whole.too_old.len()), (5, Some(logged), 0));
    assert_eq!(database.number("SELECT COUNT(*) FROM audit_detail").await, 5);
    let earlier = AuditHead { sequence: 2, ..logged };
    let whole = store.prove_audit(&[earlier]).await.expect("answered").expect("it fits");
    assert_eq!(whole.too_old, [earlier]);
    // Everything may go; the log goes on where it was.
    database.clock.advance(Duration::from_hours(800 * 24));
    store.forget(&times, 100).await.expect("answered");
    five(&store).await;
    let whole = proof(&store).await.expect("it fits");
    assert_eq!((whole.entries, whole.head.sequence, whole.pruned.map(|last| last.sequence)), (5, 15, Some(10)));
}

/// Else the retention would delete what somebody wants gone, and sign that.
async fn entries_that_were_made_old_by_hand_are_kept(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    database.clock.advance(Duration::from_hours(732 * 24));
    five(&store).await;
    database.execute("UPDATE audit_entry SET at = 1 WHERE sequence > 3").await;
    let times = RetentionTimes { addresses: Duration::from_hours(1_000_000), ..RetentionTimes::default() };
    assert_eq!(store.forget(&times, 100).await.expect("answered").audit, 3, "those that prove that they are old");
    assert_eq!(store.forget(&times, 100).await.expect("answered").audit, 0);
    assert_eq!(proof(&store).await, Err(AuditFault::Changed(4)));
    // They go with the next one that proves itself: all before it is old indeed.
    five(&store).await;
    database.clock.advance(Duration::from_hours(732 * 24));
    assert_eq!(store.forget(&times, 100).await.expect("answered").audit, 12);
    assert_eq!(proof(&store).await.map(|proof| (proof.entries, proof.head.sequence)), Ok((0, 15)));
}

async fn a_forged_checkpoint_is_found(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    // Whoever cuts the front without the key needs a checkpoint for it.
    let cut = "INSERT INTO audit_checkpoint (id, sequence, at, hash, recorded_at, key, hmac)
                   SELECT 1, sequence, at, hash, at, key, hash FROM audit_entry WHERE sequence = 3;
               DELETE FROM audit_entry WHERE sequence <= 3";
    database.execute(cut).await;
    assert_eq!(proof(&store).await, Err(AuditFault::CheckpointChanged(3)));
    database.execute("UPDATE audit_checkpoint SET key = 'none'").await;
    assert_eq!(proof(&store).await, Err(AuditFault::CheckpointKeyMissing("none".to_owned())));
    database.execute("DELETE FROM audit_checkpoint").await;
    assert_eq!(proof(&store).await, Err(AuditFault::Missing { expected: 1, found: 4 }));
}

async fn processes_append_one_after_the_other(database: TestDatabase) {
    const EACH: i64 = 20;
    let beside = Store::open_beside(&database.url, database.clock.clone()).await.expect("the database opens");
    let stores = [keyed(&database), beside.clone().with_audit_keys(keys(OLDER))];
    let tasks = stores.iter().flat_map(|store| [store.clone(), store.clone()]).map(|store| {
        tokio::spawn(async move {
            for number in 0..EACH {
                let who = actor("ada");
                let entry = NewAuditEntry::new(AuditAction::InvoiceViewed, &who).about(number.to_string());
                store.audit(&entry).await.expect("answered");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let whole = proof(&stores[0]).await.expect("it fits");
    assert_eq!((whole.head.sequence, whole.entries), (4 * EACH, 80));
    beside.close().await;
}

async fn times_never_go_back(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    // Of a worker whose clock is behind.
    let earlier = database.clock.now().minus(Duration::from_secs(5));
    let clock = invoice_dispatcher::clock::Clock::manual(earlier);
    let beside = Store::open_beside(&database.url, clock).await.expect("the database opens");
    five(&beside.clone().with_audit_keys(keys(OLDER))).await;
    assert_eq!(database.number("SELECT COUNT(DISTINCT at) FROM audit_entry").await, 1);
    assert!(proof(&store).await.is_ok());
    beside.close().await;
}

async fn entries_are_found(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    let start = database.clock.now();
    database.clock.advance(Duration::from_hours(1));
    five(&store).await;
    let found = async |filter: AuditSearch| -> Vec<i64> {
        all(&store, &TenantScope::All, &filter).await.iter().map(|entry| entry.sequence).collect()
    };
    let none = AuditSearch::default;
    assert_eq!(found(none()).await, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let later = start.plus(Duration::from_mins(30));
    assert_eq!(found(AuditSearch { since: Some(later), ..none() }).await, [10, 9, 8, 7, 6]);
    assert_eq!(found(AuditSearch { until: Some(later), ..none() }).await, [5, 4, 3, 2, 1]);
    let last = database.clock.now().plus(Duration::from_secs(1));
    assert!(found(AuditSearch { since: Some(last), ..none() }).await.is_empty());
    assert_eq!(found(AuditSearch { until: Some(last), ..none() }).await.len(), 10);
    let who = |who: &str| AuditSearch { who: Some(who.to_owned()), ..none() };
    assert_eq!(found(who("bob")).await, [9, 8, 4, 3]);
    assert!(found(who("01938c5e-7a10-7cc0-8000-3b6f0d2a9e11")).await.is_empty());
    assert_eq!(found(AuditSearch { action: Some(AuditAction::RelayPaused), ..none() }).await, [9, 4]);
    assert_eq!(found(AuditSearch { tenant: Some("beta".into()), ..none() }).await, [8, 3]);
    assert_eq!(found(AuditSearch { subject: Some("C-2".to_owned()), ..none() }).await, [7, 2]);
    let both =
        AuditSearch { subject: Some("C-2".to_owned()), since: Some(later), who: Some("ada".to_owned()), ..none() };
    assert_eq!(found(both).await, [7]);

    let mut pages = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let request = PageRequest { limit: 4, after };
        let page = store.audit_entries(&TenantScope::All, &none(), request).await.expect("answered");
        pages.push(page.items.iter().map(|entry| entry.sequence).collect::<Vec<_>>());
        match page.next {
            Some(next) => after = Some(next.to_string().parse().expect("a cursor")),
            None => break,
        }
    }
    assert_eq!(pages, [vec![10, 9, 8, 7], vec![6, 5, 4, 3], vec![2, 1]]);

    let first = all(&store, &TenantScope::All, &AuditSearch { until: Some(later), ..none() }).await.remove(4);
    assert_eq!((first.who.as_deref(), first.reason.as_deref()), (Some("ada"), Some("asked for")));
    assert_eq!((first.who_kind.as_str(), first.network.as_deref()), ("command_line", Some("198.51.100.0/24")));
    assert_eq!((first.action, first.is_erased), (AuditAction::CustomerViewed, false));
}

async fn a_scope_sees_its_tenants_only(database: TestDatabase) {
    let store = keyed(&database);
    five(&store).await;
    let seen = async |scope: TenantScope| -> Vec<i64> {
        all(&store, &scope, &AuditSearch::default()).await.iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!(seen(TenantScope::of([TenantId::from("acme")])).await, [5, 2, 1]);
    assert_eq!(seen(TenantScope::of(["acme", "beta"].map(TenantId::from))).await, [5, 3, 2, 1]);
    assert!(seen(TenantScope::of([])).await.is_empty());
    let of_beta = TenantScope::of([TenantId::from("beta")]);
    let asked = AuditSearch { tenant: Some("acme".into()), ..AuditSearch::default() };
    assert!(all(&store, &of_beta, &asked).await.is_empty(), "a foreign tenant's entries are none");
}

async fn the_same_look_is_one_entry(database: TestDatabase) {
    use invoice_dispatcher::model::access::{Principal, PrincipalKind};
    use invoice_dispatcher::model::ids::OperatorId;
    let store = keyed(&database);
    let acme = TenantId::from("acme");
    let operator = |id: u128| {
        let kind = PrincipalKind::Operator(OperatorId(uuid::Uuid::from_u128(id)));
        Actor::new(Principal { kind, ..Principal::command_line("ada@ops.example") })
    };
    let (ada, bob) = (operator(1), operator(2));
    let look = async |who: &Actor, subject: &'static str| {
        let entry = NewAuditEntry::new(AuditAction::InvoiceViewed, who).of_tenant(&acme).about(subject);
        store.audit_look(&entry).await.expect("answered");
        store.audit_head().await.expect("answered").sequence
    };
    assert_eq!(look(&ada, "R-1").await, 1);
    assert_eq!(look(&ada, "R-1").await, 1, "the page follows what it shows");
    assert_eq!(look(&ada, "R-2").await, 2);
    assert_eq!(look(&bob, "R-1").await, 3);
    database.clock.advance(Duration::from_mins(11));
    assert_eq!(look(&ada, "R-1").await, 4);
    let command = actor("ada");
    assert_eq!(look(&command, "R-1").await, 5);
    assert_eq!(look(&command, "R-1").await, 6, "whoever runs commands may be another person each time");
}

//! Claims: no delivery twice, no tenant behind another, and only what is due.

use std::collections::HashSet;
use std::time::Duration;

use invoice_dispatcher::model::ids::{TenantId, WorkerId};
use invoice_dispatcher::store::{Claimed, NewLaneEntry, Store};

use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::store::samples::{accepted, add_due, add_tenant, add_worker, batch, claim, relay, states, take_in};

on_both_databases!(
    eight_claimers_never_claim_the_same,
    one_invoice_is_not_stuck_behind_another_tenants_hundred_thousand,
    tenants_that_wait_alike_are_served_alike,
    who_was_quiet_has_saved_nothing_up,
    the_express_goes_first_at_every_second_slot,
    express_fills_what_nobody_else_wants,
    only_what_is_due_is_claimed,
    nobodys_time_comes_after_all_of_somebody_elses,
    what_comes_back_below_the_floor_is_found,
    a_released_claim_keeps_its_place,
    tenants_that_are_left_out_do_not_hide_the_others,
    a_person_does_not_wait_because_the_tenant_is_left_out,
);

async fn eight_claimers_never_claim_the_same(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 2000).await;
    let claimers: Vec<_> = (0..8)
        .map(|_| {
            let store = database.store.clone();
            tokio::spawn(claim_all(store))
        })
        .collect();
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.expect("the claimer ends"));
    }
    assert_eq!(claimed.len(), 2000);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 2000, "each claimed once");
    assert_eq!(states(&database).await["sending"], 2000);
    database.assert_ledger().await;
}

async fn claim_all(store: Store) -> Vec<invoice_dispatcher::model::ids::DeliveryId> {
    let worker = WorkerId(new_id());
    store.register_worker(worker, "test", &[relay()]).await.expect("the worker is registered");
    let (mut all, mut floor) = (Vec::new(), 0);
    loop {
        let claimed = store.claim_due(&relay(), worker, 25, 12, floor, &[]).await.expect("the claim is answered");
        // Rows that another claimer was just taking are skipped, so an empty answer is the end only when none is due.
        if claimed.is_empty() && store.claim_due(&relay(), worker, 1, 1, 0, &[]).await.expect("answered").is_empty() {
            return all;
        }
        floor = claimed.iter().map(|claimed| claimed.rank).max().unwrap_or(0);
        all.extend(claimed.into_iter().map(|claimed| claimed.delivery));
    }
}

async fn one_invoice_is_not_stuck_behind_another_tenants_hundred_thousand(database: TestDatabase) {
    add_tenant(&database, "large").await;
    add_tenant(&database, "small").await;
    // As intake would have made them; only the lane entries matter for the claim.
    database
        .execute(
            "WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < 100000)
             INSERT INTO lane_entry (delivery_id, relay, tenant_id, customer_id, state, due_at, fair_rank)
             SELECT CAST(n AS TEXT), 'default', 'large', 'C-1', 'due', 0, n FROM place"
                .replace("CAST(n AS TEXT)", numbered_uuid(&database)),
        )
        .await;
    database.execute("INSERT INTO lane_tenant (relay, tenant_id, last_rank) VALUES ('default', 'large', 100000)").await;
    let worker = add_worker(&database).await;
    let first = claim(&database, worker, 20).await;
    assert!(first.iter().all(|claimed| claimed.tenant.as_str() == "large"));

    add_due(&database, "small", 1).await;
    let next = claim(&database, worker, 20).await;
    assert!(next.iter().any(|claimed| claimed.tenant.as_str() == "small"), "within one round of slots");
}

/// A UUID of the number `n`, in the database's own words.
fn numbered_uuid(database: &TestDatabase) -> &'static str {
    if database.store.is_single_process() {
        "CAST(printf('%016d', n) AS BLOB)"
    } else {
        "CAST(LPAD(CAST(n AS TEXT), 32, '0') AS UUID)"
    }
}

async fn tenants_that_wait_alike_are_served_alike(database: TestDatabase) {
    for tenant in ["a", "b", "c"] {
        add_tenant(&database, tenant).await;
        add_due(&database, tenant, 100).await;
    }
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 30).await;
    for tenant in ["a", "b", "c"] {
        let share = claimed.iter().filter(|claimed| claimed.tenant.as_str() == tenant).count();
        assert_eq!(share, 10, "of tenant {tenant}");
    }
}

async fn who_was_quiet_has_saved_nothing_up(database: TestDatabase) {
    add_tenant(&database, "busy").await;
    add_tenant(&database, "quiet").await;
    add_due(&database, "busy", 60).await;
    let worker = add_worker(&database).await;
    claim(&database, worker, 40).await;
    add_due(&database, "quiet", 60).await;
    let claimed = claim(&database, worker, 20).await;
    let busy = claimed.iter().filter(|claimed| claimed.tenant.as_str() == "busy").count();
    assert_eq!(busy, 10, "half of the slots");
}

async fn add_express(database: &TestDatabase, count: usize) {
    let due_at = database.clock.now();
    let rows = (0..count).map(|index| {
        let (event, delivery, entry) = accepted("acme", &format!("express-{index}"), due_at);
        (event, delivery, NewLaneEntry { express: true, ..entry })
    });
    take_in(database, &batch(rows)).await;
}

async fn the_express_goes_first_at_every_second_slot(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 50).await;
    add_express(&database, 20).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 10).await;
    let express: Vec<bool> = claimed.iter().map(|claimed| claimed.express).collect();
    assert_eq!(express, [true, true, true, true, true, false, false, false, false, false]);
}

async fn express_fills_what_nobody_else_wants(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_express(&database, 20).await;
    let worker = add_worker(&database).await;
    assert_eq!(claim(&database, worker, 10).await.len(), 10);
    assert_eq!(claim(&database, worker, 100).await.len(), 10);
}

async fn only_what_is_due_is_claimed(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    let now = database.clock.now();
    let later = now.plus(Duration::from_mins(10));
    let (event, delivery, entry) = accepted("acme", "held", now);
    let held = (event, delivery, NewLaneEntry { held: Some("by hand".to_owned()), ..entry });
    let (event, delivery, entry) = accepted("acme", "expired", now);
    let expired = (event, delivery, NewLaneEntry { expires_at: Some(now), ..entry });
    take_in(&database, &batch([accepted("acme", "later", later), held, expired])).await;

    let worker = add_worker(&database).await;
    let store = &database.store;
    assert!(claim(&database, worker, 10).await.is_empty());
    assert_eq!(store.next_ready_at(&relay()).await.expect("answered"), Some(later));
    assert_eq!(store.enqueue_ready(100).await.expect("answered"), 0, "nothing is ready yet");

    database.clock.advance(Duration::from_mins(10));
    assert_eq!(store.enqueue_ready(100).await.expect("answered"), 1);
    assert_eq!(store.next_ready_at(&relay()).await.expect("answered"), None);
    assert_eq!(claim(&database, worker, 10).await.len(), 1);
    assert_eq!(store.expire(100).await.expect("answered").len(), 1);
    assert_eq!(
        states(&database).await.into_iter().collect::<Vec<_>>(),
        [("due".to_owned(), 1), ("expired".to_owned(), 1), ("sending".to_owned(), 1)]
    );
    database.assert_ledger().await;
}

async fn nobodys_time_comes_after_all_of_somebody_elses(database: TestDatabase) {
    let due = database.clock.now().plus(Duration::from_mins(10));
    for tenant in ["bulk", "many", "single"] {
        add_tenant(&database, tenant).await;
    }
    for n in 0..300 {
        let (of_bulk, of_many) = (due.plus(Duration::from_millis(n)), due.plus(Duration::from_millis(1_000 + n)));
        let many = (n < 100).then(|| accepted("many", &format!("many-{n}"), of_many));
        take_in(&database, &batch([accepted("bulk", &format!("bulk-{n}"), of_bulk)].into_iter().chain(many))).await;
    }
    let last = due.plus(Duration::from_secs(2));
    take_in(&database, &batch([accepted("single", "single", last)])).await;
    database.clock.advance(Duration::from_mins(11));

    let store = &database.store;
    let ranked = async |tenant: &str| {
        let ranked = "SELECT COUNT(*) FROM lane_entry WHERE fair_rank IS NOT NULL AND tenant_id =";
        database.number(format!("{ranked} '{tenant}'")).await
    };
    // The thirty whose time came first, and equal shares of thirty more.
    assert_eq!(store.enqueue_ready(30).await.expect("answered"), 41);
    assert_eq!((ranked("bulk").await, ranked("many").await, ranked("single").await), (30, 10, 1));
    let mut rounds = 1;
    while store.enqueue_ready(30).await.expect("answered") > 0 {
        rounds += 1;
    }
    assert!(rounds < 15, "{rounds} rounds");
    assert_eq!((ranked("bulk").await, ranked("many").await, ranked("single").await), (300, 100, 1));
    let worker = add_worker(&database).await;
    let first = claim(&database, worker, 5).await;
    assert!(first.iter().any(|claimed| claimed.tenant == "single".into()), "it goes out among the first");
    database.assert_ledger().await;
}

async fn what_comes_back_below_the_floor_is_found(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 10).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 10).await;
    let fences: Vec<_> = claimed.iter().take(3).map(|claimed| claimed.fence(worker)).collect();
    database.store.release(&fences).await.expect("answered");
    let found = database.store.claim_due(&relay(), worker, 10, 5, 10, &[]).await.expect("answered");
    assert_eq!(found.len(), 3);
}

async fn a_released_claim_keeps_its_place(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 4).await;
    let worker = add_worker(&database).await;
    let first = claim(&database, worker, 2).await;
    let released = database.store.release(&[first[0].fence(worker)]).await.expect("answered");
    assert_eq!(released, 1);
    let again = claim(&database, worker, 1).await;
    assert_eq!(again[0].delivery, first[0].delivery);
    assert_eq!((again[0].claim, again[0].attempts), (2, 0), "another claim, no attempt consumed");
    assert_eq!(database.store.release(&[first[0].fence(worker)]).await.expect("answered"), 0, "an old claim is void");
    database.assert_ledger().await;
}

/// Claims up to `limit` without express ones, and none of the tenant `large`.
async fn claim_of_others(database: &TestDatabase, worker: WorkerId, limit: u32, floor: i64) -> Vec<Claimed> {
    let left_out = [TenantId::from("large")];
    let claimed = database.store.claim_due(&relay(), worker, limit, 0, floor, &left_out).await.expect("answered");
    assert!(claimed.iter().all(|claimed| claimed.express || claimed.tenant != left_out[0]), "{claimed:#?}");
    claimed
}

async fn tenants_that_are_left_out_do_not_hide_the_others(database: TestDatabase) {
    for tenant in ["large", "busy", "small"] {
        add_tenant(&database, tenant).await;
    }
    add_due(&database, "large", 1500).await;
    add_due(&database, "busy", 700).await;
    let worker = add_worker(&database).await;
    assert_eq!(claim(&database, worker, 10).await.len(), 10);
    // The other tenant goes on as if it were alone.
    let mut claimed = 5;
    while claimed < 700 {
        let found = claim_of_others(&database, worker, 50, 0).await;
        assert!(!found.is_empty(), "only {claimed} of 700 were found");
        claimed += found.len();
    }
    assert!(claim_of_others(&database, worker, 50, 0).await.is_empty());
    // What comes now stands where the lane does.
    add_due(&database, "small", 3).await;
    assert_eq!(claim_of_others(&database, worker, 50, 0).await.len(), 3);
    let left = claim(&database, worker, 20).await;
    assert!(left.len() == 20 && left.iter().all(|claimed| claimed.tenant.as_str() == "large"), "{left:#?}");
    database.assert_ledger().await;
}

async fn a_person_does_not_wait_because_the_tenant_is_left_out(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 20).await;
    add_express(&database, 3).await;
    let worker = add_worker(&database).await;
    let left_out = [TenantId::from("acme")];
    let claimed = database.store.claim_due(&relay(), worker, 10, 5, 0, &left_out).await.expect("answered");
    assert!(claimed.len() == 3 && claimed.iter().all(|claimed| claimed.express), "{claimed:#?}");
}

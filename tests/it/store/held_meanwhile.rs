//! A hold and whoever moves the delivery at that moment, in each order.
//!
//! On PostgreSQL a third transaction holds a row, so that both wait where the test wants them to. SQLite has one writer at a
//! time.

use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::store::{HeldCounts, PauseChange, Recorded};

use crate::harness::actor;
use crate::harness::database::TestDatabase;
use crate::operator::samples::WHO;
use crate::store::held_and_ended::{
    FREE, MARKED, held_and_uncertain, hold_all, let_all_go, started, tripped, uncertain, waits_until_it_is_let_go,
};
use crate::store::samples::{add_due, add_tenant, deferred, states};
use crate::store::sender_hold::{dead, hold, key};
use crate::store::two_at_once::{HeldRow, waiting};

/// The refusal has taken its row out of the lane, and is not committed, when the hold has seen that row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_is_recorded_during_a_hold_is_seen_by_it() {
    let database = TestDatabase::postgres().await;
    let (claimed, worker) = started(&database).await;
    let row = HeldRow::lock(&database, "SELECT id FROM delivery").await;
    let refusal = [dead(&database, &claimed, worker, key())];
    let (recorded, held, ()) = tokio::join!(
        database.store.record(&refusal),
        async {
            waiting(&database, 1).await;
            hold_all(&database).await
        },
        async {
            waiting(&database, 2).await;
            row.let_go().await;
        },
    );
    assert_eq!(recorded.expect("answered"), [Recorded::Done]);
    assert_eq!(held, HeldCounts::default(), "it was refused before");
    assert_eq!((states(&database).await["dead"], database.number(MARKED).await), (1, 1));

    database.store.hold_sender(&hold(&database), &tripped(&[claimed]), None).await.expect("answered");
    waits_until_it_is_let_go(&database, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_deferral_during_a_hold_is_held_in_either_order() {
    for late_is_first in [true, false] {
        let database = TestDatabase::postgres().await;
        let (claimed, slow) = uncertain(&database).await;
        let row = HeldRow::lock(&database, "SELECT id FROM delivery").await;
        let late = [deferred(&claimed, slow, database.clock.now())];
        let (late_after, hold_after) = if late_is_first { (0, 1) } else { (1, 0) };
        let (recorded, held, ()) = tokio::join!(
            async {
                waiting(&database, late_after).await;
                database.store.record(&late).await
            },
            async {
                waiting(&database, hold_after).await;
                hold_all(&database).await
            },
            async {
                waiting(&database, 2).await;
                row.let_go().await;
            },
        );
        assert_eq!(recorded.expect("answered"), [Recorded::Done]);
        assert_eq!(held.held, u64::from(late_is_first), "whether it was back already");
        waits_until_it_is_let_go(&database, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_deferral_while_all_is_let_go_is_let_go() {
    let database = TestDatabase::postgres().await;
    let (claimed, slow) = held_and_uncertain(&database).await;
    let row = HeldRow::lock(&database, "SELECT id FROM delivery").await;
    let late = [deferred(&claimed, slow, database.clock.now())];
    let (recorded, freed, ()) = tokio::join!(
        database.store.record(&late),
        async {
            waiting(&database, 1).await;
            let_all_go(&database).await
        },
        async {
            waiting(&database, 2).await;
            row.let_go().await;
        },
    );
    assert_eq!(recorded.expect("answered"), [Recorded::Done]);
    assert_eq!((freed, database.number(FREE).await, database.number(MARKED).await), (1, 1, 0));
    database.assert_ledger().await;
}

/// Each has found the row before the hold was committed, and gets it afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lets_go_or_pauses_meanwhile_leaves_the_hold() {
    for held_by in ["no hold any more", "tenant paused"] {
        let database = TestDatabase::postgres().await;
        add_tenant(&database, "acme").await;
        add_due(&database, "acme", 1).await;
        database.execute(format!("UPDATE lane_entry SET held = '{held_by}', fair_rank = NULL")).await;
        let row = HeldRow::lock(&database, "SELECT delivery_id FROM lane_entry").await;
        let (held, freed, ()) = tokio::join!(
            hold_all(&database),
            async {
                waiting(&database, 1).await;
                let senders = database.store.let_senders_go().await.expect("answered");
                senders + database.store.hold_paused_tenants(10).await.expect("answered")
            },
            async {
                waiting(&database, 2).await;
                row.let_go().await;
            },
        );
        assert_eq!((held.held, freed), (1, 0), "{held_by}");
        waits_until_it_is_let_go(&database, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_is_made_meanwhile_leaves_the_hold() {
    let database = TestDatabase::postgres().await;
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let (store, acme) = (&database.store, TenantId::from("acme"));
    let row = HeldRow::lock(&database, "SELECT delivery_id FROM lane_entry").await;
    let who = actor(WHO);
    let (held, paused, ()) = tokio::join!(
        hold_all(&database),
        async {
            waiting(&database, 1).await;
            store.pause_tenant(&acme, &who, "a wrong price").await
        },
        async {
            waiting(&database, 2).await;
            row.let_go().await;
        },
    );
    assert_eq!((held.held, paused.expect("answered")), (1, PauseChange::Done { deliveries: 0 }));
    store.resume_tenant(&acme, &who).await.expect("answered");
    waits_until_it_is_let_go(&database, 1).await;
}

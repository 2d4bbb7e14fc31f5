//! Two who act upon the same invoice at once: each order of their steps leaves one mail to send, and true answers.
//!
//! On PostgreSQL a third transaction holds a row, so that both wait where the test wants them to; the database says
//! when they do. SQLite has one writer at a time: there they may only come in either order.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::ids::DeliveryId;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeliveryState};
use invoice_dispatcher::store::{Acted, Claimed, Recorded, TrippedAttempt};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::same_invoice::hold;
use crate::harness::LOOK;
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, event};
use crate::store::samples::{add_worker, deferred, sent};

on_both_databases!(
    a_resend_and_a_late_answer_in_any_order,
    a_late_250_after_a_resend_is_kept,
    a_late_451_after_it_was_marked_sent_is_kept,
    a_resend_and_a_sender_s_hold_in_any_order,
);

/// A row that no other transaction can change until it is let go.
pub(super) struct HeldRow(PgConnection);

impl HeldRow {
    pub(super) async fn lock(database: &TestDatabase, row: &str) -> Self {
        let mut connection = PgConnection::connect(&database.url).await.expect("the database answers");
        let text = format!("BEGIN; {row} FOR UPDATE");
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.expect("the row is there");
        Self(connection)
    }

    pub(super) async fn let_go(mut self) {
        sqlx::raw_sql("COMMIT").execute(&mut self.0).await.expect("the row is let go");
    }
}

/// Waits until so many transactions wait for rows.
pub(super) async fn waiting(database: &TestDatabase, count: i64) {
    let text = "SELECT COUNT(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = async {
        while database.number(text).await < count {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("they wait for each other");
}

/// The delivery of `R-1`, uncertain because its worker was called dead, and what that worker had claimed.
async fn uncertain(support: &Support) -> (Claimed, invoice_dispatcher::model::ids::WorkerId) {
    support.accept(&event("1")).await;
    let (claimed, slow) = support.start().await;
    let by = add_worker(&support.database).await;
    support.database.store.take_over(slow, by).await.expect("answered");
    assert_eq!(support.states().await, ["uncertain uncertain"]);
    (claimed, slow)
}

const TO_SEND: &str = "SELECT COUNT(*) FROM lane_entry";

async fn a_resend_and_a_late_answer_in_any_order(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (claimed, slow) = uncertain(&support).await;
    let late = [deferred(&claimed, slow, support.database.clock.now())];
    let (recorded, resent) = tokio::join!(support.database.store.record(&late), support.resend(None));
    let (recorded, resent) = (recorded.expect("answered"), resent.expect("it is sent again"));
    let was = match recorded[..] {
        [Recorded::Done] => DeliveryState::Due,
        _ => DeliveryState::Concluded(Concluded::Uncertain),
    };
    assert_eq!(resent.original_was, was, "the answer says what happened");
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    assert_eq!(support.database.number(TO_SEND).await, 1);
    assert_eq!(support.database.number("SELECT COUNT(*) FROM attempt").await, 1);
    support.database.assert_ledger().await;
}

/// The late answer makes the original due between the resend's look and its move.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_451_before_the_resend_moves_is_seen_by_it() {
    let support = Support::with_acme(TestDatabase::postgres().await).await;
    let (claimed, slow) = uncertain(&support).await;
    let row = HeldRow::lock(&support.database, "SELECT id FROM delivery").await;
    let late = [deferred(&claimed, slow, support.database.clock.now())];
    let (recorded, resent, ()) = tokio::join!(
        support.database.store.record(&late),
        async {
            waiting(&support.database, 1).await;
            support.resend(None).await
        },
        async {
            waiting(&support.database, 2).await;
            row.let_go().await;
        },
    );
    assert_eq!(recorded.expect("answered"), [Recorded::Done]);
    assert_eq!(resent.expect("it is sent again").original_was, DeliveryState::Due);
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    assert_eq!(support.database.number(TO_SEND).await, 1, "one of both is sent");
    support.database.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_451_after_the_resend_has_looked_moves_nothing() {
    let support = Support::with_acme(TestDatabase::postgres().await).await;
    let (claimed, slow) = uncertain(&support).await;
    let row = HeldRow::lock(&support.database, "SELECT id FROM delivery").await;
    let late = [deferred(&claimed, slow, support.database.clock.now())];
    let (recorded, resent, ()) = tokio::join!(
        async {
            waiting(&support.database, 1).await;
            support.database.store.record(&late).await
        },
        support.resend(None),
        async {
            waiting(&support.database, 2).await;
            row.let_go().await;
        },
    );
    assert_eq!(recorded.expect("answered"), [Recorded::Lost]);
    assert_eq!(resent.expect("it is sent again").original_was, DeliveryState::Concluded(Concluded::Uncertain));
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    assert_eq!(support.database.number(TO_SEND).await, 1);
    support.database.assert_ledger().await;
}

async fn a_late_250_after_a_resend_is_kept(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (claimed, slow) = uncertain(&support).await;
    support.resend(None).await.expect("it is sent again");
    let late = [sent(&claimed, slow, support.database.clock.now())];
    // The answer of the database may be lost, and it is recorded again.
    support.database.store.record(&late).await.expect("answered");
    support.database.store.record(&late).await.expect("answered");
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    assert_eq!(support.database.texts("SELECT class FROM attempt").await, ["accepted"]);
    let notes = "SELECT what FROM delivery_note WHERE who = 'dispatcher'";
    let expected = ["the relay answered late: accepted (250 2.0.0); the delivery stays cancelled"];
    assert_eq!(support.database.texts(notes).await, expected);
    support.database.assert_ledger().await;
}

async fn a_late_451_after_it_was_marked_sent_is_kept(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let (claimed, slow) = uncertain(&support).await;
    let marked = support.database.store.mark_sent(claimed.delivery, &actor(WHO), "the relay's log says so").await;
    assert_eq!(marked.expect("answered").acted, Acted::Done);
    let late = [deferred(&claimed, slow, support.database.clock.now())];
    assert_eq!(support.database.store.record(&late).await.expect("answered"), [Recorded::Lost]);
    assert_eq!(support.states().await, ["sent by_hand"]);
    assert_eq!(support.database.texts("SELECT class FROM attempt").await, ["deferred"]);
    support.database.assert_ledger().await;
}

/// A delivery of `R-1` that ended as rejected by a refusal that is its sender's.
async fn rejected(support: &Support) -> TrippedAttempt {
    let delivery: DeliveryId = support.accept(&event("1")).await;
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    TrippedAttempt { delivery, claim: 1, attempts: 0 }
}

async fn a_resend_and_a_sender_s_hold_in_any_order(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let tripped = [rejected(&support).await];
    let hold = hold(&support.database);
    let (held, resent) = tokio::join!(support.database.store.hold_sender(&hold, &tripped, None), support.resend(None));
    held.expect("answered");
    let expected = match resent.expect("it is sent again").original_was {
        DeliveryState::Due => ["cancelled superseded", "due -"],
        _ => ["rejected rejected", "due -"],
    };
    assert_eq!(support.states().await, expected);
    assert_eq!(support.database.number(TO_SEND).await, 1);
    support.database.assert_ledger().await;
}

/// The resend has looked and written, and is not committed, when the hold looks for what it takes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_after_the_resend_has_looked_takes_nothing_back() {
    let support = Support::with_acme(TestDatabase::postgres().await).await;
    let tripped = [rejected(&support).await];
    let row = HeldRow::lock(&support.database, "SELECT relay FROM lane_tenant").await;
    let hold = hold(&support.database);
    let (resent, held, ()) = tokio::join!(
        support.resend(None),
        async {
            waiting(&support.database, 1).await;
            support.database.store.hold_sender(&hold, &tripped, None).await
        },
        async {
            waiting(&support.database, 2).await;
            row.let_go().await;
        },
    );
    held.expect("answered");
    let was = resent.expect("it is sent again").original_was;
    assert_eq!(was, DeliveryState::Concluded(Concluded::Rejected));
    assert_eq!(support.states().await, ["rejected rejected", "due -"]);
    support.database.assert_ledger().await;
}

/// The hold has looked, and brings the delivery back, when the resend looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resend_after_the_hold_has_looked_cancels_what_it_took_back() {
    let support = Support::with_acme(TestDatabase::postgres().await).await;
    let tripped = [rejected(&support).await];
    let row = HeldRow::lock(&support.database, "SELECT id FROM delivery").await;
    let hold = hold(&support.database);
    let (resent, held, ()) = tokio::join!(
        async {
            waiting(&support.database, 1).await;
            support.resend(None).await
        },
        support.database.store.hold_sender(&hold, &tripped, None),
        async {
            waiting(&support.database, 2).await;
            row.let_go().await;
        },
    );
    held.expect("answered");
    assert_eq!(resent.expect("it is sent again").original_was, DeliveryState::Due);
    assert_eq!(support.states().await, ["cancelled superseded", "due -"]);
    support.database.assert_ledger().await;
}

/// The same invoice comes under another event id while the hold takes the dead one back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_after_the_hold_has_looked_is_a_duplicate() {
    let support = Support::with_acme(TestDatabase::postgres().await).await;
    let delivery = support.accept(&event("1")).await;
    support.die(ReasonCode::Refused).await;
    let tripped = [TrippedAttempt { delivery, claim: 1, attempts: 0 }];
    let mut twin = event("1");
    twin["id"] = json!("twin");
    let row = HeldRow::lock(&support.database, "SELECT id FROM delivery").await;
    let hold = hold(&support.database);
    let (verdict, held, ()) = tokio::join!(
        async {
            waiting(&support.database, 1).await;
            support.take(&twin).await
        },
        support.database.store.hold_sender(&hold, &tripped, None),
        async {
            waiting(&support.database, 2).await;
            row.let_go().await;
        },
    );
    held.expect("answered");
    assert!(matches!(verdict, Verdict::DuplicateInvoice(_)), "{verdict:?}");
    assert_eq!(support.database.number(TO_SEND).await, 1);
    support.database.assert_ledger().await;
}

//! What a person holds stays held, also what a worker had at that moment.

use std::time::Duration;

use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::{Concluded, DeliveryRole};
use invoice_dispatcher::store::{
    BackToDue, DataPermitAnswer, HeldCounts, NextState, Record, Recorded, RemainderDelivery,
};

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::WHO;
use crate::store::samples::{
    accepted, add_due, add_tenant, add_worker, attempt, claim, conclusion, data_start, deferred, sent, states,
};

on_both_databases!(
    what_is_claimed_gets_no_permit_any_more,
    what_is_on_the_wire_comes_back_held,
    what_a_sender_s_hold_would_let_go_stays_held,
    what_is_left_of_one_on_the_wire_is_held,
);

const HELD: &str = "SELECT COUNT(*) FROM lane_entry WHERE held = 'by hand' AND state = 'due' AND fair_rank IS NULL";

async fn nothing_is_claimed(database: &TestDatabase) {
    database.clock.advance(Duration::from_hours(1));
    database.store.enqueue_ready(10).await.expect("answered");
    let worker = add_worker(database).await;
    assert!(claim(database, worker, 5).await.is_empty(), "what is held is not claimed");
    database.assert_ledger().await;
}

async fn what_is_claimed_gets_no_permit_any_more(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 3).await;
    let starts: Vec<_> = claimed.iter().map(|claimed| data_start(claimed, worker)).collect();
    database.store.permit_data(&starts[..1]).await.expect("answered");
    let now = database.clock.now();
    let counts = database.store.hold(now, None, &actor(WHO)).await.expect("answered");
    assert_eq!(counts, HeldCounts { held: 2, under_way: 1 });

    // Also the first one, whose connection broke before its 354: it asks anew.
    assert_eq!(database.store.permit_data(&starts).await.expect("answered"), [DataPermitAnswer::Held; 3]);
    let fences: Vec<_> = claimed.iter().map(|claimed| claimed.fence(worker)).collect();
    assert_eq!(database.store.release(&fences).await.expect("answered"), 2);
    let recorded = database.store.record(&[deferred(&claimed[0], worker, now)]).await.expect("answered");
    assert_eq!(recorded, [Recorded::Done]);
    assert_eq!(database.number(HELD).await, 3);
    nothing_is_claimed(&database).await;
}

async fn what_is_on_the_wire_comes_back_held(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 3).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 3).await;
    let starts: Vec<_> = claimed[..2].iter().map(|claimed| data_start(claimed, worker)).collect();
    database.store.permit_data(&starts).await.expect("answered");
    let now = database.clock.now();
    let counts = database.store.hold(now, None, &actor(WHO)).await.expect("answered");
    assert_eq!(counts, HeldCounts { held: 1, under_way: 2 });

    let records = [
        deferred(&claimed[0], worker, now.plus(Duration::from_secs(30))),
        sent(&claimed[1], worker, now),
        deferred(&claimed[2], worker, now),
    ];
    database.store.record(&records).await.expect("answered");
    assert_eq!(database.number(HELD).await, 2);
    assert_eq!(states(&database).await["sent"], 1);
    nothing_is_claimed(&database).await;

    assert_eq!(database.store.let_go(None, &actor(WHO)).await.expect("answered").let_go, 2);
    database.store.enqueue_ready(10).await.expect("answered");
    let worker = add_worker(&database).await;
    assert_eq!(claim(&database, worker, 5).await.len(), 2);
}

async fn what_a_sender_s_hold_would_let_go_stays_held(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 1).await.remove(0);
    let now = database.clock.now();
    database.store.hold(now, None, &actor(WHO)).await.expect("answered");
    let Record { fence, next: NextState::Due(due), .. } = deferred(&claimed, worker, now) else { unreachable!() };
    let held = Some("the relay refuses its sender".to_owned());
    let record = Record { fence, attempt: None, next: NextState::Due(Box::new(BackToDue { held, ..*due })) };
    database.store.record(&[record]).await.expect("answered");
    // There is no such hold any more: what it held is let go.
    database.store.let_senders_go().await.expect("answered");
    assert_eq!(database.number(HELD).await, 1);
    nothing_is_claimed(&database).await;
}

async fn what_is_left_of_one_on_the_wire_is_held(database: TestDatabase) {
    add_tenant(&database, "acme").await;
    add_due(&database, "acme", 1).await;
    let worker = add_worker(&database).await;
    let claimed = claim(&database, worker, 1).await.remove(0);
    database.store.permit_data(&[data_start(&claimed, worker)]).await.expect("answered");
    let now = database.clock.now();
    database.store.hold(now, None, &actor(WHO)).await.expect("answered");

    let (_, mut rest, mut entry) = accepted("acme", "rest", now);
    rest.role = DeliveryRole::Rest;
    (rest.root, rest.main) = (claimed.delivery, claimed.delivery);
    entry.delivery = rest.id;
    let mut concluded = conclusion(&claimed, Concluded::Sent, ReasonCode::Accepted, now);
    concluded.rest = Some(RemainderDelivery { delivery: rest, entry });
    let record = Record {
        fence: claimed.fence(worker),
        attempt: Some(attempt(&claimed, ReasonCode::Accepted, now)),
        next: NextState::Concluded(Box::new(concluded)),
    };
    database.store.record(&[record]).await.expect("answered");
    assert_eq!(database.number(HELD).await, 1);
    nothing_is_claimed(&database).await;
}

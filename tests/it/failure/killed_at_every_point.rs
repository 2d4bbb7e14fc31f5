//! A real process ends, as by `kill -9`, at each place where that could hurt; the next one goes on. Nothing is lost,
//! nothing is sent twice, and only what the relay may hold is uncertain.
//!
//! The places are the rows of a matrix, and what goes on around them ([`Around`]) its columns.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use invoice_dispatcher::failpoint::Failpoint;
use invoice_dispatcher::model::state::Concluded;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::failure::processes_are_killed::{count, until_concluded};
use crate::harness::around::{Around, Cell, Kept};
use crate::harness::broker::until;
use crate::harness::mirror::until_mirrored;
use crate::harness::sink::Step;

/// A place, and what is expected of it.
#[derive(Debug, Clone, Copy)]
enum Row {
    Sending(Failpoint, Seen),
    TakingIn(Failpoint),
    /// How many copies of a dead letter stand in the queue when the process is dead.
    Mirroring(Failpoint, u32),
    PuttingBack(Failpoint, Act),
}

/// What became of the delivery that the dead process had in hand, and what the relay saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It never began, and the next process sends it; or it is recorded.
    Nothing,
    /// Its DATA never began, and no other process can know that: it is uncertain, as below.
    NoData,
    HalfTheMessage,
    TheMessage,
}

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Redrive,
    Resend,
}

/// Between claim and record, in the order in which a mail passes them.
const SENDING: [Row; 11] = [
    Row::Sending(Failpoint::AfterClaim, Seen::Nothing),
    Row::Sending(Failpoint::AfterDocuments, Seen::Nothing),
    Row::Sending(Failpoint::AfterCompose, Seen::Nothing),
    Row::Sending(Failpoint::BeforeDataStart, Seen::Nothing),
    Row::Sending(Failpoint::AfterDataStart, Seen::NoData),
    Row::Sending(Failpoint::InData, Seen::HalfTheMessage),
    Row::Sending(Failpoint::AfterDot, Seen::TheMessage),
    Row::Sending(Failpoint::AfterAnswer, Seen::TheMessage),
    Row::Sending(Failpoint::BeforeRecord, Seen::TheMessage),
    Row::Sending(Failpoint::BeforeRecordCommit, Seen::TheMessage),
    Row::Sending(Failpoint::AfterRecord, Seen::Nothing),
];

/// From the broker to the database.
const TAKING_IN: [Row; 5] = [
    Row::TakingIn(Failpoint::AfterReceive),
    Row::TakingIn(Failpoint::BeforeIntakeCommit),
    Row::TakingIn(Failpoint::AfterIntakeCommit),
    Row::TakingIn(Failpoint::BeforeAck),
    Row::TakingIn(Failpoint::AfterAck),
];

/// From the database to the queue of dead letters.
const MIRRORING: [Row; 3] = [
    Row::Mirroring(Failpoint::BeforeMirror, 0),
    Row::Mirroring(Failpoint::AfterMirrorConfirm, 1),
    Row::Mirroring(Failpoint::AfterMirrorMark, 1),
];

/// By a person's command.
const PUTTING_BACK: [Row; 4] = [
    Row::PuttingBack(Failpoint::BeforeRedriveCommit, Act::Redrive),
    Row::PuttingBack(Failpoint::AfterRedriveCommit, Act::Redrive),
    Row::PuttingBack(Failpoint::BeforeResendCommit, Act::Resend),
    Row::PuttingBack(Failpoint::AfterResendCommit, Act::Resend),
];

/// Cells that run at once, unless they share a server that fails.
const AT_ONCE: usize = 3;

const EVENTS: [(&str, &str); 4] = [
    ("a", "a@customer.example"),
    ("b", "b@customer.example"),
    ("c", "c@customer.example"),
    ("d", "d@customer.example"),
];

impl Row {
    fn all() -> Vec<Self> {
        [&SENDING[..], &TAKING_IN, &MIRRORING, &PUTTING_BACK].concat()
    }

    async fn run(self, around: Arc<Around>) {
        match self {
            Self::Sending(point, seen) => while_sending(&around, point, seen).await,
            Self::TakingIn(point) => while_taking_in(&around, point).await,
            Self::Mirroring(point, copies) => while_mirroring(&around, point, copies).await,
            Self::PuttingBack(point, act) => while_putting_back(&around, point, act).await,
        }
    }
}

/// Runs cells side by side; fails with the first that fails.
async fn side_by_side(rows: impl IntoIterator<Item = Row>, around: Around, at_once: usize) {
    let (around, places) = (Arc::new(around), Arc::new(Semaphore::new(at_once)));
    let mut running = JoinSet::new();
    for row in rows {
        let (around, places) = (Arc::clone(&around), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire().await.expect("never closed");
            row.run(around).await;
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("the cell holds");
    }
}

/// A worker ends at the place; the next one sends what is left.
async fn while_sending(around: &Arc<Around>, point: Failpoint, seen: Seen) {
    // While one is recorded, the next may be at the relay already: here it comes later.
    let alone = matches!(point, Failpoint::BeforeRecord | Failpoint::BeforeRecordCommit | Failpoint::AfterRecord);
    let (first, later) = EVENTS.split_at(if alone { 1 } else { 4 });
    let mut cell = Cell::new(around).await;
    cell.bring(first).await;
    cell.kill_worker_at(point).await;
    cell.bring(later).await;
    let next = cell.start_next().await;
    let counts = until_concluded(&cell.site.store, 4).await;

    let (sent, uncertain) = (count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain));
    assert_eq!(sent + uncertain, 4, "{point}: {counts:?}");
    // How many deliveries came so far at the relay: DATA, the message's first line, its end.
    let at_relay = cell.sink.see(|state| [Step::Data, Step::Body, Step::Dot].map(|step| state.count(step)));
    let expected = match seen {
        Seen::Nothing => (0, [4, 4, 4]),
        Seen::NoData => (1, [3, 3, 3]),
        Seen::HalfTheMessage => (1, [4, 4, 3]),
        Seen::TheMessage => (1, [4, 4, 4]),
    };
    assert_eq!((uncertain, at_relay), expected, "{point}");
    cell.end(next).await;
}

/// A worker ends at the place between the broker and the database; the next one takes in and sends what is left.
async fn while_taking_in(around: &Arc<Around>, point: Failpoint) {
    let mut cell = Cell::with_broker(around).await;
    cell.bring(&EVENTS).await;
    cell.kill_worker_at(point).await;
    let next = cell.start_next().await;
    let counts = until_concluded(&cell.site.store, 4).await;

    let (sent, uncertain) = (count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain));
    assert_eq!(sent + uncertain, 4, "{point}: {counts:?}");
    // The lane may have begun with the one delivery that its one connection carries once the batch is committed.
    assert!(uncertain <= 1, "{point}: {counts:?}");
    cell.end(next).await;
}

/// A worker ends while it tells the broker of three dead letters, and a person discards one of them before the next
/// worker goes on: the queue holds each of the others once, whatever stood there meanwhile.
async fn while_mirroring(around: &Arc<Around>, point: Failpoint, copies: u32) {
    let mut cell = Cell::without_broker(around).await;
    let refused = |id| format!("refuse-554-5.7.1+{id}@customer.example");
    let letters = [("a", &*refused("a")), ("b", &*refused("b")), ("c", "refuse-552-5.3.4+c@customer.example")];
    cell.bring(&letters).await;
    let worker = cell.site.start();
    assert_eq!(count(&until_concluded(&cell.site.store, 3).await, Concluded::Dead), 3, "{point}");
    assert!(worker.stop().await.success());

    cell.join_broker().await;
    cell.kill_worker_at(point).await;
    let broker = cell.broker().await;
    let dead = broker.topology.dead.clone();
    let standing = async || broker.at_rest(&dead).await.unwrap_or(0) == 3 * copies;
    until(&format!("{copies} of each at {point}"), standing).await;
    let discard = ["dead-letters", "discard", "--class", "too_large", "--reason", "sent by post"];
    assert!(cell.site.run(&discard, "").await.success());
    let next = cell.start_next().await;
    let when = format!("after a death at {point}");
    until_mirrored(&cell.site.store, &cell.broker().await, &when).await;
    assert!(next.stop().await.success());
    let open = "SELECT invoice_number FROM dead_letter WHERE state = 'open' ORDER BY invoice_number";
    assert_eq!(cell.database.texts(open).await, ["R-a", "R-b"], "{point}");
    cell.assert_mirrors(&when).await;
    cell.assert_balance().await;
}

/// Redrive and resend happen or do not; a person who saw no answer may ask again.
async fn while_putting_back(around: &Arc<Around>, point: Failpoint, act: Act) {
    let (address, first, command, sent): (_, _, &[&str], _) = match act {
        Act::Redrive => (
            "refuse-554-5.7.1-once@customer.example",
            Concluded::Dead,
            &["dead-letters", "redrive", "--tenant", "acme", "--yes"],
            1,
        ),
        Act::Resend => (
            "a@customer.example",
            Concluded::Sent,
            &["resend", "--tenant", "acme", "--invoice", "R-a", "--reason", "asked for it"],
            2,
        ),
    };
    let mut cell = Cell::new(around).await;
    cell.bring(&[("a", address)]).await;
    let worker = cell.site.start();
    assert_eq!(count(&until_concluded(&cell.site.store, 1).await, first), 1, "{point}");
    assert!(worker.stop().await.success());

    assert!(cell.site.run(command, &format!("{point}:exit")).await.signal().is_some(), "{point}");
    let happened = matches!(point, Failpoint::AfterRedriveCommit | Failpoint::AfterResendCommit);
    let waiting = cell.database.number("SELECT COUNT(*) FROM lane_entry").await;
    assert_eq!(waiting, i64::from(happened), "{point}");
    let next = cell.start_next().await;
    if !happened {
        assert!(cell.site.run(command, "").await.success(), "{point}");
    }
    let counts = until_concluded(&cell.site.store, sent).await;
    assert_eq!(count(&counts, Concluded::Sent), sent, "{point}: {counts:?}");
    cell.end(next).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending() {
    side_by_side(SENDING, Around::all_well(Kept::Sqlite), AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_on_postgresql() {
    side_by_side(SENDING, Around::all_well(Kept::Postgres), AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_in() {
    side_by_side(TAKING_IN, Around::all_well(Kept::Sqlite), AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirroring() {
    side_by_side(MIRRORING, Around::all_well(Kept::Sqlite), AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn putting_back() {
    side_by_side(PUTTING_BACK, Around::all_well(Kept::Sqlite), AT_ONCE).await;
}

#[ignore = "long: scripts/prove"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove_kill_on_postgresql() {
    side_by_side(Row::all(), Around::all_well(Kept::Postgres), AT_ONCE).await;
}

#[ignore = "long: scripts/prove"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove_kill_beside_a_slow_relay() {
    for kept in [Kept::Sqlite, Kept::Postgres] {
        side_by_side(Row::all(), Around::slow_relay(kept), AT_ONCE).await;
    }
}

#[ignore = "long: scripts/prove"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove_kill_while_the_database_restarts() {
    let rows = Row::all();
    let (cells, around) = (rows.len(), Around::failing_database(rows.len()).await);
    side_by_side(rows, around, cells).await;
}

#[ignore = "long: scripts/prove"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove_kill_while_the_broker_restarts() {
    let rows = Row::all();
    let (cells, around) = (rows.len(), Around::failing_broker(rows.len()).await);
    side_by_side(rows, around, cells).await;
}

//! A process stands still in the middle of a mail until the others have called it dead and gone on. When it wakes it
//! sends nothing twice, and what it was about to send is known in the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use invoice_dispatcher::failpoint::Failpoint;
use invoice_dispatcher::model::ids::WorkerId;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::relay::Deadlines;
use tokio::task::JoinSet;

use crate::failure::processes_are_killed::{count, until_concluded};
use crate::harness::around::{Around, Cell, Kept};
use crate::harness::broker::until;

/// Where it stands still, and how many deliveries are uncertain until it wakes.
const PLACES: [(Failpoint, i64); 4] =
    [(Failpoint::BeforeDataStart, 0), (Failpoint::AfterDataStart, 1), (Failpoint::InData, 1), (Failpoint::AfterDot, 1)];

const EVENTS: [(&str, &str); 3] =
    [("a", "a@customer.example"), ("b", "b@customer.example"), ("c", "c@customer.example")];

async fn workers(cell: &Cell) -> BTreeSet<WorkerId> {
    let beats = cell.site.store.workers().await.expect("the database answers");
    beats.into_iter().map(|beat| beat.worker).collect()
}

/// How much earlier than it was seen a process may have been stopped.
const LOOKS: Duration = Duration::from_secs(1);

/// The locks that a process holds that stands still are gone by then, on a busy machine, too.
const LOCKED: Duration = Duration::from_secs(15);

async fn standing_still(around: Arc<Around>, point: Failpoint, uncertain: i64) {
    let mut cell = Cell::new(&around).await;
    cell.bring(&EVENTS).await;
    let asleep = cell.site.start_failing(&format!("{point}:stop"));
    asleep.until_stopped().await;
    let began = Instant::now();
    cell.forget_the_dead().await;
    let other = cell.site.start();
    let counts = until_concluded(&cell.site.store, 3).await;
    let ended = [Concluded::Sent, Concluded::Uncertain].map(|concluded| count(&counts, concluded));
    assert_eq!(ended, [3 - uncertain, uncertain], "{point}");

    asleep.signal("-CONT");
    until("it works on under another name", async || workers(&cell).await.len() == 2).await;
    if point == Failpoint::AfterDataStart && began.elapsed() + LOOKS >= Deadlines::default().permit {
        // On a loaded machine its permit may be too old by now: it asks for another one, and the delivery is not its own
        // any more.
        assert!(asleep.stop().await.success());
        let (mails, data_phases) = cell.sink.mails_and_data_phases();
        assert!((2..=3).contains(&mails) && data_phases == 3, "{point}: {mails} of {data_phases}");
        // Sent after all and recorded as that, or withdrawn and still uncertain.
        let counts = cell.site.store.state_counts().await.expect("the database answers");
        let ended = [Concluded::Sent, Concluded::Uncertain].map(|concluded| count(&counts, concluded));
        let taken = i64::try_from(mails).expect("few");
        assert_eq!(ended, [taken, 3 - taken], "{point}");
        return cell.end(other).await;
    }
    let sent = async || cell.site.store.state_counts().await.is_ok_and(|counts| count(&counts, Concluded::Sent) == 3);
    until(&format!("the relay's late answer is recorded after {point}"), sent).await;
    assert_eq!(cell.sink.mails_and_data_phases(), (3, 3), "{point}");
    assert!(asleep.stop().await.success());
    cell.end(other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_sends_nothing_twice() {
    let around = Arc::new(Around::all_well(Kept::Postgres));
    let mut running: JoinSet<_> =
        PLACES.into_iter().map(|(point, uncertain)| standing_still(Arc::clone(&around), point, uncertain)).collect();
    while let Some(ended) = running.join_next().await {
        ended.expect("nothing is sent twice");
    }
}

/// It stands still with a transaction open, until the server ends its connection; then it goes on as if it had been an
/// outage: an event is no dead letter, and what the relay took is recorded.
async fn standing_still_in_a_transaction(around: Arc<Around>, point: Failpoint) {
    let mut cell = if point == Failpoint::BeforeIntakeCommit {
        Cell::with_broker(&around).await
    } else {
        Cell::new(&around).await
    };
    cell.bring(&EVENTS).await;
    let process = cell.site.start_failing(&format!("{point}:stop"));
    process.until_stopped().await;
    let open = "SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    // Another of its transactions may have been caught, too.
    assert!(cell.database.number(open).await >= 1, "{point} is inside a transaction");
    let began = Instant::now();
    until("the server ends the connection", async || cell.database.number(open).await == 0).await;
    assert!(began.elapsed() < LOCKED, "{point}: others waited {:?} for what it had locked", began.elapsed());

    process.signal("-CONT");
    let counts = until_concluded(&cell.site.store, 3).await;
    assert_eq!(count(&counts, Concluded::Sent), 3, "{point}: {counts:?}");
    assert_eq!(cell.database.number("SELECT COUNT(*) FROM dead_letter").await, 0, "{point}");
    assert_eq!(cell.sink.mails_and_data_phases(), (3, 3), "{point}");
    cell.end(process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_the_server_ends_is_an_outage_and_no_fault() {
    let around = Arc::new(Around::all_well(Kept::Postgres));
    let points = [Failpoint::BeforeIntakeCommit, Failpoint::BeforeRecordCommit];
    let mut running: JoinSet<_> =
        points.into_iter().map(|point| standing_still_in_a_transaction(Arc::clone(&around), point)).collect();
    while let Some(ended) = running.join_next().await {
        ended.expect("nothing is lost");
    }
}

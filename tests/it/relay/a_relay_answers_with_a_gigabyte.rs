//! A relay answers with a reply of one gibibyte. It is read no further than a reply may be long: the session ends as
//! with any unusable answer, and the worker's memory stays what it was.

use std::time::Instant;

use invoice_dispatcher::model::state::Concluded;

use crate::failure::processes_are_killed::{count, take_in, until_concluded};
use crate::harness::broker::until;
use crate::harness::database::TestDatabase;
use crate::harness::process::Site;
use crate::harness::sink::{Act, Script, Sink, Step};

const REPLY: u64 = 1 << 30;
/// What of each reply may leave the relay: what is read (64 KiB at most), and what the sockets between the two hold.
const TAKEN_MAX: u64 = 16 << 20;
/// What the worker's memory may grow by, for whatever reason.
const GROWTH_MAX: u64 = 8 << 20;

const ORDINARY: [(&str, &str); 4] = [
    ("a", "a@customer.example"),
    ("b", "b@customer.example"),
    ("c", "c@customer.example"),
    ("d", "d@customer.example"),
];
const AT_RCPT: &str = "rcpt@customer.example";
const AT_DOT: &str = "dot@customer.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_read_no_further_than_a_reply_may_be_long() {
    let script = Script::new().on_address(AT_RCPT, Step::Rcpt, Act::LongReply(REPLY)).on_address(
        AT_DOT,
        Step::Dot,
        Act::take_then(Act::LongReply(REPLY)),
    );
    let sink = Sink::scripted(script).await;
    let database = TestDatabase::sqlite_unlocked().await;
    let site = Site::new(&database.url, None, &sink).await;
    let worker = site.start();
    take_in(&site, &ORDINARY).await;
    until_concluded(&site.store, 4).await;
    let (memory, began) = (worker.peak_bytes(), Instant::now());

    take_in(&site, &[("rcpt", AT_RCPT), ("dot", AT_DOT)]).await;
    let deferred = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND last_class = 'deferred' AND attempts = 1";
    let uncertain = "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'";
    let ended = async || database.number(deferred).await == 1 && database.number(uncertain).await == 1;
    until("before the dot it is tried again, after it it is uncertain", ended).await;
    let said = "SELECT COALESCE(last_reply, '') FROM lane_entry";
    assert!(database.texts(said).await[0].contains("does not end within"), "by its length, not by a deadline");

    let (grown, took) = (worker.peak_bytes() - memory, began.elapsed());
    let replies = sink.see(|state| state.long_replies.clone());
    println!("of each reply the relay got rid of {replies:?} bytes, in {took:?}; the worker grew by {grown} bytes");
    assert!(replies.len() >= 2 && replies.iter().all(|bytes| *bytes <= TAKEN_MAX), "{replies:?}");
    assert!(grown <= GROWTH_MAX, "the worker grew by {grown} bytes");

    assert!(worker.stop().await.success());
    let counts = site.store.state_counts().await.expect("the database answers");
    assert_eq!((count(&counts, Concluded::Sent), count(&counts, Concluded::Uncertain)), (4, 1), "{counts:?}");
    site.assert_adds_up().await;
}

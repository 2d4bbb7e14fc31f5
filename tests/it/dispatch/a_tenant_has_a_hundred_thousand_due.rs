//! A hundred thousand deliveries of one tenant are due. Another tenant's single invoice is at the relay within a round
//! of slots, by whatever clock.

use std::time::Duration;

use invoice_dispatcher::clock::Clock;
use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(a_single_invoice_overtakes_them);

const DUE: usize = 100_000;
const CONNECTIONS: u32 = 4;

struct Backlog {
    sink: Sink,
    dispatcher: Dispatcher,
}

impl Backlog {
    async fn new(database: TestDatabase) -> Self {
        let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(2)))).await;
        let dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(CONNECTIONS)]).await;
        dispatcher.add_tenant("globex", "exclude").await;
        dispatcher.take(&[dispatcher.event("x", "C-2")]).await;
        dispatcher.multiply_due("acme", DUE - 1).await;
        Self { sink, dispatcher }
    }

    /// One invoice of another tenant comes in while the many are being sent; says how many of them came before it.
    async fn overtaken_by(&self, id: &str) -> usize {
        let mut event = self.dispatcher.event(id, "C-2");
        event["data"]["tenant_id"] = json!("globex");
        event["data"]["documents"] = json!([self.dispatcher.add_document("globex/x.pdf", b"%PDF-1.4")]);
        let before = self.sink.see(|state| state.mails.len());
        self.sink.wait_for("more of the many", |state| state.mails.len() >= before + 20).await;
        let known = self.sink.see(|state| state.mails.iter().filter(|mail| is_globex(mail)).count());
        self.dispatcher.take(&[event]).await;
        let before = self.sink.see(|state| state.mails.len());
        let arrived = |mails: &[crate::harness::sink::SunkMail]| {
            mails.iter().enumerate().filter(|(_, mail)| is_globex(mail)).nth(known).map(|(at, _)| at)
        };
        self.sink.wait_for("the single invoice", |state| arrived(&state.mails).is_some()).await;
        let at = self.sink.see(|state| arrived(&state.mails)).expect("it was just seen");
        at.saturating_sub(before)
    }
}

fn is_globex(mail: &crate::harness::sink::SunkMail) -> bool {
    mail.sender == "rechnung@globex.example"
}

async fn a_single_invoice_overtakes_them(database: TestDatabase) {
    let mut backlog = Backlog::new(database).await;
    backlog.dispatcher.start();
    for id in ["a", "b", "c"] {
        let overtaken = backlog.overtaken_by(id).await;
        // Up to four places for each connection were taken, and it is claimed together with as many as there are connections.
        assert!(overtaken <= 5 * CONNECTIONS as usize, "{overtaken} of the many came before {id}");
    }
    backlog.dispatcher.stop().await;
    let left = backlog.dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await;
    assert!(left > 90_000, "the many were done before: nothing was shown");
    backlog.dispatcher.finish().await;
}

/// Two workers whose clocks are a minute apart, and which no database sets right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_with_clocks_a_minute_apart_are_as_fair() {
    let mut backlog = Backlog::new(TestDatabase::postgres().await).await;
    let ahead = Clock::manual(backlog.dispatcher.database.clock.now().plus(Duration::from_mins(1)));
    backlog.dispatcher.start();
    let other = backlog.dispatcher.start_with_clock(ahead).await;
    for id in ["a", "b", "c"] {
        let overtaken = backlog.overtaken_by(id).await;
        assert!(overtaken <= 10 * CONNECTIONS as usize, "{overtaken} of the many came before {id}");
    }
    other.stop().await;
    backlog.dispatcher.stop().await;
    let mut ids: Vec<_> = backlog.sink.mails().into_iter().filter_map(|mail| mail.message_id).collect();
    let sent = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), sent, "nothing is sent twice");
    backlog.dispatcher.finish().await;
}

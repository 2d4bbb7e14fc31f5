//! A relay takes every connection and never comes to an end. It holds up its own mail; another relay's goes out as if
//! it were not there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, SinkState, Step};

on_both_databases!(the_other_relays_mail_goes_out, large_mails_that_hang_do_not_take_the_others_memory);

/// Longer than the whole test: who waited for the hanging relay would fail it.
const FOR_EVER: Duration = Duration::from_mins(10);
const MAILS: usize = 300;

struct Relays {
    hanging: Sink,
    working: Sink,
    dispatcher: Dispatcher,
}

impl Relays {
    /// Two tenants: `acme` by the relay that works, `globex` by the one that hangs at DATA.
    async fn start(database: TestDatabase, bytes_in_flight_max: u64) -> Self {
        let hanging = Sink::scripted(Script::new().on(Step::Data, Act::Hang)).await;
        let working = Sink::start().await;
        let slow = relay("slow", &hanging).connections(4).with(|config| config.deadlines.command = FOR_EVER);
        let relays = [relay("default", &working), slow];
        let configure = |config: &mut invoice_dispatcher::config::Config| {
            config.worker.bytes_in_flight_max = bytes_in_flight_max;
        };
        let dispatcher = Dispatcher::configured(database, &relays, configure).await;
        dispatcher.add_tenant("globex", "include").await;
        dispatcher.set_relay("globex", "slow").await;
        Self { hanging, working, dispatcher }
    }

    /// Takes in mails for the relay that hangs, with a document of so many bytes each.
    async fn take_hanging(&self, count: usize, document_bytes: usize) {
        let document = self.dispatcher.add_document("globex/x.pdf", &vec![b'x'; document_bytes]);
        let template = self.dispatcher.event("x", "C-1");
        let events: Vec<_> = (0..count).map(|n| of_globex(&template, &document, n)).collect();
        self.dispatcher.take(&events).await;
    }

    /// All of the other relay's mail goes out, while this one has not come to an end once.
    async fn assert_the_others_go_out(&self) {
        let events: Vec<_> = (0..MAILS).map(|n| self.dispatcher.event(&format!("{n:03}"), "C-1")).collect();
        self.dispatcher.take(&events).await;
        self.working.wait_for("all mails of the relay that works", |state| state.mails.len() == MAILS).await;
        assert_eq!(self.hanging.mails_and_data_phases(), (0, 0));
        assert!(self.hanging.see(|state| state.open) > 0, "it hangs no more: nothing was shown");
    }

    /// The relay hangs up at last, so that the worker can end.
    async fn finish(mut self) {
        self.hanging.go_away().await;
        self.dispatcher.finish().await;
    }
}

fn of_globex(template: &Value, document: &Value, n: usize) -> Value {
    let mut event = template.clone();
    event["id"] = json!(format!("globex-{n}"));
    event["data"]["invoice"]["id"] = json!(format!("globex-{n}"));
    event["data"]["tenant_id"] = json!("globex");
    event["data"]["documents"] = json!([document]);
    event
}

async fn the_other_relays_mail_goes_out(database: TestDatabase) {
    let mut relays = Relays::start(database, 256 << 20).await;
    relays.take_hanging(50, 1_000).await;
    relays.dispatcher.start();
    relays.hanging.wait_for("every connection hanging", |state| state.count(Step::Data) == 4).await;
    relays.assert_the_others_go_out().await;
    relays.finish().await;
}

async fn large_mails_that_hang_do_not_take_the_others_memory(database: TestDatabase) {
    let mut relays = Relays::start(database, 12 << 20).await;
    // Each needs some 2.5 MB: three in flight are more than there is.
    relays.take_hanging(50, 1 << 20).await;
    relays.dispatcher.start();
    relays.hanging.wait_for("mails that hang", |state| state.count(Step::Data) >= 2).await;
    relays.dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 5).await;
    relays.assert_the_others_go_out().await;
    relays.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_workers_it_is_the_same() {
    let mut relays = Relays::start(TestDatabase::postgres().await, 256 << 20).await;
    relays.take_hanging(50, 1_000).await;
    relays.dispatcher.start();
    let other = relays.dispatcher.start_mortal().await;
    // The workers need a look or two to divide the connections.
    let hanging = |state: &SinkState| state.count(Step::Data) >= 4;
    relays.dispatcher.pass_until_seen(&relays.hanging, "every connection hanging", hanging).await;
    relays.assert_the_others_go_out().await;
    relays.hanging.go_away().await;
    other.stop().await;
    relays.finish().await;
}

//! A relay takes the large emails of one tenant and does not answer: they hold all memory for messages in flight, and
//! others of this tenant wait for it. Another tenant's email that needs none does not wait behind them.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

on_both_databases!(another_tenants_link_goes_out, with_many_connections_it_is_the_same);

/// Longer than the whole test: no message is given up or cut off.
const FOR_EVER: Duration = Duration::from_mins(10);
const HANGING: usize = 2;
const LANE: &str = "SELECT COUNT(*) FROM lane_entry";
const LANE_ROWS: &str = "SELECT delivery_id FROM lane_entry";

struct Large {
    sink: Sink,
    gate: Gate,
    dispatcher: Dispatcher,
    count: usize,
}

impl Large {
    /// Many large emails are due, more than the lane claims at once, and memory is for two or three of them.
    async fn due(database: TestDatabase, connections: u32) -> Self {
        let gate = Gate::closed();
        let script = Script::new().on_sender("rechnung@acme.example", Step::Dot, Act::Wait(gate.clone()));
        let sink = Sink::scripted(script).await;
        let patient =
            relay("default", &sink).connections(connections).with(|config| config.deadlines.final_dot = FOR_EVER);
        let configure = |config: &mut invoice_dispatcher::config::Config| {
            config.worker.bytes_in_flight_max = 2 << 20;
            config.worker.shutdown_grace = FOR_EVER;
        };
        let dispatcher = Dispatcher::configured(database, &[patient], configure).await;
        dispatcher.add_tenant("globex", "exclude").await;
        let document = dispatcher.add_document("acme/large.pdf", &vec![b'x'; 200 << 10]);
        let count = 2 * usize::try_from(connections).expect("few");
        let events: Vec<Value> = (0..count)
            .map(|n| {
                let mut event = dispatcher.event(&n.to_string(), "C-1");
                event["data"]["documents"] = json!([document]);
                event
            })
            .collect();
        dispatcher.take(&events).await;
        Self { sink, gate, dispatcher, count }
    }

    async fn wait_until_they_hang(&self) {
        self.sink.wait_for("large messages that hang", |state| state.count(Step::Dot) >= HANGING).await;
    }

    /// Takes in an email of the other tenant, which is sent as a link.
    async fn take_link(&self) {
        let mut event = self.dispatcher.event("link", "C-1");
        event["data"]["tenant_id"] = json!("globex");
        event["data"]["documents"] = json!([self.dispatcher.add_document("globex/x.pdf", b"%PDF-1.4")]);
        self.dispatcher.take(&[event]).await;
    }

    async fn rows(&self, condition: &str) -> i64 {
        self.dispatcher.database.number(format!("{LANE} WHERE {condition}")).await
    }
}

async fn another_tenants_link_goes_out(database: TestDatabase) {
    a_link_goes_out(Large::due(database, 16).await).await;
}

async fn with_many_connections_it_is_the_same(database: TestDatabase) {
    a_link_goes_out(Large::due(database, 100).await).await;
}

async fn a_link_goes_out(mut large: Large) {
    large.dispatcher.start();
    large.wait_until_they_hang().await;
    large.take_link().await;
    large.sink.wait_for("the other tenant's link", |state| !state.mails.is_empty()).await;
    assert_eq!(large.sink.mails()[0].sender, "rechnung@globex.example");
    assert!(large.rows("state = 'due'").await > 0, "more and more of the large emails are claimed");

    large.gate.open();
    large.dispatcher.pass_until(LANE, 0).await;
    let mails = large.sink.mails();
    let different: HashSet<_> = mails.iter().map(|mail| mail.message_id.clone()).collect();
    assert_eq!((mails.len(), different.len()), (large.count + 1, large.count + 1), "each is sent once");
    large.dispatcher.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stops_gives_back_at_once_what_waits() {
    let large = Large::due(TestDatabase::postgres().await, 16).await;
    let worker = large.dispatcher.start_mortal().await;
    large.wait_until_they_hang().await;
    let given_back = async {
        large.dispatcher.wait_until(&format!("{LANE} WHERE state = 'sending' AND NOT data_started"), 0).await;
        assert_eq!(large.sink.mails().len(), 0, "it gave them back only when others had been sent");
        large.gate.open();
    };
    tokio::join!(worker.stop(), given_back);
    let sent = i64::try_from(large.sink.mails().len()).expect("few");
    assert!(sent > 0, "what was on the wire was finished");
    assert_eq!(large.rows("state = 'due'").await, i64::try_from(large.count).expect("few") - sent);
    large.dispatcher.finish().await;
}

/// Until it is claimed again, people can cancel it. It is not tried thereby, and is sent in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_minutes_is_given_back() {
    let mut large = Large::due(TestDatabase::postgres().await, 16).await;
    large.dispatcher.start();
    large.wait_until_they_hang().await;
    let waits =
        format!("SELECT COUNT(*) FROM ({LANE_ROWS} WHERE state = 'sending' AND NOT data_started LIMIT 1) AS row");
    large.dispatcher.wait_until(&waits, 1).await;
    let began = large.dispatcher.database.clock.now();
    let again = format!("SELECT COUNT(*) FROM ({LANE_ROWS} WHERE claim > 1 AND NOT data_started LIMIT 1) AS row");
    large.dispatcher.pass_until(&again, 1).await;
    let passed = large.dispatcher.database.clock.now().since(began);
    assert!((Duration::from_mins(5)..Duration::from_hours(1)).contains(&passed), "it was given back after {passed:?}");
    assert_eq!(large.rows("attempts > 0 OR takeovers > 0").await, 0);

    large.gate.open();
    large.dispatcher.pass_until(LANE, 0).await;
    assert_eq!(large.sink.mails_and_data_phases(), (large.count, large.count), "each is sent once");
    large.dispatcher.finish().await;
}

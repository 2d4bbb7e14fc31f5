//! A worker died with mails of two relays in hand, and one of the relays hangs. Those of the other do not wait for it.

use std::time::Duration;

use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(those_of_a_healthy_relay_do_not_wait_for_a_hanging_one);

const EACH: usize = 4;

async fn those_of_a_healthy_relay_do_not_wait_for_a_hanging_one(database: TestDatabase) {
    let hangs = || Script::new().on(Step::Rcpt, Act::Hang);
    let (mut hanging, healthy) = (Sink::scripted(hangs()).await, Sink::scripted(hangs()).await);
    let patient = |name, sink: &Sink| {
        relay(name, sink).connections(4).with(|config| config.deadlines.command = Duration::from_mins(10))
    };
    let relays = [patient("default", &healthy), patient("slow", &hanging)];
    let mut dispatcher = Dispatcher::with(database, &relays).await;
    dispatcher.add_tenant("globex", "include").await;
    dispatcher.set_relay("globex", "slow").await;
    let document = dispatcher.add_document("globex/x.pdf", b"%PDF-1.4 x");
    let mut events: Vec<_> = (0..EACH).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    events.extend((0..EACH).map(|n| {
        let mut event = dispatcher.event(&format!("globex-{n}"), "C-1");
        event["data"]["tenant_id"] = json!("globex");
        event["data"]["documents"] = json!([document]);
        event
    }));
    dispatcher.take(&events).await;
    let dies = dispatcher.start_mortal().await;
    healthy.wait_for("all of its mails", |state| state.count(Step::Rcpt) == EACH).await;
    hanging.wait_for("all of its mails", |state| state.count(Step::Rcpt) == EACH).await;
    dies.kill().await;

    healthy.behave(Script::new());
    dispatcher.start();
    dispatcher.pass_until_seen(&hanging, "one of them again", |state| state.count(Step::Rcpt) == EACH + 1).await;
    let before = dispatcher.database.clock.now();
    dispatcher.pass_until_seen(&healthy, "all of its mails", |state| state.mails.len() == EACH).await;
    let passed = dispatcher.database.clock.now().since(before);
    // Time goes on while the machine works.
    assert!(passed < Duration::from_mins(10), "they waited for {passed:?}");
    assert_eq!(hanging.see(|state| state.count(Step::Rcpt)), EACH + 1, "one at a time where it hangs");

    hanging.behave(Script::new());
    hanging.go_away().await;
    hanging.come_back().await;
    dispatcher.pass_until_concluded().await;
    dispatcher.finish().await;
}

//! One tenant has thousands of invoices due. Another one's single invoice does not wait for them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step, SunkMail};

on_both_databases!(a_single_invoice_is_sent_within_a_round_of_slots);

async fn a_single_invoice_is_sent_within_a_round_of_slots(database: TestDatabase) {
    let slow = Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(1)));
    let sink = Sink::scripted(slow.clone()).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.add_tenant("globex", "exclude").await;
    let template = template(&dispatcher);
    let of = |tenant: &str, n: usize| {
        let mut event = template.clone();
        event["id"] = json!(format!("{tenant}-{n}"));
        event["data"]["invoice"]["id"] = json!(format!("{tenant}-{n}"));
        event["data"]["tenant_id"] = json!(tenant);
        event["data"]["documents"][0]["object"] = json!(format!("{tenant}/x.pdf"));
        event
    };
    let many: Vec<_> = (0..2_000).map(|n| of("acme", n)).collect();
    dispatcher.take(&many).await;
    dispatcher.start();
    sink.wait_for("mails of the large tenant", |state| state.mails.len() >= 20).await;
    // Nothing is sent while the invoice of the small tenant comes in: what is counted is turns, not time.
    let gate = Gate::closed();
    sink.behave(Script::new().on(Step::Dot, Act::Wait(gate.clone())));
    sink.wait_for("a mail at the gate", |state| state.count(Step::Dot) > state.mails.len()).await;
    dispatcher.take(&[of("globex", 0)]).await;
    let before = sink.mails().len();
    sink.behave(slow);
    gate.open();
    let place = |mails: &[SunkMail]| mails.iter().position(|mail| mail.sender == "rechnung@globex.example");
    sink.wait_for("the mail of the small tenant", |state| place(&state.mails).is_some()).await;
    let place = place(&sink.mails()).expect("it was just seen");

    // Eight places at most, all of them taken, and of the claim that brings it and of the next one two each that may be quicker.
    assert!(
        place <= before + 12,
        "it came as number {place}, although only {before} mails were sent before it was due"
    );
    dispatcher.stop().await;
    let left = dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await;
    assert!(left > 1_000, "the large tenant was done before: nothing was shown");
    let sent = dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'").await;
    assert_eq!((sent + left, sink.mails().len()), (2_001, usize::try_from(sent).expect("not negative")));
    dispatcher.finish().await;
}

/// Each message takes a while: what the workers have claimed ahead is what the single invoice waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_slow_relay_with_three_workers_it_waits_no_longer() {
    const CONNECTIONS: u32 = 6;
    let slow = Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(500)));
    let sink = Sink::scripted(slow.clone()).await;
    let database = TestDatabase::postgres().await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(CONNECTIONS)]).await;
    dispatcher.add_tenant("globex", "exclude").await;
    let template = template(&dispatcher);
    dispatcher.take(std::slice::from_ref(&template)).await;
    dispatcher.multiply_due("acme", 300).await;
    dispatcher.start();
    let clock = dispatcher.database.clock.clone();
    let others = [dispatcher.start_with_clock(clock.clone()).await, dispatcher.start_with_clock(clock).await];
    // By then each worker knows how long a message takes.
    let round = usize::try_from(CONNECTIONS).expect("few");
    sink.wait_for("some rounds of the large tenant", |state| state.mails.len() >= 5 * round).await;
    // Nothing is sent while the single invoice comes in: what is counted is turns, not time.
    let gate = Gate::closed();
    sink.behave(Script::new().on(Step::Dot, Act::Wait(gate.clone())));
    sink.wait_for("a mail at the gate", |state| state.count(Step::Dot) > state.mails.len()).await;
    let mut event = template;
    event["id"] = json!("globex");
    event["data"]["invoice"]["id"] = json!("globex");
    event["data"]["tenant_id"] = json!("globex");
    event["data"]["documents"][0]["object"] = json!("globex/x.pdf");
    dispatcher.take(&[event]).await;
    let before = sink.mails().len();
    sink.behave(slow);
    gate.open();
    let place = |mails: &[SunkMail]| mails.iter().position(|mail| mail.sender == "rechnung@globex.example");
    sink.wait_for("the mail of the small tenant", |state| place(&state.mails).is_some()).await;
    let behind = place(&sink.mails()).expect("it was just seen") - before;

    // Up to eleven are on the wire (the clock stands still, so no worker learns of a later one), each worker has claimed one
    // or two ahead, and as many again may be quicker. Four for each connection of each worker would be 72.
    assert!(behind <= 5 * round, "{behind} mails of the large tenant came first");
    for other in others {
        other.stop().await;
    }
    dispatcher.stop().await;
    dispatcher.finish().await;
}

fn template(dispatcher: &Dispatcher) -> Value {
    let mut event = dispatcher.event("x", "C-2");
    event["data"]["documents"] = json!([dispatcher.add_document("acme/x.pdf", b"%PDF-1.4")]);
    dispatcher.add_document("globex/x.pdf", b"%PDF-1.4");
    event
}

//! A relay that takes its time, takes only small mails, few connections or few mails a second: it holds up its own
//! deliveries and no others.

use std::time::Duration;

use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Gate, Script, Sink, Step};

on_both_databases!(
    a_slow_relay_holds_up_its_own_lane_only,
    what_is_too_large_goes_as_a_link,
    what_is_too_large_is_dead_where_the_portal_is_closed,
    a_reused_connection_that_is_closed_costs_no_attempt,
    a_connection_turned_away_shrinks_the_slots,
    a_reused_connection_that_cannot_be_replaced_leaves_nothing_behind,
    the_rate_is_kept,
    no_more_connections_than_configured,
);

fn one_connection(sink: &Sink) -> TestRelay {
    relay("default", sink).connections(1)
}

async fn a_slow_relay_holds_up_its_own_lane_only(database: TestDatabase) {
    let (slow, quick) = (Sink::scripted(Script::new().on(Step::Banner, Act::Hang)).await, Sink::start().await);
    let patient = relay("default", &slow).with(|config| config.deadlines.command = Duration::from_mins(10));
    let mut dispatcher = Dispatcher::with(database, &[patient, relay("other", &quick)]).await;
    dispatcher.add_tenant("globex", "include").await;
    dispatcher.database.execute("UPDATE tenant SET relay = 'other' WHERE id = 'globex'").await;
    let of_globex = |id: &str| {
        let mut event = dispatcher.event(id, "C-1");
        event["data"]["tenant_id"] = json!("globex");
        event["data"]["documents"] = json!([dispatcher.add_document(&format!("globex/{id}.pdf"), b"%PDF-1.4")]);
        event
    };
    let events: Vec<_> = (0..20)
        .flat_map(|n| [dispatcher.event(&format!("slow-{n}"), "C-1"), of_globex(&format!("quick-{n}"))])
        .collect();
    dispatcher.start();
    dispatcher.take(&events).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", 20).await;

    assert_eq!(quick.mails_and_data_phases(), (20, 20));
    assert_eq!(slow.mails_and_data_phases(), (0, 0));
    let slow_ones = "SELECT COUNT(*) FROM lane_entry WHERE relay = 'default' AND attempts = 0";
    assert_eq!(dispatcher.database.number(slow_ones).await, 20);
    slow.behave(Script::new());
    drop(slow);
    dispatcher.finish().await;
}

async fn what_is_too_large_goes_as_a_link(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().without("SIZE").size(20_000)).await;
    let mut dispatcher = Dispatcher::with(database, &[one_connection(&sink)]).await;
    dispatcher.start();
    let large = vec![b'x'; 30_000];
    let mut event = dispatcher.event("a-offered", "C-1");
    event["data"]["documents"] = json!([dispatcher.add_document("acme/large.pdf", &large)]);
    // The relay says its SIZE: no MAIL is asked for what is larger.
    dispatcher.take(&[event]).await;
    dispatcher.wait_until_concluded().await;
    assert_eq!(sink.see(|state| state.count(Step::Mail)), 1);
    // The relay says nothing before the dot.
    sink.behave(Script::new().without("SIZE").once(Step::Dot, Act::reply("552 5.3.4 too large")));
    dispatcher.take(&[dispatcher.event("b-at-the-dot", "C-1")]).await;
    dispatcher.wait_until_concluded().await;

    let expected = ["R-a-offered sent accepted link 1", "R-b-at-the-dot sent accepted link 1"];
    assert_eq!(dispatcher.states().await, expected);
    let reasons = "SELECT COUNT(*) FROM delivery WHERE decision_reason = 'too_large'";
    assert_eq!(dispatcher.database.number(reasons).await, 2);
    assert_eq!(sink.mails_and_data_phases(), (2, 3));
    for mail in sink.mails() {
        assert!(String::from_utf8_lossy(&mail.bytes).contains("multipart/alternative"));
        assert!(!String::from_utf8_lossy(&mail.bytes).contains("application/pdf"));
    }
    dispatcher.finish().await;
}

async fn what_is_too_large_is_dead_where_the_portal_is_closed(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Mail, Act::reply("552 5.3.4 too large"))).await;
    let mut dispatcher = Dispatcher::with(database, &[one_connection(&sink)]).await;
    dispatcher.set_settings("acme", "portal_level = 'inaccessible'").await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a dead too_large attach 0"]);
    assert_eq!(dispatcher.attempts().await, ["R-a too_large mail 552 5.3.4"]);
    assert_eq!(dispatcher.dead_letters().await, ["R-a too_large - - 0"]);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    dispatcher.finish().await;
}

async fn a_reused_connection_that_is_closed_costs_no_attempt(database: TestDatabase) {
    let closings = [
        (Step::Mail, Act::ReplyThenClose("421 4.4.2 idle too long".to_owned())),
        (Step::Mail, Act::Close),
        (Step::Rcpt, Act::ReplyThenClose("421 4.3.2 restarting".to_owned())),
        (Step::Data, Act::ReplyThenClose("421 4.3.2 restarting".to_owned())),
        (Step::Data, Act::Close),
    ];
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::with(database, &[one_connection(&sink)]).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("0", "C-1")]).await;
    dispatcher.wait_until_concluded().await;
    for (index, (step, act)) in closings.into_iter().enumerate() {
        sink.behave(Script::new().once(step, act));
        dispatcher.take(&[dispatcher.event(&(index + 1).to_string(), "C-1")]).await;
        dispatcher.wait_until_concluded().await;
        assert_eq!(sink.see(|state| state.connections), index + 2, "one more connection each time");
    }
    let expected: Vec<_> = (0..6).map(|n| format!("R-{n} accepted final_dot 250 2.0.0")).collect();
    assert_eq!(dispatcher.attempts().await, expected);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE attempts = 1").await, 6);
    assert_eq!(sink.mails_and_data_phases(), (6, 6));
    dispatcher.finish().await;
}

async fn a_connection_turned_away_shrinks_the_slots(database: TestDatabase) {
    // Postfix says 421 at the banner to a connection too many.
    let too_many = Act::ReplyThenClose("421 4.7.0 too many connections".to_owned());
    let script =
        (2..=4).fold(Script::new(), |script, number| script.on_connection(number, Step::Banner, too_many.clone()));
    let sink = Sink::scripted(script.on(Step::Dot, Act::Slow(Duration::from_millis(5)))).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(4)]).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("0", "C-1")]).await;
    dispatcher.wait_until_concluded().await;
    let events: Vec<_> = (1..20).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(sink.mails_and_data_phases(), (20, 20));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE attempts = 1").await, 20);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE breaker <> 'closed'").await, 0);
    dispatcher.finish().await;
}

async fn a_reused_connection_that_cannot_be_replaced_leaves_nothing_behind(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    // Both slots have a connection: the first mail waits for the other.
    let gate = Gate::closed();
    sink.behave(Script::new().on(Step::Dot, Act::Wait(gate.clone())));
    dispatcher.take(&[dispatcher.event("0", "C-1"), dispatcher.event("1", "C-1")]).await;
    sink.wait_for("both mails", |state| state.count(Step::Dot) == 2).await;
    gate.open();
    dispatcher.wait_until_concluded().await;
    assert_eq!(sink.see(|state| state.connections), 2);
    // One is closed at DATA, after the start was recorded, and no other is to be had while the first one stands.
    let script = Script::new().once(Step::Data, Act::ReplyThenClose("421 4.3.2 closing".to_owned())).on_connection(
        3,
        Step::Banner,
        Act::ReplyThenClose("421 4.7.0 too many connections".to_owned()),
    );
    sink.behave(script);
    dispatcher.take(&[dispatcher.event("2", "C-1")]).await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1").await,
        3
    );
    assert_eq!(sink.mails_and_data_phases(), (3, 3));
    dispatcher.finish().await;
}

async fn the_rate_is_kept(database: TestDatabase) {
    let sink = Sink::start().await;
    let relay = relay("default", &sink).connections(4).with(|config| config.rate = Some(20.0));
    let mut dispatcher = Dispatcher::with(database, &[relay]).await;
    let events: Vec<_> = (0..8).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    // The first goes at once, each other one 50 ms later.
    for expected in 1..=8 {
        sink.wait_for("the next message", |state| state.mails.len() >= expected).await;
        assert_eq!(sink.mails().len(), expected);
        dispatcher.database.clock.advance(Duration::from_millis(50));
    }
    dispatcher.wait_until_concluded().await;

    assert_eq!(sink.mails_and_data_phases(), (8, 8));
    dispatcher.finish().await;
}

async fn no_more_connections_than_configured(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_millis(5)))).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(3)]).await;
    let events: Vec<_> = (0..60).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;

    assert_eq!(sink.see(|state| (state.open_max, state.connections)), (3, 3));
    assert_eq!(sink.mails_and_data_phases(), (60, 60));
    dispatcher.finish().await;
}

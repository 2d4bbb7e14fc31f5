//! One delivery takes down every worker that works on it. It becomes a dead letter; its neighbours go out, each once.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, SinkState, Step};

on_both_databases!(its_neighbours_go_out_once, a_process_that_dies_at_every_start_blames_nobody);

const POISON: &str = "poison@customer.example";
const INNOCENTS: usize = 20;

async fn its_neighbours_go_out_once(database: TestDatabase) {
    // At first everything hangs, so that the first death takes innocents with it.
    let sink = Sink::scripted(Script::new().on(Step::Rcpt, Act::Hang)).await;
    let relay = relay("default", &sink).connections(7);
    let relay = relay.with(|config| config.deadlines.command = Duration::from_mins(10));
    let mut dispatcher = Dispatcher::with(database, &[relay]).await;
    let mut events: Vec<_> = (0..INNOCENTS).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    events.insert(0, dispatcher.event_to("poison", &[("to", POISON)]));
    dispatcher.take(&events).await;
    let worker = dispatcher.start_mortal().await;
    // Seven connections, and one delivery that is claimed ahead.
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 8).await;
    sink.wait_for("seven recipients", |state| state.count(Step::Rcpt) == 7).await;
    worker.kill().await;
    // From now on it hangs at that address only, and the worker is killed at that moment: what a crash would do. The
    // second worker meets it before its seven neighbours, the third after them.
    let seen = |state: &SinkState| state.commands_of("RCPT").iter().filter(|rcpt| rcpt.line.contains(POISON)).count();
    sink.behave(Script::new().on_address(POISON, Step::Rcpt, Act::Hang));
    // Any seven of those that were claimed may have been on the wire at the first death.
    let before = sink.see(seen);
    for (death, left) in [(1, 8), (2, 1)] {
        let worker = dispatcher.start_mortal().await;
        dispatcher.pass_until("SELECT COUNT(*) FROM lane_entry", left).await;
        dispatcher.pass_until_seen(&sink, "the poison", |state| seen(state) == before + death).await;
        worker.kill().await;
    }
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    let dead = "SELECT invoice_number || ' ' || class FROM delivery WHERE concluded = 'dead'";
    assert_eq!(dispatcher.database.texts(dead).await, ["R-poison internal"]);
    let sent = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";
    assert_eq!(dispatcher.database.number(sent).await, i64::try_from(INNOCENTS).expect("a small number"));
    let distinct: BTreeSet<_> = sink.mails().into_iter().map(|mail| mail.message_id).collect();
    assert_eq!(distinct.len(), INNOCENTS);
    assert_eq!(sink.mails_and_data_phases(), (INNOCENTS, INNOCENTS));
    dispatcher.finish().await;
}

async fn a_process_that_dies_at_every_start_blames_nobody(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Banner, Act::Hang)).await;
    let relay = relay("default", &sink).connections(5);
    let relay = relay.with(|config| config.deadlines.command = Duration::from_mins(10));
    let mut dispatcher = Dispatcher::with(database, &[relay]).await;
    let events: Vec<_> = (0..6).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    for start in 0..6 {
        let worker = dispatcher.start_mortal().await;
        if start == 0 {
            dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 6).await;
        }
        worker.kill().await;
    }
    sink.behave(Script::new());
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'").await, 6);
    assert_eq!(sink.mails_and_data_phases(), (6, 6));
    dispatcher.finish().await;
}

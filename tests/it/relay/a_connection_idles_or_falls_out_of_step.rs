//! Answers that are about the connection: on one that was used before they cost nothing but another connection; on a
//! fresh one, or again, an attempt, and the breaker counts them.

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    on_a_used_connection_it_costs_no_attempt,
    on_a_used_connection_silence_costs_no_attempt,
    on_a_fresh_connection_it_costs_one_and_the_breaker_counts_it,
    at_the_dot_it_costs_an_attempt_and_no_connection_more,
    a_refused_recipient_and_a_refused_reset_shut_nothing,
);

fn closing(reply: &str) -> Act {
    Act::ReplyThenClose(reply.to_owned())
}

/// What a relay does with a connection that it has had enough of, and where.
fn ends() -> Vec<(Step, Act)> {
    let mut ends = vec![
        (Step::Mail, closing("451 4.4.2 Timeout waiting for data from client.")),
        (Step::Mail, closing("451 timeout waiting for input")),
        (Step::Mail, closing("421 4.4.2 idle too long")),
        (Step::Mail, closing("554 connection idle too long")),
        (Step::Mail, Act::Close),
    ];
    for step in [Step::Mail, Step::Rcpt, Step::Data] {
        ends.extend([
            (step, Act::reply("451 4.4.2 timeout, and it stays open")),
            (step, Act::reply("500 what?")),
            (step, Act::reply("502 5.5.1 no such command")),
            (step, Act::reply("503 5.5.1 bad sequence of commands")),
            (step, Act::reply("504 no such parameter")),
            (step, Act::reply("554 5.5.2 syntax")),
            (step, Act::reply("555 5.5.4 unsupported option")),
        ]);
    }
    ends
}

async fn on_a_used_connection_it_costs_no_attempt(database: TestDatabase) {
    let sink = Sink::start().await;
    costs_no_attempt(database, relay("default", &sink), &sink, &ends()).await;
}

async fn on_a_used_connection_silence_costs_no_attempt(database: TestDatabase) {
    let sink = Sink::start().await;
    let silent = relay("default", &sink).impatient();
    costs_no_attempt(database, silent, &sink, &[(Step::Mail, Act::Hang), (Step::Mail, Act::Hang)]).await;
}

async fn costs_no_attempt(database: TestDatabase, relay: TestRelay, sink: &Sink, ends: &[(Step, Act)]) {
    let mut dispatcher = Dispatcher::with(database, &[relay.connections(1)]).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("first", "C-1")]).await;
    dispatcher.wait_until_concluded().await;
    for (number, (step, act)) in ends.iter().enumerate() {
        let connections = sink.see(|state| state.connections);
        let script = if number % 2 == 0 { Script::new() } else { Script::new().without("PIPELINING") };
        sink.behave(script.once(*step, act.clone()));
        dispatcher.take(&[dispatcher.event(&format!("{number:02}"), "C-1")]).await;
        dispatcher.wait_until_concluded().await;
        assert_eq!(sink.see(|state| state.connections), connections + 1, "{act:?} at {step:?}: one more connection");
    }
    let sent =
        dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1").await;
    assert_eq!(sent, 1 + i64::try_from(ends.len()).unwrap(), "{:#?}", dispatcher.states().await);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM attempt WHERE class <> 'accepted'").await, 0);
    assert_eq!(sink.mails().len(), 1 + ends.len());
    dispatcher.finish().await;
}

async fn on_a_fresh_connection_it_costs_one_and_the_breaker_counts_it(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Rcpt, Act::reply("503 5.5.1 MAIL first"))).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    let events: Vec<_> = (0..8).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'", 1).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 0).await;
    let tried = dispatcher.database.number("SELECT COUNT(*) FROM lane_entry WHERE attempts = 1").await;
    assert!((5..=7).contains(&tried), "{tried}");
    let deferred = "SELECT COUNT(*) FROM attempt WHERE class = 'deferred' AND phase = 'rcpt' AND code = '503 5.5.1'";
    assert_eq!(dispatcher.database.number(deferred).await, tried);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);

    sink.behave(Script::new());
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (8, 8));
    dispatcher.finish().await;
}

async fn at_the_dot_it_costs_an_attempt_and_no_connection_more(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().nth(Step::Dot, 2, Act::reply("500 5.5.2 line too long"))).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    dispatcher.start();
    for id in ["a", "b"] {
        dispatcher.take(&[dispatcher.event(id, "C-1")]).await;
        dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending' OR attempts = 0", 0).await;
    }
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-b due - - 1"]);
    assert_eq!(sink.see(|state| state.connections), 1);
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-b sent accepted attach 2"]);
    dispatcher.finish().await;
}

/// A relay that does not know RSET, and customers who are gone.
async fn a_refused_recipient_and_a_refused_reset_shut_nothing(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Rset, Act::reply("502 5.5.1 no RSET here"))).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    let events: Vec<_> = (0..8)
        .map(|n| dispatcher.event_to(&n.to_string(), &[("to", &format!("refuse-550-5.1.1+{n}@customer.example"))]))
        .collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    let rejected = "SELECT COUNT(*) FROM delivery WHERE concluded = 'rejected' AND attempts = 1";
    assert_eq!(dispatcher.database.number(rejected).await, 8);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE breaker <> 'closed'").await, 0);
    dispatcher.finish().await;
}

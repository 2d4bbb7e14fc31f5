//! The relay wants a login that we have not, and says so only at MAIL, RCPT, DATA or the dot: it is the relay's and
//! no delivery fails for it, however long it lasts.

use invoice_dispatcher::relay::outcome::Outcome;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};
use crate::relay::support::{session, submit};

on_both_databases!(
    a_whole_batch_waits_and_goes_out_when_the_relay_is_mended,
    a_login_that_lapsed_on_a_used_connection_is_made_anew,
);

const OPEN: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'";
const SENDING: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'";

const WANTED: [(Step, &str); 8] = [
    (Step::Mail, "530 5.7.57 Client not authenticated to send mail."),
    (Step::Mail, "530 Authentication required"),
    (Step::Mail, "530 5.7.0 Must issue a STARTTLS command first"),
    (Step::Mail, "538 5.7.11 encryption required for requested authentication mechanism"),
    (Step::Rcpt, "554 5.7.1 relay access denied; SMTP authentication is required"),
    (Step::Rcpt, "550 relay not permitted, you must authenticate before sending"),
    (Step::Data, "550 5.7.57 log in"),
    (Step::Dot, "554 5.7.1 authentication required"),
];

#[tokio::test]
async fn whatever_the_command_the_outcome_is_the_relays() {
    for (step, reply) in WANTED {
        let sink = Sink::scripted(Script::new().once(step, Act::reply(reply))).await;
        let mut session = session(&sink).await;
        let submission = submit(&mut session, &["ap@customer.example"]).await;
        assert_eq!((submission.outcome, submission.reusable), (Outcome::RelayUnavailable, false), "{reply}");
        assert_eq!(submission.reply.unwrap().to_string(), reply);
        assert_eq!(sink.mails().len(), 0);
    }
}

async fn a_whole_batch_waits_and_goes_out_when_the_relay_is_mended(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    let events: Vec<_> = (0..12).map(|n| dispatcher.event(&format!("{n:02}"), "C-1")).collect();
    dispatcher.take(&events).await;
    let [(step, reply), ..] = WANTED;
    sink.behave(Script::new().on(step, Act::reply(reply)));
    dispatcher.start();
    dispatcher.wait_until(OPEN, 1).await;
    dispatcher.wait_until(SENDING, 0).await;
    let tried = sink.see(|state| state.count(Step::Mail));
    assert!((5..=8).contains(&tried), "{tried} mails were tried before the breaker opened");

    // Through the probes, which find nothing wrong, and the trials behind them: each at another command.
    for (step, reply) in [WANTED[4], WANTED[6], WANTED[7]] {
        sink.behave(Script::new().on(step, Act::reply(reply)));
        let before = sink.see(|state| state.count(Step::Mail));
        dispatcher.pass_until_seen(&sink, "a trial", |state| state.count(Step::Mail) > before).await;
        dispatcher.pass_until(OPEN, 1).await;
        dispatcher.wait_until(SENDING, 0).await;
    }
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM lane_entry WHERE attempts = 0").await, 12);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    let others = "SELECT COUNT(*) FROM attempt WHERE class <> 'relay_unavailable'";
    assert_eq!(dispatcher.database.number(others).await, 0);

    sink.behave(Script::new());
    dispatcher.pass_until_concluded().await;
    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1").await,
        12
    );
    assert_eq!(sink.mails().len(), 12);
    dispatcher.finish().await;
}

async fn a_login_that_lapsed_on_a_used_connection_is_made_anew(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().nth(Step::Mail, 2, Act::reply("530 5.7.0 Authentication required"))).await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    dispatcher.start();
    for id in ["a", "b"] {
        dispatcher.take(&[dispatcher.event(id, "C-1")]).await;
        dispatcher.wait_until_concluded().await;
    }
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-b sent accepted attach 1"]);
    assert_eq!(dispatcher.attempts().await, ["R-a accepted final_dot 250 2.0.0", "R-b accepted final_dot 250 2.0.0"]);
    assert_eq!(sink.see(|state| state.connections), 2);
    dispatcher.finish().await;
}

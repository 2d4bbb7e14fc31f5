//! A relay that knows HELO only (RFC 5321 §3.2): mail goes out, without any extension.

use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::relay::outcome::Outcome;
use invoice_dispatcher::relay::{Capabilities, Connector, RelayUnavailable};

use crate::harness::sink::{Act, Certificate, Protection, Script, Sink, SinkState, Step};
use crate::relay::support::{config_of, deadline_for, session, submit};

async fn unavailable(sink: &Sink, act: &Act) -> RelayUnavailable {
    let mut config = config_of(sink);
    config.deadlines.command = deadline_for(act);
    Connector::new(config).unwrap().connect().await.err().expect("no session can come to be")
}

#[tokio::test]
async fn helo_follows_on_the_same_connection_and_the_relay_offers_nothing() {
    let refusals = [
        Act::reply("500 what?"),
        Act::reply("502 5.5.1 command not implemented"),
        Act::reply("504 5.5.4 not that argument"),
        Act::reply("502-5.5.1 this relay\r\n502 5.5.1 is old"),
        Act::Raw(b"502\n".to_vec()),
    ];
    for refusal in refusals {
        let sink = Sink::scripted(Script::new().on(Step::Ehlo, refusal.clone())).await;
        let mut session = session(&sink).await;
        assert_eq!(*session.capabilities(), Capabilities::default(), "{refusal:?}");
        for _ in 0..2 {
            let submission = submit(&mut session, &["a@b.example", "c@b.example"]).await;
            assert_eq!((submission.outcome, submission.reusable), (Outcome::Accepted, true), "{refusal:?}");
        }
        session.quit().await;
        sink.wait_for("the end of the connection", |state| state.open == 0).await;
        assert_eq!(sink.mails_and_data_phases(), (2, 2), "{refusal:?}");
        let hellos = |state: &SinkState| (state.commands_of("EHLO").len(), state.commands_of("HELO").len());
        assert_eq!(sink.see(|state| (state.connections, hellos(state))), (1, (1, 1)), "{refusal:?}");
        assert_eq!(sink.mails()[0].parameters, "", "{refusal:?}: no extension is used");
        assert!(sink.see(|state| state.commands.iter().all(|command| !command.pipelined)), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_refusal_that_is_about_us_is_the_last_word() {
    for refusal in ["550 5.7.1 not you", "501 5.5.4 invalid name", "554 5.7.1 no", "421 4.3.2 closing"] {
        let act = Act::reply(refusal);
        let sink = Sink::scripted(Script::new().on(Step::Ehlo, act.clone())).await;
        let found = unavailable(&sink, &act).await;
        assert_eq!((found.phase, found.reply.unwrap().to_string().as_str()), (Phase::Ehlo, refusal));
        assert_eq!(sink.see(|state| state.commands_of("HELO").len()), 0, "{refusal}");
    }
}

#[tokio::test]
async fn a_relay_that_knows_neither_is_unavailable() {
    for act in [Act::reply("502 5.5.1 nor that"), Act::reply("550 5.7.1 not you"), Act::Close, Act::Hang] {
        let script = Script::new().on(Step::Ehlo, Act::reply("502 5.5.1 no")).on(Step::Helo, act.clone());
        let sink = Sink::scripted(script).await;
        let found = unavailable(&sink, &act).await;
        assert_eq!(found.phase, Phase::Ehlo, "{act:?}: {found}");
        assert_eq!(sink.see(|state| state.commands_of("HELO").len()), 1, "{act:?}");
        assert_eq!(found.reply.is_some(), matches!(act, Act::Reply(_)), "{act:?}: {found}");
    }
}

#[tokio::test]
async fn required_tls_is_never_given_up_for_it() {
    let script = Script::new().protected(Protection::StartTls(Certificate::Good)).login("bill", "secret");
    let act = Act::reply("502 5.5.1 no");
    let sink = Sink::scripted(script.on(Step::Ehlo, act.clone())).await;
    let found = unavailable(&sink, &act).await;
    assert_eq!(found.phase, Phase::Tls);
    assert!(found.detail.contains("STARTTLS"), "{found}");
    assert!(sink.see(|state| state.commands_of("AUTH").is_empty() && state.commands_of("MAIL").is_empty()));
}

#[tokio::test]
async fn under_tls_from_the_first_byte_it_is_the_same() {
    let script = Script::new().protected(Protection::Implicit(Certificate::Good));
    let sink = Sink::scripted(script.on(Step::Ehlo, Act::reply("500 what?"))).await;
    assert_eq!(submit(&mut session(&sink).await, &["a@b.example"]).await.outcome, Outcome::Accepted);
}

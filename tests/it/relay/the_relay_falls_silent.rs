//! The relay hangs up, says nothing, or says what cannot be used. Uncertain is only what happens after the final dot.

use std::time::Duration;

use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::relay::outcome::Outcome;
use invoice_dispatcher::relay::{Connector, DataPermit, Permit, Session};

use crate::harness::sink::{Act, Certificate, Protection, Script, Sink, Step};
use crate::relay::support::{Asked, MESSAGE, SHORT, config_of, deadline_for, envelope, go, session, submit};

#[tokio::test]
async fn before_data_the_delivery_is_deferred_and_a_new_connection_is_worth_a_try() {
    let acts = [
        Act::Close,
        Act::Hang,
        Act::ReplyThenClose("421 4.3.2 closing".to_owned()),
        Act::Raw(b"what?\r\n".to_vec()),
        Act::reply("354 go ahead, out of place"),
        Act::EndlessLines,
        Act::EndlessLine,
    ];
    for pipelining in [true, false] {
        for act in &acts {
            for (step, phase) in [(Step::Mail, Phase::Mail), (Step::Rcpt, Phase::Rcpt), (Step::Data, Phase::Data)] {
                if step == Step::Data && matches!(act, Act::Reply(_)) {
                    continue; // There 354 is in its place.
                }
                let script = if pipelining { Script::new() } else { Script::new().without("PIPELINING") };
                let sink = Sink::scripted(script.once(step, act.clone())).await;
                let mut config = config_of(&sink);
                config.deadlines.command = deadline_for(act);
                let mut session = Connector::new(config).unwrap().connect().await.unwrap();
                let submission = submit(&mut session, &["ap@customer.example"]).await;
                let what = format!("{act:?} at {step:?}: {submission:?}");
                assert_eq!((submission.outcome, submission.phase), (Outcome::Deferred, phase), "{what}");
                assert!(submission.broke_before_data && !submission.reusable, "{what}");
                assert!(!submission.final_dot_handed_over && !session.is_reusable(), "{what}");
                assert!(submission.reply.is_some() || submission.detail.is_some(), "{what}");
                if matches!(act, Act::EndlessLines | Act::EndlessLine) {
                    assert!(
                        submission.detail.unwrap().contains("does not end"),
                        "by its length, not the deadline: {what}"
                    );
                }
                assert_eq!(sink.mails_and_data_phases(), (0, 0), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_positive_answer_to_data_that_is_not_354_lets_nothing_go() {
    for act in [Act::reply("250 ok"), Act::Raw(b"354 go\r\n250 taken\r\n".to_vec())] {
        let sink = Sink::scripted(Script::new().once(Step::Data, act)).await;
        let submission = submit(&mut session(&sink).await, &["ap@customer.example"]).await;
        assert_eq!((submission.outcome, submission.phase), (Outcome::Deferred, Phase::Data));
        assert!(!submission.reusable && !submission.final_dot_handed_over);
        assert_eq!(sink.mails().len(), 0);
    }
}

#[tokio::test]
async fn after_the_final_dot_the_delivery_is_uncertain_whether_or_not_the_relay_took_it() {
    let acts = [
        Act::Close,
        Act::Hang,
        Act::reply("354 go ahead"),
        Act::Raw(b"\x00\xff what?\r\n".to_vec()),
        Act::Raw(b"25".to_vec()),
        Act::EndlessLines,
        Act::EndlessLine,
    ];
    for tls in [Protection::None, Protection::Implicit(Certificate::Good)] {
        for act in &acts {
            for taken in [false, true] {
                let act = if taken { Act::take_then(act.clone()) } else { act.clone() };
                let sink = Sink::scripted(Script::new().protected(tls).on(Step::Dot, act.clone())).await;
                let mut config = config_of(&sink);
                config.deadlines.final_dot = SHORT;
                let mut session = Connector::new(config).unwrap().connect().await.unwrap();
                let submission = submit(&mut session, &["ap@customer.example"]).await;
                let what = format!("{act:?}: {submission:?}");
                assert_eq!((submission.outcome, submission.phase), (Outcome::Uncertain, Phase::FinalDot), "{what}");
                assert!(submission.final_dot_handed_over && !submission.reusable, "{what}");
                assert!(!submission.broke_before_data, "{what}");
                assert_eq!(sink.mails_and_data_phases(), (usize::from(taken), 1), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_421_to_the_final_dot_is_an_answer() {
    let act = Act::ReplyThenClose("421 4.3.2 closing, not taken".to_owned());
    let sink = Sink::scripted(Script::new().on(Step::Dot, act)).await;
    let submission = submit(&mut session(&sink).await, &["ap@customer.example"]).await;
    assert_eq!((submission.outcome, submission.phase), (Outcome::Deferred, Phase::FinalDot));
    assert!(!submission.reusable && !submission.broke_before_data);
}

/// More than any socket buffers, so that the final dot cannot have left while the relay does not read.
fn huge() -> Vec<u8> {
    [b"Subject: huge\r\n\r\n".as_slice(), "0123456789abcdef\r\n".repeat(2_000_000).as_bytes()].concat()
}

#[tokio::test]
async fn a_message_that_did_not_leave_as_a_whole_is_deferred() {
    let message = huge();
    for tls in [Protection::None, Protection::Implicit(Certificate::Good)] {
        for act in [Act::Close, Act::Hang] {
            let sink = Sink::scripted(Script::new().protected(tls).on(Step::Body, act.clone())).await;
            let mut config = config_of(&sink);
            config.deadlines.transfer = SHORT;
            let mut session = Connector::new(config).unwrap().connect().await.unwrap();
            let submission = session.submit(&envelope(&["ap@customer.example"]), &message, &mut go()).await;
            let what = format!("{tls:?}, {act:?}: {submission:?}");
            assert_eq!((submission.outcome, submission.phase), (Outcome::Deferred, Phase::Transfer), "{what}");
            assert!(!submission.final_dot_handed_over && !submission.reusable, "{what}");
            assert!(!submission.broke_before_data, "{what}");
            assert_eq!(sink.mails_and_data_phases(), (0, 1), "{what}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_the_relay_closed_meanwhile_is_reported_from_a_fresh_one() {
    let script = Script::new().nth(Step::Mail, 2, Act::ReplyThenClose("421 4.4.2 idle too long".to_owned()));
    let sink = Sink::scripted(script).await;
    let connector = Connector::new(config_of(&sink)).unwrap();
    let mut session = connector.connect().await.unwrap();
    assert_eq!(submit(&mut session, &["a@b.example"]).await.outcome, Outcome::Accepted);
    assert!(!session.is_fresh());
    let submission = submit(&mut session, &["b@b.example"]).await;
    assert!(submission.broke_before_data, "{submission:?}");
    let mut session = connector.connect().await.unwrap();
    assert!(session.is_fresh());
    assert_eq!(submit(&mut session, &["b@b.example"]).await.outcome, Outcome::Accepted);
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
}

#[tokio::test]
async fn a_relay_that_went_away_between_two_mails_breaks_before_data() {
    let mut sink = Sink::start().await;
    let mut session = session(&sink).await;
    assert_eq!(submit(&mut session, &["a@b.example"]).await.outcome, Outcome::Accepted);
    sink.go_away().await;
    let submission = submit(&mut session, &["b@b.example"]).await;
    assert_eq!((submission.outcome, submission.broke_before_data), (Outcome::Deferred, true));
    sink.come_back().await;
    let mut session = crate::relay::support::session(&sink).await;
    assert_eq!(submit(&mut session, &["b@b.example"]).await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn what_comes_unasked_behind_the_answer_ends_the_connection_but_not_the_success() {
    let act = Act::take_then(Act::Raw(b"250 taken\r\n421 closing\r\n".to_vec()));
    let sink = Sink::scripted(Script::new().once(Step::Dot, act)).await;
    let submission = submit(&mut session(&sink).await, &["a@b.example"]).await;
    assert_eq!((submission.outcome, submission.reusable), (Outcome::Accepted, false));
}

/// Never says whether.
struct Undecided;

impl DataPermit for Undecided {
    async fn permit(&mut self) -> Permit {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_dropped_submission_leaves_a_session_that_nobody_reuses() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let to = envelope(&["a@b.example"]);
    let mut undecided = Undecided;
    tokio::select! {
        submission = session.submit(&to, MESSAGE, &mut undecided) => panic!("{submission:?}"),
        () = sink.wait_for("the recipient", |state| state.count(Step::Rcpt) == 1) => {}
    }
    assert!(!session.is_reusable());
    let submission = submit(&mut session, &["a@b.example"]).await;
    assert_eq!((submission.outcome, submission.reusable), (Outcome::Deferred, false));
    session.quit().await;
    sink.wait_for("the end of the connection", |state| state.open == 0).await;
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
}

#[tokio::test]
async fn a_slow_relay_within_its_time_is_no_fault() {
    let script = [Step::Banner, Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data, Step::Dot]
        .into_iter()
        .fold(Script::new(), |script, step| script.on(step, Act::Slow(Duration::from_millis(30))));
    let sink = Sink::scripted(script).await;
    assert_eq!(submit(&mut session(&sink).await, &["a@b.example"]).await.outcome, Outcome::Accepted);
}

/// Lets DATA start, and the message go only if it is not asked again.
struct Once(Asked);

impl DataPermit for Once {
    async fn permit(&mut self) -> Permit {
        if self.0.permit().await == Permit::Go && self.0.times == 1 { Permit::Go } else { Permit::Withdraw }
    }
}

/// A session whose permits are old when the 354 comes.
async fn session_with_old_permits(sink: &Sink) -> Session {
    let mut config = config_of(sink);
    config.deadlines.permit = Duration::from_millis(10);
    Connector::new(config).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn a_permit_that_grew_old_before_the_354_is_asked_for_again() {
    let sink = Sink::scripted(Script::new().on(Step::Data, Act::Slow(Duration::from_millis(50)))).await;
    let mut permit = go();
    let mut session = session_with_old_permits(&sink).await;
    let submission = session.submit(&envelope(&["a@b.example"]), MESSAGE, &mut permit).await;
    assert_eq!((submission.outcome, permit.times), (Outcome::Accepted, 2));
    assert!(submission.reusable);
}

#[tokio::test]
async fn a_permit_that_holds_no_longer_after_the_354_hangs_up_before_the_message() {
    let sink = Sink::scripted(Script::new().on(Step::Data, Act::Slow(Duration::from_millis(50)))).await;
    let mut session = session_with_old_permits(&sink).await;
    let submission = session.submit(&envelope(&["a@b.example"]), MESSAGE, &mut Once(go())).await;
    assert_eq!((submission.outcome, submission.phase), (Outcome::Withdrawn, Phase::Data));
    assert!(!submission.reusable && !submission.broke_before_data && !submission.final_dot_handed_over);
    session.quit().await;
    sink.wait_for("the end of the connection", |state| state.open == 0).await;
    assert_eq!(sink.mails_and_data_phases(), (0, 1));
}

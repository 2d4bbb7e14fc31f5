//! The relay says no, or not now, at each command.

use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::relay::outcome::Outcome;
use invoice_dispatcher::relay::{EnvelopeRecipient, RecipientResult};

use crate::harness::sink::{Act, Script, Sink, Step};
use crate::relay::support::{MESSAGE, envelope, go, session, submit};

#[tokio::test]
async fn a_refusal_at_each_command_ends_the_attempt_and_keeps_the_connection() {
    let table = [
        (Step::Mail, "450 4.7.1 later", Outcome::Deferred, Phase::Mail, 0),
        (Step::Mail, "550 5.1.8 sender's domain unknown", Outcome::Refused, Phase::Mail, 0),
        (Step::Mail, "552 too large", Outcome::TooLarge, Phase::Mail, 0),
        (Step::Rcpt, "450 4.2.0 greylisted", Outcome::Deferred, Phase::Rcpt, 0),
        (Step::Rcpt, "550 5.1.1 no such user", Outcome::Rejected, Phase::Rcpt, 0),
        (Step::Rcpt, "550 no such user", Outcome::Rejected, Phase::Rcpt, 0),
        (Step::Rcpt, "554 5.7.1 relay access denied", Outcome::Refused, Phase::Rcpt, 0),
        (Step::Data, "451 4.3.0 later", Outcome::Deferred, Phase::Data, 0),
        (Step::Data, "554 5.7.1 no", Outcome::Refused, Phase::Data, 0),
        (Step::Dot, "451 4.3.0 later", Outcome::Deferred, Phase::FinalDot, 1),
        (Step::Dot, "552 too large", Outcome::TooLarge, Phase::FinalDot, 1),
        (Step::Dot, "554 5.7.1 spam", Outcome::Refused, Phase::FinalDot, 1),
        (Step::Dot, "550 5.2.1 disabled", Outcome::Rejected, Phase::FinalDot, 1),
    ];
    for pipelining in [true, false] {
        for (step, reply, outcome, phase, data_phases) in table {
            let script = if pipelining { Script::new() } else { Script::new().without("PIPELINING") };
            let sink = Sink::scripted(script.once(step, Act::reply(reply))).await;
            let mut session = session(&sink).await;
            let submission = submit(&mut session, &["ap@customer.example"]).await;
            assert_eq!((submission.outcome, submission.phase), (outcome, phase), "{reply}");
            assert_eq!(submission.reply.unwrap().to_string(), reply);
            assert!(submission.reusable && !submission.broke_before_data, "{reply}");
            assert_eq!(sink.mails_and_data_phases(), (0, data_phases), "{reply}");
            assert_eq!(sink.see(|state| state.count(Step::Rset)), 1, "{reply}");

            assert_eq!(submit(&mut session, &["ap@customer.example"]).await.outcome, Outcome::Accepted, "{reply}");
            assert_eq!(sink.see(|state| (state.connections, state.mails.len())), (1, 1));
        }
    }
}

#[tokio::test]
async fn the_permit_is_asked_only_when_data_can_follow() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let mut asked = go();
    session.submit(&envelope(&["refuse-550@customer.example"]), MESSAGE, &mut asked).await;
    assert_eq!(asked.times, 0);
    session.submit(&envelope(&["data-451@customer.example"]), MESSAGE, &mut asked).await;
    assert_eq!(asked.times, 1);
}

#[tokio::test]
async fn some_recipients_are_refused_and_the_others_get_the_mail() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let to = ["refuse-550-5.1.1@b.example", "ap@b.example", "defer@b.example", "refuse-554-5.7.1@b.example"];
    let submission = submit(&mut session, &to).await;

    assert_eq!((submission.outcome, submission.reusable), (Outcome::Accepted, true));
    let [RecipientResult::Refused { outcome: Outcome::Rejected, reply: Some(first) }, second, third, fourth] =
        submission.recipients.as_slice()
    else {
        panic!("{:?}", submission.recipients)
    };
    assert_eq!(first.codes(), "550 5.1.1");
    assert!(second.is_accepted());
    assert!(matches!(third, RecipientResult::Deferred(reply) if reply.codes() == "451 4.3.0"));
    assert!(matches!(fourth, RecipientResult::Refused { outcome: Outcome::Refused, .. }));
    assert_eq!(sink.mails()[0].recipients, ["ap@b.example"]);
}

#[tokio::test]
async fn an_accepted_cc_alone_gets_no_mail() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let mut to_and_cc = envelope(&["refuse-550-5.1.1@b.example"]);
    to_and_cc.recipients.push(EnvelopeRecipient { address: "cc@b.example".parse().unwrap(), essential: false });
    let submission = session.submit(&to_and_cc, MESSAGE, &mut go()).await;
    assert_eq!((submission.outcome, submission.phase), (Outcome::Rejected, Phase::Rcpt));
    assert!(submission.recipients[1].is_accepted() && submission.reusable);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
}

#[tokio::test]
async fn deferred_and_rejected_together_are_tried_again() {
    let sink = Sink::start().await;
    let submission = submit(&mut session(&sink).await, &["refuse-550@b.example", "defer@b.example"]).await;
    assert_eq!((submission.outcome, sink.mails_and_data_phases()), (Outcome::Deferred, (0, 0)));
    assert_eq!(submission.reply.unwrap().codes(), "451 4.3.0");
}

#[tokio::test]
async fn an_address_that_defers_once_gets_its_mail_the_second_time() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    assert_eq!(submit(&mut session, &["defer-once+a@b.example"]).await.outcome, Outcome::Deferred);
    assert_eq!(submit(&mut session, &["defer-once+a@b.example"]).await.outcome, Outcome::Accepted);
    assert_eq!(submit(&mut session, &["defer-once+b@b.example"]).await.outcome, Outcome::Deferred);
}

#[tokio::test]
async fn a_message_over_the_relays_size_is_not_even_offered() {
    let sink = Sink::scripted(Script::new().size(MESSAGE.len() - 1)).await;
    let mut session = session(&sink).await;
    let submission = submit(&mut session, &["ap@customer.example"]).await;
    assert_eq!((submission.outcome, submission.phase), (Outcome::TooLarge, Phase::Mail));
    assert!(submission.reusable && submission.detail.unwrap().contains("SIZE"));
    assert_eq!(sink.see(|state| state.count(Step::Mail)), 0);
}

#[tokio::test]
async fn a_message_that_relays_would_read_differently_is_not_offered() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let smuggled = b"Subject: x\r\n\r\nbody\n.\r\nMAIL FROM:<evil@e.example>\r\n";
    let submission = session.submit(&envelope(&["ap@customer.example"]), smuggled, &mut go()).await;
    assert_eq!((submission.outcome, submission.reusable), (Outcome::Unsendable, true));
    assert_eq!(sink.see(|state| state.count(Step::Mail)), 0);
}

#[tokio::test]
async fn a_refused_reset_ends_the_connection() {
    let sink = Sink::scripted(Script::new().on(Step::Rset, Act::reply("500 what?"))).await;
    let mut session = session(&sink).await;
    let submission = submit(&mut session, &["refuse-550@b.example"]).await;
    assert_eq!((submission.outcome, submission.reusable), (Outcome::Rejected, false));
    assert!(submission.broke_before_data && submission.reset_failed);
    let submission = submit(&mut session, &["ap@b.example"]).await;
    assert_eq!((submission.outcome, submission.broke_before_data), (Outcome::Deferred, true));
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
}

#[tokio::test]
async fn a_long_reply_is_kept_as_one_line() {
    let reply =
        "550-5.7.25 [192.0.2.1] has no PTR record\r\n550-5.7.25 or a wrong one\r\n550 5.7.25 see https://x.example";
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::reply(reply))).await;
    let submission = submit(&mut session(&sink).await, &["ap@b.example"]).await;
    let expected = "550 5.7.25 [192.0.2.1] has no PTR record or a wrong one see https://x.example";
    assert_eq!(submission.reply.unwrap().to_string(), expected);
}

#[tokio::test]
async fn a_refusal_after_the_dot_for_one_address_leaves_the_others_mail_alone() {
    let script = Script::new().on_address("spam@b.example", Step::Dot, Act::reply("554 5.7.1 content refused"));
    let sink = Sink::scripted(script).await;
    let mut session = session(&sink).await;
    assert_eq!(submit(&mut session, &["spam@b.example"]).await.outcome, Outcome::Refused);
    assert_eq!(submit(&mut session, &["ap@b.example"]).await.outcome, Outcome::Accepted);
    assert_eq!(sink.mails_and_data_phases(), (1, 2));
}

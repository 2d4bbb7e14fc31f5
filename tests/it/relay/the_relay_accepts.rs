//! The relay does what it should: what it gets, over what, and how often.

use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::relay::outcome::Outcome;
use invoice_dispatcher::relay::{Connector, EnvelopeRecipient, Permit, RecipientResult};

use crate::harness::sink::{Act, Certificate, Protection, Script, Sink, Step};
use crate::relay::support::{Asked, MESSAGE, config, config_of, envelope, go, session, submit};

#[tokio::test]
async fn the_message_arrives_byte_for_byte() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let mut asked = go();
    let submission = session.submit(&envelope(&["ap@customer.example"]), MESSAGE, &mut asked).await;

    assert_eq!((submission.outcome, submission.phase), (Outcome::Accepted, Phase::FinalDot));
    assert_eq!(submission.reply.unwrap().to_string(), "250 2.0.0 taken");
    assert!(submission.final_dot_handed_over && submission.reusable && !submission.broke_before_data);
    assert!(submission.recipients[0].is_accepted());
    assert_eq!((asked.times, sink.mails_and_data_phases()), (1, (1, 1)));
    let mail = &sink.mails()[0];
    assert_eq!((mail.bytes.as_slice(), mail.message_id.as_deref()), (MESSAGE, Some("d1@acme.example")));
    assert_eq!(
        (mail.sender.as_str(), mail.recipients.as_slice()),
        ("bounces@acme.example", ["ap@customer.example".to_owned()].as_slice())
    );
    assert_eq!(mail.parameters, format!("SIZE={} RET=HDRS", MESSAGE.len()));
    let rcpt = sink.see(|state| state.commands_of("RCPT")[0].line.clone());
    assert_eq!(rcpt, "RCPT TO:<ap@customer.example> NOTIFY=FAILURE");
}

#[tokio::test]
async fn a_message_of_some_megabytes_arrives_byte_for_byte() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let mut message = b"Subject: large\r\n\r\n".to_vec();
    for line in 0..100_000 {
        message.extend_from_slice(format!(".{line} {}\r\n", "x".repeat(line % 70)).as_bytes());
    }
    let submission = session.submit(&envelope(&["ap@customer.example"]), &message, &mut go()).await;
    assert_eq!(submission.outcome, Outcome::Accepted);
    assert!(sink.mails()[0].bytes == message, "the sink has what was sent");
}

#[tokio::test]
async fn mail_and_rcpt_go_in_one_group_and_data_never_does() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    for _ in 0..2 {
        submit(&mut session, &["a@customer.example", "b@customer.example"]).await;
    }
    let commands = sink.see(|state| {
        state.commands.iter().skip(2).map(|seen| (seen.line[..4].to_owned(), seen.pipelined)).collect::<Vec<_>>()
    });
    let transaction = [("MAIL", false), ("RCPT", true), ("RCPT", true), ("DATA", false)];
    let expected: Vec<_> = transaction.repeat(2).iter().map(|(verb, grouped)| ((*verb).to_owned(), *grouped)).collect();
    assert_eq!(commands, expected);
}

#[tokio::test]
async fn nothing_is_pipelined_unless_it_is_offered_and_enabled() {
    for (script, enabled) in [(Script::new().without("PIPELINING"), true), (Script::new(), false)] {
        let sink = Sink::scripted(script).await;
        let mut config = config_of(&sink);
        config.pipelining = enabled;
        let mut session = Connector::new(config).unwrap().connect().await.unwrap();
        assert_eq!(
            submit(&mut session, &["a@customer.example", "b@customer.example"]).await.outcome,
            Outcome::Accepted
        );
        assert!(sink.see(|state| state.commands.iter().all(|seen| !seen.pipelined)));
    }
}

#[tokio::test]
async fn one_connection_takes_many_mails() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    assert!(session.is_fresh());
    for uses in 1..=50 {
        assert_eq!(submit(&mut session, &["ap@customer.example"]).await.outcome, Outcome::Accepted);
        assert_eq!((session.uses(), session.is_fresh()), (uses, false));
    }
    session.quit().await;
    sink.wait_for("the end of the connection", |state| state.open == 0).await;
    assert_eq!(sink.see(|state| (state.connections, state.mails.len(), state.count(Step::Quit))), (1, 50, 1));
}

#[tokio::test]
async fn only_what_is_offered_is_used() {
    let script = Script::new().without("PIPELINING").without("8BITMIME").without("DSN").without("SIZE");
    let sink = Sink::scripted(script).await;
    let mut session = session(&sink).await;
    assert_eq!(submit(&mut session, &["ap@customer.example"]).await.outcome, Outcome::Accepted);
    assert_eq!(sink.mails()[0].parameters, "");
    assert_eq!(sink.see(|state| state.commands_of("RCPT")[0].line.clone()), "RCPT TO:<ap@customer.example>");
}

#[tokio::test]
async fn an_address_beyond_ascii_needs_smtputf8() {
    let umlaut = ["käufer@customer.example"];
    let sink = Sink::start().await;
    let mut session_without = session(&sink).await;
    let submission = submit(&mut session_without, &umlaut).await;
    assert_eq!((submission.outcome, submission.reusable), (Outcome::UnsupportedAddress, true));
    assert_eq!(sink.see(|state| state.commands_of("MAIL").len()), 0);

    // A Cc that the relay cannot take does not keep the To from its invoice.
    let mut with_cc = envelope(&["ap@customer.example"]);
    with_cc.recipients.push(EnvelopeRecipient { address: umlaut[0].parse().unwrap(), essential: false });
    let submission = session_without.submit(&with_cc, MESSAGE, &mut go()).await;
    assert_eq!(submission.outcome, Outcome::Accepted);
    let refused = RecipientResult::Refused { outcome: Outcome::UnsupportedAddress, reply: None };
    assert_eq!(submission.recipients[1], refused);
    assert_eq!(sink.mails()[0].recipients, ["ap@customer.example"]);

    let sink = Sink::scripted(Script::new().offering("SMTPUTF8")).await;
    assert_eq!(submit(&mut session(&sink).await, &umlaut).await.outcome, Outcome::Accepted);
    assert!(sink.mails()[0].parameters.contains(" SMTPUTF8"), "{:?}", sink.mails()[0]);
}

#[tokio::test]
async fn eight_bit_messages_say_so_or_stay() {
    let message = "Subject: R-1\r\n\r\nGrüße\r\n".as_bytes();
    let sink = Sink::start().await;
    let submission = session(&sink).await.submit(&envelope(&["a@b.example"]), message, &mut go()).await;
    assert_eq!(submission.outcome, Outcome::Accepted);
    assert!(sink.mails()[0].parameters.contains("BODY=8BITMIME"));

    let sink = Sink::scripted(Script::new().without("8BITMIME")).await;
    let submission = session(&sink).await.submit(&envelope(&["a@b.example"]), message, &mut go()).await;
    assert_eq!((submission.outcome, sink.mails_and_data_phases()), (Outcome::UnsupportedAddress, (0, 0)));
}

#[tokio::test]
async fn a_withdrawn_permit_sends_nothing_and_keeps_the_connection() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    let mut withdrawn = Asked { permit: Permit::Withdraw, times: 0 };
    let submission = session.submit(&envelope(&["ap@customer.example"]), MESSAGE, &mut withdrawn).await;
    assert_eq!((submission.outcome, submission.reusable), (Outcome::Withdrawn, true));
    assert_eq!((sink.mails_and_data_phases(), sink.see(|state| state.count(Step::Rset))), ((0, 0), 1));
    assert_eq!(submit(&mut session, &["ap@customer.example"]).await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn tls_is_verified_and_its_sessions_are_resumed() {
    for tls in [Protection::Implicit(Certificate::Good), Protection::StartTls(Certificate::Good)] {
        let sink = Sink::scripted(Script::new().protected(tls).login("bill", "p@ss/word")).await;
        let mut config = config(&sink.url_as("bill:p%40ss%2Fword"));
        config.ca_file = Some(sink.ca_file());
        let connector = Connector::new(config).unwrap();
        for _ in 0..3 {
            let mut session = connector.connect().await.unwrap();
            assert_eq!(submit(&mut session, &["ap@customer.example"]).await.outcome, Outcome::Accepted);
            session.quit().await;
        }
        assert_eq!(sink.see(|state| state.tls_resumed), 2, "{tls:?}");
        assert!(sink.mails().iter().all(|mail| mail.tls && mail.bytes == MESSAGE));
        assert!(sink.mails().iter().all(|mail| mail.user.as_deref() == Some("bill")));
    }
}

#[tokio::test]
async fn a_large_message_goes_over_tls_as_it_is() {
    let sink = Sink::scripted(Script::new().protected(Protection::Implicit(Certificate::Good))).await;
    let message = [b"Subject: large\r\n\r\n".as_slice(), "0123456789abcdef\r\n".repeat(200_000).as_bytes()].concat();
    let submission = session(&sink).await.submit(&envelope(&["a@b.example"]), &message, &mut go()).await;
    assert_eq!(submission.outcome, Outcome::Accepted);
    assert!(sink.mails()[0].bytes == message, "the sink has what was sent");
}

#[tokio::test]
async fn login_by_the_older_mechanism() {
    let sink = Sink::scripted(Script::new().login("bill", "secret").offering("AUTH LOGIN")).await;
    let mut session = Connector::new(config(&sink.url_as("bill:secret"))).unwrap().connect().await.unwrap();
    assert_eq!(submit(&mut session, &["ap@customer.example"]).await.outcome, Outcome::Accepted);
    assert_eq!(sink.mails()[0].user.as_deref(), Some("bill"));
}

#[tokio::test]
async fn a_probe_says_no_mail() {
    let sink = Sink::scripted(Script::new().login("bill", "secret")).await;
    Connector::new(config(&sink.url_as("bill:secret"))).unwrap().probe().await.unwrap();
    sink.wait_for("the end of the connection", |state| state.open == 0).await;
    let steps = sink.see(|state| [Step::Auth, Step::Quit, Step::Mail].map(|step| state.count(step)));
    assert_eq!(steps, [1, 1, 0]);
}

#[tokio::test]
async fn odd_but_lawful_replies_are_understood() {
    let sink = Sink::start().await;
    let mut session = session(&sink).await;
    for raw in [b"250\r\n".as_slice(), b"250-Gr\xfc\xdfe\r\n250 taken\r\n", b"250 taken\n"] {
        sink.behave(Script::new().on(Step::Dot, Act::take_then(Act::Raw(raw.to_vec()))));
        assert_eq!(submit(&mut session, &["a@b.example"]).await.outcome, Outcome::Accepted);
    }
    assert_eq!(sink.mails_and_data_phases(), (3, 3));
}

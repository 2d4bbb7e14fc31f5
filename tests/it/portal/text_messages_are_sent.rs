//! Text messages over the provider's interface: what is posted, what an answer means, and a provider that is slow, broken
//! or lies.

use std::time::Duration;

use invoice_dispatcher::clock::{Clock, Timestamp};
use invoice_dispatcher::config::{Config, ConfigSources};
use invoice_dispatcher::sms::{SmsDeadlines, SmsOutcome, SmsSender};

use crate::harness::scripted_http::{Answer, ScriptedHttp};
use crate::harness::sms_provider::{ACCOUNT, ProvidedSms, ProviderMood, SmsProviderServer};

const NUMBER: &str = "+4915112345678";
const TEXT: &str = "012345 ist Ihr Code für Käufer & Söhne.\n@portal.example #012345";

/// Nothing here takes so long.
const PATIENT: SmsDeadlines = SmsDeadlines { connect: Duration::from_mins(1), total: Duration::from_mins(1) };
/// Long enough to post a message on a machine with much else to do.
const IMPATIENT: SmsDeadlines = SmsDeadlines { connect: Duration::from_secs(4), total: Duration::from_secs(4) };

/// A sender as this configuration makes it.
fn sender(url: &str, more: &[(&str, &str)], clock: &Clock) -> SmsSender {
    sender_within(PATIENT, url, more, clock)
}

fn sender_within(deadlines: SmsDeadlines, url: &str, more: &[(&str, &str)], clock: &Clock) -> SmsSender {
    // Another test of this process may have been first; either provider is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let variables = std::iter::once(("SMS_URL", url)).chain(more.iter().copied());
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let sources = ConfigSources { environment: variables.collect(), ..ConfigSources::none() };
    let config = Config::read(&sources).expect("the configuration is right");
    SmsSender::new(config.sms.provider().expect("a provider"), deadlines, clock.clone()).expect("a client")
}

fn twilio(server: &SmsProviderServer, token: &str, clock: &Clock) -> SmsSender {
    let url = server.url.replace("http://", &format!("http://{ACCOUNT}:{token}@"));
    sender(&url, &[("SMS_INTERFACE", "twilio"), ("SMS_SENDER", "Acme")], clock)
}

const RIGHT_TOKEN: &str = "t%40ken%2F+";

fn clock() -> Clock {
    Clock::manual(Timestamp(0))
}

#[tokio::test]
async fn a_message_reaches_twilio_and_any_other() {
    let server = SmsProviderServer::start().await;
    let clock = clock();
    assert_eq!(twilio(&server, RIGHT_TOKEN, &clock).send(NUMBER, TEXT).await, SmsOutcome::Sent);
    let plain = sender(&format!("{}/send", server.url), &[("SMS_SENDER", "Acme")], &clock);
    assert_eq!(plain.send(NUMBER, TEXT).await, SmsOutcome::Sent);
    let expected = ProvidedSms { to: NUMBER.to_owned(), from: "Acme".to_owned(), text: TEXT.to_owned() };
    assert_eq!(server.messages(), [expected.clone(), expected]);
    assert!(!format!("{plain:?}").contains(NUMBER));
}

#[tokio::test]
async fn a_number_that_is_refused_for_good_is_told_from_others_and_opens_nothing() {
    let server = SmsProviderServer::start().await;
    let sender = twilio(&server, RIGHT_TOKEN, &clock());
    for (code, number_for_good) in [(21_211, true), (21_614, true), (21_610, false), (21_408, false), (21_606, false)] {
        server.be(ProviderMood::Refuses(code));
        let refused = SmsOutcome::Refused { code: code.to_string(), number_for_good };
        for _ in 0..3 {
            assert_eq!(sender.send(NUMBER, TEXT).await, refused);
        }
    }
    assert!(!sender.is_down());
    assert_eq!(server.requests(), 15);
}

#[tokio::test]
async fn credentials_that_are_refused_open_the_breaker_and_one_message_tries_again() {
    let server = SmsProviderServer::start().await;
    let clock = clock();
    let wrong = twilio(&server, "other", &clock);
    for _ in 0..3 {
        assert!(matches!(wrong.send(NUMBER, TEXT).await, SmsOutcome::NotSent { .. }));
    }
    assert!(wrong.is_down());
    assert_eq!(wrong.send(NUMBER, TEXT).await, SmsOutcome::Down);
    assert_eq!(server.requests(), 3, "it is not asked");
    clock.advance(Duration::from_secs(30));
    assert!(!wrong.is_down());
    assert!(matches!(wrong.send(NUMBER, TEXT).await, SmsOutcome::NotSent { .. }));
    assert!(wrong.is_down());
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn a_provider_that_does_not_work_is_told_from_one_that_may_have_sent() {
    let server = SmsProviderServer::start().await;
    let cases = [(500, false), (503, false), (429, true), (403, true), (302, true)];
    for (status, certain) in cases {
        let sender = twilio(&server, RIGHT_TOKEN, &clock());
        server.be(ProviderMood::Answers(status, "<html>"));
        let outcome = sender.send(NUMBER, TEXT).await;
        assert_eq!(matches!(outcome, SmsOutcome::NotSent { .. }), certain, "{status}: {outcome:?}");
        assert!(outcome.is_providers_fault(), "{status}");
    }
    assert_eq!(server.requests(), cases.len(), "what was written is not written again");
    let nobody = sender("http://127.0.0.1:1/send", &[], &clock());
    assert!(matches!(nobody.send(NUMBER, TEXT).await, SmsOutcome::NotSent { .. }));
}

#[tokio::test]
async fn a_provider_that_lies_is_not_believed() {
    let server = SmsProviderServer::start().await;
    let sender = twilio(&server, RIGHT_TOKEN, &clock());
    server.be(ProviderMood::Answers(200, "<html>Welcome to our network</html>"));
    assert!(matches!(sender.send(NUMBER, TEXT).await, SmsOutcome::Unanswered { .. }));
    server.be(ProviderMood::Answers(201, r#"{"sid": "SM1", "status": "failed", "error_code": 21614}"#));
    let refused = SmsOutcome::Refused { code: "21614".to_owned(), number_for_good: true };
    assert_eq!(sender.send(NUMBER, TEXT).await, refused);
}

#[tokio::test]
async fn nobody_waits_for_a_provider_longer_than_the_deadline() {
    let head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
    let endless = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n";
    let answers = [
        Answer::Silence,
        Answer::Dripping(head.to_owned(), vec![b' '; 10_000], Duration::from_millis(20)),
        Answer::WithoutEnd(endless.to_owned(), vec![b' '; 4_096]),
        Answer::Once(String::new()),
    ];
    for answer in answers {
        let script = answer.clone();
        let server = ScriptedHttp::start(move |_| script.clone()).await;
        let url = server.url.replace("http://", &format!("http://{ACCOUNT}:{RIGHT_TOKEN}@"));
        let more = [("SMS_INTERFACE", "twilio"), ("SMS_SENDER", "Acme")];
        let sender = sender_within(IMPATIENT, &url, &more, &clock());
        let outcome = tokio::time::timeout(Duration::from_mins(1), sender.send(NUMBER, TEXT)).await;
        let outcome = outcome.expect("it ends");
        assert!(matches!(outcome, SmsOutcome::Unanswered { .. }), "{answer:?}: {outcome:?}");
        assert_eq!(server.heads().len(), 1, "it may have been sent: not again");
        let shown = format!("{outcome:?}");
        assert!(!shown.contains("12345678") && !shown.contains(ACCOUNT), "{shown}");
    }
}

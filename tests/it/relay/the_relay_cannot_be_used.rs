//! Everything that can go wrong before MAIL: the relay is unavailable, and no delivery is to blame.

use invoice_dispatcher::model::reply::Phase;
use invoice_dispatcher::relay::{Connector, InvalidRelay, RelayConfig, RelayUnavailable, Security, TransportFault};

use crate::harness::sink::{Act, Certificate, Protection, Script, Sink, Step};
use crate::relay::support::{config, config_of, deadline_for, session, submit};

async fn unavailable(config: RelayConfig) -> RelayUnavailable {
    match Connector::new(config).unwrap().connect().await {
        Ok(_) => panic!("a session came to be"),
        Err(unavailable) => unavailable,
    }
}

#[tokio::test]
async fn nobody_listens() {
    let mut sink = Sink::start().await;
    sink.go_away().await;
    let found = unavailable(config_of(&sink)).await;
    assert_eq!((found.phase, found.connection_refused, found.auth_refused), (Phase::Connect, true, false));
    assert!(found.detail.contains("refused"), "{found}");
}

#[tokio::test]
async fn the_name_does_not_resolve() {
    let found = unavailable(config("smtps://relay.invalid")).await;
    assert_eq!((found.phase, found.connection_refused), (Phase::Connect, false));
    assert!(found.detail.contains("relay.invalid"), "{found}");
}

#[tokio::test]
async fn without_tls_the_address_counts_and_not_the_name() {
    // A documentation address stands for any that is reached over the open network: no connection is even tried.
    for (security, words) in [(Security::Plain, "is not on this machine"), (Security::PrivatePlain, "is not private")] {
        for host in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            let mut config = config("smtp://127.0.0.1");
            config.url.security = security;
            host.clone_into(&mut config.url.host);
            let found = unavailable(config).await;
            assert_eq!((found.phase, &found.fault), (Phase::Connect, &Some(TransportFault::OpenNetwork)), "{found}");
            assert!(found.detail.contains(words), "{found}");
        }
    }
}

#[tokio::test]
async fn the_conversation_fails_before_mail() {
    let table = [
        (Step::Banner, Act::ReplyThenClose("421 4.7.0 too many connections".to_owned()), Phase::Banner, true),
        (Step::Banner, Act::ReplyThenClose("554 5.7.1 go away".to_owned()), Phase::Banner, false),
        (Step::Banner, Act::Close, Phase::Banner, false),
        (Step::Banner, Act::Hang, Phase::Banner, false),
        (Step::Banner, Act::Raw(b"SSH-2.0-OpenSSH_9\r\n".to_vec()), Phase::Banner, false),
        (Step::Banner, Act::EndlessLines, Phase::Banner, false),
        (Step::Banner, Act::EndlessLine, Phase::Banner, false),
        (Step::Ehlo, Act::reply("550 5.7.1 not you"), Phase::Ehlo, false),
        (Step::Ehlo, Act::ReplyThenClose("421 4.3.2 closing".to_owned()), Phase::Ehlo, true),
        (Step::Ehlo, Act::Close, Phase::Ehlo, false),
        (Step::Ehlo, Act::Hang, Phase::Ehlo, false),
        (Step::Ehlo, Act::EndlessLines, Phase::Ehlo, false),
    ];
    for (step, act, phase, connection_refused) in table {
        let sink = Sink::scripted(Script::new().on(step, act.clone())).await;
        let mut config = config_of(&sink);
        config.deadlines.command = deadline_for(&act);
        let found = unavailable(config).await;
        assert_eq!((found.phase, found.connection_refused), (phase, connection_refused), "{act:?}: {found}");
        assert_eq!(found.reply.is_some(), matches!(act, Act::Reply(_) | Act::ReplyThenClose(_)), "{act:?}: {found}");
    }
}

#[tokio::test]
async fn credentials_are_refused() {
    let sink = Sink::scripted(Script::new().login("bill", "secret")).await;
    let found = unavailable(config(&sink.url_as("bill:wr0ng"))).await;
    assert_eq!((found.phase, found.auth_refused), (Phase::Auth, true));
    assert_eq!(found.reply.as_ref().unwrap().codes(), "535 5.7.8");
    assert!(!format!("{found} {found:?}").contains("wr0ng"));
}

#[tokio::test]
async fn a_passing_failure_of_auth_does_not_refuse_the_credentials() {
    let script = Script::new().login("bill", "secret").on(Step::Auth, Act::reply("454 4.7.0 directory away"));
    let sink = Sink::scripted(script).await;
    let found = unavailable(config(&sink.url_as("bill:secret"))).await;
    assert_eq!((found.phase, found.auth_refused), (Phase::Auth, false));
}

#[tokio::test]
async fn auth_is_not_offered_or_never_ends() {
    let sink = Sink::start().await;
    let found = unavailable(config(&sink.url_as("bill:secret"))).await;
    assert_eq!((found.phase, found.auth_refused), (Phase::Auth, false));
    assert!(sink.see(|state| state.commands_of("AUTH").is_empty()), "no secret was sent");

    let script = Script::new().login("bill", "secret").offering("AUTH LOGIN");
    let sink = Sink::scripted(script.on(Step::Auth, Act::reply("334 V2hhdD8="))).await;
    assert_eq!(unavailable(config(&sink.url_as("bill:secret"))).await.phase, Phase::Auth);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused() {
    for certificate in [Certificate::OtherName, Certificate::Expired, Certificate::OtherAuthority] {
        for tls in [Protection::Implicit(certificate), Protection::StartTls(certificate)] {
            let sink = Sink::scripted(Script::new().protected(tls).login("bill", "secret")).await;
            let mut config = config(&sink.url_as("bill:secret"));
            config.ca_file = Some(sink.ca_file());
            let found = unavailable(config).await;
            assert_eq!(found.phase, Phase::Tls, "{tls:?}: {found}");
            assert!(found.detail.contains("certificate"), "{tls:?}: {found}");
            assert!(sink.see(|state| state.commands_of("AUTH").is_empty()), "{tls:?}: no secret was sent");
        }
    }
}

#[tokio::test]
async fn the_systems_authorities_do_not_vouch_for_the_sink() {
    let sink = Sink::scripted(Script::new().protected(Protection::Implicit(Certificate::Good))).await;
    match Connector::new(config(&sink.url())) {
        Ok(connector) => assert_eq!(connector.connect().await.err().unwrap().phase, Phase::Tls),
        Err(problem) => assert!(matches!(problem, InvalidRelay::NoSystemRoots)),
    }
}

#[tokio::test]
async fn starttls_is_missing_or_refused() {
    let sink = Sink::start().await;
    let mut config_without = config(&sink.url().replace("smtp:", "smtp+starttls:"));
    config_without.ca_file = Some(sink.ca_file());
    let found = unavailable(config_without).await;
    assert_eq!(found.phase, Phase::Tls);
    assert!(found.detail.contains("STARTTLS"), "{found}");
    assert!(sink.see(|state| state.commands_of("MAIL").is_empty()));

    let starttls = Script::new().protected(Protection::StartTls(Certificate::Good));
    let sink = Sink::scripted(starttls.on(Step::StartTls, Act::reply("454 4.7.0 not now"))).await;
    let found = unavailable(config_of(&sink)).await;
    assert_eq!((found.phase, found.reply.unwrap().code), (Phase::Tls, 454));
}

#[tokio::test]
async fn words_in_clear_behind_starttls_are_not_taken_into_the_protected_conversation() {
    let injected = Act::Raw(b"220 ready\r\n250-sink.example\r\n250 AUTH PLAIN\r\n".to_vec());
    let script = Script::new().protected(Protection::StartTls(Certificate::Good)).login("bill", "secret");
    let sink = Sink::scripted(script.on(Step::StartTls, injected)).await;
    let mut config = config(&sink.url_as("bill:secret"));
    config.ca_file = Some(sink.ca_file());
    let found = unavailable(config).await;
    assert_eq!(found.phase, Phase::Tls);
    assert!(found.detail.contains("in clear"), "{found}");
}

#[tokio::test]
async fn a_silent_tls_handshake_ends_in_time() {
    // A plain sink says its banner and waits for commands; a TLS client waits for a handshake.
    let sink = Sink::scripted(Script::new().on(Step::Banner, Act::Hang)).await;
    let mut config = config(&sink.url().replace("smtp:", "smtps:"));
    config.ca_file = Some(sink.ca_file());
    config.deadlines.connect = deadline_for(&Act::Hang);
    let found = unavailable(config).await;
    assert_eq!(found.phase, Phase::Tls);
    assert!(found.detail.contains("too long"), "{found}");
}

#[test]
fn settings_that_can_never_work() {
    let folder = tempfile::tempdir().unwrap();
    let table = [("missing.pem", None, "unreadable"), ("empty.pem", Some(""), "no certificate")];
    for (name, content, problem) in table {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let mut config = config("smtps://relay.example");
        config.ca_file = Some(path);
        let found = Connector::new(config).err().unwrap().to_string();
        assert!(found.contains(problem) && found.contains(name), "{found}");
    }
    let mut config = config("smtp://localhost");
    config.hello_name = "a\r\nMAIL FROM:<x@y.example>".to_owned();
    assert!(matches!(Connector::new(config).err(), Some(InvalidRelay::HelloName)));
}

#[tokio::test]
async fn one_connection_too_many_is_turned_away_and_the_first_goes_on() {
    let full = Act::ReplyThenClose("421 4.7.0 too many connections".to_owned());
    let sink = Sink::scripted(Script::new().on_connection(2, Step::Banner, full)).await;
    let mut first = session(&sink).await;
    let found = unavailable(config_of(&sink)).await;
    assert_eq!((found.phase, found.connection_refused), (Phase::Banner, true));
    submit(&mut first, &["a@b.example"]).await;
    assert_eq!(sink.mails()[0].connection, 1);
    assert!(sink.see(|state| state.commands.iter().all(|command| command.connection == 1)));
}

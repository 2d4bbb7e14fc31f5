//! `doctor` against relays that are wrong, each in one way: one hint, and a true one.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpListener;

use crate::harness::command_line::{CommandLine, Said};
use crate::harness::old_tls::OldTls;
use crate::harness::sink::{Act, Certificate, Protection, Script, Sink, Step};

/// A relay has 15 s, and a loaded machine takes its time to start a process; otherwise doctor would wait for minutes.
const LONGEST: Duration = Duration::from_mins(1);

/// The check of this name.
fn check(said: &Said, name: &str) -> Value {
    said.json().into_iter().find(|row| row["check"] == name).unwrap_or_else(|| panic!("no {name}: {}", said.stdout))
}

fn text<'a>(check: &'a Value, member: &str) -> &'a str {
    check[member].as_str().unwrap_or_default()
}

/// What `doctor` says of the relay at `url`, within the time that a relay has.
async fn doctor(url: &str, ca_file: Option<&str>) -> Value {
    let mut here = CommandLine::new().with("SMTP_URL", url);
    if let Some(file) = ca_file {
        here = here.with("RELAYS_DEFAULT_CA_FILE", file);
    }
    let begin = Instant::now();
    let said = tokio::task::spawn_blocking(move || here.run("doctor --json")).await.expect("it ends");
    assert!(begin.elapsed() < LONGEST, "it took {:?}", begin.elapsed());
    assert!(!said.stdout.contains("wr0ng"), "{}", said.stdout);
    check(&said, "relay default")
}

/// `doctor` fails, and its hint holds these words.
async fn hint(url: &str, ca_file: Option<&str>, words: &[&str]) {
    let check = doctor(url, ca_file).await;
    assert_eq!(check["result"], "fail", "{url}: {check}");
    for word in words {
        assert!(text(&check, "what_to_do").contains(word), "{url}: no {word:?} in {check}");
    }
}

async fn protected(protection: Protection) -> (Sink, String) {
    let sink = Sink::scripted(Script::new().protected(protection)).await;
    let file = sink.ca_file().display().to_string();
    (sink, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn smtps_where_the_relay_begins_in_clear() {
    let (sink, file) = protected(Protection::StartTls(Certificate::Good)).await;
    let url = sink.url().replace("smtp+starttls:", "smtps:");
    hint(&url, Some(&file), &[&format!("write {} in place of smtps:", sink.url())]).await;
    assert_eq!(doctor(&sink.url(), Some(&file)).await["result"], "ok", "the hint is true");
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_where_the_relay_speaks_tls_from_the_first_byte() {
    let (sink, file) = protected(Protection::Implicit(Certificate::Good)).await;
    let url = sink.url().replace("smtps:", "smtp+starttls:");
    hint(&url, Some(&file), &[&format!("write {}:", sink.url()), "TLS from the first byte"]).await;
    assert_eq!(doctor(&sink.url(), Some(&file)).await["result"], "ok", "the hint is true");
    // Without TLS it is as silent.
    hint(&sink.url().replace("smtps:", "smtp:"), Some(&file), &["TLS from the first byte"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_tls() {
    let sink = Sink::start().await;
    let file = sink.ca_file().display().to_string();
    for scheme in ["smtps:", "smtp+starttls:"] {
        let url = sink.url().replace("smtp:", scheme);
        hint(&url, Some(&file), &["speaks SMTP in clear and offers no STARTTLS"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_prove_nothing() {
    for (certificate, words) in [
        (Certificate::Expired, "it has expired"),
        (Certificate::OtherName, "write a name in the relay's URL that its certificate is for (elsewhere.example)"),
        (Certificate::OtherAuthority, "put the certificate of the relay's authority into "),
    ] {
        for protection in [Protection::Implicit(certificate), Protection::StartTls(certificate)] {
            let (sink, file) = protected(protection).await;
            hint(&sink.url(), Some(&file), &[words]).await;
        }
    }
    // Without a file the system's authorities count, and there may be none.
    let (sink, _) = protected(Protection::Implicit(Certificate::Good)).await;
    let check = doctor(&sink.url(), None).await;
    let told = check.to_string();
    assert!(told.contains("as ca_file of this relay") || told.contains("no certificate authorities"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_that_is_an_authoritys() {
    let certificate = Certificate::SelfSignedAuthority;
    let (sink, _) = protected(Protection::Implicit(certificate)).await;
    let file = sink.certificate_file(certificate).display().to_string();
    hint(&sink.url(), Some(&file), &["no authority's (basicConstraints CA:FALSE, subjectAltName 127.0.0.1)"]).await;
    // What the hint asks for works.
    let certificate = Certificate::SelfSigned;
    let (sink, _) = protected(Protection::Implicit(certificate)).await;
    let file = sink.certificate_file(certificate).display().to_string();
    let check = doctor(&sink.url(), Some(&file)).await;
    assert_eq!(check["result"], "ok", "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_of_yesterday() {
    for (server, words) in [
        (OldTls::tls_1_0(), "have TLS 1.2 or 1.3 switched on at the relay"),
        (OldTls::without_forward_secrecy(), "cipher suites with ECDHE"),
    ] {
        hint(&format!("smtps://127.0.0.1:{}", server.port), Some(&server.certificate_file()), &[words]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_says_nothing_at_all() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = silent.local_addr().expect("bound");
    let (_sink, file) = protected(Protection::None).await;
    for (scheme, words) in
        [("smtp", "no SMTP banner came"), ("smtp+starttls", "no SMTP banner came"), ("smtps", "speaks TLS")]
    {
        hint(&format!("{scheme}://{address}"), Some(&file), &[words]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_takes_a_little_longer_at_each_turn() {
    let slow = Act::Slow(Duration::from_secs(6));
    let script = Script::new().on(Step::Banner, slow.clone()).on(Step::Ehlo, slow);
    let check = doctor(&Sink::scripted(script).await.url(), None).await;
    assert_eq!(check["result"], "fail", "{check}");
    assert!(text(&check, "detail").ends_with("it has not let us in within 15 s"), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_not_spoken_here() {
    for (offer, words, not) in [
        (Some("AUTH XOAUTH2 OAUTHBEARER"), "XOAUTH2, OAUTHBEARER is not spoken here", "correct user"),
        (None, "take user and password out of its URL", "correct user"),
    ] {
        let script = offer.map_or_else(Script::new, |offer| Script::new().offering(offer));
        let sink = Sink::scripted(script).await;
        let check = doctor(&sink.url_as("mailer:wr0ng"), None).await;
        assert_eq!(check["result"], "fail", "{check}");
        let remedy = text(&check, "what_to_do");
        assert!(remedy.contains(words) && !remedy.contains(not), "{check}");
        assert!(sink.see(|state| state.commands_of("AUTH").is_empty()), "no password was sent");
    }
    let sink = Sink::scripted(Script::new().login("mailer", "right")).await;
    hint(&sink.url_as("mailer:wr0ng"), None, &["correct user and password"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_turns_us_away() {
    for (step, reply, words) in [
        (Step::Banner, "554 5.7.1 your address is listed", "have this machine's address allowed"),
        (Step::Banner, "421 4.3.2 too busy", "wait: the relay is busy"),
        (Step::Ehlo, "550 5.7.1 who are you", "set hello_name of this relay"),
    ] {
        let sink = Sink::scripted(Script::new().on(step, Act::ReplyThenClose(reply.to_owned()))).await;
        hint(&sink.url(), None, &[words]).await;
    }
    let mut sink = Sink::start().await;
    sink.go_away().await;
    hint(&sink.url(), None, &["start the relay, or correct host and port in its URL"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_tls_in_a_private_network() {
    let sink = Sink::start().await;
    let here = CommandLine::new().with("SMTP_URL", &format!("{}?tls=none", sink.url()));
    let said = here.run("doctor --json");
    assert_eq!(check(&said, "relay default")["result"], "ok", "{}", said.stdout);
    let warning = check(&said, "SMTP_URL TLS");
    assert_eq!(warning["result"], "warn", "{warning}");
    assert!(text(&warning, "detail").contains("?tls=none is reached without TLS"), "{warning}");

    for (url, problem) in [
        ("smtp://8.8.8.8?tls=none", "?tls=none is for private addresses only"),
        ("smtp://mailer:wr0ng@10.0.0.1?tls=none", "must not name user and password with ?tls=none"),
    ] {
        let said = CommandLine::new().with("SMTP_URL", url).run("doctor --allow-embedded");
        assert!(said.code == 1 && said.stdout.contains(problem), "{}", said.stdout);
        assert!(!said.stdout.contains("wr0ng"), "{}", said.stdout);
    }
}

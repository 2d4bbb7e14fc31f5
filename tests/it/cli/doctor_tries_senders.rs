//! `doctor --senders` names each tenant's envelope sender to its relay, and no more.

use crate::harness::command_line::{CommandLine, example};
use crate::harness::sink::{Act, Script, Sink, Step};

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_its_relay_refuses_is_named() {
    let refused = "bounces@acme.example";
    let script = Script::new().on_sender(refused, Step::Mail, Act::reply("550 5.7.1 not yours"));
    let sink = Sink::scripted(script).await;
    let here = CommandLine::new().with("SMTP_URL", &sink.url());
    here.import_examples();
    let said = here.run("doctor --json");
    assert_eq!(said.code, 0, "{}", said.stdout);
    assert!(sink.see(|state| state.commands_of("MAIL").is_empty()), "it was not asked for");

    let said = here.run("doctor --senders --json");
    assert_eq!(said.code, 1, "{}", said.stdout);
    let checks = said.json();
    let senders: Vec<_> = checks.iter().filter(|check| check["check"] == "senders at default").collect();
    assert_eq!(senders.len(), 1, "only the refused one is named: {senders:?}");
    let detail = senders[0]["detail"].as_str().expect("a text");
    assert_eq!(detail, "bounces@acme.example of tenant acme is refused at MAIL: 550 5.7.1 not yours");

    let catalogue = std::fs::read_to_string(example("catalogue.ndjson")).expect("it is there");
    let tenants = catalogue.lines().filter(|line| line.starts_with("{\"tenant\"")).count();
    let (mails, resets, recipients) = sink.see(|state| {
        (state.count(Step::Mail), state.count(Step::Rset), state.count(Step::Rcpt) + state.count(Step::Data))
    });
    assert_eq!((mails, resets, recipients), (tenants, tenants, 0), "each is reset, and no recipient is named");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_hangs_up_after_each_refusal_is_asked_anew() {
    let script = Script::new().on(Step::Mail, Act::ReplyThenClose("421 4.7.0 too many errors".to_owned()));
    let sink = Sink::scripted(script).await;
    let here = CommandLine::new().with("SMTP_URL", &sink.url());
    here.import_examples();
    let said = here.run("doctor --senders --json");
    let refused = said.json().iter().filter(|check| check["check"] == "senders at default").count();
    assert!(refused > 1 && said.stdout.contains("421 4.7.0 too many errors"), "{}", said.stdout);
    assert_eq!(sink.see(|state| state.count(Step::Mail)), refused);

    // One that does not answer at all is left alone soon.
    sink.behave(Script::new().on(Step::Mail, Act::Close));
    let said = here.run("doctor --senders --json");
    assert!(said.stdout.contains("without an answer, the first: "), "{}", said.stdout);
    assert!(sink.see(|state| state.count(Step::Mail)) <= refused + 3);
}

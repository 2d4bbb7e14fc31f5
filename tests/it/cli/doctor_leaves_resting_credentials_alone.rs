//! A login that was refused rests, so that the account is not locked: also when `doctor` is run again and again.

use serde_json::Value;

use crate::harness::broker::until;
use crate::harness::command_line::{CommandLine, Said, example};
use crate::harness::sink::{Script, Sink, Step};

fn relay(said: &Said) -> Value {
    said.json().into_iter().find(|row| row["check"] == "relay default").expect("the relay is looked at")
}

fn logins(sink: &Sink) -> usize {
    sink.see(|state| state.count(Step::Auth))
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_shown_with_what_ends_it() {
    let sink = Sink::scripted(Script::new().login("mailer", "right")).await;
    let url = sink.url_as("mailer:wr0ng");
    let here = CommandLine::new().with("SMTP_URL", &url).with("METRICS_LISTEN", "127.0.0.1:0");
    here.import_examples();
    let event = std::fs::read_to_string(example("events/04-reminder-private.json")).expect("it is there");
    let mut event: Value = serde_json::from_str(&event).expect("it is JSON");
    // It waits for no document, and is on its way to the login at once.
    event["data"]["documents"] = serde_json::json!([]);
    std::fs::write(here.folder().join("event.json"), event.to_string()).expect("written");
    assert_eq!(here.run("publish event.json").code, 0);
    let worker = here.start("run --role worker");
    let rest = async || here.run("relays list --json").json()[0]["state"] == "credentials_refused";
    until("they rest", rest).await;
    let before = logins(&sink);

    for senders in ["", " --senders"] {
        let said = here.run(&format!("doctor --json{senders}"));
        assert_eq!(said.code, 1, "nothing is sent: {}", said.stdout);
        let check = relay(&said);
        let detail = check["detail"].as_str().expect("a text");
        for words in ["answers; not logged in", "(user mailer, ", "535 5.7.8 wrong user or password", "next try in "] {
            assert!(detail.contains(words), "no {words:?}: {check}");
        }
        let remedy = check["what_to_do"].as_str().expect("a text");
        assert!(remedy.contains("run: invoice-dispatcher relays resume default"), "{check}");
    }
    assert_eq!(logins(&sink), before, "doctor has tried them");
    assert!(worker.stop().await.success());
    here.run("doctor --json");
    assert_eq!(logins(&sink), before, "without a worker, too");

    // On request they are tried, once.
    let said = here.run("doctor --login --json");
    assert!(relay(&said)["what_to_do"].as_str().is_some_and(|text| text.contains("correct user and password")));
    assert_eq!(logins(&sink), before + 1);
    // Others are not meant.
    let here = here.with("SMTP_URL", &sink.url_as("mailer:right"));
    assert_eq!(relay(&here.run("doctor --json"))["result"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_nobody_knows_whether_they_rest() {
    let sink = Sink::scripted(Script::new().login("mailer", "right")).await;
    let here = CommandLine::new()
        .with("DATABASE_URL", "postgres://dora:hunter2@127.0.0.1:1/mail")
        .with("SMTP_URL", &sink.url_as("mailer:right"));
    let check = relay(&here.run("doctor --json"));
    assert_eq!((check["result"].as_str(), logins(&sink)), (Some("warn"), 0), "{check}");
    assert_eq!(relay(&here.run("doctor --login --json"))["result"], "ok");
    assert_eq!(logins(&sink), 1);
}

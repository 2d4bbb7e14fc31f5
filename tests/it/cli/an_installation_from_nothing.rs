//! What the README tells an operator to do, with the binary, an empty PostgreSQL and an empty RabbitMQ: migrate, doctor,
//! import, publish, run; an event goes in, a mail comes out, and `explain` tells the timeline.

use std::collections::BTreeMap;

use crate::harness::command_line::{CommandLine, Said, example};
use crate::harness::servers::PrivateServers;
use crate::harness::sink::Sink;

fn results(said: &Said) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    said.json().iter().map(|row| (text(&row["check"]), text(&row["result"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_goes_in_and_a_mail_comes_out() {
    let servers = PrivateServers::start().await;
    let sink = Sink::start().await;
    let here = CommandLine::new()
        .with("DATABASE_URL", &servers.database_url())
        .with("AMQP_URL", &servers.amqp_url())
        .with("SMTP_URL", &sink.url())
        .with("DOCUMENTS_URL", &format!("file:{}", example("documents")))
        // The examples' tenant verifies by text message; none is sent.
        .with("SMS_URL", "https://dora:hunter2@sms.example/send")
        .with("LOG_FILTER", "warn")
        .with("SECRET_KEYS", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let here = ["METRICS_LISTEN", "CONSOLE_LISTEN", "PORTAL_LISTEN"]
        .into_iter()
        .fold(here, |here, listener| here.with(listener, "127.0.0.1:0"));

    let early = here.run("import -");
    assert_eq!(early.code, 1);
    assert!(early.stderr.contains("run: invoice-dispatcher migrate"), "{}", early.stderr);
    let doctor = here.run("doctor --json");
    assert_eq!((doctor.code, results(&doctor)["database"].as_str()), (1, "fail"), "{}", doctor.stdout);

    assert_eq!(here.run("migrate").code, 0);
    here.import_examples();
    let doctor = here.run("doctor --json");
    let seen = results(&doctor);
    assert_eq!(doctor.code, 0, "{}", doctor.stdout);
    assert_eq!(
        (seen["database"].as_str(), seen["workers"].as_str(), seen["RabbitMQ"].as_str()),
        ("ok", "warn", "warn")
    );

    let published = here.run(&format!("publish --json {}", example("events/01-invoice-business.json")));
    assert_eq!(published.json()[0]["result"], "published", "{}", published.stderr);
    let worker = here.start("run");
    sink.wait_for("the mail", |state| state.mails.len() == 1).await;

    let mails = sink.mails();
    assert_eq!(mails[0].recipients, ["ap@customer.example", "einkauf@customer.example"]);
    let mail = mailparse::parse_mail(&mails[0].bytes).expect("a mail");
    let pdf = std::fs::read(example("documents/acme/2026/R-2026-0042.pdf")).expect("the document");
    let attached = |part: &&mailparse::ParsedMail<'_>| part.ctype.mimetype == "application/pdf";
    let attached = mail.parts().find(attached).expect("the invoice is attached").get_body_raw().expect("base64");
    assert!(attached == pdf, "the attachment is the document");

    let timeline = "explain --tenant acme --invoice R-2026-0042";
    crate::harness::broker::until("the outcome is recorded", async || here.run(timeline).stdout.contains("sent")).await;
    let timeline = here.run(timeline).stdout;
    for told in ["R-2026-0042", "Message-ID", "250", "attached"] {
        assert!(timeline.contains(told), "{told}: {timeline}");
    }
    let doctor = here.run("doctor --ledger --json");
    assert_eq!(doctor.code, 0, "{}", doctor.stdout);
    let mut seen = results(&doctor);
    seen.remove("disk");
    assert!(seen.values().all(|result| result == "ok"), "{}", doctor.stdout);
    assert!(seen.contains_key("queue invoice-mail.dispatch"), "{seen:?}");
    assert!(worker.stop().await.success());
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
}

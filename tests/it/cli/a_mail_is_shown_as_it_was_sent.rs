//! `deliveries show`: the mail as it was sent is put together again, and its digest proves it; or it says what is
//! missing.

use std::process::{Command, Stdio};

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::state::DeliveryRole;
use invoice_dispatcher::operator::sent_message::{CannotRebuild, Rebuilder, Rebuilt};
use invoice_dispatcher::store::{Delivery, DeliveryFilter, PageRequest};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Sink, SunkMail};

on_both_databases!(
    every_kind_of_mail_is_proven,
    a_mail_without_its_copy_is_proven,
    what_changed_since_is_said,
    the_command_shows_it_and_blanks_the_token,
    a_bcc_copy_names_no_other_recipient_and_is_not_sent_again,
);

const TO: &str = "ap@customer.example";

/// An event's id, its customer, and its recipients.
type Wanted<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// A dispatcher that has sent these mails, and the sink that took them.
async fn sent(database: TestDatabase, mails: &[Wanted<'_>]) -> (Dispatcher, Sink) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    for (id, customer, recipients) in mails {
        let mut event = dispatcher.event_to(id, recipients);
        event["data"]["customer_id"] = (*customer).into();
        dispatcher.take(&[event]).await;
    }
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    dispatcher.stop().await;
    (dispatcher, sink)
}

async fn deliveries(dispatcher: &Dispatcher) -> Vec<Delivery> {
    let page = PageRequest { limit: 20, after: None };
    dispatcher.app.store.deliveries(&DeliveryFilter::default(), &TenantScope::All, page).await.expect("answered").items
}

async fn rebuild(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    portal_url: Option<&str>,
) -> Result<Rebuilt, CannotRebuild> {
    let app = &dispatcher.app;
    let rebuilder = Rebuilder {
        store: &app.store,
        documents: &app.documents,
        templates: &app.templates,
        link_keys: &app.link_keys,
        portal_url: portal_url.unwrap_or(app.config.portal.url.as_str().trim_end_matches('/')),
    };
    rebuilder.rebuild(delivery).await
}

/// What the sink took of a delivery.
fn taken<'s>(mails: &'s [SunkMail], delivery: &Delivery) -> &'s SunkMail {
    let whose =
        |mail: &&SunkMail| delivery.recipients.iter().any(|recipient| mail.recipients.contains(&recipient.address));
    let of_invoice = |mail: &&SunkMail| String::from_utf8_lossy(&mail.bytes).contains(&delivery.invoice.number);
    mails.iter().filter(whose).find(of_invoice).expect("the sink took it")
}

async fn every_kind_of_mail_is_proven(database: TestDatabase) {
    let (dispatcher, sink) = sent(
        database,
        &[
            ("attach", "C-1", &[("to", TO), ("cc", "copy@customer.example"), ("bcc", "blind@customer.example")]),
            ("link", "C-2", &[("to", TO), ("bcc", "other@customer.example")]),
        ],
    )
    .await;
    let (mails, all) = (sink.mails(), deliveries(&dispatcher).await);
    assert_eq!((mails.len(), all.len()), (4, 4));
    for delivery in &all {
        let rebuilt = rebuild(&dispatcher, delivery, None).await.expect("it can be put together");
        assert!(rebuilt.is_proven(), "{} {}", delivery.invoice.number, delivery.role);
        assert_eq!(rebuilt.mail.bytes, taken(&mails, delivery).bytes, "{}", delivery.invoice.number);
        let has_link = delivery.invoice.number == "R-link" && delivery.role.into_str() == "main";
        assert_eq!(rebuilt.portal_token.is_some(), has_link);
    }
    dispatcher.finish().await;
}

async fn a_mail_without_its_copy_is_proven(database: TestDatabase) {
    // The relay does not offer SMTPUTF8: the mail goes without the copy that needs it.
    let (dispatcher, sink) = sent(database, &[("a", "C-1", &[("to", TO), ("cc", "b\u{fc}ro@customer.example")])]).await;
    let delivery = deliveries(&dispatcher).await.remove(0);
    let rebuilt = rebuild(&dispatcher, &delivery, None).await.expect("it can be put together");
    assert!(rebuilt.is_proven());
    assert_eq!(rebuilt.mail.bytes, sink.mails()[0].bytes);
    dispatcher.finish().await;
}

async fn what_changed_since_is_said(database: TestDatabase) {
    let (dispatcher, _sink) = sent(database, &[("attach", "C-1", &[("to", TO)]), ("link", "C-2", &[("to", TO)])]).await;
    let all = deliveries(&dispatcher).await;
    let of = |number: &str| all.iter().find(|delivery| delivery.invoice.number == number).expect("it was sent");
    let (attach, link) = (of("R-attach"), of("R-link"));

    let moved = rebuild(&dispatcher, link, Some("https://moved.example")).await.expect("it can be put together");
    assert!(!moved.is_proven() && !moved.with_other_templates, "another address of the portal is another mail");

    std::fs::write(dispatcher.documents().join("acme/attach.pdf"), "%PDF-1.4 forged").expect("written");
    let changed = rebuild(&dispatcher, attach, None).await.expect_err("another document");
    assert!(matches!(changed, CannotRebuild::Documents(_)), "{changed}");

    dispatcher.database.execute("UPDATE delivery SET template_version = 'gone'").await;
    let other = rebuild(&dispatcher, link, None).await.expect("by today's templates");
    assert!(other.with_other_templates);

    dispatcher.database.execute("UPDATE delivery SET link_key = '00000000'").await;
    let key = rebuild(&dispatcher, link, None).await.expect_err("the key is gone");
    assert!(matches!(key, CannotRebuild::LinkKey(_)), "{key}");

    dispatcher.database.execute("UPDATE event SET body = NULL").await;
    let forgotten = rebuild(&dispatcher, link, None).await.expect_err("nothing is left of it");
    assert!(matches!(forgotten, CannotRebuild::Forgotten), "{forgotten}");

    let unsent = Delivery { message_sha256: None, ..link.clone() };
    let nothing = rebuild(&dispatcher, &unsent, None).await.expect_err("nothing was sent");
    assert!(matches!(nothing, CannotRebuild::NothingSent(_)), "{nothing}");
}

async fn the_command_shows_it_and_blanks_the_token(database: TestDatabase) {
    let (dispatcher, sink) = sent(database, &[("link", "C-2", &[("to", TO)])]).await;
    let delivery = deliveries(&dispatcher).await.remove(0);
    let home = dispatcher.documents().parent().expect("it stands in a folder").to_owned();
    let eml = home.join("mail.eml");
    let show = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_invoice-dispatcher"));
        let id = delivery.id.to_string();
        command.args(["deliveries", "show", &id[..18]]).args(arguments).env_clear();
        command.env("DATABASE_URL", &dispatcher.database.url).current_dir(&home).stdin(Stdio::null());
        command.env("DOCUMENTS_URL", format!("file:{}", dispatcher.documents().display()));
        command.env("SECRET_KEYS", std::fs::read_to_string(home.join("secret.key")).expect("the dispatcher's key"));
        let output = command.output().expect("the binary starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let text = show(&["--eml", eml.to_str().expect("a path of ours")]);
    assert!(text.contains("byte for byte") && text.contains("R-link"), "{text}");
    assert!(text.contains("a***@customer.example") && !text.contains(TO), "{text}");
    let rebuilt = rebuild(&dispatcher, &delivery, None).await.expect("it can be put together");
    let token = rebuilt.portal_token.expect("it is a link mail");
    assert!(text.contains("/i/(token blanked)") && !text.contains(&token), "{text}");
    assert_eq!(std::fs::read(&eml).expect("it was written"), sink.mails()[0].bytes);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&eml).expect("it is there").permissions());
    assert_eq!(mode & 0o777, 0o600, "it holds a link that works");

    let json: serde_json::Value = serde_json::from_str(&show(&["--json", "--addresses"])).expect("JSON");
    assert_eq!((&json["proven"], &json["id"]), (&true.into(), &delivery.id.to_string().into()));
    assert!(json["to"].as_str().is_some_and(|to| to.contains(TO)), "{json}");
    assert!(!json.to_string().contains(&token), "{json}");
    dispatcher.finish().await;
}

async fn a_bcc_copy_names_no_other_recipient_and_is_not_sent_again(database: TestDatabase) {
    let (dispatcher, _sink) =
        sent(database, &[("link", "C-2", &[("to", TO), ("cc", "copy@customer.example"), ("bcc", "blind@x.example")])])
            .await;
    let all = deliveries(&dispatcher).await;
    let copy = all.iter().find(|delivery| delivery.role == DeliveryRole::Bcc).expect("there is a copy");
    let home = dispatcher.documents().parent().expect("it stands in a folder").to_owned();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_invoice-dispatcher"));
        command.args(arguments).env_clear().env("DATABASE_URL", &dispatcher.database.url).current_dir(&home);
        command.env("DOCUMENTS_URL", format!("file:{}", dispatcher.documents().display())).stdin(Stdio::null());
        command.env("SECRET_KEYS", std::fs::read_to_string(home.join("secret.key")).expect("the dispatcher's key"));
        let output = command.output().expect("the binary starts");
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8"))
    };
    let id = copy.id.to_string();
    let (shown, text) = run(&["deliveries", "show", &id]);
    let hidden = [TO, "copy@customer.example", "blind@x.example"];
    assert!(shown && hidden.iter().all(|address| !text.contains(address)), "{text}");
    let (resent, refusal) = run(&["resend", "--delivery", &id, "--reason", "lost"]);
    assert!(!resent && refusal.contains(&format!("delivery {id} is a Bcc copy")), "{refusal}");
    assert!(refusal.contains(&format!("`resend --delivery {} --reason …`", copy.main)), "{refusal}");
    assert_eq!(deliveries(&dispatcher).await.len(), all.len(), "nothing was made");
    dispatcher.finish().await;
}

//! Events that are wrong, that name what is unknown, or whose time has not come or has passed: each ends in a
//! recorded state with a reason, and none stops the others.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::reason::ReasonCode;
use serde_json::{Value, json};

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

on_both_databases!(
    what_cannot_be_read_is_kept_with_the_path,
    an_unknown_tenant_is_a_dead_letter_at_once,
    an_unknown_customer_is_waited_for_ten_minutes,
    a_customer_who_comes_in_time_gets_the_mail,
    nobody_who_could_receive_it_is_a_dead_letter,
    before_its_time_it_waits_and_after_it_expires,
    a_retry_expires_too,
    without_a_way_to_verify_there_is_no_link,
    hostile_names_add_nothing,
);

fn with(event: &Value, pointer: &str, value: Value) -> String {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer begins with /");
    event.pointer_mut(parent).expect("it is there")[name] = value;
    event.to_string()
}

async fn what_cannot_be_read_is_kept_with_the_path(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let event = dispatcher.event("a", "C-1");
    let document = |object: &str| {
        let mut document = dispatcher.add_document("acme/x.pdf", b"%PDF-1.4");
        document["object"] = json!(object);
        json!([document])
    };
    let huge = with(&event, "/data/invoice/number", json!("x".repeat(1 << 20)));
    let mut missing = event.clone();
    missing["data"].as_object_mut().expect("an object").remove("customer_id");
    let bodies: Vec<(String, &str)> = vec![
        ("\u{feff}not JSON".to_owned(), "$"),
        ("[]".to_owned(), "$"),
        ("{}".to_owned(), "specversion"),
        (huge, "$"),
        (missing.to_string(), "data.customer_id"),
        (with(&event, "/type", json!("invoice.sent.v2")), "type"),
        (with(&event, "/data/invoice/total", json!(1190)), "data.invoice.total"),
        (with(&event, "/data/invoice/number", json!("R\u{0}1")), "data.invoice.number"),
        (with(&event, "/data/invoice/number", json!("R-1\u{202e}")), "data.invoice.number"),
        (with(&event, "/data/customer_id", json!("x".repeat(256))), "data.customer_id"),
        (with(&event, "/data/documents/0/size", json!(-1)), "data.documents[0].size"),
        (with(&event, "/data/documents", document("acme/../globex/x.pdf")), "data.documents[0].object"),
        (with(&event, "/data/documents", document("/etc/passwd")), "data.documents[0].object"),
        (with(&event, "/data/documents", document("https://evil.example/x")), "data.documents[0].object"),
        (with(&event, "/data/documents", document("globex/x.pdf")), "data.documents[0].object"),
    ];
    let malformed = Verdict::DeadLetter(ReasonCode::Malformed);
    // In one batch with a right one, and twice: the broker hands it over again.
    let mut batch: Vec<&str> = bodies.iter().map(|(body, _)| body.as_str()).collect();
    let right = dispatcher.event("right", "C-1").to_string();
    batch.push(&right);
    let verdicts = dispatcher.take_bodies(&batch).await;
    let (last, wrong) = verdicts.split_last().expect("there are some");
    assert!(matches!(last, Verdict::Accepted(_)), "{last:?}");
    assert_eq!(wrong, vec![malformed; bodies.len()]);
    dispatcher.take_bodies(&batch).await;
    dispatcher.start();
    dispatcher.wait_until_concluded().await;

    let mut reasons = dispatcher.database.texts("SELECT reason FROM dead_letter").await;
    assert_eq!(reasons.len(), bodies.len(), "one each: {reasons:#?}");
    for (body, path) in &bodies {
        let index = reasons.iter().position(|reason| reason.split(": ").next() == Some(path));
        let index = index.unwrap_or_else(|| panic!("no dead letter at {path} in {reasons:?} for {body:.80}"));
        reasons.swap_remove(index);
    }
    let kept = "SELECT COUNT(*) FROM dead_letter WHERE body IS NOT NULL AND class = 'malformed'";
    assert_eq!(dispatcher.database.number(kept).await, i64::try_from(bodies.len()).expect("few"));
    assert_eq!(dispatcher.states().await, ["R-right sent accepted attach 1"]);
    // The id is still free for the corrected event.
    let verdicts = dispatcher.take(&[event]).await;
    assert!(matches!(verdicts[..], [Verdict::Accepted(_)]), "{verdicts:?}");
    dispatcher.wait_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    dispatcher.finish().await;
}

async fn an_unknown_tenant_is_a_dead_letter_at_once(database: TestDatabase) {
    let sink = Sink::start().await;
    let dispatcher = Dispatcher::new(database, &sink).await;
    let mut event = dispatcher.event("a", "C-1");
    event["data"]["tenant_id"] = json!("nobody");
    assert_eq!(dispatcher.take(&[event.clone()]).await, [Verdict::DeadLetter(ReasonCode::UnknownTenant)]);
    assert_eq!(dispatcher.dead_letters().await, ["R-a unknown_tenant - - 0"]);
    // Published again it is a redrive, which fails as before.
    assert_eq!(dispatcher.take(&[event]).await, [Verdict::DeadLetter(ReasonCode::UnknownTenant)]);
    assert_eq!(dispatcher.dead_letters().await, ["R-a unknown_tenant - - 0"]);
    dispatcher.finish().await;
}

const WAITING: &str = "SELECT COUNT(*) FROM event WHERE state = 'waiting'";

async fn an_unknown_customer_is_waited_for_ten_minutes(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    assert_eq!(dispatcher.take(&[dispatcher.event("a", "C-9")]).await, [Verdict::Waiting]);
    let began = dispatcher.database.clock.now();
    dispatcher.pass_until(WAITING, 0).await;
    let waited = dispatcher.database.clock.now().since(began);
    assert!((Duration::from_mins(10)..Duration::from_mins(11)).contains(&waited), "{waited:?}");
    assert_eq!(dispatcher.dead_letters().await, ["R-a unknown_customer - - 0"]);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery").await, 0);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    dispatcher.finish().await;
}

async fn a_customer_who_comes_in_time_gets_the_mail(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    assert_eq!(dispatcher.take(&[dispatcher.event("a", "C-9")]).await, [Verdict::Waiting]);
    dispatcher.database.clock.advance(Duration::from_mins(9));
    let customer = "INSERT INTO customer (tenant_id, id, type, name, address, updated_at)
                    VALUES ('acme', 'C-9', 'business', 'Spät', 'late@customer.example', 0)";
    dispatcher.database.execute(customer).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", 1).await;
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails()[0].recipients, ["late@customer.example"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    dispatcher.finish().await;
}

async fn nobody_who_could_receive_it_is_a_dead_letter(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.database.execute("UPDATE customer SET address = 'nobody' WHERE id = 'C-2'").await;
    let many: Vec<_> = (0..11).map(|n| format!("{n}@customer.example")).collect();
    let many: Vec<_> = many.iter().map(|address| ("cc", address.as_str())).collect();
    let mut own_address = dispatcher.event("own", "C-2");
    own_address["data"]["recipients"] = json!([]);
    let events = [
        dispatcher.event_to("at", &[("to", "nobody.example")]),
        dispatcher.event_to("command", &[("to", "a@b.example>\r\nRCPT TO:<evil@example.org")]),
        dispatcher.event_to("copy", &[("to", "two@@customer.example"), ("cc", "ap@customer.example")]),
        dispatcher.event_to("domain", &[("to", "a@-customer-.example")]),
        dispatcher.event_to("empty", &[("to", "")]),
        dispatcher.event_to("many", &many),
        own_address,
        dispatcher.event_to("second", &[("to", "a@b.example>, <evil@example.org")]),
    ];
    let verdicts = dispatcher.take(&events).await;
    for (verdict, event) in verdicts.iter().zip(&events) {
        // CR and LF have no place in an event's address at all: the edge may say so first.
        let expected = [ReasonCode::InvalidRecipient, ReasonCode::Malformed].map(Verdict::DeadLetter);
        assert!(expected.contains(verdict), "{verdict:?} for {}", event["id"]);
    }
    dispatcher.start();
    dispatcher.wait_until_concluded().await;
    let dead = "SELECT COUNT(*) FROM delivery WHERE concluded = 'dead' AND class = 'invalid_recipient'";
    let letters = "SELECT COUNT(*) FROM dead_letter WHERE class = 'invalid_recipient' AND delivery_id IS NOT NULL";
    let (dead, letters) = (dispatcher.database.number(dead).await, dispatcher.database.number(letters).await);
    assert_eq!(dead, letters);
    assert!(dead >= 6, "{dead}");
    assert_eq!(sink.see(|state| state.commands.len()), 0);
    dispatcher.finish().await;
}

async fn before_its_time_it_waits_and_after_it_expires(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    // The test's time begins at 09:30.
    let mut later = dispatcher.event("later", "C-1");
    later["data"]["not_before"] = json!("2026-11-23T10:00:00Z");
    let mut never = dispatcher.event("never", "C-1");
    never["data"]["not_before"] = json!("2026-11-23T10:00:00Z");
    never["data"]["expires_at"] = json!("2026-11-23T10:30:00Z");
    let mut past = dispatcher.event("past", "C-1");
    past["data"]["expires_at"] = json!("2026-11-23T09:00:00Z");
    dispatcher.take(&[later, past]).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'expired'", 1).await;
    let ten = "2026-11-23T10:00:00Z".parse::<jiff::Timestamp>().expect("a time").as_millisecond();
    let left = u64::try_from(ten - dispatcher.database.clock.now().0).expect("it is before ten");
    dispatcher.database.clock.advance(Duration::from_millis(left).saturating_sub(Duration::from_mins(1)));
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    dispatcher.pass_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", 1).await;
    // Nothing is sent while the worker is away, and then it is too late.
    dispatcher.stop().await;
    dispatcher.take(&[never]).await;
    dispatcher.database.clock.advance(Duration::from_hours(1));
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    let expected = ["R-later sent accepted attach 1", "R-never expired expired - 0", "R-past expired expired - 0"];
    assert_eq!(dispatcher.states().await, expected);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    let mails = sink.mails();
    let mail = mailparse::parse_mail(&mails[0].bytes).expect("the mail is one");
    let date = mail.headers.iter().find(|header| header.get_key_ref() == "Date").expect("it has a date").get_value();
    let date = mailparse::dateparse(&date).expect("the date is one");
    assert!(date * 1_000 >= ten, "it was composed before it might go out: {date}");
    dispatcher.finish().await;
}

async fn a_retry_expires_too(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let mut event = dispatcher.event_to("a", &[("to", "defer@customer.example")]);
    event["data"]["expires_at"] = json!("2026-11-23T09:40:00Z");
    dispatcher.take(&[event]).await;
    dispatcher.pass_until_concluded().await;
    let states = dispatcher.states().await;
    assert!(states[0].starts_with("R-a expired expired attach "), "{states:?}");
    assert!(dispatcher.attempts().await.len() >= 2);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    dispatcher.finish().await;
}

async fn without_a_way_to_verify_there_is_no_link(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.database.execute("UPDATE customer SET postcode = NULL, postcode_key = NULL WHERE id = 'C-2'").await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-2")]).await;
    dispatcher.wait_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a dead no_verification_method - 0"]);
    let reasons = dispatcher.database.texts("SELECT reason FROM dead_letter").await;
    assert!(reasons[0].contains("no usable postcode and house number"), "{reasons:?}");
    assert_eq!(sink.see(|state| state.commands.len()), 0);
    dispatcher.finish().await;
}

async fn hostile_names_add_nothing(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let hostile = "Käufer\u{202e} <evil@example.org>, \u{2066}Bcc: evil@example.org";
    let mut event = dispatcher.event_to("a", &[("to", "ap@customer.example")]);
    event["data"]["recipients"][0]["name"] = json!(hostile);
    event["data"]["invoice"]["number"] = json!("R-1, evil@example.org");
    event["data"]["documents"][0]["name"] = json!("../../\u{202e}fdp.exe");
    let verdicts = dispatcher.take(&[event]).await;
    assert!(matches!(verdicts[..], [Verdict::Accepted(_)]), "{verdicts:?}");
    dispatcher.wait_until_concluded().await;
    let mails = sink.mails();
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(mails[0].recipients, ["ap@customer.example"]);
    let mail = mailparse::parse_mail(&mails[0].bytes).expect("the mail is one");
    assert!(mail.headers.iter().all(|header| !header.get_key_ref().eq_ignore_ascii_case("bcc")));
    let to = mail.headers.iter().find(|header| header.get_key_ref() == "To").expect("it has a To");
    let to = mailparse::addrparse_header(to).expect("the header is one");
    assert_eq!(to.count_addrs(), 1);
    let file = mail.parts().find_map(|part| part.get_content_disposition().params.get("filename").cloned());
    let file = file.expect("there is an attachment");
    assert!(file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{file}");
    assert!(std::path::Path::new(&file).extension().is_some_and(|extension| extension == "pdf"), "{file}");
    dispatcher.finish().await;
}

//! One message, several recipients, and the relay does not take all of them.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::state::OnUncertain;
use invoice_dispatcher::store::{Acted, MarkedSent};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step, SunkMail};

on_both_databases!(
    a_deferred_copy_follows_as_the_same_message,
    a_deferred_copy_that_is_never_taken_dies_alone,
    a_copy_that_is_refused_is_recorded_and_the_invoice_is_sent,
    without_an_accepted_to_no_data_begins,
    one_accepted_to_is_enough,
    a_deferred_copy_does_not_depend_on_a_deferred_to,
    a_blind_copy_is_a_message_of_its_own,
    a_deferred_copy_at_a_name_of_many_letters_follows,
    a_deferred_copy_of_an_uncertain_mail_follows_when_that_is_marked_sent,
    a_copy_that_the_second_try_reached_gets_no_third,
    whom_a_dead_worker_asked_is_not_known,
);

const TO: &str = "ap@customer.example";

fn header<'m>(mail: &'m mailparse::ParsedMail<'_>, name: &str) -> Option<&'m str> {
    let header = mail.headers.iter().find(|header| header.get_key_ref().eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.get_value_raw()).ok()
}

fn to(address: &str) -> impl Fn(&SunkMail) -> bool + '_ {
    move |mail| mail.recipients == [address]
}

async fn a_deferred_copy_follows_as_the_same_message(database: TestDatabase) {
    let copy = "defer-once@customer.example";
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event_to("attach", &[("to", TO), ("cc", copy)])]).await;
    let mut link = dispatcher.event_to("link", &[("to", TO), ("cc", "defer-once+2@customer.example")]);
    link["data"]["customer_id"] = json!("C-2");
    dispatcher.take(&[link]).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", 2).await;
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    assert_eq!(mails.len(), 4);
    for number in [0, 1] {
        let id = &mails[number].message_id;
        let rest = mails[2..].iter().find(|mail| mail.message_id == *id).expect("the rest has the same Message-ID");
        assert_eq!(mails[number].recipients, [TO]);
        assert_eq!(rest.bytes, mails[number].bytes, "and the same bytes");
        assert_ne!(rest.recipients, [TO]);
        assert_eq!(rest.recipients.len(), 1);
    }
    let expected = [
        "R-attach sent accepted attach 1",
        "R-attach sent accepted attach 1",
        "R-link sent accepted link 1",
        "R-link sent accepted link 1",
    ];
    assert_eq!(dispatcher.states().await, expected);
    let rests = "SELECT COUNT(*) FROM delivery AS rest JOIN delivery AS main ON main.id = rest.root_id
                 WHERE rest.role = 'rest' AND main.role = 'main' AND rest.message_id = main.message_id
                   AND rest.message_sha256 = main.message_sha256 AND rest.message_date = main.message_date
                   AND rest.main_id = main.id";
    assert_eq!(dispatcher.database.number(rests).await, 2);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM portal_link").await, 1, "one token for both");
    let deferred = "SELECT COUNT(*) FROM attempt WHERE refused LIKE '%\"deferred\"%' AND class = 'accepted'";
    assert_eq!(dispatcher.database.number(deferred).await, 2);
    dispatcher.finish().await;
}

async fn a_deferred_copy_that_is_never_taken_dies_alone(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", "defer@customer.example")])]).await;
    let waits = |attempts| format!("SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = {attempts}");
    for attempts in 0..8 {
        dispatcher.pass_until(&waits(attempts), 1).await;
        dispatcher.database.clock.advance(std::time::Duration::from_hours(10));
    }
    dispatcher.pass_until_concluded().await;

    let states = dispatcher.states().await;
    assert!(states.contains(&"R-a sent accepted attach 1".to_owned()), "{states:?}");
    assert!(states.contains(&"R-a dead retries_exhausted attach 8".to_owned()), "{states:?}");
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(dispatcher.dead_letters().await, ["R-a retries_exhausted rcpt 451 4.3.0 8"]);
    dispatcher.finish().await;
}

async fn a_copy_that_is_refused_is_recorded_and_the_invoice_is_sent(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let copy = "refuse-550-5.1.1@customer.example";
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", copy)])]).await;
    dispatcher.wait_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    let recorded = dispatcher.database.texts("SELECT refused FROM attempt").await;
    let recorded: serde_json::Value = serde_json::from_str(&recorded[0]).expect("it is JSON");
    assert_eq!(recorded[0]["address"], copy);
    assert_eq!(recorded[0]["result"], "refused");
    assert!(recorded[0]["reply"].as_str().is_some_and(|reply| reply.starts_with("550 5.1.1")), "{recorded}");
    let shown = dispatcher.database.texts("SELECT reason FROM delivery").await;
    assert_eq!(shown, ["1 of 2 recipients were not accepted"]);
    dispatcher.finish().await;
}

async fn without_an_accepted_to_no_data_begins(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let event = |id: &str, to: &str| dispatcher.event_to(id, &[("to", to), ("cc", "copy@customer.example")]);
    let events = [event("deferred", "defer@customer.example"), event("refused", "refuse-550@customer.example")];
    dispatcher.take(&events).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending' OR attempts = 0", 0).await;

    assert_eq!(dispatcher.states().await, ["R-deferred due - - 1", "R-refused rejected rejected attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    assert_eq!(sink.see(|state| (state.count(Step::Data), state.count(Step::Rset))), (0, 2));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery").await, 2, "no rest without a mail");
    dispatcher.finish().await;
}

async fn one_accepted_to_is_enough(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let recipients = [
        ("to", "refuse-550@customer.example"),
        ("to", TO),
        ("to", "defer-once@customer.example"),
        ("cc", "defer-once+copy@customer.example"),
    ];
    dispatcher.take(&[dispatcher.event_to("a", &recipients)]).await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-a sent accepted attach 1"]);
    let recipients: Vec<_> = sink.mails().into_iter().map(|mail| mail.recipients).collect();
    let rest = vec!["defer-once@customer.example".to_owned(), "defer-once+copy@customer.example".to_owned()];
    assert_eq!(recipients, [vec![TO.to_owned()], rest]);
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    dispatcher.finish().await;
}

async fn a_deferred_copy_does_not_depend_on_a_deferred_to(database: TestDatabase) {
    let sink = Sink::scripted(
        Script::new()
            .nth(Step::Rcpt, 2, Act::reply("451 4.3.0 later"))
            .nth(Step::Rcpt, 3, Act::reply("451 4.3.0 later"))
            .nth(Step::Rcpt, 4, Act::reply("550 5.1.1 nobody")),
    )
    .await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let recipients = [("to", TO), ("to", "left@customer.example"), ("cc", "copy@customer.example")];
    dispatcher.take(&[dispatcher.event_to("a", &recipients)]).await;
    dispatcher.pass_until_concluded().await;

    let recipients: Vec<_> = sink.mails().into_iter().map(|mail| mail.recipients).collect();
    assert_eq!(recipients, [[TO], ["copy@customer.example"]]);
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1", "R-a sent accepted attach 1"]);
    dispatcher.finish().await;
}

async fn a_blind_copy_is_a_message_of_its_own(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let (one, two) = ("archive@customer.example", "tax@customer.example");
    let mut event = dispatcher.event_to("a", &[("to", TO), ("bcc", one), ("bcc", two)]);
    event["data"]["customer_id"] = json!("C-2");
    dispatcher.take(&[event]).await;
    dispatcher.wait_until_concluded().await;

    let mails = sink.mails();
    assert_eq!(sink.mails_and_data_phases(), (3, 3));
    let main = mails.iter().find(|mail| to(TO)(mail)).expect("the customer has one");
    assert!(String::from_utf8_lossy(&main.bytes).contains("/i/"), "the customer's mail has the link");
    let mut ids: Vec<_> = mails.iter().map(|mail| mail.message_id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has its own Message-ID");
    for address in [one, two] {
        let mail = mails.iter().find(|mail| to(address)(mail)).expect("each blind copy has one");
        let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
        assert_eq!(header(&parsed, "bcc"), None);
        assert_eq!(header(&parsed, "to"), Some(format!("<{TO}>").as_str()), "it shows whom the invoice went to");
        let text: String =
            parsed.parts().filter(|part| part.subparts.is_empty()).filter_map(|part| part.get_body().ok()).collect();
        assert!(!text.contains("/i/"), "no portal token: {text}");
        let all = String::from_utf8_lossy(&mail.bytes).to_lowercase();
        assert!(!all.contains(if address == one { two } else { one }), "no blind copy knows of another");
    }
    assert!(!String::from_utf8_lossy(&main.bytes).contains(one));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM portal_link").await, 1);
    let roles = dispatcher.database.texts("SELECT role FROM delivery WHERE concluded = 'sent' ORDER BY role").await;
    assert_eq!(roles, ["bcc", "bcc", "main"]);
    dispatcher.finish().await;
}

async fn a_deferred_copy_at_a_name_of_many_letters_follows(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().nth(Step::Rcpt, 2, Act::reply("451 4.3.0 later"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", "copy@bücher.example")])]).await;
    dispatcher.pass_until_concluded().await;

    let recipients: Vec<_> = sink.mails().into_iter().map(|mail| mail.recipients).collect();
    assert_eq!(recipients, [[TO], ["copy@xn--bcher-kva.example"]]);
    dispatcher.finish().await;
}

async fn a_deferred_copy_of_an_uncertain_mail_follows_when_that_is_marked_sent(database: TestDatabase) {
    let (deferred, refused) = ("defer-once@customer.example", "refuse-550-5.1.1@customer.example");
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::Close))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", deferred), ("cc", refused)])]).await;
    dispatcher.wait_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 1"]);
    let why = dispatcher.database.texts("SELECT reason FROM delivery").await;
    assert!(why[0].ends_with("; 2 of 3 recipients were not accepted"), "{why:?}");
    let store = &dispatcher.database.store;
    let explained =
        store.explain(&TenantId::from("acme"), "R-a", &TenantScope::All).await.expect("answered").expect("it is known");
    let left = explained.deliveries[0].left_recipients();
    assert_eq!(left.deferred.iter().map(|left| left.address.as_str()).collect::<Vec<_>>(), [deferred]);

    let delivery = dispatcher.the_uncertain_one().await;
    dispatcher.database.clock.advance(Duration::from_hours(1));
    let marked = store.mark_sent(delivery, &actor("test"), "in the log").await.expect("answered");
    assert_eq!((marked.acted, marked.recipients_unknown), (Acted::Done, false));
    let rest = marked.rest.expect("one recipient has not got it");
    let again = store.mark_sent(delivery, &actor("test"), "again").await.expect("answered");
    assert_eq!(again.rest, None, "once");
    dispatcher.pass_until_concluded().await;

    let mut states = dispatcher.states().await;
    states.sort();
    assert_eq!(states, ["R-a sent accepted attach 1", "R-a sent by_hand attach 1"]);
    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(
        (first.recipients.as_slice(), second.recipients.as_slice()),
        ([TO.to_owned()].as_slice(), [deferred.to_owned()].as_slice())
    );
    assert_eq!(first.message_id, second.message_id);
    assert_eq!(first.bytes, second.bytes);
    let notes = dispatcher.database.texts("SELECT what FROM delivery_note").await;
    assert!(notes.iter().any(|note| note.contains(&rest.to_string())), "{notes:?}");
    dispatcher.finish().await;
}

async fn a_copy_that_the_second_try_reached_gets_no_third(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Close))).await;
    let resending = relay("default", &sink).with(|config| config.on_uncertain = OnUncertain::Resend);
    let mut dispatcher = Dispatcher::with(database, &[resending]).await;
    dispatcher.start();
    let copy = "defer-once@customer.example";
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", copy)])]).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 2"]);

    let delivery = dispatcher.the_uncertain_one().await;
    let marked = dispatcher.database.store.mark_sent(delivery, &actor("test"), "in the log").await.expect("answered");
    assert_eq!(marked, MarkedSent { acted: Acted::Done, rest: None, recipients_unknown: false });
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    dispatcher.finish().await;
}

async fn whom_a_dead_worker_asked_is_not_known(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Hang))).await;
    let patient = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_mins(10));
    let dispatcher = Dispatcher::with(database, &[patient]).await;
    dispatcher.take(&[dispatcher.event_to("a", &[("to", TO), ("cc", "defer@customer.example")])]).await;
    let worker = dispatcher.start_mortal().await;
    sink.wait_for("the mail", |state| state.mails.len() == 1).await;
    worker.kill().await;
    let next = dispatcher.start_mortal().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain' AND phase = 'data'", 1).await;
    next.stop().await;

    let store = &dispatcher.database.store;
    let explained =
        store.explain(&TenantId::from("acme"), "R-a", &TenantScope::All).await.expect("answered").expect("it is known");
    assert!(explained.deliveries[0].left_recipients().unknown);
    let delivery = dispatcher.the_uncertain_one().await;
    let marked = store.mark_sent(delivery, &actor("test"), "in the log").await.expect("answered");
    assert_eq!(marked, MarkedSent { acted: Acted::Done, rest: None, recipients_unknown: true });
    let notes = dispatcher.database.texts("SELECT what FROM delivery_note").await;
    assert!(notes.iter().any(|note| note.contains("is not known")), "nothing is silent: {notes:?}");
    dispatcher.finish().await;
}

//! The `Date` header is the moment at which the message was composed that the relay takes, however long the delivery
//! waited; and from the first permit to hand a message over, that message stays as it is, its Date too.

use std::time::Duration;

use invoice_dispatcher::clock::Timestamp;
use invoice_dispatcher::compose::{Snapshot, Templates, compose};
use invoice_dispatcher::event;
use invoice_dispatcher::event::LoadedDocument;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{RelayName, TenantId};
use invoice_dispatcher::model::state::OnUncertain;
use invoice_dispatcher::operator::resend::ResendRequest;
use invoice_dispatcher::policy::decision::Plan;
use invoice_dispatcher::store::{DeadLetterFilter, DeliveryFilter, PageRequest};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Gate, Script, Sink, Step, SunkMail};

on_both_databases!(
    a_mail_that_waited_for_the_relay_is_dated_when_it_is_sent,
    a_retry_after_the_dot_keeps_its_date,
    a_retry_without_a_permit_has_a_date_of_its_own,
    what_waited_for_a_connection_is_composed_again,
    what_waited_for_its_turn_by_rate_is_composed_again,
    what_waited_for_its_permit_is_composed_again,
    a_stricter_decision_has_a_date_of_its_own,
    a_redrive_has_a_date_of_its_own,
    what_comes_back_from_a_held_sender_has_a_date_of_its_own,
    what_is_sent_once_more_keeps_its_date,
    a_blind_copy_and_a_resend_have_dates_of_their_own,
    a_sent_mail_can_be_composed_again,
);

const HOUR: Duration = Duration::from_hours(1);
const ATTEMPTED: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 1";
const WITHOUT_MESSAGE: &str = "SELECT COUNT(*) FROM lane_entry WHERE message_sha256 IS NULL AND message_date IS NULL";

/// The `Date` header, in seconds.
fn date(mail: &SunkMail) -> i64 {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
    let header = parsed.headers.iter().find(|header| header.get_key() == "Date").expect("it has a Date");
    mailparse::dateparse(&header.get_value()).expect("its Date is one")
}

/// What the mail says in plain text.
fn text(mail: &SunkMail) -> String {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
    let plain = parsed.parts().find(|part| part.ctype.mimetype == "text/plain").expect("it has a plain text");
    plain.get_body().expect("the text can be read")
}

fn seconds(moment: Timestamp) -> i64 {
    moment.0.div_euclid(1_000)
}

fn now(dispatcher: &Dispatcher) -> i64 {
    seconds(dispatcher.database.clock.now())
}

/// The Dates that the deliveries tell, by invoice number, in seconds.
async fn recorded(dispatcher: &Dispatcher) -> Vec<i64> {
    let dates = "SELECT CAST(message_date AS TEXT) FROM delivery ORDER BY invoice_number, id";
    let dates = dispatcher.database.texts(dates).await;
    dates.iter().map(|date| seconds(Timestamp(date.parse().expect("it is told")))).collect()
}

fn resending(sink: &Sink) -> TestRelay {
    relay("default", sink).with(|config| config.on_uncertain = OnUncertain::Resend)
}

/// A dispatcher at work, with one delivery that the script makes wait.
async fn waiting(database: TestDatabase, script: Script) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until(ATTEMPTED, 1).await;
    (dispatcher, sink)
}

fn deferred_at_the_dot() -> Script {
    Script::new().once(Step::Dot, Act::take_then(Act::reply("451 later")))
}

async fn a_mail_that_waited_for_the_relay_is_dated_when_it_is_sent(database: TestDatabase) {
    let mut sink = Sink::start().await;
    sink.go_away().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let mut reminder = dispatcher.event("a", "C-1");
    reminder["data"]["invoice"]["kind"] = json!("reminder");
    reminder["data"]["invoice"]["due_date"] = json!("2026-11-23");
    dispatcher.take(&[reminder]).await;
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'", 1).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 0).await;
    assert_eq!(dispatcher.database.number(WITHOUT_MESSAGE).await, 1, "composed, and without a permit");

    dispatcher.database.clock.advance(HOUR * 15);
    let back = now(&dispatcher);
    sink.come_back().await;
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert!((back..=now(&dispatcher)).contains(&date(&mails[0])), "{} is not after {back}", date(&mails[0]));
    assert_eq!(recorded(&dispatcher).await, [date(&mails[0])]);
    let text = text(&mails[0]);
    assert!(text.contains("Fällig seit") && !text.contains("Zahlbar bis"), "it has become overdue meanwhile: {text}");
    dispatcher.finish().await;
}

async fn a_retry_after_the_dot_keeps_its_date(database: TestDatabase) {
    let composed = now_of(&database);
    let (mut dispatcher, sink) = waiting(database, deferred_at_the_dot()).await;
    // By another worker, long after.
    dispatcher.stop().await;
    dispatcher.database.clock.advance(HOUR);
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.bytes, second.bytes);
    assert_eq!((date(second), recorded(&dispatcher).await), (composed, vec![composed]));
    assert_eq!(dispatcher.database.number("SELECT COUNT(DISTINCT message_date) FROM attempt").await, 1);
    dispatcher.finish().await;
}

fn now_of(database: &TestDatabase) -> i64 {
    seconds(database.clock.now())
}

async fn a_retry_without_a_permit_has_a_date_of_its_own(database: TestDatabase) {
    let (dispatcher, sink) = waiting(database, Script::new().once(Step::Rcpt, Act::reply("451 later"))).await;
    assert_eq!(dispatcher.database.number(WITHOUT_MESSAGE).await, 1, "no permit, no Date");
    dispatcher.database.clock.advance(HOUR);
    let later = now(&dispatcher);
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert!(date(&mails[0]) >= later);
    assert_eq!(recorded(&dispatcher).await, [date(&mails[0])]);
    dispatcher.finish().await;
}

/// Two mails, of which the second waits behind the first for longer than a composed message may.
async fn behind_another(database: TestDatabase, waits: impl FnOnce(TestRelay) -> TestRelay) {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::Wait(gate.clone()))).await;
    let patient = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_mins(10));
    let mut dispatcher = Dispatcher::with(database, &[waits(patient)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1"), dispatcher.event("b", "C-1")]).await;
    dispatcher.start();
    sink.wait_for("the first message", |state| state.data_phases == 1).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 2).await;
    // The second is composed while the first is on the wire.
    for _ in 0..5 {
        dispatcher.step().await;
    }
    dispatcher.database.clock.advance(Duration::from_mins(6));
    let later = now(&dispatcher);
    gate.open();
    dispatcher.pass_until_concluded().await;

    let mut dates: Vec<i64> = sink.mails().iter().map(date).collect();
    dates.sort_unstable();
    let [first, second] = dates[..] else { panic!("{dates:?}") };
    assert!(first < later && second >= later, "{dates:?}, and {later} is when it had waited too long");
    assert_eq!(dispatcher.attempts().await.len(), 2);
    dispatcher.finish().await;
}

async fn what_waited_for_a_connection_is_composed_again(database: TestDatabase) {
    behind_another(database, |relay| relay.connections(1)).await;
}

async fn what_waited_for_its_turn_by_rate_is_composed_again(database: TestDatabase) {
    // Its turn is four seconds after the first one's.
    behind_another(database, |relay| relay.with(|config| config.rate = Some(0.25))).await;
}

async fn what_waited_for_its_permit_is_composed_again(database: TestDatabase) {
    let gates = [Gate::closed(), Gate::closed()];
    let script = Script::new().once(Step::Rcpt, Act::Wait(gates[0].clone()));
    let sink = Sink::scripted(script.nth(Step::Rcpt, 2, Act::Wait(gates[1].clone()))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    let mut dates = vec![now(&dispatcher)];
    for (rcpt, gate) in (1..).zip(&gates) {
        sink.wait_for("the recipient", |state| state.count(Step::Rcpt) == rcpt).await;
        dispatcher.database.clock.advance(Duration::from_mins(6));
        dates.push(now(&dispatcher));
        gate.open();
    }
    dispatcher.wait_until_concluded().await;

    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(date(&mails[0]), dates[1], "{dates:?}: the second goes, however slow the relay is");
    assert_eq!(sink.see(|state| (state.count(Step::Mail), state.count(Step::Data))), (2, 1));
    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 1"]);
    dispatcher.finish().await;
}

async fn a_stricter_decision_has_a_date_of_its_own(database: TestDatabase) {
    let (dispatcher, sink) = waiting(database, deferred_at_the_dot()).await;
    dispatcher.set_policy("acme", "exclude").await;
    dispatcher.database.clock.advance(HOUR);
    let later = now(&dispatcher);
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.message_id, second.message_id);
    assert!(date(first) < later && date(second) >= later);
    assert_eq!(recorded(&dispatcher).await, [date(second)]);
    let both = dispatcher.database.texts("SELECT CAST(message_date AS TEXT) FROM attempt ORDER BY claim").await;
    let both: Vec<i64> = both.iter().map(|date| seconds(Timestamp(date.parse().expect("recorded")))).collect();
    assert_eq!(both, [date(first), date(second)], "both are recorded");
    dispatcher.finish().await;
}

async fn a_redrive_has_a_date_of_its_own(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::reply("554 5.7.1 no")))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.wait_until_concluded().await;
    assert_eq!(dispatcher.states().await, ["R-a dead refused attach 1"]);
    dispatcher.database.clock.advance(HOUR);
    let page = PageRequest { limit: 1, after: None };
    let letters = dispatcher
        .database
        .store
        .dead_letters(&DeadLetterFilter::default(), &TenantScope::All, page)
        .await
        .expect("answered");
    let later = now(&dispatcher);
    dispatcher.app.redrive.letter(letters.items[0].id, &actor("ada")).await.expect("it goes back");
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE message_date IS NOT NULL").await, 0);
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.message_id, second.message_id);
    assert!(date(first) < later && date(second) >= later);
    dispatcher.finish().await;
}

async fn what_comes_back_from_a_held_sender_has_a_date_of_its_own(database: TestDatabase) {
    let (dispatcher, sink) = waiting(database, deferred_at_the_dot()).await;
    sink.behave(Script::new().on(Step::Mail, Act::reply("550 5.7.1 not you")));
    let others: Vec<_> = (0..6).map(|n| dispatcher.event(&format!("other-{n}"), "C-1")).collect();
    dispatcher.take(&others).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM lane_entry WHERE held IS NOT NULL AND state = 'due'", 7).await;
    assert_eq!(dispatcher.database.number(WITHOUT_MESSAGE).await, 7);
    dispatcher.database.clock.advance(HOUR);
    let later = now(&dispatcher);
    sink.behave(Script::new());
    let store = &dispatcher.database.store;
    let released = store.release_sender(&RelayName::from("default"), "rechnung@acme.example", &actor("billing")).await;
    assert!(released.expect("answered"), "it was held");
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    assert_eq!(mails.len(), 8);
    assert!(date(&mails[0]) < later && mails[1..].iter().all(|mail| date(mail) >= later));
    dispatcher.finish().await;
}

async fn what_is_sent_once_more_keeps_its_date(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::Close))).await;
    let mut dispatcher = Dispatcher::with(database, &[resending(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    dispatcher.wait_until(ATTEMPTED, 1).await;
    dispatcher.stop().await;
    dispatcher.database.clock.advance(HOUR);
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted attach 2"]);
    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.bytes, second.bytes);
    assert_eq!(recorded(&dispatcher).await, [date(first)]);
    dispatcher.finish().await;
}

async fn a_blind_copy_and_a_resend_have_dates_of_their_own(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let recipients = [("to", "ap@customer.example"), ("bcc", "defer-once@customer.example")];
    dispatcher.take(&[dispatcher.event_to("a", &recipients)]).await;
    dispatcher.wait_until(ATTEMPTED, 1).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", 1).await;
    dispatcher.pass_until_concluded().await;
    dispatcher.database.clock.advance(HOUR);
    let (tenant, invoice, reason) = (&TenantId::from("acme"), "R-a", "asked for");
    let request = ResendRequest { reason, ..crate::operator::samples::asked(tenant, invoice) };
    dispatcher.app.resend.resend(&request).await.expect("it is sent again");
    dispatcher.pass_until_concluded().await;

    let mails = sink.mails();
    let [main, copy, resent] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert!(date(copy) >= date(main) + 20, "the blind copy was composed for its own retry");
    assert!(date(resent) >= date(main) + 3_600);
    dispatcher.finish().await;
}

async fn a_sent_mail_can_be_composed_again(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.database.clock.advance(HOUR);
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    let page = PageRequest { limit: 1, after: None };
    let store = &dispatcher.database.store;
    let sent =
        store.deliveries(&DeliveryFilter::default(), &TenantScope::All, page).await.expect("answered").items.remove(0);
    let context = store.load(&[sent.id]).await.expect("answered").remove(0);
    let data = event::reread(&context.event_body).expect("it is kept");
    let document = data.documents[0].clone();
    let bytes = std::fs::read(dispatcher.documents().join(&document.object)).expect("the document is there");
    let snapshot = Snapshot {
        root: context.root,
        data,
        tenant: serde_json::from_str::<invoice_dispatcher::model::tenant::TenantProfile>(&context.profile)
            .expect("kept")
            .into(),
        customer_name: context.customer_name,
        locale: context.locale,
        recipients: context.recipients,
        shown: context.shown,
        date: sent.message_date.expect("it is told"),
        portal_link: None,
        portal_method: None,
    };
    let documents = [LoadedDocument { document, bytes: bytes.into() }];
    let again = compose(&Templates::builtin(), &snapshot, Plan::Attach, &documents).expect("it is composed");

    assert_eq!(Some(again.sha256), sent.message_sha256);
    assert_eq!(again.bytes, sink.mails()[0].bytes);
    dispatcher.finish().await;
}

//! The relay hangs up or falls silent. Before the final dot the mail is sent again; after it it is not known whether
//! the relay has it, so nothing sends it again but a person, or the relay's configuration once.

use std::time::Duration;

use invoice_dispatcher::model::state::OnUncertain;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    before_the_dot_it_is_sent_again,
    after_the_dot_it_is_uncertain_and_is_not_sent_again,
    three_uncertain_in_a_row_open_the_breaker,
    it_is_resent_once_where_the_relay_is_configured_so,
    a_resend_is_the_last_whatever_comes_between,
    a_resend_that_is_deferred_at_the_dot_stays_uncertain,
    a_resend_that_is_refused_stays_uncertain,
    a_resend_that_comes_too_late_stays_uncertain,
    a_resend_never_follows_a_stricter_decision,
    a_resend_never_follows_a_portal_that_asks_more,
    a_resend_never_sends_other_bytes,
    a_resend_keeps_the_templates_of_its_snapshot,
);

const NOTHING_IN_HAND: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending' OR attempts = 0";

async fn before_the_dot_it_is_sent_again(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let breaks = [
        (Step::Mail, Act::Close, "mail"),
        (Step::Mail, Act::Hang, "mail"),
        (Step::Rcpt, Act::Close, "rcpt"),
        (Step::Rcpt, Act::Hang, "rcpt"),
        (Step::Data, Act::Close, "data"),
        (Step::Data, Act::Hang, "data"),
        (Step::Data, Act::ReplyThenClose("421 4.3.2 closing".to_owned()), "data"),
    ];
    let mut expected = Vec::new();
    for (index, (step, act, phase)) in breaks.into_iter().enumerate() {
        let relay = relay("default", &sink);
        // Only for one that falls silent a deadline has to pass.
        let relay = if matches!(act, Act::Hang) { relay.impatient() } else { relay };
        dispatcher = dispatcher.reconfigured(&[relay]);
        dispatcher.start();
        sink.behave(Script::new().once(step, act));
        let code = if index == 6 { "421 4.3.2" } else { "-" };
        dispatcher.take(&[dispatcher.event(&index.to_string(), "C-1")]).await;
        dispatcher.wait_until(NOTHING_IN_HAND, 0).await;
        // Each time on a fresh connection: the retry's own is closed for good before the next.
        dispatcher.pass_until_concluded().await;
        dispatcher.stop().await;
        expected.push(format!("R-{index} deferred {phase} {code}"));
        expected.push(format!("R-{index} accepted final_dot 250 2.0.0"));
    }
    assert_eq!(dispatcher.attempts().await, expected);
    assert_eq!(sink.mails_and_data_phases(), (7, 7));
    assert_eq!(dispatcher.database.number("SELECT COUNT(DISTINCT message_id) FROM delivery").await, 7);
    dispatcher.finish().await;
}

async fn after_the_dot_it_is_uncertain_and_is_not_sent_again(database: TestDatabase) {
    let dots = [
        ("closed", Act::Close, 0),
        ("silent", Act::Hang, 0),
        ("taken-and-closed", Act::take_then(Act::Close), 1),
        ("taken-and-silent", Act::take_then(Act::Hang), 1),
        // RFC 5321 §4.2: an answer that has no place here is none.
        ("answered-354", Act::reply("354 go on"), 0),
        ("answered-gibberish", Act::take_then(Act::Raw(b"hello\r\n".to_vec())), 1),
    ];
    let sink = Sink::start().await;
    let silent = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_secs(2));
    let mut dispatcher = Dispatcher::with(database, &[silent]).await;
    dispatcher.start();
    let mut mails = 0;
    for (index, (name, act, taken)) in dots.into_iter().enumerate() {
        sink.behave(Script::new().on(Step::Dot, act));
        dispatcher.take(&[dispatcher.event(name, "C-1")]).await;
        dispatcher.wait_until_concluded().await;
        mails += taken;
        assert_eq!(sink.mails_and_data_phases(), (mails, 2 * index + 1), "{name}");
        // One that works, so that the breaker stays closed.
        sink.behave(Script::new());
        dispatcher.take(&[dispatcher.event(&format!("{name}-next"), "C-2")]).await;
        dispatcher.wait_until_concluded().await;
        mails += 1;
    }
    // Whatever time passes, they are not sent again.
    for _ in 0..3 {
        dispatcher.database.clock.advance(Duration::from_hours(10));
        dispatcher.take(&[dispatcher.event(&format!("z{}", dispatcher.database.clock.now().0), "C-1")]).await;
        dispatcher.pass_until_concluded().await;
    }
    assert_eq!(sink.mails_and_data_phases(), (mails + 3, 12 + 3));
    let uncertain =
        "SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain' AND class = 'uncertain' AND attempts = 1
                     AND message_id IS NOT NULL AND message_sha256 IS NOT NULL AND decision = 'attach'";
    assert_eq!(dispatcher.database.number(uncertain).await, 6);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0, "a person decides");
    dispatcher.finish().await;
}

async fn three_uncertain_in_a_row_open_the_breaker(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::take_then(Act::Close))).await;
    let one_by_one = relay("default", &sink).connections(1);
    let mut dispatcher = Dispatcher::with(database, &[one_by_one]).await;
    let events: Vec<_> = (0..6).map(|n| dispatcher.event(&n.to_string(), "C-1")).collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'", 1).await;
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'", 0).await;

    assert_eq!(sink.mails_and_data_phases(), (3, 3));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'").await, 3);
    // A claim that was on its way when the breaker opened is given back.
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 0", 3).await;

    // The relay comes to its senses: the rest goes out, and the uncertain ones stay.
    sink.behave(Script::new());
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (6, 6));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'").await, 3);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE concluded = 'uncertain'").await, 3);
    dispatcher.finish().await;
}

fn resending(sink: &Sink) -> TestRelay {
    relay("default", sink).with(|config| config.on_uncertain = OnUncertain::Resend)
}

async fn it_is_resent_once_where_the_relay_is_configured_so(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::with(database, &[resending(&sink)]).await;
    let to = |id: &str, address: &str| dispatcher.event_to(id, &[("to", address)]);
    let events = [to("once", "take-and-close-once@customer.example"), to("ever", "take-and-close@customer.example")];
    dispatcher.take(&events).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    dispatcher.database.clock.advance(Duration::from_hours(24));
    dispatcher.pass_until_concluded().await;

    let expected = ["R-ever uncertain uncertain attach 2", "R-once sent accepted attach 2"];
    assert_eq!(dispatcher.states().await, expected);
    assert_eq!(sink.mails_and_data_phases(), (4, 4));
    for address in ["take-and-close-once@customer.example", "take-and-close@customer.example"] {
        let mails: Vec<_> = sink.mails().into_iter().filter(|mail| mail.recipients == [address]).collect();
        let [first, second] = mails.as_slice() else { panic!("{} mails to {address}", mails.len()) };
        assert_eq!(first.bytes, second.bytes);
        assert_eq!(first.message_id, second.message_id);
    }
    dispatcher.finish().await;
}

async fn a_resend_is_the_last_whatever_comes_between(database: TestDatabase) {
    let script = Script::new().on(Step::Dot, Act::take_then(Act::Close)).nth(Step::Rcpt, 2, Act::reply("451 later"));
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::with(database, &[resending(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    let attempts = ["R-a uncertain final_dot -", "R-a deferred rcpt 451", "R-a uncertain final_dot -"];
    assert_eq!(dispatcher.attempts().await, attempts);
    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 3"]);
    assert_eq!(sink.mails_and_data_phases(), (2, 2));
    dispatcher.finish().await;
}

async fn a_resend_that_is_deferred_at_the_dot_stays_uncertain(database: TestDatabase) {
    let script = Script::new().nth(Step::Dot, 1, Act::take_then(Act::Close)).nth(Step::Dot, 2, Act::reply("451 later"));
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::with(database, &[resending(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.attempts().await, ["R-a uncertain final_dot -", "R-a deferred final_dot 451"]);
    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 2"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 2));
    dispatcher.finish().await;
}

async fn a_resend_that_is_refused_stays_uncertain(database: TestDatabase) {
    let script = Script::new().nth(Step::Dot, 1, Act::take_then(Act::Close)).nth(
        Step::Rcpt,
        2,
        Act::reply("554 5.7.1 policy of the day"),
    );
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::with(database, &[resending(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 2"]);
    assert_eq!(
        dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await,
        0,
        "a redrive would send it again"
    );
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_resend_that_comes_too_late_stays_uncertain(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::Close))).await;
    let mut dispatcher = Dispatcher::with(database, &[resending(&sink)]).await;
    let mut event = dispatcher.event("a", "C-1");
    event["data"]["expires_at"] = serde_json::json!("2026-11-23T09:30:01Z");
    dispatcher.take(&[event]).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 1", 1).await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    dispatcher.finish().await;
}

async fn a_resend_never_follows_a_stricter_decision(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::Close))).await;
    let mut dispatcher = Dispatcher::with(database, &[resending(&sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 1", 1).await;
    dispatcher.set_policy("acme", "exclude").await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain attach 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_tells_of_the_first(&dispatcher, &sink).await;
    let attached = dispatcher.database.texts("SELECT attachments FROM delivery").await;
    assert!(attached[0].contains("application/pdf"), "{attached:?}");
    dispatcher.finish().await;
}

/// The delivery tells by what the message is known that the relay may hold, although it was not sent again.
async fn assert_tells_of_the_first(dispatcher: &Dispatcher, sink: &Sink) {
    let first = &sink.mails()[0];
    let told = dispatcher.database.texts("SELECT message_id FROM delivery").await;
    assert_eq!(told, [first.message_id.clone().expect("it has one")]);
    let size = first.bytes.len();
    let all = format!(
        "SELECT COUNT(*) FROM delivery JOIN attempt ON attempt.delivery_id = delivery.id
         WHERE delivery.message_sha256 = attempt.message_sha256 AND attempt.class = 'uncertain'
           AND delivery.message_size = {size} AND delivery.decision = attempt.decision
           AND delivery.decision_reason IS NOT NULL AND delivery.decision_inputs IS NOT NULL"
    );
    assert_eq!(dispatcher.database.number(all).await, 1);
}

/// A link mail that the relay took without an answer, and that is to be sent once more.
async fn uncertain_link(database: TestDatabase, sink: &Sink) -> Dispatcher {
    let mut dispatcher = Dispatcher::with(database, &[resending(sink)]).await;
    dispatcher.take(&[dispatcher.event("a", "C-2")]).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 1", 1).await;
    dispatcher
}

async fn a_resend_never_follows_a_portal_that_asks_more(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::Close))).await;
    let dispatcher = uncertain_link(database, &sink).await;
    dispatcher.set_settings("acme", "portal_level = 'every_page'").await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain link 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_tells_of_the_first(&dispatcher, &sink).await;
    let kept = dispatcher.database.texts("SELECT portal_access FROM delivery").await;
    assert_eq!(kept, ["verified"], "what the message says that may be out");
    dispatcher.finish().await;
}

async fn a_resend_never_sends_other_bytes(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::Close))).await;
    let mut dispatcher = uncertain_link(database, &sink).await;
    dispatcher.stop().await;
    let relays = [resending(&sink)];
    let mut dispatcher = dispatcher.reconfigured_by(&relays, |config| config.portal.url = config.console.url.clone());
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a uncertain uncertain link 1"]);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_tells_of_the_first(&dispatcher, &sink).await;
    let why = dispatcher.database.texts("SELECT reason FROM delivery").await;
    assert!(why[0].contains("the same bytes cannot be composed"), "{why:?}");
    dispatcher.finish().await;
}

async fn a_resend_keeps_the_templates_of_its_snapshot(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::take_then(Act::Close))).await;
    let mut dispatcher = uncertain_link(database, &sink).await;
    dispatcher.stop().await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let place = folder.path().join("de/invoice");
    std::fs::create_dir_all(&place).expect("the folder can be made");
    std::fs::write(place.join("subject.txt.j2"), "Beleg {{ invoice.number }}").expect("the template can be written");
    let own = folder.path().to_owned();
    let relays = [resending(&sink)];
    let mut dispatcher = dispatcher.reconfigured_by(&relays, |config| config.templates.folder = Some(own));
    dispatcher.start();
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a sent accepted link 2"]);
    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(first.bytes, second.bytes);
    dispatcher.finish().await;
}

//! The relay cannot be used at all. No delivery is to blame: none loses an attempt, all wait, and all go out once it
//! is back.

use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;
use invoice_dispatcher::relay::RelayUrl;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Certificate, Gate, Protection, Script, Sink, Step};

on_both_databases!(
    five_failures_open_the_breaker_and_it_closes_by_halves,
    a_pause_by_hand_outlasts_a_restart,
    a_trial_goes_on_when_its_delivery_needs_no_relay,
);

const OPEN: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker = 'open'";
const SENDING: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'";
const UNTOUCHED: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 0";

fn at(sink: &Sink, credentials: &str) -> TestRelay {
    let url = RelayUrl::parse(&sink.url_as(credentials)).expect("the sink's address is a relay's");
    relay("default", sink).with(|config| config.url = url)
}

async fn take(dispatcher: &Dispatcher, count: usize) {
    let events: Vec<_> = (0..count).map(|n| dispatcher.event(&format!("{n:02}"), "C-1")).collect();
    dispatcher.take(&events).await;
}

/// Seconds until the next probe.
async fn probe_in(dispatcher: &Dispatcher) -> i64 {
    let at = dispatcher.database.number("SELECT probe_at FROM relay_state").await;
    (at - dispatcher.database.clock.now().0) / 1_000
}

/// No TLS where it is required, a certificate that proves nothing, a banner that says no: each leaves the mail alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_cannot_be_trusted_costs_no_attempt() {
    let starttls = |script: Script| script.protected(Protection::StartTls(Certificate::Good));
    let scripts = [
        ("no STARTTLS", starttls(Script::new()).on(Step::Ehlo, Act::reply("250 sink.example"))),
        ("STARTTLS refused", starttls(Script::new()).on(Step::StartTls, Act::reply("454 4.7.0 not now"))),
        ("other name", Script::new().protected(Protection::Implicit(Certificate::OtherName))),
        ("expired", Script::new().protected(Protection::Implicit(Certificate::Expired))),
        ("other authority", Script::new().protected(Protection::Implicit(Certificate::OtherAuthority))),
        ("banner", Script::new().on(Step::Banner, Act::reply("554 5.3.2 no service here"))),
        ("banner closes", Script::new().on(Step::Banner, Act::Close)),
        ("silent banner", Script::new().on(Step::Banner, Act::Hang)),
        ("EHLO", Script::new().on(Step::Ehlo, Act::reply("550 5.7.1 not you"))),
        ("AUTH 454", Script::new().on(Step::Auth, Act::reply("454 4.7.0 later")).login("mailer", "right")),
    ];
    for (what, script) in scripts {
        let sink = Sink::scripted(script).await;
        let credentials = if what == "AUTH 454" { "mailer:right" } else { "" };
        let relay = at(&sink, credentials).connections(1).with(|config| config.ca_file = Some(sink.ca_file()));
        let relay = if what == "silent banner" { relay.impatient() } else { relay };
        let mut dispatcher = Dispatcher::with(TestDatabase::sqlite().await, &[relay]).await;
        take(&dispatcher, 1).await;
        dispatcher.start();
        dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE last_class = 'relay_unavailable'", 1).await;
        assert_eq!(dispatcher.states().await, ["R-00 due - - 0"], "{what}");
        assert_eq!(dispatcher.attempts().await, [""; 0], "{what}");
        assert_eq!(sink.mails_and_data_phases(), (0, 0), "{what}");
        assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM refused_credentials").await, 0, "{what}");
        dispatcher.finish().await;
    }
}

async fn five_failures_open_the_breaker_and_it_closes_by_halves(database: TestDatabase) {
    let mut sink = Sink::start().await;
    sink.go_away().await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(4)]).await;
    take(&dispatcher, 20).await;
    dispatcher.start();
    dispatcher.wait_until(OPEN, 1).await;
    dispatcher.wait_until(SENDING, 0).await;
    assert_eq!(dispatcher.database.number(UNTOUCHED).await, 20);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE probes = 0").await, 1);
    let tried = dispatcher.database.number("SELECT COUNT(*) FROM lane_entry WHERE last_class IS NOT NULL").await;
    assert!((5..=8).contains(&tried), "{tried} deliveries were tried");

    // Probes after 15, 30, 60, then every 120 seconds.
    for (probes, seconds) in [(1, 30), (2, 60), (3, 120), (4, 120)] {
        dispatcher.pass_until(&format!("SELECT COUNT(*) FROM relay_state WHERE probes = {probes}"), 1).await;
        let next = probe_in(&dispatcher).await;
        assert!((seconds - 15..=seconds).contains(&next), "after probe {probes} the next in {next} s");
    }
    // It is back, and takes nothing more until it is told to: so it shows how many it is trusted with.
    let gates = [Gate::closed(), Gate::closed(), Gate::closed()];
    let [one, two, four] = gates.each_ref().map(|gate| Act::Wait(gate.clone()));
    let script = Script::new().nth(Step::Dot, 1, one).nth(Step::Dot, 2, two.clone()).nth(Step::Dot, 3, two);
    sink.behave(script.on(Step::Dot, four));
    sink.come_back().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'half_open'", 1).await;
    let mut messages = 0;
    for (allowance, gate) in [1, 2, 4].into_iter().zip(&gates) {
        let in_trial = format!("SELECT COUNT(*) FROM relay_state WHERE allowance = {allowance}");
        dispatcher.wait_until(&in_trial, 1).await;
        messages += allowance;
        sink.wait_for("the trial's messages", |state| state.count(Step::Dot) == messages).await;
        // The probe's may not have said goodbye yet.
        sink.wait_for("as many connections as it is trusted with", |state| state.open <= allowance).await;
        gate.open();
    }
    dispatcher.wait_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'closed'", 1).await;
    dispatcher.pass_until_concluded().await;

    assert_eq!(sink.mails_and_data_phases(), (20, 20));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE attempts = 1").await, 20);
    dispatcher.finish().await;
}

async fn a_pause_by_hand_outlasts_a_restart(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let default = RelayName::from("default");
    let pause = async |dispatcher: &Dispatcher, paused| {
        dispatcher
            .database
            .store
            .pause_relay(&default, paused, &actor("operator"))
            .await
            .expect("the database answers");
    };
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("before", "C-1")]).await;
    dispatcher.wait_until_concluded().await;
    pause(&dispatcher, true).await;
    // The worker looks at the row every second.
    dispatcher.database.clock.advance(Duration::from_secs(1));
    dispatcher.stop().await;
    dispatcher.start();
    take(&dispatcher, 3).await;
    // Another relay's lane would go on; this one stands, however long.
    let looks = dispatcher.database.number("SELECT CAST(COALESCE(MAX(beats), 0) AS BIGINT) FROM worker").await;
    dispatcher.pass_until(&format!("SELECT COUNT(*) FROM worker WHERE beats >= {}", looks + 5), 1).await;
    assert_eq!(dispatcher.database.number(UNTOUCHED).await, 3);
    assert_eq!(sink.mails_and_data_phases(), (1, 1));

    pause(&dispatcher, false).await;
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (4, 4));
    dispatcher.finish().await;
}

async fn a_trial_goes_on_when_its_delivery_needs_no_relay(database: TestDatabase) {
    let mut sink = Sink::start().await;
    sink.go_away().await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    take(&dispatcher, 5).await;
    dispatcher.start();
    dispatcher.pass_until(OPEN, 1).await;
    dispatcher.wait_until(SENDING, 0).await;
    // Whatever the relay is tried with first, its document is another one by now.
    for n in 0..4 {
        dispatcher.add_document(&format!("acme/{n:02}.pdf"), b"something else");
    }
    sink.come_back().await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker <> 'open'", 1).await;
    let trial_began = dispatcher.database.clock.now();
    dispatcher.pass_until_concluded().await;

    let took = dispatcher.database.clock.now().since(trial_began);
    assert!(took < Duration::from_secs(90), "the lane stood still for {took:?}");
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 4);
    dispatcher.finish().await;
}

//! The relay refuses credentials. Workers with them leave it alone, so that the account is not locked; workers with
//! others does not notice.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invoice_dispatcher::model::ids::RelayName;
use invoice_dispatcher::relay::RelayUrl;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::{TestRelay, relay};
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    they_rest_and_the_breaker_stays_closed,
    new_credentials_are_tried_at_once,
    a_busy_login_is_the_relays_fault,
    a_probe_that_is_refused_leaves_the_breaker_to_others,
);

const REFUSED: &str = "SELECT COUNT(*) FROM refused_credentials";
const SENDING: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'sending'";
const UNTOUCHED: &str = "SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = 0";
const STOPPED: &str = "SELECT COUNT(*) FROM relay_state WHERE breaker <> 'closed'";

fn at(sink: &Sink, credentials: &str) -> TestRelay {
    let url = RelayUrl::parse(&sink.url_as(credentials)).expect("the sink's address is a relay's");
    relay("default", sink).with(|config| config.url = url)
}

async fn take(dispatcher: &Dispatcher, prefix: &str, count: usize) {
    let events: Vec<_> = (0..count).map(|n| dispatcher.event(&format!("{prefix}{n:03}"), "C-1")).collect();
    dispatcher.take(&events).await;
}

/// How often this user has come with this password.
fn logins(sink: &Sink, user: &str, password: &str) -> usize {
    let words = STANDARD.encode(format!("\0{user}\0{password}"));
    sink.see(|state| state.commands_of("AUTH").iter().filter(|auth| auth.line.ends_with(&words)).count())
}

async fn they_rest_and_the_breaker_stays_closed(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().login("mailer", "right")).await;
    // Eight connections begin at once: one of them logs in.
    let mut dispatcher = Dispatcher::with(database, &[at(&sink, "mailer:wrong").connections(8)]).await;
    take(&dispatcher, "", 20).await;
    dispatcher.start();
    dispatcher.wait_until(REFUSED, 1).await;
    dispatcher.wait_until(SENDING, 0).await;

    assert_eq!(sink.see(|state| state.count(Step::Auth)), 1, "an account is soon locked");
    assert_eq!(dispatcher.database.number(UNTOUCHED).await, 20);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM attempt").await, 0);
    // The next tries come after 5, 15 and 60 minutes.
    for (tries, minutes) in [(1, 5), (2, 15), (3, 60), (4, 60)] {
        let at = dispatcher.database.number("SELECT try_at FROM refused_credentials").await;
        let seconds = (at - dispatcher.database.clock.now().0) / 1_000;
        assert!((minutes * 60 - 60..=minutes * 60).contains(&seconds), "try {tries} in {seconds} s");
        dispatcher.database.clock.advance(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        dispatcher.pass_until(&format!("SELECT COUNT(*) FROM refused_credentials WHERE tries = {tries}"), 1).await;
        assert_eq!(sink.see(|state| state.count(Step::Auth)), 1 + tries);
    }
    assert_eq!(dispatcher.database.number(STOPPED).await, 0, "the relay itself is well");
    // The account is corrected at the relay, and the relay resumed.
    let logins = sink.see(|state| state.count(Step::Auth));
    sink.behave(Script::new().login("mailer", "wrong"));
    let default = RelayName::from("default");
    dispatcher.database.store.pause_relay(&default, false, &actor("operator")).await.expect("the database answers");
    let before = dispatcher.database.clock.now();
    dispatcher.pass_until_seen(&sink, "another login", |state| state.count(Step::Auth) > logins).await;
    let passed = dispatcher.database.clock.now().since(before);
    assert!(passed < Duration::from_mins(1), "it was not tried at once, but after {passed:?}");
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE attempts = 1").await, 20);
    assert_eq!(dispatcher.database.number(REFUSED).await, 0);
    assert_eq!(sink.mails_and_data_phases(), (20, 20));
    dispatcher.finish().await;
}

async fn new_credentials_are_tried_at_once(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().login("mailer", "right")).await;
    let mut dispatcher = Dispatcher::with(database, &[at(&sink, "mailer:wrong")]).await;
    take(&dispatcher, "", 3).await;
    dispatcher.start();
    dispatcher.wait_until(REFUSED, 1).await;
    dispatcher.stop().await;
    // The same ones after a restart are not tried.
    dispatcher.start();
    let beats = "SELECT COUNT(*) FROM worker WHERE beats >= 3";
    dispatcher.pass_until(beats, 1).await;
    assert_eq!(logins(&sink, "mailer", "wrong"), 1);
    dispatcher.stop().await;
    let mut dispatcher = dispatcher.reconfigured(&[at(&sink, "mailer:right")]);
    let before = dispatcher.database.clock.now();
    dispatcher.start();
    dispatcher.pass_until_seen(&sink, "a mail", |state| !state.mails.is_empty()).await;
    let passed = dispatcher.database.clock.now().since(before);
    assert!(passed < Duration::from_mins(1), "they waited for {passed:?}");
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (3, 3));
    dispatcher.finish().await;
}

async fn a_busy_login_is_the_relays_fault(database: TestDatabase) {
    let busy = Act::reply("454 4.7.0 Temporary authentication failure");
    let sink = Sink::scripted(Script::new().login("mailer", "right").on(Step::Auth, busy)).await;
    let mut dispatcher = Dispatcher::with(database, &[at(&sink, "mailer:right").connections(1)]).await;
    take(&dispatcher, "", 8).await;
    dispatcher.start();
    dispatcher.wait_until(STOPPED, 1).await;
    assert_eq!(sink.see(|state| state.count(Step::Auth)), 5);
    assert_eq!(dispatcher.database.number(REFUSED).await, 0);
    sink.behave(Script::new().login("mailer", "right"));
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (8, 8));
    dispatcher.finish().await;
}

async fn a_probe_that_is_refused_leaves_the_breaker_to_others(database: TestDatabase) {
    let mut sink = Sink::scripted(Script::new().login("mailer", "right")).await;
    sink.go_away().await;
    let mut dispatcher = Dispatcher::with(database, &[at(&sink, "mailer:wrong")]).await;
    take(&dispatcher, "", 8).await;
    dispatcher.start();
    dispatcher.wait_until(STOPPED, 1).await;
    sink.come_back().await;
    dispatcher.pass_until(REFUSED, 1).await;
    dispatcher.pass_until("SELECT COUNT(*) FROM relay_state WHERE breaker = 'open' AND probe_until IS NULL", 1).await;
    // For ten minutes no worker probes with these, and none of it is the breaker's: its reason is still the outage.
    let beats = dispatcher.database.number("SELECT beats FROM worker").await;
    dispatcher.pass_until(&format!("SELECT COUNT(*) FROM worker WHERE beats >= {}", beats + 40), 1).await;
    assert_eq!(logins(&sink, "mailer", "wrong"), 1);
    let reason = dispatcher.database.texts("SELECT reason FROM relay_state").await;
    assert!(reason[0].contains("unavailable"), "{reason:?}");
    dispatcher.stop().await;
    let mut dispatcher = dispatcher.reconfigured(&[at(&sink, "mailer:right")]);
    dispatcher.start();
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (8, 8));
    dispatcher.finish().await;
}

/// The password is changed at the provider: the new workers send, the old one tries once and then rests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_change_of_the_password_stops_nobody() {
    let sink = Sink::scripted(Script::new().login("mailer", "old")).await;
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[at(&sink, "mailer:old").connections(4)]).await;
    let old = dispatcher.start_mortal().await;
    take(&dispatcher, "before", 5).await;
    dispatcher.pass_until_concluded().await;
    let good_logins = logins(&sink, "mailer", "old");
    sink.behave(Script::new().login("mailer", "new"));
    let mut dispatcher = dispatcher.reconfigured(&[at(&sink, "mailer:new").connections(4)]);
    dispatcher.start();
    // The old worker's connections are closed while they idle, and it takes its part of the work.
    for minute in 0..4 {
        dispatcher.pass_until("SELECT COUNT(*) FROM worker", 2).await;
        take(&dispatcher, &format!("after{minute}-"), 50).await;
        dispatcher.pass_until_concluded().await;
        let beats = dispatcher.database.number("SELECT CAST(MAX(beats) AS BIGINT) FROM worker").await;
        dispatcher.pass_until(&format!("SELECT COUNT(*) FROM worker WHERE beats >= {}", beats + 12), 1).await;
    }
    let refused = logins(&sink, "mailer", "old") - good_logins;
    assert!(refused <= 2, "{refused} refused logins; the account would be locked");
    assert_eq!(sink.mails().len(), 205);
    assert_eq!(dispatcher.database.number(STOPPED).await, 0);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state").await, 0, "the breaker never moved");
    old.stop().await;
    dispatcher.finish().await;
}

/// One of those that have the credentials tries them; if it dies over it, another does, and soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_tries_and_its_lease_dies_with_it() {
    let sink = Sink::scripted(Script::new().login("mailer", "right")).await;
    let patient = |config: &mut invoice_dispatcher::relay::RelayConfig| {
        config.deadlines.command = Duration::from_mins(10);
    };
    let relay = at(&sink, "mailer:wrong").with(patient);
    let dispatcher = Dispatcher::with(TestDatabase::postgres().await, &[relay]).await;
    take(&dispatcher, "", 3).await;
    let first = dispatcher.start_mortal().await;
    dispatcher.wait_until(REFUSED, 1).await;
    sink.behave(Script::new().login("mailer", "right").on(Step::Auth, Act::Hang));
    dispatcher.database.clock.advance(Duration::from_mins(5));
    dispatcher.pass_until_seen(&sink, "a second login", |state| state.count(Step::Auth) == 2).await;
    let others = [dispatcher.start_mortal().await, dispatcher.start_mortal().await];
    dispatcher.pass_until("SELECT COUNT(*) FROM worker WHERE beats >= 2", 3).await;
    assert_eq!(sink.see(|state| state.count(Step::Auth)), 2, "one tries, not all");
    sink.behave(Script::new().login("mailer", "wrong"));
    first.kill().await;
    let killed_at = dispatcher.database.clock.now();
    dispatcher.pass_until_seen(&sink, "a third login", |state| state.count(Step::Auth) >= 3).await;
    let passed = dispatcher.database.clock.now().since(killed_at);
    // Its heart must have stood still for 30 s; the lease holds for two minutes.
    assert!(passed < Duration::from_secs(90), "its lease outlived it: {passed:?}");
    dispatcher.pass_until_concluded().await;
    assert_eq!(sink.mails_and_data_phases(), (3, 3));
    for other in others {
        other.stop().await;
    }
    dispatcher.finish().await;
}

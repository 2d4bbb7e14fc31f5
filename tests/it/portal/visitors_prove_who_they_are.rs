//! Whoever opened a link proves to be the customer: by postcode and house number, or by a code from their phone.

use std::time::Duration;

use futures_util::future::join_all;
use invoice_dispatcher::app::App;
use invoice_dispatcher::config::Config;
use invoice_dispatcher::store::Store;
use reqwest::StatusCode;

use super::support::{Browser, PageAnswer, SentInvoice, ServedPortal, TestPortal};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::sms_provider::{ProviderMood, SmsProviderServer};

on_both_databases!(
    the_right_answer_opens_the_documents_in_any_writing,
    a_wrong_answer_tells_nothing_and_locks_in_the_end,
    guesses_at_two_processes_are_five_comparisons,
    forms_of_other_sites_count_for_nothing,
    a_code_from_the_phone_opens_the_documents_once,
    a_code_is_asked_for_within_limits,
    a_provider_that_does_not_work_leads_to_the_other_method,
    a_message_that_does_not_arrive_leads_to_no_other_method,
    a_number_that_is_refused_for_good_is_not_used_again,
    a_number_that_changes_takes_the_code_with_it,
    at_every_page_nothing_is_told_before,
    that_a_verification_was_asked_is_recorded_once_in_ten_minutes,
);

const MOBILE: &str = "+4915112345678";
const MINUTE: Duration = Duration::from_mins(1);

/// A browser on the pages of one invoice.
pub(super) struct Customer {
    pub(super) browser: Browser,
    invoice: SentInvoice,
}

impl Customer {
    /// Whoever has opened the link of a new invoice of `C-2`.
    pub(super) async fn of(portal: &TestPortal, invoice: &str) -> Self {
        let invoice = portal.send_invoice(invoice, "C-2").await;
        Self { browser: portal.opened(&invoice).await, invoice }
    }

    fn path(&self) -> String {
        format!("{}/verification", self.invoice.page())
    }

    async fn asked(&mut self) -> PageAnswer {
        let path = self.path();
        self.browser.get(&path).await
    }

    /// Sends the form of the page as it stands.
    pub(super) async fn answer(&mut self, fields: &[(&str, &str)]) -> PageAnswer {
        let page = self.browser.get(&self.invoice.page()).await.text();
        let page = if page.is_empty() { self.asked().await.text() } else { page };
        let token = page.split("name=\"csrf\" value=\"").nth(1).expect("a form").split('"').next().expect("a value");
        let fields: Vec<_> = std::iter::once(("csrf", token)).chain(fields.iter().copied()).collect();
        let path = self.path();
        self.browser.post(&path, &fields).await
    }

    pub(super) async fn send_code(&mut self) -> PageAnswer {
        self.answer(&[("action", "send_code")]).await
    }

    async fn sees_documents(&mut self) -> bool {
        let page = self.invoice.page();
        self.browser.get(&format!("{page}/documents/1")).await.status == StatusCode::OK
    }
}

async fn events(portal: &TestPortal) -> Vec<String> {
    let events = "SELECT kind || ' ' || COALESCE(detail, '') FROM portal_event
         WHERE kind NOT IN ('opened', 'downloaded') ORDER BY at, kind";
    portal.dispatcher.database.texts(events).await
}

/// A portal whose tenant asks for codes first, and for postcode and house number where these are not available.
pub(super) async fn with_phones(database: TestDatabase) -> (TestPortal, SmsProviderServer) {
    let provider = SmsProviderServer::start().await;
    let url = format!("{}/send", provider.url);
    let portal = TestPortal::configured(database, |config| config.sms = config.sms.clone().of_catcher(&url)).await;
    let methods = "portal_primary = 'sms_otp', portal_secondary = 'postcode_house_number'";
    portal.dispatcher.set_settings("acme", methods).await;
    set_mobile(&portal, MOBILE).await;
    (portal, provider)
}

async fn set_mobile(portal: &TestPortal, number: &str) {
    let change = format!("UPDATE customer SET mobile = '{number}', verification_rules = 0 WHERE id = 'C-2'");
    portal.dispatcher.database.execute(change).await;
}

async fn the_right_answer_opens_the_documents_in_any_writing(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    let asked = customer.asked().await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.text().contains("name=\"postcode\"") && asked.text().contains("name=\"house_number\""));
    assert!(!customer.sees_documents().await);

    let before = customer.browser.clone();
    let answer = customer.answer(&[("postcode", " d-010 67"), ("house_number", "012 b")]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, customer.invoice.page().as_str()));
    assert_ne!(customer.browser.cookie, before.cookie, "with the rights the id changes");
    assert!(customer.sees_documents().await);
    let mut planted = Customer { browser: before, invoice: customer.invoice.clone() };
    assert!(!planted.sees_documents().await, "whoever knew the id before has gained nothing");
    let again = customer.asked().await;
    assert_eq!(again.header("location"), customer.invoice.page(), "nothing is left to prove");
    let expected = ["verification_asked postcode_house_number", "verified postcode_house_number"];
    assert_eq!(events(&portal).await, expected);
    assert_eq!(portal.dispatcher.database.number("SELECT COUNT(*) FROM portal_verification").await, 0);
    portal.end().await;
}

async fn a_wrong_answer_tells_nothing_and_locks_in_the_end(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    let blank = customer.answer(&[("postcode", " "), ("house_number", "")]).await;
    assert_eq!(blank.status, StatusCode::UNPROCESSABLE_ENTITY);
    let half = customer.answer(&[("postcode", "01067"), ("house_number", "87654321")]).await;
    let other = customer.answer(&[("postcode", "99999"), ("house_number", "12")]).await;
    assert_eq!((half.status, half.text()), (other.status, other.text()), "which part was wrong is not told");
    assert!(!half.text().contains("87654321"), "nothing is repeated");
    for _ in 0..2 {
        customer.answer(&[("postcode", "x"), ("house_number", "")]).await;
    }
    let fifth = customer.answer(&[("postcode", "01067"), ("house_number", "13")]).await;
    assert_eq!(fifth.status, StatusCode::TOO_MANY_REQUESTS);
    let right = customer.answer(&[("postcode", "01067"), ("house_number", "12a")]).await;
    assert_eq!((right.status, right.text()), (fifth.status, fifth.text()), "the right answer gets the same page");
    assert_eq!(customer.asked().await.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!customer.sees_documents().await);
    let seen = events(&portal).await;
    assert_eq!(
        seen.iter().filter(|event| event.starts_with("verification_failed")).count(),
        5,
        "a blank form counts not"
    );
    assert_eq!(seen.iter().filter(|event| event.starts_with("locked")).count(), 1);

    portal.dispatcher.database.clock.advance(MINUTE * 15);
    let answer = customer.answer(&[("postcode", "01067"), ("house_number", "12a")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    portal.end().await;
}

async fn guesses_at_two_processes_are_five_comparisons(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    let page = customer.asked().await.text();
    let token = page.split("name=\"csrf\" value=\"").nth(1).expect("a form").split('"').next().expect("a value");
    let clock = portal.dispatcher.database.clock.clone();
    let store = Store::open_beside(&portal.dispatcher.database.url, clock).await.expect("the database opens");
    let other = ServedPortal::start(&App { store, ..portal.dispatcher.app.clone() }).await;
    let guess = |number: usize| {
        let mut browser = if number.is_multiple_of(2) { portal.browser() } else { other.browser() };
        browser.cookie.clone_from(&customer.browser.cookie);
        let (path, number) = (customer.path(), number.to_string());
        async move { browser.post(&path, &[("csrf", token), ("postcode", "01067"), ("house_number", &number)]).await.status }
    };
    // None of them is the right one: 12.
    let answers = join_all((100..140).map(guess)).await;
    let compared = answers.iter().filter(|status| **status == StatusCode::UNPROCESSABLE_ENTITY).count();
    assert!(compared < 5, "the fifth is told that it has to wait: {answers:?}");
    let failures = "SELECT COUNT(*) FROM portal_event WHERE kind = 'verification_failed'";
    assert_eq!(portal.dispatcher.database.number(failures).await, 5);
    let locked = "SELECT COUNT(*) FROM portal_event WHERE kind = 'locked'";
    assert_eq!(portal.dispatcher.database.number(locked).await, 1);
    portal.end().await;
}

async fn forms_of_other_sites_count_for_nothing(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    customer.asked().await;
    let path = customer.path();
    let right = [("postcode", "01067"), ("house_number", "12a")];
    for token in ["", "x"] {
        let fields: Vec<_> = right.into_iter().chain([("csrf", token)]).collect();
        assert_eq!(customer.browser.post(&path, &fields).await.status, StatusCode::FORBIDDEN);
    }
    let mut stranger = portal.browser();
    assert_eq!(stranger.post(&path, &right).await.status, StatusCode::FORBIDDEN);
    assert_eq!(stranger.get(&path).await.status, StatusCode::FORBIDDEN);
    assert_eq!(portal.dispatcher.database.number("SELECT COUNT(*) FROM portal_failure").await, 0);
    assert!(!customer.sees_documents().await);
    portal.end().await;
}

async fn a_code_from_the_phone_opens_the_documents_once(database: TestDatabase) {
    let (portal, provider) = with_phones(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    let asked = customer.asked().await.text();
    assert!(asked.contains("•••• 78") && !asked.contains("123456") && !asked.contains("name=\"postcode\""), "{asked}");
    assert!(provider.messages().is_empty(), "none goes out before it is asked for");
    let sent = customer.send_code().await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, customer.path().as_str()));
    let messages = provider.messages();
    assert_eq!((messages.len(), messages[0].to.as_str()), (1, MOBILE));
    assert!(messages[0].text.contains("acme GmbH") && messages[0].text.contains("\n@"), "{}", messages[0].text);
    assert!(customer.asked().await.text().contains("autocomplete=\"one-time-code\""));

    let code = provider.newest_code();
    let mut other = Customer { browser: portal.opened(&customer.invoice).await, invoice: customer.invoice.clone() };
    assert_eq!(other.answer(&[("code", &code)]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "another session");
    let missing = customer.answer(&[("code", "12345")]).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    let typed = format!("{}-{} ", &code[..3], &code[3..]);
    assert_eq!(customer.answer(&[("code", &typed)]).await.status, StatusCode::SEE_OTHER);
    assert!(customer.sees_documents().await);
    assert_eq!(other.answer(&[("code", &code)]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "it was entered");
    assert!(!other.sees_documents().await);
    let database = &portal.dispatcher.database;
    assert_eq!(database.texts("SELECT result FROM sms_log WHERE entered_at IS NOT NULL").await, ["sent"]);
    for event in events(&portal).await {
        assert!(!event.contains(&code) && !event.contains("12345678"), "{event}");
    }
    portal.end().await;
}

async fn a_code_is_asked_for_within_limits(database: TestDatabase) {
    let (portal, provider) = with_phones(database).await;
    let mut customers = Vec::new();
    for number in 0..5 {
        customers.push(Customer::of(&portal, &number.to_string()).await);
    }
    for (minute, customer) in customers.iter_mut().enumerate() {
        let status = customer.send_code().await.status;
        let expected = if minute < 3 { StatusCode::SEE_OTHER } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(status, expected, "{minute}");
        assert_eq!(customer.send_code().await.status, StatusCode::TOO_MANY_REQUESTS, "not within a minute");
        portal.dispatcher.database.clock.advance(MINUTE);
    }
    assert_eq!(provider.messages().len(), 3, "of one number, whatever link is used");
    portal.end().await;
}

/// The provider fails three times, for three numbers: its breaker is open.
async fn break_down(portal: &TestPortal, provider: &SmsProviderServer) {
    provider.be(ProviderMood::Answers(503, "out of order"));
    for number in 5..8 {
        set_mobile(portal, &format!("+491511234567{number}")).await;
        let failed = Customer::of(portal, &number.to_string()).await.send_code().await;
        assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    set_mobile(portal, MOBILE).await;
}

async fn a_provider_that_does_not_work_leads_to_the_other_method(database: TestDatabase) {
    let (portal, provider) = with_phones(database).await;
    let mut waiting = Customer::of(&portal, "1").await;
    assert!(waiting.asked().await.text().contains("send_code"));
    break_down(&portal, &provider).await;
    assert!(waiting.asked().await.text().contains("name=\"postcode\""), "no code has gone out yet");
    let mut customer = Customer::of(&portal, "2").await;
    assert!(customer.asked().await.text().contains("name=\"postcode\""));
    provider.be(ProviderMood::Works);
    portal.dispatcher.database.clock.advance(MINUTE);
    assert!(customer.asked().await.text().contains("name=\"postcode\""), "chosen once");
    assert!(Customer::of(&portal, "3").await.asked().await.text().contains("send_code"), "it works again");
    let answer = customer.answer(&[("postcode", "01067"), ("house_number", "12a")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(customer.sees_documents().await);
    portal.end().await;
}

async fn a_message_that_does_not_arrive_leads_to_no_other_method(database: TestDatabase) {
    let (portal, provider) = with_phones(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    customer.send_code().await;
    for _ in 0..4 {
        customer.answer(&[("code", "000000")]).await;
    }
    assert!(!customer.asked().await.text().contains("name=\"postcode\""));
    // Nor when the provider breaks down afterwards.
    break_down(&portal, &provider).await;
    assert!(Customer::of(&portal, "2").await.asked().await.text().contains("name=\"postcode\""));
    assert!(!customer.asked().await.text().contains("name=\"postcode\""), "what was begun stays");
    portal.end().await;
}

async fn a_number_that_is_refused_for_good_is_not_used_again(database: TestDatabase) {
    let provider = SmsProviderServer::start().await;
    let url = format!("{}/send", provider.url);
    let sms = Config::read(&sources(&url)).expect("it is right").sms;
    let portal = TestPortal::configured(database, |config| config.sms = sms).await;
    portal
        .dispatcher
        .set_settings("acme", "portal_primary = 'sms_otp', portal_secondary = 'postcode_house_number'")
        .await;
    set_mobile(&portal, MOBILE).await;
    provider.be(ProviderMood::Answers(400, r#"{"error": "landline"}"#));
    let mut customer = Customer::of(&portal, "1").await;
    assert_eq!(customer.send_code().await.header("location"), customer.path());
    assert!(customer.asked().await.text().contains("name=\"postcode\""), "the other method is left");
    let refused = "SELECT COUNT(*) FROM customer WHERE mobile_refused_at IS NOT NULL";
    assert_eq!(portal.dispatcher.database.number(refused).await, 1);

    portal.dispatcher.set_settings("acme", "portal_secondary = NULL").await;
    let none = customer.asked().await;
    assert_eq!(none.status, StatusCode::FORBIDDEN, "none is left, and the page says whom to ask");
    assert!(!none.text().contains("<input id"), "{}", none.text());
    portal.end().await;
}

fn sources(url: &str) -> invoice_dispatcher::config::ConfigSources {
    let variables = [("SMS_URL", url), ("SMS_NUMBER_REFUSED", "landline")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    invoice_dispatcher::config::ConfigSources {
        environment: variables.into_iter().collect(),
        ..invoice_dispatcher::config::ConfigSources::none()
    }
}

async fn a_number_that_changes_takes_the_code_with_it(database: TestDatabase) {
    let (portal, provider) = with_phones(database).await;
    let mut customer = Customer::of(&portal, "1").await;
    customer.send_code().await;
    let code = provider.newest_code();
    set_mobile(&portal, "+4915187654321").await;
    assert_eq!(customer.answer(&[("code", &code)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!customer.sees_documents().await);
    portal.end().await;
}

async fn at_every_page_nothing_is_told_before(database: TestDatabase) {
    let (portal, provider) = with_phones(database).await;
    portal.dispatcher.set_settings("acme", "portal_level = 'every_page'").await;
    let mut customer = Customer::of(&portal, "1").await;
    let page = customer.browser.get(&customer.invoice.page()).await;
    assert_eq!(page.header("location"), customer.path());
    let asked = customer.asked().await.text();
    assert!(!asked.contains("••••"), "not even the last digits: {asked}");
    customer.send_code().await;
    let code = provider.newest_code();
    assert_eq!(customer.answer(&[("code", &code)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(customer.browser.get(&customer.invoice.page()).await.status, StatusCode::OK);
    assert!(customer.sees_documents().await, "one verification for all pages");
    portal.end().await;
}

/// Whoever has a link can begin as many sessions as they like: none of them fills the timeline.
async fn that_a_verification_was_asked_is_recorded_once_in_ten_minutes(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let first = Customer::of(&portal, "1").await;
    let other = Customer::of(&portal, "2").await;
    let ask = async |invoice: &SentInvoice| {
        let mut customer = Customer { browser: portal.opened(invoice).await, invoice: invoice.clone() };
        assert_eq!(customer.asked().await.status, StatusCode::OK);
    };
    let recorded = async || {
        let events = events(&portal).await;
        assert!(events.iter().all(|event| event.starts_with("verification_asked")), "{events:?}");
        events.len()
    };
    futures_util::future::join_all((0..8).map(|_| ask(&first.invoice))).await;
    assert_eq!(recorded().await, 1, "of one network");
    ask(&other.invoice).await;
    assert_eq!(recorded().await, 2, "of another link");
    portal.dispatcher.database.clock.advance(MINUTE * 11);
    ask(&first.invoice).await;
    assert_eq!(recorded().await, 3, "after a while");
    portal.end().await;
}

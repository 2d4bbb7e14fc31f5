//! Support is on the phone with a customer: finds the invoice, reads what happened, sends it again, and takes it off the
//! list. What somebody may not do, the server refuses, whatever the page offers.

use std::time::Duration;

use invoice_dispatcher::config::BaseUrl;
use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::ids::{DeliveryId, TenantId};
use invoice_dispatcher::operator::resend::ResendRequest;
use invoice_dispatcher::store::Acted;
use reqwest::{Method, StatusCode};
use tokio::net::TcpListener;

use super::support::{Browser, PageAnswer, TestConsole, answer, form_of};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};
use crate::operator::samples::asked;

on_both_databases!(
    an_invoice_is_found_and_sent_to_a_corrected_address,
    a_double_click_makes_one_resend,
    a_rejected_invoice_is_acknowledged,
    what_was_noted_is_read_in_the_language_of_the_page,
    a_viewer_changes_nothing_and_reads_nothing_personal,
    a_foreign_tenants_invoice_is_not_there,
    a_form_that_is_not_ours_does_nothing,
    the_mail_is_shown_as_it_was_sent,
    whatever_shows_personal_data_is_kept_as_a_look,
    a_tenant_is_paused_and_resumed_on_its_page,
    a_list_leaves_as_a_file_without_formulas,
);

const SUPPORT: &str = "support@acme.example";
const INVOICE: &str = "/invoices?tenant=acme&number=R-a";

/// A dispatcher at work, and a console beside it.
struct Desk {
    dispatcher: Dispatcher,
    sink: Sink,
    console: TestConsole,
}

impl Desk {
    async fn new(database: TestDatabase) -> Self {
        Self::scripted(database, Script::new()).await
    }

    async fn scripted(database: TestDatabase, script: Script) -> Self {
        let sink = Sink::scripted(script).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let configure = |config: &mut invoice_dispatcher::config::Config| {
            config.console.listen = address;
            config.console.url = BaseUrl::of_listener(address);
            config.console.totp_roles.clear();
        };
        let mut dispatcher = Dispatcher::configured(database.clone(), &[relay("default", &sink)], configure).await;
        dispatcher.start();
        let console = TestConsole::of(dispatcher.app.clone(), database, listener);
        Self { dispatcher, sink, console }
    }

    /// Sends `R-a` to the business customer; returns its delivery.
    async fn send(&self) -> DeliveryId {
        self.dispatcher.take(&[self.dispatcher.event("a", "C-1")]).await;
        self.dispatcher.wait_until_concluded().await;
        self.dispatcher.database.clock.advance(Duration::from_mins(4));
        self.newest().await
    }

    async fn newest(&self) -> DeliveryId {
        let text = "SELECT CAST(id AS TEXT) FROM delivery ORDER BY created_at DESC, id DESC LIMIT 1";
        let hex = "SELECT lower(hex(id)) FROM delivery ORDER BY created_at DESC, id DESC LIMIT 1";
        let database = &self.dispatcher.database;
        let ids = database.texts(if database.store.is_single_process() { hex } else { text }).await;
        DeliveryId(ids[0].parse().expect("an id"))
    }

    async fn person(&self, role: Role) -> Browser {
        self.console.person(SUPPORT, role).await.1
    }

    async fn number(&self, text: &str) -> i64 {
        self.dispatcher.database.number(text).await
    }

    async fn end(self) {
        self.dispatcher.finish().await;
    }
}

/// The plan of a page, as its form brings it back.
fn key(page: &PageAnswer) -> String {
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    page.between("name=\"idempotency_key\" value=\"").to_owned()
}

const ASKED_FOR: &str = "A person asked for a link.";

/// Whether the page says that nobody asked for the link.
fn is_by_default(page: &PageAnswer) -> bool {
    page.text.contains("a link is sent by default.") && !page.text.contains(ASKED_FOR)
}

async fn an_invoice_is_found_and_sent_to_a_corrected_address(database: TestDatabase) {
    let desk = Desk::new(database).await;
    let delivery = desk.send().await.to_string();
    let mut browser = desk.person(Role::Support).await;
    let found = browser.get("/search?q=r+-+A").await;
    assert!(found.text.contains("R-a") && found.text.contains("C***@customer.example"), "{found:?}");
    let page = browser.get(INVOICE).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(page.text.contains("C-1@customer.example"), "one invoice is shown whole");
    let accepted = "<p class=\"happened\"><bdi>The relay accepted it: 250 2.0.0 taken</bdi></p>";
    assert!(
        page.text.contains(accepted) && page.text.contains("does not mean that it has reached the mailbox"),
        "{page:?}"
    );

    let to = "new@customer.example";
    let plan = browser.get(&format!("/resend?delivery={delivery}&to={to}")).await;
    let key = key(&plan);
    let choice = "name=\"confirm_attach\" value=\"1\">";
    assert!(plan.text.contains(choice), "attaching needs a second confirmation, a link none: {plan:?}");
    assert!(is_by_default(&plan), "{plan:?}");
    let asked_for = browser.get(&format!("/resend?delivery={delivery}&to={to}&link_only=1")).await;
    assert!(asked_for.text.contains(ASKED_FOR), "{asked_for:?}");
    let form = [("delivery", delivery.as_str()), ("to", to), ("reason", "moved"), ("idempotency_key", key.as_str())];
    let incomplete = browser.submit("/resend", &[("delivery", &delivery), ("to", to), ("idempotency_key", &key)]).await;
    assert_eq!(
        (incomplete.status, desk.number("SELECT COUNT(*) FROM delivery").await),
        (StatusCode::UNPROCESSABLE_ENTITY, 1)
    );
    // The plan of another choice is not the one that was seen.
    let stale = browser.get(&format!("/resend?delivery={delivery}")).await;
    let stale = stale.between("name=\"idempotency_key\" value=\"");
    let form_before = [("delivery", delivery.as_str()), ("to", to), ("reason", "moved"), ("idempotency_key", stale)];
    let changed = browser.submit("/resend", &form_before).await;
    assert_eq!(
        (changed.status, desk.number("SELECT COUNT(*) FROM delivery").await),
        (StatusCode::CONFLICT, 1),
        "{changed:?}"
    );
    let sent = browser.submit("/resend", &form).await;
    assert!(sent.location().ends_with("done=resent"), "{sent:?}");
    desk.dispatcher.pass_until_concluded().await;
    let mails = desk.sink.mails();
    assert_eq!(mails.len(), 2);
    let parsed = mailparse::parse_mail(&mails[1].bytes).expect("a mail");
    assert!(parsed.parts().all(|part| part.ctype.mimetype != "application/pdf"), "a link goes to a new address");

    let page = browser.get(sent.location()).await;
    assert!(page.text.contains("moved") && page.text.contains(to), "{page:?}");
    assert!(is_by_default(&page), "{page:?}");
    let tag = page.header("etag").to_owned();
    let again = browser.request(Method::GET, sent.location()).header("if-none-match", &tag);
    assert_eq!(answer(again).await.status, StatusCode::NOT_MODIFIED, "nothing has moved since");
    let twice = browser.submit("/resend", &form).await;
    assert!(!twice.status.is_server_error() && !twice.header("location").ends_with("done=resent"), "{twice:?}");
    assert_eq!(desk.number("SELECT COUNT(*) FROM delivery").await, 2);
    desk.end().await;
}

async fn a_double_click_makes_one_resend(database: TestDatabase) {
    let desk = Desk::new(database).await;
    let delivery = desk.send().await.to_string();
    let mut browser = desk.person(Role::Support).await;
    let key = key(&browser.get(&format!("/resend?delivery={delivery}")).await);
    let token = browser.form_token().await;
    let form = [
        ("delivery", delivery.as_str()),
        ("reason", "not received"),
        ("idempotency_key", key.as_str()),
        ("csrf", token.as_str()),
    ];
    let click = || answer(form_of(browser.request(Method::POST, "/resend"), &form));
    let (one, other) = tokio::join!(click(), click());
    let mut where_to = [one.location(), other.location()].map(|to| to.rsplit_once("done=").expect("what was done").1);
    where_to.sort_unstable();
    assert_eq!(where_to, ["resent", "resent_before"]);
    desk.dispatcher.pass_until_concluded().await;
    assert_eq!((desk.number("SELECT COUNT(*) FROM delivery").await, desk.sink.mails().len()), (2, 2));
    desk.end().await;
}

async fn a_rejected_invoice_is_acknowledged(database: TestDatabase) {
    let script = Script::new().once(Step::Rcpt, Act::reply("550 5.1.1 no such user <C-1@customer.example>"));
    let desk = Desk::scripted(database, script).await;
    let delivery = desk.send().await.to_string();
    let mut browser = desk.person(Role::Support).await;
    let list = browser.get("/").await;
    assert!(list.text.contains("R-a") && list.text.contains("550 5.1.1"), "{list:?}");
    assert!(!list.text.contains("C-1@customer.example"), "a list masks: {list:?}");
    let listed = browser.get("/work-list/news?since=2020-01-01T00:00:00Z").await;
    assert_eq!(listed.status, StatusCode::OK, "{listed:?}");
    let done = browser.submit(&format!("/deliveries/{delivery}/acknowledge"), &[("next", "/")]).await;
    assert_eq!(done.location(), "/?done=acknowledged");
    assert!(!browser.get("/").await.text.contains("R-a"));
    let seen = browser.get("/?acknowledged=1").await;
    assert!(seen.text.contains("R-a") && seen.text.contains(SUPPORT), "{seen:?}");
    desk.end().await;
}

async fn what_was_noted_is_read_in_the_language_of_the_page(database: TestDatabase) {
    let desk = Desk::new(database).await;
    desk.send().await;
    let (tenant, who) = (TenantId::from("acme"), actor("ada"));
    let app = &desk.dispatcher.app;
    // Paused, so that it waits until it is cancelled.
    app.store.pause_tenant(&tenant, &who, "wrong amounts").await.expect("answered");
    let request = ResendRequest { to: Some("new@customer.example"), ..asked(&tenant, "R-a") };
    let resent = app.resend.resend(&request).await.expect("it is made");
    let cancelled = app.store.cancel(resent.delivery, &who, "paid in cash").await.expect("answered");
    assert_eq!(cancelled, Acted::Done);

    let browser = desk.person(Role::Support).await;
    for (language, cancelled, to_new_address) in [
        (
            "de",
            "Der Versand wurde abgebrochen.",
            "An eine Adresse, die weder im Ereignis noch in den Stammdaten steht, mit einem Link.",
        ),
        (
            "nl",
            "Het versturen is geannuleerd.",
            "Naar een adres dat niet in de gebeurtenis en niet in de stamgegevens staat, met een link.",
        ),
        (
            "fr",
            "L’envoi a été annulé.",
            "À une adresse qui ne figure ni dans l’événement ni dans les données du client, avec un lien.",
        ),
        ("en", "Sending was cancelled.", "To an address that is neither in the event nor on record, with a link."),
    ] {
        let page = answer(browser.request(Method::GET, INVOICE).header("accept-language", language)).await;
        assert!(page.text.contains(cancelled) && page.text.contains(to_new_address), "{language}: {page:?}");
        assert!(page.text.contains("paid in cash"), "a person's own words are left as they are: {language}: {page:?}");
        let stored = ["cancelled: paid", "word: with a link"];
        assert!(!stored.iter().any(|text| page.text.contains(text)), "{language}: {page:?}");
    }
    desk.end().await;
}

/// Every form of these pages.
fn forms(delivery: &str) -> Vec<(String, Vec<(&'static str, String)>)> {
    let reason = || vec![("reason", "forged".to_owned())];
    let mut forms: Vec<(String, Vec<(&'static str, String)>)> =
        ["acknowledge", "send-now", "cancel", "mark-sent", "revoke-links", "lift-lock"]
            .iter()
            .map(|act| (format!("/deliveries/{delivery}/{act}"), reason()))
            .collect();
    forms.push(("/resend".to_owned(), [reason(), vec![("delivery", delivery.to_owned())]].concat()));
    forms.push(("/tenants/acme/pause".to_owned(), reason()));
    forms.push(("/tenants/acme/resume".to_owned(), reason()));
    forms
}

/// What all rows are that a form could change.
async fn rows(desk: &Desk) -> Vec<String> {
    let states = "SELECT COALESCE(delivery.concluded, lane_entry.state) || COALESCE(delivery.acknowledged_by, '')
                  FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id ORDER BY delivery.id";
    let database = &desk.dispatcher.database;
    let mut rows = database.texts(states).await;
    rows.extend(database.texts("SELECT 'paused ' || COALESCE(pause_reason, '-') FROM tenant").await);
    rows.extend(database.texts("SELECT CAST(COUNT(*) AS TEXT) FROM portal_link WHERE revoked_at IS NOT NULL").await);
    rows
}

async fn submit_all(browser: &mut Browser, delivery: &str) -> Vec<(String, StatusCode)> {
    let mut answers = Vec::new();
    for (path, form) in forms(delivery) {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = browser.submit(&path, &form).await;
        answers.push((path, answer.status));
    }
    answers
}

async fn a_viewer_changes_nothing_and_reads_nothing_personal(database: TestDatabase) {
    let script = Script::new().once(Step::Rcpt, Act::reply("550 5.1.1 no such user <C-1@customer.example>"));
    let desk = Desk::scripted(database, script).await;
    let delivery = desk.send().await.to_string();
    let mut browser = desk.person(Role::Viewer).await;
    let before = rows(&desk).await;
    for (path, status) in submit_all(&mut browser, &delivery).await {
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(rows(&desk).await, before, "forged forms change nothing");
    for path in ["/", "/search?q=R-a", INVOICE, "/customers/acme/C-1", "/tenants", "/tenants/acme"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {page:?}");
        assert!(!page.text.contains("C-1@customer.example"), "{path}: {page:?}");
        assert!(!page.text.contains("01067"), "{path}: what verifies a customer is nobody's to read");
    }
    for path in [format!("/deliveries/{delivery}/mail"), "/search.csv?q=R-a".to_owned()] {
        assert_eq!(browser.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    desk.end().await;
}

async fn a_foreign_tenants_invoice_is_not_there(database: TestDatabase) {
    let desk = Desk::new(database).await;
    let delivery = desk.send().await.to_string();
    desk.dispatcher.add_tenant("beta", "include").await;
    let scope = TenantScope::of([TenantId::from("beta")]);
    for role in [Role::Support, Role::TenantAdmin] {
        let (_, mut browser) = desk.console.person_of(&format!("{role}@beta.example"), role, &scope).await;
        let before = rows(&desk).await;
        for (path, status) in submit_all(&mut browser, &delivery).await {
            let may_pause = role == Role::TenantAdmin;
            let expected =
                if path.starts_with("/tenants/") && !may_pause { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND };
            assert_eq!(status, expected, "{role} {path}");
        }
        assert_eq!(rows(&desk).await, before, "{role}");
        let paths = [
            INVOICE.to_owned(),
            format!("/deliveries/{delivery}"),
            format!("/deliveries/{delivery}/mail"),
            format!("/deliveries/{delivery}/mail/html"),
            format!("/resend?delivery={delivery}"),
            "/customers/acme/C-1".to_owned(),
            "/tenants/acme".to_owned(),
        ];
        for path in paths {
            assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{role} {path}");
        }
        for path in ["/", "/search?q=R-a", "/search?q=C-1@customer.example", "/tenants", "/?tenant=acme"] {
            let page = browser.get(path).await;
            assert!(page.status == StatusCode::OK && !page.text.contains("acme GmbH"), "{role} {path}: {page:?}");
        }
    }
    desk.end().await;
}

async fn a_form_that_is_not_ours_does_nothing(database: TestDatabase) {
    let desk = Desk::new(database).await;
    let delivery = desk.send().await.to_string();
    let mut browser = desk.person(Role::Admin).await;
    let token = browser.form_token().await;
    let before = rows(&desk).await;
    for (path, form) in forms(&delivery) {
        let mut form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let without_token = answer(form_of(browser.request(Method::POST, &path), &form)).await;
        assert_eq!(without_token.status, StatusCode::FORBIDDEN, "{path}");
        form.push(("csrf", token.as_str()));
        let foreign = browser.bare(Method::POST, &path).header("sec-fetch-site", "cross-site");
        assert_eq!(answer(form_of(foreign, &form)).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    // Ours, with a field that stands in it twice.
    let twice = [
        ("csrf", token.as_str()),
        ("delivery", delivery.as_str()),
        ("reason", "lost"),
        ("to", "one@customer.example"),
        ("to", "other@customer.example"),
    ];
    let twice = answer(form_of(browser.request(Method::POST, "/resend"), &twice)).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST, "{twice:?}");
    assert_eq!(rows(&desk).await, before);
    desk.end().await;
}

async fn the_mail_is_shown_as_it_was_sent(database: TestDatabase) {
    let desk = Desk::new(database).await;
    desk.dispatcher.set_policy("acme", "exclude").await;
    let delivery = desk.send().await.to_string();
    let mail = desk.sink.mails().remove(0);
    let parsed = mailparse::parse_mail(&mail.bytes).expect("a mail");
    let plain = parsed.parts().find(|part| part.ctype.mimetype == "text/plain").expect("a text");
    let text = plain.get_body().expect("readable");
    let token = text.split("/i/").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("it has a link");
    let mut browser = desk.person(Role::Support).await;
    let page = browser.get(&format!("/deliveries/{delivery}/mail")).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(page.text.contains("C-1@customer.example") && page.text.contains("(token blanked)"), "{page:?}");
    let sha256 = invoice_dispatcher::sha256::Sha256::of(&mail.bytes).to_string();
    assert!(page.text.contains(&sha256[..16]), "it is proven: {page:?}");
    let frame = browser.get(&format!("/deliveries/{delivery}/mail/html")).await;
    assert!(frame.header("content-security-policy").contains("sandbox"), "{frame:?}");
    for shown in [&page, &frame] {
        assert!(!shown.text.contains(&token[..43.min(token.len())]), "the portal's token is nobody's to read");
    }
    desk.end().await;
}

/// Whoever reads addresses leaves an entry, also where the page that leads there was never opened.
async fn whatever_shows_personal_data_is_kept_as_a_look(database: TestDatabase) {
    let desk = Desk::new(database).await;
    let delivery = desk.send().await.to_string();
    let looks =
        async |action: &str| desk.number(&format!("SELECT COUNT(*) FROM audit_entry WHERE action = '{action}'")).await;
    let mut browser = desk.person(Role::Support).await;
    for _ in 0..2 {
        let poll = browser.request(Method::GET, INVOICE).header("hx-request", "true");
        assert!(browser.send(poll).await.text.contains("C-1@customer.example"));
        assert_eq!(looks("invoice_viewed").await, 1, "a page that follows what it shows is one look");
    }
    let frame = browser.get(&format!("/deliveries/{delivery}/mail/html")).await;
    assert_eq!((frame.status, looks("message_viewed").await), (StatusCode::OK, 1), "{frame:?}");
    browser.get(&format!("/deliveries/{delivery}/mail")).await;
    assert_eq!(looks("message_viewed").await, 1, "the page and its frame are one look");

    let (_, mut other) = desk.console.person_of("other@acme.example", Role::Support, &TenantScope::All).await;
    let plan = other.get(&format!("/resend?delivery={delivery}")).await;
    assert!(plan.text.contains("C-1@customer.example"), "{plan:?}");
    assert_eq!(looks("invoice_viewed").await, 2, "the plan names whom the invoice went to");
    desk.end().await;
}

async fn a_tenant_is_paused_and_resumed_on_its_page(database: TestDatabase) {
    let desk = Desk::new(database).await;
    desk.send().await;
    let mut browser = desk.person(Role::Operations).await;
    let paused = browser.submit("/tenants/acme/pause", &[("reason", "wrong <b>amounts</b>")]).await;
    assert_eq!(paused.location(), "/tenants/acme?done=paused");
    let page = browser.get("/tenants/acme").await;
    assert!(page.text.contains("wrong &#60;b&#62;amounts") || page.text.contains("wrong &lt;b&gt;amounts"), "{page:?}");
    desk.dispatcher.take(&[desk.dispatcher.event("b", "C-1")]).await;
    let held = "SELECT COUNT(*) FROM lane_entry WHERE held = 'tenant paused'";
    assert_eq!(desk.number(held).await, 1);
    let resumed = browser.submit("/tenants/acme/resume", &[("reason", "corrected")]).await;
    assert_eq!(resumed.location(), "/tenants/acme?done=resumed");
    desk.dispatcher.pass_until_concluded().await;
    assert_eq!(desk.sink.mails().len(), 2);
    desk.end().await;
}

async fn a_list_leaves_as_a_file_without_formulas(database: TestDatabase) {
    let desk = Desk::new(database).await;
    let mut event = desk.dispatcher.event("a", "C-1");
    event["data"]["invoice"]["number"] = "=HYPERLINK(1)".into();
    desk.dispatcher.take(&[event]).await;
    desk.dispatcher.wait_until_concluded().await;
    let mut browser = desk.person(Role::Support).await;
    let file = browser.get("/search.csv?q=%3DHYPERLINK").await;
    assert!(file.header("content-type").starts_with("text/csv"), "{file:?}");
    assert!(file.text.contains("\"'=HYPERLINK(1)\"") && !file.text.contains("C-1@customer.example"), "{file:?}");
    desk.end().await;
}

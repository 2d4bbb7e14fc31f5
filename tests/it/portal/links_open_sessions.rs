//! A link opens a session; sessions end in time, and give their rights to nobody else.

use std::time::Duration;

use invoice_dispatcher::model::settings::VerificationMethod;
use invoice_dispatcher::secrets::SessionId;
use invoice_dispatcher::store::{Erased, NewPortalOpening, NewVerification};
use reqwest::{Method, StatusCode};

use super::support::{Browser, SentInvoice, TestPortal, answer};
use crate::harness::actor;
use crate::harness::broker::until;
use crate::harness::database::{TestDatabase, on_both_databases};

const SESSION_OVER: StatusCode = StatusCode::FORBIDDEN;

async fn sees(browser: &mut Browser, invoice: &SentInvoice) -> bool {
    match browser.get(&invoice.page()).await.status {
        StatusCode::OK => true,
        SESSION_OVER => false,
        other => panic!("{other}"),
    }
}

on_both_databases!(
    a_scanner_changes_nothing,
    a_link_leads_to_its_invoice_and_no_other,
    sessions_end_in_time,
    an_older_id_keeps_its_older_rights_for_a_moment,
    a_closed_session_is_over_everywhere,
    forms_of_other_sites_are_refused,
    an_erased_customer_leaves_no_session,
    an_opening_is_recorded_once_in_ten_minutes,
    a_session_that_is_closed_while_it_gets_another_id_is_over,
    a_customer_who_is_erased_while_a_visitor_is_verified_leaves_no_session,
);

async fn a_scanner_changes_nothing(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let path = format!("/i/{}", invoice.token);
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let request = portal.served.client.request(method.clone(), format!("{}{path}", portal.served.base));
        let answer = answer(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{method}");
        assert_eq!(answer.header("set-cookie"), "", "{method}");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert_eq!(answer.header("referrer-policy"), "strict-origin", "the token goes into nobody's log");
        assert!(answer.header("x-robots-tag").contains("noindex"));
        for secret in ["R-1", "1190", "1.190", "Käufer", "C-2", "Rechnung.pdf"] {
            assert!(!answer.text().contains(secret), "{secret} in {}", answer.text());
        }
    }
    for table in ["portal_session", "portal_session_link", "portal_event"] {
        assert_eq!(portal.dispatcher.database.number(format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert!(sees(&mut portal.opened(&invoice).await, &invoice).await, "and the link still opens");
    portal.end().await;
}

async fn a_link_leads_to_its_invoice_and_no_other(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let other = portal.send_invoice("2", "C-2").await;
    let mut browser = portal.browser();
    assert!(!sees(&mut browser, &invoice).await, "its id stands in the email's headers and opens nothing");
    let opened = browser.open(&invoice).await;
    assert_eq!((opened.status, opened.header("location")), (StatusCode::SEE_OTHER, invoice.page().as_str()));
    assert!(sees(&mut browser, &invoice).await && !sees(&mut browser, &other).await);
    assert_eq!(portal.dispatcher.database.texts("SELECT kind FROM portal_event").await, ["opened"]);
    assert_eq!(portal.dispatcher.database.texts("SELECT network FROM portal_event").await, ["127.0.0.0/24"]);

    // A second link comes into the same session.
    browser.open(&other).await;
    assert!(sees(&mut browser, &invoice).await && sees(&mut browser, &other).await);
    let sessions = "SELECT COUNT(DISTINCT session) FROM portal_session";
    assert_eq!(portal.dispatcher.database.number(sessions).await, 1);

    // Signs behind a copied link are forgiven, other tokens are not.
    for (behind, status) in [(".", 303), (")", 303), ("%3E", 303), (">).", 303), ("x", 404), ("%00", 404), ("%FF", 404)]
    {
        let answer = portal.browser().post(&format!("/i/{}{behind}", invoice.token), &[]).await;
        assert_eq!(answer.status, status, "{behind}");
    }
    for unknown in ["x", "../close", &"A".repeat(43), &"A".repeat(10_000)] {
        let answer = portal.browser().get(&format!("/i/{unknown}")).await;
        assert!([404, 414].contains(&answer.status.as_u16()), "{unknown}: {}", answer.status);
        assert_eq!(answer.header("set-cookie"), "");
    }

    // A revoked link opens nothing more, and ends what it opened; so does time.
    let root = portal.literal(invoice.root);
    let revoke = format!("UPDATE portal_link SET revoked_at = 1 WHERE root_id = {root}");
    assert_eq!(portal.dispatcher.database.execute(revoke).await, 1);
    assert!(!sees(&mut browser, &invoice).await && sees(&mut browser, &other).await);
    assert_eq!(portal.browser().open(&invoice).await.status, StatusCode::GONE);
    portal.dispatcher.database.execute("UPDATE portal_link SET expires_at = 0 WHERE revoked_at IS NULL").await;
    assert!(!sees(&mut browser, &other).await);
    assert_eq!(portal.browser().get(&format!("/i/{}", other.token)).await.status, StatusCode::GONE);
    portal.end().await;
}

async fn sessions_end_in_time(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let clock = portal.dispatcher.database.clock.clone();
    let minutes = |count: u64| clock.advance(Duration::from_mins(count));
    // Without a request for half an hour.
    let mut browser = portal.opened(&invoice).await;
    minutes(29);
    assert!(sees(&mut browser, &invoice).await);
    minutes(29);
    assert!(sees(&mut browser, &invoice).await, "the request before counts");
    minutes(31);
    assert!(!sees(&mut browser, &invoice).await);
    // And at the latest after 12 hours, however often it is used and its id is changed.
    let mut browser = portal.opened(&invoice).await;
    for n in 0..47 {
        minutes(15);
        assert!(sees(&mut browser, &invoice).await, "after {n} quarters");
        if n % 10 == 0 {
            browser.open(&invoice).await;
        }
    }
    minutes(16);
    assert!(!sees(&mut browser, &invoice).await);
    // What ended is deleted a day later.
    let store = &portal.dispatcher.database.store;
    clock.advance(Duration::from_hours(24));
    assert!(store.purge_portal_sessions(clock.now().minus(Duration::from_hours(24)), 1000).await.expect("purged") > 0);
    assert_eq!(portal.dispatcher.database.number("SELECT COUNT(*) FROM portal_session_link").await, 0);
    portal.end().await;
}

async fn an_older_id_keeps_its_older_rights_for_a_moment(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let (invoice, other) = (portal.send_invoice("1", "C-2").await, portal.send_invoice("2", "C-2").await);
    let mut browser = portal.opened(&invoice).await;
    let mut older = browser.clone();
    browser.open(&other).await;
    assert_ne!(browser.cookie, older.cookie, "more rights, another id");
    assert!(sees(&mut older, &invoice).await, "a page that was being loaded");
    assert!(!sees(&mut older, &other).await, "whoever knew the id before has none of the new rights");
    // Also by another opening it does not come to them.
    let mut third = older.clone();
    third.open(&invoice).await;
    assert!(!sees(&mut third, &other).await);
    portal.dispatcher.database.clock.advance(Duration::from_secs(31));
    assert!(!sees(&mut older, &invoice).await && sees(&mut browser, &other).await);

    // An id that an attacker made and planted is none: opening gives another.
    let planted = SessionId::random().to_cookie();
    let mut victim = portal.browser();
    victim.cookie = Some(planted.clone());
    victim.open(&invoice).await;
    let mut attacker = portal.browser();
    attacker.cookie = Some(planted);
    assert!(sees(&mut victim, &invoice).await && !sees(&mut attacker, &invoice).await);
    // Nor does an attacker's own session, planted into the victim's browser.
    let attackers = portal.opened(&invoice).await;
    let mut victim = attackers.clone();
    victim.open(&other).await;
    assert!(!sees(&mut attackers.clone(), &other).await && sees(&mut victim, &other).await);
    portal.end().await;
}

async fn a_closed_session_is_over_everywhere(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let mut browser = portal.opened(&invoice).await;
    let mut older = browser.clone();
    browser.open(&invoice).await;
    for wrong in ["", "x", &"A".repeat(43)] {
        assert_eq!(browser.post("/close", &[("csrf", wrong)]).await.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    assert!(sees(&mut browser, &invoice).await);
    let session = portal.dispatcher.database.store.portal_session(browser.session_id().sha256()).await;
    let session = session.expect("answered").expect("a session");
    let tokens = invoice_dispatcher::web::FormTokens::of(&portal.dispatcher.app.secret_keys);
    let closed = browser.post("/close", &[("csrf", &tokens.token(session))]).await;
    assert_eq!(closed.status, StatusCode::OK);
    assert_eq!(browser.cookie, None, "{closed:?}");
    assert!(!sees(&mut older, &invoice).await);
    assert_eq!(portal.dispatcher.database.number("SELECT COUNT(*) FROM portal_session_link").await, 0);
    assert_eq!(browser.post("/close", &[]).await.status, StatusCode::OK, "once more does no harm");
    portal.end().await;
}

async fn forms_of_other_sites_are_refused(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let ours = portal.dispatcher.app.config.portal.url.origin().to_owned();
    let cases: [(&[(&str, &str)], u16); 7] = [
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site"), ("origin", &ours)], 403),
        (&[("sec-fetch-site", "none")], 403),
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[], 403),
        (&[("origin", &ours)], 303),
    ];
    for path in [format!("/i/{}", invoice.token), "/close".to_owned()] {
        for (headers, status) in cases {
            let mut request = portal.served.client.post(format!("{}{path}", portal.served.base));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = answer(request).await;
            let expected = if path == "/close" && status == 303 { 200 } else { status };
            assert_eq!(answer.status, expected, "{path} {headers:?}");
            assert!(status != 403 || answer.header("set-cookie").is_empty(), "{path} {headers:?}");
        }
    }
    portal.end().await;
}

async fn an_erased_customer_leaves_no_session(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let (invoice, other) = (portal.send_invoice("1", "C-2").await, portal.send_invoice("2", "C-1").await);
    let (mut browser, mut others) = (portal.opened(&invoice).await, portal.opened(&other).await);
    let mut verified = portal.opened(&other).await;
    portal.verify(&mut verified, "C-2").await;
    let store = &portal.dispatcher.database.store;
    let erased = store.erase_customer(&"acme".into(), &"C-2".into(), &actor("ada")).await.expect("answered");
    assert!(matches!(erased, Erased::Done { deliveries: 1, .. }), "{erased:?}");
    assert!(!sees(&mut browser, &invoice).await && !sees(&mut verified, &other).await);
    assert!(sees(&mut others, &other).await, "another customer's session goes on");
    for (table, left) in [("portal_session", 1), ("portal_session_customer", 0), ("portal_event", 1)] {
        assert_eq!(portal.dispatcher.database.number(format!("SELECT COUNT(*) FROM {table}")).await, left, "{table}");
    }
    // Networks are deleted before the rest.
    let now = portal.dispatcher.database.clock.now();
    let later = now.plus(Duration::from_secs(1));
    assert_eq!(store.purge_portal_event_networks(now, 1000).await.expect("answered"), 0);
    assert_eq!(store.purge_portal_event_networks(later, 1000).await.expect("answered"), 1);
    assert_eq!(store.purge_portal_session_networks(later, 1000).await.expect("answered"), 1);
    portal.end().await;
}

async fn an_opening_is_recorded_once_in_ten_minutes(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let (invoice, other) = (portal.send_invoice("1", "C-2").await, portal.send_invoice("2", "C-2").await);
    let database = &portal.dispatcher.database;
    let opened = "SELECT COUNT(*) FROM portal_event WHERE kind = 'opened'";
    for _ in 0..3 {
        portal.opened(&invoice).await;
    }
    assert_eq!(database.number(opened).await, 1, "by the same network");
    portal.opened(&other).await;
    assert_eq!(database.number(opened).await, 2, "another link");
    database.clock.advance(Duration::from_mins(11));
    portal.opened(&invoice).await;
    assert_eq!(database.number(opened).await, 3, "after a while");
    portal.end().await;
}

/// Waits until so many statements wait for each other. On SQLite that cannot be seen: there one writer comes after the other.
async fn until_statements_wait(database: &TestDatabase, count: i64) {
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    if !database.store.is_single_process() {
        until("statements wait for locks", async || database.number(waiting).await >= count).await;
    }
}

/// Holds up whoever writes into this table after it has read.
fn hold_up(database: &TestDatabase, table: &str) -> String {
    if database.store.is_single_process() {
        "DELETE FROM portal_code WHERE expires_at < 0".to_owned()
    } else {
        format!("LOCK TABLE {table} IN EXCLUSIVE MODE")
    }
}

async fn a_session_that_is_closed_while_it_gets_another_id_is_over(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let (invoice, other) = (portal.send_invoice("1", "C-2").await, portal.send_invoice("2", "C-2").await);
    let browser = portal.opened(&invoice).await;
    let (database, old) = (&portal.dispatcher.database, browser.session_id().sha256());
    let store = &database.store;
    let session = store.portal_session(old).await.expect("answered").expect("a session");

    // The other link is opened in it: its new id is written, and not committed.
    let held = database.begin(hold_up(database, "portal_event")).await;
    let opening = NewPortalOpening {
        old: Some(old),
        new: SessionId::random().sha256(),
        root: other.root,
        generation: 0,
        network: None,
    };
    let opened = tokio::spawn({
        let (store, opening) = (store.clone(), opening.clone());
        async move { store.open_portal_link(&opening).await }
    });
    until_statements_wait(database, 1).await;
    let closed = tokio::spawn({
        let store = store.clone();
        async move { store.close_portal_session(session).await }
    });
    until_statements_wait(database, 2).await;
    held.commit().await;
    opened.await.expect("no panic").expect("answered");
    closed.await.expect("no panic").expect("answered");

    assert_eq!(store.portal_session(old).await.expect("answered"), None);
    let goes_on = store.portal_session(opening.new).await.expect("answered");
    if store.is_single_process() {
        assert_ne!(goes_on, Some(session), "whoever came second began another session");
    } else {
        assert_eq!(goes_on, None, "the visitor has pressed Close");
    }
    portal.end().await;
}

async fn a_customer_who_is_erased_while_a_visitor_is_verified_leaves_no_session(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = portal.send_invoice("1", "C-2").await;
    let mut browser = portal.opened(&invoice).await;
    let database = &portal.dispatcher.database;
    let old = browser.session_id().sha256();
    let new = SessionId::random();

    // The answer was right: the session's new id is written, and not committed.
    let held = database.begin(hold_up(database, "portal_session_customer")).await;
    let verified = tokio::spawn({
        let (store, new) = (database.store.clone(), new.sha256());
        let verification = NewVerification {
            tenant: "acme".into(),
            customer: "C-2".into(),
            method: VerificationMethod::PostcodeHouseNumber,
            record_hmac: [0; 32],
        };
        async move { store.raise_portal_session(old, new, &verification).await }
    });
    until_statements_wait(database, 1).await;
    let erased = tokio::spawn({
        let store = database.store.clone();
        async move { store.erase_customer(&"acme".into(), &"C-2".into(), &actor("ada")).await }
    });
    until_statements_wait(database, 2).await;
    held.commit().await;
    verified.await.expect("no panic").expect("answered");
    let erased = erased.await.expect("no panic").expect("answered");
    assert!(matches!(erased, Erased::Done { deliveries: 1, .. }), "{erased:?}");

    for table in ["portal_session", "portal_session_link", "portal_session_customer", "portal_event"] {
        assert_eq!(database.number(format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    browser.cookie = Some(new.to_cookie());
    assert!(!sees(&mut browser, &invoice).await);
    portal.end().await;
}

//! Somebody searches, reads on, and takes the list home: in pages, whatever is typed, and written down.

use std::time::Duration;

use invoice_dispatcher::model::access::{Role, TenantScope};
use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::settings::PortalLevel;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::support::{Browser, PageAnswer, TestConsole, answer};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, customer, event};

on_both_databases!(
    each_invoice_stands_on_one_page,
    a_page_without_rows_goes_on,
    what_is_no_cursor_is_refused_in_words,
    whatever_is_typed_is_answered,
    a_file_has_every_page_and_stands_in_the_audit_log,
    whoever_reads_the_audit_log_stands_in_it,
    the_audit_log_names_actions_in_the_readers_language,
    the_audit_log_names_what_was_changed_in_the_readers_language,
);

/// Invoices of one customer: two pages and a bit.
const INVOICES: usize = 120;

fn numbered(id: usize, number: &str) -> Value {
    let mut event = event(&id.to_string());
    event["data"]["invoice"]["number"] = number.into();
    event
}

async fn console(database: TestDatabase, role: Role) -> (TestConsole, Support, Browser) {
    let support = Support::with_acme(database.clone()).await;
    let console = TestConsole::start(database).await;
    let browser = console.person("support@acme.example", role).await.1;
    (console, support, browser)
}

async fn fill(support: &Support) {
    for n in 0..INVOICES {
        support.database.clock.advance(Duration::from_secs(1));
        support.accept(&numbered(n, &format!("R-2026-{n:04}"))).await;
    }
}

/// Which of the numbers a page has.
fn numbers(page: &PageAnswer) -> Vec<usize> {
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    (0..INVOICES).filter(|n| page.text.contains(&format!("<bdi>R-2026-{n:04}</bdi>"))).collect()
}

/// Where the page says that the list goes on.
fn next(page: &PageAnswer) -> Option<String> {
    let (_, rest) = page.text.split_once("<p class=\"next\">")?;
    let path = rest.split("href=\"").nth(1)?.split('"').next()?;
    Some(path.replace("&#38;", "&").replace("&amp;", "&"))
}

async fn each_invoice_stands_on_one_page(database: TestDatabase) {
    let (_console, support, mut browser) = console(database, Role::Support).await;
    fill(&support).await;
    for (path, is_newest_first) in [("/search?q=r-2026", false), ("/search?q=c-1", true)] {
        let first = browser.get(path).await;
        let (mut seen, mut on) = (numbers(&first), next(&first));
        // The one that came in late is on the newest page, too.
        assert_eq!(seen.len(), if is_newest_first { 49 } else { 50 }, "{path}");
        assert_eq!(seen.contains(&0), !is_newest_first, "{path}");
        // What comes in meanwhile moves nothing.
        let late = if is_newest_first { "R-2026-9999" } else { "R-2026--001" };
        support.database.clock.advance(Duration::from_secs(1));
        support.accept(&numbered(if is_newest_first { 9_999 } else { 9_998 }, late)).await;
        while let Some(path) = on {
            let page = browser.get(&path).await;
            assert!(!page.text.contains(late), "{path}");
            seen.extend(numbers(&page));
            on = next(&page);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..INVOICES).collect::<Vec<_>>(), "{path}");
    }
}

async fn a_page_without_rows_goes_on(database: TestDatabase) {
    let (_console, support, mut browser) = console(database, Role::Support).await;
    let first = numbered(0, "R-2026-0000");
    support.accept(&first).await;
    support.publish_again(&first, 600).await;
    support.accept(&numbered(1, "R-2026-0001")).await;
    let mut page = browser.get("/search?q=r-2026").await;
    let (mut seen, mut without_rows) = (numbers(&page), 0);
    while let Some(path) = next(&page) {
        page = browser.get(&path).await;
        let shown = numbers(&page);
        assert!(!page.text.contains("Nothing found"), "{page:?}");
        without_rows += usize::from(shown.is_empty());
        seen.extend(shown);
    }
    assert_eq!(seen, [0, 1]);
    assert!(without_rows > 0, "the first invoice has more deliveries than a page reads");
}

async fn what_is_no_cursor_is_refused_in_words(database: TestDatabase) {
    let (_console, support, mut browser) = console(database, Role::Admin).await;
    support.accept(&event("1")).await;
    for path in ["/search?q=r&", "/?", "/customers/acme/C-1?", "/audit?"] {
        for cursor in ["50", "x", "%00", "5.7", "e30", "%27%3B--"] {
            let page = browser.get(&format!("{path}after={cursor}")).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{path} {cursor}: {page:?}");
            assert!(page.text.contains("where the previous page ended"), "{path} {cursor}: {page:?}");
        }
        assert_eq!(
            browser.get(&format!("{path}after=")).await.status,
            StatusCode::OK,
            "{path}: none is the first page"
        );
    }
}

async fn whatever_is_typed_is_answered(database: TestDatabase) {
    let (_console, support, mut browser) = console(database, Role::Admin).await;
    support.accept(&event("1")).await;
    for text in [
        "x".repeat(10_000),
        "%".repeat(10_000),
        "ü ".repeat(3_000),
        "\0".to_owned(),
        "R\0-1".to_owned(),
        "%_\\".to_owned(),
        "'\"; DROP TABLE delivery; --".to_owned(),
        "<script>alert(1)</script>".to_owned(),
        "\u{202e}\u{10ffff}\u{1f980}\r\n\t".to_owned(),
    ] {
        let shown: String = text.chars().take(20).collect();
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", &text).finish();
        for path in ["/search", "/search.csv"] {
            let answer = browser.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} {shown:?}: {answer:?}");
            assert!(!answer.text.contains("<script>alert"), "{path} {shown:?}");
        }
    }
    // Bytes that are no text.
    assert_eq!(browser.get("/search?q=%ff%fe").await.status, StatusCode::OK);
    // What no tenant, customer or number is called is not there.
    for path in [
        "/?tenant=%00",
        "/tenants?after=%00",
        "/tenants/%00",
        "/customers/acme/%00",
        "/customers/%00/C-1",
        "/invoices?tenant=%00&number=R-1",
        "/invoices?tenant=acme&number=%00",
        "/audit?who=%00",
        "/audit?about=%00",
    ] {
        let page = browser.get(path).await;
        assert!(page.status.is_client_error() || page.status.is_success(), "{path}: {page:?}");
    }
}

async fn a_file_has_every_page_and_stands_in_the_audit_log(database: TestDatabase) {
    let (console, support, mut browser) = console(database, Role::Support).await;
    fill(&support).await;
    for (n, number) in ["=1+1", "+49 1", "-2+3", "@SUM(A1)"].into_iter().enumerate() {
        support.accept(&numbered(INVOICES + n, number)).await;
    }
    let file = browser.get("/search.csv?q=r-2026").await;
    assert_eq!(file.status, StatusCode::OK, "{file:?}");
    assert_eq!(file.text.lines().count(), INVOICES + 1, "one row each, and the columns");
    let everything = browser.get("/search.csv?q=c-1").await.text;
    for number in ["=1+1", "+49 1", "-2+3", "@SUM(A1)"] {
        assert!(everything.contains(&format!("\"'{number}\"")), "{number} is no formula: {everything}");
    }
    assert!(!everything.contains("ap@customer.example"), "it is masked");
    let entries = "SELECT COUNT(*) FROM audit_entry WHERE action = 'list_exported'";
    assert_eq!(console.database.number(entries).await, 2);
    let changes = "SELECT audit_detail.change FROM audit_entry
                   JOIN audit_detail ON audit_detail.sequence = audit_entry.sequence
                   WHERE audit_entry.action = 'list_exported' ORDER BY audit_entry.sequence";
    let first: Value = serde_json::from_str(&console.database.texts(changes).await[0]).expect("JSON");
    assert_eq!((&first["query"], &first["rows"], &first["more"]), (&"r-2026".into(), &INVOICES.into(), &false.into()));
}

/// The row of a look at the audit log.
const LOOK: &str = "<strong>Audit log viewed</strong>";

async fn whoever_reads_the_audit_log_stands_in_it(database: TestDatabase) {
    let (console, support, mut browser) = console(database, Role::Admin).await;
    for n in 0..60 {
        let renamed = Customer { name: format!("Käufer {n}"), ..customer("C-1") };
        support.database.store.upsert_customer(&renamed, &actor("billing")).await.expect("answered");
    }
    let first = browser.get("/audit").await;
    assert!(!first.text.contains(LOOK), "the page that is looked at does not hold the look: {first:?}");
    let second = next(&first).expect("there are two pages");
    assert_eq!(browser.get(&second).await.status, StatusCode::OK);
    for nothing in ["/audit?who=nobody", "/audit?since=yesterday", "/audit?action=made_tea"] {
        assert_eq!(browser.get(nothing).await.status, StatusCode::OK, "{nothing}");
    }
    assert_eq!(browser.get("/audit?about=C-1").await.status, StatusCode::OK);
    let mut other = console.person("other@acme.example", Role::Admin).await.1;
    assert!(other.get("/audit").await.text.contains(LOOK), "the looks before it are there");
    let looks = "SELECT audit_detail.name FROM audit_entry
                 JOIN audit_detail ON audit_detail.sequence = audit_entry.sequence
                 WHERE audit_entry.action = 'audit_viewed' ORDER BY audit_entry.sequence";
    let who = ["support@acme.example", "support@acme.example", "other@acme.example"];
    assert_eq!(console.database.texts(looks).await, who, "the following pages of a search are one look with it");
    let sought = "SELECT change FROM audit_detail WHERE change LIKE '%\"subject\":\"C-1\"%'";
    assert_eq!(console.database.texts(sought).await.len(), 1, "with what was searched for");
}

async fn the_audit_log_names_actions_in_the_readers_language(database: TestDatabase) {
    let (_console, _support, mut browser) = console(database, Role::Admin).await;
    assert_eq!(browser.get("/audit").await.status, StatusCode::OK);
    for (language, name) in [
        ("de", "Audit-Protokoll angesehen"),
        ("en", "Audit log viewed"),
        ("nl", "Auditlog bekeken"),
        ("fr", "Journal d’audit consulté"),
    ] {
        let asked = browser.request(Method::GET, "/audit?action=audit_viewed").header("accept-language", language);
        let page = browser.send(asked).await;
        assert!(page.text.contains(&format!("<strong>{name}</strong>")), "{language}: {page:?}");
        let choice = format!("<option value=\"audit_viewed\" selected>{name}</option>");
        assert!(page.text.contains(&choice), "the form keeps the stable name: {language}: {page:?}");
    }
    let file = browser.get("/audit.csv?action=audit_viewed").await.text;
    assert!(file.contains("audit_viewed") && !file.contains("Audit log viewed"), "so does the file: {file}");
}

async fn the_audit_log_names_what_was_changed_in_the_readers_language(database: TestDatabase) {
    let (_console, support, browser) = console(database, Role::Admin).await;
    let (store, acme) = (&support.database.store, TenantId::from("acme"));
    let mut settings = store.settings(&acme, &TenantScope::All).await.expect("answered").expect("it is known").settings;
    settings.portal_authentication.level = PortalLevel::Inaccessible;
    store.put_settings(&acme, &settings, None, None, &actor("ada")).await.expect("answered");
    for (language, level) in [
        ("de", "Prüfung im Portal"),
        ("en", "Verification in the portal"),
        ("nl", "Verificatie in het portaal"),
        ("fr", "Vérification dans le portail"),
    ] {
        let asked = browser.request(Method::GET, "/audit?action=settings_changed").header("accept-language", language);
        let page = answer(asked).await;
        assert!(page.text.contains(&format!("<bdi>{level}</bdi>: <del><bdi>sensitive</bdi>")), "{language}: {page:?}");
        assert!(!page.text.contains("portal_authentication"), "{language}: {page:?}");
    }
}

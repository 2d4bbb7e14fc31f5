//! Documents are shown by what holds at the moment of each request: level × type × verified, on every route that yields
//! bytes.

use std::time::Duration;

use invoice_dispatcher::model::customer::CustomerType;
use invoice_dispatcher::model::settings::{PortalLevel, VerificationMethod};
use reqwest::StatusCode;
use serde_json::{Value, json};
use strum::VariantArray as _;

use super::support::{Browser, SentInvoice, TestPortal};
use crate::harness::database::{TestDatabase, on_both_databases};

const PDF: &[u8] = b"%PDF-1.7 the invoice for people";
const XML: &[u8] = b"<Invoice>for machines</Invoice>";
const CSV: &[u8] = b"position;amount\n1;1190.00\n";
/// Every route that yields bytes of documents, and what it yields.
const ROUTES: [(&str, &[u8]); 6] = [
    ("/documents/1", PDF),
    ("/documents/1?download=1", PDF),
    ("/documents/2", XML),
    ("/documents/3", CSV),
    ("/documents/3?download=1", CSV),
    ("/documents.zip", b"PK\x03\x04"),
];

on_both_databases!(
    the_table_of_levels_holds_on_every_route,
    what_changes_between_page_and_download_counts,
    a_verification_ends_in_time,
    a_verified_customer_finds_the_other_invoices,
    no_more_than_two_hundred_invoices_are_listed_of_all_customers_together,
);

/// An event with a PDF, an XML and an attachment.
fn event(portal: &TestPortal, id: &str, customer: &str) -> Value {
    let dispatcher = &portal.dispatcher;
    let mut event = dispatcher.event(id, customer);
    let document = |extension: &str, role: &str, media_type: &str, bytes: &[u8]| {
        let mut document = dispatcher.add_document(&format!("acme/{id}.{extension}"), bytes);
        document["role"] = json!(role);
        document["name"] = json!(format!("Beleg.{extension}"));
        document["media_type"] = json!(media_type);
        document
    };
    event["data"]["documents"] = json!([
        document("pdf", "invoice_pdf", "application/pdf", PDF),
        document("xml", "invoice_xml", "application/xml", XML),
        document("csv", "attachment", "text/csv", CSV),
    ]);
    event
}

async fn send(portal: &TestPortal, id: &str, customer: &str) -> SentInvoice {
    portal.send(&event(portal, id, customer)).await
}

/// What the table of levels says: whether the invoice page, and whether documents are shown.
fn expected(level: PortalLevel, kind: Option<CustomerType>, verified: bool) -> (bool, bool) {
    let business = kind == Some(CustomerType::Business);
    match level {
        PortalLevel::EveryPage => (verified, verified),
        PortalLevel::Sensitive => (true, verified),
        PortalLevel::SensitiveForPrivate => (true, business || verified),
        PortalLevel::Inaccessible => (true, false),
        PortalLevel::NotRequired => (true, true),
    }
}

/// Asks for every route that yields bytes; each must yield its bytes, or none of any document.
async fn assert_documents(browser: &mut Browser, invoice: &SentInvoice, shown: bool, what: &str) {
    for (route, bytes) in ROUTES {
        let answer = browser.get(&format!("{}{route}", invoice.page())).await;
        if shown {
            assert_eq!(answer.status, StatusCode::OK, "{what} {route}: {}", answer.text());
            assert!(answer.bytes.starts_with(bytes), "{what} {route}");
            assert_eq!(answer.header("content-length"), answer.bytes.len().to_string(), "{what} {route}");
        } else {
            assert!([303, 403, 503].contains(&answer.status.as_u16()), "{what} {route}: {}", answer.status);
            for secret in [PDF, XML, CSV, b"PK\x03\x04", b"Beleg"] {
                let found = answer.bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!found, "{what} {route}: {}", answer.text());
            }
        }
        assert_eq!(answer.header("cache-control"), "private, no-store", "{what} {route}");
        assert!(answer.header("x-robots-tag").contains("noindex"), "{what} {route}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what} {route}");
    }
}

async fn set_level(portal: &TestPortal, level: PortalLevel) {
    portal.dispatcher.set_settings("acme", &format!("portal_level = '{level}'")).await;
}

async fn set_customer(portal: &TestPortal, changes: &str) {
    let set = format!("UPDATE customer SET {changes} WHERE tenant_id = 'acme' AND id = 'C-2'");
    assert_eq!(portal.dispatcher.database.execute(set).await, 1);
}

async fn the_table_of_levels_holds_on_every_route(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = send(&portal, "1", "C-2").await;
    let other = send(&portal, "2", "C-1").await;
    for level in PortalLevel::VARIANTS {
        set_level(&portal, *level).await;
        for kind in [None, Some(CustomerType::Private), Some(CustomerType::Business)] {
            let column = kind.map_or("NULL".to_owned(), |kind| format!("'{kind}'"));
            set_customer(&portal, &format!("type = {column}")).await;
            for verified in [false, true] {
                let what = format!("{level} {kind:?}, verified: {verified}");
                let mut browser = portal.opened(&invoice).await;
                if verified {
                    portal.verify(&mut browser, "C-2").await;
                }
                let (invoice_shown, documents_shown) = expected(*level, kind, verified);
                assert_documents(&mut browser, &invoice, documents_shown, &what).await;
                let page = browser.get(&invoice.page()).await;
                if invoice_shown {
                    assert_eq!(page.status, StatusCode::OK, "{what}");
                    assert!(page.text().contains("R-1"), "{what}");
                    assert_eq!(
                        page.text().contains("Beleg"),
                        documents_shown,
                        "{what}: names are shown with documents"
                    );
                } else {
                    assert_eq!(page.status, StatusCode::SEE_OTHER, "{what}");
                    assert!(
                        !page.text().contains("R-1") && page.header("location").ends_with("/verification"),
                        "{what}"
                    );
                }
                // Of another invoice, also of a customer that the session is not verified as, nothing; nor without a session.
                for mut stranger in [browser, portal.browser()] {
                    assert_documents(&mut stranger, &other, false, &what).await;
                }
            }
        }
    }
    portal.end().await;
}

async fn what_changes_between_page_and_download_counts(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = send(&portal, "1", "C-2").await;
    let mut browser = portal.opened(&invoice).await;
    portal.verify(&mut browser, "C-2").await;
    let shows = async |browser: &mut Browser, shown: bool, what: &str| {
        assert_documents(browser, &invoice, shown, what).await;
    };
    shows(&mut browser, true, "verified").await;

    // The record that it was proven against.
    for (there, back) in [
        ("postcode = '01069'", "postcode = '01067'"),
        ("house_number = '13'", "house_number = '12a'"),
        ("postcode = NULL", "postcode = '01067'"),
        ("mobile = '+4915112345678'", "mobile = NULL"),
    ] {
        set_customer(&portal, there).await;
        shows(&mut browser, false, there).await;
        set_customer(&portal, back).await;
        shows(&mut browser, true, back).await;
    }
    // The settings: closed, another method only, and back.
    set_level(&portal, PortalLevel::Inaccessible).await;
    shows(&mut browser, false, "inaccessible").await;
    set_level(&portal, PortalLevel::EveryPage).await;
    shows(&mut browser, true, "every page, and it is verified").await;
    portal.dispatcher.set_settings("acme", "portal_primary = 'sms_otp'").await;
    shows(&mut browser, false, "its method is not among those of today").await;
    portal.dispatcher.set_settings("acme", "portal_secondary = 'postcode_house_number'").await;
    shows(&mut browser, true, "it is the second of today").await;
    portal.dispatcher.set_settings("acme", "portal_secondary = NULL, portal_primary = 'postcode_house_number'").await;

    // A verification by a method that this customer cannot use now: no mobile number, no provider.
    let mut by_sms = portal.opened(&invoice).await;
    portal.verify_by(&mut by_sms, "C-2", VerificationMethod::SmsOtp).await;
    portal.dispatcher.set_settings("acme", "portal_secondary = 'sms_otp'").await;
    shows(&mut by_sms, false, "by SMS").await;

    // The type.
    set_level(&portal, PortalLevel::SensitiveForPrivate).await;
    set_customer(&portal, "type = 'business'").await;
    let mut by_link = portal.opened(&invoice).await;
    shows(&mut by_link, true, "business, by link").await;
    set_customer(&portal, "type = 'private'").await;
    shows(&mut by_link, false, "it is a private one").await;
    set_customer(&portal, "type = NULL").await;
    shows(&mut by_link, false, "unknown counts as private").await;

    // The link.
    set_level(&portal, PortalLevel::NotRequired).await;
    shows(&mut by_link, true, "not required").await;
    let root = portal.literal(invoice.root);
    for (there, back) in [("revoked_at = 1", "revoked_at = NULL"), ("expires_at = 1", "expires_at = 9000000000000")] {
        let set = |change: &str| format!("UPDATE portal_link SET {change} WHERE root_id = {root}");
        portal.dispatcher.database.execute(set(there)).await;
        shows(&mut by_link, false, there).await;
        shows(&mut browser, false, there).await;
        portal.dispatcher.database.execute(set(back)).await;
        shows(&mut by_link, true, back).await;
    }
    // A later token of the same delivery does not bring back what an earlier one opened.
    let next = format!(
        "UPDATE portal_link SET revoked_at = 1 WHERE root_id = {root};
         INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at)
             SELECT root_id, 1, {}, key_fingerprint, expires_at FROM portal_link WHERE root_id = {root};
         UPDATE delivery SET link_generation = 1 WHERE id = {root}",
        if portal.dispatcher.database.store.is_single_process() {
            "zeroblob(32)"
        } else {
            "decode(repeat('00', 32), 'hex')"
        }
    );
    portal.dispatcher.database.execute(next).await;
    shows(&mut by_link, false, "its token was revoked").await;
    portal.dispatcher.database.execute("UPDATE portal_session_link SET generation = 1").await;
    shows(&mut by_link, true, "opened by the later token").await;
    set_level(&portal, PortalLevel::Sensitive).await;
    shows(&mut browser, true, "verified").await;
    // The customer's record is gone altogether.
    portal.dispatcher.database.execute("DELETE FROM customer WHERE tenant_id = 'acme' AND id = 'C-2'").await;
    shows(&mut browser, false, "without a record").await;
    // And the event's bytes.
    set_level(&portal, PortalLevel::NotRequired).await;
    shows(&mut by_link, true, "not required").await;
    portal.dispatcher.database.execute("UPDATE event SET body = NULL").await;
    shows(&mut by_link, false, "forgotten").await;
    assert!(by_link.get(&invoice.page()).await.text().contains("hilfe@acme.example"), "whom to ask");
    portal.end().await;
}

async fn a_verification_ends_in_time(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let invoice = send(&portal, "1", "C-2").await;
    let clock = portal.dispatcher.database.clock.clone();
    let minutes = |count: u64| clock.advance(Duration::from_mins(count));
    let mut browser = portal.opened(&invoice).await;
    portal.verify(&mut browser, "C-2").await;
    minutes(14);
    assert_documents(&mut browser, &invoice, true, "after 14 minutes").await;
    minutes(16);
    assert_documents(&mut browser, &invoice, false, "after 16 minutes without use").await;
    assert_eq!(browser.get(&invoice.page()).await.status, StatusCode::OK, "the link is still open");
    portal.verify(&mut browser, "C-2").await;
    for n in 1..=5 {
        minutes(11);
        assert_documents(&mut browser, &invoice, true, &format!("after {n} times 11 minutes")).await;
    }
    minutes(6);
    assert_documents(&mut browser, &invoice, false, "after an hour").await;
    portal.end().await;
}

async fn a_verified_customer_finds_the_other_invoices(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let opened = send(&portal, "1", "C-2").await;
    let second = send(&portal, "2", "C-2").await;
    let foreign = send(&portal, "3", "C-1").await;
    let revoked = send(&portal, "4", "C-2").await;
    // The same invoice once more, as a resend sends it: its newest email counts.
    let mut again = event(&portal, "1-again", "C-2");
    (again["data"]["invoice"]["id"], again["data"]["invoice"]["number"]) = (json!("inv-1"), json!("R-1"));
    // With another document, else it would be a duplicate.
    let corrected = portal.dispatcher.add_document("acme/1-corrected.pdf", &[PDF, b", corrected"].concat());
    again["data"]["documents"][0] = corrected;
    let newest = portal.send(&again).await;
    assert_ne!(newest.root, opened.root);
    let root = portal.literal(revoked.root);
    portal.dispatcher.database.execute(format!("UPDATE portal_link SET revoked_at = 1 WHERE root_id = {root}")).await;

    let mut browser = portal.opened(&opened).await;
    assert_eq!(browser.get("/invoices").await.status, StatusCode::FORBIDDEN, "not before verification");
    assert_documents(&mut browser, &second, false, "before verification").await;
    portal.verify(&mut browser, "C-2").await;
    let list = browser.get("/invoices").await;
    assert_eq!(list.status, StatusCode::OK);
    let text = list.text();
    let listed = |invoice: &SentInvoice| text.contains(&invoice.page());
    assert!(listed(&newest) && listed(&second), "{text}");
    assert!(!listed(&opened) && !listed(&foreign) && !listed(&revoked), "{text}");
    for (invoice, shown) in [(&second, true), (&newest, true), (&opened, true), (&foreign, false), (&revoked, false)] {
        assert_documents(&mut browser, invoice, shown, &invoice.page()).await;
    }
    // What was not sent is not listed, whatever it became of.
    for end in ["cancelled", "dead", "expired", "rejected", "uncertain"] {
        let root = portal.literal(second.root);
        portal
            .dispatcher
            .database
            .execute(format!("UPDATE delivery SET concluded = '{end}', class = 'by_hand' WHERE id = {root}"))
            .await;
        assert!(!browser.get("/invoices").await.text().contains(&second.page()), "{end}");
        assert_documents(&mut browser, &second, false, end).await;
    }
    // Where nobody is verified there is no list, and a link opens its own invoice alone.
    for level in [PortalLevel::NotRequired, PortalLevel::Inaccessible] {
        set_level(&portal, level).await;
        assert_eq!(browser.get("/invoices").await.status, StatusCode::FORBIDDEN, "{level}");
        assert_documents(&mut browser, &newest, false, &level.to_string()).await;
    }
    set_level(&portal, PortalLevel::SensitiveForPrivate).await;
    assert_eq!(browser.get("/invoices").await.status, StatusCode::OK);
    set_customer(&portal, "type = 'business'").await;
    assert_eq!(browser.get("/invoices").await.status, StatusCode::FORBIDDEN);
    portal.end().await;
}

/// Makes `count` sent invoices more of the only one that `customer` has, each a second newer than the one before, from
/// `begin` on.
async fn multiply(portal: &TestPortal, customer: &str, count: usize, begin: i64) {
    let database = &portal.dispatcher.database;
    let (columns, id, token) = if database.store.is_single_process() {
        (
            "SELECT name FROM pragma_table_info('delivery')",
            format!("CAST(printf('{customer}_%012d', n) AS BLOB)"),
            format!("CAST(printf('{customer}_%028d', n) AS BLOB)"),
        )
    } else {
        (
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = 'delivery' AND is_generated = 'NEVER'",
            format!("CAST(MD5('{customer}' || n) AS UUID)"),
            format!("DECODE(MD5('{customer}' || n) || MD5('{customer}' || n), 'hex')"),
        )
    };
    let columns: Vec<String> = database.texts(columns).await;
    let value = |column: &String| match column.as_str() {
        "id" | "root_id" | "main_id" => id.clone(),
        "invoice_id" | "invoice_number" => format!("{column} || '-' || n"),
        "created_at" | "message_date" => format!("{begin} + 1000 * n"),
        other => other.to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let numbers = format!("WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < {count})");
    let model = format!("(SELECT * FROM delivery WHERE customer_id = '{customer}' AND role = 'main') AS model");
    database
        .execute(format!(
            "INSERT INTO delivery ({}) {numbers} SELECT {} FROM place CROSS JOIN {model};
             INSERT INTO portal_link (root_id, generation, token_sha256, key_fingerprint, expires_at, tenant_id, customer_id)
             {numbers} SELECT {id}, link_generation, {token}, 'k', {begin} + 86400000, tenant_id, customer_id
             FROM place CROSS JOIN (SELECT * FROM delivery WHERE customer_id = '{customer}' AND role = 'main'
                                    ORDER BY created_at LIMIT 1) AS model;",
            columns.join(", "),
            values.join(", "),
        ))
        .await;
}

async fn no_more_than_two_hundred_invoices_are_listed_of_all_customers_together(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let opened = send(&portal, "1", "C-2").await;
    send(&portal, "2", "C-1").await;
    let mut browser = portal.opened(&opened).await;
    let now = portal.dispatcher.database.clock.now().0;
    multiply(&portal, "C-1", 150, now).await;
    multiply(&portal, "C-2", 150, now + 500).await;
    let listed = async |browser: &mut Browser| {
        let page = browser.get("/invoices").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        let text = page.text();
        let roots = text.split("href=\"/invoices/").skip(1).map(|rest| rest[..36].replace('-', ""));
        roots.collect::<Vec<_>>()
    };
    portal.verify(&mut browser, "C-2").await;
    assert_eq!(listed(&mut browser).await.len(), 151, "all of one customer");
    portal.verify(&mut browser, "C-1").await;
    let id = if portal.dispatcher.database.store.is_single_process() {
        "LOWER(HEX(id))"
    } else {
        "REPLACE(CAST(id AS TEXT), '-', '')"
    };
    let newest = format!("SELECT {id} FROM delivery ORDER BY created_at DESC LIMIT 200");
    let newest = portal.dispatcher.database.texts(newest).await;
    assert_eq!(listed(&mut browser).await, newest, "of two customers the newest 200");
    portal.end().await;
}

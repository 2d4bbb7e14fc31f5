//! Beside the settings: their page in the handbook's words, the email and the portal's page as customers would see them, and a
//! test to one's own address.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invoice_dispatcher::model::access::Role;
use invoice_dispatcher::model::logo::Logo;
use invoice_dispatcher::operator::settings_sample::SAMPLE_TOKEN;
use mailparse::MailHeaderMap as _;
use reqwest::{Method, StatusCode};

use super::office::{ADMIN, Office, PAGE, choice};
use super::support::answer;
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::portal::pages_load_what_they_name::LOGO;

on_both_databases!(
    the_german_page_has_the_handbooks_words,
    the_email_is_shown_as_customers_would_see_it,
    the_portals_page_is_shown_as_customers_would_see_it,
    a_test_goes_to_ones_own_address_alone,
    a_test_that_is_not_sent_says_why,
);

const TEST: &str = "/settings/portal/test";
const EVERY_PAGE: &str = "tenant=acme&level=every_page&primary=postcode_house_number&secondary=&attachments=exclude";

async fn the_german_page_has_the_handbooks_words(database: TestDatabase) {
    let office = Office::new(database).await;
    let mut admin = office.person(ADMIN, Role::Admin).await;
    let german = admin.request(Method::GET, PAGE).header("accept-language", "de-DE");
    let page = admin.send(german).await;
    for words in [
        "Verwaltungseinstellungen",
        "Kundenportal",
        "Zusätzliche Authentifizierung für den Zugriff auf das Kundenportal",
        "Zusätzliche Authentifizierung für den Zugang zu jeder Seite erforderlich",
        "Zusätzliche Authentifizierung für den Zugang zu sensiblen Informationen* erforderlich",
        "Zusätzliche Authentifizierung für den Zugang zu sensiblen Informationen* (nur für Privatkunden)",
        "Sensible Informationen* sind nicht zugänglich",
        "Keine zusätzliche Authentifizierung erforderlich",
        "Kunden müssen auf jeder Seite des Portals eine Verifizierung durchführen.",
        "Kunden erhalten nur Zugriff auf sensible Informationen, wenn sie verifiziert sind.",
        "Privatkunden müssen verifiziert sein, um sensible Informationen zu sehen; Geschäftskunden haben immer Zugriff.",
        "Sensible Informationen sind für Kunden nie zugänglich.",
        "Authentifizierungsmethode wählen",
        "Sie können eine primäre und eine sekundäre Methode angeben, falls die erste nicht verfügbar ist.",
        "Postleitzahl- und Hausnummerprüfung",
        "Einmal-Passwort (OTP) per SMS",
        "Versand sensibler Anhänge per E-Mail",
        "Datenschutzsensible Anhänge",
        "Anhänge einbeziehen",
        "Anhänge ausschließen",
        "Anhänge ausschließen (nur für Privatkunden)",
    ] {
        assert!(page.text.contains(words), "{words} in {page:?}");
    }
    office.end().await;
}

async fn the_email_is_shown_as_customers_would_see_it(database: TestDatabase) {
    let office = Office::new(database).await;
    let mut viewer = office.person("viewer@acme.example", Role::Viewer).await;
    let frame = viewer.get(&format!("/settings/portal/mail/html?{EVERY_PAGE}")).await;
    let policy = frame.header("content-security-policy");
    assert!(policy.starts_with("sandbox; default-src 'none'") && policy.contains("frame-ancestors 'self'"), "{policy}");
    assert!(frame.text.contains("acme GmbH") && frame.text.contains(SAMPLE_TOKEN), "{frame:?}");
    let page = viewer.get(&format!("/settings/portal/mail?{EVERY_PAGE}&customer=business")).await;
    assert!(page.text.contains("TEST-0042") && page.text.contains("rechnung@acme.example"), "{page:?}");
    assert!(!page.text.contains(TEST), "a viewer sends nothing: {page:?}");
    let attached = viewer.get("/settings/portal/mail?tenant=acme&customer=business").await;
    assert!(attached.text.contains("TEST-0042.pdf") && attached.text.contains("TEST-0042.xml"), "{attached:?}");
    let private = viewer.get("/settings/portal/mail?tenant=acme").await;
    assert!(!private.text.contains("TEST-0042.pdf"), "{private:?}");

    let no_method = "tenant=acme&level=sensitive&primary=sms_otp&attachments=exclude";
    let none = viewer.get(&format!("/settings/portal/mail?{no_method}")).await;
    assert!(none.text.contains("No email: no chosen method"), "{none:?}");
    assert_eq!(viewer.get(&format!("/settings/portal/mail/html?{no_method}")).await.status, StatusCode::NOT_FOUND);
    let invalid = "tenant=acme&level=sensitive&primary=&attachments=exclude";
    for path in ["mail", "mail/html", "page"] {
        let path = format!("/settings/portal/{path}?{invalid}");
        assert_eq!(viewer.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let settings = viewer.get(PAGE).await;
    assert!(settings.text.contains("<iframe src=\"/settings/portal/mail/html?tenant=acme&"), "{settings:?}");
    office.end().await;
}

async fn the_portals_page_is_shown_as_customers_would_see_it(database: TestDatabase) {
    let office = Office::new(database).await;
    let store = &office.console.database.store;
    let logo = Logo::read(STANDARD.decode(LOGO).expect("base64").into()).expect("an image");
    store.save_logo(&"acme".into(), &logo, &actor("billing")).await.expect("answered");
    let mut viewer = office.person("viewer@acme.example", Role::Viewer).await;
    let page = viewer.get(&format!("/settings/portal/page?{EVERY_PAGE}")).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(page.header("content-security-policy").starts_with("sandbox; default-src 'none'"), "{page:?}");
    assert!(page.text.contains("name=\"postcode\"") && !page.text.contains("TEST-0042"), "{page:?}");
    let verified = viewer.get(&format!("/settings/portal/page?{EVERY_PAGE}&step=verified")).await;
    assert!(verified.text.contains("TEST-0042.pdf") && verified.text.contains("acme GmbH"), "{verified:?}");

    // What a frame without cookies loads is there for it.
    let logo_path = format!("/logo/{}", logo.sha256);
    assert!(page.text.contains(&logo_path), "{page:?}");
    let loaded = page.text.split('"').filter(|part| part.starts_with("/accent/") || part.starts_with("/assets/"));
    let loaded: Vec<&str> = loaded.chain([logo_path.as_str()]).collect();
    assert!(loaded.iter().any(|path| path.starts_with("/accent/")), "{page:?}");
    for path in loaded {
        assert_eq!(answer(office.console.request(Method::GET, path)).await.status, StatusCode::OK, "{path}");
    }
    let unknown = format!("/logo/{}", "0".repeat(64));
    for path in [unknown.as_str(), "/logo/x"] {
        assert_eq!(answer(office.console.request(Method::GET, path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    office.end().await;
}

async fn a_test_goes_to_ones_own_address_alone(database: TestDatabase) {
    let office = Office::new(database).await;
    let mut admin = office.person(ADMIN, Role::Admin).await;
    let strangers = [("to", "somebody@else.example"), ("address", "somebody@else.example"), ("customer", "business")];
    let form = [choice("sensitive", "include", "1", ""), strangers.to_vec()].concat();
    let sent = admin.submit(TEST, &form).await;
    assert!(sent.location().ends_with("done=test_sent"), "{sent:?}");
    assert!(sent.location().contains("attachments=include"), "the choice stays on the page: {sent:?}");
    let mails = office.sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].recipients.as_slice(), mails[0].sender.as_str()),
        (&[ADMIN.to_owned()][..], "rechnung@acme.example")
    );
    let parsed = mailparse::parse_mail(&mails[0].bytes).expect("a mail");
    let header = |name: &str| parsed.headers.get_first_value(name);
    assert!(header("Subject").is_some_and(|subject| subject.starts_with("[Test] ")), "{:?}", header("Subject"));
    assert_eq!((header("X-Test-Message").as_deref(), header("X-Delivery-Id")), (Some("yes"), None));
    assert!(header("To").is_some_and(|to| to.contains(ADMIN)), "{:?}", header("To"));
    assert!(parsed.parts().any(|part| part.ctype.mimetype == "application/pdf"), "as a business customer would get it");

    let early = admin.submit(TEST, &form).await;
    assert_eq!(early.status, StatusCode::TOO_MANY_REQUESTS, "{early:?}");
    let mut other = office.tenant_admin("acme").await;
    assert!(other.submit(TEST, &form).await.location().ends_with("done=test_sent"), "each has a minute of their own");
    office.console.database.clock.advance(Duration::from_mins(1));
    assert!(admin.submit(TEST, &form).await.location().ends_with("done=test_sent"));
    let recipients: Vec<String> = office.sink.mails().into_iter().flat_map(|mail| mail.recipients).collect();
    assert_eq!(recipients, [ADMIN, "tenant-admin@acme.example", ADMIN]);
    assert_eq!(office.audited("test_sent").await.len(), 3);
    assert_eq!(office.console.database.number("SELECT COUNT(*) FROM delivery").await, 0);
    assert_eq!(office.settings().await, "exclude_for_private sensitive 1", "a test saves nothing");
    office.end().await;
}

async fn a_test_that_is_not_sent_says_why(database: TestDatabase) {
    let office = Office::new(database).await;
    let form = choice("sensitive", "exclude", "1", "");
    for (address, status, said) in [
        ("refuse-550-5.1.1@acme.example", 422, "550 5.1.1"),
        ("hang-at-dot@acme.example", 422, "may arrive nonetheless"),
        ("close-at-data@acme.example", 422, "the relay cannot be reached"),
    ] {
        let answer = office.person(address, Role::Admin).await.submit(TEST, &form).await;
        assert_eq!(answer.status, status, "{address}: {answer:?}");
        assert!(answer.text.contains(said), "{address}: {said} in {answer:?}");
        assert!(answer.text.contains("name=\"level\" value=\"sensitive\" checked"), "{address}: {answer:?}");
    }
    let mut admin = office.person(ADMIN, Role::Admin).await;
    let sms = [("tenant", "acme"), ("level", "sensitive"), ("primary", "sms_otp"), ("attachments", "exclude")];
    assert!(admin.submit(TEST, &sms).await.text.contains("would get no email"));
    let store = &office.console.database.store;
    store.pause_relay(&"default".into(), true, &actor("operations")).await.expect("answered");
    let paused = admin.submit(TEST, &form).await;
    assert!(paused.text.contains("not configured, or it is paused"), "{paused:?}");
    assert_eq!(office.audited("test_sent").await.len(), 3, "what was not tried is no entry");
    assert_eq!(office.sink.mails().len(), 0);
    office.end().await;
}

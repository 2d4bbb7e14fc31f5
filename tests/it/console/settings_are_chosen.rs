//! An administrator chooses how invoices are secured: sees what follows before it is saved, saves over what was read, and takes
//! earlier settings back. What somebody may not do, the server refuses.

use invoice_dispatcher::model::access::Role;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::office::{ADMIN, Office, PAGE, SAVE, choice};
use super::support::{Browser, answer, form_of};
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(
    the_next_email_and_the_open_page_follow,
    who_read_an_older_version_overwrites_nothing,
    an_earlier_version_comes_back_by_one_click,
    who_may_not_change_settings_is_refused,
    a_foreign_tenants_settings_are_not_there,
    one_of_several_tenants_is_chosen_first,
    a_hostile_reason_breaks_out_of_nothing,
    what_follows_is_shown_before_it_is_saved,
    what_would_have_gone_otherwise_is_counted,
);

const RESTORE: &str = "/settings/portal/restore";
const TEST: &str = "/settings/portal/test";
const COLLEAGUE: &str = "data-protection@acme.example";

/// A choice as the page's address has it.
fn draft(level: &str, primary: &str, attachments: &str) -> String {
    format!("{PAGE}&level={level}&primary={primary}&secondary=&attachments={attachments}")
}

async fn the_next_email_and_the_open_page_follow(database: TestDatabase) {
    let office = Office::new(database).await;
    let invoice = office.send("open", "C-2").await;
    let mut customer = office.portal.browser();
    customer.open(&invoice).await;
    let page = customer.get(&invoice.page()).await;
    assert!(page.text().contains("R-open"), "the invoice is shown, its documents are not: {page:?}");

    let mut admin = office.person(ADMIN, Role::Admin).await;
    assert_eq!(admin.get(PAGE).await.between("name=\"version\" value=\""), "1");
    let saved = admin.submit(SAVE, &choice("every_page", "exclude", "1", "after the audit")).await;
    assert_eq!(saved.location(), "/settings/portal?tenant=acme&done=settings_saved");
    let page = customer.get(&invoice.page()).await;
    assert!(!page.text().contains("R-open"), "the open page asks at once: {page:?}");

    office.send("next", "C-1").await;
    let mail = office.sink.mails().pop().expect("it was sent");
    let parsed = mailparse::parse_mail(&mail.bytes).expect("a mail");
    assert!(parsed.parts().all(|part| part.ctype.mimetype != "application/pdf"), "a business customer gets a link now");
    let decided = "SELECT invoice_number || ' ' || decision FROM delivery ORDER BY invoice_number";
    assert_eq!(office.console.database.texts(decided).await, ["R-next link", "R-open link"]);

    let page = admin.get(saved.location()).await;
    for text in ["after the audit", ADMIN, "Saved."] {
        assert!(page.text.contains(text), "{text} in {page:?}");
    }
    assert_eq!(office.audited("settings_changed").await, [format!("{ADMIN}: after the audit")]);
    office.end().await;
}

async fn who_read_an_older_version_overwrites_nothing(database: TestDatabase) {
    let office = Office::new(database).await;
    let (mut admin, mut colleague) =
        (office.person(ADMIN, Role::Admin).await, office.person(COLLEAGUE, Role::Admin).await);
    colleague.submit(SAVE, &choice("inaccessible", "include", "1", "by order")).await.location();
    for stale in ["1", "3", "", "x"] {
        // Also without a reason: the page that is shown again names the version of now.
        for reason in ["mine", ""] {
            let answer = admin.submit(SAVE, &choice("not_required", "exclude", stale, reason)).await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{stale}: {answer:?}");
            assert!(answer.text.contains(&format!("Changed by {COLLEAGUE}.")), "{answer:?}");
            assert!(answer.text.contains("name=\"level\" value=\"not_required\" checked"), "it is kept: {answer:?}");
            assert!(answer.text.contains(&format!("name=\"reason\" type=\"text\" value=\"{reason}\"")), "{answer:?}");
            assert_eq!(answer.between("name=\"version\" value=\""), "2");
        }
        let restored = [("tenant", "acme"), ("version", stale), ("restore", "1"), ("reason", "mine")];
        assert_eq!(admin.submit(RESTORE, &restored).await.status, StatusCode::CONFLICT, "{stale}");
    }
    assert_eq!(office.settings().await, "include inaccessible 2");
    let saved = admin.submit(SAVE, &choice("not_required", "exclude", "2", "mine")).await;
    assert!(saved.location().ends_with("done=settings_saved"), "{saved:?}");
    let again = admin.submit(SAVE, &choice("not_required", "exclude", "3", "mine")).await;
    assert!(again.location().ends_with("done=settings_unchanged"), "{again:?}");
    assert_eq!(office.settings().await, "exclude not_required 3");
    assert_eq!(office.audited("settings_changed").await, [format!("{COLLEAGUE}: by order"), format!("{ADMIN}: mine")]);
    office.end().await;
}

async fn an_earlier_version_comes_back_by_one_click(database: TestDatabase) {
    let office = Office::new(database).await;
    let mut admin = office.person(ADMIN, Role::Admin).await;
    admin.submit(SAVE, &choice("every_page", "exclude", "1", "stricter")).await.location();
    admin.submit(SAVE, &choice("not_required", "include", "2", "a slip")).await.location();
    let form = |restore, reason| [("tenant", "acme"), ("version", "3"), ("restore", restore), ("reason", reason)];
    assert_eq!(admin.submit(RESTORE, &form("2", " ")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for unknown in ["7", "0", "-1", "x", ""] {
        assert_eq!(admin.submit(RESTORE, &form(unknown, "why")).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
    assert_eq!(office.settings().await, "include not_required 3");

    let page = admin.get(PAGE).await;
    assert!(page.text.contains("name=\"restore\" value=\"2\""), "{page:?}");
    assert!(!page.text.contains("name=\"restore\" value=\"3\""), "what holds is not offered: {page:?}");
    let restored = admin.submit(RESTORE, &form("2", "taken back")).await;
    assert!(restored.location().ends_with("done=settings_saved"), "{restored:?}");
    assert_eq!(office.settings().await, "exclude every_page 4");
    let page = admin.get(PAGE).await;
    for reason in ["stricter", "a slip", "taken back"] {
        assert!(page.text.contains(reason), "{reason} in {page:?}");
    }
    let audited = office.audited("settings_changed").await;
    assert_eq!(audited, ["stricter", "a slip", "taken back"].map(|why| format!("{ADMIN}: {why}")));
    office.end().await;
}

/// All that a form could change.
async fn rows(office: &Office) -> Vec<String> {
    let database = &office.console.database;
    let mut rows = vec![office.settings().await, office.sink.mails().len().to_string()];
    rows.push(database.number("SELECT COUNT(*) FROM settings_change").await.to_string());
    rows.extend(office.audited("settings_changed").await);
    rows.extend(office.audited("test_sent").await);
    rows
}

async fn forge_all(browser: &mut Browser) -> Vec<(&'static str, StatusCode)> {
    let mut forged = Vec::new();
    for path in [SAVE, RESTORE, TEST] {
        let form = [choice("not_required", "include", "1", "forged"), vec![("restore", "1")]].concat();
        forged.push((path, browser.submit(path, &form).await.status));
    }
    forged
}

async fn who_may_not_change_settings_is_refused(database: TestDatabase) {
    let office = Office::new(database).await;
    let before = rows(&office).await;
    for role in [Role::Viewer, Role::Support, Role::Operations] {
        let mut browser = office.person(&format!("{role}@acme.example"), role).await;
        for (path, status) in forge_all(&mut browser).await {
            assert_eq!(status, StatusCode::FORBIDDEN, "{role} {path}");
        }
        let page = browser.get(PAGE).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        for offered in ["name=\"reason\"", TEST, RESTORE] {
            assert!(!page.text.contains(offered), "{role} is offered {offered}: {page:?}");
        }
    }
    let mut admin = office.person(ADMIN, Role::Admin).await;
    for path in [SAVE, RESTORE, TEST] {
        let form = choice("not_required", "include", "1", "forged");
        let bare = form_of(admin.request(Method::POST, path), &form);
        assert_eq!(answer(bare).await.status, StatusCode::FORBIDDEN, "{path} without the session's token");
        let token = admin.form_token().await;
        let form = [form, vec![("csrf", token.as_str())]].concat();
        let foreign = admin.bare(Method::POST, path).header("sec-fetch-site", "cross-site");
        assert_eq!(answer(form_of(foreign, &form)).await.status, StatusCode::FORBIDDEN, "{path} of another site");
    }
    assert_eq!(rows(&office).await, before, "forged forms change nothing");
    office.end().await;
}

async fn a_foreign_tenants_settings_are_not_there(database: TestDatabase) {
    let office = Office::new(database).await;
    office.dispatcher.add_tenant("beta", "include").await;
    let before = rows(&office).await;
    let mut browser = office.tenant_admin("beta").await;
    for (path, status) in forge_all(&mut browser).await {
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["", "/mail", "/mail/html", "/page"] {
        let path = format!("/settings/portal{path}?tenant=acme");
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(rows(&office).await, before);
    let own = choice("every_page", "exclude", "1", "ours");
    let own: Vec<_> =
        own.into_iter().map(|(name, value)| (name, if name == "tenant" { "beta" } else { value })).collect();
    assert!(browser.submit(SAVE, &own).await.location().ends_with("done=settings_saved"));
    assert_eq!(office.settings().await, "exclude_for_private sensitive 1");
    office.end().await;
}

async fn one_of_several_tenants_is_chosen_first(database: TestDatabase) {
    let office = Office::new(database).await;
    let mut admin = office.person(ADMIN, Role::Admin).await;
    assert_eq!(admin.get(SAVE).await.location(), PAGE, "the only one is chosen");
    office.dispatcher.add_tenant("beta", "include").await;
    let choice = admin.get(SAVE).await;
    for text in [PAGE, "/settings/portal?tenant=beta", "acme GmbH", "beta GmbH"] {
        assert!(choice.text.contains(text), "{text} in {choice:?}");
    }
    assert!(admin.get(PAGE).await.text.contains("<option value=\"beta\">"));
    let mut theirs = office.tenant_admin("beta").await;
    assert_eq!(theirs.get(SAVE).await.location(), "/settings/portal?tenant=beta");
    assert!(!theirs.get("/settings/portal?tenant=beta").await.text.contains("acme GmbH"));
    assert_eq!(admin.get("/settings/portal?tenant=nobody").await.status, StatusCode::NOT_FOUND);
    office.end().await;
}

async fn a_hostile_reason_breaks_out_of_nothing(database: TestDatabase) {
    let office = Office::new(database).await;
    let mut admin = office.person(ADMIN, Role::Admin).await;
    let long = "<script>".repeat(1_280);
    for refused in [long.as_str(), "", "two\nlines", "a\u{0}b"] {
        let answer = admin.submit(SAVE, &choice("every_page", "exclude", "1", refused)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{} bytes", refused.len());
        assert!(!answer.text.contains("<script><script>"), "{answer:?}");
    }
    assert_eq!(office.settings().await, "exclude_for_private sensitive 1");
    let hostile = "\"'></bdi></table><script>alert(1)</script>\u{202e}<!--";
    let saved = admin.submit(SAVE, &choice("every_page", "exclude", "1", hostile)).await;
    assert!(saved.location().ends_with("done=settings_saved"), "{saved:?}");
    for path in [PAGE, "/audit", "/tenants/acme"] {
        let page = admin.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.text.contains("<script>alert") && !page.text.contains('\u{202e}'), "{path}: {page:?}");
        assert!(path == "/tenants/acme" || page.text.contains("alert(1)"), "{path} shows it: {page:?}");
    }
    office.end().await;
}

async fn what_follows_is_shown_before_it_is_saved(database: TestDatabase) {
    let office = Office::new(database).await;
    office.add_customer("C-3", "private", &json!({})).await;
    let mut admin = office.person(ADMIN, Role::Admin).await;
    let postcode = "postcode_house_number";
    for (level, primary, attachments, texts) in [
        (
            "sensitive",
            postcode,
            "include",
            &["protection then helps little", "Invoices to all 3 customers would be sent"][..],
        ),
        ("inaccessible", "", "exclude", &["can reach the documents nowhere", "was never transmitted"]),
        ("inaccessible", "", "exclude_for_private", &["can reach the documents nowhere"]),
        ("not_required", "", "exclude", &["sees the documents without being verified"]),
        (
            "sensitive",
            postcode,
            "exclude",
            &["Postcode and house-number check: of no use to 1 of the customers", "1 of 3 customers"],
        ),
        ("sensitive", "sms_otp", "exclude", &["No SMS provider is configured", "3 of 3 customers", "is not sent"]),
        ("sensitive", "", "exclude", &["This level needs a primary method."]),
    ] {
        let page = admin.get(&draft(level, primary, attachments)).await;
        assert_eq!(page.status, StatusCode::OK, "it was asked what follows: {page:?}");
        for text in texts {
            assert!(page.text.contains(text), "{level} {primary} {attachments}: {text} in {page:?}");
        }
        assert!(page.text.contains("not saved yet"), "{level} {attachments}");
    }
    let closed_for_private = admin.get(&draft("inaccessible", "", "exclude_for_private")).await;
    assert!(!closed_for_private.text.contains("was never transmitted"), "businesses get theirs attached");
    let page = admin.get(&draft("sensitive_for_private", postcode, "exclude_for_private")).await;
    let row = |kind: &str| page.between_tags(&format!("{kind}</th>"), "</tr>");
    assert!(
        row("Private customer").contains("Link") && row("Private customer").contains("verification before documents")
    );
    assert!(row("Business customer").contains("Documents") && row("Business customer").contains("nothing"));
    let refused =
        admin.submit(SAVE, &[("tenant", "acme"), ("level", "sensitive"), ("version", "1"), ("reason", "x")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(office.settings().await, "exclude_for_private sensitive 1", "asking saves nothing");
    office.end().await;
}

async fn what_would_have_gone_otherwise_is_counted(database: TestDatabase) {
    let office = Office::new(database).await;
    office.send("business", "C-1").await;
    office.send("private", "C-2").await;
    let mut admin = office.person(ADMIN, Role::Admin).await;
    let postcode = "postcode_house_number";
    let counted = |text: &str| format!("<span class=\"num\">1</span> {text}");
    for (level, primary, attachments, text) in [
        ("sensitive", postcode, "exclude", "link instead of attachments"),
        ("sensitive", postcode, "include", "attachments instead of a link"),
        ("every_page", postcode, "exclude_for_private", "stricter in the portal"),
        ("not_required", "", "exclude_for_private", "looser in the portal"),
        ("sensitive", "sms_otp", "exclude_for_private", "not sent: customer not verifiable"),
    ] {
        let page = admin.get(&draft(level, primary, attachments)).await;
        assert!(page.text.contains("newest 2 deliveries of the last 30 days"), "{page:?}");
        assert!(page.text.contains(&counted(text)), "{level} {primary} {attachments}: {text} in {page:?}");
    }
    let second = format!("{PAGE}&level=sensitive&primary={postcode}&secondary=sms_otp&attachments=exclude_for_private");
    assert!(admin.get(&second).await.text.contains("All would have gone as they do today."));
    assert!(!admin.get(PAGE).await.text.contains("newest 2 deliveries"), "nothing is changed, so nothing is asked");
    office.end().await;
}

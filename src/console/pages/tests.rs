//! Every page, in every language, with sample data and with hostile data.

use std::collections::BTreeSet;
use std::path::Path;

use axum::body::to_bytes;
use axum::http::{HeaderValue, StatusCode, header};

use super::sample::ConsoleSample;
use super::samples::RenderedConsolePage;
use super::{
    ActionDone, InvoiceNumberPage, TenantName, WorkFilter, WorkListPage, invoice, mail_frame, work_list, work_list_news,
};
use crate::console::language::ConsoleLanguage;
use crate::model::access::Role;
use crate::policy::decision::Reason;
use crate::web::Asset;
use crate::web::html::{broken_references, foreign, parse};

/// All that a page may say about its elements: no handler of events, no style of its own, and of htmx nothing that would
/// need `eval`.
const ATTRIBUTES: &[&str] = &[
    "action",
    "alt",
    "aria-current",
    "aria-describedby",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "aria-live",
    "aria-pressed",
    "as",
    "autocapitalize",
    "autocomplete",
    "autofocus",
    "charset",
    "checked",
    "class",
    "content",
    "crossorigin",
    "d",
    "data-copied",
    "data-copy",
    "data-follow",
    "data-plan",
    "data-refused",
    "data-submit",
    "datetime",
    "defer",
    "disabled",
    "download",
    "for",
    "formaction",
    "formnovalidate",
    "height",
    "href",
    "hx-get",
    "hx-select",
    "hx-select-oob",
    "hx-swap",
    "hx-target",
    "hx-trigger",
    "id",
    "inputmode",
    "lang",
    "loading",
    "max",
    "maxlength",
    "method",
    "min",
    "name",
    "open",
    "placeholder",
    "popover",
    "popovertarget",
    "popovertargetaction",
    "rel",
    "required",
    "role",
    "sandbox",
    "scope",
    "selected",
    "spellcheck",
    "src",
    "tabindex",
    "title",
    "type",
    "value",
    "viewBox",
    "width",
];

/// What must hold of every page; the sentences that say what does not.
fn faults(page: &RenderedConsolePage) -> Vec<String> {
    let tags = match parse(&page.html, ATTRIBUTES) {
        Ok(tags) => tags,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    for name in ["html", "title", "main", "h1", "header"] {
        let count = tags.iter().filter(|tag| tag.name == name).count();
        if count != 1 {
            faults.push(format!("{count} × {name}"));
        }
    }
    let lang = tags.iter().find(|tag| tag.name == "html").and_then(|tag| tag.get("lang"));
    if lang != Some(page.language.code()) {
        faults.push(format!("the language is {lang:?}"));
    }
    let ours = [Asset::Htmx.path(), Asset::ConsoleScript.path()];
    let is_ours = |source: Option<&str>| source.is_some_and(|source| ours.contains(&source));
    for tag in &tags {
        let is_inline = matches!(tag.name, "style" | "base") || (tag.name == "script" && !is_ours(tag.get("src")));
        if is_inline {
            faults.push(format!("{tag:?}"));
        }
        if tag.name == "iframe" && tag.get("sandbox").is_some_and(|rights| !rights.is_empty()) {
            faults.push(format!("a frame may do something: {tag:?}"));
        }
        if tag.get("hx-get").is_some_and(|path| !path.starts_with('/') || path.starts_with("//")) {
            faults.push(format!("asks elsewhere: {tag:?}"));
        }
        if tag.get("hx-trigger").is_some_and(|trigger| trigger.contains('[')) {
            faults.push(format!("needs eval: {tag:?}"));
        }
    }
    // The one link that is no address of the web: it opens the authenticator app.
    faults.extend(foreign(&tags).into_iter().filter(|fault| !fault.starts_with("a href=otpauth://totp/")));
    faults.extend(broken_references(&tags));
    faults.extend(forms_without_token(&tags));
    if page.html.contains('\u{202e}') {
        faults.push("a bidi override".to_owned());
    }
    faults
}

/// Forms that change something bear the session's token: all but those before a session.
fn forms_without_token(tags: &[crate::web::html::Tag<'_>]) -> Vec<String> {
    const BEFORE: [&str; 4] = ["/sign-in", "/sign-in/code", "/invitation/x", "/language"];
    let mut faults = Vec::new();
    for (at, form) in tags.iter().enumerate().filter(|(_, tag)| tag.name == "form") {
        let has_token =
            tags[at + 1..].iter().take_while(|tag| tag.name != "form").any(|tag| tag.get("name") == Some("csrf"));
        let posts = form.get("method") == Some("post");
        let action = form.get("action").unwrap_or_default();
        if posts && !has_token && !BEFORE.contains(&action) {
            faults.push(format!("no token in {action}"));
        }
        if !posts && has_token {
            faults.push(format!("a token in the address of {action}"));
        }
    }
    faults
}

#[tokio::test]
async fn every_page_is_whole_in_every_language_whatever_it_shows() {
    let mut seen = BTreeSet::new();
    for is_hostile in [false, true] {
        let sample = ConsoleSample::of(Role::Admin, is_hostile);
        for language in ConsoleLanguage::ALL {
            for page in sample.pages(language).await {
                let faults = faults(&page);
                let (name, html) = (page.name, &page.html);
                assert!(faults.is_empty(), "{name} in {language:?}, hostile: {is_hostile}: {faults:#?}\n{html}");
                assert!(!html.contains("alert(1)</script>"), "{name} in {language:?}");
                seen.insert(name);
            }
        }
    }
    assert_eq!(seen.len(), 76, "{seen:?}");
}

#[tokio::test]
async fn a_page_has_the_status_of_what_it_says() {
    for page in ConsoleSample::of(Role::Admin, false).pages(ConsoleLanguage::English).await {
        let expected = match page.name {
            "cursor-unknown" | "form-unreadable" => 400,
            "forbidden" | "form-outdated" | "session-over" => 403,
            "not-found" | "invitation-unknown" => 404,
            "conflict" | "settings-meanwhile" | "resend-changed" => 409,
            "sign-in-wrong"
            | "sign-in-late"
            | "code-wrong"
            | "invitation-short"
            | "totp-wrong"
            | "account-wrong"
            | "operators-refused"
            | "tokens-none"
            | "resend-elsewhere"
            | "settings-invalid"
            | "settings-test-refused" => 422,
            "sign-in-limit" | "sign-in-busy" | "too-many" => 429,
            "failed" => 500,
            "unavailable" => 503,
            _ => 200,
        };
        assert_eq!(page.status, expected, "{}", page.name);
    }
}

/// What each role finds on the pages that it can open; the server's own answer to forged forms is tested with the routes.
#[tokio::test]
async fn pages_offer_what_the_role_may_do_and_nothing_else() {
    for role in [Role::Viewer, Role::Support, Role::Operations, Role::Admin, Role::TenantAdmin] {
        let pages = ConsoleSample::of(role, false).pages(ConsoleLanguage::English).await;
        let has = |page: &str, text: &str| {
            let page = pages.iter().find(|one| one.name == page).expect("a page of that name");
            page.html.contains(text)
        };
        let is_viewer = role == Role::Viewer;
        for (page, text) in [
            ("work", "/acknowledge\""),
            ("invoice-rejected", "/resend?delivery="),
            ("invoice-rejected", "/acknowledge\""),
            ("invoice-rejected", "/revoke-links\""),
            ("invoice-rejected", "/lift-lock\""),
            ("invoice-uncertain", "/mark-sent\""),
            ("invoice-two", "/cancel\""),
            ("invoice-two", "/send-now\""),
            ("search", "/search.csv"),
            ("customer", "/lift-lock\""),
        ] {
            assert_eq!(has(page, text), !is_viewer, "{text} on {page} for {role}");
        }
        let pauses = matches!(role, Role::Operations | Role::Admin | Role::TenantAdmin);
        assert_eq!(has("tenant", "/pause\""), pauses, "{role}");
        let changes = matches!(role, Role::Admin | Role::TenantAdmin);
        for text in ["action=\"/settings/portal/restore\"", "name=\"reason\"", "formaction=\"/settings/portal/test\""] {
            assert_eq!(has("settings", text), changes, "{text} for {role}");
        }
        assert!(has("work", "<a href=\"/settings/portal\""), "{role}");
        assert!(has("tenant", "href=\"/settings/portal?tenant=nordlicht\""), "{role}");
        for path in ["/operators", "/tokens", "/audit"] {
            assert_eq!(has("work", &format!("<a href=\"{path}\"")), role == Role::Admin, "{path} for {role}");
        }
    }
}

#[tokio::test]
async fn an_action_is_offered_only_where_the_state_allows_it() {
    let pages = ConsoleSample::of(Role::Admin, false).pages(ConsoleLanguage::English).await;
    let has = |page: &str, text: &str| pages.iter().find(|one| one.name == page).expect("a page").html.contains(text);
    for (page, text, expected) in [
        ("invoice-rejected", "/mark-sent\"", false),
        ("invoice-rejected", "/cancel\"", false),
        ("invoice-rejected", "hx-trigger", false),
        ("invoice-uncertain", "/acknowledge\"", false),
        ("invoice-duplicate", "/acknowledge\"", true),
        ("invoice-dead", "/acknowledge\"", false),
        ("invoice-waiting", "/resend?delivery=", false),
        ("invoice-waiting", "hx-trigger=\"every 3s\"", true),
        ("invoice-malformed", "/resend?delivery=", false),
        ("invoice-two", "hx-trigger=\"every 3s\"", true),
        ("work-acknowledged", "/acknowledge\"", false),
        ("work-acknowledged", "hx-trigger", false),
        ("resend-sending", "hx-trigger=\"every 3s\"", true),
        ("resend-forgotten", "hx-trigger=\"every 3s\"", false),
    ] {
        assert_eq!(has(page, text), expected, "{text} on {page}");
    }
}

#[tokio::test]
async fn what_a_reader_has_is_not_sent_again() {
    let sample = ConsoleSample::of(Role::Support, false);
    let tenant = TenantName { id: "a".to_owned(), name: "A".to_owned() };
    let show = |number: &str, tag: Option<&HeaderValue>| {
        let page = InvoiceNumberPage { tenant: &tenant, number, customer_id: None, customer_name: None, sections: &[] };
        invoice(&sample.layout(ConsoleLanguage::English, "/invoices"), &page, tag)
    };
    let first = show("1", None);
    let tag = first.headers()[header::ETAG].clone();
    assert_eq!(first.status(), StatusCode::OK);
    let again = show("1", Some(&tag));
    assert_eq!((again.status(), &again.headers()[header::ETAG]), (StatusCode::NOT_MODIFIED, &tag));
    assert!(to_bytes(again.into_body(), 1).await.expect("nothing").is_empty());
    let changed = show("2", Some(&tag));
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers()[header::ETAG], tag);
}

#[tokio::test]
async fn news_are_told_only_if_there_are_any() {
    let none = work_list_news(ConsoleLanguage::English, 0, "/");
    assert_eq!(none.status(), StatusCode::NO_CONTENT);
    let some = work_list_news(ConsoleLanguage::German, 3, "/?kind=rejected&tenant=\"><script>");
    let body = to_bytes(some.into_body(), 1 << 16).await.expect("a fragment");
    let html = std::str::from_utf8(&body).expect("UTF-8");
    assert!(html.contains("3 neue Einträge") && !html.contains("<script>"), "{html}");
}

#[test]
fn a_mail_in_its_frame_may_do_nothing() {
    let frame = mail_frame("<p>Hello</p>".to_owned());
    let policy = frame.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.starts_with("sandbox; default-src 'none'; ") && !policy.contains("script-src"), "{policy}");
}

#[tokio::test]
async fn what_was_done_is_said_in_each_language() {
    use strum::VariantArray as _;
    let sample = ConsoleSample::of(Role::Admin, false);
    for language in ConsoleLanguage::ALL {
        for done in ActionDone::VARIANTS {
            assert_eq!(done.into_str().parse(), Ok(*done));
            let mut layout = sample.layout(language, "/");
            layout.done = Some(*done);
            let page = WorkListPage { filter: WorkFilter::default(), counts: &[], tenants: &[], rows: &[], next: None };
            let body = to_bytes(work_list(&layout, &page).into_body(), 1 << 20).await.expect("a page");
            let html = String::from_utf8(body.into()).expect("UTF-8");
            assert!(html.contains("role=\"status\""), "{done} in {language:?}");
        }
    }
}

#[tokio::test]
async fn a_default_and_an_acceptance_are_sentences_in_each_language() {
    let sample = ConsoleSample::of(Role::Support, false);
    for language in ConsoleLanguage::ALL {
        let (words, pages) = (language.words(), sample.pages(language).await);
        let html = |name: &str| &pages.iter().find(|page| page.name == name).expect("a page of that name").html;
        let asked_for = (words.timeline.decision_reason)(Reason::LinkOnly);
        let plan = html("resend-elsewhere");
        assert!(plan.contains(words.timeline.link_by_default) && !plan.contains(asked_for), "{language:?}: {plan}");
        let accepted = (words.reasons.accepted)("250 2.0.0 queued as 4hT9");
        assert!(html("invoice-resent").contains(&format!("<bdi>{accepted}</bdi>")), "{language:?}");
    }
}

/// The colours of a stylesheet's custom properties: light and dark.
fn colours(css: &str, name: &str) -> [String; 2] {
    let value = css.split(&format!("--{name}: light-dark(")).nth(1).expect(name);
    let mut pair = value.split(')').next().expect(name).split(',').map(|colour| colour.trim().to_owned());
    [pair.next().expect(name), pair.next().expect(name)]
}

/// Relative luminance ([WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)).
fn luminance(colour: &str) -> f64 {
    let digits = colour.trim_start_matches('#');
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

#[test]
fn texts_stand_out_from_what_is_behind_them_in_light_and_dark() {
    let css = Asset::ConsoleStyle.bytes();
    let css = std::str::from_utf8(&css).expect("UTF-8");
    let grounds = ["ground", "sheet", "panel", "hover"];
    let texts = ["ink", "quiet", "accent"].into_iter().flat_map(|text| grounds.map(|ground| (text, ground, 4.5)));
    let others = [
        ("bad", "bad-panel", 4.5),
        ("bad", "sheet", 4.5),
        ("ink", "bad-panel", 4.5),
        ("on-fill", "fill", 4.5),
        // Edges of fields and buttons ([WCAG 2.2, 1.4.11]).
        ("edge", "sheet", 3.0),
        ("edge", "ground", 3.0),
    ];
    for (text, ground, least) in texts.chain(others) {
        for (front, back) in colours(css, text).iter().zip(colours(css, ground)) {
            let (front, back) = (luminance(front), luminance(&back));
            let contrast = (front.max(back) + 0.05) / (front.min(back) + 0.05);
            assert!(contrast >= least, "{text} on {ground}: {contrast:.2}");
        }
    }
}

/// Writes all pages into the folder that `CONSOLE_PAGES_DIR` names, with what they load: to look at them in a browser
/// (`python3 -m http.server` in that folder serves them).
#[tokio::test]
async fn pages_can_be_written_to_be_looked_at() {
    let Some(folder) = std::env::var_os("CONSOLE_PAGES_DIR") else { return };
    let folder = Path::new(&folder);
    let write = |path: &str, text: &[u8]| {
        let path = folder.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    };
    for asset in Asset::ALL {
        write(asset.path(), &asset.bytes());
    }
    for (role, is_hostile, prefix) in
        [(Role::Admin, false, ""), (Role::Admin, true, "hostile-"), (Role::Viewer, false, "viewer-")]
    {
        let sample = ConsoleSample::of(role, is_hostile);
        for language in ConsoleLanguage::ALL {
            for page in sample.pages(language).await {
                write(&format!("{prefix}{}.{}.html", page.name, language.code()), page.html.as_bytes());
            }
        }
    }
}

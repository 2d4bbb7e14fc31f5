//! Every page, in every language, with sample data and with hostile data.

use std::collections::BTreeSet;
use std::path::Path;

use super::samples::{HOSTILE, PageSample, RenderedPage};
use crate::portal::language::Language;
use crate::web::Asset;
use crate::web::html::{broken_references, foreign, parse};

/// The bytes of the first page, with all that it loads but the logo.
const FIRST_PAGE_BYTES_MAX: usize = 30_000;

/// All that a page may say about its elements: no handler of events, no style of its own.
const ATTRIBUTES: &[&str] = &[
    "action",
    "alt",
    "aria-current",
    "aria-describedby",
    "aria-hidden",
    "aria-invalid",
    "aria-label",
    "aria-labelledby",
    "autocapitalize",
    "autocomplete",
    "autofocus",
    "charset",
    "class",
    "content",
    "d",
    "data",
    "download",
    "for",
    "height",
    "href",
    "hreflang",
    "id",
    "inputmode",
    "lang",
    "maxlength",
    "method",
    "name",
    "novalidate",
    "open",
    "rel",
    "required",
    "role",
    "spellcheck",
    "src",
    "tabindex",
    "type",
    "value",
    "viewBox",
    "width",
];

/// What must hold of every page; the sentences that say what does not.
fn faults(page: &RenderedPage) -> Vec<String> {
    let tags = match parse(&page.html, ATTRIBUTES) {
        Ok(tags) => tags,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    let count = |name: &str| tags.iter().filter(|tag| tag.name == name).count();
    for name in ["html", "title", "main", "h1", "header", "footer"] {
        if count(name) != 1 {
            faults.push(format!("{} × {name}", count(name)));
        }
    }
    let lang = tags.iter().find(|tag| tag.name == "html").and_then(|tag| tag.get("lang"));
    if lang != Some(page.language.code()) {
        faults.push(format!("the language is {lang:?}"));
    }
    faults.extend(
        tags.iter().filter(|tag| matches!(tag.name, "script" | "style" | "base")).map(|tag| tag.name.to_owned()),
    );
    faults.extend(foreign(&tags));
    faults.extend(broken_references(&tags));
    if tags.iter().any(|tag| tag.name == "form" && tag.get("method") != Some("post")) {
        faults.push("a form that is not posted".to_owned());
    }
    if page.html.contains('\u{202e}') {
        faults.push("a bidi override".to_owned());
    }
    faults
}

#[tokio::test]
async fn every_page_is_whole_in_every_language_whatever_it_shows() {
    let mut seen = BTreeSet::new();
    for (sample, is_hostile) in [(PageSample::ordinary(), false), (PageSample::hostile(), true)] {
        for language in Language::ALL {
            for page in sample.pages(language).await {
                let faults = faults(&page);
                assert!(
                    faults.is_empty(),
                    "{} in {language:?}, hostile: {is_hostile}: {faults:#?}\n{}",
                    page.name,
                    page.html
                );
                assert!(!page.html.contains("alert(1)</script>"), "{} in {language:?}", page.name);
                seen.insert(page.name);
            }
        }
    }
    assert_eq!(seen.len(), 37, "{seen:?}");
}

#[tokio::test]
async fn a_page_has_the_status_of_what_it_says() {
    for page in PageSample::ordinary().pages(Language::English).await {
        let expected = match page.name {
            "no-method" | "session-over" | "cookies-off" | "documents-closed" | "form-outdated" => 403,
            "link-unknown" | "not-found" => 404,
            "link-expired" => 410,
            "postcode-wrong" | "code-wrong" | "code-missing" => 422,
            "locked" | "locked-for-a-day" | "too-many" | "code-limit" => 429,
            "failed" => 500,
            "document-unavailable" | "later" | "code-not-sent" => 503,
            _ => 200,
        };
        assert_eq!(page.status, expected, "{}", page.name);
    }
}

#[tokio::test]
async fn pages_say_no_more_than_they_may() {
    let sample = PageSample::ordinary();
    for language in Language::ALL {
        for page in sample.pages(language).await {
            let tells = |text: &str| page.html.contains(text);
            let is_invoice = page.name.starts_with("invoice") || matches!(page.name, "credit-note" | "reminder");
            assert_eq!(is_invoice && page.name != "invoices-none", tells("NE-1041"), "{}", page.name);
            // The names of documents and how to pay stand only where the documents do.
            let may_open = matches!(page.name, "invoice" | "invoice-nothing" | "invoice-credit" | "credit-note");
            assert_eq!(may_open, tells("NE-1041.pdf"), "{}", page.name);
            assert_eq!(may_open || page.name == "reminder", tells("RF18"), "{}", page.name);
            assert_eq!(may_open, tells("/documents/1"), "{}", page.name);
            let tells_number = page.name.starts_with("code") && page.name != "code-to-send-unnamed";
            assert_eq!(tells_number, tells("•••• 12"), "{}", page.name);
        }
    }
}

#[tokio::test]
async fn the_first_page_is_small() {
    let style = include_str!("../../../assets/tokens.css").len() + include_str!("../../../assets/portal.css").len();
    let icon = include_str!("../../../assets/icon.svg").len();
    for language in Language::ALL {
        let pages = PageSample::ordinary().pages(language).await;
        let page = pages.iter().find(|page| page.name == "open").expect("there is one");
        let bytes = page.html.len() + style + icon + 400;
        assert!(bytes <= FIRST_PAGE_BYTES_MAX, "{bytes} bytes in {language:?}");
    }
}

/// Writes all pages into the folder that `PORTAL_PAGES_DIR` names, with what they load: to look at them in a browser
/// (`python3 -m http.server` in that folder serves them).
#[tokio::test]
async fn pages_can_be_written_to_be_looked_at() {
    let Some(folder) = std::env::var_os("PORTAL_PAGES_DIR") else { return };
    let folder = Path::new(&folder);
    let write = |path: &str, text: &[u8]| {
        let path = folder.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    };
    let style = concat!(include_str!("../../../assets/tokens.css"), include_str!("../../../assets/portal.css"));
    write(Asset::PortalStyle.path(), style.as_bytes());
    write(Asset::Icon.path(), include_bytes!("../../../assets/icon.svg"));
    for colour in [None, Some("#0a6b4f")] {
        let path = super::accent::path(colour);
        write(&path, super::accent::style(&crate::compose::PageColours::of(colour)).as_bytes());
    }
    for (sample, prefix) in [(PageSample::ordinary(), ""), (PageSample::hostile(), "hostile-")] {
        for language in Language::ALL {
            for page in sample.pages(language).await {
                let name = format!("{prefix}{}.{}.html", page.name, language.code());
                write(&name, page.html.as_bytes());
            }
        }
    }
    assert!(HOSTILE.contains("<script>"));
}

//! Every page, in every language, with sample data and with hostile data.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::samples::{HOSTILE, PageSample, RenderedPage};
use crate::portal::language::Language;
use crate::web::Asset;

/// The bytes of the first page, with all that it loads but the logo.
const FIRST_PAGE_BYTES_MAX: usize = 30_000;

/// Elements without an end tag ([HTML §13.1.2](https://html.spec.whatwg.org/multipage/syntax.html#void-elements)).
const VOID: [&str; 5] = ["meta", "link", "img", "input", "br"];

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

struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Tag<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(one, _)| *one == name).and_then(|(_, value)| *value)
    }
}

/// The start tags of a page, if every element is closed in its turn and every value of an attribute is quoted.
fn parse(html: &str) -> Result<Vec<Tag<'_>>, String> {
    let mut rest = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    let (mut tags, mut open) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        if rest[..at].contains('>') {
            return Err(format!("a > stands in the text {:?}", &rest[..at]));
        }
        let end = rest.find('>').ok_or("a tag without its end")?;
        let inner = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("{name} is closed where {last:?} is open"));
            }
            continue;
        }
        let closes_itself = inner.ends_with('/');
        let tag = parse_tag(inner.trim_end_matches('/'))?;
        if !VOID.contains(&tag.name) && !closes_itself {
            open.push(tag.name);
        }
        tags.push(tag);
    }
    if open.is_empty() { Ok(tags) } else { Err(format!("{open:?} stay open")) }
}

fn parse_tag(inner: &str) -> Result<Tag<'_>, String> {
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("{inner:?} is not a tag"));
    }
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let ends = rest.find([' ', '=']).unwrap_or(rest.len());
        let attribute = &rest[..ends];
        if !ATTRIBUTES.contains(&attribute) {
            return Err(format!("the attribute {attribute:?} of {name}"));
        }
        let (value, after) = match rest[ends..].strip_prefix("=\"") {
            Some(value) => {
                let (value, after) = value.split_once('"').ok_or("a value without its end")?;
                (Some(value), after)
            }
            None => (None, &rest[ends..]),
        };
        attributes.push((attribute, value));
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    Ok(Tag { name, attributes })
}

/// What must hold of every page; the sentences that say what does not.
fn faults(page: &RenderedPage) -> Vec<String> {
    let tags = match parse(&page.html) {
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
    if page.html.contains('\u{202e}') {
        faults.push("a bidi override".to_owned());
    }
    faults
}

/// What a page would load or send to elsewhere, and links that are no web, mail or phone address.
fn foreign(tags: &[Tag<'_>]) -> Vec<String> {
    let mut faults = Vec::new();
    for tag in tags {
        for attribute in ["src", "data", "action", "href"] {
            let Some(value) = tag.get(attribute) else { continue };
            let is_ours = value.starts_with('/') && !value.starts_with("//");
            let is_link =
                tag.name == "a" && ["https://", "mailto:", "tel:", "#"].iter().any(|one| value.starts_with(one));
            if !is_ours && !is_link {
                faults.push(format!("{} {attribute}={value}", tag.name));
            }
        }
    }
    faults
}

/// Ids that stand twice, references to ids that are not there, fields without a label, forms that would not be taken.
fn broken_references(tags: &[Tag<'_>]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = HashSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        if !ids.insert(id) {
            faults.push(format!("the id {id} twice"));
        }
    }
    for tag in tags {
        let named = ["for", "aria-describedby", "aria-labelledby"].iter().filter_map(|name| tag.get(name));
        let missing = named.flat_map(str::split_whitespace).filter(|id| !ids.contains(id));
        faults.extend(missing.map(|id| format!("no element {id}")));
        let is_field = tag.name == "input" && tag.get("type") != Some("hidden");
        let is_labelled = tags.iter().any(|label| label.name == "label" && label.get("for") == tag.get("id"));
        if is_field && !is_labelled {
            faults.push(format!("the field {:?} has no label", tag.get("name")));
        }
        if tag.name == "form" && tag.get("method") != Some("post") {
            faults.push("a form that is not posted".to_owned());
        }
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

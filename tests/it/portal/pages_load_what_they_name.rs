//! What a page loads besides itself: styles, the icon and the tenant's logo, each kept by the browser for good.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use invoice_dispatcher::model::logo::Logo;
use reqwest::StatusCode;

use super::support::{Browser, TestPortal};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};

/// 2 × 1 pixels.
pub(crate) const LOGO: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR42mPgyvYHIgAE2QGJ8TRcUwAAAABJRU5ErkJggg==";
/// An icon and two styles.
const ALWAYS: usize = 3;

on_both_databases!(a_page_loads_its_styles_and_the_tenants_logo);

/// The paths that the head and the images of a page name.
fn named(html: &str) -> Vec<String> {
    let attributes = html.split(' ').filter_map(|part| part.strip_prefix("href=\"").or(part.strip_prefix("src=\"")));
    let values = attributes.filter_map(|value| value.split('"').next());
    let loads = |path: &&str| ["/assets/", "/accent/", "/logo/"].iter().any(|folder| path.starts_with(folder));
    values.filter(loads).map(str::to_owned).collect()
}

async fn loads(browser: &mut Browser, path: &str, expected: usize) -> Vec<String> {
    let page = browser.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    let named = named(&page.text());
    assert_eq!(named.len(), expected, "{}", page.text());
    for path in &named {
        let loaded = browser.get(path).await;
        assert_eq!(loaded.status, StatusCode::OK, "{path}");
        assert_eq!(loaded.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
        assert_eq!(loaded.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(loaded.header("set-cookie"), "", "{path}");
    }
    named
}

async fn a_page_loads_its_styles_and_the_tenants_logo(database: TestDatabase) {
    let portal = TestPortal::start(database).await;
    let store = portal.dispatcher.database.store.clone();
    let invoice = portal.send_invoice("1", "C-2").await;
    let link = format!("/i/{}", invoice.token);
    loads(&mut portal.browser(), &link, ALWAYS).await;

    let logo = Logo::read(STANDARD.decode(LOGO).expect("base64").into()).expect("an image");
    store.save_logo(&"acme".into(), &logo, &actor("billing")).await.expect("the database answers");
    loads(&mut portal.browser(), &link, ALWAYS + 1).await;
    let mut browser = portal.opened(&invoice).await;
    let named = loads(&mut browser, &invoice.page(), ALWAYS + 1).await;
    let path = format!("/logo/{}", logo.sha256);
    assert!(named.contains(&path), "{named:?}");
    let shown = browser.get(&path).await;
    assert_eq!((shown.header("content-type"), &*shown.bytes), ("image/png", &*logo.bytes));
    portal.verify(&mut browser, "C-2").await;
    loads(&mut browser, "/invoices", ALWAYS + 1).await;

    store.delete_logo(&"acme".into(), &actor("billing")).await.expect("the database answers");
    for gone in [path.as_str(), "/logo/x", "/logo/", "/assets/portal.css", "/accent/0a6b4f.css"] {
        assert_eq!(browser.get(gone).await.status, StatusCode::NOT_FOUND, "{gone}");
    }
    portal.end().await;
}

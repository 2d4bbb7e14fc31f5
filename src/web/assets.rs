//! What our pages load: stylesheets, icons, scripts and the typeface. They are part of the program, served under the hash
//! of their content, and kept by browsers for good.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::sha256::Sha256;

/// The digits of a digest that an address holds.
const HASH_DIGITS: usize = 16;

/// What the pages load besides themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asset {
    /// The stylesheet of the customers' pages.
    PortalStyle,
    /// The icon in the browser's tab.
    Icon,
    /// The stylesheet of the operators' pages.
    ConsoleStyle,
    /// What those do beyond HTML.
    ConsoleScript,
    Htmx,
    /// The sprite of the icons that the operators' pages show.
    Icons,
    /// The typeface of the operators' pages.
    Inter,
}

struct AssetFile {
    asset: Asset,
    path: String,
    content_type: &'static str,
    bytes: Bytes,
}

static FILES: LazyLock<[AssetFile; 7]> = LazyLock::new(|| {
    let file = |asset, name, extension, content_type, bytes: Cow<'static, [u8]>| {
        let path = format!("/assets/{name}-{}.{extension}", short_hash(&bytes));
        let bytes = match bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        AssetFile { asset, path, content_type, bytes }
    };
    let fixed = |bytes: &'static [u8]| Cow::Borrowed(bytes);
    let inter = file(
        Asset::Inter,
        "inter",
        "woff2",
        "font/woff2",
        fixed(include_bytes!("../../assets/vendor/inter-4.1.1-variable-latin.woff2")),
    );
    let portal = concat!(include_str!("../../assets/tokens.css"), include_str!("../../assets/portal.css"));
    let console = concat!(include_str!("../../assets/tokens.css"), include_str!("../../assets/console.css"));
    let console = console.replace("INTER_PATH", &inter.path).into_bytes();
    let htmx = include_bytes!("../../assets/vendor/htmx-4.0.1.min.js");
    [
        file(Asset::PortalStyle, "portal", "css", CSS, fixed(portal.as_bytes())),
        file(Asset::Icon, "icon", "svg", SVG, fixed(include_bytes!("../../assets/icon.svg"))),
        file(Asset::ConsoleStyle, "console", "css", CSS, Cow::Owned(console)),
        file(Asset::ConsoleScript, "console", "js", SCRIPT, fixed(include_bytes!("../../assets/console.js"))),
        file(Asset::Htmx, "htmx", "js", SCRIPT, fixed(htmx)),
        file(Asset::Icons, "icons", "svg", SVG, fixed(include_bytes!("../../assets/vendor/lucide-icons.svg"))),
        inter,
    ]
});

/// The type of a stylesheet.
pub const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

impl Asset {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] =
        [Self::PortalStyle, Self::Icon, Self::ConsoleStyle, Self::ConsoleScript, Self::Htmx, Self::Icons, Self::Inter];

    /// What is served under its address.
    #[cfg(test)]
    pub(crate) fn bytes(self) -> Bytes {
        FILES.iter().find(|file| file.asset == self).expect("every asset has a file").bytes.clone()
    }

    /// Its address: another content has another one.
    #[must_use]
    pub fn path(self) -> &'static str {
        let file = FILES.iter().find(|file| file.asset == self);
        &file.expect("every asset has a file, as the test shows").path
    }
}

/// `GET /assets/{name}`.
pub fn assets_router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let file = FILES.iter().find(|file| file.path.strip_prefix("/assets/") == Some(&name));
    match file {
        Some(file) => kept_for_good(file.content_type, file.bytes.clone()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An answer whose content never changes under its address.
#[must_use]
pub fn kept_for_good(content_type: &'static str, bytes: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, bytes).into_response()
}

/// What stands in the address for a content.
#[must_use]
pub fn short_hash(bytes: &[u8]) -> String {
    let mut hash = Sha256::of(bytes).to_string();
    hash.truncate(HASH_DIGITS);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_page_names_is_served_and_kept() {
        for asset_named in Asset::ALL {
            let name = asset_named.path().strip_prefix("/assets/").unwrap().to_owned();
            let answer = asset(Path(name.clone())).await;
            assert_eq!(answer.status(), StatusCode::OK, "{name}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
            let old = name.replace(|c: char| c.is_ascii_digit(), "x");
            assert_eq!(asset(Path(old)).await.status(), StatusCode::NOT_FOUND);
        }
    }

    #[test]
    fn the_stylesheet_names_the_typeface_where_it_is() {
        let style = Asset::ConsoleStyle.bytes();
        let style = std::str::from_utf8(&style).unwrap();
        assert!(style.contains(&format!("url(\"{}\")", Asset::Inter.path())));
        assert!(!style.contains("INTER_PATH"));
    }

    #[test]
    fn files_of_others_are_as_they_were_published() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vendor");
        let list = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let mut compared = 0;
        for line in list.lines().filter(|line| line.starts_with("| `")) {
            let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
            let name = cells.nth(1).expect("a name");
            let digest = cells.nth(3).expect("a digest");
            let bytes = std::fs::read(folder.join(name)).unwrap();
            assert_eq!(Sha256::of(&bytes).to_string(), digest, "{name}");
            compared += 1;
        }
        let files = std::fs::read_dir(&folder).unwrap().filter_map(|file| file.unwrap().file_name().into_string().ok());
        let others = files.filter(|name| !name.starts_with("LICENSE") && name != "README.md");
        assert_eq!(others.count(), compared, "each file is in the list");
    }
}

//! Stylesheets and icons of our pages: part of the program, served under the hash of their content, kept by browsers for
//! good.

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
}

struct AssetFile {
    asset: Asset,
    path: String,
    content_type: &'static str,
    bytes: &'static [u8],
}

static FILES: LazyLock<[AssetFile; 2]> = LazyLock::new(|| {
    let file = |asset, name, extension, content_type, bytes: &'static [u8]| {
        let path = format!("/assets/{name}-{}.{extension}", short_hash(bytes));
        AssetFile { asset, path, content_type, bytes }
    };
    let style = concat!(include_str!("../../assets/tokens.css"), include_str!("../../assets/portal.css"));
    [
        file(Asset::PortalStyle, "portal", "css", CSS, style.as_bytes()),
        file(Asset::Icon, "icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")),
    ]
});

/// The type of a stylesheet.
pub const CSS: &str = "text/css; charset=utf-8";

impl Asset {
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
        Some(file) => kept_for_good(file.content_type, file.bytes.into()),
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
        for asset_named in [Asset::PortalStyle, Asset::Icon] {
            let name = asset_named.path().strip_prefix("/assets/").unwrap().to_owned();
            let answer = asset(Path(name.clone())).await;
            assert_eq!(answer.status(), StatusCode::OK, "{name}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
            let old = name.replace(|c: char| c.is_ascii_digit(), "x");
            assert_eq!(asset(Path(old)).await.status(), StatusCode::NOT_FOUND);
        }
    }
}

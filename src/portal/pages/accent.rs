//! A tenant's colour as a stylesheet of its own, so that no page holds a style that a policy would have to allow.
//!
//! The address holds the colour and a hash of what becomes of it: nothing is looked up, and browsers keep it for good.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::compose::PageColours;
use crate::web::{CSS, kept_for_good, short_hash};

/// The address of the stylesheet for a tenant's colour (`#rrggbb`), if it has one.
pub(super) fn path(colour: Option<&str>) -> String {
    let colours = PageColours::of(colour);
    let digits = colours.fill.trim_start_matches('#');
    format!("/accent/{digits}-{}.css", short_hash(style(&colours).as_bytes()))
}

/// `GET /accent/{name}`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/accent/{name}", get(stylesheet))
}

async fn stylesheet(Path(name): Path<String>) -> Response {
    let colour = name.get(..6).map(|digits| format!("#{digits}"));
    // Only an address that a page of ours named: what else is asked for is not worth an answer that browsers keep.
    if path(colour.as_deref()).strip_prefix("/accent/") != Some(&name) {
        return StatusCode::NOT_FOUND.into_response();
    }
    kept_for_good(CSS, style(&PageColours::of(colour.as_deref())).into())
}

pub(super) fn style(colours: &PageColours) -> String {
    let PageColours { fill, on_fill, text, text_dark, on_fill_dark } = colours;
    format!(
        ":root {{ --accent: light-dark({text}, {text_dark}); --fill: light-dark({fill}, {text_dark}); \
         --on-fill: light-dark({on_fill}, {on_fill_dark}); }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_a_page_names_is_there() {
        let named = |colour| path(colour).strip_prefix("/accent/").unwrap().to_owned();
        for colour in [None, Some("#0a6b4f"), Some("#FFD500"), Some("no colour")] {
            assert_eq!(stylesheet(Path(named(colour))).await.status(), StatusCode::OK, "{colour:?}");
        }
        let other = named(Some("#0a6b4f")).replace("0a6b4f", "0a6b4e");
        for name in [&other, "0a6b4f", "äääääääääää", "", "0a6b4f-0000000000000000.css"] {
            assert_eq!(stylesheet(Path(name.to_owned())).await.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}

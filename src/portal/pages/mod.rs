//! The customers' pages: plain data in, an answer out.
//!
//! A page sets status, type and language of its answer; every other header is the router's. Pages need no script, load
//! nothing from elsewhere, and hold no style of their own: the tenant's colour is a stylesheet too ([`accent`]).

pub mod accent;
mod code;
mod invoice;
mod invoices;
mod layout;
mod notice;
mod open;
mod postcode;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use code::{CodePage, CodeProblem, CodeStage, code as verify_code};
pub use invoice::{DocumentAccess, InvoicePage, invoice};
pub use invoices::{InvoiceRow, InvoicesPage, invoices};
pub use layout::PageLayout;
pub use notice::{
    cookies_off, document_unavailable, documents_closed, failed, form_outdated, fresh_link_asked, later, link_expired,
    link_unknown, locked, no_method, not_found, session_ended, session_over, too_many,
};
pub use open::{OpenPage, open};
pub use postcode::{PostcodePage, postcode as verify_postcode};

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use self::layout::LayoutView;

fn answer(status: StatusCode, layout: &LayoutView, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (header::CONTENT_LANGUAGE, HeaderValue::from_static(layout.code)),
            ];
            (status, headers, html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "A page of the portal cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

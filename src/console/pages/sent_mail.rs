//! The mail as it was sent.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::answer;
use super::format::{TimeTag, invoice_path};
use super::icon::Icon;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use crate::clock::Timestamp;
use crate::compose::money::Money;
use crate::console::terms::{MessageProof, NavItem};
use crate::console::words::InvoiceWords;

pub struct SentMailPage<'a> {
    pub tenant: &'a TenantName,
    pub number: &'a str,
    pub delivery: &'a str,
    pub proof: MessageProof,
    /// Of the message.
    pub sha256: Option<&'a str>,
    pub from: &'a str,
    pub to: &'a str,
    pub subject: &'a str,
    pub date: Option<Timestamp>,
    /// In their order.
    pub headers: &'a [(String, String)],
    /// Portal tokens are blanked.
    pub text: &'a str,
    /// Whether `/deliveries/{id}/mail/html` has it.
    pub has_html: bool,
    pub attachments: &'a [SentAttachment],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAttachment {
    pub name: String,
    pub media_type: String,
    pub size_bytes: u64,
    pub sha256: String,
}

#[derive(Template)]
#[template(path = "console/sent_mail.html")]
struct SentMailTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static InvoiceWords,
    page: &'a SentMailPage<'a>,
    title: String,
    back: String,
    is_proven: bool,
    proof: &'static str,
    date: Option<TimeTag>,
    attachments: Vec<AttachmentView<'a>>,
}

struct AttachmentView<'a> {
    name: &'a str,
    about: String,
    sha256: &'a str,
}

#[must_use]
pub fn sent_mail(layout: &ConsoleLayout<'_>, page: &SentMailPage<'_>) -> Response {
    let words = layout.words();
    let sizes = Money::new(layout.language.locale());
    let template = SentMailTemplate {
        layout: layout.view(NavItem::Search),
        words: &words.invoice,
        page,
        title: (words.invoice.mail_of)(page.number),
        back: invoice_path(&page.tenant.id, page.number),
        is_proven: page.proof == MessageProof::Proven,
        proof: (words.invoice.proof)(page.proof),
        date: page.date.map(TimeTag),
        attachments: page
            .attachments
            .iter()
            .map(|one| AttachmentView {
                name: &one.name,
                about: format!("{} · {}", one.media_type, sizes.file_size(one.size_bytes)),
                sha256: &one.sha256,
            })
            .collect(),
    };
    answer(StatusCode::OK, layout.language, &template)
}

/// What the frame of such a page may do: show itself, with the styles that mails write into themselves, and nothing else.
const FRAME_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
                            base-uri 'none'; frame-ancestors 'self'";

/// The HTML part of a mail, for the frame.
#[must_use]
pub fn mail_frame(html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(FRAME_POLICY)),
    ];
    (headers, html).into_response()
}

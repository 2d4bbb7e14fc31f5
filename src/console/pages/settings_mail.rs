//! The email that customers would get under some settings, with a made-up invoice.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::icon::Icon;
use super::invoice::DocumentFact;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use crate::compose::money::Money;
use crate::console::terms::NavItem;
use crate::console::words::{InvoiceWords, SettingsWords};
use crate::model::customer::CustomerType;

pub struct SettingsMailPage<'a> {
    pub tenant: &'a TenantName,
    /// Tenant and choice, as a query.
    pub query: &'a str,
    pub customer_type: CustomerType,
    /// None: such customers would be sent nothing.
    pub mail: Option<&'a SampleMail>,
    /// What the form of a test holds besides the customer's type: names and values.
    pub fields: &'a [(&'static str, String)],
    /// The signed-in person's own address, if they may send a test there.
    pub test_address: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleMail {
    pub from: String,
    pub subject: String,
    pub text: String,
    pub attachments: Vec<DocumentFact>,
}

#[derive(Template)]
#[template(path = "console/settings_mail.html")]
struct SettingsMailTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static SettingsWords,
    mail_words: &'static InvoiceWords,
    page: &'a SettingsMailPage<'a>,
    back: String,
    frame: String,
    customer: &'static str,
    kinds: [(&'static str, String, bool); 2],
    attachments: Vec<(&'a str, String)>,
    test: Option<String>,
}

#[must_use]
pub fn settings_mail(layout: &ConsoleLayout<'_>, page: &SettingsMailPage<'_>) -> Response {
    let words = layout.words();
    let own = &words.settings;
    let sizes = Money::new(layout.language.locale());
    let of_kind = |path: &str, kind: CustomerType| format!("{path}?{}&customer={kind}", page.query);
    let attachments = page.mail.map(|mail| mail.attachments.as_slice()).unwrap_or_default();
    let template = SettingsMailTemplate {
        layout: layout.view(NavItem::Settings),
        words: own,
        mail_words: &words.invoice,
        page,
        back: format!("/settings/portal?{}", page.query),
        frame: of_kind("/settings/portal/mail/html", page.customer_type),
        customer: page.customer_type.into_str(),
        kinds: [CustomerType::Private, CustomerType::Business].map(|kind| {
            let name = (words.customers.kind)(Some(kind));
            (name, of_kind("/settings/portal/mail", kind), kind == page.customer_type)
        }),
        attachments: attachments
            .iter()
            .map(|one| (one.name.as_str(), format!("{} · {}", one.media_type, sizes.file_size(one.size_bytes))))
            .collect(),
        test: page.test_address.filter(|_| page.mail.is_some()).map(own.send_test),
    };
    answer(StatusCode::OK, layout.language, &template)
}

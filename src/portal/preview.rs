//! The customers' pages with a made-up invoice, for who chooses how they are secured.

use axum::Router;
use axum::response::Response;

use super::language::LanguageWish;
use super::pages::{self, CodePage, CodeStage, DocumentAccess, InvoicePage, PageLayout, PostcodePage};
use crate::model::settings::VerificationMethod;
use crate::policy::portal::{Visibility, lists_invoices};
use crate::web::{PortalPreview, PreviewStep, PreviewedPage};

/// Where a preview's links and forms lead: to the page itself.
const NOWHERE: &str = "#";

/// Draws the pages of this portal.
#[derive(Debug, Clone, Copy, Default)]
pub struct PagePreview;

impl PortalPreview for PagePreview {
    fn page(&self, page: &PreviewedPage<'_>) -> Response {
        let layout = PageLayout {
            language: LanguageWish::default().for_customer(&page.tenant.locale),
            tenant: Some(page.tenant),
            logo: page.logo,
            path: None,
            csrf: None,
        };
        let shown = Visibility::of(page.access, page.step == PreviewStep::Verified);
        let is_asked = page.step == PreviewStep::Verification && shown.asks_verification();
        if is_asked || shown == Visibility::Nothing {
            verification(&layout, page)
        } else {
            invoice(&layout, page, shown)
        }
    }

    fn stylesheets(&self) -> Router {
        pages::accent::router()
    }
}

fn verification(layout: &PageLayout<'_>, page: &PreviewedPage<'_>) -> Response {
    // Where even the invoice needs verification, there is no page to go back to.
    let back = Visibility::of(page.access, false).invoice().then_some(NOWHERE);
    match page.method {
        Some(VerificationMethod::PostcodeHouseNumber) => {
            pages::verify_postcode(layout, &PostcodePage { path: NOWHERE, back, is_wrong: false })
        }
        Some(VerificationMethod::SmsOtp) => {
            let stage = CodeStage::ToSend;
            pages::verify_code(layout, &CodePage { path: NOWHERE, back, last_digits: Some("42"), stage, problem: None })
        }
        None => pages::no_method(layout),
    }
}

fn invoice(layout: &PageLayout<'_>, page: &PreviewedPage<'_>, shown: Visibility) -> Response {
    let documents = &page.data.documents;
    let count = documents.len();
    let documents = match shown {
        Visibility::Documents => DocumentAccess::Open(documents),
        Visibility::InvoiceOnly => DocumentAccess::Closed { count },
        Visibility::Nothing | Visibility::InvoiceBeforeVerification => DocumentAccess::AfterVerification { count },
    };
    let page = InvoicePage {
        path: NOWHERE,
        invoice: &page.data.invoice,
        deadline: None,
        mailed_on: page.mailed_on,
        documents,
        has_list: lists_invoices(page.access, page.step == PreviewStep::Verified),
    };
    pages::invoice(layout, &page)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::compose::sample;
    use crate::model::invoice_kind::InvoiceKind;
    use crate::policy::decision::PortalAccess;

    async fn html(access: PortalAccess, method: Option<VerificationMethod>, step: PreviewStep) -> String {
        let sample = sample::snapshot("de-DE", InvoiceKind::Invoice);
        let mailed_on = jiff::civil::date(2026, 11, 23);
        let page =
            PreviewedPage { tenant: &sample.tenant, logo: None, data: &sample.data, access, method, step, mailed_on };
        let response = PagePreview.page(&page);
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a page");
        String::from_utf8(body.into()).expect("UTF-8")
    }

    #[tokio::test]
    async fn each_access_shows_what_a_visitor_would_see_and_asks_what_it_asks() {
        use PreviewStep::{Opened, Verification, Verified};
        let (postcode, sms) = (Some(VerificationMethod::PostcodeHouseNumber), Some(VerificationMethod::SmsOtp));
        let (file, number, field, code) = ("R-2026-0042.pdf", "R-2026-0042", "name=\"postcode\"", "send_code");
        for (access, method, step, there, absent) in [
            (PortalAccess::Open, None, Opened, &[file, number][..], &[field, code][..]),
            (PortalAccess::Open, None, Verification, &[file], &[field]),
            (PortalAccess::Verified, postcode, Opened, &[number], &[file, field]),
            (PortalAccess::Verified, postcode, Verification, &[field], &[file, code]),
            (PortalAccess::Verified, sms, Verification, &[code], &[file, field]),
            (PortalAccess::Verified, sms, Verified, &[file], &[code]),
            (PortalAccess::EveryPageVerified, postcode, Opened, &[field], &[file, number]),
            (PortalAccess::EveryPageVerified, sms, Verified, &[file], &[code]),
            (PortalAccess::EveryPageVerified, None, Opened, &[], &[file, number, field, code]),
            (PortalAccess::Closed, None, Opened, &[number], &[file, field, code]),
            (PortalAccess::Closed, None, Verified, &[number], &[file, field, code]),
        ] {
            let html = html(access, method, step).await;
            for text in there {
                assert!(html.contains(text), "{access} {method:?} {step:?}: {text} in {html}");
            }
            for text in absent {
                assert!(!html.contains(text), "{access} {method:?} {step:?}: no {text} in {html}");
            }
        }
    }
}

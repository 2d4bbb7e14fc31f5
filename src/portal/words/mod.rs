//! What the pages say, in every language.
//!
//! One struct, one constant a language: a missing word does not build. Sentences are spoken by the tenant ("we"), address
//! the customer formally, and do without the customer's name, which a page must not tell before its time.

mod dutch;
mod english;
mod french;
mod german;
#[cfg(test)]
mod tests;

pub use dutch::DUTCH;
pub use english::ENGLISH;
pub use french::FRENCH;
pub use german::GERMAN;

use std::time::Duration;

use crate::event::Balance;
use crate::model::invoice_kind::InvoiceKind;

/// A title and the paragraphs below it.
#[derive(Debug, Clone, Copy)]
pub struct NoticeWords {
    pub title: &'static str,
    pub paragraphs: &'static [&'static str],
}

/// The words of one language.
#[derive(Debug)]
pub struct Words {
    /// The language's own name for itself.
    pub language_name: &'static str,

    // Around every page.
    pub skip: &'static str,
    pub language: &'static str,
    /// The button that ends the session.
    pub close: &'static str,
    pub contact_title: &'static str,
    pub email: &'static str,
    pub phone: &'static str,
    pub website: &'static str,
    pub imprint: &'static str,
    pub privacy: &'static str,
    pub back_to_invoice: &'static str,

    // The page of the link.
    pub open_title: &'static str,
    pub open_lead: &'static str,
    pub open_button: &'static str,
    pub open_cookie: &'static str,

    // The invoice.
    /// Kind, number, and of a reminder the level.
    pub invoice_title: fn(InvoiceKind, &str, Option<u8>) -> String,
    pub amount_label: fn(InvoiceKind, Balance) -> &'static str,
    pub due_label: &'static str,
    /// Of a reminder with a new date: when it was due at first.
    pub first_due_label: &'static str,
    pub nothing_to_pay: &'static str,
    /// Of a credit note: what it means.
    pub credited: &'static str,
    pub number_label: fn(InvoiceKind) -> &'static str,
    pub date_label: fn(InvoiceKind) -> &'static str,
    pub total_label: &'static str,
    /// By region, and whether the reference is one that banks check.
    pub payment_reference_label: fn(Option<&str>, bool) -> &'static str,
    pub buyer_reference_label: &'static str,
    /// The day of the mail whose amounts the page repeats.
    pub as_of: fn(&str) -> String,
    pub documents_title: fn(usize) -> &'static str,
    pub document_count: fn(usize) -> String,
    pub e_invoice: &'static str,
    pub view: &'static str,
    pub download: &'static str,
    pub download_all: &'static str,
    pub preview: &'static str,
    /// Where the browser cannot show a PDF.
    pub no_preview: &'static str,
    pub verify_lead: fn(usize) -> &'static str,
    pub verify_button: fn(usize) -> &'static str,
    pub closed_lead: fn(usize) -> &'static str,

    // Your invoices.
    pub invoices_title: &'static str,
    pub invoices_link: &'static str,
    pub invoices_lead: &'static str,
    pub invoices_none: &'static str,

    // Verification.
    pub verify_title: &'static str,
    pub postcode_lead: &'static str,
    pub postcode: &'static str,
    pub house_number: &'static str,
    pub house_number_hint: &'static str,
    pub confirm: &'static str,
    pub postcode_wrong: &'static str,
    pub postcode_help_title: &'static str,
    pub postcode_help: &'static str,
    pub code_lead: &'static str,
    /// Before the last digits of the number.
    pub number_on_record: &'static str,
    /// For those who do not see the dots: the last digits.
    pub number_ends_in: fn(&str) -> String,
    pub code_send: &'static str,
    pub code_sent: &'static str,
    pub code: &'static str,
    pub code_hint: &'static str,
    pub code_wrong: &'static str,
    pub code_missing: &'static str,
    pub code_not_sent: &'static str,
    pub code_limit: fn(&str) -> String,
    pub code_help_title: &'static str,
    pub code_help: &'static [&'static str],
    pub code_again: &'static str,
    pub code_again_when: &'static str,
    /// Before what is wrong with a form, in the page's title.
    pub error_prefix: &'static str,
    /// Between a label and what it names; French sets it off.
    pub colon: &'static str,
    /// From now on: "in 15 minutes".
    pub wait: fn(Duration) -> String,

    // Pages with nothing but a message.
    pub no_method: NoticeWords,
    pub locked: NoticeWords,
    pub too_many: NoticeWords,
    /// When to try again, after `wait`.
    pub try_again: fn(&str) -> String,
    pub session_over: NoticeWords,
    pub session_ended: NoticeWords,
    pub cookies_off: NoticeWords,
    pub documents_closed: NoticeWords,
    pub link_expired: NoticeWords,
    pub link_unknown: NoticeWords,
    pub ask_fresh_link: &'static str,
    pub fresh_link_asked: NoticeWords,
    pub document_unavailable: NoticeWords,
    pub form_outdated: NoticeWords,
    pub not_found: NoticeWords,
    pub failed: NoticeWords,
    pub later: NoticeWords,
}

/// Whole minutes, or from two hours on whole hours; both rounded up: at the time that is named, the wait is over.
fn rounded_up(wait: Duration) -> Wait {
    let minutes = wait.as_secs().div_ceil(60).max(1);
    if minutes < 120 { Wait::Minutes(minutes) } else { Wait::Hours(minutes.div_ceil(60)) }
}

/// A time to wait, as people count it.
enum Wait {
    Minutes(u64),
    Hours(u64),
}

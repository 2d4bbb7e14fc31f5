//! English, as Europe writes it.

use super::{NoticeWords, Wait, Words, rounded_up};
use crate::event::Balance;
use crate::model::invoice_kind::InvoiceKind;

pub const ENGLISH: Words = Words {
    language_name: "English",

    skip: "Skip to content",
    language: "Language",
    close: "Close",
    contact_title: "Any questions?",
    email: "Email",
    phone: "Phone",
    website: "Website",
    imprint: "Legal notice",
    privacy: "Privacy",
    back_to_invoice: "Back to the invoice",

    open_title: "Your invoice is ready",
    open_lead: "One click takes you there. You do not need an account.",
    open_button: "Open invoice",
    open_cookie: "When you open it, this page sets a cookie that is used for this visit only. Your behaviour is not tracked.",

    invoice_title: |kind, number, level| match (kind, level) {
        (InvoiceKind::Invoice, _) => format!("Invoice {number}"),
        (InvoiceKind::CreditNote, _) => format!("Credit note {number}"),
        (InvoiceKind::Reminder, Some(2)) => format!("Second payment reminder for invoice {number}"),
        (InvoiceKind::Reminder, Some(3..)) => format!("Urgent payment reminder for invoice {number}"),
        (InvoiceKind::Reminder, _) => format!("Payment reminder for invoice {number}"),
    },
    amount_label: |kind, balance| match (kind, balance) {
        (_, Balance::Credited) => "Credit amount",
        (_, Balance::Credit) => "Credit in your favour",
        (_, Balance::Nothing) => "Balance",
        (InvoiceKind::Reminder, Balance::Due) => "Outstanding",
        (_, Balance::Due) => "Amount due",
    },
    due_label: "Payable by",
    first_due_label: "Originally due",
    nothing_to_pay: "You do not need to pay anything.",
    credited: "The amount is credited to you; you do not need to pay anything.",
    number_label: |kind| match kind {
        InvoiceKind::CreditNote => "Credit note number",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Invoice number",
    },
    date_label: |kind| match kind {
        InvoiceKind::CreditNote => "Date",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Invoice date",
    },
    total_label: "Invoice total",
    payment_reference_label: |_, _| "Payment reference",
    buyer_reference_label: "Your reference",
    as_of: |day| format!("As of our email of {day}"),
    documents_title: |count| if count == 1 { "Document" } else { "Documents" },
    document_count: |count| if count == 1 { "1 document".to_owned() } else { format!("{count} documents") },
    e_invoice: "E-invoice",
    view: "View",
    download: "Download",
    download_all: "Download all",
    preview: "Preview",
    no_preview: "Your browser does not show PDF files inside a page.",
    verify_lead: |count| match count {
        1 => "For your protection, we show the document once you have confirmed your identity.",
        _ => "For your protection, we show the documents once you have confirmed your identity.",
    },
    verify_button: |count| if count == 1 { "Continue to the document" } else { "Continue to the documents" },
    closed_lead: |count| match count {
        1 => {
            "The document cannot be viewed online. If you need it, please get in touch with us; we will be glad to help."
        }
        _ => {
            "The documents cannot be viewed online. If you need them, please get in touch with us; we will be glad to help."
        }
    },

    invoices_title: "Your invoices",
    invoices_link: "All your invoices",
    invoices_lead: "The amounts are those of the respective email; later payments are not taken into account.",
    invoices_none: "There are no other invoices that we can show you here at the moment.",

    verify_title: "Please confirm your identity",
    postcode_lead: "Please enter the postcode and house number of the address that we have on record for you.",
    postcode: "Postcode",
    house_number: "House number",
    house_number_hint: "The number is enough; you can leave out additions such as “a”.",
    confirm: "Confirm",
    postcode_wrong: "These details do not match the address that we have on record for you. Please check both fields.",
    postcode_help_title: "Which address do you mean?",
    postcode_help: "The one that we have on record; after a move this may still be your previous address. If you are not sure, please ask us.",
    code_lead: "We will send a code by text message to the mobile number that we have on record for you.",
    number_on_record: "Your mobile number",
    number_ends_in: |digits| format!("ends in {digits}"),
    code_send: "Text me a code",
    code_sent: "We have sent you a code by text message. It is valid for 5 minutes.",
    code: "Code from the text message",
    code_hint: "6 digits",
    code_wrong: "This code is not right, or it is no longer valid. Please check the digits.",
    code_missing: "Please enter the 6 digits from the text message.",
    code_not_sent: "The text message could not be sent just now. Please try again in a few minutes.",
    code_limit: |wait| format!("We cannot send another code at the moment. Please try again {wait}."),
    code_help_title: "No text message?",
    code_help: &[
        "A text message can take up to a minute. Please check that your phone has reception.",
        "The code goes to the mobile number that we have on record. If it has changed, please let us know.",
    ],
    code_again: "Send a new code",
    code_again_when: "You can ask for a new code after 60 seconds. An earlier code stays valid until it expires.",
    error_prefix: "Error",
    colon: ":",
    wait: |wait| match rounded_up(wait) {
        Wait::Minutes(1) => "in 1 minute".to_owned(),
        Wait::Minutes(minutes) => format!("in {minutes} minutes"),
        Wait::Hours(hours) => format!("in {hours} hours"),
    },

    no_method: NoticeWords {
        title: "Please get in touch with us",
        paragraphs: &[
            "For your protection, we show the documents only once we are sure that it is you. For that, we still need a detail from you.",
            "Please let us know; afterwards you can open the link in the email again.",
        ],
    },
    locked: NoticeWords {
        title: "Too many attempts",
        paragraphs: &[
            "For your protection, we do not accept any more entries for a while. Until then, even the right details will not help.",
        ],
    },
    too_many: NoticeWords {
        title: "Too many requests",
        paragraphs: &["A very large number of requests came from your network in a short time."],
    },
    try_again: |wait| format!("Please try again {wait}."),
    session_over: NoticeWords {
        title: "Please open the link in your email again",
        paragraphs: &[
            "This page does not belong to a current visit. For your protection, a visit ends when the page has not been used for a while.",
        ],
    },
    session_ended: NoticeWords {
        title: "Your visit has ended",
        paragraphs: &["You can close this window now. To see your invoice again, open the link in your email again."],
    },
    cookies_off: NoticeWords {
        title: "Please allow cookies",
        paragraphs: &[
            "Your browser did not accept the cookie by which this page recognises your visit. It is used for this visit only; your behaviour is not tracked.",
            "Please allow cookies for this website in your browser’s settings, and then open the link in your email again.",
        ],
    },
    documents_closed: NoticeWords {
        title: "These documents cannot be viewed online",
        paragraphs: &["If you need them, please get in touch with us; we will be glad to help."],
    },
    link_expired: NoticeWords {
        title: "This link is no longer valid",
        paragraphs: &[
            "For your protection, links to invoices are valid for a limited time only. You can ask for a new one: it goes to the email address that we sent the invoice to.",
        ],
    },
    link_unknown: NoticeWords {
        title: "This link does not lead to an invoice",
        paragraphs: &[
            "Perhaps it was not copied completely. Please open it directly in your email.",
            "If that does not help, you can ask for a new link: it goes to the email address that the invoice was sent to.",
        ],
    },
    ask_fresh_link: "Ask for a new link",
    fresh_link_asked: NoticeWords {
        title: "We have received your request",
        paragraphs: &[
            "If a new link is possible, it will arrive by email within a few minutes, at the address that the invoice was sent to.",
            "Nothing arrived? Please also look in your spam folder, or get in touch with the sender of the invoice.",
        ],
    },
    document_unavailable: NoticeWords {
        title: "This document is not available at the moment",
        paragraphs: &["This is not your fault. Please try again later, or get in touch with us."],
    },
    form_outdated: NoticeWords {
        title: "Please reload the page",
        paragraphs: &[
            "The page was out of date. Go back in your browser, reload the page and try again. If that does not help, open the link in your email again.",
        ],
    },
    not_found: NoticeWords {
        title: "There is no such page",
        paragraphs: &["Please open the link in your email again."],
    },
    failed: NoticeWords {
        title: "Something went wrong",
        paragraphs: &["The fault is ours. Please try again in a few minutes."],
    },
    later: NoticeWords {
        title: "Please try again in a moment",
        paragraphs: &["We cannot show this page at the moment. You can continue in a few moments."],
    },
};

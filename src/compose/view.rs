//! What a template sees: texts, ready to be shown, and nothing that the mail must not say.
//!
//! The rules of what a mail may carry are kept here rather than in the templates, so that a tenant's own template
//! cannot break them: what a plan forbids never reaches it.

use minijinja::Value;
use rust_decimal::Decimal;
use serde::Serialize;

use super::date::{self, Dates};
use super::locale::Locale;
use super::money::Money;
use super::tenant_values::TenantValues;
use super::tenant_view::web_url;
use super::{Attachment, Snapshot};
use crate::clean;
use crate::event::{Balance, Invoice, InvoiceAmounts};
use crate::policy::decision::{Plan, PortalAccess};

/// A mail as its templates see it. What is absent is `none`, never undefined.
#[derive(Debug, Serialize)]
pub(super) struct TemplateView {
    /// BCP 47 tag of the language that the mail is written in.
    locale: String,
    kind: &'static str,
    /// Which sentence about the documents is true: `attached`, `open`, `verified`, `every_page`, `closed` or `copy`.
    access: &'static str,
    /// What the portal will ask for, where it verifies: `postcode_house_number` or `sms_otp`; none if that is not known.
    method: Option<&'static str>,
    /// Whether amounts and dates may be shown.
    details: bool,
    /// [`TenantView`](super::TenantView).
    tenant: Value,
    customer_name: Option<String>,
    invoice: InvoiceView,
    /// What is attached.
    documents: Vec<DocumentView>,
    /// How many documents it is about, attached or not.
    document_count: usize,
    /// Where the portal shows the invoice.
    link: Option<String>,
    /// [`Colours`](super::colour::Colours).
    colour: Value,
}

#[derive(Debug, Serialize)]
struct InvoiceView {
    number: String,
    issue_date: Option<String>,
    due_date: Option<String>,
    /// What the amount means for the customer: `due`, `nothing` (to pay), `credit` (in the customer's favour) or, of a
    /// credit note, `credited`; `untold` where amounts may not be shown.
    balance: &'static str,
    /// What is to be paid, or what is credited; never negative.
    amount: Option<String>,
    /// The whole amount, if it is another.
    total: Option<String>,
    /// Less is due than the whole amount.
    partly_paid: bool,
    /// The due date has passed.
    overdue: bool,
    /// Of a reminder.
    level: Option<u8>,
    /// Of a reminder: until when it is to be paid now.
    deadline: Option<String>,
    payment_reference: Option<String>,
    /// Of the payment reference: `checked` if it is one that banks check, and that a Swiss QR-bill calls "reference";
    /// else `free`.
    reference_kind: &'static str,
    buyer_reference: Option<String>,
}

#[derive(Debug, Serialize)]
struct DocumentView {
    name: String,
    size: String,
}

/// The customs of a locale, made once.
#[derive(Debug)]
pub(super) struct Customs {
    pub(super) locale: Locale,
    money: Money,
    dates: Dates,
}

impl Customs {
    pub(super) fn of(locale: Locale) -> Self {
        Self { locale, money: Money::new(locale), dates: Dates::new(locale) }
    }
}

impl TemplateView {
    pub(super) fn new(snapshot: &Snapshot, plan: Plan, attachments: &[Attachment], customs: &Customs) -> Self {
        let access = access(plan, snapshot.portal_link.is_some());
        let details = !matches!(plan, Plan::Link { access: PortalAccess::EveryPageVerified });
        let shows_link = matches!(access, "open" | "verified" | "every_page");
        let tenant = TenantValues::of(&snapshot.tenant);
        let mut invoice = InvoiceView::number_only(&snapshot.data.invoice);
        if details {
            invoice.add_details(snapshot, customs);
        }
        if plan == Plan::Attach {
            invoice.add_references(&snapshot.data.invoice);
        }
        Self {
            locale: customs.locale.tag(),
            kind: snapshot.data.invoice.kind.into_str(),
            access,
            method: snapshot
                .portal_method
                .filter(|_| matches!(access, "verified" | "every_page"))
                .map(|method| method.into_str()),
            details,
            tenant: tenant.tenant,
            customer_name: details.then(|| clean::whole(&snapshot.customer_name)).filter(|name| !name.is_empty()),
            invoice,
            documents: attachments.iter().map(|attachment| DocumentView::of(attachment, customs)).collect(),
            document_count: if plan == Plan::Attach { attachments.len() } else { snapshot.data.documents.len() },
            link: snapshot
                .portal_link
                .as_deref()
                .filter(|_| shows_link)
                .and_then(|link| web_url(link, &["https", "http"])),
            colour: tenant.colour,
        }
    }
}

/// Which sentence about the documents is true.
const fn access(plan: Plan, has_link: bool) -> &'static str {
    match plan {
        Plan::Attach => "attached",
        Plan::Link { access: PortalAccess::Closed } => "closed",
        // A Bcc delivery never carries a token.
        Plan::Link { .. } if !has_link => "copy",
        Plan::Link { access: PortalAccess::Open } => "open",
        Plan::Link { access: PortalAccess::Verified } => "verified",
        Plan::Link { access: PortalAccess::EveryPageVerified } => "every_page",
    }
}

impl InvoiceView {
    fn number_only(invoice: &Invoice) -> Self {
        Self {
            number: clean::whole(&invoice.number),
            issue_date: None,
            due_date: None,
            balance: "untold",
            amount: None,
            total: None,
            partly_paid: false,
            overdue: false,
            level: None,
            deadline: None,
            payment_reference: None,
            reference_kind: "free",
            buyer_reference: None,
        }
    }

    fn add_details(&mut self, snapshot: &Snapshot, customs: &Customs) {
        let invoice = &snapshot.data.invoice;
        let money = |amount: Decimal| customs.money.format(amount, &invoice.currency);
        let amounts = InvoiceAmounts::of(invoice);
        let is_due = amounts.balance == Balance::Due;
        self.balance = amounts.balance.into_str();
        self.amount = Some(money(amounts.amount));
        self.total = amounts.total.map(money);
        self.partly_paid = amounts.partly_paid;
        self.issue_date = Some(customs.dates.long(invoice.issue_date));
        let today = date::day_in(snapshot.date, snapshot.tenant.time_zone.as_deref());
        self.overdue = amounts.due_date.is_some_and(|due_date| due_date < today);
        self.due_date = amounts.due_date.map(|due_date| customs.dates.long(due_date));
        self.level = invoice.reminder_level;
        // A reminder that was held up may come after its own deadline.
        let deadline = snapshot.data.reminder.as_ref().and_then(|reminder| reminder.deadline);
        let deadline = deadline.filter(|deadline| is_due && *deadline >= today);
        self.deadline = deadline.map(|deadline| customs.dates.long(deadline));
    }

    /// What the customer's bookkeeping needs; it says how to pay, so a link mail leaves it out.
    fn add_references(&mut self, invoice: &Invoice) {
        let reference = |text: &Option<String>| text.as_deref().map(clean::whole).filter(|text| !text.is_empty());
        self.payment_reference = reference(&invoice.payment_reference);
        if self.payment_reference.as_deref().is_some_and(is_checked_reference) {
            self.reference_kind = "checked";
        }
        self.buyer_reference = reference(&invoice.buyer_reference);
    }
}

/// A QR reference (27 digits) or a creditor reference (ISO 11649: `RF`, two digits, up to 21 letters and digits), by
/// its form; blanks do not count.
#[must_use]
pub fn is_checked_reference(text: &str) -> bool {
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    let is_qr = text.len() == 27 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_creditor = text.strip_prefix("RF").is_some_and(|rest| {
        (3..=23).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && rest.bytes().take(2).all(|byte| byte.is_ascii_digit())
    });
    is_qr || is_creditor
}

impl DocumentView {
    fn of(attachment: &Attachment, customs: &Customs) -> Self {
        Self { name: attachment.name.clone(), size: customs.money.file_size(attachment.size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_banks_check_is_known_by_its_form() {
        for text in [
            "21 00000 00003 13947 14300 09017",
            "210000000003139471430009017",
            "RF18 5390 0754 7034",
            "RF18539007547034",
        ] {
            assert!(is_checked_reference(text), "{text}");
        }
        for text in
            ["", "R-2026-0042", "21000000000313947143000901", "RF1", "RFAB123", "RF18-5390", "+++090/9337/55493+++"]
        {
            assert!(!is_checked_reference(text), "{text}");
        }
    }
}

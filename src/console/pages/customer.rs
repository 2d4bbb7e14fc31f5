//! One customer: what is on record (masked), how they can be verified, links and invoices.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::answer;
use super::format::{Pill, TimeTag, invoice_path, next_path, standing_pill, tenant_path};
use super::icon::Icon;
use super::invoice::verb;
use super::layout::{ConsoleLayout, FrameView, TenantName};
use crate::clock::Timestamp;
use crate::console::terms::{InvoiceAction, InvoiceStanding, NavItem};
use crate::console::words::{ConsoleWords, CustomerWords};
use crate::model::customer::CustomerType;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::settings::VerificationMethod;
use crate::policy::decision::PortalAccess;
use crate::policy::permission::Permission;

pub struct CustomerPage<'a> {
    pub tenant: &'a TenantName,
    pub id: &'a str,
    /// As the reader may see it, as are address, postcode and mobile.
    pub name: &'a str,
    pub kind: Option<CustomerType>,
    pub address: &'a str,
    pub locale: Option<&'a str>,
    pub country: Option<&'a str>,
    /// `•••• 12`, or that there is one.
    pub postcode: Option<&'a str>,
    pub mobile: Option<&'a str>,
    /// The SMS provider has refused the number for good.
    pub is_mobile_refused: bool,
    /// What the portal asks of this customer today.
    pub access: PortalAccess,
    /// What the tenant chose, in its order, and whether the record can do it.
    pub methods: &'a [(VerificationMethod, bool)],
    pub lock: Option<VerificationLock>,
    pub links: &'a [CustomerLinkRow],
    /// The newest first.
    pub invoices: &'a [CustomerInvoiceRow],
    pub next: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationLock {
    pub until: Timestamp,
    /// A delivery of the customer: the form that lifts the lock names it.
    pub delivery: Option<String>,
}

pub struct CustomerLinkRow {
    /// The delivery that it came with.
    pub delivery: String,
    pub number: String,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub last_opened_at: Option<Timestamp>,
}

pub struct CustomerInvoiceRow {
    pub number: String,
    pub kind: InvoiceKind,
    pub standing: InvoiceStanding,
    /// It stands on the work list.
    pub needs_you: bool,
    pub at: Timestamp,
}

#[derive(Template)]
#[template(path = "console/customer.html")]
struct CustomerTemplate<'a> {
    layout: FrameView<'a>,
    words: &'static CustomerWords,
    page: &'a CustomerPage<'a>,
    tenant_path: String,
    kind: &'static str,
    is_unknown_kind: bool,
    record: Vec<RecordRow<'a>>,
    access: &'static str,
    methods: Vec<MethodView>,
    cannot_be_verified: bool,
    lock: Option<TimeTag>,
    lift: Option<String>,
    lift_label: &'static str,
    lift_verb: &'static str,
    links: Vec<LinkRowView<'a>>,
    invoices: Vec<InvoiceListRow>,
    next: Option<String>,
}

struct RecordRow<'a> {
    label: &'static str,
    value: Option<&'a str>,
    note: Option<&'static str>,
}

struct MethodView {
    name: &'static str,
    is_usable: bool,
}

struct LinkRowView<'a> {
    path: String,
    number: &'a str,
    state: &'static str,
    works: bool,
    until: TimeTag,
    last_opened: Option<TimeTag>,
}

/// One invoice of a customer's or a tenant's list.
pub(super) struct InvoiceListRow {
    pub(super) path: String,
    pub(super) number: String,
    pub(super) kind: String,
    pub(super) pill: Pill,
    pub(super) at: TimeTag,
}

pub(super) fn invoice_list(words: &ConsoleWords, tenant: &str, rows: &[CustomerInvoiceRow]) -> Vec<InvoiceListRow> {
    let row = |row: &CustomerInvoiceRow| InvoiceListRow {
        path: invoice_path(tenant, &row.number),
        number: row.number.clone(),
        kind: (words.invoice.kind)(row.kind, None),
        pill: standing_pill(words, row.standing, row.needs_you),
        at: TimeTag(row.at),
    };
    rows.iter().map(row).collect()
}

#[must_use]
pub fn customer(layout: &ConsoleLayout<'_>, page: &CustomerPage<'_>) -> Response {
    let words = layout.words();
    let may_lift = layout.principal.may(Permission::LiftLocks);
    let lock = page.lock.as_ref().filter(|lock| lock.until > layout.now);
    let template = CustomerTemplate {
        layout: layout.view(NavItem::Tenants),
        words: &words.customers,
        page,
        tenant_path: tenant_path(&page.tenant.id),
        kind: (words.customers.kind)(page.kind),
        is_unknown_kind: page.kind.is_none(),
        record: record(words, page),
        access: (words.timeline.access)(page.access),
        methods: page
            .methods
            .iter()
            .map(|(method, is_usable)| MethodView { name: (words.settings.method)(*method), is_usable: *is_usable })
            .collect(),
        cannot_be_verified: page.access.verifies() && !page.methods.iter().any(|(_, is_usable)| *is_usable),
        lock: lock.map(|lock| TimeTag(lock.until)),
        lift: lock
            .filter(|_| may_lift)
            .and_then(|lock| lock.delivery.as_ref())
            .map(|delivery| format!("/deliveries/{delivery}/lift-lock")),
        lift_verb: verb((words.invoice.action)(InvoiceAction::LiftLock)),
        lift_label: (words.invoice.action)(InvoiceAction::LiftLock),
        links: page.links.iter().map(|link| link_row(layout, page, link)).collect(),
        invoices: invoice_list(words, &page.tenant.id, page.invoices),
        next: page.next.map(|after| next_path(layout.path, after)),
    };
    answer(StatusCode::OK, layout.language, &template)
}

fn record<'a>(words: &ConsoleWords, page: &CustomerPage<'a>) -> Vec<RecordRow<'a>> {
    let own = &words.customers;
    let row = |label, value| RecordRow { label, value, note: None };
    vec![
        row(own.address, Some(page.address)),
        row(own.locale, page.locale),
        row(own.country, page.country),
        row(own.postcode, page.postcode),
        RecordRow { label: own.mobile, value: page.mobile, note: page.is_mobile_refused.then_some(own.mobile_refused) },
    ]
}

fn link_row<'a>(layout: &ConsoleLayout<'_>, page: &CustomerPage<'_>, link: &'a CustomerLinkRow) -> LinkRowView<'a> {
    let words = &layout.words().invoice;
    let (state, at) = match link.revoked_at {
        Some(at) => (words.link_revoked, at),
        None if link.expires_at <= layout.now => (words.link_expired, link.expires_at),
        None => (words.link_works, link.expires_at),
    };
    LinkRowView {
        path: invoice_path(&page.tenant.id, &link.number),
        number: &link.number,
        state,
        works: link.revoked_at.is_none() && link.expires_at > layout.now,
        until: TimeTag(at),
        last_opened: link.last_opened_at.map(TimeTag),
    }
}

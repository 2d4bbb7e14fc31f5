//! `deliveries list`: one line a delivery.

use serde::Serialize;

use crate::app::App;
use crate::cli::lookup::recipient_keys::warn_of_missing_key;
use crate::cli::terminal::format::{recipients, relative};
use crate::cli::terminal::output::{ListRow, Output, shown, spelled};
use crate::cli::terminal::table::Column;
use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::{CustomerId, DeliveryId, RelayName, TenantId};
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::state::{Decision, DeliveryRole, DeliveryState};
use crate::store::{Cursor, Delivery, DeliveryFilter, PageRequest};

/// Deliveries in one page.
const PAGE_MAX: u32 = 500;

/// A delivery in a list.
#[derive(Serialize)]
pub(super) struct DeliveryRow {
    id: DeliveryId,
    tenant_id: TenantId,
    customer_id: CustomerId,
    invoice_number: String,
    #[serde(serialize_with = "shown")]
    kind: InvoiceKind,
    #[serde(serialize_with = "shown")]
    role: DeliveryRole,
    #[serde(serialize_with = "shown")]
    state: DeliveryState,
    /// Masked.
    recipients: String,
    relay: Option<RelayName>,
    created_at: Timestamp,
    due_at: Option<Timestamp>,
    held: Option<String>,
    #[serde(rename = "settled_at")]
    concluded_at: Option<Timestamp>,
    attempts: u32,
    #[serde(serialize_with = "spelled")]
    class: Option<ReasonCode>,
    code: Option<String>,
    reason: Option<String>,
    #[serde(serialize_with = "spelled")]
    decision: Option<Decision>,
    message_id: Option<String>,
    /// What `--after` takes to go on behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    #[serde(skip)]
    now: Timestamp,
}

impl DeliveryRow {
    pub(super) fn of(delivery: Delivery, now: Timestamp) -> Self {
        Self {
            id: delivery.id,
            tenant_id: delivery.invoice.tenant,
            customer_id: delivery.invoice.customer,
            invoice_number: delivery.invoice.number,
            kind: delivery.invoice.kind,
            role: delivery.role,
            state: delivery.state,
            recipients: recipients(&delivery.recipients),
            relay: delivery.relay,
            created_at: delivery.created_at,
            due_at: delivery.due_at,
            held: delivery.held,
            concluded_at: delivery.concluded_at,
            attempts: delivery.attempts,
            class: delivery.class,
            code: delivery.code,
            reason: delivery.reason,
            decision: delivery.decision,
            message_id: delivery.message_id,
            cursor: None,
            now,
        }
    }

    /// What it is, for a sentence: `invoice R-1 of acme`.
    pub(super) fn named(&self) -> String {
        format!("{} {} of {}", self.kind.label(), self.invoice_number, self.tenant_id)
    }

    fn stands(&self) -> String {
        let ago = |at: Option<Timestamp>| at.map(|at| relative(at, self.now)).unwrap_or_default();
        match self.state {
            state if self.held.is_some() => format!("{state}, held"),
            state @ DeliveryState::Due if self.due_at.is_some_and(|at| at > self.now) => {
                format!("{state} {}", ago(self.due_at))
            }
            state @ DeliveryState::Due => match ago(self.due_at).strip_suffix(" ago") {
                Some(time) => format!("{state} for {time}"),
                None => format!("{state} now"),
            },
            state => format!("{state} {}", ago(self.concluded_at)).trim_end().to_owned(),
        }
    }

    fn why(&self) -> String {
        let held = self.held.iter().map(|held| format!("held {held}"));
        let class = self.class.filter(|class| *class != ReasonCode::Accepted).map(|class| class.to_string());
        let why: Vec<String> = held.chain(class).chain(self.reason.clone()).collect();
        if why.is_empty() { "-".to_owned() } else { why.join(": ") }
    }
}

impl ListRow for DeliveryRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("ID"),
        Column::whole("INVOICE"),
        Column::text("TENANT").from(120),
        Column::text("TO").from(120),
        Column::text("STATE"),
        Column::text("ATTEMPTS").wide_only(),
        Column::text("WHY"),
    ];

    fn cells(&self) -> Vec<String> {
        let attempts = self.attempts.to_string();
        // What it is beyond an invoice to its recipients.
        let kind = (self.kind != InvoiceKind::Invoice).then(|| self.kind.label());
        let role = (self.role != DeliveryRole::Main).then(|| self.role.into_str());
        let besides: Vec<&str> = kind.into_iter().chain(role).collect();
        let invoice = match besides.as_slice() {
            [] => self.invoice_number.clone(),
            besides => format!("{} ({})", self.invoice_number, besides.join(", ")),
        };
        let Self { id, tenant_id, recipients, .. } = self;
        vec![id.to_string(), invoice, tenant_id.to_string(), recipients.clone(), self.stands(), attempts, self.why()]
    }
}

/// Shows a page, or as many pages as `limit` takes.
pub(super) async fn list(
    app: &App,
    output: Output,
    filter: &DeliveryFilter,
    limit: u32,
    mut after: Option<Cursor>,
) -> anyhow::Result<()> {
    if filter.to.is_some() {
        warn_of_missing_key(app, output).await?;
    }
    let now = app.store.now();
    let mut rows = Vec::new();
    let mut left = limit;
    let more = loop {
        let page =
            app.store.deliveries(filter, &TenantScope::All, PageRequest { limit: left.min(PAGE_MAX), after }).await?;
        left -= u32::try_from(page.items.len()).expect("a page is no longer than its limit");
        rows.extend(page.items.into_iter().map(|delivery| {
            let cursor = Some(filter.cursor(&delivery).to_string());
            DeliveryRow { cursor, ..DeliveryRow::of(delivery, now) }
        }));
        match page.next {
            Some(next) if left > 0 => after = Some(next),
            next => break next,
        }
    };
    output.rows(&rows, "no delivery is like that")?;
    if let Some(next) = more {
        output.say(&format!("\nthere are more: the same with --after {next}, or raise --limit"))?;
    }
    Ok(())
}

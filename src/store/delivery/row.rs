//! A delivery, as it is read.

use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, EventKey, RelayName};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::state::{Decision, DeliveryRole, DeliveryState};
use crate::model::work::WorkKind;
use crate::policy::decision::Reason;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::delivery::invoice_ref::read_invoice;

/// A delivery and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier.
    pub id: DeliveryId,
    /// Whose Message-ID and token it uses.
    pub root: DeliveryId,
    /// What it is to its event.
    pub role: DeliveryRole,
    /// The main delivery of the same event or resend.
    pub main: DeliveryId,
    pub event_key: EventKey,
    /// The delivery that a person sent again.
    pub resend_of: Option<DeliveryId>,
    /// Why a person sent it again.
    pub resend_reason: Option<String>,
    pub invoice: InvoiceRef,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// The language and region of the mail (BCP 47).
    pub locale: String,
    /// The moment of its snapshot, and of the Date header.
    pub snapshot_at: Timestamp,
    /// A person asked for a link instead of documents.
    pub link_only: bool,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// The lane that it stands in, if it is due or sending.
    pub relay: Option<RelayName>,
    /// When it is sent, if it is due.
    pub due_at: Option<Timestamp>,
    /// A person waits for it.
    pub express: bool,
    /// Why it is not sent although its time has come.
    pub held: Option<String>,
    /// SMTP transactions that were begun for it, whether they count for the retry schedule or not.
    pub attempts: u32,
    /// The last claim.
    pub claim: u32,
    /// When it ended, if it did.
    pub concluded_at: Option<Timestamp>,
    /// Why it stands where it stands, for programs; of one that is due, how the last attempt ended.
    pub class: Option<ReasonCode>,
    /// The same for people.
    pub reason: Option<String>,
    /// Documents or a link.
    pub decision: Option<Decision>,
    /// Why.
    pub decision_reason: Option<Reason>,
    /// JSON: what was decided upon ([`crate::policy::decision::Inputs`]).
    pub decision_inputs: Option<String>,
    /// The Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// The message's digest.
    pub message_sha256: Option<Sha256>,
    /// The message's Date, if its digest is known.
    pub message_date: Option<Timestamp>,
    /// The message's size in bytes.
    pub message_size: Option<i64>,
    /// JSON: what was attached ([`crate::compose::Attachment`]).
    pub attachments: Option<String>,
    /// Where in the SMTP conversation it ended.
    pub phase: Option<Phase>,
    /// The relay's code, as `550 5.7.1`.
    pub code: Option<String>,
    /// Who has seen how it ended, and when: it is off the work list.
    pub acknowledged_by: Option<String>,
    pub acknowledged_at: Option<Timestamp>,
    /// Why it stands on the work list.
    pub work_kind: Option<WorkKind>,
}

/// What [`Delivery::read`] needs, of `delivery LEFT JOIN lane_entry`.
macro_rules! delivery_columns {
    () => {
        "delivery.id, delivery.root_id, delivery.role, delivery.main_id, delivery.event_key, delivery.resend_of,
         delivery.resend_reason, delivery.tenant_id, delivery.customer_id, delivery.invoice_id,
         delivery.invoice_number, delivery.kind, delivery.recipients, delivery.locale, delivery.snapshot_at,
         delivery.link_only, delivery.expires_at, delivery.created_at,
         COALESCE(delivery.concluded, lane_entry.state, 'due') AS state, lane_entry.relay, lane_entry.due_at,
         COALESCE(lane_entry.express, FALSE) AS express, lane_entry.held,
         (SELECT CAST(COUNT(*) AS INTEGER) FROM attempt WHERE attempt.delivery_id = delivery.id)
             -- DATA had begun, and its worker died before it recorded how that ended.
             + CASE WHEN delivery.phase IS NOT NULL
                         AND NOT EXISTS (SELECT 1 FROM attempt
                                         WHERE attempt.delivery_id = delivery.id AND attempt.claim = delivery.claim)
                    THEN 1 ELSE 0 END AS attempts,
         COALESCE(lane_entry.claim, delivery.claim) AS claim, delivery.concluded_at,
         COALESCE(delivery.class, lane_entry.last_class) AS class,
         COALESCE(delivery.reason, lane_entry.last_reply) AS reason,
         COALESCE(delivery.decision, lane_entry.decision) AS decision,
         COALESCE(delivery.decision_reason, lane_entry.decision_reason) AS decision_reason,
         COALESCE(delivery.decision_inputs, lane_entry.decision_inputs) AS decision_inputs,
         delivery.message_id, COALESCE(delivery.message_sha256, lane_entry.message_sha256) AS message_sha256,
         CASE WHEN delivery.message_sha256 IS NOT NULL THEN delivery.message_date
              WHEN lane_entry.message_sha256 IS NOT NULL THEN lane_entry.message_date
         END AS message_date,
         delivery.message_size, delivery.attachments, delivery.phase, delivery.code, delivery.acknowledged_by,
         delivery.acknowledged_at, delivery.work_kind"
    };
}
pub(in crate::store) use delivery_columns;

/// A delivery by its id.
pub(in crate::store) const DELIVERY: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id WHERE delivery.id = $1 AND ",
    in_scope!("delivery.tenant_id", "$2")
);

impl Store {
    pub async fn delivery(&self, id: DeliveryId, scope: &TenantScope) -> Result<Option<Delivery>, StoreError> {
        let row = sql(DELIVERY).bind(id).bind(scope).optional(&mut self.read().await?).await?;
        row.as_ref().map(Delivery::read).transpose()
    }
}

impl Delivery {
    pub(in crate::store) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            root: row.get("root_id")?,
            role: row.get("role")?,
            main: row.get("main_id")?,
            event_key: row.get("event_key")?,
            resend_of: row.get("resend_of")?,
            resend_reason: row.get("resend_reason")?,
            invoice: read_invoice(row)?,
            recipients: row.json("recipients")?,
            locale: row.get("locale")?,
            snapshot_at: row.get("snapshot_at")?,
            link_only: row.get("link_only")?,
            expires_at: row.get("expires_at")?,
            created_at: row.get("created_at")?,
            state: row.get("state")?,
            relay: row.get("relay")?,
            due_at: row.get("due_at")?,
            express: row.get("express")?,
            held: row.get("held")?,
            attempts: row.get("attempts")?,
            claim: row.get("claim")?,
            concluded_at: row.get("concluded_at")?,
            class: row.get("class")?,
            reason: row.get("reason")?,
            decision: row.get("decision")?,
            decision_reason: row.get("decision_reason")?,
            decision_inputs: row.get("decision_inputs")?,
            message_id: row.get("message_id")?,
            message_sha256: row.get("message_sha256")?,
            message_date: row.get("message_date")?,
            message_size: row.get("message_size")?,
            attachments: row.get("attachments")?,
            phase: row.get("phase")?,
            code: row.get("code")?,
            acknowledged_by: row.get("acknowledged_by")?,
            acknowledged_at: row.get("acknowledged_at")?,
            work_kind: row.get("work_kind")?,
        })
    }
}

//! A delivery as it is first written: by intake, with a record, by a resend.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::ids::{DeliveryId, EventKey};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeliveryRole};
use crate::store::Transaction;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{rows, sql};
use crate::store::outbox::outcomes::insert_outcomes;
use crate::store::search::recipients;
use crate::store::upkeep::concluded_count::count_concluded;

/// A delivery to be remembered. Unless it is concluded from the start, it needs a [`NewLaneEntry`](super::new_lane_entry::NewLaneEntry)
/// too.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its identifier.
    pub id: DeliveryId,
    /// Whose Message-ID, X-Delivery-Id and token it uses: itself, except for a rest.
    pub root: DeliveryId,
    /// What it is to its event.
    pub role: DeliveryRole,
    /// The main delivery of the same event or resend; itself, if it is one.
    pub main: DeliveryId,
    /// The event it was made of.
    pub event_key: EventKey,
    /// The delivery that a person sent again.
    pub resend_of: Option<DeliveryId>,
    /// Why a person sent it again.
    pub resend_reason: Option<String>,
    /// Which invoice it is about.
    pub invoice: InvoiceRef,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// The customer's name now.
    pub customer_name: String,
    /// The language and region of the mail (BCP 47).
    pub locale: String,
    /// The tenant's profile that holds now.
    pub profile_version: i64,
    /// The templates, by content hash.
    pub template_version: String,
    /// The moment of the snapshot.
    pub snapshot_at: Timestamp,
    /// The fingerprint of the key that the portal token is made with.
    pub link_key: String,
    /// Which token of the root it is.
    pub link_generation: u32,
    /// A person asked for a link instead of documents.
    pub link_only: bool,
    /// Not to be sent after.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How it ended before it began: a duplicate, or dead at once.
    pub concluded: Option<ConcludedAtOnce>,
}

/// How a delivery ended before it began.
#[derive(Debug, Clone)]
pub struct ConcludedAtOnce {
    pub concluded: Concluded,
    /// Why, for programs.
    pub class: ReasonCode,
    /// Why, for people.
    pub reason: String,
}

/// Inserts deliveries, and counts those that are concluded from the start.
pub(in crate::store) async fn insert_deliveries(
    on: &mut Transaction,
    deliveries: &[NewDelivery],
) -> Result<(), StoreError> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let keys: Vec<Vec<i64>> =
        deliveries.iter().map(|delivery| recipients::keys(&on.address_keys, &delivery.recipients)).collect();
    // PostgreSQL writes the recipients down in the same statement, which holds their keys as one text.
    sql("WITH {rows}{postgres:, made AS (}
        INSERT INTO delivery ({columns}) SELECT {columns} FROM rows
        {postgres: ) INSERT INTO delivery_recipient (address_key, delivery_id)
            SELECT part.address_key::BIGINT, rows.id
            FROM rows, unnest(string_to_array(rows._address_keys, ',')) AS part (address_key)}")
    .batch(rows!(deliveries.iter().zip(&keys), |(delivery, keys)| let concluded = delivery.concluded.as_ref(); {
        id: uuid = delivery.id,
        root_id: uuid = delivery.root,
        role: text = delivery.role,
        main_id: uuid = delivery.main,
        event_key: uuid = delivery.event_key,
        resend_of: uuid = delivery.resend_of,
        resend_reason: text = &delivery.resend_reason,
        tenant_id: text = &delivery.invoice.tenant,
        customer_id: text = &delivery.invoice.customer,
        invoice_id: text = &delivery.invoice.id,
        invoice_number: text = &delivery.invoice.number,
        kind: text = delivery.invoice.kind,
        recipients: text = serde_json::to_string(&delivery.recipients).expect("recipients are always JSON"),
        customer_name: text = &delivery.customer_name,
        locale: text = &delivery.locale,
        profile_version: bigint = delivery.profile_version,
        template_version: text = &delivery.template_version,
        snapshot_at: bigint = delivery.snapshot_at,
        link_key: text = &delivery.link_key,
        link_generation: bigint = delivery.link_generation,
        link_only: boolean = delivery.link_only,
        expires_at: bigint = delivery.expires_at,
        created_at: bigint = delivery.created_at,
        concluded: text = concluded.map(|concluded| concluded.concluded),
        concluded_at: bigint = concluded.map(|_| delivery.created_at),
        class: text = concluded.map(|concluded| concluded.class),
        reason: text = concluded.map(|concluded| &concluded.reason),
        _address_keys: text = recipients::joined(keys),
    }))
    .run(on)
    .await?;
    if on.connection.is_sqlite() {
        recipients::insert(on, deliveries.iter().map(|delivery| delivery.id).zip(keys)).await?;
    }
    let concluded =
        deliveries.iter().filter_map(|new| new.concluded.as_ref().map(|concluded| (new.id, concluded.concluded)));
    insert_outcomes(on, concluded.clone()).await?;
    let mut counts = BTreeMap::new();
    for (_, concluded) in concluded {
        *counts.entry(concluded).or_default() += 1;
    }
    count_concluded(on, deliveries[0].id, &counts).await
}

//! Links into the portal, known by the digests of their tokens.

use std::borrow::Cow;

use serde_json::json;

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::invoice_ref::InvoiceRef;
use crate::model::tenant::TenantProfile;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::page::{Cursor, Page, PageRequest};
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{Statement, StatementExecutor, built_sql, sql};
use crate::store::db::value::{Row, Value};
use crate::store::delivery::erased::ERASED;
use crate::store::delivery::invoice_ref::read_invoice;
use crate::store::directory::person::{NEEDLES, Person, names_person};
use crate::store::intake::IntakeTransaction;
use crate::store::people::audit::append::{NewAuditEntry, append};

/// Deliveries whose links one statement revokes.
const DELIVERIES_AT_ONCE: u32 = 1_000;

/// A portal link; the token itself is stored nowhere.
#[derive(Debug, Clone)]
pub struct NewPortalLink {
    /// The delivery whose token it is.
    pub root: DeliveryId,
    /// Which of its tokens.
    pub generation: u32,
    /// The token's digest.
    pub token_sha256: Sha256,
    /// The fingerprint of the key that it is made with.
    pub key_fingerprint: String,
    /// Until when it opens the portal.
    pub expires_at: Timestamp,
}

/// A portal link as people list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalLink {
    /// The delivery whose token it is.
    pub root: DeliveryId,
    /// Which of its tokens.
    pub generation: u32,
    pub invoice: InvoiceRef,
    /// When a mail with it was first sent; unknown of links of version 0.1.
    pub created_at: Option<Timestamp>,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// Who revoked it, and why.
    pub revoked_by: Option<String>,
    pub revoke_reason: Option<String>,
    /// When its delivery was made: lists are in this order.
    delivery_created_at: Timestamp,
}

/// What a link does when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LinkState {
    /// It opens the portal.
    Valid,
    Expired,
    /// For good, whether it would have expired by now or not.
    Revoked,
}

impl LinkState {
    /// The state at `now` of a link with these times.
    #[must_use]
    pub fn of(expires_at: Timestamp, revoked_at: Option<Timestamp>, now: Timestamp) -> Self {
        match revoked_at {
            Some(_) => Self::Revoked,
            None if expires_at <= now => Self::Expired,
            None => Self::Valid,
        }
    }
}

/// Which links are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkSelection {
    /// The one with this token.
    Token(Sha256),
    /// Those of a delivery, or of the one whose rest it is.
    Delivery(DeliveryId),
    /// Those of an invoice, a credit note or a reminder, by its number as published or its identifier.
    Invoice {
        tenant: TenantId,
        invoice: String,
    },
    Customer {
        tenant: TenantId,
        customer: CustomerId,
    },
    Tenant(TenantId),
}

/// Which of the links that are meant are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFilter {
    All,
    /// Those that open the portal.
    Valid,
    /// Those that nobody has revoked, expired ones included.
    NotRevoked,
}

impl Store {
    /// Whose invoice the link with this token shows; none if there is no such link, or it has ended.
    pub async fn tenant_of_link(&self, token: Sha256) -> Result<Option<TenantProfile>, StoreError> {
        sql("SELECT tenant_profile.body
            FROM portal_link
                 JOIN delivery ON delivery.id = portal_link.root_id
                 JOIN tenant ON tenant.id = delivery.tenant_id
                 JOIN tenant_profile ON tenant_profile.tenant_id = tenant.id
                                    AND tenant_profile.version = tenant.profile_version
            WHERE portal_link.token_sha256 = $1 AND portal_link.revoked_at IS NULL AND portal_link.expires_at > $2")
        .bind(token)
        .bind(self.now())
        .optional(&mut self.read().await?)
        .await?
        .map(|row| row.json("body"))
        .transpose()
    }

    /// Links, those of the newest deliveries first. A page has all the links of up to `page.limit` deliveries.
    pub async fn portal_links(
        &self,
        selection: &LinkSelection,
        scope: &TenantScope,
        filter: LinkFilter,
        page: PageRequest,
    ) -> Result<Page<PortalLink>, StoreError> {
        let rows = selection.statement(scope, filter, page, self.now()).all(&mut self.read().await?).await?;
        let mut items = rows.iter().map(PortalLink::read).collect::<Result<Vec<_>, _>>()?;
        let mut deliveries: Vec<DeliveryId> = items.iter().map(|link| link.root).collect();
        deliveries.dedup();
        let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
        // The last delivery was asked for only to see whether there is more.
        let Some(beyond) = deliveries.get(wanted) else { return Ok(Page { items, next: None }) };
        items.retain(|link| link.root != *beyond);
        let next = items.last().map(PortalLink::cursor);
        Ok(Page { items, next })
    }

    /// How many links are meant.
    pub async fn count_links(
        &self,
        selection: &LinkSelection,
        scope: &TenantScope,
        filter: LinkFilter,
    ) -> Result<u64, StoreError> {
        let row = selection.count(scope, filter, self.now()).one(&mut self.read().await?).await?;
        Ok(u64::try_from(row.get::<i64>("links")?).unwrap_or_default())
    }

    /// Revokes every link that is meant, expired ones included: none of them gets a fresh one. Returns how many it revoked.
    ///
    /// A mail that is sent meanwhile may bring a link that stays. Of many links, those that were revoked before the
    /// database failed stay revoked.
    pub async fn revoke_links(&self, selection: &LinkSelection, who: &Actor, reason: &str) -> Result<u64, StoreError> {
        let act = who.in_one_act();
        // Whoever sends the request again after a part of it has the rest revoked, under the same idempotency key.
        let part = act.without_key();
        let (mut revoked, mut after) = (0, None);
        loop {
            let request = PageRequest { limit: DELIVERIES_AT_ONCE, after };
            let page = self.portal_links(selection, &act.principal.scope, LinkFilter::NotRevoked, request).await?;
            let who = if page.next.is_none() { &act } else { &part };
            let (now, mut transaction) = (self.now(), self.begin().await?);
            let some = revoke(&mut transaction, &page.items, (who.name(), reason), now).await?;
            if some > 0 {
                let entry = NewAuditEntry::new(AuditAction::LinksRevoked, who).because(reason);
                let entry = entry.with(json!({ "links": some, "more": page.next.is_some() }));
                append(&mut transaction, &selection.named_in(entry, &page.items), now).await?;
            }
            transaction.commit().await?;
            revoked += some;
            if page.next.is_none() {
                return Ok(revoked);
            }
            after = page.next;
        }
    }
}

impl IntakeTransaction {
    /// Revokes every portal link of an invoice; returns how many.
    pub async fn revoke_links(
        &mut self,
        tenant: &TenantId,
        invoice_id: &str,
        who: &str,
        reason: &str,
    ) -> Result<u64, StoreError> {
        sql("UPDATE portal_link SET revoked_at = $3, revoked_by = $4, revoke_reason = $5
            WHERE revoked_at IS NULL
              AND root_id IN (SELECT root_id FROM delivery WHERE tenant_id = $1 AND invoice_id = $2)")
        .bind(tenant)
        .bind(invoice_id)
        .bind(self.now)
        .bind(who)
        .bind(reason)
        .run(&mut self.transaction)
        .await
    }
}

async fn revoke(
    on: &mut impl StatementExecutor,
    links: &[PortalLink],
    (who, reason): (&str, &str),
    now: Timestamp,
) -> Result<u64, StoreError> {
    if links.is_empty() {
        return Ok(0);
    }
    sql("WITH {rows}
        UPDATE portal_link SET revoked_at = $1, revoked_by = $2, revoke_reason = $3
        FROM rows
        WHERE portal_link.root_id = rows.root AND portal_link.generation = rows.number
          AND portal_link.revoked_at IS NULL")
    .bind(now)
    .bind(who)
    .bind(reason)
    .rows("root uuid, number bigint", links.iter().map(|link| [link.root.into(), link.generation.into()]))
    .run(on)
    .await
}

impl LinkSelection {
    /// The entry of an act upon these links, with whose they are.
    fn named_in<'a>(&'a self, entry: NewAuditEntry<'a>, links: &'a [PortalLink]) -> NewAuditEntry<'a> {
        let invoice = links.first().map(|link| &link.invoice);
        let subject = match self {
            Self::Token(_) => links.first().map(|link| link.root.to_string()),
            Self::Delivery(id) => Some(id.to_string()),
            Self::Invoice { invoice, .. } => Some(invoice.clone()),
            Self::Customer { customer, .. } => Some(customer.to_string()),
            Self::Tenant(tenant) => Some(tenant.to_string()),
        };
        let customer = invoice.map(|invoice| &invoice.customer).filter(|_| !matches!(self, Self::Tenant(_)));
        NewAuditEntry {
            tenant: invoice.map(|invoice| &invoice.tenant),
            customer,
            subject: subject.map(Cow::Owned),
            ..entry
        }
    }

    /// The condition on `delivery` that it is, whose first parameters these are.
    fn condition(&self, scope: &TenantScope) -> (String, Vec<Value<'_>>) {
        let (named, mut values) = match self {
            Self::Token(token) => {
                ("delivery.id = (SELECT root_id FROM portal_link WHERE token_sha256 = $1)", vec![(*token).into()])
            }
            Self::Delivery(id) => {
                ("delivery.id = (SELECT root_id FROM delivery AS named WHERE named.id = $1)", vec![(*id).into()])
            }
            Self::Invoice { tenant, invoice } => (
                "delivery.id IN (SELECT id FROM delivery AS named WHERE tenant_id = $1 AND invoice_number = $2
                                 UNION SELECT id FROM delivery AS named WHERE tenant_id = $1 AND invoice_id = $2)",
                vec![tenant.into(), invoice.as_str().into()],
            ),
            Self::Customer { tenant, customer } => {
                ("delivery.tenant_id = $1 AND delivery.customer_id = $2", vec![tenant.into(), customer.into()])
            }
            Self::Tenant(tenant) => ("delivery.tenant_id = $1", vec![tenant.into()]),
        };
        // One or two come before it.
        let within = match values.len() {
            1 => in_scope!("delivery.tenant_id", "$2"),
            _ => in_scope!("delivery.tenant_id", "$3"),
        };
        values.push(scope.into());
        (format!("{named} AND {within}"), values)
    }

    /// The condition on `portal_link` that it and the filter are, whose parameters stand behind `values`.
    fn links(&self, filter: LinkFilter, now: Timestamp, values: &mut Vec<Value<'_>>) -> String {
        // Of one delivery with several links, only the one that is named.
        let named = if matches!(self, Self::Token(_)) { " AND portal_link.token_sha256 = $1" } else { "" };
        match filter {
            LinkFilter::All => named.to_owned(),
            LinkFilter::NotRevoked => format!("{named} AND portal_link.revoked_at IS NULL"),
            LinkFilter::Valid => {
                values.push(now.into());
                let now = values.len();
                format!("{named} AND portal_link.revoked_at IS NULL AND portal_link.expires_at > ${now}")
            }
        }
    }

    fn count(&self, scope: &TenantScope, filter: LinkFilter, now: Timestamp) -> Statement<'_> {
        let (which, mut values) = self.condition(scope);
        let wanted = self.links(filter, now, &mut values);
        let text = format!(
            "SELECT COUNT(*) AS links FROM delivery JOIN portal_link ON portal_link.root_id = delivery.id{wanted}
            WHERE {which}"
        );
        built_sql(text, values)
    }

    /// A link is found by its delivery, for which there are indexes in the list's order: an index more on links would be
    /// written with each mail.
    fn statement(&self, scope: &TenantScope, filter: LinkFilter, page: PageRequest, now: Timestamp) -> Statement<'_> {
        let (which, mut values) = self.condition(scope);
        let wanted = self.links(filter, now, &mut values);
        let mut place = |value: Value<'static>| {
            values.push(value);
            values.len()
        };
        let behind = page.after.map_or(String::new(), |Cursor { at, id }| {
            let (at, id) = (place(at.into()), place(id.into()));
            format!(" AND delivery.created_at <= ${at} AND (delivery.created_at, delivery.id) < (${at}, ${id})")
        });
        let limit = place(page.limit.saturating_add(1).into());
        let text = format!(
            "WITH page AS (
                SELECT delivery.id, delivery.created_at, delivery.tenant_id, delivery.customer_id, delivery.invoice_id,
                       delivery.invoice_number, delivery.kind
                FROM delivery
                WHERE {which}{behind}
                  AND EXISTS (SELECT 1 FROM portal_link WHERE portal_link.root_id = delivery.id{wanted})
                ORDER BY delivery.created_at DESC, delivery.id DESC LIMIT ${limit})
            SELECT page.id, page.created_at AS delivery_created_at, page.tenant_id, page.customer_id, page.invoice_id,
                   page.invoice_number, page.kind, portal_link.generation, portal_link.created_at, portal_link.expires_at,
                   portal_link.revoked_at, portal_link.revoked_by, portal_link.revoke_reason
            FROM page JOIN portal_link ON portal_link.root_id = page.id{wanted}
            ORDER BY page.created_at DESC, page.id DESC, portal_link.generation DESC"
        );
        built_sql(text, values)
    }
}

/// Takes from the tenant's links why they were revoked, where that names a person.
pub(in crate::store) async fn erase_link_reasons(
    on: &mut impl StatementExecutor,
    tenant: &TenantId,
    person: &Person,
) -> Result<(), StoreError> {
    sql(concat!(
        "WITH {rows} UPDATE portal_link SET revoke_reason = $1 WHERE tenant_id = $2 AND revoke_reason IS NOT NULL AND ",
        names_person!("portal_link.revoke_reason")
    ))
    .bind(ERASED)
    .bind(tenant)
    .rows(NEEDLES, person.needles())
    .run(on)
    .await?;
    Ok(())
}

impl PortalLink {
    /// What it does when it is opened at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> LinkState {
        LinkState::of(self.expires_at, self.revoked_at, now)
    }

    /// Where a list goes on behind its delivery.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        Cursor { at: self.delivery_created_at, id: self.root.0 }
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            root: row.get("id")?,
            generation: row.get("generation")?,
            invoice: read_invoice(row)?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            revoked_at: row.get("revoked_at")?,
            revoked_by: row.get("revoked_by")?,
            revoke_reason: row.get("revoke_reason")?,
            delivery_created_at: row.get("delivery_created_at")?,
        })
    }
}

/// Remembers links, and whose they are; one that stands already (an earlier attempt's, or of a rest's root) lives longer
/// from now on.
///
/// For SQLite: on PostgreSQL they are written by the statement that starts DATA.
pub(in crate::store) async fn insert_portal_links(
    on: &mut impl StatementExecutor,
    links: &[(&TenantId, &CustomerId, &NewPortalLink)],
    now: Timestamp,
) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    sql("WITH {rows}
        INSERT INTO portal_link
            (root_id, generation, token_sha256, key_fingerprint, expires_at, tenant_id, customer_id, created_at)
        SELECT rows.*, $1 FROM rows WHERE TRUE
        ON CONFLICT (root_id, generation) DO UPDATE SET expires_at = excluded.expires_at
            WHERE portal_link.expires_at < excluded.expires_at")
    .bind(now)
    .rows(
        "root_id uuid, generation bigint, token_sha256 bytea, key_fingerprint text, expires_at bigint, tenant_id text, \
         customer_id text",
        links.iter().map(|(tenant, customer, link)| {
            [
                link.root.into(),
                link.generation.into(),
                link.token_sha256.into(),
                (&link.key_fingerprint).into(),
                link.expires_at.into(),
                (*tenant).into(),
                (*customer).into(),
            ]
        }),
    )
    .run(on)
    .await?;
    Ok(())
}

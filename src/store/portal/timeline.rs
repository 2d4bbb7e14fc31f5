//! What happened in the portal, as the timeline of an invoice shows it.

use crate::clock::Timestamp;
use crate::model::access::TenantScope;
use crate::model::ids::DeliveryId;
use crate::model::portal_event::PortalEventKind;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::scope::in_scope;
use crate::store::db::statement::{StatementExecutor, sql};

/// The most events that are read of one invoice; the newest.
const EVENTS_MAX: u32 = 2_000;

/// Something that a visitor did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalEvent {
    /// The delivery whose link was used.
    pub root: DeliveryId,
    pub at: Timestamp,
    pub kind: PortalEventKind,
    /// The method, the document's name, or what came of it.
    pub detail: Option<String>,
    /// The network of the peer (/24, /64), for as long as it is kept.
    pub network: Option<String>,
}

impl Store {
    /// What happened in the portal with the links of these deliveries, oldest first.
    pub async fn portal_events(
        &self,
        roots: &[DeliveryId],
        scope: &TenantScope,
    ) -> Result<Vec<PortalEvent>, StoreError> {
        portal_events(&mut self.read().await?, roots, scope).await
    }
}

pub(in crate::store) async fn portal_events(
    on: &mut impl StatementExecutor,
    roots: &[DeliveryId],
    scope: &TenantScope,
) -> Result<Vec<PortalEvent>, StoreError> {
    if roots.is_empty() {
        return Ok(Vec::new());
    }
    let mut events = sql(concat!(
        "WITH {rows}
        SELECT portal_event.root_id, portal_event.at, portal_event.kind, portal_event.detail, portal_event.network
        FROM portal_event WHERE portal_event.root_id IN (
            SELECT rows.id FROM rows JOIN delivery ON delivery.id = rows.id WHERE ",
        in_scope!("delivery.tenant_id", "$2"),
        ") ORDER BY portal_event.at DESC LIMIT $1"
    ))
    .bind(EVENTS_MAX)
    .bind(scope)
    .rows("id uuid", roots.iter().map(|root| [(*root).into()]))
    .all(on)
    .await?
    .iter()
    .map(|row| {
        Ok(PortalEvent {
            root: row.get("root_id")?,
            at: row.get("at")?,
            kind: row.get("kind")?,
            detail: row.get("detail")?,
            network: row.get("network")?,
        })
    })
    .collect::<Result<Vec<_>, StoreError>>()?;
    events.reverse();
    Ok(events)
}

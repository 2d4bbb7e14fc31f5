//! The audit log as a file.

use futures_util::stream::{self, Stream};

use super::audit_view::entry;
use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::store::{AuditRecord, AuditSearch, Cursor, PageRequest, Store, StoreError};

/// Entries that are read at once.
const PAGE: u32 = 500;

/// What the file says of each entry.
pub const AUDIT_COLUMNS: [&str; 12] = [
    "entry",
    "time",
    "action",
    "who_kind",
    "who_id",
    "who",
    "tenant_id",
    "customer_id",
    "subject",
    "reason",
    "change",
    "network",
];

/// The entries that whoever asks may see, newest first, a page at a time; that they were exported is an entry itself.
///
/// # Errors
/// If the database does not answer: then nothing is shown.
pub async fn export_audit(
    store: &Store,
    who: &Actor,
    filter: AuditSearch,
) -> Result<impl Stream<Item = Result<Vec<[String; 12]>, StoreError>> + Send + use<>, StoreError> {
    store.audit(&entry(AuditAction::AuditExported, who, &filter)).await?;
    let (store, scope) = (store.clone(), who.principal.scope.clone());
    let first: Option<Option<Cursor>> = Some(None);
    Ok(stream::try_unfold(first, move |after| {
        let (store, scope, filter) = (store.clone(), scope.clone(), filter.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let page = store.audit_entries(&scope, &filter, PageRequest { limit: PAGE, after }).await?;
            let cells: Vec<_> = page.items.iter().map(audit_cells).collect();
            Ok(Some((cells, page.next.map(Some))))
        }
    }))
}

/// An entry as the file says it.
fn audit_cells(entry: &AuditRecord) -> [String; 12] {
    let text = |value: Option<&dyn ToString>| value.map(ToString::to_string).unwrap_or_default();
    [
        entry.sequence.to_string(),
        entry.at.to_string(),
        entry.action.to_string(),
        entry.who_kind.clone(),
        text(entry.who_id.as_ref().map(|id| id as _)),
        entry.who.clone().unwrap_or_else(|| "(erased)".to_owned()),
        text(entry.tenant.as_ref().map(|id| id as _)),
        text(entry.customer.as_ref().map(|id| id as _)),
        entry.subject.clone().unwrap_or_default(),
        entry.reason.clone().unwrap_or_default(),
        text(entry.change.as_ref().map(|change| change as _)),
        entry.network.clone().unwrap_or_default(),
    ]
}

//! Reading the audit log: names, reasons and values stand in it as they are, so a look at it is an entry itself.

use serde_json::{Value as Json, json};

use crate::model::actor::Actor;
use crate::model::audit::AuditAction;
use crate::store::{AuditRecord, AuditSearch, NewAuditEntry, Page, PageRequest, Store, StoreError};

/// A page of the entries that whoever asks may see, newest first. That they were seen is an entry, which this page does not
/// have yet: one for all pages of a search within a quarter of an hour, and none where nothing was found.
///
/// # Errors
/// If the database does not answer: then nothing is shown.
pub async fn view_audit(
    store: &Store,
    who: &Actor,
    filter: &AuditSearch,
    page: PageRequest,
) -> Result<Page<AuditRecord>, StoreError> {
    let found = store.audit_entries(&who.principal.scope, filter, page).await?;
    if !found.items.is_empty() {
        store.audit_list(&entry(AuditAction::AuditViewed, who, filter)).await?;
    }
    Ok(found)
}

/// The entry of a look at what such a search finds.
pub(super) fn entry<'a>(action: AuditAction, who: &'a Actor, filter: &'a AuditSearch) -> NewAuditEntry<'a> {
    let entry = NewAuditEntry { tenant: filter.tenant.as_ref(), ..NewAuditEntry::new(action, who) };
    entry.with(sought(filter))
}

fn sought(filter: &AuditSearch) -> Json {
    json!({
        "since": filter.since, "until": filter.until, "who": filter.who, "subject": filter.subject,
        "action": filter.action.map(|action| action.into_str()), "tenant_id": filter.tenant,
    })
}

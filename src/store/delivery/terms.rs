//! What was decided, in the columns `decision`, `portal_access` and `portal_method`.

use crate::policy::decision::{PortalTerms, Terms};
use crate::store::db::error::StoreError;
use crate::store::db::value::{Row, Value};

/// Reads the three columns; none if nothing was decided.
pub(in crate::store) fn read_terms(row: &Row) -> Result<Option<Terms>, StoreError> {
    let Some(decision) = row.get("decision")? else { return Ok(None) };
    let method = row.get("portal_method")?;
    let access: Option<_> = row.get("portal_access")?;
    Ok(Some(Terms { decision, portal: access.map(|access| PortalTerms { access, method }) }))
}

/// The three columns' values.
pub(in crate::store) fn terms_values<'v>(terms: Option<Terms>) -> [Value<'v>; 3] {
    let portal = terms.and_then(|terms| terms.portal);
    [
        terms.map(|terms| terms.decision).into(),
        portal.map(|portal| portal.access).into(),
        portal.and_then(|portal| portal.method).into(),
    ]
}

//! What the pages of people and of tokens have in common: role and tenants as their forms say them, and what becomes of a
//! change that is refused.

use axum::response::Response;

use super::pages;
use super::signed::Signed;
use crate::model::access::{Role, TenantScope};
use crate::model::ids::TenantId;
use crate::operator::people::PeopleError;

/// The tenants of a scope as a page names them; none for all.
pub(super) fn names_of(scope: &TenantScope) -> Option<Vec<String>> {
    scope.tenants().map(|tenants| tenants.iter().map(TenantId::to_string).collect())
}

/// What the fields `role` and `tenants` give somebody; none without a role. Tenants are ids, one a line or by commas; all of
/// them, if there is none.
pub(super) fn rights(role: &str, tenants: &str) -> Option<(Role, TenantScope)> {
    Some((role.parse().ok()?, scope_of(tenants)))
}

fn scope_of(written: &str) -> TenantScope {
    let ids = written.split([',', '\n']).map(str::trim).filter(|id| !id.is_empty()).map(TenantId::from);
    let scope = TenantScope::of(ids);
    if scope.tenants().is_some_and(std::collections::BTreeSet::is_empty) { TenantScope::All } else { scope }
}

/// What has no words of its own on the page: somebody who is not there, a list that has been outrun, the database.
pub(super) fn refused(signed: &Signed, error: PeopleError) -> Response {
    match error {
        PeopleError::Store(error) => signed.failed(&error),
        PeopleError::Unknown | PeopleError::UnknownToken => signed.not_found(),
        _ => pages::conflict(&signed.front()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_written_one_a_line_or_by_commas() {
        assert_eq!(scope_of(""), TenantScope::All);
        assert_eq!(scope_of(" \r\n, "), TenantScope::All);
        let both = TenantScope::of([TenantId::from("acme"), TenantId::from("beta")]);
        for written in ["acme,beta", "beta\r\nacme\r\n", " acme , beta,acme"] {
            assert_eq!(scope_of(written), both, "{written:?}");
        }
        assert_eq!(names_of(&both), Some(vec!["acme".to_owned(), "beta".to_owned()]));
        assert_eq!(names_of(&TenantScope::All), None);
        assert_eq!(rights("support", "acme,beta"), Some((Role::Support, both)));
        assert_eq!(rights("", "acme"), None);
    }
}

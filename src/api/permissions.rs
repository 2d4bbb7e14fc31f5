//! What each route asks of a role; [`Permission::roles`] says which have it.

use axum::http::Method;

use crate::model::access::Principal;
use crate::policy::permission::Permission;

/// The routes that ask for no permission: whoever is known may use them.
const OF_EVERYBODY: [&str; 1] = ["/api/v1/me"];

/// Whether a request of this route, as the router names it, is answered. Nobody may use a route that stands nowhere here.
pub(super) fn allows(principal: &Principal, method: &Method, route: &str) -> bool {
    OF_EVERYBODY.contains(&route) || needed(method, route).is_some_and(|needed| principal.may(needed))
}

/// What a request of this route needs.
fn needed(method: &Method, route: &str) -> Option<Permission> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let of = |read, write| if reads { read } else { write };
    Some(match route {
        "/api/v1/events" => of(Permission::ViewEventStatus, Permission::PublishEvents),
        "/api/v1/tenants/{tenant_id}" | "/api/v1/tenants/{tenant_id}/logo" => {
            of(Permission::ViewTenants, Permission::WriteTenants)
        }
        "/api/v1/tenants/{tenant_id}/settings" => of(Permission::ViewSettings, Permission::ChangeSettings),
        "/api/v1/tenants/{tenant_id}/customers/{customer_id}" => {
            of(Permission::ViewCustomers, Permission::WriteCustomers)
        }
        "/api/v1/tenants" => Permission::ViewTenants,
        "/api/v1/tenants/{tenant_id}/pause" | "/api/v1/tenants/{tenant_id}/resume" => Permission::PauseTenant,
        // Nothing is saved by it.
        "/api/v1/tenants/{tenant_id}/settings/versions" | "/api/v1/tenants/{tenant_id}/settings/preview" => {
            Permission::ViewSettings
        }
        "/api/v1/tenants/{tenant_id}/settings/restore" => Permission::ChangeSettings,
        "/api/v1/work-list"
        | "/api/v1/invoices"
        | "/api/v1/deliveries/{delivery_id}"
        | "/api/v1/tenants/{tenant_id}/invoices/{number}"
        | "/api/v1/links"
        // A pasted link is in the body, which is why it is no GET.
        | "/api/v1/links/find"
        | "/api/v1/portal-locks" => Permission::ViewInvoices,
        "/api/v1/invoices.csv" => Permission::ExportInvoices,
        "/api/v1/deliveries/{delivery_id}/mail" => Permission::ReadPersonalData,
        "/api/v1/deliveries/{delivery_id}/acknowledge" => Permission::Acknowledge,
        "/api/v1/deliveries/{delivery_id}/cancel" | "/api/v1/deliveries/{delivery_id}/send-now" => Permission::Cancel,
        "/api/v1/deliveries/{delivery_id}/mark-sent" => Permission::Conclude,
        "/api/v1/deliveries/{delivery_id}/revoke-links" | "/api/v1/links/revoke" => Permission::RevokeLinks,
        // The plan reads the documents, and names addresses.
        "/api/v1/deliveries/{delivery_id}/resend" | "/api/v1/deliveries/{delivery_id}/resend/plan" => {
            Permission::Resend
        }
        "/api/v1/operators"
        | "/api/v1/operators/{operator_id}"
        | "/api/v1/operators/{operator_id}/invite"
        | "/api/v1/operators/{operator_id}/reset-totp"
        | "/api/v1/operators/{operator_id}/disable"
        | "/api/v1/operators/{operator_id}/enable" => Permission::ManageOperators,
        "/api/v1/tokens" | "/api/v1/tokens/{token_id}/revoke" => Permission::ManageTokens,
        "/api/v1/portal-locks/lift" => Permission::LiftLocks,
        "/api/v1/audit" => Permission::ViewAudit,
        "/api/v1/audit.csv" => Permission::ExportAudit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::OpenApi;

    use super::*;

    /// The methods and addresses of the document that whoever asks must be known for.
    fn operations(document: &OpenApi) -> Vec<(Method, String)> {
        let mut found = Vec::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ];
            let asked = operations.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)));
            // An operation that is open to all says so itself.
            found.extend(
                asked.filter(|(_, operation)| operation.security.is_none()).map(|(method, _)| (method, path.clone())),
            );
        }
        found
    }

    #[test]
    fn each_route_of_the_document_has_a_row() {
        let operations = operations(&crate::api::document());
        assert!(operations.len() > 15, "{operations:?}");
        for (method, path) in operations {
            let has_row = OF_EVERYBODY.contains(&path.as_str()) || needed(&method, &path).is_some();
            assert!(has_row, "nobody may {method} {path}: add it to `needed`");
        }
    }

    #[test]
    fn what_changes_something_needs_more_than_to_look() {
        let customer = "/api/v1/tenants/{tenant_id}/customers/{customer_id}";
        assert_eq!(needed(&Method::GET, customer), Some(Permission::ViewCustomers));
        assert_eq!(needed(&Method::HEAD, customer), Some(Permission::ViewCustomers));
        for method in [Method::PUT, Method::DELETE, Method::POST] {
            assert_eq!(needed(&method, customer), Some(Permission::WriteCustomers));
        }
        assert_eq!(needed(&Method::GET, "/api/v1/unlisted"), None);
    }
}

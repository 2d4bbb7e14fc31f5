//! `/customers/{tenant}/{customer}`: what is on record, how they can be verified, their links and invoices.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::Console;
use super::answers::{HandlerAnswer, OrFailed};
use super::facts::{Reader, invoice_rows, tenant_name};
use super::pages::{self, CustomerLinkRow, CustomerPage};
use super::signed::Signed;
use crate::clock::Timestamp;
use crate::model::audit::AuditAction;
use crate::model::customer::{VerificationRecord, usable_methods};
use crate::model::ids::{CustomerId, DeliveryId, TenantId};
use crate::model::settings::VerificationMethod;
use crate::operator::masking::customer_name;
use crate::policy::decision::PortalAccess;
use crate::policy::permission::Permission;
use crate::store::{
    Cursor, DeliveryFilter, LinkFilter, LinkSelection, NewAuditEntry, PageRequest, PortalLink, StoreError,
};

/// Deliveries of one page.
const DELIVERIES: u32 = 50;
/// Deliveries whose links are shown.
const LINKS: u32 = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CustomerQuery {
    after: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    signed: Signed,
    Path((tenant, customer)): Path<(String, String)>,
    Query(query): Query<CustomerQuery>,
) -> HandlerAnswer {
    signed.require(Permission::ViewCustomers)?;
    let after: Option<Cursor> = signed.cursor(&query.after)?;
    let (tenant, id) = (TenantId::from(tenant), CustomerId::from(customer));
    let (store, scope) = (&console.store, &signed.principal.scope);
    let customer = store.customer(&tenant, &id, scope).await.or_failed(&signed)?.ok_or_else(|| signed.not_found())?;
    let settings = store.settings(&tenant, scope).await.or_failed(&signed)?.ok_or_else(|| signed.not_found())?.settings;
    let keys = store.verification_keys(&tenant, &id).await.or_failed(&signed)?.ok_or_else(|| signed.not_found())?;
    let whole = signed.principal.may(Permission::ReadPersonalData);
    if whole {
        let actor = signed.actor();
        let entry = NewAuditEntry::new(AuditAction::CustomerViewed, &actor).of_customer(&tenant, &id);
        store.audit_look(&entry.about(id.as_str())).await.or_failed(&signed)?;
    }
    let reader = Reader::of(whole, [customer.address.as_str()]);
    let record = VerificationRecord::from(&keys);
    let usable = usable_methods(record, &settings, &console.config.sms.verification());
    let chosen = settings.portal_authentication;
    let methods: Vec<(VerificationMethod, bool)> =
        [chosen.primary, chosen.secondary].into_iter().flatten().map(|one| (one, usable.contains(&one))).collect();
    let filter =
        DeliveryFilter { tenant: Some(tenant.clone()), customer: Some(id.clone()), ..DeliveryFilter::default() };
    let page = store.deliveries(&filter, scope, PageRequest { limit: DELIVERIES, after }).await.or_failed(&signed)?;
    let invoices = invoice_rows(&page.items);
    let links = links(&console, &signed, &tenant, &id).await.or_failed(&signed)?;
    let locks = store.portal_locks_of(&tenant, &id, scope).await.or_failed(&signed)?;
    let lock = locks.iter().max_by_key(|lock| lock.until);
    let names = store.tenant_names([&tenant]).await.or_failed(&signed)?;
    let tenant_name = tenant_name(&tenant, names.get(&tenant));
    let (name, address) = (customer_name(&customer.name, customer.kind, whole), reader.address(&customer.address));
    let (postcode, mobile) = (customer.postal.postcode.as_deref(), customer.mobile.as_deref());
    let (postcode, mobile) = (postcode.map(masked_end), mobile.map(masked_end));
    let next = page.next.map(|cursor| cursor.to_string());
    let view = CustomerPage {
        tenant: &tenant_name,
        id: id.as_str(),
        name: &name,
        kind: customer.kind,
        address: &address,
        locale: customer.locale.as_deref(),
        country: customer.postal.country.as_deref(),
        postcode: postcode.as_deref(),
        mobile: mobile.as_deref(),
        is_mobile_refused: keys.mobile_refused,
        access: PortalAccess::of(chosen.level, customer.kind),
        methods: &methods,
        lock: lock.map(|lock| pages::VerificationLock {
            until: lock.until,
            delivery: lock.roots.first().map(ToString::to_string),
        }),
        links: &links,
        invoices: &invoices,
        next: next.as_deref(),
    };
    Ok(pages::customer(&signed.layout(), &view))
}

/// The newest links, and when each was opened last.
async fn links(
    console: &Console,
    signed: &Signed,
    tenant: &TenantId,
    customer: &CustomerId,
) -> Result<Vec<CustomerLinkRow>, StoreError> {
    let selection = LinkSelection::Customer { tenant: tenant.clone(), customer: customer.clone() };
    let page = PageRequest { limit: LINKS, after: None };
    let scope = &signed.principal.scope;
    let links = console.store.portal_links(&selection, scope, LinkFilter::All, page).await?.items;
    let roots: Vec<DeliveryId> = links.iter().map(|link| link.root).collect();
    let opened: HashMap<DeliveryId, Timestamp> = console.store.links_last_opened(&roots).await?;
    let row = |link: &PortalLink| CustomerLinkRow {
        delivery: link.root.to_string(),
        number: link.invoice.number.clone(),
        expires_at: link.expires_at,
        revoked_at: link.revoked_at,
        last_opened_at: opened.get(&link.root).copied(),
    };
    Ok(links.iter().map(row).collect())
}

/// What a customer is verified by is nobody's to read: its last two characters tell support whether it is the right one.
fn masked_end(text: &str) -> String {
    const SHOWN: usize = 2;
    let chars: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let end: String = chars[chars.len().saturating_sub(SHOWN)..].iter().collect();
    if chars.len() <= SHOWN * 2 { "••••".to_owned() } else { format!("•••• {end}") }
}

/// An id as a segment of a path.
pub(super) fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_end_of_a_secret_is_shown() {
        for (secret, shown) in [
            ("01067", "•••• 67"),
            ("+4915112345678", "•••• 78"),
            ("1234 AB", "•••• AB"),
            ("12", "••••"),
            ("1234", "••••"),
            ("", "••••"),
        ] {
            assert_eq!(masked_end(secret), shown, "{secret}");
        }
        assert_eq!(segment("a/b c"), "a%2Fb%20c");
    }
}

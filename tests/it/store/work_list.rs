//! The work list: what a person has to look at, until somebody has.

use std::time::Duration;

use invoice_dispatcher::intake::Verdict;
use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{DeliveryId, TenantId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::model::work::WorkKind;
use invoice_dispatcher::store::{Cursor, PageRequest, WorkItem, WorkListFilter};
use serde_json::json;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::operator::samples::{Support, WHO, event, tenant};

on_both_databases!(
    each_kind_is_listed_oldest_first,
    what_somebody_has_seen_is_listed_no_more,
    a_resend_takes_its_original_off_the_list,
    what_comes_back_and_ends_again_is_listed_again,
    pages_go_on_where_the_last_one_ended,
    a_scope_sees_its_tenants_only,
);

fn page(limit: u32, after: Option<Cursor>) -> PageRequest {
    PageRequest { limit, after }
}

async fn list(support: &Support, scope: &TenantScope, filter: &WorkListFilter) -> Vec<WorkItem> {
    support.database.store.work_list(scope, filter, page(50, None)).await.expect("answered").items
}

/// `kind number` of everything that waits.
async fn waiting(support: &Support) -> Vec<String> {
    let items = list(support, &TenantScope::All, &WorkListFilter::default()).await;
    let told = |item: &WorkItem| format!("{} {}", item.kind.expect("it waits"), item.invoice.number);
    items.iter().map(told).collect()
}

async fn end(support: &Support, id: &str, concluded: Concluded, class: ReasonCode) -> DeliveryId {
    support.database.clock.advance(Duration::from_secs(1));
    support.accept(&event(id)).await;
    support.end(concluded, class).await.0
}

async fn each_kind_is_listed_oldest_first(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    end(&support, "1", Concluded::Sent, ReasonCode::Accepted).await;
    end(&support, "2", Concluded::Rejected, ReasonCode::Rejected).await;
    end(&support, "3", Concluded::Uncertain, ReasonCode::Uncertain).await;
    end(&support, "4", Concluded::Dead, ReasonCode::NoVerificationMethod).await;
    end(&support, "5", Concluded::Dead, ReasonCode::Refused).await;
    support.database.clock.advance(Duration::from_secs(1));
    let mut expiring = event("6");
    let soon = support.database.clock.now().plus(Duration::from_secs(30));
    expiring["data"]["expires_at"] = json!(soon.to_string());
    support.accept(&expiring).await;
    support.database.clock.advance(Duration::from_mins(1));
    assert_eq!(support.database.store.expire(10).await.expect("answered").len(), 1);
    support.database.clock.advance(Duration::from_secs(1));
    support.accept(&event("7")).await;
    let mut twin = event("7");
    twin["id"] = json!("twin");
    support.database.clock.advance(Duration::from_secs(1));
    assert!(matches!(support.take(&twin).await, Verdict::DuplicateInvoice(_)));

    assert_eq!(
        waiting(&support).await,
        ["rejected R-2", "uncertain R-3", "no_verification_method R-4", "expired R-6", "duplicate R-7"]
    );
    let counts = support.database.store.work_counts(&TenantScope::All, None).await.expect("answered");
    assert_eq!(
        counts,
        [
            (WorkKind::Rejected, 1),
            (WorkKind::Expired, 1),
            (WorkKind::Duplicate, 1),
            (WorkKind::Uncertain, 1),
            (WorkKind::NoVerificationMethod, 1),
        ]
    );
    let rejected = WorkListFilter { kind: Some(WorkKind::Rejected), ..WorkListFilter::default() };
    let only = list(&support, &TenantScope::All, &rejected).await;
    assert_eq!(only.iter().map(|item| item.invoice.number.as_str()).collect::<Vec<_>>(), ["R-2"]);
    assert_eq!(only[0].recipients[0].address, "ap@customer.example");
}

async fn what_somebody_has_seen_is_listed_no_more(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let rejected = end(&support, "1", Concluded::Rejected, ReasonCode::Rejected).await;
    let uncertain = end(&support, "2", Concluded::Uncertain, ReasonCode::Uncertain).await;
    let sent = end(&support, "3", Concluded::Sent, ReasonCode::Accepted).await;
    let store = &support.database.store;
    let acknowledged =
        store.acknowledge(&TenantScope::All, &[rejected, uncertain, sent], &actor(WHO)).await.expect("answered");
    assert_eq!(acknowledged.done, [rejected], "the others need a decision, or nothing");
    let mut unchanged = acknowledged.unchanged;
    unchanged.sort();
    let mut others = [uncertain, sent];
    others.sort();
    assert_eq!(unchanged, others);
    assert_eq!(waiting(&support).await, ["uncertain R-2"]);

    let seen = WorkListFilter { acknowledged: true, ..WorkListFilter::default() };
    let listed = list(&support, &TenantScope::All, &seen).await;
    let [only] = listed.as_slice() else { panic!("{listed:?}") };
    let (by, at) = only.acknowledged.clone().expect("somebody has seen it");
    assert_eq!((only.delivery, only.kind, by.as_str(), at), (rejected, None, WHO, support.database.clock.now()));
    let stands = store.delivery(rejected, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!((stands.acknowledged_by.as_deref(), stands.acknowledged_at), (Some(WHO), Some(at)));
    let again = store.acknowledge(&TenantScope::All, &[rejected], &actor("bob")).await.expect("answered");
    assert_eq!((again.done.len(), again.unchanged), (0, vec![rejected]), "the first one counts");
    let notes = support.database.texts("SELECT who || ' ' || what FROM delivery_note").await;
    assert_eq!(notes, ["ada acknowledged"]);
}

async fn a_resend_takes_its_original_off_the_list(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let rejected = end(&support, "1", Concluded::Rejected, ReasonCode::Rejected).await;
    support.resend(Some("new@customer.example")).await.expect("it is sent again");
    assert!(waiting(&support).await.is_empty());
    let stands =
        support.database.store.delivery(rejected, &TenantScope::All).await.expect("answered").expect("it is known");
    assert_eq!(stands.acknowledged_by.as_deref(), Some(WHO));
    support.end(Concluded::Rejected, ReasonCode::Rejected).await;
    assert_eq!(waiting(&support).await, ["rejected R-1"], "the new one is another matter");
}

async fn what_comes_back_and_ends_again_is_listed_again(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    let rejected = end(&support, "1", Concluded::Rejected, ReasonCode::Rejected).await;
    support.database.store.acknowledge(&TenantScope::All, &[rejected], &actor(WHO)).await.expect("answered");
    assert!(waiting(&support).await.is_empty());
    // As the sender guard takes a refusal back that was its sender's fault, and the recipient is refused after all.
    support.database.clock.advance(Duration::from_mins(5));
    let later = support.database.clock.now().0;
    support.database.execute(format!("UPDATE delivery SET concluded_at = {later} WHERE concluded = 'rejected'")).await;
    assert_eq!(waiting(&support).await, ["rejected R-1"]);
}

async fn pages_go_on_where_the_last_one_ended(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    for id in ["1", "2", "3", "4", "5"] {
        let (concluded, class) = match id {
            "2" | "4" => (Concluded::Uncertain, ReasonCode::Uncertain),
            _ => (Concluded::Rejected, ReasonCode::Rejected),
        };
        end(&support, id, concluded, class).await;
    }
    let store = &support.database.store;
    let filter = WorkListFilter::default();
    let (mut after, mut numbers) = (None, Vec::new());
    loop {
        let part = store.work_list(&TenantScope::All, &filter, page(2, after)).await.expect("answered");
        numbers.extend(part.items.into_iter().map(|item| item.invoice.number));
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(numbers, ["R-1", "R-2", "R-3", "R-4", "R-5"]);
}

async fn a_scope_sees_its_tenants_only(database: TestDatabase) {
    let support = Support::with_acme(database).await;
    support.database.store.upsert_tenant(&tenant("beta"), &actor("billing")).await.expect("answered");
    let rejected = end(&support, "1", Concluded::Rejected, ReasonCode::Rejected).await;
    let store = &support.database.store;
    let of = |ids: &[&str]| TenantScope::of(ids.iter().map(|id| TenantId::from(*id)));
    let filter = WorkListFilter::default();
    for (scope, expected) in [(of(&["acme"]), 1), (of(&["beta"]), 0), (of(&["acme", "beta"]), 1), (of(&[]), 0)] {
        assert_eq!(list(&support, &scope, &filter).await.len(), expected, "{scope:?}");
        let counts = store.work_counts(&scope, None).await.expect("answered");
        assert_eq!(counts.iter().map(|(_, count)| *count).sum::<u64>(), expected as u64, "{scope:?}");
    }
    let of_acme = WorkListFilter { tenant: Some(TenantId::from("acme")), ..WorkListFilter::default() };
    assert!(list(&support, &of(&["beta"]), &of_acme).await.is_empty());
    assert_eq!(list(&support, &TenantScope::All, &of_acme).await.len(), 1);
    let foreign = store.acknowledge(&of(&["beta"]), &[rejected], &actor(WHO)).await.expect("answered");
    assert_eq!((foreign.done.len(), foreign.unchanged.len()), (0, 0), "as if it were unknown");
    assert_eq!(waiting(&support).await, ["rejected R-1"]);
    let overviews = store.tenant_overviews(&of(&["acme"]), None, 10).await.expect("answered");
    let told: Vec<_> = overviews.iter().map(|tenant| (tenant.id.as_str(), tenant.open_work, tenant.due)).collect();
    assert_eq!(told, [("acme", 1, 0)]);
    let all = store.tenant_overviews(&TenantScope::All, Some(&TenantId::from("acme")), 10).await.expect("answered");
    assert_eq!(all.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["beta"]);
    assert!(store.tenant_overview(&of(&["beta"]), &TenantId::from("acme")).await.expect("answered").is_none());
}

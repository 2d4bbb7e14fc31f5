//! What follows from a choice, in the page's terms.

use axum::response::Response;

use super::ChosenTenant;
use crate::console::Console;
use crate::console::answers::OrFailed;
use crate::console::pages::{ConsequenceRow, ForeseenSettings, SettingsWarning, WhatIf, WhatIfAnswer};
use crate::console::signed::Signed;
use crate::model::settings::Settings;
use crate::model::state::Decision;
use crate::policy::consequences::{Consequences, PolicyWarning, PolicyWarningCode, TypeConsequence};
use crate::policy::history_comparison::HistoryComparison;
use crate::policy::invoice_route::InvoiceRoute;
use crate::store::PAST_DAYS;

/// What `draft` means for the tenant, and what it would have changed; that is not asked of what holds already.
pub(super) async fn foreseen(
    console: &Console,
    signed: &Signed,
    chosen: &ChosenTenant,
    draft: Settings,
) -> Result<ForeseenSettings, Response> {
    let (id, scope) = (&chosen.tenant.id, &signed.principal.scope);
    let consequences = console.settings.foresee(id, scope, draft).await.or_failed(signed)?;
    let what_if = if draft == chosen.saved.settings {
        WhatIfAnswer::NotAsked
    } else {
        let compared = console.settings.compare(id, scope, draft).await.or_failed(signed)?;
        compared.map_or(WhatIfAnswer::Busy, |past| WhatIfAnswer::Compared(what_if(&past.comparison)))
    };
    Ok(shown(&consequences, what_if))
}

fn shown(consequences: &Consequences, what_if: WhatIfAnswer) -> ForeseenSettings {
    let [private, business] = &consequences.rows;
    let mut rows = vec![row(private), row(business)];
    if private.of_unknown_type > 0 {
        rows.push(ConsequenceRow { customer_type: None, ..row(private) });
    }
    let sum = |number: fn(&TypeConsequence) -> i64| count(consequences.rows.iter().map(number).sum());
    ForeseenSettings {
        consequences: rows,
        customers: sum(|row| row.customers),
        unverifiable: sum(|row| row.unverifiable),
        warnings: consequences.warnings.iter().filter_map(warning).collect(),
        what_if,
    }
}

fn row(row: &TypeConsequence) -> ConsequenceRow {
    let mail = match row.route {
        InvoiceRoute::Attached => Some(Decision::Attach),
        InvoiceRoute::Linked(_) => Some(Decision::Link),
        InvoiceRoute::NotSent(_) => None,
    };
    ConsequenceRow { customer_type: Some(row.customer_type), mail, access: row.access }
}

/// None of what the page says at another place: how many customers nothing would verify.
fn warning(warning: &PolicyWarning) -> Option<SettingsWarning> {
    Some(match (warning.code, warning.method) {
        (PolicyWarningCode::DocumentsReachableNowhere, _) => SettingsWarning::DocumentsNowhere,
        (PolicyWarningCode::InvoiceNotTransmitted, _) => SettingsWarning::NotTransmitted,
        (PolicyWarningCode::NoSmsProvider, _) => SettingsWarning::NoSmsProvider,
        (PolicyWarningCode::NoVerification, _) => SettingsWarning::NotRequired,
        (PolicyWarningCode::AttachmentsBypassPortal, _) => SettingsWarning::AttachedThoughGated,
        (PolicyWarningCode::MethodNotUsable, Some(method)) => {
            SettingsWarning::MethodUnusable { method, customers: count(warning.customers) }
        }
        (PolicyWarningCode::MethodNotUsable, None) | (PolicyWarningCode::NoVerificationMethod, _) => return None,
    })
}

fn what_if(comparison: &HistoryComparison) -> WhatIf {
    let mut counted = WhatIf {
        deliveries: comparison.considered(),
        days: PAST_DAYS,
        undecided: comparison.undecided,
        ..WhatIf::default()
    };
    for change in &comparison.changes {
        let number = match (change.from, change.to) {
            (_, InvoiceRoute::NotSent(_)) => &mut counted.not_sent,
            (InvoiceRoute::NotSent(_), _) => &mut counted.now_sent,
            (_, InvoiceRoute::Attached) => &mut counted.to_attach,
            (InvoiceRoute::Attached, InvoiceRoute::Linked(_)) => &mut counted.to_link,
            (InvoiceRoute::Linked(from), InvoiceRoute::Linked(to)) => {
                // What is asked counts first, then how hard it is to pass.
                let is_stricter = (to.access, to.method) > (from.access, from.method);
                if is_stricter { &mut counted.stricter } else { &mut counted.looser }
            }
        };
        *number += change.deliveries;
    }
    counted
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

//! What was done before the demo began: people were invited, a token was made, settings were tried and taken back. So the
//! console's pages have something to show.

use crate::app::App;
use crate::model::access::{Principal, PrincipalKind, Role, TenantScope};
use crate::model::actor::Actor;
use crate::model::ids::{OperatorId, TenantId};
use crate::model::settings::{PortalLevel, SensitiveAttachments, Settings};
use crate::operator::people::{PeopleError, PersonToAdd, TOKEN_LIVES};

/// Who may sign in besides the administrator, once they have followed a link that the page *People* makes anew.
const PEOPLE: [(&str, &str, Role, &[&str]); 4] = [
    ("support@demo.example", "Support", Role::Support, &[]),
    ("operations@demo.example", "Operations", Role::Operations, &[]),
    ("audit@demo.example", "Internal audit", Role::Viewer, &[]),
    ("it@tulp.example", "Tulp Telecom IT", Role::TenantAdmin, &["tulp"]),
];

/// Whose settings were changed.
const TENANT: &str = "nordlicht";

/// Done once, as the administrator: a folder that was used before has it.
pub(super) async fn write_history(app: &App, administrator: OperatorId, address: &str) -> anyhow::Result<()> {
    let kind = PrincipalKind::Operator(administrator);
    let who = Actor::new(Principal { kind, ..Principal::command_line(address) });
    for (address, name, role, tenants) in PEOPLE {
        let scope = match tenants {
            [] => TenantScope::All,
            some => TenantScope::of(some.iter().copied().map(TenantId::from)),
        };
        let person = PersonToAdd { address, name: Some(name), role, scope: &scope };
        match app.people().add(&person, true, &who).await {
            Ok(_) => {}
            Err(PeopleError::Exists(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    // Nobody is told the token itself: the page of tokens shows that there is one.
    app.people().add_token("billing system", Role::Billing, &TenantScope::All, TOKEN_LIVES, &who).await?;
    change_settings(app, &who).await
}

/// From what was imported to stricter ones and, for a reason, back.
async fn change_settings(app: &App, who: &Actor) -> anyhow::Result<()> {
    let tenant = TenantId::from(TENANT);
    let Some(imported) = app.store.settings(&tenant, &TenantScope::All).await? else { return Ok(()) };
    let mut stricter: Settings = imported.settings;
    stricter.sensitive_attachments = SensitiveAttachments::Exclude;
    stricter.portal_authentication.level = PortalLevel::Sensitive;
    for (settings, reason) in [
        (stricter, "Trial for a month: everybody is verified before documents"),
        (imported.settings, "Business customers want their invoices as attachments again"),
    ] {
        app.store.put_settings(&tenant, &settings, None, Some(reason), who).await?;
    }
    Ok(())
}

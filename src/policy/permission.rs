//! What each role may do: the one table behind what pages offer and what the server allows. Pure.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::model::access::{Principal, Role};

/// One thing that somebody may or may not do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Permission {
    /// Search, lists, the work list, an invoice's states; personal data is masked.
    ViewInvoices,
    /// One invoice, customer or message with addresses and names as they are.
    ReadPersonalData,
    /// Lists as files.
    ExportInvoices,
    /// A new delivery of an invoice.
    Resend,
    /// Stop a delivery, or send it before its time.
    Cancel,
    /// Say of an uncertain delivery that it was sent, or discard a dead one.
    Conclude,
    /// Take an entry off the work list.
    Acknowledge,
    RevokeLinks,
    /// Let a customer try again who failed verification too often.
    LiftLocks,
    ViewCustomers,
    /// Take a customer's personal data out of everything.
    EraseCustomers,
    ViewSettings,
    ChangeSettings,
    ViewTenants,
    PauseTenant,
    ViewDeadLetters,
    /// Put dead letters back, discard them, restore them.
    Redrive,
    ViewRelays,
    /// Pause and resume a relay, release a sender.
    ChangeRelays,
    /// The bytes of an event as they came.
    ReadRawEvents,
    PublishEvents,
    /// What became of an event that one has published.
    ViewEventStatus,
    /// A tenant's master data, logo included.
    WriteTenants,
    WriteCustomers,
    ManageOperators,
    ManageTokens,
    ViewAudit,
    ExportAudit,
}

impl Permission {
    /// The roles that have it.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        use Role::{Admin, Billing, Operations, Support, TenantAdmin, Viewer};
        match self {
            Self::ViewInvoices | Self::ViewCustomers | Self::ViewSettings | Self::ViewTenants => {
                &[Viewer, Support, Operations, Admin, TenantAdmin]
            }
            Self::ReadPersonalData
            | Self::ExportInvoices
            | Self::Resend
            | Self::Cancel
            | Self::Conclude
            | Self::Acknowledge
            | Self::RevokeLinks
            | Self::LiftLocks => &[Support, Operations, Admin, TenantAdmin],
            Self::ViewDeadLetters => &[Viewer, Support, Operations, Admin],
            Self::ViewRelays => &[Viewer, Operations, Admin],
            Self::PauseTenant => &[Operations, Admin, TenantAdmin],
            Self::Redrive | Self::ChangeRelays | Self::ReadRawEvents => &[Operations, Admin],
            Self::ChangeSettings => &[Admin, TenantAdmin],
            Self::PublishEvents => &[Operations, Admin, Billing],
            Self::ViewEventStatus => &[Support, Operations, Admin, Billing],
            Self::WriteTenants | Self::WriteCustomers => &[Admin, Billing],
            Self::EraseCustomers | Self::ManageOperators | Self::ManageTokens | Self::ViewAudit | Self::ExportAudit => {
                &[Admin]
            }
        }
    }

    /// Whether it touches what all tenants share, so that whoever is limited to some tenants never has it.
    #[must_use]
    pub const fn is_of_installation(self) -> bool {
        matches!(self, Self::ViewRelays | Self::ChangeRelays | Self::ManageOperators | Self::ManageTokens)
    }
}

impl Principal {
    /// Whether this may be done at all; for which tenants, its scope says.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        permission.roles().contains(&self.role) && (self.scope.is_all() || !permission.is_of_installation())
    }

    /// Everything that this may do, in the order of the table.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        Permission::VARIANTS.iter().copied().filter(|permission| self.may(*permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::{PrincipalKind, TenantScope};
    use crate::model::ids::TenantId;

    /// Written out a second time, so that nobody widens a role by a slip. `*`: not if limited to some tenants.
    const TABLE: &str = "
                            viewer  support  operations  admin  tenant_admin  billing
        view_invoices       yes     yes      yes         yes    yes           -
        read_personal_data  -       yes      yes         yes    yes           -
        export_invoices     -       yes      yes         yes    yes           -
        resend              -       yes      yes         yes    yes           -
        cancel              -       yes      yes         yes    yes           -
        conclude            -       yes      yes         yes    yes           -
        acknowledge         -       yes      yes         yes    yes           -
        revoke_links        -       yes      yes         yes    yes           -
        lift_locks          -       yes      yes         yes    yes           -
        view_customers      yes     yes      yes         yes    yes           -
        erase_customers     -       -        -           yes    -             -
        view_settings       yes     yes      yes         yes    yes           -
        change_settings     -       -        -           yes    yes           -
        view_tenants        yes     yes      yes         yes    yes           -
        pause_tenant        -       -        yes         yes    yes           -
        view_dead_letters   yes     yes      yes         yes    -             -
        redrive             -       -        yes         yes    -             -
        view_relays         *       -        *           *      -             -
        change_relays       -       -        *           *      -             -
        read_raw_events     -       -        yes         yes    -             -
        publish_events      -       -        yes         yes    -             yes
        view_event_status   -       yes      yes         yes    -             yes
        write_tenants       -       -        -           yes    -             yes
        write_customers     -       -        -           yes    -             yes
        manage_operators    -       -        -           *      -             -
        manage_tokens       -       -        -           *      -             -
        view_audit          -       -        -           yes    -             -
        export_audit        -       -        -           yes    -             -";

    fn principal(role: Role, scope: TenantScope) -> Principal {
        Principal { kind: PrincipalKind::CommandLine, name: "somebody".into(), role, scope }
    }

    #[test]
    fn each_role_may_do_what_the_table_says_and_nothing_else() {
        let mut lines = TABLE.trim_start_matches('\n').lines().map(str::split_whitespace);
        let roles: Vec<Role> =
            lines.next().expect("a head").map(|name| name.parse().expect("a role")).collect::<Vec<_>>();
        assert_eq!(roles, Role::VARIANTS);
        let mut seen = Vec::new();
        for mut line in lines {
            let permission: Permission = line.next().expect("a name").parse().expect("a permission");
            let cells: Vec<&str> = line.collect();
            assert_eq!(cells.len(), roles.len(), "{permission}");
            for (role, cell) in roles.iter().zip(cells) {
                let of_all = principal(*role, TenantScope::All).may(permission);
                let of_some = principal(*role, TenantScope::of([TenantId::from("acme")])).may(permission);
                let expected = match cell {
                    "yes" => (true, true),
                    "*" => (true, false),
                    "-" => (false, false),
                    other => panic!("{other} is no cell"),
                };
                assert_eq!((of_all, of_some), expected, "{role} and {permission}");
            }
            seen.push(permission);
        }
        assert_eq!(seen, Permission::VARIANTS, "the table is whole");
    }

    #[test]
    fn what_a_page_offers_is_what_the_server_allows() {
        for role in Role::VARIANTS {
            for scope in [TenantScope::All, TenantScope::of([])] {
                let principal = principal(*role, scope);
                let offered: Vec<Permission> = principal.permissions().collect();
                for permission in Permission::VARIANTS {
                    assert_eq!(offered.contains(permission), principal.may(*permission), "{role} and {permission}");
                }
            }
        }
    }
}

//! `operators`: the people who sign in to the console.

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::{Limit, spelled};
use super::error::Advise;
use super::terminal::format::relative;
use super::terminal::output::{ListRow, Output};
use super::terminal::table::Column;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::access::{InvitationKind, Role, TenantScope};
use crate::model::ids::{OperatorId, TenantId};
use crate::model::mail_address::MailAddress;
use crate::operator::people::{OneTimeLink, PeopleError, PersonToAdd};
use crate::store::Operator;

/// Add, invite, change and disable the people who sign in to the console
///
/// The first of them is made here. From then on the console asks everybody to sign in, and the API asks for a token also on
/// this machine.
#[derive(Debug, clap::Args)]
pub struct OperatorsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: OperatorsAction,
}

/// What to do with operators.
#[derive(Debug, Subcommand)]
pub enum OperatorsAction {
    /// List them, in the order of their addresses
    #[command(after_help = "Example:
  invoice-dispatcher operators list")]
    List {
        /// Go on behind this address
        #[arg(long, value_name = "ADDRESS")]
        after: Option<String>,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Add a person; with --invite, print the link by which they choose a password
    #[command(after_help = "Examples:
  invoice-dispatcher operators add ops@acme.example --role admin --invite
  invoice-dispatcher operators add buchhaltung@acme.example --role tenant_admin --tenant acme --name \"Accounts\"")]
    Add {
        /// The email address that they sign in with
        address: String,
        /// What they may do.
        #[command(flatten)]
        rights: Rights,
        /// As other people call them [default: the address]
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Print a link that works once, for three days
        #[arg(long)]
        invite: bool,
    },
    /// Print a link by which somebody who has no password yet chooses one; it works once, for three days
    #[command(after_help = "Example:
  invoice-dispatcher operators invite ops@acme.example")]
    Invite {
        /// Whom
        address: String,
    },
    /// Take password, authenticator app and recovery codes away, end the sessions, and print a link for a new password
    #[command(after_help = "Examples:
  invoice-dispatcher operators reset ops@acme.example
  invoice-dispatcher operators reset ops@acme.example --app-only")]
    Reset {
        /// Whose
        address: String,
        /// Take the app and the recovery codes away, and leave the password
        #[arg(long)]
        app_only: bool,
    },
    /// Give somebody another role or other tenants; it counts at once
    #[command(after_help = "Example:
  invoice-dispatcher operators change ops@acme.example --role support --tenant acme --tenant beta")]
    Change {
        /// Whose
        address: String,
        /// What they may do from now on.
        #[command(flatten)]
        rights: Rights,
    },
    /// Let somebody sign in no more: their sessions end, and the tokens that they have made work no more
    #[command(after_help = "Example:
  invoice-dispatcher operators disable ops@acme.example")]
    Disable {
        /// Whom
        address: String,
    },
    /// Let somebody sign in again, with the password that they had
    #[command(after_help = "Example:
  invoice-dispatcher operators enable ops@acme.example")]
    Enable {
        /// Whom
        address: String,
    },
}

/// What somebody may do, and for which tenants.
#[derive(Debug, clap::Args)]
pub struct Rights {
    /// What they may do
    #[arg(long, value_parser = spelled!(Role))]
    pub role: Role,
    /// Only for this tenant; can be given more than once [default: every tenant]
    #[arg(long = "tenant", value_name = "ID")]
    pub tenants: Vec<String>,
}

impl Rights {
    pub(super) fn scope(&self) -> TenantScope {
        if self.tenants.is_empty() {
            TenantScope::All
        } else {
            TenantScope::of(self.tenants.iter().map(|tenant| TenantId::from(tenant.as_str())))
        }
    }
}

/// Does what the command line says.
pub async fn run(args: OperatorsArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let who = globals.who();
    let (output, people) = (globals.output(), app.people());
    match args.action {
        OperatorsAction::List { after, limit } => list(&app, output, after.as_deref(), limit.limit).await,
        OperatorsAction::Add { address, rights, name, invite } => {
            let scope = rights.scope();
            let person = PersonToAdd { address: &address, name: name.as_deref(), role: rights.role, scope: &scope };
            let (_, link) = advised(people.add(&person, invite, &who).await)?;
            added(output, &address, rights.role, link)
        }
        OperatorsAction::Invite { address } => {
            let id = known(&app, &address).await?;
            let link = advised(people.invite(id, InvitationKind::Invitation, &who).await)?;
            show_link(output, &address, link, "choose a password")
        }
        OperatorsAction::Reset { address, app_only: true } => {
            let id = known(&app, &address).await?;
            let done = advised(people.reset_totp(id, &who).await)?;
            let text = if done { "has no authenticator app any more" } else { "had no authenticator app" };
            changed(output, &address, done, text)
        }
        OperatorsAction::Reset { address, app_only: false } => {
            let id = known(&app, &address).await?;
            let link = advised(people.invite(id, InvitationKind::Reset, &who).await)?;
            show_link(output, &address, link, "choose a new password; the old one works no more")
        }
        OperatorsAction::Change { address, rights } => {
            let id = known(&app, &address).await?;
            let done = advised(people.change(id, rights.role, &rights.scope(), &who).await)?;
            changed(output, &address, done, if done { "has these rights now" } else { "had these rights already" })
        }
        OperatorsAction::Disable { address } => {
            let id = known(&app, &address).await?;
            let tokens = app.store.live_tokens_of(id).await?;
            let done = advised(people.disable(id, &who).await)?;
            if done && !tokens.is_empty() {
                output.warn(&format!(
                    "tokens that {address} has made work no more: {}; make new ones with `tokens add` for what still needs them",
                    tokens.join(", ")
                ));
            }
            changed(output, &address, done, if done { "can sign in no more" } else { "could not sign in before" })
        }
        OperatorsAction::Enable { address } => {
            let id = known(&app, &address).await?;
            let done = advised(people.enable(id, &who).await)?;
            changed(output, &address, done, if done { "can sign in again" } else { "could sign in before" })
        }
    }
}

/// The operator with this address.
async fn known(app: &App, address: &str) -> anyhow::Result<OperatorId> {
    let parsed = MailAddress::parse(address).map_err(PeopleError::Address)?;
    let found = app.store.operator_with_address(&parsed.mailbox()).await?;
    found
        .ok_or_else(|| anyhow::anyhow!("nobody signs in with {address}"))
        .what_to_do("`operators list` names everybody")
}

pub(super) fn advised<T>(done: Result<T, PeopleError>) -> anyhow::Result<T> {
    let error = match done {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    let advice = match &error {
        PeopleError::Exists(_) => "`operators list` shows them; `operators invite` prints a link",
        PeopleError::NeedsTenants(_) => "name them: --tenant ID",
        PeopleError::LastAdmin => "add or enable another admin first, and let them choose a password",
        PeopleError::Disabled => "`operators enable` first",
        PeopleError::HasPassword => "`operators reset` takes it away and prints a link for another one",
        PeopleError::NotForPeople(_) => "make a token for the program: `tokens add`",
        PeopleError::UnknownToken => "`tokens list` shows them",
        _ => return Err(error.into()),
    };
    Err(error).what_to_do(advice)
}

/// A link that works once.
#[derive(Serialize)]
struct ShownLink<'a> {
    address: &'a str,
    url: &'a str,
    expires_at: Timestamp,
}

fn show_link(output: Output, address: &str, link: OneTimeLink, purpose: &str) -> anyhow::Result<()> {
    let OneTimeLink { url, expires_at } = link;
    let text = format!(
        "{address} can {purpose}, once, until {expires_at}:\n\n  {url}\n\nWhoever has the link has the account: pass it on \
         where nobody else reads it."
    );
    Ok(output.one(&ShownLink { address, url: &url, expires_at }, &text)?)
}

fn added(output: Output, address: &str, role: Role, link: Option<OneTimeLink>) -> anyhow::Result<()> {
    match link {
        Some(link) => show_link(output, address, link, &format!("sign in as {role} and choose a password")),
        None => {
            changed(output, address, true, &format!("was added as {role}; `operators invite {address}` prints a link"))
        }
    }
}

fn changed(output: Output, address: &str, done: bool, text: &str) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct ChangedOperator<'a> {
        address: &'a str,
        changed: bool,
    }
    Ok(output.one(&ChangedOperator { address, changed: done }, &format!("{address} {text}"))?)
}

async fn list(app: &App, output: Output, after: Option<&str>, limit: u32) -> anyhow::Result<()> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let after = after.map(str::to_lowercase);
    let mut operators = app.store.operators(after.as_deref(), limit.saturating_add(1)).await?;
    let more = operators.len() > wanted;
    operators.truncate(wanted);
    let now = app.store.now();
    let rows: Vec<ListedOperator> = operators.into_iter().map(|operator| ListedOperator::of(operator, now)).collect();
    output.rows(&rows, "nobody signs in yet; `operators add` makes the first one")?;
    match rows.last().filter(|_| more) {
        Some(last) => {
            Ok(output.say(&format!("\nthere are more: the same with --after {}, or raise --limit", last.address))?)
        }
        None => Ok(()),
    }
}

/// An operator in a list.
#[derive(Serialize)]
struct ListedOperator {
    address: String,
    name: String,
    role: Role,
    /// None: every tenant.
    tenants: Option<Vec<TenantId>>,
    state: &'static str,
    has_app: bool,
    recovery_codes_left: u32,
    last_sign_in_at: Option<Timestamp>,
    /// Until when an open link works.
    link_until: Option<Timestamp>,
    created_at: Timestamp,
    created_by: String,
    #[serde(skip)]
    now: Timestamp,
}

impl ListedOperator {
    fn of(operator: Operator, now: Timestamp) -> Self {
        let state = match (operator.disabled_at, &operator.invitation, operator.has_password) {
            (Some(_), _, _) => "disabled",
            (None, Some(_), _) => "invited",
            (None, None, true) => "active",
            (None, None, false) => "not invited",
        };
        Self {
            state,
            tenants: operator.scope.tenants().map(|tenants| tenants.iter().cloned().collect()),
            link_until: operator.invitation.map(|(_, until)| until),
            address: operator.address,
            name: operator.name,
            role: operator.role,
            has_app: operator.has_totp,
            recovery_codes_left: operator.recovery_codes_left,
            last_sign_in_at: operator.last_sign_in_at,
            created_at: operator.created_at,
            created_by: operator.created_by,
            now,
        }
    }
}

/// As a cell shows them.
pub(super) fn shown_tenants(tenants: Option<&[TenantId]>) -> String {
    tenants.map_or_else(|| "all".to_owned(), |ids| ids.iter().map(TenantId::as_str).collect::<Vec<_>>().join(", "))
}

impl ListRow for ListedOperator {
    const COLUMNS: &'static [Column] = &[
        Column::whole("ADDRESS"),
        Column::whole("ROLE"),
        Column::text("TENANTS"),
        Column::whole("STATE"),
        Column::text("APP").from(100),
        Column::text("LAST SIGN-IN").from(100),
        Column::text("NAME").wide_only(),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.address.clone(),
            self.role.to_string(),
            shown_tenants(self.tenants.as_deref()),
            self.state.to_owned(),
            if self.has_app { "yes" } else { "no" }.to_owned(),
            self.last_sign_in_at.map_or_else(|| "never".to_owned(), |at| relative(at, self.now)),
            self.name.clone(),
        ]
    }
}

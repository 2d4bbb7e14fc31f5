//! `tokens`: what programs show to the API.

use std::time::Duration;

use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use super::Globals;
use super::arguments::Limit;
use super::error::Advise;
use super::operators::{Rights, advised, shown_tenants};
use super::terminal::format::relative;
use super::terminal::output::{ListRow, Output};
use super::terminal::table::Column;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::access::Role;
use crate::model::ids::{TenantId, TokenId};
use crate::operator::people::TOKEN_LIVES;
use crate::policy::permission::Permission;
use crate::store::{ListedToken, PageRequest};

/// Make, list and revoke the tokens of programs that use the API
///
/// A token is shown once, when it is made; the database holds a digest of it.
#[derive(Debug, clap::Args)]
pub struct TokensArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TokensAction,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokensAction {
    /// List them, the newest first, also those that work no more
    #[command(after_help = "Example:
  invoice-dispatcher tokens list")]
    List {
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Make a token, and print it this once
    #[command(after_help = "Examples:
  invoice-dispatcher tokens add billing-eu --role billing
  invoice-dispatcher tokens add acme-crm --role viewer --tenant acme --expires 90d")]
    Add {
        /// What it is for, as lists and histories name it
        name: String,
        /// What it may do.
        #[command(flatten)]
        rights: Rights,
        /// How long it works, as 90d; at most three years [default: a year]
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
    },
    /// Take a token's rights away at once
    #[command(after_help = "Example:
  invoice-dispatcher tokens revoke billing-eu")]
    Revoke {
        /// Its name, or its id
        name: String,
    },
}

/// Does what the command line says.
pub async fn run(args: TokensArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let who = globals.who();
    let output = globals.output();
    match args.action {
        TokensAction::List { limit } => list(&app, output, limit.limit).await,
        TokensAction::Add { name, rights, expires } => {
            let lives = expires.unwrap_or(TOKEN_LIVES);
            let made = app.people().add_token(&name, rights.role, &rights.scope(), lives, &who).await;
            let (id, token) = advised(made)?;
            show_new(output, id, &name, rights.role, token.expose())
        }
        TokensAction::Revoke { name } => {
            let id = known(&app, &name).await?;
            let revoked = advised(app.people().revoke_token(id, &who).await)?;
            let text = if revoked { "works no more" } else { "was revoked before" };
            Ok(output.one(&RevokedToken { id, revoked }, &format!("the token {name} {text}"))?)
        }
    }
}

/// The token of this name that is not revoked, or of this id.
async fn known(app: &App, name: &str) -> anyhow::Result<TokenId> {
    if let Ok(id) = name.parse::<Uuid>() {
        return Ok(TokenId(id));
    }
    let found = app.store.token_named(name).await?;
    found
        .ok_or_else(|| anyhow::anyhow!("no token that works is called {name:?}"))
        .what_to_do("`tokens list` shows them")
}

#[derive(Serialize)]
struct RevokedToken {
    id: TokenId,
    revoked: bool,
}

fn show_new(output: Output, id: TokenId, name: &str, role: Role, token: &str) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct ShownToken<'a> {
        id: TokenId,
        name: &'a str,
        role: Role,
        token: &'a str,
    }
    let text = format!(
        "{name} may act as {role} with this token, which is not shown again:\n\n  {token}\n\nSend it as: Authorization: Bearer …"
    );
    Ok(output.one(&ShownToken { id, name, role, token }, &text)?)
}

async fn list(app: &App, output: Output, limit: u32) -> anyhow::Result<()> {
    let tokens = app.store.tokens(PageRequest { limit, after: None }).await?;
    let now = app.store.now();
    let more = tokens.next.is_some();
    let rows: Vec<TokenInList> = tokens.items.into_iter().map(|token| TokenInList::of(token, now)).collect();
    output.rows(&rows, "there is no token; `tokens add` makes one")?;
    if more { Ok(output.say("\nthere are more: raise --limit")?) } else { Ok(()) }
}

/// A token in a list.
#[derive(Serialize)]
struct TokenInList {
    id: TokenId,
    name: String,
    /// How it begins.
    prefix: String,
    role: Role,
    /// None: every tenant.
    tenants: Option<Vec<TenantId>>,
    state: &'static str,
    created_at: Timestamp,
    created_by: String,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    revoked_by: Option<String>,
    #[serde(skip)]
    now: Timestamp,
}

impl TokenInList {
    fn of(token: ListedToken, now: Timestamp) -> Self {
        let is_answered_for = token.owner.as_ref().is_none_or(|owner| owner.may(Permission::ManageTokens));
        let state = match token.revoked_at {
            Some(_) => "revoked",
            None if token.expires_at <= now => "expired",
            None if !is_answered_for => "owner disabled",
            None => "works",
        };
        Self {
            state,
            tenants: token.scope.tenants().map(|tenants| tenants.iter().cloned().collect()),
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            role: token.role,
            created_at: token.created_at,
            created_by: token.created_by,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
            revoked_by: token.revoked_by,
            now,
        }
    }
}

impl ListRow for TokenInList {
    const COLUMNS: &'static [Column] = &[
        Column::whole("NAME"),
        Column::whole("ROLE"),
        Column::text("TENANTS"),
        Column::whole("STATE"),
        Column::text("ENDS"),
        Column::text("LAST USED").from(100),
        Column::whole("BEGINS").from(100),
        Column::text("MADE BY").wide_only(),
        Column::whole("ID").wide_only(),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.role.to_string(),
            shown_tenants(self.tenants.as_deref()),
            self.state.to_owned(),
            relative(self.expires_at, self.now),
            self.last_used_at.map_or_else(|| "never".to_owned(), |at| relative(at, self.now)),
            self.prefix.clone(),
            self.created_by.clone(),
            self.id.to_string(),
        ]
    }
}

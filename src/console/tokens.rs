//! `/tokens`: the tokens that programs use.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::operators::{failed, names_of, scope_of};
use super::pages::{self, NewToken, TokenProblem, TokenRow, TokensPage};
use super::sign_in::NoFields;
use super::signed::see_other;
use super::{Console, Signed, SignedForm};
use crate::model::access::Role;
use crate::model::ids::TokenId;
use crate::operator::people::{PeopleError, TOKEN_LIVES};
use crate::policy::permission::Permission;
use crate::secrets::ApiToken;
use crate::store::{ListedToken, PageRequest};

/// Tokens that the page shows: the newest.
const SHOWN_MAX: u32 = 1_000;

#[derive(Debug, Default, Deserialize)]
pub(super) struct TokenForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    tenants: String,
    /// As long as usual, if it is empty.
    #[serde(default)]
    expires_in_days: String,
}

pub(super) async fn list(State(console): State<Console>, signed: Signed) -> Response {
    if let Err(refused) = signed.require(Permission::ManageTokens) {
        return refused;
    }
    page(&console, &signed, None, None).await
}

async fn page(
    console: &Console,
    signed: &Signed,
    new: Option<(&str, &ApiToken)>,
    problem: Option<TokenProblem>,
) -> Response {
    let tokens = match console.store.tokens(PageRequest { limit: SHOWN_MAX, after: None }).await {
        Ok(tokens) => tokens,
        Err(error) => return signed.failed(&error),
    };
    let rows: Vec<TokenRow> = tokens.items.into_iter().map(row).collect();
    let new = new.map(|(name, token)| NewToken { name, token: token.expose() });
    pages::tokens(&signed.layout(), &TokensPage { rows: &rows, new, problem })
}

fn row(token: ListedToken) -> TokenRow {
    TokenRow {
        id: token.id.to_string(),
        tenants: names_of(&token.scope),
        name: token.name,
        prefix: token.prefix,
        role: token.role,
        created_at: token.created_at,
        created_by: token.created_by,
        expires_at: Some(token.expires_at),
        revoked_at: token.revoked_at,
        last_used_at: token.last_used_at,
    }
}

pub(super) async fn add(
    State(console): State<Console>,
    SignedForm { signed, form }: SignedForm<TokenForm>,
) -> Response {
    if let Err(refused) = signed.require(Permission::ManageTokens) {
        return refused;
    }
    let Ok(role) = form.role.parse::<Role>() else {
        return page(&console, &signed, None, Some(TokenProblem::RoleMissing)).await;
    };
    let Some(lives) = lives(&form.expires_in_days) else {
        return page(&console, &signed, None, Some(TokenProblem::ExpiryUnusable)).await;
    };
    let made = console.people.add_token(&form.name, role, &scope_of(&form.tenants), lives, &signed.actor()).await;
    match made {
        Ok((_, token)) => page(&console, &signed, Some((form.name.trim(), &token)), None).await,
        Err(error) => match problem_of(&error) {
            Some(problem) => page(&console, &signed, None, Some(problem)).await,
            None => failed(&signed, error),
        },
    }
}

/// None, if it is no number of days.
fn lives(written: &str) -> Option<Duration> {
    match written.trim() {
        "" => Some(TOKEN_LIVES),
        days => days.parse::<u64>().ok()?.checked_mul(24 * 3_600).map(Duration::from_secs),
    }
}

pub(super) async fn revoke(
    State(console): State<Console>,
    Path(id): Path<Uuid>,
    SignedForm { signed, form: NoFields {} }: SignedForm<NoFields>,
) -> Response {
    if let Err(refused) = signed.require(Permission::ManageTokens) {
        return refused;
    }
    match console.people.revoke_token(TokenId(id), &signed.actor()).await {
        Ok(_) => see_other("/tokens?done=token_revoked"),
        Err(PeopleError::UnknownToken) => signed.not_found(),
        Err(error) => failed(&signed, error),
    }
}

fn problem_of(error: &PeopleError) -> Option<TokenProblem> {
    Some(match error {
        PeopleError::TokenName => TokenProblem::NameMissing,
        PeopleError::TokenNameTaken => TokenProblem::NameTaken,
        PeopleError::TokenTime => TokenProblem::ExpiryUnusable,
        PeopleError::NeedsTenants(_) | PeopleError::NoTenants | PeopleError::ManyTenants => {
            TokenProblem::TenantsMissing
        }
        PeopleError::UnknownTenant(_) => TokenProblem::TenantUnknown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_after_days_or_as_usual() {
        assert_eq!(lives(""), Some(TOKEN_LIVES));
        assert_eq!(lives(" 90 "), Some(Duration::from_hours(90 * 24)));
        for wrong in ["x", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(lives(wrong), None, "{wrong}");
        }
    }
}

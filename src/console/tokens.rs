//! `/tokens`: the tokens that programs use.

use std::time::Duration;

use axum::extract::{Path, State};
use serde::Deserialize;
use uuid::Uuid;

use super::answers::{HandlerAnswer, OrFailed, done_at};
use super::pages::{self, ActionDone, NewToken, TokenProblem, TokenRow, TokensPage};
use super::rights::{names_of, refused, rights};
use super::sign_in::NoFields;
use super::{Console, Signed, SignedForm};
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

pub(super) async fn list(State(console): State<Console>, signed: Signed) -> HandlerAnswer {
    signed.require(Permission::ManageTokens)?;
    page(&console, &signed, None, None).await
}

async fn page(
    console: &Console,
    signed: &Signed,
    new: Option<(&str, &ApiToken)>,
    problem: Option<TokenProblem>,
) -> HandlerAnswer {
    let tokens = console.store.tokens(PageRequest { limit: SHOWN_MAX, after: None }).await.or_failed(signed)?;
    let rows: Vec<TokenRow> = tokens.items.into_iter().map(row).collect();
    let new = new.map(|(name, token)| NewToken { name, token: token.expose() });
    Ok(pages::tokens(&signed.layout(), &TokensPage { rows: &rows, new, problem }))
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
) -> HandlerAnswer {
    signed.require(Permission::ManageTokens)?;
    let Some((role, scope)) = rights(&form.role, &form.tenants) else {
        return page(&console, &signed, None, Some(TokenProblem::RoleMissing)).await;
    };
    let Some(lives) = lives(&form.expires_in_days) else {
        return page(&console, &signed, None, Some(TokenProblem::ExpiryUnusable)).await;
    };
    match console.people.add_token(&form.name, role, &scope, lives, &signed.actor()).await {
        Ok((_, token)) => page(&console, &signed, Some((form.name.trim(), &token)), None).await,
        Err(error) => match problem_of(&error) {
            Some(problem) => page(&console, &signed, None, Some(problem)).await,
            None => Err(refused(&signed, error)),
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
) -> HandlerAnswer {
    signed.require(Permission::ManageTokens)?;
    match console.people.revoke_token(TokenId(id), &signed.actor()).await {
        Ok(_) => Ok(done_at("/tokens", ActionDone::TokenRevoked)),
        Err(error) => Err(refused(&signed, error)),
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

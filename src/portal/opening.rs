//! `/i/{token}`: the link in an email.
//!
//! Mail scanners, previews and colleagues fetch it: `GET` changes nothing, stores nothing and sets no cookie, and shows
//! nothing of invoice or customer. Only the form on it, `POST`, opens the session, and leads to an address without the
//! token.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Portal;
use super::guard::invoice_path;
use super::pages::{self, OpenPage, PageLayout};
use super::session::Visitor;
use crate::secrets::SessionId;
use crate::sha256::Sha256;
use crate::store::{FoundLink, NewPortalOpening, StoreError};
use crate::web::check_origin;

/// Characters of a token: 32 bytes in base64url.
const TOKEN_CHARS: usize = 43;

/// Shows whose link it is.
pub(super) async fn show(
    State(portal): State<Portal>,
    token: Result<Path<String>, PathRejection>,
    visitor: Visitor,
) -> Response {
    let (token, found) = find(&portal, token).await;
    match found {
        Ok(Some(link)) if link.is_live => {
            let path = format!("/i/{token}");
            // Nothing of a session shows here: who reads along must not see that there is one.
            let layout =
                PageLayout { csrf: None, ..visitor.layout((&link.profile, link.logo), &link.locale, Some(&path)) };
            pages::open(&layout, &OpenPage { path: &path })
        }
        other => refusal(&visitor, &token, other),
    }
}

/// Opens the link in the browser's session, or in a new one.
pub(super) async fn open(
    State(portal): State<Portal>,
    token: Result<Path<String>, PathRejection>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    if check_origin(&headers, &portal.config.portal.url).is_err() {
        return visitor.form_outdated();
    }
    let (token, found) = find(&portal, token).await;
    match found {
        Ok(Some(link)) if link.is_live => match enter(&portal, &visitor, &link).await {
            Ok(answer) => answer,
            Err(error) => refusal(&visitor, &token, Err(error)),
        },
        other => refusal(&visitor, &token, other),
    }
}

async fn enter(portal: &Portal, visitor: &Visitor, link: &FoundLink) -> Result<Response, StoreError> {
    let id = SessionId::random();
    let opening = NewPortalOpening {
        old: visitor.session.as_ref().map(|session| session.id_sha256),
        new: id.sha256(),
        root: link.root,
        generation: link.generation,
        network: Some(visitor.network()),
    };
    portal.store.open_portal_link(&opening).await?;
    let language = visitor.language.for_customer(&link.locale);
    let location = HeaderValue::try_from(language.link(&invoice_path(link.root))).expect("a path of ASCII");
    let headers = [(header::LOCATION, location), (header::SET_COOKIE, portal.cookie.set(&id))];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// The token in the path, as far as it can be one, and its link.
async fn find(
    portal: &Portal,
    token: Result<Path<String>, PathRejection>,
) -> (String, Result<Option<FoundLink>, StoreError>) {
    let Ok(Path(written)) = token else { return (String::new(), Ok(None)) };
    let token = without_trailing_signs(&written);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if token.len() != TOKEN_CHARS || !token.bytes().all(is_token) {
        return (String::new(), Ok(None));
    }
    (token.to_owned(), portal.store.portal_link(Sha256::of(token.as_bytes())).await)
}

/// Signs that stood behind the link where it was copied from: the end of a sentence, or of brackets.
fn without_trailing_signs(token: &str) -> &str {
    token.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '>', '"', '\''])
}

/// The page of a link that does not open: it has a form that asks for a fresh one, whatever token it was.
fn refusal(visitor: &Visitor, token: &str, found: Result<Option<FoundLink>, StoreError>) -> Response {
    match found {
        Ok(Some(link)) => pages::link_expired(&visitor.layout((&link.profile, link.logo), &link.locale, None), token),
        Ok(None) => pages::link_unknown(&visitor.stranger(), token),
        Err(error) => {
            tracing::warn!("failed to open a link of the portal: {error}");
            visitor.later()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_behind_a_copied_link_are_forgiven() {
        for written in ["abc-_", "abc-_.", "abc-_)", "abc-_>", "abc-_).", "abc-_>,"] {
            assert_eq!(without_trailing_signs(written), "abc-_", "{written}");
        }
        assert_eq!(without_trailing_signs("a.b"), "a.b");
    }
}

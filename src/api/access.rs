//! Who may ask: whoever [`crate::web::Access`] knows. Handlers find them as a
//! [`crate::model::access::Principal`] among the request's extensions.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::permissions;
use super::refusal::ApiRefusal;
use super::refused_tokens::RefusedTokens;
use crate::web::{Access, AccessRefusal};

/// What every request to the API passes.
#[derive(Debug, Clone)]
pub(super) struct AccessGate {
    /// Whom the API answers.
    pub(super) access: Access,
    /// Who was not.
    pub(super) refused: Arc<RefusedTokens>,
}

/// Lets a request through if somebody is known to ask whose role has what the route needs, and notes who.
pub(super) async fn check(
    State(gate): State<AccessGate>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiRefusal> {
    match gate.access.of_api(request.method(), request.headers()).await {
        Ok(principal) => {
            let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
            if !permissions::allows(&principal, request.method(), route) {
                return Err(ApiRefusal::NotPermitted(principal.role));
            }
            request.extensions_mut().insert(principal);
            Ok(next.run(request).await)
        }
        Err(refusal) => {
            if matches!(refusal, AccessRefusal::Unauthorised | AccessRefusal::NobodyKnown) {
                gate.refused.count();
            }
            Err(refusal.into())
        }
    }
}

impl From<AccessRefusal> for ApiRefusal {
    fn from(refusal: AccessRefusal) -> Self {
        match refusal {
            AccessRefusal::Unauthorised => Self::Unauthorised,
            AccessRefusal::NobodyKnown => Self::NoTokenConfigured,
            AccessRefusal::AnotherSite => Self::AnotherSite,
            AccessRefusal::Store(error) => Self::Store(error),
        }
    }
}

//! Why a request is refused: an outside text, and an inside cause that is logged once, here.

use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::act_refusal::ActRefusal;
use super::etag;
use crate::event::{Malformed, MalformedBatch};
use crate::model::access::Role;
use crate::model::ids::TenantId;
use crate::model::incoming::BODY_BYTES_MAX;
use crate::store::StoreError;
use crate::web::Problem;

/// When to come again, in seconds: a room empties fast, a database comes back slowly.
const RETRY_SOON_SECONDS: u16 = 1;
const RETRY_LATER_SECONDS: u16 = 5;

/// Why a request is refused. Nothing of it was stored, unless its variant says otherwise.
#[derive(Debug)]
pub(super) enum ApiRefusal {
    /// The body or the address cannot be read; of a batch, which event.
    Malformed { fault: Malformed, index: Option<usize> },
    /// The body is of a type that is not read here; what is.
    MediaType { expected: &'static str },
    /// The body is compressed.
    ContentEncoding,
    /// The body is larger than [`BODY_BYTES_MAX`].
    TooLarge,
    /// The body did not come in time.
    BodyTooSlow,
    /// The connection broke inside the body.
    BodyBroken,
    /// As many requests as we work on at once are under way, and as many wait as may.
    TooMany,
    /// The request shows no token, or a wrong one.
    Unauthorised,
    /// There is no token, and the listener is open to others.
    NoTokenConfigured,
    /// A page of another site asks by a user's browser.
    AnotherSite,
    /// The caller's role does not have what the route needs.
    NotPermitted(Role),
    /// The tenant is unknown.
    UnknownTenant(TenantId),
    /// The customer is unknown.
    UnknownCustomer,
    /// The tenant has no logo.
    NoLogo,
    /// No event of this name was taken in.
    UnknownEvent,
    /// A change of settings must name the version that it changes.
    NoIfMatch,
    /// The settings are of another version by now.
    Changed { version: i64 },
    /// What an act needs does not stand so.
    Act(Box<ActRefusal>),
    /// The idempotency key leads to no answer.
    Key(KeyRefusal),
    /// The database does not do what it is asked. Parts may have been stored; all may be sent again.
    Store(StoreError),
    /// No answer came in time. It may have been stored; it may be sent again.
    TookTooLong,
    /// A fault of ours.
    Internal(String),
    /// There is nothing at this address.
    NotFound,
    /// There is something at this address, but not for this method.
    MethodNotAllowed,
}

/// Why a request with an idempotency key is not worked on, and gets no earlier answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRefusal {
    /// The key names another request.
    Taken,
    /// The same request is worked on.
    UnderWay,
    /// The request was done before, and has ended without an answer.
    OutcomeUnknown,
    /// The request was done before; what it was answered is not known any more.
    AnswerNotKept,
}

impl KeyRefusal {
    fn problem(self) -> Problem {
        let (title, detail) = match self {
            Self::Taken => (
                "idempotency key taken",
                "another request was sent with this Idempotency-Key within 24 hours; send this one under a new key",
            ),
            Self::UnderWay => (
                "request under way",
                "this request is being worked on; send it again a little later with the same Idempotency-Key for its answer",
            ),
            Self::OutcomeUnknown => (
                "outcome unknown",
                "the request with this Idempotency-Key was carried out, but its answer was lost; look at what it was about, such \
                 as the invoice and its timeline, before you send it with a new key",
            ),
            Self::AnswerNotKept => (
                "answer not kept",
                "the request with this Idempotency-Key was done, and its answer is not kept; look up what came of it before \
                 you send it with a new key",
            ),
        };
        Problem::new(StatusCode::CONFLICT, title, detail)
    }
}

impl From<StoreError> for ApiRefusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ActRefusal> for ApiRefusal {
    fn from(refusal: ActRefusal) -> Self {
        Self::Act(Box::new(refusal))
    }
}

impl From<Malformed> for ApiRefusal {
    fn from(fault: Malformed) -> Self {
        Self::Malformed { fault, index: None }
    }
}

impl From<MalformedBatch> for ApiRefusal {
    fn from(MalformedBatch { index, fault }: MalformedBatch) -> Self {
        Self::Malformed { fault, index }
    }
}

impl ApiRefusal {
    fn problem(&self) -> Problem {
        let new = |status, title, detail: &str| Problem::new(status, title, detail);
        match self {
            Self::Malformed { fault, index } => {
                let problem = Problem::new(StatusCode::BAD_REQUEST, "malformed", fault.summary());
                let errors = serde_json::to_value(fault.faults()).expect("texts are always JSON");
                let problem = problem.with("path", fault.path.as_str()).with("errors", errors);
                index.map_or(problem.clone(), |index| problem.with("index", index))
            }
            Self::MediaType { expected } => {
                let detail = format!("the body's content type is not read here; write content-type: {expected}");
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported media type", detail)
            }
            Self::ContentEncoding => new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported content encoding",
                "compressed bodies are not read here; send the body as it is, without content-encoding",
            ),
            Self::TooLarge => {
                let detail = format!("the body has more than {BODY_BYTES_MAX} bytes; send less at a time");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body too large", detail).with("bytes_max", BODY_BYTES_MAX)
            }
            Self::BodyTooSlow => new(StatusCode::REQUEST_TIMEOUT, "body too slow", "the body did not come in time"),
            Self::BodyBroken => new(StatusCode::BAD_REQUEST, "broken body", "the body broke off before its end"),
            Self::TooMany => new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests at once",
                "more requests came at once than are worked on; send this one again a little later",
            ),
            Self::Unauthorised => new(
                StatusCode::UNAUTHORIZED,
                "unauthorised",
                "the API asks who you are: send Authorization: Bearer and a token of `tokens add`, or the API_TOKEN of the \
                 configuration",
            ),
            Self::NoTokenConfigured => new(
                StatusCode::FORBIDDEN,
                "no token configured",
                "the API is reachable from other machines and knows nobody; set API_TOKEN and start again, or make a token \
                 with `tokens add`",
            ),
            Self::AnotherSite => new(StatusCode::FORBIDDEN, "another site", "pages of other sites may not use the API"),
            Self::NotPermitted(role) => Problem::new(
                StatusCode::FORBIDDEN,
                "not permitted",
                format!("the role {role} may not do this; docs/security.md says what each may"),
            ),
            Self::UnknownTenant(tenant) => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown tenant",
                format!("no tenant \"{tenant}\" has been imported"),
            ),
            Self::UnknownCustomer => new(StatusCode::NOT_FOUND, "unknown customer", "the tenant has no such customer"),
            Self::NoLogo => new(StatusCode::NOT_FOUND, "no logo", "the tenant has no logo"),
            Self::UnknownEvent => {
                new(StatusCode::NOT_FOUND, "unknown event", "no event with this source and id was taken in")
            }
            Self::NoIfMatch => new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition required",
                "name the version that you change: read the settings, and send their ETag as If-Match",
            ),
            Self::Changed { version } => new(
                StatusCode::PRECONDITION_FAILED,
                "precondition failed",
                "the settings are not of the version in If-Match; read them again and decide anew",
            )
            .with("version", *version),
            Self::Act(refusal) => refusal.problem(),
            Self::Key(refusal) => refusal.problem(),
            // Nothing was changed; sent again, it gets the answer of the request that has the key now.
            Self::Store(StoreError::KeyLost) => KeyRefusal::UnderWay.problem(),
            Self::Store(StoreError::Unavailable(_) | StoreError::GaveWay(_)) => new(
                StatusCode::SERVICE_UNAVAILABLE,
                "database unavailable",
                "the database does not answer; send this again later, nothing is stored twice",
            ),
            Self::TookTooLong => new(
                StatusCode::SERVICE_UNAVAILABLE,
                "took too long",
                "no answer could be given in time; send this again later, nothing is stored twice",
            ),
            Self::Store(StoreError::Refused { .. } | StoreError::Unreadable(_) | StoreError::Bug(_))
            | Self::Internal(_) => new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal error",
                "something is wrong on our side; the log says what",
            ),
            Self::NotFound => new(StatusCode::NOT_FOUND, "not found", "there is nothing at this address"),
            Self::MethodNotAllowed => {
                new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", "this address does not take this method")
            }
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        Some(match self {
            Self::TooMany | Self::Key(KeyRefusal::UnderWay) | Self::Store(StoreError::KeyLost) => {
                (header::RETRY_AFTER, RETRY_SOON_SECONDS.into())
            }
            // RFC 9110 §12.5.3: what is taken instead.
            Self::ContentEncoding => (header::ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            Self::Store(StoreError::Unavailable(_) | StoreError::GaveWay(_)) | Self::TookTooLong => {
                (header::RETRY_AFTER, RETRY_LATER_SECONDS.into())
            }
            // RFC 9110 §11.6.1: a 401 says how to do better.
            Self::Unauthorised => {
                (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"invoice-dispatcher\""))
            }
            Self::Changed { version } => (header::ETAG, etag::of(*version)),
            _ => return None,
        })
    }

    /// What only we may know.
    fn log(&self) {
        match self {
            Self::Store(error @ StoreError::KeyLost) => tracing::warn!("a request changed nothing: {error}"),
            Self::Store(error) if error.is_unavailable() => tracing::warn!("a request was turned away: {error}"),
            Self::Store(error) => tracing::error!("a request failed: {error}"),
            Self::Internal(cause) => tracing::error!("a request failed: {cause}"),
            Self::TookTooLong => tracing::error!("a request was not answered in time"),
            _ => {}
        }
    }
}

impl IntoResponse for ApiRefusal {
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.problem().into_response();
        response.headers_mut().extend(self.header());
        response
    }
}

//! Refusals that many routes share, and what every refusal looks like.
//!
//! A handler lists those that it can answer beside its own answers: [`Problems`] always, [`BodyProblems`] where it reads a body,
//! [`NotFound`] where something may not be there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, Object, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::schemas::formatted;

/// The media type of every refusal (RFC 9457 §3).
pub(in crate::api) const PROBLEM_JSON: &str = "application/problem+json";

/// A group of refusals, by status and name in the document's components.
macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident: $($status:literal $response:ident),+;)+) => {$(
        $(#[$doc])*
        pub(in crate::api) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let refusals = [$(($status, stringify!($response))),+];
                BTreeMap::from(refusals.map(|(status, name)| (status.to_owned(), RefOr::Ref(Ref::from_response_name(name)))))
            }
        }
    )+};
}

groups! {
    /// What any request of somebody who must be known can be answered.
    Problems: "400" Malformed, "401" Unauthorised, "403" Forbidden, "421" Misdirected, "429" TooManyRequests, "500" InternalError,
        "503" Unavailable;
    /// What a request to a public address can be answered.
    PublicProblems: "400" Malformed, "421" Misdirected, "500" InternalError, "503" Unavailable;
    /// The body does not come, is too large, or of another type.
    BodyProblems: "408" BodyTooSlow, "413" BodyTooLarge, "415" UnsupportedMediaType;
    /// What is asked for is not there, or belongs to tenants of others.
    NotFound: "404" NotFound;
    /// The request must name the version that it changes.
    VersionProblems: "412" PreconditionFailed, "428" PreconditionRequired;
    /// The request's `Idempotency-Key` was used otherwise, or its first request is still worked on.
    IdempotencyProblems: "409" Conflict;
}

/// Headers of an answer: name, what it says.
type DescribedHeaders = &'static [(&'static str, &'static str)];

/// The shared refusals: name, what it says, and headers besides.
const SHARED: [(&str, &str, DescribedHeaders); 14] = [
    (
        "Malformed",
        "`malformed`: the body, the query or the address cannot be read; `path` and `errors` say what. `broken-body`, \
         `bad-host`: the request itself is broken.",
        &[],
    ),
    ("Unauthorised", "`unauthorised`: the token or session is missing or wrong.", &[("WWW-Authenticate", CHALLENGE)]),
    (
        "Forbidden",
        "`not-permitted`: the role may not do this. `another-site`: a page of another site asks. `no-token-configured`: the \
         API is reachable from other machines and knows nobody.",
        &[],
    ),
    (
        "NotFound",
        "`unknown-tenant`, `unknown-customer`, `unknown-event`, `unknown-delivery`, `unknown-invoice`, `unknown-version`, \
         `unknown-operator`, `unknown-token`, `no-logo`, `nothing-sent`, `not-found`: it is not there, or lies outside of the \
         tenants of whoever asks.",
        &[],
    ),
    ("BodyTooSlow", "`body-too-slow`: the body did not come within 20 seconds.", &[]),
    ("Conflict", CONFLICT, &[]),
    ("PreconditionFailed", "`precondition-failed`: it has changed meanwhile.", &[("ETag", "What it changed to.")]),
    ("BodyTooLarge", "`body-too-large`: the body has more than `bytes_max` bytes.", &[]),
    (
        "UnsupportedMediaType",
        "`unsupported-media-type`: the body's content type is not read here. `unsupported-content-encoding`: the body is \
         compressed.",
        &[("Accept-Encoding", "What is taken instead of a compressed body.")],
    ),
    ("Misdirected", "`unknown-host`: the request's host is no name of this server.", &[]),
    ("PreconditionRequired", "`precondition-required`: send the ETag that was read as `If-Match`.", &[]),
    (
        "TooManyRequests",
        "`too-many-requests-at-once`: more came at once than are worked on.",
        &[("Retry-After", RETRY_AFTER)],
    ),
    ("InternalError", "`internal-error`: a fault of the dispatcher; its log says which.", &[]),
    (
        "Unavailable",
        "`database-unavailable`, `took-too-long`, `too-many-connections`, `message-unavailable`: send it again later; nothing \
         is stored twice.",
        &[("Retry-After", RETRY_AFTER)],
    ),
];

const CONFLICT: &str = "`idempotency-key-taken`: another request was sent with this key. `request-under-way`: the same request \
                        is being worked on. `outcome-unknown`: it was done, and its answer was lost. `answer-not-kept`: it was \
                        done, and its answer is not known any more.";
const CHALLENGE: &str = "The scheme `Bearer` (RFC 9110 §11.6.1).";
const RETRY_AFTER: &str = "Seconds after which to send it again.";

/// Adds what the groups refer to.
pub(super) fn add_to(mut components: Components) -> Components {
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    for (name, description, headers) in SHARED {
        components.responses.insert(name.to_owned(), RefOr::T(refusal(description, headers)));
    }
    components
}

fn refusal(description: &str, headers: &[(&str, &str)]) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    headers
        .iter()
        .fold(
            ResponseBuilder::new().description(description).content(PROBLEM_JSON, content),
            |response, (name, says)| {
                let schema = Object::with_type(Type::String);
                response.header(*name, HeaderBuilder::new().schema(Some(schema)).description(Some(*says)).build())
            },
        )
        .build()
}

/// The body of every refusal, as [`crate::web::Problem`] writes it: for `body = ProblemBody` with
/// `content_type = "application/problem+json"`, where a handler has a refusal of its own.
pub(in crate::api) enum ProblemBody {}

impl ToSchema for ProblemBody {
    fn name() -> Cow<'static, str> {
        "Problem".into()
    }
}

impl PartialSchema for ProblemBody {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        let number = |description: &str| ObjectBuilder::new().schema_type(Type::Integer).description(Some(description));
        let kind = text("A stable name of what is wrong: `urn:invoice-dispatcher:problem:` and a name.");
        let fault = ObjectBuilder::new()
            .property("path", text("Where, as `data.invoice.total`; `$` is the whole."))
            .property("problem", text("What is wrong there. Never repeats a value."))
            .required("path")
            .required("problem");
        let faults = ArrayBuilder::new().items(fault).description(Some("Every fault of a body, at most 10."));
        ObjectBuilder::new()
            .description(Some("Why a request is refused (RFC 9457)."))
            .property(
                "type",
                kind.format(Some(formatted("uri"))).pattern(Some("^urn:invoice-dispatcher:problem:[a-z-]+$")),
            )
            .property("title", text("The same in words."))
            .property("status", number("The HTTP status.").minimum(Some(400)).maximum(Some(599)))
            .property("detail", text("One sentence that says what to do."))
            .property("path", text("Where the first fault is."))
            .property("errors", faults)
            .property("index", number("Of a batch, which event, from 0.").minimum(Some(0)))
            .property("bytes_max", number("The most bytes that a body may have."))
            .property("version", number("The version that holds now."))
            .required("type")
            .required("title")
            .required("status")
            .required("detail")
            .into()
    }
}

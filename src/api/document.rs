//! The API's document: [OpenAPI 3.1], made of the handlers themselves.
//!
//! Each handler says by `#[utoipa::path]` what it takes and answers, and [`utoipa_axum::routes`] makes the route of the same
//! words, so that document and router cannot differ. What all routes share stands here: who may ask, how refusals look,
//! identifiers and times. The document is committed as `docs/openapi.json`; a test fails when that is stale.
//!
//! [OpenAPI 3.1]: https://spec.openapis.org/oas/v3.1.1.html

pub(super) mod bodies;
mod event_schema;
pub(super) mod parameters;
pub(super) mod problems;
pub(super) mod schemas;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, OpenApiVersion, Paths, SecurityRequirement,
    Server, ServerBuilder, Tag,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiSettings;
use crate::clean;
use problems::PublicProblems;

/// The route of the document.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Shows this document.
///
/// Everybody may read it: it is the same of every installation of a version, and tells nothing of this one.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "read_api_document",
    tag = "account",
    security(()),
    responses(
        (status = 200, description = "This document.", body = Object, content_type = "application/json"),
        PublicProblems
    )
)]
async fn show() -> Response {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| super::document_json().into());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT.clone()).into_response()
}

const DESCRIPTION: &str = "\
Takes invoice events in and says what became of them; keeps tenants, customers and settings; lists and revokes links of the \
customer portal. Everything that the console does, a program does here.

Request and response bodies are JSON in UTF-8 unless an operation says otherwise; identifiers in addresses are \
percent-encoded. A body that is given at once is at most 1 MiB. Lists are read page by page: `next` of an answer is `after` of \
the next request. Every request that changes something may be repeated: nothing is stored twice.

Every refusal is `application/problem+json` (RFC 9457). Its `type` is a stable name for programs; `detail` is a sentence for \
people and may change. A method that an address does not take is answered by 405 with `Allow`, an address that is not here by \
404. A request whose head is larger than the server reads is answered by 414 or 431 without a body.

What lies outside of the tenants of whoever asks is answered as if it did not exist.";

/// The groups of the document, in the order in which they are shown.
const TAGS: [(&str, &str); 9] = [
    ("events", "Invoice events in, and what became of them."),
    ("tenants", "Who sends invoices: master data and logo."),
    ("settings", "How a tenant's invoices are secured."),
    ("customers", "Whom invoices are for."),
    ("invoices", "What waits for a person, one invoice whole, and what a person does."),
    ("people", "Who signs in to the console, and tokens of programs."),
    ("portal", "Links of the customer portal, and who is locked out of it."),
    ("audit", "Who did what."),
    ("account", "Who asks, and this document."),
];

/// What is the same for all routes, before any is added.
pub(super) fn base() -> OpenApi {
    let components = schemas::add_to(problems::add_to(Components::new()));
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([ServerBuilder::new().url("/").description(Some("The server that this comes from")).build()]))
        .components(Some(with_security(components)))
        .security(Some([SecurityRequirement::new("token", NO_SCOPES), SecurityRequirement::new("session", NO_SCOPES)]))
        .tags(Some(TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())))
        .build()
}

const NO_SCOPES: [&str; 0] = [];

fn info() -> Info {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    InfoBuilder::new()
        .title("invoice-dispatcher")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license))
        .build()
}

fn with_security(mut components: Components) -> Components {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of `tokens add` or of the console's page, or the API_TOKEN of the configuration."))
        .build();
    let session = ApiKeyValue::with_description(
        "__Host-console",
        "The session of a person who has signed in to the console. Requests that change something come from the console's \
         own pages. On plain http on loopback the cookie is called `console_session`.",
    );
    components.add_security_scheme("token", SecurityScheme::Http(token));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    components
}

/// The document as text, with the event's own schema in the place of its name.
pub(super) fn written(document: OpenApi) -> String {
    /// In this order people read it; a map of JSON is sorted.
    #[derive(Serialize)]
    struct Ordered {
        openapi: OpenApiVersion,
        info: Info,
        servers: Option<Vec<Server>>,
        security: Option<Vec<SecurityRequirement>>,
        tags: Option<Vec<Tag>>,
        paths: Paths,
        components: Value,
    }
    let OpenApi { openapi, info, servers, security, tags, paths, components, .. } = document;
    let mut components = serde_json::to_value(components).expect("its keys are texts");
    event_schema::put_into(&mut components["schemas"]);
    let ordered = Ordered { openapi, info, servers, security, tags, paths, components };
    let text = serde_json::to_string_pretty(&ordered).expect("its keys are texts");
    text.chars().map(visible).chain(["\n".to_owned()]).collect()
}

/// A character as JSON; one that is not seen by its code, so that whoever reads the file sees it. (RFC 8259 §7.)
fn visible(character: char) -> String {
    if character.is_ascii() || !clean::is_dropped(character) {
        return character.to_string();
    }
    let escaped = |unit: &mut u16| format!("\\u{unit:04x}");
    character.encode_utf16(&mut [0; 2]).iter_mut().map(escaped).collect::<Vec<_>>().concat()
}

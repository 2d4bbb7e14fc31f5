//! `/api/v1/schemas/{name}`: the JSON Schemas of what the billing system publishes and of what it gets back.
//!
//! They are part of the program and say nothing of an installation, so no token is asked for.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiSettings;
use super::conditional::is_known;
use super::document::parameters::{IfNoneMatchHeader, SchemaInPath};
use super::document::problems::{NotFound, PublicProblems};
use super::refusal::ApiRefusal;
use crate::web::short_hash;

/// The route of the schemas.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Each by the name of its file.
const SCHEMAS: [(&str, &str); 2] = [
    ("invoice-sent.v1.json", include_str!("../../docs/schemas/invoice-sent.v1.json")),
    ("invoice-mail-outcome.v1.json", include_str!("../../docs/schemas/invoice-mail-outcome.v1.json")),
];

/// Shows the JSON Schema of events or of outcomes, unless it is the one that the client has.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{name}",
    operation_id = "show_schema",
    tag = "events",
    security(()),
    params(SchemaInPath, IfNoneMatchHeader),
    responses(
        (
            status = 200,
            description = "The schema.",
            body = Object,
            content_type = "application/schema+json",
            headers(("ETag" = String, description = "What to ask with as If-None-Match."))
        ),
        (status = 304, description = "It is the one that the client has."),
        NotFound,
        PublicProblems
    )
)]
pub(super) async fn show(
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiRefusal> {
    let Path(name) = path.map_err(|_| ApiRefusal::NotFound)?;
    let (_, text) = SCHEMAS.into_iter().find(|(known, _)| *known == name).ok_or(ApiRefusal::NotFound)?;
    let tag = format!("\"{}\"", short_hash(text.as_bytes()));
    let has_it = is_known(&headers, &tag);
    let head = [
        (header::ETAG, HeaderValue::try_from(tag).expect("digits in quotes are a header's value")),
        // Kept, and asked about before each use: another version of the program may have another one.
        (header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache")),
    ];
    if has_it {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/schema+json"))];
    Ok((head, content_type, text).into_response())
}

//! Parameters that several routes share, for `params(…)`.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required};

use super::schemas::{formatted, identifier, text};
use crate::event::EVENT_TYPE;
use crate::event::bounds::KEY_MAX;

/// `{tenant_id}` of an address.
pub(in crate::api) enum TenantInPath {}
/// `{customer_id}` of an address.
pub(in crate::api) enum CustomerInPath {}
/// `{delivery_id}` of an address.
pub(in crate::api) enum DeliveryInPath {}
/// `{number}` of an address.
pub(in crate::api) enum NumberInPath {}
/// `{operator_id}` of an address.
pub(in crate::api) enum OperatorInPath {}
/// `{token_id}` of an address.
pub(in crate::api) enum TokenInPath {}
/// `{name}` of a JSON Schema.
pub(in crate::api) enum SchemaInPath {}
/// The attributes of an event whose body is its `data` alone (CloudEvents 1.0.2, HTTP protocol binding §3.1).
pub(in crate::api) enum EventHeaders {}
/// `If-Match`, which a change must send.
pub(in crate::api) enum IfMatchHeader {}
/// `If-None-Match`, by which what has not changed is not sent again.
pub(in crate::api) enum IfNoneMatchHeader {}
/// `Idempotency-Key`, which a POST may send.
pub(in crate::api) enum IdempotencyKeyHeader {}

impl IntoParams for TenantInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("tenant_id", "The tenant, percent-encoded.", "acme")]
    }
}

impl IntoParams for CustomerInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("customer_id", "The customer of the tenant, percent-encoded.", "C-1042")]
    }
}

impl IntoParams for SchemaInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let names = text().examples(["invoice-sent.v1.json", "invoice-mail-outcome.v1.json"]);
        let parameter = ParameterBuilder::new().name("name").parameter_in(ParameterIn::Path).required(Required::True);
        vec![parameter.description(Some("The file's name, of docs/schemas.")).schema(Some(names)).build()]
    }
}

impl IntoParams for DeliveryInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id_in_path("delivery_id", "The delivery.")]
    }
}

impl IntoParams for NumberInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("number", "The invoice number, percent-encoded; case and blanks do not count.", "R-2026-0042")]
    }
}

impl IntoParams for OperatorInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id_in_path("operator_id", "The operator.")]
    }
}

impl IntoParams for TokenInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id_in_path("token_id", "The token.")]
    }
}

impl IntoParams for EventHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let attribute = |name: &str, says: &str, schema: ObjectBuilder| {
            let description = format!("Beside `application/json` only: {says}");
            in_header(name, &description).schema(Some(schema)).build()
        };
        vec![
            attribute("ce-specversion", "always `1.0`.", text().enum_values(Some(["1.0"]))),
            attribute(
                "ce-id",
                "the event's id, percent-encoded.",
                text().min_length(Some(1)).max_length(Some(KEY_MAX)),
            ),
            attribute("ce-source", "its source.", text().min_length(Some(1)).max_length(Some(KEY_MAX))),
            attribute("ce-type", "its type.", text().enum_values(Some([EVENT_TYPE]))),
            attribute("ce-time", "when it happened.", text().format(Some(formatted("date-time")))),
        ]
    }
}

impl IntoParams for IfMatchHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `ETag` that was read, or `*` to change it whatever it is. Without it: 428.";
        let tag = text().examples(["\"3\"", "*"]);
        vec![in_header("If-Match", description).schema(Some(tag)).build()]
    }
}

impl IntoParams for IfNoneMatchHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_header("If-None-Match", "The `ETag` of an earlier answer.").schema(Some(text())).build()]
    }
}

impl IntoParams for IdempotencyKeyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A name of the sender's for this request: within 24 hours the same request with the same key is \
                           answered as it was first, and done once.";
        let key = text().min_length(Some(1)).max_length(Some(KEY_MAX)).pattern(Some("^[ -~]+$"));
        vec![in_header("Idempotency-Key", description).schema(Some(key)).build()]
    }
}

fn in_path(name: &str, description: &str, example: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(identifier(KEY_MAX)))
        .example(Some(example.into()))
        .build()
}

fn id_in_path(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(text().format(Some(formatted("uuid")))))
        .build()
}

fn in_header(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
}

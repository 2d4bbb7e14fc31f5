//! Parameters that several routes share, for `params(…)`.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use super::schemas::identifier;
use crate::event::bounds::KEY_MAX;

/// `{tenant_id}` of an address.
pub(in crate::api) enum TenantInPath {}
/// `{customer_id}` of an address.
pub(in crate::api) enum CustomerInPath {}
/// `If-Match`, which a change must send.
pub(in crate::api) enum IfMatchHeader {}
/// `Idempotency-Key`, which a POST may send.
pub(in crate::api) enum IdempotencyKeyHeader {}

impl IntoParams for TenantInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("tenant_id", "The tenant, percent-encoded.", KEY_MAX)]
    }
}

impl IntoParams for CustomerInPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("customer_id", "The customer of the tenant, percent-encoded.", KEY_MAX)]
    }
}

impl IntoParams for IfMatchHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `ETag` that was read, or `*` to change it whatever it is. Without it: 428.";
        let tag = ObjectBuilder::new().schema_type(Type::String).examples(["\"3\"", "*"]);
        vec![in_header("If-Match", description).schema(Some(tag)).build()]
    }
}

impl IntoParams for IdempotencyKeyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A name of the sender's for this request: within 24 hours the same request with the same key is \
                           answered as it was first, and done once.";
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(KEY_MAX))
            .pattern(Some("^[!-~]+$"));
        vec![in_header("Idempotency-Key", description).schema(Some(key)).build()]
    }
}

fn in_path(name: &str, description: &str, chars_max: usize) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(identifier(chars_max)))
        .build()
}

fn in_header(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
}

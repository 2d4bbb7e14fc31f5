//! What may stand where a tenant, a customer or settings are at fault, so that the faults behind the first one are found,
//! too ([`crate::event::more_faults`]).

use serde_json::{Value, json};

/// Something that may stand there in a tenant's body; `None` of what may be missing.
pub(super) fn of_tenant(path: &str) -> Option<Value> {
    if let Some(path) = path.strip_prefix("settings.") {
        return of_settings(path);
    }
    Some(match path {
        "id" | "name" | "sender.name" => json!("x"),
        "sender" => json!({ "name": "x", "address": "x@x.example" }),
        "sender.address" => json!("x@x.example"),
        "locale" => json!("en"),
        "settings" => json!({ "sensitive_attachments": "exclude", "portal_authentication": closed() }),
        _ => return None,
    })
}

/// The same of a customer's body.
pub(super) fn of_customer(path: &str) -> Option<Value> {
    Some(match path {
        "tenant_id" | "id" | "name" => json!("x"),
        "address" => json!("x@x.example"),
        _ => return None,
    })
}

/// The same of a logo.
pub(super) fn of_logo(path: &str) -> Option<Value> {
    (path == "tenant_id").then(|| json!("x"))
}

/// The same of settings.
pub(super) fn of_settings(path: &str) -> Option<Value> {
    Some(match path {
        "sensitive_attachments" => json!("exclude"),
        "portal_authentication" => closed(),
        "portal_authentication.level" => json!("inaccessible"),
        "portal_authentication.primary" => json!("sms_otp"),
        _ => return None,
    })
}

/// A portal that needs no method.
fn closed() -> Value {
    json!({ "level": "inaccessible" })
}

//! Members of a body that nothing reads: an extension of the publisher's own, or a name that was mistyped.
//!
//! They are ignored, so that publishers and this program need not change on one day. But a mistyped name changes what
//! happens without a word, so it is reported to the author.

use serde::Serialize;
use serde_json::Value;

use super::{Malformed, json};
use crate::model::nearest_name::nearest;

/// More than this are not reported.
const WARNINGS_MAX: usize = 20;

/// The longest name that is compared with those that are known.
const NAME_COMPARED_MAX: usize = 64;

/// Something in a body that is ignored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MemberWarning {
    /// Its JSON path.
    pub path: String,
    /// What that means, as a sentence's end.
    pub problem: String,
}

impl MemberWarning {
    /// A warning of what stands at `path`.
    #[must_use]
    pub fn at(path: &str, problem: impl Into<String>) -> Self {
        // A fault cleans its path: names come from outside.
        let Malformed { path, problem, .. } = Malformed::at(path, problem);
        Self { path, problem }
    }

    /// The same, found inside `outer`.
    #[must_use]
    pub fn inside(self, outer: &str) -> Self {
        Self { path: format!("{outer}.{}", self.path), ..self }
    }
}

/// The names that an object may have.
#[derive(Debug)]
pub struct Shape(pub &'static [(&'static str, Member)]);

/// What stands at a name.
#[derive(Debug)]
pub enum Member {
    /// A text, a number, or something whose inside is not looked at.
    Value,
    Object(&'static Shape),
    /// A list of objects.
    List(&'static Shape),
}

impl Shape {
    /// A shape of values alone, and of objects inside.
    #[must_use]
    pub const fn of(members: &'static [(&'static str, Member)]) -> Self {
        Self(members)
    }
}

use Member::{List, Object, Value as Plain};

const INVOICE: Shape = Shape::of(&[
    ("id", Plain),
    ("number", Plain),
    ("kind", Plain),
    ("reminder_level", Plain),
    ("issue_date", Plain),
    ("due_date", Plain),
    ("currency", Plain),
    ("total", Plain),
    ("amount_due", Plain),
    ("payment_reference", Plain),
    ("buyer_reference", Plain),
]);
const REMINDER: Shape = Shape::of(&[("deadline", Plain)]);
const RECIPIENT: Shape = Shape::of(&[("role", Plain), ("address", Plain), ("name", Plain)]);
const DOCUMENT: Shape = Shape::of(&[
    ("id", Plain),
    ("role", Plain),
    ("name", Plain),
    ("media_type", Plain),
    ("size", Plain),
    ("sha256", Plain),
    ("object", Plain),
]);
const DATA: Shape = Shape::of(&[
    ("tenant_id", Plain),
    ("customer_id", Plain),
    ("locale", Plain),
    ("invoice", Object(&INVOICE)),
    ("reminder", Object(&REMINDER)),
    ("recipients", List(&RECIPIENT)),
    ("documents", List(&DOCUMENT)),
    ("not_before", Plain),
    ("expires_at", Plain),
]);

/// What of an event's `data` nothing reads; nothing of bytes that are no event. (Beside `data` every name may stand:
/// `CloudEvents` has extensions.)
#[must_use]
pub fn warnings(body: &[u8]) -> Vec<MemberWarning> {
    let Ok(event) = json::parse(json::without_mark(body)) else { return Vec::new() };
    let data = event.get("data").unwrap_or(&Value::Null);
    unknown_members(data, &DATA).into_iter().map(|warning| warning.inside("data")).collect()
}

/// The members of an object that `shape` does not have, with what was probably meant.
#[must_use]
pub fn unknown_members(value: &Value, shape: &Shape) -> Vec<MemberWarning> {
    let mut found = Vec::new();
    look(value, shape, "", &mut found);
    found
}

fn look(value: &Value, shape: &Shape, outer: &str, found: &mut Vec<MemberWarning>) {
    let Value::Object(members) = value else { return };
    for (name, value) in members {
        if found.len() >= WARNINGS_MAX {
            return;
        }
        let path = if outer.is_empty() { name.clone() } else { format!("{outer}.{name}") };
        match shape.0.iter().find(|(known, _)| known == name).map(|(_, member)| member) {
            None => found.push(MemberWarning::at(&path, unknown(name, shape, members))),
            Some(Plain) => {}
            Some(Object(inner)) => look(value, inner, &path, found),
            Some(List(inner)) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                for (index, item) in items.iter().enumerate() {
                    look(item, inner, &format!("{path}[{index}]"), found);
                }
            }
        }
    }
}

/// A name that stands there already was not meant.
fn unknown(name: &str, shape: &Shape, members: &serde_json::Map<String, Value>) -> String {
    let missing = shape.0.iter().map(|(known, _)| *known).filter(|known| !members.contains_key(*known));
    let meant = if name.len() <= NAME_COMPARED_MAX { nearest(&name.to_lowercase(), missing) } else { None };
    match meant {
        Some(meant) => format!("is not known and is ignored; did you mean {meant}?"),
        None => "is not known and is ignored".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(data: &Value) -> Vec<String> {
        let event = json!({ "specversion": "1.0", "myextension": 1, "data": data });
        let warnings = warnings(event.to_string().as_bytes());
        warnings.iter().map(|warning| format!("{}: {}", warning.path, warning.problem)).collect()
    }

    #[test]
    fn a_mistyped_name_is_reported_with_what_was_meant() {
        let data = json!({
            "tenant_id": "acme", "recipients_": [], "Invoice": {},
            "documents": [{ "id": "1" }, { "Sha256": "x", "project": { "recipients": 1 } }],
            "invoice": { "amount_du": "1.00", "total": "1.00", "totals": "2.00" },
        });
        assert_eq!(
            of(&data),
            [
                "data.Invoice: is not known and is ignored",
                "data.documents[1].Sha256: is not known and is ignored; did you mean sha256?",
                "data.documents[1].project: is not known and is ignored",
                "data.invoice.amount_du: is not known and is ignored; did you mean amount_due?",
                "data.invoice.totals: is not known and is ignored",
                "data.recipients_: is not known and is ignored; did you mean recipients?",
            ]
        );
    }

    #[test]
    fn a_name_of_any_length_and_number_is_bounded() {
        let mut data = serde_json::Map::new();
        for number in 0..1_000 {
            data.insert(format!("{}{number}", "x".repeat(2_000)), Value::Null);
        }
        let found = of(&Value::Object(data));
        assert_eq!(found.len(), WARNINGS_MAX);
        assert!(found.iter().all(|warning| warning.len() < 400), "{found:?}");
        assert!(warnings(b"no event").is_empty());
    }
}

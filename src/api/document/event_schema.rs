//! The schema of the event, as a part of the API's document.
//!
//! `docs/schemas/invoice-sent.v1.json` is written by hand and proven against the parser. Its definitions become schemas of the
//! document, so that whoever makes a client of it has one kind of reference.

use serde_json::Value;

use super::bodies::{EventData, InvoiceSentEvent};

const SCHEMA: &str = include_str!("../../../docs/schemas/invoice-sent.v1.json");

/// What names a definition inside the schema alone.
const DEFINITION: &str = "#/$defs/";

/// Puts the event, its `data` and what they consist of among the schemas of the document.
pub(super) fn put_into(schemas: &mut Value) {
    let mut event: Value = serde_json::from_str(SCHEMA).expect("docs/schemas/invoice-sent.v1.json is JSON");
    refer_to_document(&mut event);
    let members = event.as_object_mut().expect("a schema");
    // They name a document of its own, which this is not.
    members.remove("$schema");
    members.remove("$id");
    let definitions = members.remove("$defs").unwrap_or_default();
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        schemas[component(name)] = definition.clone();
    }
    schemas[InvoiceSentEvent::NAME] = event;
}

/// `data` is a body of its own where headers carry the attributes.
fn component(definition: &str) -> String {
    if definition == "data" { EventData::NAME.to_owned() } else { format!("{}.{definition}", InvoiceSentEvent::NAME) }
}

fn refer_to_document(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                let definition = member.as_str().and_then(|text| text.strip_prefix(DEFINITION));
                match definition.filter(|_| name == "$ref") {
                    Some(definition) => *member = format!("#/components/schemas/{}", component(definition)).into(),
                    None => refer_to_document(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(refer_to_document),
        _ => {}
    }
}

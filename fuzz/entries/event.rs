//! What somebody publishes is an event, or is refused with a path and a sentence.

use invoice_dispatcher::event::{self, InvoiceSent, Malformed};
use serde_json::{Value, json};

/// Reads the bytes in every mode of CloudEvents.
pub fn run(bytes: &[u8]) {
    match event::parse(bytes) {
        Ok(read) => assert_survives_being_written(&read),
        Err(fault) => assert_tells(&fault),
    }
    let _ = event::parse_batch(bytes);
    // Binary mode: what stands before the first empty line are headers.
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\n\n").unwrap_or(("", &text));
    let headers = head.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.as_bytes()));
    if let Err(fault) = event::from_binary(headers, body.as_bytes()) {
        assert_tells(&fault);
    }
}

fn assert_tells(fault: &Malformed) {
    assert!(!fault.path.is_empty() && !fault.problem.is_empty(), "{fault:?}");
    assert!(!fault.to_string().contains('\0'), "{fault:?}");
}

/// What was read is read again as the same, and holds nothing that PostgreSQL refuses.
fn assert_survives_being_written(read: &InvoiceSent) {
    let data = serde_json::to_value(&read.data).expect("what was read is JSON");
    assert!(!data.to_string().contains("\\u0000"), "{data}");
    for document in &read.data.documents {
        assert!(!document.object.starts_with('/') && !document.object.split('/').any(|part| part == ".."));
    }
    let event: Value = json!({
        "specversion": "1.0", "id": read.id, "source": read.source, "type": "invoice.sent.v1", "data": data,
    });
    let again = event::parse(event.to_string().as_bytes()).expect("what was read can be read again");
    assert_eq!(again.data, read.data);
    assert_eq!(event::invoice_sha256(&again.data), event::invoice_sha256(&read.data));
}

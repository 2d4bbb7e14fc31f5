//! `application/cloudevents-batch+json`: an array of events, all or nothing.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{Malformed, MalformedBatch, Received, json, parse};
use crate::model::incoming::BODY_BYTES_MAX;

/// Reads a batch of events in structured JSON mode.
///
/// # Errors
/// [`MalformedBatch`] with the index of the first event that cannot be read; then nothing of the batch may be stored.
pub fn parse_batch(body: &[u8]) -> Result<Vec<Received>, MalformedBatch> {
    if body.len() > BODY_BYTES_MAX {
        let problem =
            format!("has {} bytes, more than {BODY_BYTES_MAX}; send the events in several batches", body.len());
        return Err(MalformedBatch { index: None, fault: Malformed::at("$", problem) });
    }
    events(body)?
        .into_iter()
        .enumerate()
        .map(|(index, event)| one(event).map_err(|fault| MalformedBatch { index: Some(index), fault }))
        .collect()
}

fn one(event: &RawValue) -> Result<Received, Malformed> {
    let bytes = event.get().as_bytes();
    Ok(Received { event: parse(bytes)?, body: Bytes::copy_from_slice(bytes) })
}

/// The batch cut into events; each keeps its own bytes.
fn events(body: &[u8]) -> Result<Vec<&RawValue>, MalformedBatch> {
    serde_json::from_slice(json::without_mark(body)).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "must be an array of events".to_owned(),
            _ => format!("is not JSON: {error}"),
        };
        MalformedBatch { index: None, fault: Malformed::at("$", problem) }
    })
}

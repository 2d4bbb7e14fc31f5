//! The CloudEvents envelope, in structured JSON mode.

use crate::model::incoming::BODY_BYTES_MAX;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::bounds::{KEY_MAX, identifier};
use super::malformed::MoreFaults;
use super::{Dropped, InvoiceData, InvoiceSent, Malformed, canonical, data, json, json_values, more_faults};
use crate::clock::Timestamp;

/// The largest body of which more than the first fault is reported.
const MORE_FAULTS_BYTES_MAX: usize = 64 << 10;
/// The only type of event that this version reads.
pub const EVENT_TYPE: &str = "invoice.sent.v1";

/// An event as it came and as it was read: what the HTTP side hands on.
#[derive(Debug, Clone)]
pub struct Received {
    /// The event alone, in structured mode.
    pub body: Bytes,
    /// What it says.
    pub event: InvoiceSent,
}

#[derive(Deserialize)]
struct CloudEvent {
    specversion: String,
    id: String,
    source: String,
    r#type: String,
    #[serde(default, deserialize_with = "json_values::moment_if_any")]
    time: Option<Timestamp>,
    #[serde(default)]
    datacontenttype: Option<String>,
    #[serde(default, deserialize_with = "json_values::text_if_any")]
    traceparent: Option<String>,
}

/// Reads an event in structured JSON mode.
///
/// # Errors
/// [`Malformed`] with its faults, and with `source` and `id` where they could be read.
pub fn parse(body: &[u8]) -> Result<InvoiceSent, Malformed> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Malformed::at("$", format!("has {} bytes, more than {BODY_BYTES_MAX}", body.len())));
    }
    let body = json::without_mark(body);
    let value = json::parse(body).map_err(|fault| fault.of(source_and_id_of_bytes(body)))?;
    read(&value).map_err(|fault| {
        let named = source_and_id(&value);
        // Each costs a reading of the event, and a client may send any number of them.
        let more = if body.len() > MORE_FAULTS_BYTES_MAX {
            MoreFaults::default()
        } else {
            more_faults::of_event(&fault, value, read)
        };
        fault.with_more(more).of(named)
    })
}

/// Reads the data of an event once more whose body [`parse`] has read before: what was checked then is not checked
/// again.
///
/// # Errors
/// [`Malformed`] if these are not the bytes of such an event.
pub fn reread(body: &[u8]) -> Result<InvoiceData, Malformed> {
    #[derive(Deserialize)]
    struct Stored {
        data: InvoiceData,
    }
    serde_json::from_slice(json::without_mark(body))
        .map(|Stored { data }| data)
        .map_err(|error| Malformed::at("$", error.to_string()))
}

/// The `traceparent` of a body that was read before.
#[must_use]
pub fn traceparent(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Traced {
        traceparent: Option<String>,
    }
    let traced: Traced = serde_json::from_slice(json::without_mark(body)).ok()?;
    traced.traceparent.filter(|text| is_traceparent(text))
}

fn read(value: &Value) -> Result<InvoiceSent, Malformed> {
    json::expect_object(value, "$")?;
    let envelope: CloudEvent = json::read(value, "$")?;
    check(&envelope)?;
    let content = match (value.get("data"), value.get("data_base64")) {
        (Some(content), _) => content,
        (None, Some(_)) => return Err(Malformed::at("data", "is missing; data_base64 is not read")),
        (None, None) => return Err(Malformed::at("data", "is missing")),
    };
    let traceparent = envelope.traceparent.filter(|text| is_traceparent(text));
    let data = data::read(content)?;
    let is_present = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
    let dropped = [
        (Dropped::Time, value.get("time"), envelope.time.is_some()),
        (Dropped::Traceparent, value.get("traceparent"), traceparent.is_some()),
        (Dropped::Locale, content.get("locale"), data.locale.is_some()),
    ]
    .into_iter()
    .filter_map(|(what, value, is_usable)| (is_present(value) && !is_usable).then_some(what))
    .collect();
    Ok(InvoiceSent {
        id: envelope.id,
        source: envelope.source,
        time: envelope.time,
        traceparent,
        dropped,
        data,
        content_sha256: canonical::content_sha256(content),
    })
}

fn check(envelope: &CloudEvent) -> Result<(), Malformed> {
    if envelope.specversion != "1.0" {
        return Err(Malformed::at("specversion", "must be 1.0"));
    }
    identifier("id", &envelope.id, KEY_MAX)?;
    identifier("source", &envelope.source, KEY_MAX)?;
    if envelope.r#type != EVENT_TYPE {
        return Err(Malformed::at("type", unknown_type(&envelope.r#type)));
    }
    if envelope.datacontenttype.as_deref().is_some_and(|media_type| !is_json(media_type)) {
        return Err(Malformed::at("datacontenttype", "is not JSON; leave it out or write application/json"));
    }
    Ok(())
}

/// Another version of the same event is worth another word than another event.
fn unknown_type(name: &str) -> String {
    let version = name
        .strip_prefix("invoice.sent.v")
        .filter(|digits| (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
    match version {
        Some(version) => format!("is version {version} of invoice.sent; this release reads {EVENT_TYPE} only"),
        None => format!("is not an event that this release knows; it reads {EVENT_TYPE}"),
    }
}

/// CloudEvents JSON format §3.1: `*/json` and `*/*+json`.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// Whether it has the shape of W3C Trace Context §3.2.2. A wrong one is dropped, as that text asks: no invoice is
/// held up for its trace.
pub fn is_traceparent(text: &str) -> bool {
    // A later version may have more parts.
    if text.len() > 255 || text.contains(char::is_control) {
        return false;
    }
    let parts: Vec<&str> = text.split('-').collect();
    let lengths_fit = parts.iter().map(|part| part.len()).take(4).eq([2, 32, 16, 2]);
    let hexadecimal = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    lengths_fit && parts[..4].iter().all(hexadecimal) && parts[0] != "ff" && (parts[0] != "00" || parts.len() == 4)
}

/// `source` and `id`, if they are such that they could be stored.
fn source_and_id(value: &Value) -> Option<(String, String)> {
    let usable = |name| {
        let text = value.get(name)?.as_str()?;
        identifier(name, text, KEY_MAX).ok().map(|()| text.to_owned())
    };
    Some((usable("source")?, usable("id")?))
}

/// The same of bytes that are JSON, but not such as we read.
fn source_and_id_of_bytes(body: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct EventName {
        source: Value,
        id: Value,
    }
    let EventName { source, id } = serde_json::from_slice(body).ok()?;
    source_and_id(&serde_json::json!({ "source": source, "id": id }))
}

//! CloudEvents in HTTP binary mode: attributes in `ce-` headers, `data` as the body.
//!
//! Such an event is brought into structured mode first: what is stored, mirrored and redriven has one form.
//! Source: CloudEvents 1.0.2, HTTP protocol binding §3.1.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::envelope::is_json;
use super::{Malformed, Received, json, parse};

/// Reads an event in binary mode. Names of headers count in any case; those without `ce-` are not attributes.
///
/// # Errors
/// [`Malformed`], as for structured mode; paths are those of the event in structured mode.
pub fn from_binary<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: &[u8],
) -> Result<Received, Malformed> {
    let mut attributes = Map::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if name == "content-type" {
            let value = String::from_utf8_lossy(value).into_owned();
            if !is_json(&value) {
                return Err(Malformed::at("datacontenttype", "is not JSON; write content-type: application/json"));
            }
            attributes.insert("datacontenttype".to_owned(), Value::String(value));
        } else if let Some(name) = name.strip_prefix("ce-") {
            let value = decode(value).ok_or_else(|| Malformed::at(shown(name), "is not UTF-8 behind its % escapes"))?;
            insert(&mut attributes, name, value)?;
        }
    }
    let body = json::without_mark(body);
    // Proven to be JSON by itself, so that nothing in it can become an attribute.
    json::parse(body).map_err(|fault| fault.inside("data"))?;
    let mut event = serde_json::to_vec(&attributes).expect("texts are always JSON");
    event.pop();
    event.extend_from_slice(if attributes.is_empty() { b"\"data\":" } else { b",\"data\":" });
    event.extend_from_slice(body);
    event.push(b'}');
    Ok(Received { event: parse(&event)?, body: Bytes::from(event) })
}

/// CloudEvents §3: names of attributes are lower-case letters and digits; `data` is none.
fn insert(attributes: &mut Map<String, Value>, name: &str, value: String) -> Result<(), Malformed> {
    let well_formed = !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !well_formed || matches!(name, "data" | "datacontenttype") {
        return Err(Malformed::at(shown(name), "is not an attribute that a header may carry"));
    }
    match attributes.insert(name.to_owned(), Value::String(value)) {
        Some(_) => Err(Malformed::at(shown(name), "stands twice in the headers")),
        None => Ok(()),
    }
}

/// How a fault names the attribute; a header `ce-` has none.
fn shown(name: &str) -> String {
    if name.is_empty() { "ce-".to_owned() } else { name.chars().take(64).collect() }
}

/// §3.1.3.2: quotes are taken off, then `%XX` is decoded once.
fn decode(value: &[u8]) -> Option<String> {
    percent_decode(&unquote(value)).decode_utf8().ok().map(Cow::into_owned)
}

fn unquote(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for &byte in inner {
        if byte == b'\\' && !escaped {
            escaped = true;
        } else {
            bytes.push(byte);
            escaped = false;
        }
    }
    bytes
}

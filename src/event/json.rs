//! JSON read strictly, with faults that say where and what, in plain words.
//!
//! Two readers must not see two documents in the same bytes: a name that stands twice in an object is refused (RFC
//! 8259 §4 leaves open which one counts), and so is nesting without bound. The way without a fault does not keep
//! track of paths; when there is one, the bytes are read once more to find out where.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use super::Malformed;

/// How deeply objects and arrays may be nested.
pub const DEPTH_MAX: usize = 32;

/// The body without the byte order mark that some writers put first. RFC 8259 §8.1 lets a reader ignore it.
#[must_use]
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Reads any JSON value.
///
/// # Errors
/// [`Malformed`] if `body` is not JSON, names something twice in one object, or is nested too deeply.
pub fn parse(body: &[u8]) -> Result<Value, Malformed> {
    let mut bytes = serde_json::Deserializer::from_slice(body);
    Node { depth_left: DEPTH_MAX }
        .deserialize(&mut bytes)
        .and_then(|value| bytes.end().map(|()| value))
        .map_err(|error| locate(body, error))
}

/// Reads `value`, which stands at `path`, as a `T`.
///
/// # Errors
/// [`Malformed`] with the path of what is missing or of the wrong type.
pub fn read<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, Malformed> {
    T::deserialize(value).or_else(|_| {
        serde_path_to_error::deserialize(value)
            .map_err(|error| reword(&join(path, &error.path().to_string()), &error.inner().to_string()))
    })
}

/// Refuses what stands where an object belongs. (Serde would take an array for a struct, field by field.)
///
/// # Errors
/// [`Malformed`] if `value` is something else than an object.
pub fn expect_object(value: &Value, path: impl fmt::Display) -> Result<&Map<String, Value>, Malformed> {
    value.as_object().ok_or_else(|| Malformed::at(path, format!("must be an object, not {}", kind(value))))
}

/// The same for a member that may be absent; other types are left to [`read`].
///
/// # Errors
/// [`Malformed`] if an array stands where an object belongs.
pub fn no_array(value: Option<&Value>, path: impl fmt::Display) -> Result<(), Malformed> {
    match value {
        Some(Value::Array(_)) => Err(Malformed::at(path, "must be an object, not an array")),
        _ => Ok(()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Any value; refuses names that stand twice, and nesting below `depth_left`.
#[derive(Clone, Copy)]
struct Node {
    depth_left: usize,
}

impl Node {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth_left =
            self.depth_left.checked_sub(1).ok_or_else(|| E::custom(format!("is nested more than {DEPTH_MAX} deep")))?;
        Ok(Self { depth_left })
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("is not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                // Fails at the member, so that the path names it.
                return Err(members.next_value::<Twice>().err().unwrap_or_else(|| A::Error::custom(Twice::PROBLEM)));
            }
            let value = members.next_value_seed(below)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// Stands for a member whose name was used before: never to be read.
struct Twice;

impl Twice {
    const PROBLEM: &str = "stands twice in the same object";
}

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom(Self::PROBLEM))
    }
}

/// Where in `body` the fault of `error` is.
fn locate(body: &[u8], error: serde_json::Error) -> Malformed {
    if error.classify() != Category::Data {
        return Malformed::at("$", format!("is not JSON: {error}"));
    }
    let mut bytes = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut bytes, &mut track);
    let error = Node { depth_left: DEPTH_MAX }.deserialize(tracked).err().unwrap_or(error);
    let text = error.to_string();
    let problem = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    Malformed::at(join("$", &track.path().to_string()), problem)
}

/// `inner` as seen from outside of `outer`; `$` and `.` are the whole.
fn join(outer: &str, inner: &str) -> String {
    match (outer, inner) {
        (outer, ".") => outer.to_owned(),
        // A member may have the empty name.
        (outer, "") => format!("{outer}[\"\"]"),
        ("$", inner) => inner.to_owned(),
        (outer, inner) => format!("{outer}.{inner}"),
    }
}

/// Serde's words in ours. Values are left out.
fn reword(path: &str, message: &str) -> Malformed {
    if let Some(field) = between(message, "missing field `", "`") {
        return Malformed::at(join(path, field), "is missing");
    }
    if let Some((found, expected)) = message.strip_prefix("invalid type: ").and_then(|m| m.rsplit_once(", expected ")) {
        return Malformed::at(path, format!("must be {}, not {}", expected_kind(expected), found_kind(found)));
    }
    if message.starts_with("invalid value: ") || message.starts_with("number out of range") {
        return Malformed::at(path, "is out of range");
    }
    if let Some((_, names)) = message.strip_prefix("unknown variant ").and_then(|m| m.rsplit_once(", expected ")) {
        let names = names.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
        return Malformed::at(path, format!("must be one of {names}"));
    }
    Malformed::at(path, message)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split_once(after).map(|(inner, _)| inner)
}

fn expected_kind(expected: &str) -> &str {
    match expected {
        "a string" | "a borrowed string" | "str" | "string or map" => "text",
        "a sequence" => "an array",
        "u8" | "u16" | "u32" | "u64" | "i64" => "a whole number",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.starts_with("variant identifier") || expected.starts_with("enum ") => "text",
        _ => expected,
    }
}

fn found_kind(found: &str) -> &'static str {
    match found.split(' ').next().unwrap_or("") {
        "null" | "unit" | "Option" => "null",
        "boolean" => "true or false",
        "integer" => "a number",
        "floating" => "a fractional number",
        "string" => "text",
        "sequence" => "an array",
        _ => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> String {
        parse(body.as_bytes()).expect_err(body).to_string()
    }

    #[test]
    fn what_is_not_json_is_said_to_be_none() {
        assert_eq!(fault(""), "$: is not JSON: EOF while parsing a value at line 1 column 0");
        assert_eq!(fault("{} {}"), "$: is not JSON: trailing characters at line 1 column 4");
        assert_eq!(fault(r#"{"a": "\ud800"}"#), "$: is not JSON: unexpected end of hex escape at line 1 column 14");
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(b"1e999").is_err());
    }

    #[test]
    fn a_name_that_stands_twice_is_named_by_its_path() {
        assert_eq!(fault(r#"{"a": [{"b": 1}, {"b": 1, "b": 2}]}"#), "a[1].b: stands twice in the same object");
        // Escapes do not hide it.
        assert_eq!(fault(r#"{"a": 1, "\u0061": 2}"#), "a: stands twice in the same object");
        assert_eq!(fault(r#"{"": 1, "": 2}"#), r#"$[""]: stands twice in the same object"#);
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(fault(&nested(DEPTH_MAX + 1)).ends_with("[0]: is nested more than 32 deep"));
        assert!(fault(&nested(100_000)).contains("nested"));
    }
}

//! `ETag` and `If-Match`: who changes something names the version that was read ([RFC 9110 §13.1.1]).
//!
//! [RFC 9110 §13.1.1]: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1

use axum::http::{HeaderMap, HeaderValue, header};

/// What a request demands of the version that it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// Nothing: the header is missing.
    Absent,
    /// That there is something to change, whatever its version.
    Any,
    /// One of these versions. Tags that are none of ours match nothing and are left out.
    Versions(Vec<i64>),
}

/// The tag of a version.
pub(super) fn of(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header's value")
}

impl IfMatch {
    /// Reads every `If-Match` of a request.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Self::Absent;
        }
        // Our tags hold no comma, so a comma always separates two.
        let tags: Vec<&str> =
            values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).map(str::trim).collect();
        if tags == ["*"] { Self::Any } else { Self::Versions(tags.into_iter().filter_map(version).collect()) }
    }
}

/// A weak tag never matches here: §8.8.3.2 asks for the strong comparison.
fn version(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let version = digits.parse().ok()?;
    (of(version) == tag).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> IfMatch {
        let values = values.iter().map(|value| (header::IF_MATCH, HeaderValue::from_static(value)));
        IfMatch::read(&values.collect())
    }

    #[test]
    fn only_the_very_tag_names_a_version() {
        assert_eq!(read(&[]), IfMatch::Absent);
        assert_eq!(read(&["*"]), IfMatch::Any);
        assert_eq!(read(&["\"3\""]), IfMatch::Versions(vec![3]));
        assert_eq!(read(&["\"3\", \"x,y\",\"4\"", "\"5\""]), IfMatch::Versions(vec![3, 4, 5]));
        for other in
            ["", "3", "\"3", "W/\"3\"", "\"+3\"", "\"03\"", "\"3 \"", "\"\"", "*, *", "\"99999999999999999999\""]
        {
            assert_eq!(read(&[other]), IfMatch::Versions(vec![]), "{other}");
        }
    }

    #[test]
    fn a_tag_reads_back() {
        for number in [1, 42, i64::MAX] {
            assert_eq!(version(of(number).to_str().expect("ASCII")), Some(number));
        }
    }
}

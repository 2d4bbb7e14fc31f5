//! Which part of a document a browser asks for ([RFC 9110 §14]).
//!
//! PDF viewers and resumed downloads ask for parts. One part is given; a request for several is answered with the whole,
//! as the RFC allows.
//!
//! [RFC 9110 §14]: https://www.rfc-editor.org/rfc/rfc9110#section-14

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AskedRange {
    Whole,
    /// The bytes in this range, which is not empty.
    Part(Range<u64>),
    /// None of its bytes (416).
    Unsatisfiable,
}

/// What the headers ask of a content of `size` bytes whose strong entity tag is `etag`.
pub(super) fn asked(headers: &HeaderMap, size: u64, etag: &str) -> AskedRange {
    let Some(range) = single(headers, &header::RANGE) else { return AskedRange::Whole };
    // §13.1.5: a part of another content would not fit what the browser has. A date is never ours.
    if headers.contains_key(header::IF_RANGE) && single(headers, &header::IF_RANGE) != Some(etag) {
        return AskedRange::Whole;
    }
    parse(range, size).unwrap_or(AskedRange::Whole)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    value.to_str().ok().map(str::trim)
}

/// None if it is no range that is understood: such a header counts as absent (§14.2).
fn parse(range: &str, size: u64) -> Option<AskedRange> {
    let (unit, set) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let range = match (number(first)?, number(last)?) {
        (None, None) => return None,
        // The last so many bytes.
        (None, Some(count)) => size.saturating_sub(count)..size,
        (Some(first), None) => first..size,
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), Some(last)) => first..size.min(last.saturating_add(1)),
    };
    Some(if range.is_empty() { AskedRange::Unsatisfiable } else { AskedRange::Part(range) })
}

/// A number, or none at all; nothing if it is neither. One that does not fit is larger than any document.
#[expect(clippy::option_option, reason = "absent, and not a number, are two things here")]
fn number(digits: &str) -> Option<Option<u64>> {
    match digits {
        "" => Some(None),
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u64::MAX))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use AskedRange::{Part, Unsatisfiable, Whole};

    #[test]
    fn one_part_is_given_and_everything_else_is_whole() {
        for (range, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-99", Part(0..100)),
            ("bytes=0-100", Part(0..100)),
            ("bytes=10-19", Part(10..20)),
            ("bytes=99-", Part(99..100)),
            ("bytes=-1", Part(99..100)),
            ("bytes=-1000", Part(0..100)),
            ("bytes=0-99999999999999999999999", Part(0..100)),
            ("BYTES = 5-5", Part(5..6)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=100-200", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=-", Whole),
            ("bytes=0-1,5-6", Whole),
            ("bytes=a-b", Whole),
            ("bytes=0x1-5", Whole),
            ("bytes=+1-5", Whole),
            ("lines=0-1", Whole),
            ("bytes", Whole),
            ("", Whole),
        ] {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
            assert_eq!(asked(&headers, 100, "\"a\""), expected, "{range}");
        }
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-"))]);
        assert_eq!(asked(&headers, 0, "\"a\""), Unsatisfiable, "an empty document has no bytes");
        assert_eq!(asked(&HeaderMap::new(), 100, "\"a\""), Whole);
    }

    #[test]
    fn a_part_is_of_the_content_that_the_browser_has() {
        for (if_range, expected) in
            [("\"a\"", Part(0..1)), ("\"b\"", Whole), ("W/\"a\"", Whole), ("Sun, 29 Nov 2026 09:20:00 GMT", Whole)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-0"));
            headers.insert(header::IF_RANGE, HeaderValue::from_static(if_range));
            assert_eq!(asked(&headers, 100, "\"a\""), expected, "{if_range}");
        }
        let mut headers = HeaderMap::new();
        headers.append(header::RANGE, HeaderValue::from_static("bytes=0-0"));
        headers.append(header::RANGE, HeaderValue::from_static("bytes=1-1"));
        assert_eq!(asked(&headers, 100, "\"a\""), Whole, "two ranges");
    }
}

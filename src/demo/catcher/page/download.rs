//! A file to download: whatever a mail calls it, it is saved, never opened in the page.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::clean;
use crate::event::MediaType;

/// All but the letters, digits and marks of a file name.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// The bytes as a download of this name and, if mails may carry it, this type.
pub(super) fn file(name: &str, media_type: &str, bytes: Vec<u8>) -> Response {
    let known = media_type.parse().ok().map(|media_type: MediaType| media_type.into_str());
    let own = (media_type == "message/rfc822").then_some("message/rfc822");
    let headers = [
        (header::CONTENT_TYPE, known.or(own).unwrap_or("application/octet-stream").to_owned()),
        (header::CONTENT_DISPOSITION, disposition(name)),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'".to_owned()),
    ];
    (headers, bytes).into_response()
}

/// `attachment` with the name twice: in ASCII for all, and as [RFC 8187] has it.
///
/// [RFC 8187]: https://www.rfc-editor.org/rfc/rfc8187#section-3.2
fn disposition(name: &str) -> String {
    let name = clean::stripped(&name.replace(['/', '\\', '\u{fffd}'], ""), clean::NAME_CHARS_MAX);
    let name = name.trim_matches(|character: char| character == '.' || character.is_whitespace());
    let name = if name.is_empty() { "attachment" } else { name };
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let ascii: String = name.chars().map(|character| if plain(character) { character } else { '_' }).collect();
    let extended = utf8_percent_encode(name, UNRESERVED);
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{extended}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place() {
        let cases = [
            ("R-1.pdf", "attachment; filename=\"R-1.pdf\"; filename*=UTF-8''R-1.pdf"),
            ("Müll.pdf", "attachment; filename=\"M_ll.pdf\"; filename*=UTF-8''M%C3%BCll.pdf"),
            ("../../.profile", "attachment; filename=\"profile\"; filename*=UTF-8''profile"),
            ("a\"\r\nX: y.pdf", "attachment; filename=\"a_X__y.pdf\"; filename*=UTF-8''a%22X%3A%20y.pdf"),
            ("...", "attachment; filename=\"attachment\"; filename*=UTF-8''attachment"),
        ];
        for (name, expected) in cases {
            assert_eq!(disposition(name), expected);
        }
    }

    proptest! {
        #[test]
        fn any_name_makes_one_header_of_two_parameters(name in ".{0,200}") {
            let value = disposition(&name);
            prop_assert!(axum::http::HeaderValue::from_str(&value).is_ok());
            prop_assert_eq!(value.matches('"').count(), 2);
            prop_assert_eq!(value.matches(';').count(), 2);
            prop_assert!(!value.contains('/') && !value.contains('\\'));
        }
    }
}

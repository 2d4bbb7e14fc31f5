//! How the bytes of a document are declared to a browser: nothing in them may run here, or pass for a page of ours.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::event::MediaType;

/// Other sites' pages cannot load it (Fetch, "Cross-Origin-Resource-Policy").
const SAME_ORIGIN_ONLY: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));

/// Whether a browser may show it in its window rather than save it: types that cannot run scripts of ours, whose first
/// bytes are what the type says.
pub(super) fn may_show(media_type: MediaType, head: &[u8]) -> bool {
    match media_type {
        MediaType::Pdf => head.starts_with(b"%PDF-"),
        MediaType::Png => head.starts_with(b"\x89PNG\r\n\x1a\n"),
        MediaType::Jpeg => head.starts_with(b"\xff\xd8\xff"),
        MediaType::Xml | MediaType::Csv | MediaType::Xlsx | MediaType::Ods | MediaType::Txt | MediaType::Zip => false,
    }
}

/// The headers of a document called `name`, an ASCII file name ([`crate::compose::file_names`]), of these first bytes.
pub(super) fn headers(media_type: MediaType, name: &str, head: &[u8], is_download: bool) -> HeaderMap {
    let shown = !is_download && may_show(media_type, head);
    // A sandbox would end the browser's PDF viewer; the preview on our own page frames it.
    let policy = if shown && media_type == MediaType::Pdf {
        "frame-ancestors 'self'"
    } else {
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
    };
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type.into_str())),
        (header::CONTENT_DISPOSITION, disposition(if shown { "inline" } else { "attachment" }, name)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        SAME_ORIGIN_ONLY,
    ])
}

/// [RFC 6266]; the name is a token of ASCII without quotes by its making, which is looked at once more here.
///
/// [RFC 6266]: https://www.rfc-editor.org/rfc/rfc6266
pub(super) fn disposition(kind: &str, name: &str) -> HeaderValue {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let name = if name.bytes().all(is_plain) { name } else { "document" };
    HeaderValue::try_from(format!("{kind}; filename=\"{name}\"")).expect("ASCII without control characters")
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    const PDF: &[u8] = b"%PDF-1.7\n";
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF";
    const HTML: &[u8] = b"<!doctype html><script>";

    #[test]
    fn only_what_is_what_it_says_is_shown() {
        for media_type in MediaType::VARIANTS {
            for head in [PDF, PNG, JPEG, HTML, b"", b" %PDF-1.7"] {
                let expected = matches!(
                    (media_type, head),
                    (MediaType::Pdf, PDF) | (MediaType::Png, PNG) | (MediaType::Jpeg, JPEG)
                );
                for is_download in [false, true] {
                    let headers = headers(*media_type, "R-1.x", head, is_download);
                    let shown = headers[header::CONTENT_DISPOSITION] == "inline; filename=\"R-1.x\"";
                    assert_eq!(shown, expected && !is_download, "{media_type:?} {head:?}");
                    assert!(shown || headers[header::CONTENT_DISPOSITION] == "attachment; filename=\"R-1.x\"");
                    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
                    let is_pdf = shown && *media_type == MediaType::Pdf;
                    assert_eq!(policy.contains("sandbox"), !is_pdf, "{policy}");
                    assert_eq!(policy.contains("frame-ancestors 'self'"), is_pdf, "{policy}");
                    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
                    assert_eq!(headers[header::CONTENT_TYPE], media_type.into_str());
                }
            }
        }
    }

    #[test]
    fn a_name_adds_no_header() {
        for name in ["a\r\nSet-Cookie: x=y", "a\"; filename=\"b.exe", "ä.pdf", "a/b"] {
            assert_eq!(disposition("attachment", name), "attachment; filename=\"document\"", "{name}");
        }
        assert_eq!(disposition("inline", "R-1_a.pdf"), "inline; filename=\"R-1_a.pdf\"");
    }
}

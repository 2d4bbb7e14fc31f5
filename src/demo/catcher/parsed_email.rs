//! A mail taken apart for people: headers, texts, files. Pure, and total: whatever the bytes are, something is shown.

use mailparse::{DispositionType, MailAddr, MailHeaderMap, ParsedMail};
use serde::Serialize;

use crate::clean::marked;
use crate::sha256::Sha256;

/// A mail taken apart.
#[derive(Debug, Clone, Default)]
pub struct ParsedEmail {
    /// Every header, decoded, in order.
    pub headers: Vec<(String, String)>,
    pub from: Vec<Correspondent>,
    pub to: Vec<Correspondent>,
    pub cc: Vec<Correspondent>,
    pub subject: String,
    /// `Message-ID` without angle brackets.
    pub message_id: String,
    /// The first plain text.
    pub text: Option<String>,
    /// The first HTML, as it came.
    pub html: Option<String>,
    /// What is attached, in order.
    pub files: Vec<LetterFile>,
}

/// A mail address with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Correspondent {
    /// The display name, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub address: String,
}

/// An attachment and its bytes.
#[derive(Debug, Clone)]
pub struct LetterFile {
    /// What is known of it without its bytes.
    pub description: FileDescription,
    /// Its bytes, decoded.
    pub bytes: Vec<u8>,
}

/// An attachment without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDescription {
    /// The name the mail gives it.
    pub name: String,
    /// The type the mail gives it.
    pub media_type: String,
    /// Its size in bytes, decoded.
    pub size: u64,
    /// Its digest, decoded.
    pub sha256: Sha256,
}

impl ParsedEmail {
    /// Takes the mail apart. What cannot be parsed is shown as text.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let Ok(mail) = mailparse::parse_mail(bytes) else {
            let text = Some(String::from_utf8_lossy(bytes).into_owned());
            return Self { subject: "(not a readable mail)".to_owned(), text, ..Self::default() };
        };
        let first = |name: &str| mail.headers.get_first_value(name).map(|value| marked(&value)).unwrap_or_default();
        let mut letter = Self {
            headers: mail
                .headers
                .iter()
                .map(|header| (marked(&header.get_key()), marked(&header.get_value())))
                .collect(),
            from: people(&mail, "From"),
            to: people(&mail, "To"),
            cc: people(&mail, "Cc"),
            subject: first("Subject"),
            message_id: first("Message-ID").trim().trim_start_matches('<').trim_end_matches('>').to_owned(),
            ..Self::default()
        };
        letter.add_parts(&mail);
        letter
    }

    /// The link into the portal that the mail carries, if any.
    #[must_use]
    pub fn portal_link(&self) -> Option<String> {
        let text = self.text.as_deref().or(self.html.as_deref())?;
        links(text).find(|link| is_portal_link(link)).map(str::to_owned)
    }

    fn add_parts(&mut self, part: &ParsedMail<'_>) {
        if !part.subparts.is_empty() {
            part.subparts.iter().for_each(|inner| self.add_parts(inner));
            return;
        }
        let disposition = part.get_content_disposition();
        let name = disposition.params.get("filename").or_else(|| part.ctype.params.get("name"));
        let media_type = part.ctype.mimetype.to_ascii_lowercase();
        let attached = disposition.disposition == DispositionType::Attachment || name.is_some();
        match media_type.as_str() {
            "text/plain" if !attached && self.text.is_none() => self.text = part.get_body().ok(),
            "text/html" if !attached && self.html.is_none() => self.html = part.get_body().ok(),
            _ => {
                let bytes = part.get_body_raw().unwrap_or_default();
                let description = FileDescription {
                    name: name.map_or_else(|| format!("part-{}", self.files.len() + 1), |name| marked(name)),
                    media_type: marked(&media_type),
                    size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                    sha256: Sha256::of(&bytes),
                };
                self.files.push(LetterFile { description, bytes });
            }
        }
    }
}

fn people(mail: &ParsedMail<'_>, header: &str) -> Vec<Correspondent> {
    let person = |single: &mailparse::SingleInfo| Correspondent {
        name: single.display_name.as_deref().filter(|name| !name.is_empty()).map(marked),
        address: marked(&single.addr),
    };
    let mut people = Vec::new();
    for header in mail.headers.get_all_headers(header) {
        let Ok(list) = mailparse::addrparse_header(header) else {
            people.push(Correspondent { name: None, address: marked(&header.get_value()) });
            continue;
        };
        for address in list.iter() {
            match address {
                MailAddr::Single(single) => people.push(person(single)),
                MailAddr::Group(group) => people.extend(group.addrs.iter().map(person)),
            }
        }
    }
    people
}

/// The `http:` and `https:` addresses in a text, in order.
pub fn links(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Link(link) => Some(link),
        Piece::Words(_) => None,
    })
}

/// A run of text, or an address in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Not an address.
    Words(&'a str),
    /// An `http:` or `https:` address.
    Link(&'a str),
}

/// Cuts a text into addresses and what stands between them; joined again, the pieces are the text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = ["https://", "http://"].iter().filter_map(|scheme| rest.find(scheme)).min();
        let (piece, length) = match start {
            None => (Piece::Words(rest), rest.len()),
            Some(0) => {
                let end = rest.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|\\^".contains(c));
                let link = &rest[..end.unwrap_or(rest.len())];
                // A full stop or bracket behind an address belongs to the sentence.
                let link = link.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']);
                (Piece::Link(link), link.len())
            }
            Some(start) => (Piece::Words(&rest[..start]), start),
        };
        rest = &rest[length..];
        Some(piece)
    })
}

/// `PORTAL_URL/i/<token>`: the token is 32 bytes in base64url, 43 characters.
fn is_portal_link(link: &str) -> bool {
    link.split_once("/i/").is_some_and(|(_, token)| {
        token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAIL: &str = "From: =?utf-8?q?K=C3=A4ufer?= <a@x.example>\r\nTo: B <b@x.example>, c@x.example\r\n\
        Cc: d@x.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x.example>\r\n\
        Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
        --a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=C3=A9\r\n\
        --a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>h</p>\r\n--a--\r\n\
        --m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"r.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--m--\r\n";

    #[test]
    fn a_mail_is_taken_apart() {
        let letter = ParsedEmail::read(MAIL.as_bytes());
        assert_eq!(letter.from[0].name.as_deref(), Some("Käufer"));
        assert_eq!(letter.subject, "Grüße");
        assert_eq!(letter.message_id, "1@x.example");
        assert_eq!(letter.to[0], Correspondent { name: Some("B".to_owned()), address: "b@x.example".to_owned() });
        assert_eq!(letter.to.len() + letter.cc.len(), 3);
        assert_eq!(letter.text.as_deref().map(str::trim_end), Some("hé"));
        assert_eq!(letter.html.as_deref().map(str::trim_end), Some("<p>h</p>"));
        assert_eq!(letter.files.len(), 1);
        assert_eq!(letter.files[0].bytes, b"hello");
        assert_eq!(letter.files[0].description.name, "r.pdf");
        assert_eq!(letter.files[0].description.sha256, Sha256::of(b"hello"));
    }

    #[test]
    fn a_portal_link_is_reported_from_other_links() {
        let token = "A".repeat(43);
        let letter = |text: String| ParsedEmail { text: Some(text), ..ParsedEmail::default() };
        let link = format!("https://portal.example/i/{token}");
        let with = letter(format!("See https://x.example/impressum or\n{link}.\nBye"));
        assert_eq!(with.portal_link(), Some(link));
        assert_eq!(letter("https://x.example/i/short".to_owned()).portal_link(), None);
        assert_eq!(letter("no link".to_owned()).portal_link(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_shown(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = ParsedEmail::read(&bytes).portal_link();
        }

        #[test]
        fn any_mail_with_pieces_missing_is_shown(from in 0..MAIL.len(), to in 0..MAIL.len()) {
            let _ = ParsedEmail::read(&MAIL.as_bytes()[from.min(to)..from.max(to)]);
        }

        #[test]
        fn pieces_join_to_the_text(text in "(https?://|[a-z. \n<>\"é)]){0,20}") {
            let joined: String = pieces(&text).map(|piece| match piece { Piece::Words(t) | Piece::Link(t) => t }).collect();
            prop_assert_eq!(joined, text);
        }
    }
}

//! A message that was put together again, taken apart for people: headers, texts. Pure.

use mailparse::ParsedMail;

use super::Rebuilt;

/// What stands where a portal token stood: the token would let its reader in as the customer.
pub const TOKEN_BLANKED: &str = "(token blanked)";

/// What people see of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentParts {
    /// Every header of the message, decoded, in order.
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: Option<String>,
}

impl SentParts {
    /// Takes a message apart; a portal token is blanked wherever it stands.
    #[must_use]
    pub fn of(rebuilt: &Rebuilt) -> Self {
        // We have written it ourselves: if it cannot be read back, nothing of it is shown.
        let Ok(mail) = mailparse::parse_mail(&rebuilt.mail.bytes) else { return Self::default() };
        let blanked = |text: String| match &rebuilt.portal_token {
            Some(token) => text.replace(token.as_str(), TOKEN_BLANKED),
            None => text,
        };
        let body = |media_type: &str| {
            let part = mail.parts().find(|part| part.ctype.mimetype == media_type);
            part.and_then(|part| ParsedMail::get_body(part).ok()).map(blanked)
        };
        Self {
            headers: mail.headers.iter().map(|header| (header.get_key(), blanked(header.get_value()))).collect(),
            text: body("text/plain").unwrap_or_default(),
            html: body("text/html"),
        }
    }

    /// The first header of this name; empty, if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

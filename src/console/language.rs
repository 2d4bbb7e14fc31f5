//! In which language a page is written: the one that was chosen (a cookie), else what the browser prefers.

use axum::http::{HeaderMap, HeaderValue, header};

use super::words::{self, ConsoleWords};
use crate::compose::locale::Locale;

/// The cookie that keeps a choice. It says nothing of anybody, so it needs no prefix and no secret.
const COOKIE: &str = "console_language";

/// A language that the console speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleLanguage {
    German,
    English,
    Dutch,
    French,
}

impl ConsoleLanguage {
    /// In the order of the switch.
    pub const ALL: [Self; 4] = [Self::German, Self::English, Self::Dutch, Self::French];

    /// BCP 47.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::German => "de",
            Self::English => "en",
            Self::Dutch => "nl",
            Self::French => "fr",
        }
    }

    /// What the pages say in it.
    #[must_use]
    pub const fn words(self) -> &'static ConsoleWords {
        match self {
            Self::German => &words::GERMAN,
            Self::English => &words::ENGLISH,
            Self::Dutch => &words::DUTCH,
            Self::French => &words::FRENCH,
        }
    }

    /// For amounts and dates.
    #[must_use]
    pub fn locale(self) -> Locale {
        match self {
            Self::English => Locale::english(),
            Self::German | Self::Dutch | Self::French => Locale::parse(self.code()),
        }
    }

    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The language for a request.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(text);
        let chosen =
            cookies.flat_map(|line| line.split(';').map(str::to_owned).collect::<Vec<_>>()).find_map(|cookie| {
                let (name, value) = cookie.trim().split_once('=')?;
                if name == COOKIE { Self::of_code(value) } else { None }
            });
        let accepted = || headers.get(header::ACCEPT_LANGUAGE).and_then(text).and_then(|value| Self::of_header(&value));
        chosen.or_else(accepted).unwrap_or(Self::English)
    }

    /// Keeps the choice for a year.
    #[must_use]
    pub fn cookie(self) -> HeaderValue {
        let cookie = format!("{COOKIE}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", self.code());
        HeaderValue::from_str(&cookie).expect("a code is two letters")
    }

    /// The first of the languages that a browser prefers ([RFC 9110 §12.5.4]) and that the console speaks.
    ///
    /// [RFC 9110 §12.5.4]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4
    fn of_header(value: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for item in value.split(',').take(16) {
            let (tag, parameter) = item.split_once(';').unwrap_or((item, ""));
            let weight = match parameter.trim().strip_prefix("q=") {
                Some(weight) => weight.parse().unwrap_or(0.0),
                None => 1.0,
            };
            let locale = Locale::try_parse(tag.trim());
            let Some(language) = locale.and_then(|locale| Self::of_code(locale.language())) else { continue };
            // Of equal ones the first counts.
            if weight > best.map_or(0.0, |(_, weight)| weight) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_comes_before_what_the_browser_prefers() {
        for (cookie, accepted, expected) in [
            ("", "nl, de;q=0.9", "nl"),
            ("", "sv, de;q=0.3, fr;q=0.2", "de"),
            ("", "\"><script>", "en"),
            ("console_language=de", "nl", "de"),
            ("a=b; console_language=nl; c=d", "de", "nl"),
            ("console_language=xx", "de", "de"),
            ("console_language", "de", "de"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(accepted).unwrap());
            assert_eq!(ConsoleLanguage::of(&headers).code(), expected, "{cookie:?} {accepted:?}");
        }
    }

    #[test]
    fn a_choice_is_read_again() {
        for language in ConsoleLanguage::ALL {
            let cookie = language.cookie();
            let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(pair).unwrap());
            assert_eq!(ConsoleLanguage::of(&headers), language);
        }
    }
}

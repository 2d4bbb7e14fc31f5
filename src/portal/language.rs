//! In which language a page is written.
//!
//! A visitor's own choice (`?lang=`) comes first, then the customer's language, then what the browser prefers. There is
//! no cookie for it: a page that was asked for with `?lang=` carries it on in its links and forms.

use axum::http::{HeaderMap, Uri, header};

use super::words::{self, Words};
use crate::compose::locale::Locale;

/// A language that the portal speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    German,
    Dutch,
    English,
    French,
}

impl Language {
    /// In the order of the switch.
    pub const ALL: [Self; 4] = [Self::German, Self::Dutch, Self::English, Self::French];

    /// BCP 47.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::German => "de",
            Self::Dutch => "nl",
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// What the pages say in it.
    #[must_use]
    pub const fn words(self) -> &'static Words {
        match self {
            Self::German => &words::GERMAN,
            Self::Dutch => &words::DUTCH,
            Self::English => &words::ENGLISH,
            Self::French => &words::FRENCH,
        }
    }

    fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        Self::of_code(Locale::try_parse(tag)?.language())
    }

    /// The first of the languages that a browser prefers ([RFC 9110 §12.5.4]) and that the portal speaks.
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
            let Some(language) = Self::of_tag(tag.trim()) else { continue };
            // Of equal ones the first counts.
            if weight > best.map_or(0.0, |(_, weight)| weight) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

/// What a request says about languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LanguageWish {
    /// By `?lang=`.
    asked: Option<Language>,
    /// By `Accept-Language`.
    accepted: Option<Language>,
}

impl LanguageWish {
    #[must_use]
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut parameters = uri.query().unwrap_or_default().split('&');
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self {
            asked: parameters.find_map(|parameter| Language::of_code(parameter.strip_prefix("lang=")?)),
            accepted: accepted.and_then(Language::of_header),
        }
    }

    /// The language of a page for a customer with this locale (the delivery's).
    #[must_use]
    pub fn for_customer(self, locale: &str) -> PageLanguage {
        let locale = Locale::parse(locale);
        let own = Language::of_code(locale.language());
        self.page(own, locale.region())
    }

    /// The language of a page for somebody unknown.
    #[must_use]
    pub fn for_stranger(self) -> PageLanguage {
        self.page(None, None)
    }

    fn page(self, own: Option<Language>, region: Option<&str>) -> PageLanguage {
        let language = self.asked.or(own).or(self.accepted).unwrap_or(Language::English);
        let locale = match (language, region) {
            (Language::English, None) => Locale::english(),
            (_, None) => Locale::parse(language.code()),
            (_, Some(region)) => Locale::parse(&format!("{}-{region}", language.code())),
        };
        PageLanguage { language, locale, is_asked: self.asked.is_some() }
    }
}

/// The language of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLanguage {
    pub language: Language,
    /// For amounts and dates: the language, in the customer's region.
    pub locale: Locale,
    /// Whether the visitor chose it.
    is_asked: bool,
}

impl PageLanguage {
    #[must_use]
    pub const fn words(&self) -> &'static Words {
        self.language.words()
    }

    /// A path of the portal (without a query), with the language that the visitor chose: for links, forms and redirects.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        if self.is_asked { in_language(path, self.language) } else { path.to_owned() }
    }
}

/// A path (without a query) in one language.
#[must_use]
pub fn in_language(path: &str, language: Language) -> String {
    format!("{path}?lang={}", language.code())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn wish(uri: &str, accepted: &str) -> LanguageWish {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(accepted).unwrap());
        LanguageWish::of(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn the_visitors_choice_comes_before_the_customers_language_and_the_browsers() {
        for (uri, accepted, locale, expected) in [
            ("/i/x?lang=fr", "nl", "de-DE", "fr-DE"),
            ("/i/x?a=b&lang=nl", "fr", "de-DE", "nl-DE"),
            ("/i/x?lang=xx", "fr", "de-AT", "de-AT"),
            ("/i/x?lang=", "fr", "sv-SE", "fr-SE"),
            ("/i/x", "sv", "sv-SE", "en-SE"),
            ("/i/x", "nl", "de", "de"),
            ("/i/x", "", "not a locale", "en-GB"),
        ] {
            let page = wish(uri, accepted).for_customer(locale);
            assert_eq!(page.locale.tag(), expected, "{uri} {accepted} {locale}");
            assert_eq!(page.language.code(), &expected[..2]);
        }
    }

    #[test]
    fn a_stranger_gets_what_the_browser_prefers() {
        for (accepted, expected) in [
            ("de-CH, fr;q=0.9", "de"),
            ("sv, fr;q=0.3, nl;q=0.8", "nl"),
            ("fr;q=0, en;q=0.1", "en"),
            ("*", "en"),
            ("de;q=x, fr;q=0.1", "fr"),
            ("\"><script>", "en"),
        ] {
            assert_eq!(wish("/", accepted).for_stranger().language.code(), expected, "{accepted}");
        }
    }

    #[test]
    fn only_a_choice_is_carried_on() {
        assert_eq!(wish("/?lang=nl", "de").for_stranger().link("/invoices"), "/invoices?lang=nl");
        assert_eq!(wish("/", "de").for_stranger().link("/invoices"), "/invoices");
    }
}

//! In which language and with which customs a mail is written.

use icu_locale_core::LanguageIdentifier;
use icu_locale_core::subtags::{Language, Region, language};

use crate::event::language_tag::canonical;

/// A language and, if present, a region. Scripts, variants and extensions (other digits, calendars) are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Locale {
    language: Language,
    region: Option<Region>,
}

impl Locale {
    /// The locale that `tag` (BCP 47) names; English of no region if it names none.
    #[must_use]
    pub fn parse(tag: &str) -> Self {
        Self::try_parse(tag).unwrap_or(Self { language: language!("en"), region: None })
    }

    /// The locale that `tag` (BCP 47) names, if it names one.
    #[must_use]
    pub fn try_parse(tag: &str) -> Option<Self> {
        let locale = canonical(tag)?.parse::<icu_locale_core::Locale>().ok()?;
        Some(Self { language: locale.id.language, region: locale.id.region })
    }

    /// The same customs in English, as Europe writes it: for a language that no template speaks.
    #[must_use]
    pub fn english() -> Self {
        Self { language: language!("en"), region: Some(icu_locale_core::subtags::region!("GB")) }
    }

    /// The language, for example `de`.
    #[must_use]
    pub fn language(&self) -> &str {
        self.language.as_str()
    }

    /// The region, for example `AT`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_ref().map(Region::as_str)
    }

    /// The tag in its canonical form, for example `de-AT`: safe to stand in a header or an attribute.
    #[must_use]
    pub fn tag(&self) -> String {
        match self.region() {
            Some(region) => format!("{}-{region}", self.language()),
            None => self.language().to_owned(),
        }
    }

    /// For the formatters of ICU.
    #[must_use]
    pub fn to_icu(self) -> icu_locale_core::Locale {
        LanguageIdentifier { language: self.language, region: self.region, ..LanguageIdentifier::UNKNOWN }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_language_and_region_count() {
        for (tag, expected) in [
            ("de-DE", "de-DE"),
            ("DE-at", "de-AT"),
            ("fr", "fr"),
            ("de_CH", "de-CH"),
            ("deu-CH", "de-CH"),
            ("zh-Hant-TW", "zh-TW"),
            ("de-u-nu-arab", "de"),
            ("", "en"),
            ("not a locale\r\nX: y", "en"),
        ] {
            assert_eq!(Locale::parse(tag).tag(), expected, "{tag:?}");
        }
    }
}

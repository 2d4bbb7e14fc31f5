//! Dates in the customer's locale, days in the tenant's time zone.

use icu_datetime::fieldsets::YMD;
use icu_datetime::input::Date;
use icu_datetime::{DateTimeFormatter, DateTimeFormatterPreferences};
use icu_locale_core::preferences::extensions::unicode::keywords::CalendarAlgorithm;
use jiff::tz::TimeZone;

use super::locale::Locale;
use crate::clock::Timestamp;

/// Writes dates as one locale does.
#[derive(Debug)]
pub struct Dates {
    formatter: DateTimeFormatter<YMD>,
    locale: Locale,
}

impl Dates {
    /// The customs of `locale`, in the Gregorian calendar whatever the region's own is.
    #[must_use]
    pub fn new(locale: Locale) -> Self {
        let mut preferences = DateTimeFormatterPreferences::from(locale.to_icu());
        preferences.calendar_algorithm = Some(CalendarAlgorithm::Gregory);
        let formatter = DateTimeFormatter::try_new(preferences, YMD::long())
            .expect("the compiled data holds every locale, or its root");
        Self { formatter, locale }
    }

    /// A date with the month as a word, for example `4. Dezember 2026`: the day cannot be taken for the month.
    #[must_use]
    pub fn long(&self, date: jiff::civil::Date) -> String {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        let Ok(iso) = Date::try_new_iso(i32::from(date.year()), month, day) else { return date.to_string() };
        let text = self.formatter.format(&iso).to_string();
        match text.strip_prefix("1 ") {
            // CLDR leaves the French ordinal of the first day to the author.
            Some(rest) if self.locale.language() == "fr" => format!("1er {rest}"),
            _ => text,
        }
    }
}

/// The day that a moment falls on in a time zone (IANA name); in UTC if there is no such zone.
#[must_use]
pub fn day_in(moment: Timestamp, time_zone: Option<&str>) -> jiff::civil::Date {
    let zone = time_zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    moment.to_jiff().to_zoned_datetime(zone).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_is_a_word_of_the_locale() {
        let date = jiff::civil::date(2026, 12, 4);
        for (locale, expected) in [
            ("de-DE", "4. Dezember 2026"),
            ("de-AT", "4. Dezember 2026"),
            ("de-TH", "4. Dezember 2026"),
            ("nl-NL", "4 december 2026"),
            ("en-GB", "4 December 2026"),
            ("en-US", "December 4, 2026"),
            ("fr-FR", "4 décembre 2026"),
        ] {
            assert_eq!(Dates::new(Locale::parse(locale)).long(date), expected, "{locale}");
        }
        let first = jiff::civil::date(2026, 12, 1);
        assert_eq!(Dates::new(Locale::parse("fr-BE")).long(first), "1er décembre 2026");
    }

    #[test]
    fn the_day_is_the_tenants() {
        let late = Timestamp::parse("2026-12-04T23:30:00Z").unwrap();
        assert_eq!(day_in(late, Some("Europe/Berlin")).to_string(), "2026-12-05");
        assert_eq!(day_in(late, Some("Nowhere/Land")).to_string(), "2026-12-04");
        assert_eq!(day_in(late, None).to_string(), "2026-12-04");
    }
}

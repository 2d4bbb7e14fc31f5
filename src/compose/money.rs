//! Amounts in the customer's locale. Decimals all the way: no float comes near money.

use icu_decimal::DecimalFormatter;
use icu_decimal::options::{DecimalFormatterOptions, GroupingStrategy};
use rust_decimal::Decimal;

use super::locale::Locale;
use crate::clean;

/// A space that keeps amount and currency on one line.
const NO_BREAK: char = '\u{a0}';

/// Writes amounts as one locale does.
#[derive(Debug)]
pub struct Money {
    formatter: DecimalFormatter,
    locale: Locale,
    pattern: Pattern,
}

/// Where sign and currency stand (the currency formats of [CLDR]).
///
/// [CLDR]: https://cldr.unicode.org/translation/number-currency-formats/number-and-currency-patterns
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    /// `-1.190,00 €`
    After,
    /// `-€1,190.00`
    Before,
    /// `-€ 1.190,00`
    BeforeSpaced,
    /// `€ -1.190,00`
    BeforeSpacedSignInside,
    /// `CHF-1'190.00`
    BeforeSpacedSignInPlace,
}

impl Pattern {
    fn of(locale: Locale) -> Self {
        match (locale.language(), locale.region()) {
            ("de" | "en", Some("CH")) | ("de", Some("LI")) => Self::BeforeSpacedSignInPlace,
            ("de" | "en", Some("AT")) => Self::BeforeSpaced,
            ("en", Some("NL")) | ("nl", _) => Self::BeforeSpacedSignInside,
            ("en", Some("150" | "BE" | "DE" | "DK" | "FI" | "SE" | "SI")) | ("de" | "fr", _) => Self::After,
            _ => Self::Before,
        }
    }
}

impl Money {
    /// The customs of `locale`.
    #[must_use]
    pub fn new(locale: Locale) -> Self {
        // Austria groups plain numbers with spaces, but amounts with points, as Germany does.
        let numbers = match (locale.language(), locale.region()) {
            ("de", Some("AT")) => Locale::parse("de"),
            _ => locale,
        };
        let options = DecimalFormatterOptions::from(GroupingStrategy::Auto);
        let formatter = DecimalFormatter::try_new(numbers.to_icu().into(), options)
            .expect("the compiled data holds every locale, or its root");
        Self { formatter, locale, pattern: Pattern::of(locale) }
    }

    /// An amount with its currency (ISO 4217), for example `1.190,00 €`.
    ///
    /// At least as many decimals as the currency has; more if the amount has more, for rounding is not ours.
    #[must_use]
    pub fn format(&self, amount: Decimal, currency: &str) -> String {
        let number = self.number(amount.normalize().abs(), minor_digits(currency));
        let sign = if amount.is_sign_negative() && !amount.is_zero() { "-" } else { "" };
        let symbol = symbol(currency, self.locale);
        match self.pattern {
            Pattern::After => format!("{sign}{number}{NO_BREAK}{symbol}"),
            // A code needs a space where a symbol needs none.
            Pattern::Before if symbol.ends_with(char::is_alphabetic) => format!("{sign}{symbol}{NO_BREAK}{number}"),
            Pattern::Before => format!("{sign}{symbol}{number}"),
            Pattern::BeforeSpaced => format!("{sign}{symbol}{NO_BREAK}{number}"),
            Pattern::BeforeSpacedSignInside => format!("{symbol}{NO_BREAK}{sign}{number}"),
            Pattern::BeforeSpacedSignInPlace if sign.is_empty() => format!("{symbol}{NO_BREAK}{number}"),
            Pattern::BeforeSpacedSignInPlace => format!("{symbol}{sign}{number}"),
        }
    }

    /// A file's size for people, for example `81 kB` or `1,2 MB` (of 1,000 and 1,000,000 bytes).
    #[must_use]
    pub fn file_size(&self, bytes: u64) -> String {
        if bytes < 1_000_000 {
            return format!("{}{NO_BREAK}kB", self.number(Decimal::from(bytes.div_ceil(1_000).max(1)), 0));
        }
        let tenths = i64::try_from(bytes / 100_000).unwrap_or(i64::MAX);
        format!("{}{NO_BREAK}MB", self.number(Decimal::new(tenths, 1), 1))
    }

    fn number(&self, amount: Decimal, digits_min: i16) -> String {
        let mut decimal = icu_decimal::input::Decimal::try_from_str(&amount.to_string())
            .expect("a decimal is written as digits and a point");
        decimal.absolute.pad_end(-digits_min);
        let text = self.formatter.format(&decimal).to_string();
        match (self.locale.language(), self.locale.region()) {
            // Francophone Switzerland writes plain numbers with a comma, but amounts with a point.
            ("fr", Some("CH")) => text.replace(',', "."),
            _ => text,
        }
    }
}

/// The decimals of a currency ([ISO 4217]).
///
/// [ISO 4217]: https://www.six-group.com/en/products-services/financial-information/data-standards.html
fn minor_digits(currency: &str) -> i16 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// The symbol that readers of the locale cannot mistake, else the code.
fn symbol(currency: &str, locale: Locale) -> String {
    let symbol = match (currency, locale.language(), locale.region()) {
        ("EUR", _, _) => "€",
        ("GBP", "fr", _) => "£GB",
        ("GBP", _, _) => "£",
        ("USD", "en", None | Some("US")) => "$",
        ("USD", "fr", _) => "$US",
        ("USD", _, _) => "US$",
        _ => return clean::line(currency, 8),
    };
    symbol.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn format(locale: &str, amount: &str, currency: &str) -> String {
        let text = Money::new(Locale::parse(locale)).format(amount.parse().unwrap(), currency);
        // The narrow space of French grouping and the wide one before the symbol, made visible.
        text.replace(NO_BREAK, "_").replace('\u{202f}', "~")
    }

    #[test]
    fn amounts_look_as_the_locale_writes_them() {
        for (locale, amount, currency, expected) in [
            ("de-DE", "1190", "EUR", "1.190,00_€"),
            ("de-DE", "-5.5", "EUR", "-5,50_€"),
            ("de-AT", "1234567.8", "EUR", "€_1.234.567,80"),
            ("de-AT", "-1", "EUR", "-€_1,00"),
            ("de-CH", "1190.00", "CHF", "CHF_1'190.00"),
            ("de-CH", "-1190", "CHF", "CHF-1'190.00"),
            ("nl-NL", "1190.00", "EUR", "€_1.190,00"),
            ("nl-BE", "-1190.00", "EUR", "€_-1.190,00"),
            ("en-GB", "1190.00", "GBP", "£1,190.00"),
            ("en-GB", "-1190.00", "EUR", "-€1,190.00"),
            ("en-US", "1190.00", "USD", "$1,190.00"),
            ("en-GB", "1190.00", "USD", "US$1,190.00"),
            ("en-IE", "1190.00", "SEK", "SEK_1,190.00"),
            ("en", "1190", "JPY", "JPY_1,190"),
            ("fr-FR", "1190.00", "EUR", "1~190,00_€"),
            ("fr-CH", "1190.00", "CHF", "1'190.00_CHF"),
            ("fr-FR", "1190.00", "USD", "1~190,00_$US"),
            ("de-DE", "1.2345", "KWD", "1,2345_KWD"),
            ("de-DE", "1.5", "KWD", "1,500_KWD"),
            ("de-DE", "0.00", "EUR", "0,00_€"),
            ("de-DE", "-0.00", "EUR", "0,00_€"),
            ("de-DE", "79228162514264337593543950335", "EUR", "79.228.162.514.264.337.593.543.950.335,00_€"),
        ] {
            assert_eq!(format(locale, amount, currency), expected, "{locale} {amount} {currency}");
        }
    }

    #[test]
    fn file_sizes_are_short() {
        for (bytes, expected) in [
            (0, "1 kB"),
            (1, "1 kB"),
            (81_234, "82 kB"),
            (999_999, "1.000 kB"),
            (1_290_000, "1,2 MB"),
            (20_000_000, "20,0 MB"),
        ] {
            assert_eq!(Money::new(Locale::parse("de")).file_size(bytes).replace(NO_BREAK, " "), expected);
        }
    }

    proptest! {
        #[test]
        fn no_digit_is_lost_or_added(units in any::<i64>(), scale in 0_u32..12) {
            let amount = Decimal::new(units, scale);
            let text = Money::new(Locale::parse("de-DE")).format(amount, "EUR");
            let plain: String = text.replace('.', "").replace(',', ".").chars()
                .filter(|c| c.is_ascii_digit() || "-.".contains(*c)).collect();
            prop_assert_eq!(plain.parse::<Decimal>().unwrap(), amount);
        }
    }
}

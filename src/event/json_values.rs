//! How values are spelt in JSON, where the type alone does not say it strictly enough.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::bounds::moment;
use super::language_tag;
use crate::clock::Timestamp;

/// Reads and writes enums as the one text that `strum` gives them; an earlier spelling is read as today's.
macro_rules! in_json {
    ($($name:ident),+) => { $(crate::event::json_values::in_json!($name,);)+ };
    ($name:ident, $($earlier:literal => $today:literal)?) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.into_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let text = text.as_str();
                $(let text = if text == $earlier { $today } else { text };)?
                text.parse().map_err(|_| {
                    let names: Vec<_> = <Self as strum::VariantArray>::VARIANTS.iter().map(|one| one.into_str()).collect();
                    serde::de::Error::custom(format!("must be one of {}", names.join(", ")))
                })
            }
        }
    };
}
pub(super) use in_json;

/// A moment that an invoice may have to do with; anything else reads as none.
pub(super) fn moment_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let read = value.as_str().and_then(|text| Timestamp::parse(text).ok());
    Ok(read.filter(|read| moment("", *read).is_ok()))
}

/// Text; anything else reads as none.
pub(super) fn text_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A language tag in canonical form; anything else reads as none.
pub(super) fn language_tag_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(language_tag::canonical))
}

/// Reads null as an empty list.
pub(super) fn null_is_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An amount of money: a decimal in quotes, since a JSON number would pass through binary fractions.
pub(super) mod amount {
    use std::str::FromStr;

    use rust_decimal::Decimal;
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    /// The most digits before and after the point; together they fit [`Decimal`]'s 28.
    const DIGITS_MAX: (usize, usize) = (15, 6);

    pub(in crate::event) fn serialize<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(amount)
    }

    pub(in crate::event) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        deserializer.deserialize_str(Text)
    }

    struct Text;

    impl Visitor<'_> for Text {
        type Value = Decimal;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a decimal in quotes like \"1190.00\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
            parse(text).ok_or_else(|| E::custom("is not a decimal like 1190.00"))
        }
    }

    /// `-?[0-9]{1,15}(\.[0-9]{1,6})?`; [`Decimal`] alone would take underscores and exponents.
    fn parse(text: &str) -> Option<Decimal> {
        let digits =
            |text: &str, max| (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let well_formed = match unsigned.split_once('.') {
            Some((whole, fraction)) => digits(whole, DIGITS_MAX.0) && digits(fraction, DIGITS_MAX.1),
            None => digits(unsigned, DIGITS_MAX.0),
        };
        if well_formed { Decimal::from_str(text).ok() } else { None }
    }
}

/// A date: `YYYY-MM-DD`, nothing else.
pub(super) mod date {
    use jiff::civil::Date;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(in crate::event) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(date)
    }

    pub(in crate::event) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom("is not a date like 2026-11-20"))
    }

    /// RFC 3339 §5.6 full-date; [`Date`] alone would take a time behind it.
    fn parse(text: &str) -> Option<Date> {
        let shape = text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
        if shape { text.parse().ok() } else { None }
    }
}

/// The same for values that may be absent.
macro_rules! optional {
    ($name:ident, $inner:ident, $spelling:literal, $type:ty) => {
        pub(super) mod $name {
            use serde::{Deserialize, Deserializer, Serializer};

            #[expect(clippy::ref_option, reason = "serde calls it so")]
            pub(in crate::event) fn serialize<S: Serializer>(
                value: &Option<$type>,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match value {
                    Some(value) => super::$inner::serialize(value, serializer),
                    None => serializer.serialize_none(),
                }
            }

            pub(in crate::event) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Option<$type>, D::Error> {
                #[derive(Deserialize)]
                #[serde(transparent)]
                struct AmountVisitor(#[serde(with = $spelling)] $type);
                Ok(Option::<AmountVisitor>::deserialize(deserializer)?.map(|inner| inner.0))
            }
        }
    };
}
optional!(optional_amount, amount, "super::amount", rust_decimal::Decimal);
optional!(optional_date, date, "super::date", jiff::civil::Date);

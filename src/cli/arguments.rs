//! What arguments of several commands look like, and how they are read.

use crate::clock::Timestamp;

/// A parser of an enum that has one spelling; `--help` lists its values.
macro_rules! spelled {
    ($name:ty) => {
        clap::builder::TypedValueParser::map(
            clap::builder::PossibleValuesParser::new(
                <$name as strum::VariantArray>::VARIANTS.iter().map(|value| value.into_str()),
            ),
            |text| text.parse::<$name>().expect("clap lets only possible values pass"),
        )
    };
}
pub(super) use spelled;

/// Limits what a list shows.
#[derive(Debug, clap::Args)]
pub struct Limit {
    /// Show at most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// Why a person decides something; kept with the delivery.
#[derive(Debug, clap::Args)]
pub struct ReasonArg {
    /// The reason, kept in the history
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("say why in a few words".to_owned()),
        1..=500 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        1..=500 => Err("write it in one line".to_owned()),
        _ => Err("use at most 500 characters".to_owned()),
    }
}

pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|_| "write date, time and offset, as 2026-11-23T09:30:00Z".to_owned())
}

pub(super) fn address(text: &str) -> Result<lettre::Address, String> {
    text.parse().map_err(|_| "write one address without a name, as ap@customer.example".to_owned())
}

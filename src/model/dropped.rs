//! What of an event is not used.

use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// A value of an event that cannot be used and that nothing depends on: it stops no invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    Time,
    Traceparent,
    /// `data.locale`.
    Locale,
}

impl Dropped {
    /// What is wrong with it. The value is not repeated: what it holds is not checked.
    #[must_use]
    pub const fn problem(self) -> &'static str {
        match self {
            Self::Time => "the event's time is not an RFC 3339 date and time between the years 1970 and 2199",
            Self::Traceparent => "the event's traceparent is not a W3C trace context",
            Self::Locale => "the event's locale is not a language tag (BCP 47) like de-DE",
        }
    }
}

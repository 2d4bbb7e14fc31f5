//! The first digits of an id, which name one thing while no other id begins with them.

use std::fmt;

use uuid::Uuid;

use crate::app::App;
use crate::cli::error::Advise;
use crate::model::access::TenantScope;
use crate::model::ids::{DeadLetterId, DeliveryId};
use crate::store::StoreError;

/// Fewer digits would name many things at once.
const DIGITS_MIN: usize = 4;
/// A whole id.
const DIGITS_MAX: usize = 32;
/// So many ids are named when a prefix is of several.
const NAMED_MAX: u32 = 5;

/// The first digits of an id, or a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix {
    text: String,
    /// The lowest and the highest id that begin with it.
    range: (Uuid, Uuid),
}

impl IdPrefix {
    /// Reads an id as a list shows it, or its first four digits or more.
    ///
    /// # Errors
    /// One sentence saying how to write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
        let valid = digits.chars().all(|c| c.is_ascii_hexdigit());
        if !valid || !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
            return Err(format!("write the id as `list` shows it, or its first {DIGITS_MIN} digits or more"));
        }
        let filled = |with: &str| {
            let missing = with.repeat(DIGITS_MAX - digits.len());
            Uuid::parse_str(&format!("{digits}{missing}")).expect("32 hexadecimal digits are a UUID")
        };
        Ok(Self { text: text.trim().to_owned(), range: (filled("0"), filled("f")) })
    }

    /// The id, if all of its digits are there.
    fn whole(&self) -> Option<Uuid> {
        let (low, high) = self.range;
        (low == high).then_some(low)
    }

    /// The delivery that it names.
    pub(in crate::cli) async fn delivery(&self, app: &App) -> anyhow::Result<DeliveryId> {
        if let Some(id) = self.whole() {
            return Ok(DeliveryId(id));
        }
        let found = app.store.deliveries_between(self.range, &TenantScope::All, NAMED_MAX + 1).await;
        self.only("delivery", "deliveries list", found)
    }

    /// The dead letter that it names.
    pub(in crate::cli) async fn dead_letter(&self, app: &App) -> anyhow::Result<DeadLetterId> {
        if let Some(id) = self.whole() {
            return Ok(DeadLetterId(id));
        }
        let found = app.store.dead_letters_between(self.range, &TenantScope::All, NAMED_MAX + 1).await;
        self.only("dead letter", "dead-letters list", found)
    }

    /// The one that was found, if there is exactly one.
    fn only<I: fmt::Display>(&self, what: &str, list: &str, found: Result<Vec<I>, StoreError>) -> anyhow::Result<I> {
        let mut found = found?;
        match (found.pop(), found.as_slice()) {
            (Some(only), []) => Ok(only),
            (None, _) => Err(anyhow::anyhow!("no {what} has an id that begins with {}", self.text))
                .what_to_do(format!("`{list}` shows the ids")),
            (Some(last), others) => {
                let mut named: Vec<String> = others.iter().map(ToString::to_string).collect();
                if named.len() == NAMED_MAX as usize {
                    named.push("others".to_owned());
                } else {
                    named.push(last.to_string());
                }
                Err(anyhow::anyhow!("the ids of several begin with {}: {}", self.text, named.join(", ")))
                    .what_to_do(format!("write more digits of the id of the {what}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range_of_ids() {
        let range = |text: &str| IdPrefix::parse(text).expect("a prefix").range;
        let (low, high) = range(" 01938C5E-7a10 ");
        assert_eq!(low.to_string(), "01938c5e-7a10-0000-0000-000000000000");
        assert_eq!(high.to_string(), "01938c5e-7a10-ffff-ffff-ffffffffffff");
        let (low, high) = range("01938c5e-7a10-7cc0-8000-3b6f0d2a9e11");
        assert_eq!((low, low.to_string().as_str()), (high, "01938c5e-7a10-7cc0-8000-3b6f0d2a9e11"));
    }

    #[test]
    fn what_is_no_prefix_is_refused_with_a_sentence() {
        for text in ["", "019", "0193x", "R-2026-0042", "01938c5e-7a10-7cc0-8000-3b6f0d2a9e111", "ａｂｃｄ"] {
            let refused = IdPrefix::parse(text).expect_err(text);
            assert!(refused.contains("first 4 digits"), "{refused}");
        }
    }
}

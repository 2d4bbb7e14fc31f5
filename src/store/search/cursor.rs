//! Where a search goes on.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::customer::Customer;
use crate::store::db::page::{Cursor, InvalidCursor, position_text, read_position};

/// Where a search goes on: behind this hit. Whoever carries it need not know what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindCursor(pub(super) FindPosition);

/// A hit's place in the order of a search: by number first, then what was sent to an address, then what customers got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FindPosition {
    #[serde(rename = "n")]
    Number(NumberPosition),
    /// The id of the delivery; the newest comes first.
    #[serde(rename = "r")]
    Recipient(Uuid),
    #[serde(rename = "c")]
    Customer(CustomerPosition),
}

/// By number: the rows of one number in the order of [`NumberedKind`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NumberPosition {
    #[serde(rename = "n")]
    pub(super) key: String,
    #[serde(rename = "k")]
    pub(super) kind: NumberedKind,
    /// Empty of a dead letter.
    #[serde(rename = "t")]
    pub(super) tenant: String,
    #[serde(rename = "i")]
    pub(super) id: Uuid,
}

/// What has a number, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum NumberedKind {
    #[serde(rename = "d")]
    Delivery,
    #[serde(rename = "e")]
    Event,
    #[serde(rename = "l")]
    DeadLetter,
}

/// Customer by customer, of each the newest delivery first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CustomerPosition {
    #[serde(rename = "t")]
    pub(super) tenant: String,
    #[serde(rename = "c")]
    pub(super) customer: String,
    /// When the delivery was made, in milliseconds.
    #[serde(rename = "a")]
    pub(super) at: i64,
    #[serde(rename = "i")]
    pub(super) id: Uuid,
    /// How many of the customer's were listed until here.
    #[serde(rename = "s")]
    pub(super) listed: u32,
}

impl FindPosition {
    /// Number and tenant of a delivery that is found by its number.
    pub(super) fn number_of_deliveries(&self) -> Option<(&str, &str)> {
        match self {
            Self::Number(NumberPosition { key, kind: NumberedKind::Delivery, tenant, .. }) => Some((key, tenant)),
            _ => None,
        }
    }
}

impl CustomerPosition {
    /// Behind this delivery of the customer.
    pub(super) fn of(customer: &Customer, Cursor { at, id }: Cursor, listed: u32) -> Self {
        Self { tenant: customer.tenant_id.to_string(), customer: customer.id.to_string(), at: at.0, id, listed }
    }

    /// Where the list of the customer's deliveries goes on.
    pub(super) const fn cursor(&self) -> Cursor {
        Cursor { at: Timestamp(self.at), id: self.id }
    }

    /// Whether it stands in the list of an earlier customer than this one, of this one, or of a later one.
    pub(super) fn compared_with(&self, customer: &Customer) -> Ordering {
        (self.tenant.as_str(), self.customer.as_str()).cmp(&(customer.tenant_id.as_str(), customer.id.as_str()))
    }
}

impl fmt::Display for FindCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&position_text(&self.0))
    }
}

impl FromStr for FindCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let position: FindPosition = read_position(text)?;
        // No text that a database keeps holds NUL, and PostgreSQL refuses it.
        let texts = match &position {
            FindPosition::Number(NumberPosition { key, tenant, .. }) => [key.as_str(), tenant],
            FindPosition::Customer(CustomerPosition { tenant, customer, .. }) => [tenant.as_str(), customer],
            FindPosition::Recipient(_) => ["", ""],
        };
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(InvalidCursor);
        }
        Ok(Self(position))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::store::db::page::POSITION_BYTES_MAX;

    #[test]
    fn a_cursor_reads_back() {
        let number = NumberPosition {
            key: "R-\u{c4}\"1".to_owned(),
            kind: NumberedKind::Event,
            tenant: "acme".to_owned(),
            id: Uuid::from_u128(7),
        };
        let customer = CustomerPosition {
            tenant: "acme".to_owned(),
            customer: "C-1".to_owned(),
            at: -5,
            id: Uuid::max(),
            listed: 3,
        };
        let recipient = FindPosition::Recipient(Uuid::from_u128(9));
        for position in [FindPosition::Number(number), recipient, FindPosition::Customer(customer)] {
            let text = FindCursor(position.clone()).to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
            assert_eq!(text.parse(), Ok(FindCursor(position)));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let encoded = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let id = Uuid::nil();
        for text in [
            String::new(),
            "50".to_owned(),
            "5.00000000000000000000000000000007".to_owned(),
            encoded("{}"),
            encoded("null"),
            encoded(r#"{"r":"x"}"#),
            encoded(&format!(r#"{{"n":{{"n":"R\u0000","k":"d","t":"acme","i":"{id}"}}}}"#)),
            encoded(&format!(r#"{{"n":{{"n":"R","k":"x","t":"acme","i":"{id}"}}}}"#)),
            encoded(&format!(r#"{{"c":{{"t":"acme","c":"C","a":1,"i":"{id}","s":-1}}}}"#)),
            "A".repeat(POSITION_BYTES_MAX + 1),
        ] {
            assert_eq!(text.parse::<FindCursor>(), Err(InvalidCursor), "{text}");
        }
        let good = encoded(&format!(r#"{{"n":{{"n":"R","k":"d","t":"acme","i":"{id}"}}}}"#));
        assert!(good.parse::<FindCursor>().is_ok());
    }
}

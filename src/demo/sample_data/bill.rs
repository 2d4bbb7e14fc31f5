//! What a document says: parties, lines, sums. The PDF and the UBL are both made of it, so they agree.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use super::catalogue::SamplePerson;
use crate::model::invoice_kind::InvoiceKind;

/// An invoice, credit note or reminder.
#[derive(Debug, Clone)]
pub(super) struct Bill {
    pub(super) person: &'static SamplePerson,
    pub(super) number: String,
    pub(super) kind: InvoiceKind,
    /// How often it was reminded of.
    pub(super) reminder_level: Option<u8>,
    pub(super) issue_date: Date,
    pub(super) due_date: Date,
    /// The invoice that a credit note corrects: number and date.
    pub(super) corrects: Option<(String, Date)>,
    pub(super) lines: Vec<InvoiceLine>,
}

/// One line: what, how much of it, at which price without VAT.
#[derive(Debug, Clone)]
pub(super) struct InvoiceLine {
    pub(super) name: &'static str,
    pub(super) quantity: Decimal,
    pub(super) unit: Unit,
    pub(super) price: Decimal,
}

/// A unit of measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Piece,
    Month,
    KilowattHour,
}

impl Unit {
    /// UN/ECE Recommendation 20.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Piece => "H87",
            Self::Month => "MON",
            Self::KilowattHour => "KWH",
        }
    }
}

impl InvoiceLine {
    /// `price` is in units of 10⁻⁴: hundredths of a cent.
    pub(super) fn new(name: &'static str, quantity: i64, unit: Unit, price: i64) -> Self {
        Self { name, quantity: Decimal::from(quantity), unit, price: Decimal::new(price, 4) }
    }

    /// The line without VAT.
    pub(super) fn net(&self) -> Decimal {
        cents(self.quantity * self.price)
    }
}

impl Bill {
    pub(super) fn vat_percent(&self) -> Decimal {
        Decimal::from(self.person.house.vat_percent)
    }

    pub(super) fn net(&self) -> Decimal {
        self.lines.iter().map(InvoiceLine::net).sum()
    }

    /// EN 16931 BR-S-09: of the sum, not of the lines.
    pub(super) fn vat(&self) -> Decimal {
        cents(self.net() * self.vat_percent() / Decimal::ONE_HUNDRED)
    }

    pub(super) fn total(&self) -> Decimal {
        self.net() + self.vat()
    }
}

/// Two digits behind the point, halves away from zero, and never fewer than two.
fn cents(amount: Decimal) -> Decimal {
    let mut amount = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    amount.rescale(2);
    amount
}

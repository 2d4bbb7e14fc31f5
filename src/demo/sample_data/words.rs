//! The words on paper in four languages, and how amounts and dates are written.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::bill::Unit;
use crate::model::invoice_kind::InvoiceKind;

/// The labels of one language.
#[derive(Debug)]
pub(super) struct SampleWords {
    pub(super) invoice: &'static str,
    credit_note: &'static str,
    reminder: &'static str,
    pub(super) number: &'static str,
    pub(super) date: &'static str,
    pub(super) due: &'static str,
    pub(super) customer: &'static str,
    pub(super) description: &'static str,
    pub(super) quantity_label: &'static str,
    pub(super) price: &'static str,
    pub(super) amount: &'static str,
    pub(super) net: &'static str,
    pub(super) vat: &'static str,
    pub(super) total: &'static str,
    pub(super) corrects: &'static str,
    pub(super) pay: &'static str,
    pub(super) refund: &'static str,
    /// One and many, of pieces, months and kilowatt hours.
    units: [(&'static str, &'static str); 3],
    /// Thousands, decimals, and where the euro stands.
    thousands: char,
    decimals: char,
    euro_first: Option<&'static str>,
    dates: &'static str,
    pub(super) sample: &'static str,
}

static GERMAN: SampleWords = SampleWords {
    invoice: "Rechnung",
    credit_note: "Gutschrift",
    reminder: "Mahnung",
    number: "Nummer",
    date: "Datum",
    due: "Zahlbar bis",
    customer: "Kundennummer",
    description: "Leistung",
    quantity_label: "Menge",
    price: "Einzelpreis",
    amount: "Betrag",
    net: "Netto",
    vat: "USt.",
    total: "Gesamtbetrag",
    corrects: "Zur Rechnung",
    pay: "Bitte überweisen Sie unter Angabe der Nummer auf",
    refund: "Der Betrag wird Ihnen erstattet.",
    units: [("Stück", "Stück"), ("Monat", "Monate"), ("kWh", "kWh")],
    thousands: '.',
    decimals: ',',
    euro_first: None,
    dates: "%d.%m.%Y",
    sample: "Erfundenes Beispiel der Vorführung, keine echte Forderung.",
};

static DUTCH: SampleWords = SampleWords {
    invoice: "Factuur",
    credit_note: "Creditnota",
    reminder: "Herinnering",
    number: "Nummer",
    date: "Datum",
    due: "Te betalen voor",
    customer: "Klantnummer",
    description: "Omschrijving",
    quantity_label: "Aantal",
    price: "Prijs",
    amount: "Bedrag",
    net: "Subtotaal",
    vat: "Btw",
    total: "Totaal",
    corrects: "Bij factuur",
    pay: "Maak het bedrag over onder vermelding van het nummer naar",
    refund: "U krijgt het bedrag terug.",
    units: [("stuk", "stuks"), ("maand", "maanden"), ("kWh", "kWh")],
    thousands: '.',
    decimals: ',',
    euro_first: Some("€\u{a0}"),
    dates: "%d-%m-%Y",
    sample: "Verzonnen voorbeeld van de demo, geen echte vordering.",
};

static ENGLISH: SampleWords = SampleWords {
    invoice: "Invoice",
    credit_note: "Credit note",
    reminder: "Reminder",
    number: "Number",
    date: "Date",
    due: "Due by",
    customer: "Customer number",
    description: "Description",
    quantity_label: "Quantity",
    price: "Unit price",
    amount: "Amount",
    net: "Subtotal",
    vat: "VAT",
    total: "Total",
    corrects: "For invoice",
    pay: "Please transfer the amount, naming the number, to",
    refund: "The amount will be refunded to you.",
    units: [("piece", "pieces"), ("month", "months"), ("kWh", "kWh")],
    thousands: ',',
    decimals: '.',
    euro_first: Some("€"),
    dates: "%d/%m/%Y",
    sample: "An invented sample of the demo, not a real claim.",
};

static FRENCH: SampleWords = SampleWords {
    invoice: "Facture",
    credit_note: "Avoir",
    reminder: "Rappel",
    number: "Numéro",
    date: "Date",
    due: "À régler avant le",
    customer: "Numéro de client",
    description: "Désignation",
    quantity_label: "Quantité",
    price: "Prix unitaire",
    amount: "Montant",
    net: "Total HT",
    vat: "TVA",
    total: "Total TTC",
    corrects: "Sur la facture",
    pay: "Merci de virer le montant, en indiquant le numéro, à",
    refund: "Le montant vous sera remboursé.",
    units: [("pièce", "pièces"), ("mois", "mois"), ("kWh", "kWh")],
    thousands: '\u{202f}',
    decimals: ',',
    euro_first: None,
    dates: "%d/%m/%Y",
    sample: "Exemple inventé de la démonstration, aucune créance réelle.",
};

impl SampleWords {
    /// The words of a locale; English if we have none of its language.
    pub(super) fn of(locale: &str) -> &'static Self {
        match locale.get(..2) {
            Some("de") => &GERMAN,
            Some("nl") => &DUTCH,
            Some("fr") => &FRENCH,
            _ => &ENGLISH,
        }
    }

    pub(super) fn kind(&self, kind: InvoiceKind) -> &'static str {
        match kind {
            InvoiceKind::Invoice => self.invoice,
            InvoiceKind::CreditNote => self.credit_note,
            InvoiceKind::Reminder => self.reminder,
        }
    }

    /// A quantity and its unit.
    pub(super) fn quantity(&self, quantity: Decimal, unit: Unit) -> String {
        let (one, many) = match unit {
            Unit::Piece => self.units[0],
            Unit::Month => self.units[1],
            Unit::KilowattHour => self.units[2],
        };
        format!("{} {}", self.digits(quantity), if quantity == Decimal::ONE { one } else { many })
    }

    pub(super) fn date(&self, date: Date) -> String {
        date.strftime(self.dates).to_string()
    }

    /// An amount in euro, with the digits that it has.
    pub(super) fn euro(&self, amount: Decimal) -> String {
        let digits = self.digits(amount);
        self.euro_first.map_or_else(|| format!("{digits}\u{a0}€"), |euro| format!("{euro}{digits}"))
    }

    /// A number with this language's separators.
    pub(super) fn digits(&self, number: Decimal) -> String {
        let text = number.to_string();
        let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                grouped.push(self.thousands);
            }
            grouped.push(digit);
        }
        fraction.map_or(grouped.clone(), |fraction| format!("{grouped}{}{fraction}", self.decimals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_dates_are_written_as_people_do() {
        let (amount, date) = (Decimal::new(123_456_700, 2), jiff::civil::date(2026, 11, 3));
        let written = |locale| (SampleWords::of(locale).euro(amount), SampleWords::of(locale).date(date));
        assert_eq!(written("de-DE"), ("1.234.567,00\u{a0}€".to_owned(), "03.11.2026".to_owned()));
        assert_eq!(written("nl-NL"), ("€\u{a0}1.234.567,00".to_owned(), "03-11-2026".to_owned()));
        assert_eq!(written("en-IE"), ("€1,234,567.00".to_owned(), "03/11/2026".to_owned()));
        assert_eq!(written("fr-FR"), ("1\u{202f}234\u{202f}567,00\u{a0}€".to_owned(), "03/11/2026".to_owned()));
        assert_eq!(SampleWords::of("de").euro(Decimal::new(3129, 4)), "0,3129\u{a0}€");
    }
}

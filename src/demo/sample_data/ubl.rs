//! A [`Bill`] for machines: UBL 2.1 ([OASIS]) as the European standard EN 16931 wants it.
//!
//! The element order is the schema's; the comments name the standard's business terms (BT) and rules (BR).
//!
//! [OASIS]: https://docs.oasis-open.org/ubl/UBL-2.1.html

use std::fmt::Write;

use rust_decimal::Decimal;

use super::bill::{Bill, InvoiceLine};
use super::catalogue::Address;
use crate::model::invoice_kind::InvoiceKind;

/// The bill as UBL: an `Invoice` or a `CreditNote`.
pub(super) fn xml(bill: &Bill) -> Vec<u8> {
    let credit = bill.kind == InvoiceKind::CreditNote;
    let root = if credit { "CreditNote" } else { "Invoice" };
    let mut xml = Xml::default();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.raw(&format!(
        "<{root} xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:{root}-2\" \
         xmlns:cac=\"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2\" \
         xmlns:cbc=\"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2\">\n"
    ));
    // BT-24, BR-01.
    xml.value("cbc:CustomizationID", "urn:cen.eu:en16931:2017");
    xml.value("cbc:ID", &bill.number);
    xml.value("cbc:IssueDate", &bill.issue_date.to_string());
    if !credit {
        // BT-9; a credit note has it at the means of payment.
        xml.value("cbc:DueDate", &bill.due_date.to_string());
    }
    // BT-3: 380 commercial invoice, 381 credit note (UNTDID 1001).
    xml.value(&format!("cbc:{root}TypeCode"), if credit { "381" } else { "380" });
    xml.value("cbc:DocumentCurrencyCode", "EUR");
    xml.value("cbc:BuyerReference", bill.person.id);
    if let Some((number, date)) = &bill.corrects {
        // BG-3.
        xml.inside("cac:BillingReference", |xml| {
            xml.inside("cac:InvoiceDocumentReference", |xml| {
                xml.value("cbc:ID", number);
                xml.value("cbc:IssueDate", &date.to_string());
            });
        });
    }
    seller(&mut xml, bill);
    buyer(&mut xml, bill);
    payment(&mut xml, bill, credit);
    sums(&mut xml, bill);
    for (number, line) in (1..).zip(&bill.lines) {
        add_line(&mut xml, bill, credit, number, line);
    }
    xml.raw(&format!("</{root}>\n"));
    xml.text.into_bytes()
}

/// BG-4.
fn seller(xml: &mut Xml, bill: &Bill) {
    let house = bill.person.house;
    xml.inside("cac:AccountingSupplierParty", |xml| {
        xml.inside("cac:Party", |xml| {
            // BT-34; EM: a mail address (EAS code list).
            xml.with("cbc:EndpointID", "schemeID=\"EM\"", &house.sender_mail());
            postal_address(xml, &house.address);
            // BT-31, BR-CO-09, BR-CO-26, BR-S-02.
            xml.inside("cac:PartyTaxScheme", |xml| {
                xml.value("cbc:CompanyID", house.vat_id);
                xml.inside("cac:TaxScheme", |xml| xml.value("cbc:ID", "VAT"));
            });
            xml.inside("cac:PartyLegalEntity", |xml| xml.value("cbc:RegistrationName", house.name));
            xml.inside("cac:Contact", |xml| {
                xml.value("cbc:Telephone", house.phone);
                xml.value("cbc:ElectronicMail", &house.mail("service"));
            });
        });
    });
}

/// BG-7.
fn buyer(xml: &mut Xml, bill: &Bill) {
    let person = bill.person;
    xml.inside("cac:AccountingCustomerParty", |xml| {
        xml.inside("cac:Party", |xml| {
            xml.with("cbc:EndpointID", "schemeID=\"EM\"", person.mail);
            postal_address(xml, &person.address);
            xml.inside("cac:PartyLegalEntity", |xml| xml.value("cbc:RegistrationName", person.name));
        });
    });
}

/// BG-5, BG-8.
fn postal_address(xml: &mut Xml, address: &Address) {
    xml.inside("cac:PostalAddress", |xml| {
        xml.value("cbc:StreetName", &format!("{} {}", address.street, address.house_number));
        xml.value("cbc:CityName", address.city);
        xml.value("cbc:PostalZone", address.postcode);
        xml.inside("cac:Country", |xml| xml.value("cbc:IdentificationCode", address.country));
    });
}

/// BG-16: 58 is a SEPA credit transfer (UNTDID 4461), which needs an account (BR-50, BR-61).
fn payment(xml: &mut Xml, bill: &Bill, credit: bool) {
    xml.inside("cac:PaymentMeans", |xml| {
        xml.value("cbc:PaymentMeansCode", "58");
        if credit {
            xml.value("cbc:PaymentDueDate", &bill.due_date.to_string());
        }
        xml.value("cbc:PaymentID", &bill.number);
        xml.inside("cac:PayeeFinancialAccount", |xml| xml.value("cbc:ID", bill.person.house.iban));
    });
}

fn sums(xml: &mut Xml, bill: &Bill) {
    xml.inside("cac:TaxTotal", |xml| {
        xml.amount("cbc:TaxAmount", bill.vat());
        xml.inside("cac:TaxSubtotal", |xml| {
            xml.amount("cbc:TaxableAmount", bill.net());
            xml.amount("cbc:TaxAmount", bill.vat());
            xml.inside("cac:TaxCategory", |xml| tax_category(xml, bill));
        });
    });
    xml.inside("cac:LegalMonetaryTotal", |xml| {
        xml.amount("cbc:LineExtensionAmount", bill.net());
        xml.amount("cbc:TaxExclusiveAmount", bill.net());
        xml.amount("cbc:TaxInclusiveAmount", bill.total());
        xml.amount("cbc:PayableAmount", bill.total());
    });
}

/// Standard rate (UNCL 5305).
fn tax_category(xml: &mut Xml, bill: &Bill) {
    xml.value("cbc:ID", "S");
    xml.value("cbc:Percent", &bill.vat_percent().to_string());
    xml.inside("cac:TaxScheme", |xml| xml.value("cbc:ID", "VAT"));
}

/// BG-25.
fn add_line(xml: &mut Xml, bill: &Bill, credit: bool, number: u32, line: &InvoiceLine) {
    let (element, quantity) = if credit {
        ("cac:CreditNoteLine", "cbc:CreditedQuantity")
    } else {
        ("cac:InvoiceLine", "cbc:InvoicedQuantity")
    };
    xml.inside(element, |xml| {
        xml.value("cbc:ID", &number.to_string());
        xml.with(quantity, &format!("unitCode=\"{}\"", line.unit.code()), &line.quantity.to_string());
        xml.amount("cbc:LineExtensionAmount", line.net());
        xml.inside("cac:Item", |xml| {
            xml.value("cbc:Name", line.name);
            xml.inside("cac:ClassifiedTaxCategory", |xml| tax_category(xml, bill));
        });
        xml.inside("cac:Price", |xml| xml.amount("cbc:PriceAmount", line.price.normalize()));
    });
}

/// Indented elements; texts are escaped.
#[derive(Default)]
struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn inside(&mut self, element: &str, fill: impl FnOnce(&mut Self)) {
        self.depth += 1;
        self.line(format_args!("<{element}>"));
        fill(self);
        self.line(format_args!("</{element}>"));
        self.depth -= 1;
    }

    fn value(&mut self, element: &str, value: &str) {
        self.depth += 1;
        self.line(format_args!("<{element}>{}</{element}>", escaped(value)));
        self.depth -= 1;
    }

    fn with(&mut self, element: &str, attribute: &str, value: &str) {
        self.depth += 1;
        self.line(format_args!("<{element} {attribute}>{}</{element}>", escaped(value)));
        self.depth -= 1;
    }

    fn amount(&mut self, element: &str, amount: Decimal) {
        self.with(element, "currencyID=\"EUR\"", &amount.to_string());
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let indent = self.depth * 2;
        writeln!(self.text, "{:indent$}{line}", "").expect("writing to a string cannot fail");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

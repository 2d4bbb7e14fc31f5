//! The electronic invoices and credit notes in `examples/` are valid EN 16931 in UBL 2.1.
//!
//! Checked here: well-formedness, the order of elements (UBL's schema is a sequence), the mandatory business terms
//! (BT) and the calculations (BR-CO, BR-S) of EN 16931-1. The full validation artefacts are not part of this crate.

use std::fs;
use std::path::{Path, PathBuf};

use invoice_dispatcher::event;
use invoice_dispatcher::model::invoice_kind::InvoiceKind;
use quick_xml::events::Event;
use rust_decimal::{Decimal, RoundingStrategy};

const LINE: &str = "Invoice/InvoiceLine";
const TOTAL: &str = "Invoice/LegalMonetaryTotal";

/// Each event and its electronic invoice: `events/<event>.json`, `documents/<invoice>.xml`, below a folder.
const EXAMPLES: [[&str; 3]; 6] = [
    ["examples", "01-invoice-business", "acme/2026/R-2026-0042"],
    ["examples/demo", "NE-1041", "nordlicht/NE-1041"],
    ["examples/demo", "NE-1045", "nordlicht/NE-1045"],
    ["examples/demo", "TT-7002-C", "tulp/TT-7002-C"],
    ["examples/demo", "TT-7003", "tulp/TT-7003"],
    ["examples/demo", "ML-301", "lavande/ML-301"],
];

fn file([folder, event, invoice]: [&str; 3], of_event: bool) -> PathBuf {
    let name = if of_event { format!("events/{event}.json") } else { format!("documents/{invoice}.xml") };
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name)
}

/// Every element with text, in document order: its path without prefixes, its attributes as `@name`, and its text.
/// What a credit note calls otherwise has its name of an invoice here: `InvoiceLine` for `CreditNoteLine`.
struct Ubl(Vec<(String, String)>);

impl Ubl {
    fn all_read() -> impl Iterator<Item = Self> {
        EXAMPLES.into_iter().map(|example| Self::read(&file(example, false)))
    }

    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("the invoice");
        let mut reader = quick_xml::Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        let (mut path, mut found) = (Vec::new(), Vec::new());
        let mut content = String::new();
        loop {
            match reader.read_event().expect("it is well-formed") {
                Event::Start(start) => {
                    let name = String::from_utf8(start.local_name().as_ref().to_vec()).expect("UTF-8");
                    path.push(name.replace("CreditNote", "Invoice").replace("Credited", "Invoiced"));
                    content.clear();
                    for attribute in start.attributes() {
                        let attribute = attribute.expect("a good attribute");
                        let name = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
                        let value = String::from_utf8(attribute.value.into_owned()).expect("UTF-8");
                        found.push((format!("{}@{name}", path.join("/")), value));
                    }
                }
                Event::Text(part) => content.push_str(&part.decode().expect("UTF-8")),
                Event::GeneralRef(_) => content.push('&'),
                Event::End(_) => {
                    if !content.trim().is_empty() {
                        found.push((path.join("/"), content.trim().to_owned()));
                    }
                    content.clear();
                    path.pop();
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(path.is_empty(), "every element is closed");
        Self(found)
    }

    fn all<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == path).map(|(_, text)| text.as_str())
    }

    fn one<'a>(&'a self, path: &str) -> &'a str {
        let mut found = self.all(path);
        let text = found.next().unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!(found.next(), None, "{path} stands once");
        text
    }

    fn numbers(&self, path: &str) -> Vec<Decimal> {
        self.all(path).map(|text| text.parse().expect("a number")).collect()
    }

    fn amounts(&self, path: &str) -> Vec<Decimal> {
        let amounts = self.numbers(path);
        assert!(amounts.iter().all(|amount| amount.scale() <= 2), "{path}: at most two decimals (BR-DEC)");
        amounts
    }

    fn amount(&self, path: &str) -> Decimal {
        self.one(path);
        self.amounts(path)[0]
    }
}

#[test]
fn the_mandatory_terms_are_there() {
    let seller = "Invoice/AccountingSupplierParty/Party";
    let buyer = "Invoice/AccountingCustomerParty/Party";
    for ubl in Ubl::all_read() {
        let expected = [
            ("Invoice/CustomizationID", "urn:cen.eu:en16931:2017"), // BT-24, BR-01
            ("Invoice/DocumentCurrencyCode", "EUR"),                // BT-5, BR-05
        ];
        for (path, text) in expected {
            assert_eq!(ubl.one(path), text, "{path}");
        }
        // BT-3, BR-04; BT-9, BR-CO-25: a credit note has its date at the means of payment.
        let due = match ubl.one("Invoice/InvoiceTypeCode") {
            "380" => "Invoice/DueDate",
            "381" => "Invoice/PaymentMeans/PaymentDueDate",
            code => panic!("{code} is neither an invoice nor a credit note"),
        };
        for path in [
            due.to_owned(),
            "Invoice/ID".to_owned(),                                      // BT-1, BR-02
            "Invoice/IssueDate".to_owned(),                               // BT-2, BR-03
            format!("{seller}/PartyLegalEntity/RegistrationName"),        // BT-27, BR-06
            format!("{buyer}/PartyLegalEntity/RegistrationName"),         // BT-44, BR-07
            format!("{seller}/PostalAddress/Country/IdentificationCode"), // BT-40, BR-08 and BR-09
            format!("{buyer}/PostalAddress/Country/IdentificationCode"),  // BT-55, BR-10 and BR-11
            format!("{seller}/EndpointID@schemeID"),                      // BR-62
            format!("{buyer}/EndpointID@schemeID"),                       // BR-63
            "Invoice/PaymentMeans/PaymentMeansCode".to_owned(),           // BT-81, BR-49
            "Invoice/PaymentMeans/PayeeFinancialAccount/ID".to_owned(),   // BT-84, BR-50 and BR-61
        ] {
            ubl.one(&path);
        }
        // BR-S-02, BR-CO-26 and BR-CO-09: a seller who charges VAT has a VAT number with its country in front.
        let country = ubl.one(&format!("{seller}/PostalAddress/Country/IdentificationCode"));
        assert!(ubl.one(&format!("{seller}/PartyTaxScheme/CompanyID")).starts_with(country));
        assert_eq!(ubl.one(&format!("{seller}/PartyTaxScheme/TaxScheme/ID")), "VAT");
    }
}

#[test]
fn every_line_is_complete_and_its_amount_is_quantity_times_price() {
    for ubl in Ubl::all_read() {
        let column = |path: &str| ubl.all(&format!("{LINE}/{path}")).map(str::to_owned).collect::<Vec<_>>();
        let quantities = ubl.numbers(&format!("{LINE}/InvoicedQuantity")); // BT-129, BR-22
        let prices = ubl.numbers(&format!("{LINE}/Price/PriceAmount")); // BT-146, BR-26
        let amounts = ubl.amounts(&format!("{LINE}/LineExtensionAmount")); // BT-131, BR-24
        let lines = column("ID").len(); // BT-126, BR-21
        assert!(lines >= 1, "BR-16");
        for path in ["InvoicedQuantity@unitCode", "Item/Name", "Item/ClassifiedTaxCategory/Percent"] {
            assert_eq!(column(path).len(), lines, "{path}"); // BT-130, BT-153, BT-152: BR-23, BR-25, BR-S-05
        }
        assert!(column("Item/ClassifiedTaxCategory/ID").iter().all(|category| category == "S"), "BT-151, BR-CO-04");
        assert_eq!((quantities.len(), prices.len(), amounts.len()), (lines, lines, lines));
        for ((quantity, price), amount) in quantities.into_iter().zip(prices).zip(amounts) {
            assert_eq!(cents(quantity * price), amount);
        }
    }
}

#[test]
fn the_sums_are_right() {
    for ubl in Ubl::all_read() {
        let sum = |path: &str| ubl.amounts(path).into_iter().sum::<Decimal>();
        let total = |name: &str| ubl.amount(&format!("{TOTAL}/{name}"));
        let subtotal = "Invoice/TaxTotal/TaxSubtotal";
        let (net, tax) = (total("LineExtensionAmount"), ubl.amount("Invoice/TaxTotal/TaxAmount"));
        assert_eq!(net, sum(&format!("{LINE}/LineExtensionAmount")), "BR-CO-10");
        assert_eq!(total("TaxExclusiveAmount"), net, "BR-CO-13: no allowances, no charges");
        assert_eq!(tax, sum(&format!("{subtotal}/TaxAmount")), "BR-CO-14");
        assert_eq!(total("TaxInclusiveAmount"), total("TaxExclusiveAmount") + tax, "BR-CO-15");
        assert_eq!(total("PayableAmount"), total("TaxInclusiveAmount"), "BR-CO-16: nothing prepaid, nothing rounded");
        // BR-S-08, BR-S-09 and BR-CO-17, with one rate.
        let (base, percent) =
            (ubl.amount(&format!("{subtotal}/TaxableAmount")), ubl.amount(&format!("{subtotal}/TaxCategory/Percent")));
        assert_eq!(base, net);
        assert_eq!(cents(base * percent / Decimal::ONE_HUNDRED), tax);
        assert!(ubl.0.iter().filter(|(path, _)| path.ends_with("@currencyID")).all(|(_, code)| code == "EUR"));
    }
}

fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

#[test]
fn elements_stand_in_the_order_of_the_schema() {
    let order = [
        "CustomizationID",
        "ID",
        "IssueDate",
        "DueDate",
        "InvoiceTypeCode",
        "DocumentCurrencyCode",
        "BuyerReference",
        "BillingReference",
        "DespatchDocumentReference",
        "AccountingSupplierParty",
        "AccountingCustomerParty",
        "Delivery",
        "PaymentMeans",
        "PaymentTerms",
        "TaxTotal",
        "LegalMonetaryTotal",
        "InvoiceLine",
    ];
    for (index, ubl) in Ubl::all_read().enumerate() {
        let mut found: Vec<String> = Vec::new();
        for (path, _) in ubl.0.into_iter().filter(|(path, _)| path.starts_with("Invoice/")) {
            let name = path.split(['/', '@']).nth(1).expect("a child of the invoice").to_owned();
            if found.last() != Some(&name) {
                found.push(name);
            }
        }
        // The first shows everything but what only a credit note has; others leave some out.
        let all = index == 0;
        let is_shown = |name: &&str| (all && *name != "BillingReference") || found.iter().any(|shown| shown == name);
        let expected: Vec<_> = order.into_iter().filter(is_shown).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn it_says_what_the_event_says() {
    for example in EXAMPLES {
        let invoice =
            event::parse(&fs::read(file(example, true)).expect("the event")).expect("a good event").data.invoice;
        let ubl = Ubl::read(&file(example, false));
        assert_eq!(ubl.one("Invoice/ID"), invoice.number);
        assert_eq!(ubl.one("Invoice/IssueDate"), invoice.issue_date.to_string());
        assert_eq!(ubl.one("Invoice/DocumentCurrencyCode"), invoice.currency);
        assert_eq!(ubl.amount(&format!("{TOTAL}/TaxInclusiveAmount")), invoice.total);
        assert_eq!(Some(ubl.one("Invoice/PaymentMeans/PaymentID")), invoice.payment_reference.as_deref());
        if invoice.kind == InvoiceKind::CreditNote {
            assert_eq!(ubl.one("Invoice/InvoiceTypeCode"), "381");
        } else {
            assert_eq!(ubl.one("Invoice/InvoiceTypeCode"), "380");
            assert_eq!(Some(ubl.one("Invoice/DueDate").to_owned()), invoice.due_date.map(|date| date.to_string()));
            assert_eq!(Some(ubl.amount(&format!("{TOTAL}/PayableAmount"))), invoice.amount_due);
        }
        if let Some(reference) = &invoice.buyer_reference {
            assert_eq!(ubl.one("Invoice/BuyerReference"), reference);
        }
    }
}

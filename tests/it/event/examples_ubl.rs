//! The electronic invoice in `examples/` is a valid EN 16931 invoice in UBL 2.1.
//!
//! Checked here: well-formedness, the order of elements (UBL's schema is a sequence), the mandatory business terms
//! (BT) and the calculations (BR-CO, BR-S) of EN 16931-1. The full validation artefacts are not part of this crate.

use std::fs;
use std::path::Path;

use invoice_dispatcher::event;
use quick_xml::events::Event;
use rust_decimal::Decimal;

const LINE: &str = "Invoice/InvoiceLine";
const TOTAL: &str = "Invoice/LegalMonetaryTotal";

/// Every element with text, in document order: its path without prefixes, its attributes as `@name`, and its text.
struct Ubl(Vec<(String, String)>);

impl Ubl {
    fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/documents/acme/2026/R-2026-0042.xml");
        let text = fs::read_to_string(file).expect("the invoice");
        let mut reader = quick_xml::Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        let (mut path, mut found) = (Vec::new(), Vec::new());
        let mut content = String::new();
        loop {
            match reader.read_event().expect("it is well-formed") {
                Event::Start(start) => {
                    path.push(String::from_utf8(start.local_name().as_ref().to_vec()).expect("UTF-8"));
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

    fn amounts(&self, path: &str) -> Vec<Decimal> {
        let amount = |text: &str| {
            let amount: Decimal = text.parse().expect("an amount");
            assert!(amount.scale() <= 2, "{path}: at most two decimals (BR-DEC)");
            amount
        };
        self.all(path).map(amount).collect()
    }

    fn amount(&self, path: &str) -> Decimal {
        self.one(path);
        self.amounts(path)[0]
    }
}

#[test]
fn the_mandatory_terms_are_there() {
    let ubl = Ubl::read();
    let seller = "Invoice/AccountingSupplierParty/Party";
    let buyer = "Invoice/AccountingCustomerParty/Party";
    let expected = [
        ("Invoice/CustomizationID", "urn:cen.eu:en16931:2017"), // BT-24, BR-01
        ("Invoice/ID", "R-2026-0042"),                          // BT-1, BR-02
        ("Invoice/IssueDate", "2026-11-20"),                    // BT-2, BR-03
        ("Invoice/InvoiceTypeCode", "380"),                     // BT-3, BR-04
        ("Invoice/DocumentCurrencyCode", "EUR"),                // BT-5, BR-05
        ("Invoice/DueDate", "2026-12-04"),                      // BT-9, BR-CO-25
    ];
    for (path, text) in expected {
        assert_eq!(ubl.one(path), text, "{path}");
    }
    for path in [
        format!("{seller}/PartyLegalEntity/RegistrationName"), // BT-27, BR-06
        format!("{buyer}/PartyLegalEntity/RegistrationName"),  // BT-44, BR-07
        format!("{seller}/PostalAddress/Country/IdentificationCode"), // BT-40, BR-08 and BR-09
        format!("{buyer}/PostalAddress/Country/IdentificationCode"), // BT-55, BR-10 and BR-11
        format!("{seller}/EndpointID@schemeID"),               // BR-62
        format!("{buyer}/EndpointID@schemeID"),                // BR-63
        "Invoice/PaymentMeans/PaymentMeansCode".to_owned(),    // BT-81, BR-49
        "Invoice/PaymentMeans/PayeeFinancialAccount/ID".to_owned(), // BT-84, BR-50 and BR-61
    ] {
        ubl.one(&path);
    }
    // BR-S-02, BR-CO-26 and BR-CO-09: a seller who charges VAT has a VAT number with its country in front.
    assert!(ubl.one(&format!("{seller}/PartyTaxScheme/CompanyID")).starts_with("DE"));
    assert_eq!(ubl.one(&format!("{seller}/PartyTaxScheme/TaxScheme/ID")), "VAT");
}

#[test]
fn every_line_is_complete_and_its_amount_is_quantity_times_price() {
    let ubl = Ubl::read();
    let column = |path: &str| ubl.all(&format!("{LINE}/{path}")).map(str::to_owned).collect::<Vec<_>>();
    let quantities = column("InvoicedQuantity"); // BT-129, BR-22
    let prices = ubl.amounts(&format!("{LINE}/Price/PriceAmount")); // BT-146, BR-26
    let amounts = ubl.amounts(&format!("{LINE}/LineExtensionAmount")); // BT-131, BR-24
    let lines = column("ID").len(); // BT-126, BR-21
    assert!(lines >= 1, "BR-16");
    for path in ["InvoicedQuantity@unitCode", "Item/Name", "Item/ClassifiedTaxCategory/Percent"] {
        assert_eq!(column(path).len(), lines, "{path}"); // BT-130, BT-153, BT-152: BR-23, BR-25, BR-S-05
    }
    assert!(column("Item/ClassifiedTaxCategory/ID").iter().all(|category| category == "S"), "BT-151, BR-CO-04");
    assert_eq!((quantities.len(), prices.len(), amounts.len()), (lines, lines, lines));
    for ((quantity, price), amount) in quantities.iter().zip(prices).zip(amounts) {
        assert_eq!(quantity.parse::<Decimal>().expect("a number") * price, amount);
    }
}

#[test]
fn the_sums_are_right() {
    let ubl = Ubl::read();
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
    assert_eq!((base * percent / Decimal::ONE_HUNDRED).round_dp(2), tax);
    assert!(ubl.0.iter().filter(|(path, _)| path.ends_with("@currencyID")).all(|(_, code)| code == "EUR"));
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
    let mut found: Vec<String> = Vec::new();
    for (path, _) in Ubl::read().0.into_iter().filter(|(path, _)| path.starts_with("Invoice/")) {
        let name = path.split(['/', '@']).nth(1).expect("a child of the invoice").to_owned();
        if found.last() != Some(&name) {
            found.push(name);
        }
    }
    assert_eq!(found, order);
}

#[test]
fn it_says_what_the_event_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/events/01-invoice-business.json");
    let invoice = event::parse(&fs::read(file).expect("the event")).expect("a good event").data.invoice;
    let ubl = Ubl::read();
    assert_eq!(ubl.one("Invoice/ID"), invoice.number);
    assert_eq!(ubl.one("Invoice/IssueDate"), invoice.issue_date.to_string());
    assert_eq!(Some(ubl.one("Invoice/DueDate").to_owned()), invoice.due_date.map(|date| date.to_string()));
    assert_eq!(ubl.one("Invoice/DocumentCurrencyCode"), invoice.currency);
    assert_eq!(ubl.amount(&format!("{TOTAL}/TaxInclusiveAmount")), invoice.total);
    assert_eq!(Some(ubl.amount(&format!("{TOTAL}/PayableAmount"))), invoice.amount_due);
    assert_eq!(Some(ubl.one("Invoice/PaymentMeans/PaymentID")), invoice.payment_reference.as_deref());
    assert_eq!(Some(ubl.one("Invoice/BuyerReference")), invoice.buyer_reference.as_deref());
}

//! A [`Bill`] for people: one page of PDF.

use super::bill::Bill;
use super::catalogue::Address;
use super::pdf::{Colour, GREY, PdfPage, Pen, WHITE};
use super::words::SampleWords;
use crate::model::invoice_kind::InvoiceKind;

const LEFT: f32 = 56.0;
const RIGHT: f32 = 539.0;

/// The bill as a PDF.
pub(super) fn pdf(bill: &Bill) -> Vec<u8> {
    let (person, house) = (bill.person, bill.person.house);
    let words = SampleWords::of(person.locale);
    let title = match bill.reminder_level {
        Some(level) => format!("{} ({level})", words.kind(bill.kind)),
        None => words.kind(bill.kind).to_owned(),
    };
    let mut page = PdfPage::default();
    page.fill((0.0, 772.0), (595.0, 70.0), colour(house.colour));
    page.text((LEFT, 800.0), Pen::bold(18.0).of(WHITE), house.name);
    page.text((LEFT, 784.0), Pen::plain(9.0).of(WHITE), &one_line(&house.address));

    page.text((LEFT, 716.0), Pen::plain(11.0), person.name);
    let Address { street, house_number, postcode, city, .. } = &person.address;
    page.text((LEFT, 701.0), Pen::plain(11.0), &format!("{street} {house_number}"));
    page.text((LEFT, 686.0), Pen::plain(11.0), &format!("{postcode} {city}"));

    page.text((LEFT, 616.0), Pen::bold(20.0), &title);
    facts(&mut page, bill, words);
    let bottom = table(&mut page, bill, words);
    let bottom = sums(&mut page, bill, words, bottom);
    let last = if bill.kind == InvoiceKind::CreditNote {
        words.refund.to_owned()
    } else {
        format!("{} IBAN {}", words.pay, house.iban)
    };
    page.text((LEFT, bottom - 44.0), Pen::plain(10.0), &last);
    page.rule((LEFT, 84.0), RIGHT - LEFT);
    page.text((LEFT, 68.0), Pen::plain(8.5).of(GREY), &format!("{} · {} · {}", house.name, house.vat_id, house.phone));
    page.text((LEFT, 55.0), Pen::plain(8.5).of(GREY), words.sample);
    page.finish(&format!("{title} {}", bill.number), person.locale)
}

/// A page with a title and lines of text, for what else is attached.
pub(super) fn note(house_colour: &str, title: &str, lines: &[String], language: &str) -> Vec<u8> {
    let mut page = PdfPage::default();
    page.fill((0.0, 812.0), (595.0, 30.0), colour(house_colour));
    page.text((LEFT, 752.0), Pen::bold(18.0), title);
    let mut y = 716.0;
    for line in lines {
        page.text((LEFT, y), Pen::plain(11.0), line);
        y -= 18.0;
    }
    page.text((LEFT, 55.0), Pen::plain(8.5).of(GREY), SampleWords::of(language).sample);
    page.finish(title, language)
}

fn facts(page: &mut PdfPage, bill: &Bill, words: &SampleWords) {
    let corrects = bill.corrects.as_ref().map(|(number, _)| (words.corrects, number.clone()));
    let due = (bill.kind != InvoiceKind::CreditNote).then(|| (words.due, words.date(bill.due_date)));
    let facts = [
        Some((words.number, bill.number.clone())),
        corrects,
        Some((words.date, words.date(bill.issue_date))),
        due,
        Some((words.customer, bill.person.id.to_owned())),
    ];
    let mut y = 716.0;
    for (label, value) in facts.into_iter().flatten() {
        page.text((350.0, y), Pen::plain(9.5).of(GREY), label);
        page.text((450.0, y), Pen::plain(10.0), &value);
        y -= 16.0;
    }
}

/// Returns where the table ends.
fn table(page: &mut PdfPage, bill: &Bill, words: &SampleWords) -> f32 {
    let head = Pen::bold(9.5).of(GREY);
    let mut y = 578.0;
    page.text((LEFT, y), head, words.description);
    page.text_right((360.0, y), head, words.quantity_label);
    page.text_right((450.0, y), head, words.price);
    page.text_right((RIGHT, y), head, words.amount);
    page.rule((LEFT, y - 8.0), RIGHT - LEFT);
    for line in &bill.lines {
        y -= 24.0;
        let pen = Pen::plain(10.5);
        page.text((LEFT, y), pen, line.name);
        page.text_right((360.0, y), pen, &words.quantity(line.quantity, line.unit));
        page.text_right((450.0, y), pen, &words.euro(shortened(line.price)));
        page.text_right((RIGHT, y), pen, &words.euro(line.net()));
    }
    page.rule((LEFT, y - 12.0), RIGHT - LEFT);
    y - 12.0
}

fn sums(page: &mut PdfPage, bill: &Bill, words: &SampleWords, top: f32) -> f32 {
    let vat = format!("{} {} %", words.vat, bill.vat_percent());
    let mut y = top - 20.0;
    for (label, amount) in [(words.net, bill.net()), (vat.as_str(), bill.vat())] {
        page.text((350.0, y), Pen::plain(10.5), label);
        page.text_right((RIGHT, y), Pen::plain(10.5), &words.euro(amount));
        y -= 17.0;
    }
    y -= 4.0;
    page.text((350.0, y), Pen::bold(13.0), words.total);
    page.text_right((RIGHT, y), Pen::bold(13.0), &words.euro(bill.total()));
    y
}

/// At least two digits behind the point, and no needless ones.
fn shortened(price: rust_decimal::Decimal) -> rust_decimal::Decimal {
    let mut price = price.normalize();
    price.rescale(price.scale().max(2));
    price
}

fn one_line(address: &Address) -> String {
    let Address { street, house_number, postcode, city, .. } = address;
    format!("{street} {house_number} · {postcode} {city}")
}

/// `#rrggbb`; anything else is dark grey.
fn colour(hex: &str) -> Colour {
    let part = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    match (part(1), part(3), part(5)) {
        (Some(red), Some(green), Some(blue)) => {
            (f32::from(red) / 255.0, f32::from(green) / 255.0, f32::from(blue) / 255.0)
        }
        _ => GREY,
    }
}

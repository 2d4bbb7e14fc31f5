//! How pages write times, sizes, states and addresses.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::icon::Icon;
use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::console::terms::InvoiceStanding;
use crate::console::words::ConsoleWords;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeliveryState};

/// A moment as an element: in UTC, which a script writes in the reader's own time; the UTC stays as its title.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeTag(pub(super) Timestamp);

impl fmt::Display for TimeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.to_jiff();
        let day = time.strftime("%Y-%m-%d");
        write!(
            f,
            "<time datetime=\"{day}T{}Z\" title=\"{day} {} UTC\">{day} {} UTC</time>",
            time.strftime("%H:%M:%S"),
            time.strftime("%H:%M:%S"),
            time.strftime("%H:%M"),
        )
    }
}

/// Digits and signs of ours alone.
impl askama::filters::HtmlSafe for TimeTag {}

/// A state in few words, so coloured that only what needs somebody stands out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pill {
    pub(super) class: &'static str,
    pub(super) icon: Icon,
    pub(super) text: &'static str,
}

/// `needs_you`: the state waits for a person, and nobody has acknowledged it.
pub(super) fn standing_pill(words: &ConsoleWords, standing: InvoiceStanding, needs_you: bool) -> Pill {
    let icon = match standing {
        InvoiceStanding::Delivery(DeliveryState::Due) | InvoiceStanding::EventWaiting => Icon::Clock,
        InvoiceStanding::Delivery(DeliveryState::Sending) => Icon::Send,
        InvoiceStanding::Delivery(DeliveryState::Concluded(Concluded::Sent)) => Icon::Check,
        InvoiceStanding::Delivery(DeliveryState::Concluded(Concluded::Cancelled | Concluded::Discarded)) => Icon::Ban,
        _ => Icon::CircleAlert,
    };
    let class = match standing {
        _ if needs_you => "pill bad",
        InvoiceStanding::Delivery(DeliveryState::Due | DeliveryState::Sending) | InvoiceStanding::EventWaiting => {
            "pill moves"
        }
        _ => "pill",
    };
    Pill { class, icon, text: (words.invoice.standing)(standing) }
}

/// Whether a person must do something about it.
pub(super) const fn waits_for_person(standing: InvoiceStanding, class: Option<ReasonCode>) -> bool {
    match standing {
        InvoiceStanding::Delivery(DeliveryState::Concluded(concluded)) => match concluded {
            Concluded::Rejected | Concluded::Dead | Concluded::Uncertain | Concluded::Expired => true,
            Concluded::Cancelled => matches!(class, Some(ReasonCode::DuplicateInvoice)),
            Concluded::Sent | Concluded::Discarded => false,
        },
        InvoiceStanding::Delivery(DeliveryState::Due | DeliveryState::Sending) | InvoiceStanding::EventWaiting => false,
        InvoiceStanding::EventDead => true,
    }
}

/// Whether it changes by itself, so that a page follows it.
pub(super) const fn moves(standing: InvoiceStanding) -> bool {
    matches!(
        standing,
        InvoiceStanding::Delivery(DeliveryState::Due | DeliveryState::Sending) | InvoiceStanding::EventWaiting
    )
}

/// A number with its thousands apart.
pub(super) fn grouped(language: ConsoleLanguage, number: u64) -> String {
    let between = match language {
        ConsoleLanguage::German | ConsoleLanguage::Dutch => ".",
        ConsoleLanguage::English => ",",
        ConsoleLanguage::French => "\u{202f}",
    };
    let digits = number.to_string();
    let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    std::iter::once(first.to_owned()).chain(groups).collect::<Vec<_>>().join(between)
}

/// A value of a query.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// The permanent address of an invoice.
pub(super) fn invoice_path(tenant: &str, number: &str) -> String {
    format!("/invoices?tenant={}&number={}", encoded(tenant), encoded(number))
}

pub(super) fn customer_path(tenant: &str, customer: &str) -> String {
    format!("/customers/{}/{}", encoded(tenant), encoded(customer))
}

pub(super) fn tenant_path(tenant: &str) -> String {
    format!("/tenants/{}", encoded(tenant))
}

/// The path without its `after`, and with this one.
pub(super) fn next_path(path: &str, after: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut kept: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("after=") && !pair.starts_with("done="))
        .map(str::to_owned)
        .collect();
    kept.push(format!("after={}", encoded(after)));
    format!("{path}?{}", kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let tag = TimeTag(Timestamp::parse("2026-11-23T09:30:15.5Z").unwrap()).to_string();
        assert_eq!(
            tag,
            "<time datetime=\"2026-11-23T09:30:15Z\" title=\"2026-11-23 09:30:15 UTC\">2026-11-23 09:30 UTC</time>"
        );
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1.000"), (18_204, "18.204"), (1_234_567, "1.234.567")]
        {
            assert_eq!(grouped(ConsoleLanguage::German, number), expected);
        }
        assert_eq!(grouped(ConsoleLanguage::French, 1_000), "1\u{202f}000");
    }

    #[test]
    fn addresses_hold_any_number() {
        assert_eq!(invoice_path("a", "R/1 & \"x\""), "/invoices?tenant=a&number=R%2F1%20%26%20%22x%22");
        assert_eq!(next_path("/search?q=a%20b&after=1&done=resent", "2/3"), "/search?q=a%20b&after=2%2F3");
        assert_eq!(next_path("/tenants", "x"), "/tenants?after=x");
    }
}

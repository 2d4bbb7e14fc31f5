//! How moments, sizes, counts and reasons are said to people.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::Recipient;
use crate::model::customer::Customer;
use crate::operator::masking;
use crate::operator::resend::LinkCause;
use crate::policy::decision::Reason;
use crate::telemetry::Masked;

/// A moment, to the second: `2026-11-23 09:30:00Z`.
pub(in crate::cli) fn moment(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How long ago a moment was, or how soon it comes: `5 min ago`, `in 2 h`.
pub(in crate::cli) fn relative(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        return format!("in {}", span(at.since(now)));
    }
    match now.since(at) {
        short if short < Duration::from_secs(1) => "now".to_owned(),
        time => format!("{} ago", span(time)),
    }
}

/// A time in its largest unit: `45 s`, `12 min`, `3 h`, `9 d`.
pub(in crate::cli) fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A size as people read it: `512 bytes`, `79.3 KiB`, `20.0 MiB`.
pub(in crate::cli) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        ..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", tenths(1_024)),
        1_048_576..1_073_741_824 => format!("{} MiB", tenths(1_048_576)),
        _ => format!("{} GiB", tenths(1_073_741_824)),
    }
}

/// `1 delivery`, `1,204 dead letters`.
pub(in crate::cli) fn count(number: usize, one: &str) -> String {
    let mut digits = number.to_string();
    let mut place = digits.len();
    while place > 3 {
        place -= 3;
        digits.insert(place, ',');
    }
    match one.strip_suffix('y') {
        _ if number == 1 => format!("{digits} {one}"),
        Some(stem) => format!("{digits} {stem}ies"),
        None => format!("{digits} {one}s"),
    }
}

/// The recipients, masked: `a***@customer.example, cc b***@customer.example`.
pub(in crate::cli) fn recipients(recipients: &[Recipient]) -> String {
    let shown = |recipient: &Recipient| match recipient.role.into_str() {
        "to" => Masked(&recipient.address).to_string(),
        role => format!("{role} {}", Masked(&recipient.address)),
    };
    recipients.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// The recipients, whole.
pub(in crate::cli) fn recipients_whole(recipients: &[Recipient]) -> String {
    let shown = |recipient: &Recipient| match recipient.role.into_str() {
        "to" => recipient.address.clone(),
        role => format!("{role} {}", recipient.address),
    };
    recipients.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// A customer's name: of a company whole, of a person masked (`E*** M***`) unless addresses are shown, too.
pub(in crate::cli) fn customer_name(customer: &Customer, whole: bool) -> String {
    masking::customer_name(&customer.name, customer.kind, whole)
}

/// Why documents are attached or not, as a sentence's end; the reason alone does not say who wanted a link.
pub(in crate::cli) const fn why(reason: Reason, link_cause: Option<LinkCause>) -> &'static str {
    match reason {
        Reason::PolicyInclude => "the tenant's policy attaches documents for every customer",
        Reason::PolicyExclude => "the tenant's policy never attaches documents",
        Reason::BusinessCustomer => "the tenant's policy attaches for business customers, and this is one",
        Reason::PrivateCustomer => {
            "the tenant's policy attaches for business customers only, and this is a private one"
        }
        Reason::UnknownCustomerType => {
            "the tenant's policy attaches for business customers only, and this one's type is unknown"
        }
        Reason::TooLarge => "with its documents the mail would be larger than the relay takes",
        Reason::LinkOnly if matches!(link_cause, Some(LinkCause::NewAddress)) => {
            "the address is neither in the event nor on record, so a link goes by default"
        }
        Reason::LinkOnly => "a person asked for a link",
        Reason::EarlierDecision => "an earlier attempt decided on a link, and a retry never widens",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_their_largest_unit() {
        let now = Timestamp(1_795_426_200_000);
        let cases = [
            (0, "now"),
            (119, "119 s ago"),
            (125, "2 min ago"),
            (7_300, "2 h ago"),
            (200_000, "2 d ago"),
            (-90, "in 90 s"),
            (-86_400, "in 24 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(relative(Timestamp(now.0 - seconds * 1_000), now), expected, "{seconds}");
        }
        assert_eq!(moment(now), "2026-11-23 09:30:00Z");
    }

    #[test]
    fn a_link_by_default_is_not_said_to_be_asked_for() {
        for (cause, expected) in [
            (Some(LinkCause::NewAddress), "neither in the event nor on record"),
            (Some(LinkCause::AskedFor), "a person asked"),
            (None, "a person asked"),
        ] {
            assert!(why(Reason::LinkOnly, cause).contains(expected), "{cause:?}");
        }
    }

    #[test]
    fn sizes_and_counts_are_short() {
        for (bytes, expected) in [(0, "0 bytes"), (1_023, "1023 bytes"), (1_536, "1.5 KiB"), (20 << 20, "20.0 MiB")] {
            assert_eq!(size(bytes), expected);
        }
        for (number, expected) in
            [(0, "0 letters"), (1, "1 letter"), (1_204, "1,204 letters"), (1_000_000, "1,000,000 letters")]
        {
            assert_eq!(count(number, "letter"), expected);
        }
        assert_eq!([count(1, "delivery"), count(2, "delivery")], ["1 delivery", "2 deliveries"]);
    }
}

//! The portal token that a link mail carries.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::sha256::Sha256;
use crate::store::NewPortalLink;

/// A portal link lives until so long after the invoice is due …
const LINK_AFTER_DUE: Duration = Duration::from_hours(30 * 24);
/// … but at least so long after it was sent …
const LINK_MIN: Duration = Duration::from_hours(30 * 24);
/// … and at most so long.
const LINK_MAX: Duration = Duration::from_hours(120 * 24);

/// A token that stands in a mail.
#[derive(Debug, Clone)]
pub struct PortalToken {
    /// Digest of the token; the token itself is kept nowhere.
    pub sha256: Sha256,
    /// Names the key it was made with.
    pub key_fingerprint: String,
    /// How many were made for the same root before.
    pub generation: u32,
    /// When the invoice is due: the token outlives it.
    pub due_date: Option<jiff::civil::Date>,
}

impl PortalToken {
    /// The link as it is remembered when the mail's DATA starts at `now`.
    ///
    /// From then on the mail may be out, however its end becomes known: by an answer, another worker, or a person. Each
    /// start moves the expiry, so it counts from the attempt that was sent; its answer comes minutes later at most.
    pub fn link(&self, root: DeliveryId, now: Timestamp) -> NewPortalLink {
        NewPortalLink {
            root,
            generation: self.generation,
            token_sha256: self.sha256,
            key_fingerprint: self.key_fingerprint.clone(),
            expires_at: link_expiry(self.due_date, now),
        }
    }
}

/// When a portal link ends: 30 days after the invoice is due, but 30 to 120 days after it was sent.
fn link_expiry(due_date: Option<jiff::civil::Date>, sent: Timestamp) -> Timestamp {
    let due = due_date
        .and_then(|date| date.at(0, 0, 0, 0).to_zoned_datetime(jiff::tz::TimeZone::UTC).ok())
        .map_or(sent, |midnight| Timestamp(midnight.timestamp().as_millisecond()));
    due.plus(LINK_AFTER_DUE).clamp(sent.plus(LINK_MIN), sent.plus(LINK_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lives_thirty_days_after_the_due_date_within_bounds() {
        let sent = Timestamp::parse("2026-11-23T10:00:00Z").expect("a moment");
        let expiry = |due: Option<&str>| link_expiry(due.map(|date| date.parse().expect("a date")), sent).to_string();
        assert_eq!(expiry(Some("2026-12-04")), "2027-01-03T00:00:00Z");
        assert_eq!(expiry(Some("2026-01-01")), "2026-12-23T10:00:00Z");
        assert_eq!(expiry(None), "2026-12-23T10:00:00Z");
        assert_eq!(expiry(Some("2029-01-01")), "2027-03-23T10:00:00Z");
    }
}

//! Which answers of a relay are counted together.

use std::ops::RangeInclusive;

use crate::model::ids::RelayName;
use crate::sha256::Sha256;

/// A relay, an envelope sender and a From address, as digests one after the other: the relay's are the highest bits,
/// those of the From address the lowest. So the keys of a relay, and of one envelope sender there, are ranges, which an
/// index of one number finds at once. Readers tell relays that share their bits apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SenderKey(pub i64);

/// Keys that are looked at together.
pub type SenderKeys = RangeInclusive<i64>;

const RELAY_BITS: u32 = 12;
const ADDRESS_BITS: u32 = 26;

impl SenderKey {
    /// The key of mails by this relay with this envelope sender and this From address, in whatever case they are
    /// written.
    #[must_use]
    pub fn of(relay: &RelayName, envelope_sender: &str, from: &str) -> Self {
        let relay = bits(relay.as_str(), RELAY_BITS);
        let (envelope, from) = (bits(envelope_sender, ADDRESS_BITS), bits(from, ADDRESS_BITS));
        Self((((relay << ADDRESS_BITS) | envelope) << ADDRESS_BITS | from).cast_signed())
    }

    #[must_use]
    pub const fn alone(self) -> SenderKeys {
        self.0..=self.0
    }

    /// Every key of the same envelope sender at the same relay.
    #[must_use]
    pub const fn same_envelope(self) -> SenderKeys {
        self.alike_above(ADDRESS_BITS)
    }

    /// Every key of this relay.
    #[must_use]
    pub fn all_senders(relay: &RelayName) -> SenderKeys {
        Self::of(relay, "", "").alike_above(2 * ADDRESS_BITS)
    }

    /// Every key that differs in the lowest `bits` at most.
    const fn alike_above(self, bits: u32) -> SenderKeys {
        let lowest = (1 << bits) - 1;
        (self.0 & !lowest)..=(self.0 | lowest)
    }
}

/// Whom a mail is from, as a relay sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSender {
    pub envelope: String,
    /// The From address.
    pub from: String,
    /// Both, and the relay, as they are counted.
    pub key: SenderKey,
}

impl MailSender {
    /// The sender with these addresses at this relay.
    #[must_use]
    pub fn new(relay: &RelayName, envelope: &str, from: &str) -> Self {
        // One sender, however its address is written: it is held, named and released as one.
        let (envelope, from) = (envelope.to_ascii_lowercase(), from.to_ascii_lowercase());
        let key = SenderKey::of(relay, &envelope, &from);
        Self { envelope, from, key }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> String {
        if self.from == self.envelope { self.from.clone() } else { format!("{} via {}", self.from, self.envelope) }
    }
}

/// The first so many bits of a text's digest.
fn bits(text: &str, count: u32) -> u64 {
    let digest = Sha256::of(text.to_ascii_lowercase().as_bytes()).0;
    let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    u64::from(first >> (u32::BITS - count))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(envelope: &str, from: &str) -> SenderKey {
        SenderKey::of(&RelayName::from("default"), envelope, from)
    }

    #[test]
    fn the_case_of_an_address_makes_no_difference() {
        assert_eq!(key("A@x.example", "B@y.example"), key("a@X.example", "b@y.EXAMPLE"));
        assert_ne!(key("a@x.example", "b@y.example"), key("b@y.example", "a@x.example"));
    }

    #[test]
    fn relays_are_distinguished() {
        let other = SenderKey::of(&RelayName::from("other"), "a@x.example", "a@x.example");
        assert!(!SenderKey::all_senders(&RelayName::from("default")).contains(&other.0));
        assert!(SenderKey::all_senders(&RelayName::from("other")).contains(&other.0));
    }

    proptest! {
        #[test]
        fn keys_of_one_envelope_sender_are_one_range(envelope in ".{1,20}", other in ".{1,20}", from in ".{1,20}", also in ".{1,20}") {
            let one = key(&envelope, &from);
            prop_assert!(one.alone().contains(&one.0) && one.same_envelope().contains(&one.0));
            prop_assert!(one.same_envelope().contains(&key(&envelope, &also).0));
            if bits(&envelope, ADDRESS_BITS) != bits(&other, ADDRESS_BITS) {
                prop_assert!(!one.same_envelope().contains(&key(&other, &from).0));
            }
            prop_assert!(SenderKey::all_senders(&RelayName::from("default")).contains(&one.0));
        }
    }
}

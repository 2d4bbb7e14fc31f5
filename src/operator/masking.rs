//! Personal data as whoever may not read it sees it.

use crate::event::Recipient;
use crate::model::access::Principal;
use crate::model::customer::CustomerType;
use crate::policy::permission::Permission;
use crate::telemetry::{AddressMask, Masked};

/// How personal data is shown to one reader: whole to whoever may read it, masked to the others.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// As it is.
    pub whole: bool,
    mask: AddressMask,
}

impl Reader {
    /// Whoever asks, of texts that name nobody in particular.
    #[must_use]
    pub fn of_principal(principal: &Principal) -> Self {
        Self::of(principal.may(Permission::ReadPersonalData), [])
    }

    /// A reader who is shown these addresses, whole or masked.
    #[must_use]
    pub fn of<'a>(whole: bool, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self { whole, mask: AddressMask::of(addresses) }
    }

    #[must_use]
    pub fn address(&self, address: &str) -> String {
        if self.whole { address.to_owned() } else { Masked(address).to_string() }
    }

    /// A text of ours or of an operator's.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.whole { text.to_owned() } else { self.mask.text_without_addresses(text) }
    }

    /// A relay's words.
    #[must_use]
    pub fn reply(&self, reply: &str) -> String {
        if self.whole { reply.to_owned() } else { self.mask.reply(reply) }
    }

    #[must_use]
    pub fn addresses(&self, recipients: &[Recipient]) -> Vec<String> {
        recipients.iter().map(|recipient| self.address(&recipient.address)).collect()
    }
}

/// A customer's name: of a company whole, of a person masked (`E*** M***`) unless personal data is shown whole.
#[must_use]
pub fn customer_name(name: &str, kind: Option<CustomerType>, whole: bool) -> String {
    if whole || kind == Some(CustomerType::Business) { name.to_owned() } else { masked_name(name) }
}

/// `E*** M***`.
#[must_use]
pub fn masked_name(name: &str) -> String {
    let masked = |word: &str| word.chars().next().map(|first| format!("{first}***"));
    name.split_whitespace().filter_map(masked).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_companys_name_is_no_secret_and_a_persons_is() {
        let business = Some(CustomerType::Business);
        for (kind, whole, expected) in [
            (business, false, "Erika Muster"),
            (Some(CustomerType::Private), false, "E*** M***"),
            (None, false, "E*** M***"),
            (None, true, "Erika Muster"),
        ] {
            assert_eq!(customer_name("Erika Muster", kind, whole), expected);
        }
    }
}

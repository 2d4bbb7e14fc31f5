//! By which digests it is known that two events bring the same invoice.

use std::collections::BTreeMap;

use crate::event::{InvoiceData, Recipient, RecipientRole, invoice_sha256};
use crate::model::mail_address::MailAddress;
use crate::sha256::Sha256;

/// The digests of tenant, invoice id, kind, documents and recipients of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoiceDigests {
    /// What is stored and compared: each mailbox counts once, in its strongest role, however its address is written.
    pub stored: Sha256,
    /// What earlier versions stored: recipients as the event writes them. The same digest for most events.
    pub as_written: Sha256,
}

impl InvoiceDigests {
    /// The digests of an event.
    #[must_use]
    pub fn of(data: &InvoiceData) -> Self {
        let as_written = invoice_sha256(data);
        let recipients = by_mailbox(&data.recipients);
        let stored = if recipients == data.recipients {
            as_written
        } else {
            invoice_sha256(&InvoiceData { recipients, ..data.clone() })
        };
        Self { stored, as_written }
    }

    /// The digests by which earlier events of the same invoice are found; the stored one first.
    pub fn wanted(self) -> impl Iterator<Item = Sha256> {
        std::iter::once(self.stored).chain(Some(self.as_written).filter(|as_written| *as_written != self.stored))
    }
}

/// The recipients, each mailbox in its strongest role only. An address that cannot be used stays as it is.
fn by_mailbox(recipients: &[Recipient]) -> Vec<Recipient> {
    let mut recipients = recipients.to_vec();
    let mut strongest: BTreeMap<String, RecipientRole> = BTreeMap::new();
    for recipient in &mut recipients {
        if let Ok(address) = MailAddress::parse(&recipient.address) {
            recipient.address = address.mailbox();
        }
        let role = strongest.entry(recipient.address.clone()).or_insert(recipient.role);
        if recipient.role.precedence() < role.precedence() {
            *role = recipient.role;
        }
    }
    recipients.retain(|recipient| strongest[&recipient.address] == recipient.role);
    recipients
}

#[cfg(test)]
mod tests {
    use RecipientRole::{Bcc, Cc, To};

    use super::*;
    use crate::compose::sample;
    use crate::model::invoice_kind::InvoiceKind;

    fn digests(recipients: &[(RecipientRole, &str)]) -> InvoiceDigests {
        let mut data = sample::snapshot("de-DE", InvoiceKind::Invoice).data;
        let recipient = |(role, address): &(RecipientRole, &str)| Recipient {
            role: *role,
            address: (*address).to_owned(),
            name: None,
        };
        data.recipients = recipients.iter().map(recipient).collect();
        InvoiceDigests::of(&data)
    }

    #[test]
    fn one_mailbox_is_one_recipient_however_it_is_written() {
        let plain = digests(&[(To, "ap@xn--bcher-kva.example"), (Cc, "copy@x.example")]);
        assert_eq!(plain.stored, plain.as_written, "what earlier versions stored is found without a second digest");
        assert_eq!(plain.wanted().count(), 1);
        for recipients in [
            &[(To, "AP@bücher.example"), (Cc, "Copy@X.example")][..],
            &[(Cc, " copy@x.example\n"), (To, "ap@BÜCHER.example")],
            &[(Cc, "AP@bücher.example"), (To, "ap@bücher.example"), (Cc, "copy@x.example"), (Bcc, "COPY@x.example")],
        ] {
            let other = digests(recipients);
            assert_eq!(other.stored, plain.stored, "{recipients:?}");
            assert_ne!(other.as_written, plain.stored, "{recipients:?}");
            assert_eq!(other.wanted().collect::<Vec<_>>(), [other.stored, other.as_written]);
        }
        for recipients in [
            &[(To, "ap@xn--bcher-kva.example")][..],
            &[(Cc, "ap@xn--bcher-kva.example"), (To, "copy@x.example")],
            &[(To, "ap@bucher.example"), (Cc, "copy@x.example")],
            &[(To, "ap@xn--bcher-kva.example"), (Cc, "copy@x.example"), (Bcc, "no address")],
        ] {
            assert_ne!(digests(recipients).stored, plain.stored, "{recipients:?}");
        }
    }
}

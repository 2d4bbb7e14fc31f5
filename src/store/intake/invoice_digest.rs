//! By which digest it is known that two events bring the same invoice.

use std::collections::BTreeMap;

use crate::event::{InvoiceData, Recipient, RecipientRole, invoice_sha256};
use crate::model::mail_address::MailAddress;
use crate::sha256::Sha256;

/// The digest of tenant, invoice id, kind, documents and recipients of an event: each mailbox counts once, in its strongest
/// role, however its address is written. Without a `to` the customer's `own_address` is one, if the customer is known.
#[must_use]
pub fn invoice_digest(data: &InvoiceData, own_address: Option<&str>) -> Sha256 {
    let has_to = data.recipients.iter().any(|recipient| recipient.role == RecipientRole::To);
    let own = own_address.filter(|_| !has_to).map(|address| Recipient {
        role: RecipientRole::To,
        address: address.to_owned(),
        name: None,
    });
    let recipients: Vec<Recipient> = data.recipients.iter().cloned().chain(own).collect();
    let recipients = by_mailbox(&recipients);
    if recipients == data.recipients {
        return invoice_sha256(data);
    }
    invoice_sha256(&InvoiceData { recipients, ..data.clone() })
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

    fn digest(recipients: &[(RecipientRole, &str)]) -> Sha256 {
        let mut data = sample::snapshot("de-DE", InvoiceKind::Invoice).data;
        let recipient = |(role, address): &(RecipientRole, &str)| Recipient {
            role: *role,
            address: (*address).to_owned(),
            name: None,
        };
        data.recipients = recipients.iter().map(recipient).collect();
        invoice_digest(&data, None)
    }

    #[test]
    fn one_mailbox_is_one_recipient_however_it_is_written() {
        let plain = digest(&[(To, "ap@xn--bcher-kva.example"), (Cc, "copy@x.example")]);
        for recipients in [
            &[(To, "AP@bücher.example"), (Cc, "Copy@X.example")][..],
            &[(Cc, " copy@x.example\n"), (To, "ap@BÜCHER.example")],
            &[(Cc, "AP@bücher.example"), (To, "ap@bücher.example"), (Cc, "copy@x.example"), (Bcc, "COPY@x.example")],
        ] {
            assert_eq!(digest(recipients), plain, "{recipients:?}");
        }
        for recipients in [
            &[(To, "ap@xn--bcher-kva.example")][..],
            &[(Cc, "ap@xn--bcher-kva.example"), (To, "copy@x.example")],
            &[(To, "ap@bucher.example"), (Cc, "copy@x.example")],
            &[(To, "ap@xn--bcher-kva.example"), (Cc, "copy@x.example"), (Bcc, "no address")],
        ] {
            assert_ne!(digest(recipients), plain, "{recipients:?}");
        }
    }
}

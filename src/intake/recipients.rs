//! Whom the messages of an event go to.

use crate::event::{InvoiceData, Recipient, RecipientRole};
use crate::model::mail_address::{InvalidAddress, MailAddress};
use crate::model::note::NoteKind;
use crate::model::reason::ReasonCode;

/// The most recipients of one event.
const RECIPIENTS_MAX: usize = 10;

/// The recipients of one delivery, and what is wrong with them, if anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// Their addresses, each mailbox once, with ASCII domains; as the event has them where none can be used.
    pub list: Vec<Recipient>,
    /// Why no message can go to them.
    pub fault: Option<RecipientFault>,
    /// Who of the event gets no mail although others do, and why.
    pub left_out: Vec<NoteKind>,
}

/// Why no message can go to the recipients of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientFault {
    /// A sentence without the address itself.
    pub reason: String,
    /// The event's own recipients are at fault: what a redrive reads again, whatever has been corrected since.
    pub is_of_event: bool,
}

impl RecipientFault {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        if self.is_of_event { EVENT_RECIPIENTS_HINT } else { ReasonCode::InvalidRecipient.hint() }
    }
}

/// What to do where an event's own recipients are at fault. No redrive: that reads the same event.
pub const EVENT_RECIPIENTS_HINT: &str = "the event itself names the recipients: resend it to another address (--to), or \
                                         publish a corrected event under a new id and discard this one";

/// To and Cc of an event, which share one delivery, and each Bcc, which is a delivery of its own.
///
/// Without a To, the customer's own address is one. One mailbox gets one mail: an address that stands twice counts in
/// its strongest role. One that cannot be used is left out, as long as a To remains.
#[must_use]
pub fn main_and_bcc(data: &InvoiceData, customer_name: &str, customer_address: &str) -> (Recipients, Vec<Recipients>) {
    let mut all = data.recipients.clone();
    let adds_own = all.iter().all(|recipient| recipient.role != RecipientRole::To);
    if adds_own {
        let own = Recipient {
            role: RecipientRole::To,
            address: customer_address.to_owned(),
            name: Some(customer_name.to_owned()),
        };
        all.insert(0, own);
    }
    let Usable { list, faults } = Usable::of(&all);
    let fault = if data.recipients.len() > RECIPIENTS_MAX {
        let reason = format!("the event has {} recipients, more than {RECIPIENTS_MAX}", data.recipients.len());
        Some(RecipientFault { reason, is_of_event: true })
    } else if list.iter().all(|recipient| recipient.role != RecipientRole::To) {
        let first = faults.iter().find(|(role, _)| *role == RecipientRole::To);
        let whose = if adds_own { "the customer's address" } else { "a to address of the event" };
        first.map(|(_, invalid)| RecipientFault {
            reason: format!("{whose} cannot be used: {invalid}"),
            is_of_event: !adds_own,
        })
    } else {
        None
    };
    if fault.is_some() {
        // One dead letter, not one for each Bcc.
        let list = all.into_iter().filter(|recipient| recipient.role != RecipientRole::Bcc).collect();
        return (Recipients { list, fault, left_out: Vec::new() }, Vec::new());
    }
    let left_out = faults.into_iter().map(|(role, fault)| NoteKind::AddressLeftOut { role, fault }).collect();
    let (bcc, main): (Vec<_>, Vec<_>) = list.into_iter().partition(|recipient| recipient.role == RecipientRole::Bcc);
    let alone = |recipient| Recipients { list: vec![recipient], fault: None, left_out: Vec::new() };
    (Recipients { list: main, fault: None, left_out }, bcc.into_iter().map(alone).collect())
}

/// The recipients that a message can go to, in the event's order, and what is wrong with the others.
struct Usable {
    list: Vec<Recipient>,
    faults: Vec<(RecipientRole, InvalidAddress)>,
}

impl Usable {
    fn of(all: &[Recipient]) -> Self {
        let mut parsed = Vec::with_capacity(all.len());
        let mut faults = Vec::new();
        for recipient in all {
            match MailAddress::parse(&recipient.address) {
                Ok(address) => parsed.push((recipient, address, parsed.len())),
                Err(invalid) => faults.push((recipient.role, invalid)),
            }
        }
        let keys: Vec<String> = parsed.iter().map(|(_, address, _)| address.mailbox()).collect();
        let stands_better = |(one, _, at): &(&Recipient, MailAddress, usize)| {
            parsed.iter().any(|(other, _, other_at)| {
                keys[*other_at] == keys[*at] && (other.role.precedence(), other_at) < (one.role.precedence(), at)
            })
        };
        let kept = parsed.iter().filter(|one| !stands_better(one));
        let list = kept
            .map(|(recipient, address, _)| Recipient { address: address.as_str().to_owned(), ..(*recipient).clone() });
        Self { list: list.collect(), faults }
    }
}

#[cfg(test)]
mod tests {
    use RecipientRole::{Bcc, Cc, To};

    use super::*;
    use crate::compose::sample;
    use crate::model::invoice_kind::InvoiceKind;

    const OWN: &str = "kunde@customer.example";

    /// Main and Bcc, as `role address`; what is wrong; who is left out.
    fn sorted(recipients: &[(RecipientRole, &str)]) -> (Vec<String>, Vec<String>, Option<String>, Vec<String>) {
        let mut data = sample::snapshot("de-DE", InvoiceKind::Invoice).data;
        let recipient = |(role, address): &(RecipientRole, &str)| Recipient {
            role: *role,
            address: (*address).to_owned(),
            name: None,
        };
        data.recipients = recipients.iter().map(recipient).collect();
        let (main, bcc) = main_and_bcc(&data, "Kunde OHG", OWN);
        let shown = |list: &[Recipient]| list.iter().map(|one| format!("{} {}", one.role, one.address)).collect();
        let bcc = bcc.iter().flat_map(|bcc| bcc.list.iter()).cloned().collect::<Vec<_>>();
        let left_out = main.left_out.iter().map(NoteKind::to_string).collect();
        (shown(&main.list), shown(&bcc), main.fault.map(|fault| fault.reason), left_out)
    }

    #[test]
    fn one_mailbox_gets_one_mail_in_its_strongest_role() {
        let twice = [(To, "one@x.example"), (To, "one@x.example"), (Cc, "One@x.example"), (Bcc, "one@x.example")];
        assert_eq!(sorted(&twice), (vec!["to one@x.example".into()], vec![], None, vec![]));
        let weaker_first = [(Bcc, "a@x.example"), (Cc, "A@x.example "), (To, "b@x.example"), (Bcc, "c@x.example")];
        let (main, bcc, ..) = sorted(&weaker_first);
        assert_eq!(
            (main, bcc),
            (vec!["cc A@x.example".into(), "to b@x.example".into()], vec!["bcc c@x.example".into()])
        );
        let domains = [(To, "a@käufer.example"), (Cc, "a@XN--KUFER-GRA.example"), (Cc, "a@other.example")];
        assert_eq!(sorted(&domains).0, ["to a@xn--kufer-gra.example", "cc a@other.example"]);
    }

    #[test]
    fn the_customers_own_address_counts_once_too() {
        assert_eq!(sorted(&[]).0, [format!("to {OWN}")]);
        let (main, bcc, ..) = sorted(&[(Cc, "KUNDE@customer.example"), (Bcc, OWN), (Cc, "a@x.example")]);
        assert_eq!((main, bcc.len()), (vec![format!("to {OWN}"), "cc a@x.example".into()], 0));
    }

    #[test]
    fn an_address_that_cannot_be_used_is_left_out_as_long_as_a_to_remains() {
        let (main, bcc, fault, left_out) =
            sorted(&[(To, "a@x.example"), (Cc, ""), (Bcc, "nobody"), (To, "b@x"), (To, "c d@x.example")]);
        assert_eq!((main, bcc, fault), (vec!["to a@x.example".into(), "to b@x".into()], vec![], None));
        assert_eq!(left_out[..2], ["a cc address is left out: it is empty", "a bcc address is left out: it has no @"]);
        assert!(left_out.len() == 3 && left_out[2].starts_with("a to address is left out: the part before the @"));

        let (main, bcc, fault, left_out) = sorted(&[(To, "a@x.example; b@y.example"), (Cc, "c@x.example"), (Bcc, OWN)]);
        assert_eq!((main.len(), bcc.len(), left_out.len()), (2, 0, 0), "one dead letter of the whole");
        let expected =
            "a to address of the event cannot be used: it holds more than one address; write a recipient for each";
        assert_eq!(fault.as_deref(), Some(expected));
    }

    #[test]
    fn a_fault_names_whose_address_it_is_and_what_helps() {
        let fault = |address: &str, recipients: &[(RecipientRole, &str)]| {
            let mut data = sample::snapshot("de-DE", InvoiceKind::Invoice).data;
            let recipient = |(role, address): &(RecipientRole, &str)| Recipient {
                role: *role,
                address: (*address).to_owned(),
                name: None,
            };
            data.recipients = recipients.iter().map(recipient).collect();
            main_and_bcc(&data, "Kunde OHG", address).0.fault.expect("nobody can receive it")
        };
        let of_customer = fault("nobody", &[(Cc, OWN)]);
        assert_eq!(of_customer.reason, "the customer's address cannot be used: it has no @");
        assert!(of_customer.hint().contains("then redrive"), "{}", of_customer.hint());
        let of_event = fault(OWN, &[(To, "nobody")]);
        assert_eq!(of_event.reason, "a to address of the event cannot be used: it has no @");
        assert!(of_event.hint().contains("--to") && !of_event.hint().contains("redrive"));
        assert!(fault(OWN, &vec![(Cc, OWN); 11]).is_of_event);
    }

    #[test]
    fn more_than_ten_recipients_are_one_fault() {
        let eleven: Vec<_> = (0..11).map(|_| (Bcc, "a@x.example")).collect();
        let (main, bcc, fault, _) = sorted(&eleven);
        assert_eq!((main.len(), bcc.len()), (1, 0));
        assert_eq!(fault.as_deref(), Some("the event has 11 recipients, more than 10"));
    }
}

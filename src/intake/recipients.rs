//! Whom the messages of an event go to.

use crate::compose::address::MailAddress;
use crate::event::{InvoiceData, Recipient, RecipientRole};

/// The most recipients of one event.
const RECIPIENTS_MAX: usize = 10;

/// The recipients of one delivery, and what is wrong with them, if anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// Their addresses, with ASCII domains where they can be used.
    pub list: Vec<Recipient>,
    /// Why no message can go to them; a sentence without the address itself.
    pub fault: Option<String>,
}

/// To and Cc of an event, which share one delivery, and each Bcc, which is a delivery of its own.
///
/// Without a To, the customer's own address is one.
#[must_use]
pub fn main_and_bcc(data: &InvoiceData, customer_name: &str, customer_address: &str) -> (Recipients, Vec<Recipients>) {
    let (bcc, mut main): (Vec<_>, Vec<_>) =
        data.recipients.iter().cloned().partition(|recipient| recipient.role == RecipientRole::Bcc);
    if main.iter().all(|recipient| recipient.role != RecipientRole::To) {
        let own = Recipient {
            role: RecipientRole::To,
            address: customer_address.to_owned(),
            name: Some(customer_name.to_owned()),
        };
        main.insert(0, own);
    }
    let too_many = (data.recipients.len() > RECIPIENTS_MAX)
        .then(|| format!("the event has {} recipients, more than {RECIPIENTS_MAX}", data.recipients.len()));
    let mut main = checked(main);
    main.fault = too_many.or(main.fault);
    // More recipients than an event may have make one dead letter, not one for each.
    let bcc = if main.fault.is_some() { Vec::new() } else { bcc };
    (main, bcc.into_iter().map(|recipient| checked(vec![recipient])).collect())
}

/// Makes the addresses usable, or says which cannot be.
fn checked(mut list: Vec<Recipient>) -> Recipients {
    let mut fault = None;
    for recipient in &mut list {
        match MailAddress::parse(&recipient.address) {
            Ok(address) => address.as_str().clone_into(&mut recipient.address),
            Err(invalid) => fault = fault.or(Some(format!("a {} address cannot be used: {invalid}", recipient.role))),
        }
    }
    Recipients { list, fault }
}

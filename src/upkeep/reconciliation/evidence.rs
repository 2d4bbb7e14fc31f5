//! What is known beside the database.

use std::collections::HashMap;

use crate::model::ids::DeliveryId;
use crate::store::BookedDelivery;

/// What is known beside the database. By default nothing: then the database is held against itself.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Source and id of every event that was published and confirmed, if that is known.
    pub published: Vec<(String, String)>,
    pub queued: QueuedEvents,
    /// Every mail that the relay took responsibility for, if that is known.
    pub taken: Option<Vec<TakenMail>>,
}

/// What the queues that events come from hold, as far as the broker said. By default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueuedEvents {
    /// Messages that no consumer holds.
    pub ready: u64,
    /// Each may hold messages that it has not acked; AMQP does not tell how many.
    pub consumers: u64,
    /// What did not answer: queues without a leader, or the broker.
    pub unanswered: Vec<String>,
}

impl QueuedEvents {
    /// Why there may be more than the ready ones; `None` if there cannot be.
    pub(super) fn uncounted(&self) -> Option<String> {
        if !self.unanswered.is_empty() {
            Some(format!("{} may hold it, and cannot be asked", self.unanswered.join(", ")))
        } else if self.consumers > 0 {
            Some(format!("consumers of the queues ({}) may hold it", self.consumers))
        } else {
            None
        }
    }
}

/// A mail that a relay took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenMail {
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// The header `X-Delivery-Id`.
    pub delivery: DeliveryId,
    /// Whom the relay took it for.
    pub recipients: Vec<String>,
    /// How many documents it has.
    pub attachments: usize,
}

impl TakenMail {
    fn is_for(&self, delivery: &BookedDelivery) -> bool {
        // Who was erased has no address any more.
        delivery.recipients.is_empty() || self.recipients.iter().any(|to| delivery.recipients.contains(to))
    }
}

/// The mails that a relay took, by the delivery that they name.
pub(super) struct TakenMails<'a> {
    /// Each mail, and whether a delivery was found for it.
    by_root: HashMap<DeliveryId, Vec<(&'a TakenMail, bool)>>,
}

impl<'a> TakenMails<'a> {
    pub(super) fn of(mails: &'a [TakenMail]) -> Self {
        let mut by_root: HashMap<_, Vec<_>> = HashMap::new();
        for mail in mails {
            by_root.entry(mail.delivery).or_default().push((mail, false));
        }
        Self { by_root }
    }

    /// Those of one delivery: its root's, as far as they went to its own recipients.
    pub(super) fn of_delivery(&mut self, delivery: &BookedDelivery) -> Vec<&'a TakenMail> {
        let of_root = self.by_root.get_mut(&delivery.root).into_iter().flatten();
        of_root
            .filter(|(mail, _)| mail.is_for(delivery))
            .map(|(mail, known)| {
                *known = true;
                *mail
            })
            .collect()
    }

    /// Those that no delivery was found for.
    pub(super) fn unserved(&self) -> impl Iterator<Item = &'a TakenMail> {
        self.by_root.values().flatten().filter(|(_, known)| !known).map(|(mail, _)| *mail)
    }
}

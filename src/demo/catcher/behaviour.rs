//! How the catcher misbehaves on purpose, by recipient address.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::reply::SmtpReply;

/// What an address gets at RCPT instead of a plain yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Treatment {
    /// Always refused so.
    Refuse(SmtpReply),
    /// Answered so the first `times` times, and taken from then on.
    Defer {
        /// The answer.
        reply: SmtpReply,
        /// How often it is given.
        times: u32,
    },
}

/// Treatments by address. Addresses that are not listed are simply taken.
#[derive(Debug, Default)]
pub struct Behaviour {
    treatments: HashMap<String, Treatment>,
    deferred: Mutex<HashMap<String, u32>>,
}

impl Behaviour {
    /// Treats the addresses so; upper and lower case are one.
    #[must_use]
    pub fn new(treatments: impl IntoIterator<Item = (String, Treatment)>) -> Self {
        let treatments = treatments.into_iter().map(|(address, treatment)| (key(&address), treatment)).collect();
        Self { treatments, deferred: Mutex::default() }
    }

    /// What to answer RCPT for this address, if not yes. Counts the deferrals.
    pub(super) fn objection(&self, address: &str) -> Option<SmtpReply> {
        let key = key(address);
        match self.treatments.get(&key)? {
            Treatment::Refuse(reply) => Some(reply.clone()),
            Treatment::Defer { reply, times } => {
                // A count is right whatever happened to the thread that held the lock.
                let mut deferred = self.deferred.lock().unwrap_or_else(PoisonError::into_inner);
                let given = deferred.entry(key).or_default();
                let again = *given < *times;
                *given = given.saturating_add(1);
                again.then(|| reply.clone())
            }
        }
    }
}

fn key(address: &str) -> String {
    address.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deferred_address_is_taken_the_next_time_and_a_refused_one_never() {
        let unknown = SmtpReply::new(550, "5.1.1", "no such mailbox");
        let later = SmtpReply::new(451, "4.7.1", "come back");
        let behaviour = Behaviour::new([
            ("gone@x.example".to_owned(), Treatment::Refuse(unknown.clone())),
            ("Later@x.example".to_owned(), Treatment::Defer { reply: later.clone(), times: 1 }),
        ]);
        assert_eq!(behaviour.objection("GONE@x.example"), Some(unknown.clone()));
        assert_eq!(behaviour.objection("gone@x.example"), Some(unknown));
        assert_eq!(behaviour.objection("later@x.example"), Some(later));
        assert_eq!(behaviour.objection("later@x.example"), None);
        assert_eq!(behaviour.objection("fine@x.example"), None);
    }
}

//! The port through which intake has dead letters put back.

use std::fmt;

use futures_util::future::BoxFuture;

use super::Verdict;
use crate::model::ids::DeadLetterId;
use crate::model::reason::ReasonCode;
use crate::store::StoreError;

/// Puts dead letters back.
pub trait RedrivesLetters: fmt::Debug + Send + Sync {
    /// Puts one letter back, as asked for by `who`.
    fn redrive<'a>(&'a self, letter: DeadLetterId, who: &'a str) -> BoxFuture<'a, Result<LetterRedriven, StoreError>>;
}

/// What became of a letter that was to be put back.
#[derive(Debug)]
pub enum LetterRedriven {
    /// It is back, and this is what became of its event.
    Back(Verdict),
    /// The database has no such letter.
    Unknown,
    /// It is not open any more.
    Concluded,
    /// It stays open.
    Stays {
        /// Why its event cannot be sent, if that is known.
        class: Option<ReasonCode>,
        /// Why, for people.
        why: String,
    },
}

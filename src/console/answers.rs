//! What handlers have in common: the actor behind a form, and the page of a database that does not answer.

use std::str::FromStr;

use axum::response::Response;

use super::pages::{self, ActionDone};
use super::signed::{Signed, see_other};
use crate::model::actor::Actor;
use crate::store::StoreError;

/// The page, or the one that says why there is none.
pub(super) type HandlerAnswer = Result<Response, Response>;

/// The longest reason, in characters.
pub(super) const REASON_CHARS_MAX: usize = 500;

/// What a query came to, or the page that says that the database does not answer.
pub(super) trait OrFailed<T> {
    fn or_failed(self, signed: &Signed) -> Result<T, Response>;
}

impl<T> OrFailed<T> for Result<T, StoreError> {
    fn or_failed(self, signed: &Signed) -> Result<T, Response> {
        self.map_err(|error| signed.failed(&error))
    }
}

impl Signed {
    /// Where a list goes on, as the query's `after` says it; none at the beginning.
    ///
    /// # Errors
    /// The page that says that this is not where a page ended.
    pub(super) fn cursor<C: FromStr>(&self, after: &str) -> Result<Option<C>, Response> {
        let after = Some(after).filter(|after| !after.is_empty()).map(str::parse).transpose();
        after.map_err(|_| pages::cursor_unknown(&self.front()))
    }

    /// Who acts by the forms of this session.
    pub(super) fn actor(&self) -> Actor {
        Actor::new(self.principal.clone()).from_network_if_known(self.network.as_deref())
    }
}

/// To the page at a path without a query, which says what was done.
pub(super) fn done_at(path: &str, done: ActionDone) -> Response {
    see_other(&format!("{path}?done={}", done.into_str()))
}

/// A reason that histories can keep: one line, not empty, not longer than fits.
pub(super) fn reason(text: &str) -> Option<&str> {
    let reason = text.trim();
    let fits = (1..=REASON_CHARS_MAX).contains(&reason.chars().count()) && !reason.contains(char::is_control);
    fits.then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_text() {
        let (longest, too_long) = ("x".repeat(REASON_CHARS_MAX), "x".repeat(REASON_CHARS_MAX + 1));
        for good in ["asked for by phone", " moved ", longest.as_str()] {
            assert_eq!(reason(good), Some(good.trim()), "{good}");
        }
        for bad in ["", "   ", "a\nb", "a\u{0}b", too_long.as_str()] {
            assert_eq!(reason(bad), None, "{bad:?}");
        }
    }
}

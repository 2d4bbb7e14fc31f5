//! Lists, a page at a time.

use crate::event::Malformed;
use crate::store::{Cursor, PageRequest};

/// The most entries of one answer.
const LIMIT_MAX: u32 = 500;
/// How many, unless somebody asks for more or less.
const LIMIT: u32 = 100;

/// How many entries a request asks for.
pub(super) fn limit(wanted: Option<u32>) -> Result<u32, Malformed> {
    let limit = wanted.unwrap_or(LIMIT);
    if (1..=LIMIT_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Malformed::at("limit", format!("must be between 1 and {LIMIT_MAX}")))
    }
}

/// What part of a list a request asks for.
pub(super) fn page(wanted: Option<u32>, after: Option<&str>) -> Result<PageRequest, Malformed> {
    let after = after.map(str::parse::<Cursor>).transpose().map_err(|_| no_cursor())?;
    Ok(PageRequest { limit: limit(wanted)?, after })
}

/// `after` names no place where a list could go on.
pub(super) fn no_cursor() -> Malformed {
    Malformed::at("after", "is not the `next` of an earlier answer")
}

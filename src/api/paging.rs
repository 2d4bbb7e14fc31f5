//! Lists, a page at a time.

use axum::extract::rejection::QueryRejection;

use crate::event::Malformed;
use crate::store::{Cursor, PageRequest};

/// The most entries of one answer.
const LIMIT_MAX: u32 = 500;
/// How many, unless somebody asks for more or less.
const LIMIT: u32 = 100;

/// How many entries a request asks for.
pub(super) fn limit(wanted: Option<u32>) -> Result<u32, Malformed> {
    let limit = wanted.unwrap_or(LIMIT);
    if (1..=LIMIT_MAX).contains(&limit) { Ok(limit) } else { Err(no_limit()) }
}

fn no_limit() -> Malformed {
    Malformed::at("limit", format!("must be between 1 and {LIMIT_MAX}"))
}

/// Why the query of a list cannot be read: its `limit` is no such number, or it has not the parts that are `expected`.
pub(super) fn unreadable(rejection: &QueryRejection, expected: &str) -> Malformed {
    // The part that could not be read is named before the reason; nothing else of the rejection says which it was.
    let is_limit = rejection.body_text().starts_with("Failed to deserialize query string: limit: ");
    if is_limit { no_limit() } else { Malformed::at("$", expected) }
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

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use axum::http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ListQuery {
        #[serde(default)]
        limit: Option<u32>,
        #[serde(default)]
        after: Option<String>,
    }

    /// Where this query is wrong.
    fn fault(query: &'static str) -> String {
        let refused = Query::<ListQuery>::try_from_uri(&Uri::from_static(query)).expect_err("it is wrong");
        unreadable(&refused, "may be asked for with limit and after").path
    }

    #[test]
    fn a_limit_that_is_no_number_is_named() {
        for query in ["/?limit=-1", "/?limit=1e2", "/?limit=", "/?limit=99999999999", "/?after=x&limit=x"] {
            assert_eq!(fault(query), "limit", "{query}");
        }
        for query in ["/?odd=1", "/?limit=1&odd=limit:%20x", "/?limit=1&limit=2"] {
            assert_eq!(fault(query), "$", "{query}");
        }
        let Query(read) = Query::<ListQuery>::try_from_uri(&Uri::from_static("/?limit=7&after=x")).expect("a query");
        assert_eq!((read.limit, read.after.as_deref()), (Some(7), Some("x")));
    }
}

//! Long lists, a page at a time, newest first.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::error::StoreError;
use super::value::Row;
use crate::clock::Timestamp;

/// Where a list goes on: behind this row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The moment that the list is ordered by.
    pub at: Timestamp,
    /// Tells rows of the same moment apart.
    pub id: Uuid,
}

impl Cursor {
    /// Behind nothing: every row stands after it.
    pub(in crate::store) const BEGIN: Self = Self { at: Timestamp(i64::MAX), id: Uuid::max() };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.id.simple())
    }
}

/// A text that is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not where a page ended: take the cursor that came with the page before")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (at, id) = text.split_once('.').ok_or(InvalidCursor)?;
        Ok(Self {
            at: Timestamp(at.parse().map_err(|_| InvalidCursor)?),
            id: Uuid::try_parse(id).map_err(|_| InvalidCursor)?,
        })
    }
}

/// The longest text that is read as a place in a list, in bytes: it may hold two ids of 255 characters each.
pub(in crate::store) const POSITION_BYTES_MAX: usize = 8_192;

/// A place in a list that is not in the order of time, as whoever reads on carries it.
pub(in crate::store) fn position_text(position: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).expect("texts and numbers are always JSON"))
}

/// The place that such a text names. Its texts may hold NUL, which PostgreSQL refuses.
pub(in crate::store) fn read_position<P: DeserializeOwned>(text: &str) -> Result<P, InvalidCursor> {
    if text.len() > POSITION_BYTES_MAX {
        return Err(InvalidCursor);
    }
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
    serde_json::from_slice(&json).map_err(|_| InvalidCursor)
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// The most rows.
    pub limit: u32,
    /// Behind which row; the newest first if `None`.
    pub after: Option<Cursor>,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Its rows, newest first.
    pub items: Vec<T>,
    /// Where the list goes on, if it does.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of rows that were asked for with a limit one higher: the last one only says that there is more.
    pub(in crate::store) fn of(
        rows: &[Row],
        limit: u32,
        read: impl Fn(&Row) -> Result<T, StoreError>,
        cursor: impl Fn(&T) -> Cursor,
    ) -> Result<Self, StoreError> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = rows.iter().take(wanted).map(read).collect::<Result<Vec<T>, _>>()?;
        let next = if rows.len() > wanted { items.last().map(cursor) } else { None };
        Ok(Self { items, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        for cursor in [Cursor::BEGIN, Cursor { at: Timestamp(-5), id: Uuid::from_u128(7) }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "5", "x.00000000000000000000000000000007", "5.7"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}

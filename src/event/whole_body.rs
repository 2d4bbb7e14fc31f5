//! A body that is larger than an event may be: its beginning is kept, and what it was.

use bytes::Bytes;

use super::{BODY_BYTES_MAX, Malformed};
use crate::ids::Sha256;

/// What is kept of it: enough to see what it is.
pub const BODY_BYTES_KEPT: usize = 64 << 10;

/// What a body was of which only the beginning is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeBody {
    /// Its size.
    pub bytes: u64,
    /// Its hash, of all of it.
    pub sha256: Sha256,
}

impl WholeBody {
    /// Cuts a body, if it is larger than an event may be; returns what is kept, and what it was if it was cut.
    #[must_use]
    pub fn cut(body: Bytes) -> (Bytes, Option<Self>) {
        if body.len() <= BODY_BYTES_MAX {
            return (body, None);
        }
        let whole = Self { bytes: body.len() as u64, sha256: Sha256::of(&body) };
        // Copied: a slice would keep all of it in memory.
        (Bytes::copy_from_slice(&body[..BODY_BYTES_KEPT]), Some(whole))
    }

    /// Why it is no event. Nobody reads its beginning, which could be one by itself.
    #[must_use]
    pub fn fault(&self) -> Malformed {
        let Self { bytes, sha256 } = self;
        let problem = format!(
            "has {bytes} bytes, more than {BODY_BYTES_MAX}; its first {BODY_BYTES_KEPT} are kept, its SHA-256 is {sha256}"
        );
        Malformed::at("$", problem)
    }
}

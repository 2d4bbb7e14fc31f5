//! The last entry of the audit log.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::sha256::Sha256;
use crate::store::db::error::StoreError;
use crate::store::db::statement::sql;
use crate::store::db::value::Row;
use crate::store::{Store, Transaction};

/// The last entry of the audit log at some moment, as it is logged: `1234:` and 64 hexadecimal digits. Whoever keeps it
/// elsewhere can prove later that no entry up to it was changed or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// 0: nothing was ever written.
    pub sequence: i64,
    pub hash: Sha256,
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

/// A text that is no head of an audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the number of an entry, a colon, and 64 hexadecimal digits, as the log says them")]
pub struct InvalidAuditHead;

impl FromStr for AuditHead {
    type Err = InvalidAuditHead;

    fn from_str(text: &str) -> Result<Self, InvalidAuditHead> {
        let (sequence, hash) = text.trim().split_once(':').ok_or(InvalidAuditHead)?;
        let sequence = sequence.parse().ok().filter(|sequence| *sequence >= 0).ok_or(InvalidAuditHead)?;
        Ok(Self { sequence, hash: Sha256::from_hex(hash).ok_or(InvalidAuditHead)? })
    }
}

/// The head with the time of its entry, locked until the transaction ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct LockedHead {
    pub(super) head: AuditHead,
    pub(super) at: Timestamp,
}

impl LockedHead {
    /// Waits for every other transaction that appends; on SQLite, a transaction that writes is alone anyway.
    pub(super) async fn take(on: &mut Transaction) -> Result<Self, StoreError> {
        let row = sql("SELECT sequence, at, hash FROM audit_head WHERE id = 1 {postgres: FOR UPDATE}").one(on).await?;
        Ok(Self { head: read_head(&row)?, at: row.get("at")? })
    }

    /// The log ends with this entry from now on.
    pub(super) async fn move_to(self, on: &mut Transaction) -> Result<(), StoreError> {
        sql("UPDATE audit_head SET sequence = $1, at = $2, hash = $3 WHERE id = 1")
            .bind(self.head.sequence)
            .bind(self.at)
            .bind(self.head.hash)
            .run(on)
            .await?;
        Ok(())
    }
}

impl Store {
    /// The last entry of the audit log.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        let row = sql("SELECT sequence, hash FROM audit_head WHERE id = 1").one(&mut self.read().await?).await?;
        read_head(&row)
    }
}

pub(super) fn read_head(row: &Row) -> Result<AuditHead, StoreError> {
    Ok(AuditHead { sequence: row.get("sequence")?, hash: row.get("hash")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_head_reads_back() {
        let head = AuditHead { sequence: 1_234, hash: Sha256([0xab; 32]) };
        assert_eq!(head.to_string().parse(), Ok(head));
        for text in ["", "5", "5:", "x:ab", "-1:", &format!("-1:{}", head.hash)] {
            assert_eq!(text.parse::<AuditHead>(), Err(InvalidAuditHead), "{text}");
        }
    }
}

//! Proving the audit log: from the checkpoint of the retention to its head, every entry fits to the one before it.
//!
//! It finds an entry that was changed, taken out, put in or moved, details that were changed, and a tail that was cut
//! off, where a head that was logged later is known. It does not find what somebody does who has the secret keys and may
//! write to the database, nor that a detail was deleted which no erasure named: these are counted.

use super::chain::{AuditDetail, AuditNetwork, ChainedEntry, checkpoint_hmac};
use super::head::{AuditHead, read_head};
use crate::clock::Timestamp;
use crate::secrets::AuditKeys;
use crate::sha256::Sha256;
use crate::store::Store;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::db::value::Row;

/// Entries that are read at once.
const ENTRIES_AT_ONCE: u32 = 1_000;

/// How often the retention may cut while the log is read; each time it is read once more.
const TRIES_MAX: u32 = 3;

/// An audit log without a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProof {
    pub entries: u64,
    pub head: AuditHead,
    /// The last entry that the retention has deleted.
    pub pruned: Option<AuditHead>,
    /// Entries whose details are erased.
    pub without_detail: u64,
    /// Logged heads that lie before what the retention has left: they prove nothing any more.
    pub too_old: Vec<AuditHead>,
}

/// The first place at which the log does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    #[error("entry {expected} is missing: the next one is {found}")]
    Missing { expected: i64, found: i64 },
    #[error("entry {0} stands before what the retention has left")]
    BeforeCheckpoint(i64),
    #[error("entry {0} is not what was written")]
    Changed(i64),
    #[error("entry {0} does not follow the one before it")]
    NotChained(i64),
    #[error("name, reason or values of entry {0} are not what was written")]
    DetailChanged(i64),
    #[error("the network of entry {0} is not what was written")]
    NetworkChanged(i64),
    #[error("entry {sequence} is signed with the key {key}, which SECRET_KEYS does not hold")]
    KeyMissing { sequence: i64, key: String },
    #[error("the checkpoint of the retention, entry {0}, is not what was written")]
    CheckpointChanged(i64),
    #[error("the checkpoint of the retention is signed with the key {0}, which SECRET_KEYS does not hold")]
    CheckpointKeyMissing(String),
    #[error("the log should end with entry {head}, and ends with {last}")]
    TailMissing { head: i64, last: i64 },
    #[error("the log should end with entry {head}, and goes on up to {last}")]
    TailTooLong { head: i64, last: i64 },
    #[error("the last entry, {0}, is not the one that was written last")]
    HeadChanged(i64),
    #[error("entry {0} was logged, and the log ends before it")]
    LoggedHeadMissing(i64),
    #[error("entry {0} is not the one that was logged")]
    LoggedHeadDiffers(i64),
}

/// Where the retention has cut.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Checkpoint {
    head: AuditHead,
    at: Timestamp,
    key: String,
    hmac: Sha256,
}

/// An entry as its rows are.
struct StoredEntry {
    chained: ChainedEntry,
    hash: Sha256,
    detail: Option<AuditDetail>,
    network: Option<AuditNetwork>,
}

/// Goes through the entries in order.
struct Prover<'a> {
    keys: &'a AuditKeys,
    logged: &'a [AuditHead],
    /// The entry before the next.
    last: AuditHead,
    last_at: Timestamp,
    entries: u64,
    without_detail: u64,
}

impl Store {
    /// Proves the audit log, also against heads that were logged before.
    pub async fn prove_audit(&self, logged: &[AuditHead]) -> Result<Result<AuditProof, AuditFault>, StoreError> {
        for _ in 1..TRIES_MAX {
            let before = read_checkpoint(&mut self.read().await?).await?;
            let proof = self.prove_once(before.as_ref(), logged).await?;
            // What seems to be missing may have been deleted meanwhile.
            if proof.is_ok() || read_checkpoint(&mut self.read().await?).await? == before {
                return Ok(proof);
            }
        }
        let checkpoint = read_checkpoint(&mut self.read().await?).await?;
        self.prove_once(checkpoint.as_ref(), logged).await
    }

    async fn prove_once(
        &self,
        checkpoint: Option<&Checkpoint>,
        logged: &[AuditHead],
    ) -> Result<Result<AuditProof, AuditFault>, StoreError> {
        let mut on = self.read().await?;
        let ends = sql("SELECT sequence, at, hash, (SELECT MAX(sequence) FROM audit_entry) AS last
            FROM audit_head WHERE id = 1")
        .one(&mut on)
        .await?;
        let (head, last): (AuditHead, Option<i64>) = (read_head(&ends)?, ends.get("last")?);
        let head_at: Timestamp = ends.get("at")?;
        let mut prover = match Prover::begin(&self.audit_keys, checkpoint, logged) {
            Ok(prover) => prover,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut after = i64::MIN;
        loop {
            let rows = stored_entries(&mut on, after, head.sequence).await?;
            let Some(end) = rows.last().map(|entry| entry.chained.sequence) else { break };
            after = end;
            if let Err(fault) = rows.iter().try_for_each(|entry| prover.next(entry)) {
                return Ok(Err(fault));
            }
        }
        Ok(prover.end(head, head_at, last, checkpoint))
    }
}

impl<'a> Prover<'a> {
    fn begin(
        keys: &'a AuditKeys,
        checkpoint: Option<&Checkpoint>,
        logged: &'a [AuditHead],
    ) -> Result<Self, AuditFault> {
        let begin = AuditHead { sequence: 0, hash: Sha256([0; 32]) };
        let (last, last_at) = match checkpoint {
            None => (begin, Timestamp(i64::MIN)),
            Some(Checkpoint { head, at, key, hmac }) => {
                let known = keys.by_fingerprint(key);
                let signer = known.ok_or_else(|| AuditFault::CheckpointKeyMissing(key.clone()))?;
                if checkpoint_hmac(signer, head.sequence, *at, head.hash) != *hmac {
                    return Err(AuditFault::CheckpointChanged(head.sequence));
                }
                (*head, *at)
            }
        };
        let prover = Self { keys, logged, last, last_at, entries: 0, without_detail: 0 };
        prover.compare_logged(last).map(|()| prover)
    }

    fn next(&mut self, entry: &StoredEntry) -> Result<(), AuditFault> {
        let StoredEntry { chained, hash, detail, network } = entry;
        let (found, expected) = (chained.sequence, self.last.sequence + 1);
        if found < expected {
            return Err(AuditFault::BeforeCheckpoint(found));
        }
        if found > expected {
            return Err(AuditFault::Missing { expected, found });
        }
        let Some(key) = self.keys.by_fingerprint(&chained.key) else {
            return Err(AuditFault::KeyMissing { sequence: found, key: chained.key.clone() });
        };
        if chained.hash(key) != *hash {
            return Err(AuditFault::Changed(found));
        }
        if chained.previous_hash != self.last.hash || chained.at < self.last_at {
            return Err(AuditFault::NotChained(found));
        }
        if detail.as_ref().is_some_and(|detail| detail.hmac(key) != chained.detail_hmac) {
            return Err(AuditFault::DetailChanged(found));
        }
        if network.as_ref().is_some_and(|network| Some(network.hmac(key)) != chained.network_hmac) {
            return Err(AuditFault::NetworkChanged(found));
        }
        self.entries += 1;
        self.without_detail += u64::from(detail.is_none());
        self.last = AuditHead { sequence: found, hash: *hash };
        self.last_at = chained.at;
        self.compare_logged(self.last)
    }

    fn compare_logged(&self, entry: AuditHead) -> Result<(), AuditFault> {
        let differs = |logged: &&AuditHead| logged.sequence == entry.sequence && logged.hash != entry.hash;
        match self.logged.iter().find(differs) {
            Some(logged) => Err(AuditFault::LoggedHeadDiffers(logged.sequence)),
            None => Ok(()),
        }
    }

    fn end(
        self,
        head: AuditHead,
        head_at: Timestamp,
        stored_last: Option<i64>,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<AuditProof, AuditFault> {
        let (last, last_at) = (self.last, self.last_at);
        if last.sequence < head.sequence {
            return Err(AuditFault::TailMissing { head: head.sequence, last: last.sequence });
        }
        if let Some(beyond) = stored_last.filter(|stored| *stored > head.sequence) {
            return Err(AuditFault::TailTooLong { head: head.sequence, last: beyond });
        }
        // The next entry is never from before the head's time: a later one would move the whole log.
        if last != head || (last.sequence > 0 && last_at != head_at) {
            return Err(AuditFault::HeadChanged(head.sequence));
        }
        if let Some(missing) = self.logged.iter().find(|logged| logged.sequence > head.sequence) {
            return Err(AuditFault::LoggedHeadMissing(missing.sequence));
        }
        let pruned = checkpoint.map(|checkpoint| checkpoint.head);
        let is_too_old = |logged: &&AuditHead| pruned.is_some_and(|pruned| logged.sequence < pruned.sequence);
        Ok(AuditProof {
            entries: self.entries,
            head,
            pruned,
            without_detail: self.without_detail,
            too_old: self.logged.iter().filter(is_too_old).copied().collect(),
        })
    }
}

async fn read_checkpoint(on: &mut impl StatementExecutor) -> Result<Option<Checkpoint>, StoreError> {
    sql("SELECT sequence, at, hash, key, hmac FROM audit_checkpoint WHERE id = 1")
        .optional(on)
        .await?
        .map(|row| {
            Ok(Checkpoint { head: read_head(&row)?, at: row.get("at")?, key: row.get("key")?, hmac: row.get("hmac")? })
        })
        .transpose()
}

/// The entries behind `after`, up to the head as it was when reading began.
async fn stored_entries(
    on: &mut impl StatementExecutor,
    after: i64,
    head: i64,
) -> Result<Vec<StoredEntry>, StoreError> {
    sql("SELECT audit_entry.*, audit_detail.salt AS detail_salt, audit_detail.name, audit_detail.reason,
               audit_detail.change, audit_network.salt AS network_salt, audit_network.network
        FROM audit_entry LEFT JOIN audit_detail ON audit_detail.sequence = audit_entry.sequence
             LEFT JOIN audit_network ON audit_network.sequence = audit_entry.sequence
        WHERE audit_entry.sequence > $1 AND audit_entry.sequence <= $2
        ORDER BY audit_entry.sequence LIMIT $3")
    .bind(after)
    .bind(head)
    .bind(ENTRIES_AT_ONCE)
    .all(on)
    .await?
    .iter()
    .map(StoredEntry::read)
    .collect()
}

/// The columns of an entry that the chain covers.
pub(super) fn read_chained(row: &Row) -> Result<ChainedEntry, StoreError> {
    Ok(ChainedEntry {
        sequence: row.get("sequence")?,
        at: row.get("at")?,
        action: row.get("action")?,
        who_kind: row.get("who_kind")?,
        who_id: row.get("who_id")?,
        tenant: row.get("tenant_id")?,
        customer: row.get("customer_id")?,
        subject: row.get("subject")?,
        key: row.get("key")?,
        detail_hmac: row.get("detail_hmac")?,
        network_hmac: row.get("network_hmac")?,
        previous_hash: row.get("previous_hash")?,
    })
}

impl StoredEntry {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let chained = read_chained(row)?;
        let detail = match row.get::<Option<Vec<u8>>>("detail_salt")? {
            Some(salt) => {
                let (name, reason, change) = (row.get("name")?, row.get("reason")?, row.get("change")?);
                Some(AuditDetail { salt, name, reason, change })
            }
            None => None,
        };
        let network = match row.get::<Option<Vec<u8>>>("network_salt")? {
            Some(salt) => Some(AuditNetwork { salt, network: row.get("network")? }),
            None => None,
        };
        Ok(Self { chained, hash: row.get("hash")?, detail, network })
    }
}

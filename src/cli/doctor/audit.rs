//! Whether the audit log is what was written.

use super::check::Check;
use crate::cli::error::sentence;
use crate::cli::terminal::format::count;
use crate::secrets::{AuditKeys, SecretKeys};
use crate::store::{AuditFault, AuditHead, AuditProof, Store, StoreError};

const NAME: &str = "audit log";

/// Proves the audit log, if that is `wanted`: also against these heads.
pub(super) async fn checks(
    store: &Store,
    keys: &Result<Option<SecretKeys>, Check>,
    wanted: Option<&[AuditHead]>,
) -> Option<Check> {
    let heads = wanted?;
    let Ok(Some(keys)) = keys else {
        return Some(Check::fail(NAME, "not proven: there are no secret keys to prove it with", "set SECRET_KEYS"));
    };
    let store = store.clone().with_audit_keys(AuditKeys::of(keys));
    Some(judged(store.prove_audit(heads).await))
}

fn judged(proof: Result<Result<AuditProof, AuditFault>, StoreError>) -> Check {
    match proof {
        Ok(Ok(proof)) => Check::ok(NAME, proven(&proof)),
        Ok(Err(fault @ (AuditFault::KeyMissing { .. } | AuditFault::CheckpointKeyMissing(_)))) => {
            Check::fail(NAME, fault.to_string(), "add the older key behind the newest in SECRET_KEYS, and ask again")
        }
        Ok(Err(fault)) => {
            let remedy = "somebody has written to the database by hand: compare it with a backup and with the logged \
                          heads, and keep this database as it is";
            Check::fail(NAME, fault.to_string(), remedy)
        }
        Err(error) => Check::fail(NAME, sentence(&error.into()), "look at the database, and ask again"),
    }
}

fn proven(proof: &AuditProof) -> String {
    let number = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "entry");
    let AuditProof { entries, head, pruned, without_detail, too_old } = proof;
    let pruned = pruned.map(|pruned| format!("older ones, up to {}, were deleted after their time", pruned.sequence));
    let erased = (*without_detail > 0).then(|| format!("the details of {} are erased", number(*without_detail)));
    let too_old = (!too_old.is_empty()).then(|| {
        let heads: Vec<String> = too_old.iter().map(|head| head.sequence.to_string()).collect();
        format!("nothing is left to compare the logged {} with", heads.join(", "))
    });
    let whole = Some(format!("{} as written, up to {head}", number(*entries)));
    [whole, pruned, erased, too_old].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

//! Whether the audit log is what was written; and what is counted beside it.

use super::check::Check;
use crate::cli::error::sentence;
use crate::cli::terminal::format::count;
use crate::secrets::{AuditKeys, SecretKeys};
use crate::store::{AuditFault, AuditHead, AuditProof, RetentionTimes, Store, StoreError, UnknownSignIns};

const NAME: &str = "audit log";
const UNKNOWN_SIGN_INS: &str = "unknown accounts";

/// Networks that are named.
const NETWORKS_NAMED: u32 = 3;
/// Networks that are counted.
const NETWORKS_COUNTED: u32 = 1_000;

/// Proves the audit log, if that is `wanted`: also against these heads.
pub(super) async fn checks(
    store: &Store,
    keys: &Result<Option<SecretKeys>, Check>,
    wanted: Option<&[AuditHead]>,
) -> Vec<Check> {
    let Some(heads) = wanted else { return Vec::new() };
    let proof = match keys {
        Ok(Some(keys)) => {
            let store = store.clone().with_audit_keys(AuditKeys::of(keys));
            judged(store.prove_audit(heads).await)
        }
        _ => Check::fail(NAME, "not proven: there are no secret keys to prove it with", "set SECRET_KEYS"),
    };
    let since = store.now().minus(RetentionTimes::default().addresses);
    vec![proof, unknown_sign_ins(store.unknown_sign_ins(since, NETWORKS_COUNTED).await)]
}

/// Tries of accounts that nobody has are no entries of the log.
fn unknown_sign_ins(counted: Result<Vec<UnknownSignIns>, StoreError>) -> Check {
    let networks = match counted {
        Ok(networks) if networks.is_empty() => return Check::ok(UNKNOWN_SIGN_INS, "none in 7 days"),
        Ok(networks) => networks,
        Err(error) => {
            return Check::fail(UNKNOWN_SIGN_INS, sentence(&error.into()), "look at the database, and ask again");
        }
    };
    let tries = |of: &UnknownSignIns| of.failed.saturating_add(of.refused);
    let all: u64 = networks.iter().map(tries).sum();
    let named: Vec<String> = networks
        .iter()
        .take(NETWORKS_NAMED as usize)
        .map(|of| format!("{} from {}", tries(of), of.network.as_deref().unwrap_or("networks that are not known")))
        .collect();
    let more = if networks.len() > named.len() { ", …" } else { "" };
    let number = count(usize::try_from(all).unwrap_or(usize::MAX), "sign-in");
    Check::ok(UNKNOWN_SIGN_INS, format!("{number} in 7 days of accounts that nobody has: {}{more}", named.join(", ")))
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

//! Senders that a relay refuses, whose deliveries wait.

use super::check::Check;
use crate::cli::terminal::format::{count, relative};
use crate::clock::Timestamp;
use crate::policy::sender_trial::HoldReason;
use crate::store::{SenderHold, Store, StoreError};

/// The check of the senders.
pub(super) const NAME: &str = "senders";

/// A warning for each sender that is held.
pub(super) async fn held(store: &Store) -> Result<Vec<Check>, StoreError> {
    let now = store.now();
    let held = store.held_senders().await?;
    if held.is_empty() {
        return Ok(vec![Check::ok(NAME, "no relay refuses one")]);
    }
    Ok(held.iter().map(|(hold, waiting)| warning(hold, *waiting, now)).collect())
}

fn warning(hold: &SenderHold, waiting: i64, now: Timestamp) -> Check {
    let SenderHold { relay, sender, phase, code, .. } = hold;
    let deliveries = count(usize::try_from(waiting).unwrap_or_default(), "delivery");
    let wait = if waiting == 1 { "waits" } else { "wait" };
    let (since, trial) = (relative(hold.held_since, now), relative(hold.trial_at, now));
    let (does, mend) = match hold.reason {
        HoldReason::Refused => ("refuses", "mend the sender (SPF, DKIM, the addresses that the relay allows)"),
        HoldReason::SameWords => (
            "says the same of every recipient of",
            "nothing, if these customers' addresses are gone; else mend the sender (SPF, DKIM, the addresses that the \
             relay allows)",
        ),
        HoldReason::DailyLimit => ("takes no more for now of", "have the relay's limit raised"),
    };
    // The words by which people call a sender may be two addresses.
    let name = hold.from.as_ref().unwrap_or(&hold.envelope_sender);
    Check::warn(
        NAME,
        format!(
            "relay {relay} {does} {sender} ({code} to {phase}), held since {since}; {deliveries} {wait}, tried {trial}"
        ),
        format!("{mend}, then run: invoice-dispatcher relays release-sender {relay} {name}"),
    )
}

//! Why deliveries wait because people decided so: what `lane_entry.held` says of them, and which of those that have ended a
//! person may hold all the same ([`hold_mark`](super::hold_mark)).

use std::time::Duration;

use crate::model::state::Concluded;

/// A person holds the delivery by itself.
pub(in crate::store) const BY_HAND: &str = "by hand";

/// The deliveries of a paused tenant.
pub const TENANT_PAUSED: &str = "tenant paused";

/// What holds a delivery of this tenant from the start, if its tenant is paused; for statements that read `tenant`.
macro_rules! held_if_paused {
    () => {
        "CASE WHEN tenant.paused_at IS NOT NULL THEN 'tenant paused' END"
    };
}
pub(in crate::store) use held_if_paused;

/// What people hold a delivery for that comes back by itself: it alone, or all of its tenant's. For statements that read
/// `tenant` and `delivery`, whose row was locked by an earlier statement: so a hold that came first is seen.
macro_rules! held_by_people {
    () => {
        "CASE WHEN delivery.held_by_hand THEN 'by hand' WHEN tenant.paused_at IS NOT NULL THEN 'tenant paused' END"
    };
}
pub(in crate::store) use held_by_people;

/// What has tripped a hold of its sender is due so much later than what is let go with it: behind it in the lane.
pub(in crate::store) const BEHIND: Duration = Duration::from_secs(5);

/// When a row of `lane_entry` is due that is let go, whatever held it: what has tripped a hold of its sender goes behind the
/// others, so that it is not the first to be refused again. The parameter `$behind` is [`BEHIND`] from now.
macro_rules! due_behind {
    ($behind:literal) => {
        concat!(
            "CASE WHEN lane_entry.due_at < ",
            $behind,
            " AND EXISTS (SELECT 1 FROM delivery
                          WHERE delivery.id = lane_entry.delivery_id AND delivery.tripped_at IS NOT NULL)
                  THEN ",
            $behind,
            " ELSE lane_entry.due_at END"
        )
    };
}
pub(in crate::store) use due_behind;

/// Whether a delivery that ended so may come back by itself: by a late answer, by a hold of its sender, or because what it
/// lacked has come.
pub(in crate::store) const fn may_come_back(concluded: Concluded) -> bool {
    matches!(concluded, Concluded::Uncertain | Concluded::Dead | Concluded::Rejected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_use_the_words_of_the_code() {
        let quoted = |word: &str| format!("'{word}'");
        assert!(held_if_paused!().contains(&quoted(TENANT_PAUSED)));
        assert!(held_by_people!().contains(&quoted(TENANT_PAUSED)));
        assert!(held_by_people!().contains(&quoted(BY_HAND)));
    }
}

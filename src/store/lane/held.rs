//! Why deliveries wait because people decided so: what `lane_entry.held` says of them.

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

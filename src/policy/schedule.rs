//! Delays that are written down one by one.

use std::time::Duration;

/// The delay that follows when `index` (from 0) went before; the last of the delays goes on.
pub(super) fn step(delays: &[Duration], index: u32) -> Duration {
    let last = delays.len().saturating_sub(1);
    let index = usize::try_from(index).unwrap_or(usize::MAX).min(last);
    delays.get(index).copied().unwrap_or_default()
}

//! Whether a load of documents gets on: bytes that have come, and how long none have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What comes of one load must be so much a second, on an average that begins after the patience for silence: a store
/// that sends a byte now and then hangs as one does that sends none.
const BYTES_PER_SECOND_MIN: u64 = 16 << 10;

/// Counts what comes of one load; cheap to clone, so that a reader's thread can count too.
#[derive(Debug, Clone, Default)]
pub(super) struct LoadProgress(Arc<AtomicU64>);

impl LoadProgress {
    /// So many bytes have come, or one other sign of life.
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Waits until nothing has come for `silence`, by how it counts, up to twice as long; or until too little has come
    /// of the `expected` bytes.
    pub(super) async fn stands_still(&self, silence: Duration, expected: u64) {
        let mut before = self.0.load(Ordering::Relaxed);
        for rounds in 0_u32.. {
            tokio::time::sleep(silence).await;
            let received = self.0.load(Ordering::Relaxed);
            if received == before || is_too_little(received, expected, silence * rounds) {
                return;
            }
            before = received;
        }
    }
}

/// Whether too little has come of the `expected` bytes, `time` after the patience for silence was over.
fn is_too_little(received: u64, expected: u64, time: Duration) -> bool {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    received < expected.min(milliseconds.saturating_mul(BYTES_PER_SECOND_MIN) / 1_000)
}

/// How long a load of so many bytes may take, by the same measure, before its store counts as slow.
pub(super) fn patience(silence: Duration, bytes: u64) -> Duration {
    silence * 2 + Duration::from_millis(bytes.saturating_mul(1_000) / BYTES_PER_SECOND_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drips_is_too_little_and_what_flows_is_not() {
        let at = Duration::from_secs;
        for (received, expected, time, too_little) in [
            (1, 400, at(0), false),
            (2, 400, at(2), true),
            (400, 400, at(2), false),
            (32 << 10, 5 << 20, at(2), false),
            (31 << 10, 5 << 20, at(2), true),
            (200 << 10, 5 << 20, at(12), false),
            (200 << 10, 5 << 20, at(14), true),
        ] {
            assert_eq!(is_too_little(received, expected, time), too_little, "{received} of {expected} after {time:?}");
        }
        assert_eq!(patience(at(2), 160 << 10), at(14));
    }

    #[tokio::test]
    async fn a_byte_now_and_then_is_waited_for_no_longer_than_silence() {
        let (progress, silence) = (LoadProgress::default(), Duration::from_millis(50));
        let dripping = async {
            loop {
                progress.add(1);
                tokio::time::sleep(silence / 4).await;
            }
        };
        let waiting = tokio::time::timeout(Duration::from_secs(20), progress.stands_still(silence, 1 << 20));
        tokio::select! {
            waited = waiting => waited.expect("it is given up"),
            () = dripping => unreachable!("it drips for ever"),
        }
    }
}

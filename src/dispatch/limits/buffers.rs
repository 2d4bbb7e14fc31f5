//! Buffers for messages, used again and again.
//!
//! A message is one large block of memory that is made on one thread and freed on another: left to the allocator, the
//! blocks in between stay with the process.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// Bytes that are kept for later at most: unused memory must not be much.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// The buffers of one worker; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Buffers(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Buffers {
    /// An empty buffer: the one that was given back last, or a new one.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        let mut kept = self.kept();
        let buffer = kept.buffers.pop().unwrap_or_default();
        kept.bytes -= buffer.capacity();
        buffer
    }

    /// Takes a buffer back whose bytes are not needed any more.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.kept();
        if kept.bytes + buffer.capacity() <= KEPT_BYTES_MAX {
            kept.bytes += buffer.capacity();
            kept.buffers.push(buffer);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_not_more_is_kept_than_may_be() {
        let buffers = Buffers::default();
        buffers.give_back(vec![1; 1 << 20]);
        let again = buffers.take();
        assert!(again.is_empty() && again.capacity() >= 1 << 20);
        assert_eq!(buffers.take().capacity(), 0, "it was the only one");
        for _ in 0..3 {
            buffers.give_back(Vec::with_capacity(KEPT_BYTES_MAX / 2));
        }
        let kept = (0..3).filter(|_| buffers.take().capacity() > 0).count();
        assert_eq!(kept, 2);
    }
}

//! A lane: one relay's bulkhead, with its own claims, connections, rate and circuit breaker.

pub mod batcher;
pub mod breaker;
pub mod liveness;

//! The benchmark: the real worker between a real broker, database and relay, beside the relay's own limit.
//!
//! Events are published, a worker process of this very binary sends them, and what it took is read from its records
//! and from the system's accounting of its process. Nothing is switched off for it: the same durability, the same
//! checks, the same log. It lives in a [`Environment`] of its own: database, queues and folder are made for the run and
//! removed after it.

mod environment;
mod run;
mod sink_limit;
mod statistics;
mod usage;
mod worker_process;
mod workload;

pub use environment::Environment;
pub use run::{Load, run};
pub use statistics::{Percentiles, Statistics};

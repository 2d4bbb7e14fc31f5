//! What all our HTTP listeners share: problems, the `Host` allow-list, probes, and an end with a deadline.

mod host;
mod listener;
mod probes;
mod problem;
mod serve;

pub use host::HostAllowList;
pub use probes::{Probes, observability_router, probes_router};
pub use problem::Problem;
pub use serve::serve;

#[cfg(test)]
pub(crate) mod wire;

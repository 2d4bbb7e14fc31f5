//! What all our HTTP listeners share: problems, the `Host` allow-list, and probes. Their connections are served by
//! [`crate::web`].

mod host;
mod probes;
mod problem;

pub use crate::web::serve;
pub use host::HostAllowList;
pub use probes::{Probes, observability_router, probes_router};
pub use problem::Problem;

#[cfg(test)]
pub(crate) mod wire;

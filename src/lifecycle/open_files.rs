//! How many files, sockets among them, the process may have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

/// More would not be used, and some systems allow a billion.
const ENOUGH: u64 = 65_536;

/// Raises the soft limit as far as the hard one allows, and returns what may be open now.
///
/// The soft limit is 1,024 on most machines, for programs that still use `select(2)`; those that do not are asked to raise
/// it themselves (systemd's documentation of `LimitNOFILE=`).
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(ENOUGH);
    let wanted = limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if wanted <= current {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            debug!("failed to raise the limit of open files from {current} to {wanted}: {error}");
            current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_returned_is_what_the_system_allows() {
        let raised = raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current.unwrap_or(ENOUGH), raised);
        assert!(raised >= limit.maximum.unwrap_or(ENOUGH).min(ENOUGH), "{raised} of {limit:?}");
    }
}

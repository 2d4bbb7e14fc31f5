//! Signal → drain → abort; whether the process is ready ([`Readiness`]) and its loops turn ([`Liveness`]).
//!
//! The first SIGTERM or SIGINT cancels a token: loops stop taking work and finish what is under way, up to a deadline.
//! The second ends the process at once; what was under way is taken over by other workers, or after a restart.

mod liveness;
mod open_files;
mod readiness;

use std::time::Duration;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use liveness::{Liveness, Pulse, keep_running};
pub use open_files::raise_open_files;
pub use readiness::{IntakeReadiness, Readiness, ReadinessState};

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(const_into_str)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    #[strum(serialize = "SIGINT")]
    Interrupt,
    /// SIGTERM: the service manager.
    #[strum(serialize = "SIGTERM")]
    Terminate,
}

impl Signal {
    /// What the process exits with when the signal ends it: 128 + the signal's number, as shells show it.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Listens for signals from now on: the first cancels the returned token, the second ends the process.
///
/// # Errors
/// If the system does not let us listen.
pub fn drain_on_signal() -> std::io::Result<CancellationToken> {
    let mut signals = Signals::listen()?;
    let drain = CancellationToken::new();
    let token = drain.clone();
    tokio::spawn(async move {
        let first = signals.next().await;
        tracing::info!(
            signal = first.into_str(),
            "{first} received: finishing what is under way; a second signal ends at once"
        );
        token.cancel();
        let second = signals.next().await;
        tracing::warn!(signal = second.into_str(), "{second} received again: ending at once");
        std::process::exit(second.exit_code());
    });
    Ok(drain)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        // An error means that Ctrl-C cannot arrive: there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

/// Waits until every task of `tasks` has ended, for `grace` at most; says how many have not.
///
/// Call it when the tasks know that they shall end.
pub async fn drained_within(tasks: &TaskTracker, grace: Duration) -> Result<(), usize> {
    tasks.close();
    tokio::time::timeout(grace, tasks.wait()).await.map_err(|_| tasks.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_tasks_up_to_its_deadline() {
        let tasks = TaskTracker::new();
        let end = CancellationToken::new();
        tasks.spawn(end.clone().cancelled_owned());
        assert_eq!(drained_within(&tasks, Duration::from_millis(20)).await, Err(1));
        end.cancel();
        assert_eq!(drained_within(&tasks, Duration::from_secs(30)).await, Ok(()));
    }

    /// The child of the next test: says when it listens and when it drains, and never ends by itself.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_process_that_drains_for_ever() {
        if std::env::var_os("LIFECYCLE_TEST_CHILD").is_some() {
            let drain = drain_on_signal().expect("the system lets us listen");
            println!("\nlistening");
            drain.cancelled().await;
            println!("\ndraining");
            std::future::pending::<()>().await;
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_first_signal_drains_and_the_second_aborts() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};

        for (first, second, code) in [("-TERM", "-INT", 130), ("-INT", "-TERM", 143)] {
            let mut child = Command::new(std::env::current_exe().expect("this binary"))
                .args(["--exact", "--nocapture", "lifecycle::tests::a_process_that_drains_for_ever"])
                .env("LIFECYCLE_TEST_CHILD", "1")
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the child starts");
            let pid = child.id().to_string();
            let signal =
                |name: &str| assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
            let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
            assert!(lines.any(|line| line == "listening"));
            signal(first);
            assert!(lines.any(|line| line == "draining"));
            signal(second);
            assert_eq!(child.wait().expect("the child ends").code(), Some(code));
        }
    }
}

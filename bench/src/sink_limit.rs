//! What the sink itself takes: the physical limit beside which the dispatcher is measured.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use invoice_dispatcher::clock::Clock;

/// Sends `count` messages of `bytes` bytes over `connections` connections with Postfix's `smtp-source`, as fast as it
/// can; returns messages a second, or `None` where `smtp-source` is not installed.
///
/// # Errors
/// If `smtp-source` fails.
pub async fn measure(
    clock: &Clock,
    sink: &(String, u16),
    connections: u32,
    bytes: u64,
    count: u32,
) -> anyhow::Result<Option<f64>> {
    let Some(program) = program() else { return Ok(None) };
    let mut command = Command::new(program);
    // -d: a connection is kept for the next message.
    command.args(["-d", "-f", "rechnung@bench.example", "-t", "ap@customer.example"]);
    command.args(["-s", &connections.to_string(), "-m", &count.to_string(), "-l", &bytes.to_string()]);
    command.arg(format!("{}:{}", sink.0, sink.1));
    let clock = clock.clone();
    let measured = tokio::task::spawn_blocking(move || {
        let begin = clock.monotonic();
        let output = command.output().context("smtp-source does not start")?;
        if !output.status.success() {
            bail!("smtp-source failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(clock.monotonic().saturating_sub(begin))
    });
    let took = measured.await??.max(Duration::from_millis(1));
    Ok(Some(f64::from(count) / took.as_secs_f64()))
}

/// Where Postfix keeps it: not everybody has the system's folders in `PATH`.
fn program() -> Option<std::path::PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join("smtp-source")).find(|path| path.is_file())
}

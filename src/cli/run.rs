//! `run`: the service itself.

use anyhow::anyhow;
use clap::ValueEnum;

use super::Globals;
use super::error::Advise as _;
use crate::app::{self, App, Listeners, Observability, Roles, Service};
use crate::lifecycle::{self, Liveness};

/// Consume events and send invoices until stopped
///
/// The first SIGTERM or Ctrl-C finishes what is under way, the second ends at once. Without configuration it is
/// embedded: a local database, events over HTTP, and nothing is sent until `SMTP_URL` names a relay.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  invoice-dispatcher run
  invoice-dispatcher run --config /etc/invoice-dispatcher/config.toml --role worker --role console

With RabbitMQ and PostgreSQL:
  DATABASE_URL=postgres://user:password@db.example/dispatcher?sslmode=verify-full \\
  AMQP_URL=amqps://user:password@rabbitmq.example/%2f \\
  SMTP_URL=smtps://user:password@mail.example \\
  PORTAL_URL=https://portal.example SECRET_KEYS=$(cat secret.key) invoice-dispatcher run")]
pub struct RunArgs {
    /// What this process does; may be given several times [default: all]
    #[arg(long = "role", value_enum, value_name = "ROLE")]
    pub roles: Vec<RoleArg>,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Consumes events and sends email
    Worker,
    /// Serves the API and the operators' pages
    Console,
    /// Serves the customers' pages
    Portal,
}

impl RunArgs {
    /// Whether this process has the role.
    #[must_use]
    pub fn has(&self, role: RoleArg) -> bool {
        self.roles.is_empty() || self.roles.contains(&role)
    }
}

/// Does what the command line says.
pub async fn run(args: RunArgs, globals: &Globals) -> anyhow::Result<()> {
    let config = globals.load()?;
    for app::Unprotected { problem, remedy, .. } in app::unprotected(&config) {
        tracing::warn!("{problem}; {remedy}");
    }
    for file in &config.open_secret_files {
        tracing::warn!("{file}; {}", file.remedy());
    }
    let stop = lifecycle::drain_on_signal()?;
    let roles = Roles {
        worker: args.has(RoleArg::Worker),
        console: args.has(RoleArg::Console),
        portal: args.has(RoleArg::Portal),
    };
    if !roles.worker && config.database.is_sqlite() {
        return Err(anyhow!("an SQLite database is one process's: the API and the portal run in the worker's"))
            .what_to_do("add --role worker, or set DATABASE_URL to a PostgreSQL database");
    }
    let role = if roles.worker { app::ProcessKind::Worker } else { app::ProcessKind::Command };
    // First of all, so that health checks show what it waits for, and an address that is in use is not found
    // out hours later.
    let observability = Observability::serve(&config, Liveness::default()).await?;
    let listeners = Listeners::open(&config, roles, &observability.probes).await?;
    let opening = App::open_when_reachable(config, role, &observability.probes.readiness);
    let Some(app) = stop.run_until_cancelled(opening).await else { return Ok(()) };
    Service::new(app?, roles, observability, listeners, stop).run().await
}

//! The command line: one file per command, tables for people, JSON for machines.

pub mod arguments;
pub mod audit;
pub mod customers;
pub mod dead_letters;
pub mod deliveries;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod explain;
pub mod find;
pub mod import;
pub mod links;
mod lookup;
pub mod migrate;
mod open;
pub mod operators;
pub mod portal_locks;
pub mod preview;
pub mod publish;
pub mod relays;
pub mod resend;
pub mod run;
pub mod settings;
pub mod tenants;
mod terminal;
pub mod tokens;
mod views;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::telemetry;
use terminal::output::Output;
pub use terminal::table::{Column, Table};

/// Delivers each invoice by email, once: with its documents attached, or with a link to the customer portal, as the
/// tenant's policy says.
///
/// A billing system publishes an event for each invoice; the dispatcher takes it from RabbitMQ, over HTTP or from a
/// file, and is responsible for it until the relay has accepted the email or a person has decided.
#[derive(Debug, Parser)]
#[command(name = "invoice-dispatcher", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Example: run everything on this machine, without any server
  invoice-dispatcher demo

Every setting is explained in config.toml. Each command has its own --help.")]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Globals {
    /// The configuration file [default: `CONFIG_FILE`, or ./config.toml if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Options of every command")]
    config: Option<PathBuf>,
    /// Print JSON, one object a line, in place of tables
    #[arg(long, global = true, help_heading = "Options of every command")]
    json: bool,
    /// Who makes the change, for the history [default: the system's user and host]
    #[arg(long = "as", global = true, value_name = "NAME", value_parser = open::name, help_heading = "Options of every command")]
    who: Option<String>,
    /// Start although the configuration is half embedded, half production
    #[arg(long, global = true, help_heading = "Options of every command")]
    allow_embedded: bool,
}

impl Globals {
    /// Reads the configuration, and starts logging as it says.
    fn load(&self) -> anyhow::Result<Config> {
        let config = Config::load(self.config.as_deref(), self.allow_embedded)?;
        telemetry::start_logging(&config.log);
        Ok(config)
    }

    /// Where results go.
    #[must_use]
    pub fn output(&self) -> Output {
        Output::to_stdout(self.json)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Run(run::RunArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
    Import(import::ImportArgs),
    Publish(publish::PublishArgs),
    Preview(preview::PreviewArgs),
    Find(find::FindArgs),
    Explain(explain::ExplainArgs),
    Resend(resend::ResendArgs),
    DeadLetters(dead_letters::DeadLettersArgs),
    Deliveries(deliveries::DeliveriesArgs),
    Relays(relays::RelaysArgs),
    Links(links::LinksArgs),
    PortalLocks(portal_locks::PortalLocksArgs),
    Settings(settings::SettingsArgs),
    Tenants(tenants::TenantsArgs),
    Customers(customers::CustomersArgs),
    Operators(operators::OperatorsArgs),
    Tokens(tokens::TokensArgs),
    Audit(audit::AuditArgs),
}

/// Does what the command line says, and reports what went wrong on standard error.
///
/// The exit code is 0, or 1 for an error, or 2 for a command line that cannot be understood.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::exit_usage(&error),
    };
    let json = cli.globals.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return error::exit(&anyhow::Error::new(error).context("the runtime cannot be started"), json),
    };
    let result = runtime.block_on(execute(cli));
    // A thread that reads standard input or resolves a name would otherwise hold the end.
    runtime.shutdown_background();
    result.map_or_else(|error| error::exit(&error, json), |()| ExitCode::SUCCESS)
}

async fn execute(cli: Cli) -> anyhow::Result<()> {
    let globals = &cli.globals;
    match cli.command {
        Command::Demo(args) => demo::run(args, globals).await,
        Command::Run(args) => Box::pin(run::run(args, globals)).await,
        Command::Migrate(args) => migrate::run(args, globals).await,
        // Boxed: it asks all servers at once.
        Command::Doctor(args) => Box::pin(doctor::run(args, globals)).await,
        Command::Import(args) => import::run(args, globals).await,
        Command::Publish(args) => publish::run(args, globals).await,
        Command::Preview(args) => preview::run(args, globals).await,
        Command::Find(args) => find::run(args, globals).await,
        Command::Explain(args) => explain::run(args, globals).await,
        Command::Resend(args) => resend::run(args, globals).await,
        Command::DeadLetters(args) => dead_letters::run(args, globals).await,
        Command::Deliveries(args) => deliveries::run(args, globals).await,
        Command::Relays(args) => relays::run(args, globals).await,
        Command::Links(args) => links::run(args, globals).await,
        Command::PortalLocks(args) => portal_locks::run(args, globals).await,
        Command::Settings(args) => settings::run(args, globals).await,
        Command::Tenants(args) => tenants::run(args, globals).await,
        Command::Customers(args) => customers::run(args, globals).await,
        Command::Operators(args) => operators::run(args, globals).await,
        Command::Tokens(args) => tokens::run(args, globals).await,
        Command::Audit(args) => audit::run(args, globals).await,
    }
}

#[cfg(test)]
mod tests;

//! `dead-letters`: what gave up or needs a fix.

use clap::Subcommand;

use super::Globals;
use super::arguments::{Limit, Reason, dead_letter_id, spelled};
use super::error::not_built_yet;
use crate::class::Class;
use crate::ids::DeadLetterId;

/// List, redrive or discard what could not be sent
///
/// A dead letter is an event or a delivery that gave up or needs a fix. Start with `groups`: one broken thing often makes
/// many.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show what they have in common: one row for each cause
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters groups")]
    Groups {
        /// Which.
        #[command(flatten)]
        filter: Filter,
    },
    /// Show them one by one, the oldest first
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters list --class refused --tenant acme")]
    List {
        /// Which.
        #[command(flatten)]
        filter: Filter,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Show all about one: what came, what went wrong, what to do
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters show 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11")]
    Show {
        /// Its id
        #[arg(value_parser = dead_letter_id)]
        id: DeadLetterId,
    },
    /// Try again, after the cause is gone
    #[command(after_help = "Examples:
  invoice-dispatcher dead-letters redrive 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11
  invoice-dispatcher dead-letters redrive --class retries_exhausted")]
    Redrive {
        /// Which.
        #[command(flatten)]
        selection: Selection,
    },
    /// Decide that they shall not be sent; can be taken back by restore
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters discard --group 5f2c9a01 --reason \"test data\"")]
    Discard {
        /// Which.
        #[command(flatten)]
        selection: Selection,
        /// Why.
        #[command(flatten)]
        why: Reason,
    },
    /// Take a discard back
    #[command(after_help = "Example:
  invoice-dispatcher dead-letters restore 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11")]
    Restore {
        /// Their ids
        #[arg(value_name = "ID", required = true, value_parser = dead_letter_id)]
        ids: Vec<DeadLetterId>,
    },
}

/// Which dead letters; all conditions hold together.
#[derive(Debug, clap::Args)]
pub struct Filter {
    /// Only of this class
    #[arg(long, value_parser = spelled!(Class), hide_possible_values = true)]
    pub class: Option<Class>,
    /// Only of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only of this group, as `groups` names it
    #[arg(long)]
    pub group: Option<String>,
}

/// Which dead letters something is done to; at least one way to say it.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Selection {
    /// Their ids
    #[arg(value_name = "ID", value_parser = dead_letter_id, conflicts_with_all = ["class", "tenant", "group", "all"])]
    pub ids: Vec<DeadLetterId>,
    /// All of this class
    #[arg(long, value_parser = spelled!(Class), hide_possible_values = true)]
    pub class: Option<Class>,
    /// All of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// All of this group, as `groups` names it
    #[arg(long)]
    pub group: Option<String>,
    /// All there are
    #[arg(long, conflicts_with_all = ["class", "tenant", "group"])]
    pub all: bool,
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("dead-letters").await
}

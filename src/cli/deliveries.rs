//! `deliveries`: the mails that are owed.

use clap::Subcommand;

use super::Globals;
use super::arguments::{Limit, Reason, delivery_id, moment};
use super::error::not_built_yet;
use crate::clock::Timestamp;
use crate::ids::DeliveryId;

/// List the mails that are owed, and decide about single ones
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// The states of a delivery, as people name them.
const STATES: [&str; 9] =
    ["due", "sending", "sent", "rejected", "dead", "discarded", "uncertain", "cancelled", "expired"];

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show them, the newest first
    #[command(after_help = "Examples:
  invoice-dispatcher deliveries list --state uncertain
  invoice-dispatcher deliveries list --tenant acme --limit 20")]
    List {
        /// Only in this state
        #[arg(long, value_parser = STATES)]
        state: Option<String>,
        /// Only of this tenant
        #[arg(long)]
        tenant: Option<String>,
        /// Only of this relay
        #[arg(long)]
        relay: Option<String>,
        /// How many.
        #[command(flatten)]
        limit: Limit,
    },
    /// Do not send it any more
    #[command(after_help = "Example:
  invoice-dispatcher deliveries cancel 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --reason \"the invoice was wrong\"")]
    Cancel {
        /// Its id
        #[arg(value_parser = delivery_id)]
        id: DeliveryId,
        /// Why.
        #[command(flatten)]
        why: Reason,
    },
    /// Send it now, in place of at its next retry; also lets one go that is held
    #[command(after_help = "Example:
  invoice-dispatcher deliveries send-now 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11")]
    SendNow {
        /// Its id
        #[arg(value_parser = delivery_id)]
        id: DeliveryId,
    },
    /// Say that the relay has taken it, for a delivery that is uncertain
    #[command(after_help = "Example:
  invoice-dispatcher deliveries mark-sent 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --reason \"it is in the relay's log\"")]
    MarkSent {
        /// Its id
        #[arg(value_parser = delivery_id)]
        id: DeliveryId,
        /// Why.
        #[command(flatten)]
        why: Reason,
    },
    /// Hold everything that may have been sent since a moment
    ///
    /// For the first start after the database was restored from a backup: what was sent after the backup is due again in
    /// it, and would be sent twice.
    #[command(after_help = "Example:
  invoice-dispatcher deliveries hold --all --since 2026-11-23T02:00:00Z")]
    Hold {
        /// Of every tenant; nothing less can be held
        #[arg(long, required = true)]
        all: bool,
        /// When the backup was made
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Timestamp,
    },
}

/// Does what the command line says.
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<()> {
    globals.load()?;
    not_built_yet("deliveries").await
}

//! `relays`: the SMTP servers that take our mail.

use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::arguments::ReasonArg;
use super::error::Advise;
use super::terminal::format::{count, relative};
use super::terminal::output::{ListRow, Output};
use super::terminal::table::Column;
use super::views::relay_health::{credentials_refused, health};
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::ids::RelayName;
use crate::model::state::BreakerState;
use crate::store::{LaneCounts, RefusedCredentials, RelayState};

/// List, pause or resume relays; release a held sender
#[derive(Debug, clap::Args)]
pub struct RelaysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: RelaysAction,
}

/// What to do with relays.
#[derive(Debug, Subcommand)]
pub enum RelaysAction {
    /// List relays: state, waiting deliveries, held senders
    #[command(after_help = "Example:
  invoice-dispatcher relays list")]
    List,
    /// Stop sending over a relay until resume; survives restarts
    #[command(after_help = "Example:
  invoice-dispatcher relays pause default --reason \"the provider is being changed\"")]
    Pause {
        /// Its name in the configuration
        relay: String,
        /// Why.
        #[command(flatten)]
        why: ReasonArg,
    },
    /// Send over a relay again; tries one at once that was unavailable, or refused our credentials
    #[command(after_help = "Example:
  invoice-dispatcher relays resume default")]
    Resume {
        /// Its name in the configuration
        relay: String,
    },
    /// Release a sender whose deliveries are held because a relay refused them
    #[command(after_help = "Example:
  invoice-dispatcher relays release-sender default invoices@tenant.example")]
    ReleaseSender {
        /// The relay's name
        relay: String,
        /// The sender's address, as `relays list` shows it
        sender: String,
    },
}

/// Does what the command line says.
pub async fn run(args: RelaysArgs, globals: &Globals) -> anyhow::Result<()> {
    let app = globals.open().await?;
    let output = globals.output();
    match args.action {
        RelaysAction::List => {
            let rows = rows(&app).await?;
            output.rows(&rows, "no relay is configured: set SMTP_URL, or nothing is ever sent")?;
            // On a terminal a row is one line: what it may cut off is said whole below the table.
            if output.width().is_some() {
                for row in &rows {
                    row.why().iter().try_for_each(|why| output.say(&format!("\n{}: {why}", row.relay)))?;
                }
            }
        }
        RelaysAction::Pause { relay, why } => {
            let relay = configured(&app, &relay).await?;
            app.store.pause_relay(&relay, true, &globals.who().because(&why.reason)).await?;
            print_result(
                &app,
                output,
                &relay,
                "is paused; what is on the wire ends first, the rest waits until `relays resume`",
            )
            .await?;
        }
        RelaysAction::ReleaseSender { relay, sender } => {
            let relay = RelayName::from(relay.as_str());
            if !app.store.release_sender(&relay, &sender, &globals.who()).await? {
                let none = anyhow::anyhow!("the sender {sender} is not held at relay {relay}");
                return Err(none).what_to_do("`relays list` shows the senders that are held");
            }
            let freed = usize::try_from(app.store.let_senders_go().await?).unwrap_or(usize::MAX);
            let what = format!("releases the sender {sender}; due again: {}", count(freed, "delivery"));
            print_result(&app, output, &relay, &what).await?;
        }
        RelaysAction::Resume { relay } => {
            let relay = configured(&app, &relay).await?;
            app.store.pause_relay(&relay, false, &globals.who()).await?;
            let state = app.store.relay_state(&relay).await?;
            let works =
                state.breaker == BreakerState::Closed && app.store.refused_credentials(&relay).await?.is_empty();
            let what = if works { "sends again" } else { "is tried at once, and sends again when it works" };
            print_result(&app, output, &relay, what).await?;
        }
    }
    Ok(())
}

/// One relay as the list shows it.
#[derive(Serialize)]
struct RelayRow {
    relay: RelayName,
    /// Where it is; none if it is not configured here.
    address: Option<String>,
    /// `working`, `paused`, `open`, `half_open`, `credentials_refused`, or `not_configured`.
    state: &'static str,
    /// Why it does not work, or who paused it and why.
    reason: Option<String>,
    since: Option<Timestamp>,
    probe_at: Option<Timestamp>,
    /// Credentials that it refuses: workers with others send.
    credentials_refused: Vec<CredentialsRefused>,
    due: i64,
    later: i64,
    held: i64,
    sending: i64,
    due_oldest: Option<Timestamp>,
    /// Senders that it refuses, whose deliveries wait.
    senders_held: Vec<HeldSender>,
    #[serde(skip)]
    now: Timestamp,
}

/// Credentials that a relay refuses.
#[derive(Serialize)]
struct CredentialsRefused {
    user: String,
    since: Timestamp,
    reply: String,
    tries: u32,
    try_at: Timestamp,
    #[serde(skip)]
    text: String,
}

/// A sender that a relay refuses.
#[derive(Serialize)]
struct HeldSender {
    sender: String,
    since: Timestamp,
    /// `refused`, `same_words` or `daily_limit`.
    reason: &'static str,
    phase: &'static str,
    code: String,
    held: i64,
    trial_at: Timestamp,
}

impl ListRow for RelayRow {
    const COLUMNS: &'static [Column] = &[
        Column::whole("RELAY"),
        Column::text("ADDRESS").wide_only(),
        Column::text("STATE"),
        Column::whole("DUE"),
        Column::whole("LATER"),
        Column::whole("HELD"),
        Column::whole("SENDING"),
        Column::text("OLDEST DUE").wide_only(),
        Column::text("WHY"),
    ];

    fn cells(&self) -> Vec<String> {
        let ago = |at: Option<Timestamp>| at.map(|at| relative(at, self.now));
        let state = match ago(self.since) {
            Some(since) => format!("{}, {since}", self.state),
            None => self.state.to_owned(),
        };
        let why = self.why();
        vec![
            self.relay.to_string(),
            self.address.clone().unwrap_or_else(|| "-".to_owned()),
            state,
            self.due.to_string(),
            self.later.to_string(),
            self.held.to_string(),
            self.sending.to_string(),
            ago(self.due_oldest).unwrap_or_else(|| "-".to_owned()),
            if why.is_empty() { "-".to_owned() } else { why.join("; ") },
        ]
    }
}

impl RelayRow {
    /// Why mail waits, a sentence each.
    fn why(&self) -> Vec<String> {
        let probe = self.probe_at.map(|at| relative(at, self.now)).map(|probe| format!("tried again {probe}"));
        let credentials = self.credentials_refused.iter().map(|refused| refused.text.clone());
        let senders = self.senders_held.iter().map(|held| {
            let (since, trial) = (relative(held.since, self.now), relative(held.trial_at, self.now));
            let HeldSender { sender, phase, code, held, reason, .. } = held;
            format!("sender {sender} held since {since} ({reason}, {code} to {phase}): {held} wait, tried {trial}")
        });
        self.reason.iter().cloned().chain(probe).chain(credentials).chain(senders).collect()
    }
}

/// Every relay that is configured, that something waits for, or that people paused.
async fn rows(app: &App) -> anyhow::Result<Vec<RelayRow>> {
    let mut lanes = app.store.lane_counts().await?;
    let mut states: BTreeMap<RelayName, RelayState> =
        app.store.relay_states().await?.into_iter().map(|state| (state.relay.clone(), state)).collect();
    let paused = states.values().filter(|state| state.paused).map(|state| state.relay.clone());
    let names: BTreeSet<RelayName> = app.config.relays.keys().chain(lanes.keys()).cloned().chain(paused).collect();
    let now = app.store.now();
    let mut senders = held_senders(app).await?;
    let mut refused = all_credentials_refused(app, now).await?;
    Ok(names
        .into_iter()
        .map(|relay| {
            let state = states.remove(&relay).unwrap_or_else(|| RelayState::closed(relay.clone()));
            let counts = lanes.remove(&relay).unwrap_or_default();
            let config = app.config.relays.get(&relay);
            let address = config.map(|config| format!("{:?}", config.url));
            let connections = config.map(|config| config.connections);
            let senders_held = senders.remove(&relay).unwrap_or_default();
            let credentials_refused = refused.remove(&relay).unwrap_or_default();
            let row = row(relay, address, state, counts, now);
            let only_credentials = row.state == "working" && !credentials_refused.is_empty();
            let state = if only_credentials { "credentials_refused" } else { row.state };
            let since = if only_credentials { credentials_refused.first().map(|first| first.since) } else { row.since };
            let busy = connections.filter(|_| row.state == "half_open");
            let busy = busy.and_then(|connections| no_connection_is_free(row.sending, connections));
            let reason = match (row.reason, busy) {
                (Some(reason), Some(busy)) => Some(format!("{reason}; {busy}")),
                (reason, busy) => reason.or(busy),
            };
            RelayRow { state, reason, since, credentials_refused, senders_held, ..row }
        })
        .collect())
}

/// The credentials that relays refuse, of workers that live.
async fn all_credentials_refused(
    app: &App,
    now: Timestamp,
) -> anyhow::Result<BTreeMap<RelayName, Vec<CredentialsRefused>>> {
    let mut all: BTreeMap<RelayName, Vec<CredentialsRefused>> = BTreeMap::new();
    for refused in app.store.all_refused_credentials().await?.into_iter().filter(|refused| refused.are_in_use(now)) {
        let text = credentials_refused(&refused, now);
        let RefusedCredentials { relay, user, reply, refused_at, tries, try_at, .. } = refused;
        let row = CredentialsRefused { user, since: refused_at, reply, tries, try_at, text };
        all.entry(relay).or_default().push(row);
    }
    Ok(all)
}

/// The senders that relays refuse.
async fn held_senders(app: &App) -> anyhow::Result<BTreeMap<RelayName, Vec<HeldSender>>> {
    let mut senders: BTreeMap<RelayName, Vec<HeldSender>> = BTreeMap::new();
    for (hold, held) in app.store.held_senders().await? {
        let (since, phase) = (hold.held_since, hold.phase.into_str());
        let reason = hold.reason.into_str();
        let sender =
            HeldSender { sender: hold.sender, since, reason, phase, code: hold.code, held, trial_at: hold.trial_at };
        senders.entry(hold.relay).or_default().push(sender);
    }
    Ok(senders)
}

fn row(relay: RelayName, address: Option<String>, state: RelayState, counts: LaneCounts, now: Timestamp) -> RelayRow {
    let (word, reason, since) = match state.breaker {
        _ if state.paused => ("paused", state.paused_by, state.paused_at),
        _ if address.is_none() => ("not_configured", None, None),
        BreakerState::Closed => ("working", None, None),
        breaker => (breaker.into_str(), health(&state), state.opened_at),
    };
    let LaneCounts { due, later, held, sending, due_oldest } = counts;
    let probe_at = state.probe_at.filter(|_| !state.paused);
    RelayRow {
        relay,
        address,
        state: word,
        reason,
        since,
        probe_at,
        credentials_refused: Vec::new(),
        due,
        later,
        held,
        sending,
        due_oldest,
        senders_held: Vec::new(),
        now,
    }
}

/// The relay of that name, if there is one.
async fn configured(app: &App, name: &str) -> anyhow::Result<RelayName> {
    let relay = RelayName::from(name);
    let known = rows(app).await?;
    if known.iter().any(|row| row.relay == relay) {
        return Ok(relay);
    }
    let names: Vec<&str> = known.iter().map(|row| row.relay.as_str()).collect();
    let advice = match names.as_slice() {
        [] => "set SMTP_URL to configure the relay `default`".to_owned(),
        names => format!("name one of: {}", names.join(", ")),
    };
    Err(anyhow::anyhow!("there is no relay {name:?}")).what_to_do(advice)
}

/// Says what became of a relay.
async fn print_result(app: &App, output: Output, relay: &RelayName, what: &str) -> anyhow::Result<()> {
    let row = rows(app).await?.into_iter().find(|row| row.relay == *relay);
    let (due, sending) = row.as_ref().map_or((0, 0), |row| (row.due, row.sending));
    Ok(output.one(&row, &format!("relay {relay} {what}\n{}", traffic(due, sending)))?)
}

/// What waits for a relay, and what is being sent.
fn traffic(due: i64, sending: i64) -> String {
    let waits = if due == 1 { "waits" } else { "wait" };
    let waiting = format!("{} {waits} for it now", deliveries(due));
    match sending {
        0 => waiting,
        1 => format!("{waiting}, and 1 is being sent"),
        sending => format!("{waiting}, and {sending} are being sent"),
    }
}

fn deliveries(number: i64) -> String {
    count(usize::try_from(number).unwrap_or_default(), "delivery")
}

/// That no connection is left for the trial of a relay: `sending` includes what was claimed for the trial.
fn no_connection_is_free(sending: i64, connections: u32) -> Option<String> {
    (sending > i64::from(connections)).then(|| {
        let each = if connections == 1 {
            "its only connection waits".to_owned()
        } else {
            format!("each of its {connections} connections waits")
        };
        format!("no connection is free for the trial: {each} for the relay's answer")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_and_what_is_being_sent_are_two_numbers() {
        for (due, sending, text) in [
            (0, 0, "0 deliveries wait for it now"),
            (1, 0, "1 delivery waits for it now"),
            (7, 1, "7 deliveries wait for it now, and 1 is being sent"),
            (1, 8, "1 delivery waits for it now, and 8 are being sent"),
        ] {
            assert_eq!(traffic(due, sending), text);
        }
    }

    #[test]
    fn a_trial_without_a_free_connection_says_so() {
        assert_eq!(no_connection_is_free(2, 2), None, "the trial has one of them");
        let said = no_connection_is_free(3, 2).expect("the third waits");
        assert_eq!(said, "no connection is free for the trial: each of its 2 connections waits for the relay's answer");
        assert!(no_connection_is_free(2, 1).expect("it waits").contains("its only connection waits"));
    }
}

//! What `doctor` asks the database.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::check::Check;
use super::relays::Refusals;
use super::{SECRET_KEYS, portal, senders};
use crate::app::AppError;
use crate::cli::error::sentence;
use crate::cli::terminal::format::{count, relative, span};
use crate::cli::views::relay_health::{credentials_refused, health};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::dispatch::HEARTBEAT;
use crate::model::ids::{RelayName, TenantId};
use crate::model::outbox::DeadLetterOutbox;
use crate::model::state::BreakerState;
use crate::model::tenant::TenantProfile;
use crate::secrets::{CredentialsKeys, LinkKeys};
use crate::store::{Store, StoreError};
use crate::upkeep::reconciliation::{self, Evidence, Finding, Reconciliation, ReconciliationFault};

/// A clock that is further off than this is worth a word; nothing depends on it.
const OFFSET_MAX: Duration = Duration::from_secs(5);
/// What waits longer than this for RabbitMQ is worth a word.
const OUTBOX_WAIT_MAX: Duration = Duration::from_mins(1);
/// The check of the dead letters' mirror.
const MIRROR: &str = "dead-letter mirror";
/// Between two looks whether a worker has beaten.
const LOOK: Duration = Duration::from_millis(250);

/// The database, reached and of this version; and what was seen on the way there.
pub(super) struct DatabaseChecks {
    store: Store,
    seen: Vec<Check>,
}

impl DatabaseChecks {
    /// Reaches the database; else what is wrong.
    pub(super) async fn open(config: &Config) -> Result<Self, Check> {
        const NAME: &str = "database";
        let url = &config.database.url;
        let file = url.expose().strip_prefix("sqlite://");
        if file.is_some_and(|file| matches!(Path::new(file).try_exists(), Ok(false))) {
            let detail = format!("{url}: there is none yet");
            return Err(Check::warn(NAME, detail, "start `invoice-dispatcher run`, which makes it"));
        }
        let clock = Clock::system();
        let remedy = "start the database, or correct DATABASE_URL";
        let store = Store::open_beside(url.expose(), clock)
            .await
            .map_err(|error| Check::fail(NAME, format!("{url}: {}", sentence(&error.into())), remedy))?;
        let failed = |error: StoreError| Check::fail(NAME, format!("{url}: {}", sentence(&error.into())), remedy);
        store.answers().await.map_err(failed)?;
        let schema = store.schema().await.map_err(failed)?;
        if let Some(newest) = schema.unknown.last() {
            let detail = format!("{url}: its schema is version {}, which this program does not know", newest.version);
            return Err(Check::fail(NAME, detail, "run the later version of invoice-dispatcher that made it"));
        }
        if !schema.missing.is_empty() {
            let detail = format!("{url}: {}", AppError::Schema);
            return Err(Check::fail(NAME, detail, "run: invoice-dispatcher migrate"));
        }
        let mut seen = vec![Check::ok(NAME, format!("{url} answers; its schema is version {}", schema.version()))];
        seen.push(clock_offset(&store).await.map_err(failed)?);
        Ok(Self { store, seen })
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// How many dead letters should stand in the mirror.
    pub(super) async fn published_and_open(&self) -> Option<u64> {
        self.store.published_and_open().await.ok()
    }

    /// Which credentials the relays have refused; `keys` name them.
    pub(super) async fn refusals(&self, keys: Option<CredentialsKeys>) -> Refusals {
        match self.store.all_refused_credentials().await {
            Ok(rows) => Refusals::Known { rows, keys, now: self.store.now() },
            Err(_) => Refusals::Unknown,
        }
    }

    /// Every tenant with its relay and what its mails show.
    pub(super) async fn tenants(&self) -> Result<Vec<(TenantId, RelayName, TenantProfile)>, StoreError> {
        self.store.tenants_of_relays().await
    }

    /// Everything that the database knows.
    pub(super) async fn checks(
        &self,
        config: &Config,
        keys: &Result<Option<LinkKeys>, Check>,
        evidence: Option<&Evidence>,
    ) -> Vec<Check> {
        let mut checks = self.seen.clone();
        let failed = |name, error: StoreError| {
            vec![Check::fail(name, sentence(&error.into()), "look at the database, and ask again")]
        };
        checks.extend(self.workers().await.unwrap_or_else(|error| failed("workers", error)));
        checks.extend(self.lanes(config).await.unwrap_or_else(|error| failed("lanes", error)));
        checks.extend(senders::held(&self.store).await.unwrap_or_else(|error| failed(senders::NAME, error)));
        checks.extend(self.outcomes(config).await.unwrap_or_else(|error| failed("outcomes", error)));
        checks.extend(self.mirror(config).await.unwrap_or_else(|error| failed(MIRROR, error)));
        checks.extend(match keys {
            Ok(keys) => self.keys(keys.as_ref()).await.unwrap_or_else(|error| failed(SECRET_KEYS, error)),
            Err(check) => vec![check.clone()],
        });
        checks.extend(
            portal::verification(&self.store, config).await.unwrap_or_else(|error| failed(portal::VERIFICATION, error)),
        );
        checks.extend(portal::proxies(&self.store).await.unwrap_or_else(|error| failed(portal::PROXIES, error)));
        if let Some(evidence) = evidence {
            let audited = reconciliation::audit(&self.store, evidence).await;
            checks.extend(audited.map_or_else(|error| failed("ledger", error), |audited| balance(&audited)));
        }
        checks
    }

    /// Whether each worker beats, as one that lives does within [`HEARTBEAT`].
    async fn workers(&self) -> Result<Vec<Check>, StoreError> {
        const NAME: &str = "workers";
        let clock = self.store.clock();
        let begin = clock.monotonic();
        let mut silent = self.store.workers().await?;
        if silent.is_empty() {
            let remedy = "start: invoice-dispatcher run";
            return Ok(vec![Check::warn(NAME, "none is at work; nothing is sent", remedy)]);
        }
        let all = silent.len();
        while !silent.is_empty() && clock.monotonic().saturating_sub(begin) < HEARTBEAT * 2 {
            tokio::time::sleep(LOOK).await;
            let now = self.store.workers().await?;
            // One that has beaten lives, and one that is gone has ended in order.
            silent.retain(|worker| now.contains(worker));
        }
        let alive = all - silent.len();
        let beaten = span(clock.monotonic().saturating_sub(begin));
        Ok(vec![match (alive, silent.len()) {
            (_, 0) => Check::ok(NAME, format!("{} at work", count(alive, "worker"))),
            (0, dead) => Check::warn(
                NAME,
                format!("none is at work; {} silent for {beaten}", count(dead, "worker")),
                "start: invoice-dispatcher run; it takes over what they had in hand",
            ),
            (_, dead) => Check::warn(
                NAME,
                format!("{} at work, {dead} silent for {beaten}", count(alive, "worker")),
                "wait a minute: the others take over what a dead worker had in hand",
            ),
        }])
    }

    /// Relays that mail waits for although no worker has them, or that do not send for now.
    async fn lanes(&self, config: &Config) -> Result<Vec<Check>, StoreError> {
        let lanes = self.store.lane_counts().await?;
        let waiting = |number: i64| count(usize::try_from(number).unwrap_or_default(), "delivery");
        let unserved = lanes.iter().filter(|(relay, _)| !config.relays.contains_key(relay)).map(|(relay, lane)| {
            let number = waiting(lane.due + lane.later + lane.held + lane.sending);
            Check::fail(
                format!("lane {relay}"),
                format!("{number} of a relay that is not configured"),
                "configure it (SMTP_URL for the relay default), or import the tenants with another; else they become \
                 dead letters when a worker has waited for it ten minutes",
            )
        });
        let mut checks: Vec<Check> = unserved.collect();
        let now = self.store.now();
        for state in self.store.relay_states().await?.iter().filter(|state| config.relays.contains_key(&state.relay)) {
            let name = format!("lane {}", state.relay);
            let number = lanes.get(&state.relay).map_or(0, |lane| lane.due);
            let since = |at: Option<_>| at.map_or_else(String::new, |at| format!(" {}", relative(at, now)));
            let resume = format!("run: invoice-dispatcher relays resume {}", state.relay);
            if state.paused {
                let by = state.paused_by.as_deref().unwrap_or("somebody");
                let detail = format!("paused{} by {by}; {} wait", since(state.paused_at), waiting(number));
                checks.push(Check::warn(name, detail, resume));
            } else if state.breaker == BreakerState::HalfOpen {
                let detail = format!("{}; {} wait", health(state).unwrap_or_default(), waiting(number));
                checks.push(Check::warn(name, detail, "nothing; it sends all again when these are answered"));
            } else if state.breaker == BreakerState::Open {
                let health = health(state).unwrap_or_else(|| "it failed too often".to_owned());
                let detail = format!("stopped{}: {health}; {} wait", since(state.opened_at), waiting(number));
                checks.push(Check::warn(
                    name,
                    detail,
                    format!("nothing if the relay is tried anew soon, else {resume}"),
                ));
            }
        }
        let refused = self.store.all_refused_credentials().await?;
        for refused in refused.iter().filter(|refused| config.relays.contains_key(&refused.relay)) {
            if refused.are_in_use(now) {
                let remedy = format!(
                    "correct user and password in the relay's URL and restart the workers that have these; or mend the \
                     account, then run: invoice-dispatcher relays resume {}",
                    refused.relay
                );
                checks.push(Check::warn(format!("lane {}", refused.relay), credentials_refused(refused, now), remedy));
            }
        }
        Ok(checks)
    }

    /// Outcomes that wait for RabbitMQ, where the billing system is told them.
    async fn outcomes(&self, config: &Config) -> Result<Vec<Check>, StoreError> {
        const NAME: &str = "outcomes";
        if !config.broker.publishes_outcomes() {
            return Ok(Vec::new());
        }
        let waiting = self.store.waiting_outcomes().await?;
        let number = count(usize::try_from(waiting.count).unwrap_or(usize::MAX), "outcome");
        let waited = self.waited(waiting.oldest);
        Ok(vec![match waiting.count {
            0 => Check::ok(NAME, "the billing system was told every one"),
            _ if waited <= OUTBOX_WAIT_MAX => Check::ok(NAME, format!("{number} on the way to RabbitMQ")),
            _ => Check::warn(
                NAME,
                format!("{number} not told to the billing system, the first for {}", span(waited)),
                "see that a worker is at work, and that RabbitMQ and every queue bound to the outcomes take messages",
            ),
        }])
    }

    /// Dead letters that wait for RabbitMQ, where a queue mirrors them.
    async fn mirror(&self, config: &Config) -> Result<Vec<Check>, StoreError> {
        if config.broker.url.is_none() {
            return Ok(Vec::new());
        }
        let (waiting, oldest) = self.store.waiting_mirror_entries().await?;
        let waited = self.waited(oldest);
        if waited <= OUTBOX_WAIT_MAX {
            return Ok(Vec::new());
        }
        let number = count(usize::try_from(waiting).unwrap_or(usize::MAX), "dead letter");
        Ok(vec![Check::warn(
            MIRROR,
            format!("{number} not in its queue in RabbitMQ yet, the first for {}", span(waited)),
            "see that a worker is at work, and that RabbitMQ and the queue of dead letters take messages; the database \
             has them (`dead-letters list`)",
        )])
    }

    fn waited(&self, oldest: Option<Timestamp>) -> Duration {
        oldest.map_or(Duration::ZERO, |oldest| self.store.now().since(oldest))
    }

    /// Whether every key that links were made with is still there.
    async fn keys(&self, keys: Option<&LinkKeys>) -> Result<Vec<Check>, StoreError> {
        let uses = self.store.keys_in_use().await?;
        let is_there = |name: &str| keys.is_some_and(|keys| keys.by_fingerprint(name).is_some());
        let missing = uses.iter().filter(|(name, _)| !is_there(name));
        let mut checks: Vec<Check> = missing
            .map(|(name, used)| {
                let number = |number: i64, one| count(usize::try_from(number).unwrap_or_default(), one);
                let (deliveries, links) = (number(used.deliveries, "delivery"), number(used.links, "link"));
                let mut detail = format!(
                    "key {name} is missing: {deliveries} cannot be sent, {links} in customers' hands open nothing"
                );
                if used.apps > 0 {
                    let apps = number(used.apps, "operator");
                    let _ = write!(detail, ", {apps} cannot sign in by their authenticator app");
                }
                Check::fail(SECRET_KEYS, detail, "put it back, behind the newest: SECRET_KEYS=newest,older")
            })
            .collect();
        if checks.is_empty() {
            checks.push(match keys {
                None => Check::ok(SECRET_KEYS, "none yet; one is made at the first start"),
                Some(keys) => {
                    let names: Vec<&str> = keys.fingerprints().collect();
                    Check::ok(SECRET_KEYS, format!("{}, newest first; no other is in use", names.join(", ")))
                }
            });
        }
        Ok(checks)
    }
}

/// How far this machine's clock is from the database's.
async fn clock_offset(store: &Store) -> Result<Check, StoreError> {
    const NAME: &str = "clock";
    let here = Clock::system();
    let theirs = store.align_clock().await?;
    let ours = here.now();
    let off = ours.since(theirs).max(theirs.since(ours));
    Ok(if off <= OFFSET_MAX {
        Check::ok(NAME, format!("{} ms from the database's", off.as_millis()))
    } else {
        let side = if ours > theirs { "ahead of" } else { "behind" };
        let detail = format!("{} {side} the database's, which counts", span(off));
        Check::warn(NAME, detail, "set this machine's clock (NTP), or its logs mislead")
    })
}

/// Whether everything adds up, and what does not.
fn balance(reconciliation: &Reconciliation) -> Vec<Check> {
    const NAME: &str = "ledger";
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (events, deliveries) =
        (count(number(reconciliation.events), "event"), count(number(reconciliation.deliveries), "delivery"));
    let whose = |finding: &Finding| {
        let whose = [finding.tenant.as_ref().map(TenantId::as_str), finding.invoice.as_deref()];
        format!("{NAME} {}", whose.into_iter().flatten().collect::<Vec<_>>().join(" ")).trim_end().to_owned()
    };
    let notices = reconciliation.notices.iter().map(|finding| {
        let remedy = if finding.fault == ReconciliationFault::Unseen {
            "look again in a moment; if it stays unseen, mend what does not answer, stop the workers and look once more: \
             then it is in the database, in a queue, or lost"
        } else {
            "tell the customer which of the two mails counts, if they ask; nothing is wrong here"
        };
        Check::warn(whose(finding), format!("{}: {}", finding.fault, finding.detail), remedy)
    });
    if reconciliation.balances() {
        let balanced = Check::ok(NAME, format!("{events}, {deliveries}, each in exactly one state"));
        return std::iter::once(balanced).chain(notices).collect();
    }
    let remedy = "keep a copy of the database, and report this with the version that --version prints";
    let mut found: Vec<String> =
        reconciliation.by_fault().iter().map(|(fault, number)| format!("{number} {}", fault.description())).collect();
    if reconciliation.more > 0 {
        found.push(format!("and {} more that are not named", reconciliation.more));
    }
    let detail = format!("{} ({events}, {deliveries})", found.join(", "));
    let named = reconciliation
        .findings
        .iter()
        .map(|finding| Check::fail(whose(finding), format!("{}: {}", finding.fault, finding.detail), remedy));
    std::iter::once(Check::fail(NAME, detail, remedy)).chain(named).chain(notices).collect()
}

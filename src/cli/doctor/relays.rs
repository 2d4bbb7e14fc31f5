//! What `doctor` asks the relays: whether each lets us in, short of a mail.
//!
//! A relay that cannot be used as configured often can be in another way. Where the kind of fault suggests it, that is
//! tried, too, without the login: so the hint is what was seen to work, and not a guess.

use std::time::Duration;

use futures_util::future::join_all;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::check::Check;
use super::relay_hints::{OtherWay, remedy};
use super::relay_senders::{self, TenantSender};
use crate::cli::error::sentence;
use crate::cli::terminal::format::relative;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::model::reply::Phase;
use crate::relay::{Connector, RelayConfig, RelayUnavailable, Security, Session, TransportFault};
use crate::secrets::CredentialsKeys;
use crate::store::RefusedCredentials;

/// How long one relay may take in all, whatever it does.
const RELAY_TIME_MAX: Duration = Duration::from_secs(15);
/// How long it may take to be reached, and to answer: less, so that an unanswered question can be reported.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(14);
/// When a relay has not let us in by then, it is asked in the other way meanwhile. Some wait a few seconds with their
/// banner, to see who talks before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the answer to QUIT, on which nothing depends.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is known of credentials that relays have refused.
#[derive(Debug, Clone)]
pub(super) enum Refusals {
    /// What the database says, at that time.
    Known {
        rows: Vec<RefusedCredentials>,
        /// What the rows name credentials with; none if no key is there.
        keys: Option<CredentialsKeys>,
        now: Timestamp,
    },
    /// The database cannot be asked.
    Unknown,
}

/// Why credentials are left alone.
enum NotTried<'a> {
    Refused(&'a RefusedCredentials, Timestamp),
    Unknown,
}

impl Refusals {
    /// Whether the credentials of this relay are to be left alone: a login more may lock the account.
    fn rest(&self, relay: &RelayConfig) -> Option<NotTried<'_>> {
        let (user, password) = relay.url.credentials.as_ref()?;
        let Self::Known { rows, keys, now } = self else { return Some(NotTried::Unknown) };
        let names = keys.as_ref().map(|keys| keys.names(user, password.expose_secret()));
        // Without a key it is not known whether these or earlier ones of this user were refused.
        let is_meant = |row: &&RefusedCredentials| {
            names.as_ref().map_or(row.user == *user, |names| names.contains(&row.fingerprint))
        };
        let row = rows.iter().filter(|row| row.relay == relay.name && !row.are_forgotten(*now)).find(is_meant)?;
        Some(NotTried::Refused(row, *now))
    }
}

/// What is to be done beside connecting.
pub(super) struct Tasks {
    /// Log in also with credentials that rest.
    pub(super) login: bool,
    /// The envelope senders to try, if any are.
    pub(super) senders: Option<Vec<TenantSender>>,
    pub(super) refusals: Refusals,
}

/// Every relay, up to its login.
pub(super) async fn checks(config: &Config, tasks: &Tasks) -> Vec<Check> {
    if config.relays.is_empty() {
        return vec![Check::warn("relays", "none is configured; nothing is ever sent", "set SMTP_URL")];
    }
    join_all(config.relays.values().map(|relay| of_relay(relay, tasks))).await.concat()
}

async fn of_relay(config: &RelayConfig, tasks: &Tasks) -> Vec<Check> {
    let name = format!("relay {}", config.name);
    let shown = format!("{:?}", config.url);
    let rest = if tasks.login { None } else { tasks.refusals.rest(config) };
    let mut asked = config.clone();
    asked.deadlines.connect = asked.deadlines.connect.min(ANSWER_TIME_MAX);
    asked.deadlines.command = asked.deadlines.command.min(ANSWER_TIME_MAX);
    if rest.is_some() {
        asked.url.credentials = None;
    }
    let connector = match Connector::new(asked.clone()) {
        Ok(connector) => connector,
        Err(problem) => {
            let problem = sentence(&problem.into());
            return vec![Check::fail(name, format!("{shown}: {problem}"), "correct the relay's configuration")];
        }
    };
    let session = match look(&connector, &asked).await {
        Ok(session) => session,
        Err(failed) => {
            let detail = format!("{shown}: {}", failed.detail);
            return vec![Check::fail(name, detail, failed.remedy)];
        }
    };
    let Some(senders) = &tasks.senders else {
        let _ = timeout(FAREWELL, session.quit()).await;
        return vec![rest.map_or_else(
            || Check::ok(&name, format!("{shown} lets us in")),
            |rest| resting(&name, &shown, config, &rest),
        )];
    };
    if let Some(rest) = rest {
        let _ = timeout(FAREWELL, session.quit()).await;
        return vec![resting(&name, &shown, config, &rest), relay_senders::not_tried(&config.name)];
    }
    let of_this = senders.iter().filter(|sender| sender.relay == config.name);
    let tried = relay_senders::checks(&connector, session, of_this).await;
    std::iter::once(Check::ok(&name, format!("{shown} lets us in"))).chain(tried).collect()
}

/// Why there is no session, and what to do.
struct Failed {
    detail: String,
    remedy: String,
}

/// Connects as configured, within [`RELAY_TIME_MAX`].
async fn look(connector: &Connector, config: &RelayConfig) -> Result<Session, Failed> {
    let deadline = Instant::now() + RELAY_TIME_MAX;
    let mut connecting = Box::pin(timeout_at(deadline, connector.connect()));
    let (answer, mut works) = tokio::select! {
        answer = &mut connecting => (Some(answer), None),
        works = other_way_after(PATIENCE, config, deadline) => (None, Some(works)),
    };
    let answer = match (answer, works) {
        (Some(answer), _) => answer,
        (None, Some(Some(other))) => {
            let detail = format!("it has not let us in within {} s", PATIENCE.as_secs());
            return Err(Failed { detail, remedy: other.remedy(config) });
        }
        (None, _) => connecting.await,
    };
    let Ok(answer) = answer else {
        let remedy = "ask who runs the relay why it is so slow; workers wait longer, but each mail waits with them";
        let detail = format!("it has not let us in within {} s", RELAY_TIME_MAX.as_secs());
        return Err(Failed { detail, remedy: remedy.to_owned() });
    };
    match answer {
        Ok(session) => Ok(session),
        Err(unavailable) => {
            if works.is_none() && is_of_protection(&unavailable) {
                works = Some(other_way_after(Duration::ZERO, config, deadline).await);
            }
            let other = works.flatten();
            let remedy = other.map_or_else(|| remedy(config, &unavailable), |other| other.remedy(config));
            Err(Failed { detail: unavailable.to_string(), remedy })
        }
    }
}

/// Whether the relay may be one that begins TLS in another way.
fn is_of_protection(unavailable: &RelayUnavailable) -> bool {
    let is_silent = unavailable.reply.is_none() && unavailable.phase == Phase::Banner;
    let no_tls = matches!(
        unavailable.fault,
        Some(TransportFault::NotTls | TransportFault::HandshakeCut | TransportFault::StartTlsNotOffered)
    );
    is_silent || no_tls || (unavailable.phase == Phase::Tls && unavailable.fault.is_none())
}

/// Asks the relay in the other way, without a login; says which works, if one does.
async fn other_way_after(time: Duration, config: &RelayConfig, deadline: Instant) -> Option<OtherWay> {
    tokio::time::sleep(time).await;
    let other = match config.url.security {
        Security::ImplicitTls => Security::StartTls,
        Security::StartTls | Security::Plain | Security::PrivatePlain => Security::ImplicitTls,
    };
    let mut asked = config.clone();
    asked.url.security = other;
    asked.url.credentials = None;
    let connector = Connector::new(asked).ok()?;
    match timeout_at(deadline, connector.probe()).await {
        Ok(Ok(())) if other == Security::StartTls => Some(OtherWay::StartTls),
        Ok(Ok(())) => Some(OtherWay::ImplicitTls),
        Ok(Err(unavailable)) => match unavailable.fault {
            // It speaks TLS, and its certificate is the next thing to be mended.
            Some(TransportFault::Certificate(_)) if other == Security::StartTls => Some(OtherWay::StartTls),
            Some(TransportFault::Certificate(_)) => Some(OtherWay::ImplicitTls),
            Some(TransportFault::StartTlsNotOffered) if other == Security::StartTls => Some(OtherWay::None),
            _ => None,
        },
        Err(_) => None,
    }
}

/// The relay answers, and was not asked to let us in.
fn resting(name: &str, shown: &str, config: &RelayConfig, rest: &NotTried<'_>) -> Check {
    match rest {
        NotTried::Refused(refused, now) => {
            let next = if refused.try_at <= *now {
                "due, by the next worker that has them".to_owned()
            } else {
                relative(refused.try_at, *now)
            };
            let detail = format!(
                "{shown} answers; not logged in, since it has refused these credentials (user {}, {}: {}), so they rest; \
                 next try {next}",
                refused.user,
                relative(refused.refused_at, *now),
                refused.reply
            );
            let relay = &config.name;
            let remedy = format!(
                "correct user and password in its URL and restart the workers; or mend the account, then run: \
                 invoice-dispatcher relays resume {relay} (`doctor --login` tries them once)"
            );
            Check::fail(name, detail, remedy)
        }
        NotTried::Unknown => {
            let detail = format!(
                "{shown} answers; not logged in, since without the database nobody knows whether it has refused these \
                 credentials"
            );
            Check::warn(name, detail, "mend the database first; `doctor --login` logs in all the same")
        }
    }
}

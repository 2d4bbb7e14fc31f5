//! Whether this worker may log in at its relay.
//!
//! A refusal of credentials (5xx at AUTH) does not mean that the relay is away, so it does not count for the breaker;
//! repeated logins could lock the account. The refusal is a row that all workers with the same credentials share: they
//! send nothing to this relay, and one of them, under a lease, tries to log in again. Workers with other credentials
//! send.

use std::fmt;
use std::time::Duration;

use metrics::gauge;
use parking_lot::{Mutex, MutexGuard};
use secrecy::ExposeSecret;
use tracing::{info, warn};

use crate::clock::{Clock, Timestamp};
use crate::model::ids::{RelayName, WorkerId};
use crate::policy::breaker::login_delay;
use crate::relay::{Connector, RelayUnavailable, RelayUrl};
use crate::secrets::CredentialsKeys;
use crate::store::{RefusedCredentials, Store, StoreError};
use crate::telemetry::metric;

/// How long the lease to try holds.
const LEASE: Duration = Duration::from_mins(2);

/// The next try after one that found the relay away or busy (4xx), which says nothing about the credentials.
const AFTER_NO_WORD: Duration = Duration::from_mins(2);

/// One worker's credentials at one relay.
pub struct Credentials {
    relay: RelayName,
    worker: WorkerId,
    store: Store,
    clock: Clock,
    /// None: the relay wants no login.
    login: Option<Login>,
    rest: Mutex<CredentialsRest>,
}

struct Login {
    user: String,
    /// What names them in the database: by the newest key, which new rows are written with, and by older ones.
    names: Vec<String>,
}

#[derive(Debug, Default)]
struct CredentialsRest {
    /// They are refused, as far as is known here.
    refused: bool,
    /// A refusal that could not be written to the database yet.
    unwritten: Option<RefusedCredentials>,
    /// Refusals so far: what was read from the database before the last one is outdated.
    refusals: u64,
}

impl Credentials {
    /// Those that `url` holds.
    #[must_use]
    pub fn new(relay: RelayName, url: &RelayUrl, keys: &CredentialsKeys, store: Store, worker: WorkerId) -> Self {
        let login = url
            .credentials
            .as_ref()
            .map(|(user, password)| Login { user: user.clone(), names: keys.names(user, password.expose_secret()) });
        Self { relay, worker, clock: store.clock().clone(), store, login, rest: Mutex::default() }
    }

    /// Whether the relay refuses them: then nothing is to be sent with them, nor probed.
    #[must_use]
    pub fn are_refused(&self) -> bool {
        self.rest().refused
    }

    /// The relay has just refused them. They are not used from now on, even if the database is unreachable.
    pub async fn refused(&self, unavailable: &RelayUnavailable) -> Result<(), StoreError> {
        let Some(login) = &self.login else { return Ok(()) };
        let now = self.clock.now();
        let refused = RefusedCredentials {
            relay: self.relay.clone(),
            fingerprint: login.names[0].clone(),
            user: login.user.clone(),
            reply: answer(unavailable),
            refused_at: now,
            tries: 0,
            try_at: now.plus(login_delay(0)),
            try_worker: None,
            try_until: None,
        };
        {
            let mut rest = self.rest();
            if rest.refused {
                return Ok(());
            }
            *rest = CredentialsRest { refused: true, unwritten: Some(refused.clone()), refusals: rest.refusals + 1 };
        }
        self.write(refused).await
    }

    /// Looks whether they are refused; returns the row if they are.
    pub async fn look(&self) -> Result<Option<RefusedCredentials>, StoreError> {
        let Some(login) = &self.login else { return Ok(None) };
        let unwritten = self.rest().unwritten.clone();
        if let Some(unwritten) = unwritten {
            self.write(unwritten).await?;
        }
        let (now, refusals) = (self.clock.now(), self.rest().refusals);
        let (forgotten, rows): (Vec<_>, Vec<_>) =
            self.store.refused_credentials(&self.relay).await?.into_iter().partition(|row| row.are_forgotten(now));
        let found = rows.into_iter().find(|row| login.names.contains(&row.fingerprint));
        if self.rest().refusals == refusals {
            self.set(found.is_some());
        }
        for row in forgotten {
            self.store.forget_refused_credentials(&row.relay, &row.fingerprint).await?;
        }
        Ok(found)
    }

    /// Tries them again, if that is due and no other worker does.
    pub async fn try_again(&self, connector: &Connector, refused: RefusedCredentials) -> Result<(), StoreError> {
        let now = self.clock.now();
        let RefusedCredentials { relay, fingerprint, .. } = &refused;
        if refused.try_at > now
            || !self.store.take_credentials_try(relay, fingerprint, self.worker, now.plus(LEASE)).await?
        {
            return Ok(());
        }
        let answered = connector.probe().await;
        let now = self.clock.now();
        let held = RefusedCredentials { try_worker: Some(self.worker), ..refused };
        match answered {
            Ok(()) => {
                self.store.forget_refused_credentials(&held.relay, &held.fingerprint).await?;
                self.set(false);
                info!(relay = %self.relay, "relay {} accepts the credentials of user {} again", self.relay, held.user);
                Ok(())
            }
            Err(unavailable) if unavailable.auth_refused => {
                let tries = held.tries + 1;
                let (reply, try_at) = (answer(&unavailable), now.plus(login_delay(tries)));
                let again = RefusedCredentials { reply, tries, try_at, ..held };
                self.store.refuse_credentials_again(&again).await?;
                log(&again, now);
                Ok(())
            }
            Err(unavailable) => {
                info!(relay = %self.relay, "the credentials of user {} could not be tried: {unavailable}", held.user);
                let later = RefusedCredentials { try_at: now.plus(AFTER_NO_WORD), ..held };
                self.store.refuse_credentials_again(&later).await
            }
        }
    }

    async fn write(&self, refused: RefusedCredentials) -> Result<(), StoreError> {
        if self.store.refuse_credentials(&refused).await? {
            log(&refused, self.clock.now());
        }
        self.rest().unwritten = None;
        self.set(true);
        Ok(())
    }

    /// What the database says, unless it does not know the last refusal yet.
    fn set(&self, refused: bool) {
        let mut rest = self.rest();
        rest.refused = refused || rest.unwritten.is_some();
        gauge!(metric::CREDENTIALS_REFUSED, "relay" => self.relay.to_string()).set(if rest.refused {
            1.0
        } else {
            0.0
        });
    }

    fn rest(&self) -> MutexGuard<'_, CredentialsRest> {
        self.rest.lock()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("relay", &self.relay).field("rest", &self.rest()).finish_non_exhaustive()
    }
}

fn log(refused: &RefusedCredentials, now: Timestamp) {
    let RefusedCredentials { relay, user, reply, try_at, .. } = refused;
    let minutes = try_at.since(now).as_secs().div_ceil(60);
    warn!(
        relay = %relay,
        "relay {relay} refuses these credentials (user {user}): {reply}; next try in {minutes} min; \
         `relays resume {relay}` tries at once"
    );
}

/// The relay's own words, if it had any.
fn answer(unavailable: &RelayUnavailable) -> String {
    unavailable.reply.as_ref().map_or_else(|| unavailable.detail.clone(), ToString::to_string)
}

//! Why a delivery that is due is not sent now.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::model::ids::{RelayName, TenantId};
use crate::model::state::{BreakerState, DeliveryState};
use crate::store::{Delivery, RefusedCredentials, RelayState, Store, StoreError, TENANT_PAUSED, TenantPause};

/// What holds deliveries up besides themselves.
#[derive(Debug, Clone, Default)]
pub struct LaneConditions {
    pub relays: Vec<RelayState>,
    /// Credentials that relays refuse.
    pub refused: Vec<RefusedCredentials>,
    /// Relays that mail waits for and no worker at work knows.
    pub unserved: BTreeSet<RelayName>,
    /// The tenant is paused.
    pub pause: Option<TenantPause>,
}

/// Why a due delivery is not sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason<'a> {
    TenantPaused(Option<&'a TenantPause>),
    /// By a person or by the sender guard; in whose words.
    Held(&'a str),
    RelayPaused(&'a RelayState),
    /// The relay is being tried with a few deliveries.
    RelayTried(&'a RelayState),
    RelayUnusable(&'a RelayState),
    CredentialsRefused(&'a RefusedCredentials),
    /// No worker that knows the relay is at work.
    RelayUnserved(&'a RelayName),
    /// Its time has not come.
    Later(Timestamp),
    /// It waits for its turn.
    Turn,
}

impl LaneConditions {
    /// What holds up deliveries of this tenant.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn read(store: &Store, tenant: &TenantId) -> Result<Self, StoreError> {
        Ok(Self {
            relays: store.relay_states().await?,
            refused: store.all_refused_credentials().await?,
            unserved: store.unknown_relays().await?,
            pause: store.tenant_pause(tenant).await?,
        })
    }
}

impl<'a> WaitReason<'a> {
    /// Why this delivery is not sent now; none of one that is not due.
    #[must_use]
    pub fn of(delivery: &'a Delivery, conditions: &'a LaneConditions, now: Timestamp) -> Option<Self> {
        if delivery.state != DeliveryState::Due {
            return None;
        }
        if let Some(held) = &delivery.held {
            let by_pause = held == TENANT_PAUSED;
            let pause = conditions.pause.as_ref();
            return Some(if by_pause { Self::TenantPaused(pause) } else { Self::Held(held) });
        }
        let of_relay = delivery.relay.as_ref();
        if let Some(state) = conditions.relays.iter().find(|state| Some(&state.relay) == of_relay) {
            match state.breaker {
                _ if state.paused => return Some(Self::RelayPaused(state)),
                BreakerState::HalfOpen => return Some(Self::RelayTried(state)),
                BreakerState::Open => return Some(Self::RelayUnusable(state)),
                BreakerState::Closed => {}
            }
        }
        let mut refused = conditions.refused.iter().filter(|refused| Some(&refused.relay) == of_relay);
        if let Some(refused) = refused.find(|refused| refused.are_in_use(now)) {
            return Some(Self::CredentialsRefused(refused));
        }
        if let Some(relay) = of_relay.filter(|relay| conditions.unserved.contains(*relay)) {
            return Some(Self::RelayUnserved(relay));
        }
        Some(match delivery.due_at {
            Some(at) if at > now => Self::Later(at),
            _ => Self::Turn,
        })
    }

    /// The same as a short sentence, without addresses; none where nothing holds it up.
    #[must_use]
    pub fn sentence(self) -> Option<String> {
        Some(match self {
            Self::TenantPaused(pause) => {
                let why = pause.map(|pause| format!(": {}", pause.reason)).unwrap_or_default();
                format!("the tenant is paused{why}")
            }
            Self::Held(held) => format!("it is held: {held}"),
            Self::RelayPaused(state) => format!("the relay {} is paused", state.relay),
            Self::RelayTried(state) => format!("the relay {} is being tried again", state.relay),
            Self::RelayUnusable(state) => {
                let why = state.reason.as_deref().unwrap_or("it did not answer");
                format!("the relay {} is not usable: {why}", state.relay)
            }
            Self::CredentialsRefused(refused) => format!("the relay {} refuses our credentials", refused.relay),
            Self::RelayUnserved(relay) => format!("no worker that knows the relay {relay} is at work"),
            Self::Later(_) | Self::Turn => return None,
        })
    }
}

//! The gauges that the database knows: asked now and then, never by a scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use metrics::gauge;
use strum::VariantArray as _;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::Timestamp;
use crate::model::ids::RelayName;
use crate::model::reason::ReasonCode;
use crate::model::state::{Concluded, DeliveryState};
use crate::store::{Store, StoreError};
use crate::telemetry::metric;

/// How often they are read.
const EVERY: Duration = Duration::from_secs(15);

/// Reads the gauges of one database.
#[derive(Debug)]
pub struct Gauges {
    store: Store,
    /// Whether messages leave for a broker at all.
    has_broker: bool,
    /// Relays that are configured, or that had something due: where nothing is due any more, the gauge says so.
    relays: BTreeSet<RelayName>,
    /// Classes that a dead letter may have, or had.
    classes: BTreeSet<ReasonCode>,
}

impl Gauges {
    /// The gauges of this database, whose messages leave for a broker or do not, and by these relays.
    #[must_use]
    pub fn new(store: Store, has_broker: bool, relays: BTreeSet<RelayName>) -> Self {
        let classes = ReasonCode::VARIANTS.iter().copied().filter(|class| class.makes_dead_letters()).collect();
        Self { store, has_broker, relays, classes }
    }

    /// Keeps them up to date until `stop`; they were read just now.
    pub async fn keep(mut self, stop: CancellationToken) {
        loop {
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
            self.refresh().await;
        }
    }

    /// Brings them up to date, if the database answers.
    pub async fn refresh(&mut self) {
        if let Err(error) = self.read().await {
            debug!("failed to read the gauges: {error}");
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no count comes near 2^52")]
    async fn read(&mut self) -> Result<(), StoreError> {
        let now = self.store.now();
        let mut counts: BTreeMap<DeliveryState, i64> =
            Concluded::VARIANTS.iter().map(|concluded| (DeliveryState::Concluded(*concluded), 0)).collect();
        counts.extend(self.store.state_counts().await?);
        for (state, count) in counts {
            gauge!(metric::DELIVERIES, "state" => state.into_str()).set(count as f64);
            if state == DeliveryState::Concluded(Concluded::Uncertain) {
                gauge!(metric::UNCERTAIN).set(count as f64);
            }
        }
        for (relay, waits) in longest_waits(&mut self.relays, &self.store.due_oldest().await?, now) {
            gauge!(metric::DUE_OLDEST_SECONDS, "relay" => relay.to_string()).set(waits.as_secs_f64());
        }
        for (class, count) in counts_of_all(&mut self.classes, &self.store.open_dead_letters().await?) {
            gauge!(metric::DEAD_LETTERS, "class" => class.into_str()).set(count as f64);
        }
        let oldest = self.store.oldest_dead_letter().await?;
        gauge!(metric::DEAD_LETTER_OLDEST_SECONDS).set(oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()));
        // Without a broker nothing leaves it, and its size says nothing.
        let oldest = if self.has_broker { self.store.outbox_oldest().await? } else { None };
        gauge!(metric::OUTBOX_OLDEST_SECONDS).set(oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()));
        Ok(())
    }
}

/// How many dead letters of each class are open, for every class that was ever seen: as for the relays below.
fn counts_of_all(classes: &mut BTreeSet<ReasonCode>, open: &BTreeMap<ReasonCode, i64>) -> Vec<(ReasonCode, i64)> {
    classes.extend(open.keys());
    classes.iter().map(|class| (*class, open.get(class).copied().unwrap_or(0))).collect()
}

/// How long the delivery that waits longest has been due, for every relay that was ever seen: a gauge that is set no
/// more would keep its last value.
fn longest_waits(
    relays: &mut BTreeSet<RelayName>,
    due_oldest: &BTreeMap<RelayName, Timestamp>,
    now: Timestamp,
) -> Vec<(RelayName, Duration)> {
    relays.extend(due_oldest.keys().cloned());
    let waits = |relay: &RelayName| due_oldest.get(relay).map_or(Duration::ZERO, |oldest| now.since(*oldest));
    relays.iter().map(|relay| (relay.clone(), waits(relay))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_open_dead_letters_counts_none() {
        let mut classes = BTreeSet::new();
        let open = BTreeMap::from([(ReasonCode::Refused, 4)]);
        assert_eq!(counts_of_all(&mut classes, &open), [(ReasonCode::Refused, 4)]);
        assert_eq!(counts_of_all(&mut classes, &BTreeMap::new()), [(ReasonCode::Refused, 0)], "it returns to 0");
    }

    #[test]
    fn a_relay_with_nothing_due_waits_for_no_time() {
        let relay = |name: &str| RelayName::from(name.to_owned());
        let mut relays = BTreeSet::from([relay("default")]);
        let due = BTreeMap::from([(relay("other"), Timestamp(1_000))]);
        let waits = |relays: &mut BTreeSet<RelayName>, due| longest_waits(relays, due, Timestamp(61_000));
        let (zero, minute) = (Duration::ZERO, Duration::from_mins(1));
        assert_eq!(waits(&mut relays, &due), [(relay("default"), zero), (relay("other"), minute)]);
        let none = BTreeMap::new();
        assert_eq!(waits(&mut relays, &none), [(relay("default"), zero), (relay("other"), zero)], "it returns to 0");
    }
}

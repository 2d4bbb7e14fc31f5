//! Which deliveries of the past would have gone otherwise, had other settings held.
//!
//! Each is decided again upon the inputs that were recorded with it, by the one function that decides. What is remembered
//! of them are counts and a few examples of each kind, however many they are.

use super::invoice_route::InvoiceRoute;
use crate::clock::Timestamp;
use crate::model::ids::DeliveryId;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::reason::ReasonCode;
use crate::model::settings::Settings;
use crate::policy::decision::Inputs;

/// So many of each change are named, the newest first.
pub const EXAMPLES_MAX: usize = 5;

/// A delivery of the past, as far as its decision goes.
#[derive(Debug, Clone)]
pub struct PastDelivery {
    pub id: DeliveryId,
    pub invoice_number: String,
    pub kind: InvoiceKind,
    pub created_at: Timestamp,
    /// What it was decided upon; none if it never came to a decision, or none was recorded.
    pub inputs: Option<Inputs>,
    /// Why no email was sent, where the decision was that.
    pub not_sent: Option<ReasonCode>,
}

/// What settings would have changed.
#[derive(Debug, Clone)]
pub struct HistoryComparison {
    settings: Settings,
    /// Deliveries that went as they would have.
    pub unchanged: u64,
    /// Deliveries of which it cannot be said: no decision is recorded.
    pub undecided: u64,
    /// What would have gone otherwise, the most frequent first once [`HistoryComparison::finish`] was called.
    pub changes: Vec<RouteChange>,
}

/// Deliveries that went one way and would have gone another.
#[derive(Debug, Clone)]
pub struct RouteChange {
    /// What became of them.
    pub from: InvoiceRoute,
    /// What would have.
    pub to: InvoiceRoute,
    /// How many they are.
    pub deliveries: u64,
    /// The newest of them.
    pub examples: Vec<ChangedDelivery>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedDelivery {
    pub id: DeliveryId,
    pub invoice_number: String,
    pub kind: InvoiceKind,
    pub created_at: Timestamp,
}

impl HistoryComparison {
    /// Nothing is looked at yet.
    #[must_use]
    pub const fn under(settings: Settings) -> Self {
        Self { settings, unchanged: 0, undecided: 0, changes: Vec::new() }
    }

    /// Looks at a delivery; the newest are to come first.
    pub fn add(&mut self, past: PastDelivery) {
        let Some(inputs) = past.inputs else {
            self.undecided += 1;
            return;
        };
        let from = past.not_sent.map_or_else(|| InvoiceRoute::of(&inputs), InvoiceRoute::NotSent);
        let to = InvoiceRoute::under(self.settings, &inputs);
        if from == to {
            self.unchanged += 1;
            return;
        }
        // There are a few dozen pairs at the most.
        let known = self.changes.iter().position(|change| change.from == from && change.to == to);
        let at = known.unwrap_or_else(|| {
            self.changes.push(RouteChange { from, to, deliveries: 0, examples: Vec::new() });
            self.changes.len() - 1
        });
        let change = &mut self.changes[at];
        change.deliveries += 1;
        if change.examples.len() < EXAMPLES_MAX {
            let PastDelivery { id, invoice_number, kind, created_at, .. } = past;
            change.examples.push(ChangedDelivery { id, invoice_number, kind, created_at });
        }
    }

    /// The most frequent change first.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.changes.sort_by_key(|change| std::cmp::Reverse(change.deliveries));
        self
    }

    /// How many deliveries would have gone otherwise.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changes.iter().map(|change| change.deliveries).sum()
    }

    /// How many deliveries were looked at.
    #[must_use]
    pub fn considered(&self) -> u64 {
        self.unchanged + self.undecided + self.changed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::customer::{CustomerType, VerificationRecord};
    use crate::model::settings::{PortalAuthentication, PortalLevel, SensitiveAttachments, VerificationMethod};
    use crate::policy::decision::{PortalAccess, PortalTerms};
    use crate::policy::invoice_route::ordinary_inputs;

    fn settings(sensitive_attachments: SensitiveAttachments, level: PortalLevel) -> Settings {
        let primary = level.verifies().then_some(VerificationMethod::PostcodeHouseNumber);
        Settings {
            sensitive_attachments,
            portal_authentication: PortalAuthentication { level, primary, secondary: None },
        }
    }

    fn past(number: u128, inputs: Option<Inputs>) -> PastDelivery {
        PastDelivery {
            id: DeliveryId(uuid::Uuid::from_u128(number)),
            invoice_number: format!("R-{number}"),
            kind: InvoiceKind::Invoice,
            created_at: Timestamp(i64::MAX),
            inputs,
            not_sent: None,
        }
    }

    #[test]
    fn what_would_have_gone_otherwise_is_counted_and_the_newest_are_named() {
        let held = settings(SensitiveAttachments::ExcludeForPrivate, PortalLevel::NotRequired);
        let record = |postcode_house_number| VerificationRecord { postcode_house_number, ..Default::default() };
        let inputs = |kind, complete| Some(ordinary_inputs(held, Some(kind), record(complete), false));
        let mut comparison =
            HistoryComparison::under(settings(SensitiveAttachments::Exclude, PortalLevel::SensitiveForPrivate));
        for number in 0..7 {
            comparison.add(past(number, inputs(CustomerType::Private, true)));
        }
        comparison.add(past(7, inputs(CustomerType::Private, false)));
        for number in 8..10 {
            comparison.add(past(number, inputs(CustomerType::Business, true)));
        }
        comparison.add(past(10, None));
        let mut already_so = inputs(CustomerType::Business, false).expect("given");
        already_so.settings = settings(SensitiveAttachments::Exclude, PortalLevel::NotRequired);
        comparison.add(past(11, Some(already_so)));
        let refused = PastDelivery {
            not_sent: Some(ReasonCode::NoVerificationMethod),
            ..past(12, inputs(CustomerType::Private, true))
        };
        comparison.add(refused);

        let comparison = comparison.finish();
        assert_eq!((comparison.considered(), comparison.changed()), (13, 11));
        assert_eq!((comparison.unchanged, comparison.undecided), (1, 1));
        let open = InvoiceRoute::Linked(PortalTerms { access: PortalAccess::Open, method: None });
        let method = Some(VerificationMethod::PostcodeHouseNumber);
        let verified = InvoiceRoute::Linked(PortalTerms { access: PortalAccess::Verified, method });
        let changes: Vec<_> = comparison.changes.iter().map(|one| (one.from, one.to, one.deliveries)).collect();
        assert_eq!(
            changes,
            [
                (open, verified, 7),
                (InvoiceRoute::Attached, open, 2),
                (open, InvoiceRoute::NotSent(ReasonCode::NoVerificationMethod), 1),
                (InvoiceRoute::NotSent(ReasonCode::NoVerificationMethod), verified, 1),
            ]
        );
        let named: Vec<_> = comparison.changes[0].examples.iter().map(|one| one.invoice_number.as_str()).collect();
        assert_eq!(named, ["R-0", "R-1", "R-2", "R-3", "R-4"]);
    }
}

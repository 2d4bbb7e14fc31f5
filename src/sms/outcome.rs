//! What became of a text message.

/// What became of a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsOutcome {
    /// The provider has it.
    Sent,
    /// The provider refuses this message; others are another matter.
    Refused {
        /// What it calls that, for logs and support.
        code: String,
        /// It is the number that it refuses, and always will: a landline, say, or one that does not exist.
        number_for_good: bool,
    },
    /// The provider does not work; it was certainly not sent.
    NotSent {
        /// Why, for logs.
        fault: String,
    },
    /// The provider does not work; whether it was sent, nobody knows.
    Unanswered {
        /// Why, for logs.
        fault: String,
    },
    /// Not tried: the provider did not work a moment ago.
    Down,
}

impl SmsOutcome {
    /// Whether it is a fault of the provider, or of our access to it, and not of one message.
    #[must_use]
    pub const fn is_providers_fault(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::Unanswered { .. })
    }

    /// What an answer that is no success means in any interface, if its status alone tells.
    pub(super) fn of_status(status: u16) -> Option<Self> {
        let fault = |why: &str| format!("HTTP status {status}: {why}");
        match status {
            300..=399 => Some(Self::NotSent { fault: fault("it leads elsewhere, which is not followed") }),
            401 | 403 => Some(Self::NotSent { fault: fault("it refuses our credentials") }),
            429 => Some(Self::NotSent { fault: fault("we ask for too much") }),
            // It may have gone out before something broke.
            408 | 500..=599 => Some(Self::Unanswered { fault: fault("it does not work") }),
            _ => None,
        }
    }
}

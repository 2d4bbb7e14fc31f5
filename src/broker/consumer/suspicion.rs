//! Whether one message makes the connection fail again and again, and how to consume around it.
//!
//! The broker hands a message over again when the connection fails that it came by. If that very message makes it fail
//! (something on the way cuts it, or the library cannot take it), all that came with it comes again too, for ever. So
//! after some failures without progress the queues are consumed one at a time, message by message: what stands before
//! the message flows, and so does the other queue. What stands behind it flows when the broker gives the message up
//! (`x-delivery-limit`), or a person takes it out.
//!
//! Pure: input is how attempts ended, output is how to make the next one.

/// Attempts in a row that begin to consume and fail without progress, before one message is suspected.
const FRUITLESS_MAX: u32 = 5;

/// A queue that is consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) enum QueueSource {
    /// The queue of events.
    Dispatch,
    /// What the broker has given up.
    Undelivered,
}

/// How the next attempt consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) enum ConsumePlan {
    /// Both queues by one connection, many messages at a time.
    Together,
    /// One queue for a while; one message at a time if `careful`.
    Alone { source: QueueSource, careful: bool },
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) enum AttemptEnd {
    /// The connection failed after consuming had begun.
    FailedConsuming {
        /// It had gone on before.
        progressed: bool,
    },
    /// It failed otherwise: no message is to blame.
    FailedOtherwise,
    /// The queue's turn was over.
    TurnOver,
}

/// What is known about the two queues.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::broker) struct Suspicion {
    fruitless: u32,
    /// While the queues are consumed one at a time.
    alone: Option<Alone>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alone {
    next: QueueSource,
    dispatch: KnownMessage,
    undelivered: KnownMessage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KnownMessage {
    /// Nothing yet.
    Unknown,
    /// Its turn ended without a failure.
    Flows,
    /// It cannot be handed over, or its first message makes the connection fail.
    Hindered,
}

impl Suspicion {
    pub(in crate::broker) fn plan(self) -> ConsumePlan {
        match &self.alone {
            None => ConsumePlan::Together,
            Some(alone) => {
                ConsumePlan::Alone { source: alone.next, careful: *alone.of(alone.next) != KnownMessage::Flows }
            }
        }
    }

    /// The queue that cannot be handed over, or whose first message makes the connection fail. The queue of events, if it is
    /// both.
    pub(in crate::broker) fn hindered(self) -> Option<QueueSource> {
        let alone = self.alone.as_ref()?;
        [QueueSource::Dispatch, QueueSource::Undelivered]
            .into_iter()
            .find(|source| *alone.of(*source) == KnownMessage::Hindered)
    }

    /// Neither queue can be consumed.
    pub(in crate::broker) fn is_all_hindered(self) -> bool {
        self.alone.is_some_and(|alone| {
            alone.dispatch == KnownMessage::Hindered && alone.undelivered == KnownMessage::Hindered
        })
    }

    /// Notes how an attempt ended that was made by [`Self::plan`].
    pub(in crate::broker) fn note(&mut self, end: AttemptEnd) {
        let Some(mut alone) = self.alone else {
            self.fruitless = match end {
                AttemptEnd::FailedConsuming { progressed: false } => self.fruitless + 1,
                AttemptEnd::FailedConsuming { progressed: true } | AttemptEnd::TurnOver => 0,
                AttemptEnd::FailedOtherwise => self.fruitless,
            };
            if self.fruitless >= FRUITLESS_MAX {
                let known = KnownMessage::Unknown;
                self.alone = Some(Alone { next: QueueSource::Dispatch, dispatch: known, undelivered: known });
            }
            return;
        };
        let source = alone.next;
        match end {
            AttemptEnd::FailedOtherwise => {}
            // What stood before the message has been taken in; it comes first now.
            AttemptEnd::FailedConsuming { progressed: true } => *alone.of_mut(source) = KnownMessage::Unknown,
            AttemptEnd::FailedConsuming { progressed: false } => {
                *alone.of_mut(source) = KnownMessage::Hindered;
                alone.next = source.other();
            }
            AttemptEnd::TurnOver => {
                *alone.of_mut(source) = KnownMessage::Flows;
                alone.next = source.other();
            }
        }
        let all_flows = alone.dispatch == KnownMessage::Flows && alone.undelivered == KnownMessage::Flows;
        *self = if all_flows { Self::default() } else { Self { alone: Some(alone), ..*self } };
    }
}

impl Alone {
    const fn of(&self, source: QueueSource) -> &KnownMessage {
        match source {
            QueueSource::Dispatch => &self.dispatch,
            QueueSource::Undelivered => &self.undelivered,
        }
    }

    const fn of_mut(&mut self, source: QueueSource) -> &mut KnownMessage {
        match source {
            QueueSource::Dispatch => &mut self.dispatch,
            QueueSource::Undelivered => &mut self.undelivered,
        }
    }
}

impl QueueSource {
    const fn other(self) -> Self {
        match self {
            Self::Dispatch => Self::Undelivered,
            Self::Undelivered => Self::Dispatch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: AttemptEnd = AttemptEnd::FailedConsuming { progressed: false };
    const FAILED_LATER: AttemptEnd = AttemptEnd::FailedConsuming { progressed: true };

    fn after(ends: &[AttemptEnd]) -> Suspicion {
        let mut suspicion = Suspicion::default();
        for end in ends {
            suspicion.note(*end);
        }
        suspicion
    }

    #[test]
    fn nothing_is_suspected_while_it_goes_on_or_the_broker_is_away() {
        for ends in [
            &[][..],
            &[FAILED; 4],
            &[FAILED, FAILED, FAILED, FAILED, FAILED_LATER, FAILED, FAILED, FAILED, FAILED],
            &[AttemptEnd::FailedOtherwise; 10],
        ] {
            assert_eq!(after(ends).plan(), ConsumePlan::Together, "{ends:?}");
            assert_eq!(after(ends).hindered(), None);
        }
        // The broker being away meanwhile says nothing about the message.
        let ends = [FAILED, FAILED, AttemptEnd::FailedOtherwise, FAILED, FAILED, FAILED];
        assert_eq!(after(&ends).plan(), ConsumePlan::Alone { source: QueueSource::Dispatch, careful: true });
    }

    #[test]
    fn the_queue_that_fails_takes_turns_with_the_one_that_flows() {
        let mut suspicion = after(&[FAILED; 5]);
        suspicion.note(FAILED_LATER);
        assert_eq!(suspicion.plan(), ConsumePlan::Alone { source: QueueSource::Dispatch, careful: true }, "it goes on");
        assert_eq!(suspicion.hindered(), None);
        suspicion.note(FAILED);
        assert_eq!(suspicion.hindered(), Some(QueueSource::Dispatch));
        assert_eq!(suspicion.plan(), ConsumePlan::Alone { source: QueueSource::Undelivered, careful: true });
        for _ in 0..5 {
            suspicion.note(AttemptEnd::TurnOver);
            assert_eq!(suspicion.plan(), ConsumePlan::Alone { source: QueueSource::Dispatch, careful: true });
            suspicion.note(FAILED);
            assert_eq!(suspicion.plan(), ConsumePlan::Alone { source: QueueSource::Undelivered, careful: false });
        }
        // The broker has given it up, and it is the other queue's now.
        suspicion.note(FAILED);
        suspicion.note(AttemptEnd::TurnOver);
        assert_eq!(suspicion.hindered(), Some(QueueSource::Undelivered));
        suspicion.note(FAILED);
        assert_eq!(
            suspicion.plan(),
            ConsumePlan::Alone { source: QueueSource::Dispatch, careful: false },
            "at full speed"
        );
    }

    #[test]
    fn both_may_be_hindered() {
        let mut suspicion = after(&[FAILED; 5]);
        suspicion.note(FAILED);
        assert!(!suspicion.is_all_hindered());
        suspicion.note(FAILED);
        assert!(suspicion.is_all_hindered());
        suspicion.note(AttemptEnd::TurnOver);
        assert!(!suspicion.is_all_hindered());
    }

    #[test]
    fn when_both_flow_they_are_consumed_together_again() {
        let mut suspicion = after(&[FAILED; 5]);
        suspicion.note(AttemptEnd::TurnOver);
        suspicion.note(AttemptEnd::TurnOver);
        assert_eq!(suspicion, Suspicion::default());
    }
}

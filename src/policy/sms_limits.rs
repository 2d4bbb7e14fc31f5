//! How many text messages may go out: by number, network and tenant. Pure.

use std::time::Duration;

use strum::{Display, IntoStaticStr};

use crate::clock::Timestamp;

/// The next text message to a number may go out so long after the last one.
pub const RESEND_AFTER: Duration = Duration::from_mins(1);
/// So many to one number within [`NUMBER_WINDOW`] …
pub const NUMBER_MAX: u32 = 3;
pub const NUMBER_WINDOW: Duration = Duration::from_mins(10);
/// … and so many within a day, over all links, customers and processes.
pub const NUMBER_DAY_MAX: u32 = 10;
/// So many for one network within a day.
pub const NETWORK_DAY_MAX: u32 = 30;
pub const DAY: Duration = Duration::from_hours(24);

/// What a text message has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SmsLimit {
    /// The last one to that number has just gone out.
    Resend,
    /// That number has had enough for now.
    Number,
    /// That network has asked for enough.
    Network,
    /// The tenant's budget for a day is spent.
    Budget,
}

/// When earlier text messages went out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmsHistory {
    /// Those to the number within a day, the newest first; no more than [`NUMBER_DAY_MAX`].
    pub to_number: Vec<Timestamp>,
    /// The [`NETWORK_DAY_MAX`]th newest of the network, if there were so many within a day.
    pub of_network: Option<Timestamp>,
    /// That of the tenant by which its budget was spent, if it is.
    pub of_tenant: Option<Timestamp>,
}

impl SmsHistory {
    /// Until when the next one has to wait, and for what; nothing if it may go out.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Option<(SmsLimit, Timestamp)> {
        let nth = |count: u32, window: Duration| Some(self.to_number.get(count as usize - 1)?.plus(window));
        [
            (SmsLimit::Resend, nth(1, RESEND_AFTER)),
            (SmsLimit::Number, nth(NUMBER_MAX, NUMBER_WINDOW)),
            (SmsLimit::Number, nth(NUMBER_DAY_MAX, DAY)),
            (SmsLimit::Network, self.of_network.map(|at| at.plus(DAY))),
            (SmsLimit::Budget, self.of_tenant.map(|at| at.plus(DAY))),
        ]
        .into_iter()
        .filter_map(|(limit, until)| until.filter(|until| now < *until).map(|until| (limit, until)))
        .max_by_key(|(_, until)| *until)
    }
}

/// Text messages of a tenant that have had the time to be entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SmsUse {
    pub sent: i64,
    pub entered: i64,
}

/// The time of which a tenant's text messages are looked at.
pub const USE_WINDOW: Duration = Duration::from_hours(1);

impl SmsUse {
    /// Whether so many go out and so few are entered that somebody may be earning from them (SMS pumping).
    #[must_use]
    pub const fn is_suspicious(self) -> bool {
        self.sent >= 20 && self.entered * 4 < self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000)
    }

    #[test]
    fn each_limit_says_until_when_to_wait() {
        /// When messages went out, when the next is asked for, and what it waits for until when; in seconds.
        type Case<'a> = (&'a [i64], i64, Option<(SmsLimit, i64)>);
        let history = |seconds: &[i64]| SmsHistory {
            to_number: seconds.iter().rev().map(|second| at(*second)).collect(),
            ..SmsHistory::default()
        };
        let cases: [Case<'_>; 8] = [
            (&[], 0, None),
            (&[0], 59, Some((SmsLimit::Resend, 60))),
            (&[0], 60, None),
            (&[0, 60], 120, None),
            (&[0, 60, 120], 130, Some((SmsLimit::Number, 600))),
            (&[0, 60, 120], 600, None),
            (&[0, 60, 120, 600], 610, Some((SmsLimit::Number, 660))),
            (&[0, 60, 120, 600, 660, 720, 1_200, 1_260, 1_320, 1_800], 9_000, Some((SmsLimit::Number, 86_400))),
        ];
        for (sent, now, expected) in cases {
            let expected = expected.map(|(limit, until)| (limit, at(until)));
            assert_eq!(history(sent).wait(at(now)), expected, "{sent:?} at {now}");
        }
        let network = SmsHistory { of_network: Some(at(0)), ..history(&[0]) };
        assert_eq!(network.wait(at(10)), Some((SmsLimit::Network, at(86_400))));
        let budget = SmsHistory { of_tenant: Some(at(5)), ..network };
        assert_eq!(budget.wait(at(10)), Some((SmsLimit::Budget, at(86_405))), "the longest wait counts");
        assert_eq!(budget.wait(at(86_405)), None);
    }

    #[test]
    fn many_messages_of_which_few_are_entered_are_suspicious() {
        for (sent, entered, expected) in [(19, 0, false), (20, 4, true), (20, 5, false), (100, 24, true), (0, 0, false)]
        {
            assert_eq!(SmsUse { sent, entered }.is_suspicious(), expected, "{sent} {entered}");
        }
    }
}

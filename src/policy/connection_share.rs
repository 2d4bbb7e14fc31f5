//! How many of a relay's connections one worker may use: its share among the workers that send by this relay. Pure.
//!
//! The shares add up to the relay's connections. With fewer connections than workers, those that started last have none
//! and wait. A share grows only by what the others have given back: what a worker still uses counts as used.

/// The lanes of one relay in other workers that live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OtherLanes {
    /// Lanes that ask for a share, of workers that started before this one.
    pub older: u32,
    /// Lanes that ask for a share, of workers that started after this one.
    pub younger: u32,
    /// Connections that all of them may use, or still use.
    pub connections: u32,
}

/// The share of a lane that asks for one and has `current` of `connections` now.
#[must_use]
pub fn next_share(connections: u32, current: u32, others: OtherLanes) -> u32 {
    let lanes = others.older + others.younger + 1;
    // What is left by the division goes to the oldest.
    let equal_share = connections / lanes + u32::from(others.older < connections % lanes);
    let free = connections.saturating_sub(others.connections);
    equal_share.min(free.max(current))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_are_equal_and_the_oldest_have_the_rest() {
        for (connections, lanes, expected) in [
            (16, 1, vec![16]),
            (16, 3, vec![6, 5, 5]),
            (2, 3, vec![1, 1, 0]),
            (1, 2, vec![1, 0]),
            (u32::MAX, 2, vec![1 << 31, (1 << 31) - 1]),
        ] {
            let shares: Vec<_> = (0..lanes)
                .map(|older| {
                    next_share(connections, 0, OtherLanes { older, younger: lanes - 1 - older, connections: 0 })
                })
                .collect();
            assert_eq!(shares, expected, "{connections} connections, {lanes} workers");
        }
    }

    #[test]
    fn a_share_grows_by_what_the_others_have_given_back_and_shrinks_at_once() {
        let beside = |connections| OtherLanes { older: 1, younger: 0, connections };
        assert_eq!(next_share(8, 0, beside(8)), 0, "the other one still uses all");
        assert_eq!(next_share(8, 0, beside(6)), 2);
        assert_eq!(next_share(8, 2, beside(4)), 4);
        assert_eq!(next_share(8, 8, beside(8)), 4, "both had taken the other one for dead");
        assert_eq!(next_share(8, 3, beside(8)), 3, "it is for the other one to give back");
    }

    proptest! {
        /// However the lanes look one after another, and whatever they had, no more connections are in use than there are
        /// as soon as each has looked, and each comes to its share.
        #[test]
        fn lanes_that_look_in_turn_never_exceed_the_relays_connections(
            connections in 1_u32..40, before in prop::collection::vec(0_u32..40, 1..6), turns in prop::collection::vec(0_usize..6, 0..40),
        ) {
            let mut shares = before;
            let lanes = shares.len();
            let look = |shares: &mut Vec<u32>, lane: usize| {
                let others = OtherLanes {
                    older: u32::try_from(lane).unwrap(),
                    younger: u32::try_from(lanes - lane - 1).unwrap(),
                    connections: shares.iter().enumerate().filter(|(other, _)| *other != lane).map(|(_, share)| share).sum(),
                };
                shares[lane] = next_share(connections, shares[lane], others);
            };
            (0..lanes).for_each(|lane| look(&mut shares, lane));
            for lane in turns.into_iter().filter(|lane| *lane < lanes) {
                prop_assert!(shares.iter().sum::<u32>() <= connections, "{shares:?}");
                look(&mut shares, lane);
            }
            for _ in 0..2 {
                (0..lanes).for_each(|lane| look(&mut shares, lane));
            }
            prop_assert_eq!(shares.iter().sum::<u32>(), connections);
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}

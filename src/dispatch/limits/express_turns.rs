//! A person's resend goes first, at most every second slot: also where slots become free one by one.

/// Whose turn it is.
#[derive(Debug, Default)]
pub struct ExpressTurns {
    /// Of an odd number of places the odd one is not a resend's: the last one was.
    is_over: bool,
}

impl ExpressTurns {
    /// How many of so many places are for resends.
    #[must_use]
    pub fn limit(&self, places: u32) -> u32 {
        if self.is_over { places / 2 } else { places.div_ceil(2) }
    }

    /// So many of the places went to resends.
    pub fn note(&mut self, places: u32, express: usize) {
        let full = express >= usize::try_from(self.limit(places)).expect("32 bits fit a usize");
        self.is_over = full && (self.is_over != (places % 2 == 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resends are due all the time.
    #[test]
    fn every_second_place_is_a_resends_at_most() {
        for places in 1..=5_u32 {
            let mut turns = ExpressTurns::default();
            let (mut express, mut all) = (0, 0);
            for _ in 0..100 {
                let limit = turns.limit(places);
                turns.note(places, usize::try_from(limit).unwrap());
                (express, all) = (express + limit, all + places);
                assert!(express <= all.div_ceil(2) && express >= all / 2, "{express} of {all}, {places} at a time");
            }
            turns.note(places, 0);
            assert_eq!(turns.limit(1), 1, "after none the next one goes first");
        }
    }
}

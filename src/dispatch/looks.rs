//! Where each look of a lane for due deliveries begins, and whose it leaves out.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::ids::TenantId;
use crate::store::Claimed;

/// How many looks start at the low mark before one starts at the beginning: a rank that was given out long before it
/// was committed lies below the mark.
const LOOKS_FROM_MARK: u32 = 16;

/// How far the low mark stays behind: a rank is given out some time before it is committed, and what was claimed
/// meanwhile must not hide it.
const MARK_LAG: Duration = Duration::from_secs(1);

/// The looks of one lane, one after the other.
#[derive(Debug)]
pub struct Looks {
    /// Since one had to start at the beginning.
    count: u32,
    mark: LowMark,
    floor: i64,
    left_out: Vec<TenantId>,
}

impl Looks {
    /// The first one starts at the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self { count: 0, mark: LowMark::new(), floor: 0, left_out: Vec::new() }
    }

    /// Begins a look that leaves the deliveries of these tenants out.
    pub fn begin(&mut self, left_out: Vec<TenantId>) {
        if self.left_out.iter().any(|tenant| !left_out.contains(tenant)) {
            // What was left out lies below the mark.
            *self = Self::new();
        }
        self.left_out = left_out;
        self.floor = if self.count.is_multiple_of(LOOKS_FROM_MARK) { 0 } else { self.mark.floor() };
        self.count = self.count.wrapping_add(1);
    }

    /// The rank at which this look begins.
    #[must_use]
    pub const fn floor(&self) -> i64 {
        self.floor
    }

    /// Whose deliveries it leaves out.
    #[must_use]
    pub fn left_out(&self) -> &[TenantId] {
        &self.left_out
    }

    /// It has claimed these.
    pub fn found(&mut self, claimed: &[Claimed]) {
        match claimed.iter().map(|claimed| claimed.rank).max() {
            Some(rank) => self.mark.note(rank),
            None => self.count = 0,
        }
    }
}

/// Where a look begins: the highest rank that was claimed at least [`MARK_LAG`] ago.
#[derive(Debug)]
struct LowMark {
    floor: i64,
    next_floor: i64,
    highest: i64,
    since: Instant,
}

impl LowMark {
    fn new() -> Self {
        Self { floor: 0, next_floor: 0, highest: 0, since: Instant::now() }
    }

    fn note(&mut self, rank: i64) {
        self.highest = self.highest.max(rank);
    }

    fn floor(&mut self) -> i64 {
        if self.since.elapsed() >= MARK_LAG {
            (self.floor, self.next_floor) = (self.next_floor, self.highest);
            self.since = Instant::now();
        }
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor_of(looks: &mut Looks, left_out: &[&str]) -> i64 {
        looks.begin(left_out.iter().copied().map(TenantId::from).collect());
        looks.floor()
    }

    #[test]
    fn what_was_left_out_is_not_below_the_mark_afterwards() {
        let mut looks = Looks::new();
        assert_eq!(floor_of(&mut looks, &["a", "b"]), 0);
        looks.mark = LowMark { floor: 900, next_floor: 900, highest: 900, since: Instant::now() };
        assert_eq!(floor_of(&mut looks, &["a", "b"]), 900);
        assert_eq!(floor_of(&mut looks, &["b"]), 0, "those of a stand anywhere");
        assert_eq!(floor_of(&mut looks, &["b"]), 0, "the mark has begun anew");
    }

    #[test]
    fn the_mark_holds_until_a_look_starts_at_the_beginning() {
        let mut looks = Looks::new();
        looks.mark = LowMark { floor: 900, next_floor: 900, highest: 900, since: Instant::now() };
        assert_eq!(floor_of(&mut looks, &[]), 0);
        assert_eq!(floor_of(&mut looks, &[]), 900);
        looks.found(&[]);
        assert_eq!(floor_of(&mut looks, &[]), 0);
    }
}

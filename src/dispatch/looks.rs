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
    /// When one started at the beginning last.
    from_beginning: Instant,
    mark: LowMark,
    floor: i64,
    left_out: Vec<TenantId>,
}

impl Looks {
    /// The first one starts at the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self { count: 0, from_beginning: Instant::now(), mark: LowMark::new(), floor: 0, left_out: Vec::new() }
    }

    /// Begins a look that leaves the deliveries of these tenants out. Afterwards those stand below the mark, where others
    /// were sent meanwhile: a look that finds enough above it does not see them, so they do not all go before the others.
    pub fn begin(&mut self, left_out: Vec<TenantId>) {
        // With tenants left out, a look above the mark does not go on below it: what comes back there waits for this one.
        let is_late = !left_out.is_empty() && self.from_beginning.elapsed() >= MARK_LAG;
        let floor = self.mark.floor();
        self.floor = if is_late || self.count.is_multiple_of(LOOKS_FROM_MARK) { 0 } else { floor };
        if self.floor == 0 {
            self.from_beginning = Instant::now();
        }
        self.left_out = left_out;
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
    fn with_tenants_left_out_a_look_starts_at_the_beginning_each_second() {
        let mut looks = Looks::new();
        looks.mark = LowMark { floor: 900, next_floor: 900, highest: 900, since: Instant::now() };
        assert_eq!(floor_of(&mut looks, &["a"]), 0);
        assert_eq!(floor_of(&mut looks, &["a"]), 900);
        looks.from_beginning = Instant::now().checked_sub(MARK_LAG).expect("the machine runs for longer");
        assert_eq!(floor_of(&mut looks, &[]), 900, "it goes on below the mark if it finds too few");
        assert_eq!(floor_of(&mut looks, &["a"]), 0);
        assert_eq!(floor_of(&mut looks, &["a"]), 900);
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

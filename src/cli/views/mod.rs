//! What several commands show.

pub(super) mod relay_health;

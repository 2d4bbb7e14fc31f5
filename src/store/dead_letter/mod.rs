//! Dead letters: listed, redriven, discarded, restored.

pub(super) mod auto_redrive;
pub(super) mod changed_cause;
pub(super) mod decide;
pub(super) mod list;
pub(super) mod redrive;

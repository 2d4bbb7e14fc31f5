//! What is wrong with the configuration: what, where, and what to do; all of it at once.

use std::fmt;

/// One thing that is wrong with the configuration. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The variable, or the file with line and key.
    pub place: String,
    /// What is wrong there, as a fragment that continues the place.
    pub problem: String,
    /// What to do about it, as an imperative.
    pub remedy: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}\n     what to do: {}", self.place, self.problem, self.remedy)
    }
}

/// Everything that is wrong with the configuration; at least one fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<ConfigFault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the configuration has a fault; nothing was started")?,
            count => write!(f, "the configuration has {count} faults; nothing was started")?,
        }
        self.0.iter().enumerate().try_for_each(|(index, fault)| write!(f, "\n  {}. {fault}", index + 1))
    }
}

/// What is wrong with a value, wherever it was written. Says the value itself only if it is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) problem: String,
    pub(super) remedy: String,
}

impl Wrong {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

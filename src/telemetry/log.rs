//! What is logged, and how.

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// Directives of `tracing-subscriber`: a level, or levels by module.
    pub filter: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

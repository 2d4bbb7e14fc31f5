//! Why templates cannot be used.

use std::path::PathBuf;

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTemplates {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {problem}")]
    Unreadable {
        path: PathBuf,
        /// What the system says.
        problem: std::io::Error,
    },
    /// A template has a fault, or does what a tenant's may not do.
    #[error("the template {template} cannot be used: {problem}")]
    Refused {
        /// Its path below the folder.
        template: String,
        /// What is wrong.
        problem: String,
    },
    /// Stored sources are not what [`Templates::sources`](super::Templates::sources) gave.
    #[error("the stored templates cannot be read: {0}")]
    Stored(serde_json::Error),
}

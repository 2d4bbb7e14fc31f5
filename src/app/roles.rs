//! What one of several processes does.

/// What one process does.
#[derive(Debug, Clone, Copy)]
pub struct Roles {
    /// Takes events in and sends mails.
    pub worker: bool,
    /// Serves the API.
    pub console: bool,
    /// Serves the customers' pages.
    pub portal: bool,
}

//! Why a body cannot be read: where, and what is wrong there.

use crate::model::incoming::{BODY_BYTES_KEPT, BODY_BYTES_MAX, WholeBody};
use std::fmt;

use serde::Serialize;

use crate::clean;
use crate::telemetry::AddressMask;

/// The longest path, in characters.
const PATH_MAX: usize = 255;

/// The longest name in a path that a log shows.
const NAME_MAX: usize = 40;

/// Before the digest of a body that is too large.
const OVERSIZED_SHA256: &str = ", its SHA-256 is ";

/// One of several faults of a body: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventFault {
    /// The JSON path; `$` for the whole body.
    pub path: String,
    /// What is wrong there, as a sentence's end.
    pub problem: String,
}

/// What is wrong besides the first fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MoreFaults {
    /// In the order in which they are met.
    pub(super) named: Vec<EventFault>,
    /// There are others, which were not looked for.
    pub(super) others: bool,
}

/// Why a body cannot be read: where, and what is wrong there.
///
/// The problem never repeats a value: it stands in lists and logs, and a value may be an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Malformed {
    /// The JSON path, for example `data.invoice.total`; `$` for the whole body.
    pub path: String,
    /// What is wrong there, as a sentence's end.
    pub problem: String,
    /// What is wrong besides; boxed, since errors are handed around by value.
    more: Option<Box<MoreFaults>>,
    /// `source` and `id`, if they could be read: they name the event in the dead letter.
    pub source_and_id: Option<(String, String)>,
}

impl Malformed {
    /// Why it is no event. Its beginning, which could be one by itself, is not read.
    #[must_use]
    pub fn oversized(whole: &WholeBody) -> Self {
        let WholeBody { bytes, sha256 } = whole;
        let problem = format!(
            "has {bytes} bytes, more than {BODY_BYTES_MAX}; its first {BODY_BYTES_KEPT} are kept{OVERSIZED_SHA256}{sha256}"
        );
        Self::at("$", problem)
    }

    /// A fault at `path`.
    #[must_use]
    pub fn at(path: impl fmt::Display, problem: impl Into<String>) -> Self {
        // Names in a path come from outside: no control characters (NUL among them), and no end of length.
        let path = clean::marked_part(&path.to_string(), PATH_MAX);
        Self { path, problem: problem.into(), more: None, source_and_id: None }
    }

    /// Every fault, the first one first.
    #[must_use]
    pub fn faults(&self) -> Vec<EventFault> {
        let first = EventFault { path: self.path.clone(), problem: self.problem.clone() };
        std::iter::once(first).chain(self.more().iter().cloned()).collect()
    }

    /// The faults behind the first one.
    #[must_use]
    pub fn more(&self) -> &[EventFault] {
        self.more.as_deref().map_or(&[], |more| &more.named)
    }

    /// Whether there are faults besides that are not named.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.more.as_deref().is_some_and(|more| more.others)
    }

    /// The same fault, which is not the only one.
    #[must_use]
    pub(super) fn with_more(self, more: MoreFaults) -> Self {
        let is_one = more.named.is_empty() && !more.others;
        Self { more: (!is_one).then(|| Box::new(more)), ..self }
    }

    /// The first fault, and where the others are: one sentence that says that it is not the only one.
    #[must_use]
    pub fn summary(&self) -> String {
        let paths: Vec<&str> = self.more().iter().map(|fault| fault.path.as_str()).collect();
        match (paths.len(), self.has_others()) {
            (0, false) => self.to_string(),
            (0, true) => format!("{self}; and others"),
            (named, false) => format!("{self}; and {named} more: {}", paths.join(", ")),
            (named, true) => format!("{self}; and more than {named} more: {}, …", paths.join(", ")),
        }
    }

    /// What this fault has in common with the same fault of other events: place and problem, without the numbers in
    /// them (which element of a list, at which column, how long).
    #[must_use]
    pub fn cause(&self) -> String {
        let mut cause = String::new();
        // Each oversized body has a digest of its own.
        let sentence = self.to_string();
        let sentence = sentence.split(OVERSIZED_SHA256).next().unwrap_or_default();
        let mut chars = sentence.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_ascii_digit() {
                while chars.next_if(char::is_ascii_digit).is_some() {}
                cause.push('#');
            } else {
                cause.push(c);
            }
        }
        cause
    }

    /// As a log shows it: what no name of ours looks like is left out, for names may be personal as values are.
    #[must_use]
    pub fn for_log(&self) -> String {
        let path = AddressMask::default().reply(&self.path);
        let is_name = |name: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '[' | ']' | '$');
            name.len() <= NAME_MAX && name.chars().all(is_plain)
        };
        let names: Vec<&str> = path.split('.').map(|name| if is_name(name) { name } else { "*" }).collect();
        format!("{}: {}", names.join("."), AddressMask::default().reply(&self.problem))
    }

    /// The same fault, of the event that `source_and_id` names.
    #[must_use]
    pub fn of(self, source_and_id: Option<(String, String)>) -> Self {
        Self { source_and_id, ..self }
    }

    /// The same fault, found inside `outer`.
    #[must_use]
    pub fn inside(mut self, outer: &str) -> Self {
        let join = |path: &str| if path == "$" { outer.to_owned() } else { format!("{outer}.{path}") };
        self.path = join(&self.path);
        for fault in self.more.iter_mut().flat_map(|more| &mut more.named) {
            fault.path = join(&fault.path);
        }
        self
    }
}

/// A batch of which nothing was taken: one event of it, or the batch itself, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct MalformedBatch {
    /// Which event of the batch, counted from 0; none if the batch itself is at fault.
    pub index: Option<usize>,
    /// What is wrong with it.
    pub fault: Malformed,
}

impl fmt::Display for MalformedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "event {index}: {}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_one_cause_differ_in_numbers_only() {
        let cause = |path: &str, problem: &str| Malformed::at(path, problem).cause();
        assert_eq!(
            cause("data.documents[0].size", "is more than 10485760"),
            cause("data.documents[12].size", "is more than 9")
        );
        let different = [
            cause("$", "is not JSON: EOF while parsing a value at line 1 column 0"),
            cause("$", "is not JSON: trailing characters at line 1 column 4"),
            cause("$", "is nested more than 32 deep"),
            cause("$", "must be an object, not text"),
            cause("data", "must be an object, not text"),
        ];
        let distinct: std::collections::BTreeSet<&String> = different.iter().collect();
        assert_eq!(distinct.len(), different.len(), "{different:?}");
    }

    #[test]
    fn a_log_shows_names_of_ours_and_nobody_elses() {
        for (path, shown) in [
            ("$", "$"),
            ("data.invoice.total", "data.invoice.total"),
            ("data.documents[3].sha256", "data.documents[3].sha256"),
            ("data.erika.mustermann@home.example", "*.example"),
            ("data.Erika Mustermann, Hauptstr. 1", "data.*.*"),
            ("data.a\u{1b}[2J", "data.*"),
            (&format!("data.{}", "x".repeat(300)), "data.*"),
        ] {
            assert_eq!(Malformed::at(path, "stands twice").for_log(), format!("{shown}: stands twice"), "{path}");
        }
    }
}

//! What the sample pages are about, and who reads them.

use std::sync::Arc;

use super::layout::{ConsoleLayout, TenantName};
use crate::clock::Timestamp;
use crate::console::language::ConsoleLanguage;
use crate::model::access::{Principal, PrincipalKind, Role, TenantScope};
use crate::model::ids::OperatorId;

/// Texts that break out of what does not escape them; with a bidi override.
pub(super) const HOSTILE: &str = "\"'></title></p><script>alert(1)</script>\u{202e}<!-- & ';--";

/// What pages are about, and who reads them.
pub(super) struct ConsoleSample {
    is_hostile: bool,
    pub(super) principal: Principal,
    pub(super) csrf: String,
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

/// The moment of every page.
pub(super) fn now() -> Timestamp {
    at("2026-11-23T10:42:00Z")
}

impl ConsoleSample {
    pub(super) fn of(role: Role, is_hostile: bool) -> Self {
        let name = if is_hostile { HOSTILE } else { "admin@nordlicht.example" };
        let csrf = if is_hostile { HOSTILE.replace('\u{202e}', "") } else { "c3JmLXRva2Vu".to_owned() };
        Self {
            is_hostile,
            principal: Principal {
                kind: PrincipalKind::Operator(OperatorId(uuid::Uuid::from_u128(7))),
                name: Arc::from(name),
                role,
                scope: TenantScope::All,
            },
            csrf,
        }
    }

    /// The text, or a hostile one in its place.
    pub(super) fn text(&self, text: &str) -> String {
        if self.is_hostile { HOSTILE.chars().chain("Ω".repeat(200).chars()).collect() } else { text.to_owned() }
    }

    pub(super) fn layout<'a>(&'a self, language: ConsoleLanguage, path: &'a str) -> ConsoleLayout<'a> {
        ConsoleLayout {
            language,
            principal: &self.principal,
            csrf: &self.csrf,
            path,
            now: now(),
            open_work: Some(7),
            done: None,
        }
    }

    pub(super) fn tenant(&self) -> TenantName {
        TenantName { id: self.text("nordlicht"), name: self.text("Nordlicht Energie") }
    }
}

//! What follows from settings, as their page shows it: by kind of customer, in sentences to mind, and by what was sent.

use super::format::grouped;
use super::icon::Icon;
use crate::console::language::ConsoleLanguage;
use crate::model::customer::CustomerType;
use crate::model::settings::VerificationMethod;
use crate::model::state::Decision;
use crate::policy::decision::PortalAccess;

pub struct ForeseenSettings {
    pub consequences: Vec<ConsequenceRow>,
    pub customers: u64,
    /// Customers that must be verified and whom no chosen method can.
    pub unverifiable: u64,
    pub warnings: Vec<SettingsWarning>,
    pub what_if: WhatIfAnswer,
}

/// What one kind of customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsequenceRow {
    /// None: the type is unknown.
    pub customer_type: Option<CustomerType>,
    /// None: no email is sent, for no chosen method can verify anybody.
    pub mail: Option<Decision>,
    pub access: PortalAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsWarning {
    /// Documents leave by mail although the portal hides or gates them.
    AttachedThoughGated,
    /// A link to a portal that shows documents to nobody.
    DocumentsNowhere,
    /// The same for business customers.
    NotTransmitted,
    /// The link alone opens the documents.
    NotRequired,
    /// A chosen method that so many customers cannot use.
    MethodUnusable {
        method: VerificationMethod,
        customers: u64,
    },
    NoSmsProvider,
}

/// What is known of what the draft would have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhatIfAnswer {
    /// Nothing is changed.
    NotAsked,
    /// Too many ask at once.
    Busy,
    Compared(WhatIf),
}

/// What the draft would have changed, of the tenant's newest deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WhatIf {
    pub deliveries: u64,
    pub days: u32,
    /// With documents, and now with a link.
    pub to_link: u64,
    /// With a link, and now with documents.
    pub to_attach: u64,
    /// Not at all: no method would verify the customer.
    pub not_sent: u64,
    /// Now at all.
    pub now_sent: u64,
    /// With a link as before, but the portal would ask more, or less.
    pub stricter: u64,
    pub looser: u64,
    /// Of which no decision is recorded.
    pub undecided: u64,
}

pub(super) struct ForeseenView {
    pub(super) rows: Vec<ConsequenceView>,
    pub(super) customers: String,
    pub(super) is_bad: bool,
    pub(super) warnings: Vec<String>,
    pub(super) what_if: WhatIfView,
}

pub(super) struct ConsequenceView {
    pub(super) customer: &'static str,
    pub(super) mail: &'static str,
    pub(super) mail_icon: Icon,
    pub(super) asks: &'static str,
}

/// A title with its rows, or one sentence; neither where nothing was asked.
#[derive(Default)]
pub(super) struct WhatIfView {
    pub(super) title: Option<String>,
    /// How many, what, and whether it is bad.
    pub(super) rows: Vec<(String, &'static str, bool)>,
    pub(super) sentence: Option<&'static str>,
}

pub(super) fn foreseen_view(language: ConsoleLanguage, foreseen: &ForeseenSettings) -> ForeseenView {
    let words = language.words();
    let number = |number| grouped(language, number);
    let own = &words.settings;
    let row = |row: &ConsequenceRow| ConsequenceView {
        customer: match row.customer_type {
            Some(kind) => (words.customers.kind)(Some(kind)),
            None => own.unknown_kind,
        },
        mail: (own.mail)(row.mail),
        mail_icon: match row.mail {
            Some(Decision::Attach) => Icon::Paperclip,
            Some(Decision::Link) => Icon::Link,
            None => Icon::Ban,
        },
        asks: (own.asks)(row.access),
    };
    ForeseenView {
        rows: foreseen.consequences.iter().map(row).collect(),
        customers: match foreseen.unverifiable {
            0 => (own.all_sent)(&number(foreseen.customers)),
            some => (own.unverifiable)(&number(some), &number(foreseen.customers)),
        },
        is_bad: foreseen.unverifiable > 0,
        warnings: foreseen.warnings.iter().map(|one| warning_sentence(language, *one)).collect(),
        what_if: what_if_view(language, foreseen.what_if),
    }
}

fn what_if_view(language: ConsoleLanguage, answer: WhatIfAnswer) -> WhatIfView {
    let own = &language.words().settings;
    let sentence = |sentence| WhatIfView { sentence: Some(sentence), ..WhatIfView::default() };
    let what_if = match answer {
        WhatIfAnswer::NotAsked => return WhatIfView::default(),
        WhatIfAnswer::Busy => return sentence(own.what_if_busy),
        WhatIfAnswer::Compared(what_if) if what_if.deliveries == 0 => return sentence(own.what_if_none),
        WhatIfAnswer::Compared(what_if) => what_if,
    };
    let number = |number| grouped(language, number);
    let rows: Vec<_> = [
        (what_if.to_link, own.to_link, false),
        (what_if.to_attach, own.to_attach, false),
        (what_if.not_sent, own.not_sent, true),
        (what_if.now_sent, own.now_sent, false),
        (what_if.stricter, own.stricter, false),
        (what_if.looser, own.looser, false),
        (what_if.undecided, own.undecided, false),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, text, is_bad)| (number(count), text, is_bad))
    .collect();
    WhatIfView {
        title: Some((own.what_if)(&number(what_if.deliveries), what_if.days)),
        sentence: rows.is_empty().then_some(own.as_before),
        rows,
    }
}

fn warning_sentence(language: ConsoleLanguage, warning: SettingsWarning) -> String {
    let words = &language.words().settings;
    match warning {
        SettingsWarning::AttachedThoughGated => words.attached_though_gated.to_owned(),
        SettingsWarning::DocumentsNowhere => words.documents_nowhere.to_owned(),
        SettingsWarning::NotTransmitted => words.not_transmitted.to_owned(),
        SettingsWarning::NotRequired => words.not_required_warning.to_owned(),
        SettingsWarning::MethodUnusable { method, customers } => {
            (words.method_unusable)((words.method)(method), &grouped(language, customers))
        }
        SettingsWarning::NoSmsProvider => words.no_sms_provider.to_owned(),
    }
}

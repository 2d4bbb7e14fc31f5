//! The language of an event's emails.

use crate::compose::Templates;
use crate::event::language_tag::canonical;
use crate::event::{Dropped, InvoiceData, InvoiceSent};
use crate::model::note::{LocaleSource, NamedLocale, NoteKind, PassedLocale};

/// The locale of an event's mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenLocale {
    /// BCP 47, canonical.
    pub tag: String,
    /// Why it is not the one that was asked for first, if so; for the timeline.
    pub note: Option<NoteKind>,
}

/// The event's locale, else the customer's, else the tenant's: the first that a template is written for.
///
/// If there is none at all, the tenant's: composing then falls back to English.
#[must_use]
pub fn locale(templates: &Templates, event: &InvoiceSent, customer: Option<&str>, tenant: &str) -> ChosenLocale {
    let mut passed_over = Vec::new();
    if event.dropped.contains(&Dropped::Locale) {
        passed_over.push(PassedLocale::NotATag);
    }
    choose(templates, &event.data, customer, tenant, passed_over)
}

/// The tag that [`locale`] chooses, of an event that was read once more: nobody is told then what it said besides.
#[must_use]
pub fn locale_tag(templates: &Templates, data: &InvoiceData, customer: Option<&str>, tenant: &str) -> String {
    choose(templates, data, customer, tenant, Vec::new()).tag
}

fn choose(
    templates: &Templates,
    data: &InvoiceData,
    customer: Option<&str>,
    tenant: &str,
    mut passed_over: Vec<PassedLocale>,
) -> ChosenLocale {
    let asked = [
        (LocaleSource::Event, data.locale.as_deref()),
        (LocaleSource::Customer, customer),
        (LocaleSource::Tenant, Some(tenant)),
    ];
    for (of, tag) in asked.into_iter().filter_map(|(of, tag)| Some((of, tag?))) {
        // The catalogue may hold tags of before it was strict about their form.
        let tag = canonical(tag).unwrap_or_else(|| tag.to_owned());
        if templates.are_written_for(&data.tenant_id, &tag) {
            let used = Some(NamedLocale { of, tag: tag.clone() });
            let note = (!passed_over.is_empty()).then_some(NoteKind::OtherLocale { passed_over, used });
            return ChosenLocale { tag, note };
        }
        passed_over.push(PassedLocale::NoTemplate(NamedLocale { of, tag }));
    }
    let note = Some(NoteKind::OtherLocale { passed_over, used: None });
    ChosenLocale { tag: canonical(tenant).unwrap_or_else(|| tenant.to_owned()), note }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(locale: &str) -> InvoiceSent {
        let event = serde_json::json!({
            "specversion": "1.0", "id": "1", "source": "s", "type": "invoice.sent.v1",
            "data": {
                "tenant_id": "acme", "customer_id": "C-1", "locale": locale, "documents": [],
                "invoice": { "id": "i", "number": "R-1", "kind": "reminder", "issue_date": "2026-11-20", "currency": "EUR",
                             "total": "1.00" }
            }
        });
        crate::event::parse(event.to_string().as_bytes()).expect("a good event")
    }

    #[test]
    fn the_first_that_a_template_is_written_for() {
        let templates = Templates::builtin();
        let pl = "there is no template for the event's locale pl-PL";
        for (of_event, of_customer, of_tenant, tag, note) in [
            ("fr-BE", Some("de-DE"), "nl-NL", "fr-BE", None),
            ("de_AT", None, "nl-NL", "de-AT", None),
            (
                "pl-PL",
                Some("de-DE"),
                "nl-NL",
                "de-DE",
                Some(format!("{pl}; the mail is written for de-DE, as the customer has it")),
            ),
            (
                "pl-PL",
                None,
                "nl-NL",
                "nl-NL",
                Some(format!("{pl}; the mail is written for nl-NL, as the tenant has it")),
            ),
            (
                "german please",
                Some("deu-CH"),
                "nl-NL",
                "de-CH",
                Some(
                    "the event's locale is not a language tag (BCP 47) like de-DE; \
                     the mail is written for de-CH, as the customer has it"
                        .to_owned(),
                ),
            ),
            (
                "pl-PL",
                Some("it-IT"),
                "cs-CZ",
                "cs-CZ",
                Some(format!(
                    "{pl}; there is no template for the customer's locale it-IT; \
                     there is no template for the tenant's locale cs-CZ; the mail is written in English"
                )),
            ),
        ] {
            let chosen = locale(&templates, &event(of_event), of_customer, of_tenant);
            let told = (chosen.tag.as_str(), chosen.note.map(|note| note.to_string()));
            assert_eq!(told, (tag, note), "{of_event} {of_customer:?} {of_tenant}");
        }
    }
}

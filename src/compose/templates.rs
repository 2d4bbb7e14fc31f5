//! The words of mails: built in, the operator's, a tenant's own.
//!
//! A mail of a locale and a kind is made of `<locale>/<kind>/{subject.txt,body.txt,body.html}.j2`. They extend the
//! shared layouts and say the words of `<locale>/common.j2` and `<locale>/<kind>/words.j2`, which they see as `common` and
//! `words`, so an override can be one file of words. All templates are parsed once, under strict undefined and with
//! bounded work.

use strum::VariantArray as _;

use crate::compose::invalid_templates::InvalidTemplates;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use encodify::qp;
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value};
use serde::{Deserialize, Serialize};

use super::locale::Locale;
use super::sources::{self, TemplateSources};
use super::view::{Customs, TemplateView};
use super::words::with_words;
use super::{ComposeError, compose, sample};
use crate::model::ids::TenantId;
use crate::model::invoice_kind::InvoiceKind;
use crate::sha256::Sha256;

/// Units of work for one part of one mail; ours need less than a tenth. Time and memory follow it.
const FUEL: u64 = 100_000;
/// The longest body of one mail, text and HTML together, in bytes; ours have a sixth of it.
const WORDS_BYTES_MAX: usize = 64 * 1024;
/// The same as it is sent, in quoted-printable.
pub(super) const ENCODED_WORDS_BYTES_MAX: usize = 96 * 1024;
/// The locales whose customs are kept ready.
const CUSTOMS_KEPT_MAX: usize = 64;
/// Every template, parsed. Cheap to clone.
#[derive(Clone)]
pub struct Templates(Arc<TemplatesInner>);

struct TemplatesInner {
    all: AllSources,
    version: String,
    environment: Environment<'static>,
    tenants: HashMap<TenantId, Environment<'static>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct AllSources {
    templates: TemplateSources,
    tenants: BTreeMap<TenantId, TemplateSources>,
}

/// The parts of a mail that templates write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedTexts {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl RenderedTexts {
    /// The bytes of both bodies as they are sent.
    fn encoded_bytes(&self) -> usize {
        qp::BODY.encoded_len(&self.text) + qp::BODY.encoded_len(&self.html)
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Templates").field(&self.0.version).finish()
    }
}

impl Templates {
    /// The templates of this build.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse(AllSources { templates: sources::builtin(), ..AllSources::default() })
            .expect("the built-in templates are tested")
    }

    /// The built-in templates with the operator's (`<dir>/<name>.j2`) and the tenants' own
    /// (`<dir>/tenants/<tenant_id>/<locale>/<kind>/…`) in place of those of the same name.
    ///
    /// # Errors
    /// [`InvalidTemplates`] if a file cannot be read, a template cannot be parsed or fails with sample data, or a
    /// tenant's template does what none may do.
    pub fn with_overrides(dir: &Path) -> Result<Self, InvalidTemplates> {
        let mut all = AllSources { templates: sources::builtin(), ..AllSources::default() };
        for (name, source) in sources::read_tree(dir)? {
            match name.strip_prefix("tenants/").and_then(|rest| rest.split_once('/')) {
                Some((tenant, name)) => {
                    let tenant = all.tenants.entry(TenantId::from(tenant)).or_default();
                    tenant.insert(name.to_owned(), source);
                }
                None => {
                    all.templates.insert(name, source);
                }
            }
        }
        let templates = Self::parse(all)?;
        templates.check()?;
        Ok(templates)
    }

    /// Writes every mail that an override has a part in with sample data, so that a fault is found before an invoice
    /// meets it.
    fn check(&self) -> Result<(), InvalidTemplates> {
        let builtin = sources::builtin();
        let is_changed = |(name, source): &(&String, &String)| builtin.get(*name) != Some(*source);
        let operator: Vec<_> = self.0.all.templates.iter().filter(is_changed).map(|(name, _)| name.as_str()).collect();
        let no_tenant = TenantId::from("");
        self.check_mails(&no_tenant, "", &operator)?;
        for (tenant, sources) in &self.0.all.tenants {
            let own: Vec<_> = sources.keys().map(String::as_str).collect();
            self.check_mails(tenant, &format!("tenants/{tenant}/"), &own)?;
        }
        Ok(())
    }

    fn check_mails(&self, tenant: &TenantId, place: &str, changed: &[&str]) -> Result<(), InvalidTemplates> {
        let refused = |template: String, problem: String| InvalidTemplates::Refused { template, problem };
        let names = self.environment(tenant).templates().filter_map(|(name, _)| name.split_once('/'));
        let folders: BTreeSet<_> = names.map(|(folder, _)| folder).collect();
        for folder in folders {
            // A file outside the locales' folders is a layout: every mail is made of it.
            let has_part = |name: &&str| name.split_once('/').is_none_or(|(of, _)| of == folder);
            if !changed.iter().any(has_part) {
                continue;
            }
            let samples = InvoiceKind::VARIANTS.iter().flat_map(|kind| sample::variants(folder, *kind));
            for (mut snapshot, plan) in samples.flat_map(|one| sample::PLANS.map(|plan| (one.clone(), plan))) {
                snapshot.data.tenant_id = tenant.clone();
                compose(self, &snapshot, plan, &sample::loaded(&snapshot)).map_err(|error| match error {
                    ComposeError::Template { template, problem } => refused(format!("{place}{template}"), problem),
                    ComposeError::InvalidAddress { .. } => refused(format!("{place}{folder}"), error.to_string()),
                })?;
            }
        }
        Ok(())
    }

    /// The templates that [`Templates::sources`] once gave: to compose an old mail again.
    ///
    /// # Errors
    /// [`InvalidTemplates`] if the text is something else.
    pub fn from_sources(sources: &str) -> Result<Self, InvalidTemplates> {
        Self::parse(serde_json::from_str(sources).map_err(InvalidTemplates::Stored)?)
    }

    fn parse(all: AllSources) -> Result<Self, InvalidTemplates> {
        let mut environment = empty_environment();
        add(&mut environment, "", &all.templates)?;
        let mut tenants = HashMap::with_capacity(all.tenants.len());
        for (tenant, sources) in &all.tenants {
            let folder = format!("tenants/{tenant}/");
            for (name, source) in sources {
                sources::check_tenants(name, source)
                    .map_err(|problem| InvalidTemplates::Refused { template: format!("{folder}{name}"), problem })?;
            }
            let mut own = environment.clone();
            add(&mut own, &folder, sources)?;
            tenants.insert(tenant.clone(), own);
        }
        let json = serde_json::to_string(&all).expect("maps of texts are JSON");
        let version = Sha256::of(json.as_bytes()).to_string();
        Ok(Self(Arc::new(TemplatesInner { all, version, environment, tenants })))
    }

    /// The content hash of all sources: 64 hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// All sources as JSON, for [`Templates::from_sources`].
    #[must_use]
    pub fn sources(&self) -> String {
        serde_json::to_string(&self.0.all).expect("maps of texts are JSON")
    }

    fn environment(&self, tenant: &TenantId) -> &Environment<'static> {
        self.0.tenants.get(tenant).unwrap_or(&self.0.environment)
    }

    /// The folder with a tenant's templates for a locale, and the customs to write with: the locale's own, its
    /// language's, else English for all of it, so that no mail is half in one language.
    pub(super) fn resolve(&self, tenant: &TenantId, tag: &str) -> (String, Rc<Customs>) {
        let locale = Locale::parse(tag);
        match self.folder(tenant, locale) {
            Some(folder) => (folder, customs(locale)),
            None => ("en".to_owned(), customs(Locale::english())),
        }
    }

    /// Whether a tenant's mails can be written for a locale: there are templates for it or for its language.
    #[must_use]
    pub fn are_written_for(&self, tenant: &TenantId, tag: &str) -> bool {
        Locale::try_parse(tag).is_some_and(|locale| self.folder(tenant, locale).is_some())
    }

    fn folder(&self, tenant: &TenantId, locale: Locale) -> Option<String> {
        let environment = self.environment(tenant);
        let exists = |folder: &String| environment.get_template(&format!("{folder}/common.j2")).is_ok();
        [locale.tag(), locale.language().to_owned()].into_iter().find(exists)
    }

    /// Subject and bodies of a mail.
    pub(super) fn write(
        &self,
        tenant: &TenantId,
        folder: &str,
        kind: InvoiceKind,
        view: &TemplateView,
    ) -> Result<RenderedTexts, ComposeError> {
        let environment = self.environment(tenant);
        let failed = |template, error| ComposeError::Template { template, problem: describe(&error) };
        let view = Value::from(minijinja::value::Serde(view));
        let context = with_words(environment, folder, kind.into_str(), &view)
            .map_err(|(template, error)| failed(template, error))?;
        let write = |part: &str| {
            let template = format!("{folder}/{kind}/{part}.j2");
            let written = environment.get_template(&template).and_then(|parsed| parsed.render(context.clone()));
            written.map_err(|error| failed(template, error))
        };
        let texts =
            RenderedTexts { subject: write("subject.txt")?, text: write("body.txt")?, html: write("body.html")? };
        let problem = match texts.text.len() + texts.html.len() {
            bytes if bytes > WORDS_BYTES_MAX => format!("text and HTML have more than {WORDS_BYTES_MAX} bytes"),
            // Quoted-printable makes three bytes of one that is not ASCII: a shorter text fits in any case.
            bytes if bytes > ENCODED_WORDS_BYTES_MAX / 4 && texts.encoded_bytes() > ENCODED_WORDS_BYTES_MAX => {
                format!("text and HTML have more than {ENCODED_WORDS_BYTES_MAX} bytes in quoted-printable")
            }
            _ => return Ok(texts),
        };
        Err(ComposeError::Template { template: format!("{folder}/{kind}"), problem })
    }
}

thread_local! {
    // ICU's formatters stay on the thread that made them.
    static CUSTOMS: RefCell<HashMap<Locale, Rc<Customs>>> = RefCell::default();
}

/// The customs of a locale, made at its first mail on this thread: making them costs as much as a mail.
fn customs(locale: Locale) -> Rc<Customs> {
    CUSTOMS.with_borrow_mut(|kept| {
        if kept.len() >= CUSTOMS_KEPT_MAX && !kept.contains_key(&locale) {
            kept.clear();
        }
        Rc::clone(kept.entry(locale).or_insert_with(|| Rc::new(Customs::of(locale))))
    })
}

/// An engine with our rules and no template.
fn empty_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(false);
    environment.remove_filter("safe");
    environment.set_formatter(show);
    environment
}

/// Writes a value: `none` as nothing, and escaped in HTML. (The engine's own escaping of `/` would litter every link.)
fn show(output: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    if value.is_none() {
        return Ok(());
    }
    let is_html = !matches!(state.auto_escape(), AutoEscape::None);
    match value.as_str() {
        Some(text) if is_html && !value.is_safe() => escape_html(output, text)?,
        Some(text) => output.write_str(text)?,
        None => minijinja::escape_formatter(output, state, value)?,
    }
    Ok(())
}

fn escape_html(output: &mut Output, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        output.write_str(&rest[..at])?;
        output.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    output.write_str(rest)
}

fn add(
    environment: &mut Environment<'static>,
    folder: &str,
    sources: &TemplateSources,
) -> Result<(), InvalidTemplates> {
    for (name, source) in sources {
        environment.add_template_owned(name.clone(), source.clone()).map_err(|error| InvalidTemplates::Refused {
            template: format!("{folder}{name}"),
            problem: describe(&error),
        })?;
    }
    Ok(())
}

/// What the engine says, with the line and every cause.
fn describe(error: &minijinja::Error) -> String {
    let mut text = match (error.kind(), error.line()) {
        (ErrorKind::OutOfFuel, _) => "it does too much work".to_owned(),
        (_, Some(line)) => format!("line {line}: {error}"),
        (_, None) => error.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    let mut last = String::new();
    while let Some(error) = cause {
        // A template that imports itself fails on each level in the same words.
        let said = error.to_string();
        if said != last {
            text = format!("{text}: {said}");
        }
        (last, cause) = (said, error.source());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)]) -> Result<Templates, InvalidTemplates> {
        let dir = tempfile::tempdir().unwrap();
        for (name, source) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, source).unwrap();
        }
        Templates::with_overrides(dir.path())
    }

    #[test]
    fn the_version_is_the_content() {
        let builtin = Templates::builtin();
        assert_eq!(builtin.version().len(), 64);
        assert_eq!(builtin.version(), with(&[]).unwrap().version());
        let other = with(&[("de/invoice/subject.txt.j2", "Rechnung")]).unwrap();
        assert_ne!(builtin.version(), other.version());
        let again = Templates::from_sources(&other.sources()).unwrap();
        assert_eq!(again.version(), other.version());
        assert!(Templates::from_sources("[]").is_err());
    }

    #[test]
    fn a_locale_falls_back_to_its_language_and_then_to_english() {
        let templates = Templates::from_sources(
            &Templates::builtin().sources().replace(r#""tenants":{}"#, r#""tenants":{"acme":{"pl/common.j2":""}}"#),
        )
        .unwrap();
        for (tenant, tag, folder, written) in [
            ("other", "de-AT", "de", "de-AT"),
            ("other", "fr", "fr", "fr"),
            ("other", "pl-PL", "en", "en-GB"),
            ("other", "", "en", "en"),
            ("acme", "pl-PL", "pl", "pl-PL"),
        ] {
            let (found, customs) = templates.resolve(&TenantId::from(tenant), tag);
            assert_eq!((found.as_str(), customs.locale.tag().as_str()), (folder, written), "{tenant} {tag}");
            assert_eq!(
                templates.are_written_for(&TenantId::from(tenant), tag),
                !matches!(tag, "pl-PL" | "") || tenant == "acme"
            );
        }
    }

    #[test]
    fn a_tenants_template_cannot_leave_its_place() {
        for (name, source) in [
            ("de/invoice/body.html.j2", "{% autoescape false %}{{ invoice.number }}{% endautoescape %}"),
            ("de/invoice/body.html.j2", "{%-\n  autoescape 'none' -%}x{% endautoescape %}"),
            ("de/invoice/body.html.j2", "{{ invoice.number | safe }}"),
            ("de/invoice/body.html.j2", "{% include 'de/invoice/body.txt.j2' %}"),
            ("de/invoice/body.html.j2", "{% extends 'layout.txt.j2' %}"),
            ("de/invoice/body.html.j2", "{% extends 'layout.txt' ~ '.html.j2' if 0 else 'layout.txt.j2' %}"),
            ("de/invoice/body.html.j2", "{% for %}"),
            ("de/invoice/body.txt.j2", "{{ invoice.iban }}"),
            (
                "de/invoice/subject.txt.j2",
                "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}",
            ),
            ("de/invoice/layout.html.j2", "x"),
            ("layout.html.j2", "x"),
            ("de/payslip/body.txt.j2", "x"),
            ("de/invoice/more/body.txt.j2", "x"),
        ] {
            let refused = with(&[(&format!("tenants/acme/{name}"), source)]);
            let text = refused.err().map(|error| error.to_string());
            assert!(text.as_ref().is_some_and(|text| text.contains("tenants/acme/")), "{name} {source}: {text:?}");
        }
    }

    #[test]
    fn an_operators_fault_is_found_at_the_start() {
        let fault = with(&[("nl/reminder/words.j2", "{% if %}")]).unwrap_err().to_string();
        assert!(fault.contains("nl/reminder/words.j2") && fault.contains("line 1"), "{fault}");
        assert!(matches!(
            Templates::with_overrides(Path::new("/nowhere/at/all")),
            Err(InvalidTemplates::Unreadable { .. })
        ));
    }
}

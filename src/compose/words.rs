//! The words of a language and a kind, evaluated once a mail.
//!
//! A mail's text and HTML say the same words: an `{% import %}` in each of them would evaluate `common.j2` and `words.j2`
//! twice.

use std::collections::BTreeMap;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Template, Value};

/// The context of a mail's parts: what `view` has, `common` (what `<folder>/common.j2` sets) and `words` (the same of
/// `<folder>/<kind>/words.j2`, if there is such a file). The error names the template that failed.
pub(super) fn with_words(
    environment: &Environment<'static>,
    folder: &str,
    kind: &str,
    view: &Value,
) -> Result<Value, (String, Error)> {
    let mut context: BTreeMap<String, Value> = BTreeMap::new();
    for (name, path) in [("common", format!("{folder}/common.j2")), ("words", format!("{folder}/{kind}/words.j2"))] {
        let Ok(template) = environment.get_template(&path) else { continue };
        let exports = exports(&template, view).map_err(|error| (path, error))?;
        context.insert(name.to_owned(), exports);
    }
    for key in view.try_iter().expect("the view is a map") {
        let value = view.get_item(&key).expect("each of its keys has a value");
        context.insert(key.to_string(), value);
    }
    Ok(Value::from(context))
}

/// What a template sets at its top level. Its macros are for itself, and for those who import it: one cannot be called once
/// the template has been evaluated.
fn exports(template: &Template<'_, '_>, view: &Value) -> Result<Value, Error> {
    let evaluated = template.render_captured(view.clone())?;
    let state = evaluated.state();
    let exports = state.exports().into_iter().filter_map(|name| Some((name.to_owned(), state.lookup(name)?)));
    let values = exports.filter(|(_, value)| value.kind() != ValueKind::Plain);
    Ok(Value::from(values.collect::<BTreeMap<String, Value>>()))
}

#[cfg(test)]
mod tests {
    use minijinja::UndefinedBehavior;

    use super::*;

    fn written(sources: &[(&str, &str)], template: &str) -> Result<String, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in sources {
            environment.add_template_owned((*name).to_owned(), (*source).to_owned()).expect("it is parsed");
        }
        let view = Value::from(BTreeMap::from([("number".to_owned(), Value::from("R-1"))]));
        let context =
            with_words(&environment, "de", "invoice", &view).map_err(|(name, error)| format!("{name}: {error}"))?;
        environment.render_str(template, context).map_err(|error| error.to_string())
    }

    const COMMON: (&str, &str) =
        ("de/common.j2", "{% set greeting = 'Hallo' %}{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}");
    const WORDS: (&str, &str) = ("de/invoice/words.j2", "{% set title %}Rechnung {{ number }}{% endset %}");

    #[test]
    fn a_part_sees_the_view_and_what_the_words_set() {
        let part = "{{ common.greeting }}, {{ words.title }}, {{ number }}";
        assert_eq!(written(&[COMMON, WORDS], part).as_deref(), Ok("Hallo, Rechnung R-1, R-1"));
        assert_eq!(written(&[COMMON], "{{ common.greeting }}").as_deref(), Ok("Hallo"), "no words are no fault");
        let imported = "{% import 'de/common.j2' as common %}{{ common.twice(common.greeting) }}";
        assert_eq!(written(&[COMMON, WORDS], imported).as_deref(), Ok("HalloHallo"));
        assert!(written(&[COMMON], "{{ common.twice('x') }}").is_err(), "macros are for who imports them");
    }

    #[test]
    fn the_words_that_fail_are_named() {
        let lacking = ("de/invoice/words.j2", "{% import 'de/extra.j2' as extra %}");
        let fault = written(&[COMMON, lacking], "{{ number }}").expect_err("a file is missing");
        assert!(fault.starts_with("de/invoice/words.j2: ") && fault.contains("de/extra.j2"), "{fault}");
    }
}

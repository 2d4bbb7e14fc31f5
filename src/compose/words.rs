//! The words of a language and a kind, evaluated once a mail.
//!
//! A mail's parts say the same words. An `{% import %}` in each of them would evaluate `common.j2` and `words.j2` once a
//! part, which is two fifths of what writing a mail costs.

use std::collections::BTreeMap;

use minijinja::{Environment, Error, ErrorKind, Value};

/// The context of a mail's parts: what `view` has, `common` (what `<folder>/common.j2` sets) and `words` (the same of
/// `<folder>/<kind>/words.j2`, if there is such a file). The error names the template that failed.
pub(super) fn with_words(
    environment: &Environment<'static>,
    folder: &str,
    kind: &str,
    view: &Value,
) -> Result<Value, (String, Error)> {
    let mut context: BTreeMap<String, Value> = BTreeMap::new();
    for (name, template) in [("common", format!("{folder}/common.j2")), ("words", format!("{folder}/{kind}/words.j2"))]
    {
        match exports(environment, &template, view) {
            Ok(exports) => _ = context.insert(name.to_owned(), exports),
            Err(error) if error.kind() == ErrorKind::TemplateNotFound => {}
            Err(error) => return Err((template, error)),
        }
    }
    for key in view.try_iter().expect("the view is a map") {
        let value = view.get_item(&key).expect("each of its keys has a value");
        context.insert(key.to_string(), value);
    }
    Ok(Value::from(context))
}

/// What a template sets at its top level.
fn exports(environment: &Environment<'static>, template: &str, view: &Value) -> Result<Value, Error> {
    let evaluated = environment.get_template(template)?.render_captured(view.clone())?;
    let state = evaluated.state();
    let exports = state.exports().into_iter().filter_map(|name| Some((name.to_owned(), state.lookup(name)?)));
    Ok(Value::from(exports.collect::<BTreeMap<String, Value>>()))
}

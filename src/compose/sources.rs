//! Where the sources of templates come from, and which a tenant may have.

use std::collections::BTreeMap;
use std::path::Path;

use super::invalid_templates::InvalidTemplates;
use crate::model::invoice_kind::InvoiceKind;

/// What a tenant may override.
const OVERRIDABLE: [&str; 4] = ["subject.txt.j2", "body.txt.j2", "body.html.j2", "words.j2"];

/// Name below `templates/`, source.
pub(super) type TemplateSources = BTreeMap<String, String>;

/// Whether a tenant may have this template: one of a mail's parts, that cannot turn escaping off.
///
/// Escaping follows the file name, so a part of an HTML mail must not be made from a file that is not HTML; the words
/// of `words.j2` and `common.j2` are escaped where they are said.
pub(super) fn check_tenants(name: &str, source: &str) -> Result<(), String> {
    let file = match name.split('/').collect::<Vec<_>>()[..] {
        [_, file @ "common.j2"] => file,
        [_, kind, file] if kind.parse::<InvoiceKind>().is_ok() && OVERRIDABLE.contains(&file) => file,
        _ => return Err(
            "a tenant may override <locale>/common.j2 and <locale>/<kind>/{subject.txt,body.txt,body.html,words}.j2"
                .to_owned(),
        ),
    };
    for (tag, rest) in tags(source) {
        let literal = rest.trim().trim_matches(['"', '\'']);
        let is_literal = rest.trim().starts_with(['"', '\''])
            && literal.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
        match tag {
            "autoescape" | "include" => return Err(format!("a tenant's template may not use {{% {tag} %}}")),
            "extends" if file == "body.html.j2" && !(is_literal && literal.ends_with(".html.j2")) => {
                return Err("it may only extend a template whose name ends in .html.j2".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The tags of a template, `{% name rest %}`; those inside comments and raw blocks too.
fn tags(source: &str) -> impl Iterator<Item = (&str, &str)> {
    source.split("{%").skip(1).map(|tag| {
        let tag = tag.trim_start_matches(['-', '+']).trim_start();
        let name_ends = tag.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tag.len());
        let (name, rest) = tag.split_at(name_ends);
        let rest_ends = rest.find("%}").unwrap_or(rest.len());
        (name, rest[..rest_ends].trim_end_matches(['-', '+']))
    })
}

/// Every `*.j2` file below `dir`, by its path with `/`; sorted, so that the first fault is always the same.
pub(super) fn read_tree(dir: &Path) -> Result<TemplateSources, InvalidTemplates> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |problem| InvalidTemplates::Unreadable { path, problem }
    };
    let mut sources = TemplateSources::new();
    let mut folders = vec![(dir.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(unreadable(&folder))? {
            let path = entry.map_err(unreadable(&folder))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if path.is_dir() {
                folders.push((path.clone(), format!("{prefix}{name}/")));
            } else if path.extension().is_some_and(|extension| extension == "j2") {
                let source = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
                sources.insert(format!("{prefix}{name}"), source);
            }
        }
    }
    Ok(sources)
}

/// Embeds the templates of the languages and kinds named.
macro_rules! builtin {
    ($($locale:literal: $kinds:tt),+ $(,)?) => {
        [
            ("layout.txt.j2", include_str!("../../templates/layout.txt.j2")),
            ("layout.html.j2", include_str!("../../templates/layout.html.j2")),
        ].into_iter()$(.chain(builtin!(@locale $locale $kinds)))+
    };
    (@locale $locale:literal [$($kind:literal),+]) => {
        [(concat!($locale, "/common.j2"), include_str!(concat!("../../templates/", $locale, "/common.j2")))]
            .into_iter()$(.chain(builtin!(@kind $locale $kind: "subject.txt", "body.txt", "body.html", "words")))+
    };
    (@kind $locale:literal $kind:literal: $($part:literal),+) => {
        [$((
            concat!($locale, "/", $kind, "/", $part, ".j2"),
            include_str!(concat!("../../templates/", $locale, "/", $kind, "/", $part, ".j2")),
        )),+]
    };
}

/// The templates of this build.
pub(super) fn builtin() -> TemplateSources {
    builtin! {
        "de": ["invoice", "credit_note", "reminder"],
        "nl": ["invoice", "credit_note", "reminder"],
        "en": ["invoice", "credit_note", "reminder"],
        "fr": ["invoice", "credit_note", "reminder"],
    }
    .map(|(name, source)| (name.to_owned(), source.to_owned()))
    .collect()
}

//! What tests ask of pages: that they are whole, load nothing from elsewhere, and say to what each label belongs.

use std::collections::HashSet;

/// Elements without an end tag ([HTML §13.1.2](https://html.spec.whatwg.org/multipage/syntax.html#void-elements)).
const VOID: [&str; 6] = ["meta", "link", "img", "input", "br", "wbr"];

/// A start tag.
#[derive(Debug)]
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    pub(crate) attributes: Vec<(&'a str, Option<&'a str>)>,
    /// Whether it stands within a `label`.
    is_labelled: bool,
}

impl<'a> Tag<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(one, _)| *one == name).and_then(|(_, value)| *value)
    }
}

/// The start tags of a page, if every element is closed in its turn, every value of an attribute is quoted, and no
/// attribute stands there but those that are `allowed`.
pub(crate) fn parse<'a>(html: &'a str, allowed: &[&str]) -> Result<Vec<Tag<'a>>, String> {
    let mut rest = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    let (mut tags, mut open) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        if rest[..at].contains('>') {
            return Err(format!("a > stands in the text {:?}", &rest[..at]));
        }
        let end = rest.find('>').ok_or("a tag without its end")?;
        let inner = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("{name} is closed where {last:?} is open"));
            }
            continue;
        }
        let closes_itself = inner.ends_with('/');
        let is_labelled = open.contains(&"label");
        let tag = parse_tag(inner.trim_end_matches('/'), allowed, is_labelled)?;
        if !VOID.contains(&tag.name) && !closes_itself {
            open.push(tag.name);
        }
        tags.push(tag);
    }
    if open.is_empty() { Ok(tags) } else { Err(format!("{open:?} stay open")) }
}

fn parse_tag<'a>(inner: &'a str, allowed: &[&str], is_labelled: bool) -> Result<Tag<'a>, String> {
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("{inner:?} is not a tag"));
    }
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let ends = rest.find([' ', '=']).unwrap_or(rest.len());
        let attribute = &rest[..ends];
        if !allowed.contains(&attribute) {
            return Err(format!("the attribute {attribute:?} of {name}"));
        }
        let (value, after) = match rest[ends..].strip_prefix("=\"") {
            Some(value) => {
                let (value, after) = value.split_once('"').ok_or("a value without its end")?;
                (Some(value), after)
            }
            None => (None, &rest[ends..]),
        };
        attributes.push((attribute, value));
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    Ok(Tag { name, attributes, is_labelled })
}

/// What a page would load or send to elsewhere, and links that are no web, mail or phone address.
pub(crate) fn foreign(tags: &[Tag<'_>]) -> Vec<String> {
    let mut faults = Vec::new();
    for tag in tags {
        for attribute in ["src", "data", "action", "href"] {
            let Some(value) = tag.get(attribute) else { continue };
            let is_ours = value.starts_with('/') && !value.starts_with("//");
            let is_link =
                tag.name == "a" && ["https://", "mailto:", "tel:", "#"].iter().any(|one| value.starts_with(one));
            if !is_ours && !is_link {
                faults.push(format!("{} {attribute}={value}", tag.name));
            }
        }
    }
    faults
}

/// Ids that stand twice, references to ids that are not there, fields without a label.
pub(crate) fn broken_references(tags: &[Tag<'_>]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = HashSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        if !ids.insert(id) {
            faults.push(format!("the id {id} twice"));
        }
    }
    for tag in tags {
        let named = ["for", "aria-describedby", "aria-labelledby", "popovertarget"];
        let named = named.iter().filter_map(|name| tag.get(name));
        let missing = named.flat_map(str::split_whitespace).filter(|id| !ids.contains(id));
        faults.extend(missing.map(|id| format!("no element {id}")));
        let is_field = tag.name == "select" || (tag.name == "input" && tag.get("type") != Some("hidden"));
        let id = tag.get("id");
        let is_named = |label: &Tag<'_>| label.name == "label" && id.is_some() && label.get("for") == id;
        let is_labelled = tag.is_labelled || tags.iter().any(is_named);
        if is_field && !is_labelled {
            faults.push(format!("the field {:?} has no label", tag.get("name")));
        }
    }
    faults
}

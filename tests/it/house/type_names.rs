//! Each type has a name of its own: a search for it finds one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::tree;

/// The name of a type that a line declares at the top level of its file. What stands inside of something (an associated
/// type, a helper of a test) is known by that.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let is_type = matches!(words.next()?, "struct" | "enum" | "trait" | "type" | "union");
    let name = words.next()?.split(|sign: char| !sign.is_alphanumeric() && sign != '_').next()?;
    (is_type && !line.starts_with(char::is_whitespace) && !name.is_empty()).then_some(name)
}

#[test]
fn no_type_name_stands_twice() {
    let sources = tree::sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut files_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (file, source) in &sources {
        for name in source.lines().filter_map(declared) {
            files_of.entry(name).or_default().insert(file);
        }
    }
    assert!(files_of.contains_key("InvoiceSent"), "the sources were read");
    let twice: Vec<_> = files_of.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(
        twice.is_empty(),
        "these names stand in several files: give each a name that says what it is there: {twice:#?}"
    );
}

#[test]
fn declarations_are_known_by_their_keyword() {
    assert_eq!(declared("pub struct InvoiceSent {"), Some("InvoiceSent"));
    assert_eq!(declared("pub(crate) enum Value<'v> {"), Some("Value"));
    assert_eq!(declared("type Outcome = Result<(), ()>;"), Some("Outcome"));
    for other in ["    type Value = Text;", "impl Value {", "// struct Word", "struct", "pub use a::B;"] {
        assert_eq!(declared(other), None, "{other}");
    }
}

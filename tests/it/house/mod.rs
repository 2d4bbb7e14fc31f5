//! Imports point down: the source's own imports against the rooms of [`rooms`].
//!
//! Forbidden are imports that point up, those between rooms on one line, and circles of files inside a room (a module
//! and what stands below it excepted).

mod arrows;
mod rooms;
mod tokens;
mod tree;
mod type_names;

use std::path::Path;

use arrows::{Kind, Violation};
use tree::{Sources, Tree};

#[test]
fn imports_point_down_and_nowhere_in_circles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = tree::tree(&tree::sources(&root.join("src")));
    let mut faults: Vec<String> = arrows::homeless(&tree).iter().map(|file| no_room(file)).collect();
    faults.extend(arrows::violations(&tree).iter().map(|one| explained(one, &tree)));
    assert!(faults.is_empty(), "{} faults in the imports:\n{}", faults.len(), faults.join("\n"));
}

fn no_room(file: &str) -> String {
    format!("src/{file} belongs to no room: name its top-level module in tests/it/house/rooms.rs, on its line")
}

/// One sentence that says what is wrong and what to do.
fn explained(violation: &Violation, tree: &Tree) -> String {
    let Violation { kind, from, to } = violation;
    let room = |file: &str| rooms::room_of(arrows::top(file)).map_or("?", |(_, room)| room);
    match kind {
        Kind::Up => format!(
            "src/{from} imports src/{to}, but {} stands below {} in the house: hand the value in, or move what both \
             share down",
            room(from),
            room(to)
        ),
        Kind::Sibling => format!(
            "src/{from} imports src/{to}, but {} and {} stand on one line of the house: move what both share to a \
             line below",
            room(from),
            room(to)
        ),
        Kind::Circle => format!(
            "src/{from} imports src/{to}, which leads back by way of {}: move what they share to a file that uses \
             neither",
            arrows::way_back(tree, violation).join(" -> ")
        ),
    }
}

/// The violations of a crate that consists of these files.
fn lines_of(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Sources = files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    arrows::violations(&tree::tree(&sources)).iter().map(Violation::line).collect()
}

#[test]
fn an_import_that_points_down_is_allowed() {
    assert_eq!(
        lines_of(&[
            ("lib.rs", "mod store; mod clock;"),
            ("store.rs", "use crate::clock::Clock; fn f() { crate::clock::now() }"),
            ("clock.rs", "pub struct Clock; pub fn now() {}"),
        ]),
        Vec::<String>::new()
    );
}

#[test]
fn every_way_to_point_up_is_seen() {
    for code in [
        "use crate::store::Row;",
        "use crate::{store::{self as rows}};",
        "use super::store;",
        "use crate::store::*;",
        "fn f() { crate::store::open() }",
        "fn f() { let x: Vec<super::store::Row> = g::<crate::store::Row>(); }",
        "#[serde(with = \"crate::store::json\")] struct A;",
        "mod inner { use super::super::store::Row; }",
        "macro_rules! m { () => { $crate::store::open() } }",
    ] {
        let found = lines_of(&[
            ("lib.rs", "mod store; mod clock;"),
            ("store.rs", "pub struct Row; pub fn open() {} pub mod json { pub fn f() {} }"),
            ("clock.rs", code),
        ]);
        assert_eq!(found, ["up clock.rs -> store.rs"], "{code}");
    }
}

#[test]
fn a_re_export_does_not_hide_where_an_item_comes_from() {
    let found = lines_of(&[
        ("lib.rs", "mod dispatch; mod store; mod clock; pub use dispatch::Slot;"),
        ("dispatch/mod.rs", "mod slots; pub use slots::Slot;"),
        ("dispatch/slots.rs", "pub struct Slot;"),
        ("store.rs", "use crate::Slot;"),
        ("clock.rs", "use crate::dispatch as other; fn f(slot: other::Slot) {}"),
    ]);
    assert_eq!(
        found,
        [
            "up clock.rs -> dispatch/mod.rs",
            "up clock.rs -> dispatch/slots.rs",
            "up store.rs -> dispatch/mod.rs",
            "up store.rs -> dispatch/slots.rs"
        ]
    );
}

#[test]
fn rooms_on_one_line_do_not_use_each_other() {
    let found = lines_of(&[
        ("lib.rs", "mod documents; mod compose;"),
        ("documents.rs", "use crate::compose::Message;"),
        ("compose/mod.rs", "pub struct Message;"),
    ]);
    assert_eq!(found, ["sibling documents.rs -> compose/mod.rs"]);
}

#[test]
fn a_circle_of_files_is_seen_but_not_a_module_with_its_children() {
    let found = lines_of(&[
        ("lib.rs", "mod store;"),
        ("store/mod.rs", "mod a; mod b; mod c; pub use a::A; pub struct Shared; fn f() { b::go() }"),
        ("store/a.rs", "use super::{Shared, b::B}; pub struct A;"),
        ("store/b.rs", "use super::c::C; pub struct B;"),
        // By way of its parent's re-export, this leads back to `a`.
        ("store/c.rs", "use super::A; pub struct C;"),
    ]);
    assert_eq!(
        found,
        ["circle store/a.rs -> store/b.rs", "circle store/b.rs -> store/c.rs", "circle store/c.rs -> store/a.rs"]
    );
}

#[test]
fn code_for_tests_is_left_out() {
    let found = lines_of(&[
        ("lib.rs", "mod store; mod clock;"),
        ("store.rs", "pub struct Row;"),
        (
            "clock.rs",
            "#[cfg(test)] mod tests { use crate::store::Row; } #[test] fn f() { crate::store::Row; } fn g() {}",
        ),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_module_that_no_room_holds_is_named() {
    let sources = [("lib.rs", "mod attic;"), ("attic.rs", "")];
    let sources: Sources = sources.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    assert_eq!(arrows::homeless(&tree::tree(&sources)).into_iter().collect::<Vec<_>>(), ["attic.rs"]);
}

//! Which file uses which, and which of these arrows the house forbids.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    rooms::room_of,
    tree::{ModulePath, Tree},
};

/// From a file to the files that it uses.
pub type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Why an arrow is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// From a lower line to a higher one.
    Up,
    /// Between two rooms on one line.
    Sibling,
    /// Part of a circle of files inside one room.
    Circle,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Sibling => "sibling",
            Self::Circle => "circle",
        }
    }
}

/// A forbidden arrow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub kind: Kind,
    pub from: String,
    pub to: String,
}

impl Violation {
    /// As it stands in the list: `up store/intake.rs -> intake/mod.rs`.
    pub fn line(&self) -> String {
        format!("{} {} -> {}", self.kind.word(), self.from, self.to)
    }
}

/// Every forbidden arrow of the crate.
pub fn violations(tree: &Tree) -> Vec<Violation> {
    let arrows = arrows(tree);
    let mut found = between_rooms(&arrows);
    found.extend(circles(&without_children(&arrows, tree)));
    found.sort();
    found
}

/// Files of the crate that no room holds.
pub fn homeless(tree: &Tree) -> BTreeSet<String> {
    let files = tree.iter().filter(|(path, _)| path.first().is_some_and(|top| room_of(top).is_none()));
    files.map(|(_, module)| module.file.clone()).collect()
}

fn arrows(tree: &Tree) -> Arrows {
    let mut arrows = Arrows::new();
    for (path, module) in tree {
        let own = arrows.entry(module.file.clone()).or_default();
        let imports = module.uses.iter().map(|(_, target)| target).chain(&module.inline);
        for target in imports {
            let mut found = BTreeSet::new();
            Resolver { tree, found: &mut found }.resolve(path, target, 0);
            own.extend(found.into_iter().filter(|file| *file != module.file && file != "lib.rs"));
        }
    }
    arrows
}

struct Resolver<'a> {
    tree: &'a Tree,
    /// The files whose declarations the path went through, re-exports included.
    found: &'a mut BTreeSet<String>,
}

impl Resolver<'_> {
    /// Follows `target`, named in the module `from`.
    fn resolve(&mut self, from: &ModulePath, target: &[String], depth: usize) {
        // Two modules that re-export each other's names would lead round for ever.
        if depth > 16 {
            return;
        }
        let Some(first) = target.first() else { return };
        match first.as_str() {
            "crate" | "invoice_dispatcher" => self.walk(&Vec::new(), &target[1..], depth),
            "self" => self.walk(from, &target[1..], depth),
            "super" => {
                let parent = from[..from.len().saturating_sub(1)].to_vec();
                match target.get(1).map(String::as_str) {
                    Some("super") => self.resolve(&parent, &target[1..], depth + 1),
                    _ => self.walk(&parent, &target[1..], depth),
                }
            }
            // A name of this module: its child, its own import, or another crate's.
            _ if self.knows(from, first) => self.walk(from, target, depth),
            _ => {}
        }
    }

    fn knows(&self, module: &ModulePath, name: &str) -> bool {
        let own = &self.tree[module];
        self.child(module, name).is_some() || own.uses.iter().any(|(alias, path)| alias == name && path.len() > 1)
    }

    fn child(&self, module: &ModulePath, name: &str) -> Option<ModulePath> {
        let path = [module.clone(), vec![name.to_owned()]].concat();
        self.tree.contains_key(&path).then_some(path)
    }

    /// Follows `rest` from `module` on.
    fn walk(&mut self, module: &ModulePath, rest: &[String], depth: usize) {
        let Some(own) = self.tree.get(module) else { return };
        let Some((name, behind)) = rest.split_first() else {
            self.found.insert(own.file.clone());
            return;
        };
        if let Some(child) = self.child(module, name) {
            return self.walk(&child, behind, depth);
        }
        self.found.insert(own.file.clone());
        if own.items.contains(name) {
            return;
        }
        for (alias, path) in &own.uses {
            let whole = match alias.as_str() {
                "*" if self.declares(module, path, name) => [path.as_slice(), rest].concat(),
                alias if alias == name && path.as_slice() != [name.clone()] => [path.as_slice(), behind].concat(),
                _ => continue,
            };
            self.resolve(module, &whole, depth + 1);
        }
    }

    /// Whether the module that a glob import names declares or imports `name`.
    fn declares(&self, from: &ModulePath, glob: &[String], name: &str) -> bool {
        let mut at = from.clone();
        for word in glob {
            match word.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                word => at.push(word.to_owned()),
            }
        }
        self.tree.get(&at).is_some_and(|module| {
            module.items.contains(name) || module.uses.iter().any(|(alias, _)| alias == name || alias == "*")
        })
    }
}

fn between_rooms(arrows: &Arrows) -> Vec<Violation> {
    let mut found = Vec::new();
    for (from, to) in arrows.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        let (Some((line, room)), Some((below, other))) = (room_of(top(from)), room_of(top(to))) else { continue };
        let kind = match line.cmp(&below) {
            std::cmp::Ordering::Greater => Kind::Up,
            std::cmp::Ordering::Equal if room != other => Kind::Sibling,
            _ => continue,
        };
        found.push(Violation { kind, from: from.clone(), to: to.clone() });
    }
    found
}

/// `store` of `store/claim.rs` and of `store.rs`.
pub fn top(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The arrows inside rooms, without those between a module and what stands below it.
fn without_children(arrows: &Arrows, tree: &Tree) -> Arrows {
    let mut paths: BTreeMap<&str, &ModulePath> = BTreeMap::new();
    for (path, module) in tree {
        paths
            .entry(module.file.as_str())
            .and_modify(|known| {
                if path.len() < known.len() {
                    *known = path;
                }
            })
            .or_insert(path);
    }
    let kept = |from: &str, to: &str| {
        let (from_path, to_path) = (paths[from], paths[to]);
        let related = from_path.starts_with(to_path) || to_path.starts_with(from_path);
        !related && room_of(top(from)).is_some() && room_of(top(from)) == room_of(top(to))
    };
    arrows.iter().map(|(from, all)| (from.clone(), all.iter().filter(|to| kept(from, to)).cloned().collect())).collect()
}

/// The arrows from which a way leads back to where they begin.
fn circles(arrows: &Arrows) -> Vec<Violation> {
    let mut found = Vec::new();
    for (from, all) in arrows {
        for to in all.iter().filter(|to| way(arrows, to, from).is_some()) {
            found.push(Violation { kind: Kind::Circle, from: from.clone(), to: to.clone() });
        }
    }
    found
}

/// The shortest way from one file to another along the arrows inside their room, both ends included.
pub fn way_back(tree: &Tree, violation: &Violation) -> Vec<String> {
    way(&without_children(&arrows(tree), tree), &violation.to, &violation.from).unwrap_or_default()
}

fn way(arrows: &Arrows, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::from([from.to_owned()]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = way.last().expect("a way has a beginning");
            if last == to {
                return Some(way);
            }
            for next in arrows.get(last).into_iter().flatten().filter(|next| seen.insert((*next).clone())) {
                longer.push([way.clone(), vec![next.clone()]].concat());
            }
        }
        ways = longer;
    }
    None
}

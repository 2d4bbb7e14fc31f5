//! The rooms of the house, from top to bottom: a line is a step, and arrows point down.
//!
//! What stands on a line may use what stands on lines below it; rooms on one line never use each other.

/// A room and the modules at the top of the crate that belong to it.
pub struct Room {
    pub name: &'static str,
    modules: &'static [&'static str],
}

const fn room(name: &'static str, modules: &'static [&'static str]) -> Room {
    Room { name, modules }
}

/// The lines from top to bottom.
pub const LINES: &[&[Room]] = &[
    &[room("main", &["main"])],
    &[room("cli", &["cli"])],
    // Starts a whole installation of its own and looks at it from outside.
    &[room("demo", &["demo"])],
    &[room("app", &["app"])],
    &[room("console", &["console"]), room("portal", &["portal"]), room("api", &["api"])],
    &[room("web", &["web"])],
    &[room("dispatch", &["dispatch"])],
    &[room("upkeep", &["upkeep"])],
    &[room("operator", &["operator"])],
    &[room("intake", &["intake"])],
    &[room("broker", &["broker"])],
    &[room("store", &["store"])],
    &[room("config", &["config"])],
    &[room("documents", &["documents"]), room("compose", &["compose"])],
    &[room("relay", &["relay"]), room("sms", &["sms"])],
    &[room("event", &["event"])],
    &[room("policy", &["policy"])],
    &[room("model", &["model"])],
    &[room("secrets", &["secrets"]), room("telemetry", &["telemetry"])],
    &[
        room("lifecycle", &["lifecycle"]),
        room("failpoint", &["failpoint"]),
        room("backoff", &["backoff"]),
        room("wake", &["wake"]),
        room("bisect", &["bisect"]),
        room("private_file", &["private_file"]),
    ],
    &[room("clean", &["clean"]), room("clock", &["clock"]), room("sha256", &["sha256"])],
];

/// The line (0 is the top) and the name of the room that holds the top-level module `name`.
pub fn room_of(name: &str) -> Option<(usize, &'static str)> {
    LINES
        .iter()
        .enumerate()
        .find_map(|(line, rooms)| rooms.iter().find(|room| room.modules.contains(&name)).map(|room| (line, room.name)))
}

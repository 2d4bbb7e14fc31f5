//! What stands between the broker's bytes and lapin: frames, tables and bodies are bounded before they are parsed.

pub(super) mod field_table;
pub(super) mod frame_guard;
pub(super) mod guarded_stream;
pub(super) mod incoming_bodies;

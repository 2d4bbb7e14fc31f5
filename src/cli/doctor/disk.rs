//! Whether there is room on the disks that the embedded database and the embedded document store write to.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::check::Check;
use crate::cli::terminal::format::size;
use crate::config::{Config, DocumentsPlace};

const NAME: &str = "disk";

/// With less free space than this, in bytes, the database may be full before a person acts.
const FREE_BYTES_MIN: u64 = 100 << 20;
/// With less than this, in bytes, a person should look.
const FREE_BYTES_LOW: u64 = 1 << 30;
/// The same in hundredths of the disk.
const FREE_PERCENT_LOW: u64 = 5;

/// The room on one disk, in bytes.
#[derive(Debug, Clone, Copy)]
struct DiskSpace {
    /// What this process may still use.
    free: u64,
    all: u64,
}

/// One check for each disk; none if everything lies on servers.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let mut disks: BTreeMap<u64, (DiskSpace, Vec<String>)> = BTreeMap::new();
    let mut checks = Vec::new();
    for folder in folders(config) {
        match look(&folder) {
            Ok((disk, room)) => disks.entry(disk).or_insert((room, Vec::new())).1.push(folder.display().to_string()),
            Err(error) => {
                let detail = format!("the room for {} cannot be seen: {error}", folder.display());
                checks.push(Check::warn(NAME, detail, "look at the folder and at who may enter it"));
            }
        }
    }
    checks.extend(disks.into_values().map(|(room, folders)| judge(room, &folders.join(" and "))));
    checks
}

/// Where this process, or the billing system beside it, writes.
fn folders(config: &Config) -> Vec<PathBuf> {
    let file = config.database.url.expose().strip_prefix("sqlite://").map(Path::new);
    let database = file.map(|file| file.parent().unwrap_or(Path::new("")).to_owned());
    let documents = match &config.documents.place {
        DocumentsPlace::Folder(folder) => Some(folder.clone()),
        DocumentsPlace::Bucket { .. } => None,
    };
    database.into_iter().chain(documents).collect()
}

/// The disk that `folder` is or will be on, by its number, and its room.
fn look(folder: &Path) -> io::Result<(u64, DiskSpace)> {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let disk = there.metadata()?.dev();
    let space = rustix::fs::statvfs(there)?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    Ok((disk, DiskSpace { free: bytes(space.f_bavail), all: bytes(space.f_blocks) }))
}

fn judge(room: DiskSpace, folders: &str) -> Check {
    let DiskSpace { free, all } = room;
    let detail = format!("{} free of {} for {folders}", size(free), size(all));
    let remedy = "free space or enlarge the disk; when it is full, no event is taken in and no mail is sent";
    if free < FREE_BYTES_MIN {
        Check::fail(NAME, detail, remedy)
    } else if free < FREE_BYTES_LOW || free < all / 100 * FREE_PERCENT_LOW {
        Check::warn(NAME, detail, remedy)
    } else {
        Check::ok(NAME, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn little_room_is_a_warning_and_almost_none_a_failure() {
        for (free, all, expected) in [
            (99 * MIB, GIB, "fail"),
            (0, 0, "fail"),
            (100 * MIB, GIB, "warn"),
            (GIB - 1, 2 * GIB, "warn"),
            (GIB, 2 * GIB, "ok"),
            (40 * GIB, 1000 * GIB, "warn"),
            (60 * GIB, 1000 * GIB, "ok"),
        ] {
            let judged = serde_json::to_value(judge(DiskSpace { free, all }, "data")).expect("a check is JSON");
            assert_eq!(judged["result"], expected, "{free} of {all}: {judged}");
            assert_eq!(judged["what_to_do"].is_null(), expected == "ok", "{judged}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_looked_at_where_it_will_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let (disk, room) = look(folder.path()).expect("it is there");
        let (later, _) = look(&folder.path().join("data/documents")).expect("its parent is there");
        assert_eq!(disk, later);
        assert!(room.free <= room.all && room.all > 0, "{room:?}");
        assert!(look(Path::new("data-that-nobody-makes/documents")).is_ok(), "relative to the working folder");
    }
}

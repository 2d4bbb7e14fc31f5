//! Whether a file is there as far as the kernel knows without asking a disk or a server.
//!
//! To hand a question to a reader's thread and back costs ten times as much as the answer, if that is in the kernel's
//! caches: the billing system has written the file a moment ago, as a rule. [`RESOLVE_CACHED`] looks there only and
//! never waits, so it may be asked on a runtime's thread. It says "there" or nothing; a reader finds out the rest.
//!
//! [`RESOLVE_CACHED`]: https://man7.org/linux/man-pages/man2/openat2.2.html

use std::path::Path;

use crate::event::Document;

/// Whether every document is a regular file of its size below `folder`, and the kernel's caches show it.
#[cfg(target_os = "linux")]
pub(super) fn are_there(folder: &Path, documents: &[Document]) -> bool {
    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatxFlags, openat2, statx};

    let open = OFlags::PATH | OFlags::CLOEXEC;
    let Ok(folder) = openat2(CWD, folder, open | OFlags::DIRECTORY, Mode::empty(), ResolveFlags::CACHED) else {
        return false;
    };
    let inside = ResolveFlags::CACHED | ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    documents.iter().all(|document| {
        let found = openat2(&folder, &document.object, open, Mode::empty(), inside).and_then(|file| {
            // Without asking a server whether it has changed.
            let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
            statx(&file, "", flags, StatxFlags::TYPE | StatxFlags::SIZE)
        });
        found.is_ok_and(|found| {
            let kind = FileType::from_raw_mode(found.stx_mode.into());
            kind == FileType::RegularFile && found.stx_size == document.size
        })
    })
}

/// Elsewhere a reader is asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn are_there(_: &Path, _: &[Document]) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::event::{DocumentRole, MediaType};
    use crate::sha256::Sha256;

    fn document(object: &str, size: u64) -> Document {
        Document {
            id: "d1".to_owned(),
            role: DocumentRole::InvoicePdf,
            name: None,
            media_type: MediaType::Pdf,
            size,
            sha256: Sha256::of(b""),
            object: object.to_owned(),
        }
    }

    #[test]
    fn only_a_regular_file_of_its_size_is_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("documents");
        std::fs::create_dir_all(root.join("acme")).expect("made");
        std::fs::write(root.join("acme/a.pdf"), b"12345").expect("written");
        std::fs::write(folder.path().join("outside.pdf"), b"12345").expect("written");
        std::os::unix::fs::symlink("../../outside.pdf", root.join("acme/link.pdf")).expect("linked");
        let there = |documents: &[Document]| are_there(&root, documents);
        assert!(there(&[document("acme/a.pdf", 5)]));
        assert!(!there(&[document("acme/a.pdf", 5), document("acme/a.pdf", 6)]), "of another size");
        for other in ["acme/b.pdf", "acme", "acme/link.pdf", "../outside.pdf"] {
            assert!(!there(&[document(other, 5)]), "{other}");
        }
        assert!(!are_there(&folder.path().join("nowhere"), &[document("acme/a.pdf", 5)]));
    }
}

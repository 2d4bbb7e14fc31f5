//! By what a store tells that an object is the one that it was.

/// Two equal ones mean the same bytes, as far as the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Validator {
    /// Of S3 ([RFC 9110 §8.8.3]).
    ///
    /// [RFC 9110 §8.8.3]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
    ETag(String),
    /// Of an opened file: what changes with any write, or with another file in its place.
    File { device: u64, inode: u64, size: u64, modified_ns: i128, changed_ns: i128 },
}

impl Validator {
    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "on other systems a file has none")]
    pub(super) fn of_file(metadata: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let moment = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Some(Self::File {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified_ns: moment(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: moment(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    pub(super) fn of_file(_: &std::fs::Metadata) -> Option<Self> {
        None
    }
}

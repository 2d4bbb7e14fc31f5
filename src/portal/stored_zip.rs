//! A zip archive of files as they are ([APPNOTE 6.3]), whose size is known before its first byte.
//!
//! Sizes and checksums stand before each file, so no data descriptors follow (which some readers refuse), the answer has a
//! length, and nothing is kept of what has been sent. All stays below 4 GiB: no zip64.
//!
//! [APPNOTE 6.3]: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

/// The largest archive.
pub(super) const ARCHIVE_BYTES_MAX: u64 = 2 << 30;

/// Version 1.0 of the format: no compression, no folders.
const VERSION: u16 = 10;
const LOCAL_HEADER_BYTES: u64 = 30;
const CENTRAL_HEADER_BYTES: u64 = 46;
const END_BYTES: u64 = 22;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZipEntry {
    /// ASCII.
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) crc32: u32,
}

/// How large an archive of files with these names and sizes is; more than [`ARCHIVE_BYTES_MAX`] makes none.
pub(super) fn archive_size<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> u64 {
    let headers = |name: &str| LOCAL_HEADER_BYTES + CENTRAL_HEADER_BYTES + 2 * name.len() as u64;
    files.map(|(name, size)| size.saturating_add(headers(name))).fold(END_BYTES, u64::saturating_add)
}

/// An archive; its bytes are the local header and the bytes of each file in turn, then [`StoredZip::directory`].
#[derive(Debug, Clone)]
pub(super) struct StoredZip {
    entries: Vec<ZipEntry>,
    /// In MS-DOS's writing: day, month and years since 1980.
    date: u16,
}

impl StoredZip {
    /// An archive of these files, all of this day; none if it would be too large.
    pub(super) fn new(entries: Vec<ZipEntry>, day: jiff::civil::Date) -> Option<Self> {
        let bits = |value: i32| u16::try_from(value).expect("within its bits");
        let years = bits((i32::from(day.year()) - 1980).clamp(0, 127));
        let date = years << 9 | bits(day.month().into()) << 5 | bits(day.day().into());
        let zip = Self { entries, date };
        (zip.size() <= ARCHIVE_BYTES_MAX).then_some(zip)
    }

    /// Of the whole archive.
    pub(super) fn size(&self) -> u64 {
        archive_size(self.entries.iter().map(|entry| (entry.name.as_str(), entry.size)))
    }

    /// What stands before the bytes of the file at this place.
    pub(super) fn local_header(&self, at: usize) -> Vec<u8> {
        let entry = &self.entries[at];
        let mut header = Vec::new();
        header.extend(b"PK\x03\x04");
        self.describe(entry, &mut header);
        header.extend(entry.name.as_bytes());
        header
    }

    /// What ends the archive.
    pub(super) fn directory(&self) -> Vec<u8> {
        let mut directory = Vec::new();
        let mut offset = 0;
        for entry in &self.entries {
            directory.extend(b"PK\x01\x02");
            directory.extend(VERSION.to_le_bytes());
            self.describe(entry, &mut directory);
            // No comment, the first disk, no attributes.
            directory.extend([0; 2 + 2 + 2 + 4]);
            directory.extend(four(offset));
            directory.extend(entry.name.as_bytes());
            offset += LOCAL_HEADER_BYTES + entry.name.len() as u64 + entry.size;
        }
        let (count, size) = (u16::try_from(self.entries.len()).expect("few files"), directory.len() as u64);
        directory.extend(b"PK\x05\x06");
        directory.extend([0; 2 + 2]);
        directory.extend(count.to_le_bytes());
        directory.extend(count.to_le_bytes());
        directory.extend(four(size));
        directory.extend(four(offset));
        directory.extend([0; 2]);
        directory
    }

    /// What both headers say of a file, up to the length of its extra field.
    fn describe(&self, entry: &ZipEntry, header: &mut Vec<u8>) {
        header.extend(VERSION.to_le_bytes());
        // No flags, stored, at midnight.
        header.extend([0; 2 + 2 + 2]);
        header.extend(self.date.to_le_bytes());
        header.extend(entry.crc32.to_le_bytes());
        header.extend(four(entry.size));
        header.extend(four(entry.size));
        header.extend(u16::try_from(entry.name.len()).expect("short names").to_le_bytes());
        header.extend([0; 2]);
    }
}

fn four(value: u64) -> [u8; 4] {
    u32::try_from(value).expect("an archive of at most 2 GiB").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, bytes: &[u8]) -> ZipEntry {
        ZipEntry { name: name.to_owned(), size: bytes.len() as u64, crc32: crc32fast::hash(bytes) }
    }

    #[test]
    fn an_archive_is_as_long_as_it_says_and_python_reads_it() {
        let files: [(&str, &[u8]); 3] = [("R-1.pdf", b"%PDF-1.4 one"), ("R-1.xml", b"<two/>"), ("empty.txt", b"")];
        let entries = files.iter().map(|(name, bytes)| entry(name, bytes)).collect();
        let zip = StoredZip::new(entries, jiff::civil::date(2026, 11, 20)).expect("small");
        let mut bytes = Vec::new();
        for (at, (_, content)) in files.iter().enumerate() {
            bytes.extend(zip.local_header(at));
            bytes.extend(*content);
        }
        bytes.extend(zip.directory());
        assert_eq!(bytes.len() as u64, zip.size());

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("all.zip");
        std::fs::write(&file, bytes).expect("written");
        let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                      for i in z.infolist(): print(i.filename, i.file_size, i.compress_type, i.date_time[:3], z.read(i).decode())";
        let read = std::process::Command::new("python3").args(["-c", script]).arg(&file).output().expect("python3");
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        assert_eq!(
            String::from_utf8_lossy(&read.stdout),
            "R-1.pdf 12 0 (2026, 11, 20) %PDF-1.4 one\nR-1.xml 6 0 (2026, 11, 20) <two/>\nempty.txt 0 0 (2026, 11, 20) \n"
        );
    }

    #[test]
    fn what_would_be_too_large_is_no_archive() {
        let large =
            |count: usize| (0..count).map(|n| ZipEntry { name: n.to_string(), size: 1 << 30, crc32: 0 }).collect();
        let day = jiff::civil::date(1970, 1, 1);
        assert!(StoredZip::new(large(1), day).is_some());
        assert!(StoredZip::new(large(2), day).is_none(), "2 GiB and headers");
        assert!(StoredZip::new(vec![ZipEntry { name: "x".to_owned(), size: u64::MAX, crc32: 0 }], day).is_none());
    }
}

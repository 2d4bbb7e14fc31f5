//! A folder as document store.
//!
//! Plain calls on a thread, one turn a mail: `object_store`'s local store takes several a document.
//! Keys cannot leave the folder, neither by their segments nor through a symbolic link. What is no regular file is no
//! document, and is never waited for.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use url::Url;

use super::parts::ObjectPart;
use super::progress::LoadProgress;
use super::readers::Readers;
use super::validator::Validator;
use super::{DocumentError, InvalidStore, cached, loaded, prove_digest, prove_size};
use crate::event::{Document, LoadedDocument};

/// How much is read at once: a large file on a slow disk shows that it gets on.
const CHUNK_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    readers: Readers,
    /// For loads that may take long: they keep none of the others' threads.
    patient_readers: Readers,
    /// For links, which only ask whether a document is there.
    lookers: Readers,
}

impl Folder {
    /// `file:relative/folder`, `file:/folder` or `file:///folder`.
    pub(super) fn open(url: &str) -> Result<Self, InvalidStore> {
        let rest = url.strip_prefix("file:").expect("the caller looked at the scheme");
        let path = if rest.starts_with("//") {
            Url::parse(url)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .ok_or_else(|| InvalidStore::new("names a folder of another host; write file:/folder"))?
        } else {
            PathBuf::from(rest)
        };
        if path.as_os_str().is_empty() {
            return Err(InvalidStore::new("names no folder"));
        }
        let [readers, patient_readers, lookers] = [(); 3].map(|()| Readers::default());
        Ok(Self { path, readers, patient_readers, lookers })
    }

    pub(super) async fn load_all(
        &self,
        documents: &[Document],
        progress: &LoadProgress,
        may_take_long: bool,
    ) -> Result<Vec<LoadedDocument>, DocumentError> {
        let progress = progress.clone();
        let readers = if may_take_long { &self.patient_readers } else { &self.readers };
        self.run(readers, documents, move |folder, documents| {
            documents.iter().map(|document| read(folder, document, &progress)).collect()
        })
        .await
    }

    /// Finds each document in its size; what cannot be looked at counts as found.
    pub(super) async fn find_all(&self, documents: &[Document]) -> Result<(), DocumentError> {
        if cached::are_there(&self.path, documents) {
            return Ok(());
        }
        self.run(&self.lookers, documents, |folder, documents| {
            documents
                .iter()
                .map(|document| find_file(folder, document).map(drop))
                .find(|found| matches!(found, Err(DocumentError::Missing { .. } | DocumentError::Mismatch { .. })))
                .unwrap_or(Ok(()))
        })
        .await
    }

    /// What tells the object from others now, if it is a file of the document's size.
    pub(super) async fn validator(&self, document: &Document) -> Result<Option<Validator>, DocumentError> {
        self.run(&self.patient_readers, std::slice::from_ref(document), |folder, documents| {
            open(folder, &documents[0]).map(|(_, validator)| validator)
        })
        .await
    }

    /// A part of the document.
    pub(super) async fn part(&self, document: &Document, range: Range<u64>) -> Result<ObjectPart, DocumentError> {
        self.run(&self.patient_readers, std::slice::from_ref(document), move |folder, documents| {
            let document = &documents[0];
            let (mut file, validator) = open(folder, document)?;
            let read = file
                .seek(SeekFrom::Start(range.start))
                .and_then(|_| read_exactly(&mut file, range.end - range.start, &LoadProgress::default()));
            let bytes = read.map_err(|error| failed(folder, document, &error))?.into();
            Ok(ObjectPart { bytes, validator })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        readers: &Readers,
        documents: &[Document],
        work: impl FnOnce(&Path, &[Document]) -> Result<T, DocumentError> + Send + 'static,
    ) -> Result<T, DocumentError> {
        let (folder, documents) = (self.path.clone(), Arc::<[Document]>::from(documents));
        let for_work = Arc::clone(&documents);
        let done = readers.run(move || work(&folder, &for_work)).await;
        done.unwrap_or_else(|| {
            let first = documents.first().expect("nothing is read for no document");
            Err(DocumentError::unavailable(first, "the reading was given up"))
        })
    }

    pub(super) async fn check(&self) -> Result<(), String> {
        let folder = self.path.clone();
        let listing = tokio::task::spawn_blocking(move || fs::read_dir(folder).map(drop)).await;
        match listing {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Err("the folder does not exist".to_owned()),
            Ok(Err(error)) => Err(format!("the folder cannot be read: {error}")),
            Err(_) => Err("the reading was given up".to_owned()),
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file:{}", self.path.display())
    }
}

/// Reads a document below `folder`.
fn read(folder: &Path, document: &Document, progress: &LoadProgress) -> Result<LoadedDocument, DocumentError> {
    let (mut file, _) = open(folder, document)?;
    let read = read_exactly(&mut file, document.size, progress);
    let bytes = read.map_err(|error| failed(folder, document, &error))?;
    prove_digest(document, &bytes)?;
    Ok(loaded(document, bytes))
}

/// Opens a document below `folder`, if it is a file of its size.
fn open(folder: &Path, document: &Document) -> Result<(File, Option<Validator>), DocumentError> {
    let path = find_file(folder, document)?;
    let opened = open_regular(&path).map_err(|error| failed(folder, document, &error))?;
    let Some((file, metadata)) = opened else { return Err(DocumentError::missing(document)) };
    prove_size(document, metadata.len())?;
    let validator = Validator::of_file(&metadata);
    Ok((file, validator))
}

/// Where a document is, if it is a file of its size.
fn find_file(folder: &Path, document: &Document) -> Result<PathBuf, DocumentError> {
    let (path, metadata) = find(folder, &document.object).map_err(|error| failed(folder, document, &error))?;
    if !metadata.is_file() {
        return Err(DocumentError::missing(document));
    }
    prove_size(document, metadata.len())?;
    Ok(path)
}

fn failed(folder: &Path, document: &Document, error: &io::Error) -> DocumentError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename | ErrorKind::InvalidInput => {
            missing(folder, document)
        }
        _ => DocumentError::unavailable(document, error),
    }
}

/// A folder that is not there (yet, or not mounted) makes no document "missing".
fn missing(folder: &Path, document: &Document) -> DocumentError {
    match fs::canonicalize(folder) {
        Ok(_) => DocumentError::missing(document),
        Err(error) => DocumentError::unavailable(document, format_args!("the folder {}: {error}", folder.display())),
    }
}

/// Where the object is, and what: inside of the folder, whatever symbolic links there are.
fn find(folder: &Path, object: &str) -> io::Result<(PathBuf, Metadata)> {
    let mut path = folder.to_owned();
    let mut metadata = None;
    for part in object.split('/') {
        if matches!(part, "" | "." | "..") {
            return find_by_links(folder, object);
        }
        path.push(part);
        let found = fs::symlink_metadata(&path)?;
        if found.is_symlink() {
            return find_by_links(folder, object);
        }
        metadata = Some(found);
    }
    // An object has at least one part: splitting gives one even of nothing.
    metadata.map(|metadata| (path, metadata)).ok_or_else(|| ErrorKind::NotFound.into())
}

/// With every link resolved, it shows whether the object is in the folder at all.
fn find_by_links(folder: &Path, object: &str) -> io::Result<(PathBuf, Metadata)> {
    let folder = fs::canonicalize(folder)?;
    let path = fs::canonicalize(folder.join(object))?;
    if !path.starts_with(folder) {
        return Err(ErrorKind::NotFound.into());
    }
    let metadata = fs::metadata(&path)?;
    Ok((path, metadata))
}

/// Opens a regular file, and says what it is; anything else is nothing.
///
/// A file may have become a named pipe since it was found: opened the common way, that waits for a writer for ever, and
/// its reader with it.
fn open_regular(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

/// Reads the first `size` bytes of a file that had so many a moment ago. One that has shrunk since is too short; what
/// has been written into it since shows in its digest.
fn read_exactly(file: &mut File, size: u64, progress: &LoadProgress) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| ErrorKind::OutOfMemory)?;
    bytes.resize(size, 0);
    for chunk in bytes.chunks_mut(CHUNK_BYTES) {
        file.read_exact(chunk)?;
        progress.add(chunk.len());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// What stands here between finding and opening: the finding itself refuses a pipe.
    #[test]
    fn a_file_that_has_become_a_named_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pipe = folder.path().join("pipe.pdf");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let (sender, opened) = mpsc::channel();
        std::thread::spawn(move || drop(sender.send(open_regular(&pipe).map(|opened| opened.is_some()))));
        let opened = opened.recv_timeout(Duration::from_mins(1)).expect("nobody waits for a writer");
        assert!(matches!(opened, Ok(false)), "{opened:?}");
        assert!(matches!(open_regular(folder.path()), Ok(None)), "a folder is no file");
    }
}

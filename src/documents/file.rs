//! A folder as document store.
//!
//! Plain calls on a thread, one turn a mail: `object_store`'s local store takes several a document.
//! Keys cannot leave the folder, neither by their segments nor through a symbolic link.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use url::Url;

use super::readers::Readers;
use super::{DocumentError, InvalidStore, loaded, prove_digest, prove_size};
use crate::compose::LoadedDocument;
use crate::event::Document;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    readers: Readers,
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
        Ok(Self { path, readers: Readers::default() })
    }

    pub(super) async fn load_all(&self, documents: &[Document]) -> Result<Vec<LoadedDocument>, DocumentError> {
        let (folder, documents) = (self.path.clone(), documents.to_vec());
        let Some(first) = documents.first().cloned() else { return Ok(Vec::new()) };
        self.readers
            .run(move || read_all(&folder, &documents))
            .await
            .unwrap_or_else(|| Err(DocumentError::unavailable(&first, "the reading was given up")))
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

fn read_all(folder: &Path, documents: &[Document]) -> Result<Vec<LoadedDocument>, DocumentError> {
    documents.iter().map(|document| read(folder, document)).collect()
}

/// Reads a document below `folder`.
fn read(folder: &Path, document: &Document) -> Result<LoadedDocument, DocumentError> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename | ErrorKind::InvalidInput => {
            missing(folder, document)
        }
        _ => DocumentError::unavailable(document, error),
    };
    let (path, metadata) = find(folder, &document.object).map_err(failed)?;
    // Before it is opened: to open a named pipe could take for ever.
    if !metadata.is_file() {
        return Err(DocumentError::missing(document));
    }
    prove_size(document, metadata.len())?;
    let bytes = read_exactly(&path, document.size).map_err(failed)?;
    prove_digest(document, &bytes)?;
    Ok(loaded(document, bytes))
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

/// Reads the first `size` bytes of a file that had so many a moment ago. One that has shrunk since is too short; what
/// has been written into it since shows in its digest.
fn read_exactly(path: &Path, size: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| ErrorKind::OutOfMemory)?;
    bytes.resize(size, 0);
    File::open(path)?.read_exact(&mut bytes)?;
    Ok(bytes)
}

//! Files and folders that only the process's own user may use: invoices, customers' addresses and keys stand in them.
//!
//! The modes are given when a file is made, not set afterwards, so that it is never open to others, not for a moment.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Makes a folder, and those above it that are missing, for the owner only (mode 0700). One that is there stays as it
/// is: it may be a home directory or `/tmp`.
///
/// # Errors
/// If it cannot be made.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Options that make a file for the owner only (mode 0600), if they make one.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes `bytes` into `file`, which is its owner's alone from then on, also if it was there before.
///
/// # Errors
/// If it cannot be written, or is a symbolic link to another file: its maker may want the other one overwritten.
pub fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_link = std::fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink());
    if is_link && std::fs::metadata(file).map_or(true, |target| target.is_file()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is a symbolic link; name the file itself"));
    }
    let mut open = options().write(true).create(true).truncate(true).open(file)?;
    if open.metadata()?.is_file() {
        set_mode_of(&open)?;
    }
    io::Write::write_all(&mut open, bytes)
}

/// Takes a file that is there, perhaps by an earlier version, away from every user but its owner. One that is not
/// there, or that another user owns, stays as it is.
///
/// # Errors
/// If the system refuses for another reason.
pub fn close_to_others(file: &Path) -> io::Result<()> {
    let Some(mode) = mode_open_to_others(file)? else { return Ok(()) };
    match set_mode(file, mode & 0o700) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// The mode of a file that its group or others may use in any way; nothing if only its owner may, or it is not there.
///
/// # Errors
/// If the system does not say.
#[cfg(unix)]
pub fn mode_open_to_others(file: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = match std::fs::metadata(file) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(mode).filter(|mode| mode & 0o077 != 0))
}

/// The mode of a file: not known here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn mode_open_to_others(_file: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Takes an open file away from every user but its owner.
#[cfg(unix)]
fn set_mode_of(file: &std::fs::File) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
fn set_mode_of(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_file: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_the_owners_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let (folder, file) = (home.path().join("data/documents"), home.path().join("data/mail.eml"));
        create_folder(&folder).expect("made");
        write(&file, b"Subject: R-1").expect("written");
        assert_eq!((mode(&home.path().join("data")), mode(&folder), mode(&file)), (0o700, 0o700, 0o600));
        assert_eq!(mode_open_to_others(&file).expect("known"), None);
        assert_eq!(mode_open_to_others(&home.path().join("none")).expect("known"), None);
    }

    #[test]
    fn what_was_there_is_closed_and_no_link_is_followed() {
        let home = tempfile::tempdir().expect("a folder");
        let (open, victim, link) = (home.path().join("a.eml"), home.path().join("victim"), home.path().join("l.eml"));
        std::fs::write(&open, "earlier").expect("written");
        set_mode(&open, 0o644).expect("set");
        write(&open, b"now").expect("written");
        assert_eq!((std::fs::read(&open).expect("read").as_slice(), mode(&open)), (&b"now"[..], 0o600));
        std::fs::write(&victim, "kept").expect("written");
        std::os::unix::fs::symlink(&victim, &link).expect("linked");
        assert_eq!(write(&link, b"now").expect_err("a link").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&victim).expect("read"), b"kept");
    }

    #[test]
    fn a_file_of_an_earlier_version_is_closed() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("dispatcher.db");
        std::fs::write(&file, "").expect("written");
        set_mode(&file, 0o644).expect("set");
        assert_eq!(mode_open_to_others(&file).expect("known"), Some(0o644));
        close_to_others(&file).expect("closed");
        assert_eq!(mode(&file), 0o600);
        close_to_others(&home.path().join("none")).expect("nothing to do");
    }
}

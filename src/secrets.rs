//! The keys that everything secret is derived from, and the tokens that are made with them.
//!
//! Each purpose has a subkey of its own, derived with HKDF-SHA256 ([RFC 5869]), so that a token of one kind is never
//! valid as another. Several keys may be in use: the newest makes tokens, older ones still recognise theirs.
//!
//! [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869

mod address_keys;
mod audit_keys;
mod base32;
mod hmac_keys;
mod one_time_code;
mod password;
mod pasted_link;
mod portal_answer;
mod random_token;
mod sealed;
mod session_id;
mod totp;

use std::fmt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

use crate::private_file;
use crate::sha256::Sha256;
pub use address_keys::AddressKeys;
pub use audit_keys::{AuditKey, AuditKeys, audit_salt};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
pub use hmac_keys::HmacKeys;
pub use one_time_code::OneTimeCode;
pub use password::PasswordHash;
pub use pasted_link::pasted_token;
pub use portal_answer::{PORTAL_ANSWER_PATH, portal_answer};
pub use random_token::{ApiToken, InvitationToken, RecoveryCode};
use ring::{hkdf, hmac, rand::SecureRandom};
pub use sealed::{Sealed, SealingKeys};
use secrecy::{ExposeSecret, SecretSlice};
pub use session_id::SessionId;
pub use totp::TotpSecret;

/// Bytes of a key at least, and of every subkey.
const KEY_BYTES: usize = 32;

/// The purpose of the subkey that links are made with. Part of every link that was ever sent: never changes.
const LINK_LABEL: &str = "invoice-dispatcher link v1";

/// The purpose of the subkey that relay credentials are named with.
const CREDENTIALS_LABEL: &str = "invoice-dispatcher relay credentials v1";

/// Bytes of the HMAC that name credentials.
const CREDENTIALS_NAME_BYTES: usize = 16;

/// The secret keys, newest first; at least one.
#[derive(Clone)]
pub struct SecretKeys(Vec<SecretSlice<u8>>);

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} secret keys]", self.0.len())
    }
}

/// Why a text holds no secret keys. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretKeys {
    /// There is none.
    #[error("holds no key")]
    Empty,
    /// The key at this place, counted from 1, is neither base64 nor hexadecimal.
    #[error("key {0} is neither base64 nor hexadecimal")]
    Unreadable(usize),
    /// The key at this place, counted from 1, could be guessed.
    #[error("key {0} is shorter than {KEY_BYTES} bytes")]
    Short(usize),
    /// The key at this place, counted from 1, stands there before.
    #[error("key {0} is there twice")]
    Twice(usize),
}

impl SecretKeys {
    /// Parses keys separated by commas or lines, newest first, each of at least 32 bytes in base64 or hexadecimal.
    ///
    /// # Errors
    /// The first key that is none.
    pub fn parse(text: &str) -> Result<Self, InvalidSecretKeys> {
        let parts = text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty());
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for (index, part) in parts.enumerate() {
            let place = index + 1;
            let key = decode(part).ok_or(InvalidSecretKeys::Unreadable(place))?;
            if key.len() < KEY_BYTES {
                return Err(InvalidSecretKeys::Short(place));
            }
            if keys.contains(&key) {
                return Err(InvalidSecretKeys::Twice(place));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(InvalidSecretKeys::Empty);
        }
        Ok(Self(keys.into_iter().map(SecretSlice::from).collect()))
    }

    /// The keys of `file`; if it is not there, one is generated into it, readable by its owner only.
    ///
    /// # Errors
    /// If the file cannot be read or written, is open to others, or holds no keys.
    pub fn load_or_generate(file: &Path) -> Result<Self, KeyFileError> {
        let failed = |source| KeyFileError::Io { file: file.to_owned(), source };
        if !file.try_exists().map_err(failed)? {
            generate(file).map_err(failed)?;
        }
        refuse_open_file(file)?;
        let text = std::fs::read_to_string(file).map_err(failed)?;
        Self::parse(&text).map_err(|source| KeyFileError::Invalid { file: file.to_owned(), source })
    }

    /// What portal links are made with and known by.
    #[must_use]
    pub fn link_keys(&self) -> LinkKeys {
        LinkKeys(self.0.iter().map(|key| LinkKey::new(&subkey(key.expose_secret(), LINK_LABEL))).collect())
    }

    /// What relay credentials are named with.
    #[must_use]
    pub fn credentials_keys(&self) -> CredentialsKeys {
        let key =
            |key: &SecretSlice<u8>| hmac::Key::new(hmac::HMAC_SHA256, &subkey(key.expose_secret(), CREDENTIALS_LABEL));
        CredentialsKeys(self.0.iter().map(key).collect())
    }

    /// What is named or proven under a key for the purpose `label`.
    #[must_use]
    pub fn hmac_keys(&self, label: &str) -> HmacKeys {
        HmacKeys::of(self, label)
    }

    /// What secrets are encrypted with for the purpose `label`.
    #[must_use]
    pub fn sealing_keys(&self, label: &str) -> SealingKeys {
        SealingKeys::of(self, label)
    }

    /// The subkeys for the purpose `label`, newest first, 32 bytes each.
    #[must_use]
    pub fn subkeys(&self, label: &str) -> Vec<SecretSlice<u8>> {
        self.0.iter().map(|key| SecretSlice::from(subkey(key.expose_secret(), label).to_vec())).collect()
    }
}

/// Why the key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("the secret key in {} cannot be used", file.display())]
    Io {
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may use it.
    #[error("the secret key in {} is open to other users (mode {mode:03o}); run: chmod 600 {}", file.display(), file.display())]
    Open {
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds no keys.
    #[error("the secret key in {} cannot be used", file.display())]
    Invalid {
        file: PathBuf,
        /// Why.
        source: InvalidSecretKeys,
    },
}

/// Padding may be left out.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Hexadecimal if it could be: 64 random base64 digits that are all hexadecimal do not occur.
fn decode(text: &str) -> Option<Vec<u8>> {
    if let Ok(key) = hex::decode(text) {
        return Some(key);
    }
    let standard = text.replace('-', "+").replace('_', "/");
    GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT).decode(standard).ok()
}

/// Puts a new key into `file`, whole or not at all; a file that another process made meanwhile stays as it is.
fn generate(file: &Path) -> std::io::Result<()> {
    let mut key = [0; KEY_BYTES];
    ring::rand::SystemRandom::new().fill(&mut key).map_err(|_| std::io::Error::other("no randomness"))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_file::create_folder(folder)?;
    // Written aside, then linked: linking fails if the file is there, and never shows half a file.
    let aside = folder.join(format!(".secret-{}-{}", std::process::id(), fingerprint(&key)));
    let linked = write_private(&aside, &format!("{}\n", STANDARD.encode(key)))
        .and_then(|()| std::fs::hard_link(&aside, file))
        .and_then(|()| sync_folder(folder));
    std::fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = private_file::options().write(true).create_new(true).open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the new name in `folder` outlast a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

fn refuse_open_file(file: &Path) -> Result<(), KeyFileError> {
    match private_file::mode_open_to_others(file) {
        Ok(None) => Ok(()),
        Ok(Some(mode)) => Err(KeyFileError::Open { file: file.to_owned(), mode }),
        Err(source) => Err(KeyFileError::Io { file: file.to_owned(), source }),
    }
}

/// 32 bytes by HKDF-SHA256, without salt (the key is uniform already) and with `label` as info.
fn subkey(key: &[u8], label: &str) -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(key)
        .expand(&[label.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|material| material.fill(&mut bytes))
        .expect("32 bytes are one block of HKDF-SHA256");
    bytes
}

/// Names a subkey without revealing it: the first 8 hexadecimal digits of its SHA-256.
fn fingerprint(subkey: &[u8]) -> String {
    let mut digest = Sha256::of(subkey).to_string();
    digest.truncate(8);
    digest
}

/// What portal links are made with and known by; newest first.
#[derive(Debug, Clone)]
pub struct LinkKeys(Vec<LinkKey>);

impl LinkKeys {
    /// The key that new links are made with.
    #[must_use]
    pub fn newest(&self) -> &LinkKey {
        self.0.first().expect("SecretKeys holds at least one key")
    }

    /// The key that a delivery's links were made with.
    #[must_use]
    pub fn by_fingerprint(&self, fingerprint: &str) -> Option<&LinkKey> {
        self.0.iter().find(|key| key.fingerprint == fingerprint)
    }

    /// The fingerprint of every key, newest first.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(LinkKey::fingerprint)
    }
}

/// One key that portal links are made with. Shows itself by its fingerprint.
#[derive(Clone)]
pub struct LinkKey {
    fingerprint: String,
    key: hmac::Key,
}

impl LinkKey {
    fn new(subkey: &[u8; KEY_BYTES]) -> Self {
        Self { fingerprint: fingerprint(subkey), key: hmac::Key::new(hmac::HMAC_SHA256, subkey) }
    }

    /// The name of the key, as the database holds it: 8 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The token of the `generation`th link to the delivery `root`: 43 characters of base64url.
    ///
    /// HMAC-SHA256 over the delivery's 16 bytes and the generation's 4, highest first. A process that composes a
    /// delivery again makes the same token, so the database need not hold it.
    #[must_use]
    pub fn link_token(&self, root: Uuid, generation: u32) -> String {
        let mut input = hmac::Context::with_key(&self.key);
        input.update(root.as_bytes());
        input.update(&generation.to_be_bytes());
        URL_SAFE_NO_PAD.encode(input.sign())
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKey({})", self.fingerprint)
    }
}

/// Names credentials without revealing them: who reads a name, and has no key, cannot try passwords on it. Newest
/// first.
#[derive(Debug, Clone)]
pub struct CredentialsKeys(Vec<hmac::Key>);

impl CredentialsKeys {
    /// The names of these credentials, 22 characters of base64url each: by the newest key, and by the older ones, so
    /// that workers on either side of a change of the secret keys mean the same.
    #[must_use]
    pub fn names(&self, user: &str, password: &str) -> Vec<String> {
        // Neither holds a NUL: a relay's URL is refused with control characters in it.
        let credentials = format!("{user}\0{password}");
        let name = |key| {
            let tag = hmac::sign(key, credentials.as_bytes());
            URL_SAFE_NO_PAD.encode(&tag.as_ref()[..CREDENTIALS_NAME_BYTES])
        };
        self.0.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests;

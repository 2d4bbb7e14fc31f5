//! Names, addresses and file names from outside cannot say more than they are.

use strum::VariantArray as _;

use invoice_dispatcher::clean::{NAME_CHARS_MAX, name};
use invoice_dispatcher::compose::file_names::{FILE_NAME_CHARS_MAX, WantedName, file_names};
use invoice_dispatcher::event::{DocumentRole, MediaType};
use invoice_dispatcher::model::mail_address::MailAddress;

/// Takes each line of the bytes for a name, an address and a file name.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert_one_visible_line(&text);
    for line in text.split('\n') {
        assert_one_address(line);
    }
    let types = MediaType::VARIANTS.iter().copied().cycle().zip(DocumentRole::VARIANTS.iter().copied().cycle());
    let wanted: Vec<_> = text
        .split('\n')
        .take(20)
        .zip(types)
        .map(|(name, (media_type, role))| WantedName { name: Some(name), role, media_type })
        .collect();
    assert_safe_and_distinct(&file_names(text.lines().next().unwrap_or_default(), &wanted), &wanted);
}

fn assert_one_visible_line(text: &str) {
    let cleaned = name(text);
    assert!(cleaned.chars().count() <= NAME_CHARS_MAX, "{cleaned:?}");
    assert!(!cleaned.chars().any(char::is_control), "{cleaned:?}");
    assert!(!cleaned.contains(['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{2028}', '\u{feff}']), "{cleaned:?}");
    assert_eq!(name(&cleaned), cleaned, "cleaning once is enough");
}

fn assert_one_address(text: &str) {
    let Ok(address) = MailAddress::parse(text) else { return };
    let bad = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c);
    assert!(!address.as_str().contains(bad), "{address:?}");
    assert!(address.domain().is_ascii() && address.as_str().len() <= 254, "{address:?}");
    assert_eq!(address.as_str().matches('@').count(), 1, "{address:?}");
    assert_eq!(MailAddress::parse(address.as_str()).as_ref(), Ok(&address), "it reads back");
}

fn assert_safe_and_distinct(names: &[String], wanted: &[WantedName<'_>]) {
    assert_eq!(names.len(), wanted.len());
    for (at, (name, WantedName { media_type, .. })) in names.iter().zip(wanted).enumerate() {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        assert!(name.len() <= FILE_NAME_CHARS_MAX && name.bytes().all(is_safe), "{name}");
        assert!(name.as_bytes()[0].is_ascii_alphanumeric(), "{name}");
        let stem = name.strip_suffix(&format!(".{}", media_type.extension()));
        assert!(stem.is_some_and(|stem| !stem.is_empty()), "{name}");
        assert!(!names[..at].iter().any(|other| other.eq_ignore_ascii_case(name)), "{name}");
    }
}

//! The file names of attachments: safe everywhere, and paired as their documents are.
//!
//! Accounting inboxes put a PDF and its XML together by the name without extension. So documents that shared it in the
//! event share it in the mail, whatever else is attached and however long their names are.

use std::fmt::Write as _;

use icu_normalizer::DecomposingNormalizerBorrowed;
use strum::VariantArray as _;

use crate::clean;
use crate::event::{Document, DocumentRole, MediaType};

/// The longest file name, in characters, extension included: with `filename=""` it fits a header line of 78 (RFC 5322
/// §2.1.1), so that no client has to put it together (RFC 2231 §3).
pub const FILE_NAME_CHARS_MAX: usize = 60;
/// The longest stem: room is left for the longest extension, so that files of one group get the same stem.
const STEM_CHARS_MAX: usize = FILE_NAME_CHARS_MAX - ".xlsx".len();
/// What stands for the middle of a stem that is too long. What tells files apart stands at either end.
const CUT: &str = "--";

/// A file that needs a name.
#[derive(Debug, Clone, Copy)]
pub struct WantedName<'a> {
    /// The name that the event gives it, if any.
    pub name: Option<&'a str>,
    pub role: DocumentRole,
    pub media_type: MediaType,
}

/// The file names of a mail's attachments, in order; one without a usable name is called after the invoice's number.
///
/// Each is ASCII, `[A-Za-z0-9._-]`, at most [`FILE_NAME_CHARS_MAX`] characters, has its media type's extension, is
/// neither hidden nor a device of Windows, and differs from the others in more than case.
#[must_use]
pub fn file_names(number: &str, wanted: &[WantedName<'_>]) -> Vec<String> {
    // A slash in a number is no folder, and `2026.1` has no extension.
    let number = clean::whole(&number.replace(['/', '\\'], "-"));
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of = vec![0; wanted.len()];
    // The invoice first: of two PDFs of one name, its XML belongs to this one.
    let (invoice, others): (Vec<_>, Vec<_>) = wanted.iter().enumerate().partition(|(_, one)| one.is_invoice());
    for (at, one) in invoice.into_iter().chain(others) {
        let stem = one.original_stem().unwrap_or_else(|| number.clone());
        group_of[at] = Group::with_room_for(&mut groups, &stem, one);
    }
    // The groups stand in the order in which they choose: those with the invoice before the others.
    let mut stems: Vec<String> = Vec::with_capacity(groups.len());
    for group in &groups {
        let stem = free_stem(&group.stem, &stems);
        stems.push(stem);
    }
    let named = |(one, group): (&WantedName<'_>, usize)| format!("{}.{}", stems[group], one.media_type.extension());
    wanted.iter().zip(group_of).map(named).collect()
}

/// The file names of an invoice's documents, in order, as [`file_names`] gives them.
#[must_use]
pub fn document_names<'d>(number: &str, documents: impl IntoIterator<Item = &'d Document>) -> Vec<String> {
    let wanted = |document: &'d Document| WantedName {
        name: document.name.as_deref(),
        role: document.role,
        media_type: document.media_type,
    };
    let wanted: Vec<_> = documents.into_iter().map(wanted).collect();
    file_names(number, &wanted)
}

impl WantedName<'_> {
    fn is_invoice(&self) -> bool {
        matches!(self.role, DocumentRole::InvoicePdf | DocumentRole::InvoiceXml)
    }

    /// Its name without folders and extension, if anything of that can be written in ASCII.
    fn original_stem(&self) -> Option<String> {
        let name = clean::whole(self.name?);
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        Some(strip_extension(name, self.media_type).to_owned()).filter(|stem| !ascii(stem).is_empty())
    }
}

/// Files that share a stem: at most one of each extension.
struct Group {
    /// The original stem, in lower case.
    key: String,
    /// What they would be called if they were alone.
    stem: String,
    extensions: Vec<&'static str>,
}

impl Group {
    /// The first group of this stem that has no file of this extension, or a new one.
    fn with_room_for(groups: &mut Vec<Self>, stem: &str, one: &WantedName<'_>) -> usize {
        let (key, extension) = (stem.to_lowercase(), one.media_type.extension());
        let has_room = |group: &Self| group.key == key && !group.extensions.contains(&extension);
        if let Some(at) = groups.iter().position(has_room) {
            groups[at].extensions.push(extension);
            return at;
        }
        groups.push(Self { key, stem: safe(stem), extensions: vec![extension] });
        groups.len() - 1
    }
}

/// `stem`, or with a number behind it if another group has it.
fn free_stem(stem: &str, taken: &[String]) -> String {
    let mut free = shortened(stem, "");
    let mut count = 1_u32;
    while taken.iter().any(|other| other.eq_ignore_ascii_case(&free)) {
        count += 1;
        free = shortened(stem, &format!("-{count}"));
    }
    free
}

/// `stem`, cut in its middle as far as needed, and `suffix`.
fn shortened(stem: &str, suffix: &str) -> String {
    let room = STEM_CHARS_MAX - suffix.len();
    if stem.len() <= room {
        return format!("{stem}{suffix}");
    }
    let head = (room - CUT.len()) / 2;
    let tail = room - CUT.len() - head;
    let (head, tail) = (&stem[..head], &stem[stem.len() - tail..]);
    format!("{}{CUT}{}{suffix}", head.trim_end_matches(is_joint), tail.trim_start_matches(is_joint))
}

/// A stem in the characters that every system takes.
fn safe(stem: &str) -> String {
    let ascii = ascii(stem);
    match ascii.as_str() {
        "" => "document".to_owned(),
        _ if is_device(&ascii) => format!("document-{ascii}"),
        _ => ascii,
    }
}

/// Letters, digits and single joints between them; nothing if there is no letter or digit.
fn ascii(stem: &str) -> String {
    let mut ascii = String::with_capacity(stem.len());
    for c in stem.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' => ascii.push(c),
            '.' | '-' | '_' if !ascii.ends_with(is_joint) => ascii.push(c),
            '.' | '-' | '_' => {}
            _ if c.is_whitespace() && !ascii.ends_with(is_joint) => ascii.push('_'),
            _ if c.is_whitespace() => {}
            _ => transliterate(c, &mut ascii),
        }
    }
    ascii.trim_matches(is_joint).to_owned()
}

const fn is_joint(c: char) -> bool {
    matches!(c, '.' | '-' | '_')
}

/// Takes off the extension of any type that a mail may carry, so that a wrong one cannot stand before the right one.
fn strip_extension(name: &str, media_type: MediaType) -> &str {
    let Some((stem, extension)) = name.rsplit_once('.') else { return name };
    let known = |known: &MediaType| extension.eq_ignore_ascii_case(known.extension());
    let is_jpeg = media_type == MediaType::Jpeg && extension.eq_ignore_ascii_case("jpeg");
    if MediaType::VARIANTS.iter().any(known) || is_jpeg { stem } else { name }
}

/// The usual ASCII spelling of a letter: two letters where a language has that custom, else without its accent.
fn transliterate(c: char, ascii: &mut String) {
    let spelling = match c {
        'ä' | 'æ' => "ae",
        'ö' | 'ø' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'Ä' | 'Æ' => "Ae",
        'Ö' | 'Ø' | 'Œ' => "Oe",
        'Ü' => "Ue",
        'ẞ' => "SS",
        'å' => "aa",
        'Å' => "Aa",
        'þ' => "th",
        'Þ' => "Th",
        'ð' | 'đ' => "d",
        'Ð' | 'Đ' => "D",
        'ł' => "l",
        'Ł' => "L",
        'ı' => "i",
        '€' => "EUR",
        _ => "",
    };
    match spelling {
        "" => {
            let mut buffer = [0; 4];
            let decomposed =
                DecomposingNormalizerBorrowed::new_nfd().normalize(c.encode_utf8(&mut buffer)).into_owned();
            match decomposed.chars().next() {
                Some(base) if base.is_ascii_alphanumeric() => ascii.push(base),
                // A combining mark alone, or a letter of another script: a joint stands for it.
                _ if !ascii.ends_with(is_joint) => ascii.push('-'),
                _ => {}
            }
        }
        letters => {
            // Writing to a String cannot fail.
            let _ = ascii.write_str(letters);
        }
    }
}

/// Names that Windows gives to devices, whatever follows the first dot.
fn is_device(stem: &str) -> bool {
    let first = stem.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        first.strip_prefix(prefix).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    matches!(first.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use DocumentRole::{Attachment, InvoicePdf, InvoiceXml};
    use MediaType::{Csv, Jpeg, Pdf, Txt, Xlsx, Xml};

    /// The names for these roles, names and types, of the invoice `R-1`.
    fn names(wanted: &[(DocumentRole, &str, MediaType)]) -> Vec<String> {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(role, name, media_type)| WantedName { name: Some(*name), role: *role, media_type: *media_type })
            .collect();
        file_names("R-1", &wanted)
    }

    #[test]
    fn file_names_are_ascii_with_the_right_extension() {
        for (wanted, media_type, expected) in [
            ("R-2026-0042.pdf", Pdf, "R-2026-0042.pdf"),
            ("Größe & Maß März.PDF", Pdf, "Groesse_Mass_Maerz.pdf"),
            (
                "Überweisungsträger für Ärzte, Köln und Nürnberg.pdf",
                Pdf,
                "Ueberweisungstraeger_fuer_Aerzte-Koeln_und_Nuernberg.pdf",
            ),
            ("Reçu n° 5.pdf", Pdf, "Recu_n-5.pdf"),
            ("../../etc/passwd", Pdf, "passwd.pdf"),
            ("C:\\temp\\a.pdf", Pdf, "a.pdf"),
            (".htaccess", Xml, "htaccess.xml"),
            ("invoice.pdf.exe", Pdf, "invoice.pdf.exe.pdf"),
            ("invoice.pdf", Xml, "invoice.xml"),
            ("photo.jpeg", Jpeg, "photo.jpg"),
            ("CON", Pdf, "document-CON.pdf"),
            ("lpt1.txt.pdf", Pdf, "document-lpt1.txt.pdf"),
            ("", Pdf, "R-1.pdf"),
            ("請求書.pdf", Pdf, "R-1.pdf"),
            ("a\"; filename=\"b.exe", Pdf, "a-filename-b.exe.pdf"),
            ("a\r\nX-Evil: 1.pdf", Pdf, "a_X-Evil-1.pdf"),
            ("\u{202e}fdp.exe", Pdf, "fdp.exe.pdf"),
        ] {
            assert_eq!(names(&[(Attachment, wanted, media_type)]), [expected], "{wanted:?}");
        }
        for (number, expected) in
            [("2026/1.5", "2026-1.5.txt"), ("請求", "document.txt"), ("COM1", "document-COM1.txt")]
        {
            let unnamed = WantedName { name: None, role: Attachment, media_type: Txt };
            assert_eq!(file_names(number, &[unnamed]), [expected]);
        }
    }

    #[test]
    fn a_pdf_and_its_xml_share_a_stem_whatever_stands_between() {
        let long = "Sammelrechnung_der_Musterkunde_Vertriebsgesellschaft_mbH_und_Co_KG_fuer_das_Objekt_Hauptstrasse";
        let file = |number: u8, extension: &str| format!("{long}_{number}.{extension}");
        let (pdf1, pdf2, xml2, xml1) = (file(1, "pdf"), file(2, "pdf"), file(2, "xml"), file(1, "xml"));
        let found = names(&[
            (InvoicePdf, &pdf1, Pdf),
            (InvoicePdf, &pdf2, Pdf),
            (InvoiceXml, &xml2, Xml),
            (InvoiceXml, &xml1, Xml),
        ]);
        let stem = |name: &str| name.rsplit_once('.').unwrap().0.to_owned();
        let stems: Vec<_> = found.iter().map(|name| stem(name)).collect();
        assert_eq!((&stems[0], &stems[1]), (&stems[3], &stems[2]), "{found:?}");
        assert!(stems[0].starts_with("Sammelrechnung_der_Muster") && stems[0].ends_with("das_Objekt_Hauptstrasse_1"));
        assert_eq!(found[0].len(), 59, "{found:?}");

        // Names that only their middle tells apart are numbered, in pairs.
        let middle = |number: u8, extension: &str| format!("{long}{number}{long}.{extension}");
        let (pdf1, pdf2, xml2, xml1) = (middle(1, "pdf"), middle(2, "pdf"), middle(2, "xml"), middle(1, "xml"));
        let found = names(&[
            (InvoicePdf, &pdf1, Pdf),
            (InvoicePdf, &pdf2, Pdf),
            (InvoiceXml, &xml2, Xml),
            (InvoiceXml, &xml1, Xml),
        ]);
        let stems: Vec<_> = found.iter().map(|name| stem(name)).collect();
        assert_eq!((&stems[0], &stems[1]), (&stems[3], &stems[2]), "{found:?}");
        assert!(stems[1].ends_with("-2") && found[1].len() == 59, "{found:?}");
    }

    #[test]
    fn the_invoice_chooses_before_a_delivery_note() {
        assert_eq!(
            names(&[(Attachment, "R-1.pdf", Pdf), (InvoicePdf, "r-1.PDF", Pdf), (InvoiceXml, "R-1.xml", Xml)]),
            ["R-1-2.pdf", "r-1.pdf", "r-1.xml"]
        );
        // Another spelling that looks the same once it is ASCII is another group.
        assert_eq!(
            names(&[
                (Attachment, "Groesse.pdf", Pdf),
                (InvoicePdf, "Größe.pdf", Pdf),
                (InvoiceXml, "GRO\u{308}ßE.xml", Xml)
            ]),
            ["Groesse-2.pdf", "Groesse.pdf", "Groesse.xml"]
        );
    }

    #[test]
    fn what_has_no_name_is_called_after_the_invoice() {
        assert_eq!(
            names(&[
                (Attachment, "請求書.csv", Csv),
                (InvoicePdf, "R-1.pdf", Pdf),
                (InvoiceXml, "", Xml),
                (Attachment, "", Xlsx)
            ]),
            ["R-1.csv", "R-1.pdf", "R-1.xml", "R-1.xlsx"]
        );
    }

    #[test]
    fn names_within_a_mail_differ_in_more_than_case() {
        let long = "a".repeat(70);
        let found = names(&[
            (Attachment, "a.pdf", Pdf),
            (Attachment, "A.pdf", Pdf),
            (Attachment, "a.pdf", Xml),
            (Attachment, &long, Pdf),
            (Attachment, &long, Pdf),
        ]);
        let cut = |head, tail| format!("{}--{}", "a".repeat(head), "a".repeat(tail));
        let expected =
            ["a.pdf", "A-2.pdf", "a.xml", &format!("{}.pdf", cut(26, 27)), &format!("{}-2.pdf", cut(25, 26))];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_tells_files_apart_stays() {
        let found = names(&[
            (InvoicePdf, "Stundennachweis_Musterkunde_GmbH_2026-10.pdf", Pdf),
            (Attachment, "Stundennachweis_Musterkunde_GmbH_2026-11.pdf", Pdf),
            (Attachment, "INV-2026-000000000000000000000000000042.pdf", Pdf),
        ]);
        let expected = [
            "Stundennachweis_Musterkunde_GmbH_2026-10.pdf",
            "Stundennachweis_Musterkunde_GmbH_2026-11.pdf",
            "INV-2026-000000000000000000000000000042.pdf",
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn any_names_become_distinct_safe_file_names(
            number in any::<String>(),
            wanted in proptest::collection::vec((any::<Option<String>>(), 0..3_usize, 0..MediaType::VARIANTS.len()), 0..12),
        ) {
            let wanted: Vec<_> = wanted
                .iter()
                .map(|(name, role, media_type)| WantedName {
                    name: name.as_deref(),
                    role: DocumentRole::VARIANTS[*role],
                    media_type: MediaType::VARIANTS[*media_type],
                })
                .collect();
            let names = file_names(&number, &wanted);
            prop_assert_eq!(names.len(), wanted.len());
            for (at, (name, WantedName { media_type, .. })) in names.iter().zip(&wanted).enumerate() {
                let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                prop_assert!(name.len() <= FILE_NAME_CHARS_MAX && name.bytes().all(is_safe), "{name}");
                let stem = name.strip_suffix(&format!(".{}", media_type.extension()));
                prop_assert!(stem.is_some_and(|stem| !stem.is_empty() && !is_device(stem)), "{name}");
                prop_assert!(name.as_bytes()[0].is_ascii_alphanumeric(), "{name}");
                prop_assert!(!names[..at].iter().any(|other| other.eq_ignore_ascii_case(name)), "{name}");
            }
        }

        #[test]
        fn pairs_stay_together_and_are_nobody_elses(
            stems in proptest::collection::btree_set("[a-zA-Zäß .-]{1,90}", 1..6), shuffled in any::<u64>(),
        ) {
            let stems: Vec<_> = stems.into_iter().collect();
            let mut wanted: Vec<(usize, MediaType)> = (0..stems.len()).flat_map(|at| [(at, Pdf), (at, Xml)]).collect();
            // Some order of them.
            wanted.sort_by_key(|(at, media_type)| {
                (u64::try_from(at * 2 + usize::from(*media_type == Pdf)).unwrap_or(0) + 1).wrapping_mul(shuffled | 1)
            });
            let names: Vec<_> = wanted.iter().map(|(at, kind)| format!("{}.{}", stems[*at], kind.extension())).collect();
            let files: Vec<_> = wanted.iter().zip(&names).map(|((_, media_type), name)| WantedName {
                name: Some(name),
                role: if *media_type == Pdf { InvoicePdf } else { InvoiceXml },
                media_type: *media_type,
            }).collect();
            let found = file_names("R-1", &files);
            let stem = |at: usize| found[at].rsplit_once('.').unwrap().0;
            for (one, (at, _)) in wanted.iter().enumerate() {
                for (other, (also, _)) in wanted.iter().enumerate() {
                    // Two names that differ in case, or in nothing that can be written, may share.
                    let key = |at: &usize| {
                        let stem = clean::whole(&stems[*at]).to_lowercase();
                        if ascii(&stem).is_empty() { "r-1".to_owned() } else { stem }
                    };
                    if at == also && wanted.iter().filter(|(at, _)| key(at) == key(also)).count() == 2 {
                        prop_assert_eq!(stem(one), stem(other));
                    } else if key(at) != key(also) {
                        prop_assert_ne!(stem(one), stem(other));
                    }
                }
            }
        }
    }
}

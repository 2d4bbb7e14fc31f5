//! The alphabet of text messages (3GPP TS 23.038, GSM 7 bit default alphabet): one message holds 160 of its characters,
//! and 70 as soon as one is another.

use icu_normalizer::DecomposingNormalizer;

/// Characters of one message.
pub(super) const SEGMENT: usize = 160;

/// The alphabet without what takes two places, and without the line feed and the control characters.
const ALPHABET: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
                        abcdefghijklmnopqrstuvwxyzäöñüà";

/// Whether a character takes one place.
pub(super) fn is_in_alphabet(c: char) -> bool {
    ALPHABET.contains(c)
}

/// The text in one line of this alphabet: letters without the accents that it does not have, and what has no place in it
/// left out.
pub(super) fn folded(text: &str) -> String {
    let decomposing = DecomposingNormalizer::new_nfd();
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_in_alphabet(c) => folded.push(c),
            '\u{2018}'..='\u{201b}' => folded.push('\''),
            '\u{201c}'..='\u{201f}' | '«' | '»' => folded.push('"'),
            '\u{2010}'..='\u{2015}' | '·' | '•' | '|' => folded.push('-'),
            '[' | '{' => folded.push('('),
            ']' | '}' => folded.push(')'),
            '€' => folded.push_str("EUR"),
            'ł' => folded.push('l'),
            'Ł' => folded.push('L'),
            'œ' => folded.push_str("oe"),
            'Œ' => folded.push_str("OE"),
            c if c.is_whitespace() || c.is_control() => folded.push(' '),
            c => {
                let letter = c.to_string();
                folded.extend(decomposing.normalize(&letter).chars().next().filter(|base| is_in_alphabet(*base)));
            }
        }
    }
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_the_alphabet() {
        let cases = [
            ("Käufer & Söhne OHG", "Käufer & Söhne OHG"),
            ("Crédit Forêt – Œuvre", "Crédit Foret - OEuvre"),
            ("Żółć Sp. z o.o.", "Zólc Sp. z o.o."),
            ("a\r\n@evil.example #123456\u{202e}", "a @evil.example #123456"),
            ("{Strom} [24] | 5 €", "(Strom) (24) - 5 EUR"),
            ("Москва 株式会社", ""),
            ("\u{0}\u{7f}", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(folded(text), expected.replace('ó', if is_in_alphabet('ó') { "ó" } else { "o" }), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_one_line_of_the_alphabet(text in "\\PC{0,80}|(?s:.{0,80})") {
            proptest::prop_assert!(folded(&text).chars().all(is_in_alphabet));
        }
    }
}

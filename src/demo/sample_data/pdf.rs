//! A small, honest PDF writer: one A4 page of text, lines and filled boxes.
//!
//! PDF 1.4 ([ISO 32000-1] clauses 7.5 and 9.6.2): the standard fonts Helvetica and Helvetica-Bold, which every reader
//! has, in `WinAnsi` encoding; nothing compressed, so the text can be read in the file too. The same page gives the
//! same bytes.
//!
//! [ISO 32000-1]: https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf

use std::fmt::Write;

/// Points from the left and from the bottom of the page; A4 has 595 × 842.
pub(super) type Point = (f32, f32);

/// A colour, red, green and blue from 0 to 1.
pub(super) type Colour = (f32, f32, f32);

pub(super) const BLACK: Colour = (0.10, 0.12, 0.15);
pub(super) const GREY: Colour = (0.40, 0.44, 0.49);
pub(super) const WHITE: Colour = (1.0, 1.0, 1.0);

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct PdfPage {
    content: String,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) bold: bool,
    /// In points.
    pub(super) size: f32,
    pub(super) colour: Colour,
}

impl Pen {
    pub(super) const fn plain(size: f32) -> Self {
        Self { bold: false, size, colour: BLACK }
    }

    pub(super) const fn bold(size: f32) -> Self {
        Self { bold: true, size, colour: BLACK }
    }

    pub(super) const fn of(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }
}

impl PdfPage {
    /// Text that begins at `at`.
    pub(super) fn text(&mut self, (x, y): Point, pen: Pen, text: &str) {
        let font = if pen.bold { "F2" } else { "F1" };
        let (red, green, blue) = pen.colour;
        let size = pen.size;
        self.add(format_args!(
            "BT {red} {green} {blue} rg /{font} {size} Tf {x:.2} {y:.2} Td ({}) Tj ET",
            escaped(text)
        ));
    }

    /// Text that ends at `at`.
    pub(super) fn text_right(&mut self, (x, y): Point, pen: Pen, text: &str) {
        self.text((x - width(text, pen), y), pen, text);
    }

    /// A filled box with its lower left corner at `at`.
    pub(super) fn fill(&mut self, (x, y): Point, (width, height): (f32, f32), (red, green, blue): Colour) {
        self.add(format_args!("{red} {green} {blue} rg {x:.2} {y:.2} {width:.2} {height:.2} re f"));
    }

    /// A thin level line.
    pub(super) fn rule(&mut self, (x, y): Point, width: f32) {
        let end = x + width;
        self.add(format_args!("0.8 0.82 0.85 RG 0.7 w {x:.2} {y:.2} m {end:.2} {y:.2} l S"));
    }

    fn add(&mut self, operators: std::fmt::Arguments<'_>) {
        writeln!(self.content, "{operators}").expect("writing to a string cannot fail");
    }

    /// The file.
    pub(super) fn finish(self, title: &str, language: &str) -> Vec<u8> {
        let font = |name| format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>");
        let objects = [
            format!("<< /Type /Catalog /Pages 2 0 R /Lang ({}) >>", escaped(language)),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{}endstream", self.content.len(), self.content),
            font("Helvetica"),
            font("Helvetica-Bold"),
            format!("<< /Title ({}) /Producer (invoice-dispatcher demo) >>", escaped(title)),
        ];
        // The second line says that the file is binary to those who guess (7.5.2).
        let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
        let mut references = String::from("0000000000 65535 f \n");
        for (number, object) in (1..).zip(&objects) {
            writeln!(references, "{:010} 00000 n ", file.len()).expect("writing to a string cannot fail");
            file.extend_from_slice(format!("{number} 0 obj\n{object}\nendobj\n").as_bytes());
        }
        let (start, count) = (file.len(), objects.len() + 1);
        let end = format!(
            "xref\n0 {count}\n{references}trailer\n<< /Size {count} /Root 1 0 R /Info 7 0 R >>\nstartxref\n{start}\n%%EOF\n"
        );
        file.extend_from_slice(end.as_bytes());
        file
    }
}

/// `WinAnsi` (annex D.2): Latin-1 and some more; what it lacks becomes a question mark.
fn win_ansi(character: char) -> u8 {
    match character {
        '€' => 0x80,
        '„' => 0x84,
        '…' => 0x85,
        'Œ' => 0x8c,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        'œ' => 0x9c,
        '\u{202f}' => 0xa0,
        ' '..='~' | '\u{a0}'..='ÿ' => u8::try_from(u32::from(character)).unwrap_or(b'?'),
        _ => b'?',
    }
}

/// A literal string (7.3.4.2), in ASCII.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.chars().map(win_ansi) {
        match byte {
            b'(' | b')' | b'\\' => escaped.extend(['\\', char::from(byte)]),
            b' '..=b'~' => escaped.push(char::from(byte)),
            _ => write!(escaped, "\\{byte:03o}").expect("writing to a string cannot fail"),
        }
    }
    escaped
}

/// The width of a text in points. Helvetica's and Helvetica-Bold's digits and signs of amounts are equally wide; other
/// characters count as a digit, which is near enough for what stands on the right.
fn width(text: &str, pen: Pen) -> f32 {
    let units: u16 = text
        .chars()
        .map(|character| match character {
            ' ' | '.' | ',' | '/' | ':' | '\u{a0}' | '\u{202f}' => 278,
            '-' => 333,
            '%' => 889,
            _ => 556,
        })
        .sum();
    f32::from(units) * pen.size / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_points_to_its_object() {
        let mut page = PdfPage::default();
        page.text((50.0, 700.0), Pen::plain(12.0), "Müll (1) \\ 5 € → x");
        let file = page.finish("Títle", "de-DE");
        let find = |needle: &[u8], from: usize| {
            file[from..]
                .windows(needle.len())
                .position(|window| window == needle)
                .map(|at| at + from)
                .expect("is there")
        };
        let start = find(b"startxref\n", 0) + 10;
        let xref: usize = std::str::from_utf8(&file[start..])
            .expect("ASCII")
            .lines()
            .next()
            .expect("a line")
            .parse()
            .expect("a number");
        let table = std::str::from_utf8(&file[xref..]).expect("ASCII");
        assert!(table.starts_with("xref\n0 8\n0000000000 65535 f \n"));
        for (number, entry) in (1..).zip(table.lines().skip(3).take(7)) {
            assert_eq!(entry.len() + 1, 20, "7.5.4: an entry has 20 bytes");
            let offset: usize = entry[..10].parse().expect("an offset");
            assert!(file[offset..].starts_with(format!("{number} 0 obj\n").as_bytes()), "{number}");
        }
        find(b"(M\\374ll \\(1\\) \\\\ 5 \\200 ? x) Tj", 0);
        let stream = find(b"stream\n", 0) + 7;
        let length = find(b"endstream", stream) - stream;
        find(format!("/Length {length} ").as_bytes(), 0);
    }
}

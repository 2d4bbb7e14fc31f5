//! Lists as files for spreadsheets ([RFC 4180]).
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, whatever quotes stand around it, and
//! runs it. Names, numbers and reasons come from outside: such a cell gets an apostrophe in front, which spreadsheets
//! show as text.
//!
//! Where lists are separated by semicolons, as in Germany, a spreadsheet takes a quoted cell behind a comma for a part of the
//! one before it, and breaks that at each semicolon and line: so a formula gets its apostrophe behind these as well.
//!
//! [RFC 4180]: https://www.rfc-editor.org/rfc/rfc4180

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};

/// What a formula begins with; a tab or line break in front is skipped by some, and the wide forms are taken for the others.
const FORMULAS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Behind what another cell may begin.
const ENDS: [char; 4] = [';', '\t', '\r', '\n'];

/// Excel reads UTF-8 only behind this mark.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A row with its line break. Every cell is quoted, and none is a formula.
#[must_use]
pub fn csv_row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let mut row = String::new();
    for cell in cells {
        let cell = cell.as_ref();
        row.push_str(if row.is_empty() { "\"" } else { ",\"" });
        if begins_formula(cell) {
            row.push('\'');
        }
        for (number, part) in cell.split_inclusive(ENDS).enumerate() {
            if number > 0 && begins_formula(part) {
                row.push('\'');
            }
            row.push_str(&part.replace('"', "\"\""));
        }
        row.push('"');
    }
    row.push_str("\r\n");
    row
}

fn begins_formula(text: &str) -> bool {
    text.trim_start_matches([' ', '\u{a0}', '\n', '"']).starts_with(FORMULAS)
}

/// A file of these columns, sent as its rows come.
pub fn csv_answer<const N: usize, E>(
    file_name: &'static str,
    columns: [&'static str; N],
    rows: impl Stream<Item = Result<Vec<[String; N]>, E>> + Send + 'static,
) -> Response
where
    E: std::error::Error + Send + Sync + 'static,
{
    let head = stream::once(async move { Ok(format!("{BYTE_ORDER_MARK}{}", csv_row(columns))) });
    let rows = rows.map_ok(|rows| rows.into_iter().map(csv_row).collect::<String>());
    let name = HeaderValue::try_from(format!("attachment; filename=\"{file_name}\"")).expect("our names fit a header");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, Body::from_stream(head.chain(rows))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_ends_its_row() {
        for (cell, written) in [
            ("R-1", "\"R-1\"\r\n"),
            ("", "\"\"\r\n"),
            ("=1+1", "\"'=1+1\"\r\n"),
            ("+49 151", "\"'+49 151\"\r\n"),
            ("-2+3", "\"'-2+3\"\r\n"),
            ("@SUM(A1)", "\"'@SUM(A1)\"\r\n"),
            ("\t=1", "\"'\t'=1\"\r\n"),
            ("\r=1", "\"'\r'=1\"\r\n"),
            (" =1", "\"' =1\"\r\n"),
            ("\n=1", "\"'\n'=1\"\r\n"),
            ("＝1", "\"'＝1\"\r\n"),
            ("\u{a0}=1", "\"'\u{a0}=1\"\r\n"),
            ("a=1", "\"a=1\"\r\n"),
            ("a,=1", "\"a,=1\"\r\n"),
            ("a;=1;b", "\"a;'=1;b\"\r\n"),
            ("a; \"=1\";b;c", "\"a;' \"\"=1\"\";b;c\"\r\n"),
            ("a\r\n@b", "\"a\r\n'@b\"\r\n"),
            ("a;b\nc", "\"a;b\nc\"\r\n"),
            ("say \"no\"", "\"say \"\"no\"\"\"\r\n"),
            ("\",=1", "\"\"\",=1\"\r\n"),
            ("a\r\nb", "\"a\r\nb\"\r\n"),
        ] {
            assert_eq!(csv_row([cell]), written, "{cell:?}");
        }
        assert_eq!(csv_row(["a", "", "=b"]), "\"a\",\"\",\"'=b\"\r\n");
    }

    #[tokio::test]
    async fn a_file_begins_with_its_columns_and_downloads() {
        let rows = stream::iter([Ok::<_, std::io::Error>(vec![["1".to_owned(), "=x".to_owned()]]), Ok(Vec::new())]);
        let answer = csv_answer("list.csv", ["number", "name"], rows);
        assert_eq!(answer.headers()[header::CONTENT_DISPOSITION], "attachment; filename=\"list.csv\"");
        let body = to_bytes(answer.into_body(), 1 << 16).await.expect("a body");
        assert_eq!(body, "\u{feff}\"number\",\"name\"\r\n\"1\",\"'=x\"\r\n".as_bytes());
    }
}

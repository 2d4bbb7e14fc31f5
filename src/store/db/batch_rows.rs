//! The rows of a batch, as each database takes them: arrays on PostgreSQL, one JSON text on SQLite.

use std::fmt::Write as _;

use sqlx::Arguments;
use sqlx::postgres::PgArguments;

use super::error::StoreError;
use super::value::Value;

/// The rows of a batch, row after row.
#[derive(Debug)]
pub(super) struct Rows<'v> {
    pub(super) columns: &'static str,
    pub(super) width: usize,
    pub(super) cells: Vec<Value<'v>>,
}

impl Rows<'_> {
    /// Each column's name and type.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns
            .split(',')
            .filter(|column| !column.is_empty())
            .map(|column| column.trim().split_once(' ').expect("a column of rows is a name and a type"))
    }

    fn names(&self) -> String {
        self.columns().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
    }

    /// The columns that the table has, too.
    pub(super) fn table_columns(&self) -> String {
        self.columns().map(|(name, _)| name).filter(|name| !name.starts_with('_')).collect::<Vec<_>>().join(", ")
    }

    /// An assignment to each column that the table has, too.
    pub(super) fn assignments(&self) -> String {
        let columns = self.columns().map(|(name, _)| name).filter(|name| !name.starts_with('_'));
        columns.map(|name| format!("{name} = rows.{name}")).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn as_unnest(&self, first_parameter: usize) -> String {
        let mut arrays = String::new();
        for (index, (_, kind)) in self.columns().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(arrays, "{separator}${}::{kind}[]", first_parameter + index).expect("a String takes any text");
        }
        format!("rows ({}) AS MATERIALIZED (SELECT * FROM UNNEST({arrays}))", self.names())
    }

    pub(super) fn as_json_each(&self, parameter: usize) -> String {
        let mut cells = String::new();
        for (index, (_, kind)) in self.columns().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            match kind {
                "uuid" | "bytea" => write!(cells, "{separator}unhex(value ->> {index})"),
                _ => write!(cells, "{separator}value ->> {index}"),
            }
            .expect("a String takes any text");
        }
        format!("rows ({}) AS MATERIALIZED (SELECT {cells} FROM json_each(${parameter}))", self.names())
    }

    /// One array a column.
    pub(super) fn add_arrays(&self, arguments: &mut PgArguments) -> Result<(), StoreError> {
        for (index, (name, kind)) in self.columns().enumerate() {
            let column = self.cells.iter().skip(index).step_by(self.width);
            macro_rules! array {
                ($variant:ident, $value:ident => $item:expr) => {{
                    let items: Option<Vec<_>> = column
                        .map(|cell| if let Value::$variant($value) = cell { Some($item) } else { None })
                        .collect();
                    arguments.add(
                        items.ok_or_else(|| StoreError::Bug(format!("the batch column {name} is not all {kind}")))?,
                    )
                }};
            }
            match kind {
                "uuid" => array!(Uuid, value => *value),
                "text" => array!(Text, value => value.as_deref()),
                "bigint" => array!(Integer, value => *value),
                "boolean" => array!(Flag, value => *value),
                "bytea" => array!(Bytes, value => value.as_deref()),
                _ => return Err(StoreError::Bug(format!("the batch column {name} has the unknown type {kind}"))),
            }
            .map_err(not_encodable)?;
        }
        Ok(())
    }

    /// `[[cell, …], …]`; UUIDs and bytes as hexadecimal digits.
    pub(super) fn to_json(&self) -> Result<String, StoreError> {
        // Of large bodies a text that grows by doubling would have two and a half times its bytes in memory.
        let bytes = |cell: &Value<'_>| match cell {
            Value::Bytes(Some(bytes)) => bytes.len() * 2,
            Value::Text(Some(text)) => text.len(),
            _ => 0,
        };
        let mut json = String::with_capacity(self.cells.len() * 24 + self.cells.iter().map(bytes).sum::<usize>() + 2);
        json.push('[');
        for (index, row) in self.cells.chunks(self.width).enumerate() {
            json.push_str(if index == 0 { "[" } else { ",[" });
            for (index, cell) in row.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                push_json(&mut json, cell)?;
            }
            json.push(']');
        }
        json.push(']');
        Ok(json)
    }
}

fn push_json(json: &mut String, cell: &Value<'_>) -> Result<(), StoreError> {
    match cell {
        Value::Uuid(Some(value)) => write!(json, "\"{}\"", value.simple()),
        Value::Text(Some(text)) => {
            refuse_nul(Some(text))?;
            json.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
            Ok(())
        }
        Value::Integer(Some(value)) => write!(json, "{value}"),
        Value::Flag(Some(value)) => write!(json, "{value}"),
        Value::Bytes(Some(bytes)) => {
            json.push('"');
            push_hexadecimal(json, bytes);
            json.write_char('"')
        }
        _ => json.write_str("null"),
    }
    .expect("a String takes any text");
    Ok(())
}

/// Two digits a byte, a piece at a time: a formatter for each byte of 1 MiB takes longer than the database does.
fn push_hexadecimal(json: &mut String, bytes: &[u8]) {
    let mut piece = [0_u8; 512];
    for chunk in bytes.chunks(piece.len() / 2) {
        let digits = &mut piece[..chunk.len() * 2];
        hex::encode_to_slice(chunk, digits).expect("two digits are a byte");
        json.push_str(str::from_utf8(digits).expect("digits are UTF-8"));
    }
}

/// SQLite would take a text with NUL and cut it here and there; PostgreSQL refuses it. So both do.
pub(super) fn refuse_nul(text: Option<&str>) -> Result<(), StoreError> {
    match text {
        Some(text) if text.contains('\0') => {
            Err(StoreError::Refused { what: "text".to_owned(), cause: "a text holds the character NUL".to_owned() })
        }
        _ => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(super) fn not_encodable(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Refused { what: "value".to_owned(), cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_are_hexadecimal_digits() {
        for length in [0, 1, 255, 256, 257, 1_000] {
            let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n % 256).expect("a byte")).collect();
            let mut json = String::new();
            push_hexadecimal(&mut json, &bytes);
            let expected = bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
            assert_eq!(json, expected);
        }
    }
}

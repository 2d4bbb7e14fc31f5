//! One statement for both databases.
//!
//! A statement is SQL that PostgreSQL and SQLite both understand, with five additions:
//!
//! - `{rows}` stands for a common table expression that holds a batch's rows ([`Statement::rows`]): arrays and
//!   `UNNEST` on PostgreSQL, one JSON text and `json_each` on SQLite. So a batch is one round trip on either.
//! - `{columns}` stands for the names of that batch's columns ([`rows!`]), but for those that begin with `_`.
//! - `{assignments}` stands for `column = rows.column, …` of the same columns, for an `UPDATE … SET`.
//! - `{postgres: …}` and `{sqlite: …}` are kept on the one and left out on the other, for row locks and the like.
//!
//! Its text depends on nothing but the database, so it is written once a process, and prepared once a connection.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Executor};
use tokio::time::timeout;

use super::batch_rows::{Rows, not_encodable, refuse_nul};
use super::connection::{DatabaseConnection, Handle};
use super::error::StoreError;
use super::value::{Row, Value};
use crate::telemetry::metric;

/// Somewhere to run a statement: a connection or a transaction.
pub(crate) trait StatementExecutor: Send {
    /// The connection that runs it.
    fn connection(&mut self) -> &mut DatabaseConnection;
}

/// The rows of a batch for [`Statement::batch`]: each column's name, type and value in one place.
///
/// `rows!(deliveries, |delivery| { id: uuid = delivery.id, … })`; a `let …;` before the brace counts for its row.
macro_rules! rows {
    ($items:expr, |$item:pat_param| $(let $name:pat = $bound:expr;)* { $($column:ident: $kind:ident = $value:expr),+ $(,)? }) => {
        (
            concat!($(stringify!($column), " ", stringify!($kind), ","),+),
            $items.into_iter().map(|$item| {
                $(let $name = $bound;)*
                [$($crate::store::db::value::Value::from($value)),+]
            }),
        )
    };
}
pub(crate) use rows;

/// A statement and its values.
#[derive(Debug)]
#[must_use = "a statement does nothing until it runs"]
pub(crate) struct Statement<'v> {
    text: Cow<'static, str>,
    values: Vec<Value<'v>>,
    rows: Option<Rows<'v>>,
}

/// Begins a statement; see the module's words for what `text` may hold. Parameters are `$1`, `$2`, …
pub(crate) const fn sql<'v>(text: &'static str) -> Statement<'v> {
    Statement { text: Cow::Borrowed(text), values: Vec::new(), rows: None }
}

/// Begins a statement that has only the conditions that are asked for. There must be few such texts: each is prepared
/// once a connection.
pub(crate) const fn built_sql(text: String, values: Vec<Value<'_>>) -> Statement<'_> {
    Statement { text: Cow::Owned(text), values, rows: None }
}

impl<'v> Statement<'v> {
    /// Gives the next parameter its value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'v>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Gives `{rows}` its rows. `columns` names them with their types, for example `id uuid, claim bigint`; the
    /// types are uuid, text, bigint, boolean and bytea. In the text, `{rows}` stands where a `name AS (…)` may.
    pub(crate) fn rows<const N: usize>(
        mut self,
        columns: &'static str,
        rows: impl IntoIterator<Item = [Value<'v>; N]>,
    ) -> Self {
        let rows = Rows { columns, width: N, cells: rows.into_iter().flatten().collect() };
        debug_assert_eq!(rows.columns().count(), N, "as many values as columns: {columns}");
        self.rows = Some(rows);
        self
    }

    /// As [`Self::rows`], of what [`rows!`] made.
    pub(crate) fn batch<const N: usize>(
        self,
        (columns, rows): (&'static str, impl IntoIterator<Item = [Value<'v>; N]>),
    ) -> Self {
        self.rows(columns, rows)
    }

    /// The types of its parameters, as PostgreSQL names them.
    pub(crate) fn types(&self) -> String {
        let name = |value: &Value<'_>| match value {
            Value::Uuid(_) => "uuid",
            Value::Text(_) => "text",
            Value::Integer(_) => "bigint",
            Value::Flag(_) => "boolean",
            Value::Bytes(_) => "bytea",
        };
        let arrays = self.rows.iter().flat_map(Rows::columns).map(|(_, kind)| format!("{kind}[]"));
        self.values.iter().map(|value| name(value).to_owned()).chain(arrays).collect::<Vec<_>>().join(", ")
    }

    /// Its text as one database reads it.
    pub(crate) fn text_for(&self, sqlite: bool) -> Arc<str> {
        let Cow::Borrowed(text) = self.text else { return self.render(sqlite).into() };
        let key = RenderedKey {
            text: (text.as_ptr().addr(), text.len()),
            columns: self.rows.as_ref().map(|rows| (rows.columns.as_ptr().addr(), rows.columns.len())),
            values: self.values.len(),
            sqlite,
        };
        if let Some(rendered) = RENDERED.read().get(&key) {
            return Arc::clone(rendered);
        }
        let rendered: Arc<str> = self.render(sqlite).into();
        RENDERED.write().insert(key, Arc::clone(&rendered));
        rendered
    }

    fn render(&self, sqlite: bool) -> String {
        if sqlite {
            render(&self.text, "sqlite", |name| self.rows_text(name, Rows::as_json_each))
        } else {
            render(&self.text, "postgres", |name| self.rows_text(name, Rows::as_unnest))
        }
    }

    /// Runs it and returns every row.
    pub(crate) async fn all(self, on: &mut impl StatementExecutor) -> Result<Vec<Row>, StoreError> {
        count();
        let connection = on.connection();
        let deadline = connection.deadline();
        match connection.handle()? {
            Handle::Postgres(server) => {
                let (text, arguments) = self.for_postgres()?;
                let query = sqlx::query_with(AssertSqlSafe(text), arguments);
                let answer = timeout(deadline, server.fetch_all(query)).await;
                let rows = connection.judge(answer)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
            Handle::Sqlite(server) => {
                let (text, arguments) = self.for_sqlite()?;
                let query = sqlx::query_with(AssertSqlSafe(text), arguments);
                let answer = timeout(deadline, server.fetch_all(query)).await;
                let rows = connection.judge(answer)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    /// Runs it and returns the first row, if any.
    pub(crate) async fn optional(self, on: &mut impl StatementExecutor) -> Result<Option<Row>, StoreError> {
        Ok(self.all(on).await?.into_iter().next())
    }

    /// Runs it and returns its one row.
    pub(crate) async fn one(self, on: &mut impl StatementExecutor) -> Result<Row, StoreError> {
        let text = self.text.clone();
        self.optional(on).await?.ok_or_else(|| StoreError::Bug(format!("no row came of: {text}")))
    }

    /// Runs it and returns how many rows it changed.
    pub(crate) async fn run(self, on: &mut impl StatementExecutor) -> Result<u64, StoreError> {
        count();
        let connection = on.connection();
        let deadline = connection.deadline();
        match connection.handle()? {
            Handle::Postgres(server) => {
                let (text, arguments) = self.for_postgres()?;
                let query = sqlx::query_with(AssertSqlSafe(text), arguments);
                let answer = timeout(deadline, server.execute(query)).await;
                let done = connection.judge(answer)?;
                Ok(done.rows_affected())
            }
            Handle::Sqlite(server) => {
                let (text, arguments) = self.for_sqlite()?;
                let query = sqlx::query_with(AssertSqlSafe(text), arguments);
                let answer = timeout(deadline, server.execute(query)).await;
                let done = connection.judge(answer)?;
                Ok(done.rows_affected())
            }
        }
    }

    fn for_postgres(&self) -> Result<(Arc<str>, PgArguments), StoreError> {
        let mut arguments = PgArguments::default();
        for value in &self.values {
            match value {
                Value::Uuid(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value.as_deref()),
                Value::Integer(value) => arguments.add(value),
                Value::Flag(value) => arguments.add(value),
                Value::Bytes(value) => arguments.add(value.as_deref()),
            }
            .map_err(not_encodable)?;
        }
        if let Some(rows) = &self.rows {
            rows.add_arrays(&mut arguments)?;
        }
        Ok((self.text_for(false), arguments))
    }

    fn for_sqlite(&self) -> Result<(Arc<str>, SqliteArguments), StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in &self.values {
            match value {
                Value::Uuid(value) => arguments.add(*value),
                Value::Text(value) => {
                    refuse_nul(value.as_deref())?;
                    arguments.add(value.as_deref().map(str::to_owned))
                }
                Value::Integer(value) => arguments.add(*value),
                Value::Flag(value) => arguments.add(*value),
                Value::Bytes(value) => arguments.add(value.as_deref().map(<[u8]>::to_vec)),
            }
            .map_err(not_encodable)?;
        }
        if let Some(rows) = &self.rows {
            arguments.add(rows.to_json()?).map_err(not_encodable)?;
        }
        Ok((self.text_for(true), arguments))
    }

    /// What stands for `{rows}`, `{columns}` or `{assignments}`.
    fn rows_text(&self, name: &str, form: fn(&Rows<'v>, usize) -> String) -> String {
        let rows = self.rows.as_ref().expect("a statement with {rows} has rows");
        match name {
            "columns" => rows.table_columns(),
            "assignments" => rows.assignments(),
            _ => form(rows, self.values.len() + 1),
        }
    }
}

/// Every text that was rendered: as many as there are statements in the source. Rendering one again took as long as
/// encoding a batch's values.
static RENDERED: LazyLock<RwLock<HashMap<RenderedKey, Arc<str>>>> = LazyLock::new(RwLock::default);

/// What a rendered text depends on. Texts and columns are literals, which their addresses stand for: to hash a statement of
/// 3 kB takes longer than to find it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RenderedKey {
    /// Its address and length.
    text: (usize, usize),
    /// Address and length of the batch's columns.
    columns: Option<(usize, usize)>,
    values: usize,
    sqlite: bool,
}

/// The text for one database: its own `{database: …}` parts kept, the other's left out, and what stands for the
/// batch's rows filled in.
fn render(text: &str, database: &str, rows: impl Fn(&str) -> String) -> String {
    let mut rendered = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').expect("a brace in a statement is closed");
        rendered.push_str(before);
        match inside.split_once(':') {
            None => rendered.push_str(&rows(inside)),
            Some((name, part)) if name == database => rendered.push_str(part),
            Some(_) => {}
        }
        rest = after;
    }
    rendered.push_str(rest);
    rendered
}

/// Counts what is sent to the database: each is a round trip.
pub(in crate::store) fn count() {
    metrics::counter!(metric::DATABASE_STATEMENTS).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_rendered_for_each_database() {
        let statement = sql("WITH {rows} SELECT id FROM rows WHERE id <> $1 {postgres:FOR UPDATE}{sqlite:LIMIT 5}")
            .bind("x")
            .rows("id text, key uuid", [["a\"b".into(), uuid::Uuid::nil().into()]]);
        let (postgres, _) = statement.for_postgres().expect("it can be encoded");
        assert_eq!(
            &*postgres,
            "WITH rows (id, key) AS MATERIALIZED (SELECT * FROM UNNEST($2::text[], $3::uuid[])) \
             SELECT id FROM rows WHERE id <> $1 FOR UPDATE"
        );
        let (sqlite, _) = statement.for_sqlite().expect("it can be encoded");
        assert_eq!(
            &*sqlite,
            "WITH rows (id, key) AS MATERIALIZED (SELECT value ->> 0, unhex(value ->> 1) FROM json_each($2)) \
             SELECT id FROM rows WHERE id <> $1 LIMIT 5"
        );
        let json = statement.rows.expect("the statement has rows").to_json().expect("no NUL");
        assert_eq!(json, r#"[["a\"b","00000000000000000000000000000000"]]"#);
    }

    #[test]
    fn a_batch_names_each_column_once() {
        let statement = sql("WITH {rows} INSERT INTO part ({columns}) SELECT {columns} FROM rows")
            .batch(rows!([1_i64, 2], |n| let double = n * 2; { n: bigint = n, _double: bigint = double }));
        let (postgres, _) = statement.for_postgres().expect("it can be encoded");
        assert_eq!(
            &*postgres,
            "WITH rows (n, _double) AS MATERIALIZED (SELECT * FROM UNNEST($1::bigint[], $2::bigint[])) \
             INSERT INTO part (n) SELECT n FROM rows"
        );
        assert_eq!(statement.rows.expect("the statement has rows").to_json().expect("no NUL"), "[[1,2],[2,4]]");
        let statement = sql("WITH {rows} UPDATE part SET {assignments} FROM rows WHERE part.id = rows._id")
            .batch(rows!([1_i64], |n| { _id: bigint = n, size: bigint = n, left: bigint = n }));
        assert!(
            statement
                .text_for(true)
                .ends_with("UPDATE part SET size = rows.size, left = rows.left FROM rows WHERE part.id = rows._id")
        );
    }

    #[test]
    fn nul_is_refused_before_sqlite_swallows_it() {
        assert!(sql("SELECT $1").bind("a\0b").for_sqlite().is_err_and(|error| error.is_refused()));
    }
}

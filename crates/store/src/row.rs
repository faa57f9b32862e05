//! Rows of either database, read so that an unreadable value names its table, row and column.

use std::fmt::Display;
use std::str::FromStr;

use evergrant::store::{StoreError, Stored};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

impl Row {
    /// The row as one of `table`; `name` says which one, in errors.
    pub(crate) fn of<'a>(&'a self, table: &'static str, name: &'static str) -> Fields<'a> {
        let name = self.get(name).unwrap_or_else(|_| "?".to_owned());
        Fields { row: self, place: format!("{table} {name}") }
    }

    /// A row that is one number.
    pub(crate) fn number(&self, table: &'static str, column: &'static str) -> Stored<i64> {
        let place = table.to_owned();
        Fields { row: self, place }.int(column)
    }

    fn get<T>(&self, column: &str) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// The columns of one row.
pub(crate) struct Fields<'a> {
    row: &'a Row,
    place: String,
}

impl Fields<'_> {
    pub(crate) fn int(&self, column: &str) -> Stored<i64> {
        self.row.get(column).map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn int_or_null(&self, column: &str) -> Stored<Option<i64>> {
        self.row.get(column).map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn text(&self, column: &str) -> Stored<String> {
        self.row.get(column).map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn text_or_null(&self, column: &str) -> Stored<Option<String>> {
        self.row.get(column).map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn bytes32(&self, column: &str) -> Stored<[u8; 32]> {
        let bytes: Vec<u8> = self.row.get(column).map_err(|e| self.unreadable(column, e))?;
        self.exactly(column, bytes)
    }

    pub(crate) fn bytes32_or_null(&self, column: &str) -> Stored<Option<[u8; 32]>> {
        let bytes: Option<Vec<u8>> =
            self.row.get(column).map_err(|e| self.unreadable(column, e))?;
        bytes.map(|bytes| self.exactly(column, bytes)).transpose()
    }

    fn exactly(&self, column: &str, bytes: Vec<u8>) -> Stored<[u8; 32]> {
        let length = bytes.len();
        <[u8; 32]>::try_from(bytes)
            .map_err(|_| self.unreadable(column, format_args!("{length} bytes where 32 should be")))
    }

    pub(crate) fn count(&self, column: &str) -> Stored<u64> {
        u64::try_from(self.int(column)?).map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn flag(&self, column: &str) -> Stored<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn time(&self, column: &str) -> Stored<Timestamp> {
        let micros = self.int(column)?;
        Timestamp::from_microsecond(micros).map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn time_or_null(&self, column: &str) -> Stored<Option<Timestamp>> {
        let time = self.int_or_null(column)?.map(Timestamp::from_microsecond).transpose();
        time.map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn id<T: FromStr<Err: Display>>(&self, column: &str) -> Stored<T> {
        let id = self.text(column)?.parse();
        id.map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn id_or_null<T: FromStr<Err: Display>>(&self, column: &str) -> Stored<Option<T>> {
        let id = self.text_or_null(column)?.map(|id| id.parse()).transpose();
        id.map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Stored<T> {
        let value = serde_json::from_str(&self.text(column)?);
        value.map_err(|e| self.unreadable(column, e))
    }

    pub(crate) fn unreadable(&self, column: &str, why: impl Display) -> StoreError {
        StoreError::Inconsistent { what: format!("{}, column {column}: {why}", self.place) }
    }
}

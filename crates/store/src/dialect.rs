//! Where the two databases' languages differ, and statements that take any number of rows.
//!
//! Words are looked for by tokens that are made in `items/words.rs`, the same for both databases: each
//! only has to keep them and find them by their beginnings. SQLite keeps them in an FTS5 table beside
//! `items`, PostgreSQL in a column with a GIN index.

use std::fmt::Write as _;

use crate::db::{Db, Tx};

/// What a text must have among its tokens, to the letter, or as a beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Letters, digits and `~`; nothing that either query language reads as its own.
    pub(crate) token: String,
    pub(crate) is_beginning: bool,
}

/// Which of the two languages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Db {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(..) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl Tx {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(..) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl Dialect {
    /// The value of `items.words` made of parameter `n`, tokens with spaces between them.
    pub(crate) fn tokens(self, n: usize) -> String {
        match self {
            Self::Sqlite => format!("${n}"),
            Self::Postgres => format!("array_to_tsvector(string_to_array(${n}, ' '))"),
        }
    }

    /// The condition that an item has all that parameter `n` asks for, made by [`wanted`](Self::wanted). It
    /// either `leads` to the items, or is asked of those that another index leads to.
    pub(crate) fn matches(self, n: usize, leads: bool) -> String {
        let condition = match self {
            Self::Sqlite => {
                format!("place IN (SELECT rowid FROM items_words WHERE items_words MATCH ${n})")
            }
            Self::Postgres => format!("(words @@ CAST(${n} AS tsquery))"),
        };
        // The same condition, in a form that no index serves.
        match (self, leads) {
            (_, true) => condition,
            (Self::Sqlite, false) => format!("+{condition}"),
            (Self::Postgres, false) => format!("{condition} IS TRUE"),
        }
    }

    /// The statement that counts what matches parameter 1, as `matches`, up to parameter 2.
    pub(crate) fn count(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT COUNT(*) AS matches FROM ( \
                     SELECT 1 FROM items_words WHERE items_words MATCH $1 LIMIT $2)"
            }
            // Materialised for the planner: it would read the whole table for the first few.
            Self::Postgres => {
                "WITH found AS MATERIALIZED (SELECT 1 FROM items WHERE words @@ CAST($1 AS tsquery)) \
                 SELECT COUNT(*) AS matches FROM (SELECT 1 FROM found LIMIT $2) AS first"
            }
        }
    }

    /// A query for all of these tokens.
    pub(crate) fn wanted(self, wanted: &[Wanted]) -> String {
        let mut query = String::new();
        for Wanted { token, is_beginning } in wanted {
            let and = if query.is_empty() { "" } else { self.and() };
            let written = match (self, is_beginning) {
                (Self::Sqlite, false) => write!(query, "{and}\"{token}\""),
                (Self::Sqlite, true) => write!(query, "{and}\"{token}\"*"),
                (Self::Postgres, false) => write!(query, "{and}'{token}'"),
                (Self::Postgres, true) => write!(query, "{and}'{token}':*"),
            };
            debug_assert!(written.is_ok(), "a text takes what is written to it");
        }
        query
    }

    fn and(self) -> &'static str {
        match self {
            Self::Sqlite => " AND ",
            Self::Postgres => " & ",
        }
    }
}

/// How many rows a statement takes: each of these is prepared once and used again.
const LENGTHS: [usize; 7] = [100, 50, 20, 10, 5, 2, 1];

/// The rows in slices that statements take.
pub(crate) fn slices<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let length = LENGTHS.into_iter().find(|length| *length <= rest.len())?;
        let (slice, others) = rest.split_at(length);
        rest = others;
        Some(slice)
    })
}

/// `$3, $4, $5`: so many parameters from the `first` on.
pub(crate) fn parameters(first: usize, count: usize) -> String {
    list(count, |n| format!("${}", first + n))
}

/// What is made of 0, 1, …, with commas between it.
pub(crate) fn list(count: usize, each: impl Fn(usize) -> String) -> String {
    let each: Vec<_> = (0..count).map(each).collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_have_few_lengths_and_lose_no_row() {
        for length in [0, 1, 7, 99, 100, 368] {
            let rows: Vec<_> = (0..length).collect();
            assert_eq!(slices(&rows).collect::<Vec<_>>().concat(), rows);
            assert!(slices(&rows).all(|slice| LENGTHS.contains(&slice.len())));
        }
        assert_eq!(parameters(3, 3), "$3, $4, $5");
    }
}

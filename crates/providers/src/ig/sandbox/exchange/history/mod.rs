//! What was done, and what it cost (contract 4.6).

mod activity;
mod fiql;
mod past;
mod transactions;

use super::desk::Book;
use super::floor::Floor;
use super::when;
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

/// One who asks for history.
pub(super) struct Reader<'a> {
    pub(super) floor: Floor<'a>,
    pub(super) book: &'a Book,
}

impl Reader<'_> {
    /// Answers a call for history, if there is such a path.
    pub(super) fn answer(&self, call: &Call) -> Option<Answer> {
        let answer = match (call.method.as_str(), call.segments().as_slice(), call.version) {
            ("GET", ["history", "activity"], 3) => self.activity(call).into(),
            ("GET", ["history", "activity"], 2) => self.paged_activity(call).into(),
            ("GET", ["history", "activity", range @ ..], 1) => self.old_activity(range).into(),
            ("GET", ["history", "transactions"], 2) => self.transactions(call).into(),
            ("GET", ["history", "transactions", kind, range @ ..], 1) => {
                self.old_transactions(kind, range).into()
            }
            _ => return None,
        };
        Some(answer)
    }

    /// The stretch from `from` to `to`; without `from` it is the last `maxSpanSeconds`, which are 600.
    fn span(&self, call: &Call) -> Refused<Span> {
        let to = date(call.query("to"), &[when::V3, when::V2, when::DAY])?;
        let to = to.unwrap_or(self.floor.now);
        let seconds = number(call, "maxSpanSeconds", 600)?;
        let from = date(call.query("from"), &[when::V3, when::V2, when::DAY])?;
        Span::new(from.unwrap_or(to - i64::try_from(seconds).unwrap_or(600)), to)
    }

    /// The stretch of a path of version 1: so many milliseconds, or two days, both included.
    fn old_span(&self, range: &[&str]) -> Refused<Span> {
        match range {
            [milliseconds] => {
                let milliseconds: i64 =
                    milliseconds.parse().map_err(|_| Answer::error("invalid.input"))?;
                Span::new(self.floor.now - milliseconds / 1_000, self.floor.now)
            }
            [from, to] => {
                let day = |text| date(Some(text), &[when::DAY_V1]);
                let to = day(to)?.unwrap_or_default() + super::hours::DAY - 1;
                Span::new(day(from)?.unwrap_or_default(), to)
            }
            _ => Err(Answer::error("invalid.url")),
        }
    }
}

/// From one second to another, both included.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn new(from: i64, to: i64) -> Refused<Self> {
        if from > to {
            return Err(Answer::error("error.request.invalid.date-range"));
        }
        Ok(Self { from, to })
    }

    fn holds(self, second: i64) -> bool {
        (self.from..=self.to).contains(&second)
    }
}

/// A page of a list that knows its length: `pageSize` 20, and 0 is everything.
struct Page {
    number: usize,
    size: usize,
}

impl Page {
    fn read(call: &Call) -> Refused<Self> {
        let number = number(call, "pageNumber", 1)?.max(1);
        Ok(Self { number, size: self::number(call, "pageSize", 20)? })
    }

    fn of<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        match self.size {
            0 => all,
            size => all.chunks(size).nth(self.number - 1).unwrap_or_default(),
        }
    }

    fn json(&self, all: usize) -> serde_json::Value {
        let pages = if self.size == 0 { 1 } else { all.div_ceil(self.size) };
        serde_json::json!({
            "pageNumber": self.number, "pageSize": self.size, "totalPages": pages,
        })
    }
}

fn date(text: Option<&str>, forms: &[&str]) -> Refused<Option<i64>> {
    let read = |text| when::read(text, forms).ok_or_else(|| Answer::error("error.malformed.date"));
    text.map(read).transpose()
}

fn number(call: &Call, name: &str, default: usize) -> Refused<usize> {
    let wrong = |_| Answer::error(format!("invalid.request.{name}"));
    call.query(name).map_or(Ok(default), |text| text.parse().map_err(wrong))
}

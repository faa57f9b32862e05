//! Watchlists (contract 4.7).

use serde_json::{Value, json};

use super::dice;
use super::floor::Floor;
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

const UNKNOWN: &str = "error.invalid.watchlist";

/// A list of markets.
#[derive(Debug, Clone)]
struct Watchlist {
    id: String,
    name: String,
    epics: Vec<String>,
    /// IG's own lists cannot be changed.
    is_system: bool,
}

/// The watchlists of a client.
#[derive(Debug)]
pub(super) struct Watchlists {
    lists: Vec<Watchlist>,
    made: u64,
    seed: u64,
}

impl Watchlists {
    /// IG's own lists, and one that the client has made.
    pub(super) fn new(seed: u64) -> Self {
        let list = |id: &str, name: &str, is_system, epics: &[&str]| Watchlist {
            id: id.to_owned(),
            name: name.to_owned(),
            epics: epics.iter().map(|epic| (*epic).to_owned()).collect(),
            is_system,
        };
        let popular = ["CS.D.GBPUSD.TODAY.IP", "CS.D.EURUSD.TODAY.IP", "CS.D.USCGC.TODAY.IP"];
        let indices = ["IX.D.FTSE.DAILY.IP", "IX.D.DAX.DAILY.IP", "IX.D.DOW.DAILY.IP"];
        let lists = vec![
            list("12345678", "My Watchlist", false, &["IX.D.FTSE.CFD.IP", "CS.D.EURUSD.CFD.IP"]),
            list("system-01", "Popular Markets", true, &popular),
            list("system-02", "Major Indices", true, &indices),
        ];
        Self { lists, made: 0, seed }
    }

    /// Answers a call about watchlists, if there is such a path.
    pub(super) fn answer(&mut self, call: &Call, floor: &Floor<'_>) -> Option<Answer> {
        if call.version != 1 {
            return None;
        }
        let answer = match (call.method.as_str(), call.segments().as_slice()) {
            ("GET", ["watchlists"]) => {
                let all: Vec<_> = self.lists.iter().map(Watchlist::json).collect();
                Answer::ok(json!({ "watchlists": all }))
            }
            ("POST", ["watchlists"]) => self.create(call, floor).into(),
            ("GET", ["watchlists", id]) => self.show(id, floor).into(),
            ("PUT", ["watchlists", id]) => self.add(id, call, floor).into(),
            ("DELETE", ["watchlists", id]) => self.delete(id).into(),
            ("DELETE", ["watchlists", id, epic]) => self.remove(id, epic).into(),
            _ => return None,
        };
        Some(answer)
    }

    fn create(&mut self, call: &Call, floor: &Floor<'_>) -> Refused<Answer> {
        let missing = || Answer::error("validation.null-not-allowed.request.name");
        let name = call.text("name")?.ok_or_else(missing)?;
        if self.lists.iter().any(|list| list.name == name) {
            return Err(Answer::error("error.watchlists.management.duplicate-name"));
        }
        let wanted = call.member("epics").and_then(Value::as_array).cloned().unwrap_or_default();
        let known =
            wanted.iter().filter_map(Value::as_str).filter(|epic| floor.find(epic).is_some());
        let epics: Vec<_> = known.map(str::to_owned).collect();
        let status = if epics.len() == wanted.len() {
            "SUCCESS"
        } else {
            "SUCCESS_NOT_ALL_INSTRUMENTS_ADDED"
        };
        self.made += 1;
        let id = (10_000_000 + dice::mix(self.seed ^ self.made) % 90_000_000).to_string();
        let answer = json!({ "watchlistId": id, "status": status });
        self.lists.push(Watchlist { id, name: name.to_owned(), epics, is_system: false });
        Ok(Answer::ok(answer))
    }

    fn show(&self, id: &str, floor: &Floor<'_>) -> Refused<Answer> {
        let list = self.lists.iter().find(|list| list.id == id);
        let list = list.ok_or_else(|| Answer::error(UNKNOWN))?;
        let markets = list.epics.iter().filter_map(|epic| floor.find(epic));
        let markets: Vec<_> = markets.map(|market| floor.found(market)).collect();
        Ok(Answer::ok(json!({ "markets": markets })))
    }

    fn add(&mut self, id: &str, call: &Call, floor: &Floor<'_>) -> Refused<Answer> {
        let missing = || Answer::error("validation.null-not-allowed.request.epic");
        let epic = call.text("epic")?.ok_or_else(missing)?;
        let list = self.own(id)?;
        if floor.find(epic).is_none() {
            return Err(Answer::error("error.service.watchlists.add-instrument.invalid-epic"));
        }
        if !list.epics.iter().any(|known| known == epic) {
            list.epics.push(epic.to_owned());
        }
        Ok(success())
    }

    fn remove(&mut self, id: &str, epic: &str) -> Refused<Answer> {
        self.own(id)?.epics.retain(|known| known != epic);
        Ok(success())
    }

    fn delete(&mut self, id: &str) -> Refused<Answer> {
        self.own(id)?;
        self.lists.retain(|list| list.id != id);
        Ok(success())
    }

    /// A list that the client may change.
    fn own(&mut self, id: &str) -> Refused<&mut Watchlist> {
        let list = self.lists.iter_mut().find(|list| list.id == id);
        let list = list.ok_or_else(|| Answer::error(UNKNOWN))?;
        if list.is_system {
            return Err(Answer::error("error.watchlists.management.cannot-delete-watchlist"));
        }
        Ok(list)
    }
}

impl Watchlist {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "editable": !self.is_system,
            "deleteable": !self.is_system,
            "defaultSystemWatchlist": self.is_system,
        })
    }
}

fn success() -> Answer {
    Answer::ok(json!({ "status": "SUCCESS" }))
}

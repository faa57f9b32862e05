//! What a service may do to a round without being wrong (contract, 4.6, rule 4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{At, Point, Row};

/// How a mailbox tells its changes; all of it is legal, and off at first.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Habits {
    /// Items come several times: within a page first as gone, and again what was told long ago.
    pub(super) duplicates: bool,
    /// The items of a page come in any order, but those of one id in theirs.
    reorder: bool,
    /// Some pages are empty.
    empty_pages: bool,
    /// What all of that depends on, besides where the round is.
    seed: u64,
}

impl Habits {
    /// Whether nothing comes at this point.
    pub(super) fn is_empty_page(&self, point: &Point) -> bool {
        self.empty_pages && self.dice(point).roll().is_multiple_of(3)
    }

    /// The rows of a page as they are told.
    pub(super) fn arrange(
        &self,
        point: &Point,
        entity: &str,
        rows: Vec<Row>,
        replay: Vec<Row>,
    ) -> Vec<Row> {
        let mut dice = self.dice(point);
        let mut told = Vec::with_capacity(rows.len());
        if self.duplicates {
            // What is told as it is now harms nobody, as long as nothing of the page comes before it.
            let is_new = |row: &Row| !rows.iter().any(|other| other.id == row.id);
            told.extend(replay.into_iter().filter(is_new));
        }
        for row in rows {
            if self.duplicates {
                match dice.roll() % 4 {
                    0 => told.push(row.clone()),
                    1 => told.push(Row::removed(entity, row.id.clone(), true)),
                    _ => {}
                }
            }
            told.push(row);
        }
        if self.reorder { shuffle(told, &mut dice) } else { told }
    }

    fn dice(&self, point: &Point) -> Dice {
        let (At::Newest(_, far) | At::Since(_, far)) = point.at;
        let far = u64::try_from(far).unwrap_or_default();
        Dice(self.seed ^ (u64::from(point.page) << 32) ^ point.base.rotate_left(17) ^ far)
    }
}

/// Any order, but for rows of the same id: the last one must stay the last.
fn shuffle(rows: Vec<Row>, dice: &mut Dice) -> Vec<Row> {
    let mut by_id: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut order = Vec::with_capacity(rows.len());
    for row in rows {
        order.push(row.id.clone());
        by_id.entry(row.id.clone()).or_default().push(row);
    }
    for last in (1..order.len()).rev() {
        let other = dice.roll() % (u64::try_from(last).unwrap_or_default() + 1);
        order.swap(last, usize::try_from(other).unwrap_or_default());
    }
    for rows in by_id.values_mut() {
        rows.reverse();
    }
    order.iter().filter_map(|id| by_id.get_mut(id)?.pop()).collect()
}

/// `SplitMix64`: the same on every machine.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

//! Events as others are told of them: by number, without anybody asking.

use jiff::Timestamp;
use serde_json::Value;

use super::item::Form;
use super::key::Key;
use super::mailbox::Mailbox;
use super::show::Look;
use super::zones::Zone;

impl Mailbox {
    /// The id of the item with this number, whether or not it is still there.
    pub(in super::super) fn id_of(&self, number: u64) -> String {
        Key::Item(number).id(self.tag)
    }

    /// The item with this number as an answer would show it; `basic` is without what reading the basics does not
    /// cover.
    pub(in super::super) fn told(&self, number: u64, basic: bool, now: Timestamp) -> Option<Value> {
        let look = Look { zone: Zone::utc(), as_text: false, basic, selects_original: false, now };
        Some(self.show(self.items.get(&number)?, Form::Whole, &look))
    }
}

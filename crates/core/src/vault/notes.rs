//! Short texts that a browser carries from one address of ours to the next, and cannot write itself.

use std::time::Duration;

use super::{ConnectError, Vault};
use crate::Secret;
use crate::clock::later;
use crate::seal::{Field, Sealed};

/// How long a page that was reached with a note can be loaded again.
const NOTE_LIFE: Duration = Duration::from_hours(1);

impl Vault {
    /// Seals a text so that only [`Vault::read_note`] reads it, for an hour.
    pub fn write_note(&self, text: &str) -> Secret {
        let until = later(self.parts().clock.now(), NOTE_LIFE).as_second();
        let place = self.place("note", Field::Note, 0);
        self.parts().seal.seal(place, format!("{until} {text}").as_bytes()).into_text()
    }

    /// What a note says, unless it is made up or too old.
    pub fn read_note(&self, note: &Secret) -> Result<String, ConnectError> {
        let sealed = Sealed::from_text(note.expose()).ok_or(ConnectError::InvalidState)?;
        let place = self.place("note", Field::Note, 0);
        let plain =
            self.parts().seal.open(place, &sealed).map_err(|_| ConnectError::InvalidState)?;
        let read = std::str::from_utf8(&plain).ok().and_then(|plain| plain.split_once(' '));
        let now = self.parts().clock.now().as_second();
        read.filter(|(until, _)| until.parse::<i64>().is_ok_and(|until| until > now))
            .map(|(_, text)| text.to_owned())
            .ok_or(ConnectError::InvalidState)
    }
}

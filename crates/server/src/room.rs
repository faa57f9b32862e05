//! Room in memory for what is large: files and messages with files, on their way in and out.
//!
//! The rules, each with a test of its name:
//!
//! 1. What is larger than a mebibyte has its room before it is read or fetched.
//! 2. One user has at most half of it.
//! 3. Who gets none within a few seconds is asked to come again.
//! 4. It is given back with the last byte.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::Bytes;
use evergrant::{Clock, UserId};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::problem::{Code, Problem};

/// What is counted in, in bytes; what is no longer is not counted.
const MIB: usize = 1 << 20;
/// All there is, in mebibytes: two of the largest attachments there are, one each for two users. A
/// machine of 1 GiB has it to spare.
const ALL: u32 = 512;
/// What one user has of it at most.
const PART: u32 = ALL / 2;
/// How long a request waits for its room.
const PATIENCE: Duration = Duration::from_secs(5);

/// The room of one server.
pub(crate) struct Room {
    all: Arc<Semaphore>,
    /// What is left of each user's part; gone with the last one who holds or awaits some of it.
    parts: Mutex<HashMap<UserId, Weak<Semaphore>>>,
}

/// Room that was given; dropped, it is given back.
#[derive(Default)]
pub(crate) struct Held {
    _given: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Default for Room {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL as usize)), parts: Mutex::default() }
    }
}

impl Room {
    /// Room for so many bytes, each kept in so many forms at a time.
    pub(crate) async fn hold(
        &self,
        clock: &dyn Clock,
        owner: UserId,
        bytes: usize,
        forms: usize,
    ) -> Result<Held, Problem> {
        if bytes <= MIB {
            return Ok(Held::default());
        }
        let size = bytes.saturating_mul(forms).div_ceil(MIB);
        let size = u32::try_from(size).unwrap_or(PART).min(PART);
        let (part, all) = (self.part(owner), Arc::clone(&self.all));
        let given = async {
            // The part first: who has had theirs keeps nobody else waiting.
            let part = part.acquire_many_owned(size).await?;
            Ok::<_, AcquireError>((part, all.acquire_many_owned(size).await?))
        };
        tokio::select! {
            biased;
            given = given => Ok(Held { _given: Some(given.map_err(Problem::internal)?) }),
            () = clock.sleep(PATIENCE) => Err(busy()),
        }
    }

    fn part(&self, owner: UserId) -> Arc<Semaphore> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get(&owner).and_then(Weak::upgrade) {
            return part;
        }
        parts.retain(|_, part| part.strong_count() > 0);
        let part = Arc::new(Semaphore::new(PART as usize));
        parts.insert(owner, Arc::downgrade(&part));
        part
    }
}

impl Held {
    /// The content, with its room until the last part of it is dropped.
    pub(crate) fn around(self, content: Bytes) -> Bytes {
        struct Kept(Bytes, #[expect(dead_code, reason = "it is there to be dropped")] Held);
        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Kept(content, self))
    }
}

fn busy() -> Problem {
    let detail = "Too many large files and messages are on their way at once.";
    Problem::new(Code::ServerBusy, detail).retry_after(PATIENCE)
}

#[cfg(test)]
mod tests {
    use evergrant::testing::TestClock;

    use super::*;

    const ALICE: UserId = UserId::from_u128(1);
    const BOB: UserId = UserId::from_u128(2);
    const CAROL: UserId = UserId::from_u128(3);

    /// Asks; who has to wait does so until time has passed.
    async fn ask(room: &Room, owner: UserId, mib: usize) -> Result<Held, Problem> {
        let clock = TestClock::default();
        let asked = room.hold(&clock, owner, mib * MIB, 1);
        let passes = async {
            while clock.next_wakeup().is_none() {
                tokio::task::yield_now().await;
            }
            clock.advance(PATIENCE);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            held = asked => held,
            () = passes => unreachable!("time passes for ever"),
        }
    }

    #[tokio::test]
    async fn one_user_has_at_most_half_of_it() {
        let room = Room::default();
        let half = ask(&room, ALICE, 200).await.unwrap();
        assert_eq!(ask(&room, ALICE, 57).await.err().unwrap().code(), Code::ServerBusy);
        let rest = ask(&room, ALICE, 56).await.unwrap();
        drop(half);
        drop(rest);
        // More than there is takes all of the user's part.
        let all = ask(&room, ALICE, 9999).await.unwrap();
        ask(&room, ALICE, 2).await.err().unwrap();
        drop(all);
    }

    #[tokio::test]
    async fn who_gets_none_within_a_few_seconds_is_asked_to_come_again() {
        let room = Room::default();
        let _held = [ask(&room, ALICE, 256).await.unwrap(), ask(&room, BOB, 256).await.unwrap()];
        let busy = ask(&room, CAROL, 2).await.err().unwrap();
        assert_eq!(busy.code(), Code::ServerBusy);
        ask(&room, CAROL, 1).await.unwrap();
    }

    #[tokio::test]
    async fn it_is_given_back_with_the_last_byte() {
        let room = Room::default();
        let held = ask(&room, ALICE, 256).await.unwrap();
        let content = held.around(Bytes::from_static(b"naive"));
        let last = content.slice(4..);
        drop(content);
        ask(&room, ALICE, 2).await.err().unwrap();
        assert_eq!(last, "e");
        drop(last);
        ask(&room, ALICE, 256).await.unwrap();
        assert_eq!(room.all.available_permits(), ALL as usize);
        ask(&room, BOB, 2).await.unwrap();
        assert_eq!(room.parts.lock().unwrap().len(), 1, "who holds nothing is forgotten");
    }
}

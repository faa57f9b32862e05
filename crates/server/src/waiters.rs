//! Requests that wait for something to happen: so many of one user at a time, that nobody holds all
//! connections and keeps the database busy with looking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evergrant::UserId;

use crate::problem::{Code, Problem};

/// How many of one user wait at most.
const MOST: usize = 8;
/// When to come again: about half of those who wait do so for less.
const LATER: Duration = Duration::from_secs(15);

/// Who waits at one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiters(Arc<Mutex<HashMap<UserId, usize>>>);

/// A place among those who wait; dropped, it is free.
#[derive(Debug)]
pub(crate) struct Waiter {
    all: Waiters,
    owner: UserId,
}

impl Waiters {
    /// A place for one more request of this user.
    pub(crate) fn join(&self, owner: UserId) -> Result<Waiter, Problem> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.entry(owner).or_default();
        if *waiting >= MOST {
            let detail = format!("{MOST} of this user's requests wait already.");
            return Err(Problem::new(Code::ServerBusy, detail).retry_after(LATER));
        }
        *waiting += 1;
        Ok(Waiter { all: self.clone(), owner })
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = all.get_mut(&self.owner) {
            *waiting -= 1;
            if *waiting == 0 {
                all.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_requests_of_one_user_wait_at_once() {
        let (waiters, alice) = (Waiters::default(), UserId::from_u128(1));
        let mut waiting: Vec<_> = (0..MOST).map(|_| waiters.join(alice).unwrap()).collect();
        assert_eq!(waiters.join(alice).unwrap_err().code(), Code::ServerBusy);
        let _other = waiters.join(UserId::from_u128(2)).unwrap();
        waiting.pop();
        waiting.push(waiters.join(alice).unwrap());
        waiters.join(alice).unwrap_err();
        drop(waiting);
        assert_eq!(waiters.0.lock().unwrap().len(), 1, "who does not wait is forgotten");
    }
}

//! Access keys: read from the database, remembered while that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::constant_time;
use evergrant::news::News;
use evergrant::store::Subject;
use evergrant::{Clock, UserId};
use evergrant_store::{AccessKeyId, Holder, Store};
use http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;

use crate::principal::{Permission, Principal, checks, id_of, sha256};
use crate::problem::{Code, Problem};

/// Names the user a service key acts for.
const USER_HEADER: HeaderName = HeaderName::from_static("evergrant-user");

/// The access keys in memory; as fresh as the [`News`] are, else read from the database.
pub(crate) struct Keys {
    store: Store,
    news: Arc<News>,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
    /// Users by name; a name is never given to another user.
    users: papaya::HashMap<String, UserId>,
}

impl Keys {
    pub(crate) fn new(store: Store, news: Arc<News>, clock: Arc<dyn Clock>) -> Self {
        let memory: Arc<Memory> = Arc::default();
        let forgetful = Arc::clone(&memory);
        news.subscribe(move |change| {
            if let Subject::Key(id) = change.subject {
                forgetful.forget(id);
            }
        });
        Self { store, news, clock, memory, users: papaya::HashMap::default() }
    }

    /// Who these headers speak for.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        let known = self.known(headers).await?;
        let user = self.acts_for(&known, headers).await?;
        Ok(Principal::new(user, known.permissions))
    }

    /// What the key of these headers may do, whomever it acts for.
    pub(crate) async fn permissions(&self, headers: &HeaderMap) -> Result<u32, Problem> {
        self.known(headers).await.map(|known| known.permissions)
    }

    /// The key of these headers, if it is in force.
    async fn known(&self, headers: &HeaderMap) -> Result<Arc<Known>, Problem> {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim());
        let key = bearer.ok_or_else(unauthenticated)?;
        let id = id_of(key).ok_or_else(unauthenticated)?;
        let known = match self.remembered(id) {
            Some(known) => Some(known),
            // Boxed: most requests do not come this way and need not carry room for it.
            None => Box::pin(self.read(id, key)).await?,
        };
        // An unknown key costs the same comparison as a known one.
        let expected = known.as_ref().map_or([0; 32], |known| known.secret_hash);
        let same = constant_time::verify_slices_are_equal(&sha256(key), &expected).is_ok();
        let known = known.filter(|known| {
            same && known.expires_at.is_none_or(|expires_at| expires_at > self.clock.now())
        });
        known.ok_or_else(unauthenticated)
    }

    /// The user a key acts for, as its holder and the headers have it.
    async fn acts_for(&self, known: &Known, headers: &HeaderMap) -> Result<UserId, Problem> {
        let named = headers
            .get(&USER_HEADER)
            .map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or_default());
        match (&known.holder, named) {
            (Holder::User(user), None) => Ok(*user),
            (Holder::User(user), Some(named)) => {
                if Box::pin(self.user(named)).await? != Some(*user) {
                    return Err(Problem::new(
                        Code::Forbidden,
                        "A user's key acts for that user alone; leave `Evergrant-User` out or use a service key.",
                    ));
                }
                Ok(*user)
            }
            (Holder::Service(_), Some(named)) => Box::pin(self.user(named))
                .await?
                .ok_or_else(|| Problem::new(Code::UserRequired, "`Evergrant-User` names no user.")),
            (Holder::Service(_), None) => {
                Err(Problem::new(Code::UserRequired, "The header `Evergrant-User` is missing."))
            }
        }
    }

    /// A key in memory, while that may be relied on.
    fn remembered(&self, id: AccessKeyId) -> Option<Arc<Known>> {
        self.memory.find(id.as_u128()).filter(|_| self.news.fresh())
    }

    /// A key as the database has it.
    async fn read(&self, id: AccessKeyId, key: &str) -> Result<Option<Arc<Known>>, Problem> {
        let number = id.as_u128();
        if !checks(key) {
            return Ok(None);
        }
        let as_of = self.memory.changes();
        let key = match (self.store.key(id).await, self.memory.find(number)) {
            (Ok(key), _) => key,
            // While the database is away nothing can have been revoked there.
            (Err(_), Some(known)) => return Ok(Some(known)),
            (Err(error), None) => return Err(error.into()),
        };
        let Some(key) = key.filter(|key| key.revoked_at.is_none()) else {
            self.memory.forget(number);
            return Ok(None);
        };
        let known = Arc::new(Known {
            permissions: Permission::ALL
                .iter()
                .filter(|p| key.permissions.iter().any(|name| name == p.name()))
                .fold(0, |all, p| all | p.bit()),
            holder: key.holder,
            secret_hash: key.secret_hash,
            expires_at: key.expires_at,
        });
        self.memory.remember(number, &known, as_of);
        Ok(Some(known))
    }

    /// The user of this name or id.
    async fn user(&self, named: &str) -> Result<Option<UserId>, Problem> {
        if let Some(user) = self.users.pin().get(named) {
            return Ok(Some(*user));
        }
        let user = match named.parse() {
            Ok(id) => self.store.user(id).await?,
            Err(_) => self.store.user_named(named).await?,
        };
        Ok(user.map(|user| {
            self.users.pin().insert(named.to_owned(), user.id);
            user.id
        }))
    }
}

fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "The request carries no valid access key.")
}

struct Known {
    holder: Holder,
    secret_hash: [u8; 32],
    permissions: u32,
    expires_at: Option<Timestamp>,
}

/// Keys by number. What was read before a change is not remembered after it: a key revoked while
/// somebody was reading it would otherwise work until the process ends.
#[derive(Default)]
struct Memory {
    keys: papaya::HashMap<u128, Arc<Known>>,
    changes: AtomicU64,
}

impl Memory {
    fn find(&self, number: u128) -> Option<Arc<Known>> {
        self.keys.pin().get(&number).cloned()
    }

    /// How many changes there have been.
    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn forget(&self, number: u128) {
        // Counted first: a reader that misses the count inserts before the removal.
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.keys.pin().remove(&number);
    }

    /// Remembers a key that was read after the first `as_of` changes.
    fn remember(&self, number: u128, known: &Arc<Known>, as_of: u64) {
        let keys = self.keys.pin();
        keys.insert(number, Arc::clone(known));
        if self.changes() != as_of {
            keys.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_revoked_while_it_was_read_is_not_remembered() {
        let memory = Memory::default();
        let known = Arc::new(Known {
            holder: Holder::Service("scheduler".to_owned()),
            secret_hash: [0; 32],
            permissions: 0,
            expires_at: None,
        });
        memory.remember(1, &known, memory.changes());
        assert!(memory.find(1).is_some());
        let as_of = memory.changes();
        memory.forget(1);
        memory.remember(1, &known, as_of);
        assert!(memory.find(1).is_none());
    }
}

//! What becomes of a refresh token that was used.

use std::time::Duration;

use super::{Grant, Grants, Refresh, RefreshRefusal, Shelf};
use crate::{Event, Kind};

/// What becomes of a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It stays valid beside its successor.
    Lenient,
    /// It is good once, and presenting it again revokes its grant.
    Once,
    /// The same, but for this long it gives the same successor again.
    Grace(Duration),
    /// It has no successor and stays what it is.
    Never,
}

/// What comes after a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The refresh token to use from now on.
    pub refresh_token: String,
    /// Whether the client has been given it before, within the grace of [`Rotation::Grace`].
    pub repeated: bool,
}

impl<T: Clone> Grants<T> {
    /// With this rotation, whatever the stage's is.
    #[must_use]
    pub fn rotating(mut self, rotation: Rotation) -> Self {
        self.terms.rotation = Some(rotation);
        self
    }

    /// Spends a refresh token and returns its successor, of the grant with the new `memo`.
    pub fn spend(
        &self,
        refresh_token: &str,
        client: &str,
        memo: T,
    ) -> Result<Successor, RefreshRefusal> {
        self.grant_of(refresh_token, client)?;
        let now = self.backstage.now();
        let rotation = self.rotation();
        let new = self.new_refresh_token();
        // All in one go: whoever comes second finds either the token or its successor.
        self.shelf(|shelf| {
            let token =
                shelf.refresh_tokens.get_mut(refresh_token).ok_or(RefreshRefusal::Unknown)?;
            let held = shelf.grants.get_mut(&token.grant).ok_or(RefreshRefusal::Unknown)?;
            let generation = Some(token.generation);
            if let Some(spent) = token.spent {
                let age = now.duration_since(spent).unsigned_abs();
                match (rotation, &token.successor) {
                    (Rotation::Grace(grace), Some(successor)) if age < grace => {
                        let why = Some("again, within the grace".to_owned());
                        self.record(Event::Spent, Kind::Refresh, &held.grant, generation, why);
                        let refresh_token = successor.clone();
                        return Ok(Successor { refresh_token, repeated: true });
                    }
                    (Rotation::Once | Rotation::Grace(_), _) => {
                        held.revoked = true;
                        let why = Some("a spent refresh token was presented again".to_owned());
                        self.record(Event::Reused, Kind::Refresh, &held.grant, generation, None);
                        self.record(Event::Revoked, Kind::Refresh, &held.grant, None, why);
                        return Err(RefreshRefusal::Reused);
                    }
                    (Rotation::Lenient | Rotation::Never, _) => {}
                }
            }
            held.grant.memo = memo;
            self.record(Event::Spent, Kind::Refresh, &held.grant, generation, None);
            if rotation == Rotation::Never {
                token.issued = now;
                let refresh_token = refresh_token.to_owned();
                return Ok(Successor { refresh_token, repeated: false });
            }
            token.spent = Some(now);
            token.successor = Some(new.clone());
            let grant = held.grant.clone();
            self.put(shelf, &grant, &new);
            Ok(Successor { refresh_token: new, repeated: false })
        })
    }

    /// A further refresh token of `grant`.
    pub fn issue(&self, grant: &Grant<T>) -> String {
        let refresh_token = self.new_refresh_token();
        self.shelf(|shelf| self.put(shelf, grant, &refresh_token));
        refresh_token
    }

    fn new_refresh_token(&self) -> String {
        format!("1.{}", self.backstage.secret())
    }

    fn put(&self, place: &mut Shelf<T>, grant: &Grant<T>, refresh_token: &str) {
        let generation = place.grants.get_mut(&grant.id).map_or(1, |held| {
            held.generation += 1;
            held.generation
        });
        self.record(Event::Issued, Kind::Refresh, grant, Some(generation), None);
        let issued = self.backstage.now();
        let grant = grant.id.clone();
        let token = Refresh { grant, generation, issued, spent: None, successor: None };
        place.refresh_tokens.insert(refresh_token.to_owned(), token);
    }

    fn rotation(&self) -> Rotation {
        let of_the_stage =
            || if self.backstage.strict_rotation() { Rotation::Once } else { Rotation::Lenient };
        self.terms.rotation.unwrap_or_else(of_the_stage)
    }
}

//! Who draws, and the names of what is drawn on.

use super::{Draw, NamedDraw};
use crate::provider::Provider;
use crate::{Account, Request};

/// Who draws: a registration at its provider, in one account.
#[derive(Clone, Copy)]
pub(crate) struct Drawer<'a> {
    pub(crate) provider: &'a dyn Provider,
    /// `None` while somebody signs in.
    pub(crate) account: Option<&'a Account>,
}

impl Drawer<'_> {
    /// What the request draws on, by name.
    pub(super) fn draws(&self, request: &Request) -> Vec<NamedDraw> {
        self.some_draws(request, |_| true)
    }

    /// The same, of one kind of allowance alone.
    pub(super) fn draws_on(&self, request: &Request, kind: &str) -> Vec<NamedDraw> {
        self.some_draws(request, |draw| draw.kind == kind)
    }

    fn some_draws(&self, request: &Request, which: impl Fn(&Draw) -> bool) -> Vec<NamedDraw> {
        let draws = self.provider.draws(request, self.account).into_iter().filter(which);
        let mut draws: Vec<_> = draws
            .map(|Draw { kind, of, amount, rule }| {
                let name = self.name(kind, &of);
                NamedDraw { name, amount, rule }
            })
            .collect();
        // Whoever draws on several takes them in one order, and nobody waits for each other.
        draws.sort_by(|one, other| one.name.cmp(&other.name));
        draws
    }

    /// What the allowance is called in the database.
    pub(super) fn name(&self, kind: &str, of: &str) -> String {
        format!("{}/{kind}/{of}", self.provider.manifest().registration)
    }
}

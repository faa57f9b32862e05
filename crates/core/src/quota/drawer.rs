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
        let draws = self.provider.draws(request, self.account).into_iter();
        let named = draws.map(|Draw { kind, of, amount, rule }| {
            let name = self.name(kind, &of);
            NamedDraw { name, amount, rule }
        });
        let mut draws: Vec<_> = named.collect();
        // Whoever draws on several takes them in one order, and nobody waits for each other.
        draws.sort_by(|one, other| one.name.cmp(&other.name));
        draws
    }

    /// The names of the allowances of this kind that the request draws on.
    pub(super) fn named(&self, request: &Request, kind: &str) -> Vec<String> {
        let draws = self.provider.draws(request, self.account).into_iter();
        draws.filter(|draw| draw.kind == kind).map(|draw| self.name(kind, &draw.of)).collect()
    }

    /// What the allowance is called in the database.
    pub(super) fn name(&self, kind: &str, of: &str) -> String {
        format!("{}/{kind}/{of}", self.provider.manifest().registration)
    }
}

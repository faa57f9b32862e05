//! Who and what exists: one tenant, its users, the registrations, and what can be changed about them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use super::registration::Registration;

/// The tenant's GUID.
pub(super) const TENANT_ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// The tenant's verified domain.
pub(super) const TENANT_DOMAIN: &str = "contoso.example";
/// The password of every user.
pub(super) const PASSWORD: &str = "sandbox";

/// Everything a reset makes new.
#[derive(Debug)]
pub(super) struct World {
    /// Tells access tokens of this world from those of the one before a reset.
    pub(super) id: String,
    pub(super) registrations: Vec<Registration>,
    pub(super) users: Vec<User>,
    /// Whether anybody but an administrator may consent to anything.
    pub(super) users_may_consent: bool,
}

/// An account of the tenant.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct User {
    pub(super) upn: &'static str,
    pub(super) password: &'static str,
    pub(super) oid: &'static str,
    pub(super) display_name: &'static str,
    pub(super) given_name: &'static str,
    pub(super) surname: &'static str,
    pub(super) job_title: &'static str,
    pub(super) enabled: bool,
    /// Whether there is a mailbox for the account.
    pub(super) has_mailbox: bool,
    pub(super) needs_admin_consent: bool,
    /// Consented permissions by client id.
    pub(super) consents: BTreeMap<String, BTreeSet<String>>,
    /// Sessions from before are revoked.
    pub(super) tokens_valid_from: Option<Timestamp>,
    /// Access tokens of earlier epochs are not accepted.
    pub(super) access_epoch: u64,
    /// Whether the user may consent for the whole tenant.
    pub(super) is_admin: bool,
    /// What happened to the user that continuous access evaluation reports.
    pub(super) challenge: Challenge,
    /// What a refresh that presents claims is refused with, until the next sign-in.
    pub(super) demand: Option<Demand>,
}

/// How often continuous access evaluation has challenged a user, and since when.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Challenge {
    /// The level that a token must have met.
    pub(super) level: u64,
    /// The second before which nothing counts that was issued.
    pub(super) not_before: i64,
}

/// A refusal of claims: only the person can satisfy them.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Demand {
    /// The number.
    pub(super) aadsts: u32,
    /// Another `error` than the usual one.
    pub(super) error: Option<&'static str>,
}

impl World {
    /// The world as it is at first.
    pub(super) fn new(id: String) -> Self {
        let adele = User::new(
            "adele@contoso.example",
            "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
            "Adele Vance",
        );
        let alex = User::new(
            "alex@contoso.example",
            "bbbbbbbb-0000-1111-2222-cccccccccccc",
            "Alex Wilber",
        );
        let admin = User {
            is_admin: true,
            job_title: "IT Admin",
            ..User::new(
                "admin@contoso.example",
                "cccccccc-0000-1111-2222-dddddddddddd",
                "Contoso Administrator",
            )
        };
        let dana = User {
            has_mailbox: false,
            ..User::new(
                "dana@contoso.example",
                "dddddddd-0000-1111-2222-eeeeeeeeeeee",
                "Dana Swope",
            )
        };
        let megan = User::new(
            "megan@contoso.example",
            "eeeeeeee-0000-1111-2222-ffffffffffff",
            "Megan Bowen",
        );
        let confidential =
            Registration::confidential("sandbox-client", "Sandbox App", "sandbox-secret");
        let public = Registration::public("sandbox-public", "Sandbox Native App");
        Self {
            id,
            registrations: vec![confidential, public],
            users: vec![adele, alex, admin, dana, megan],
            users_may_consent: true,
        }
    }

    pub(super) fn registration(&self, client_id: &str) -> Option<&Registration> {
        self.registrations.iter().find(|registration| registration.client_id == client_id)
    }

    pub(super) fn registration_mut(&mut self, client_id: &str) -> Option<&mut Registration> {
        self.registrations.iter_mut().find(|registration| registration.client_id == client_id)
    }

    /// What `client_id` may do for this user, by the user's own or an administrator's consent.
    pub(super) fn consented(&self, client_id: &str, upn: &str) -> BTreeSet<String> {
        let by_admin = self.registration(client_id).map(|found| found.admin_consent.clone());
        let mut consented = by_admin.unwrap_or_default();
        consented.extend(
            self.user(upn)
                .and_then(|user| user.consents.get(client_id))
                .cloned()
                .unwrap_or_default(),
        );
        consented
    }

    /// Whether only an administrator can let `client_id` have these permissions for this user.
    pub(super) fn needs_admin(
        &self,
        client_id: &str,
        upn: &str,
        permissions: &BTreeSet<String>,
    ) -> bool {
        let walled =
            |user: &User| !user.is_admin && (user.needs_admin_consent || !self.users_may_consent);
        let by_admin = self.registration(client_id).map(|found| &found.admin_consent);
        self.user(upn).is_some_and(walled)
            && by_admin.is_none_or(|by_admin| !permissions.is_subset(by_admin))
    }

    /// The user with this name or object id.
    pub(super) fn user(&self, upn_or_oid: &str) -> Option<&User> {
        self.users.iter().find(|user| user.is(upn_or_oid))
    }

    pub(super) fn user_mut(&mut self, upn_or_oid: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.is(upn_or_oid))
    }
}

impl User {
    fn new(upn: &'static str, oid: &'static str, display_name: &'static str) -> Self {
        let (given_name, surname) = display_name.split_once(' ').unwrap_or((display_name, ""));
        Self {
            upn,
            password: PASSWORD,
            oid,
            display_name,
            given_name,
            surname,
            job_title: "Retail Manager",
            enabled: true,
            has_mailbox: true,
            needs_admin_consent: false,
            consents: BTreeMap::new(),
            tokens_valid_from: None,
            access_epoch: 0,
            is_admin: false,
            challenge: Challenge::default(),
            demand: None,
        }
    }

    fn is(&self, upn_or_oid: &str) -> bool {
        self.upn.eq_ignore_ascii_case(upn_or_oid) || self.oid.eq_ignore_ascii_case(upn_or_oid)
    }

    /// Lets `client_id` do this, too.
    pub(super) fn consent(
        &mut self,
        client_id: &str,
        permissions: impl IntoIterator<Item = String>,
    ) {
        self.consents.entry(client_id.to_owned()).or_default().extend(permissions);
    }
}

/// A redirect URI, if it is one of those that every registration here has: loopback, any port and
/// path. The literal `IPv6` address and some characters are not supported by the real service
/// either.
pub(super) fn registered(redirect_uri: &str) -> Option<Url> {
    let url = Url::parse(redirect_uri).ok()?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    let supported = !redirect_uri.contains(['!', '$', '\'', '(', ')', ',', ';']);
    let good = matches!(url.scheme(), "http" | "https")
        && loopback
        && supported
        && url.fragment().is_none()
        && redirect_uri.len() <= 256;
    good.then_some(url)
}

/// The first path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenant {
    /// Work and personal accounts.
    Common,
    /// Work accounts.
    Organizations,
    /// Personal accounts.
    Consumers,
    /// The one tenant of this world.
    Contoso,
}

impl Tenant {
    /// The tenant GUID of personal accounts.
    const PERSONAL: &'static str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    /// Reads a path segment.
    pub(super) fn parse(segment: &str) -> Option<Self> {
        match segment.to_ascii_lowercase().as_str() {
            "common" => Some(Self::Common),
            "organizations" => Some(Self::Organizations),
            "consumers" | Self::PERSONAL => Some(Self::Consumers),
            TENANT_ID | TENANT_DOMAIN => Some(Self::Contoso),
            _ => None,
        }
    }

    /// The segment in URLs that the service makes; a domain becomes its GUID.
    pub(super) fn segment(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Organizations => "organizations",
            Self::Consumers => "consumers",
            Self::Contoso => TENANT_ID,
        }
    }

    /// The tenant in the issuer; a template where any tenant can be the one.
    pub(super) fn issuer_segment(self) -> &'static str {
        match self {
            Self::Common | Self::Organizations => "{tenantid}",
            Self::Consumers => Self::PERSONAL,
            Self::Contoso => TENANT_ID,
        }
    }

    /// Whether the tenant's users can sign in here.
    pub(super) fn admits_work_accounts(self) -> bool {
        self != Self::Consumers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_registered() {
        for good in ["http://localhost:8400/cb", "https://localhost", "http://127.0.0.1:1/a/b"] {
            assert!(registered(good).is_some(), "{good}");
        }
        for bad in [
            "https://app.example/cb",
            "http://[::1]/cb",
            "http://localhost/cb#x",
            "http://localhost/(x)",
            "evil://localhost",
            "localhost",
            "http://localhost.evil.example/",
        ] {
            assert!(registered(bad).is_none(), "{bad}");
        }
    }
}

//! The scope parameter: what is asked for, in which spelling, and what of it is granted.

use std::collections::BTreeSet;

use evergrant_sandbox::Origin;

use super::aadsts::Trouble;

/// The delegated permissions that can be consented to.
const PERMISSIONS: &[&str] = &[
    "Calendars.Read",
    "Calendars.Read.Shared",
    "Calendars.ReadBasic",
    "Calendars.ReadWrite",
    "Calendars.ReadWrite.Shared",
    "Mail.Read",
    "Mail.ReadBasic",
    "Mail.ReadWrite",
    "Mail.Send",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
    "OnlineMeetings.Read",
    "OnlineMeetings.ReadWrite",
    "Presence.Read",
    "User.Read",
    "User.ReadBasic.All",
    "User.ReadWrite",
];
/// What `.default` stands for at every registration here: what the work with calendars, mail and
/// meetings needs (contract, 9).
const REGISTERED: &[&str] = &[
    "Calendars.Read",
    "Calendars.Read.Shared",
    "Calendars.ReadWrite",
    "Calendars.ReadWrite.Shared",
    "Mail.Read",
    "Mail.ReadWrite",
    "Mail.Send",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
    "OnlineMeetings.ReadWrite",
    "User.Read",
];
/// The names of the one resource there is, besides the sandbox's own host.
const GRAPH: &[&str] = &["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];

/// A scope parameter.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a scope of its own")]
pub(super) struct Scopes {
    pub(super) openid: bool,
    pub(super) profile: bool,
    pub(super) email: bool,
    pub(super) offline_access: bool,
    /// The permissions by their short names.
    pub(super) permissions: BTreeSet<String>,
    /// Everything the registration lists was asked for as `.default`.
    pub(super) default: bool,
    /// How the client spelled the resource, if it did.
    prefix: Option<String>,
    /// Scopes of resources that are not played here.
    foreign: Vec<String>,
}

impl Scopes {
    /// Reads a scope parameter.
    pub(super) fn parse(text: &str, origin: &Origin) -> Result<Self, Trouble> {
        let mut scopes = Self::default();
        for scope in text.split_whitespace() {
            match scope {
                "openid" => scopes.openid = true,
                "profile" => scopes.profile = true,
                "email" => scopes.email = true,
                "offline_access" => scopes.offline_access = true,
                scope => scopes.add(scope, origin)?,
            }
        }
        if scopes.default && !scopes.permissions.is_empty() {
            let text = "The provided value for the input parameter 'scope' is not valid: .default scope \
                        can't be combined with resource-specific scopes.";
            return Err(Trouble::new(70_011).saying(text));
        }
        if scopes.default {
            scopes.permissions.extend(REGISTERED.iter().map(|name| (*name).to_owned()));
        }
        Ok(scopes)
    }

    fn add(&mut self, scope: &str, origin: &Origin) -> Result<(), Trouble> {
        let (resource, name) = match scope.rsplit_once('/') {
            Some((resource, name)) => (Some(resource), name),
            None => (None, scope),
        };
        if let Some(resource) = resource {
            // `https://host//.default` is how clients write a resource that ends in a slash.
            let resource = resource.trim_end_matches('/');
            if !is_graph(resource, origin) {
                self.foreign.push(scope.to_owned());
                return Ok(());
            }
            self.prefix = Some(format!("{resource}/"));
        }
        if name == ".default" {
            self.default = true;
            return Ok(());
        }
        let known = PERMISSIONS.iter().find(|known| known.eq_ignore_ascii_case(name));
        let known = known.ok_or_else(|| {
            Trouble::new(70_011).saying(format!(
                "The provided request must include a 'scope' input parameter. The provided value for the \
                 input parameter 'scope' is not valid. The scope {scope} is not valid."
            ))
        })?;
        self.permissions.insert((*known).to_owned());
        Ok(())
    }

    /// Refuses what the token endpoint cannot do: it makes a token for one resource, and only
    /// Graph is played here.
    pub(super) fn for_one_resource(self, text: &str) -> Result<Self, Trouble> {
        match (self.foreign.first(), self.permissions.is_empty()) {
            (None, _) => Ok(self),
            (Some(_), false) => Err(Trouble::new(28_000).saying(format!(
                "Provided value for the input parameter scope is not valid because it contains more than \
                 one resource. Scope {text} is not valid."
            ))),
            (Some(foreign), true) => Err(Trouble::new(500_011).saying(format!(
                "The resource principal of {foreign} was not found in the tenant named Contoso."
            ))),
        }
    }

    /// Refuses everything but one resource's `.default`: an application has what it was granted
    /// there, all of it.
    pub(super) fn for_an_application(self, text: &str) -> Result<(), Trouble> {
        let is_default = |scope: &String| scope.ends_with("/.default");
        let alone = !(self.openid || self.profile || self.email || self.offline_access);
        let several = self.foreign.len() + usize::from(self.default) > 1;
        if several && self.foreign.iter().all(is_default) {
            return Err(Trouble::new(700_022));
        }
        match (self.default, self.foreign.first()) {
            (true, None) if alone => Ok(()),
            (false, Some(foreign)) if alone && is_default(foreign) => {
                Err(Trouble::new(500_011).saying(format!(
                    "The resource principal of {foreign} was not found in the tenant named Contoso."
                )))
            }
            _ => Err(Trouble::new(1_002_012).saying(format!(
                "The provided value for the input parameter 'scope' is not valid. Scope {text} is not valid: client \
                 credential flows must have a scope value with /.default suffixed to the resource identifier \
                 (application ID URI)."
            ))),
        }
    }

    /// With what a sign-in established before: the sign-in's own scopes stay.
    pub(super) fn signed_in_with(mut self, before: &Self) -> Self {
        self.openid |= before.openid;
        self.profile |= before.profile;
        self.email |= before.email;
        self.offline_access = before.offline_access;
        self
    }

    /// The `scope` of a token response: everything consented to, spelled the way it was asked for.
    pub(super) fn granted(&self, consented: &BTreeSet<String>) -> String {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let mut granted: Vec<_> = consented.iter().map(|name| format!("{prefix}{name}")).collect();
        if self.default {
            granted.push(format!("{prefix}.default"));
        }
        granted.extend(self.identity().iter().map(|name| (*name).to_owned()));
        granted.join(" ")
    }

    /// The `scp` of an access token.
    pub(super) fn claim(&self, consented: &BTreeSet<String>) -> String {
        let mut claim: Vec<_> = consented.iter().map(String::as_str).collect();
        claim.extend_from_slice(self.identity());
        claim.sort_by_key(|name| name.to_ascii_lowercase());
        claim.join(" ")
    }

    /// The scopes about the user's identity; the real service grants all of them to who asks for
    /// `openid`.
    fn identity(&self) -> &'static [&'static str] {
        if self.openid { &["profile", "openid", "email"] } else { &[] }
    }
}

fn is_graph(resource: &str, origin: &Origin) -> bool {
    let own = resource.strip_prefix("https://").is_some_and(|host| {
        // Clients build the resource from the host without the port.
        let bare = origin.host().rsplit_once(':').map_or(origin.host(), |(bare, _)| bare);
        host.eq_ignore_ascii_case(origin.host()) || host.eq_ignore_ascii_case(bare)
    });
    own || GRAPH.iter().any(|graph| graph.eq_ignore_ascii_case(resource))
}

//! The long-lived parts of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use evergrant::news::News;
use evergrant::provider::{Connect, ProviderKey};
use evergrant::{Clock, Entropy, Gateway, IntegrationId, Subscriptions, Syncer, UserId, Vault};
use evergrant_store::Store;
use jiff::Timestamp;
use url::Url;

use crate::keys::Keys;
use crate::measure::Requests;
use crate::problem::{Code, Problem};
use crate::room::Room;
use crate::waiters::Waiters;

/// What the operator decides about the server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where browsers and callers reach this server, such as `https://grants.example.com`.
    pub public_url: Url,
    /// Redirect URIs of applications that receive the code themselves and post it to the callback.
    pub redirect_uris: Vec<Url>,
}

/// What an [`App`] is made of.
#[derive(Clone)]
pub struct Parts {
    /// Hands out tokens.
    pub vault: Vault,
    /// Keeps the copies.
    pub syncer: Syncer,
    /// Users, access keys, and what copies hold.
    pub store: Store,
    /// Hears what changes at providers.
    pub subscriptions: Subscriptions,
    /// What changed in other processes.
    pub news: Arc<News>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The operator's decisions.
    pub config: Config,
}

/// The server's state; cheap to clone.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) vault: Vault,
    pub(crate) gateway: Gateway,
    pub(crate) syncer: Syncer,
    pub(crate) store: Store,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) keys: Keys,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) started: Timestamp,
    pub(crate) measured: Requests,
    pub(crate) room: Room,
    pub(crate) waiters: Waiters,
    requests: AtomicU64,
    /// Begins the request ids of this process, so that those of two replicas differ.
    boot: u32,
}

impl App {
    /// A server over these parts.
    pub fn new(parts: Parts) -> Self {
        let clock = Arc::clone(&parts.clock);
        let keys = Keys::new(parts.store.clone(), parts.news, parts.clock);
        let boot = u32::from_be_bytes(evergrant::entropy::random(&*parts.entropy));
        Self(Arc::new(Inner {
            gateway: Gateway::new(parts.vault.clone()),
            vault: parts.vault,
            syncer: parts.syncer,
            store: parts.store,
            subscriptions: parts.subscriptions,
            keys,
            config: parts.config,
            started: clock.now(),
            clock,
            entropy: parts.entropy,
            measured: Requests::default(),
            room: Room::default(),
            waiters: Waiters::default(),
            requests: AtomicU64::new(0),
            boot,
        }))
    }

    /// An id for the next request; all are of one length, so that answers are, too.
    pub(crate) fn next_request_id(&self) -> String {
        format!("{:08x}-{:08x}", self.0.boot, self.0.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// `path` on this server, as its callers reach it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.config.public_url.as_str().trim_end_matches('/'))
    }

    /// Where providers send browsers back to.
    pub(crate) fn own_callback(&self, provider: &ProviderKey) -> Result<Url, Problem> {
        let url = self.url(&format!("/api/integrations/oauth/callback/{provider}/"));
        Url::parse(&url)
            .map_err(|_| Problem::invalid("/provider", "`provider` must be a provider's key."))
    }

    /// Adds the links that help with this integration: for the user to reconnect, where that is done on
    /// a page of the provider's, and for an administrator to agree first.
    pub(crate) async fn with_links(
        &self,
        problem: impl Into<Problem>,
        owner: UserId,
        id: IntegrationId,
    ) -> Problem {
        let problem = problem.into();
        let by_user = [Code::ReconnectRequired, Code::ConsentRequired, Code::MissingScope];
        if !by_user.contains(&problem.code()) {
            return problem;
        }
        // What went wrong in the first place says more than that the rest is not known.
        let Ok(integration) = self.0.vault.integration(owner, id).await else {
            return problem;
        };
        let provider = self.0.vault.providers().find(&integration.provider);
        if provider.is_none_or(|p| !matches!(p.manifest().connect, Connect::Redirect { .. })) {
            // There is no page to lead to.
            return problem;
        }
        let link = self.0.vault.reconnect_link(owner, id);
        let problem = problem.with(
            "reconnect_url",
            self.url(&format!("/api/integrations/oauth/reconnect/{}/", link.expose())),
        );
        if problem.code() != Code::ConsentRequired {
            return problem;
        }
        self.with_consent_url(problem, &integration.provider)
    }

    /// Adds the page to forward to an administrator, where that is what helps.
    pub(crate) fn with_consent_url(
        &self,
        problem: impl Into<Problem>,
        provider: &ProviderKey,
    ) -> Problem {
        let problem = problem.into();
        if problem.code() != Code::ConsentRequired {
            return problem;
        }
        let page = self
            .own_callback(provider)
            .ok()
            .and_then(|back| self.0.vault.consent_page(provider, &back, None).ok());
        match page {
            Some(page) => problem.with(Problem::CONSENT_URL, String::from(page)),
            None => problem,
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.0.config).finish_non_exhaustive()
    }
}

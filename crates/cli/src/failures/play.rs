//! A vault over the providers' sandbox, in one process and without a socket.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use evergrant::clock::until;
use evergrant::integration::{Integration, Status};
use evergrant::news::News;
use evergrant::provider::Evidence;
use evergrant::seal::{Ring, Seal};
use evergrant::spool::Spool as _;
use evergrant::store::{GrantStore, Way};
use evergrant::testing::{MemoryDisk, MemoryStore, SeededEntropy, TestClock};
use evergrant::vault::{Begin, Next, Parts, Proof};
use evergrant::{
    Clock, ConnectError, Entropy, HolderId, IntegrationId, Secret, Tasks, TokenError, Transport,
    UserId, Vault,
};
use evergrant_providers::declared::{self, Declaration};
use evergrant_providers::{ClientCredential, CredentialKind, Settings, ig, microsoft};
use evergrant_sandbox::{Courier, InProcess, Stage, StageConfig};
use futures_util::poll;
use serde_json::Value;
use url::Url;

const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const REDIRECT: &str = "http://localhost:8400/callback";
pub(super) const OUTLOOK: &str = "microsoft_outlook";
pub(super) const ACME: &str = "acme";
pub(super) const IG: &str = "ig";

/// What is declared of the sandbox's plain provider of this name.
pub(super) fn acme(name: &str, replay: &str) -> String {
    let at = format!("https://sandbox.test/oauth/{name}");
    format!(
        r#"
label = "Acme"
authorize_url = "{at}/authorize"
token_url = "{at}/token"
device_url = "{at}/device"
jwks_url = "{at}/jwks"
issuer = "{at}"
base_url = "{at}/api"
scopes = ["openid", "email", "offline_access"]
replay = "{replay}"
[identity]
source = "id_token"
id = "/sub"
username = "/email"
"#
    )
}

/// The same by its description alone.
pub(super) fn discovered(name: &str) -> String {
    let at = format!("https://sandbox.test/oauth/{name}");
    format!(
        r#"
label = "Acme"
discovery_url = "{at}/.well-known/openid-configuration"
issuer = "{at}"
base_url = "{at}/api"
scopes = ["openid", "email", "offline_access"]
replay = "strict"
[identity]
source = "userinfo"
id = "/sub"
username = "/email"
"#
    )
}

pub(super) fn secret(name: &str, value: &str) -> ClientCredential {
    ClientCredential {
        name: name.to_owned(),
        kind: CredentialKind::Secret(value.into()),
        expires_at: None,
    }
}

/// Registrations at Microsoft, and at the plain provider with this declaration.
pub(super) fn settings(declaration: &str) -> Settings {
    let acme = declared::Settings {
        client_id: Some("acme-client".to_owned()),
        credentials: vec![secret("client_secret", "acme-secret")],
        declaration: Some(Declaration::parse(declaration).unwrap()),
        ..declared::Settings::default()
    };
    Settings {
        microsoft: microsoft::Settings {
            client_id: Some("sandbox-client".to_owned()),
            client_secret: Some("sandbox-secret".into()),
            login_url: Some(Url::parse("https://sandbox.test").unwrap()),
            graph_url: Some(Url::parse("https://sandbox.test").unwrap()),
            ..microsoft::Settings::default()
        },
        ig: ig::Settings {
            api_key: Some("sandbox-key".into()),
            url: Some(Url::parse("https://sandbox.test/gateway/deal").unwrap()),
            ..ig::Settings::default()
        },
        declared: BTreeMap::from([(ACME.to_owned(), acme)]),
    }
}

/// Nothing that was sent, or that happened, in an earlier row.
pub(super) struct Play {
    pub(super) stage: Stage,
    pub(super) clock: TestClock,
    entropy: Arc<dyn Entropy>,
    pub(super) store: MemoryStore,
    pub(super) disk: MemoryDisk,
    /// The processes there were.
    holders: Arc<Mutex<Vec<HolderId>>>,
    pub(super) owner: UserId,
}

impl Play {
    /// The sandbox; making it takes time, for its keys are real.
    pub(super) fn stage(clock: &TestClock) -> Stage {
        evergrant_providers::sandbox::stage(StageConfig {
            seed: 1,
            strict_rotation: false,
            access_ttl: None,
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
            courier: Courier::default(),
        })
    }

    pub(super) fn new(stage: &Stage, clock: &TestClock) -> Self {
        stage.reset(1);
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(2));
        Self {
            stage: stage.clone(),
            clock: clock.clone(),
            store: MemoryStore::new(Arc::new(clock.clone())),
            disk: MemoryDisk::default(),
            holders: Arc::default(),
            owner: UserId::new(clock, &*entropy),
            entropy,
        }
    }

    /// The same play, for somebody else.
    pub(super) fn stranger(&self) -> Self {
        Self {
            stage: self.stage.clone(),
            clock: self.clock.clone(),
            entropy: Arc::clone(&self.entropy),
            store: self.store.clone(),
            disk: self.disk.clone(),
            holders: Arc::clone(&self.holders),
            owner: UserId::new(&self.clock, &*self.entropy),
        }
    }

    /// A process with the sandbox at the other end of every line.
    pub(super) async fn vault(&self, settings: &Settings) -> Vault {
        self.vault_over(settings, Arc::new(InProcess::new(&self.stage))).await
    }

    pub(super) async fn vault_over(&self, settings: &Settings, http: Arc<dyn Transport>) -> Vault {
        let (providers, _) = evergrant_providers::all(settings).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let store: Arc<dyn GrantStore> = Arc::new(self.store.clone());
        let news = News::begin(Arc::clone(&store), Arc::clone(&clock)).await.unwrap();
        let ring = Ring::parse(&KEY.into()).unwrap();
        let spool = self.disk.spool(&*clock, &*self.entropy);
        self.holders.lock().unwrap().push(spool.holder());
        Vault::new(Parts {
            store,
            spool: Arc::new(spool),
            providers,
            seal: Seal::new(ring, Arc::clone(&clock), Arc::clone(&self.entropy)),
            http,
            clock,
            entropy: Arc::clone(&self.entropy),
            tasks: Tasks::default(),
            news,
            tenant: "test".to_owned(),
        })
    }

    /// All processes have died.
    pub(super) fn die(&self) {
        self.holders.lock().unwrap().drain(..).for_each(|holder| self.disk.died(holder));
    }

    /// The next request at this place fails in this way.
    pub(super) fn fault(&self, place: &str, deed: Value) {
        let fault = Value::from_iter([("where", place.into()), ("do", deed)]);
        let fault = serde_json::from_value(fault).unwrap();
        self.stage.script(fault).map_err(|problem| format!("{problem:?}")).unwrap();
    }

    /// Connects Adele's account.
    pub(super) async fn connect(&self, vault: &Vault, provider: &str) -> IntegrationId {
        self.sign_in(vault, provider, None, "adele").await.unwrap().id
    }

    /// Connects an account at IG; its login is kept, or not.
    pub(super) async fn connect_ig(&self, vault: &Vault, keep: bool) -> IntegrationId {
        let begun = vault.begin(self.owner, begin(IG, Way::Direct, None)).await.unwrap();
        let keep = if keep { "yes" } else { "no" };
        let fields = [("identifier", "trader"), ("password", "sandbox"), ("keep_login", keep)];
        let fields = fields.map(|(name, value)| (name.to_owned(), Secret::from(value)));
        let proof = Proof::Form(fields.into());
        vault.finish(Some(self.owner), &IG.into(), &begun.state, proof).await.unwrap().id
    }

    /// A whole sign-in; the page is answered at once.
    pub(super) async fn sign_in(
        &self,
        vault: &Vault,
        provider: &str,
        integration: Option<IntegrationId>,
        account: &str,
    ) -> Result<Integration, ConnectError> {
        let (state, proof) = self.agree(vault, provider, integration, account).await?;
        let proof = proof.expect("the page sends the browser back");
        vault.finish(Some(self.owner), &provider.into(), &state, proof).await
    }

    /// The first half of it; no proof where the page keeps the browser.
    pub(super) async fn agree(
        &self,
        vault: &Vault,
        provider: &str,
        integration: Option<IntegrationId>,
        account: &str,
    ) -> Result<(Secret, Option<Proof>), ConnectError> {
        let begun = vault.begin(self.owner, begin(provider, Way::Direct, integration)).await?;
        let Next::Authorize(page) = begun.next else { panic!("a page to open") };
        let account = match provider {
            ACME => account.to_owned(),
            _ => format!("{account}@contoso.example"),
        };
        let asked: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        let mut page = page.clone();
        page.query_pairs_mut()
            .clear()
            .extend_pairs(asked.iter().filter(|(name, _)| name != "login_hint"))
            .append_pair("prompt", "none")
            .append_pair("login_hint", &account);
        let request = http::Request::get(page.as_str()).body(bytes::Bytes::new()).unwrap();
        let answer = InProcess::new(&self.stage).send(request).await.unwrap();
        let Some(back) = answer.headers().get("location") else { return Ok((begun.state, None)) };
        let back = Url::parse(back.to_str().unwrap()).unwrap();
        let told: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
        let iss = told.get("iss").cloned();
        let proof = match told.get("code") {
            Some(code) => Proof::Code { code: code.as_str().into(), iss },
            None => Proof::Denied {
                error: told["error"].clone(),
                description: told.get("error_description").cloned(),
                iss,
            },
        };
        Ok((begun.state, Some(proof)))
    }

    /// Asks once whether somebody has signed in on another device, after `deed`.
    pub(super) async fn ask_device(
        &self,
        vault: &Vault,
        provider: &str,
        integration: IntegrationId,
        place: &str,
        deed: Value,
    ) -> ConnectError {
        let ask = begin(provider, Way::Device, Some(integration));
        let begun = vault.begin(self.owner, ask).await.unwrap();
        self.fault(place, deed);
        let key = provider.into();
        vault.finish(Some(self.owner), &key, &begun.state, Proof::Device).await.unwrap_err()
    }

    /// A form where a code is expected, past the vault, which would not let it through.
    pub(super) async fn form_for_a_code(&self, vault: &Vault) -> ConnectError {
        let provider = vault.providers().find(&ACME.into()).unwrap();
        let form = Evidence::Form { fields: BTreeMap::new(), previous: None };
        let http = InProcess::new(&self.stage);
        provider.redeem(&http, self.clock.now(), form).await.unwrap_err().into()
    }

    /// Refreshes, which must fail.
    pub(super) async fn refresh(&self, vault: &Vault, id: IntegrationId) -> TokenError {
        vault.refresh_now(self.owner, id).await.map(|_| ()).unwrap_err()
    }

    /// Runs `work` to its end, moving the clock whenever everybody waits for it.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            for _ in 0..64 {
                if let Poll::Ready(done) = poll!(&mut work) {
                    return done;
                }
                tokio::task::yield_now().await;
            }
            let next = self.clock.next_wakeup().expect("somebody waits for the clock");
            self.clock.advance(until(self.clock.now(), next));
        }
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What the database says of an integration.
    pub(super) async fn status(&self, id: IntegrationId) -> Status {
        self.store.grant(id).await.unwrap().expect("it is still there").status
    }
}

pub(super) fn begin(provider: &str, way: Way, integration: Option<IntegrationId>) -> Begin {
    Begin {
        provider: provider.into(),
        way,
        redirect_uri: Url::parse(REDIRECT).unwrap(),
        scopes: None,
        integration,
    }
}

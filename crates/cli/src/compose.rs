//! Settings to parts: read it to see what the product is made of.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evergrant::news::News;
use evergrant::provider::Providers;
use evergrant::seal::{Ring, Seal};
use evergrant::spool::DirSpool;
use evergrant::store::GrantStore;
use evergrant::{
    Clock, Entropy, HttpLimits, HttpTransport, IntegrationId, Secret, SyncSettings, Syncer,
    SystemClock, SystemEntropy, Tasks, Transport, UserId, Vault,
};
use evergrant_providers::Registrations;
use evergrant_store::Store;

use crate::output::OperatorError;
use crate::settings::Settings;

/// The tenant of a deployment that serves one.
const TENANT: &str = "default";
/// How long a stopping process lets refreshes under way finish.
const DRAIN_WITHIN: Duration = Duration::from_secs(45);

/// Everything a command needs.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) http: Arc<dyn Transport>,
    pub(crate) providers: Providers,
    pub(crate) registrations: Registrations,
    pub(crate) store: Store,
    pub(crate) news: Arc<News>,
    pub(crate) vault: Vault,
    pub(crate) syncer: Syncer,
    pub(crate) tasks: Tasks,
}

/// What a test or the demo replaces.
pub(crate) struct Ambient {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// A root certificate to trust besides those of the settings, as PEM.
    pub(crate) extra_root: Option<String>,
}

impl Default for Ambient {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(SystemEntropy::default()),
            extra_root: None,
        }
    }
}

impl Parts {
    /// Opens the database, brings its schema up to date, and puts the parts together.
    pub(crate) async fn open(settings: Settings, ambient: Ambient) -> anyhow::Result<Self> {
        let Ambient { clock, entropy, extra_root } = ambient;
        let store = open_store(&settings, &clock).await?;
        store.migrate().await?;
        let keys = match &settings.encryption.keys {
            Some(keys) => keys.clone(),
            None => key_file(&settings.encryption.key_file, &store, &*entropy).await?,
        };
        let source = if settings.encryption.keys.is_some() {
            "EVERGRANT_ENCRYPTION_KEYS".to_owned()
        } else {
            settings.encryption.key_file.display().to_string()
        };
        let ring = Ring::parse(&keys)
            .map_err(|error| OperatorError(format!("{source} cannot be used: {error}")))?;
        let seal = Seal::new(ring, Arc::clone(&clock), Arc::clone(&entropy));
        let http = transport(&settings, extra_root)?;
        let (providers, registrations) =
            evergrant_providers::all(&settings.providers()).map_err(|mut error| {
                // The section is called after what it holds, and not after the adapter.
                if let Some(rest) = error.field.strip_prefix("declared.") {
                    error.field = format!("providers.{rest}");
                }
                OperatorError(format!("the configuration is wrong: {error}"))
            })?;
        let shared: Arc<dyn GrantStore> = Arc::new(store.clone());
        let news = News::begin(Arc::clone(&shared), Arc::clone(&clock)).await?;
        let tasks = Tasks::default();
        let folder = &settings.spool.dir;
        let spool = DirSpool::open(folder, &*clock, &*entropy).map_err(|error| {
            let folder = folder.display();
            OperatorError(format!(
                "cannot use the spool folder {folder}: {error}; EVERGRANT_SPOOL_DIR names another"
            ))
        })?;
        let vault = Vault::new(evergrant::vault::Parts {
            store: shared,
            spool: Arc::new(spool),
            providers: providers.clone(),
            seal,
            http: Arc::clone(&http),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            tasks: tasks.clone(),
            news: Arc::clone(&news),
            tenant: TENANT.to_owned(),
        });
        if let Err(error) = vault.recover_dead().await {
            tracing::error!(%error, "what dead processes left waits");
        }
        let copies =
            SyncSettings { notified: settings.asks_for_word(), ..settings.sync.settings() };
        let syncer = Syncer::new(vault.clone(), Arc::new(store.clone()), copies);
        Ok(Self {
            settings,
            clock,
            entropy,
            http,
            providers,
            registrations,
            store,
            news,
            vault,
            syncer,
            tasks,
        })
    }

    /// The same with the machine's own clock and randomness.
    pub(crate) async fn of(settings: Settings) -> anyhow::Result<Self> {
        Self::open(settings, Ambient::default()).await
    }

    /// Whose integration this is. The command line is the operator's: it sees everybody's.
    pub(crate) async fn owner_of(&self, id: IntegrationId) -> anyhow::Result<UserId> {
        let owner = self.store.owner_of(id).await.map_err(evergrant::TokenError::from)?;
        Ok(owner.ok_or(evergrant::TokenError::NotFound)?)
    }

    /// The keys that stored grants need and the ring lacks, and how many need each. Looks at every
    /// grant.
    pub(crate) async fn missing_keys(&self) -> anyhow::Result<Vec<(String, i64)>> {
        let mut keys = self.store.sealing_keys().await?;
        keys.retain(|(key, _)| !self.vault.ring().knows(key.as_str()));
        Ok(keys.into_iter().map(|(key, count)| (key.as_str().to_owned(), count)).collect())
    }

    /// Waits for work that outlives its caller, such as a refresh that must still be stored.
    pub(crate) async fn finish(self) {
        let left = self.tasks.drain(&*self.clock, DRAIN_WITHIN).await;
        if left > 0 {
            tracing::warn!(left, "stopped before everything was finished");
        }
        self.store.close().await;
    }
}

/// The database, as it is.
pub(crate) async fn open_store(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Store> {
    Ok(Store::open(settings.database.url.expose(), Arc::clone(clock)).await?)
}

/// HTTPS that also trusts the certificates of the settings.
pub(crate) fn transport(
    settings: &Settings,
    extra_root: Option<String>,
) -> anyhow::Result<Arc<dyn Transport>> {
    let mut roots = extra_root.unwrap_or_default();
    if let Some(path) = &settings.tls.ca_file {
        let pem = std::fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            OperatorError(format!("cannot read {path}, which EVERGRANT_TLS_CA_FILE names: {error}"))
        })?;
        roots.push_str(&pem);
    }
    let roots = (!roots.is_empty()).then_some(roots.as_bytes());
    Ok(Arc::new(HttpTransport::new(HttpLimits::default(), roots)?))
}

/// The key in this file, made on the first start. Two processes that start at once agree on one.
async fn key_file(path: &Path, store: &Store, entropy: &dyn Entropy) -> anyhow::Result<Secret> {
    if !path.exists() {
        // A new key beside old secrets would hide that theirs is missing.
        let sealed = store.sealing_keys().await?;
        if !sealed.is_empty() {
            let keys: Vec<_> = sealed.iter().map(|(key, _)| key.as_str()).collect();
            return Err(OperatorError(format!(
                "the encryption key file {} is missing, and the database holds secrets of the key \
                 {}; put the file back, or give the key in EVERGRANT_ENCRYPTION_KEYS",
                path.display(),
                keys.join(", ")
            ))
            .into());
        }
        make_key(path, entropy).map_err(|error| {
            let path = path.display();
            OperatorError(format!("cannot make the encryption key file {path}: {error}"))
        })?;
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        OperatorError(format!("cannot read the encryption key file {path}: {error}"))
    })?;
    Ok(text.into())
}

/// The file appears with the whole key in it, or is another process's.
fn make_key(path: &Path, entropy: &dyn Entropy) -> std::io::Result<()> {
    let suffix = u64::from_be_bytes(evergrant::entropy::random(entropy));
    let draft = path.with_added_extension(format!("{suffix:x}"));
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = writeln!(file, "{}", Ring::generate(entropy).expose())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    match written {
        Ok(()) => tracing::warn!(
            file = %path.display(),
            "made an encryption key; without this file nothing stored can be read: back it up"
        ),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

//! What the operator decides: defaults, then `evergrant.toml`, then `.env`, then the environment.
//!
//! The only place that reads the environment. Every setting of the file is also a variable,
//! `EVERGRANT_SECTION_NAME`; secrets can be given as a file, `…_FILE`. A setting that does not exist
//! is an error that names it: a misspelt one must not silently leave a default in force.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use evergrant::Secret;
use evergrant::provider::ProviderKey;
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

mod copies;
mod sections;

use crate::output::OperatorError;
use crate::registrations::{self, Registration};
pub(crate) use sections::{
    Admin, Database, Encryption, Ig, Log, LogFormat, Microsoft, Sandbox, Server, Spool, Sync,
    Telemetry, Tls,
};

/// Variables that other documents and tools use, and the settings they stand for.
const ALIASES: [(&str, &str, &str); 9] = [
    ("MICROSOFT_CLIENT_ID", "microsoft", "client_id"),
    ("MICROSOFT_CLIENT_SECRET", "microsoft", "client_secret"),
    ("MICROSOFT_TENANT", "microsoft", "tenant"),
    ("IG_API_KEY", "ig", "api_key"),
    ("IG_ENVIRONMENT", "ig", "environment"),
    ("IG_IDENTIFIER", "ig", "identifier"),
    ("IG_PASSWORD", "ig", "password"),
    ("IG_ACCOUNT_ID", "ig", "account_id"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry", "otlp_endpoint"),
];
/// Secrets, which can also be given as a file.
const SECRETS: [(&str, &str); 10] = [
    ("database", "url"),
    ("encryption", "keys"),
    ("microsoft", "client_secret"),
    ("microsoft", "client_secret_2"),
    ("microsoft", "certificate"),
    ("microsoft", "certificate_key"),
    ("microsoft", "notification_certificate"),
    ("microsoft", "notification_certificate_key"),
    ("ig", "api_key"),
    ("ig", "password"),
];
const PREFIX: &str = "EVERGRANT_";
const FILE_SUFFIX: &str = "_FILE";

/// Every setting.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) admin: Admin,
    pub(crate) database: Database,
    pub(crate) encryption: Encryption,
    pub(crate) spool: Spool,
    pub(crate) microsoft: Microsoft,
    pub(crate) ig: Ig,
    pub(crate) providers: BTreeMap<String, Registration>,
    pub(crate) sync: Sync,
    pub(crate) sandbox: Sandbox,
    pub(crate) tls: Tls,
    pub(crate) log: Log,
    pub(crate) telemetry: Telemetry,
    /// The configuration file that was asked for, to read it again.
    #[serde(skip)]
    file: Option<PathBuf>,
}

impl Settings {
    /// Reads them from where this process was started.
    pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut variables = BTreeMap::new();
        if Path::new(".env").exists() {
            for pair in dotenvy::from_path_iter(".env").context("cannot read .env")? {
                let (name, value) = pair.context("cannot read .env")?;
                variables.insert(name, value);
            }
        }
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        variables.extend(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        #[cfg(feature = "failpoints")]
        if let Some(points) = variables.remove("EVERGRANT_FAIL_AT") {
            evergrant::failpoint::arm(&points);
        }
        let named = variables.remove("EVERGRANT_CONFIG").map(PathBuf::from);
        let text = match file.map(Path::to_owned).or(named) {
            Some(path) => std::fs::read_to_string(&path).with_context(|| {
                format!("cannot read the configuration file {}", path.display())
            })?,
            None => match std::fs::read_to_string("evergrant.toml") {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(error).context("cannot read evergrant.toml"),
            },
        };
        let mut settings = Self::from_parts(&text, &variables)?;
        settings.file = file.map(Path::to_owned);
        Ok(settings)
    }

    /// Reads them again from where they were read: files may have changed since.
    pub(crate) fn read_again(&self) -> anyhow::Result<Self> {
        Self::read(self.file.as_deref())
    }

    /// Puts a configuration file's text and variables together.
    pub(crate) fn from_parts(
        file: &str,
        variables: &BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let mut table: Table = toml::from_str(file).map_err(|error| {
            let before = error.span().and_then(|span| file.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            anyhow!("the configuration file is not TOML, line {line}: {}", error.message())
        })?;
        let mut settings = Self::of_table(&table).context("the configuration file is wrong")?;
        for (variable, section, name) in ALIASES {
            if put(&mut table, variables, variable, section, name)? {
                settings = Self::of_table(&table).context(variable)?;
            }
        }
        for variable in variables.keys() {
            let Some(rest) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            let lower = rest.to_ascii_lowercase();
            let Some((section, name)) = lower.split_once('_') else {
                bail!("{variable} is not a setting; variables are called {PREFIX}SECTION_NAME");
            };
            if section == "providers" {
                if put_provider(&mut table, variables, variable, name)? {
                    settings = Self::of_table(&table).with_context(|| variable.clone())?;
                }
                continue;
            }
            let name = match name.strip_suffix("_file") {
                Some(secret) if SECRETS.contains(&(section, secret)) => secret,
                _ => name,
            };
            let base = format!("{PREFIX}{}_{}", section.to_uppercase(), name.to_uppercase());
            if put(&mut table, variables, &base, section, name)? {
                // One at a time, so that a mistake is put down to the variable that made it.
                settings = Self::of_table(&table).with_context(|| variable.clone())?;
            }
        }
        settings.check()?;
        Ok(settings)
    }

    fn of_table(table: &Table) -> anyhow::Result<Self> {
        // The whole error would quote the value, which may be a secret.
        Value::Table(table.clone())
            .try_into()
            .map_err(|error: toml::de::Error| anyhow!("{}", error.message()))
    }

    /// Tokens and secrets travel over TLS, except to this very machine.
    fn check(&self) -> anyhow::Result<()> {
        for (name, url) in [
            ("microsoft.login_url", &self.microsoft.login_url),
            ("microsoft.graph_url", &self.microsoft.graph_url),
            ("ig.url", &self.ig.url),
        ] {
            let Some(url) = url else { continue };
            if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(url)) {
                bail!("{name} must begin with https:// (http:// is for this machine alone)");
            }
        }
        self.sync.check()
    }

    /// Where callers reach the server, which listens at `bound`. On this machine it is called
    /// `localhost`: the one host for which providers let plain HTTP redirects be registered.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> anyhow::Result<Url> {
        match &self.server.public_url {
            Some(url) => Ok(url.clone()),
            None if bound.ip().is_loopback() => {
                Ok(Url::parse(&format!("http://localhost:{}", bound.port()))?)
            }
            None => Ok(Url::parse(&format!("http://{bound}"))?),
        }
    }

    /// What is known of the form that connects this provider.
    pub(crate) fn form(&self, provider: &ProviderKey) -> BTreeMap<String, Secret> {
        if provider.as_str() != "ig" {
            return BTreeMap::new();
        }
        let text = |text: &Option<String>| text.as_deref().map(Secret::from);
        let known = [
            ("identifier", text(&self.ig.identifier)),
            ("password", self.ig.password.clone()),
            ("account_id", text(&self.ig.account_id)),
        ];
        let filled = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        filled.filter(|(_, value)| !value.expose().is_empty()).collect()
    }

    /// The vendors' part of the settings.
    pub(crate) fn providers(&self) -> evergrant_providers::Settings {
        let ours = self.microsoft.clone();
        let theirs = evergrant_providers::microsoft::Settings::default();
        let filled = |secret: Option<Secret>| secret.filter(|s| !s.expose().is_empty());
        evergrant_providers::Settings {
            microsoft: evergrant_providers::microsoft::Settings {
                client_id: ours.client_id.filter(|id| !id.is_empty()),
                client_secret: filled(ours.client_secret),
                client_secret_expires_at: ours.client_secret_expires_at,
                client_secret_2: filled(ours.client_secret_2),
                client_secret_2_expires_at: ours.client_secret_2_expires_at,
                certificate: ours.certificate,
                certificate_key: filled(ours.certificate_key),
                notification_certificate: ours.notification_certificate,
                notification_certificate_key: filled(ours.notification_certificate_key),
                tenant: ours.tenant.unwrap_or(theirs.tenant),
                cloud: ours.cloud,
                login_url: ours.login_url,
                graph_url: ours.graph_url,
            },
            ig: evergrant_providers::ig::Settings {
                api_key: filled(self.ig.api_key.clone()),
                environment: self.ig.environment,
                url: self.ig.url.clone(),
            },
            declared: self
                .providers
                .iter()
                .map(|(name, registration)| (name.clone(), registration.clone().settings()))
                .collect(),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(host)) => host == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Sets `providers.NAME.FIELD` from a variable, or from the file that its `_FILE` form names.
fn put_provider(
    table: &mut Table,
    variables: &BTreeMap<String, String>,
    variable: &str,
    name: &str,
) -> anyhow::Result<bool> {
    let named = name.strip_suffix("_file").unwrap_or(name);
    let found = registrations::FIELDS.iter().find_map(|(field, secret)| {
        let provider = named.strip_suffix(field)?.strip_suffix('_')?;
        Some((provider, *field, *secret))
    });
    let Some((provider, field, secret)) = found else {
        bail!("{variable} is not a setting; write the rest of [providers] into the file");
    };
    let base = variable.strip_suffix(FILE_SUFFIX).unwrap_or(variable);
    let Some(value) = value_of(variables, base, secret)? else { return Ok(false) };
    let providers = table.entry("providers").or_insert_with(|| Value::Table(Table::new()));
    let Some(providers) = providers.as_table_mut() else {
        bail!("the configuration's sections must be tables")
    };
    let one = providers.entry(provider).or_insert_with(|| Value::Table(Table::new()));
    let Some(one) = one.as_table_mut() else {
        bail!("the configuration's sections must be tables")
    };
    one.insert(field.to_owned(), Value::String(value));
    Ok(true)
}

/// Sets `section.name` from a variable, or from the file that its `_FILE` form names; `false` if
/// there is neither.
fn put(
    table: &mut Table,
    variables: &BTreeMap<String, String>,
    variable: &str,
    section: &str,
    name: &str,
) -> anyhow::Result<bool> {
    let secret = SECRETS.contains(&(section, name));
    let Some(value) = value_of(variables, variable, secret)? else { return Ok(false) };
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(section) = section else {
        bail!("the configuration's sections must be tables")
    };
    section.insert(name.to_owned(), Value::String(value));
    Ok(true)
}

/// A variable's value, or for a secret what is in the file that its `_FILE` form names.
fn value_of(
    variables: &BTreeMap<String, String>,
    variable: &str,
    secret: bool,
) -> anyhow::Result<Option<String>> {
    let file = variables.get(&format!("{variable}{FILE_SUFFIX}")).filter(|_| secret);
    Ok(match (variables.get(variable), file) {
        (Some(_), Some(_)) => {
            bail!("{variable} and {variable}{FILE_SUFFIX} are both set; keep one")
        }
        (Some(value), None) => Some(value.clone()),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                OperatorError(format!(
                    "cannot read {path}, which {variable}{FILE_SUFFIX} names: {error}"
                ))
            })?;
            Some(text.trim_end().to_owned())
        }
        (None, None) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let variables = variables.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        Settings::from_parts(file, &variables)
    }

    #[test]
    fn the_commented_example_equals_the_defaults() {
        let example = include_str!("../../../../evergrant.example.toml");
        let shown: String = example
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let defaults = format!("{:?}", read("", &[]).unwrap());
        assert_eq!(format!("{:?}", read(example, &[]).unwrap()), defaults);
        // The lines that are commented out with `#:` are settings without a default: they must parse.
        read(&shown, &[]).unwrap();
    }

    #[test]
    fn a_variable_wins_over_the_file_and_the_documents_names_work() {
        let file = "[microsoft]\nclient_id = \"file\"\n[server]\nlisten = \"127.0.0.1:1\"";
        let settings = read(
            file,
            &[
                ("MICROSOFT_CLIENT_ID", "environment"),
                ("EVERGRANT_SERVER_LISTEN", "0.0.0.0:2"),
                ("EVERGRANT_SERVER_REDIRECT_URIS", "https://a.example/x, https://b.example/y"),
                ("EVERGRANT_MICROSOFT_LOGIN_URL", "https://localhost:8443"),
                ("PATH", "untouched"),
            ],
        )
        .unwrap();
        assert_eq!(settings.microsoft.client_id.as_deref(), Some("environment"));
        assert_eq!(settings.server.listen.port(), 2);
        assert_eq!(settings.server.redirect_uris.len(), 2);
    }

    #[test]
    fn a_declared_provider_is_given_by_the_file_and_by_variables() {
        let file = "[providers.github]\nclient_id = \"file\"\nscopes = [\"repo\"]";
        let variables = [
            ("EVERGRANT_PROVIDERS_GITHUB_CLIENT_ID", "environment"),
            ("EVERGRANT_PROVIDERS_GITHUB_CLIENT_SECRET", "one"),
            ("EVERGRANT_PROVIDERS_GITHUB_CLIENT_SECRET_2", "two"),
        ];
        let declared = read(file, &variables).unwrap().providers().declared;
        let github = &declared["github"];
        assert_eq!(github.client_id.as_deref(), Some("environment"));
        assert_eq!(github.scopes.as_deref(), Some(&["repo".to_owned()][..]));
        let names: Vec<_> = github.credentials.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["client_secret", "client_secret_2"]);
        let error = read("", &[("EVERGRANT_PROVIDERS_GITHUB_SCOPES", "x")]).unwrap_err();
        assert!(format!("{error:#}").contains("EVERGRANT_PROVIDERS_GITHUB_SCOPES"), "{error:#}");
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let error = read("", &[("EVERGRANT_SERVER_LISTN", "x")]).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("EVERGRANT_SERVER_LISTN"), "{error}");
        assert!(error.contains("`listen`"), "{error}");
        let error = read("[servr]\nlisten = \"x\"", &[]).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("servr"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_not_quoted_if_it_may_be_secret() {
        let error = read("[microsoft]\nclient_secret = 12345", &[]).unwrap_err();
        assert!(!format!("{error:?}").contains("12345"));
        // Not TOML at all: the parser would show the line.
        let file = "[microsoft]\nclient_secret = \"s3cret";
        let error = format!("{:?}", read(file, &[]).unwrap_err());
        assert!(!error.contains("s3cret"), "{error}");
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn a_secret_comes_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "from the file\n").unwrap();
        let path = path.to_str().unwrap();
        let settings = read("", &[("MICROSOFT_CLIENT_SECRET_FILE", path)]).unwrap();
        assert_eq!(settings.microsoft.client_secret.unwrap().expose(), "from the file");
        let both = [("MICROSOFT_CLIENT_SECRET_FILE", path), ("MICROSOFT_CLIENT_SECRET", "x")];
        assert!(read("", &both).is_err());
        let settings = read("", &[("EVERGRANT_ENCRYPTION_KEYS_FILE", path)]).unwrap();
        assert_eq!(settings.encryption.keys.unwrap().expose(), "from the file");
    }

    #[test]
    fn what_igs_form_asks_for_comes_from_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hunter2\n").unwrap();
        let path = path.to_str().unwrap();
        let variables =
            [("IG_IDENTIFIER", "trader"), ("IG_PASSWORD_FILE", path), ("IG_ACCOUNT_ID", "")];
        let settings = read("", &variables).unwrap();
        let form = settings.form(&"ig".into());
        let filled: Vec<_> = form.iter().map(|(name, value)| (&**name, value.expose())).collect();
        assert_eq!(filled, [("identifier", "trader"), ("password", "hunter2")]);
        assert!(settings.form(&"github".into()).is_empty());
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_provider_is_called_over_tls_or_on_this_machine() {
        let with = |url: &str| read("", &[("EVERGRANT_MICROSOFT_GRAPH_URL", url)]);
        assert!(with("http://graph.example").is_err());
        assert!(with("http://127.0.0.1:8410").is_ok());
        assert!(with("http://localhost:8410").is_ok());
        assert!(with("ftp://localhost").is_err());
    }
}

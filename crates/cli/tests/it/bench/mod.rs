//! A deployment to try: a folder, a sandbox, a database, and the binary.

mod postgres;
mod process;
mod recorder;
mod sandbox;
pub(crate) mod search;
mod server;
mod transcript;

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;
use url::Url;

pub(crate) use postgres::Postgres;
pub(crate) use process::{Done, Process};
pub(crate) use recorder::{Recorder, Secrets};
pub(crate) use sandbox::Sandbox;
pub(crate) use server::{Answer, Server};
pub(crate) use transcript::Transcript;

pub(crate) const PROVIDER: &str = "microsoft_calendar";
pub(crate) const ADELE: &str = "adele@contoso.example";
pub(crate) const ALEX: &str = "alex@contoso.example";

/// Long enough for a busy machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A deployment and its surroundings.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    /// What every process here finds in its environment, and nothing else.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) http: reqwest::Client,
    database: Option<Postgres>,
    copy: Option<Postgres>,
    folder: TempDir,
}

impl Bench {
    /// A deployment on SQLite.
    pub(crate) async fn new() -> Self {
        Self::with(&[], None).await
    }

    /// A deployment on a PostgreSQL database of its own.
    pub(crate) async fn on_postgres() -> Self {
        Self::with(&[], Some(Postgres::create().await)).await
    }

    /// A deployment whose sandbox takes a refresh token once, and ends the grant if it comes again.
    pub(crate) async fn strict() -> Self {
        Self::with(&["--strict-rotation"], None).await
    }

    async fn with(sandbox: &[&str], database: Option<Postgres>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let mut environment = BTreeMap::new();
        let mut set =
            |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
        set("TMPDIR", temporary.to_str().unwrap());
        if let Some(database) = &database {
            set("EVERGRANT_DATABASE_URL", &database.url);
        }
        let sandbox = Sandbox::start(folder.path(), sandbox).await;
        set("EVERGRANT_TLS_CA_FILE", "ca.pem");
        set("EVERGRANT_MICROSOFT_LOGIN_URL", &sandbox.https);
        set("EVERGRANT_MICROSOFT_GRAPH_URL", &sandbox.https);
        set("MICROSOFT_CLIENT_ID", "sandbox-client");
        set("MICROSOFT_CLIENT_SECRET", "sandbox-secret");
        set("EVERGRANT_SERVER_LISTEN", "127.0.0.1:0");
        set("EVERGRANT_ADMIN_LISTEN", "127.0.0.1:0");
        // Tests count calls: only those of `sync` have copies.
        set("EVERGRANT_SYNC_ENABLED", "false");
        Self { http: sandbox.http.clone(), sandbox, environment, database, copy: None, folder }
    }

    pub(crate) fn postgres(&self) -> &Postgres {
        self.database.as_ref().expect("a bench on PostgreSQL")
    }

    /// Where the database is, for those who open it beside the binary.
    pub(crate) fn database_url(&self) -> String {
        match self.environment.get("EVERGRANT_DATABASE_URL") {
            Some(url) => url.clone(),
            None => format!("sqlite:{}", self.path("evergrant.db").display()),
        }
    }

    /// The providers as the binary has them, for those who call them beside it.
    pub(crate) fn providers(&self) -> evergrant::provider::Providers {
        let at = |name: &str| Url::parse(&self.environment[name]).unwrap();
        let settings = evergrant_providers::Settings {
            microsoft: evergrant_providers::microsoft::Settings {
                client_id: self.environment.get("MICROSOFT_CLIENT_ID").cloned(),
                client_secret: Some(self.environment["MICROSOFT_CLIENT_SECRET"].as_str().into()),
                login_url: Some(at("EVERGRANT_MICROSOFT_LOGIN_URL")),
                graph_url: Some(at("EVERGRANT_MICROSOFT_GRAPH_URL")),
                ..evergrant_providers::microsoft::Settings::default()
            },
            ..evergrant_providers::Settings::default()
        };
        evergrant_providers::all(&settings).unwrap().0
    }

    /// Declares one of the sandbox's plain providers, in the configuration alone.
    pub(crate) fn declare(&self, name: &str, replay: &str) {
        let grace = if replay == "grace" { "grace_seconds = 30" } else { "" };
        let at = format!("{}/oauth/{name}", self.sandbox.https);
        let toml = format!(
            "[providers.{name}]\nclient_id = \"acme-client\"\nclient_secret = \"acme-secret\"\n\
             [providers.{name}.declaration]\nlabel = \"Acme\"\n\
             authorize_url = \"{at}/authorize\"\ntoken_url = \"{at}/token\"\n\
             revocation_url = \"{at}/revoke\"\nbase_url = \"{at}/api\"\n\
             scopes = [\"openid\", \"profile\", \"offline_access\"]\nreplay = \"{replay}\"\n{grace}\n\
             [providers.{name}.declaration.identity]\nsource = \"userinfo\"\n\
             url = \"{at}/userinfo\"\nid = \"/sub\"\nname = \"/name\"\n"
        );
        std::fs::write(self.path("evergrant.toml"), toml).unwrap();
    }

    /// Copies the PostgreSQL database on its server; gives the copy's URL.
    pub(crate) async fn copy_postgres(&mut self) -> String {
        let copy = self.postgres().copy().await;
        let url = copy.url.clone();
        self.copy = Some(copy);
        url
    }

    /// A file in the deployment's folder, where every process is started.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets a variable for the processes that are started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// `evergrant …`, ready to start.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary(self.folder.path(), arguments);
        command.envs(&self.environment);
        command
    }

    /// Starts `evergrant …`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        Process::start(&mut self.command(arguments))
    }

    /// Runs `evergrant …` to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Done {
        self.start(arguments).done().await
    }

    /// Runs `evergrant …` to its end, with `text` on its stdin.
    pub(crate) async fn run_with(&self, arguments: &[&str], text: &str) -> Done {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        Process::start_with(&mut self.command(arguments), file).done().await
    }

    /// Runs `evergrant …`, which must go well, and gives what it printed, without the line's end.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments).await;
        assert_eq!(done.code, 0, "evergrant {arguments:?}: {done:?}");
        done.out.strip_suffix('\n').unwrap_or(&done.out).to_owned()
    }

    /// Starts `evergrant serve` and waits until it answers.
    pub(crate) async fn serve(&self) -> Server {
        Server::start(self.start(&["serve", "--json"]), &self.http).await
    }

    /// Adds a user with an access key and gives the key.
    pub(crate) async fn user(&self, name: &str) -> String {
        self.ok(&["users", "add", name]).await;
        self.ok(&["keys", "create", "--user", name]).await
    }

    /// Signs in on the page at `url` as `login`, without a browser; gives where that leads.
    pub(crate) async fn sign_in(&self, url: &str, login: &str) -> Url {
        let mut url = Url::parse(url).unwrap();
        url.query_pairs_mut().append_pair("prompt", "none").append_pair("login_hint", login);
        let answer = self.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 302, "{answer:?}");
        let location = answer.headers()[reqwest::header::LOCATION].to_str().unwrap();
        Url::parse(location).unwrap()
    }

    /// Connects Adele's account from the terminal; gives the integration's id.
    pub(crate) async fn connect(&self, more: &[&str]) -> String {
        let connecting = self.start(&[&["connect", PROVIDER, "--no-browser"], more].concat());
        let address = connecting.line_of_stderr("https://").await;
        let back = self.sign_in(&address, ADELE).await;
        assert_eq!(self.http.get(back).send().await.unwrap().status(), 200);
        let done = connecting.done().await;
        assert_eq!(done.code, 0, "{done:?}");
        done.out.trim_end().to_owned()
    }

    /// An integration whose token has just expired while no server was there to renew it.
    pub(crate) async fn expired(&self, more: &[&str]) -> String {
        self.sandbox.token_lifetime(Some(2)).await;
        let id = self.connect(more).await;
        self.sandbox.token_lifetime(None).await;
        let born = Instant::now();
        // It was issued before it was stored: two seconds from now it is past its end.
        until("the token is past its end", async || {
            (born.elapsed() > Duration::from_secs(2)).then_some(())
        })
        .await;
        id
    }
}

/// The binary in `folder`, with an empty environment.
pub(crate) fn binary(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evergrant"));
    command.current_dir(folder).env_clear().args(arguments);
    command
}

/// A variable that the runner of the tests must set.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run through `make test` or `scripts/with-postgres`")
    })
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

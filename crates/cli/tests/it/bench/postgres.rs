//! A PostgreSQL database of a test's own.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use url::Url;

use super::variable;

/// The database; it is dropped with this.
pub(crate) struct Postgres {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Postgres {
    pub(crate) async fn create() -> Self {
        let server = variable("TEST_PG_URL");
        // Names a new folder; nothing here may come twice.
        let unique = tempfile::Builder::new().prefix("evg_cli_").tempdir().unwrap();
        let name = unique.path().file_name().unwrap().to_str().unwrap();
        let name = name.to_lowercase();
        run(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let mut url = Url::parse(&server).unwrap();
        url.set_path(&name);
        Self { url: url.into(), server, name }
    }

    /// A database with the same content beside it; nobody may be connected to this one.
    pub(crate) async fn copy(&self) -> Self {
        let (from, name) = (&self.name, format!("{}_copy", self.name));
        run(&self.server, format!("CREATE DATABASE {name} TEMPLATE {from}")).await;
        let mut url = Url::parse(&self.url).unwrap();
        url.set_path(&name);
        Self { url: url.into(), server: self.server.clone(), name }
    }

    /// Lets nobody in, and ends the connections there are; or lets all in again.
    pub(crate) async fn reachable(&self, reachable: bool) {
        let name = &self.name;
        let sql = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {reachable}");
        run(&self.server, sql).await;
        if !reachable {
            let sql = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            );
            run(&self.server, sql).await;
        }
    }
}

async fn run(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.expect("TEST_PG_URL answers");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (url, sql) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(run(&url, sql));
        });
        // A database left behind is no reason to fail.
        let _ = dropping.join();
    }
}

//! A copied database calls nobody until somebody says that the original is out of use.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::{Answer, Bench, Server, until};

/// A deployment whose only token is past its end, and a copy of its database.
struct Copied {
    bench: Bench,
    key: String,
    id: String,
}

impl Copied {
    /// Copies the database's file, as `cp` does; nothing has it open.
    async fn file() -> Self {
        let mut bench = Bench::new().await;
        let (key, id) = Self::expired(&bench).await;
        std::fs::create_dir(bench.path("copy")).unwrap();
        for name in ["evergrant.db", "evergrant.db-wal", "evergrant.db-shm"] {
            if bench.path(name).exists() {
                std::fs::copy(bench.path(name), bench.path("copy").join(name)).unwrap();
            }
        }
        bench.set("EVERGRANT_DATABASE_URL", "sqlite:copy/evergrant.db");
        bench.set("EVERGRANT_SPOOL_DIR", "copy/evergrant.spool");
        Self { bench, key, id }
    }

    /// Copies the database within its server.
    async fn template() -> Self {
        let mut bench = Bench::on_postgres().await;
        let (key, id) = Self::expired(&bench).await;
        let url = bench.copy_postgres().await;
        bench.set("EVERGRANT_DATABASE_URL", &url);
        bench.set("EVERGRANT_SPOOL_DIR", "copy.spool");
        Self { bench, key, id }
    }

    async fn expired(bench: &Bench) -> (String, String) {
        let key = bench.user("adele").await;
        (key, bench.expired(&[]).await)
    }

    async fn requests(&self) -> u64 {
        self.bench.sandbox.count("requests").await
    }

    async fn ready(&self, server: &Server) -> Answer {
        let url = format!("{}/health/ready", server.admin);
        Answer::of(self.bench.http.get(url).send().await.unwrap()).await
    }

    async fn calls_nobody_until_it_is_adopted(self) {
        let Self { bench, key, id } = &self;
        let before = self.requests().await;
        let server = bench.serve().await;
        server.process.line_of_stderr("this database is a copy").await;
        let started = Instant::now();
        for _ in 0..3 {
            let answer = server.token(key, id).await;
            assert_eq!(answer.expect(503)["code"], "database_copied");
        }
        assert_eq!(self.ready(&server).await.expect(503)["code"], "database_copied");
        let list = server.get(key, "/api/integrations/").await.expect(200);
        assert_eq!(list["results"][0]["status"], "active");
        let known = server.get(key, &format!("/api/integrations/{id}/doctor/")).await.expect(200);
        assert_eq!(known["database_copied"], true);
        assert_eq!(known["forecast"]["cause"], "database_copied");
        for arguments in [&["doctor"][..], &["doctor", id]] {
            let doctor = bench.run(arguments).await;
            assert_eq!(doctor.code, 5, "{doctor:?}");
            assert!(doctor.out.contains("evergrant adopt"), "{doctor:?}");
        }
        assert_eq!(bench.run(&["token", id]).await.code, 5);
        assert_eq!(bench.run(&["disconnect", id]).await.code, 5);
        let unasked = bench.run(&["adopt"]).await;
        assert_eq!((unasked.code, unasked.out.as_str()), (2, ""), "{unasked:?}");
        assert!(unasked.err.contains("must be stopped"), "{unasked:?}");
        // Long enough for every loop to have had its turn.
        until("the loops had their turn", async || {
            (started.elapsed() > Duration::from_secs(6)).then_some(())
        })
        .await;
        assert_eq!(self.requests().await, before, "the copy called the provider");

        let adopted: Value =
            serde_json::from_str(&bench.ok(&["adopt", "--yes", "--json"]).await).unwrap();
        assert_eq!(adopted["adopted"], true);
        assert_ne!(adopted["name"], adopted["before"]);
        // The server finds out by itself.
        server.token(key, id).await.expect(200);
        self.ready(&server).await.expect(200);
        assert_eq!(bench.sandbox.count("refreshes").await, 1);
        assert_eq!(bench.run(&["doctor", id]).await.code, 0);
        let again = bench.ok(&["adopt"]).await;
        assert!(again.contains(adopted["name"].as_str().unwrap()), "{again}");
    }
}

#[tokio::test]
async fn a_copied_file_calls_nobody_until_it_is_adopted() {
    Copied::file().await.calls_nobody_until_it_is_adopted().await;
}

#[tokio::test]
async fn a_copy_within_a_server_calls_nobody_until_it_is_adopted() {
    Copied::template().await.calls_nobody_until_it_is_adopted().await;
}

#[tokio::test]
async fn a_file_that_was_moved_is_no_copy() {
    let mut bench = Bench::new().await;
    let id = bench.expired(&[]).await;
    std::fs::create_dir(bench.path("moved")).unwrap();
    for name in ["evergrant.db", "evergrant.db-wal", "evergrant.db-shm"] {
        if bench.path(name).exists() {
            std::fs::rename(bench.path(name), bench.path("moved").join(name)).unwrap();
        }
    }
    bench.set("EVERGRANT_DATABASE_URL", "sqlite:moved/evergrant.db");
    bench.ok(&["token", &id]).await;
}

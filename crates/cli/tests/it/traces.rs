//! Traces: what a collector receives, and what a build without them says.

use crate::bench::Bench;

#[cfg(not(feature = "otlp"))]
#[tokio::test]
async fn a_build_without_traces_refuses_a_collector_and_says_which_build_has_them() {
    for name in ["EVERGRANT_TELEMETRY_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        let mut bench = Bench::new().await;
        bench.set(name, "http://localhost:4318");
        let done = bench.run(&["serve"]).await;
        assert_eq!(done.code, 5, "{done:?}");
        assert!(done.err.contains("--features otlp") && done.err.contains(name), "{done:?}");
        // A command makes no traces, so none are missed.
        bench.ok(&["users"]).await;
    }
}

#[cfg(feature = "otlp")]
mod with {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::routing::post;

    use super::Bench;
    use crate::bench::{Recorder, search};

    type Batches = Arc<Mutex<Vec<u8>>>;

    /// A collector on this machine that keeps what it is sent.
    async fn collector() -> (String, Batches) {
        let batches = Batches::default();
        let keep = async |State(batches): State<Batches>, batch: Bytes| {
            batches.lock().unwrap().extend_from_slice(&batch);
        };
        let router = Router::new().route("/v1/traces", post(keep)).with_state(batches.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, batches)
    }

    fn contains(batches: &[u8], part: &str) -> bool {
        batches.windows(part.len()).any(|window| window == part.as_bytes())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_collector_receives_requests_and_calls_and_no_secret() {
        let mut bench = Bench::new().await;
        let recorder = Recorder::start(&bench.sandbox).await;
        let (collector, batches) = collector().await;
        bench.set("EVERGRANT_MICROSOFT_LOGIN_URL", &recorder.url);
        bench.set("EVERGRANT_MICROSOFT_GRAPH_URL", &recorder.url);
        bench.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector);
        // Logs are turned up as far as they go: traces have a rule of their own.
        bench.set("EVERGRANT_LOG_FILTER", "trace,hyper=trace,reqwest=trace,sqlx=trace");
        let key = bench.user("adele").await;
        let server = bench.serve().await;
        let id = server.connect(&bench, &key).await;
        server.token(&key, &id).await.expect(200);
        let answer = server.get(&key, &format!("/api/integrations/{id}/profile/")).await;
        answer.expect(200);
        let request = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        // What is left is sent before the process ends.
        assert_eq!(server.process.stop().await.code, 0);

        let batches = batches.lock().unwrap().clone();
        for part in [
            "evergrant",
            "service.version",
            "request",
            "/api/integrations/{id}/profile/",
            "http.response.status_code",
            "microsoft_calendar",
            "call",
            &request,
            &id,
        ] {
            assert!(contains(&batches, part), "{part} is missing");
        }
        // Neither other crates' spans and events, nor what a path or query names.
        for part in ["hyper", "sqlx", "reqwest", "SELECT", "/v1.0/me", "code=", "state=", "adele"] {
            assert!(!contains(&batches, part), "{part} was exported");
        }
        let mut secrets = recorder.secrets();
        secrets.insert(("the access key", key));
        assert!(secrets.len() > 3, "{secrets:?}");
        for (what, secret) in secrets {
            assert_eq!(search::find(&secret, &batches), [""; 0], "{what}");
        }
    }
}

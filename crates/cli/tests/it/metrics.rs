//! What scrapers read.

use std::collections::{BTreeMap, BTreeSet};

use evergrant::measure::{self, Appears, Kind, Metric};
use reqwest::Method;

use crate::bench::{Answer, Bench, Server, until};

/// One line of a scrape.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    /// Without what comes after the point.
    value: u64,
}

/// A scrape, as a scraper takes it apart.
struct Scrape {
    text: String,
    samples: Vec<Sample>,
}

impl Scrape {
    async fn of(bench: &Bench, server: &Server) -> Self {
        let answer = bench.http.get(format!("{}/metrics", server.admin)).send().await;
        let answer = Answer::of(answer.unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let lines = answer.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let samples = lines.map(sample).collect();
        Self { text: answer.text, samples }
    }

    /// The sum of what has this name and these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let has = |sample: &&Sample| {
            let asked = |(key, value): &(&str, &str)| {
                sample.labels.get(*key).is_some_and(|found| found == value)
            };
            sample.name == name && labels.iter().all(asked)
        };
        self.samples.iter().filter(has).map(|sample| sample.value).sum()
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap().split("\",").filter(|label| !label.is_empty());
    let labels = labels.map(|label| {
        let (key, value) = label.split_once("=\"").unwrap();
        (key.to_owned(), value.trim_end_matches('"').to_owned())
    });
    let value = value.split('.').next().unwrap().parse().unwrap();
    Sample { name: name.to_owned(), labels: labels.collect(), value }
}

fn tables() -> impl Iterator<Item = &'static Metric> {
    measure::TABLE.iter().chain(evergrant_server::measure::TABLE)
}

/// The line of the table that a sample belongs to, and the labels its kind adds.
fn row(sample: &Sample) -> &'static Metric {
    let found = tables().find(|metric| {
        let rest = sample.name.strip_prefix(metric.name);
        match metric.kind {
            Kind::Histogram(_) => matches!(rest, Some("_bucket" | "_sum" | "_count")),
            _ => rest == Some(""),
        }
    });
    found.unwrap_or_else(|| panic!("{} is not in the table", sample.name))
}

#[tokio::test]
async fn a_scrape_is_what_the_table_says_and_names_nobody() {
    let bench = Bench::new().await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let first = Scrape::of(&bench, &server).await;
    for metric in tables().filter(|metric| metric.appears == Appears::AtOnce) {
        let told = first.samples.iter().any(|sample| row(sample).name == metric.name);
        assert!(told, "{} is not there at once", metric.name);
        assert!(first.text.contains(&format!("# HELP {} {}", metric.name, metric.help)));
    }

    let id = server.connect(&bench, &key).await;
    let at = |path: &str| format!("/api/integrations/{id}/{path}");
    server.token(&key, &id).await.expect(200);
    server.get(&key, &at("profile/")).await.expect(200);
    // The same route, written without its slash.
    server.get(&key, &at("profile")).await.expect(200);
    bench.sandbox.revoke_access_tokens().await;
    server.get(&key, &at("profile/")).await.expect(200);
    server.get(&key, "/api/integrations/int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708/").await.expect(404);
    for path in ["/wp-login.php", "/.env", "/api/integrations/x/y/z/"] {
        server.get(&key, path).await.expect(404);
    }
    let made_up = Method::from_bytes(b"BREW").unwrap();
    server.call(&key, made_up, "/api/integrations/", None).await.expect(405);

    let scrape = Scrape::of(&bench, &server).await;
    let calls = |verdict| {
        let labels = [("provider", "microsoft_calendar"), ("verdict", verdict)];
        scrape.sum("evergrant_calls_total", &labels)
    };
    assert_eq!([calls("accepted"), calls("token_rejected"), calls("throttled")], [3, 1, 0]);
    let active = [("provider", "microsoft_calendar"), ("status", "active")];
    assert_eq!(first.sum("evergrant_integrations", &active), 0);
    assert_eq!(scrape.sum("evergrant_integrations", &active), 1);
    assert_eq!(scrape.sum("evergrant_database_up", &[]), 1);
    assert!(scrape.sum("process_start_time_seconds", &[]) > 1_700_000_000);
    let requests = |labels: &[_]| scrape.sum("evergrant_http_requests_total", labels);
    let route = "/api/integrations/{id}/profile/";
    assert_eq!(requests(&[("method", "GET"), ("path", route), ("status", "200")]), 3);
    assert_eq!(requests(&[("path", "none"), ("status", "404")]), 3);
    assert_eq!(requests(&[("method", "other"), ("status", "405")]), 1);
    assert_eq!(scrape.sum("evergrant_http_request_seconds_count", &[("path", route)]), 3);

    let routes: BTreeSet<_> =
        scrape.samples.iter().filter_map(|sample| sample.labels.get("path")).collect();
    for sample in &scrape.samples {
        let metric = row(sample);
        let mut labels: BTreeSet<_> = sample.labels.keys().map(String::as_str).collect();
        if matches!(metric.kind, Kind::Histogram(_)) {
            labels.remove("le");
        }
        assert_eq!(labels, metric.labels.iter().copied().collect(), "{sample:?}");
    }
    for stranger in [&*id, "int_", "adele", "wp-login", ".env", "BREW", "quantile"] {
        assert!(!scrape.text.contains(stranger), "{stranger}: {routes:?}");
    }
    // Callers of the API are none of its operators.
    server.get(&key, "/metrics").await.expect(404);
}

#[tokio::test]
async fn a_scrape_says_that_the_database_is_gone() {
    let bench = Bench::on_postgres().await;
    let server = bench.serve().await;
    for up in [false, true] {
        bench.postgres().reachable(up).await;
        until("the scrape says so", async || {
            let scrape = Scrape::of(&bench, &server).await;
            (scrape.sum("evergrant_database_up", &[]) == u64::from(up)).then_some(())
        })
        .await;
    }
}

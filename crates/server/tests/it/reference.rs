//! The reference in `docs/reference` is what the code says. `EVERGRANT_UPDATE=1` writes it anew.

use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use evergrant::measure::{self, Appears, Kind, Metric};
use evergrant_server::problem::Code;
use serde_json::Value;

use crate::app::TestApp;
use crate::caller::Answer;
use crate::matrix::OPERATIONS;

pub(crate) static API: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(evergrant_server::openapi()).unwrap());

/// Compares a file of the reference with what it has to be.
fn is_current(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    #[expect(clippy::disallowed_methods, reason = "a developer asks for the file to be written")]
    if std::env::var_os("EVERGRANT_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/reference/{name} is out of date; EVERGRANT_UPDATE=1 cargo test -p evergrant-server"
    );
}

#[test]
fn the_table_of_problems_is_current() {
    let mut text = "\
# Problems

Every error is `application/problem+json` (RFC 9457). Compare with `code`: it never changes its meaning.
`detail` says what happened this time, `remedy` what to do, and `request_id` finds the cause in the
server's log (a 404 has it in the header `X-Request-Id` alone). What has to wait says how long in
`retry_after` and in the header `Retry-After`.

This page is generated from the table in `crates/server/src/problem.rs`.

| code | status | what it is | what to do |
| --- | --- | --- | --- |
"
    .to_owned();
    for code in Code::ALL {
        let status = code.status().as_u16();
        let (name, title, remedy) = (code.name(), code.title(), code.remedy());
        writeln!(text, "| `{name}` | {status} | {title} | {} |", remedy.replace('|', "\\|"))
            .unwrap();
    }
    is_current("problems.md", &text);
}

#[test]
fn the_table_of_metrics_is_current() {
    let mut text = "\
# Metrics

`GET /metrics` on the admin listener (`127.0.0.1:8401`) answers in Prometheus' text format.
[observe.md](../guides/observe.md) says which of them deserve an alert.

No label names a user or an integration, and every label has a bounded number of values: what does not fit counts
as `other`. `provider` is a provider's key, `path` a route as it stands in the reference of the API (`none` where there
is no route).

This page is generated from the tables in `crates/core/src/measure` and `crates/server/src/measure.rs`.

| metric | kind | labels | what it says | appears |
| --- | --- | --- | --- | --- |
"
    .to_owned();
    let mut names = std::collections::BTreeSet::new();
    for metric in measure::TABLE.iter().chain(evergrant_server::measure::TABLE) {
        let Metric { name, kind, labels, help, appears } = metric;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let appears = match appears {
            Appears::AtOnce => "at once",
            Appears::Once(when) => when,
        };
        assert!(names.insert(name), "{name} is there twice");
        assert!(help.ends_with('.') && (appears.starts_with("once ") || appears == "at once"));
        writeln!(text, "| `{name}` | {kind} | {} | {help} | {appears} |", labels.join(", "))
            .unwrap();
    }
    text.push_str("\nBounds of the histograms, in seconds:\n\n");
    for metric in measure::TABLE.iter().chain(evergrant_server::measure::TABLE) {
        if let Kind::Histogram(bounds) = metric.kind {
            let bounds: Vec<_> = bounds.iter().map(|bound| bound.get().to_string()).collect();
            writeln!(text, "- `{}`: {}", metric.name, bounds.join(", ")).unwrap();
        }
    }
    is_current("metrics.md", &text);
}

#[test]
fn the_description_is_current() {
    let api = evergrant_server::openapi().to_pretty_json().unwrap();
    is_current("openapi.json", &(api + "\n"));
}

#[tokio::test]
async fn the_served_description_is_the_same() {
    let t = TestApp::new().await;
    let served = t.anon.get("/openapi.json").await.expect(200);
    assert_eq!(served.json(), *API);
    assert_eq!(t.anon.get("/openapi.json/").await.expect(200).json(), served.json());
}

#[tokio::test]
async fn the_reference_for_people_loads_nothing_from_elsewhere() {
    let t = TestApp::new().await;
    let page = t.anon.get("/docs/").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(!page.text().contains("//"), "{page}");
    let policy = page.header("content-security-policy");
    assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        t.anon.get(&format!("/docs/{file}")).await.expect(200);
    }
}

/// An answer of an operation is one that its description promises.
pub(crate) fn is_described(answer: &Answer) {
    let api = &*API;
    let (method, url) = answer.asked.split_once(' ').unwrap();
    let asked = url.split('?').next().unwrap();
    let asked = asked.strip_suffix('/').unwrap_or(asked);
    let matches = |path: &str| {
        let path = path.trim_end_matches('/');
        path.split('/').count() == asked.split('/').count()
            && path.split('/').zip(asked.split('/')).all(|(p, a)| p == a || p.starts_with('{'))
    };
    // A path written out comes before one with a parameter.
    let mut paths: Vec<_> =
        OPERATIONS.iter().map(|o| o.path).filter(|path| matches(path)).collect();
    paths.sort_by_key(|path| path.matches('{').count());
    let Some(operation) =
        paths.first().and_then(|path| api["paths"][path].get(method.to_lowercase()))
    else {
        return;
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if body["code"] == Code::NotFound.name() {
        return;
    }
    let response = &operation["responses"][answer.status.as_str()];
    let described = response["description"].as_str().unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default();
    assert!(
        described.contains(code) && !described.is_empty(),
        "{} answered {} {code}, which its description does not say: {described:?}",
        answer.asked,
        answer.status
    );
}

/// What a reference in the description leads to.
fn follow<'a>(api: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let found = api.pointer(reference.strip_prefix('#').unwrap());
            found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

/// Whether a schema shows what it looks like: itself, or each of its required members.
fn shows(api: &Value, schema: &Value) -> bool {
    let schema = follow(api, schema);
    let object = || {
        let members = schema["properties"].as_object()?;
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut asked =
            members.iter().filter(|(name, _)| required.contains(&Value::from(name.as_str())));
        Some(asked.all(|(_, member)| shows(api, member)))
    };
    ["example", "examples", "enum", "const"].iter().any(|key| schema.get(key).is_some())
        || schema.get("items").is_some_and(|items| shows(api, items))
        || object().unwrap_or(false)
}

#[test]
fn every_operation_is_described_to_the_end() {
    let api = &*API;
    let scheme = &api["components"]["securitySchemes"]["access_key"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&"http".into(), &"bearer".into()));
    let mut names = std::collections::BTreeSet::new();
    for operation in OPERATIONS {
        let (method, path) = (operation.method.to_lowercase(), operation.path);
        let described = &api["paths"][path][&method];
        let at = format!("{method} {path}");
        assert!(names.insert(described["operationId"].as_str().unwrap()), "{at}");
        assert!(!described["summary"].as_str().unwrap().is_empty(), "{at}");
        let tag = &described["tags"][0];
        assert!(api["tags"].as_array().unwrap().iter().any(|t| t["name"] == *tag), "{at}");
        let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            let found = parameters
                .iter()
                .any(|p| p["in"] == "path" && p["name"] == name && p["required"] == true);
            assert!(found, "{at}: {{{name}}}");
        }
        if let Some(body) = described.get("requestBody") {
            let wanted = &body["content"]["application/json"]["schema"];
            assert!(shows(api, wanted), "{at}: a request without an example");
            assert_eq!(follow(api, wanted)["additionalProperties"], false, "{at}");
        }
        let responses = described["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{at}");
        for (status, response) in responses {
            let described = response["description"].as_str();
            assert!(described.is_some_and(|text| !text.is_empty()), "{at} {status}");
            for (kind, content) in response["content"].as_object().into_iter().flatten() {
                let given = content.get("schema");
                assert!(
                    ["text/html", "application/octet-stream"].contains(&kind.as_str())
                        || content.get("example").is_some()
                        || shows(api, given.unwrap()),
                    "{at} {status} {kind}: no example"
                );
            }
        }
        if described.get("security").is_some() {
            for status in ["400", "401", "403", "500", "503"] {
                assert!(responses.contains_key(status), "{at}: {status}");
            }
        }
    }
}

#[test]
fn every_code_in_the_description_exists_under_its_status() {
    let api = &*API;
    for operation in OPERATIONS {
        let described = &api["paths"][operation.path][operation.method.to_lowercase()];
        for (status, response) in described["responses"].as_object().unwrap() {
            if response["content"].get("application/problem+json").is_none() {
                continue;
            }
            let text = response["description"].as_str().unwrap();
            let links = ["reconnect_url", "admin_consent_url"];
            let named = text.split('`').skip(1).step_by(2).filter(|word| !links.contains(word));
            for name in named {
                let code = Code::ALL.iter().find(|code| code.name() == name);
                let code = code.unwrap_or_else(|| panic!("{name} is no code"));
                assert_eq!(&code.status().as_u16().to_string(), status, "{name}");
            }
        }
    }
}

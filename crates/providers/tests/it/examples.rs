//! The contract's examples: what is sent must cover them.

use evergrant::Request;
use jiff::Timestamp;
use serde_json::Value;

use crate::account::{Connected, Graph, example, relative};

/// Every example of calendars and meetings, less those of delta queries.
pub(crate) fn of_calendars_and_meetings() -> Vec<String> {
    let folder = format!("{}/src/microsoft/fixtures/graph", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| {
            let about = ["calendar.", "calendars.", "calendarview.", "event.", "getschedule."];
            let more = ["findmeetingtimes.", "onlinemeeting.", "recurrence."];
            about.iter().chain(&more).any(|about| name.starts_with(about))
                && !name.contains(".delta.")
        })
        .collect();
    names.sort();
    names
}

/// That `request` is the example's, and what its body has besides.
pub(crate) fn covers(request: &Request, name: &str) -> Vec<String> {
    let theirs = &example(name)["request"];
    assert_eq!(request.method().as_str(), theirs["method"], "{name}");
    let address = theirs["url"].as_str().unwrap();
    let path = address.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
    let path = path.split('?').next().unwrap();
    let ours = relative(request).split('?').next().unwrap().replace("%3D", "=");
    assert_eq!(ours, path, "{name}");
    let prefer = request.headers().get("prefer").map_or("", |value| value.to_str().unwrap());
    assert!(prefer.contains("IdType=\"ImmutableId\""), "{name}: {prefer}");
    if theirs["body"].is_null() {
        assert!(request.body().is_empty(), "{name}");
        return Vec::new();
    }
    assert_eq!(request.headers()["content-type"], "application/json", "{name}");
    let ours: Value = serde_json::from_slice(request.body()).unwrap();
    let mut besides = Vec::new();
    contains(&ours, &theirs["body"], "", &mut besides);
    besides.sort();
    besides
}

/// Goes down both: all that is theirs must be ours, whatever the case of words and names.
fn contains(ours: &Value, theirs: &Value, at: &str, besides: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let find = |name: &str| theirs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            for (name, value) in ours {
                match find(name) {
                    Some((_, wanted)) => contains(value, wanted, &format!("{at}/{name}"), besides),
                    None => besides.push(format!("{at}/{name}")),
                }
            }
            for name in theirs.keys() {
                let there = ours.keys().any(|key| key.eq_ignore_ascii_case(name));
                assert!(there, "{at}/{name} is missing");
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{at}");
            for (n, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                contains(ours, theirs, &format!("{at}/{n}"), besides);
            }
        }
        _ => assert!(same(ours, theirs), "{at}: {ours} is not {theirs}"),
    }
}

/// The same value, perhaps spelled otherwise: an instant with another offset, a number as a text.
fn same(ours: &Value, theirs: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (ours, theirs) = (text(ours), text(theirs));
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    let number = |text: &str| text.parse::<f64>().ok();
    ours.eq_ignore_ascii_case(&theirs)
        || (instant(&ours).is_some() && instant(&ours) == instant(&theirs))
        || number(&ours).zip(number(&theirs)).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
}

/// A Graph that answers once, with an example, and the account in front of it.
pub(crate) async fn answering(key: &str, name: &str) -> (Graph, Connected) {
    let graph = Graph::default().example(name);
    let account = Connected::new(key, &graph).await;
    (graph, account)
}

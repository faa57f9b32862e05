//! Every example payload of the contract about mail: the sandbox takes the requests, and its
//! answers have the same members, types, statuses and headers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ALL, DANA, Desk, id};
use crate::play::{ALEX, Answer, Play, assert_like, assert_same_shape, fixture};

/// Examples that other tests compare, by the file of the test.
const ELSEWHERE: &[&str] = &[
    "batch.malformed.response",          // batch
    "error.400.inefficient_filter",      // queries
    "error.400.invalid_recipients",      // sending
    "error.400.malformed_json",          // writing
    "error.400.property_validation",     // writing
    "error.400.search_with_orderby",     // queries
    "error.403.access_denied",           // limits
    "error.403.send_as_denied",          // sending
    "error.404.item_not_found",          // writing
    "error.409.conflict",                // limits
    "error.412.precondition",            // writing
    "error.413.too_large",               // writing
    "error.429",                         // limits
    "error.504",                         // limits
    "error.410.sync_state_not_found",    // delta_ends
    "mailfolders.delta.request",         // delta_folders
    "mailfolders.delta.response",        // delta_folders
    "messages.delta.initial.request",    // delta
    "messages.delta.last.response",      // delta
    "messages.delta.nextround.response", // delta
    "messages.delta.page1.response",     // delta
];
/// A desk where the ids of the examples stand for something.
struct Bench {
    desk: Desk,
    used: BTreeSet<String>,
}

impl Bench {
    async fn new() -> Self {
        Self { desk: Desk::new().await, used: BTreeSet::new() }
    }

    /// Sends the request of an example, with `message` instead of the one it names.
    async fn send(&mut self, example: &str, message: &Value) -> Answer {
        self.used.insert(example.to_owned());
        let request = &fixture(&format!("graph/{example}"))["request"];
        let url = request["url"].as_str().unwrap();
        let url = url.replacen("https://graph.microsoft.com/v1.0", "", 1);
        // The samples name messages that exist only there.
        let named = |segment: &str| segment.starts_with("AAMk");
        let own = message["id"].as_str().unwrap_or_default();
        let part = |segment: &str| if named(segment) { own.to_owned() } else { segment.to_owned() };
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        let path: Vec<_> = path.split('/').map(part).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let mut headers = Vec::new();
        for (name, value) in request["headers"].as_object().unwrap() {
            let value = match name.as_str() {
                "Authorization" => continue,
                "If-Match" => message["@odata.etag"].as_str().unwrap(),
                _ => value.as_str().unwrap(),
            };
            headers.push((name.as_str(), value));
        }
        let body = match (&request["body"], &request["rawBody"]) {
            (Value::Null, Value::String(raw)) => raw.clone(),
            (Value::Null, _) => String::new(),
            (body, _) => body.to_string(),
        };
        let method = request["method"].as_str().unwrap();
        self.desk.call(method, &format!("{}{query}", path.join("/")), &headers, body).await
    }

    /// The same, and its answer is like the example `expected`.
    async fn like(&mut self, example: &str, expected: &str, message: &Value) -> Answer {
        let answer = self.send(example, message).await;
        self.same(expected, &answer);
        answer
    }

    fn same(&mut self, expected: &str, answer: &Answer) {
        self.used.insert(expected.to_owned());
        let example = &fixture(&format!("graph/{expected}"))["response"];
        if example.get("body").is_some() && example["headers"].get("Content-Type").is_some() {
            assert_like(&format!("graph/{expected}"), answer);
        } else {
            assert_eq!(example["status"], answer.status, "{expected}: {}", answer.text);
            assert_eq!(answer.text, "", "{expected}");
            for header in example["headers"].as_object().unwrap().keys() {
                assert!(answer.head.contains_key(header.as_str()), "{expected}: {header}");
            }
        }
    }
}

#[tokio::test]
async fn every_example_of_mail_is_played() {
    let mut bench = Bench::new().await;
    reading(&mut bench).await;
    writing(&mut bench).await;
    sending(&mut bench).await;
    attaching(&mut bench).await;
    batches(&mut bench).await;
    refusals(&mut bench).await;

    let folder = format!("{}/src/microsoft/fixtures/graph", env!("CARGO_MANIFEST_DIR"));
    let ours = [
        "message",
        "mailfolder",
        "attachment",
        "sendmail",
        "mailboxsettings",
        "batch",
        "error",
        "action",
    ];
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".json");
        let is_ours = ours.iter().any(|start| name.starts_with(start));
        let known = bench.used.contains(name) || ELSEWHERE.contains(&name);
        assert!(!is_ours || known || is_about_calendars(name), "nobody looks at {name}");
    }
}

/// The errors of the contract that only calendars can have.
fn is_about_calendars(name: &str) -> bool {
    [
        "calendarview",
        "cancel_not_organizer",
        "duplicate_transaction",
        "respond_as_organizer",
        "timezone_not",
    ]
    .iter()
    .any(|what| name.contains(what))
}

async fn reading(bench: &mut Bench) {
    let message = bench.desk.newest("inbox").await;
    bench.like("messages.list.request", "messages.list.response", &message).await;
    let text = bench.like("message.get.request", "message.get.text.response", &message).await;
    assert_eq!(text.header("preference-applied"), "outlook.body-content-type=\"text\"");
    let path = format!("/me/messages/{}", id(&message));
    let html = bench.desk.get(&path).await;
    bench.same("message.get.response", &html);
    let context = format!(
        "{}/v1.0/$metadata#users('aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb')/messages/$entity",
        crate::play::BASE
    );
    assert_eq!(html.json["@odata.context"], context.as_str());
    let headers = bench.desk.get(&format!("{path}?$select=internetMessageHeaders")).await;
    bench.same("message.headers.response", &headers);
    bench
        .like("mailfolder.get.wellknown.request", "mailfolder.get.wellknown.response", &message)
        .await;
    bench.like("mailfolders.list.request", "mailfolders.list.response", &message).await;
    bench.like("mailboxsettings.get.request", "mailboxsettings.get.response", &message).await;
    let settings = bench.send("mailboxsettings.patch.request", &message).await;
    bench.same("mailboxsettings.get.response", &settings);
}

async fn writing(bench: &mut Bench) {
    let message = bench.desk.newest("inbox").await;
    let marked =
        bench.like("message.markread.request", "message.markread.response", &message).await;
    assert_eq!(marked.json["isRead"], true);
    let draft =
        bench.like("message.createdraft.request", "message.createdraft.response", &message).await;
    assert_eq!(draft.json["importance"], "low");
    bench.like("message.createreply.request", "message.createreply.response", &message).await;
    bench.like("message.move.request", "message.move.response", &message).await;
    let message = bench.desk.newest("inbox").await;
    bench.like("message.delete.request", "message.delete.response", &message).await;
}

async fn sending(bench: &mut Bench) {
    let message = bench.desk.newest("inbox").await;
    let accepted = "action.202.response";
    for example in ["message.reply.request", "message.replyall.request", "message.forward.request"]
    {
        bench.like(example, accepted, &message).await;
    }
    let draft = bench.desk.draft(ALEX).await;
    bench.like("message.send.request", accepted, &draft).await;
    bench.like("sendmail.request", accepted, &message).await;
    bench.like("sendmail.attachment.request", accepted, &message).await;
    // The sample of kiota was made against a stub: it names no recipient. That this is what is
    // refused shows that its parameters were understood.
    let refused = bench.send("sendmail.kiota.request", &message).await;
    assert_eq!(refused.json["error"]["code"], "ErrorInvalidRecipients");
    // The sample's sender is nobody here.
    let refused = bench.send("sendmail.mime.request", &message).await;
    assert_eq!(refused.json["error"]["code"], "ErrorSendAsDenied");
}

async fn attaching(bench: &mut Bench) {
    let draft = bench.desk.draft(ALEX).await;
    bench.like("attachment.small.request", "attachment.small.response", &draft).await;
    bench.like("attachments.list.request", "attachments.list.response", &draft).await;
    let begun = bench
        .like(
            "attachment.uploadsession.create.request",
            "attachment.uploadsession.create.response",
            &draft,
        )
        .await;
    let url = begun.json["uploadUrl"].as_str().unwrap().replacen(&bench.desk.play.base, "", 1);
    for part in ["put1", "put2"] {
        let example = format!("attachment.uploadsession.{part}.request");
        let request = fixture(&format!("graph/{example}"))["request"].clone();
        let length = request["headers"]["Content-Length"].as_str().unwrap().parse().unwrap();
        let range = request["headers"]["Content-Range"].as_str().unwrap();
        let headers = [("content-type", "application/octet-stream"), ("content-range", range)];
        let piece = bench.desk.play.request("PUT", &url, &headers, "x".repeat(length));
        let answer = bench.desk.play.send(piece).await.unwrap();
        bench.used.insert(example);
        let expected = format!("attachment.uploadsession.{part}.response");
        let response = fixture(&format!("graph/{expected}"))["response"].clone();
        assert_eq!(response["status"], answer.status, "{}", answer.text);
        match response.get("body") {
            Some(body) => assert_same_shape(&expected, body, &answer.json),
            None => assert!(answer.header("location").contains("/Attachments('")),
        }
        bench.used.insert(expected);
    }
}

async fn batches(bench: &mut Bench) {
    let message = bench.desk.newest("inbox").await;
    let answer = bench.send("batch.kiota.request", &message).await;
    assert_eq!(answer.json["responses"][0]["status"], 200);
    // What the items are answered with depends on more than mail; each has the members it must.
    let answer = bench.send("batch.request", &message).await;
    bench.used.insert("batch.response".to_owned());
    let example = &fixture("graph/batch.response")["response"];
    assert_eq!(example["status"], answer.status);
    let names = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let responses = answer.json["responses"].as_array().unwrap();
    assert_eq!(responses.len(), 4);
    for response in responses {
        assert_eq!(names(response), names(&example["body"]["responses"][0]));
        assert!(
            response["headers"]["Content-Type"].as_str().unwrap().starts_with("application/json")
        );
    }
}

async fn refusals(bench: &mut Bench) {
    let malformed = bench.desk.get("/me/messages/AAMkADhMGAAA=").await;
    bench.same("error.400.id_malformed", &malformed);
    let dana = Desk::with(Play::new(), DANA, ALL).await;
    bench.same("error.404.mailbox_not_enabled", &dana.get("/me/messages").await);
    let access = bench.desk.get(&format!("/users/{ALEX}/messages")).await;
    bench.same("error.403.access_denied", &access);
}

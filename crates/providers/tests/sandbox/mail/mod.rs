//! Mail, as the contract has it.

mod attachments;
mod batch;
mod delta;
mod delta_ends;
mod delta_folders;
mod delta_options;
mod examples;
mod folders;
mod limits;
mod others;
mod queries;
mod reading;
mod sending;
mod writing;

use serde_json::{Value, json};

use crate::play::{ADELE, ALEX, Answer, Form, Play};

/// Everything that mail needs.
pub(crate) const ALL: &str =
    "openid offline_access User.Read Mail.ReadWrite Mail.Send MailboxSettings.ReadWrite";
pub(crate) const DANA: &str = "dana@contoso.example";

/// Somebody who has signed in, and the stage.
pub(crate) struct Desk {
    pub(crate) play: Play,
    pub(crate) token: String,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with(Play::new(), ADELE, ALL).await
    }

    pub(crate) async fn with(play: Play, user: &str, scope: &str) -> Self {
        let token = token(&play, user, scope).await;
        Self { play, token }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: Form<'_>,
        body: String,
    ) -> Answer {
        call(&self.play, &self.token, method, path, headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], String::new()).await
    }

    pub(crate) async fn get_preferring(&self, path: &str, prefer: &str) -> Answer {
        self.call("GET", path, &[("prefer", prefer)], String::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], String::new()).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        let headers = &[("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call(method, path, headers, body).await
    }

    /// A fresh draft to this address.
    pub(crate) async fn draft(&self, to: &str) -> Value {
        let message = json!({
            "subject": "A draft",
            "body": { "contentType": "text", "content": "Hello." },
            "toRecipients": [{ "emailAddress": { "address": to } }],
        });
        let answer = self.post("/me/messages", message).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json
    }

    /// The newest message in a folder.
    pub(crate) async fn newest(&self, folder: &str) -> Value {
        let path = format!("/me/mailFolders/{folder}/messages?$top=1");
        self.get(&path).await.ok()["value"][0].clone()
    }

    /// What a folder says of itself.
    pub(crate) async fn folder(&self, id: &str) -> Value {
        self.get(&format!("/me/mailFolders/{id}")).await.ok()
    }
}

/// A call below `/v1.0`.
pub(crate) async fn call(
    play: &Play,
    token: &str,
    method: &str,
    path: &str,
    headers: Form<'_>,
    body: String,
) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    // Addresses in tests are written as they are read.
    let path = path.replace(' ', "%20").replace('"', "%22").replace('\'', "%27");
    let path = path.replace('<', "%3C").replace('>', "%3E");
    let path = if path.starts_with("http") {
        path.replacen(&play.base, "", 1)
    } else {
        format!("/v1.0{path}")
    };
    play.send(play.request(method, &path, &all, body)).await.unwrap()
}

pub(crate) async fn token(play: &Play, user: &str, scope: &str) -> String {
    let code = play.code(&[("scope", scope), ("login_hint", user)]).await;
    play.redeem(&code, &[]).await.ok()["access_token"].as_str().unwrap().to_owned()
}

pub(crate) fn id(item: &Value) -> String {
    item["id"].as_str().unwrap_or_else(|| panic!("{item}")).to_owned()
}

pub(crate) fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json["error"]["code"].as_str().unwrap_or(&answer.text).to_owned();
    (answer.status, code)
}

pub(crate) fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A message to somebody, for `sendMail`.
pub(crate) fn mail_to(address: &str, subject: &str) -> Value {
    json!({
        "message": {
            "subject": subject,
            "body": { "contentType": "HTML", "content": "<p>Hello <b>you</b>.</p>" },
            "toRecipients": [{ "emailAddress": { "address": address } }],
        },
    })
}

#[tokio::test]
async fn a_mailbox_is_somebodys_own() {
    let desk = Desk::new().await;
    let other = desk.get(&format!("/users/{ALEX}/messages")).await;
    assert_eq!(code(&other), refusal(403, "ErrorAccessDenied"));
    for own in [
        "/me",
        "/users/me-token-to-replace",
        &format!("/users/{ADELE}"),
        &format!("/users('{ADELE}')"),
    ] {
        assert_eq!(desk.get(&format!("{own}/messages?$top=1")).await.status, 200, "{own}");
    }
    let nobody = desk.get("/users/nobody@contoso.example/messages").await;
    assert_eq!(code(&nobody), refusal(404, "ErrorInvalidUser"));

    let app = desk.play.app_token(&[]).await.ok()["access_token"].as_str().unwrap().to_owned();
    let list = format!("/users/{ALEX}/messages");
    let answer = call(&desk.play, &app, "GET", &list, &[], String::new()).await;
    assert_eq!(answer.ok()["value"].as_array().unwrap().len(), 10);
    let me = call(&desk.play, &app, "GET", "/me/messages", &[], String::new()).await;
    assert_eq!(me.status, 400);
}

#[tokio::test]
async fn each_call_needs_its_permission() {
    let play = Play::new();
    let desk = Desk::new().await;
    let inbox_id = id(&desk.newest("inbox").await);
    // Ids repeat with the seed, so those of one stage name the same messages on another.
    let message = format!("/me/messages/{inbox_id}");
    let move_it = format!("{message}/move");
    let attachments = format!("{message}/attachments");
    let reply = format!("{message}/reply");
    let table = [
        ("Mail.ReadBasic", "GET", "/me/messages", 200),
        ("Mail.ReadBasic", "GET", attachments.as_str(), 403),
        ("Mail.Read", "GET", attachments.as_str(), 200),
        ("Mail.Read", "GET", "/me/mailFolders", 200),
        ("Mail.Read", "PATCH", message.as_str(), 403),
        ("Mail.Read", "POST", move_it.as_str(), 403),
        ("Mail.Read", "POST", "/me/sendMail", 403),
        ("Mail.ReadWrite", "POST", "/me/sendMail", 403),
        ("Mail.ReadWrite", "POST", reply.as_str(), 403),
        ("Mail.ReadWrite", "PATCH", message.as_str(), 200),
        ("Mail.Send", "GET", "/me/messages", 403),
        ("Mail.Send", "POST", "/me/messages", 403),
        ("Mail.Send", "POST", "/me/sendMail", 202),
        ("User.Read", "GET", "/me/mailFolders/inbox", 403),
        ("MailboxSettings.Read", "GET", "/me/mailboxSettings", 200),
        ("MailboxSettings.Read", "PATCH", "/me/mailboxSettings", 403),
        ("Mail.Read", "GET", "/me/mailboxSettings", 403),
    ];
    for (scope, method, path, status) in table {
        play.stage.reset(1);
        let token = token(&play, ADELE, scope).await;
        let body = match (method, path) {
            ("POST", "/me/sendMail") => mail_to("x@fabrikam.example", "x").to_string(),
            ("PATCH", path) if path.contains("messages") => json!({ "isRead": true }).to_string(),
            _ => json!({}).to_string(),
        };
        let body = if method == "GET" { String::new() } else { body };
        let answer = call(&play, &token, method, path, &[], body).await;
        assert_eq!(answer.status, status, "{scope} {method} {path}: {}", answer.text);
        if status == 403 {
            assert_eq!(code(&answer), refusal(403, "ErrorAccessDenied"), "{scope} {method} {path}");
        }
    }
}

#[tokio::test]
async fn basic_reading_shows_no_bodies() {
    let desk = Desk::with(Play::new(), ADELE, "Mail.ReadBasic").await;
    let message = desk.newest("inbox").await;
    for hidden in ["body", "bodyPreview", "uniqueBody"] {
        assert!(message.get(hidden).is_none(), "{hidden}");
    }
    assert!(message["subject"].is_string());
    assert_eq!(desk.get("/me/messages?$search=\"x\"").await.status, 403);
}

#[tokio::test]
async fn who_has_no_mailbox_is_told_so() {
    let desk = Desk::with(Play::new(), DANA, ALL).await;
    let missing = desk.get("/me/messages").await;
    assert_eq!(code(&missing), refusal(404, "MailboxNotEnabledForRESTAPI"));
    let switch = format!("microsoft/users/{DANA}/mailbox");
    desk.play.direct(&switch, json!({ "enabled": true })).await;
    assert_eq!(desk.get("/me/messages").await.ok()["value"], json!([]));
    desk.play.direct(&switch, json!({ "enabled": false })).await;
    assert_eq!(desk.get("/me/mailboxSettings").await.status, 404);
}

#[tokio::test]
async fn settings_are_read_and_changed() {
    let desk = Desk::new().await;
    let zone = desk.get("/me/mailboxSettings/timeZone").await.ok();
    assert_eq!(zone["value"], "Pacific Standard Time");
    let changed =
        desk.patch("/me/mailboxSettings", json!({ "timeZone": "Europe/Berlin" })).await.ok();
    assert_eq!(changed["timeZone"], "Europe/Berlin");
    let hours = desk.get("/me/mailboxSettings/workingHours").await.ok();
    assert_eq!(hours["startTime"], "08:00:00.0000000");
    let away = json!({ "automaticRepliesSetting": { "status": "AlwaysEnabled" } });
    let away = desk.patch("/me/mailboxSettings", away).await.ok();
    assert_eq!(away["automaticRepliesSetting"]["status"], "alwaysEnabled");
    assert_eq!(away["automaticRepliesSetting"]["externalAudience"], "all");
    let mars = desk.patch("/me/mailboxSettings", json!({ "timeZone": "Mars/Olympus" })).await;
    assert_eq!(code(&mars), refusal(400, "TimeZoneNotSupportedException"));
    assert_eq!(desk.get("/me/mailboxSettings/shoeSize").await.status, 400);
}

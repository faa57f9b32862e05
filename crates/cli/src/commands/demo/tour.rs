//! The steps of the demo, one after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use evergrant::clock::later;
use evergrant::{Clock, Request, Response, Secret, Transport};
use evergrant_sandbox::Stage;
use evergrant_server::principal::{Permission, new_key};
use evergrant_store::Holder;
use http::{Method, header};
use serde_json::{Value, json};
use url::Url;

use super::{DemoClock, copy};
use crate::commands::users;
use crate::compose::Parts;
use crate::output::Output;

/// How far the demo turns the clocks: past the life of every access token.
const AGE: Duration = Duration::from_hours(29);
/// How far it turns them for a trading session: past the life of its access token, and not of the
/// session itself.
const SESSION_AGE: Duration = Duration::from_mins(5);
/// Who signs in.
pub(super) const ACCOUNT: &str = "adele@contoso.example";
/// A market of the sandbox that never closes.
const EPIC: &str = "TM.D.ALWAYS.CFD.IP";
/// How many callers ask at once after the token has expired.
const CALLERS: usize = 50;

/// What the demo shows, over REST as any program would see it.
pub(super) struct Tour {
    http: Arc<dyn Transport>,
    pub(super) stage: Stage,
    clock: Arc<DemoClock>,
    server: Url,
    key: Secret,
    output: Output,
}

impl Tour {
    pub(super) async fn new(
        parts: &Parts,
        stage: Stage,
        clock: Arc<DemoClock>,
        address: SocketAddr,
        output: Output,
    ) -> anyhow::Result<Self> {
        let user = users::add(parts, "demo").await?;
        let holder = Holder::User(user.id);
        let (row, key) = new_key(&*parts.clock, &*parts.entropy, holder, &Permission::USUAL);
        parts.store.add_key(&row).await?;
        let server = Url::parse(&format!("http://{address}"))?;
        Ok(Self { http: Arc::clone(&parts.http), stage, clock, server, key, output })
    }

    /// Every step in order; the first that fails ends the tour.
    pub(super) async fn walk(&self) -> anyhow::Result<bool> {
        let mut id = String::new();
        let steps: [(&str, &str); 10] = [
            ("connect", "an account is connected through the provider's own redirects"),
            ("token", "a valid access token is handed out"),
            ("refresh", "the token expires, many callers ask at once, and no call fails"),
            ("profile", "the provider is called with it"),
            ("calendar", "an event is created, and found in the calendar"),
            ("mail", "a message with a file is sent, once, though it is asked for twice"),
            ("meeting", "an online meeting is created, with its link, id and passcode"),
            (
                "ig",
                "a trading account is connected by a form; its token expires, and no call fails",
            ),
            ("sync", "calendar and mailbox are copied, and what somebody else changes comes after"),
            ("list", "the user's integrations"),
        ];
        for (step, what) in steps {
            let outcome = match step {
                "connect" => self.connected(&mut id).await,
                "token" => self.token(&id).await,
                "refresh" => self.refresh(&id).await,
                "profile" => self.profile(&id).await,
                "calendar" => self.calendar(&id).await,
                "mail" => self.mail().await,
                "meeting" => self.meeting().await,
                "ig" => self.ig().await,
                "sync" => self.sync(&id).await,
                _ => self.list(&id).await,
            };
            let ok = outcome.is_ok();
            let detail = outcome.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
            let mark = if ok { "✓" } else { "✗" };
            let mut text = format!("{mark} {step}: {what}");
            for (name, value) in detail.as_object().into_iter().flatten() {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text = format!("{text}\n    {name}: {value}");
            }
            self.output.value(&json!({ "step": step, "ok": ok, "detail": detail }), &text)?;
            if !ok {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn connected(&self, id: &mut String) -> anyhow::Result<Value> {
        let (integration, redirects) = self.connect("microsoft_calendar").await?;
        integration["id"].as_str().context("nothing was connected")?.clone_into(id);
        let account = &integration["account"]["username"];
        Ok(json!({ "integration": id, "account": account, "redirects": redirects }))
    }

    /// Connects the demo's account at a provider; gives the integration, and how often the browser was
    /// sent on.
    async fn connect(&self, provider: &str) -> anyhow::Result<(Value, u32)> {
        let ask = json!({ "provider": provider });
        let begun = self.api(Method::POST, "/api/integrations/oauth/initiate/", Some(&ask)).await?;
        let mut url =
            Url::parse(begun["authorization_url"].as_str().context("no address to sign in at")?)?;
        // What a person would do on the sign-in page.
        url.query_pairs_mut().append_pair("prompt", "none").append_pair("login_hint", ACCOUNT);
        let mut redirects = 0;
        loop {
            let response =
                self.http.send(http::Request::get(url.as_str()).body(Bytes::new())?).await?;
            if !response.status().is_redirection() {
                ensure!(response.status().is_success(), "{} at {}", response.status(), url.path());
                break;
            }
            let location =
                response.headers().get(header::LOCATION).context("a redirect to nowhere")?;
            url = url.join(location.to_str()?)?;
            redirects += 1;
            ensure!(redirects < 10, "too many redirects");
        }
        let list = self.api(Method::GET, "/api/integrations/", None).await?;
        let mut rows = list["results"].as_array().into_iter().flatten();
        let found = rows.find(|row| row["provider"] == provider);
        Ok((found.context("nothing was connected")?.clone(), redirects))
    }

    async fn token(&self, id: &str) -> anyhow::Result<Value> {
        let body = self.api(Method::GET, &format!("/api/integrations/{id}/token/"), None).await?;
        let token = Secret::from(body["access_token"].as_str().context("no token")?);
        Ok(json!({ "access_token": token.hint(), "expires_at": body["expires_at"] }))
    }

    async fn refresh(&self, id: &str) -> anyhow::Result<Value> {
        let before = self.token(id).await?;
        let refreshes = self.stage.ledger().summary().total.refreshes;
        self.clock.advance(AGE);
        let path = format!("/api/integrations/{id}/token/");
        let calls = (0..CALLERS).map(|_| self.api(Method::GET, &path, None));
        let answers: Result<Vec<_>, _> =
            futures_util::future::join_all(calls).await.into_iter().collect();
        let failed = answers.as_ref().err().map(|error| format!("{error:#}"));
        ensure!(failed.is_none(), "a caller failed: {}", failed.unwrap_or_default());
        let after = self.token(id).await?;
        let refreshes = self.stage.ledger().summary().total.refreshes - refreshes;
        ensure!(refreshes == 1, "the provider saw {refreshes} refreshes");
        ensure!(before["expires_at"] != after["expires_at"], "the token is still the old one");
        Ok(json!({
            "callers": CALLERS,
            "failed": 0,
            "refreshes_at_the_provider": refreshes,
            "old_token_expired_at": before["expires_at"],
            "new_token": after["access_token"],
            "expires_at": after["expires_at"],
        }))
    }

    async fn profile(&self, id: &str) -> anyhow::Result<Value> {
        let body = self.api(Method::GET, &format!("/api/integrations/{id}/profile/"), None).await?;
        Ok(json!({ "name": body["name"], "email": body["email"] }))
    }

    /// An hour from now on, as a calendar writes it.
    fn hour(&self) -> [String; 2] {
        let hours = |hours| later(self.clock.now(), Duration::from_hours(hours));
        [1, 2].map(|n| format!("{:.0}", hours(n)))
    }

    async fn calendar(&self, id: &str) -> anyhow::Result<Value> {
        let path = format!("/api/integrations/{id}/calendar-events/");
        let [start, end] = self.hour();
        let event = json!({
            "subject": "Evergrant's demo",
            "start_time": start,
            "end_time": end,
            "time_zone": "Europe/Berlin",
            "attendees": [{ "email": "alex@contoso.example" }],
        });
        let created = self.api(Method::POST, &path, Some(&event)).await?;
        let query = format!("{path}?start_date={start}&end_date={end}&time_zone=Europe/Berlin");
        let listed = self.api(Method::GET, &query, None).await?;
        let mut events = listed["results"].as_array().into_iter().flatten();
        let found = events.find(|event| event["id"] == created["id"]);
        let found = found.context("the event is not in the calendar")?;
        Ok(json!({
            "subject": found["subject"],
            "start": found["start_time"],
            "end": found["end_time"],
            "invited": found["attendees"][0]["email"],
        }))
    }

    async fn mail(&self) -> anyhow::Result<Value> {
        let (integration, _) = self.connect("microsoft_outlook").await?;
        let id = integration["id"].as_str().unwrap_or_default();
        let path = format!("/api/integrations/{id}/email-messages/");
        let message = json!({
            "to": [{ "email": "alex@contoso.example" }],
            "subject": "Evergrant's demo",
            "body": { "content": "It works." },
            "attachments": [{ "name": "notes.txt", "content": "SXQgd29ya3Mu" }],
        });
        let sent = self.post_once(&path, &message).await?;
        let again = self.post_once(&path, &message).await?;
        ensure!(sent == again, "the message was sent twice");
        let recent = format!("{path}?folder=sentitems&limit=5");
        let recent = self.api(Method::GET, &recent, None).await?;
        let results = recent["results"].as_array().context("no list")?;
        let copies = results.iter().filter(|each| each["subject"] == message["subject"]).count();
        ensure!(copies == 1, "{copies} messages lie in the sent items");
        Ok(json!({
            "subject": message["subject"],
            "to": message["to"][0]["email"],
            "message_id": sent["message_id"],
            "in_sent_items": copies,
        }))
    }

    async fn meeting(&self) -> anyhow::Result<Value> {
        let (integration, _) = self.connect("microsoft_teams").await?;
        let id = integration["id"].as_str().unwrap_or_default();
        let [start, end] = self.hour();
        let ask = json!({
            "subject": "Evergrant's demo",
            "start_time": start,
            "end_time": end,
            "passcode_required": true,
        });
        let path = format!("/api/integrations/{id}/meetings/");
        let meeting = self.api(Method::POST, &path, Some(&ask)).await?;
        let members = ["join_url", "meeting_id", "passcode"];
        let missing = members.iter().find(|name| !meeting[**name].is_string());
        ensure!(missing.is_none(), "the meeting has no {}", missing.unwrap_or(&""));
        let shown = members.map(|name| (name.to_owned(), meeting[name].clone()));
        Ok(Value::Object(shown.into_iter().collect()))
    }

    async fn ig(&self) -> anyhow::Result<Value> {
        let ask = json!({ "provider": "ig" });
        let begun = self.api(Method::POST, "/api/integrations/oauth/initiate/", Some(&ask)).await?;
        let fields = json!({ "identifier": "trader", "password": "sandbox" });
        let filled = json!({ "provider": "ig", "state": begun["state"], "fields": fields });
        let integration =
            self.api(Method::POST, "/api/integrations/oauth/callback/", Some(&filled)).await?;
        let id = integration["id"].as_str().context("nothing was connected")?;
        let path = format!("/api/integrations/{id}/markets");
        let root = self.api(Method::GET, &format!("{path}/navigation/"), None).await?;
        let nodes = root["nodes"].as_array().map_or(0, Vec::len);
        ensure!(nodes > 0, "the tree of markets has no branches");
        let price = async || {
            let market = self.api(Method::GET, &format!("{path}/{EPIC}/"), None).await?;
            ensure!(market["bid"].is_number(), "the market has no price");
            anyhow::Ok(market)
        };
        let before = price().await?;
        let refreshes = self.stage.ledger().summary().total.refreshes;
        self.clock.advance(SESSION_AGE);
        let after = price().await?;
        let refreshes = self.stage.ledger().summary().total.refreshes - refreshes;
        ensure!(refreshes == 1, "the provider saw {refreshes} refreshes");
        let offer = |market: &Value| json!([market["bid"], market["offer"]]);
        Ok(json!({
            "account": integration["account"]["name"],
            "branches": nodes,
            "market": before["name"],
            "bid_and_offer": offer(&before),
            "later": offer(&after),
            "refreshes_at_the_provider": refreshes,
        }))
    }

    async fn sync(&self, calendar: &str) -> anyhow::Result<Value> {
        let list = self.api(Method::GET, "/api/integrations/", None).await?;
        let mut rows = list["results"].as_array().into_iter().flatten();
        let mailbox = rows.find(|row| row["provider"] == "microsoft_outlook");
        let mailbox = mailbox.and_then(|row| row["id"].as_str()).context("no mailbox")?;
        copy::step(self, calendar, mailbox).await
    }

    async fn list(&self, id: &str) -> anyhow::Result<Value> {
        let body = self.api(Method::GET, "/api/integrations/", None).await?;
        let rows = body["results"].as_array().context("no list")?;
        ensure!(rows.iter().any(|row| row["id"] == id), "the integration is not in the list");
        let lines = rows.iter().map(|row| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let line = format!(
                "{} {} {}",
                text(&row["provider"]),
                text(&row["label"]),
                text(&row["status"])
            );
            (text(&row["id"]), Value::from(line))
        });
        Ok(Value::Object(lines.collect()))
    }

    /// One call to the server, as any program would make it.
    pub(super) async fn api(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        self.send(http::Request::builder().method(method), path, body).await
    }

    /// One call that has its effect once, however often it is made.
    async fn post_once(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request =
            http::Request::builder().method(Method::POST).header("idempotency-key", "demo");
        self.send(request, path, Some(body)).await
    }

    async fn send(
        &self,
        request: http::request::Builder,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let request: Request = request
            .uri(self.server.join(path)?.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.expose()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default())?;
        let response: Response = self.http.send(request).await?;
        let answer: Value = serde_json::from_slice(response.body())?;
        ensure!(response.status().is_success(), "{} {}", response.status(), answer["detail"]);
        Ok(answer)
    }

    pub(super) fn stay(&self, output: Output) {
        output.note(&format!(
            "\nThe server stays up at {} until Ctrl-C; its API is described at {}docs",
            self.server, self.server
        ));
        output.note(&format!("Call it with   Authorization: Bearer {}", self.key.expose()));
    }
}

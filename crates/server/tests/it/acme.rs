//! Acme, a provider that exists nowhere else: a calendar to sign in to, a bank with a form, and a
//! directory for the registration itself. What it issues carries a marker, and it remembers everything, so that tests judge by what it saw.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use evergrant::provider::{
    Actor, AuthError, Connect, Failure, FormField, Limits, Manifest, Provider, ProviderKey,
    RefreshLife, Renewal, Replay, Revocable, Ways,
};
use evergrant::{Grant, Request, Response, Transport, TransportError};
use http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::desk::Desk;
use crate::shelf::Shelf;

pub(crate) const CALENDAR: &str = "acme_calendar";
pub(crate) const BANK: &str = "acme_bank";
pub(crate) const DIRECTORY: &str = "acme_directory";
/// How long Acme's access tokens live.
pub(crate) const LIFE: Duration = Duration::from_hours(1);

/// The far side, as tests see it: what it was asked, what it issued, how it is to answer.
#[derive(Clone, Default)]
pub(crate) struct Acme(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    seen: Vec<String>,
    secrets: Vec<String>,
    down: Option<AuthError>,
    misconfigured: Option<Failure>,
    answers: VecDeque<Answer>,
    shelf: Shelf,
}

/// How Acme's API answers its next call.
pub(crate) enum Answer {
    Json(StatusCode, Vec<(&'static str, &'static str)>, &'static str),
    Panic,
}

impl Acme {
    fn with<T>(&self, f: impl FnOnce(&mut Book) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What its account holds.
    pub(crate) fn shelf<T>(&self, f: impl FnOnce(&mut Shelf) -> T) -> T {
        self.with(|book| f(&mut book.shelf))
    }

    /// How it refuses the next call for the account's own things.
    pub(crate) fn deny(&self, error: evergrant::CallError) {
        self.shelf(|shelf| shelf.denials.push_back(error));
    }

    /// What was done with the account's things, since the last time this was read.
    pub(crate) fn done(&self) -> Vec<String> {
        self.shelf(|shelf| std::mem::take(&mut shelf.done))
    }

    /// All of its providers.
    pub(crate) fn providers(&self) -> evergrant::provider::Providers {
        let calendar =
            Connect::Redirect { scopes: vec!["calendar.read".to_owned(), "offline".to_owned()] };
        let field = |name: &str, secret| FormField {
            name: name.to_owned(),
            label: name.to_uppercase(),
            secret,
            ..FormField::default()
        };
        let keep = FormField {
            optional: true,
            choices: ["no", "yes"].map(str::to_owned).into(),
            help: "Acme may sign you in again.".to_owned(),
            ..field("keep_login", false)
        };
        let bank =
            Connect::Form { fields: vec![field("login", false), field("password", true), keep] };
        let every = Ways { device_code: true, import: true, admin_consent: true };
        [
            (CALENDAR, "Acme Calendar", calendar, every),
            (BANK, "Acme Bank", bank, Ways::default()),
            (DIRECTORY, "Acme Directory", Connect::Application, Ways::default()),
        ]
        .into_iter()
        .map(|(key, label, connect, ways)| {
            Arc::new(self.desk(key, label, connect, ways)) as Arc<dyn Provider>
        })
        .collect()
    }

    fn desk(&self, key: &str, label: &str, connect: Connect, ways: Ways) -> Desk {
        let alone = matches!(connect, Connect::Application);
        Desk {
            acme: self.clone(),
            manifest: Manifest {
                key: ProviderKey::from(key),
                label: label.to_owned(),
                connect,
                hosts: vec!["api.acme.test".to_owned()],
                base_url: url("https://api.acme.test/v1"),
                replay: if alone { Replay::None } else { Replay::NonRevoking },
                renewal: Renewal::Ahead,
                registration: "acme".to_owned(),
                ways,
                revocable: Revocable::Grant,
                refresh_life: RefreshLife::Unknown,
                manage_url: None,
                limits: Limits::NONE,
                loopback_host: "127.0.0.1",
                patience: Duration::ZERO,
            },
        }
    }

    /// Every question its token endpoint was asked, since the last time this was read.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.with(|book| std::mem::take(&mut book.seen))
    }

    /// Everything that must never be seen: its tokens, codes and passwords.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.with(|book| book.secrets.clone())
    }

    /// Answers every token request like this until told otherwise.
    pub(crate) fn refuse(&self, error: impl Into<Option<AuthError>>) {
        let error = error.into();
        self.with(|book| book.down = error);
    }

    /// The registration is incomplete until told otherwise.
    pub(crate) fn misconfigure(&self, failure: impl Into<Option<Failure>>) {
        let failure = failure.into();
        self.with(|book| book.misconfigured = failure);
    }

    /// How its API answers the next call.
    pub(crate) fn answer(&self, answer: Answer) {
        self.with(|book| book.answers.push_back(answer));
    }

    /// What a registration that is incomplete lacks.
    pub(crate) fn registered(&self) -> Result<(), Failure> {
        self.with(|book| book.misconfigured.clone().map_or(Ok(()), Err))
    }

    /// Both tokens, each with the marker.
    pub(crate) fn issue(&self, now: Timestamp) -> Grant {
        self.with(|book| {
            let number = book.secrets.len();
            let [access, refresh] =
                ["access", "refresh"].map(|kind| format!("canary-{kind}-{number:04}"));
            book.secrets.extend([access.clone(), refresh.clone()]);
            Grant {
                access: access.into(),
                refresh: Some(refresh.into()),
                login: None,
                scopes: vec!["calendar.read".to_owned(), "offline".to_owned()],
                obtained_at: now,
                expires_at: now + SignedDuration::try_from(LIFE).unwrap(),
            }
        })
    }

    /// A device code with the marker.
    pub(crate) fn device_code(&self) -> String {
        self.with(|book| {
            let code = format!("canary-device-{:04}", book.secrets.len());
            book.secrets.push(code.clone());
            code
        })
    }

    /// Notes a question, and the secret it came with.
    pub(crate) fn asked(&self, what: String, secret: Option<&str>) -> Result<(), AuthError> {
        self.with(|book| {
            book.seen.push(what);
            book.secrets.extend(secret.map(str::to_owned));
            book.down.clone().map_or(Ok(()), Err)
        })
    }
}

/// An outage; the request had no effect.
pub(crate) fn outage() -> AuthError {
    AuthError::Unavailable {
        failure: Failure::new(
            "token_endpoint_down",
            Actor::Nobody,
            "Acme does not answer; nothing is lost.",
        ),
        retry_after: Some(Duration::from_secs(7)),
        sent: false,
    }
}

/// The user's grant has ended.
pub(crate) fn revoked() -> AuthError {
    AuthError::Rejected(Failure {
        provider_code: Some("invalid_grant".to_owned()),
        trace_id: Some("acme-trace-1".to_owned()),
        ..Failure::new(
            "grant_revoked",
            Actor::User,
            "The user removed the permission; connect again.",
        )
    })
}

/// The user's organisation lets nobody in before its administrator has agreed.
pub(crate) fn needs_administrator() -> AuthError {
    AuthError::Rejected(Failure {
        provider_code: Some("consent_required".to_owned()),
        correlation_id: Some("acme-correlation-1".to_owned()),
        ..Failure::new(
            "admin_consent_required",
            Actor::Administrator,
            "Acme gives these permissions only after an administrator has agreed.",
        )
        .remedied_by("Have an administrator of your organisation agree, then connect again.")
    })
}

/// The user mistyped.
pub(crate) fn wrong_password() -> AuthError {
    let message = "Acme does not know this login with this password.";
    AuthError::Rejected(Failure {
        provider_code: Some("acme_invalid_login".to_owned()),
        ..Failure::new("wrong_password", Actor::User, message)
            .remedied_by("Type both again; Acme locks the login after a few wrong ones.")
    })
}

/// The operator's secret has run out.
pub(crate) fn secret_expired() -> Failure {
    Failure::new(
        "client_secret_expired",
        Actor::Operator,
        "The client secret has expired; make a new one at Acme.",
    )
}

/// Acme's API: one account, unless a test says otherwise.
#[async_trait]
impl Transport for Acme {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        let (status, headers, body) = match self.with(|book| book.answers.pop_front()) {
            Some(Answer::Json(status, headers, body)) => (status, headers, body),
            Some(Answer::Panic) => panic!("a defect, as tests want it"),
            None => (
                StatusCode::OK,
                Vec::new(),
                r#"{"id":"acct-adele","name":"Adele","email":"adele@acme.test"}"#,
            ),
        };
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = status;
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }
}

pub(crate) fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

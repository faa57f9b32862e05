//! Syncs: runs that somebody asked for, and how far they are.

use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use evergrant::clock::later;
use evergrant::feed::FeedKind;
use evergrant::integration::Status;
use evergrant::store::{Asked, FeedStatus, FeedStatusState};
use evergrant::{IntegrationId, TokenError, UserId};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::feeds::{FeedBody, Sight};
use super::progress;
use crate::App;
use crate::extract::{ApiQuery, Named, OptionalJson, Within};
use crate::principal::Principal;
use crate::problem::{Code, Problem};

/// How long a caller who waits is kept.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the database is asked how far a sync is.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// What to read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncType {
    /// Everything there is a copy of.
    #[default]
    Full,
    /// The calendar.
    Calendar,
    /// The mailbox.
    Email,
}

impl SyncType {
    /// What is meant by who sees this.
    fn feed(self, sight: &Sight) -> Result<Option<FeedKind>, Problem> {
        let named = match self {
            Self::Full => return Ok(sight.only()),
            Self::Calendar => FeedKind::Calendar,
            Self::Email => FeedKind::Email,
        };
        sight.must_have(named)?;
        Ok(Some(named))
    }
}

/// What to bring up to date.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[schema(example = json!({ "sync_type": "full" }))]
pub(crate) struct SyncAsk {
    /// `full`, `calendar` or `email`; `full` unless given: everything the integration has and the key
    /// may read.
    #[serde(default)]
    sync_type: SyncType,
}

/// What a sync is doing.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncState {
    /// It waits for its turn.
    Queued,
    /// It is read now.
    Running,
    /// It came to its end.
    Done,
    /// It failed, and is tried again.
    Waiting,
    /// It failed, and somebody has to mend it first.
    Stopped,
}

impl SyncState {
    /// Whether there is nothing to wait for: it is done, or has failed so far.
    fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether nothing comes of it without somebody's help.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Stopped)
    }

    /// Its name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }

    /// What a run of a feed is doing; `None` if there never was one of this number.
    fn of(asked: Asked, feed: &FeedStatus) -> Option<Self> {
        let began = asked.run <= feed.run;
        Some(match feed.state {
            _ if asked.run <= feed.done_run => Self::Done,
            FeedStatusState::Idle if !began => return None,
            _ if asked.run > feed.run + 1 => return None,
            FeedStatusState::Running => Self::Running,
            FeedStatusState::Waiting if began => Self::Waiting,
            FeedStatusState::Stopped => Self::Stopped,
            _ => Self::Queued,
        })
    }

    /// That of the whole where these are those of its parts: while anything moves it does.
    fn whole(parts: &[Self]) -> Self {
        let order = [Self::Running, Self::Queued, Self::Waiting, Self::Stopped];
        order.into_iter().find(|state| parts.contains(state)).unwrap_or(Self::Done)
    }
}

/// Runs that somebody asked for.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct SyncBody {
    /// Its id, below this integration.
    #[schema(example = "c12e7")]
    id: String,
    #[schema(value_type = String, example = "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708")]
    integration_id: IntegrationId,
    /// `queued`, `running`, `done`, `waiting` to be tried again since it failed, or `stopped`: it
    /// failed, and somebody has to mend it first. Which of the feeds and why is in their `failure`.
    pub(super) state: SyncState,
    /// Where what is synced stands.
    feeds: Vec<FeedBody>,
}

/// Where an integration's copies stand.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedsBody {
    /// One for its calendar, one for its mailbox, if there are copies of them.
    feeds: Vec<FeedBody>,
}

/// The runs a sync waits for. Its text is all there is to remember of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Runs(pub(super) Vec<Asked>);

/// What stands for a feed in a sync's id.
const LETTERS: [(char, FeedKind); 2] = [('c', FeedKind::Calendar), ('e', FeedKind::Email)];

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, feed) in LETTERS {
            for asked in self.0.iter().filter(|asked| asked.feed == feed) {
                write!(f, "{letter}{}", asked.run)?;
            }
        }
        Ok(())
    }
}

impl Runs {
    /// Reads an id. One run has one id: what is not written as it would be here is none.
    fn read(text: &str) -> Option<Self> {
        let (mut rest, mut runs) = (text, Vec::new());
        for (letter, feed) in LETTERS {
            let Some(after) = rest.strip_prefix(letter) else { continue };
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let (digits, next) = after.split_at(end);
            runs.push(Asked { feed, run: digits.parse().ok().filter(|run| *run > 0)? });
            rest = next;
        }
        let runs = Self(runs);
        (!runs.0.is_empty() && runs.to_string() == text).then_some(runs)
    }
}

/// A sync that somebody looks at.
#[derive(Debug, Clone)]
pub(super) struct Sync {
    pub(super) app: App,
    pub(super) owner: UserId,
    pub(super) id: IntegrationId,
    pub(super) runs: Runs,
}

impl Sync {
    /// How far it is.
    pub(super) async fn look(&self) -> Result<SyncBody, Problem> {
        let all = self.app.0.syncer.status(self.owner, self.id).await?;
        let (mut states, mut feeds) = (Vec::new(), Vec::new());
        for asked in &self.runs.0 {
            let feed = all.iter().find(|feed| feed.feed == asked.feed);
            let state = feed.and_then(|feed| SyncState::of(*asked, feed)).ok_or_else(unknown)?;
            states.push(state);
            feeds.extend(feed.cloned().map(FeedBody::from));
        }
        let state = SyncState::whole(&states);
        Ok(SyncBody { id: self.runs.to_string(), integration_id: self.id, state, feeds })
    }

    /// How far it is once it is over, the caller's patience is, or the process stops.
    async fn wait(&self) -> Result<SyncBody, Problem> {
        let clock = &self.app.0.clock;
        let until = later(clock.now(), PATIENCE);
        loop {
            let body = self.look().await?;
            let now = clock.now();
            if body.state.is_over() || now >= until {
                return Ok(body);
            }
            tokio::select! {
                () = clock.sleep_until(later(now, LOOK).min(until)) => {}
                () = self.app.0.vault.tasks().stopped() => return Ok(body),
            }
        }
    }
}

fn unknown() -> Problem {
    Problem::new(Code::SyncNotFound, Code::SyncNotFound.title())
}

/// Refuses to begin what would not come to anything.
async fn ready(app: &App, owner: UserId, id: IntegrationId) -> Result<(), Problem> {
    let error = match app.0.vault.integration(owner, id).await?.status {
        Status::Active if app.0.vault.is_copy().await? => TokenError::Copied,
        Status::Active => return Ok(()),
        Status::Paused => TokenError::Paused,
        Status::NeedsReconnect { why, since } => TokenError::ReconnectRequired { why, since },
    };
    Err(app.with_links(error, owner, id).await)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SyncQuery {
    /// Answers when the sync is done or has failed, or after a minute.
    #[serde(default)]
    #[param(required = false)]
    wait: bool,
}

/// Bring the copy up to date
///
/// What changed at the provider since the last time is read into the copy. Whoever asks while it is
/// read joins.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/sync/",
    tag = "copies",
    params(SyncQuery),
    request_body = SyncAsk,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "With `wait` alone: it is done, or failed, as `state` says", body = SyncBody),
        (status = 202, description = "It is under way; `Location` is where it can be looked at", body = SyncBody),
        (status = 404, description = "`integration_not_found`, or `not_offered`: there is no copy of this", content_type = "application/problem+json"),
        (status = 409, description = "`integration_paused`, `reconnect_required` with `reconnect_url`, `consent_required` with `admin_consent_url`, or `conflict`", content_type = "application/problem+json"),
        (status = 503, description = "`database_copied`, or `server_busy`: more than eight of the user's requests wait already", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn sync(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<SyncQuery>,
    OptionalJson(ask): OptionalJson<SyncAsk>,
) -> Result<Response, Problem> {
    let sight = Sight::of(principal)?;
    let (owner, feed) = (sight.owner, ask.sync_type.feed(&sight)?);
    ready(&app, owner, id).await?;
    let runs = Runs(app.0.syncer.ask(owner, id, feed).await?);
    if runs.0.is_empty() {
        return Err(Problem::new(
            Code::Conflict,
            "The integration was connected or disconnected at this moment.",
        ));
    }
    let address = app.url(&format!("/api/integrations/{id}/sync/{runs}/"));
    let sync = Sync { app, owner, id, runs };
    let body = if query.wait {
        let _waits = sync.app.0.waiters.join(owner)?;
        sync.wait().await?
    } else {
        sync.look().await?
    };
    let done = query.wait && body.state.is_over();
    let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, Json(body)).into_response();
    if let Ok(address) = HeaderValue::try_from(address) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    Ok(response)
}

/// Where an integration's copies stand
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/sync/",
    tag = "copies",
    security(("access_key" = [])),
    responses(
        (status = 200, description = "Those that the key may read; none where the provider has nothing that is copied", body = FeedsBody),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn feeds(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<Json<FeedsBody>, Problem> {
    let sight = Sight::of(principal)?;
    app.0.vault.integration(sight.owner, id).await?;
    Ok(Json(FeedsBody { feeds: sight.feeds(&app, Some(id)).await? }))
}

/// How far a sync is
///
/// With `Accept: text/event-stream` as server-sent events: `progress` whenever something changes, `done`
/// or `stopped` at its end, each with the sync as its data; then the stream ends. `problem` comes instead where it
/// cannot be looked at any more. After 15 minutes a stream ends with a comment that says so: ask again.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/sync/{sync}/",
    tag = "copies",
    security(("access_key" = [])),
    responses(
        (status = 200, description = "The sync, or its events", content(
            (SyncBody = "application/json"),
            (String = "text/event-stream", example = "event: progress\ndata: {\"id\":\"c12e7\",\"state\":\"running\"}\n\n"),
        )),
        (status = 404, description = "`integration_not_found` or `sync_not_found`", content_type = "application/problem+json"),
        (status = 503, description = "`server_busy`, of a stream: more than eight of the user's requests wait already", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn progress(
    State(app): State<App>,
    principal: Principal,
    Within(id, [sync]): Within<1>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sight = Sight::of(principal)?;
    let owner = sight.owner;
    // Before anything is told of the sync: whose integration it is.
    app.0.vault.integration(owner, id).await?;
    let mut runs = Runs::read(&sync).ok_or_else(unknown)?;
    if let [only] = runs.0[..] {
        sight.must_have(only.feed)?;
    }
    runs.0.retain(|asked| sight.has(asked.feed));
    let sync = Sync { app, owner, id, runs };
    let body = sync.look().await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        let waits = sync.app.0.waiters.join(owner)?;
        return Ok(progress::stream(sync, body, headers, waits));
    }
    Ok(Json(body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_has_one_id_and_nothing_else_is_one() {
        let run = |feed, run| Asked { feed, run };
        let (calendar, email) = (run(FeedKind::Calendar, 12), run(FeedKind::Email, 7));
        for (text, runs) in
            [("c12", vec![calendar]), ("e7", vec![email]), ("c12e7", vec![calendar, email])]
        {
            assert_eq!(Runs::read(text), Some(Runs(runs.clone())));
            assert_eq!(Runs(runs).to_string(), text);
        }
        let others = [
            "",
            "c",
            "e",
            "7",
            "x7",
            "c0",
            "c-1",
            "c+1",
            "c01",
            "e7c12",
            "c1c2",
            "c12e",
            "C12",
            "c12 ",
            "c1e1x",
            "c٣",
            "c9223372036854775808",
        ];
        for other in others {
            assert_eq!(Runs::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_sync_moves_while_any_part_of_it_does() {
        use SyncState::{Done, Queued, Running, Stopped, Waiting};
        for (parts, whole) in [
            ([Done, Done], Done),
            ([Running, Done], Running),
            ([Queued, Running], Running),
            ([Waiting, Queued], Queued),
            ([Stopped, Waiting], Waiting),
            ([Done, Stopped], Stopped),
        ] {
            assert!(SyncState::whole(&parts) == whole, "{}", whole.name());
        }
    }
}

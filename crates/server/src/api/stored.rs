//! What copies hold: a user's events and messages, over all integrations.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::Json;
use axum::extract::State;
use evergrant::capability::{Event, Message, Zone};
use evergrant::feed::FeedKind;
use evergrant::provider::ProviderKey;
use evergrant::{ConnectError, IntegrationId};
use evergrant_store::{ItemQuery, StoredItem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::feeds::{FeedBody, Sight};
use super::live::{End, instant, limit};
use crate::App;
use crate::extract::ApiQuery;
use crate::principal::Principal;
use crate::problem::Problem;

/// Names of folders that providers understand, and copies do not: they know folders by their ids.
const FOLDERS: [&str; 6] = ["inbox", "drafts", "sentitems", "deleteditems", "archive", "junkemail"];
/// How an item that was stored without its body says so. Its first occurrence is no other's: inside of
/// a text the quotation marks would be escaped, and no member before the body holds others.
const NO_BODY: &str = "\"body\":null";

/// An event of the copy: as the provider's own list has it, and whose it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoredEvent {
    #[schema(value_type = String)]
    integration_id: IntegrationId,
    /// The provider's key.
    provider: String,
    #[serde(flatten)]
    event: Event,
}

/// A message of the copy: as the provider's own list has it, and whose it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoredMessage {
    #[schema(value_type = String)]
    integration_id: IntegrationId,
    /// The provider's key.
    provider: String,
    #[serde(flatten)]
    message: Message,
}

/// A part of what copies hold, and how good they are.
#[derive(Serialize, ToSchema)]
pub(crate) struct Copied<T> {
    #[schema(value_type = Vec<T>)]
    results: Vec<Box<RawValue>>,
    /// The address of the next page; null at the list's end. It begins with the server's public URL,
    /// whichever was asked.
    next: Option<String>,
    /// Where the copies that were looked into stand: how old they are, and whether they are cut.
    feeds: Vec<FeedBody>,
    #[serde(skip)]
    #[schema(ignore)]
    of: PhantomData<T>,
}

/// What both lists can be asked for.
struct Asked {
    query: ItemQuery,
    /// The same, as the address of the next page has it.
    again: Vec<(&'static str, String)>,
}

impl Asked {
    fn of(feed: FeedKind, most: Option<u32>) -> Result<Self, Problem> {
        let mut query = ItemQuery::new(feed);
        query.limit = limit(most)?;
        Ok(Self { again: vec![("limit", query.limit.to_string())], query })
    }

    /// Notes what was given, for the next page.
    fn given<T: ToString>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        self.again.extend(value.iter().map(|value| (name, value.to_string())));
        value
    }

    /// Words, as many as account is taken of.
    fn search(&mut self, value: Option<String>) -> Result<(), Problem> {
        if value.as_deref().is_some_and(|words| ItemQuery::words(words) > ItemQuery::WORDS) {
            let why = format!("`search` must have {} words at most.", ItemQuery::WORDS);
            return Err(Problem::invalid("search", why));
        }
        self.query.search = self.given("search", value);
        Ok(())
    }

    /// Text that is compared without regard to its case.
    fn address(&mut self, name: &'static str, value: Option<String>) -> Option<String> {
        self.given(name, value.map(|value| value.trim().to_lowercase()))
    }

    /// Both ends of a span of time.
    fn span(
        &mut self,
        (first, from): (&'static str, Option<String>),
        (last, to): (&'static str, Option<String>),
        zone: Option<&Zone>,
    ) -> Result<(), Problem> {
        let at = |name, given: Option<String>, end| {
            given.map(|given| instant(name, &given, end, zone)).transpose()
        };
        let (from, to): (Option<Timestamp>, Option<Timestamp>) =
            (at(first, from, End::First)?, at(last, to, End::Last)?);
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            return Err(Problem::invalid(last, format!("`{last}` must be after `{first}`.")));
        }
        self.query.from = self.given(first, from);
        self.query.to = self.given(last, to);
        Ok(())
    }

    /// At which provider and in which integration. A foreign one is as unknown as one that never was.
    async fn place(
        &mut self,
        app: &App,
        sight: &Sight,
        provider: Option<String>,
        integration: Option<&str>,
    ) -> Result<(), Problem> {
        if let Some(named) = provider {
            let key = ProviderKey::from(named.as_str());
            let providers = app.0.vault.providers();
            if providers.find(&key).is_none() {
                let known = providers.iter().map(|it| it.manifest().key.to_string()).collect();
                return Err(ConnectError::UnknownProvider { asked: named, known }.into());
            }
            self.query.provider = self.given("provider", Some(key));
        }
        if let Some(named) = integration {
            let id = named.parse().unwrap_or(IntegrationId::from_u128(0));
            app.0.vault.integration(sight.owner, id).await?;
            self.query.integration = self.given("integration_id", Some(id));
        }
        Ok(())
    }

    /// Where the last page ended.
    fn after(&mut self, cursor: Option<&str>) -> Result<(), Problem> {
        let after = cursor.map(str::parse).transpose();
        self.query.after = after
            .map_err(|_| Problem::invalid("cursor", "`cursor` must be one that `next` gave."))?;
        Ok(())
    }

    /// The page.
    async fn page<T>(
        self,
        app: &App,
        sight: &Sight,
        list: &str,
    ) -> Result<Json<Copied<T>>, Problem> {
        let Self { query, again } = self;
        // Before what they hold is read: a copy may be better than it says, and never worse.
        let mut feeds = sight.feeds(app, query.integration).await?;
        feeds.retain(|feed| {
            feed.feed == query.feed
                && query.provider.as_ref().is_none_or(|key| key.as_str() == feed.provider)
        });
        let page = app.0.store.items(sight.owner, &query).await?;
        let results = page.items.iter().map(whole).collect::<Result<_, _>>()?;
        let next = page.next.map(|cursor| {
            let mut asked = form_urlencoded::Serializer::new(String::new());
            asked.extend_pairs(again);
            asked.append_pair("cursor", &cursor.to_string());
            app.url(&format!("/api/integrations/{list}/?{}", asked.finish()))
        });
        Ok(Json(Copied { results, next, feeds, of: PhantomData }))
    }
}

/// An item as it is stored, and whose it is.
pub(super) fn whole(item: &StoredItem) -> Result<Box<RawValue>, Problem> {
    let json = match &item.body {
        Some(body) => Cow::from(item.json.replacen(NO_BODY, &format!("\"body\":{body}"), 1)),
        None => Cow::from(&item.json),
    };
    let Some(rest) = json.strip_prefix('{') else {
        return Err(Problem::internal("an item of a copy is no JSON object"));
    };
    let (id, provider) = (item.integration, item.provider.as_str());
    let provider = serde_json::to_string(provider).map_err(Problem::internal)?;
    let whole = format!("{{\"integration_id\":\"{id}\",\"provider\":{provider},{rest}");
    RawValue::from_string(whole).map_err(Problem::internal)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only this provider's, by its key.
    #[param(example = "acme_calendar")]
    provider: Option<String>,
    /// Only those of this integration, `int_…`.
    integration_id: Option<String>,
    /// What ends after this: a time, or a day, which counts from its midnight.
    #[param(example = "2026-03-27T00:00:00+01:00")]
    start_date: Option<String>,
    /// What begins before this: a time, or a day, which counts to its end.
    #[param(example = "2026-04-03")]
    end_date: Option<String>,
    /// The zone in which days and times without an offset are meant; UTC unless named. Events are shown
    /// in their own.
    #[param(value_type = Option<String>, example = "Europe/Berlin")]
    time_zone: Option<Zone>,
    /// Words in title, description, place or people, all of them; 8 at most.
    search: Option<String>,
    /// To which this address is invited, or invites.
    #[param(example = "alex@example.com")]
    attendee: Option<String>,
    /// To which this address invites.
    organizer: Option<String>,
    /// `low`, `normal` or `high`.
    importance: Option<String>,
    /// With their descriptions, where they are kept.
    #[serde(default)]
    #[param(required = false)]
    include_body: bool,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
}

/// The user's events, as they were copied
///
/// From all integrations, by beginning, without a provider being asked. A series is there by its
/// occurrences. `feeds` says how old the copies are, and whether they are cut.
#[utoipa::path(
    get,
    path = "/api/integrations/calendar-events/",
    operation_id = "stored_events",
    tag = "copies",
    params(EventsQuery),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "A page", body = Copied<StoredEvent>),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
        (status = 422, description = "`invalid_request` or `unknown_provider`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn events(
    State(app): State<App>,
    principal: Principal,
    ApiQuery(given): ApiQuery<EventsQuery>,
) -> Result<Json<Copied<StoredEvent>>, Problem> {
    let sight = Sight::with(principal, FeedKind::Calendar)?;
    let mut asked = Asked::of(FeedKind::Calendar, given.limit)?;
    let zone = given.time_zone.as_ref();
    asked.span(("start_date", given.start_date), ("end_date", given.end_date), zone)?;
    asked.place(&app, &sight, given.provider, given.integration_id.as_deref()).await?;
    asked.after(given.cursor.as_deref())?;
    asked.search(given.search)?;
    asked.query.person = asked.address("attendee", given.attendee);
    asked.query.sender = asked.address("organizer", given.organizer);
    asked.query.importance = asked.given("importance", given.importance);
    asked.query.bodies = given.include_body;
    asked.given("include_body", given.include_body.then_some(true));
    asked.page(&app, &sight, "calendar-events").await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// Only this provider's, by its key.
    #[param(example = "acme_calendar")]
    provider: Option<String>,
    /// Only those of this integration, `int_…`.
    integration_id: Option<String>,
    /// Read or unread ones.
    is_read: Option<bool>,
    /// Words in subject, text or people, all of them; 8 at most.
    search: Option<String>,
    /// The folder, by its id, as `GET /api/integrations/{id}/folders/` has it; well-known names such as
    /// `inbox` are the provider's.
    folder: Option<String>,
    /// From this address.
    #[param(example = "alex@example.com")]
    sender: Option<String>,
    /// From or to this address.
    participant: Option<String>,
    /// `low`, `normal` or `high`.
    importance: Option<String>,
    /// Received at or after this: a time, or a day in UTC, which counts from its midnight.
    #[param(example = "2026-03-01")]
    since: Option<String>,
    /// Received before this: a time, or a day in UTC, which counts to its end.
    until: Option<String>,
    /// With their bodies, where they are kept.
    #[serde(default)]
    #[param(required = false)]
    include_body: bool,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
}

/// The user's messages, as they were copied
///
/// From all integrations, the newest first, without a provider being asked. `feeds` says how old the
/// copies are, and whether they are cut.
#[utoipa::path(
    get,
    path = "/api/integrations/email-messages/",
    operation_id = "stored_messages",
    tag = "copies",
    params(MessagesQuery),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "A page", body = Copied<StoredMessage>),
        (status = 404, description = "`integration_not_found`", content_type = "application/problem+json"),
        (status = 422, description = "`invalid_request` or `unknown_provider`", content_type = "application/problem+json"),
    )
)]
pub(crate) async fn messages(
    State(app): State<App>,
    principal: Principal,
    ApiQuery(given): ApiQuery<MessagesQuery>,
) -> Result<Json<Copied<StoredMessage>>, Problem> {
    let sight = Sight::with(principal, FeedKind::Email)?;
    let named = given.folder.as_deref().unwrap_or_default();
    if FOLDERS.iter().any(|name| name.eq_ignore_ascii_case(named)) {
        return Err(Problem::invalid(
            "folder",
            "`folder` must be a folder's id here: `GET /api/integrations/{id}/folders/` has it. \
             The list of one integration takes well-known names.",
        ));
    }
    let mut asked = Asked::of(FeedKind::Email, given.limit)?;
    asked.span(("since", given.since), ("until", given.until), None)?;
    asked.place(&app, &sight, given.provider, given.integration_id.as_deref()).await?;
    asked.after(given.cursor.as_deref())?;
    asked.query.is_read = asked.given("is_read", given.is_read);
    asked.search(given.search)?;
    asked.query.folder = asked.given("folder", given.folder);
    asked.query.sender = asked.address("sender", given.sender);
    asked.query.person = asked.address("participant", given.participant);
    asked.query.importance = asked.given("importance", given.importance);
    asked.query.bodies = given.include_body;
    asked.given("include_body", given.include_body.then_some(true));
    asked.page(&app, &sight, "email-messages").await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(json: &str, body: Option<&str>) -> StoredItem {
        StoredItem {
            integration: IntegrationId::from_u128(1),
            provider: ProviderKey::from("acme"),
            json: json.to_owned(),
            body: body.map(str::to_owned),
        }
    }

    #[test]
    fn an_item_is_passed_through_as_it_is_stored_with_whose_it_is() {
        let json = r#"{"id":"1","subject":"\"body\":null","body":null,"extra":{"body":null}}"#;
        let head = r#"{"integration_id":"int_00000000000000000000000000000001","provider":"acme","#;
        let rest = r#""id":"1","subject":"\"body\":null","body":null,"extra":{"body":null}}"#;
        assert_eq!(whole(&stored(json, None)).unwrap().get(), format!("{head}{rest}"));
        let body = r#"{"format":"text","content":"\"body\":null"}"#;
        let rest = format!(
            r#""id":"1","subject":"\"body\":null","body":{body},"extra":{{"body":null}}}}"#
        );
        assert_eq!(whole(&stored(json, Some(body))).unwrap().get(), format!("{head}{rest}"));
    }
}

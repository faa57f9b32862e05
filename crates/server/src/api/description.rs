//! The OpenAPI description: what the routes say of themselves, and what is true of all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Array, Content, Object, Ref, RefOr, Required, Response, Schema, Type};

use super::routes;
use crate::problem::{Code, ProblemBody};

const PROBLEM: &str = "application/problem+json";
/// What the bodies of what a provider has look like, by the names of their schemas.
const EXAMPLES: &str = include_str!("examples.json");

/// Operations that ask the provider now, by their tags.
const LIVE: [&str; 5] = ["calendar", "mail", "meetings", "markets", "trading"];
/// What any of them may answer.
const ASKED: [Code; 20] = [
    Code::IntegrationNotFound,
    Code::NotOffered,
    Code::ItemNotFound,
    Code::IntegrationPaused,
    Code::ReconnectRequired,
    Code::ConsentRequired,
    Code::Conflict,
    Code::MissingScope,
    Code::ConditionalAccess,
    Code::AccessDenied,
    Code::MailboxMissing,
    Code::LicenseMissing,
    Code::InvalidRequest,
    Code::InputRefused,
    Code::ProviderThrottled,
    Code::ProviderRefused,
    Code::ProviderUnavailable,
    Code::RegistrationMisconfigured,
    Code::EncryptionKeyMissing,
    Code::DatabaseCopied,
];
/// What those that change something may answer besides.
const CHANGED: [Code; 4] =
    [Code::ItemConflict, Code::ItemTooLarge, Code::QuotaExceeded, Code::OutcomeUnknown];

/// What parameters mean that several operations have.
const PARAMETERS: [(&str, &str); 15] = [
    ("id", "The integration, `int_…`"),
    ("event", "The event, by the provider's id, percent-encoded"),
    ("message", "The message, by the provider's id, percent-encoded"),
    ("attachment", "The attachment, by the provider's id, percent-encoded"),
    ("meeting", "The meeting, by the provider's id, percent-encoded"),
    ("node", "The node, by the `id` that navigation gave, percent-encoded"),
    ("epic", "The market, by the provider's name of it, percent-encoded"),
    ("market", "The market, by its `market_id`, percent-encoded"),
    ("position", "The position, by the provider's id, percent-encoded"),
    ("order", "The order, by the provider's id, percent-encoded"),
    ("list", "The list of markets, by the provider's id, percent-encoded"),
    ("reference", "The deal, by its `reference`"),
    ("sync", "The sync, by its `id`"),
    (
        KEY,
        "The caller's own name for this request: the same again gets the first answer for 24 hours. Where that was lost or \
         said `outcome_unknown`, or a deal's `outcome` was `unknown`, it is looked at the provider for what the first had done, \
         so that it is done once; a deal is never sent again, and a sent \
         message of which the mailbox keeps no copy cannot be found, and may be sent again",
    ),
    (VERSION, "The `version` that is meant; if it is another one by now, nothing happens"),
];
const KEY: &str = "Idempotency-Key";
const VERSION: &str = "If-Match";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Evergrant",
        description = "Keeps the access that users grant to applications alive. Every path takes a trailing slash or none. \
            Errors are `application/problem+json` with a stable `code` and a `remedy`."
    ),
    components(schemas(ProblemBody<'static>)),
    tags(
        (name = "connect", description = "Connect an account at a provider"),
        (name = "integrations", description = "Connected accounts"),
        (name = "copies", description = "What is copied of calendars and mailboxes: bring it up to date, read it, hear what changed"),
        (name = "calendar", description = "Calendars and events, at the provider"),
        (name = "mail", description = "Folders, messages, attachments and settings of a mailbox, at the provider"),
        (name = "meetings", description = "Online meetings, at the provider"),
        (name = "markets", description = "Markets, their prices and lists of them, at the provider"),
        (name = "trading", description = "Trading accounts, positions, orders and their history, at the provider. To deal takes the \
            permission `markets:trade`, which a key has only if it was asked for by name"),
        (name = "token", description = "Access tokens that work"),
        (name = "notifications", description = "What providers tell of changes"),
        (name = "operation", description = "Health, registrations and notices"),
    )
)]
pub(super) struct Api;

/// The OpenAPI description of every route.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut api = routes().into_openapi();
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An access key, `evg_…`. A service key names its user in `Evergrant-User`.",
        ))
        .build();
    api.components
        .get_or_insert_default()
        .add_security_scheme("access_key", SecurityScheme::Http(key));
    for (path, item) in &mut api.paths.paths {
        for operation in [&mut item.get].into_iter().flatten() {
            complete(path, operation, false);
        }
        let changing = [&mut item.post, &mut item.patch, &mut item.delete];
        for operation in changing.into_iter().flatten() {
            complete(path, operation, true);
        }
    }
    illustrate(&mut api.components.get_or_insert_default().schemas);
    api
}

/// Shows what the bodies of what a provider has look like.
fn illustrate(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    // Whether the file can be read, a test tells.
    let mut examples: BTreeMap<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    for name in ["Event", "Message"] {
        let mut stored = examples.get(name).cloned().unwrap_or_default();
        stored["integration_id"] = json!("int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708");
        stored["provider"] = json!("acme_calendar");
        examples.insert(format!("Stored{name}"), stored);
    }
    for (name, example) in examples {
        for list in ["Listed", "Copied"] {
            let list = schemas.get_mut(&format!("{list}_{name}"));
            if let Some(RefOr::T(Schema::Object(list))) = list {
                if !list.properties.contains_key("feeds") {
                    list.example = Some(json!({ "results": [example], "next": null }));
                }
                let items = Array::new(Ref::from_schema_name(&name));
                list.properties.insert("results".to_owned(), RefOr::T(Schema::Array(items)));
            }
        }
        match schemas.get_mut(&name) {
            Some(RefOr::T(Schema::Object(schema))) => schema.example = Some(example),
            Some(RefOr::T(Schema::OneOf(schema))) => schema.example = Some(example),
            Some(RefOr::T(Schema::AllOf(schema))) => schema.example = Some(example),
            _ => {}
        }
    }
}

/// Adds what is true of every operation: what it may answer, the shape of every problem, and what
/// its parameters mean.
fn complete(path: &str, operation: &mut Operation, changing: bool) {
    let parameters = operation.parameters.get_or_insert_default();
    let names = path.split(['{', '}']).skip(1).step_by(2);
    for (place, name) in names.enumerate() {
        if !has(parameters, name) {
            parameters.insert(place, RefOr::T(named(name)));
        }
    }
    let has = |name: &str| has(parameters, name);
    let mut common = vec![Code::Internal];
    if operation.security.is_some() {
        common.extend([
            Code::UserRequired,
            Code::Unauthenticated,
            Code::Forbidden,
            Code::StorageUnavailable,
        ]);
    }
    if operation.request_body.is_some() {
        common.extend([
            Code::BodyTooLarge,
            Code::BodyTooSlow,
            Code::UnsupportedMediaType,
            Code::InvalidRequest,
        ]);
    }
    if operation.tags.iter().flatten().any(|tag| LIVE.contains(&tag.as_str())) {
        common.extend(ASKED);
        if changing {
            common.extend(CHANGED);
        }
        if has(KEY) || operation.responses.responses.values().any(is_file) {
            common.push(Code::ServerBusy);
        }
    }
    if has(KEY) {
        common.extend([Code::IdempotencyKeyInUse, Code::IdempotencyKeyReused]);
        // Even one that takes no body looks whether there is one.
        common.extend([Code::BodyTooLarge, Code::BodyTooSlow, Code::UnsupportedMediaType]);
    }
    if has(VERSION) {
        common.push(Code::ItemChanged);
    }
    for parameter in parameters {
        if let RefOr::T(parameter) = parameter
            && parameter.description.is_none()
        {
            let meaning = PARAMETERS.iter().find(|(name, _)| *name == parameter.name);
            parameter.description = meaning.map(|(_, meaning)| (*meaning).to_owned());
        }
    }
    let responses = &mut operation.responses.responses;
    for code in common {
        let status = code.status().as_str().to_owned();
        let response = responses.entry(status).or_insert_with(|| RefOr::T(Response::default()));
        if let RefOr::T(response) = response {
            let name = format!("`{}`", code.name());
            if response.description.is_empty() {
                response.description = name;
            } else if !response.description.contains(&name) {
                response.description = format!("{}; {name}", response.description);
            }
            let content = response.content.entry(PROBLEM.to_owned());
            content.or_insert_with(problem_body);
        }
    }
    for response in responses.values_mut() {
        if let RefOr::T(response) = response
            && let Some(content) = response.content.get_mut(PROBLEM)
        {
            *content = problem_body();
        }
    }
}

/// Whether bytes are answered, which may be many.
fn is_file(response: &RefOr<Response>) -> bool {
    match response {
        RefOr::T(response) => response.content.contains_key("application/octet-stream"),
        RefOr::Ref(_) => false,
    }
}

fn has(parameters: &[RefOr<Parameter>], name: &str) -> bool {
    parameters.iter().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.name == name,
        RefOr::Ref(_) => false,
    })
}

/// A part of the path.
fn named(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(Object::with_type(Type::String)))
        .build()
}

fn problem_body() -> RefOr<Content> {
    RefOr::T(Content::new(Some(Ref::from_schema_name("Problem"))))
}

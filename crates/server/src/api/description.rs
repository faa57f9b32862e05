//! The OpenAPI description: what the routes say of themselves, and what is true of all of them.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response};

use super::routes;
use crate::problem::{Code, ProblemBody};

const PROBLEM: &str = "application/problem+json";

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
        (name = "token", description = "Access tokens that work"),
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
    for path in api.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.patch, &mut path.delete];
        operations.into_iter().flatten().for_each(complete);
    }
    api
}

/// Adds what every operation may answer, and the shape of every problem.
fn complete(operation: &mut Operation) {
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
        common.extend([Code::BodyTooLarge, Code::UnsupportedMediaType, Code::InvalidRequest]);
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

fn problem_body() -> RefOr<Content> {
    RefOr::T(Content::new(Some(Ref::from_schema_name("Problem"))))
}

//! The OpenAPI description: what the routes say of themselves, and what is true of all of them.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response};

use super::routes;
use crate::problem::ProblemBody;

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
        (name = "operation", description = "Health"),
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
        let operations = [
            &mut path.get,
            &mut path.post,
            &mut path.patch,
            &mut path.delete,
        ];
        operations.into_iter().flatten().for_each(complete);
    }
    api
}

/// Adds what every operation with a key answers, and the shape of every problem.
fn complete(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    if operation.security.is_some() {
        for (status, codes) in [
            ("400", "`user_required`"),
            ("401", "`unauthenticated`"),
            ("403", "`forbidden`"),
            ("503", "`storage_unavailable`"),
        ] {
            let problem = || RefOr::T(Response::builder().description(codes).build());
            let entry = responses.entry(status.to_owned()).or_insert_with(problem);
            if let RefOr::T(response) = entry {
                let entry = response.content.entry(PROBLEM.to_owned());
                entry.or_insert_with(problem_body);
                if !response.description.contains(codes) {
                    response.description = format!("{codes}, {}", response.description);
                }
            }
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

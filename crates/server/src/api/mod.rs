//! The routes. One file per group of operations.

mod connect;
mod health;
mod integrations;
mod token;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use tower::ServiceExt;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::App;
use crate::problem::{Code, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What every answer forbids the browser; pages and the reference bring their own policy.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The reference's page styles and scripts itself from this server.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What follows it is as good as a password for a day: it is not logged.
const RECONNECT: &str = "/api/integrations/oauth/reconnect/";
/// The longest body a request may have, in bytes.
const LONGEST_BODY: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Evergrant",
        description = "Keeps the access that users grant to applications alive. Every path takes a trailing slash or none. \
            Errors are `application/problem+json` with a stable `code` and a `remedy`."
    ),
    tags(
        (name = "connect", description = "Connect an account at a provider"),
        (name = "integrations", description = "Connected accounts"),
        (name = "token", description = "Access tokens that work"),
        (name = "operation", description = "Health"),
    )
)]
struct Api;

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(connect::initiate))
        .routes(routes!(connect::callback))
        .routes(routes!(connect::browser_callback))
        .routes(routes!(connect::reconnect))
        .routes(routes!(integrations::list))
        .routes(routes!(
            integrations::show,
            integrations::edit,
            integrations::disconnect
        ))
        .routes(routes!(integrations::profile))
        .routes(routes!(token::token))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

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
    api
}

/// Everything users call.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    let described = router.merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()));
    finish(described, app)
}

/// What operators call, on a listener of its own.
pub fn admin_router(app: App) -> Router {
    let (router, _) = OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .split_for_parts();
    finish(router, app)
}

fn finish(router: Router<App>, app: App) -> Router {
    let main = router
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(app.clone());
    // Routes are written with their trailing slash; what is not found is looked for in the other form.
    let other = main.clone().fallback(not_found);
    main.fallback(move |request: Request| async move {
        match toggle_slash(request) {
            Ok(request) => other.oneshot(request).await.into_response(),
            Err(problem) => problem.into_response(),
        }
    })
    .layer(middleware::from_fn_with_state(app, frame))
}

fn toggle_slash(mut request: Request) -> Result<Request, Problem> {
    let (path, query) = (request.uri().path(), request.uri().query());
    let other = path
        .strip_suffix('/')
        .map_or_else(|| format!("{path}/"), str::to_owned);
    let whole = query.map_or_else(|| other.clone(), |query| format!("{other}?{query}"));
    *request.uri_mut() = whole.parse::<Uri>().map_err(|_| nothing_here())?;
    Ok(request)
}

fn nothing_here() -> Problem {
    Problem::new(Code::NotFound, "No path of this server is called that.")
}

async fn not_found() -> Problem {
    nothing_here()
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "This path exists, but does not take this method.",
    )
}

/// What every answer carries, and the one log line of every request that went wrong.
async fn frame(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = app.next_request_id();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let logged = match path.split_once(RECONNECT) {
        Some(("", _)) => RECONNECT,
        _ => &path,
    };
    let code = response.extensions().get::<Code>().copied();
    let status = response.status();
    let response = match code {
        Some(_) => name_request(response, &id).await,
        None => response,
    };
    if status.is_server_error() {
        tracing::error!(request_id = id, %method, path = logged, status = status.as_u16(), code = code.map(Code::name), "request failed");
    } else {
        tracing::debug!(request_id = id, %method, path = logged, status = status.as_u16(), code = code.map(Code::name), "request");
    }
    dress(response, &id, &path)
}

/// Security headers and the request's id.
fn dress(mut response: Response, id: &str, path: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let policy = if path.starts_with("/docs") {
        DOCS_POLICY
    } else {
        POLICY
    };
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(policy));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Puts the request's id into a problem's body. Not for a 404: foreign and unknown are to look the
/// same to the byte, and the header has it anyway.
async fn name_request(response: Response, id: &str) -> Response {
    if response.status() == StatusCode::NOT_FOUND {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Ok(mut problem) = serde_json::from_slice::<serde_json::Map<_, _>>(&bytes) else {
        return Response::from_parts(parts, bytes.into());
    };
    problem.insert("request_id".to_owned(), serde_json::Value::from(id));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, serde_json::Value::Object(problem).to_string().into())
}

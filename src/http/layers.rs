//! What every request passes: an id, a log span, a deadline, a net for panics, and headers that protect the browser.
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    Problem,
    peer::{Client, Network},
};
use crate::kernel::{Clock, Code};

/// Entry of the room: phones and the projector. Nothing inline, nothing from elsewhere, no string becomes HTML.
pub const CSP_ROOM: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";
/// Entry of the studio: the same, without trusted types, which the editor cannot keep.
pub const CSP_STUDIO: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";
/// Everything that is not a page.
const CSP_DATA: &str = "default-src 'none'; frame-ancestors 'none'";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the layers need to know.
#[derive(Debug, Clone)]
pub struct Guard {
    /// For request ids.
    pub clock: Clock,
    /// Longest time until the head of an answer.
    pub deadline: Duration,
    /// Largest body, in bytes. A route may set its own.
    pub body_bytes: usize,
    /// Proxies that are believed.
    pub trusted_proxies: Arc<[Network]>,
}

/// The id of a request; in the answer's `x-request-id`, and in every log line of the request. In the extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// Puts the layers around all routes, and answers wrong methods with a problem.
pub fn around<S: Clone + Send + Sync + 'static>(routes: Router<S>, guard: Guard) -> Router<S> {
    routes
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(guard.body_bytes))
        .layer(from_fn_with_state(guard, pass))
}

async fn pass(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let (mut parts, body) = request.into_parts();
    let id = request_id(&parts.headers, &guard.clock);
    let client = Client::of(&parts, &guard.trusted_proxies);
    if let Some(client) = client {
        parts.extensions.insert(client);
    }
    parts.extensions.insert(RequestId(id.clone()));
    let method = parts.method.clone();
    let route =
        parts.extensions.get::<MatchedPath>().map_or_else(|| Arc::from("other"), |p| Arc::<str>::from(p.as_str()));
    // Never the query: it may hold a token.
    let span = tracing::info_span!("request", id = %id, %method, path = parts.uri.path());
    let work = AssertUnwindSafe(next.run(Request::from_parts(parts, body))).catch_unwind();
    let mut response = async {
        let response = match tokio::time::timeout(guard.deadline, work).await {
            Ok(Ok(response)) => response,
            Ok(Err(panic)) => panicked(panic.as_ref()),
            Err(_) => {
                tracing::warn!("the request took too long");
                Problem::new(Code::Timeout).into_response()
            }
        };
        let took = start.elapsed();
        let status = response.status().as_u16();
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(status, ms, client = client.map(|c| tracing::field::display(c.ip)), "answered");
        record(&method, &route, status, took);
        response
    }
    .instrument(span)
    .await;
    protect(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The caller's id, if it is harmless in a log; else a fresh one.
fn request_id(headers: &HeaderMap, clock: &Clock) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match given.filter(harmless) {
        Some(id) => Arc::from(id),
        None => Arc::from(clock.id::<RequestId>().uuid().simple().to_string()),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Problem::internal(format_args!("a handler panicked: {}", text.unwrap_or("no text"))).into_response()
}

fn record(method: &Method, route: &str, status: u16, took: Duration) {
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    };
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::histogram!("atelier_http_request_duration_seconds", &labels).record(took.as_secs_f64());
}

/// What a route has set itself stays.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CSP_DATA),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Answers about people do not belong into a shared cache; files say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(path: &str) -> Response {
        use tower::ServiceExt;
        let guard = Guard {
            clock: Clock::system(),
            deadline: Duration::from_millis(50),
            body_bytes: 10,
            trusted_proxies: [].into(),
        };
        let routes = Router::new()
            .route("/panics", axum::routing::get(async || -> &'static str { panic!("on purpose") }))
            .route("/slow", axum::routing::get(std::future::pending::<&'static str>))
            .route("/own", axum::routing::get(async || [(header::CACHE_CONTROL, "no-cache")]))
            .route("/post", axum::routing::post(async |body: axum::body::Bytes| body));
        let post = path == "/post";
        let request = Request::builder()
            .method(if post { "POST" } else { "GET" })
            .uri(path)
            .body(if post { "eleven char".into() } else { axum::body::Body::empty() })
            .unwrap();
        around::<()>(routes, guard).oneshot(request).await.unwrap()
    }

    async fn code(response: Response) -> (u16, String) {
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        (status, problem["code"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn panics_and_slowness_become_problems() {
        assert_eq!(code(ask("/panics").await).await, (500, "internal".to_owned()));
        assert_eq!(code(ask("/slow").await).await, (504, "timeout".to_owned()));
        assert_eq!(ask("/post").await.status(), 413);
    }

    #[tokio::test]
    async fn every_answer_is_protected_and_a_routes_own_header_stays() {
        for path in ["/own", "/panics", "/slow", "/nowhere"] {
            let response = ask(path).await;
            let headers = response.headers();
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], CSP_DATA, "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], if path == "/own" { "no-cache" } else { "no-store" }, "{path}");
            assert!(headers.contains_key(REQUEST_ID), "{path}");
        }
    }

    #[test]
    fn only_harmless_request_ids_are_taken_over() {
        let clock = Clock::system();
        let with = |id: &str| HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(id).unwrap())]);
        assert_eq!(&*request_id(&with("abc-1.2_3"), &clock), "abc-1.2_3");
        for bad in ["", "a b", "a\"b", "<x>", &"x".repeat(65)] {
            let made = request_id(&with(bad), &clock);
            assert_eq!(made.len(), 32, "{bad}");
        }
    }
}

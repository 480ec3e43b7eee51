//! Is the process alive; can it do its work; what do its numbers say.
use std::{fmt, future::Future, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{FutureExt, future::BoxFuture, future::join_all};
use serde_json::{Map, Value, json};

const DEADLINE: Duration = Duration::from_secs(1);

/// Something the server needs to do its work.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    /// Can nothing be done without it?
    needed: bool,
    ask: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// `ask` says what is wrong, for people; it has one second.
    pub fn new<F>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, needed: true, ask: Arc::new(move || ask().boxed()) }
    }

    /// As [`Check::new`], for something without which the work is slower: the server stays ready, and says so.
    pub fn advisory<F>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { needed: false, ..Self::new(name, ask) }
    }

    async fn outcome(&self) -> Result<(), String> {
        match tokio::time::timeout(DEADLINE, (self.ask)()).await {
            Ok(outcome) => outcome,
            Err(_) => Err("no answer within a second".to_owned()),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({})", self.name)
    }
}

/// `/health/live`, `/health/ready`, `/metrics`. `numbers` is the text for Prometheus.
pub fn routes<S, N>(checks: Vec<Check>, numbers: N) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    N: Fn() -> String + Clone + Send + Sync + 'static,
{
    let checks: Arc<[Check]> = checks.into();
    Router::new()
        .route("/health/live", get(async || Json(json!({"status": "ok"}))))
        .route("/health/ready", get(async move || ready(&checks).await))
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], numbers())))
}

async fn ready(checks: &[Check]) -> Response {
    let outcomes = join_all(checks.iter().map(Check::outcome)).await;
    let all = |needed: bool| {
        let mut some = checks.iter().zip(&outcomes).filter(|(check, _)| check.needed == needed);
        some.all(|(_, outcome)| outcome.is_ok())
    };
    let (status, word) = match (all(true), all(false)) {
        (true, true) => (StatusCode::OK, "ok"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let said: Map<String, Value> = checks
        .iter()
        .zip(outcomes)
        .map(|(check, outcome)| (check.name.to_owned(), outcome.err().map_or("ok".into(), Value::from)))
        .collect();
    (status, Json(json!({"status": word, "checks": said}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(response: Response) -> Value {
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn ready_only_when_everything_is_and_says_what_is_not() {
        let fine = Check::new("fine", async || Ok(()));
        let broken = Check::new("broken", async || Err("it fell down".to_owned()));
        let silent = Check::new("silent", std::future::pending);
        assert_eq!(ready(std::slice::from_ref(&fine)).await.status(), StatusCode::OK);
        let slower = Check::advisory("slower", async || Err("degraded: it limps".to_owned()));
        let response = ready(&[fine.clone(), slower]).await;
        assert_eq!(response.status(), StatusCode::OK);
        let said = body(response).await;
        assert_eq!(said, json!({"status": "degraded", "checks": {"fine": "ok", "slower": "degraded: it limps"}}));
        let response = ready(&[fine, broken, silent]).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            body(response).await["checks"],
            json!({"fine": "ok", "broken": "it fell down", "silent": "no answer within a second"})
        );
    }
}

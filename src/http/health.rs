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
    ask: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// `ask` says what is wrong, for people; it has one second.
    pub fn new<F>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, ask: Arc::new(move || ask().boxed()) }
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
    let ok = outcomes.iter().all(Result::is_ok);
    let said: Map<String, Value> = checks
        .iter()
        .zip(outcomes)
        .map(|(check, outcome)| (check.name.to_owned(), outcome.err().map_or("ok".into(), Value::from)))
        .collect();
    let (status, word) = if ok { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (status, Json(json!({"status": word, "checks": said}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ready_only_when_everything_is_and_says_what_is_not() {
        let fine = Check::new("fine", async || Ok(()));
        let broken = Check::new("broken", async || Err("it fell down".to_owned()));
        let silent = Check::new("silent", std::future::pending);
        assert_eq!(ready(std::slice::from_ref(&fine)).await.status(), StatusCode::OK);
        let response = ready(&[fine, broken, silent]).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["checks"],
            json!({"fine": "ok", "broken": "it fell down", "silent": "no answer within a second"})
        );
    }
}

//! Is the process alive; can it do its work; what do its numbers say.
use std::time::Duration;

use axum::{
    Json, Router,
    extract::{FromRef, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use crate::{db::Db, runtime::Tasks};

const DEADLINE: Duration = Duration::from_secs(1);

/// `/health/live`, `/health/ready`, `/metrics`.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Db: FromRef<S>,
    Tasks: FromRef<S>,
    PrometheusHandle: FromRef<S>,
{
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready)).route("/metrics", get(numbers))
}

async fn live() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

async fn ready(State(db): State<Db>, State(tasks): State<Tasks>) -> Response {
    let database = match tokio::time::timeout(DEADLINE, db.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            Err("the database cannot be reached")
        }
        Err(_) => Err("the database does not answer within a second"),
    };
    let server = if tasks.stopping().is_cancelled() { Err("the server is shutting down") } else { Ok(()) };
    let ok = database.is_ok() && server.is_ok();
    let say = |check: Result<(), &'static str>| check.map_or_else(|why| why, |()| "ok");
    let body = json!({
        "status": if ok { "ok" } else { "unavailable" },
        "checks": {"database": say(database), "server": say(server)},
    });
    (if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body)).into_response()
}

async fn numbers(State(handle): State<PrometheusHandle>, State(db): State<Db>) -> impl IntoResponse {
    let (used, open) = db.usage();
    metrics::gauge!("db_connections_used").set(used);
    metrics::gauge!("db_connections_open").set(open);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())
}

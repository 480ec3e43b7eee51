//! Logs and metrics. Logs go to standard error, as text or JSON; metrics are kept and rendered for `/metrics`.
use std::{io::IsTerminal, sync::OnceLock};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Config, LogFormat};

/// Seconds. From a lookup in memory to a request that is about to time out.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// How many; batches, frames.
const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// Starts logging. Once per process.
pub fn start_logs(config: &Config) -> anyhow::Result<()> {
    let filter = filter(&config.log)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init(),
    }
    .context("logging was started twice")?;
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(())
}

/// The operator's filter, except that frames are never written out: they hold what people wrote.
fn filter(text: &str) -> anyhow::Result<EnvFilter> {
    let mut filter =
        EnvFilter::try_new(text).with_context(|| format!("ATELIER_LOG: \"{text}\" is not a log filter"))?;
    for quiet in ["tungstenite=info", "tokio_tungstenite=info", "sqlx=warn"] {
        let target = quiet.split('=').next().unwrap_or_default();
        if target != "sqlx" || !text.contains("sqlx") {
            filter = filter.add_directive(quiet.parse()?);
        }
    }
    Ok(filter)
}

/// The recorder of this process, started at the first call.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets(COUNTS)?
        .build_recorder();
    let handle = recorder.handle();
    if HANDLE.set(handle.clone()).is_ok() {
        metrics::set_global_recorder(recorder).ok().context("another metrics recorder is in the way")?;
        describe();
    }
    Ok(HANDLE.get().cloned().unwrap_or(handle))
}

fn describe() {
    metrics::describe_histogram!("atelier_http_request_duration_seconds", "Time to the head of the answer.");
    metrics::describe_gauge!("atelier_http_connections", "Open connections, sockets not included.");
    metrics::describe_counter!("atelier_tasks_panicked_total", "Background tasks ended by a panic.");
    metrics::describe_gauge!("atelier_db_connections_used", "Database connections in use.");
    metrics::describe_gauge!("atelier_db_connections_open", "Database connections open.");
    metrics::describe_gauge!("atelier_live_rooms", "Live sessions open on this node.");
    metrics::describe_gauge!("atelier_live_nodes", "Nodes that hold a lease.");
    metrics::describe_counter!("atelier_live_presence_writes_total", "Rows written about who is connected here.");
    metrics::describe_counter!("atelier_live_presence_reaps_total", "Rows of lost nodes that this node has seen to.");
    metrics::describe_counter!("atelier_live_leases_lost_total", "Times this node was thought to be lost.");
    metrics::describe_gauge!("atelier_gateway_connections", "Live sockets.");
    metrics::describe_counter!("atelier_gateway_frames_sent_total", "Messages written to live sockets.");
    metrics::describe_counter!("atelier_gateway_fell_behind_total", "Slow readers that were given a fresh snapshot.");
    metrics::describe_counter!("atelier_live_commits_total", "Transactions of live sessions.");
    metrics::describe_counter!(
        "atelier_live_commit_failures_total",
        "Transactions that failed; nothing was acknowledged."
    );
    metrics::describe_counter!("atelier_live_retries_total", "Commands answered with retry.");
    metrics::describe_counter!("atelier_live_events_total", "Events written or read from other nodes.");
    metrics::describe_histogram!("atelier_live_commit_seconds", "Time of one transaction of a live session.");
    metrics::describe_histogram!("atelier_live_batch_commands", "Commands in one transaction.");
    describe_documents();
}

fn describe_documents() {
    metrics::describe_gauge!("atelier_collab_documents_open", "Documents open on this node.");
    metrics::describe_gauge!("atelier_collab_resident_bytes", "What open documents take of memory, estimated.");
    metrics::describe_gauge!("atelier_collab_awareness_clients", "Carets seen in all open documents.");
    metrics::describe_counter!("atelier_collab_unloads_total", "Documents let go because memory was wanted.");
    metrics::describe_counter!("atelier_collab_refused_opens_total", "Documents not opened for want of memory.");
    metrics::describe_histogram!("atelier_collab_commit_seconds", "Time of one transaction of a document.");
    metrics::describe_histogram!("atelier_collab_ack_seconds", "From the first change of a batch until it is saved.");
    metrics::describe_counter!("atelier_collab_commit_failures_total", "Transactions that failed; tried again.");
    metrics::describe_counter!("atelier_collab_updates_total", "Changes saved.");
    metrics::describe_counter!("atelier_collab_held_updates_total", "Changes that waited for what they build on.");
    metrics::describe_counter!("atelier_collab_refused_updates_total", "Changes that the gate refused, by reason.");
    metrics::describe_counter!(
        "atelier_collab_log_pulls_total",
        "Times changes of other nodes were read from the log."
    );
    metrics::describe_counter!("atelier_collab_reloads_total", "Documents given up and read anew.");
    metrics::describe_counter!("atelier_collab_compactions_total", "Logs merged.");
    metrics::describe_counter!("atelier_collab_versions_total", "Versions kept by themselves.");
    metrics::describe_counter!("atelier_collab_paused_reads_total", "Times a connection was too fast and had to wait.");
    metrics::describe_counter!(
        "atelier_collab_delayed_awareness_total",
        "Looks that came too fast; the last one counts."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_never_logged_and_nonsense_is_refused() {
        assert!(filter("trace").unwrap().to_string().contains("tungstenite=info"));
        assert!(filter("sqlx=debug").unwrap().to_string().contains("sqlx=debug"));
        assert!(filter("a=b=c").is_err());
    }

    #[test]
    fn durations_are_histograms() {
        let handle = metrics().unwrap();
        metrics::histogram!("some_duration_seconds").record(0.02);
        assert!(handle.render().contains("some_duration_seconds_bucket{le=\"0.025\"} 1"), "{}", handle.render());
    }
}

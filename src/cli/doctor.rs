//! Looks at what the server needs and says, line by line, what is right and what to do.
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::health;
use crate::{
    bus::{Bus, Health, redis::Settings},
    config::{Config, Database},
    db::embedded::binaries::{self, Binaries},
    kernel::Clock,
    server::Server,
};

const DEADLINE: Duration = Duration::from_secs(5);

/// Examines everything, and fails if something is wrong.
pub async fn examine(config: anyhow::Result<Config>) -> anyhow::Result<()> {
    let mut findings = Findings::default();
    let Some(config) = findings.note("configuration", config.map(|config| (config, "loads".to_owned()))) else {
        return findings.conclude();
    };
    findings.note("address", address(&config).map(|said| ((), said)));
    match &config.database {
        Database::Embedded => {
            findings.note("PostgreSQL", embedded(&config).map(|said| ((), said)));
        }
        Database::External { serve, owner } => {
            findings.note("database, to serve with", reach(serve).await.map(|said| ((), said)));
            findings.note("database, to migrate with", reach(owner).await.map(|said| ((), said)));
        }
    }
    if let Some(settings) = config.redis.clone() {
        findings.note("Redis", redis(settings).await.map(|said| ((), said)));
    }
    findings.note("public address", public(&config).map(|said| ((), said)));
    findings.conclude()
}

#[derive(Default)]
struct Findings {
    wrong: usize,
}

impl Findings {
    fn note<T>(&mut self, what: &str, finding: anyhow::Result<(T, String)>) -> Option<T> {
        match finding {
            Ok((value, said)) => {
                println!("ok     {what}: {said}");
                Some(value)
            }
            Err(error) => {
                self.wrong += 1;
                println!("wrong  {what}: {error:#}");
                None
            }
        }
    }

    fn conclude(self) -> anyhow::Result<()> {
        match self.wrong {
            0 => Ok(()),
            1 => bail!("one thing needs your attention"),
            n => bail!("{n} things need your attention"),
        }
    }
}

fn address(config: &Config) -> anyhow::Result<String> {
    match Server::bind(config) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(_) if answers(config) => Ok(format!("a server is running at {} and says it is alive", config.listen)),
        Err(error) => Err(error),
    }
}

/// Is it one of ours that holds the port?
fn answers(config: &Config) -> bool {
    health::get(config, "/health/live").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn embedded(config: &Config) -> anyhow::Result<String> {
    let made_by = binaries::made_by(&config.data_dir.join("pgdata"))?;
    let found = Binaries::find(config.pg_bin.as_deref(), made_by)?;
    let data = config.data_dir.display();
    Ok(match made_by {
        Some(version) => format!("version {version}, with data in {data}"),
        None => format!("version {}, will make its data in {data}", found.major),
    })
}

async fn reach(options: &PgConnectOptions) -> anyhow::Result<String> {
    let connecting = tokio::time::timeout(DEADLINE, PgConnection::connect_with(options));
    let connection = connecting.await.context("no answer within five seconds")??;
    let version = connection.server_version_num().unwrap_or(0) / 10_000;
    connection.close().await?;
    if version < 15 {
        bail!("PostgreSQL {version} is too old; 15 or newer is needed");
    }
    Ok(format!("PostgreSQL {version}, as {}", options.get_username()))
}

/// Sends a probe through it, as the server does.
async fn redis(settings: Settings) -> anyhow::Result<String> {
    let place = settings.to_string();
    let (bus, work) = Bus::redis(settings, &Clock::system());
    let mut watch = bus.watch();
    tokio::select! {
        () = work => {}
        () = watch.carrying() => return Ok(format!("{place} carries what nodes tell each other")),
        () = tokio::time::sleep(DEADLINE) => {}
    }
    let Health::Silent { why, .. } = bus.health() else { bail!("{place}: it comes and goes") };
    bail!("{place}: {why}. A server runs without it, but nodes hear each other later; look at REDIS_URL")
}

fn public(config: &Config) -> anyhow::Result<String> {
    let base = config.base_url();
    if config.public_url.is_none() {
        return Ok(format!("{base}; set ATELIER_PUBLIC_URL to what people type, it goes into links and QR codes"));
    }
    if base.starts_with("https://") && config.trusted_proxies.is_empty() {
        bail!(
            "{base} means a proxy in front, but none is trusted: set ATELIER_TRUSTED_PROXIES to its address, or all \
             people share one address in rate limits and cookies are not marked Secure"
        );
    }
    Ok(base)
}

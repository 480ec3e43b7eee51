//! Configuration: environment over file over defaults. The only place that reads the environment.
//!
//! Every key has one name: `listen` in the file is `ATELIER_LISTEN` in the environment (`database_url` is also read
//! from `DATABASE_URL`, `redis_url` from `REDIS_URL`; the name with `ATELIER_` wins). A key nobody asks for is an error,
//! so that a typing mistake cannot hide.
use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use sqlx::postgres::PgConnectOptions;

use crate::{
    bus::redis,
    http::peer::Network,
    identity::Registration,
    runtime::{Drain, Limits, Rate, Rates},
};

/// Everything an operator may set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where PostgreSQL is.
    pub database: Database,
    /// Where Redis is, through which nodes tell each other; none: there is one node.
    pub redis: Option<redis::Settings>,
    /// Where the embedded database and other files live.
    pub data_dir: PathBuf,
    /// The folder with `postgres` and `initdb`, for the embedded database.
    pub pg_bin: Option<PathBuf>,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address people see, without a slash at the end; in links and QR codes.
    pub public_url: Option<String>,
    /// What is logged.
    pub log: String,
    /// How it is written.
    pub log_format: LogFormat,
    /// May anybody make an account?
    pub registration: Registration,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Connections in the pool.
    pub database_connections: u32,
    /// How to go down.
    pub drain: Drain,
    /// Bounds of connections and requests.
    pub limits: Limits,
    /// Bounds per client address.
    pub rates: Rates,
}

/// Where PostgreSQL is.
#[derive(Debug, Clone)]
pub enum Database {
    /// A private one in the data directory.
    Embedded,
    /// A server that somebody else runs.
    External {
        /// The restricted login, to serve with.
        serve: Box<PgConnectOptions>,
        /// The owner of the tables, to migrate with.
        owner: Box<PgConnectOptions>,
    },
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("choose text or json"),
        }
    }
}

const DEFAULT_LOG: &str = "info";

impl Config {
    /// Reads the environment and, if one is named, the file.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let text = match file {
            Some(path) => Some((
                path,
                std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the configuration file {}", path.display()))?,
            )),
            None => None,
        };
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self::from_sources(text.as_ref().map(|(path, text)| (*path, text.as_str())), environment)
    }

    /// Takes nothing but this text: for tests, which must not depend on the environment they run in.
    pub fn from_text(text: &str) -> anyhow::Result<Self> {
        Self::from_sources(Some((Path::new("text"), text)), std::iter::empty::<(String, String)>())
    }

    fn from_sources<V: Into<std::ffi::OsString>>(
        file: Option<(&Path, &str)>,
        environment: impl Iterator<Item = (String, V)>,
    ) -> anyhow::Result<Self> {
        let mut given = Given::default();
        if let Some((path, text)) = file {
            given.add_file(path, text)?;
        }
        given.add_environment(environment)?;
        let limits = limits(&mut given)?;
        let config = Self {
            database: database(&mut given)?,
            redis: redis(&mut given)?,
            data_dir: given.or("data_dir", PathBuf::from("./data"))?,
            pg_bin: given.take("pg_bin")?,
            listen: given.or("listen", SocketAddr::from(([0, 0, 0, 0], 8080)))?,
            public_url: given.take::<PublicUrl>("public_url")?.map(|url| url.0),
            log: given.or("log", DEFAULT_LOG.to_owned())?,
            log_format: given.or("log_format", LogFormat::Text)?,
            registration: given.or("registration", Registration::Open)?,
            trusted_proxies: given.list("trusted_proxies")?,
            database_connections: given.or("database_connections", 20)?,
            drain: drain(&mut given)?,
            limits,
            rates: rates(&mut given)?,
        };
        ensure!(config.database_connections >= 2, "database_connections must be at least 2");
        given.finish()?;
        Ok(config)
    }

    /// The address for links: the public one, or this machine's.
    pub fn base_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            let ip = self.listen.ip();
            let host = if ip.is_unspecified() || ip.is_loopback() { "localhost".to_owned() } else { ip.to_string() };
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            format!("http://{host}:{}", self.listen.port())
        })
    }
}

fn database(given: &mut Given) -> anyhow::Result<Database> {
    let serve = given.take::<PostgresUrl>("database_url")?.map(|url| url.0);
    let owner = given.take::<PostgresUrl>("owner_database_url")?.map(|url| url.0);
    match (serve, owner) {
        (None, None) => Ok(Database::Embedded),
        (Some(serve), owner) => {
            let owner = owner.unwrap_or_else(|| serve.clone());
            Ok(Database::External { serve: Box::new(serve), owner: Box::new(owner) })
        }
        (None, Some(_)) => bail!("ATELIER_OWNER_DATABASE_URL is set, but DATABASE_URL, to serve with, is not"),
    }
}

fn redis(given: &mut Given) -> anyhow::Result<Option<redis::Settings>> {
    let settings = given.take::<redis::Settings>("redis_url")?;
    let mut pem = |key| -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = given.take::<PathBuf>(key)? else { return Ok(None) };
        Ok(Some(std::fs::read(&path).with_context(|| format!("{key}: cannot read {}", path.display()))?))
    };
    let (authorities, certificate, key) = (pem("redis_ca")?, pem("redis_certificate")?, pem("redis_key")?);
    ensure!(certificate.is_some() == key.is_some(), "give both redis_certificate and redis_key, or neither");
    if authorities.is_none() && certificate.is_none() {
        return Ok(settings);
    }
    let secured = settings.filter(redis::Settings::uses_tls);
    let settings = secured.context("certificates for Redis are given, but no REDIS_URL that begins with rediss")?;
    let settings = settings.with_certificates(authorities, certificate.zip(key)).map_err(anyhow::Error::msg);
    settings.context("redis_ca, redis_certificate or redis_key is not usable").map(Some)
}

fn limits(given: &mut Given) -> anyhow::Result<Limits> {
    let default = Limits::default();
    let limits = Limits {
        message_bytes: given.or("limit_message_bytes", default.message_bytes)?,
        commands_per_second: given.or("limit_commands_per_second", default.commands_per_second)?,
        commands_burst: given.or("limit_commands_burst", default.commands_burst)?,
        updates_per_second: given.or("limit_updates_per_second", default.updates_per_second)?,
        updates_burst: given.or("limit_updates_burst", default.updates_burst)?,
        awareness_per_second: given.or("limit_awareness_per_second", default.awareness_per_second)?,
        documents_memory: match given.or("documents_memory_megabytes", default.documents_memory >> 20)? {
            megabytes @ 1..=1_048_576 => megabytes << 20,
            _ => bail!("documents_memory_megabytes is between 1 and 1048576"),
        },
        hello: given.seconds("limit_hello_seconds", default.hello)?,
        connections_per_participant: given
            .or("limit_connections_per_participant", default.connections_per_participant)?,
        ring_frames: given.or("limit_ring_frames", default.ring_frames)?,
        ring_bytes: given.or("limit_ring_bytes", default.ring_bytes)?,
        send_buffer: given.or("limit_send_buffer", default.send_buffer)?,
        body_bytes: given.or("limit_body_bytes", default.body_bytes)?,
        request: given.seconds("limit_request_seconds", default.request)?,
        recheck: given.seconds("limit_recheck_seconds", default.recheck)?,
        archive_after: match given.or("archive_after_days", 30)? {
            0 => None,
            days @ 1..=3_650 => Some(Duration::from_hours(24 * days)),
            _ => bail!("archive_after_days is between 1 and 3650, or 0 for never"),
        },
        images_kept: match given.or("images_kept_days", 7)? {
            days @ 1..=365 => Duration::from_hours(24 * days),
            _ => bail!("images_kept_days is between 1 and 365"),
        },
    };
    let smallest = [
        limits.message_bytes,
        limits.commands_per_second as usize,
        limits.commands_burst as usize,
        limits.updates_per_second as usize,
        limits.updates_burst as usize,
        limits.awareness_per_second as usize,
        limits.connections_per_participant,
        limits.ring_frames,
        limits.ring_bytes,
        limits.body_bytes,
    ];
    ensure!(!smallest.contains(&0), "a limit of 0 would let nothing through; leave the limit out for its default");
    Ok(limits)
}

fn drain(given: &mut Given) -> anyhow::Result<Drain> {
    let default = Drain::default();
    Ok(Drain {
        notice: given.seconds("drain_notice_seconds", default.notice)?,
        spread: given.seconds("drain_spread_seconds", default.spread)?,
        finish: given.seconds("drain_seconds", default.finish)?,
    })
}

fn rates(given: &mut Given) -> anyhow::Result<Rates> {
    let default = Rates::default();
    let mut rate = |key, default: Rate| given.or(key, default);
    Ok(Rates {
        login: rate("rate_login", default.login)?,
        login_email: rate("rate_login_email", default.login_email)?,
        join: rate("rate_join", default.join)?,
        join_unknown: rate("rate_join_unknown", default.join_unknown)?,
        token_refused: rate("rate_token_refused", default.token_refused)?,
        register: rate("rate_register", default.register)?,
        diagnose: rate("rate_diagnose", default.diagnose)?,
        documents: rate("rate_documents", default.documents)?,
    })
}

/// The scheme is checked here: sqlx takes any.
struct PostgresUrl(PgConnectOptions);

impl FromStr for PostgresUrl {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "write it as postgres://user:password@host:5432/database";
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(HOW);
        }
        text.parse().map(Self).map_err(|_| HOW)
    }
}

/// An `http(s)://host[:port]` address without path.
struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "write it as https://workshops.example.org, without a path";
        let text = text.trim_end_matches('/');
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(HOW)?;
        let plain = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
        if plain { Ok(Self(text.to_owned())) } else { Err(HOW) }
    }
}

/// What was given, where, and what of it has been asked for.
#[derive(Default)]
struct Given {
    values: BTreeMap<String, (String, Source)>,
    known: Vec<&'static str>,
}

#[derive(Clone)]
enum Source {
    Environment(String),
    File(PathBuf, String),
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "{name}"),
            Self::File(path, key) => write!(f, "{key} in {}", path.display()),
        }
    }
}

impl Given {
    fn add_file(&mut self, path: &Path, text: &str) -> anyhow::Result<()> {
        let table: toml::Table = text.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
        for (key, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                    items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                }
                _ => bail!("{key} in {}: write a text, a whole number or a list of texts", path.display()),
            };
            self.values.insert(key.clone(), (text, Source::File(path.to_owned(), key)));
        }
        Ok(())
    }

    fn add_environment<V: Into<std::ffi::OsString>>(
        &mut self,
        variables: impl Iterator<Item = (String, V)>,
    ) -> anyhow::Result<()> {
        // Names that others read too come first, so that our own win.
        let (own, common): (Vec<_>, Vec<_>) = variables.partition(|(name, _)| name.starts_with("ATELIER_"));
        for (name, value) in common.into_iter().chain(own) {
            let key = match name.as_str() {
                "DATABASE_URL" => "database_url".to_owned(),
                "REDIS_URL" => "redis_url".to_owned(),
                _ => match name.strip_prefix("ATELIER_") {
                    Some(key) => key.to_ascii_lowercase(),
                    None => continue,
                },
            };
            let Ok(value) = value.into().into_string() else { bail!("{name} is not valid UTF-8") };
            // `NAME= atelier` is how a shell or a compose file says "not set".
            if value.is_empty() {
                self.values.remove(&key);
            } else {
                self.values.insert(key, (value, Source::Environment(name)));
            }
        }
        Ok(())
    }

    fn take<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> anyhow::Result<Option<T>> {
        self.known.push(key);
        let Some((text, source)) = self.values.remove(key) else { return Ok(None) };
        // The value itself is not shown: it may hold a password.
        text.parse().map(Some).map_err(|why| anyhow::anyhow!("{source} is not valid: {why}"))
    }

    fn or<T: FromStr<Err: Display>>(&mut self, key: &'static str, default: T) -> anyhow::Result<T> {
        Ok(self.take(key)?.unwrap_or(default))
    }

    fn seconds(&mut self, key: &'static str, default: Duration) -> anyhow::Result<Duration> {
        Ok(self.take(key)?.map_or(default, Duration::from_secs))
    }

    fn list<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> anyhow::Result<Vec<T>> {
        let source = self.values.get(key).map(|(_, source)| source.clone());
        let text: String = self.or(key, String::new())?;
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(str::parse)
            .collect::<Result<_, T::Err>>()
            .map_err(|why| anyhow::anyhow!("{} is not valid: {why}", source.map_or(String::new(), |s| s.to_string())))
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.known.sort_unstable();
        match self.values.into_values().next() {
            None => Ok(()),
            Some((_, source)) => bail!(
                "{source} is not known. Known keys (in the environment with ATELIER_ before them, in capitals): {}",
                self.known.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::from_sources(None, pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)))
    }
    fn file(text: &str, pairs: &[(&str, &str)]) -> anyhow::Result<Config> {
        let file = Some((Path::new("atelier.toml"), text));
        Config::from_sources(file, pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)))
    }
    fn error(result: anyhow::Result<Config>) -> String {
        format!("{:#}", result.expect_err("must be refused"))
    }

    #[test]
    fn nothing_given_means_an_embedded_database_and_the_defaults() {
        let config = env(&[("PATH", "/bin"), ("HOME", "/")]).unwrap();
        assert!(matches!(config.database, Database::Embedded));
        assert_eq!(config.listen, "0.0.0.0:8080".parse().unwrap());
        assert_eq!((config.limits, config.rates), (Limits::default(), Rates::default()));
        assert_eq!(config.base_url(), "http://localhost:8080");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let text = "listen = '127.0.0.1:1'\nlimit_ring_frames = 7\ntrusted_proxies = ['10.0.0.0/8', '::1']";
        let config = file(text, &[("ATELIER_LISTEN", "[::1]:2"), ("ATELIER_LOG_FORMAT", "json")]).unwrap();
        assert_eq!(config.listen, "[::1]:2".parse().unwrap());
        assert_eq!((config.limits.ring_frames, config.log_format), (7, LogFormat::Json));
        assert_eq!(config.trusted_proxies.len(), 2);
    }

    #[test]
    fn unknown_keys_are_refused_with_their_place() {
        assert!(error(env(&[("ATELIER_LISTNE", "x")])).starts_with("ATELIER_LISTNE is not known"));
        assert!(error(file("listne = 'x'", &[])).starts_with("listne in atelier.toml is not known"));
        assert!(error(file("listen = true", &[])).contains("listen in atelier.toml"));
        assert!(error(file("listen = ", &[])).contains("not valid TOML"));
    }

    #[test]
    fn wrong_values_are_refused_without_showing_them() {
        for (key, value) in [
            ("ATELIER_LISTEN", "8080"),
            ("ATELIER_LOG_FORMAT", "xml"),
            ("ATELIER_REGISTRATION", "maybe"),
            ("ATELIER_TRUSTED_PROXIES", "10.0.0.0/8,everyone"),
            ("ATELIER_PUBLIC_URL", "my.example"),
            ("ATELIER_RATE_LOGIN", "often"),
            ("DATABASE_URL", "mysql:secret"),
            ("REDIS_URL", "http://secret"),
            ("ATELIER_REDIS_URL", "redis://:secret@"),
        ] {
            let message = error(env(&[(key, value)]));
            assert!(message.starts_with(&format!("{key} is not valid")) && !message.contains(value), "{message}");
        }
        assert!(error(env(&[("ATELIER_LIMIT_BODY_BYTES", "0")])).contains("limit of 0"));
    }

    #[test]
    fn a_named_file_that_is_not_there_is_fatal() {
        assert!(error(Config::load(Some(Path::new("/nowhere/atelier.toml")))).contains("/nowhere/atelier.toml"));
    }

    #[test]
    fn owner_and_serving_login() {
        let one = env(&[("DATABASE_URL", "postgres://o@h/d")]).unwrap();
        let Database::External { owner, .. } = one.database else { panic!("external") };
        assert_eq!(owner.get_username(), "o");
        let two =
            env(&[("DATABASE_URL", "postgres://s@h/d"), ("ATELIER_OWNER_DATABASE_URL", "postgres://o@h/d")]).unwrap();
        let Database::External { serve, owner } = two.database else { panic!("external") };
        assert_eq!((serve.get_username(), owner.get_username()), ("s", "o"));
        assert!(error(env(&[("ATELIER_OWNER_DATABASE_URL", "postgres://o@h/d")])).contains("DATABASE_URL"));
        assert!(matches!(env(&[("DATABASE_URL", "")]).unwrap().database, Database::Embedded));
    }

    #[test]
    fn redis_and_its_certificates() {
        let redis = |pairs: &[_]| env(pairs).unwrap().redis.map(|settings| format!("{settings:?}"));
        assert_eq!(redis(&[]), None);
        let both = redis(&[("ATELIER_REDIS_URL", "redis://:secret@own"), ("REDIS_URL", "redis://common")]).unwrap();
        assert!(both.contains("own") && !both.contains("secret"), "{both}");
        let wrong = |pairs: &[_]| error(env(pairs));
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(wrong(&[("ATELIER_REDIS_CA", here)]).contains("rediss"));
        assert!(wrong(&[("ATELIER_REDIS_CA", here), ("REDIS_URL", "redis://a")]).contains("rediss"));
        assert!(wrong(&[("ATELIER_REDIS_CA", "/nowhere"), ("REDIS_URL", "rediss://a")]).contains("/nowhere"));
        assert!(wrong(&[("ATELIER_REDIS_CA", here), ("REDIS_URL", "rediss://a")]).contains("no certificate"));
        assert!(wrong(&[("ATELIER_REDIS_KEY", here), ("REDIS_URL", "rediss://a")]).contains("both"));
    }

    #[test]
    fn the_public_address_has_no_path() {
        let url = |text| env(&[("ATELIER_PUBLIC_URL", text)]).map(|c| c.base_url());
        assert_eq!(url("https://a.example/").unwrap(), "https://a.example");
        assert!(url("https://a.example/x").is_err() && url("ftp://a").is_err() && url("https://").is_err());
    }
}

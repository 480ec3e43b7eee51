//! The HTTP side: an account, a session, seats, results, metrics.
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::wire::fresh_id;

/// A host's way to the server.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    /// `http://host:port` of each node.
    bases: Arc<[String]>,
    /// Calls go round; what cannot be reached is passed over.
    turn: Arc<AtomicUsize>,
    token: Option<String>,
}

/// A live session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Its join code.
    pub code: String,
}

/// Somebody's place in a session.
#[derive(Debug, Clone)]
pub struct Seat {
    /// For `hello`.
    pub token: String,
}

impl Api {
    /// Signed in with a token, or with a fresh organization.
    pub async fn sign_in(urls: &[String], token: Option<String>) -> anyhow::Result<Self> {
        for url in urls {
            ensure!(url.starts_with("http://"), "{url}: test the server itself over http://, not its TLS proxy");
        }
        ensure!(!urls.is_empty(), "give at least one --url");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).pool_max_idle_per_host(256).build()?;
        let mut api = Self { http, bases: trimmed(urls), turn: Arc::default(), token };
        if api.token.is_none() {
            let account = api.register().await?;
            api.token = Some(text(&account, "token")?);
        }
        Ok(api)
    }

    async fn register(&self) -> anyhow::Result<Value> {
        let account = json!({
            "email": format!("loadtest-{}@example.org", fresh_id()), "password": fresh_id(),
            "firstName": "Load", "lastName": "Test", "organizationName": "Load test",
        });
        self.call(Method::POST, "/auth/register", Some(account)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let answer = self.send(method, path, body.as_ref()).await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status == StatusCode::TOO_MANY_REQUESTS {
            bail!(
                "{path}: the server limits attempts per address, and all of ours come from one. Start it with \
                 ATELIER_RATE_JOIN=1000000/60s ATELIER_RATE_REGISTER=1000/60s, or take fewer participants"
            );
        }
        ensure!(status.is_success(), "{path} answered {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Asks one node after the other until one can be reached.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<reqwest::Response> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut last = None;
        for place in 0..self.bases.len() {
            let base = &self.bases[(first + place) % self.bases.len()];
            let mut request = self.http.request(method.clone(), format!("{base}/api/v1{path}"));
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            match request.send().await {
                Err(error) if error.is_connect() => last = Some((error, base)),
                answer => return answer.with_context(|| format!("asking {base}")),
            }
        }
        let (error, base) = last.context("no address")?;
        Err(error).with_context(|| format!("cannot reach {base}"))
    }

    /// A session with room for so many.
    pub async fn create(&self, title: &str, participants: usize) -> anyhow::Result<Session> {
        let wish = json!({ "title": title, "maxParticipants": participants.clamp(1, 100_000) });
        let made = self.call(Method::POST, "/live-sessions", Some(wish)).await?;
        Ok(Session { id: text(&made, "id")?, code: text(&made, "joinCode")? })
    }

    /// The shared notes of a session: the document's name.
    pub async fn notes(&self, session: &str) -> anyhow::Result<String> {
        let notes = self.call(Method::GET, &format!("/live-sessions/{session}/notes"), None).await?;
        text(&notes, "document")
    }

    /// The token that this account signs in with.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// A ticket for the host's socket; good once, for a minute.
    pub async fn ticket(&self, session: &str) -> anyhow::Result<Seat> {
        let ticket = self.call(Method::POST, &format!("/live-sessions/{session}/ticket"), Some(json!({}))).await?;
        Ok(Seat { token: text(&ticket, "token")? })
    }

    /// A seat as a stranger.
    pub async fn join(&self, code: &str) -> anyhow::Result<Seat> {
        let stranger = Self { token: None, ..self.clone() };
        let joined = stranger.call(Method::POST, "/join", Some(json!({ "code": code }))).await?;
        Ok(Seat { token: text(&joined, "token")? })
    }

    /// Counts per option and voters of a poll, as hosts see them.
    pub async fn tally(&self, session: &str, poll: &str) -> anyhow::Result<(Vec<u64>, u64)> {
        let results = self.call(Method::GET, &format!("/live-sessions/{session}/results"), None).await?;
        let polls = results["state"]["polls"].as_array().context("results without polls")?;
        let tally = polls.iter().find(|known| known["id"] == poll).map(|poll| &poll["tally"]);
        let tally = tally.filter(|tally| tally.is_object()).context("results without the poll's tally")?;
        let counts = tally["counts"].as_array().context("a tally without counts")?;
        Ok((counts.iter().filter_map(Value::as_u64).collect(), tally["voters"].as_u64().context("no voters")?))
    }

    /// The numbers of `/metrics`, with their labels, added up over all nodes.
    pub async fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let mut sums = BTreeMap::new();
        for base in &*self.bases {
            let text = self.http.get(format!("{base}/metrics")).send().await?.error_for_status()?.text().await?;
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            for (name, value) in lines.filter_map(|line| line.rsplit_once(' ')) {
                *sums.entry(name.to_owned()).or_insert(0.0) += value.parse().unwrap_or(0.0);
            }
        }
        Ok(sums)
    }

    /// Do all answer yet?
    pub async fn ready(&self) -> bool {
        for base in &*self.bases {
            let answer = self.http.get(format!("{base}/health/ready")).send().await;
            if !answer.is_ok_and(|answer| answer.status().is_success()) {
                return false;
            }
        }
        true
    }

    /// Not signed in.
    pub fn stranger(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { http, bases: trimmed(&[url.to_owned()]), turn: Arc::default(), token: None })
    }

    /// The same account after the server has moved.
    pub fn at(&self, url: &str) -> Self {
        Self { bases: trimmed(&[url.to_owned()]), ..self.clone() }
    }

    /// Where the sockets are.
    pub async fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let mut all = Vec::new();
        for base in &*self.bases {
            let host = base.strip_prefix("http://").context("the address must begin with http://")?;
            let named = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
            let mut found = tokio::net::lookup_host(&named).await.with_context(|| format!("cannot find {named}"))?;
            // Ours are IPv4 sources; a name may have both.
            all.push(found.find(SocketAddr::is_ipv4).with_context(|| format!("{named} has no IPv4 address"))?);
        }
        Ok(all)
    }
}

fn trimmed(urls: &[String]) -> Arc<[String]> {
    urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect()
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("the server's answer has no {key}: {value}"))
}

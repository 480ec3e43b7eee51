//! The HTTP side: an account, a session, seats, results, metrics.
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::wire::fresh_id;

/// A host's way to the server.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    /// `http://host:port`.
    pub base: String,
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
    pub async fn sign_in(url: &str, token: Option<String>) -> anyhow::Result<Self> {
        ensure!(url.starts_with("http://"), "{url}: test the server itself over http://, not its TLS proxy");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).pool_max_idle_per_host(256).build()?;
        let mut api = Self { http, base: url.trim_end_matches('/').to_owned(), token };
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
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("cannot reach {}", self.base))?;
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

    /// A session with room for so many.
    pub async fn create(&self, title: &str, participants: usize) -> anyhow::Result<Session> {
        let wish = json!({ "title": title, "maxParticipants": participants.clamp(1, 100_000) });
        let made = self.call(Method::POST, "/live-sessions", Some(wish)).await?;
        Ok(Session { id: text(&made, "id")?, code: text(&made, "joinCode")? })
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

    /// The numbers of `/metrics` that carry no labels, and histogram sums, counts and buckets with theirs.
    pub async fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let text = self.http.get(format!("{}/metrics", self.base)).send().await?.error_for_status()?.text().await?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.rsplit_once(' '));
        Ok(pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Does it answer yet?
    pub async fn ready(&self) -> bool {
        let answer = self.http.get(format!("{}/health/ready", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Not signed in.
    pub fn stranger(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { http, base: url.trim_end_matches('/').to_owned(), token: None })
    }

    /// The same account after the server has moved.
    pub fn at(&self, url: &str) -> Self {
        Self { base: url.to_owned(), ..self.clone() }
    }

    /// Where the sockets are.
    pub async fn address(&self) -> anyhow::Result<SocketAddr> {
        let host = self.base.strip_prefix("http://");
        let host = host.context("the address must begin with http://")?;
        let named = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let mut found = tokio::net::lookup_host(&named).await.with_context(|| format!("cannot find {named}"))?;
        // Ours are IPv4 sources; a name may have both.
        found.find(SocketAddr::is_ipv4).with_context(|| format!("{named} has no IPv4 address"))
    }
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("the server's answer has no {key}: {value}"))
}

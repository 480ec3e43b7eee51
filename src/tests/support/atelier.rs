//! The whole server on a free port, over a database of its own, and the people who use it over HTTP.
use std::{
    net::SocketAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use atelier::{
    app::{App, Metrics},
    bus::Bus,
    collab::{self, Collab},
    config::Config,
    db::Db,
    identity::{Identity, Settings},
    kernel::{Clock, Id},
    live::{
        Live,
        core::{ParticipantId, Role, SessionId},
    },
    runtime::{Limits, Rate, Rates, Tasks},
    server::Server,
    telemetry,
};
use axum::http::Method;
use serde_json::{Value, json};

use super::{
    Answer, Client, TestDb, Truth, Wire,
    client::{DEADLINE, Key},
};

/// What a test wants to be different.
pub struct Setup {
    pub clock: Clock,
    pub limits: Limits,
    pub rates: Rates,
    pub bus: Bus,
    pub documents: collab::Settings,
    /// What its people come over, the host as well.
    pub wire: Wire,
}

impl Default for Setup {
    fn default() -> Self {
        let often = Rate { times: 1_000_000, per: std::time::Duration::from_secs(1) };
        let rates = Rates {
            login: often,
            login_email: often,
            register: often,
            join: often,
            join_unknown: often,
            token_refused: often,
            diagnose: often,
            documents: often,
        };
        let limits = Limits {
            commands_per_second: 10_000,
            commands_burst: 10_000,
            updates_per_second: 100_000,
            updates_burst: 100_000,
            awareness_per_second: 10_000,
            ..Limits::default()
        };
        Self {
            clock: Clock::system(),
            limits,
            rates,
            bus: Bus::local(),
            documents: collab::Settings::default(),
            wire: Wire::default(),
        }
    }
}

/// A server of this process.
pub struct Atelier {
    pub site: Site,
    pub clock: Clock,
    pub live: Live,
    pub collab: Collab,
    pub tasks: Tasks,
    pub database: Arc<TestDb>,
}

impl Deref for Atelier {
    type Target = Site;
    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Atelier {
    /// As it comes, but without limits on how often.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// As [`Atelier::start`], for people who come over this wire.
    pub async fn over_wire(wire: Wire) -> Self {
        Self::with(Setup { wire, ..Setup::default() }).await
    }

    pub async fn with(setup: Setup) -> Self {
        let database = Arc::new(TestDb::new().await);
        let db = database.open(8).await;
        Self::over(database, db, setup)
    }

    /// Another node on the same database.
    pub async fn another(&self, bus: Bus) -> Self {
        let setup = Setup { clock: self.clock.clone(), bus, wire: self.site.wire, ..Setup::default() };
        Self::over(self.database.clone(), self.database.open(8).await, setup)
    }

    /// Over a database that is reached by `db`.
    pub fn over(database: Arc<TestDb>, db: Db, setup: Setup) -> Self {
        let Setup { clock, limits, rates, bus, documents, wire } = setup;
        let mut config = Config::from_text("listen = '127.0.0.1:0'").unwrap();
        config.limits = limits;
        let server = Server::bind(&config).unwrap();
        let site = Site { wire, ..Site::at(server.address().unwrap()) };
        let tasks = Tasks::new();
        let identity = Identity::new(db.clone(), clock.clone(), Settings { limits: rates, ..Settings::default() });
        let collab = Collab::new(db.clone(), bus.clone(), clock.clone(), tasks.clone(), documents);
        let live = Live::new(db.clone(), bus.clone(), clock.clone(), tasks.clone(), limits);
        let app = App {
            config: Arc::new(config),
            db,
            clock: clock.clone(),
            tasks: tasks.clone(),
            identity,
            bus,
            live: live.clone(),
            collab: collab.clone(),
            metrics: Metrics(telemetry::metrics().unwrap()),
        };
        let (router, serving) = (app.router().unwrap(), tasks.clone());
        tasks.spawn("server", async move { server.run(router, &serving).await });
        Self { site, clock, live, collab, tasks, database }
    }

    /// What the database says about a session, checked against itself and against the tables.
    pub async fn truth(&self, meeting: &Meeting) -> Truth {
        Truth::read(&self.database, meeting.id).await
    }

    /// The database agrees with itself, and these hold exactly what they may know of it.
    pub async fn agrees_with(&self, meeting: &Meeting, clients: &[&Client]) -> Truth {
        let truth = self.truth(meeting).await;
        for client in clients {
            client.holds(&truth).await;
        }
        truth
    }
}

impl Drop for Atelier {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// Where a server answers, in this process or another.
#[derive(Clone)]
pub struct Site {
    pub address: SocketAddr,
    pub wire: Wire,
    http: reqwest::Client,
}

static PEOPLE: AtomicU64 = AtomicU64::new(1);

impl Site {
    pub fn at(address: SocketAddr) -> Self {
        Self { address, wire: Wire::default(), http: reqwest::Client::builder().timeout(DEADLINE * 3).build().unwrap() }
    }

    /// Another node, over connections of its own.
    pub fn elsewhere(&self, address: SocketAddr) -> Self {
        Self { wire: self.wire, ..Self::at(address) }
    }

    /// Sends a request with a token, or without one.
    pub async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        self.tries(method, path, token, body).await.unwrap()
    }

    /// As [`Self::ask`]; an error when no answer comes.
    pub async fn tries(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method.clone(), format!("http://{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if method == Method::PATCH && path.contains("/documents/") {
            // Whatever is there; tests of what is not say so themselves.
            request = request.header("if-match", "*");
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?;
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or(Value::Null) };
        Ok(Answer { status, headers, body })
    }

    /// Somebody with an organization of their own.
    pub async fn instructor(&self, name: &str) -> Account {
        let email = format!("{name}{}@example.org", PEOPLE.fetch_add(1, Ordering::Relaxed));
        let form = json!({ "email": email, "password": "a long password", "firstName": name, "lastName": "Example",
            "organizationName": format!("{name} & Co") });
        let answer = self.ask(Method::POST, "/api/v1/auth/register", None, Some(&form)).await;
        answer.is(201);
        Account { site: self.clone(), token: answer.text("/token").to_owned(), body: answer.body }
    }

    /// Somebody asks for a seat.
    pub async fn join(&self, code: &str, name: Option<&str>, token: Option<&str>) -> Answer {
        let wish = json!({ "code": code, "displayName": name });
        self.ask(Method::POST, "/api/v1/join", token, Some(&wish)).await
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Account {
    pub site: Site,
    pub token: String,
    pub body: Value,
}

impl Account {
    pub async fn get(&self, path: &str) -> Answer {
        self.site.ask(Method::GET, &format!("/api/v1{path}"), Some(&self.token), None).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.site.ask(Method::POST, &format!("/api/v1{path}"), Some(&self.token), Some(&body)).await
    }
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.site.ask(Method::PATCH, &format!("/api/v1{path}"), Some(&self.token), Some(&body)).await
    }
    pub async fn delete(&self, path: &str) -> Answer {
        self.site.ask(Method::DELETE, &format!("/api/v1{path}"), Some(&self.token), None).await
    }

    /// A session with all features and room for a thousand.
    pub async fn creates(&self, title: &str) -> Meeting {
        self.creates_as(json!({ "title": title, "maxParticipants": 1000 })).await
    }

    pub async fn creates_as(&self, wish: Value) -> Meeting {
        let made = self.post("/live-sessions", wish).await;
        made.is(201);
        Meeting {
            id: made.text("/id").parse().unwrap(),
            code: made.text("/joinCode").to_owned(),
            site: self.site.clone(),
        }
    }

    /// A ticket for the socket.
    pub async fn ticket(&self, meeting: &Meeting, role: Option<Role>) -> Answer {
        self.post(&format!("/live-sessions/{}/ticket", meeting.id), json!({ "role": role })).await
    }

    /// Takes the host's seat without starting anything.
    pub async fn enters(&self, meeting: &Meeting, role: Option<Role>) -> Client {
        let client = Client::new(self.site.address, Key::Ticket(self.clone(), meeting.clone(), role));
        let client = client.of(meeting.id).over(self.site.wire);
        client.comes().await;
        client
    }

    /// Enters as the instructor, and starts.
    pub async fn starts(&self, meeting: &Meeting) -> Client {
        let host = self.enters(meeting, None).await;
        host.starts().await;
        host
    }

    /// A link for the big screen: its id and its token.
    pub async fn links(&self, meeting: &Meeting) -> (String, String) {
        let made = self.post(&format!("/live-sessions/{}/links", meeting.id), json!({ "scope": "present" })).await;
        made.is(201);
        (made.text("/id").to_owned(), made.text("/token").to_owned())
    }

    /// The big screen.
    pub async fn projects(&self, meeting: &Meeting) -> Client {
        let (_, token) = self.links(meeting).await;
        let screen = Client::new(self.site.address, Key::Token(token)).of(meeting.id).over(self.site.wire);
        screen.comes().await;
        screen
    }
}

/// A live session.
#[derive(Clone)]
pub struct Meeting {
    pub id: SessionId,
    pub code: String,
    pub site: Site,
}

impl Meeting {
    /// A guest takes a seat; the socket is not open yet.
    pub async fn seats(&self, site: &Site, name: &str) -> Client {
        let seat = site.join(&self.code, Some(name), None).await;
        seat.is(200);
        let client = Client::new(site.address, Key::Token(seat.text("/token").to_owned())).over(site.wire);
        let participant: ParticipantId = Id::new(seat.text("/participantId").parse().unwrap());
        client.sits_at(participant);
        client
    }

    /// A guest joins and connects.
    pub async fn joins(&self, name: &str) -> Client {
        self.joins_at(&self.site, name).await
    }

    pub async fn joins_at(&self, site: &Site, name: &str) -> Client {
        let client = self.seats(site, name).await;
        client.comes().await;
        client
    }

    /// What somebody gets who asks in vain.
    pub async fn refuses(&self, name: Option<&str>, token: Option<&str>, status: u16, code: &str) {
        self.site.join(&self.code, name, token).await.refuses(status, code);
    }
}

//! A house with the doors of the server but no walls: requests go straight into the router.
use std::net::{IpAddr, SocketAddr};

use atelier::{
    identity::{self, Identity, Registration, Settings},
    kernel::Clock,
};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use chrono::DateTime;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::TestDb;

/// Where the house stands, as browsers see it.
pub const HOST: &str = "atelier.test";

/// A running house: a database, a clock that stands still, and a router.
pub struct House {
    pub identity: Identity,
    pub clock: Clock,
    pub database: TestDb,
    router: Router,
}

impl House {
    /// With everything as it comes.
    pub async fn open() -> Self {
        Self::with(Settings::default(), Router::new()).await
    }

    /// With settings, and more routes than the server's own.
    pub async fn with(settings: Settings, more: Router<Identity>) -> Self {
        let database = TestDb::new().await;
        let clock = Clock::manual(DateTime::from_timestamp(1_780_000_000, 0).expect("a time"));
        let identity = Identity::new(database.open(4).await, clock.clone(), settings);
        let (own, _) = identity::router::<Identity>().split_for_parts();
        let router = own.merge(more).with_state(identity.clone());
        Self { identity, clock, database, router }
    }

    /// One where nobody may register.
    pub async fn closed() -> Self {
        let settings = Settings { registration: Registration::Closed, ..Settings::default() };
        Self::with(settings, Router::new()).await
    }

    /// Somebody with a browser: keeps the cookie, and says which page it shows.
    pub fn browser(&self) -> Visitor {
        Visitor { origin: Some(format!("http://{HOST}")), ..self.program() }
    }

    /// A program: keeps no cookie, sends a token if it has one.
    pub fn program(&self) -> Visitor {
        Visitor {
            router: self.router.clone(),
            address: IpAddr::from([192, 0, 2, 1]),
            origin: None,
            cookie: None,
            bearer: None,
            headers: Vec::new(),
        }
    }

    /// Opens the doors on a real port, for what needs a real connection. Closed when the test's runtime ends.
    #[expect(clippy::disallowed_methods, reason = "a test's server may end with the test")]
    pub async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let service = self.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async { axum::serve(listener, service).await.expect("serves") });
        address
    }

    /// A browser of somebody who has just registered.
    pub async fn registered(&self, name: &str) -> (Visitor, Answer) {
        let mut browser = self.browser();
        let account = browser.post("/auth/register", registration(name)).await;
        account.is(201);
        (browser, account)
    }
}

/// What `name` fills into the form.
pub fn registration(name: &str) -> Value {
    json!({
        "email": format!("{name}@example.org"), "password": format!("{name}'s secret"),
        "firstName": name, "lastName": "Example", "organizationName": format!("{name} & Co"),
    })
}

/// Somebody who sends requests.
#[derive(Clone)]
pub struct Visitor {
    router: Router,
    pub address: IpAddr,
    pub origin: Option<String>,
    pub cookie: Option<String>,
    pub bearer: Option<String>,
    pub headers: Vec<(&'static str, String)>,
}

impl Visitor {
    /// The same person at another address.
    pub fn at(mut self, address: &str) -> Self {
        self.address = address.parse().expect("an address");
        self
    }
    /// A program that holds a token.
    pub fn holding(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }
    /// With one more header.
    pub fn saying(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
    /// As if another page had sent the requests.
    pub fn lured_to(mut self, origin: Option<&str>) -> Self {
        self.origin = origin.map(str::to_owned);
        self
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }
    pub async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Body::from(body.to_string())).await
    }
    /// Sends a body as it is.
    pub async fn post_raw(&mut self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, Body::from(body.to_owned())).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Body) -> Answer {
        let mut request = Request::builder().method(&method).uri(path).header(header::HOST, HOST);
        if method != Method::GET {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(origin) = &self.origin {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("theme=dark; atelier_session={cookie}"));
        }
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(body).expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.address, 50_000)));
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
        let answer = Answer { status, headers, body };
        if self.origin.is_some()
            && let Some(cookie) = answer.cookie()
        {
            let token = cookie.split([';', '=']).nth(1).unwrap_or_default();
            self.cookie = (!token.is_empty()).then(|| token.to_owned());
        }
        answer
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// It has this status.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
    /// It is a problem with this status and code.
    #[track_caller]
    pub fn refuses(&self, status: u16, code: &str) -> &Self {
        self.is(status);
        assert_eq!(self.body["code"], code, "{}", self.body);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        self
    }
    /// The cookie it sets.
    pub fn cookie(&self) -> Option<&str> {
        self.headers.get(header::SET_COOKIE)?.to_str().ok()
    }
    /// The text at a JSON pointer.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {}", self.body))
    }
    /// The fields that are not valid.
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["field"].as_str()).collect()
    }
}

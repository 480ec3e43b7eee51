//! The composition root: the handles that handlers ask for, and the one place where all routes come together.
use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Router, extract::FromRef};
use metrics_exporter_prometheus::PrometheusHandle;
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, OpenApiVersion, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    builder,
    bus::Bus,
    coaching,
    collab::{self, Collab},
    config::Config,
    db::Db,
    gateway::{self, Gateway},
    http::{
        assets,
        contract::{self, CloseCode, Documents},
        health::{self, Check},
        layers::{self, Guard},
    },
    identity::{self, Identity},
    kernel::Clock,
    live::{
        self, Live,
        protocol::{ClientMessage, SUBPROTOCOL, ServerMessage, close},
    },
    runtime::Tasks,
};

/// What handlers may ask for, each by its own type.
#[derive(Clone, FromRef)]
pub struct App {
    /// What the operator set.
    pub config: Arc<Config>,
    /// The database.
    pub db: Db,
    /// Time and ids.
    pub clock: Clock,
    /// Background work.
    pub tasks: Tasks,
    /// Who is who.
    pub identity: Identity,
    /// Between nodes.
    pub bus: Bus,
    /// The live rooms.
    pub live: Live,
    /// The shared documents.
    pub collab: Collab,
    /// The numbers for `/metrics`.
    #[from_ref(skip)]
    pub metrics: Metrics,
}

/// The recorder's handle; it has no `Debug` of its own.
#[derive(Clone)]
pub struct Metrics(pub PrometheusHandle);

fn routes() -> OpenApiRouter<App> {
    let plain = identity::router().merge(builder::router()).merge(coaching::router());
    plain.merge(live::http::router()).merge(collab::http::router())
}

/// The routes under `/api/v1`, with their description.
pub fn api() -> (Router<App>, OpenApi) {
    let info = InfoBuilder::new()
        .title("Atelier")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Live workshops: polls, questions and a big screen. All calls are under /api/v1 and speak JSON; an error \
             is an application/problem+json document whose `code` says what is wrong. Browsers use the session \
             cookie, programs send `Authorization: Bearer`.",
        ))
        .build();
    let described = OpenApiBuilder::new().openapi(OpenApiVersion::Version31).info(info).build();
    let (router, mut described) = OpenApiRouter::with_openapi(described).nest("/api/v1", routes()).split_for_parts();
    // Served with a state of its own, but described here.
    described.merge(gateway::described().into_openapi());
    describe_problems(&mut described);
    (router, described)
}

/// Any call may be answered with a problem: not signed in, malformed, too large, too often, database away.
fn describe_problems(described: &mut OpenApi) {
    let problem = ResponseBuilder::new()
        .description("Any other problem; `code` says which. Every call may answer 400, 401, 413, 429, 500, 503 or 504.")
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build(),
        )
        .build();
    for path in described.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.patch, &mut path.put, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.entry("default".to_owned()).or_insert_with(|| problem.clone().into());
        }
    }
}

/// The documents of the contract.
pub fn documents() -> anyhow::Result<Documents> {
    let (_, openapi) = api();
    let closes = [
        (close::UNAUTHENTICATED, "the token is unknown, expired or used"),
        (close::REMOVED, "removed from the session"),
        (close::SESSION_ENDED, "the session is over"),
        (close::PROTOCOL, "the client does not follow the protocol"),
        (close::REPLACED, "the same participant opened more connections than allowed; the oldest goes"),
        (close::NOT_ADMITTED, "the session is full or locked"),
        (close::OVERLOADED, "the server has too much to do, or its database does not answer"),
        (close::TOO_SLOW, "the client reads too slowly or does not answer pings"),
        (close::RATE_LIMITED, "the client sends too much"),
        (close::DRAINING, "this server is going down"),
    ]
    .map(|(code, meaning)| CloseCode { code, meaning });
    Ok(Documents {
        openapi: serde_json::to_value(&openapi)?,
        asyncapi: contract::asyncapi::<ClientMessage, ServerMessage>(SUBPROTOCOL, &closes),
    })
}

/// What the operator decided about identity.
fn identity_settings(config: &Config) -> anyhow::Result<identity::Settings> {
    Ok(identity::Settings {
        proxies: config.trusted_proxies.clone().into(),
        public_url: config.public_url.as_deref().map(str::parse).transpose().context("public_url is no address")?,
        registration: config.registration,
        limits: config.rates,
    })
}

impl App {
    /// Puts the house together.
    pub fn new(config: Arc<Config>, db: Db, tasks: Tasks, metrics: Metrics) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let identity = Identity::new(db.clone(), clock.clone(), identity_settings(&config)?);
        let (tokens, store) = (identity.tokens.clone(), db.clone());
        tasks.spawn_until_shutdown("token purge", async move {
            loop {
                tokio::time::sleep(Duration::from_hours(1)).await;
                if let Err(problem) = tokens.purge(&store).await {
                    tracing::warn!(code = ?problem.code, "old tokens stay for another hour");
                }
            }
        });
        let bus = match config.redis.clone() {
            Some(settings) => {
                let (bus, work) = Bus::redis(settings, &clock);
                tasks.spawn_until_shutdown("bus", work);
                bus
            }
            None => Bus::local(),
        };
        let live = Live::new(db.clone(), bus.clone(), clock.clone(), tasks.clone(), config.limits);
        let settings = collab::Settings {
            images_kept: config.limits.images_kept,
            memory: config.limits.documents_memory,
            awareness_per_second: config.limits.awareness_per_second,
            ..collab::Settings::default()
        };
        let collab = Collab::new(db.clone(), bus.clone(), clock.clone(), tasks.clone(), settings);
        Ok(Self { config, db, clock, tasks, identity, bus, live, collab, metrics })
    }

    /// Everything the server answers.
    pub fn router(self) -> anyhow::Result<Router> {
        let guard = Guard {
            clock: self.clock.clone(),
            deadline: self.config.limits.request,
            body_bytes: self.config.limits.body_bytes,
            trusted_proxies: self.config.trusted_proxies.clone().into(),
        };
        let (api, _) = api();
        let health = self.health();
        let gateway = Gateway::new(self.live.clone(), self.identity.clone(), self.config.limits, self.tasks.clone());
        let editors = gateway::documents::Documents {
            collab: self.collab.clone(),
            identity: self.identity.clone(),
            tasks: self.tasks.clone(),
            recheck: self.config.limits.recheck,
            limits: self.config.limits,
        };
        let sockets = gateway::router(gateway).merge(gateway::documents::router(editors));
        let routes = api
            .merge(collab::http::images())
            .merge(health)
            .merge(documents()?.routes())
            .merge(sockets)
            .fallback(assets::fallback);
        Ok(layers::around(routes, guard).with_state(self))
    }

    fn health(&self) -> Router<Self> {
        let (db, tasks) = (self.db.clone(), self.tasks.clone());
        let database = Check::new("database", move || {
            let db = db.clone();
            async move {
                db.ping().await.map_err(|error| {
                    tracing::warn!(%error, "not ready: the database does not answer");
                    "it cannot be reached".to_owned()
                })
            }
        });
        let server = Check::new("server", move || {
            let leaving = tasks.leaving().is_cancelled();
            async move { if leaving { Err("it is shutting down".to_owned()) } else { Ok(()) } }
        });
        let bus = self.bus.clone();
        let bus = Check::advisory("bus", move || {
            let health = bus.health();
            async move { if health.carries() { Ok(()) } else { Err(health.to_string()) } }
        });
        let (db, metrics, carrier) = (self.db.clone(), self.metrics.clone(), self.bus.clone());
        health::routes(vec![database, server, bus], move || {
            metrics::gauge!("atelier_bus_carrying").set(f64::from(u8::from(carrier.health().carries())));
            let (used, open) = db.usage();
            metrics::gauge!("atelier_db_connections_used").set(used);
            metrics::gauge!("atelier_db_connections_open").set(open);
            metrics.0.render()
        })
    }
}

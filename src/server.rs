//! The way in: our own accept loop, because `axum::serve` sets no header timeout and no socket options.
use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{BoxError, Router, body::Body, extract::connect_info::ConnectInfo, http::Request};
use futures_util::FutureExt;
use hyper::{body::Incoming, server::conn::http1, service::HttpService};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use crate::{
    app::{App, Metrics},
    config::{Config, Database},
    db::{APP_ROLE, Db, embedded::Embedded, migrate},
    runtime::{Signals, Tasks},
    telemetry,
};

/// Time for the head of a request, also of the next one on a connection that is kept open.
const HEADERS: Duration = Duration::from_secs(10);
/// Per connection, until it becomes a socket or ends; hyper's default is 400 KiB.
const BUFFER: usize = 16 * 1024;
/// Connections the kernel holds until we accept them: a whole auditorium scans the code at once.
const BACKLOG: u32 = 4096;
/// What was sent and is not taken for so long will not be taken: the peer is gone, or does not read.
const UNREAD: Duration = Duration::from_mins(1);
/// The exit status after a second signal: as if the signal had not been handled.
const ENDED_AT_ONCE: i32 = 143;
const UPKEEP: Duration = Duration::from_secs(5);

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    send_buffer: usize,
}

impl Server {
    /// Takes the address.
    pub fn bind(config: &Config) -> anyhow::Result<Self> {
        let listener = listen(config.listen).map_err(|error| explain(&error, config.listen))?;
        Ok(Self { listener, send_buffer: config.limits.send_buffer })
    }

    /// Where it listens; tells the port when 0 was asked for.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("the listening socket has no address")
    }

    /// Accepts connections until shutdown begins. Those that are open finish their request and close; `tasks` knows
    /// them.
    pub async fn run(self, router: Router, tasks: &Tasks) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(BUFFER);
        let open = Arc::new(AtomicU32::new(0));
        let serve = |(stream, peer): (TcpStream, SocketAddr)| {
            self.tune(&stream);
            let service = TowerToHyperService::new(with_peer(router.clone(), peer));
            let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
            tasks.spawn("connection", hold_open(connection, tasks.closing().clone(), Counted::new(&open)));
        };
        while let Some(accepted) = tasks.closing().run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok(connection) => serve(connection),
                Err(error) => pause(&error).await,
            }
        }
        // Whom the kernel has let in already is not turned away.
        while let Some(Ok(connection)) = self.listener.accept().now_or_never() {
            serve(connection);
        }
    }

    fn tune(&self, stream: &TcpStream) {
        let socket = SockRef::from(stream);
        let tuned = stream.set_nodelay(true).and_then(|()| socket.set_send_buffer_size(self.send_buffer));
        #[cfg(target_os = "linux")]
        let tuned = tuned.and_then(|()| socket.set_tcp_user_timeout(Some(UNREAD)));
        if let Err(error) = tuned {
            tracing::debug!(%error, "a socket option was not taken");
        }
    }
}

/// Ends with the connection, or with its upgrade to a socket.
async fn hold_open<S>(
    connection: http1::UpgradeableConnection<TokioIo<TcpStream>, S>,
    closing: CancellationToken,
    _counted: Counted,
) where
    S: HttpService<Incoming, ResBody = Body, Error: Into<BoxError>>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// One open connection in the metrics.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn new(open: &Arc<AtomicU32>) -> Self {
        metrics::gauge!("atelier_http_connections").set(open.fetch_add(1, Ordering::Relaxed) + 1);
        Self(open.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("atelier_http_connections").set(self.0.fetch_sub(1, Ordering::Relaxed) - 1);
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart does not wait for the old connections to fade.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn explain(error: &io::Error, address: SocketAddr) -> anyhow::Error {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "Port {port} is in use. Is Atelier already running? Set ATELIER_LISTEN to another address, for example \
             ATELIER_LISTEN={}:{}",
            Bracketed(address.ip()),
            port.wrapping_add(1).max(1024)
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("Port {port} may not be used by this user. Set ATELIER_LISTEN to a port above 1023.")
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("{} is not an address of this machine. Set ATELIER_LISTEN to one that is.", address.ip())
        }
        _ => anyhow::anyhow!("cannot listen on {address}: {error}"),
    }
}

struct Bracketed(IpAddr);

impl std::fmt::Display for Bracketed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => write!(f, "{ip}"),
            IpAddr::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

/// A connection that was gone before we took it is nothing; without free descriptors, waiting is all one can do.
async fn pause(error: &io::Error) {
    let passing = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    );
    if !passing {
        tracing::error!(%error, "cannot accept connections; is the limit of open files too low?");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn with_peer(
    router: Router,
    peer: SocketAddr,
) -> impl Service<Request<Incoming>, Response = axum::response::Response, Error = std::convert::Infallible, Future: Send>
+ Clone
+ Send {
    router.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    })
}

/// A database that is ready: migrated, with its pool open.
#[derive(Debug)]
pub struct Opened {
    /// The pool.
    pub db: Db,
    /// The private server, if there is one.
    pub embedded: Option<Arc<Embedded>>,
}

impl Opened {
    /// Starts the private PostgreSQL if no other is named, migrates as the owner and opens the restricted pool.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        match &config.database {
            Database::External { serve, owner } => {
                migrate::run((**owner).clone()).await?;
                let db = Db::connect((**serve).clone(), config.database_connections).await;
                Ok(Self { db: db.context("cannot reach the database as the serving login")?, embedded: None })
            }
            Database::Embedded => {
                let embedded = Embedded::start(&config.data_dir, config.pg_bin.as_deref()).await?;
                match open_embedded(&embedded, config).await {
                    Ok(db) => Ok(Self { db, embedded: Some(Arc::new(embedded)) }),
                    Err(error) => {
                        embedded.stop().await;
                        Err(error)
                    }
                }
            }
        }
    }

    /// Closes the pool, then stops the private server.
    pub async fn close(&self) {
        self.db.close().await;
        if let Some(embedded) = &self.embedded {
            embedded.stop().await;
        }
    }
}

async fn open_embedded(embedded: &Embedded, config: &Config) -> anyhow::Result<Db> {
    migrate::run(embedded.owner_options()).await?;
    let options = embedded.server_options(APP_ROLE).await?;
    Db::connect(options, config.database_connections).await.context("cannot open the pool")
}

/// Runs Atelier until it is asked to stop.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config)?;
    let metrics = telemetry::metrics()?;
    let mut signals = Signals::listen().context("signals cannot be heard")?;
    let opened = tokio::select! {
        opened = Opened::open(&config) => opened?,
        // Asked to stop while starting: dropping the start closes the pipe that keeps PostgreSQL running.
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            return Ok(());
        }
    };
    let tasks = Tasks::new();
    let serving = async {
        let served = run(config, &opened, &tasks, Metrics(metrics)).await;
        tasks.stop();
        opened.close().await;
        served
    };
    tokio::select! {
        served = serving => {
            if served.is_ok() {
                tracing::info!("stopped");
            }
            served
        }
        () = obey(&mut signals, &tasks) => {
            // What was acknowledged is in the database; a private one notices that its pipe has closed.
            std::process::exit(ENDED_AT_ONCE)
        }
    }
}

/// The first signal begins the shutdown, the second ends it at once.
async fn obey(signals: &mut Signals, tasks: &Tasks) {
    let signal = signals.next().await;
    tracing::info!(signal, "shutting down: sockets are sent elsewhere, what runs is finished");
    tasks.leave();
    let signal = signals.next().await;
    tracing::warn!(signal, "asked twice: ending at once");
}

async fn run(config: Config, opened: &Opened, tasks: &Tasks, metrics: Metrics) -> anyhow::Result<()> {
    let server = Server::bind(&config)?;
    let config = Arc::new(config);
    let drain = config.drain;
    background(opened, tasks, metrics.clone());
    let app = App::new(config.clone(), opened.db.clone(), tasks.clone(), metrics)?;
    let (live, collab) = (app.live.clone(), app.collab.clone());
    let router = app.router()?;
    tracing::info!(address = %server.address()?, version = env!("CARGO_PKG_VERSION"), "ready");
    welcome(&config);
    tokio::join!(server.run(router, tasks), async {
        tasks.leaving().cancelled().await;
        tokio::time::sleep(drain.notice).await;
        tasks.close();
    });
    let drained = async { tokio::join!(live.drain(drain.spread), collab.drain()) };
    if tokio::time::timeout(drain.spread + drain.finish, drained).await.is_err() {
        let documents = collab.open_documents().len();
        tracing::warn!(documents, "some sockets or shared documents did not close in time and are broken off");
    }
    let rest = async {
        loop {
            // A request that had begun may have opened a room or a document again.
            tokio::join!(live.drain(Duration::ZERO), collab.drain());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        drained = tasks.drain(drain.finish) => if let Err(left) = drained {
            tracing::warn!(tasks = left.0, "some work did not finish in time and is broken off");
        },
        () = rest => {}
    }
    Ok(())
}

fn background(opened: &Opened, tasks: &Tasks, metrics: Metrics) {
    tasks.spawn_until_shutdown("metrics upkeep", async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            metrics.0.run_upkeep();
        }
    });
    if let Some(embedded) = opened.embedded.clone() {
        let stopping = tasks.stopping().clone();
        tasks.spawn("postgres", async move { embedded.guard(stopping).await });
    }
}

/// Three lines for whoever started it by hand.
fn welcome(config: &Config) {
    let base = config.base_url();
    println!("  Join a session   {base}/");
    println!("  Run a session    {base}/studio");
    println!("  Reference        {base}/docs");
}

//! The live protocol: sockets, and plain HTTP where sockets do not get through. Knows the protocol's envelope and the
//! room's handle, nothing else.
//!
//! There is no check of `Origin` here, on purpose: who asks is known by the token in the first frame or in the header
//! `Authorization`, never by a cookie, so a foreign page has nothing to ride on.
mod budget;
mod connection;
mod diagnose;
pub mod documents;
mod handshake;
mod hello;
mod sse;
mod viewing;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::Semaphore;

use utoipa_axum::router::OpenApiRouter;

pub use self::diagnose::{Attempt, Diagnosis};
use self::{
    budget::Budgets, connection::Connection, diagnose::Tests, handshake::Upgrade, hello::Farewell, sse::Lingering,
};
#[cfg(test)]
pub(crate) use self::{
    hello::Hello,
    viewing::{Gathered, Viewing},
};
use crate::{
    http::Problem,
    identity::{ClientAddr, Identity},
    kernel::Code,
    live::{
        Live,
        protocol::{SUBPROTOCOL, close},
    },
    runtime::{Limits, Tasks},
    socket::Socket,
};

/// So many are looked up at the same time. A whole auditorium that comes at once waits here, holding little, and not
/// at the database, each with a request of its own half done.
const IDENTIFYING: usize = 32;

/// What the gateway needs.
#[derive(Clone)]
pub struct Gateway {
    /// The rooms.
    pub live: Live,
    /// Who is who.
    pub identity: Identity,
    /// Bounds.
    pub limits: Limits,
    /// Shutdown.
    pub tasks: Tasks,
    /// Messages written; looked up once, because it is counted at every write.
    sent: metrics::Counter,
    identifying: Arc<Semaphore>,
    budgets: Budgets,
    /// For those who ask for news one answer at a time.
    answers: Budgets,
    lingering: Lingering,
    tests: Tests,
}

impl Gateway {
    /// Puts the gateway together.
    pub fn new(live: Live, identity: Identity, limits: Limits, tasks: Tasks) -> Self {
        let sent = metrics::counter!("atelier_gateway_frames_sent_total");
        let identifying = Arc::new(Semaphore::new(IDENTIFYING));
        let (budgets, answers) = (Budgets::default(), Budgets::default());
        let (lingering, tests) = (Lingering::default(), Tests::default());
        Self { live, identity, limits, tasks, sent, identifying, budgets, answers, lingering, tests }
    }
}

/// What OpenAPI can describe; the socket is described by AsyncAPI.
pub fn described() -> OpenApiRouter<Gateway> {
    sse::router().merge(diagnose::router())
}

/// All routes.
pub fn router<S: Clone + Send + Sync + 'static>(gateway: Gateway) -> Router<S> {
    let (described, _) = described().split_for_parts();
    described.route("/live/ws", get(upgrade)).with_state(gateway)
}

async fn upgrade(State(gateway): State<Gateway>, from: ClientAddr, upgrade: Upgrade) -> Response {
    if !upgrade.offers(SUBPROTOCOL) {
        return Problem::new(Code::ProtocolError)
            .detail(format!("Ask for the subprotocol {SUBPROTOCOL}."))
            .into_response();
    }
    let (limit, tasks) = (gateway.limits.message_bytes, gateway.tasks.clone());
    upgrade.accept(Some(SUBPROTOCOL), limit, &tasks, move |socket| serve(socket, gateway, from))
}

/// What the returned future holds is paid for by every open connection, so whatever is large and short-lived (finding
/// out who it is, reading a room) is a future of its own, in a box that is gone when it is done.
async fn serve(socket: Socket, gateway: Gateway, from: ClientAddr) {
    let _open = Open::count();
    if let Some(connection) = Box::pin(greet(socket, gateway, from)).await {
        connection.serve().await;
    }
}

async fn greet(mut socket: Socket, gateway: Gateway, from: ClientAddr) -> Option<Box<Connection>> {
    let closing = gateway.tasks.closing().clone();
    match closing.run_until_cancelled(hello::receive(&mut socket, &gateway, from)).await {
        Some(Ok(hello)) => Box::pin(connection::open(socket, gateway, hello)).await,
        Some(Err(farewell)) => {
            Box::pin(connection::part(socket, farewell)).await;
            None
        }
        None => {
            Box::pin(connection::part(socket, Farewell::bare(close::DRAINING))).await;
            None
        }
    }
}

/// One open socket in the metrics.
struct Open;

impl Open {
    fn count() -> Self {
        metrics::gauge!("atelier_gateway_connections").increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("atelier_gateway_connections").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// Tens of thousands of these are open at once, or wait at the door.
    #[test]
    fn an_open_connection_weighs_little() {
        let sizes = (size_of_future(serve), size_of_future(greet), connection::SIZE);
        assert!(sizes.0 <= 512 && sizes.1 <= 2_048 && sizes.2 <= 1_024, "{sizes:?} bytes");
    }
}

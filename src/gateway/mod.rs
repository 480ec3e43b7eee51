//! Sockets: from the handshake to the last frame. Knows the protocol's envelope and the room's handle, nothing else.
//!
//! There is no check of `Origin` here, on purpose: a socket is authenticated by the token in its first frame, never by
//! a cookie, so a foreign page has nothing to ride on.
mod budget;
mod connection;
mod hello;

use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use self::{connection::Connection, hello::Farewell};
use crate::{
    http::Problem,
    identity::Identity,
    kernel::Code,
    live::{
        Live,
        protocol::{SUBPROTOCOL, close},
    },
    runtime::{Limits, Running, Tasks},
};

/// Bytes read at once; each idle connection holds a buffer of this size.
const READ_BUFFER: usize = 1024;
/// Bytes gathered before a write; a flush writes less at once.
const WRITE_BUFFER: usize = 4 * 1024;
/// Most bytes that may wait in one connection's write buffer. A snapshot of the largest session that the core's limits
/// allow fits; what waits for a slow reader is bounded by its audience's ring.
const MAX_WRITE_BUFFER: usize = 128 * 1024 * 1024;

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
}

impl Gateway {
    /// Puts the gateway together.
    pub fn new(live: Live, identity: Identity, limits: Limits, tasks: Tasks) -> Self {
        let sent = metrics::counter!("atelier_gateway_frames_sent_total");
        Self { live, identity, limits, tasks, sent }
    }
}

/// The socket routes.
pub fn router<S: Clone + Send + Sync + 'static>(gateway: Gateway) -> Router<S> {
    Router::new().route("/live/ws", get(upgrade)).with_state(gateway)
}

async fn upgrade(
    State(gateway): State<Gateway>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return Problem::new(Code::ProtocolError).detail("This address speaks WebSocket only.").into_response();
    };
    let spoken = upgrade.requested_protocols().any(|name| name.as_bytes() == SUBPROTOCOL.as_bytes());
    if !spoken {
        return Problem::new(Code::ProtocolError)
            .detail(format!("Ask for the subprotocol {SUBPROTOCOL}."))
            .into_response();
    }
    let limit = gateway.limits.message_bytes;
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| Box::pin(serve(socket, gateway)))
}

/// What the returned future holds is paid for by every open connection, so whatever is large and short-lived (finding
/// out who it is, reading a room) is a future of its own, in a box that is gone when it is done.
fn serve(socket: WebSocket, gateway: Gateway) -> impl Future<Output = ()> + Send {
    let open = Open::count(&gateway);
    let opening = Box::pin(greet(socket, gateway));
    async move {
        let _open = open;
        if let Some(connection) = opening.await {
            connection.serve().await;
        }
    }
}

async fn greet(mut socket: WebSocket, gateway: Gateway) -> Option<Box<Connection>> {
    let stopping = gateway.tasks.stopping().clone();
    match stopping.run_until_cancelled(hello::receive(&mut socket, &gateway)).await {
        Some(Ok(hello)) => connection::open(socket, gateway, hello).await,
        Some(Err(farewell)) => {
            connection::part(socket, farewell).await;
            None
        }
        None => {
            connection::part(socket, Farewell::bare(close::DRAINING)).await;
            None
        }
    }
}

/// One open socket: waited for at shutdown, counted in the metrics.
struct Open {
    _running: Running,
}

impl Open {
    fn count(gateway: &Gateway) -> Self {
        metrics::gauge!("atelier_gateway_connections").increment(1.0);
        Self { _running: gateway.tasks.hold() }
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

    fn size_of_future<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// Tens of thousands of these are open at once.
    #[test]
    fn an_open_connection_weighs_little() {
        let size = size_of_future(serve);
        assert!(size <= 2 * 1024, "{size} bytes");
    }
}

//! Sockets: from the handshake to the last frame. Knows the protocol's envelope and the room's handle, nothing else.
//!
//! There is no check of `Origin` here, on purpose: a socket is authenticated by the token in its first frame, never by
//! a cookie, so a foreign page has nothing to ride on.
mod budget;
mod connection;
mod hello;

use axum::{
    Router,
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::{IntoResponse, Response},
    routing::get,
};

use self::hello::Farewell;
use crate::{
    http::Problem,
    identity::Identity,
    kernel::Code,
    live::{
        Live,
        protocol::{SUBPROTOCOL, close},
    },
    runtime::{Limits, Tasks},
};

/// Bytes read at once; each idle connection holds a buffer of this size.
const READ_BUFFER: usize = 2 * 1024;
/// Bytes gathered before a write; a flush writes less at once.
const WRITE_BUFFER: usize = 4 * 1024;
/// Most bytes that may wait in one connection's write buffer: one snapshot of the largest session fits.
const MAX_WRITE_BUFFER: usize = 8 * 1024 * 1024;

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

async fn serve(mut socket: axum::extract::ws::WebSocket, gateway: Gateway) {
    let _running = gateway.tasks.hold();
    metrics::gauge!("atelier_gateway_connections").increment(1.0);
    let stopping = gateway.tasks.stopping().clone();
    // Boxed where large and short-lived: what stays in this future is paid for by every open connection.
    match stopping.run_until_cancelled(Box::pin(hello::receive(&mut socket, &gateway))).await {
        Some(Ok(hello)) => Box::pin(connection::serve(socket, gateway, hello)).await,
        Some(Err(farewell)) => Box::pin(connection::part(socket, farewell)).await,
        None => Box::pin(connection::part(socket, Farewell::bare(close::DRAINING))).await,
    }
    metrics::gauge!("atelier_gateway_connections").decrement(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_size<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// Tens of thousands of these are open at once: what is large and rare belongs into a box.
    #[test]
    fn an_open_connection_weighs_little() {
        let size = future_size(connection::serve);
        assert!(size <= 4 * 1024, "{size} bytes");
    }
}

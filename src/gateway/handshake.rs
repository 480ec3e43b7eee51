//! From an HTTP request to a socket (RFC 6455, 4.2).
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{http::Problem, kernel::Code, runtime::Tasks, socket::Socket};

/// A request that asks for a socket.
pub struct Upgrade {
    on: OnUpgrade,
    accept: String,
    protocols: Vec<String>,
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let refuse = |what: &str| Problem::new(Code::ProtocolError).detail(what.to_owned());
        let headers = &parts.headers;
        let asked = parts.method == Method::GET
            && has_token(headers, header::CONNECTION, "upgrade")
            && has_token(headers, header::UPGRADE, "websocket");
        if !asked {
            return Err(refuse("This address speaks WebSocket only."));
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(refuse("Only version 13 of WebSocket is spoken here."));
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(|| refuse("Sec-WebSocket-Key is missing."))?;
        let accept = derive_accept_key(key.as_bytes());
        let protocols = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let on = parts.extensions.remove().ok_or_else(|| refuse("This connection cannot become a WebSocket."))?;
        Ok(Self { on, accept, protocols })
    }
}

impl Upgrade {
    /// Does the client offer this subprotocol?
    pub fn offers(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered == protocol)
    }

    /// Agrees, and serves the socket in a task of its own once the answer is out. Messages have at most `limit` bytes.
    pub fn accept<F>(
        self,
        protocol: Option<&'static str>,
        limit: usize,
        tasks: &Tasks,
        serve: impl FnOnce(Socket) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { on, accept, .. } = self;
        // Boxed: needed for a moment only, the socket lives for hours.
        let opening = Box::pin(take_over(on, limit));
        tasks.spawn("socket", async move {
            if let Some(socket) = opening.await {
                serve(socket).await;
            }
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }
}

async fn take_over(on: OnUpgrade, limit: usize) -> Option<Socket> {
    match on.await.map(hyper::upgrade::Upgraded::downcast::<TokioIo<TcpStream>>) {
        Ok(Ok(parts)) => return Some(Socket::new(parts.io.into_inner(), &parts.read_buf, limit)),
        Ok(Err(_)) => tracing::error!("an upgraded connection is not a TCP stream"),
        Err(error) => tracing::debug!(%error, "the connection broke before it became a socket"),
    }
    None
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

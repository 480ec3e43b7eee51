//! From a stranger to a viewer: the first frame, the token, the room.
use super::Gateway;
use crate::{
    identity::{ClientAddr, Scope, SocketIdentity},
    kernel::{Code, Id, Refusal},
    live::{
        protocol::{ClientMessage, close},
        room::{Viewer, writer::Key},
    },
    socket::{Incoming, Socket},
};

/// Who is at the other end, and what they hold already.
#[derive(Debug)]
pub struct Hello {
    /// The session.
    pub key: Key,
    /// As whom.
    pub viewer: Viewer,
    /// The last number held.
    pub after: Option<u64>,
}

/// Why a connection ends: a close code, and the word that explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// The close code.
    pub code: u16,
    /// The reason as a [`Code`], where there is one.
    pub reason: Option<Code>,
}

impl Farewell {
    /// A close code with its reason.
    pub const fn new(code: u16, reason: Code) -> Self {
        Self { code, reason: Some(reason) }
    }
    /// A close code that says it all.
    pub const fn bare(code: u16) -> Self {
        Self { code, reason: None }
    }
    /// The close code for a final refusal.
    pub const fn refused(refusal: Refusal) -> Self {
        let code = match refusal.code {
            Code::SessionEnded => close::SESSION_ENDED,
            Code::Removed => close::REMOVED,
            Code::Unauthenticated | Code::NotFound | Code::Forbidden => close::UNAUTHENTICATED,
            Code::Internal | Code::Unavailable => close::OVERLOADED,
            _ => close::NOT_ADMITTED,
        };
        Self::new(code, refusal.code)
    }
}

/// Waits for hello and finds out who it is.
pub async fn receive(socket: &mut Socket, gateway: &Gateway, from: ClientAddr) -> Result<Hello, Farewell> {
    let expected = Farewell::new(close::PROTOCOL, Code::HelloExpected);
    let Ok(Some(text)) = tokio::time::timeout(gateway.limits.hello, first_text(socket)).await else {
        return Err(expected);
    };
    let (token, after) = match serde_json::from_str::<ClientMessage>(&text) {
        Ok(ClientMessage::Hello { token, after, client }) => {
            tracing::debug!(client = client.as_deref().unwrap_or("unnamed"), ?after, "hello");
            (token, after)
        }
        Ok(_) => return Err(expected),
        Err(_) => return Err(Farewell::new(close::PROTOCOL, Code::ProtocolError)),
    };
    // Boxed: large, and needed for a moment only.
    Box::pin(identify(gateway, &token, after, from, || socket.is_gone())).await
}

/// Finds out who holds a token, and what it opens. A ticket is used up, unless nobody is there any more when it is its
/// turn.
pub async fn identify(
    gateway: &Gateway,
    token: &str,
    after: Option<u64>,
    from: ClientAddr,
    is_gone: impl FnOnce() -> bool,
) -> Result<Hello, Farewell> {
    if gateway.identity.limits.token(from).is_err() {
        return Err(Farewell::new(close::RATE_LIMITED, Code::RateLimited));
    }
    let finding = async {
        // It is never closed: the semaphore lives as long as the gateway.
        let _turn = gateway.identifying.acquire().await;
        if is_gone() {
            return Err(Farewell::bare(close::PROTOCOL));
        }
        find(gateway, token, after, from).await
    };
    let found = tokio::time::timeout(gateway.limits.hello, finding).await;
    found.unwrap_or_else(|_| {
        metrics::counter!("atelier_gateway_unidentified_total").increment(1);
        Err(Farewell::new(close::OVERLOADED, Code::Unavailable))
    })
}

async fn find(gateway: &Gateway, token: &str, after: Option<u64>, from: ClientAddr) -> Result<Hello, Farewell> {
    let identity = gateway.identity.tokens.authenticate_socket(&gateway.identity.db, token).await;
    let identity = identity.map_err(|problem| match problem.code {
        Code::Unavailable | Code::Internal => Farewell::new(close::OVERLOADED, Code::Unavailable),
        code => {
            gateway.identity.limits.refused_token(from);
            Farewell::new(close::UNAUTHENTICATED, code)
        }
    })?;
    let (key, viewer) = viewer(&identity);
    Ok(Hello { key, viewer, after })
}

async fn first_text(socket: &mut Socket) -> Option<String> {
    loop {
        match socket.next().await? {
            Ok(Incoming::Text(text)) => return Some(text),
            Ok(Incoming::Ping(_) | Incoming::Pong) => {}
            _ => return None,
        }
    }
}

fn viewer(identity: &SocketIdentity) -> (Key, Viewer) {
    let key = Key { organization: identity.organization, session: Id::new(identity.scope.live_session()) };
    let viewer = match identity.scope {
        Scope::Seat(seat) => Viewer::Person { user: identity.user, fresh: Id::new(seat.participant) },
        Scope::Link(_) => Viewer::Screen,
    };
    (key, viewer)
}

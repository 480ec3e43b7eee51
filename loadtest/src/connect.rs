//! From an address to a socket: source addresses, small buffers, not too many at once.
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};

use crate::wire::SUBPROTOCOL;

/// The kernel gives one source address about 28,000 ports to one destination.
const PER_SOURCE: usize = 25_000;
const CONNECT: Duration = Duration::from_secs(30);

/// Where the clients connect to, and from where.
#[derive(Debug)]
pub struct Target {
    addresses: Vec<SocketAddr>,
    sources: Vec<Ipv4Addr>,
    gate: Semaphore,
}

/// Buffers as small as they may be: there are thousands of them.
pub fn small_buffers() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4 * 1024).write_buffer_size(16 * 1024).max_write_buffer_size(1 << 20)
}

impl Target {
    /// `addresses`: of the nodes; `sources`: how many addresses `127.0.0.x` to come from; 0: as many as `clients` need.
    pub fn new(addresses: Vec<SocketAddr>, clients: usize, sources: usize, at_once: usize) -> anyhow::Result<Self> {
        ensure!(!addresses.is_empty(), "there is no address to connect to");
        let needed = clients.div_ceil(PER_SOURCE);
        let count = if sources == 0 { needed } else { sources };
        let local = addresses.iter().all(|address| address.ip().is_loopback());
        ensure!(
            local || count <= 1,
            "{clients} clients need {count} source addresses; that works on this machine only"
        );
        let sources = if count > 1 {
            (1..=count).map(|n| Ok(Ipv4Addr::new(127, 0, 0, u8::try_from(n)?))).collect::<anyhow::Result<_>>()?
        } else {
            Vec::new()
        };
        Ok(Self { addresses, sources, gate: Semaphore::new(at_once.max(1)) })
    }

    /// A socket that speaks the protocol; hello is not said yet. `node`: any number; nodes are counted round.
    pub async fn connect(&self, client: usize, node: usize) -> anyhow::Result<WebSocketStream<TcpStream>> {
        let _one_of_few = self.gate.acquire().await?;
        let address = self.addresses[node % self.addresses.len()];
        timeout(CONNECT, self.open(client, address)).await.context("no connection in time")?
    }

    async fn open(&self, client: usize, address: SocketAddr) -> anyhow::Result<WebSocketStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = self.sources.get(client % self.sources.len().max(1)) {
            socket.bind(SocketAddr::new(IpAddr::V4(*source), 0)).context("no free port at the source address")?;
        }
        let stream = socket.connect(address).await.context("connect")?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{address}/live/ws").into_client_request()?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        let (socket, _) =
            client_async_with_config(request, stream, Some(small_buffers())).await.context("handshake")?;
        Ok(socket)
    }
}

//! A balancer as plain as can be: one address before several nodes, round and round, past those that refuse. It knows
//! nothing of HTTP, keeps nobody at one node, and looks at no readiness.
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

const CONNECT: Duration = Duration::from_secs(2);

/// A balancer that runs until it is dropped.
#[derive(Debug)]
pub struct Balancer {
    /// Where it listens.
    pub address: SocketAddr,
    _running: JoinSet<()>,
}

impl Balancer {
    /// Before these nodes.
    pub async fn before(nodes: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut running = JoinSet::new();
        running.spawn(async move {
            let (nodes, turn) = (Arc::<[SocketAddr]>::from(nodes), Arc::new(AtomicUsize::new(0)));
            let mut relays = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((near, _)) = accepted {
                            relays.spawn(relay(near, nodes.clone(), turn.clone()));
                        }
                    }
                    Some(_) = relays.join_next() => {}
                }
            }
        });
        Ok(Self { address, _running: running })
    }
}

async fn relay(mut near: TcpStream, nodes: Arc<[SocketAddr]>, turn: Arc<AtomicUsize>) {
    // One turn for each caller: others who call meanwhile must not make this one try the same node twice.
    let first = turn.fetch_add(1, Ordering::Relaxed);
    for place in 0..nodes.len() {
        let node = nodes[(first + place) % nodes.len()];
        if let Ok(Ok(mut far)) = timeout(CONNECT, TcpStream::connect(node)).await {
            // Where a socket option is not taken, it is only slower.
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let _ = copy_bidirectional(&mut near, &mut far).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn goes_round_and_past_those_that_refuse() {
        let (one, two) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let balancer =
            Balancer::before(vec![one.local_addr().unwrap(), gone, two.local_addr().unwrap()]).await.unwrap();
        for node in [&one, &two, &two, &one] {
            let mut client = TcpStream::connect(balancer.address).await.unwrap();
            let (mut server, _) = timeout(CONNECT, node.accept()).await.unwrap().unwrap();
            server.write_all(b"x").await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), b'x');
            drop(server);
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the end is passed on");
        }
    }
}

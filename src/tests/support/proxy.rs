//! A wire between the server and PostgreSQL that can be cut and mended.
use std::net::SocketAddr;

use atelier::runtime::Tasks;
use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The wire. Connections through it break off when it is cut, and new ones are dropped at once until it is mended.
pub struct Wire {
    pub address: SocketAddr,
    whole: watch::Sender<bool>,
    tasks: Tasks,
}

impl Wire {
    /// A whole one, to where `to` leads.
    pub async fn to(to: &PgConnectOptions) -> Self {
        let target = format!("{}:{}", to.get_host(), to.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (whole, state) = watch::channel(true);
        let tasks = Tasks::new();
        let inner = tasks.clone();
        tasks.spawn_until_shutdown("wire", async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (mut state, target) = (state.clone(), target.clone());
                if !*state.borrow() {
                    continue;
                }
                inner.spawn_until_shutdown("wire", async move {
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        Self { address, whole, tasks }
    }
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

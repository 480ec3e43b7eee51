//! The reference for durable acks: one `INSERT`, committed, on the PostgreSQL that the measured server uses. Speaks
//! just enough of the protocol for that, over the private socket, so that nothing of a driver is in the figure.
use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::sleep,
};

use crate::stats::{micros, new_histogram};

/// A connection as the owner of the embedded database.
pub struct Postgres(BufReader<UnixStream>);

impl Postgres {
    /// Over the socket of the embedded server in this data directory.
    pub async fn connect(data: &Path) -> anyhow::Result<Self> {
        let path = data.join("run/.s.PGSQL.5432");
        let stream = UnixStream::connect(&path).await.with_context(|| format!("cannot open {}", path.display()))?;
        let mut connection = Self(BufReader::new(stream));
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        body.extend(b"user\0atelier\0database\0atelier\0\0");
        connection.write(None, &body).await?;
        connection.until_ready().await?;
        Ok(connection)
    }

    async fn write(&mut self, kind: Option<u8>, body: &[u8]) -> anyhow::Result<()> {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend(u32::try_from(body.len() + 4)?.to_be_bytes());
        message.extend(body);
        self.0.write_all(&message).await?;
        Ok(())
    }

    async fn until_ready(&mut self) -> anyhow::Result<()> {
        let mut failed = None;
        loop {
            let kind = self.0.read_u8().await?;
            let length = self.0.read_u32().await?.checked_sub(4).context("a message without length")?;
            let mut body = vec![0; length as usize];
            self.0.read_exact(&mut body).await?;
            match kind {
                b'E' => failed = Some(String::from_utf8_lossy(&body).replace('\0', " ")),
                b'R' if body != [0; 4] => bail!("PostgreSQL asks for a password"),
                b'Z' => break failed.map_or(Ok(()), |error| bail!("PostgreSQL: {error}")),
                _ => {}
            }
        }
    }

    /// Runs SQL without parameters.
    pub async fn run(&mut self, sql: &str) -> anyhow::Result<()> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.write(Some(b'Q'), &body).await?;
        self.until_ready().await
    }

    /// Times so many single inserts, each its own transaction, one after the other with a pause between them.
    pub async fn inserts(&mut self, count: usize, pause: Duration) -> anyhow::Result<Histogram<u64>> {
        self.run("CREATE TABLE IF NOT EXISTS loadtest_reference (id bigserial PRIMARY KEY, payload jsonb NOT NULL)")
            .await?;
        let mut histogram = new_histogram();
        for _ in 0..count {
            let begun = Instant::now();
            self.run(r#"INSERT INTO loadtest_reference (payload) VALUES ('{"type":"voted"}')"#).await?;
            histogram.saturating_record(micros(begun.elapsed()));
            sleep(pause).await;
        }
        Ok(histogram)
    }
}

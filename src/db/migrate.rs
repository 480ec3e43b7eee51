//! Migrations: applied as the owner, in order, once; then the connection is closed.
use anyhow::Context;
use sqlx::{Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions};

/// All migrations of this binary. One copy, shared by the server and the tests.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Brings the database up to date. `owner` must own the tables (or the empty database) and may create roles, unless
/// the roles `atelier_app` and `atelier_system` exist already.
pub async fn run(owner: PgConnectOptions) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(&owner).await.context("cannot reach the database as its owner")?;
    let version = connection.server_version_num().unwrap_or(0);
    anyhow::ensure!(version >= 150_000, "PostgreSQL 15 or newer is needed; this server says version number {version}");
    MIGRATOR.run(&mut connection).await.context("a migration failed; nothing of it was kept")?;
    connection.close().await.context("closing the owner's connection")
}

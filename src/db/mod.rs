//! PostgreSQL: one pool, and transactions that are the only way to tenant data.
//!
//! The pool's connections run as the restricted role `atelier_app` from their first moment (a start-up option, so that
//! even `RESET ROLE` stays inside it). Row security is forced on every tenant table; a [`TenantTx`] sets the tenant
//! and the user for exactly one transaction, in the same message that begins it.
pub mod embedded;
pub mod migrate;

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use crate::kernel::{Caller, Id, caller};

/// The role under which every statement of the server runs.
pub const APP_ROLE: &str = "atelier_app";

/// A handle on the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Opens the pool. `options` name a login that is, or is a member of, [`APP_ROLE`]. Waits at most 5 s for a
    /// connection, at start and later.
    pub async fn connect(options: PgConnectOptions, max_connections: u32) -> Result<Self, sqlx::Error> {
        let options = options.options([
            ("role", APP_ROLE),
            ("statement_timeout", "15s"),
            // A node that freezes, or is cut off, while it holds a session's head holds up the session: not for long.
            ("idle_in_transaction_session_timeout", "5s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    /// A handle on no database, for tests that must hold one.
    #[cfg(test)]
    pub fn nowhere() -> Self {
        let pool = PgPoolOptions::new().idle_timeout(None).max_lifetime(None);
        Self { pool: pool.connect_lazy_with(PgConnectOptions::new_without_pgpass()) }
    }

    /// A transaction in the caller's organization.
    pub async fn tenant(&self, caller: &Caller) -> Result<TenantTx, sqlx::Error> {
        self.tenant_as(caller.organization, Some(caller.user)).await
    }

    /// A transaction in an organization, on behalf of a user or of the server itself.
    pub async fn tenant_as(
        &self,
        organization: Id<caller::Organization>,
        user: Option<Id<caller::User>>,
    ) -> Result<TenantTx, sqlx::Error> {
        let user = user.map(|id| id.uuid().to_string()).unwrap_or_default();
        // Only parsed UUIDs are put into the text: nothing a client wrote.
        let begin = format!(
            "BEGIN; SELECT set_config('app.current_org_id', '{}', true), set_config('app.current_user_id', '{user}', true)",
            organization.uuid(),
        );
        let tx = self.pool.begin_with(AssertSqlSafe(begin)).await?;
        Ok(TenantTx { tx, organization })
    }

    /// A transaction without a tenant. Sees no tenant row; good for the security-definer functions only.
    pub async fn system(&self) -> Result<SystemTx, sqlx::Error> {
        Ok(SystemTx { tx: self.pool.begin().await? })
    }

    /// A bare connection, each statement its own transaction and without a tenant: for one call of a security-definer
    /// function, in one round trip.
    pub async fn bare(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.pool.acquire().await
    }

    /// Is the database there? For readiness.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }

    /// Connections in use and open, for metrics.
    pub fn usage(&self) -> (u32, u32) {
        let size = self.pool.size();
        (size.saturating_sub(u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX)), size)
    }

    /// Waits for running statements and closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction inside one organization. Dropped without [`TenantTx::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    organization: Id<caller::Organization>,
}

impl TenantTx {
    /// The tenant, for inserts.
    pub fn organization(&self) -> Uuid {
        self.organization.uuid()
    }
    /// Makes it durable.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }
    /// Undoes it, and waits until its locks are gone.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.tx.rollback().await
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}
impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// A transaction outside of all organizations.
#[derive(Debug)]
pub struct SystemTx {
    tx: Transaction<'static, Postgres>,
}

impl SystemTx {
    /// Makes it durable.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }
}

impl Deref for SystemTx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}
impl DerefMut for SystemTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

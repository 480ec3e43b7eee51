//! A fresh, migrated database per test, cloned from one template, dropped at the end even when the test fails.
//!
//! `TEST_DATABASE_URL` names any database of the cluster, as a superuser. The server's own code runs as the restricted
//! role: a superuser would pass row security and prove nothing.
use std::hash::{DefaultHasher, Hash, Hasher};

use atelier::db::{self, Db, migrate::MIGRATOR};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Any number that no other program locks in that database.
const TEMPLATE_LOCK: i64 = 0x0041_7465_6c69_6572;

/// A database for one test.
pub struct TestDb {
    name: String,
    options: PgConnectOptions,
}

impl TestDb {
    /// A clone of the migrated template.
    pub async fn new() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(template).await;
        let name = fresh_name();
        run(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { options: cluster().database(&name), name }
    }

    /// A database without tables that belongs to a role of its own, which may create roles but is no superuser.
    /// Returns how that role signs in.
    pub async fn empty_with_plain_owner() -> (Self, PgConnectOptions) {
        let name = fresh_name();
        run(&format!("CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{name}'")).await;
        run(&format!("CREATE DATABASE {name} OWNER {name}")).await;
        // From PostgreSQL 16 on, CREATEROLE reaches only roles of one's own making, or given like this.
        let give = format!(
            "DO $$ BEGIN
                 IF current_setting('server_version_num')::integer >= 160000
                     AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'atelier_system') THEN
                     EXECUTE 'GRANT atelier_app, atelier_system TO {name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE';
                 END IF;
             END $$"
        );
        run(&give).await;
        let options = cluster().database(&name);
        let owner = options.clone().username(&name).password(&name);
        (Self { name, options }, owner)
    }

    /// The server's way in: a pool that runs as the restricted role.
    pub async fn open(&self, connections: u32) -> Db {
        Db::connect(self.options.clone(), connections).await.expect("the test database opens")
    }

    /// How a superuser signs in.
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// A connection that passes every policy: for arranging and for looking behind the scenes.
    pub async fn superuser(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.expect("the superuser connects")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let name = self.name.clone();
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
                run(&format!("DROP ROLE IF EXISTS {name}")).await;
            });
        })
        .join();
        assert!(done.is_ok() || std::thread::panicking(), "the test database could not be dropped");
    }
}

fn cluster() -> PgConnectOptions {
    let url = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a superuser's database for tests");
    url.parse().expect("TEST_DATABASE_URL is a PostgreSQL URL")
}

#[expect(clippy::disallowed_methods, reason = "names must differ between processes; no test depends on them")]
fn fresh_name() -> String {
    format!("atelier_test_{}", Uuid::new_v4().simple())
}

async fn run(sql: &str) {
    let mut connection = PgConnection::connect_with(&cluster()).await.expect("the test cluster answers");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect(sql);
    connection.close().await.expect("closes");
}

/// Makes or completes the template of these migrations. Other test processes wait, and find it done.
async fn template() -> String {
    let mut hasher = DefaultHasher::new();
    MIGRATOR.iter().for_each(|migration| migration.checksum.hash(&mut hasher));
    let name = format!("atelier_template_{:016x}", hasher.finish());
    let mut lock = PgConnection::connect_with(&cluster()).await.expect("the test cluster answers");
    sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut lock).await.expect("locks");
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut lock)
        .await
        .expect("looks");
    if !exists {
        run(&format!("CREATE DATABASE {name}")).await;
    }
    db::migrate::run(cluster().database(&name)).await.expect("the migrations apply");
    lock.close().await.expect("unlocks");
    name
}

//! Isolation: whatever the server's code does wrong, PostgreSQL shows one tenant's rows to nobody else (domain 4.4).
//!
//! Table-driven: the tables come from the catalogue, the rows from `support/rows.rs`.
use std::{borrow::Cow, collections::BTreeSet};

use atelier::{
    db::{self, Db, TenantTx},
    identity::{OrganizationId, UserId},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::support::{
    TestDb,
    rows::{GLOBAL, ROWS, Tenant},
};

const A: Tenant = Tenant(0xA);
const B: Tenant = Tenant(0xB);

/// Refused by row security, or because the role has no such right on the table.
const NO_RIGHT: &str = "42501";
const NO_PARENT: &str = "23503";

/// Two organizations, one person and one row per table in each.
struct World {
    database: TestDb,
    db: Db,
}

impl World {
    async fn new() -> Self {
        let database = TestDb::new().await;
        let mut superuser = database.superuser().await;
        for tenant in [A, B] {
            populate(&mut superuser, tenant).await;
        }
        let db = database.open(1).await;
        Self { database, db }
    }
    async fn tenant(&self, tenant: Tenant) -> TenantTx {
        let user = Some(UserId::new(tenant.user()));
        self.db.tenant_as(OrganizationId::new(tenant.org()), user).await.expect("a tenant transaction")
    }
    async fn count_behind_the_scenes(&self, table: &str, tenant: Tenant) -> i64 {
        let mut superuser = self.database.superuser().await;
        count(&mut superuser, &format!("{table} WHERE organization_id = '{}'", tenant.org())).await
    }
}

async fn populate(superuser: &mut PgConnection, tenant: Tenant) {
    let (org, user, n) = (tenant.org(), tenant.user(), tenant.0);
    run(superuser, &format!("INSERT INTO organizations (id, name, slug) VALUES ('{org}', 'Org {n}', 'org-{n}')"))
        .await
        .expect("an organization");
    let person = format!(
        "INSERT INTO users (id, email, first_name, last_name, display_name) \
         VALUES ('{user}', 'u{n}@example.org', 'U', 'N', 'U N')"
    );
    run(superuser, &person).await.expect("a person");
    for row in ROWS {
        run(superuser, &row.sql(tenant, tenant.id(row.table))).await.expect(row.table);
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<u64, String> {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    done.map(|done| done.rows_affected()).map_err(|error| {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(Cow::into_owned);
        code.unwrap_or_else(|| error.to_string())
    })
}

async fn count(connection: &mut PgConnection, from: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {from}"))).fetch_one(connection).await.expect(from)
}

async fn names(connection: &mut PgConnection, sql: &str) -> BTreeSet<String> {
    let rows: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.expect("the catalogue answers");
    rows.into_iter().collect()
}

fn set(tables: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    tables.into_iter().map(str::to_owned).collect()
}

/// Every table of the schema but the migrator's own.
const TABLES: &str = "FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace \
     AND c.relkind IN ('r', 'p') AND c.relname <> '_sqlx_migrations'";

// --- the catalogue -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn every_table_has_row_security_enabled_and_forced() {
    let database = TestDb::new().await;
    let open = format!("SELECT relname::text {TABLES} AND NOT (relrowsecurity AND relforcerowsecurity)");
    assert_eq!(names(&mut database.superuser().await, &open).await, set([]));
}

#[tokio::test]
async fn every_tenant_table_is_in_these_tests() {
    let database = TestDb::new().await;
    let there = names(&mut database.superuser().await, &format!("SELECT relname::text {TABLES}")).await;
    let tested = set(ROWS.iter().map(|row| row.table).chain(GLOBAL.iter().copied()));
    assert_eq!(there, tested, "add the new table to src/tests/support/rows.rs");
}

#[tokio::test]
async fn every_tenant_table_names_its_tenant_and_points_inside_it_only() {
    let database = TestDb::new().await;
    let mut superuser = database.superuser().await;
    let with_tenant = "SELECT attrelid::regclass::text FROM pg_attribute \
         WHERE attname = 'organization_id' AND attnum > 0 AND attrelid IN (SELECT c.oid ";
    let mandatory = names(&mut superuser, &format!("{with_tenant}{TABLES}) AND attnotnull")).await;
    let tenants = set(ROWS.iter().map(|row| row.table).filter(|table| *table != "roles"));
    assert_eq!(mandatory, tenants);
    // A key into a tenant table carries the tenant, or a column that another key of the same table ties to the tenant.
    // `roles` can do neither, because system roles have no tenant: a policy does it.
    let loose = "WITH tenant_keys AS ( \
             SELECT k.*, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.confrelid \
                                 AND a.attname = 'organization_id' AND a.attnum = ANY (k.confkey)) AS carries \
             FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid IN ( \
                 SELECT attrelid FROM pg_attribute WHERE attname = 'organization_id' AND attnotnull)) \
         SELECT k.conrelid::regclass || '.' || k.conname FROM tenant_keys k \
         WHERE NOT k.carries AND NOT EXISTS ( \
             SELECT FROM tenant_keys tie WHERE tie.conrelid = k.conrelid AND tie.carries AND tie.conkey && k.conkey)";
    assert_eq!(names(&mut superuser, loose).await, set([]));
}

#[tokio::test]
async fn the_servers_role_is_powerless_and_definer_functions_are_closed() {
    let database = TestDb::new().await;
    let mut superuser = database.superuser().await;
    let powerful = "SELECT rolname::text FROM pg_roles WHERE rolname IN ('atelier_app', 'atelier_system') \
         AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin)";
    assert_eq!(names(&mut superuser, powerful).await, set([]));
    let owned =
        "SELECT relname::text FROM pg_class WHERE relowner IN ('atelier_app'::regrole, 'atelier_system'::regrole)";
    assert_eq!(names(&mut superuser, owned).await, set([]));
    let open = "SELECT oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prosecdef \
         AND (proowner <> 'atelier_system'::regrole OR NOT coalesce(proconfig::text LIKE '%search_path%', false) \
              OR EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0))";
    assert_eq!(names(&mut superuser, open).await, set([]));
}

// --- tenant tables -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn without_a_tenant_nothing_is_seen_and_nothing_is_written() {
    let world = World::new().await;
    let mut nobody = world.db.bare().await.expect("connects");
    for row in ROWS {
        let seen = count(&mut nobody, &format!("{} WHERE organization_id IS NOT NULL", row.table)).await;
        assert_eq!(seen, 0, "{}", row.table);
        let written = run(&mut nobody, &row.sql(A, Uuid::from_u128(7))).await;
        assert_eq!(written, Err(NO_RIGHT.to_owned()), "{}", row.table);
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows_only() {
    let world = World::new().await;
    let mut a = world.tenant(A).await;
    for row in ROWS {
        let rows = |condition| format!("{} WHERE organization_id {condition} '{}'", row.table, A.org());
        assert!(count(&mut a, &rows("=")).await > 0, "{}: its own", row.table);
        assert_eq!(count(&mut a, &rows("<>")).await, 0, "{}: somebody else's", row.table);
    }
}

#[tokio::test]
async fn a_tenant_cannot_touch_rows_of_another() {
    let world = World::new().await;
    for row in ROWS {
        let (table, a, b) = (row.table, A.org(), B.org());
        for (what, sql, harmless) in [
            ("change", format!("UPDATE {table} SET organization_id = '{b}' WHERE organization_id = '{b}'"), Some(0)),
            ("steal", format!("UPDATE {table} SET organization_id = '{a}' WHERE organization_id = '{b}'"), Some(0)),
            ("delete", format!("DELETE FROM {table} WHERE organization_id = '{b}'"), Some(0)),
            ("move away", format!("UPDATE {table} SET organization_id = '{b}' WHERE organization_id = '{a}'"), None),
            ("plant", row.sql(B, Uuid::from_u128(7)), None),
        ] {
            let mut tx = world.tenant(A).await;
            match run(&mut tx, &sql).await {
                Ok(rows) => assert_eq!(Some(rows), harmless, "{table}: {what}"),
                Err(code) => assert_eq!(code, NO_RIGHT, "{table}: {what}"),
            }
            tx.commit().await.expect("ends");
        }
        assert_eq!(world.count_behind_the_scenes(table, B).await, 1, "{table} of B is untouched");
    }
}

#[tokio::test]
async fn a_tenant_cannot_point_to_a_parent_of_another() {
    let world = World::new().await;
    let mut superuser = world.database.superuser().await;
    let mut tried = 0;
    // Children first, and without the rows that are there: a key that is taken would be the first to complain.
    for row in ROWS.iter().rev() {
        let clear = format!("DELETE FROM {} WHERE organization_id IS NOT NULL", row.table);
        run(&mut superuser, &clear).await.expect(row.table);
        for parent in row.parents() {
            let mut tx = world.tenant(A).await;
            let written = run(&mut tx, &row.sql_with_parent(A, Uuid::from_u128(7), B, parent)).await;
            let code = written.expect_err(row.table);
            assert!([NO_PARENT, NO_RIGHT].contains(&code.as_str()), "{} to {parent}: {code}", row.table);
            tried += 1;
        }
    }
    assert!(tried > ROWS.len(), "the rows name their parents");
}

#[tokio::test]
async fn the_tenant_is_gone_after_the_transaction() {
    let world = World::new().await; // one connection: the next user gets the same
    for end in ["commit", "rollback"] {
        let mut tx = world.tenant(A).await;
        assert!(count(&mut tx, "jobs").await > 0);
        if end == "commit" {
            tx.commit().await.expect("commits");
        } else {
            drop(tx);
        }
        let mut next = world.db.bare().await.expect("connects");
        let left: (Option<Uuid>, Option<Uuid>) =
            sqlx::query_as("SELECT current_org_id(), current_user_id()").fetch_one(&mut *next).await.expect("reads");
        assert_eq!(left, (None, None), "after {end}");
        assert_eq!(count(&mut next, "jobs").await, 0, "after {end}");
    }
}

// --- tables with rules of their own --------------------------------------------------------------------------------------

#[tokio::test]
async fn system_roles_can_be_read_but_not_changed() {
    let world = World::new().await;
    let mut a = world.tenant(A).await;
    assert_eq!(count(&mut a, "roles WHERE is_system").await, 6);
    assert_eq!(run(&mut a, "DELETE FROM roles WHERE is_system").await, Ok(0));
    assert_eq!(run(&mut a, "UPDATE roles SET permissions = '{}' WHERE is_system").await, Ok(0));
    let forged = "INSERT INTO roles (key, name, is_system) VALUES ('root', 'Root', true)";
    assert_eq!(run(&mut a, forged).await, Err(NO_RIGHT.to_owned()));
}

#[tokio::test]
async fn tokens_passwords_and_the_migration_log_are_out_of_reach() {
    let world = World::new().await;
    for table in ["auth_tokens", "user_credentials", "live_nodes", "_sqlx_migrations"] {
        for sql in [format!("SELECT FROM {table}"), format!("DELETE FROM {table}")] {
            let mut a = world.tenant(A).await;
            assert_eq!(run(&mut a, &sql).await, Err(NO_RIGHT.to_owned()), "{sql}");
        }
    }
}

#[tokio::test]
async fn people_are_seen_by_those_they_work_with() {
    let world = World::new().await;
    let mut a = world.tenant(A).await;
    assert_eq!(count(&mut a, "users").await, 1);
    assert_eq!(count(&mut a, &format!("users WHERE id = '{}'", A.user())).await, 1);
    assert_eq!(run(&mut a, &format!("UPDATE users SET display_name = 'X' WHERE id = '{}'", B.user())).await, Ok(0));
    assert_eq!(run(&mut a, "UPDATE users SET display_name = 'Me'").await, Ok(1), "only oneself");
    drop(a);
    for sql in ["INSERT INTO users (kind, display_name) VALUES ('guest', 'X')", "DELETE FROM users"] {
        let mut a = world.tenant(A).await;
        assert_eq!(run(&mut a, sql).await, Err(NO_RIGHT.to_owned()), "{sql}");
    }
}

#[tokio::test]
async fn an_organization_sees_itself_only() {
    let world = World::new().await;
    let mut a = world.tenant(A).await;
    assert_eq!(count(&mut a, "organizations").await, 1);
    assert_eq!(run(&mut a, "UPDATE organizations SET name = 'Mine'").await, Ok(1));
    drop(a);
    for sql in ["INSERT INTO organizations (name, slug) VALUES ('X', 'x')", "DELETE FROM organizations"] {
        let mut a = world.tenant(A).await;
        assert_eq!(run(&mut a, sql).await, Err(NO_RIGHT.to_owned()), "{sql}");
    }
}

// --- the owner ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_owner_who_is_no_superuser_migrates_and_is_subject_too() {
    let (database, owner) = TestDb::empty_with_plain_owner().await;
    db::migrate::run(owner.clone()).await.expect("migrates without being a superuser");
    let mut superuser = database.superuser().await;
    populate(&mut superuser, A).await;
    let mut owner_connection = PgConnection::connect_with(&owner).await.expect("connects");
    for row in ROWS {
        let seen = count(&mut owner_connection, &format!("{} WHERE organization_id IS NOT NULL", row.table)).await;
        assert_eq!(seen, 0, "the owner sees {}", row.table);
        let written = run(&mut owner_connection, &row.sql(A, Uuid::from_u128(7))).await;
        assert_eq!(written, Err(NO_RIGHT.to_owned()), "the owner writes {}", row.table);
    }
    for table in GLOBAL {
        assert_eq!(count(&mut owner_connection, table).await, 0, "the owner sees {table}");
    }
    owner_connection.close().await.expect("closes");
    // And the same login serves as the restricted role.
    let db = Db::connect(owner, 1).await.expect("the owner's login may act as the server's role");
    let mut tx = db.tenant_as(OrganizationId::new(A.org()), None).await.expect("a transaction");
    assert_eq!(count(&mut tx, "jobs").await, 1);
    drop(tx);
    db.close().await;
}

#[tokio::test]
async fn several_databases_of_one_cluster_migrate_at_once() {
    let migrate = async || {
        let (database, owner) = TestDb::empty_with_plain_owner().await;
        db::migrate::run(owner).await.expect("migrates beside the others");
        let mut superuser = database.superuser().await;
        count(&mut superuser, "roles").await
    };
    assert_eq!(tokio::join!(migrate(), migrate(), migrate(), migrate()), (6, 6, 6, 6));
}

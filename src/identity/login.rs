//! Registering, signing in and out. Passwords are hashed with argon2id, off the runtime's threads and two at a time.
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use serde::Deserialize;
use tokio::sync::Semaphore;
use ts_rs::TS;
use utoipa::ToSchema;

use super::{Account, ClientAddr, Identity, OrganizationId, Registration, UserId, organization, user};
use crate::{
    http::Problem,
    kernel::{Code, text},
};

/// A new account in a new organization.
#[derive(Clone, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[ts(export_to = "Register.ts")]
#[derive(Default)]
#[schema(default = json!({}))]
pub struct Register {
    /// The address to sign in with.
    #[schema(required, max_length = 255)]
    pub email: String,
    /// 10 to 256 characters.
    #[schema(required, min_length = 10, max_length = 256)]
    pub password: String,
    /// 1 to 50 characters.
    #[schema(required, min_length = 1, max_length = 50)]
    pub first_name: String,
    /// 1 to 50 characters.
    #[schema(required, min_length = 1, max_length = 50)]
    pub last_name: String,
    /// 1 to 200 characters.
    #[schema(required, min_length = 1, max_length = 200)]
    pub organization_name: String,
}

/// An attempt to sign in.
#[derive(Clone, Deserialize, TS, ToSchema, Default)]
#[serde(rename_all = "camelCase", default)]
#[ts(export_to = "Login.ts", optional_fields)]
pub struct Login {
    /// The address of the account, in any case.
    #[schema(required)]
    pub email: String,
    /// The password.
    #[schema(required)]
    pub password: String,
    /// Where to sign in; the oldest membership when absent.
    pub organization_id: Option<OrganizationId>,
}

impl Register {
    /// The same, cleaned; or everything that is wrong with it.
    fn checked(&self) -> Result<Self, Problem> {
        let mut check = user::Check::default();
        let clean = Self {
            email: check.field("email", user::email(&self.email)),
            password: user::password(&self.password),
            first_name: check.field("firstName", text::required(&self.first_name, user::NAME)),
            last_name: check.field("lastName", text::required(&self.last_name, user::NAME)),
            organization_name: check
                .field("organizationName", text::required(&self.organization_name, organization::NAME)),
        };
        if !user::password_fits(&clean.password) {
            check.error("password", Code::Invalid, "A password has 10 to 256 characters.");
        }
        check.finish()?;
        Ok(clean)
    }
}

impl Identity {
    /// A new organization with its first member, signed in.
    pub async fn register(&self, from: ClientAddr, wish: &Register) -> Result<Account, Problem> {
        if self.settings.registration == Registration::Closed {
            return Err(Code::RegistrationClosed.into());
        }
        let wish = wish.checked()?;
        self.limits.register(from)?;
        let password_hash = self.passwords.hash(wish.password).await?;
        let user: UserId = self.clock.id();
        let organization: OrganizationId = self.clock.id();
        let mut tx = self.db.tenant_as(organization, Some(user)).await?;
        sqlx::query_scalar!(
            "SELECT auth_register($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            organization.uuid(),
            wish.organization_name,
            organization::slug(&wish.organization_name),
            user.uuid(),
            wish.email,
            password_hash,
            wish.first_name,
            wish.last_name,
            format!("{} {}", wish.first_name, wish.last_name),
            self.clock.now(),
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(taken)?;
        let account = self.sign_in(&mut tx, user).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Checks an address and a password, and signs in. What was wrong is not told apart, not even by the time it takes.
    pub async fn login(&self, from: ClientAddr, attempt: &Login) -> Result<Account, Problem> {
        let email = user::email(&attempt.email).map_err(|_| Code::WrongPassword);
        self.limits.login(from, email.as_deref().unwrap_or_default())?;
        let email = email?;
        let password = user::password(&attempt.password);
        if password.len() > 4 * 256 {
            return Err(Code::WrongPassword.into());
        }
        let known = {
            let mut connection = self.db.bare().await?;
            sqlx::query!(r#"SELECT user_id AS "user!", password_hash AS "password_hash!" FROM auth_login($1)"#, email,)
                .fetch_optional(&mut *connection)
                .await?
        };
        let (user, hash) = known.map(|row| (UserId::new(row.user), row.password_hash)).unzip();
        let right = self.passwords.verify(password, hash).await?;
        let user = user.filter(|_| right).ok_or(Code::WrongPassword)?;
        let organization = self.choose_organization(user, attempt.organization_id).await?;
        let mut tx = self.db.tenant_as(organization, Some(user)).await?;
        let account = self.sign_in(&mut tx, user).await?;
        tx.commit().await?;
        Ok(account)
    }

    async fn choose_organization(
        &self,
        user: UserId,
        wanted: Option<OrganizationId>,
    ) -> Result<OrganizationId, Problem> {
        let mut connection = self.db.bare().await?;
        let open = sqlx::query_scalar!(
            r#"SELECT organization_id AS "organization!" FROM auth_organizations($1)"#,
            user.uuid(),
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut open = open.into_iter().map(OrganizationId::new);
        let chosen = match wanted {
            Some(wanted) => open.find(|organization| *organization == wanted),
            None => open.next(),
        };
        let none = || Problem::new(Code::Forbidden).detail("Your membership there is not active.");
        chosen.ok_or_else(none)
    }

    /// Issues the access token and tells who is now signed in.
    async fn sign_in(&self, tx: &mut crate::db::TenantTx, user: UserId) -> Result<Account, Problem> {
        let issued = self.tokens.issue_access(tx, user).await?;
        sqlx::query!("UPDATE users SET last_login_at = $1 WHERE id = $2", self.clock.now(), user.uuid())
            .execute(&mut **tx)
            .await?;
        let presented = self.tokens.find(tx, &issued.token).await?.ok_or(Code::Forbidden)?;
        let mut account = user::account(tx, user, presented.permissions).await?;
        account.token = Some(issued.token);
        Ok(account)
    }
}

fn taken(error: sqlx::Error) -> Problem {
    match error.as_database_error().and_then(|error| error.constraint()) {
        Some("uq_users_email") => Problem::new(Code::EmailTaken),
        _ => error.into(),
    }
}

/// Hashes and verifies, at most two at once: each takes 19 MiB and some 30 ms of a processor.
#[derive(Clone, Debug)]
pub struct Passwords {
    slots: Arc<Semaphore>,
    nobodys: Arc<OnceLock<String>>,
}

/// How long a password waits for its turn before the answer is `unavailable`.
const PATIENCE: Duration = Duration::from_secs(10);

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// Two at once.
    pub fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(2)), nobodys: Arc::default() }
    }

    /// The argon2id hash of a password, with a fresh salt.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        self.work(move || hash(&password)).await?.map_err(Problem::internal)
    }

    /// Does the password match? Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: String, hash_of_user: Option<String>) -> Result<bool, Problem> {
        let nobodys = Arc::clone(&self.nobodys);
        self.work(move || {
            let known = hash_of_user.is_some();
            let against = hash_of_user.unwrap_or_else(|| {
                nobodys.get_or_init(|| hash("nobody has this password").unwrap_or_default()).clone()
            });
            let parsed = PasswordHash::new(&against);
            parsed.is_ok_and(|it| Argon2::default().verify_password(password.as_bytes(), &it).is_ok()) && known
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.slots).acquire_owned()).await;
        let permit = turn.map_err(|_| Problem::new(Code::Unavailable).retry_after(5))?.map_err(Problem::internal)?;
        tokio::task::spawn_blocking(move || {
            // Kept until the work is done, even if the request is gone by then.
            let _permit = permit;
            job()
        })
        .await
        .map_err(Problem::internal)
    }
}

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_said_at_once() {
        let problem = Register::default().checked().err().expect("an empty form");
        let fields: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["email", "firstName", "lastName", "organizationName", "password"]);
    }

    #[tokio::test]
    async fn passwords_match_themselves_only() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.expect("hashes");
        assert!(hash.starts_with("$argon2id$"));
        let check = async |text: &str, hash: Option<String>| passwords.verify(text.to_owned(), hash).await.expect("ok");
        assert!(check("correct horse", Some(hash.clone())).await);
        assert!(!check("battery staple", Some(hash)).await);
        assert!(!check("nobody has this password", None).await, "an unknown address never matches");
    }
}

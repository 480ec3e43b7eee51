//! Users: what is known about a person, and what a field of theirs may hold.
use serde::Serialize;
use ts_rs::TS;
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::{OrganizationId, OrganizationView, UserId};
use crate::{
    db::TenantTx,
    http::{FieldError, Problem},
    kernel::{Code, Refusal, text},
};

/// The longest first or last name.
pub const NAME: u32 = 50;
/// The longest display name.
pub const DISPLAY_NAME: u32 = 120;
const EMAIL: u32 = 255;
const PASSWORD: std::ops::RangeInclusive<usize> = 10..=256;

/// A person, as they see themselves.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "UserView.ts")]
pub struct UserView {
    /// Their id.
    pub id: UserId,
    /// Their address.
    pub email: String,
    /// Their first name.
    pub first_name: String,
    /// Their last name.
    pub last_name: String,
    /// What others see.
    pub display_name: String,
}

/// Who is signed in, where, and with which rights.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Account.ts", optional_fields)]
pub struct Account {
    /// The person.
    pub user: UserView,
    /// The organization the token is bound to.
    pub organization: OrganizationView,
    /// The permission keys of all roles held, such as `live.create`.
    pub permissions: Vec<String>,
    /// The access token, for programs; only in the answer that issues it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Reads an account in its own organization.
pub async fn account(tx: &mut TenantTx, user: UserId, permissions: Vec<String>) -> Result<Account, Problem> {
    let row = sqlx::query!(
        r#"SELECT u.email, u.first_name, u.last_name, u.display_name, o.id, o.name, o.slug
           FROM users u CROSS JOIN organizations o
           WHERE u.id = $1 AND o.id = $2"#,
        user.uuid(),
        tx.organization(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Code::Unauthenticated)?;
    Ok(Account {
        user: UserView {
            id: user,
            email: row.email.unwrap_or_default(),
            first_name: row.first_name.unwrap_or_default(),
            last_name: row.last_name.unwrap_or_default(),
            display_name: row.display_name,
        },
        organization: OrganizationView { id: OrganizationId::new(row.id), name: row.name, slug: row.slug },
        permissions,
        token: None,
    })
}

/// An e-mail address: trimmed, of the form `somebody@somewhere`.
pub fn email(raw: &str) -> Result<String, Refusal> {
    let email = text::required(raw, EMAIL)?;
    let parts = email.split_once('@');
    let sound = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if sound && !email.contains(char::is_whitespace) { Ok(email) } else { Err(Code::Invalid.into()) }
}

/// The same password, however the keyboard composed its characters.
pub fn password(raw: &str) -> String {
    raw.nfc().collect()
}

/// Is this password long enough, and short enough to hash?
pub fn password_fits(password: &str) -> bool {
    PASSWORD.contains(&password.chars().count())
}

/// Collects what is wrong with the fields of a request, so that all of it is said at once.
#[derive(Debug, Default)]
pub struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    /// The value, or a default and a note.
    pub fn field(&mut self, name: &str, value: Result<String, Refusal>) -> String {
        value.unwrap_or_else(|refusal| {
            self.error(name, refusal.code, &refusal.message());
            String::new()
        })
    }
    /// Notes an error with a sentence of its own.
    pub fn error(&mut self, name: &str, code: Code, message: &str) {
        self.errors.push(FieldError { field: name.to_owned(), code, message: message.to_owned() });
    }
    /// Nothing, or a problem that names every field.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let mut problem = Problem::new(Code::Invalid);
        problem.errors = self.errors;
        Err(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_two_halves() {
        for good in ["ada@example.org", " ada@localhost ", "a+b@ä.de"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in ["", "ada", "@example.org", "ada@", "a b@c", "a@b@c", "a\u{a0}b@c"] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert_eq!(email(&format!("{}@x", "a".repeat(300))).expect_err("too long").limit, Some(EMAIL));
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        assert!(!password_fits("ääääääää9"));
        assert!(password_fits("ääääääää90"));
        assert!(!password_fits(&"x".repeat(257)));
        assert_eq!(password("e\u{301}"), password("\u{e9}"));
    }
}

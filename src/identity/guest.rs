//! Guests: people who join with a code and a name, without an account.
use super::{
    Scope, Seat, Tokens, UserId,
    token::{self, Issued},
    user,
};
use crate::{
    db::TenantTx,
    http::Problem,
    kernel::{Code, text},
};

/// A guest who was just let in.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The row in `users`.
    pub user: UserId,
    /// What brings the guest back to the same seat.
    pub issued: Issued,
}

impl Tokens {
    /// Makes a guest of the transaction's organization, with a token for one seat. Refused with `guests_not_allowed`
    /// when the organization takes none. `display_name` is shown to others; never blank.
    pub async fn issue_guest(&self, tx: &mut TenantTx, display_name: &str, seat: Seat) -> Result<Guest, Problem> {
        let display_name = text::required(display_name, user::DISPLAY_NAME)?;
        let user = self.clock.id();
        let fresh = self.fresh(token::ACCESS);
        let stored = sqlx::query_scalar!(
            r#"SELECT auth_create_guest($1, $2, $3, $4, $5, $6, $7, $8) AS "stored!""#,
            tx.organization(),
            user.uuid(),
            display_name,
            fresh.issued.id,
            &fresh.hash,
            token::scope_json(Some(Scope::Seat(seat)))?,
            self.clock.now(),
            fresh.issued.expires_at,
        )
        .fetch_one(&mut **tx)
        .await?;
        if stored { Ok(Guest { user, issued: fresh.issued }) } else { Err(Code::GuestsNotAllowed.into()) }
    }

    /// Takes back a guest whose joining was refused after all, with the token.
    pub async fn discard_guest(&self, tx: &mut TenantTx, guest: UserId) -> Result<(), Problem> {
        sqlx::query_scalar!("SELECT auth_discard_guest($1, $2)", tx.organization(), guest.uuid())
            .fetch_one(&mut **tx)
            .await?;
        Ok(())
    }
}

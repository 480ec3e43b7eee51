//! Extractors: a handler's signature says who may call it.
//!
//! | argument | lets in |
//! |---|---|
//! | [`Caller`] | whoever is signed in |
//! | [`Can<P>`] | whoever is signed in and has the right `P` |
//! | [`Tx`] | whoever is signed in; with a transaction in their organization |
//! | [`MaybeIdentity`] | anybody; says who it is, guests included |
use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, Method, header, request::Parts},
};

use super::{
    Identity, OrganizationId, Right, Scope, UserId,
    address::{self, Scheme},
    token,
};
use crate::{
    db::{Db, TenantTx},
    http::Problem,
    kernel::{Caller, Code},
};

/// The name of the cookie that carries a browser's access token.
const COOKIE: &str = "atelier_session";

/// Who presented a valid access token, and what it opens.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The person or guest.
    pub user: UserId,
    /// The tenant the token is bound to.
    pub organization: OrganizationId,
    /// The one seat or screen it opens; none for the whole account.
    pub scope: Option<Scope>,
    /// The permission keys of all roles held.
    pub permissions: Vec<String>,
}

impl Presented {
    /// The caller, if the token opens the account and not just a seat.
    pub fn caller(&self) -> Option<Caller> {
        let caller =
            || Caller { user: self.user, organization: self.organization, permissions: self.permissions.clone() };
        self.scope.is_none().then(caller)
    }
}

impl Identity {
    /// Who sent this request? None without a token, or with one that opens nothing (any more). A changing request that
    /// carries only a cookie must come from one of our own pages.
    pub async fn presented(&self, parts: &Parts) -> Result<Option<Presented>, Problem> {
        let Some((token, carrier)) = token_of(&parts.headers) else { return Ok(None) };
        if carrier == Carrier::Cookie
            && !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
            && address::ours(parts, &self.settings) != Some(true)
        {
            return Err(Code::ForeignOrigin.into());
        }
        let mut connection = self.db.bare().await?;
        self.tokens.find(&mut connection, token).await
    }

    /// The signed-in caller, or `unauthenticated`.
    pub async fn caller_from_request(&self, parts: &Parts) -> Result<Caller, Problem> {
        let presented = self.presented(parts).await?;
        presented.and_then(|presented| presented.caller()).ok_or(Code::Unauthenticated.into())
    }
}

/// Once per request, however many extractors ask.
async fn caller<S>(parts: &mut Parts, state: &S) -> Result<(Caller, Identity), Problem>
where
    Identity: FromRef<S>,
{
    let identity = Identity::from_ref(state);
    if let Some(known) = parts.extensions.get::<Caller>() {
        return Ok((known.clone(), identity));
    }
    let caller = identity.caller_from_request(parts).await?;
    parts.extensions.insert(caller.clone());
    Ok((caller, identity))
}

impl<S> FromRequestParts<S> for Caller
where
    Identity: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        caller(parts, state).await.map(|(caller, _)| caller)
    }
}

/// Whoever it is, if anybody: for joining, where guests come back and strangers are welcome.
#[derive(Debug, Clone)]
pub struct MaybeIdentity(pub Option<Presented>);

impl<S> FromRequestParts<S> for MaybeIdentity
where
    Identity: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Identity::from_ref(state).presented(parts).await.map(Self)
    }
}

/// A signed-in caller with a right. `begin` opens a transaction in their organization; handlers with a body call it
/// after the body has arrived, so that a slow sender does not hold a connection.
#[derive(Debug, Clone)]
pub struct Can<P> {
    /// Who it is.
    pub caller: Caller,
    db: Db,
    right: PhantomData<fn() -> P>,
}

impl<P> Can<P> {
    /// A transaction in the caller's organization.
    pub async fn begin(&self) -> Result<TenantTx, Problem> {
        Ok(self.db.tenant(&self.caller).await?)
    }
}

impl<P: Right, S> FromRequestParts<S> for Can<P>
where
    Identity: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (caller, identity) = caller(parts, state).await?;
        if !caller.may(P::PERMISSION) {
            return Err(Problem::new(Code::Forbidden).detail(format!("Needs the right {}.", P::PERMISSION.key())));
        }
        Ok(Self { caller, db: identity.db, right: PhantomData })
    }
}

/// A transaction in the organization of whoever is signed in. For requests without a body; with one, see
/// [`Can::begin`]. Nothing is kept unless the handler calls [`Tx::commit`].
#[derive(Debug)]
pub struct Tx {
    /// Who it is.
    pub caller: Caller,
    tx: TenantTx,
}

impl Tx {
    /// Makes it durable.
    pub async fn commit(self) -> Result<(), Problem> {
        Ok(self.tx.commit().await?)
    }
}

impl Deref for Tx {
    type Target = TenantTx;
    fn deref(&self) -> &TenantTx {
        &self.tx
    }
}
impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut TenantTx {
        &mut self.tx
    }
}

impl<S> FromRequestParts<S> for Tx
where
    Identity: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (caller, identity) = caller(parts, state).await?;
        let tx = identity.db.tenant(&caller).await?;
        Ok(Self { caller, tx })
    }
}

/// How a token travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// In the `Authorization` header: only a program or our own script puts it there.
    Bearer,
    /// In a cookie: the browser adds it to any request, whoever made it.
    Cookie,
}

/// The token of a request. A header, even an unusable one, hides the cookie.
pub(super) fn token_of(headers: &HeaderMap) -> Option<(&str, Carrier)> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (kind, token) = value.to_str().ok()?.split_once(' ')?;
        return kind.eq_ignore_ascii_case("bearer").then(|| (token.trim(), Carrier::Bearer));
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| (token, Carrier::Cookie))
}

/// A `Set-Cookie` value that signs a browser in, or out when there is no token.
pub(super) fn cookie(token: Option<&str>, scheme: Scheme) -> String {
    let lasts = token.map_or(0, |_| token::ACCESS.num_seconds());
    let secure = if scheme == Scheme::Https { "; Secure" } else { "" };
    format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasts}{secure}", token.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_hides_the_cookie() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; atelier_session=one".parse().expect("value"));
        headers.append(header::COOKIE, "c=d".parse().expect("value"));
        assert_eq!(token_of(&headers), Some(("one", Carrier::Cookie)));
        headers.insert(header::AUTHORIZATION, "bearer two".parse().expect("value"));
        assert_eq!(token_of(&headers), Some(("two", Carrier::Bearer)));
        headers.insert(header::AUTHORIZATION, "Basic dHdv".parse().expect("value"));
        assert_eq!(token_of(&headers), None);
    }
}

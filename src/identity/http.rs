//! `/auth`: register, login, logout, me.
use axum::{
    Json as Answer,
    extract::{FromRef, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{AppendHeaders, IntoResponse},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Account, ClientAddr, Identity, Login, OwnOrigin, Register, Tx,
    address::Scheme,
    extract::{cookie, token_of},
    member, user,
};
use crate::http::{Problem, extract::Json};

type Headers = AppendHeaders<[(HeaderName, HeaderValue); 2]>;

/// The routes of this room, for any state that holds an [`Identity`].
pub fn router<S>() -> OpenApiRouter<S>
where
    Identity: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    let own = OpenApiRouter::new().routes(routes!(register)).routes(routes!(login)).routes(routes!(logout));
    own.routes(routes!(me)).merge(member::router())
}

fn set_cookie(token: Option<&str>, scheme: Scheme) -> Result<Headers, Problem> {
    let value = HeaderValue::try_from(cookie(token, scheme)).map_err(Problem::internal)?;
    Ok(AppendHeaders([(header::SET_COOKIE, value), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]))
}

/// Make an account and an organization
///
/// The first member of an organization may do everything in it. Signs in: browsers get the cookie, programs take
/// `token` and send it as `Authorization: Bearer …`.
#[utoipa::path(
    post, path = "/auth/register", tag = "auth", request_body = Register,
    responses(
        (status = 201, description = "Made, and signed in.", body = Account),
        (status = 403, description = "New accounts cannot be made here.", body = Problem),
        (status = 409, description = "The e-mail address has an account already.", body = Problem),
        (status = 422, description = "Some fields are not valid.", body = Problem),
        (status = 429, description = "Too many new accounts from one address.", body = Problem),
    )
)]
async fn register(
    State(identity): State<Identity>,
    from: ClientAddr,
    origin: OwnOrigin,
    Json(wish): Json<Register>,
) -> Result<impl IntoResponse, Problem> {
    let account = identity.register(from, &wish).await?;
    Ok((StatusCode::CREATED, set_cookie(account.token.as_deref(), origin.scheme)?, Answer(account)))
}

/// Sign in
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", request_body = Login,
    responses(
        (status = 200, description = "Signed in.", body = Account),
        (status = 401, description = "The e-mail address or the password is wrong.", body = Problem),
        (status = 403, description = "No active membership there.", body = Problem),
        (status = 429, description = "Too many attempts.", body = Problem),
    )
)]
async fn login(
    State(identity): State<Identity>,
    from: ClientAddr,
    origin: OwnOrigin,
    Json(attempt): Json<Login>,
) -> Result<impl IntoResponse, Problem> {
    let account = identity.login(from, &attempt).await?;
    Ok((set_cookie(account.token.as_deref(), origin.scheme)?, Answer(account)))
}

/// Sign out
///
/// The token ends at once, everywhere. Signing out twice is no error.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth",
    responses(
        (status = 204, description = "Signed out."),
        (status = 403, description = "The request comes from another web site.", body = Problem),
    )
)]
async fn logout(
    State(identity): State<Identity>,
    origin: OwnOrigin,
    headers: HeaderMap,
    parts: Parts,
) -> Result<impl IntoResponse, Problem> {
    // The same rule as for every other changing request, also for a token that has ended.
    identity.presented(&parts).await?;
    if let Some((token, _)) = token_of(&headers) {
        identity.tokens.revoke(&identity.db, token).await?;
    }
    Ok((StatusCode::NO_CONTENT, set_cookie(None, origin.scheme)?))
}

/// Who am I?
#[utoipa::path(
    get, path = "/auth/me", tag = "auth",
    responses(
        (status = 200, description = "The signed-in person, where, and with which rights.", body = Account),
        (status = 401, description = "Not signed in.", body = Problem),
    )
)]
async fn me(mut tx: Tx) -> Result<impl IntoResponse, Problem> {
    let caller = tx.caller.clone();
    let account = user::account(&mut tx, caller.user, caller.permissions).await?;
    tx.commit().await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Answer(account)))
}

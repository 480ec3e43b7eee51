//! Identity: who is calling, in which organization, with which rights. Everything else trusts what is decided here.
//!
//! Accounts sign in with a password and hold an opaque access token (in a cookie for browsers, in the `Authorization`
//! header for programs). Guests hold a token that opens exactly one seat in one live session; links open one screen;
//! tickets open one socket, once. Tables without a tenant are reached through security-definer functions only.
mod address;
mod extract;
mod guest;
pub mod http;
mod limit;
mod login;
mod member;
mod organization;
mod role;
mod token;
mod user;

use std::{str::FromStr, sync::Arc};

use crate::{
    db::Db,
    kernel::{Clock, Id, caller},
    runtime::Rates,
};

pub use address::{ClientAddr, OwnOrigin, OwnUrl, Proxies};
pub use extract::{Can, MaybeIdentity, Presented, Tx};
pub use guest::Guest;
pub use http::router;
pub use limit::Limits;
pub use login::{Login, Passwords, Register};
pub use member::{Member, is_member, may_act, permissions};
pub use organization::OrganizationView;
pub use role::{BuilderEdit, LiveCreate, LiveHost, LiveJoin, OrgManage, Right};
pub use token::{Issued, Link, LinkKind, LinkView, Opens, Scope, Seat, SocketIdentity, Ticket, Tokens, Visitor};
pub use user::{Account, UserView};

/// The id of a person, guest or machine.
pub type UserId = Id<caller::User>;
/// The id of a tenant.
pub type OrganizationId = Id<caller::Organization>;

/// May strangers make accounts?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Registration {
    /// Anybody may register an organization.
    #[default]
    Open,
    /// Nobody may; accounts are made by the operator.
    Closed,
}

impl FromStr for Registration {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err("choose open or closed"),
        }
    }
}

/// What the operator decides about identity.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whose `X-Forwarded-*` headers count.
    pub proxies: Proxies,
    /// The address people type, when it differs from what requests say: `https://workshops.example.org`.
    pub public_url: Option<axum::http::Uri>,
    /// May strangers make accounts?
    pub registration: Registration,
    /// How often is too often.
    pub limits: Rates,
}

/// The handle of this room; cheap to clone. Handlers take it, or the extractors, through `FromRef`.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The database.
    pub db: Db,
    /// Time and ids.
    pub clock: Clock,
    /// Issues, checks and revokes tokens.
    pub tokens: Tokens,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Counts attempts.
    pub limits: Limits,
    /// What the operator decided.
    pub settings: Arc<Settings>,
}

impl Identity {
    /// Puts the room together.
    pub fn new(db: Db, clock: Clock, settings: Settings) -> Self {
        Self {
            tokens: Tokens::new(clock.clone()),
            passwords: Passwords::new(),
            limits: Limits::new(&settings.limits, &clock),
            settings: Arc::new(settings),
            db,
            clock,
        }
    }
}

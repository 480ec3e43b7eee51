//! Shared documents: several people write in one text, and nothing typed is lost.
//!
//! Pure: the two protocols (`ysync`, `hocuspocus` on `lib0`), the `gate` before a document, who is looking
//! (`awareness`), the
//! `document` itself and its kinds (`schema`). Around it: the log in PostgreSQL (`store`), who may (`access`), and one task
//! per open document (`room`).
mod access;
pub mod awareness;
pub mod document;
mod files;
pub mod gate;
pub mod history;
pub mod hocuspocus;
pub mod http;
pub mod lib0;
mod materialise;
mod open;
mod roles;
pub mod room;
pub mod schema;
mod store;
mod turns;
pub mod ysync;

pub use access::Asker;
pub use hocuspocus::Scope;
pub use open::{Admission, Collab, Settings, Shut};
pub use roles::{Roles, Watched};
pub use schema::{Kind, Name};

use crate::kernel::Id;

/// Marker of a shared document's id.
#[derive(Debug)]
pub struct SharedDocument;
/// Id of a shared document.
pub type DocumentId = Id<SharedDocument>;

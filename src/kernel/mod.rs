//! Words every room uses: ids, time, text, pages, codes, and who is calling. Pure; imports nothing of ours.
pub mod caller;
pub mod clock;
pub mod code;
pub mod document;
pub mod id;
pub mod merge;
pub mod page;
pub mod text;

pub use caller::{Caller, Permission};
pub use clock::{Clock, Moment};
pub use code::{Code, Refusal};
pub use id::Id;

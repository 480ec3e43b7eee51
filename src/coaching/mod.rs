//! Coaching: clients, sessions that were held with them, and a summary of each session for each client. A summary's
//! texts are written together in a shared document; the columns here are where everything else reads them.
pub mod http;
mod people;
mod summary;

pub use http::{CreateSummary, SummaryView, find, insert, router};
pub use summary::{
    Action, Approval, Texts, approve, begin_refinement, read_texts, remove, reopen, standing, write_texts,
};

/// As a subject of documents, and of transitions.
const SUBJECT: &str = "summary";

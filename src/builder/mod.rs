//! Plans of trainings: what is taught, to whom, and in which order. Their texts are written together in a shared
//! document; the columns here are where everything else reads them.
pub mod http;
mod plan;

pub use http::router;
pub use plan::{AgendaItem, Texts, read_texts, remove, standing, write_texts};

/// As a subject of documents.
const SUBJECT: &str = "builder_session";

//! Documents against what real clients and hostile ones send.
mod corpus;
mod differential;
mod forged;
mod found;
mod fuzz;
mod hostile;
mod laws;
mod view;
mod writing;

use super::*;
use crate::collab::{
    lib0::Reader,
    schema::{Field, Rule},
};

/// The roots of `clients/interop/histories.mjs`; its "list" is a root that no kind of document has.
static SCHEMA: Schema = Schema {
    key: "test",
    version: 1,
    fields: &[
        Field { name: "text", shape: Shape::Text, rule: Rule::Free },
        Field { name: "body", shape: Shape::Rich, rule: Rule::Free },
        Field { name: "map", shape: Shape::Items(&[]), rule: Rule::Free },
    ],
};

/// A history of real Yjs clients: what they sent, in its order, and what is to be seen in the end.
struct History {
    updates: Vec<Vec<u8>>,
    seen: serde_json::Value,
}

/// Reads what `clients/interop/histories.mjs` wrote.
fn histories(bytes: &[u8]) -> Vec<History> {
    let mut reader = Reader::new(bytes);
    let count = reader.uint().unwrap();
    let mut all = Vec::new();
    for _ in 0..count {
        let updates = (0..reader.uint().unwrap()).map(|_| reader.bytes().unwrap().to_vec()).collect();
        all.push(History { updates, seen: serde_json::from_str(reader.text().unwrap()).unwrap() });
    }
    reader.end().unwrap();
    all
}

/// The histories that are kept beside the code.
fn corpus() -> Vec<History> {
    histories(include_bytes!("../../corpus/histories.bin"))
}

fn integrate(document: &mut Document, update: &[u8]) -> Outcome {
    document.integrate(update, &Limits::UPDATE)
}

fn must(document: &mut Document, update: &[u8]) {
    let outcome = integrate(document, update);
    assert!(matches!(outcome, Outcome::Integrated(_) | Outcome::Known), "{outcome:?}");
}

/// Everything can be asked of it, and it is what a fresh document makes of its state.
fn sound(document: &Document) {
    assert_eq!(document.broken(), None);
    let compacted = document.compacted().unwrap();
    assert_eq!(compacted.clocks, document.clocks());
    assert!(!compacted.differs);
}

//! The kinds of shared documents: which fields each has, of which shape, and what each kind is called. Pure, and without
//! yrs: what a field means is said here, how it is stored is the business of [`document`](super::document).
//!
//! A field is a root of the Yjs document, under its own name. Short text is a `Y.Text`; long text is rich, a
//! `Y.XmlFragment` with the names of TipTap; items are a `Y.Map` of `Y.Map`s by id, each with a fractional `order`, so
//! that two people who move the same item do not double it.
pub mod check;
pub mod compare;
pub mod content;
pub mod diff;
mod name;
pub mod order;
mod page;
pub mod rich;

use std::fmt;

pub use self::{
    content::{Content, Fault, Fields, Form, Item, Value, Why},
    name::{Name, NameError},
};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The plan of a training: title, audience, objective, agenda.
    BuilderSession,
    /// What came out of coaching for one client.
    Summary,
    /// The shared page of notes of a live session.
    LiveNotes,
    /// The shared drawing of a live session.
    LiveWhiteboard,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::BuilderSession, Self::Summary, Self::LiveNotes, Self::LiveWhiteboard];

    /// As in names, paths and tables.
    pub const fn key(self) -> &'static str {
        self.schema().key
    }
    /// By its key.
    pub fn by_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
    /// Is what it says copied into columns?
    pub const fn has_columns(self) -> bool {
        matches!(self, Self::BuilderSession | Self::Summary)
    }
    /// Its fields.
    pub const fn schema(self) -> &'static Schema {
        match self {
            Self::BuilderSession => &BUILDER_SESSION,
            Self::Summary => &SUMMARY,
            Self::LiveNotes => &LIVE_NOTES,
            Self::LiveWhiteboard => &LIVE_WHITEBOARD,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What documents of one kind look like.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// The key of the kind.
    pub key: &'static str,
    /// Raised when a field changes its shape or rich text learns a new node: an editor that is older may then only read,
    /// because it would delete what it does not know.
    pub version: u32,
    /// The roots.
    pub fields: &'static [Field],
}

impl Schema {
    /// A field by its name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field of a document or of an item.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name: of the root, of the entry, and in JSON.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// What it must be before it is copied into columns. People may type what they like until then.
    pub rule: Rule,
}

/// What a field holds, and as what it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Short text that several people type in: `Y.Text`.
    Text,
    /// Long text with formats: `Y.XmlFragment`.
    Rich,
    /// A string, null when there is none. The last writer wins, as with all of the following.
    Word,
    /// A number, or null.
    Number,
    /// Yes or no; no when there is nothing.
    Flag,
    /// Any JSON.
    Json,
    /// Things by id in an order of their own. Only as a field of a document, not of an item.
    Items(&'static [Field]),
}

/// What a field must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Anything.
    Free,
    /// At most this many characters, or entries.
    Most(u32),
    /// Not blank, and at most this many characters.
    Required(u32),
    /// The same of text with line breaks.
    RequiredLines(u32),
    /// A whole number above zero, or nothing.
    Positive,
    /// A date as 2026-11-21, or nothing.
    Date,
}

/// The name of the entry that keeps an item's place among its siblings: a key of the npm package `fractional-indexing`.
/// Items with equal keys are ordered by id.
pub const ORDER: &str = "order";

const fn text(name: &'static str, rule: Rule) -> Field {
    Field { name, shape: Shape::Text, rule }
}
const fn rich(name: &'static str, rule: Rule) -> Field {
    Field { name, shape: Shape::Rich, rule }
}
const fn word(name: &'static str, rule: Rule) -> Field {
    Field { name, shape: Shape::Word, rule }
}
const fn number(name: &'static str, rule: Rule) -> Field {
    Field { name, shape: Shape::Number, rule }
}
const fn flag(name: &'static str) -> Field {
    Field { name, shape: Shape::Flag, rule: Rule::Free }
}
const fn json(name: &'static str) -> Field {
    Field { name, shape: Shape::Json, rule: Rule::Free }
}
const fn items(name: &'static str, rule: Rule, fields: &'static [Field]) -> Field {
    Field { name, shape: Shape::Items(fields), rule }
}

/// The name of the field with remarks.
pub const COMMENTS: &str = "comments";

/// Remarks on a place in a field. They are no part of what the document says: never exported, never copied to columns.
const REMARKS: Field = items(
    COMMENTS,
    Rule::Most(2_000),
    &[
        // The remark that this one answers; null for the first of a thread.
        word("parent", Rule::Free),
        // Which field, and of an item `items/id/field`.
        word("field", Rule::Most(200)),
        // Relative positions of Yjs, as JSON: {"from": …, "to": …}.
        json("anchor"),
        // What was there when the remark was made, for when it is there no more.
        word("quote", Rule::Most(1_000)),
        text("body", Rule::RequiredLines(5_000)),
        word("author", Rule::Free),
        // As they were called when they wrote it: participants have no account to look the name up by.
        word("authorName", Rule::Most(200)),
        word("createdAt", Rule::Free),
        word("resolvedBy", Rule::Free),
        word("resolvedAt", Rule::Free),
    ],
);

static BUILDER_SESSION: Schema = Schema {
    key: "builder_session",
    version: 1,
    fields: &[
        text("title", Rule::Required(200)),
        text("subtitle", Rule::Most(300)),
        text("audience", Rule::RequiredLines(2_000)),
        rich("objective", Rule::Required(20_000)),
        items(
            "agenda",
            Rule::Most(200),
            &[
                text("title", Rule::Required(200)),
                rich("description", Rule::Most(20_000)),
                number("durationMinutes", Rule::Positive),
                rich("notes", Rule::Most(20_000)),
            ],
        ),
        REMARKS,
    ],
};

static SUMMARY: Schema = Schema {
    key: "summary",
    version: 1,
    fields: &[
        rich("wins", Rule::Most(50_000)),
        rich("challenges", Rule::Most(50_000)),
        rich("recommendations", Rule::Most(50_000)),
        items(
            "actions",
            Rule::Most(200),
            &[
                text("text", Rule::Required(2_000)),
                word("owner", Rule::Most(200)),
                word("dueOn", Rule::Date),
                flag("done"),
            ],
        ),
        rich("edited", Rule::Most(200_000)),
        REMARKS,
    ],
};

static LIVE_NOTES: Schema =
    Schema { key: "live_notes", version: 1, fields: &[rich("body", Rule::Most(500_000)), REMARKS] };

static LIVE_WHITEBOARD: Schema = Schema {
    key: "live_whiteboard",
    version: 1,
    fields: &[items(
        "shapes",
        Rule::Most(5_000),
        &[
            // pen, line, arrow, rectangle, ellipse, note, text, image.
            word("kind", Rule::Required(40)),
            number("x", Rule::Free),
            number("y", Rule::Free),
            number("width", Rule::Free),
            number("height", Rule::Free),
            number("rotation", Rule::Free),
            // Of a line: [x, y, pressure, x, y, pressure, …], relative to x and y.
            json("points"),
            word("color", Rule::Most(40)),
            word("fill", Rule::Most(40)),
            number("stroke", Rule::Free),
            text("text", Rule::Most(5_000)),
            // Of an image: the id of the file.
            word("file", Rule::Most(200)),
            word("author", Rule::Free),
            flag("locked"),
        ],
    )],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_keys() {
        for kind in Kind::ALL {
            assert_eq!(Kind::by_key(kind.key()), Some(kind));
        }
        assert_eq!(Kind::by_key("Summary"), None);
    }

    #[test]
    fn names_are_given_once_and_items_do_not_nest() {
        let once = |fields: &[Field]| {
            let mut names: Vec<_> = fields.iter().map(|field| field.name).collect();
            names.sort_unstable();
            names.windows(2).all(|pair| pair[0] != pair[1]) && !names.contains(&ORDER)
        };
        for kind in Kind::ALL {
            assert!(once(kind.schema().fields), "{kind}");
            for field in kind.schema().fields {
                if let Shape::Items(inner) = field.shape {
                    assert!(once(inner), "{kind} {}", field.name);
                    assert!(inner.iter().all(|field| !matches!(field.shape, Shape::Items(_))));
                }
            }
        }
    }
}

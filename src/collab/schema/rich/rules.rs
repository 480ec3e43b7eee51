//! What may be in what: the schema of the editors (clients/web/src/editor/schema.ts). An editor deletes what does not
//! fit, so nothing that does not fit is written over REST.
use std::fmt::Write;

use serde_json::Value as Json;

use super::{Attributes, Element, Node, Span};

/// The most columns or rows that one cell spans.
pub const MOST_SPAN: u64 = 100;
/// The most places in one table: editors keep a map of them.
const MOST_PLACES: usize = 100_000;
/// The widest column, and the largest side of an image, in pixels.
const MOST_PIXELS: u64 = 20_000;

/// Why something is no rich text that editors can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A node with a name that is not known.
    #[error("there is no node of this type")]
    Node,
    /// A mark with a name that is not known.
    #[error("there is no mark of this type")]
    Mark,
    /// An attribute that this node or mark has not, or with a value that it cannot have.
    #[error("an attribute is not one of this type, or its value is none")]
    Attribute,
    /// A node where it cannot be.
    #[error("this cannot be here")]
    Place,
    /// A node that lacks what has to be in it.
    #[error("something has to be in this, or to come first in it")]
    Empty,
    /// Marks that exclude each other, or one of them twice, or where there are none.
    #[error("these marks cannot be here together")]
    Marks,
    /// A table that is larger than editors show.
    #[error("the table is too large")]
    Table,
}

/// Something that does not fit, and where: the numbers of the nodes on the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// As `/content/0/content/2`.
    pub at: String,
    /// What is wrong.
    pub why: Unfit,
}

/// The first thing that does not fit, if any.
pub(super) fn misfit(nodes: &[Node]) -> Option<Misfit> {
    let mut path = vec![];
    check(nodes, Inside::Blocks, true, &mut path).err().map(|why| {
        let mut at = String::new();
        for number in path {
            // Writing to a string does not fail.
            let _ = write!(at, "/content/{number}");
        }
        Misfit { at, why }
    })
}

/// What a node holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Blocks,
    /// A paragraph, and blocks behind it.
    Item,
    Line,
    Code,
    Only(&'static str),
    Cells,
}

/// What is in it, and whether it may be empty. None: it is not known.
fn inside(name: &str) -> Option<(Inside, bool)> {
    Some(match name {
        "paragraph" | "heading" => (Inside::Line, true),
        "codeBlock" => (Inside::Code, true),
        "blockquote" | "tableCell" | "tableHeader" => (Inside::Blocks, false),
        "bulletList" | "orderedList" => (Inside::Only("listItem"), false),
        "taskList" => (Inside::Only("taskItem"), false),
        "listItem" | "taskItem" => (Inside::Item, false),
        "table" => (Inside::Only("tableRow"), false),
        "tableRow" => (Inside::Cells, true),
        "horizontalRule" | "image" | "hardBreak" | "mention" => (Inside::Nothing, true),
        _ => return None,
    })
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "paragraph"
            | "heading"
            | "blockquote"
            | "codeBlock"
            | "horizontalRule"
            | "image"
            | "bulletList"
            | "orderedList"
            | "taskList"
            | "table"
    )
}

/// Leaves the way to what does not fit in `path`. ProseMirror counts each piece of text with its own marks as a node.
fn check(nodes: &[Node], inside: Inside, may_be_empty: bool, path: &mut Vec<usize>) -> Result<(), Unfit> {
    if nodes.is_empty() && !may_be_empty {
        return Err(Unfit::Empty);
    }
    let mut number = 0;
    for node in nodes {
        path.push(number);
        match node {
            Node::Text(spans) => {
                for span in spans {
                    text(span, inside)?;
                    number += 1;
                    path.pop();
                    path.push(number);
                }
            }
            Node::Element(found) => {
                element(found, inside, number == 0, path)?;
                number += 1;
            }
        }
        path.pop();
    }
    Ok(())
}

fn element(found: &Element, around: Inside, first: bool, path: &mut Vec<usize>) -> Result<(), Unfit> {
    let name = found.name.as_str();
    let (holds, may_be_empty) = inside(name).ok_or(Unfit::Node)?;
    let fits = match around {
        Inside::Nothing | Inside::Code => false,
        Inside::Item if first && name != "paragraph" => return Err(Unfit::Empty),
        Inside::Blocks | Inside::Item => is_block(name),
        Inside::Line => matches!(name, "hardBreak" | "mention"),
        Inside::Only(only) => name == only,
        Inside::Cells => matches!(name, "tableCell" | "tableHeader"),
    };
    if !fits {
        return Err(Unfit::Place);
    }
    if !found.attributes.iter().all(|(attribute, value)| is_attribute(name, attribute, value)) {
        return Err(Unfit::Attribute);
    }
    if name == "table" && !is_small(found) {
        return Err(Unfit::Table);
    }
    check(&found.children, holds, may_be_empty, path)
}

fn text(span: &Span, around: Inside) -> Result<(), Unfit> {
    if !matches!(around, Inside::Line | Inside::Code) {
        return Err(Unfit::Place);
    }
    let suggested = |name: &str| matches!(name, "insertion" | "deletion");
    let code = span.marks.contains_key("code");
    for (name, value) in &span.marks {
        // The name of one that is there twice has a hash behind it.
        if super::mark_name(name) != name {
            return Err(Unfit::Marks);
        }
        mark(name, value)?;
        if (around == Inside::Code || code && name != "code") && !suggested(name) {
            return Err(Unfit::Marks);
        }
    }
    Ok(())
}

/// Is this a mark, with attributes of its own?
fn mark(name: &str, value: &Json) -> Result<(), Unfit> {
    let known: &[&str] = match name {
        "bold" | "italic" | "strike" | "underline" | "code" | "highlight" | "superscript" | "subscript" => &[],
        "link" => &["href", "target", "rel", "class", "title"],
        "insertion" | "deletion" => &["id", "author", "name", "at"],
        _ => return Err(Unfit::Mark),
    };
    let mut attributes = value.as_object().into_iter().flatten();
    let fits = |(attribute, value): (&String, &Json)| {
        let plain = value.is_string() || value.is_number() && name != "link";
        plain && known.contains(&attribute.as_str())
    };
    if attributes.all(fits) { Ok(()) } else { Err(Unfit::Attribute) }
}

fn is_attribute(element: &str, attribute: &str, value: &Json) -> bool {
    let within = |least: u64, most: u64| value.as_u64().is_some_and(|number| (least..=most).contains(&number));
    let one_of = |words: &[&str]| value.as_str().is_some_and(|word| words.contains(&word));
    match (element, attribute) {
        ("heading", "level") => within(1, 6),
        ("orderedList", "start") => within(0, 999_999_999),
        ("orderedList", "type") => one_of(&["1", "a", "A", "i", "I"]),
        ("codeBlock", "language") | ("image", "src" | "alt" | "title") | ("mention", "id" | "label") => {
            value.is_string()
        }
        ("taskItem", "checked") => value.is_boolean(),
        ("image", "width" | "height") => within(1, MOST_PIXELS),
        ("tableCell" | "tableHeader", "colspan" | "rowspan") => within(1, MOST_SPAN),
        ("tableCell" | "tableHeader", "align") => one_of(&["left", "center", "right"]),
        ("tableCell" | "tableHeader", "colwidth") => is_widths(value),
        _ => false,
    }
}

/// As many as the cell spans columns, at most; zero for one that is not set.
fn is_widths(value: &Json) -> bool {
    let width = |value: &Json| value.is_null() || value.as_u64().is_some_and(|width| width <= MOST_PIXELS);
    value.as_array().is_some_and(|widths| widths.len() <= 100 && widths.iter().all(width))
}

/// Is the map of its places, with all that its cells span, of a size that editors can draw?
fn is_small(table: &Element) -> bool {
    let rows = table.children.len();
    let (mut width, mut hanging) = (0, vec![0_usize; rows]);
    for (at, row) in table.children.iter().enumerate() {
        let Node::Element(row) = row else { continue };
        let mut own = 0;
        for cell in &row.children {
            let Node::Element(cell) = cell else { continue };
            let columns = span(&cell.attributes, "colspan");
            own += columns;
            for later in hanging.iter_mut().skip(at + 1).take(span(&cell.attributes, "rowspan") - 1) {
                *later += columns;
            }
        }
        width = width.max(own + hanging.get(at).copied().unwrap_or(0));
    }
    width.saturating_mul(rows) <= MOST_PLACES
}

fn span(attributes: &Attributes, name: &str) -> usize {
    let count = attributes.get(name).and_then(Json::as_u64).unwrap_or(1).clamp(1, MOST_SPAN);
    usize::try_from(count).unwrap_or(1)
}

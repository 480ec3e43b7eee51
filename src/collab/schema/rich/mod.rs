//! Rich text: a tree with the names of TipTap, as its extensions `StarterKit`, `Underline`, `Highlight`, `TaskList`,
//! `Table`, `Image`, `Mention` write it. Names that are not known here are kept as they are.
mod alike;
mod compare;
mod html;
mod json;
mod parse;
mod reduce;
mod rules;
#[cfg(test)]
pub(in super::super) mod tests;
mod write;

use std::collections::BTreeMap;

use serde_json::Value as Json;

pub use self::{
    alike::alike,
    compare::{compared, marked_words},
    json::{JsonError, MOST_DEPTH},
    reduce::{is_expressible_attribute, is_expressible_mark, is_invisible, reduced},
    rules::{Misfit, Unfit},
};

/// Attributes of an element, or the marks of a piece of text with the attributes of each.
pub type Attributes = BTreeMap<String, Json>;

/// A rich text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rich {
    /// What it consists of.
    pub nodes: Vec<Node>,
    /// What it says about things that it does not mention.
    pub precision: Precision,
}

/// How much of a rich text is known to whoever wrote it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// All of it.
    #[default]
    Exact,
    /// What Markdown can say. When it is written into a document, all else there stays: comments, suggestions,
    /// alignment, empty lines.
    Markdown,
}

/// A part of a rich text.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A paragraph, a list, an image, a break.
    Element(Element),
    /// Text.
    Text(Vec<Span>),
}

/// A node that is not text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Element {
    /// The name of its type in TipTap.
    pub name: String,
    /// Without those that are null.
    pub attributes: Attributes,
    /// What is in it.
    pub children: Vec<Node>,
}

/// A piece of text with the same marks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// The text. A U+FFFC stands for something that is embedded and not known.
    pub text: String,
    /// By the names under which Yjs keeps them: the mark's, for marks that may overlap with a hash behind it.
    pub marks: Attributes,
}

impl Rich {
    /// From Markdown. Whatever it says, the result is text and known nodes: raw HTML is text like any other.
    pub fn from_markdown(markdown: &str) -> Self {
        Self { nodes: parse::parsed(markdown), precision: Precision::Markdown }
    }
    /// From the JSON of a ProseMirror document, if it is one that editors can show.
    pub fn from_json(json: &Json) -> Result<Self, JsonError> {
        Ok(Self { nodes: json::fitting(json)?, precision: Precision::Exact })
    }
    /// The JSON of a ProseMirror document.
    pub fn to_json(&self) -> Json {
        json::write(&self.nodes)
    }
    /// As Markdown: what is suggested and not accepted is not in it.
    pub fn to_markdown(&self) -> String {
        write::written(&self.reduced())
    }
    /// As HTML that is safe to show: suggestions are marked as insertions and deletions.
    pub fn to_html(&self) -> String {
        html::rendered(&self.nodes)
    }
    /// What has become of it, as HTML that is safe to show: what is gone and what is new are marked.
    pub fn compared_html(&self, newer: &Self) -> String {
        html::rendered(&compared(&self.nodes, &newer.nodes))
    }
    /// As plain text: a line for each block.
    pub fn to_plain(&self) -> String {
        let mut text = String::new();
        for node in &self.reduced() {
            plain(node, &mut text);
        }
        text.truncate(text.trim_end().len());
        text
    }
    /// What Markdown can say of it.
    pub fn reduced(&self) -> Vec<Node> {
        reduce::reduced_blocks(&self.nodes)
    }
}

impl Element {
    /// One without attributes.
    pub fn new(name: &str, children: Vec<Node>) -> Self {
        Self { name: name.to_owned(), attributes: Attributes::new(), children }
    }
    /// With one more attribute.
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }
    /// An attribute that is text.
    pub fn text_attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }
    /// An attribute that is a whole number.
    pub fn number_attribute(&self, name: &str) -> Option<u64> {
        let value = self.attributes.get(name)?;
        // Numbers of JavaScript may come as 2.0.
        value.as_u64().or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
    }
}

impl Span {
    /// Without marks.
    pub fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), marks: Attributes::new() }
    }
}

/// The name of a mark, without the hash that y-prosemirror puts behind the names of marks that may overlap.
pub fn mark_name(key: &str) -> &str {
    let Some(at) = key.len().checked_sub(10).filter(|at| *at > 0 && key.is_char_boundary(*at)) else { return key };
    let (name, hash) = key.split_at(at);
    let is_hash = hash.starts_with("--")
        && hash.bytes().skip(2).all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    if is_hash { name } else { key }
}

fn plain(node: &Node, text: &mut String) {
    match node {
        Node::Text(spans) => text.extend(spans.iter().map(|span| span.text.as_str())),
        Node::Element(element) => match element.name.as_str() {
            "hardBreak" => text.push('\n'),
            "mention" => {
                text.push('@');
                text.push_str(element.text_attribute("label").unwrap_or_default());
            }
            "image" => {
                text.push_str(element.text_attribute("alt").unwrap_or_default());
                end_line(text);
            }
            name => {
                for child in &element.children {
                    plain(child, text);
                    // Cells of a row stay on one line.
                    if name == "tableRow" {
                        text.truncate(text.trim_end_matches('\n').len());
                        text.push('\t');
                    }
                }
                if name == "tableRow" {
                    text.truncate(text.trim_end_matches('\t').len());
                }
                end_line(text);
            }
        },
    }
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

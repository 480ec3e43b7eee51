//! Rich text as ProseMirror writes it in JSON.
use serde_json::{Map as Object, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    Attributes, Element, Node, Span, mark_name,
    rules::{Misfit, misfit},
};

/// How deep elements may be nested in what is read from JSON or Markdown. The gate allows more, for what people type.
pub const MOST_DEPTH: usize = 40;

/// Not the JSON of a ProseMirror document, or not of one that editors here can show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not an object with a `type`, or something else where another thing is expected.
    #[error("it is not a ProseMirror document")]
    Shape,
    /// Nested deeper than [`MOST_DEPTH`].
    #[error("it is nested too deep")]
    TooDeep,
    /// Editors would delete it.
    #[error("{}: {}", .0.at, .0.why)]
    Misfit(Misfit),
}

/// The nodes of a document, or of a list of nodes, if editors can show them.
pub(super) fn fitting(json: &Json) -> Result<Vec<Node>, JsonError> {
    let nodes = read(json)?;
    misfit(&nodes).map_or(Ok(nodes), |misfit| Err(JsonError::Misfit(misfit)))
}

/// The nodes of a document, or of a list of nodes, whatever they are called.
pub(super) fn read(json: &Json) -> Result<Vec<Node>, JsonError> {
    let nodes = match json {
        Json::Array(_) => json,
        Json::Object(object) if object.get("type").and_then(Json::as_str) == Some("doc") => {
            object.get("content").unwrap_or(&Json::Null)
        }
        _ => return Err(JsonError::Shape),
    };
    content(nodes, 0)
}

fn content(json: &Json, depth: usize) -> Result<Vec<Node>, JsonError> {
    let list = match json {
        Json::Null => return Ok(vec![]),
        Json::Array(list) => list,
        _ => return Err(JsonError::Shape),
    };
    if depth > MOST_DEPTH {
        return Err(JsonError::TooDeep);
    }
    let mut nodes: Vec<Node> = vec![];
    for json in list {
        let object = json.as_object().ok_or(JsonError::Shape)?;
        let name = object.get("type").and_then(Json::as_str).ok_or(JsonError::Shape)?;
        if name == "text" {
            let span = span(object)?;
            match nodes.last_mut() {
                _ if span.text.is_empty() => {}
                Some(Node::Text(spans)) => push(spans, span),
                _ => nodes.push(Node::Text(vec![span])),
            }
        } else {
            nodes.push(Node::Element(Element {
                name: name.to_owned(),
                attributes: attributes(object.get("attrs"))?,
                children: content(object.get("content").unwrap_or(&Json::Null), depth + 1)?,
            }));
        }
    }
    Ok(nodes)
}

/// Puts a piece at the end, joined to the last one if it has the same marks.
pub(super) fn push(spans: &mut Vec<Span>, span: Span) {
    match spans.last_mut() {
        Some(last) if last.marks == span.marks => last.text.push_str(&span.text),
        _ => spans.push(span),
    }
}

fn attributes(json: Option<&Json>) -> Result<Attributes, JsonError> {
    match json {
        None | Some(Json::Null) => Ok(Attributes::new()),
        Some(Json::Object(object)) => {
            let set = object.iter().filter(|(_, value)| !value.is_null());
            Ok(set.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        Some(_) => Err(JsonError::Shape),
    }
}

fn span(object: &Object<String, Json>) -> Result<Span, JsonError> {
    let text = object.get("text").and_then(Json::as_str).ok_or(JsonError::Shape)?;
    let mut marks = Attributes::new();
    for mark in object.get("marks").and_then(Json::as_array).into_iter().flatten() {
        let name = mark.get("type").and_then(Json::as_str).ok_or(JsonError::Shape)?;
        let attributes = attributes(mark.get("attrs"))?;
        let value = Json::Object(attributes.into_iter().collect());
        // A second one of the same name: y-prosemirror tells them apart with eight letters, whichever.
        let key = if marks.contains_key(name) { format!("{name}--{}", letters(&value)) } else { name.to_owned() };
        marks.insert(key, value);
    }
    Ok(Span { text: text.to_owned(), marks })
}

fn letters(value: &Json) -> String {
    let digest = Sha256::digest(value.to_string());
    let (head, _) = digest.split_at(4);
    let number = head.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{number:08x}")
}

/// The document.
pub(super) fn write(nodes: &[Node]) -> Json {
    json!({ "type": "doc", "content": written(nodes) })
}

fn written(nodes: &[Node]) -> Vec<Json> {
    let (mut list, mut spans) = (vec![], vec![]);
    for node in nodes {
        match node {
            // Texts beside each other are one to ProseMirror.
            Node::Text(more) => {
                more.iter().filter(|span| !span.text.is_empty()).for_each(|span| push(&mut spans, span.clone()));
            }
            Node::Element(element) => {
                list.extend(std::mem::take(&mut spans).iter().map(text));
                list.push(self::element(element));
            }
        }
    }
    list.extend(spans.iter().map(text));
    list
}

fn element(element: &Element) -> Json {
    let mut object = Object::from_iter([("type".to_owned(), json!(element.name))]);
    if !element.attributes.is_empty() {
        object.insert("attrs".to_owned(), json!(element.attributes));
    }
    if !element.children.is_empty() {
        object.insert("content".to_owned(), Json::Array(written(&element.children)));
    }
    Json::Object(object)
}

fn text(span: &Span) -> Json {
    let mark = |(key, value): (&String, &Json)| match value.as_object().filter(|object| !object.is_empty()) {
        Some(attributes) => json!({ "type": mark_name(key), "attrs": attributes }),
        None => json!({ "type": mark_name(key) }),
    };
    let mut object = Object::from_iter([("type".to_owned(), json!("text")), ("text".to_owned(), json!(span.text))]);
    if !span.marks.is_empty() {
        object.insert("marks".to_owned(), span.marks.iter().map(mark).collect());
    }
    Json::Object(object)
}

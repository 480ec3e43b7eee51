//! What Markdown can say of a rich text. Two texts that reduce to the same are the same to whoever writes Markdown.
use serde_json::{Value as Json, json};

use super::{Attributes, Element, Node, Span, json::push, mark_name};

/// The marks that Markdown (with a few tags of HTML) has.
const MARKS: [&str; 9] =
    ["bold", "italic", "strike", "code", "link", "underline", "highlight", "superscript", "subscript"];

const SPACE: [char; 2] = [' ', '\t'];

/// Can Markdown say that text has this mark, or that it has not?
pub fn is_expressible_mark(key: &str) -> bool {
    MARKS.contains(&key)
}

/// Can Markdown say that an element has this attribute, or that it has not?
pub fn is_expressible_attribute(element: &str, attribute: &str) -> bool {
    matches!(
        (element, attribute),
        ("heading", "level")
            | ("orderedList", "start")
            | ("taskItem", "checked")
            | ("codeBlock", "language")
            | ("image", "src" | "alt" | "title")
            | ("mention", "id" | "label")
    )
}

/// A node as Markdown knows it; none if it says nothing, as an empty paragraph. What is not known gives way to what is
/// in it.
pub fn reduced(node: &Node) -> Option<Node> {
    match node {
        // A part of a line: spaces at its ends are between it and what is beside it.
        Node::Text(_) => untrimmed(std::slice::from_ref(node)).into_iter().next(),
        Node::Element(element) if is_inline(element) => untrimmed(std::slice::from_ref(node)).into_iter().next(),
        Node::Element(element) => match element.name.as_str() {
            name @ ("listItem" | "taskItem") => Some(Node::Element(item(element, name))),
            name @ ("tableHeader" | "tableCell") => Some(Node::Element(Element::new(name, cell_blocks(element)))),
            "tableRow" => {
                let cells = elements(&element.children).map(|cell| Element::new(&cell.name, cell_blocks(cell)));
                Some(Node::Element(Element::new("tableRow", cells.map(Node::Element).collect())))
            }
            _ => {
                let mut found = vec![];
                block(element, &mut found);
                found.into_iter().next()
            }
        },
    }
}

/// The blocks of a text, a quotation, an item.
pub(super) fn reduced_blocks(nodes: &[Node]) -> Vec<Node> {
    let mut found = vec![];
    let mut loose: Vec<Node> = vec![];
    for node in nodes {
        match node {
            Node::Element(element) if !is_inline(element) => {
                paragraph(&std::mem::take(&mut loose), &mut found);
                block(element, &mut found);
            }
            // Text without a paragraph around it.
            other => loose.push(other.clone()),
        }
    }
    paragraph(&loose, &mut found);
    found
}

fn is_inline(element: &Element) -> bool {
    matches!(element.name.as_str(), "hardBreak" | "mention")
}

fn block(element: &Element, found: &mut Vec<Node>) {
    let made = |name: &str, children: Vec<Node>| Element::new(name, children);
    let whole = match element.name.as_str() {
        "paragraph" => return paragraph(&element.children, found),
        "heading" => {
            let level = element.number_attribute("level").unwrap_or(1).clamp(1, 6);
            Some(made("heading", inline(&element.children)).with("level", level))
        }
        "blockquote" => Some(made("blockquote", reduced_blocks(&element.children))),
        "bulletList" | "taskList" | "orderedList" => Some(list(element)),
        "codeBlock" => Some(code_block(element)),
        "table" => table(element),
        "horizontalRule" => {
            found.push(Node::Element(made("horizontalRule", vec![])));
            None
        }
        "image" => {
            found.extend(image(element));
            None
        }
        // Not known: what is in it.
        _ => {
            found.extend(reduced_blocks(&element.children));
            None
        }
    };
    found.extend(whole.filter(|element| !element.children.is_empty()).map(Node::Element));
}

fn paragraph(children: &[Node], found: &mut Vec<Node>) {
    let children = inline(children);
    if !children.is_empty() {
        found.push(Node::Element(Element::new("paragraph", children)));
    }
}

fn list(element: &Element) -> Element {
    let item = if element.name == "taskList" { "taskItem" } else { "listItem" };
    let items = elements(&element.children).map(|child| Node::Element(self::item(child, item)));
    let made = Element::new(&element.name, items.collect());
    if element.name == "orderedList" {
        // Longer numbers are none in Markdown.
        made.with("start", element.number_attribute("start").unwrap_or(1).min(900_000_000))
    } else {
        made
    }
}

fn item(element: &Element, name: &str) -> Element {
    let made = Element::new(name, reduced_blocks(&element.children));
    let checked = element.attributes.get("checked") == Some(&json!(true));
    if name == "taskItem" { made.with("checked", checked) } else { made }
}

fn code_block(element: &Element) -> Element {
    let mut text = String::new();
    for node in inline_flat(&element.children) {
        match node {
            Node::Text(spans) => text.extend(spans.iter().map(|span| span.text.as_str())),
            Node::Element(element) if element.name == "hardBreak" => text.push('\n'),
            Node::Element(_) => {}
        }
    }
    let text = clean(&text);
    let made =
        Element::new("codeBlock", if text.is_empty() { vec![] } else { vec![Node::Text(vec![Span::plain(&text)])] });
    let word = |c: char| c.is_alphanumeric() || matches!(c, '+' | '-' | '_' | '.');
    match element.text_attribute("language").filter(|language| !language.is_empty() && language.chars().all(word)) {
        Some(language) => made.with("language", language),
        None => made,
    }
}

fn image(element: &Element) -> Option<Node> {
    let src = one_line(element.text_attribute("src")?);
    let mut made = Element::new("image", vec![]).with("src", src.as_str());
    for name in ["alt", "title"] {
        let text = one_line(element.text_attribute(name).unwrap_or_default());
        if !text.is_empty() {
            made = made.with(name, text);
        }
    }
    is_safe(&src, &["http", "https"]).then_some(Node::Element(made))
}

/// Is it an address of this web site, or one with one of these schemes?
pub(super) fn is_safe(address: &str, schemes: &[&str]) -> bool {
    let end = address.find([':', '/', '?', '#']).filter(|end| address[*end..].starts_with(':'));
    let scheme = end.map(|end| &address[..end]);
    !address.is_empty() && scheme.is_none_or(|scheme| schemes.iter().any(|safe| safe.eq_ignore_ascii_case(scheme)))
}

/// What a link may lead to.
pub(super) const LINKS: [&str; 4] = ["http", "https", "mailto", "tel"];

/// All rows as wide as the first, which is the head.
fn table(element: &Element) -> Option<Element> {
    let rows: Vec<&Element> = elements(&element.children).collect();
    let width = rows.first().map(|row| elements(&row.children).count()).filter(|width| *width > 0)?;
    let mut made = vec![];
    for (number, row) in rows.into_iter().enumerate() {
        let name = if number == 0 { "tableHeader" } else { "tableCell" };
        let mut cells: Vec<Node> = elements(&row.children)
            .take(width)
            .map(|cell| Node::Element(Element::new(name, cell_blocks(cell))))
            .collect();
        cells.resize_with(width, || Node::Element(Element::new(name, vec![])));
        made.push(Node::Element(Element::new("tableRow", cells)));
    }
    Some(Element::new("table", made))
}

fn elements(nodes: &[Node]) -> impl Iterator<Item = &Element> {
    nodes.iter().filter_map(|node| match node {
        Node::Element(element) => Some(element),
        Node::Text(_) => None,
    })
}

/// The blocks of a cell as one paragraph: a cell is one line.
fn cell_blocks(cell: &Element) -> Vec<Node> {
    let mut found = vec![];
    for block in reduced_blocks(&cell.children) {
        let inner = inline_flat(std::slice::from_ref(&block));
        if !found.is_empty() && !inner.is_empty() {
            found.push(Node::Element(Element::new("hardBreak", vec![])));
        }
        found.extend(inner);
    }
    let mut cells = vec![];
    paragraph(&found, &mut cells);
    cells
}

/// The inline content of whatever is in it.
fn inline_flat(nodes: &[Node]) -> Vec<Node> {
    let mut found = vec![];
    for node in nodes {
        match node {
            Node::Element(element) if !is_inline(element) => found.extend(inline_flat(&element.children)),
            other => found.push(other.clone()),
        }
    }
    found
}

/// Text, breaks and mentions, as Markdown knows them.
fn inline(nodes: &[Node]) -> Vec<Node> {
    trimmed(untrimmed(nodes))
}

fn untrimmed(nodes: &[Node]) -> Vec<Node> {
    let mut found: Vec<Node> = vec![];
    for node in inline_flat(nodes) {
        match node {
            Node::Element(element) if element.name == "mention" => found.extend(mention(&element)),
            Node::Element(element) => found.push(Node::Element(Element::new(&element.name, vec![]))),
            Node::Text(spans) => {
                for span in spans.iter().filter_map(reduced_span) {
                    match found.last_mut() {
                        Some(Node::Text(before)) => push(before, span),
                        _ => found.push(Node::Text(vec![span])),
                    }
                }
            }
        }
    }
    found
}

/// Lines begin and end with something else than spaces, and the last one does not end with a break.
fn trimmed(mut nodes: Vec<Node>) -> Vec<Node> {
    let is_break = |node: &Node| matches!(node, Node::Element(element) if element.name == "hardBreak");
    let breaks: Vec<bool> = nodes.iter().map(is_break).collect();
    for (at, node) in nodes.iter_mut().enumerate() {
        let Node::Text(spans) = node else { continue };
        if at == 0 || breaks[at - 1] {
            while let Some(first) = spans.first_mut() {
                first.text = first.text.trim_start_matches(SPACE).to_owned();
                if !first.text.is_empty() {
                    break;
                }
                spans.remove(0);
            }
        }
        if breaks.get(at + 1).is_none_or(|is_break| *is_break) {
            while let Some(last) = spans.last_mut() {
                last.text.truncate(last.text.trim_end_matches(SPACE).len());
                if !last.text.is_empty() {
                    break;
                }
                spans.pop();
            }
        }
    }
    nodes.retain(|node| !matches!(node, Node::Text(spans) if spans.is_empty()));
    while nodes.last().is_some_and(is_break) {
        nodes.pop();
    }
    nodes
}

fn mention(element: &Element) -> Option<Node> {
    let id = one_line(element.text_attribute("id")?);
    let label = one_line(element.text_attribute("label").unwrap_or(&id));
    let made = Element::new("mention", vec![]).with("id", id.as_str()).with("label", label.as_str());
    (!id.is_empty() && !label.is_empty()).then_some(Node::Element(made))
}

/// A piece of text as Markdown knows it. What is suggested to come is not there yet; what is suggested to go still is.
fn reduced_span(span: &Span) -> Option<Span> {
    if is_invisible(span) {
        return None;
    }
    let text = clean(&span.text).replace('\n', " ");
    let code = span.marks.keys().any(|key| mark_name(key) == "code");
    let mut marks = Attributes::new();
    for (key, value) in &span.marks {
        match mark_name(key) {
            // In TipTap, code has no other marks.
            name if code && name != "code" => {}
            "link" => drop(link(value).map(|link| marks.insert("link".to_owned(), link))),
            name if is_expressible_mark(name) => drop(marks.insert(name.to_owned(), json!({}))),
            _ => {}
        }
    }
    (!text.is_empty()).then_some(Span { text, marks })
}

/// Is it there only if somebody accepts it, or is it a thing that Markdown does not know?
pub fn is_invisible(span: &Span) -> bool {
    span.text == "\u{FFFC}" || span.marks.keys().any(|key| mark_name(key) == "insertion")
}

/// The address and the title of a link.
fn link(value: &Json) -> Option<Json> {
    let href = one_line(value.get("href")?.as_str()?);
    let title = value.get("title").and_then(Json::as_str).map(one_line).filter(|title| !title.is_empty());
    match title {
        _ if !is_safe(&href, &LINKS) => None,
        Some(title) => Some(json!({ "href": href, "title": title })),
        None => Some(json!({ "href": href })),
    }
}

/// Without what Markdown would change or drop.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ").trim().to_owned()
}

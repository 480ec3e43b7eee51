//! Markdown as rich text: CommonMark with tables, task lists and strike-through, and of HTML the few tags that stand for
//! marks which Markdown has not. Everything else stays the text that it is.
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::{Value as Json, json};

use super::{
    Attributes, Element, Node, Span,
    json::{MOST_DEPTH, push},
    reduce::{LINKS, is_safe},
};

/// The blocks of a Markdown text.
pub(super) fn parsed(markdown: &str) -> Vec<Node> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut builder = Builder { open: vec![Frame::new("doc")], marks: vec![] };
    for event in Parser::new_ext(markdown, options) {
        builder.take(event);
    }
    while builder.open.len() > 1 {
        builder.close();
    }
    builder.open.pop().map(|frame| blocks(frame.element.children)).unwrap_or_default()
}

/// An element that is not yet at its end.
struct Frame {
    element: Element,
    checked: Option<bool>,
}

impl Frame {
    fn new(name: &str) -> Self {
        Self { element: Element::new(name, vec![]), checked: None }
    }
}

struct Builder {
    open: Vec<Frame>,
    marks: Vec<(&'static str, Json)>,
}

/// What is too deep is put into what is around it.
const TRANSPARENT: &str = "";

impl Builder {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Html(text) if is_comment(&text) => {}
            Event::Text(text) | Event::Html(text) => self.text(&text),
            Event::Code(text) => {
                self.marks.push(("code", json!({})));
                self.text(&text);
                self.marks.pop();
            }
            Event::InlineHtml(tag) => self.tag(&tag),
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.leaf(Element::new("hardBreak", vec![])),
            Event::Rule => self.leaf(Element::new("horizontalRule", vec![])),
            Event::TaskListMarker(checked) => {
                if let Some(frame) = self.open.iter_mut().rev().find(|frame| frame.element.name == "listItem") {
                    frame.checked = Some(checked);
                }
            }
            // Not enabled.
            Event::FootnoteReference(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.begin(Element::new("paragraph", vec![])),
            Tag::Heading { level, .. } => self.begin(Element::new("heading", vec![]).with("level", number(level))),
            Tag::BlockQuote(_) => self.begin(Element::new("blockquote", vec![])),
            Tag::CodeBlock(kind) => self.begin(code_block(&kind)),
            Tag::List(Some(start)) => self.begin(Element::new("orderedList", vec![]).with("start", start)),
            Tag::List(None) => self.begin(Element::new("bulletList", vec![])),
            Tag::Item => self.begin(Element::new("listItem", vec![])),
            Tag::Table(_) => self.begin(Element::new("table", vec![])),
            Tag::TableHead | Tag::TableRow => self.begin(Element::new("tableRow", vec![])),
            Tag::TableCell => self.begin(Element::new("tableCell", vec![])),
            Tag::Emphasis => self.marks.push(("italic", json!({}))),
            Tag::Strong => self.marks.push(("bold", json!({}))),
            Tag::Strikethrough => self.marks.push(("strike", json!({}))),
            Tag::Link { dest_url, title, .. } => self.begin_link(&dest_url, &title),
            Tag::Image { dest_url, title, .. } => {
                let image = Element::new("image", vec![]).with("src", &*dest_url);
                self.begin(if title.is_empty() { image } else { image.with("title", &*title) });
            }
            // Not enabled; what is in them stays.
            _ => self.begin(Element::new(TRANSPARENT, vec![])),
        }
    }

    fn begin(&mut self, element: Element) {
        let around = self.open.last().map_or(TRANSPARENT, |frame| frame.element.name.as_str());
        let fits = match element.name.as_str() {
            // With room for what has to be in it.
            "bulletList" | "orderedList" | "table" => self.open.len() + 5 < MOST_DEPTH,
            "blockquote" => self.open.len() + 3 < MOST_DEPTH,
            "listItem" => around.ends_with("List"),
            "tableRow" => around == "table",
            "tableCell" => around == "tableRow",
            _ => true,
        };
        self.open.push(if fits { Frame { element, checked: None } } else { Frame::new(TRANSPARENT) });
    }

    fn begin_link(&mut self, address: &str, title: &str) {
        if let Some(id) = address.strip_prefix("mention:").filter(|id| !id.is_empty()) {
            self.begin(Element::new("mention", vec![]).with("id", id));
            return;
        }
        // Kept beside the marks even if it leads nowhere good, so that its end finds it.
        let link = if is_safe(address, &LINKS) { json!({ "href": address, "title": title }) } else { Json::Null };
        self.marks.push(("link", link));
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Emphasis => self.unmark("italic"),
            TagEnd::Strong => self.unmark("bold"),
            TagEnd::Strikethrough => self.unmark("strike"),
            TagEnd::Link if self.open.last().is_none_or(|frame| frame.element.name != "mention") => self.unmark("link"),
            _ => self.close(),
        }
    }

    fn unmark(&mut self, name: &str) {
        if let Some(at) = self.marks.iter().rposition(|(open, _)| *open == name) {
            self.marks.remove(at);
        }
    }

    /// One of the tags that stand for marks; anything else is text.
    fn tag(&mut self, html: &str) {
        let inner =
            html.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/').trim().to_ascii_lowercase();
        let (closing, name) = inner.strip_prefix('/').map_or((false, inner.as_str()), |name| (true, name));
        let mark = match name {
            "strong" | "b" => "bold",
            "em" | "i" => "italic",
            "s" | "del" => "strike",
            "code" => "code",
            "u" | "ins" => "underline",
            "mark" => "highlight",
            "sup" => "superscript",
            "sub" => "subscript",
            "br" if !closing => return self.leaf(Element::new("hardBreak", vec![])),
            _ if is_comment(html) => return,
            _ => return self.text(html),
        };
        if closing {
            self.unmark(mark);
        } else {
            self.marks.push((mark, json!({})));
        }
    }

    fn text(&mut self, text: &str) {
        let Some(frame) = self.open.last_mut() else { return };
        if frame.element.name == "image" || frame.element.name == "mention" {
            let name = if frame.element.name == "image" { "alt" } else { "label" };
            let before = frame.element.text_attribute(name).unwrap_or_default().to_owned();
            frame.element.attributes.insert(name.to_owned(), json!(before + text));
            return;
        }
        let marks = if frame.element.name == "codeBlock" { Attributes::new() } else { marks(&self.marks) };
        add_text(&mut frame.element.children, Span { text: text.to_owned(), marks });
    }

    fn leaf(&mut self, element: Element) {
        if let Some(frame) = self.open.last_mut() {
            frame.element.children.push(Node::Element(element));
        }
    }

    fn close(&mut self) {
        let Some(frame) = self.open.pop() else { return };
        let inline = matches!(frame.element.name.as_str(), "mention" | "image" | TRANSPARENT);
        if !inline {
            // A tag that was not closed ends with its block.
            self.marks
                .retain(|(name, _)| matches!(*name, "italic" | "bold" | "strike" | "link") && self.open.len() > 1);
        }
        let Some(around) = self.open.last_mut() else { return };
        let children = &mut around.element.children;
        match frame.element.name.as_str() {
            TRANSPARENT => children.extend(frame.element.children),
            "paragraph" | "heading" => children.extend(with_images_out(frame.element)),
            "mention" => children.extend(mention(frame.element)),
            "image" => children.extend(image(frame.element)),
            _ => children.push(Node::Element(completed(frame))),
        }
    }
}

/// Nobody sees it.
fn is_comment(html: &str) -> bool {
    html.trim_start().starts_with("<!--") && html.trim_end().ends_with("-->")
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

fn code_block(kind: &CodeBlockKind<'_>) -> Element {
    let made = Element::new("codeBlock", vec![]);
    let language = match kind {
        CodeBlockKind::Fenced(info) => info.split_whitespace().next(),
        CodeBlockKind::Indented => None,
    };
    language.map(|language| made.clone().with("language", language)).unwrap_or(made)
}

/// The marks that are open, as text has them. Code has no other ones.
fn marks(open: &[(&'static str, Json)]) -> Attributes {
    if open.iter().any(|(name, _)| *name == "code") {
        return Attributes::from([("code".to_owned(), json!({}))]);
    }
    let mut marks = Attributes::new();
    for (name, value) in open.iter().filter(|(_, value)| !value.is_null()) {
        let value = match value.get("title").and_then(Json::as_str) {
            Some("") => json!({ "href": value["href"] }),
            _ => value.clone(),
        };
        marks.insert((*name).to_owned(), value);
    }
    marks
}

fn add_text(children: &mut Vec<Node>, span: Span) {
    match children.last_mut() {
        Some(Node::Text(spans)) => push(spans, span),
        _ => children.push(Node::Text(vec![span])),
    }
}

fn mention(mut element: Element) -> Option<Node> {
    let label = element.text_attribute("label").unwrap_or_default();
    let label = label.strip_prefix('@').unwrap_or(label).to_owned();
    (!label.is_empty()).then(|| {
        element.attributes.insert("label".to_owned(), json!(label));
        Node::Element(element)
    })
}

fn image(element: Element) -> Option<Node> {
    is_safe(element.text_attribute("src")?, &["http", "https"]).then_some(Node::Element(element))
}

/// In TipTap an image is a block: a paragraph with images becomes several blocks.
fn with_images_out(element: Element) -> Vec<Node> {
    let mut made = vec![];
    let mut rest = Element { children: vec![], ..element.clone() };
    for child in element.children {
        match child {
            Node::Element(child) if child.name == "image" => {
                if !rest.children.is_empty() {
                    let before = Element { children: vec![], ..rest.clone() };
                    made.push(Node::Element(std::mem::replace(&mut rest, before)));
                }
                made.push(Node::Element(child));
            }
            child => rest.children.push(child),
        }
    }
    if !rest.children.is_empty() || made.is_empty() {
        made.push(Node::Element(rest));
    }
    made
}

/// Blocks only: text that is loose, as in the items of a tight list, gets a paragraph.
fn blocks(children: Vec<Node>) -> Vec<Node> {
    let mut made: Vec<Node> = vec![];
    let mut loose = Element::new("paragraph", vec![]);
    for child in children {
        match child {
            Node::Element(element) if !matches!(element.name.as_str(), "hardBreak" | "mention" | "image") => {
                if !loose.children.is_empty() {
                    made.extend(with_images_out(std::mem::replace(&mut loose, Element::new("paragraph", vec![]))));
                }
                made.push(Node::Element(element));
            }
            other => loose.children.push(other),
        }
    }
    if !loose.children.is_empty() {
        made.extend(with_images_out(loose));
    }
    made
}

fn empty_paragraph() -> Node {
    Node::Element(Element::new("paragraph", vec![]))
}

/// As the schema of TipTap wants it: editors delete what is not.
fn completed(frame: Frame) -> Element {
    let mut element = frame.element;
    match element.name.as_str() {
        "listItem" => {
            let mut children = blocks(element.children);
            let is_paragraph = |node: &Node| matches!(node, Node::Element(element) if element.name == "paragraph");
            if !children.first().is_some_and(is_paragraph) {
                children.insert(0, empty_paragraph());
            }
            element.children = children;
            if let Some(checked) = frame.checked {
                element.attributes.insert("checked".to_owned(), json!(checked));
            }
        }
        "blockquote" | "tableCell" | "tableHeader" => {
            element.children = blocks(element.children);
            if element.children.is_empty() {
                element.children.push(empty_paragraph());
            }
        }
        "bulletList" | "orderedList" => complete_list(&mut element),
        "table" => complete_table(&mut element),
        "codeBlock" => {
            if let Some(Node::Text(spans)) = element.children.last_mut() {
                let text: String = spans.iter().map(|span| span.text.as_str()).collect();
                *spans = vec![Span::plain(text.strip_suffix('\n').unwrap_or(&text))];
                element.children.retain(|node| !matches!(node, Node::Text(spans) if spans[0].text.is_empty()));
            }
        }
        _ => {}
    }
    element
}

/// A list whose first item can be checked is a list of tasks.
fn complete_list(list: &mut Element) {
    let is_task =
        |node: Option<&Node>| matches!(node, Some(Node::Element(item)) if item.attributes.contains_key("checked"));
    let tasks = is_task(list.children.first());
    if tasks {
        *list = Element::new("taskList", std::mem::take(&mut list.children));
    }
    for child in &mut list.children {
        let Node::Element(item) = child else { continue };
        match (tasks, item.attributes.remove("checked")) {
            (true, checked) => {
                "taskItem".clone_into(&mut item.name);
                item.attributes.insert("checked".to_owned(), checked.unwrap_or(json!(false)));
            }
            (false, Some(checked)) => {
                // It looks like a task, among items that are none.
                let text = if checked == json!(true) { "[x] " } else { "[ ] " };
                if let Some(Node::Element(paragraph)) = item.children.first_mut() {
                    paragraph.children.insert(0, Node::Text(vec![Span::plain(text)]));
                }
            }
            (false, None) => {}
        }
    }
}

fn complete_table(table: &mut Element) {
    let Some(Node::Element(head)) = table.children.first_mut() else { return };
    for cell in &mut head.children {
        if let Node::Element(cell) = cell {
            "tableHeader".clone_into(&mut cell.name);
        }
    }
}

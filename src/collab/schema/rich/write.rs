//! Rich text as Markdown, such that reading it gives the same again. Takes what is [reduced](super::reduced).
use serde_json::Value as Json;

use super::{Element, Node, Span};

/// The Markdown of some blocks.
pub(super) fn written(nodes: &[Node]) -> String {
    let mut text = blocks(nodes).join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Where inline content stands: what may be a line of its own, and what may not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Paragraph,
    Heading,
    Cell,
}

/// The lines of some blocks, with empty ones between them.
fn blocks(nodes: &[Node]) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    // Two lists beside each other would be one, if their marks were the same.
    let (mut before, mut other_mark) = (None, false);
    for node in nodes {
        let Node::Element(element) = node else { continue };
        let family = match element.name.as_str() {
            "bulletList" | "taskList" => Some("bullet"),
            "orderedList" => Some("ordered"),
            _ => None,
        };
        other_mark = family.is_some() && family == before && !other_mark;
        before = family;
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(block(element, other_mark));
    }
    lines
}

fn block(element: &Element, other_mark: bool) -> Vec<String> {
    let split = |text: &str| text.split('\n').map(str::to_owned).collect::<Vec<_>>();
    match element.name.as_str() {
        "heading" => {
            let level = element.number_attribute("level").unwrap_or(1);
            vec![format!(
                "{} {}",
                "#".repeat(usize::try_from(level).unwrap_or(1)),
                inline(&element.children, Line::Heading)
            )]
        }
        "blockquote" => {
            let quoted = |line: &String| if line.is_empty() { ">".to_owned() } else { format!("> {line}") };
            blocks(&element.children).iter().map(quoted).collect()
        }
        "bulletList" | "taskList" | "orderedList" => list(element, other_mark),
        "codeBlock" => code_block(element),
        "horizontalRule" => vec!["___".to_owned()],
        "table" => table(element),
        "image" => {
            let alt = escaped(element.text_attribute("alt").unwrap_or_default(), Line::Heading);
            let src = element.text_attribute("src").unwrap_or_default();
            vec![format!("![{alt}]({})", target(src, element.text_attribute("title")))]
        }
        _ => split(&inline(&element.children, Line::Paragraph)),
    }
}

fn list(element: &Element, other_mark: bool) -> Vec<String> {
    let start = element.number_attribute("start").unwrap_or(1);
    let mut lines = vec![];
    for (number, item) in (start..).zip(&element.children) {
        let Node::Element(item) = item else { continue };
        let mark = match (element.name.as_str(), other_mark) {
            ("orderedList", false) => format!("{number}."),
            ("orderedList", true) => format!("{number})"),
            (_, false) => "-".to_owned(),
            (_, true) => "*".to_owned(),
        };
        let check = match item.attributes.get("checked") {
            Some(Json::Bool(true)) => "[x] ",
            Some(_) => "[ ] ",
            None => "",
        };
        lines.extend(self::item(&mark, check, &item.children));
    }
    lines
}

fn item(mark: &str, check: &str, children: &[Node]) -> Vec<String> {
    let name = |node: &Node| match node {
        Node::Element(element) => element.name.clone(),
        Node::Text(_) => String::new(),
    };
    let first = children.first().map(name).unwrap_or_default();
    let begins_with_text = first == "paragraph";
    let mut lines = match children {
        // Neither a mark at the end of a quotation nor a box may have nothing behind it.
        [] => vec!["<!-- -->".to_owned()],
        _ if !check.is_empty() && !begins_with_text => vec!["<!-- -->".to_owned(), String::new()],
        // Marks in one line could be a rule.
        _ if first.ends_with("List") => vec![String::new()],
        _ => vec![],
    };
    let tight = begins_with_text && children.get(1).is_some_and(is_tight_list);
    if tight {
        lines.extend(blocks(&children[..1]));
        lines.extend(blocks(&children[1..]));
    } else {
        lines.extend(blocks(children));
    }
    let indent = " ".repeat(mark.len() + 1);
    let mut made: Vec<String> =
        lines.iter().map(|line| if line.is_empty() { String::new() } else { indent.clone() + line }).collect();
    let line = lines.first().map(String::as_str).unwrap_or_default();
    let begin = if line.is_empty() { mark.to_owned() } else { format!("{mark} {check}{line}") };
    if made.is_empty() {
        made.push(begin);
    } else {
        made[0] = begin;
    }
    made
}

/// A list that may follow a paragraph without an empty line.
fn is_tight_list(node: &Node) -> bool {
    let Node::Element(list) = node else { return false };
    let Some(Node::Element(item)) = list.children.first() else { return false };
    let counts_from_one = list.name != "orderedList" || list.number_attribute("start") == Some(1);
    let text = matches!(item.children.first(), Some(Node::Element(first)) if first.name == "paragraph");
    list.name.ends_with("List") && counts_from_one && text
}

fn code_block(element: &Element) -> Vec<String> {
    let text = match element.children.first() {
        Some(Node::Text(spans)) => spans.iter().map(|span| span.text.as_str()).collect(),
        _ => String::new(),
    };
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    let mut lines = vec![format!("{fence}{}", element.text_attribute("language").unwrap_or_default())];
    lines.extend(text.split('\n').map(str::to_owned));
    lines.push(fence);
    lines
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn table(element: &Element) -> Vec<String> {
    let mut lines = vec![];
    for row in &element.children {
        let Node::Element(row) = row else { continue };
        let cells: Vec<String> = row.children.iter().map(cell).collect();
        lines.push(format!("| {} |", cells.join(" | ")));
        if lines.len() == 1 {
            lines.push(format!("|{}", " --- |".repeat(cells.len())));
        }
    }
    lines
}

fn cell(node: &Node) -> String {
    match node {
        Node::Element(cell) => match cell.children.first() {
            Some(Node::Element(paragraph)) => inline(&paragraph.children, Line::Cell),
            _ => String::new(),
        },
        Node::Text(_) => String::new(),
    }
}

/// Text, breaks and mentions.
fn inline(nodes: &[Node], line: Line) -> String {
    let mut text = String::new();
    for node in nodes {
        match node {
            Node::Text(spans) => text.push_str(&marked(spans, text.chars().last(), line)),
            Node::Element(element) if element.name == "mention" => {
                let label = escaped(element.text_attribute("label").unwrap_or_default(), Line::Heading);
                let id = element.text_attribute("id").unwrap_or_default();
                text.extend(["[@", &label, "](", &target(&format!("mention:{id}"), None), ")"]);
            }
            Node::Element(_) if line == Line::Paragraph => text.push_str("\\\n"),
            Node::Element(_) => text.push_str("<br>"),
        }
    }
    if line == Line::Paragraph { text.split('\n').map(line_start).collect::<Vec<_>>().join("\n") } else { text }
}

/// What would begin a block at the start of a line does not.
fn line_start(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let at = match line.as_bytes().get(digits) {
        Some(b'.' | b')') if digits > 0 => digits,
        Some(b'#' | b'>' | b'-' | b'+' | b'=' | b':') if digits == 0 => 0,
        _ => return line.to_owned(),
    };
    format!("{}\\{}", &line[..at], &line[at..])
}

/// Outermost first.
const ORDER: [&str; 9] =
    ["link", "highlight", "underline", "superscript", "subscript", "strike", "italic", "bold", "code"];

enum Token<'a> {
    Open(&'a str),
    Close(&'a str, &'a Json),
    Text(String),
}

fn marked(spans: &[Span], before: Option<char>, line: Line) -> String {
    let tokens = tokens(spans, line);
    // Whether delimiters would be read as such, at both ends of a mark.
    let mut plain = vec![true; tokens.len()];
    let mut stack = vec![];
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(_) => stack.push(at),
            Token::Close(name, _) => {
                let open = stack.pop().unwrap_or(at);
                let fine = fits(&tokens, open, name, before, true) && fits(&tokens, at, name, before, false);
                (plain[open], plain[at]) = (fine, fine);
            }
            Token::Text(_) => {}
        }
    }
    let mut text = String::new();
    for (token, plain) in tokens.iter().zip(plain) {
        match token {
            Token::Text(part) => text.push_str(part),
            Token::Open(name) => text.push_str(&delimiter(name, plain, "<")),
            Token::Close("link", value) => {
                let part = |name: &str| value.get(name).and_then(Json::as_str);
                text.extend(["](", &target(part("href").unwrap_or_default(), part("title")), ")"]);
            }
            Token::Close(name, _) => text.push_str(&delimiter(name, plain, "</")),
        }
    }
    text
}

fn tokens<'a>(spans: &'a [Span], line: Line) -> Vec<Token<'a>> {
    let mut tokens: Vec<Token<'a>> = vec![];
    let mut open: Vec<(&'a str, &'a Json)> = vec![];
    for span in spans {
        let wanted: Vec<_> =
            ORDER.into_iter().filter_map(|name| span.marks.get(name).map(|value| (name, value))).collect();
        let same = open.iter().zip(&wanted).take_while(|(open, wanted)| open == wanted).count();
        tokens.extend(open.drain(same..).rev().map(|(name, value)| Token::Close(name, value)));
        for (name, value) in &wanted[same..] {
            let code_in_ticks = *name == "code" && !(line == Line::Cell && span.text.contains('|'));
            if !code_in_ticks {
                tokens.push(Token::Open(name));
                open.push((name, value));
            }
        }
        let in_ticks = span.marks.contains_key("code") && open.iter().all(|(name, _)| *name != "code");
        tokens.push(Token::Text(if in_ticks { ticked(&span.text) } else { escaped(&span.text, line) }));
    }
    tokens.extend(open.into_iter().rev().map(|(name, value)| Token::Close(name, value)));
    tokens
}

fn ticked(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let edge = |c: Option<char>| matches!(c, Some('`' | ' '));
    let pad = if edge(text.chars().next()) || edge(text.chars().last()) { " " } else { "" };
    // Only spaces stay as they are.
    let pad = if text.trim_matches(' ').is_empty() { "" } else { pad };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn delimiter(name: &str, plain: bool, bracket: &str) -> String {
    let (mark, tag) = match name {
        "link" => return "[".to_owned(),
        "bold" => (Some("**"), "strong"),
        "italic" => (Some("_"), "em"),
        "strike" => (Some("~~"), "s"),
        "code" => (None, "code"),
        "underline" => (None, "u"),
        "highlight" => (None, "mark"),
        "superscript" => (None, "sup"),
        _ => (None, "sub"),
    };
    mark.filter(|_| plain).map_or_else(|| format!("{bracket}{tag}>"), str::to_owned)
}

/// Would the delimiter at `at` be read as one? Its inner side must touch a letter, or its outer side nothing.
fn fits(tokens: &[Token<'_>], at: usize, name: &str, before: Option<char>, opens: bool) -> bool {
    let last = |at: Option<usize>| match at.map(|at| &tokens[at]) {
        Some(Token::Text(text)) => text.chars().last(),
        // The end of a tag or a delimiter.
        Some(_) => Some('*'),
        None => before,
    };
    let first = |at: usize| match tokens.get(at) {
        Some(Token::Text(text)) => text.chars().next(),
        Some(_) => Some('*'),
        None => None,
    };
    let (left, right) = (last(at.checked_sub(1)), first(at + 1));
    let (inner, outer) = if opens { (right, left) } else { (left, right) };
    let outside = outer.is_none_or(|c| c.is_whitespace() || c.is_ascii_punctuation());
    let inside = inner.is_some_and(|c| !c.is_whitespace() && (c.is_alphanumeric() || outside));
    inside && (name != "italic" || outside)
}

/// An address in parentheses, and a title.
fn target(address: &str, title: Option<&str>) -> String {
    let quoted = |text: &str, special: &[char]| {
        let mut made = String::new();
        for c in text.chars() {
            if special.contains(&c) {
                made.push('\\');
            }
            made.push(c);
        }
        made
    };
    let address = quoted(address, &['\\', '<', '>', '&', '|', '`', '*', '_', '[', ']', '~']);
    let bare = !address.is_empty() && !address.contains(['(', ')', ' ', '\\', '"', '\'']) && address.is_ascii();
    let address = if bare { address } else { format!("<{address}>") };
    match title {
        Some(title) => {
            format!("{address} \"{}\"", quoted(title, &['\\', '"', '&', '|', '<', '`', '*', '_', '[', ']', '~']))
        }
        None => address,
    }
}

/// Text that is read as what it is.
fn escaped(text: &str, line: Line) -> String {
    let mut made = String::with_capacity(text.len());
    let mut before: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let letters = before.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric);
        let special = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '|' => true,
            '_' => !letters,
            '&' => next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '#'),
            '#' => line == Line::Heading,
            // Before a link it would make an image of it.
            '!' => next.is_none(),
            _ => false,
        };
        if special {
            made.push('\\');
        }
        made.push(c);
        before = Some(c);
    }
    made
}

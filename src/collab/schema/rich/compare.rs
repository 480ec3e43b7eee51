//! What has become of a rich text, as people read it: blocks that stay, words within them that go and come, blocks that go
//! and come. One text with marks, in the order of the newer one.
use serde_json::json;

use super::{
    Attributes, Element, Node, Span, alike, alike::likeness, is_expressible_attribute, is_invisible, json::push,
    mark_name,
};
use crate::collab::schema::diff::{Change, changes, words};

/// The mark of what is new, as TipTap's suggestions have it.
pub const INSERTION: &str = "insertion";
/// The mark of what is gone.
pub const DELETION: &str = "deletion";
/// Paragraphs with less in common are another one each.
const ALIKE: u32 = 350;

/// Both texts in one. What is only suggested in either is not in it.
pub fn compared(old: &[Node], new: &[Node]) -> Vec<Node> {
    blocks(&settled(old), &settled(new))
}

/// Both versions of a short text in one.
pub fn marked_words(old: &str, new: &str) -> Vec<Span> {
    let node = |text: &str| Node::Text(vec![Span::plain(text)]);
    let spans = |node| match node {
        Node::Text(spans) => spans,
        Node::Element(_) => vec![],
    };
    inline(&[node(old)], &[node(new)]).into_iter().flat_map(spans).collect()
}

/// Without suggestions, and with texts beside each other as one.
fn settled(nodes: &[Node]) -> Vec<Node> {
    let (mut made, mut spans) = (vec![], vec![]);
    let end_text = |spans: &mut Vec<Span>, made: &mut Vec<Node>| {
        if !spans.is_empty() {
            made.push(Node::Text(std::mem::take(spans)));
        }
    };
    for node in nodes {
        match node {
            Node::Text(more) => {
                for span in more.iter().filter(|span| !is_invisible(span) && !span.text.is_empty()) {
                    let kept = span.marks.iter().filter(|(key, _)| mark_name(key) != DELETION);
                    let marks = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
                    push(&mut spans, Span { text: span.text.clone(), marks });
                }
            }
            Node::Element(element) => {
                end_text(&mut spans, &mut made);
                made.push(Node::Element(Element { children: settled(&element.children), ..element.clone() }));
            }
        }
    }
    end_text(&mut spans, &mut made);
    made
}

fn blocks(old: &[Node], new: &[Node]) -> Vec<Node> {
    let (mut made, mut at) = (vec![], 0);
    for change in changes(old, new) {
        made.extend_from_slice(&new[at..change.new.start]);
        at = change.new.end;
        replaced(&old[change.old], &new[change.new], &mut made);
    }
    made.extend_from_slice(&new[at..]);
    made
}

/// Some blocks in the place of others: those that are alike are compared within.
fn replaced(old: &[Node], new: &[Node], made: &mut Vec<Node>) {
    let candidates: Vec<Option<Node>> = old.iter().cloned().map(Some).collect();
    let pairs = alike(&candidates, new).into_iter().filter(|(one, other)| became(&old[*one], &new[*other]));
    let (mut old_at, mut new_at) = (0, 0);
    for (one, other) in pairs.chain([(old.len(), new.len())]) {
        made.extend(old[old_at..one].iter().map(|node| whole(node, DELETION)));
        made.extend(new[new_at..other].iter().map(|node| whole(node, INSERTION)));
        if let (Some(Node::Element(one)), Some(Node::Element(other))) = (old.get(one), new.get(other)) {
            let within = if is_line(one) || is_line(other) { inline } else { blocks };
            made.push(Node::Element(Element { children: within(&one.children, &other.children), ..other.clone() }));
        } else if let (Some(one), Some(other)) = (old.get(one), new.get(other)) {
            made.extend(inline(std::slice::from_ref(one), std::slice::from_ref(other)));
        }
        (old_at, new_at) = (one + 1, other + 1);
    }
}

/// Would people say that the one has become the other?
fn became(old: &Node, new: &Node) -> bool {
    let (Node::Element(one), Node::Element(other)) = (old, new) else {
        return matches!((old, new), (Node::Text(_), Node::Text(_)));
    };
    let shown = |element: &Element| -> Attributes {
        let shown = element
            .attributes
            .iter()
            .filter(|(name, _)| is_expressible_attribute(&element.name, name) && element.name != "orderedList");
        shown.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    if one.name != other.name || shown(one) != shown(other) || is_alone(one) {
        return false;
    }
    // Nothing but other formats: the same words.
    let enough = if is_line(one) || is_line(other) { ALIKE } else { 101 };
    likeness(Some(old), new) >= enough || is_part_of_table(one)
}

fn is_part_of_table(element: &Element) -> bool {
    matches!(element.name.as_str(), "tableRow" | "tableCell" | "tableHeader")
}

/// A block of text, not of blocks.
fn is_line(element: &Element) -> bool {
    matches!(element.name.as_str(), "paragraph" | "heading" | "codeBlock")
        || element.children.iter().any(|child| matches!(child, Node::Text(_)))
}

/// Something that is shown by itself and has no text.
fn is_alone(element: &Element) -> bool {
    matches!(element.name.as_str(), "image" | "horizontalRule" | "hardBreak" | "mention")
}

/// All of a node, gone or new.
fn whole(node: &Node, mark: &str) -> Node {
    match node {
        Node::Text(spans) => Node::Text(spans.iter().map(|span| with(span, mark)).collect()),
        Node::Element(element) if is_alone(element) => Node::Element(Element::new(mark, vec![node.clone()])),
        Node::Element(element) => {
            let children = element.children.iter().map(|child| whole(child, mark)).collect();
            Node::Element(Element { children, ..element.clone() })
        }
    }
}

fn with(span: &Span, mark: &str) -> Span {
    let mut marked = span.clone();
    marked.marks.insert(mark.to_owned(), json!({}));
    marked
}

/// A word with its formats, or something else in a line.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(Span),
    Other(Element),
}

impl Token {
    fn is_blank(&self) -> bool {
        matches!(self, Self::Word(span) if span.text.trim().is_empty())
    }
}

fn tokens(nodes: &[Node]) -> Vec<Token> {
    let mut tokens = vec![];
    for node in nodes {
        match node {
            Node::Text(spans) => tokens.extend(spans.iter().flat_map(|span| {
                let word = |word: &str| Token::Word(Span { text: word.to_owned(), marks: span.marks.clone() });
                words(&span.text).into_iter().map(word)
            })),
            Node::Element(element) => tokens.push(Token::Other(element.clone())),
        }
    }
    tokens
}

fn inline(old: &[Node], new: &[Node]) -> Vec<Node> {
    let (old, new) = (tokens(old), tokens(new));
    let (mut line, mut at) = (Line::default(), 0);
    for change in phrases(changes(&old, &new), &new) {
        line.extend(&new[at..change.new.start], None);
        at = change.new.end;
        line.extend(&old[change.old], Some(DELETION));
        line.extend(&new[change.new], Some(INSERTION));
    }
    line.extend(&new[at..], None);
    line.end()
}

/// Changes with nothing but blanks between them are one: people replace phrases, not words.
fn phrases(changes: Vec<Change>, new: &[Token]) -> Vec<Change> {
    let mut phrases: Vec<Change> = vec![];
    for change in changes {
        match phrases.last_mut() {
            Some(last) if new[last.new.end..change.new.start].iter().all(Token::is_blank) => {
                last.old.end = change.old.end;
                last.new.end = change.new.end;
            }
            _ => phrases.push(change),
        }
    }
    phrases
}

#[derive(Default)]
struct Line {
    nodes: Vec<Node>,
    spans: Vec<Span>,
}

impl Line {
    fn extend(&mut self, tokens: &[Token], mark: Option<&str>) {
        for token in tokens {
            match token {
                Token::Word(span) => push(&mut self.spans, mark.map_or_else(|| span.clone(), |mark| with(span, mark))),
                Token::Other(element) => {
                    self.break_off();
                    let node = Node::Element(element.clone());
                    self.nodes.push(mark.map_or_else(|| node.clone(), |mark| whole(&node, mark)));
                }
            }
        }
    }
    fn break_off(&mut self) {
        if !self.spans.is_empty() {
            self.nodes.push(Node::Text(std::mem::take(&mut self.spans)));
        }
    }
    fn end(mut self) -> Vec<Node> {
        self.break_off();
        self.nodes
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rich, html};
    use super::*;

    fn of(old: &str, new: &str) -> String {
        Rich::from_markdown(old).compared_html(&Rich::from_markdown(new))
    }

    #[test]
    fn words_and_phrases_go_and_come_within_a_paragraph() {
        assert_eq!(
            of("The quick brown fox jumps.", "The slow red fox jumps."),
            "<p>The <del>quick brown</del><ins>slow red</ins> fox jumps.</p>"
        );
        assert_eq!(of("One two", "One two three"), "<p>One two<ins> three</ins></p>");
        assert_eq!(of("Same", "Same"), "<p>Same</p>");
        assert_eq!(
            of("One **two** three", "One two three"),
            "<p>One <del><strong>two</strong></del><ins>two</ins> three</p>"
                .replace("<del><strong>two</strong></del>", "<strong><del>two</del></strong>")
        );
    }

    #[test]
    fn paragraphs_with_nothing_in_common_are_two() {
        assert_eq!(
            of("Nothing of this stays here.\n\nEnd.", "Everything else is quite new now.\n\nEnd."),
            "<p><del>Nothing of this stays here.</del></p><p><ins>Everything else is quite new now.</ins></p><p>End.</p>"
        );
        assert_eq!(of("# Title", "## Title"), "<h1><del>Title</del></h1><h2><ins>Title</ins></h2>");
    }

    #[test]
    fn lists_and_tables_are_compared_row_by_row() {
        assert_eq!(
            of("- bread\n- cheese\n- wine", "- bread\n- old cheese\n- wine\n- water"),
            "<ul><li><p>bread</p></li><li><p><ins>old </ins>cheese</p></li><li><p>wine</p></li><li><p><ins>water</ins></p></li></ul>"
        );
        assert_eq!(
            of("- [ ] call Bo", "- [x] call Bo"),
            "<ul data-type=\"taskList\"><li data-type=\"taskItem\" data-checked=\"false\"><p><del>call Bo</del></p></li>\
             <li data-type=\"taskItem\" data-checked=\"true\"><p><ins>call Bo</ins></p></li></ul>"
        );
        let table = of("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 3 |\n| 4 | 5 |");
        assert!(table.contains("<td><p>1</p></td><td><p><del>2</del></p><p><ins>3</ins></p></td>"), "{table}");
        assert!(table.contains("<tr><td><p><ins>4</ins></p></td><td><p><ins>5</ins></p></td></tr>"), "{table}");
    }

    #[test]
    fn what_has_no_text_is_marked_around() {
        assert_eq!(of("One\n\n---", "One"), "<p>One</p><del><hr></del>");
        let mention = |id: &str| {
            let text = |text: &str| Node::Text(vec![Span::plain(text)]);
            let mention = Node::Element(Element::new("mention", vec![]).with("id", id).with("label", id));
            Node::Element(Element::new("paragraph", vec![text("Ask for the reasons: "), mention, text(".")]))
        };
        let html = html::rendered(&compared(&[mention("Ada")], &[mention("Bo")]));
        assert!(html.contains("<del><span data-type=\"mention\" data-id=\"Ada\""), "{html}");
        assert!(html.contains("<ins><span data-type=\"mention\" data-id=\"Bo\""), "{html}");
    }

    #[test]
    fn suggestions_are_not_there_until_they_are_accepted() {
        let suggested = |mark: &str| {
            let mut span = Span::plain("maybe ");
            span.marks.insert(mark.to_owned(), json!({ "id": 1 }));
            Node::Element(Element::new("paragraph", vec![Node::Text(vec![span, Span::plain("yes")])]))
        };
        assert_eq!(
            html::rendered(&compared(&[suggested(INSERTION)], &[suggested(DELETION)])),
            "<p><ins>maybe </ins>yes</p>"
        );
    }

    #[test]
    fn what_is_hostile_stays_text() {
        let html = of("safe", "safe <script>alert(1)</script> [x](javascript:alert(1))");
        assert!(!html.contains("<script") && !html.contains("javascript:"), "{html}");
    }
}

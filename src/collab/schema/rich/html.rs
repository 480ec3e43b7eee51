//! Rich text as HTML.
use std::sync::LazyLock;

use ammonia::Builder;

use super::{
    Element, Node, Span,
    compare::{DELETION, INSERTION},
    mark_name,
    reduce::{LINKS, is_safe},
    rules::MOST_SPAN,
};

/// What may be in it, whatever we or others have written: the second of two locks.
static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    cleaner
        .tags(
            [
                "p",
                "h1",
                "h2",
                "h3",
                "h4",
                "h5",
                "h6",
                "ul",
                "ol",
                "li",
                "blockquote",
                "pre",
                "code",
                "hr",
                "br",
                "img",
                "table",
                "tbody",
                "tr",
                "th",
                "td",
                "strong",
                "em",
                "s",
                "u",
                "mark",
                "sup",
                "sub",
                "ins",
                "del",
                "a",
                "span",
            ]
            .into(),
        )
        .clean_content_tags(["script", "style"].into())
        .tag_attributes(
            [
                ("a", ["href", "title"].into()),
                ("img", ["src", "alt", "title"].into()),
                ("ol", ["start"].into()),
                ("ul", ["data-type"].into()),
                ("li", ["data-type", "data-checked"].into()),
                ("code", ["class"].into()),
                ("th", ["colspan", "rowspan"].into()),
                ("td", ["colspan", "rowspan"].into()),
                ("span", ["data-type", "data-id", "data-label"].into()),
            ]
            .into(),
        )
        .generic_attributes(std::collections::HashSet::new())
        .url_schemes(["http", "https", "mailto", "tel"].into())
        .link_rel(Some("noopener noreferrer nofollow"));
    cleaner
});

/// Safe HTML.
pub(super) fn rendered(nodes: &[Node]) -> String {
    let mut html = String::new();
    for node in nodes {
        render(node, &mut html);
    }
    CLEANER.clean(&html).to_string()
}

fn render(node: &Node, html: &mut String) {
    match node {
        Node::Text(spans) => {
            for span in spans {
                text(span, html);
            }
        }
        Node::Element(element) => render_element(element, html),
    }
}

fn render_element(element: &Element, html: &mut String) {
    let (open, close) = tags(element);
    html.push_str(&open);
    for child in &element.children {
        render(child, html);
    }
    html.push_str(&close);
}

/// What is before and behind the content of an element. Of one that is not known, nothing.
fn tags(element: &Element) -> (String, String) {
    let both = |open: String, name: &str| (open, format!("</{name}>"));
    let plain = |name: &str| (format!("<{name}>"), format!("</{name}>"));
    let alone = |open: String| (open, String::new());
    let attribute = |name: &str| element.text_attribute(name).unwrap_or_default();
    match element.name.as_str() {
        "paragraph" => plain("p"),
        "heading" => plain(&format!("h{}", element.number_attribute("level").unwrap_or(1).clamp(1, 6))),
        "bulletList" => plain("ul"),
        "orderedList" => match element.number_attribute("start") {
            None | Some(1) => plain("ol"),
            Some(start) => both(format!("<ol start=\"{start}\">"), "ol"),
        },
        "listItem" => plain("li"),
        "taskList" => both("<ul data-type=\"taskList\">".to_owned(), "ul"),
        "taskItem" => {
            let checked = element.attributes.get("checked").and_then(serde_json::Value::as_bool) == Some(true);
            both(format!("<li data-type=\"taskItem\" data-checked=\"{checked}\">"), "li")
        }
        "blockquote" => plain("blockquote"),
        "codeBlock" => {
            let class = match attribute("language") {
                "" => String::new(),
                language => format!(" class=\"language-{}\"", escaped(language)),
            };
            (format!("<pre><code{class}>"), "</code></pre>".to_owned())
        }
        "horizontalRule" => alone("<hr>".to_owned()),
        "hardBreak" => alone("<br>".to_owned()),
        "image" => alone(image(attribute("src"), attribute("alt"), attribute("title"))),
        "table" => ("<table><tbody>".to_owned(), "</tbody></table>".to_owned()),
        "tableRow" => plain("tr"),
        name @ ("tableHeader" | "tableCell") => {
            let name = if name == "tableHeader" { "th" } else { "td" };
            let span = |attribute: &str| match element.number_attribute(attribute) {
                Some(count @ 2..) => format!(" {attribute}=\"{}\"", count.min(MOST_SPAN)),
                _ => String::new(),
            };
            both(format!("<{name}{}{}>", span("colspan"), span("rowspan")), name)
        }
        // Around what cannot be marked itself, as an image.
        INSERTION => plain("ins"),
        DELETION => plain("del"),
        "mention" => {
            let (id, label) = (escaped(attribute("id")), escaped(attribute("label")));
            alone(format!("<span data-type=\"mention\" data-id=\"{id}\" data-label=\"{label}\">@{label}</span>"))
        }
        _ => (String::new(), String::new()),
    }
}

/// One from elsewhere is a link: fetching it would tell that place who reads.
fn image(src: &str, alt: &str, title: &str) -> String {
    let named = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!(" {name}=\"{}\"", escaped(value)),
    };
    let elsewhere = !is_safe(src, &[]) || src.starts_with("//") || src.contains('\\');
    if elsewhere {
        let words = if alt.is_empty() && is_safe(src, &LINKS) { src } else { alt };
        return format!("<p><a{}{}>{}</a></p>", named("href", src), named("title", title), escaped(words));
    }
    format!("<img{}{}{}>", named("src", src), named("alt", alt), named("title", title))
}

fn text(span: &Span, html: &mut String) {
    let mut close = vec![];
    for (key, value) in &span.marks {
        let name = match mark_name(key) {
            "bold" => "strong",
            "italic" => "em",
            "strike" => "s",
            "code" => "code",
            "underline" => "u",
            "highlight" => "mark",
            "superscript" => "sup",
            "subscript" => "sub",
            INSERTION => "ins",
            DELETION => "del",
            "link" => {
                let part = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
                let title = part("title").map(|title| format!(" title=\"{}\"", escaped(title))).unwrap_or_default();
                html.extend(["<a href=\"", &escaped(part("href").unwrap_or_default()), "\"", &title, ">"]);
                close.push("a");
                continue;
            }
            _ => continue,
        };
        html.extend(["<", name, ">"]);
        close.push(name);
    }
    html.push_str(&escaped(&span.text));
    for name in close.into_iter().rev() {
        html.extend(["</", name, ">"]);
    }
}

fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => made.push_str("&amp;"),
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '"' => made.push_str("&quot;"),
            c => made.push(c),
        }
    }
    made
}

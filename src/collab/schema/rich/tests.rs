//! Rich text there and back again, in all its forms.
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn text(text: &str) -> Node {
    Node::Text(vec![Span::plain(text)])
}

fn marked(text: &str, marks: &[(&str, Json)]) -> Span {
    let marks = marks.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Span { text: text.to_owned(), marks }
}

fn paragraph(children: Vec<Node>) -> Node {
    Node::Element(Element::new("paragraph", children))
}

fn exact(nodes: Vec<Node>) -> Rich {
    Rich { nodes, precision: Precision::Exact }
}

/// What a client has written, whatever it is.
pub(in crate::collab) fn of_a_client(json: &Json) -> Rich {
    exact(json::read(json).unwrap())
}

const PAGE: &str = "# Plan & *goals*

A **bold** and _italic_ line with `code`, <u>underline</u>, ~~strike~~ and a [link](https://example.org \"Site\").\\
A second line for [@Ann Smith](mention:42).

- one
- two
  - nested
    second line

    second paragraph

1. first
2. second

- [x] done
- [ ] not done

> quoted

```rust
fn main() {}
```

___

![A picture](/files/1.png)

| Name | Time |
| --- | --- |
| a \\| b | 5 min |
";

#[test]
fn markdown_becomes_what_tiptap_has() {
    let rich = Rich::from_markdown(PAGE);
    let json = rich.to_json();
    assert_eq!(json["content"][0]["type"], "heading");
    assert_eq!(json["content"][0]["attrs"]["level"], 1);
    assert_eq!(
        json["content"][0]["content"][1],
        json!({"type": "text", "text": "goals", "marks": [{"type": "italic"}]})
    );
    let line = &json["content"][1]["content"];
    assert_eq!(line[1], json!({"type": "text", "text": "bold", "marks": [{"type": "bold"}]}));
    let site = json!({"type": "link", "attrs": {"href": "https://example.org", "title": "Site"}});
    assert_eq!(line[11], json!({"type": "text", "text": "link", "marks": [site]}));
    assert_eq!(line[13], json!({"type": "hardBreak"}));
    assert_eq!(line[15], json!({"type": "mention", "attrs": {"id": "42", "label": "Ann Smith"}}));
    let types: Vec<_> = json["content"].as_array().unwrap().iter().map(|node| node["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "heading",
            "paragraph",
            "bulletList",
            "orderedList",
            "taskList",
            "blockquote",
            "codeBlock",
            "horizontalRule",
            "image",
            "table"
        ]
    );
    assert_eq!(json["content"][4]["content"][0]["attrs"]["checked"], true);
    assert_eq!(json["content"][6]["content"][0]["text"], "fn main() {}");
    assert_eq!(json["content"][9]["content"][1]["content"][0]["content"][0]["content"][0]["text"], "a | b");
    assert_eq!(rich.reduced(), Rich::from_markdown(&rich.to_markdown()).reduced());
}

#[test]
fn json_comes_back_with_all_it_has() {
    let json = json!({"type": "doc", "content": [
        {"type": "callout", "attrs": {"tone": "warn", "n": 2}, "content": [{"type": "paragraph", "content": [
            {"type": "text", "text": "a", "marks": [
                {"type": "comment", "attrs": {"id": "1"}}, {"type": "comment", "attrs": {"id": "2"}}
            ]},
            {"type": "text", "text": "b"}
        ]}]}
    ]});
    // What clients have put there is shown, whatever it is called.
    assert_eq!(of_a_client(&json).to_json(), json);
    for bad in [json!(null), json!("x"), json!({"type": "paragraph"}), json!([1]), json!([{"type": "text"}])] {
        assert_eq!(Rich::from_json(&bad), Err(JsonError::Shape), "{bad}");
    }
    let mut deep = json!({"type": "paragraph"});
    for _ in 0..=MOST_DEPTH {
        deep = json!({"type": "blockquote", "content": [deep]});
    }
    assert_eq!(Rich::from_json(&json!([deep])), Err(JsonError::TooDeep));
}

/// The same file is tested with the schema of the editors, in clients/web/test/editor/fits.test.ts.
const FITS: &str = include_str!("fits.json");

#[test]
fn what_editors_would_delete_is_refused() {
    let cases: Json = serde_json::from_str(FITS).unwrap();
    for json in cases["fits"].as_array().unwrap() {
        let rich = Rich::from_json(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(rich.to_json(), *json);
    }
    for case in cases["unfit"].as_array().unwrap().iter().chain(cases["unfitHere"].as_array().unwrap()) {
        let Err(JsonError::Misfit(misfit)) = Rich::from_json(&case["doc"]) else { panic!("{case}") };
        assert_eq!(misfit.at, case["at"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn cells_of_others_span_no_more_than_editors_can_show() {
    let cell = Element::new("tableCell", vec![paragraph(vec![text("a")])]).with("colspan", 1e10).with("rowspan", 3);
    let row = Node::Element(Element::new("tableRow", vec![Node::Element(cell)]));
    let html = exact(vec![Node::Element(Element::new("table", vec![row]))]).to_html();
    assert!(html.contains("<td colspan=\"100\" rowspan=\"3\">"), "{html}");
}

#[test]
fn html_is_what_it_says_and_nothing_that_runs() {
    let html = Rich::from_markdown(PAGE).to_html();
    for part in [
        "<h1>Plan &amp; <em>goals</em></h1>",
        "<strong>bold</strong>",
        "<u>underline</u>",
        "<a href=\"https://example.org\" title=\"Site\" rel=\"noopener noreferrer nofollow\">link</a>",
        "<span data-type=\"mention\" data-id=\"42\" data-label=\"Ann Smith\">@Ann Smith</span>",
        "<ul data-type=\"taskList\"><li data-type=\"taskItem\" data-checked=\"true\"><p>done</p></li>",
        "<pre><code class=\"language-rust\">fn main() {}</code></pre>",
        "<img src=\"/files/1.png\" alt=\"A picture\">",
        "<tr><th><p>Name</p></th>",
    ] {
        assert!(html.contains(part), "{part}\nis not in\n{html}");
    }
    let hostile = exact(vec![
        paragraph(vec![
            text("<script>alert(1)</script>"),
            Node::Text(vec![marked("x", &[("link", json!({"href": "javascript:alert(1)", "title": "\"><script>"}))])]),
        ]),
        Node::Element(Element::new("image", vec![]).with("src", "x\" onerror=\"alert(1)")),
        Node::Element(Element::new("image", vec![]).with("src", "javascript:alert(1)")),
        Node::Element(Element::new("script", vec![text("alert(2)")])),
        Node::Element(Element::new("codeBlock", vec![text("</code><iframe>")]).with("language", "\"><b")),
    ]);
    let html = hostile.to_html();
    for part in ["<script", "<iframe", "javascript:", " onerror=\"", "<b"] {
        assert!(!html.contains(part) || part == "<b" && !html.contains("<b>"), "{part} is in\n{html}");
    }
}

#[test]
fn links_and_images_lead_nowhere_bad() {
    let rich =
        Rich::from_markdown("[a](javascript:x) [b](JavaScript:x) [c](data:x) [d](/ok) [e](mailto:x) ![i](data:x)");
    let json = rich.to_json().to_string();
    assert!(!json.contains("script") && !json.contains("data:"), "{json}");
    assert!(json.contains("/ok") && json.contains("mailto:x"));
    let typed =
        exact(vec![paragraph(vec![Node::Text(vec![marked("a", &[("link", json!({"href": " java\nscript:x"}))])])])]);
    assert_eq!(typed.to_markdown(), "a\n");
}

#[test]
fn images_from_elsewhere_are_links() {
    for (src, shown) in [
        ("/files/1.png", true),
        ("picture.png", true),
        ("https://evil.example/t.png", false),
        ("//evil.example/t.png", false),
        ("/\\\\evil.example/t.png", false),
    ] {
        let html = exact(vec![Node::Element(Element::new("image", vec![]).with("src", src))]).to_html();
        assert_eq!(html.contains("<img"), shown, "{html}");
    }
}

#[test]
fn raw_html_is_text() {
    let rich = Rich::from_markdown("<div onclick=\"x\">\nhi\n</div>\n\na <blink>b</blink>");
    assert!(rich.to_plain().contains("<div onclick=\"x\">"));
    assert!(rich.to_plain().contains("<blink>b</blink>"));
    assert!(!rich.to_html().contains("<div"));
    assert_eq!(rich.reduced(), Rich::from_markdown(&rich.to_markdown()).reduced());
}

#[test]
fn suggestions_are_seen_and_not_exported() {
    let spans = vec![marked("old", &[("deletion", json!({}))]), marked("new", &[("insertion", json!({"by": "Ann"}))])];
    let rich = exact(vec![paragraph(vec![Node::Text(spans)])]);
    assert_eq!(rich.to_html(), "<p><del>old</del><ins>new</ins></p>");
    assert_eq!((rich.to_markdown().as_str(), rich.to_plain().as_str()), ("old\n", "old"));
}

#[test]
fn plain_text_has_a_line_for_each_block() {
    let plain = Rich::from_markdown(PAGE).to_plain();
    assert!(plain.starts_with("Plan & goals\nA bold and italic line"));
    assert!(plain.ends_with("A picture\nName\tTime\na | b\t5 min"), "{plain}");
}

#[test]
fn nesting_in_markdown_is_bounded() {
    for deep in ["> ".repeat(3_000), "- ".repeat(3_000), "[".repeat(3_000), "*a".repeat(3_000)] {
        let rich = Rich::from_markdown(&format!("{deep}x"));
        assert!(Rich::from_json(&rich.to_json()).is_ok() || rich.nodes.is_empty());
        rich.to_markdown();
        rich.to_html();
    }
}

#[test]
fn hashes_behind_the_names_of_marks_are_no_part_of_them() {
    assert_eq!(mark_name("comment--aB3+/=x9"), "comment");
    assert_eq!(mark_name("comment"), "comment");
    assert_eq!(mark_name("a--bcdefgh"), "a--bcdefgh");
    assert_eq!(mark_name("--aB3+/=x9"), "--aB3+/=x9");
    assert_eq!(mark_name("größe--aB3+/=x9"), "größe");
}

fn words() -> impl Strategy<Value = String> {
    let parts = vec![
        "word",
        "a",
        " ",
        "  ",
        "*",
        "**",
        "_",
        "`",
        "``",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "<b>",
        "&amp;",
        "&",
        "\\",
        "~",
        "~~",
        "|",
        "#",
        "# ",
        "-",
        "- ",
        "+ ",
        "1. ",
        "2) ",
        "=",
        "===",
        "---",
        "!",
        ":",
        "\"",
        "😀",
        "é",
        "ß",
        "。",
        "\u{a0}",
        "http://x.y",
        "@x",
        "[ ] ",
        "[x] ",
        "<!--",
        "-->",
        "$",
        "^",
        "{",
        "\t",
        "snake_case",
    ];
    proptest::collection::vec(proptest::sample::select(parts), 1..6).prop_map(|parts| parts.concat())
}

fn span() -> impl Strategy<Value = Span> {
    let link = words().prop_map(|title| json!({"href": "https://x.y/a_(b)?c=d&amp;e|f g", "title": title}));
    let names =
        vec!["bold", "italic", "strike", "code", "underline", "highlight", "superscript", "comment", "insertion"];
    let marks = (proptest::sample::subsequence(names, 0..4), proptest::option::weighted(0.2, link));
    (words(), marks).prop_map(|(text, (names, link))| {
        let mut marks: Attributes = names.into_iter().map(|name| (name.to_owned(), json!({}))).collect();
        marks.extend(link.map(|link| ("link".to_owned(), link)));
        Span { text, marks }
    })
}

fn inline() -> impl Strategy<Value = Vec<Node>> {
    let one = prop_oneof![
        6 => proptest::collection::vec(span(), 1..4).prop_map(Node::Text),
        1 => Just(Node::Element(Element::new("hardBreak", vec![]))),
        1 => words().prop_map(|label| Node::Element(Element::new("mention", vec![]).with("id", "4 2").with("label", label))),
    ];
    proptest::collection::vec(one, 0..4)
}

/// Any block, also such as no editor would make.
pub(in crate::collab) fn block() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        4 => inline().prop_map(paragraph),
        2 => (inline(), 1..7_u8).prop_map(|(children, level)| Node::Element(Element::new("heading", children).with("level", level))),
        1 => Just(Node::Element(Element::new("horizontalRule", vec![]))),
        1 => (words(), words()).prop_map(|(one, two)| {
            Node::Element(Element::new("codeBlock", vec![text(&format!("{one}\n  {two}\n"))]).with("language", "rust"))
        }),
        1 => (words(), words()).prop_map(|(alt, title)| {
            Node::Element(Element::new("image", vec![]).with("src", "/a b_c.png").with("alt", alt).with("title", title))
        }),
        1 => proptest::collection::vec(proptest::collection::vec(inline(), 1..4), 1..4).prop_map(|rows| {
            let cell = |children| Node::Element(Element::new("tableCell", vec![paragraph(children)]));
            let row = |cells: Vec<_>| Node::Element(Element::new("tableRow", cells.into_iter().map(cell).collect()));
            Node::Element(Element::new("table", rows.into_iter().map(row).collect()))
        }),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let blocks = proptest::collection::vec(inner, 0..4);
        let items = proptest::collection::vec((blocks.clone(), any::<bool>()), 1..4);
        let kinds = proptest::sample::select(vec!["bulletList", "orderedList", "taskList"]);
        prop_oneof![
            blocks.prop_map(|children| Node::Element(Element::new("blockquote", children))),
            (items, kinds, 0..12_u32).prop_map(|(items, kind, start)| {
                let name = if kind == "taskList" { "taskItem" } else { "listItem" };
                let item = |(children, checked): (Vec<Node>, bool)| {
                    Node::Element(Element::new(name, children).with("checked", checked))
                };
                Node::Element(Element::new(kind, items.into_iter().map(item).collect()).with("start", start))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("CASES").map_or(300, |cases| cases.parse().unwrap())))]

    #[test]
    fn what_is_written_as_markdown_is_read_as_the_same(nodes in proptest::collection::vec(block(), 0..5)) {
        let rich = exact(nodes);
        let markdown = rich.to_markdown();
        let read = Rich::from_markdown(&markdown);
        prop_assert_eq!(read.reduced(), rich.reduced(), "\n{}", markdown);
        prop_assert_eq!(read.to_markdown(), markdown);
    }

    #[test]
    fn json_and_html_of_anything(nodes in proptest::collection::vec(block(), 0..5)) {
        let rich = exact(nodes);
        let json = rich.to_json();
        let read = of_a_client(&json);
        prop_assert_eq!(read.to_json(), json.clone());
        if let Ok(taken) = Rich::from_json(&json) {
            prop_assert_eq!(taken, read);
        }
        let html = rich.to_html();
        prop_assert!(!html.contains("<script") && !html.contains("<b>"));
    }

    #[test]
    fn any_text_is_markdown(markdown in words().prop_flat_map(|_| proptest::collection::vec(prop_oneof![words(), Just("\n".to_owned())], 0..12)).prop_map(|parts| parts.concat())) {
        let rich = Rich::from_markdown(&markdown);
        let again = Rich::from_markdown(&rich.to_markdown());
        prop_assert_eq!(again.reduced(), rich.reduced(), "\n{}\n->\n{}", markdown, rich.to_markdown());
        let json = rich.to_json();
        prop_assert_eq!(Rich::from_json(&json).map(|rich| rich.to_json()), Ok(json), "\n{}", markdown);
    }
}

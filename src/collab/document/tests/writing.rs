//! What the server writes itself: exactly what was wanted, and as little of it as possible.
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use yrs::{Map as _, Text as _, Transact as _, WriteTxn as _, XmlFragment as _};

use super::*;
use crate::collab::schema::{
    Form, Kind, Value,
    rich::{
        Node, Precision, Rich, Span,
        tests::{block, of_a_client},
    },
};

const ONE: &str = "0198c0de-0000-7000-8000-000000000001";
const TWO: &str = "0198c0de-0000-7000-8000-000000000002";
const THREE: &str = "0198c0de-0000-7000-8000-000000000003";

fn made(kind: Kind, json: &Json) -> Document {
    let mut document = Document::new(kind.schema(), 99);
    write(&mut document, json);
    document
}

fn write(document: &mut Document, json: &Json) -> Option<Delta> {
    let content = Content::from_json(document.schema, json).unwrap();
    let delta = document.write(&content, "test").unwrap();
    sound(document);
    assert_eq!(document.write(&content, "test").unwrap(), None, "it says so already");
    delta
}

fn shown(document: &Document, form: Form) -> Json {
    document.read().unwrap().to_json(form)
}

/// How many characters, formats, types went and came.
fn weight(delta: &Delta) -> (u32, u32) {
    let sum = |ranges: &[IdRange]| ranges.iter().map(|range| range.to - range.from).sum();
    (sum(&delta.deleted), sum(&delta.inserted))
}

/// Somebody else with the same document.
fn browser(document: &Document) -> Document {
    Document::load(document.schema, 7, [document.state().unwrap().as_slice()]).unwrap()
}

#[test]
fn a_new_document_says_what_was_put_into_it() {
    let plan = json!({
        "title": "Leading teams 😀",
        "subtitle": "",
        "audience": "Team leads",
        "objective": "They **know** how to\n\n- listen\n- decide\n",
        "agenda": [
            {"id": TWO, "title": "Welcome", "description": "Coffee\n", "durationMinutes": 15, "notes": ""},
            {"id": ONE, "title": "Listening", "description": "", "durationMinutes": null, "notes": "> bring cards\n"}
        ],
        "comments": []
    });
    let document = made(Kind::BuilderSession, &plan);
    assert_eq!(shown(&document, Form::Markdown), plan);
    let html = document.read().unwrap().to_html(document.schema);
    assert!(html.starts_with("<h1>Leading teams 😀</h1><p>Team leads</p>"), "{html}");
    assert!(html.contains("<h2>Agenda</h2><h3>Welcome</h3><p>Coffee</p><p>Duration minutes: 15</p>"), "{html}");
    let markdown = document.read().unwrap().to_markdown(document.schema);
    assert!(markdown.starts_with("# Leading teams 😀\n\nTeam leads\n\nThey **know** how to\n"), "{markdown}");
    let summary = json!({
        "wins": "a\n", "challenges": "", "recommendations": "", "edited": "",
        "actions": [{"id": ONE, "text": "Call", "owner": "Ann", "dueOn": "2026-12-01", "done": true}],
        "comments": []
    });
    assert_eq!(shown(&made(Kind::Summary, &summary), Form::Markdown), summary);
    let board = json!({"shapes": [{
        "id": ONE, "kind": "pen", "x": 1.5, "y": -2, "width": null, "height": null, "rotation": 0, "points": [0, 0, 0.5],
        "color": "#000", "fill": null, "stroke": 2, "text": "hi", "file": null, "author": "me", "locked": false
    }]});
    assert_eq!(shown(&made(Kind::LiveWhiteboard, &board), Form::Nodes), board);
}

#[test]
fn a_changed_word_is_all_that_changes() {
    let page: String =
        (0..60).fold(String::new(), |page, number| page + &format!("Paragraph number {number} with some words.\n\n"));
    let mut document = made(Kind::LiveNotes, &json!({ "body": page }));
    let changed = page.replace("number 30 with", "number 30 without");
    let delta = write(&mut document, &json!({ "body": changed })).unwrap();
    assert_eq!(weight(&delta), (0, 3));
    let changed = changed.replace("Paragraph number 40 with some words.\n\n", "");
    let delta = write(&mut document, &json!({ "body": changed })).unwrap();
    assert_eq!(weight(&delta), (2 + 36, 0));
    let changed = changed.replace("Paragraph number 50", "Paragraph **number** 50");
    let delta = write(&mut document, &json!({ "body": changed })).unwrap();
    assert_eq!(weight(&delta), (0, 2), "two marks");
    let changed = format!("New first one.\n\n{changed}");
    let delta = write(&mut document, &json!({ "body": changed })).unwrap();
    assert_eq!(weight(&delta), (0, 2 + 14));
    assert_eq!(shown(&document, Form::Markdown)["body"], json!(changed.trim_end().to_owned() + "\n"));
}

#[test]
fn who_types_meanwhile_loses_nothing() {
    let start =
        json!({"title": "Hello world", "objective": "one\n\ntwo\n\nthree\n", "agenda": [{"id": ONE, "title": "A"}]});
    let mut document = made(Kind::BuilderSession, &start);
    let mut typing = browser(&document);
    let typed = json!({
        "title": "Hello whole world", "objective": "one\n\ntwo and more\n\nthree\n",
        "agenda": [{"id": ONE, "title": "A bit"}, {"id": TWO, "title": "B"}]
    });
    let theirs = write(&mut typing, &typed).unwrap();
    let ours = write(&mut document, &json!({"title": "Hallo world", "objective": "zero\n\none\n\ntwo\n"})).unwrap();
    must(&mut document, &theirs.bytes);
    must(&mut typing, &ours.bytes);
    assert_eq!(document.fingerprint(), typing.fingerprint());
    let both = shown(&document, Form::Markdown);
    assert_eq!(both["title"], "Hallo whole world");
    assert_eq!(both["objective"], "zero\n\none\n\ntwo and more\n");
    assert_eq!((&both["agenda"][0]["title"], &both["agenda"][1]["title"]), (&json!("A bit"), &json!("B")));
}

#[test]
fn items_move_without_being_written_anew() {
    let items = |ids: &[&str]| json!({"agenda": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()});
    let titled = |id: &str, title: &str| json!({"id": id, "title": title, "notes": "long notes that stay"});
    let start = json!({"agenda": [titled(ONE, "1"), titled(TWO, "2"), titled(THREE, "3")]});
    let mut document = made(Kind::BuilderSession, &start);
    let mut other = browser(&document);
    let ids = |document: &Document| {
        let shown = shown(document, Form::Nodes);
        shown["agenda"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let moved = write(&mut document, &items(&[THREE, ONE, TWO])).unwrap();
    assert_eq!(weight(&moved), (1, 1), "one place");
    let also = write(&mut other, &items(&[ONE, THREE, TWO])).unwrap();
    must(&mut document, &also.bytes);
    must(&mut other, &moved.bytes);
    assert_eq!(document.fingerprint(), other.fingerprint());
    assert_eq!(ids(&document).len(), 3, "moved by two people, and still there once");
    write(&mut document, &items(&[TWO, ONE]));
    assert_eq!(ids(&document), [TWO, ONE]);
    assert_eq!(shown(&document, Form::Markdown)["agenda"][0]["notes"], "long notes that stay\n");
}

/// Notes that an editor made, with what Markdown does not know.
fn edited() -> Document {
    let json = json!({"type": "doc", "content": [
        {"type": "paragraph", "attrs": {"textAlign": "center"}, "content": [
            {"type": "text", "text": "Some "},
            {"type": "text", "text": "commented text", "marks": [{"type": "comment", "attrs": {"id": "c1"}}]},
            {"type": "text", "text": " new", "marks": [{"type": "insertion", "attrs": {"by": "ann"}}]},
            {"type": "text", "text": " end "},
            {"type": "text", "text": "site", "marks": [{"type": "link", "attrs": {"href": "https://x.y", "target": "_self"}}]}
        ]},
        {"type": "paragraph"},
        {"type": "callout", "attrs": {"tone": "warn"}, "content": [{"type": "paragraph", "content": [
            {"type": "text", "text": "Careful"}
        ]}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "Last"}]}
    ]});
    let mut document = Document::new(Kind::LiveNotes.schema(), 99);
    document.write(&body(of_a_client(&json).nodes, Precision::Exact), "test").unwrap();
    sound(&document);
    document
}

#[test]
fn what_markdown_does_not_know_survives_it() {
    let mut document = edited();
    let markdown = shown(&document, Form::Markdown)["body"].as_str().unwrap().to_owned();
    assert_eq!(markdown, "Some commented text end [site](https://x.y)\n\nCareful\n\nLast\n");
    assert_eq!(write(&mut document, &json!({ "body": markdown })), None);
    let changed = markdown.replace("commented text end", "commented old text end").replace("Last", "**Last**");
    write(&mut document, &json!({ "body": changed }));
    let body = &shown(&document, Form::Nodes)["body"]["content"];
    assert_eq!(body[0]["attrs"]["textAlign"], "center");
    let comment = json!([{"type": "comment", "attrs": {"id": "c1"}}]);
    assert_eq!(body[0]["content"][1], json!({"type": "text", "text": "commented old text", "marks": comment}));
    assert_eq!(body[0]["content"][2]["text"], " new", "a suggestion nobody has decided on");
    assert_eq!(body[0]["content"][4]["marks"][0]["attrs"]["target"], "_self");
    assert_eq!(body[1], json!({"type": "paragraph"}), "an empty line");
    assert_eq!(body[2]["type"], "callout");
    assert_eq!(body[3]["content"][0]["marks"][0]["type"], "bold");
    let changed = changed.replace("https://x.y", "https://x.z");
    write(&mut document, &json!({ "body": changed }));
    let link = json!({"href": "https://x.z", "target": "_blank", "rel": "noopener noreferrer nofollow", "class": null});
    assert_eq!(shown(&document, Form::Nodes)["body"]["content"][0]["content"][4]["marks"][0]["attrs"], link);
}

#[test]
fn a_version_is_restored_as_it_was() {
    let mut document = edited();
    let version = document.read().unwrap();
    let state = document.state().unwrap();
    write(&mut document, &json!({"body": "Something\n\nelse\n"}));
    document.write(&version, "restore").unwrap();
    assert_eq!(document.read().unwrap(), version);
    assert_ne!(document.state().unwrap(), state, "history goes on");
    sound(&document);
}

#[test]
fn what_is_in_the_wrong_place_is_not_there_and_can_be_put_right() {
    let mut document = Document::new(Kind::Summary.schema(), 99);
    let doc = Doc::with_client_id(5);
    let update = {
        let mut txn = doc.transact_mut();
        let actions = txn.get_or_insert_map("actions");
        actions.insert(&mut txn, "not-an-item", 7);
        let item = actions.insert(&mut txn, ONE, yrs::MapPrelim::default());
        item.insert(&mut txn, "text", yrs::MapPrelim::default());
        item.insert(&mut txn, "done", "yes");
        item.insert(&mut txn, "dueOn", 5);
        item.insert(&mut txn, "order", 3);
        item.insert(&mut txn, "else", "kept");
        txn.commit();
        txn.encode_update_v1()
    };
    must(&mut document, &update);
    let item = json!({"id": ONE, "text": "", "owner": null, "dueOn": null, "done": false});
    assert_eq!(shown(&document, Form::Nodes)["actions"], json!([item]));
    write(&mut document, &json!({"actions": [{"id": ONE, "text": "Do", "done": true, "dueOn": "2026-11-21"}]}));
    let item = json!({"id": ONE, "text": "Do", "owner": null, "dueOn": "2026-11-21", "done": true});
    assert_eq!(shown(&document, Form::Nodes)["actions"], json!([item]));
}

#[test]
fn too_much_is_not_written() {
    let mut document = Document::new(Kind::LiveNotes.schema(), 99);
    let content = body(Rich::from_markdown(&"x".repeat(MOST_BYTES)).nodes, Precision::Markdown);
    assert_eq!(document.write(&content, "test"), Err(WriteError::Full));
    assert_eq!(document.read().unwrap(), Document::new(Kind::LiveNotes.schema(), 1).read().unwrap());
}

#[test]
fn what_is_not_for_the_document_is_named() {
    let faults = |json: Json| {
        let faults = Content::from_json(Kind::BuilderSession.schema(), &json).unwrap_err();
        faults.into_iter().map(|fault| fault.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(faults(json!(7)), [": this is not what the field holds"]);
    assert_eq!(
        faults(json!({"status": "draft", "title": 7, "objective": {"type": "text"}})),
        [
            "objective: this is not what the field holds",
            "status: there is no such field",
            "title: this is not what the field holds"
        ]
    );
    assert_eq!(
        faults(json!({"agenda": [{"title": "x"}, {"id": ONE}, {"id": ONE}, {"id": TWO, "durationMinutes": "5"}]})),
        [
            "agenda/0: an item needs a UUID as its id",
            "agenda/2: two items have the same id",
            &format!("agenda/{TWO}/durationMinutes: this is not what the field holds")
        ]
    );
}

fn body(nodes: Vec<Node>, precision: Precision) -> Content {
    Content { fields: [("body", Value::Rich(Rich { nodes, precision }))].into() }
}

fn rich(document: &Document) -> Rich {
    match document.read().unwrap().fields.remove("body") {
        Some(Value::Rich(rich)) => rich,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn any_text_becomes_any_other(old: String, new: String, words in "[a-c ]{0,30}", others in "[a-c ]{0,30}") {
        let mut document = Document::new(Kind::BuilderSession.schema(), 99);
        for title in [old, new, words, others] {
            write(&mut document, &json!({ "title": title }));
            prop_assert_eq!(&shown(&document, Form::Nodes)["title"], &json!(title));
        }
    }

    #[test]
    fn any_page_becomes_any_other_exactly(pages in proptest::collection::vec(proptest::collection::vec(block(), 0..4), 2..4)) {
        let mut document = Document::new(Kind::LiveNotes.schema(), 99);
        for page in pages {
            let content = body(page, Precision::Exact);
            document.write(&content, "test").unwrap();
            sound(&document);
            prop_assert_eq!(document.read().unwrap().to_json(Form::Nodes)["body"].clone(), content.to_json(Form::Nodes)["body"].clone());
        }
    }

    #[test]
    fn any_page_becomes_what_markdown_says(page in proptest::collection::vec(block(), 0..4), next in proptest::collection::vec(block(), 0..4)) {
        let mut document = Document::new(Kind::LiveNotes.schema(), 99);
        document.write(&body(page, Precision::Exact), "test").unwrap();
        // Its own Markdown changes nothing.
        let own = rich(&document).to_markdown();
        prop_assert_eq!(document.write(&body(Rich::from_markdown(&own).nodes, Precision::Markdown), "test").unwrap(), None, "\n{}", own);
        let markdown = Rich { nodes: next, precision: Precision::Exact }.to_markdown();
        let wanted = Rich::from_markdown(&markdown);
        document.write(&body(wanted.nodes.clone(), Precision::Markdown), "test").unwrap();
        sound(&document);
        prop_assert_eq!(rich(&document).to_markdown(), markdown);
    }

    #[test]
    fn any_items_become_any_others(lists in proptest::collection::vec(proptest::sample::subsequence((0..8_u32).collect::<Vec<_>>(), 0..8).prop_shuffle(), 1..5)) {
        let mut document = Document::new(Kind::BuilderSession.schema(), 99);
        for list in lists {
            let id = |number: &u32| format!("0198c0de-0000-7000-8000-{number:012}");
            let items: Vec<_> = list.iter().map(|number| json!({"id": id(number), "title": number.to_string()})).collect();
            write(&mut document, &json!({ "agenda": items }));
            let shown = shown(&document, Form::Nodes);
            let titles: Vec<_> = shown["agenda"].as_array().unwrap().iter().map(|item| item["title"].clone()).collect();
            prop_assert_eq!(titles, list.iter().map(|number| json!(number.to_string())).collect::<Vec<_>>());
        }
    }
}

#[test]
fn embedded_things_keep_their_place() {
    let mut document = Document::new(Kind::LiveNotes.schema(), 99);
    let doc = Doc::with_client_id(5);
    let update = {
        let mut txn = doc.transact_mut();
        let body = txn.get_or_insert_xml_fragment("body");
        let paragraph = body.insert(&mut txn, 0, yrs::XmlElementPrelim::empty("paragraph"));
        let text = paragraph.insert(&mut txn, 0, yrs::XmlTextPrelim::new("before after"));
        text.insert_embed(&mut txn, 7, yrs::any!({"image": "a.png"}));
        txn.commit();
        txn.encode_update_v1()
    };
    must(&mut document, &update);
    write(&mut document, &json!({"body": "before and after that"}));
    let Node::Element(paragraph) = &rich(&document).nodes[0] else { panic!("no paragraph") };
    let Node::Text(spans) = &paragraph.children[0] else { panic!("no text") };
    let texts: Vec<_> = spans.iter().map(|Span { text, .. }| text.as_str()).collect();
    assert_eq!(texts.concat().replace('\u{FFFC}', "|"), "before and |after that");
}

//! Laws for every history: three people, each on a node of their own, do random things; packets are late, doubled, lost.
use proptest::prelude::*;
use yrs::{Any, Map, Text, Transact as _, Xml, XmlElementPrelim, XmlFragment, XmlTextPrelim, types::Attrs};

use super::*;

/// What somebody does, with numbers that are taken modulo whatever there is.
#[derive(Debug, Clone)]
enum Step {
    Write(u32, String),
    Delete(u32, u32),
    Format(u32, u32),
    Paragraph(u32, String),
    WriteInParagraph(u32, String),
    Align(u32, u8),
    RemoveParagraph(u32),
    Set(u8, i32),
    Unset(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let words = proptest::sample::select(vec!["a", "bc", "😀", "größer", "x y "]).prop_map(str::to_owned);
    prop_oneof![
        (any::<u32>(), words.clone()).prop_map(|(at, words)| Step::Write(at, words)),
        (any::<u32>(), 1..5_u32).prop_map(|(at, count)| Step::Delete(at, count)),
        (any::<u32>(), 1..5_u32).prop_map(|(at, count)| Step::Format(at, count)),
        (any::<u32>(), words.clone()).prop_map(|(at, words)| Step::Paragraph(at, words)),
        (any::<u32>(), words).prop_map(|(at, words)| Step::WriteInParagraph(at, words)),
        (any::<u32>(), any::<u8>()).prop_map(|(at, to)| Step::Align(at, to)),
        any::<u32>().prop_map(Step::RemoveParagraph),
        (0..4_u8, any::<i32>()).prop_map(|(key, value)| Step::Set(key, value)),
        (0..4_u8).prop_map(Step::Unset),
    ]
}

fn place(at: u32, length: u32) -> u32 {
    at % (length + 1)
}

/// A place in a text, in UTF-16, that is in no emoji.
fn whole(text: &str, at: u32) -> u32 {
    let before = place(at, u32::try_from(text.chars().count()).unwrap());
    u32::try_from(text.chars().take(before as usize).map(char::len_utf16).sum::<usize>()).unwrap()
}

/// A browser, for which yrs stands in: it counts in code points here, so that no emoji is cut.
fn act(doc: &Doc, step: &Step) -> Vec<u8> {
    let mut txn = doc.transact_mut();
    let (text, body, map) = {
        use yrs::WriteTxn as _;
        let text = txn.get_or_insert_text("text");
        (text, txn.get_or_insert_xml_fragment("body"), txn.get_or_insert_map("map"))
    };
    let paragraph = |at: u32, txn: &TransactionMut| body.get(txn, place(at, body.len(txn)))?.into_xml_element();
    match step {
        Step::Write(at, words) => {
            let shown = yrs::GetString::get_string(&text, &txn);
            text.insert(&mut txn, whole(&shown, *at), words);
        }
        Step::Delete(at, count) | Step::Format(at, count) => {
            let shown = yrs::GetString::get_string(&text, &txn);
            let (from, to) = (whole(&shown, *at), whole(&shown, at.wrapping_add(*count)));
            let (from, length) = (from.min(to), from.abs_diff(to));
            if matches!(step, Step::Delete(..)) {
                text.remove_range(&mut txn, from, length);
            } else {
                let bold = if at % 3 == 0 { Any::Null } else { Any::Map(std::sync::Arc::default()) };
                text.format(&mut txn, from, length, Attrs::from([("bold".into(), bold)]));
            }
        }
        Step::Paragraph(at, words) => {
            let at = place(*at, body.len(&txn));
            let element = body.insert(&mut txn, at, XmlElementPrelim::empty("paragraph"));
            element.push_back(&mut txn, XmlTextPrelim::new(words.as_str()));
        }
        Step::WriteInParagraph(at, words) => {
            let inner = paragraph(*at, &txn).and_then(|element| element.get(&txn, 0)?.into_xml_text());
            if let Some(inner) = inner {
                inner.push(&mut txn, words);
            }
        }
        Step::Align(at, to) => {
            if let Some(element) = paragraph(*at, &txn) {
                element.insert_attribute(&mut txn, "level", Any::from(u32::from(*to)));
            }
        }
        Step::RemoveParagraph(at) => {
            let length = body.len(&txn);
            if length > 0 {
                body.remove(&mut txn, at % length);
            }
        }
        Step::Set(key, value) => drop(map.insert(&mut txn, key.to_string(), *value)),
        Step::Unset(key) => drop(map.remove(&mut txn, &key.to_string())),
    }
    txn.commit();
    txn.encode_update_v1()
}

/// A person's browser, and the node that it is connected to.
struct Node {
    browser: Doc,
    document: Document,
    /// How much of the log this node has seen in its order.
    seen: usize,
}

impl Node {
    fn new(number: u64) -> Self {
        let options = Options {
            offset_kind: OffsetKind::Utf16,
            // The clean-up of yrs may change what is shown; documents do without it, and browsers tell what theirs did.
            cleanup_formatting: false,
            ..Options::with_client_id(ClientID::new(number))
        };
        Self { browser: Doc::with_options(options), document: Document::new(&SCHEMA, 1_000 + number), seen: 0 }
    }
    fn tell_browser(&self, update: &[u8]) {
        self.browser.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }
    /// Reads what is missing from the log, as a node does that finds a gap.
    fn catch_up(&mut self, log: &[Vec<u8>]) {
        for update in &log[self.seen..] {
            must(&mut self.document, update);
            self.tell_browser(update);
        }
        self.seen = log.len();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn three_nodes_converge_whatever_happens_between_them(
        lost in proptest::sample::select(vec![0_u8, 30, 100]),
        steps in proptest::collection::vec((0..3_usize, step(), [0..100_u8, 0..100, 0..100]), 1..60)
    ) {
        let mut nodes: Vec<_> = (0..3).map(Node::new).collect();
        let mut log: Vec<Vec<u8>> = vec![];
        for (who, step, fates) in steps {
            let update = act(&nodes[who].browser, &step);
            let mut outcome = integrate(&mut nodes[who].document, &update);
            if let Outcome::Missing(_) = outcome {
                nodes[who].catch_up(&log);
                outcome = integrate(&mut nodes[who].document, &update);
            }
            match outcome {
                Outcome::Integrated(delta) => log.push(delta.bytes),
                Outcome::Known => {}
                other => prop_assert!(false, "{:?}", other),
            }
            // The bus: lost, early or twice. What builds on something else waits for the log.
            for (node, fate) in nodes.iter_mut().zip(fates) {
                if let (true, Some(packet)) = (fate >= lost, log.last()) {
                    for _ in 0..=fate % 2 {
                        let outcome = integrate(&mut node.document, packet);
                        prop_assert!(matches!(outcome, Outcome::Integrated(_) | Outcome::Known | Outcome::Missing(_)));
                    }
                }
                if fate % 10 == 9 {
                    node.catch_up(&log);
                }
            }
        }
        for node in &mut nodes {
            node.catch_up(&log);
        }
        let print = nodes[0].document.fingerprint().unwrap();
        let shown = view::view(&nodes[0].document.doc);
        for node in &nodes {
            prop_assert_eq!(node.document.fingerprint().unwrap(), print);
            prop_assert_eq!(node.document.clocks(), nodes[0].document.clocks());
            prop_assert_eq!(view::view(&node.browser), shown.clone());
            sound(&node.document);
        }
        let cold = Document::load(&SCHEMA, 7, log.iter().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(cold.fingerprint().unwrap(), print);
        let compacted = cold.compacted().unwrap();
        prop_assert_eq!(compacted.fingerprint, print);
        let warm = Document::load(&SCHEMA, 8, [compacted.state.as_slice()]).unwrap();
        prop_assert_eq!(warm.fingerprint().unwrap(), print);
    }
}

//! The same histories in Yjs and here, new ones each time, and what we made of them back into Yjs.
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use super::{view::view, *};
use crate::collab::lib0::Writer;

fn node(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/interop");
    let mut child = Command::new("node")
        .arg("histories.mjs")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed for this test");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    assert!(output.status.success(), "`histories.mjs` failed; is Yjs there? (scripts/web.sh install)");
    output.stdout
}

#[test]
fn yjs_and_we_see_the_same() {
    let seed = std::env::var("ATELIER_SEED").unwrap_or_else(|_| std::process::id().to_string());
    let count = std::env::var("ATELIER_HISTORIES").unwrap_or_else(|_| "40".to_owned());
    let histories = histories(&node(&["make", &seed, &count], &[]));
    let mut back = Writer::new();
    back.uint(histories.len() as u64 * 3);
    for (number, history) in histories.iter().enumerate() {
        let mut document = Document::new(&SCHEMA, 1 << 52);
        let mut log = vec![];
        for update in &history.updates {
            match integrate(&mut document, update) {
                Outcome::Integrated(delta) => log.push(delta.bytes),
                Outcome::Known => {}
                other => panic!("ATELIER_SEED={seed}, history {number}: {other:?}"),
            }
        }
        assert_eq!(view(&document.doc), history.seen, "ATELIER_SEED={seed}, history {number}");
        let compacted = document.compacted().unwrap();
        let loaded = Document::load(&SCHEMA, 1, [compacted.state.as_slice()]).unwrap();
        let log: Vec<_> = log.iter().map(Vec::as_slice).collect();
        let shown = history.seen.to_string();
        for state in [document.state().unwrap(), loaded.state().unwrap(), merged(&log).unwrap()] {
            back.bytes(&state).text(&shown);
        }
    }
    node(&["check"], &back.finish());
}

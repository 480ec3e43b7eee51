//! Pieces under the Yjs client of somebody else: whoever may write sees everybody's numbers, and could use them up.
use atelier::{bus::Bus, collab::hocuspocus::Request, collab::ysync::Sync};
use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update, updates::decoder::Decode};

use super::{content::Notes, editor::Editor};

/// What somebody would say who goes on where `victim` is: the document as the victim has it, and other words.
fn forged(victim: &Editor, words: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(victim.doc.client_id().get());
    let text = doc.get_or_insert_text("t");
    let state = victim.doc.transact().encode_diff_v1(&StateVector::default());
    let mut txn = doc.transact_mut();
    txn.apply_update(Update::decode_v1(&state).unwrap()).unwrap();
    drop(txn);
    let mut txn = doc.transact_mut();
    let end = text.len(&txn);
    text.insert(&mut txn, end, words);
    txn.encode_update_v1()
}

impl Notes {
    async fn guest(&self, name: &str) -> String {
        self.session.joins(name).await.token().await
    }
    async fn enters(&self, token: &str) -> Editor {
        Editor::opens(self.app.address, &self.name, token).await.comes_in().await
    }
    /// What somebody reads who comes now.
    async fn reads_anew(&self) -> String {
        self.enters(&self.ada.token).await.reads()
    }
}

/// Says it without having it in the own document.
async fn lies(editor: &mut Editor, update: &[u8]) {
    let refused = editor.refused;
    editor.sends(update).await;
    editor.until("a no", |editor| editor.refused > refused || editor.closed.is_some()).await;
    assert_eq!(editor.closed, None);
    editor.unsaved -= 1;
}

#[tokio::test]
async fn nobody_goes_on_where_somebody_else_is() {
    let notes = Notes::open("edit").await;
    let (mut ada, mut bo) = (notes.enters(&notes.ada.token).await, notes.enters(&notes.guest("Bo").await).await);
    ada.types_and_saves("one ").await;
    bo.until("it", |bo| bo.reads() == "one ").await;
    for _ in 0..5 {
        lies(&mut bo, &forged(&ada, "lies ")).await;
    }
    // It is no reason to send him away: what is his own is saved.
    bo.types_and_saves("two ").await;
    ada.until("it", |ada| ada.reads() == "one two ").await;
    ada.types_and_saves("three").await;
    bo.until("it", |bo| bo.reads() == "one two three").await;
    assert_eq!((notes.reads_anew().await.as_str(), ada.reads().as_str()), ("one two three", "one two three"));
}

#[tokio::test]
async fn nobody_writes_first_where_somebody_else_looks() {
    let notes = Notes::open("edit").await;
    let (mut ada, mut bo) = (notes.enters(&notes.ada.token).await, notes.enters(&notes.guest("Bo").await).await);
    ada.looks(1, "{}").await;
    let client = ada.doc.client_id().get();
    bo.until("to see her", |bo| bo.looking.contains_key(&client)).await;
    lies(&mut bo, &forged(&ada, "lies ")).await;
    ada.types_and_saves("one").await;
    bo.until("it", |bo| bo.reads() == "one").await;
    assert_eq!(notes.reads_anew().await, "one");
}

/// The other node does not hear of her, and has the document open since before she came.
#[tokio::test]
async fn the_database_decides_between_two_nodes() {
    let notes = Notes::open("edit").await;
    let elsewhere = notes.app.another(Bus::local()).await;
    let token = notes.guest("Bo").await;
    for round in 0..3 {
        let mut bo = Editor::opens(elsewhere.address, &notes.name, &token).await.comes_in().await;
        let mut ada = notes.enters(&notes.ada.token).await;
        let before = ada.reads();
        ada.types_and_saves("one ").await;
        // All that she has, as if it was his, and what she never said.
        let lie = forged(&ada, "lies ");
        let whole = yrs::merge_updates_v1([&ada.typed()[0].1, &lie]).unwrap();
        bo.sends(&whole).await;
        bo.until("to be refused or sent away", |bo| bo.refused > 0 || bo.closed.is_some()).await;
        ada.types_and_saves("two ").await;
        let said = format!("{before}one two ");
        assert_eq!((notes.reads_anew().await, ada.reads()), (said.clone(), said.clone()), "round {round}");
        let there = Editor::opens(elsewhere.address, &notes.name, &token).await.comes_in().await;
        assert_eq!(there.reads(), said, "round {round}");
    }
}

#[tokio::test]
async fn pages_of_one_person_share_what_they_have() {
    let notes = Notes::open("edit").await;
    let (mut one, mut other) = (notes.enters(&notes.ada.token).await, notes.enters(&notes.ada.token).await);
    for words in ["a ", "b ", "c "] {
        let update = {
            let text = one.doc.get_or_insert_text("t");
            let mut txn = one.doc.transact_mut();
            let end = text.len(&txn);
            text.insert(&mut txn, end, words);
            txn.encode_update_v1()
        };
        // The other page hears of it first.
        other.sends(&update).await;
        other.until("saved", |other| other.unsaved == 0).await;
        one.sends(&update).await;
        one.until("saved", |one| one.unsaved == 0).await;
    }
    one.types_and_saves("d").await;
    assert_eq!((notes.reads_anew().await.as_str(), one.refused, other.refused), ("a b c d", 0, 0));
}

#[tokio::test]
async fn who_returns_brings_what_was_written_on_another_page_before() {
    let notes = Notes::open("edit").await;
    let mut ada = notes.enters(&notes.ada.token).await;
    ada.types_and_saves("saved, ").await;
    // Without a line, and then the page is loaded again: it has another number now, and the words of the last one.
    let text = ada.doc.get_or_insert_text("t");
    text.insert(&mut ada.doc.transact_mut(), 7, "not sent, ");
    let doc = Doc::new();
    let kept = ada.doc.transact().encode_diff_v1(&StateVector::default());
    doc.transact_mut().apply_update(Update::decode_v1(&kept).unwrap()).unwrap();
    drop(ada);
    let back = Editor::comes_back(notes.app.address, &notes.name, &notes.ada.token, doc).await;
    let mut back = back.comes_in().await;
    back.types_and_saves("and on").await;
    assert_eq!((notes.reads_anew().await.as_str(), back.refused), ("saved, not sent, and on", 0));
}

/// After the server has lost something, whoever comes first has words of others as well. What is his own is saved; what is
/// not, when they come.
#[tokio::test]
async fn words_of_others_wait_for_them() {
    let notes = Notes::open("edit").await;
    let (mut ada, mut bo) = (notes.enters(&notes.ada.token).await, notes.enters(&notes.guest("Bo").await).await);
    ada.types_and_saves("one ").await;
    bo.until("it", |bo| bo.reads() == "one ").await;
    // What the server does not have: hers, and his at another place.
    let hers = {
        let text = ada.doc.get_or_insert_text("t");
        let mut txn = ada.doc.transact_mut();
        text.insert(&mut txn, 4, "two ");
        txn.encode_update_v1()
    };
    let his = {
        bo.doc.transact_mut().apply_update(Update::decode_v1(&hers).unwrap()).unwrap();
        let text = bo.doc.get_or_insert_text("t");
        let mut txn = bo.doc.transact_mut();
        text.insert(&mut txn, 0, "zero ");
        txn.encode_update_v1()
    };
    let both = yrs::merge_updates_v1([&hers, &his]).unwrap();
    bo.says(Request::Sync(Sync::Step2(&both))).await;
    bo.until("a no", |bo| bo.refused == 1).await;
    ada.until("his", |ada| ada.reads() == "zero one two ").await;
    assert_eq!((notes.reads_anew().await.as_str(), bo.closed), ("zero one ", None));
    ada.sends(&hers).await;
    ada.until("saved", |ada| ada.unsaved == 0).await;
    ada.types_and_saves("three").await;
    bo.until("it", |bo| bo.reads() == "zero one two three").await;
    let text = bo.doc.get_or_insert_text("t").get_string(&bo.doc.transact());
    assert_eq!((notes.reads_anew().await, bo.closed), (text, None));
}

/// Nothing is known of her any more, and somebody else is the first to bring what she wrote.
#[tokio::test]
async fn who_was_only_the_first_to_bring_it_does_not_keep_her_from_going_on() {
    let notes = Notes::open("edit").await;
    let doc = Doc::new();
    let text = doc.get_or_insert_text("t");
    text.insert(&mut doc.transact_mut(), 0, "one ");
    let kept = doc.transact().encode_diff_v1(&StateVector::default());
    let copy = Doc::new();
    copy.transact_mut().apply_update(Update::decode_v1(&kept).unwrap()).unwrap();
    let token = notes.guest("Bo").await;
    let bo = Editor::comes_back(notes.app.address, &notes.name, &token, copy).await;
    let mut bo = bo.comes_in().await;
    let ada = Editor::comes_back(notes.app.address, &notes.name, &notes.ada.token, doc).await;
    let mut ada = ada.comes_in().await;
    ada.looks(1, "{}").await;
    ada.types_and_saves("two ").await;
    bo.until("it", |bo| bo.reads() == "one two ").await;
    // From now on it is hers, here and for whoever opens it next.
    lies(&mut bo, &forged(&ada, "lies ")).await;
    let elsewhere = notes.app.another(Bus::local()).await;
    let mut there = Editor::opens(elsewhere.address, &notes.name, &token).await.comes_in().await;
    lies(&mut there, &forged(&ada, "lies ")).await;
    ada.types_and_saves("three").await;
    assert_eq!((notes.reads_anew().await.as_str(), ada.refused), ("one two three", 0));
}

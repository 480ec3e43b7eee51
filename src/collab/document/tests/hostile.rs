//! What hostile clients send: nothing of it stops the process, changes the document, or reaches anybody else.
use yrs::{Text, WriteTxn};

use super::*;
use crate::collab::{
    gate::tests::{Item, update},
    lib0::Writer,
};

/// Text in the root "text" of the test's schema.
fn words(client: u64, clock: u64, words: &str) -> Vec<u8> {
    let item = Writer::new().text("text").text(words).clone().finish();
    let mut writer = Writer::new();
    writer.uint(1).uint(1).uint(client).uint(clock).byte(4).uint(1).raw(&item).uint(0);
    writer.finish()
}

/// A document with something in it, and the updates that made it.
fn furnished() -> (Document, Vec<u8>) {
    let mut document = Document::new(&SCHEMA, 99);
    for update in &corpus()[3].updates {
        must(&mut document, update);
    }
    let state = document.state().unwrap();
    (document, state)
}

/// Refused, and nothing happened.
fn refused(document: &mut Document, bytes: &[u8], why: Bad) {
    let before = document.state().unwrap();
    assert_eq!(integrate(document, bytes), Outcome::Bad(why));
    assert_eq!(document.state().unwrap(), before);
    sound(document);
}

#[test]
fn a_value_nested_8000_deep_does_not_overflow_the_stack() {
    let (mut document, _) = furnished();
    let mut nested = vec![1];
    nested.extend([117, 1].repeat(8_000));
    nested.push(126);
    refused(&mut document, &update(&[(5, 0, vec![Item::of(8, nested)])], &[]), Bad::ValueTooDeep);
    must(&mut document, &words(6, 0, "still here"));
}

#[test]
fn types_may_be_nested_to_the_limit_and_still_be_deleted_on_a_small_stack() {
    let run = || {
        let mut document = Document::new(&SCHEMA, 99);
        let depth = u64::from(Limits::UPDATE.types);
        let one = |clock: u64| {
            let item = Item::of(7, vec![2]);
            if clock == 0 { item } else { item.inside(5, clock - 1) }
        };
        refused(&mut document, &update(&[(5, 0, (0..8_000).map(one).collect())], &[]), Bad::TypeTooDeep);
        must(&mut document, &update(&[(5, 0, (0..depth).map(one).collect())], &[]));
        refused(&mut document, &update(&[(5, depth, vec![one(depth)])], &[]), Bad::TypeTooDeep);
        must(&mut document, &update(&[], &[(5, 0, 1)]));
        sound(&document);
        // They are gone with the first of them; what is put into one of them is gone at once.
        must(&mut document, &update(&[(6, 0, vec![Item::text("x").inside(5, depth - 1)])], &[]));
        sound(&document);
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_hole_changes_nothing_until_it_is_filled() {
    let (mut document, state) = furnished();
    let (first, second, third) = (words(5, 0, "one"), words(5, 3, "two"), words(5, 6, "three"));
    let replaced = update(&[(5, 6, vec![Item::text("x")])], &[(5, 3, 1)]);
    for early in [&third, &second, &replaced] {
        assert_eq!(integrate(&mut document, early), Outcome::Missing(Missing { client: 5, clock: 0 }));
    }
    assert_eq!(document.state().unwrap(), state, "not even deletions");
    for update in [&first, &second, &third] {
        must(&mut document, update);
    }
    sound(&document);
}

#[test]
fn pieces_that_wait_for_each_other_are_refused_not_kept() {
    let (mut document, _) = furnished();
    let circle = update(&[(5, 0, vec![Item::text("a").after(6, 0)]), (6, 0, vec![Item::text("b").after(5, 0)])], &[]);
    refused(&mut document, &circle, Bad::Circle);
    let orphan = update(&[(5, 0, vec![Item::text("a")]), (6, 0, vec![Item::text("b").inside(5, 0)])], &[]);
    refused(&mut document, &orphan, Bad::ParentNoType);
}

#[test]
fn an_emoji_among_elements_is_refused() {
    // yrs would never come back from reading it, and y-prosemirror would throw.
    let mut document = Document::new(&SCHEMA, 99);
    let mut writer = Writer::new();
    writer.uint(1).uint(1).uint(5).uint(0).byte(4).uint(1).text("body").text("a😀").uint(0);
    refused(&mut document, &writer.finish(), Bad::WrongPlace);
}

#[test]
fn an_emoji_in_a_root_that_nobody_reads_ends_nothing() {
    let mut document = Document::new(&SCHEMA, 99);
    let mut writer = Writer::new();
    writer.uint(1).uint(2).uint(5).uint(0);
    writer.byte(4).uint(1).text("list").text("a😀").byte(8).uint(1).text("list").uint(1).byte(126).uint(0);
    must(&mut document, &writer.finish());
    sound(&document);
}

#[test]
fn what_somebody_lacks_can_be_asked_with_any_clocks() {
    let (document, state) = furnished();
    let beyond: Clocks = document.clocks().iter().map(|(client, _)| (client, u64::MAX >> 12)).collect();
    assert_eq!(document.diff(&beyond).unwrap()[0], 0, "nothing but deletions");
    let strangers: Clocks = (1_000..2_000).map(|client| (client, client)).collect();
    assert_eq!(document.diff(&strangers).unwrap(), state);
    // In the middle of an emoji.
    let mut document = Document::new(&SCHEMA, 99);
    must(&mut document, &words(5, 0, "😀😀"));
    for clock in 0..5 {
        document.diff(&Clocks::from_iter([(5, clock)])).unwrap();
    }
}

#[test]
fn a_document_grows_to_its_limit_and_can_still_be_shortened() {
    let mut document = Document::new(&SCHEMA, 99);
    let megabyte = "x".repeat((1 << 20) - 64);
    let mut clock = 0;
    while let Outcome::Integrated(_) = integrate(&mut document, &words(5, clock, &megabyte)) {
        clock += megabyte.len() as u64;
    }
    assert_eq!(integrate(&mut document, &words(5, clock, &megabyte)), Outcome::Full);
    assert!(document.size().bytes <= MOST_BYTES && document.size().bytes > MOST_BYTES - (2 << 20));
    must(&mut document, &update(&[], &[(5, 0, clock / 2)]));
    document.measure().unwrap();
    must(&mut document, &words(5, clock, &megabyte));
}

#[test]
fn a_broken_document_does_nothing_any_more() {
    let (mut document, _) = furnished();
    document.broken = Some(Broken::Panicked);
    assert_eq!(integrate(&mut document, &words(5, 0, "x")), Outcome::Broken(Broken::Panicked));
    assert_eq!(document.state(), Err(Broken::Panicked));
    assert_eq!(document.fingerprint(), Err(Broken::Panicked));
    assert_eq!(document.compacted(), Err(CompactError::Broken(Broken::Panicked)));
    assert_eq!(document.brings_nothing_new(&[0, 0], &Limits::UPDATE), Err(Broken::Panicked));
}

#[test]
fn what_yrs_reads_but_yjs_does_not_is_refused() {
    // yrs looks at four bits of the kind of content, Yjs at five.
    let mut document = Document::new(&SCHEMA, 99);
    let mut writer = Writer::new();
    writer.uint(1).uint(1).uint(5).uint(0).byte(0x14).uint(1).text("text").text("a").uint(0);
    let bytes = writer.finish();
    assert!(yrs::Update::decode_v1(&bytes).is_ok());
    refused(&mut document, &bytes, Bad::UnknownContent);
}

#[test]
fn the_delta_is_what_was_new_and_nothing_else() {
    let mut document = Document::new(&SCHEMA, 99);
    must(&mut document, &words(5, 0, "ab"));
    // The same again and more, with a deletion of something that is deleted already.
    must(&mut document, &update(&[], &[(5, 0, 1)]));
    let mut writer = Writer::new();
    writer.uint(1).uint(1).uint(5).uint(0).byte(4).uint(1).text("text").text("abcd");
    writer.uint(1).uint(5).uint(1).uint(0).uint(1);
    let Outcome::Integrated(delta) = integrate(&mut document, &writer.finish()) else { panic!("not integrated") };
    assert_eq!(delta.inserted, [IdRange { client: 5, from: 2, to: 4 }]);
    assert_eq!(delta.deleted, []);
    assert!(delta.bytes.ends_with(&[2, b'c', b'd', 0]), "{:?}", delta.bytes);
}

#[test]
fn a_number_is_the_same_however_it_is_written() {
    // yrs writes these as floats, lib0 reads them as integers too.
    for number in [1 << 35, -(1 << 35), (1 << 53) - 1] {
        let item = Writer::new().byte(8).uint(1).text("list").uint(1).byte(125).int(number).clone().finish();
        let update = Writer::new().uint(1).uint(1).uint(7).uint(0).raw(&item).uint(0).clone().finish();
        let (mut document, mut follower) = (Document::new(&SCHEMA, 99), Document::new(&SCHEMA, 98));
        let Outcome::Integrated(delta) = integrate(&mut document, &update) else { panic!("{number}") };
        must(&mut follower, &delta.bytes);
        assert_ne!(delta.bytes, update);
        assert_eq!(document.fingerprint(), follower.fingerprint(), "{number}");
        sound(&document);
    }
}

#[test]
fn the_lock_is_noticed() {
    let mut document = Document::new(&SCHEMA, 99);
    let doc = document.doc.clone();
    let mut open = yrs::Transact::try_transact_mut(&doc).unwrap();
    open.get_or_insert_text("text").push(&mut open, "x");
    assert_eq!(integrate(&mut document, &words(5, 0, "x")), Outcome::Broken(Broken::Locked));
}

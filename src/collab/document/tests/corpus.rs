//! Histories of real clients that are kept beside the code.
use super::{view::view, *};

#[test]
fn every_honest_update_is_integrated_and_shows_the_same() {
    let mut updates = 0;
    for history in corpus() {
        let mut document = Document::new(&SCHEMA, 99);
        for update in &history.updates {
            must(&mut document, update);
            updates += 1;
        }
        assert_eq!(view(&document.doc), history.seen);
        sound(&document);
    }
    assert!(updates > 500, "the corpus was not found");
}

#[test]
fn what_was_integrated_is_enough_for_everybody_else() {
    for history in corpus() {
        let (mut first, mut second, mut log) = (Document::new(&SCHEMA, 99), Document::new(&SCHEMA, 98), vec![]);
        for (number, update) in history.updates.iter().enumerate() {
            if let Outcome::Integrated(delta) = integrate(&mut first, update) {
                assert!(matches!(integrate(&mut second, &delta.bytes), Outcome::Integrated(_)));
                assert_eq!(integrate(&mut second, &delta.bytes), Outcome::Known, "twice is once");
                log.push(delta.bytes);
            }
            assert_eq!(integrate(&mut first, update), Outcome::Known, "twice is once");
            if number % 50 == 0 {
                assert_eq!(first.fingerprint(), second.fingerprint());
            }
        }
        assert_eq!(view(&second.doc), history.seen);
        let log: Vec<_> = log.iter().map(Vec::as_slice).collect();
        let half = log.len() / 2;
        let before = Document::load(&SCHEMA, 97, log[..half].iter().copied()).unwrap();
        let compacted = before.compacted().unwrap();
        let parts = std::iter::once(compacted.state.as_slice()).chain(log[half..].iter().copied());
        let loaded = Document::load(&SCHEMA, 97, parts).unwrap();
        assert_eq!(loaded.clocks(), first.clocks());
        assert_eq!(loaded.fingerprint(), first.fingerprint());
        assert_eq!(view(&loaded.doc), history.seen);
    }
}

#[test]
fn a_peer_that_was_away_gets_what_it_lacks() {
    for history in corpus() {
        let half = history.updates.len() / 2;
        let mut away = Document::new(&SCHEMA, 98);
        let mut document = Document::new(&SCHEMA, 99);
        for (number, update) in history.updates.iter().enumerate() {
            must(&mut document, update);
            if number < half {
                must(&mut away, update);
            }
        }
        let step2 = document.diff(&away.clocks()).unwrap();
        assert!(step2.len() < document.state().unwrap().len());
        must(&mut away, &step2);
        assert_eq!(away.fingerprint(), document.fingerprint());
        assert!(document.brings_nothing_new(&away.state().unwrap(), &Limits::STEP2).unwrap());
        assert!(document.brings_nothing_new(&[0, 0], &Limits::STEP2).unwrap());
    }
}

#[test]
fn a_reader_who_wrote_something_brings_something_new() {
    let history = &corpus()[0];
    let (mut document, mut writer) = (Document::new(&SCHEMA, 99), Document::new(&SCHEMA, 98));
    let (last, before) = history.updates.split_last().unwrap();
    for update in before {
        must(&mut document, update);
    }
    for update in &history.updates {
        must(&mut writer, update);
    }
    assert!(!document.brings_nothing_new(&writer.state().unwrap(), &Limits::STEP2).unwrap());
    assert!(!document.brings_nothing_new(b"nonsense", &Limits::STEP2).unwrap());
    must(&mut document, last);
    assert!(document.brings_nothing_new(&writer.state().unwrap(), &Limits::STEP2).unwrap());
}

#[test]
fn updates_out_of_order_are_missing_something_and_pass_later() {
    for history in corpus() {
        let mut document = Document::new(&SCHEMA, 99);
        let (mut held, mut waited) = (vec![], 0);
        // Pairs are swapped; what has to wait is tried again after the next one.
        for pair in history.updates.chunks(2) {
            for update in pair.iter().rev() {
                held.push(update);
            }
            held.retain(|update| match integrate(&mut document, update) {
                Outcome::Missing(_) => {
                    waited += 1;
                    true
                }
                Outcome::Integrated(_) | Outcome::Known => false,
                other => panic!("{other:?}"),
            });
        }
        held.retain(|update| matches!(integrate(&mut document, update), Outcome::Missing(_)));
        assert!(held.is_empty() && waited > 0);
        assert_eq!(view(&document.doc), history.seen);
    }
}

#[test]
fn a_log_with_a_hole_does_not_load() {
    let history = &corpus()[1];
    let mut log: Vec<_> = history.updates.iter().map(Vec::as_slice).collect();
    log.remove(0);
    let Err(LoadError::Part { index: 0, flaw: Flaw::Missing(_) }) = Document::load(&SCHEMA, 1, log) else {
        panic!("loaded");
    };
    let nonsense = Document::load(&SCHEMA, 1, [[0, 0].as_slice(), b"nonsense"]);
    assert!(matches!(nonsense, Err(LoadError::Part { index: 1, flaw: Flaw::Bad(_) })));
}

//! The text of a field or a paragraph: first its characters, then its marks.
use std::{collections::HashMap, ops::Range, sync::Arc};

use serde_json::{Value as Json, json};
use yrs::{Any, Text, TransactionMut, types::Attrs};

use super::{plain_spans, read::spans};
use crate::collab::document::value::to_any;
use crate::collab::schema::{
    diff::text_changes,
    rich::{Attributes, Precision, Span, is_expressible_mark, is_invisible},
};

/// Makes a text without marks say `wanted`; marks that somebody has put there all the same stay.
pub(super) fn plain(txn: &mut TransactionMut, text: &impl Text, wanted: &str) {
    characters(txn, text, &plain_spans(wanted), Marks::Whatever);
}

/// Makes a text say `wanted`, with its marks.
pub(super) fn marked(txn: &mut TransactionMut, text: &impl Text, wanted: &[Span], precision: Precision) {
    let marks = match precision {
        Precision::Exact => Marks::All,
        Precision::Markdown => Marks::Expressible,
    };
    characters(txn, text, wanted, marks);
    formats(txn, text, wanted, marks);
}

/// Puts pieces of text at the end of a new text.
pub(super) fn append(txn: &mut TransactionMut, text: &impl Text, pieces: &[Span], precision: Precision) {
    for piece in pieces {
        let end = text.len(txn);
        text.insert_with_attributes(txn, end, &piece.text, attributes(&piece.marks, precision));
    }
}

/// Which marks are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marks {
    All,
    Expressible,
    Whatever,
}

impl Marks {
    fn mean(self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Expressible => is_expressible_mark(key),
            Self::Whatever => false,
        }
    }
    const fn precision(self) -> Precision {
        match self {
            Self::All => Precision::Exact,
            Self::Expressible | Self::Whatever => Precision::Markdown,
        }
    }
}

/// A piece of what is there, and where it is: in bytes among what is seen, in UTF-16 in the document.
struct Piece {
    bytes: Range<usize>,
    at: u32,
    span: Span,
}

fn utf16(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

/// The pieces that whoever wrote `wanted` could see, and their text.
fn seen(txn: &TransactionMut, text: &impl Text, marks: Marks) -> (String, Vec<Piece>) {
    let (mut shown, mut pieces, mut at) = (String::new(), vec![], 0);
    for span in spans(txn, text) {
        let length = utf16(&span.text);
        if marks == Marks::All || !is_invisible(&span) {
            let start = shown.len();
            shown.push_str(&span.text);
            pieces.push(Piece { bytes: start..shown.len(), at, span });
        }
        at += length;
    }
    (shown, pieces)
}

fn characters(txn: &mut TransactionMut, text: &impl Text, wanted: &[Span], marks: Marks) {
    let (shown, pieces) = seen(txn, text, marks);
    let target: String = wanted.iter().map(|span| span.text.as_str()).collect();
    let base = target.as_ptr() as usize;
    // From the end, so that what comes before stays where it is.
    for change in text_changes(&shown, &target).into_iter().rev() {
        for piece in pieces.iter().rev() {
            let (from, to) = (change.old.start.max(piece.bytes.start), change.old.end.min(piece.bytes.end));
            if from < to {
                let inner = from - piece.bytes.start..to - piece.bytes.start;
                let at = piece.at + utf16(&piece.span.text[..inner.start]);
                text.remove_range(txn, at, utf16(&piece.span.text[inner]));
            }
        }
        let at = behind(&pieces, change.old.start);
        let from = change.new.as_ptr() as usize - base;
        insert(txn, text, at, wanted, from..from + change.new.len(), marks, &around(&pieces, &change.old, marks));
    }
}

/// The place in the document behind what is seen before this byte.
fn behind(pieces: &[Piece], byte: usize) -> u32 {
    let before = pieces.iter().rev().find(|piece| piece.bytes.start < byte);
    before.map_or(0, |piece| piece.at + utf16(&piece.span.text[..byte.min(piece.bytes.end) - piece.bytes.start]))
}

/// Marks that are not meant, and that both neighbours have: what comes between them has them, too.
fn around(pieces: &[Piece], old: &Range<usize>, marks: Marks) -> Attributes {
    let before = pieces.iter().rev().find(|piece| piece.bytes.start < old.start);
    let after = pieces.iter().find(|piece| piece.bytes.end > old.end);
    let (Some(before), Some(after)) = (before, after) else { return Attributes::new() };
    let shared = before.span.marks.iter().filter(|(key, value)| after.span.marks.get(*key) == Some(*value));
    shared.filter(|(key, _)| !marks.mean(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Inserts a stretch of the wanted text, each part with its own marks.
fn insert(
    txn: &mut TransactionMut,
    text: &impl Text,
    at: u32,
    wanted: &[Span],
    stretch: Range<usize>,
    marks: Marks,
    kept: &Attributes,
) {
    let (mut start, mut at) = (0, at);
    for span in wanted {
        let range = start..start + span.text.len();
        start = range.end;
        let (from, to) = (stretch.start.max(range.start), stretch.end.min(range.end));
        if from >= to {
            continue;
        }
        let part = &span.text[from - range.start..to - range.start];
        if marks == Marks::Whatever {
            text.insert(txn, at, part);
        } else {
            let mut with = attributes(&span.marks, marks.precision());
            with.extend(attributes(kept, Precision::Exact));
            text.insert_with_attributes(txn, at, part, with);
        }
        at += utf16(part);
    }
}

/// Gives the characters, which are the right ones already, their marks.
fn formats(txn: &mut TransactionMut, text: &impl Text, wanted: &[Span], marks: Marks) {
    let (_, pieces) = seen(txn, text, marks);
    let (mut runs, mut start) = (vec![], 0);
    for span in wanted {
        let range = start..start + span.text.len();
        start = range.end;
        for piece in &pieces {
            let (from, to) = (range.start.max(piece.bytes.start), range.end.min(piece.bytes.end));
            if from >= to {
                continue;
            }
            let change = difference(&piece.span.marks, &span.marks, marks);
            if !change.is_empty() {
                let inner = from - piece.bytes.start..to - piece.bytes.start;
                let at = piece.at + utf16(&piece.span.text[..inner.start]);
                runs.push((at, utf16(&piece.span.text[inner]), change));
            }
        }
    }
    for (at, length, change) in runs {
        text.format(txn, at, length, change);
    }
}

/// What has to be set and unset, among the marks that are meant.
fn difference(found: &Attributes, wanted: &Attributes, marks: Marks) -> Attrs {
    let same = |key: &str, found: &Json, wanted: &Json| {
        // Markdown knows where a link leads, and no more.
        let whole = marks == Marks::All || key != "link";
        let part = |name: &str| found.get(name).filter(|value| !value.is_null()) == wanted.get(name);
        if whole && marks == Marks::All { found == wanted } else { whole || part("href") && part("title") }
    };
    let mut change: Attrs = HashMap::new();
    for (key, value) in wanted.iter().filter(|(key, _)| marks.mean(key)) {
        if !found.get(key).is_some_and(|found| same(key, found, value)) {
            change.insert(key.as_str().into(), mark(key, value, marks.precision()));
        }
    }
    for key in found.keys().filter(|key| marks.mean(key) && !wanted.contains_key(*key)) {
        change.insert(key.as_str().into(), Any::Null);
    }
    change
}

fn attributes(marks: &Attributes, precision: Precision) -> Attrs {
    marks.iter().map(|(key, value)| (Arc::from(key.as_str()), mark(key, value, precision))).collect()
}

/// A mark as TipTap writes it: a link opens a page of its own.
fn mark(key: &str, value: &Json, precision: Precision) -> Any {
    if key != "link" || precision == Precision::Exact {
        return to_any(value);
    }
    let mut link = json!({ "target": "_blank", "rel": "noopener noreferrer nofollow", "class": null });
    for name in ["href", "title"] {
        if let Some(part) = value.get(name) {
            link[name] = part.clone();
        }
    }
    to_any(&link)
}

//! The fingerprint of a document: all that can be read in it, in one order.
use sha2::{Digest, Sha256};
use yrs::{
    Any, Array, ArrayRef, Map, MapRef, Number, Out, ReadTxn, Text, TextRef,
    branch::{Branch, BranchPtr},
    types::{
        Attrs, TypeRef,
        text::{Diff, YChange},
    },
};

/// See [`super::Document::fingerprint`].
pub(super) fn fingerprint<T: ReadTxn>(txn: &T) -> [u8; 32] {
    let mut roots: Vec<_> = txn.root_refs().collect();
    roots.sort_by_key(|(name, _)| *name);
    let mut hash = Sha256::new();
    for (name, root) in roots {
        let mut print = Print { txn, text: Vec::new() };
        if let Some(branch) = root.try_branch() {
            print.contents(branch);
        }
        // A root that was only asked for is no part of the document.
        if !print.text.is_empty() {
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(name);
            hash.update((print.text.len() as u64).to_be_bytes());
            hash.update(&print.text);
        }
    }
    hash.finalize().into()
}

struct Print<'a, T> {
    txn: &'a T,
    text: Vec<u8>,
}

impl<T: ReadTxn> Print<'_, T> {
    fn word(&mut self, tag: u8, word: &str) {
        self.text.push(tag);
        self.text.extend_from_slice(&(word.len() as u64).to_be_bytes());
        self.text.extend_from_slice(word.as_bytes());
    }

    /// Whatever a type is taken for: its sequence, then its entries. A root does not know what it is before somebody
    /// asks for it; one with characters in it is text.
    fn contents(&mut self, branch: &Branch) {
        let branch = BranchPtr::from(branch);
        let parts = TextRef::from(branch).diff(self.txn, |change| change);
        if parts.iter().any(|part| part.attributes.is_some() || matches!(part.insert, Out::Any(Any::String(_)))) {
            self.text(parts);
        } else {
            // Not with text: iterating over an emoji, yrs never ends.
            for element in ArrayRef::from(branch).iter(self.txn) {
                self.text.push(b'e');
                self.out(&element);
            }
        }
        let map = MapRef::from(branch);
        let mut entries: Vec<_> = map.iter(self.txn).collect();
        entries.sort_by_key(|(key, _)| *key);
        for (key, value) in entries {
            self.word(b'k', key);
            self.out(&value);
        }
    }

    fn text(&mut self, parts: Vec<Diff<YChange>>) {
        let mut before = None;
        for part in parts {
            let format = self.format(part.attributes.as_deref());
            if before.as_ref() != Some(&format) {
                self.text.push(b't');
                self.text.extend_from_slice(&format);
            }
            before = Some(format);
            // Without a length: the same text may come in more or fewer parts. No UTF-8 has the byte 255.
            if let Out::Any(Any::String(text)) = part.insert {
                self.text.extend_from_slice(text.as_bytes());
            } else {
                self.text.push(255);
                self.out(&part.insert);
            }
        }
        self.text.push(255);
    }

    fn format(&self, attributes: Option<&Attrs>) -> Vec<u8> {
        let mut formats: Vec<_> = attributes.into_iter().flatten().collect();
        formats.sort_by_key(|(name, _)| *name);
        let mut print = Print { txn: self.txn, text: Vec::new() };
        for (name, value) in formats {
            print.word(b'f', name);
            print.any(value);
        }
        print.text.push(255);
        print.text
    }

    fn out(&mut self, out: &Out) {
        match out {
            Out::Any(value) => self.any(value),
            other => {
                if let Some(branch) = other.try_branch() {
                    self.type_name(branch.type_ref());
                    self.contents(branch);
                    self.text.push(b'.');
                }
            }
        }
    }

    fn type_name(&mut self, type_ref: &TypeRef) {
        match type_ref {
            TypeRef::Array => self.word(b'y', "array"),
            TypeRef::Map => self.word(b'y', "map"),
            TypeRef::Text => self.word(b'y', "text"),
            TypeRef::XmlElement(name) => self.word(b'x', name),
            TypeRef::XmlFragment => self.word(b'y', "fragment"),
            TypeRef::XmlText => self.word(b'y', "xml text"),
            _ => self.word(b'y', "other"),
        }
    }

    /// By its value: yrs writes a large integer as a float wherever that says the same.
    fn number(&mut self, number: Number) {
        match number {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "as yrs decides what it writes"
            )]
            Number::Int(number) if (number as f64) as i64 != number => {
                self.text.push(b'i');
                self.text.extend_from_slice(&number.to_be_bytes());
            }
            #[expect(clippy::cast_precision_loss, reason = "it was just seen that none is lost")]
            Number::Int(number) => self.number(Number::Float(number as f64)),
            Number::Float(number) => {
                self.text.push(b'd');
                self.text.extend_from_slice(&number.to_bits().to_be_bytes());
            }
        }
    }

    fn any(&mut self, value: &Any) {
        match value {
            Any::Null => self.text.push(b'0'),
            Any::Undefined => self.text.push(b'u'),
            Any::Bool(value) => self.text.push(if *value { b'+' } else { b'-' }),
            Any::Number(number) => self.number(*number),
            Any::String(text) => self.word(b's', text),
            Any::Buffer(bytes) => {
                self.word(b'b', "");
                self.text.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                self.text.extend_from_slice(bytes);
            }
            Any::Array(values) => {
                self.text.push(b'[');
                for value in values.iter() {
                    self.any(value);
                }
                self.text.push(b']');
            }
            Any::Map(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                self.text.push(b'{');
                for (key, value) in entries {
                    self.word(b'k', key);
                    self.any(value);
                }
                self.text.push(b'}');
            }
        }
    }
}

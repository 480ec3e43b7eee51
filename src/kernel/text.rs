//! Text as people type it: trimmed, normalised, without characters that no one can see or store.
use unicode_normalization::UnicodeNormalization;

use super::{Code, Refusal};

/// One line of text: control characters become spaces, runs of white space become one, ends are trimmed, NFC.
pub fn line(raw: &str) -> String {
    let cleaned: String =
        raw.nfc().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_invisible(*c)).collect();
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Several lines: as [`line`], but line breaks stay.
pub fn block(raw: &str) -> String {
    let unified = raw.replace("\r\n", "\n");
    let cleaned: String =
        unified.nfc().filter(|c| (*c == '\n' || *c == '\t' || !c.is_control()) && !is_invisible(*c)).collect();
    cleaned.trim().to_owned()
}

/// A cleaned line of 1 to `most` characters.
pub fn required(raw: &str, most: u32) -> Result<String, Refusal> {
    let text = line(raw);
    if text.is_empty() {
        return Err(Refusal::new(Code::TextEmpty));
    }
    within(text, most)
}

/// A cleaned block of 1 to `most` characters.
pub fn required_block(raw: &str, most: u32) -> Result<String, Refusal> {
    let text = block(raw);
    if text.is_empty() {
        return Err(Refusal::new(Code::TextEmpty));
    }
    within(text, most)
}

/// `text` if it has at most `most` characters (Unicode scalar values).
pub fn within(text: String, most: u32) -> Result<String, Refusal> {
    if text.chars().count() > most as usize {
        return Err(Refusal::with_limit(Code::TextTooLong, most));
    }
    Ok(text)
}

/// Zero-width and direction-override characters: they can hide or reorder what others read.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_what_cannot_be_stored_or_seen() {
        assert_eq!(line("  a\0b \n\t c\u{202E}d "), "a b cd");
        assert_eq!(block(" a\r\nb\0 "), "a\nb");
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        assert_eq!(required("äöü", 3).expect("fits"), "äöü");
        assert_eq!(required("äöüx", 3).expect_err("too long").limit, Some(3));
        assert_eq!(required(" \u{200B} ", 3).expect_err("empty").code, Code::TextEmpty);
    }
}

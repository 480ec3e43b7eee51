//! Text in commands: what may be absent, and when two texts count as the same.
use crate::kernel::{Refusal, text};

/// A cleaned line of at most `most` characters, or nothing when nothing is left.
pub(super) fn optional_line(raw: Option<&str>, most: u32) -> Result<Option<String>, Refusal> {
    raw.map(text::line).filter(|line| !line.is_empty()).map(|line| text::within(line, most)).transpose()
}

/// A cleaned block of at most `most` characters, or nothing when nothing is left.
pub(super) fn optional_block(raw: Option<&str>, most: u32) -> Result<Option<String>, Refusal> {
    raw.map(text::block).filter(|block| !block.is_empty()).map(|block| text::within(block, most)).transpose()
}

/// What counts as the same answer: case, line breaks and white space do not matter.
pub(super) fn normalised(raw: &str) -> String {
    text::line(&text::line(raw).to_lowercase())
}

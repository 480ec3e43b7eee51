//! What has to change to make one list into another: as little as possible (Myers), in bounded time. And texts, of which
//! the parts are characters as people see them; none of them is ever cut.
use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// Beyond this many differences the smallest change is not looked for: all between the equal ends is one.
const MOST_DIFFERENCES: isize = 1_000;

/// A place where two lists differ: `old` becomes `new`. Between two of these they are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What goes, in the old list.
    pub old: Range<usize>,
    /// What comes, in the new list.
    pub new: Range<usize>,
}

/// All places where two lists differ, in order.
pub fn changes<T: PartialEq>(old: &[T], new: &[T]) -> Vec<Change> {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_end, new_end) = (old.len() - end, new.len() - end);
    let pairs = matches(&old[start..old_end], &new[start..new_end]);
    let (mut found, mut old_at, mut new_at) = (vec![], start, start);
    let pairs = pairs.into_iter().map(|(old, new)| (old + start, new + start));
    for (old, new) in pairs.chain([(old_end, new_end)]) {
        if old > old_at || new > new_at {
            found.push(Change { old: old_at..old, new: new_at..new });
        }
        (old_at, new_at) = (old + 1, new + 1);
    }
    found
}

/// How far each diagonal (`old` − `new`) is reached with a number of differences.
struct Reached {
    differences: isize,
    diagonals: Vec<isize>,
}

/// Not reached.
const NEVER: isize = isize::MIN / 2;

impl Reached {
    fn at(&self, diagonal: isize) -> isize {
        usize::try_from(diagonal + self.differences)
            .ok()
            .and_then(|at| self.diagonals.get(at))
            .copied()
            .unwrap_or(NEVER)
    }
    /// From which diagonal one more difference leads to this one, and how far it then is.
    fn step_to(&self, diagonal: isize) -> (isize, isize) {
        let (goes, comes) = (self.at(diagonal - 1) + 1, self.at(diagonal + 1));
        if goes > comes { (diagonal - 1, goes) } else { (diagonal + 1, comes) }
    }
}

/// Pairs of equal elements, as many as possible, in order; none if there are too many differences.
fn matches<T: PartialEq>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    let (old_end, new_end) = (old.len().cast_signed(), new.len().cast_signed());
    let equal = |at: isize, diagonal: isize| {
        let of = |list: &[T], at: isize| usize::try_from(at).ok().filter(|at| *at < list.len());
        matches!((of(old, at), of(new, at - diagonal)), (Some(at), Some(to)) if old[at] == new[to])
    };
    let mut rows: Vec<Reached> = vec![];
    for differences in 0..=(old_end + new_end).min(MOST_DIFFERENCES) {
        let mut row = Reached { differences, diagonals: vec![NEVER; 2 * differences.unsigned_abs() + 1] };
        for slot in (0..row.diagonals.len()).step_by(2) {
            let diagonal = slot.cast_signed() - differences;
            let mut at = rows.last().map_or(0, |before| before.step_to(diagonal).1);
            if at < 0 || at > old_end || at - diagonal < 0 || at - diagonal > new_end {
                continue;
            }
            while equal(at, diagonal) {
                at += 1;
            }
            row.diagonals[slot] = at;
            if at == old_end && at - diagonal == new_end {
                return walk_back(&rows, at, diagonal);
            }
        }
        rows.push(row);
    }
    vec![]
}

fn walk_back(rows: &[Reached], end: isize, last: isize) -> Vec<(usize, usize)> {
    let (mut pairs, mut at, mut diagonal) = (vec![], end, last);
    for before in rows.iter().rev().map(Some).chain([None]) {
        let (from, start) = before.map_or((0, 0), |before| before.step_to(diagonal));
        while at > start {
            at -= 1;
            pairs.push((at.unsigned_abs(), (at - diagonal).unsigned_abs()));
        }
        if let Some(before) = before {
            (at, diagonal) = (before.at(from), from);
        }
    }
    pairs.reverse();
    pairs
}

/// A change of a text, in bytes. Both ends are ends of characters as people see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChange<'a> {
    /// What goes.
    pub old: Range<usize>,
    /// What comes in its place.
    pub new: &'a str,
}

/// What has to change in a text: first by words, as people do, then within words.
pub fn text_changes<'a>(old: &str, new: &'a str) -> Vec<TextChange<'a>> {
    let (old_words, new_words) = (words(old), words(new));
    let (old_starts, new_starts) = (starts(&old_words), starts(&new_words));
    let mut found = vec![];
    for change in changes(&old_words, &new_words) {
        let old_range = old_starts[change.old.start]..old_starts[change.old.end];
        let new_range = new_starts[change.new.start]..new_starts[change.new.end];
        let (from, to) = (graphemes(&old[old_range.clone()]), graphemes(&new[new_range.clone()]));
        let (from_starts, to_starts) = (starts(&from), starts(&to));
        for inner in changes(&from, &to) {
            let old_at = |at: usize| old_range.start + from_starts[at];
            let new_at = |at: usize| new_range.start + to_starts[at];
            found.push(TextChange {
                old: old_at(inner.old.start)..old_at(inner.old.end),
                new: &new[new_at(inner.new.start)..new_at(inner.new.end)],
            });
        }
    }
    found
}

fn starts(parts: &[&str]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = vec![0];
    starts.extend(parts.iter().map(|part| {
        at += part.len();
        at
    }));
    starts
}

/// Runs of letters and digits; everything else by itself.
pub fn words(text: &str) -> Vec<&str> {
    let is_letter = |part: &str| part.chars().next().is_some_and(char::is_alphanumeric);
    let mut words: Vec<&str> = vec![];
    let mut at = 0;
    let mut open = None;
    for part in graphemes(text) {
        let letter = is_letter(part);
        match open {
            Some(start) if letter => {
                words.pop();
                words.push(&text[start..at + part.len()]);
            }
            _ => {
                open = letter.then_some(at);
                words.push(part);
            }
        }
        at += part.len();
    }
    words
}

/// The characters of a text as people see them, near enough: what is joined to its neighbour stays with it.
pub fn graphemes(text: &str) -> Vec<&str> {
    let mut parts = vec![];
    let (mut start, mut before, mut flags) = (0, None, 0_u32);
    for (at, c) in text.char_indices() {
        if before.is_some_and(|before| !joined(before, c, flags)) {
            parts.push(&text[start..at]);
            start = at;
        }
        flags = if is_regional(c) { flags + 1 } else { 0 };
        before = Some(c);
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

fn is_regional(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Do two neighbours make one character? `flags` counts the regional letters up to the first of them.
fn joined(before: char, c: char, flags: u32) -> bool {
    const JOINER: char = '\u{200D}';
    let jamo = |c: char| matches!(c, '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97F}' | '\u{D7B0}'..='\u{D7FF}');
    before == '\r' && c == '\n'
        || !before.is_control()
            && (is_combining_mark(c)
                || before == JOINER
                || matches!(c, JOINER | '\u{200C}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}')
                || is_regional(before) && is_regional(c) && flags % 2 == 1
                || jamo(c) && (jamo(before) || matches!(before, '\u{AC00}'..='\u{D7A3}')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(old: &str, changes: &[TextChange<'_>]) -> String {
        let (mut made, mut at) = (String::new(), 0);
        for change in changes {
            made.push_str(&old[at..change.old.start]);
            made.push_str(change.new);
            at = change.old.end;
        }
        made + &old[at..]
    }

    #[test]
    fn only_what_differs_changes() {
        let of = |old, new| {
            text_changes(old, new)
                .into_iter()
                .map(|change| (old[change.old].to_owned(), change.new))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("Hello brave world", "Hello new world"), [("brav".to_owned(), "n"), (String::new(), "w")]);
        assert_eq!(of("one two three", "one three"), [("two ".to_owned(), "")]);
        assert_eq!(of("Hallo", "Hello"), [("a".to_owned(), "e")]);
        assert_eq!(of("same", "same"), []);
        assert_eq!(of("", "all"), [(String::new(), "all")]);
    }

    #[test]
    fn nothing_that_people_see_as_one_is_cut() {
        for one in ["e\u{301}", "👩‍👩‍👧", "👍🏽", "🇩🇪", "1️⃣", "각", "\r\n", "🏴\u{E0067}\u{E0062}\u{E007F}"]
        {
            assert_eq!(graphemes(one), [one]);
            assert_eq!(graphemes(&format!("a{one}b")).len(), 3);
        }
        assert_eq!(graphemes("🇩🇪🇫🇷"), ["🇩🇪", "🇫🇷"]);
        let changes = text_changes("👩‍👩‍👧", "👩‍👩‍👦");
        assert_eq!((changes[0].old.clone(), changes[0].new), (0.."👩‍👩‍👧".len(), "👩‍👩‍👦"));
    }

    #[test]
    fn very_different_lists_take_bounded_time() {
        let (old, new): (Vec<u32>, Vec<u32>) = ((0..50_000).collect(), (50_000..100_000).collect());
        assert_eq!(changes(&old, &new), [Change { old: 0..50_000, new: 0..50_000 }]);
    }

    proptest! {
        #[test]
        fn changes_make_the_old_list_the_new_one(old in "[a-d ]{0,40}", new in "[a-d ]{0,40}") {
            prop_assert_eq!(apply(&old, &text_changes(&old, &new)), new.clone());
            let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
            let found = changes(&old, &new);
            let kept = old.len() - found.iter().map(|change| change.old.len()).sum::<usize>();
            prop_assert_eq!(kept, longest_common(&old, &new), "not the smallest change");
        }

        #[test]
        fn any_texts_will_do(old: String, new: String) {
            prop_assert_eq!(apply(&old, &text_changes(&old, &new)), new);
        }
    }

    fn longest_common(old: &[char], new: &[char]) -> usize {
        let mut table = vec![vec![0; new.len() + 1]; old.len() + 1];
        for i in 0..old.len() {
            for j in 0..new.len() {
                table[i + 1][j + 1] =
                    if old[i] == new[j] { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
            }
        }
        table[old.len()][new.len()]
    }
}

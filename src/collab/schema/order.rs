//! Places among siblings that leave room between any two: the keys of the npm package `fractional-indexing`, so that
//! browsers may make them, too. A key is a whole part, whose first letter says how long it is, and a fraction.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SMALLEST: &str = "A00000000000000000000000000";

/// A key between two keys; none stands for the end on that side. Nothing if the keys are not keys or not in order.
pub fn between(before: Option<&str>, after: Option<&str>) -> Option<String> {
    if before.is_some_and(|key| !is_key(key)) || after.is_some_and(|key| !is_key(key)) {
        return None;
    }
    match (before, after) {
        (None, None) => Some("a0".to_owned()),
        (None, Some(after)) => before_first(after),
        (Some(before), None) => Some(after_last(before)),
        (Some(before), Some(after)) if before < after => between_two(before, after),
        (Some(_), Some(_)) => None,
    }
}

/// `count` keys between two keys.
pub fn several(before: Option<&str>, after: Option<&str>, count: usize) -> Option<Vec<String>> {
    let mut keys: Vec<String> = Vec::with_capacity(count);
    for _ in 0..count {
        let key = between(keys.last().map(String::as_str).or(before), after)?;
        keys.push(key);
    }
    Some(keys)
}

/// Would `fractional-indexing` take it? That one throws at others.
pub fn is_key(key: &str) -> bool {
    let Some(length) = key.bytes().next().and_then(whole_length) else { return false };
    key.len() >= length
        && key.len() <= 200
        && key.bytes().skip(1).all(|digit| DIGITS.contains(&digit))
        && (key.len() == length || !key.ends_with('0'))
        && key != SMALLEST
}

fn whole_length(head: u8) -> Option<usize> {
    match head {
        b'a'..=b'z' => Some(usize::from(head - b'a') + 2),
        b'A'..=b'Z' => Some(usize::from(b'Z' - head) + 2),
        _ => None,
    }
}

/// The whole part and the fraction of a key.
fn parts(key: &str) -> (&str, &str) {
    let length = key.bytes().next().and_then(whole_length).unwrap_or(key.len());
    key.split_at(length.min(key.len()))
}

fn before_first(after: &str) -> Option<String> {
    let (whole, fraction) = parts(after);
    if whole == SMALLEST {
        return Some(format!("{whole}{}", midpoint("", Some(fraction))));
    }
    if whole < after {
        return Some(whole.to_owned());
    }
    decremented(whole)
}

fn after_last(before: &str) -> String {
    let (whole, fraction) = parts(before);
    incremented(whole).unwrap_or_else(|| format!("{whole}{}", midpoint(fraction, None)))
}

fn between_two(before: &str, after: &str) -> Option<String> {
    let ((whole, fraction), (whole_after, fraction_after)) = (parts(before), parts(after));
    if whole == whole_after {
        return Some(format!("{whole}{}", midpoint(fraction, Some(fraction_after))));
    }
    match incremented(whole)? {
        next if next.as_str() < after => Some(next),
        _ => Some(format!("{whole}{}", midpoint(fraction, None))),
    }
}

fn index(digit: u8) -> usize {
    DIGITS.iter().position(|known| *known == digit).unwrap_or(0)
}

/// A fraction between two fractions; no upper one is 1.
fn midpoint(low: &str, high: Option<&str>) -> String {
    let (mut low, mut high, mut shared) = (low, high, String::new());
    loop {
        if let Some(above) = high {
            // Missing digits of the lower one are zeros.
            let same =
                above.bytes().zip(low.bytes().chain(std::iter::repeat(b'0'))).take_while(|(a, b)| a == b).count();
            if same > 0 {
                shared.push_str(&above[..same]);
                low = low.get(same..).unwrap_or("");
                high = Some(&above[same..]);
                continue;
            }
        }
        let from = low.bytes().next().map_or(0, index);
        let to = high.map_or(DIGITS.len(), |high| high.bytes().next().map_or(0, index));
        if to > from + 1 {
            shared.push(char::from(DIGITS[usize::midpoint(from, to + 1)]));
            return shared;
        }
        match high {
            Some(above) if above.len() > 1 => {
                shared.push_str(&above[..1]);
                return shared;
            }
            _ => {
                // Next to each other: the same digit, and then something above the rest of the lower one.
                shared.push(char::from(DIGITS[from]));
                low = low.get(1..).unwrap_or("");
                high = None;
            }
        }
    }
}

fn incremented(whole: &str) -> Option<String> {
    stepped(whole, DIGITS[0], |digit| DIGITS.get(index(digit) + 1).copied()).or_else(|| {
        let head = whole.bytes().next()?;
        match head {
            b'Z' => Some("a0".to_owned()),
            b'z' => None,
            head => Some(resized(head + 1, DIGITS[0])),
        }
    })
}

fn decremented(whole: &str) -> Option<String> {
    stepped(whole, DIGITS[61], |digit| index(digit).checked_sub(1).map(|index| DIGITS[index])).or_else(|| {
        let head = whole.bytes().next()?;
        match head {
            b'a' => Some("Zz".to_owned()),
            b'A' => None,
            head => Some(resized(head - 1, DIGITS[61])),
        }
    })
}

/// One step from the last digit on; what runs over becomes `wrapped`. Nothing if all digits run over.
fn stepped(whole: &str, wrapped: u8, step: impl Fn(u8) -> Option<u8>) -> Option<String> {
    let mut digits = whole.as_bytes().to_vec();
    for digit in digits.iter_mut().skip(1).rev() {
        if let Some(next) = step(*digit) {
            *digit = next;
            return String::from_utf8(digits).ok();
        }
        *digit = wrapped;
    }
    None
}

fn resized(head: u8, digit: u8) -> String {
    let digits = whole_length(head).unwrap_or(2) - 1;
    std::iter::once(head).chain(std::iter::repeat_n(digit, digits)).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_those_of_fractional_indexing() {
        // From the tests of the npm package.
        for (before, after, key) in [
            (None, None, Some("a0")),
            (None, Some("a0"), Some("Zz")),
            (None, Some("Zz"), Some("Zy")),
            (Some("a0"), None, Some("a1")),
            (Some("a1"), None, Some("a2")),
            (Some("a0"), Some("a1"), Some("a0V")),
            (Some("a1"), Some("a2"), Some("a1V")),
            (Some("a0V"), Some("a1"), Some("a0l")),
            (Some("Zz"), Some("a0"), Some("ZzV")),
            (Some("Zz"), Some("a1"), Some("a0")),
            (None, Some("Y00"), Some("Xzzz")),
            (Some("bzz"), None, Some("c000")),
            (Some("a0"), Some("a0V"), Some("a0G")),
            (Some("a0"), Some("a0G"), Some("a08")),
            (Some("b125"), Some("b129"), Some("b127")),
            (Some("a0"), Some("a1V"), Some("a1")),
            (Some("Zz"), Some("a01"), Some("a0")),
            (None, Some("a0V"), Some("a0")),
            (None, Some("b999"), Some("b99")),
            (None, Some("A00000000000000000000000000"), None),
            (None, Some("A000000000000000000000000001"), Some("A000000000000000000000000000V")),
            (Some("zzzzzzzzzzzzzzzzzzzzzzzzzzy"), None, Some("zzzzzzzzzzzzzzzzzzzzzzzzzzz")),
            (Some("zzzzzzzzzzzzzzzzzzzzzzzzzzz"), None, Some("zzzzzzzzzzzzzzzzzzzzzzzzzzzV")),
            (Some("a00"), None, None),
            (Some("a00"), Some("a1"), None),
            (Some("0"), Some("1"), None),
            (Some("a1"), Some("a0"), None),
        ] {
            assert_eq!(between(before, after).as_deref(), key, "{before:?} {after:?}");
        }
    }

    proptest! {
        #[test]
        fn there_is_always_room(places in proptest::collection::vec(any::<proptest::sample::Index>(), 1..80)) {
            let mut keys: Vec<String> = vec![];
            for place in places {
                let at = place.index(keys.len() + 1);
                let before = at.checked_sub(1).map(|at| keys[at].as_str());
                let key = between(before, keys.get(at).map(String::as_str)).unwrap();
                prop_assert!(is_key(&key));
                keys.insert(at, key);
            }
            prop_assert!(keys.is_sorted_by(|one, next| one < next));
        }
    }
}

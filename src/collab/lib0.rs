//! The encodings of lib0, in which everything of Yjs travels: numbers of variable length, text, byte strings.
//! Reading never goes beyond the given bytes and never allocates by a length that the bytes claim.

/// The largest whole number of JavaScript, 2^53 − 1. Larger ones are refused, as by JavaScript itself.
pub const LARGEST: u64 = (1 << 53) - 1;

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// The bytes end in the middle of something.
    #[error("it ends too early")]
    Short,
    /// A number is larger than [`LARGEST`].
    #[error("a number is too large")]
    Number,
    /// Text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// A kind of message, or of value, that there is not.
    #[error("there is no kind {0} here")]
    Kind(u64),
    /// Bytes after the end.
    #[error("bytes follow the end")]
    Trailing,
}

/// Reads from the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
    /// Is everything read?
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
    /// Everything must be read.
    pub const fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }
    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*first)
    }
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }
    /// `varUint`: seven bits a byte, the lowest first; the eighth says that more follow.
    pub fn uint(&mut self) -> Result<u64, Malformed> {
        self.tail(0, 0)
    }
    /// `varInt`: as `varUint`, but the first byte has a sign bit and six bits of the number.
    pub fn int(&mut self) -> Result<i64, Malformed> {
        let first = self.byte()?;
        let low = u64::from(first & 0x3f);
        let size = if first & 0x80 == 0 { low } else { self.tail(low, 6)? };
        let size = size.cast_signed();
        Ok(if first & 0x40 == 0 { size } else { -size })
    }
    fn tail(&mut self, low: u64, mut shift: u32) -> Result<u64, Malformed> {
        let mut number = low;
        loop {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift >= 53 && bits != 0 || shift < 53 && bits > LARGEST >> shift {
                return Err(Malformed::Number);
            }
            if shift < 53 {
                number |= bits << shift;
            }
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            shift += 7;
            // Zeros without end are no number, either.
            if shift > 63 {
                return Err(Malformed::Number);
            }
        }
    }
    /// `varUint8Array`: a length, then as many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.uint()?;
        self.take(usize::try_from(length).map_err(|_| Malformed::Short)?)
    }
    /// `varString`: a length in bytes, then UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Utf8)
    }
}

/// Writes at the end of a growing byte string. Numbers must not exceed [`LARGEST`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }
    /// Nothing yet, with room for what will come.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }
    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
    /// One byte.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.bytes.push(byte);
        self
    }
    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
    /// `varUint`.
    pub fn uint(&mut self, mut number: u64) -> &mut Self {
        debug_assert!(number <= LARGEST, "JavaScript could not read {number}");
        while number > 0x7f {
            self.bytes.push(low_bits(number, 0x7f) | 0x80);
            number >>= 7;
        }
        self.byte(low_bits(number, 0x7f))
    }
    /// `varInt`.
    pub fn int(&mut self, number: i64) -> &mut Self {
        let size = number.unsigned_abs();
        let sign = if number < 0 { 0x40 } else { 0 };
        let more = if size > 0x3f { 0x80 } else { 0 };
        self.byte(low_bits(size, 0x3f) | sign | more);
        if size > 0x3f {
            self.uint(size >> 6);
        }
        self
    }
    /// `varUint8Array`.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.uint(bytes.len() as u64).raw(bytes)
    }
    /// `varString`.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only the bits of the mask are kept")]
const fn low_bits(number: u64, mask: u8) -> u8 {
    number as u8 & mask
}

/// Is `json` nested at most `most` deep? Counts brackets outside of strings and does not recurse.
pub fn json_within(json: &str, most: u32) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                if depth > most {
                    return false;
                }
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    #[test]
    fn numbers_are_those_of_lib0() {
        for (number, bytes) in [
            (0, "00"),
            (127, "7f"),
            (128, "80 01"),
            (255, "ff 01"),
            (16384, "80 80 01"),
            (u64::from(u32::MAX), "ff ff ff ff 0f"),
            (LARGEST, "ff ff ff ff ff ff ff 0f"),
        ] {
            assert_eq!(Writer::new().uint(number).clone().finish(), hex(bytes));
            assert_eq!(Reader::new(&hex(bytes)).uint(), Ok(number));
        }
        for (number, bytes) in [
            (0, "00"),
            (1, "01"),
            (-1, "41"),
            (63, "3f"),
            (64, "80 01"),
            (-64, "c0 01"),
            (8191, "bf 7f"),
            (-8192, "c0 80 01"),
        ] {
            assert_eq!(Writer::new().int(number).clone().finish(), hex(bytes));
            assert_eq!(Reader::new(&hex(bytes)).int(), Ok(number));
        }
    }

    #[test]
    fn texts_and_byte_strings_are_those_of_lib0() {
        for (text, bytes) in
            [("", "00"), ("doc", "03 64 6f 63"), ("é", "02 c3 a9"), ("😀", "04 f0 9f 98 80"), ("a\0b", "03 61 00 62")]
        {
            assert_eq!(Writer::new().text(text).clone().finish(), hex(bytes));
            assert_eq!(Reader::new(&hex(bytes)).text(), Ok(text));
        }
        assert_eq!(Writer::new().bytes(&[1, 2, 3]).clone().finish(), hex("03 01 02 03"));
    }

    #[test]
    fn what_javascript_refuses_is_refused() {
        let read = |bytes: &str| Reader::new(&hex(bytes)).uint();
        assert_eq!(read("ff ff ff ff ff ff ff 10"), Err(Malformed::Number));
        assert_eq!(read("80 80 80 80 80 80 80 80 80 01"), Err(Malformed::Number));
        assert_eq!(Reader::new(&[0x80; 40]).uint(), Err(Malformed::Number));
        assert_eq!(read("80"), Err(Malformed::Short));
        assert_eq!(read("80 00"), Ok(0), "longer than need be, but a number");
        assert_eq!(Reader::new(&hex("ff ff ff ff ff ff ff 3f")).int(), Err(Malformed::Number));
        assert_eq!(Reader::new(&hex("05 61")).text(), Err(Malformed::Short));
        assert_eq!(Reader::new(&hex("ff ff ff ff ff ff ff 0f 61")).bytes(), Err(Malformed::Short));
        assert_eq!(Reader::new(&hex("01 ff")).text(), Err(Malformed::Utf8));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert!(json_within(r#"{"a":"[[[[\"[["}"#, 1));
        assert!(!json_within(r#"{"a":[1]}"#, 1));
        assert!(json_within("[][][][]", 1));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(number in 0..=LARGEST, signed in -(LARGEST.cast_signed())..=LARGEST.cast_signed(), text: String, bytes: Vec<u8>) {
            let mut writer = Writer::new();
            writer.uint(number).int(signed).text(&text).bytes(&bytes);
            let written = writer.finish();
            let mut reader = Reader::new(&written);
            prop_assert_eq!(reader.uint(), Ok(number));
            prop_assert_eq!(reader.int(), Ok(signed));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert_eq!(reader.bytes(), Ok(bytes.as_slice()));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.uint().is_ok() {}
            let mut reader = Reader::new(&bytes);
            while reader.int().is_ok() {}
            let mut reader = Reader::new(&bytes);
            while reader.text().is_ok() {}
        }
    }
}

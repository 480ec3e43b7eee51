//! The 16,384 slots of a Redis Cluster, and who has which. One server alone has all of them.

/// How many there are.
pub const COUNT: u16 = 16_384;

/// Who has which slots.
#[derive(Debug)]
pub struct Slots<T> {
    /// First and last slot, and who has them; without overlap, in order.
    ranges: Vec<(u16, u16, T)>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { ranges: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// One has all.
    pub fn all(owner: T) -> Self {
        Self { ranges: vec![(0, COUNT - 1, owner)] }
    }

    /// From ranges in any order.
    pub fn new(mut ranges: Vec<(u16, u16, T)>) -> Self {
        ranges.sort_by_key(|(first, ..)| *first);
        Self { ranges }
    }

    /// Who has the slot of this name?
    pub fn of(&self, name: &[u8]) -> Option<&T> {
        let slot = slot(name);
        let (_, last, owner) = self.ranges[..self.ranges.partition_point(|(first, ..)| *first <= slot)].last()?;
        (slot <= *last).then_some(owner)
    }
}

/// The slot of a name without braces: CRC16 (XMODEM) modulo the number of slots.
pub fn slot(name: &[u8]) -> u16 {
    let crc = name.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    });
    crc % COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_redis_own() {
        // The check value of CRC16/XMODEM, and what CLUSTER KEYSLOT says.
        assert_eq!(slot(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b""), 0);
    }

    #[test]
    fn ranges_may_have_holes() {
        let slots = Slots::new(vec![(12_183, 16_383, 'c'), (0, 100, 'a'), (12_100, 12_182, 'b')]);
        assert_eq!(slots.of(b"foo"), Some(&'b'));
        assert_eq!(slots.of(b""), Some(&'a'));
        assert_eq!(slots.of(b"123456789"), Some(&'c'));
        assert_eq!(Slots::new(vec![(0, 100, 'a')]).of(b"foo"), None);
        assert_eq!(Slots::new(vec![(13_000, 13_001, 'a')]).of(b"foo"), None);
        assert_eq!(Slots::all('x').of(b"foo"), Some(&'x'));
    }
}

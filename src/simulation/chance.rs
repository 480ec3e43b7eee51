//! Chance that can be repeated: a small generator of our own, so that a seed means the same after every upgrade.

/// A stream of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream of one thing in the world of one seed: what happens to one thing does not shift what happens to
    /// another, so that a shortened plan still runs much like the whole one.
    pub fn of(seed: u64, what: &str, which: usize) -> Self {
        let name = what.bytes().fold(which as u64, |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)));
        let mut chance = Self(seed ^ name.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        chance.next();
        chance
    }
    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// From 0, below this.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }
    /// From the first, below the second.
    pub fn within(&mut self, from: u64, end: u64) -> u64 {
        from + self.below(end.saturating_sub(from))
    }
    /// A place in something so long.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }
    /// True so many times in a thousand.
    pub fn strikes(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
    /// One of these.
    pub fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.place(things.len())]
    }
}

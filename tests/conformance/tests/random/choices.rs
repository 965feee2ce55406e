//! Choices read off random bytes. When the bytes run out the simplest choice is made, so that shrinking the bytes shortens the chart.

/// A source of choices.
pub struct Choices<'b> {
    bytes: std::slice::Iter<'b, u8>,
}

impl<'b> Choices<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Choices {
            bytes: bytes.iter(),
        }
    }

    /// A number below `limit`; 0 is the simplest.
    pub fn below(&mut self, limit: usize) -> usize {
        let byte = usize::from(self.bytes.next().copied().unwrap_or(0));
        byte * limit / 256
    }

    /// True `percent` times out of a hundred; false is simpler.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub fn one<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        of[self.below(of.len())]
    }
}

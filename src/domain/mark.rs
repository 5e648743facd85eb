//! A number that practically always differs when the data behind it differs. It is no protection against data that is
//! made to give the same number.

/// Offset basis and prime of the 64-bit FNV-1a hash (Fowler, Noll, Vo; RFC 9923).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A mark under computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

impl Default for Mark {
    fn default() -> Self {
        Self(BASIS)
    }
}

impl Mark {
    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // FNV-1a, not FNV-1: the byte comes before the product.
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }

    /// Returns the mark of everything that was added.
    pub fn number(self) -> i64 {
        i64::from_be_bytes(self.0.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_are_those_of_the_standard() {
        // RFC 9923, section 8.3: the hash of "foobar".
        let mut mark = Mark::default();
        mark.add(b"foo");
        mark.add(b"bar");
        assert_eq!(mark.0, 0x8594_4171_f739_67e8);
    }
}

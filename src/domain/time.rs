//! Two clocks that are never mixed: the wall clock, which may be wrong, and the time since boot, which is not.

/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z, as the station's clock showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Returns the time `ms` later (earlier, if negative).
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the milliseconds from `earlier` to this time; negative if it is not earlier.
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Milliseconds since this boot, suspended time included (`CLOCK_BOOTTIME`, `clock_gettime(2)`).
/// It only ever moves forward, and two readings of one boot may be subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootMillis(pub i64);

impl BootMillis {
    /// Returns the time `ms` later.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the milliseconds from `earlier` to this time; negative if it is not earlier.
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The moment of an event, as far as the station could know it then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock's reading.
    pub wall: UnixMillis,
    /// Time since boot, by which a wrong wall clock is repaired later.
    pub boot: BootMillis,
    /// True if the wall clock was known to be right.
    pub trusted: bool,
}

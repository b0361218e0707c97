//! Instants, as numbers that somebody else read from a clock.

/// Seconds since the Unix epoch, by a clock that may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

/// Milliseconds on a clock that never jumps, since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// Milliseconds since `earlier`; 0 when that is later.
    #[must_use]
    pub fn since(self, earlier: Mono) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since `earlier`; 0 when that is later.
    #[must_use]
    pub fn seconds_since(self, earlier: Mono) -> u32 {
        u32::try_from(self.since(earlier) / 1000).unwrap_or(u32::MAX)
    }
}

//! Instants, as numbers that somebody else read from a clock.

/// Seconds since the Unix epoch, by a clock that may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

/// Milliseconds on a clock that never jumps. It counts from the Unix epoch as the wall clock stood
/// when the process started, so that instants can be kept over a restart.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_never_runs_backwards_or_over() {
        let cases = [
            (5_000, 2_000, 3_000, 3),
            (5_999, 5_000, 999, 0),
            (2_000, 5_000, 0, 0),
            (u64::MAX, 0, u64::MAX, u32::MAX),
        ];
        for (later, earlier, ms, seconds) in cases {
            assert_eq!(Mono(later).since(Mono(earlier)), ms);
            assert_eq!(Mono(later).seconds_since(Mono(earlier)), seconds);
        }
    }
}

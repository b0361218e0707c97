//! How fast background work may go: so many bytes a second, and no more caught up on than a
//! moment's worth.

use std::time::{Duration, Instant};

/// What may be caught up on after a pause.
const BURST: Duration = Duration::from_millis(50);

/// A pace that is kept.
pub(super) struct Pace {
    bytes_per_s: u64,
    /// When what was done so far is paid for.
    free_at: Option<Instant>,
}

impl Pace {
    /// So many bytes a second; 0: any.
    pub(super) fn new(bytes_per_s: u64) -> Pace {
        Pace {
            bytes_per_s,
            free_at: None,
        }
    }

    /// So many bytes are about to go: how long they have to wait.
    pub(super) fn wait(&mut self, bytes: usize, now: Instant) -> Duration {
        if self.bytes_per_s == 0 {
            return Duration::ZERO;
        }
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let free_at = self.free_at.map_or(now, |free| free.max(earliest));
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_s);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free_at = free_at.checked_add(takes);
        free_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_at_the_pace_and_pauses_are_not_caught_up_on() {
        let mut pace = Pace::new(1_000_000);
        let began = Instant::now();
        assert_eq!(pace.wait(100_000, began), Duration::ZERO);
        assert_eq!(pace.wait(100_000, began), Duration::from_millis(100));
        assert_eq!(pace.wait(1, began), Duration::from_millis(200));
        // After a long pause a moment's worth goes at once, and then the pace holds again.
        let later = began + Duration::from_secs(60);
        assert_eq!(pace.wait(50_000, later), Duration::ZERO);
        assert_eq!(pace.wait(50_000, later), Duration::ZERO);
        assert_eq!(pace.wait(1, later), Duration::from_millis(50));
        let mut any = Pace::new(0);
        assert_eq!(any.wait(usize::MAX, began), Duration::ZERO);
        assert_eq!(any.wait(usize::MAX, began), Duration::ZERO);
    }
}

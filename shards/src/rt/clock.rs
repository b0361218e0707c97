//! Clocks: one that never jumps for ages and deadlines, and the wall clock for dates.
//!
//! The first counts from the Unix epoch, as the wall clock stood when the process began, so that
//! its instants mean something after a restart. It does not follow the wall clock afterwards. It is
//! put forward, once, where something turns up on a disk that was written later than it shows: by no
//! more than lies between two checkpoints.

use ringside_engine::time::{Mono, Wall};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// When the clock began, and what it showed then in microseconds.
static START: OnceLock<(Instant, u64)> = OnceLock::new();

/// By how much it was put forward since, in microseconds.
static AHEAD_US: AtomicU64 = AtomicU64::new(0);

/// Puts the clock forward if it shows less: what an earlier process wrote must not lie in the
/// future, or no purge of now would concern it.
pub fn not_before(at: Mono) {
    let ahead_us = AHEAD_US.load(Ordering::Relaxed);
    let behind_us = at.0.saturating_mul(1000).saturating_sub(now_us());
    AHEAD_US.fetch_max(ahead_us.saturating_add(behind_us), Ordering::Relaxed);
}

/// Begins the clock, at the wall clock's time or at `not_before` when that is later: what an
/// earlier process wrote must not lie in the future. Without effect once the clock runs.
pub fn begin(not_before: Mono) {
    START.get_or_init(|| {
        let floor_us = not_before.0.saturating_mul(1000);
        (Instant::now(), wall_us().max(floor_us))
    });
}

/// Microseconds since the Unix epoch, by a clock that never jumps.
pub fn now_us() -> u64 {
    let (start, at_us) = START.get_or_init(|| (Instant::now(), wall_us()));
    let elapsed_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let ahead_us = AHEAD_US.load(Ordering::Relaxed);
    at_us.saturating_add(elapsed_us).saturating_add(ahead_us)
}

/// Milliseconds since the Unix epoch, by the same clock.
pub fn now() -> Mono {
    Mono(now_us() / 1000)
}

/// Seconds since the Unix epoch by the system's clock, which may jump.
pub fn wall() -> Wall {
    let seconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    Wall(seconds)
}

fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_put_forward_and_never_back() {
        let before = now();
        not_before(Mono(before.0 + 20));
        assert!(now().0 >= before.0 + 20);
        not_before(before);
        assert!(now().0 >= before.0 + 20);
    }
}

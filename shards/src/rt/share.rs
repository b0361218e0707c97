//! Large writes beside small ones.
//!
//! The kernel copies what it takes at once, and nobody else on this core has a turn meanwhile: a
//! megabyte lasts as long as thirty small answers. So while small answers are sent on this core,
//! large ones are written in slices, of which all connections together have so many bytes a turn.

use ringside_engine::time::Mono;
use std::cell::Cell;

/// A write of more is a large one.
const LARGE_BYTES: usize = 64 << 10;
/// What all large writes of a core may have of one turn, about 70 us.
const TURN_BYTES: usize = 256 << 10;
/// But each has so much, or the slices would cost more than the bytes.
const SLICE_BYTES_MIN: usize = 32 << 10;
/// Large writes are not sliced when no small one was seen for so long.
const QUIET_MS: u64 = 1000;

thread_local! {
    /// Large writes under way on this core.
    static LARGE: Cell<usize> = const { Cell::new(0) };
    /// When the last small one was.
    static SMALL_AT: Cell<Option<Mono>> = const { Cell::new(None) };
}

/// A large write under way.
pub(super) struct Large;

/// There is a small write.
pub(super) fn small(now: Mono) {
    SMALL_AT.set(Some(now));
}

impl Large {
    /// Of so many bytes, if those are many.
    pub(super) fn of(bytes: usize) -> Option<Large> {
        (bytes > LARGE_BYTES).then(|| {
            LARGE.set(LARGE.get() + 1);
            Large
        })
    }

    /// Bytes that this one may have of this turn.
    pub(super) fn slice_bytes(&self, now: Mono) -> usize {
        let small_at = SMALL_AT.get();
        match small_at.is_some_and(|at| now.since(at) < QUIET_MS) {
            true => SLICE_BYTES_MIN.max(TURN_BYTES / LARGE.get().max(1)),
            false => usize::MAX,
        }
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        LARGE.set(LARGE.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_writes_share_a_turn_with_small_ones() {
        SMALL_AT.set(None);
        let (now, one) = (Mono(5000), Large::of(LARGE_BYTES + 1).unwrap());
        assert_eq!(one.slice_bytes(now), usize::MAX, "nothing small is about");
        assert!(Large::of(LARGE_BYTES).is_none());
        small(now);
        assert_eq!(one.slice_bytes(now), TURN_BYTES);
        let others: Vec<Large> = (0..9)
            .map(|_| Large::of(LARGE_BYTES + 1).unwrap())
            .collect();
        assert_eq!(one.slice_bytes(now), SLICE_BYTES_MIN);
        drop(others);
        assert_eq!(one.slice_bytes(now), TURN_BYTES);
        assert_eq!(one.slice_bytes(Mono(now.0 + QUIET_MS)), usize::MAX);
    }
}

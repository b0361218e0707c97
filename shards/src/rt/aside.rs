//! Frees what takes long to free: an index of millions of records, or the kills of a long restart,
//! would hold a shard up for as long as a disk does.

/// Fewer parts than that are freed at once: about a millisecond.
const PARTS_MIN: usize = 10_000;

/// Drops what has so many parts; where they are many, on a thread of its own that gives way to the
/// shards. Here, where none can be had.
pub fn free_aside(thing: impl Send + 'static, parts: usize) {
    if parts < PARTS_MIN {
        return;
    }
    let sweeper = move || {
        // Where it is refused, it is freed all the same.
        let _ = super::lower_priority();
        drop(thing);
    };
    let thread = std::thread::Builder::new().name("sweeper".into());
    // One that does not start drops what it was given.
    let _ = thread.spawn(sweeper);
}

//! Writing behind: what memory holds and the disk should have goes there while there is time, so
//! that little waits for the moment of its eviction and a crash finds most of it on disk.
//!
//! Memory is walked from its first slot to its last, in slices, lap after lap. What the disk takes
//! now and what it does not is decided there (`store::disk`); evicted objects go first.

use crate::rt;
use crate::shard::Shard;
use std::rc::Rc;
use std::time::Duration;

/// Objects of a slice: about 100 us.
const SLICE_OBJECTS: u32 = 1024;
/// And bytes of it: about as long.
const SLICE_BYTES: usize = 512 * 1024;
/// Between two slices.
const SLICE_PAUSE: Duration = Duration::from_millis(5);
/// Between two laps, at least; longer after a lap that took longer.
const LAP_PAUSE: Duration = Duration::from_millis(100);

/// At the end nobody else waits for a turn any more.
const CLOSING_BYTES: usize = 8 << 20;
/// What is not written by then is fetched again after the restart.
const CLOSING_MS: u64 = 10_000;

/// Copies for as long as the shard lives.
pub(crate) async fn copy_forever(shard: Rc<Shard>) {
    loop {
        let (began, mut from) = (rt::now(), 0);
        loop {
            let (next, waits) = slice(&shard, from, SLICE_BYTES);
            from = next;
            if from == 0 && !waits {
                break;
            }
            rt::sleep(SLICE_PAUSE).await;
        }
        let took = Duration::from_millis(rt::now().since(began));
        rt::sleep(took.max(LAP_PAUSE)).await;
    }
}

/// Copies what is left, before the disk is closed.
pub(crate) async fn copy_all(shard: &Rc<Shard>) {
    let (mut from, began) = (0, rt::now());
    loop {
        let (next, waits) = slice(shard, from, CLOSING_BYTES);
        from = next;
        if from == 0 && !waits || rt::now().since(began) >= CLOSING_MS {
            return;
        }
        rt::sleep(SLICE_PAUSE).await;
    }
}

/// One slice from this slot on: where to go on, 0 after the last; and whether the disk takes no
/// more now.
fn slice(shard: &Rc<Shard>, from: u32, bytes_max: usize) -> (u32, bool) {
    let memory = shard.memory.borrow();
    memory.write_behind(from, SLICE_OBJECTS, bytes_max)
}

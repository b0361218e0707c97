//! Accepting clients: every shard on its own listener, with a hand-off where the kernel's spread
//! over the listeners came out uneven.

use crate::conversation::http1;
use crate::rt::{self, Arrived, Listener, Stream};
use crate::shard::Shard;
use crate::siblings::Letter;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// A shard hands a new connection on when it has this many more than its least loaded sibling,
/// and a quarter more.
const SKEW_MIN: usize = 8;
/// Pause after an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The listeners of a shard, to be stopped.
#[derive(Default)]
pub struct Listeners(RefCell<Vec<Rc<Listener>>>);

impl Listeners {
    /// Stops accepting.
    pub fn stop(&self) {
        self.0.borrow().iter().for_each(|listener| listener.stop());
    }

    /// Starts accepting from `listener`.
    pub fn start(&self, shard: &Rc<Shard>, listener: Listener) {
        let listener = Rc::new(listener);
        self.0.borrow_mut().push(listener.clone());
        let (shard, counters) = (shard.clone(), shard.counters.clone());
        rt::spawn(accept_forever(shard, listener), move || {
            counters.panics.add(1)
        });
    }
}

async fn accept_forever(shard: Rc<Shard>, listener: Rc<Listener>) {
    while !shard.stopping.get() {
        match listener.accept().await {
            Ok(arrived) => {
                shard.counters.accepted.add(1);
                match less_loaded(&shard) {
                    Some(sibling) => {
                        shard.counters.handed_off.add(1);
                        shard.send(sibling, Letter::Socket { arrived });
                    }
                    None => serve(&shard, arrived),
                }
            }
            Err(_) if shard.stopping.get() => return,
            // Out of descriptors or memory: those who are served will leave some.
            Err(_) => rt::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// The sibling that should have this connection instead of us.
fn less_loaded(shard: &Shard) -> Option<usize> {
    if shard.count == 1 {
        return None;
    }
    let load = |id: usize| {
        let open = shard
            .siblings
            .get(id)
            .map_or(u64::MAX, |counters| counters.open.read());
        usize::try_from(open).unwrap_or(usize::MAX)
    };
    let (ours, least) = (shard.open(), (0..shard.count).min_by_key(|id| load(*id))?);
    let theirs = load(least);
    let skewed = ours >= theirs.saturating_add(SKEW_MIN) && ours > theirs + theirs / 4;
    (skewed && shard.post.has_room(least)).then_some(least)
}

/// Serves a connection on this shard, within its limit.
pub fn serve(shard: &Rc<Shard>, arrived: Arrived) {
    let open: u64 = shard
        .siblings
        .iter()
        .map(|counters| counters.open.read())
        .sum();
    if open >= shard.setting.limits().connections as u64 || shard.stopping.get() {
        shard.counters.refused.add(1);
        return;
    }
    let peer = arrived.peer;
    let Ok(stream) = Stream::adopt(arrived) else {
        return;
    };
    let open = shard.enter();
    let (shard, counters) = (shard.clone(), shard.counters.clone());
    let conversation = http1::converse(shard, Rc::new(stream), peer, open);
    rt::spawn(conversation, move || counters.panics.add(1));
}

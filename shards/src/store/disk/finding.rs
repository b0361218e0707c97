//! Which records of a key are read for a question, and in what order.
//!
//! The index has eight bits of each record's variant, but not its Vary: what a question selects is
//! known only when a record was read that says by which fields. So the newest one is read first,
//! whatever it is. If it is not the one, it has told which bits the question has under its Vary:
//! those are read next, and what has no Vary at all, the newest first. So of a key with many
//! variants under one Vary, two records are read and not all.
//!
//! What has other bits can be the one only under another Vary; a few of those are read at last,
//! since an origin may have changed its mind. Of two with different Varys that would both do, it may
//! be the older that is found: to rule that out, all would have to be read.

use super::log::Log;
use super::DiskCache;
use crate::store::object::Object;
use ringside_engine::key::Key;
use ringside_engine::store::disk::places::Found;
use std::rc::Rc;
use std::sync::Arc;

/// Records that are read for one question, at most.
const READS_MAX: usize = 16;
/// Of them, those that nothing speaks for.
const BLIND_MAX: usize = 4;

/// What a question makes of an object that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suits {
    /// It is the one.
    Yes,
    /// It is not. Under the same Vary, the one has these bits.
    Other(u8),
}

impl DiskCache {
    /// What is selected, and where it lies.
    pub(super) async fn search(
        self: &Rc<Self>,
        key: Key,
        selects: &dyn Fn(&Object) -> Suits,
        room: &dyn Fn(usize),
    ) -> Option<(Rc<Log>, u32, Arc<Object>)> {
        let mut choice = Choice::of(self.candidates(key));
        while let Some((log, found)) = choice.next() {
            let Some(object) = fetch(&log, key, found, room).await else {
                continue;
            };
            match selects(&object) {
                Suits::Yes => return Some((log, found.page, object)),
                Suits::Other(bits) => choice.learn(bits),
            }
        }
        None
    }

    /// Newest first.
    fn candidates(&self, key: Key) -> Vec<(Rc<Log>, Found)> {
        let mut all = Vec::new();
        let mut of_log = Vec::new();
        for log in &self.logs {
            log.candidates(key, &mut of_log);
            let found = of_log.drain(..);
            all.extend(found.map(|(opened_ms, seq, found)| {
                let age = (opened_ms, seq, found.page);
                (age, log.clone(), found)
            }));
        }
        all.sort_by_key(|(age, _, _)| std::cmp::Reverse(*age));
        let all = all.into_iter();
        all.map(|(_, log, found)| (log, found)).collect()
    }
}

/// What has not been read yet, and what speaks for some of it.
struct Choice {
    /// The newest first.
    left: Vec<(Rc<Log>, Found)>,
    /// Bits of what the question selects, as far as is known.
    likely: Vec<u8>,
    reads: usize,
    blind: usize,
}

impl Choice {
    fn of(left: Vec<(Rc<Log>, Found)>) -> Choice {
        Choice {
            left,
            likely: Vec::new(),
            reads: 0,
            blind: 0,
        }
    }

    fn next(&mut self) -> Option<(Rc<Log>, Found)> {
        let is_likely = |(_, found): &(_, Found)| self.likely.contains(&found.variant);
        let likely = self.left.iter().position(is_likely);
        self.blind += usize::from(likely.is_none());
        self.reads += 1;
        let at = likely.unwrap_or_default();
        let may_read = self.reads <= READS_MAX && self.blind <= BLIND_MAX;
        (may_read && at < self.left.len()).then(|| self.left.remove(at))
    }

    fn learn(&mut self, bits: u8) {
        // What has no Vary answers everything.
        for bits in [0, bits] {
            if !self.likely.contains(&bits) {
                self.likely.push(bits);
            }
        }
    }
}

/// Reads a record, and again when it was purged softly while it was read.
async fn fetch(log: &Rc<Log>, key: Key, found: Found, room: &dyn Fn(usize)) -> Option<Arc<Object>> {
    let mut known = found;
    for _ in 0..2 {
        let seq = log.seq_at(found.page);
        let object = log.fetch(key, known, room).await?;
        // It may have been killed since its bytes were checked, or another be where it was.
        let now = log.still(key, found.page)?;
        if log.seq_at(found.page) != seq {
            return None;
        }
        if now.soft == known.soft {
            return Some(object);
        }
        known = now;
    }
    None
}

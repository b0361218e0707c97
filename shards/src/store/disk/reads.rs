//! Reading records back: one aligned read each, checked before anything of it is used.
//!
//! | what is found | what becomes of it |
//! |---|---|
//! | the record, whole | an object |
//! | a whole record of another key, whose tag is the same | nothing; it stays |
//! | anything else, and the segment was overwritten meanwhile | counted |
//! | anything else | taken out, for good; counted, and told once in a while |
//! | an error of the device | the same; many in a row, and the log goes down |
//!
//! Who asks for a record that is being read waits for the same read. The read is a task of its
//! own: who asked may go away.

use super::log::{Log, Mode};
use super::packing::{object_of, Known};
use crate::rt::{self, oneshot, Pages, Semaphore, Sender, Waiting};
use crate::store::arena::{Budget, Piece};
use crate::store::object::Object;
use ringside_engine::key::Key;
use ringside_engine::store::disk::places::Found;
use ringside_engine::store::disk::record::{self, Header, PayloadCheck};
use ringside_engine::store::disk::{Bad, Expect, PAGE};
use ringside_engine::time::Mono;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Questions that wait for their turn, at most; beyond that they are misses.
const QUEUED_MAX: usize = 256;
/// Reads under way have at most this part of the budget; the others wait.
const READS_SHARE: usize = 4;
/// And at most so many bytes: more at once makes no device faster, and to give them to the kernel
/// and to check them takes the turns of small answers.
const READS_BYTES_MAX: usize = 4 << 20;
/// Of a record, at most so much is copied out: a small body, and a head.
const COPIED_MAX: usize = 32 * 1024;
/// How long a read waits for memory, again and again: what was evicted may still be held.
const MEMORY_PAUSES_MS: [u64; 5] = [1, 2, 4, 8, 16];
/// Bytes that are checked in one turn: what is longer waits for others between.
const CHECKED_AT_ONCE: usize = 128 << 10;
/// A device that fails so many reads, one after the other, has failed.
const ERRORS_IN_ROW: u64 = 16;

/// Who waits for a record that is being read.
type Asker = Sender<Option<Arc<Object>>>;

/// One log's reads.
pub(super) struct Reads {
    turns: Rc<Semaphore>,
    /// One long record is checked at a time.
    checks: Rc<Semaphore>,
    queued: Cell<usize>,
    /// What those that have a place may read.
    placed_bytes: Cell<usize>,
    /// Questions that wait for a place, each for so many bytes; none passes another.
    crowd: RefCell<VecDeque<(usize, Sender<Place>)>>,
    /// By page and key: two keys may share a tag, and so the entry of one record.
    flying: RefCell<HashMap<(u32, Key), Vec<Asker>>>,
    /// Writes that let reads pass.
    passed: RefCell<Vec<Sender<()>>>,
}

impl Reads {
    /// At most so many at a time.
    pub(super) fn new(at_once: usize) -> Rc<Reads> {
        Rc::new(Reads {
            turns: Semaphore::new(at_once.max(1)),
            checks: Semaphore::new(1),
            queued: Cell::new(0),
            placed_bytes: Cell::new(0),
            crowd: RefCell::default(),
            flying: RefCell::default(),
            passed: RefCell::default(),
        })
    }

    /// Waits while reads wait for their turn, for so long at most.
    pub(super) async fn let_pass(&self, most_ms: u64) {
        if self.queued.get() == 0 {
            return;
        }
        let (sender, waiting) = oneshot();
        {
            let mut passed = self.passed.borrow_mut();
            // Without those whose patience was over.
            passed.retain(|sender| !sender.is_forgotten());
            passed.push(sender);
        }
        rt::within(Duration::from_millis(most_ms), waiting).await;
    }

    /// Somebody waits for the device.
    pub(super) fn are_asked(&self) -> bool {
        !self.flying.borrow().is_empty()
    }

    /// Nobody waits any more for what is being read.
    pub(super) fn give_up(&self) {
        self.flying.take();
        self.crowd.take();
    }

    fn queue(&self, more: bool) {
        let queued = self.queued.get();
        let queued = if more {
            queued + 1
        } else {
            queued.saturating_sub(1)
        };
        self.queued.set(queued);
        if queued == 0 {
            for sender in self.passed.take() {
                sender.send(());
            }
        }
    }
}

/// A read under way; when it ends, whatever way, who waits for it is told.
struct Flying {
    log: Rc<Log>,
    name: (u32, Key),
    object: RefCell<Option<Arc<Object>>>,
}

impl Drop for Flying {
    fn drop(&mut self) {
        let waiting = self.log.reads.flying.borrow_mut().remove(&self.name);
        for sender in waiting.into_iter().flatten() {
            sender.send(self.object.borrow().clone());
        }
    }
}

/// A place among those that read at the same time.
struct Place {
    log: Rc<Log>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let placed = &self.log.reads.placed_bytes;
        placed.set(placed.get().saturating_sub(self.bytes));
        self.log.let_in();
    }
}

/// Memory for what is being read: so many reads at once find room together, not each the same.
struct Reserved {
    budget: &'static Budget,
    bytes: usize,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

impl Log {
    /// What may be of this key, with the age of its segment.
    pub(super) fn candidates(&self, key: Key, into: &mut Vec<(u64, u64, Found)>) {
        let inner = self.inner.borrow();
        if !matches!(inner.mode, Mode::Up) {
            return;
        }
        let stays = |found: &Found| inner.leaving != Some(self.layout.slot_of(found.page));
        into.extend(inner.places.find(key).filter(stays).map(|found| {
            let slot = self.layout.slot_of(found.page) as usize;
            let slot = inner.slots.get(slot).copied().unwrap_or_default();
            (slot.opened_ms, slot.seq, found)
        }));
    }

    /// There may be a record of this key.
    pub(super) fn may_have(&self, key: Key) -> bool {
        let inner = self.inner.borrow();
        matches!(inner.mode, Mode::Up) && inner.places.contains(key)
    }

    /// The same, or nobody knows yet. One that is down holds nothing.
    pub(super) fn may_come_back(&self, key: Key) -> bool {
        let inner = self.inner.borrow();
        match inner.mode {
            Mode::Down { .. } => false,
            _ => !inner.lists_all() || inner.places.contains(key),
        }
    }

    /// What the index says of this record now.
    pub(super) fn still(&self, key: Key, page: u32) -> Option<Found> {
        self.inner.borrow().places.at(key, page)
    }

    /// Reads one record. What it gives was in the index when its bytes were checked.
    pub(super) async fn fetch(
        self: &Rc<Self>,
        key: Key,
        found: Found,
        room: &dyn Fn(usize),
    ) -> Option<Arc<Object>> {
        let bytes = usize::from(found.pages) * PAGE;
        // What is copied out is there twice for a moment.
        let bytes = Piece::pages_cost(bytes) + bytes.min(COPIED_MAX) + 1024;
        let mut held = (None, None);
        loop {
            if let Some(waiting) = self.join((found.page, key)) {
                drop(held);
                self.counts.shared_reads.add(1);
                return waiting.await.flatten();
            }
            // What waits to be written is in memory.
            let is_staged = self.is_staged(found.page);
            held = match held {
                (None, reserved) if !is_staged => (Some(self.place(bytes).await?), reserved),
                (place, None) => (place, Some(self.find_memory(bytes, room).await?)),
                (Some(place), Some(reserved)) if !is_staged => {
                    let waiting = self.start(key, found, (place, reserved));
                    return waiting.await.flatten();
                }
                (place, reserved) => {
                    // What is made of it is charged at once.
                    drop((place, reserved));
                    return self.from_staging(key, found);
                }
            };
            // Meanwhile it may have gone, or others may have come first.
            self.still(key, found.page)?;
        }
    }

    /// Waits for a place. `None`: too many do, or the log has failed meanwhile.
    async fn place(self: &Rc<Self>, bytes: usize) -> Option<Place> {
        if self.reads.crowd.borrow().is_empty() && self.has_place(bytes) {
            return Some(self.take_place(bytes));
        }
        let waiting = {
            let crowd = &mut *self.reads.crowd.borrow_mut();
            if crowd.len() >= QUEUED_MAX {
                self.counts.refused_reads.add(1);
                return None;
            }
            let (sender, waiting) = oneshot();
            crowd.push_back((bytes, sender));
            waiting
        };
        waiting.await
    }

    fn has_place(&self, bytes: usize) -> bool {
        let placed = self.reads.placed_bytes.get();
        let most = READS_BYTES_MAX.min(self.budget.limit() / READS_SHARE);
        let has_bytes = placed == 0 || placed + bytes <= most;
        has_bytes && self.reads.queued.get() < QUEUED_MAX
    }

    fn take_place(self: &Rc<Self>, bytes: usize) -> Place {
        let placed = &self.reads.placed_bytes;
        placed.set(placed.get() + bytes);
        let log = self.clone();
        Place { log, bytes }
    }

    /// Gives places to those who wait, in their order, as far as there are some.
    fn let_in(self: &Rc<Self>) {
        loop {
            let next = {
                let crowd = &mut *self.reads.crowd.borrow_mut();
                let fits = crowd.front().is_some_and(|next| self.has_place(next.0));
                fits.then(|| crowd.pop_front()).flatten()
            };
            let Some((bytes, sender)) = next else { return };
            if !sender.is_forgotten() {
                sender.send(self.take_place(bytes));
            }
        }
    }

    /// Memory for a read. What was evicted may still be held by a sibling that is told of it, or by
    /// a client that is being sent it: to wait a little costs less than to ask the origin, and less
    /// than to evict more.
    async fn find_memory(&self, bytes: usize, room: &dyn Fn(usize)) -> Option<Reserved> {
        room(bytes);
        for pause_ms in MEMORY_PAUSES_MS {
            let reserved = self.reserve(bytes);
            if reserved.is_some() {
                return reserved;
            }
            rt::sleep(Duration::from_millis(pause_ms)).await;
        }
        room(bytes);
        let reserved = self.reserve(bytes);
        if reserved.is_none() {
            self.counts.no_memory.add(1);
        }
        reserved
    }

    fn reserve(&self, bytes: usize) -> Option<Reserved> {
        let budget = self.budget;
        let charged = budget.charge(bytes);
        charged.then_some(Reserved { budget, bytes })
    }

    fn join(&self, name: (u32, Key)) -> Option<Waiting<Option<Arc<Object>>>> {
        let flying = &mut *self.reads.flying.borrow_mut();
        let waiting = flying.get_mut(&name)?;
        let (sender, receiver) = oneshot();
        waiting.push(sender);
        Some(receiver)
    }

    fn start(
        self: &Rc<Self>,
        key: Key,
        found: Found,
        held: (Place, Reserved),
    ) -> Waiting<Option<Arc<Object>>> {
        let (sender, waiting) = oneshot();
        let name = (found.page, key);
        self.reads.flying.borrow_mut().insert(name, vec![sender]);
        let flying = Flying {
            log: self.clone(),
            name,
            object: RefCell::new(None),
        };
        let task = async move {
            let object = flying.log.read_record(key, found, held).await;
            flying.object.replace(object);
        };
        // Whatever ends the task drops what is flying, which tells what came, or that nothing did.
        rt::spawn(task, || {});
        waiting
    }

    fn is_staged(&self, page: u32) -> bool {
        self.inner.borrow().staging.find(page).is_some()
    }

    fn from_staging(self: &Rc<Self>, key: Key, found: Found) -> Option<Arc<Object>> {
        let inner = self.inner.borrow();
        let bytes = inner.staging.find(found.page)?;
        let copy = Pages::of(bytes.get(..usize::from(found.pages) * PAGE)?);
        drop(inner);
        let (copy, seq) = (copy?, self.seq_at(found.page));
        // It never left memory: no need to sum it.
        let header = record::expected(&copy, self.expect(key, found, seq), self.mark);
        let object = self.made_of(key, found, copy, seq, header);
        if object.is_some() {
            self.counts.staged_hits.add(1);
        }
        object
    }

    /// The number of the segment in which this page is.
    pub(super) fn seq_at(&self, page: u32) -> u64 {
        let slot = self.layout.slot_of(page) as usize;
        let inner = self.inner.borrow();
        inner.slots.get(slot).map_or(0, |slot| slot.seq)
    }

    fn opened_at(&self, page: u32) -> Mono {
        let slot = self.layout.slot_of(page) as usize;
        let inner = self.inner.borrow();
        Mono(inner.slots.get(slot).map_or(0, |slot| slot.opened_ms))
    }

    async fn read_record(
        self: &Rc<Self>,
        key: Key,
        found: Found,
        held: (Place, Reserved),
    ) -> Option<Arc<Object>> {
        let (seq, epoch) = (self.seq_at(found.page), self.inner.borrow().epoch);
        let read = self.read_pages(found).await;
        let read = match read {
            Ok(pages) => {
                let header = self.verify(&pages, self.expect(key, found, seq)).await;
                Ok((pages, header))
            }
            Err(error) => Err(error),
        };
        // What is made of it is charged at once; the place is given up when it is.
        let (_place, reserved) = held;
        drop(reserved);
        if self.inner.borrow().epoch != epoch {
            return None;
        }
        match read {
            Ok((pages, header)) => {
                self.counts.read_errors_in_row.set(0);
                self.made_of(key, found, pages, seq, header)
            }
            Err(error) => {
                self.read_failed(key, found, &error);
                None
            }
        }
    }

    fn expect(&self, key: Key, found: Found, seq: u64) -> Expect {
        Expect {
            page: found.page,
            seq,
            key: Some(key),
        }
    }

    /// Is this the record that is expected, with every byte as it was written? One that is long is
    /// looked at in several turns.
    async fn verify(&self, bytes: &[u8], expect: Expect) -> Result<Header, Bad> {
        let header = record::expected(bytes, expect, self.mark)?;
        let mut check = PayloadCheck::of(&header);
        let mut only = None;
        loop {
            if let Some(result) = check.go_on(bytes, CHECKED_AT_ONCE) {
                return result.map(|()| header);
            }
            match only {
                None => only = Some(self.reads.checks.enter().await),
                Some(_) => self.disk.next_turn().await,
            }
        }
    }

    /// The bytes of a record, when it is its turn.
    pub(super) async fn read_pages(&self, found: Found) -> io::Result<Pages> {
        self.reads.queue(true);
        let turn = self.reads.turns.enter().await;
        self.reads.queue(false);
        let bytes = usize::from(found.pages) * PAGE;
        self.counts.reads.add(1);
        self.counts.read_bytes.add(bytes as u64);
        let at = self.layout.page_at(found.page);
        let result = self.disk.read(at, bytes).await;
        self.counts.answers.add(1);
        drop(turn);
        result
    }

    fn read_failed(self: &Rc<Self>, key: Key, found: Found, error: &io::Error) {
        if error.kind() == io::ErrorKind::OutOfMemory {
            self.counts.no_memory.add(1);
            return;
        }
        self.counts.read_errors.add(1);
        self.counts.read_errors_in_row.add(1);
        let text = format!(
            "reading {} pages at page {} failed: {error}; that record is dropped",
            found.pages, found.page
        );
        self.say("read", &text);
        let inner = &mut *self.inner.borrow_mut();
        if self.counts.read_errors_in_row.read() >= ERRORS_IN_ROW {
            let why = format!("{ERRORS_IN_ROW} reads in a row failed, the last one with: {error}");
            return inner.fail(self, why);
        }
        inner.take_out(self, key, found);
    }

    /// The object of a record that was looked at, if it still counts.
    fn made_of(
        self: &Rc<Self>,
        key: Key,
        found: Found,
        pages: Pages,
        seq: u64,
        header: Result<Header, Bad>,
    ) -> Option<Arc<Object>> {
        // Killed or overwritten meanwhile; where it was there may be another one of the key by now.
        let still = self.still(key, found.page);
        let Some(now) = still.filter(|_| self.seq_at(found.page) == seq) else {
            self.counts.overwritten.add(1);
            return None;
        };
        let Some(whole) = Piece::of_pages(pages, self.budget) else {
            self.counts.no_memory.add(1);
            return None;
        };
        let parts = |header| Ok((record::parts_of(&whole, &header)?, header));
        match header.and_then(parts) {
            // An entry that is older than the segment: what was there is lost.
            Ok((_, header))
                if header.variant_bits() != now.variant || header.pages != u32::from(now.pages) =>
            {
                self.counts.overwritten.add(1);
                self.inner.borrow_mut().take_out(self, key, now);
                None
            }
            Ok((record, header)) => {
                let known = Known {
                    page: found.page,
                    reads: now.uses,
                    soft: now.soft,
                    opened: self.opened_at(found.page),
                };
                let object = object_of(&header, &record, &whole, known, self.budget);
                if object.is_none() {
                    self.counts.no_memory.add(1);
                }
                object
            }
            Err(bad) => {
                let any_key = Expect {
                    key: None,
                    ..self.expect(key, found, seq)
                };
                let is_whole = record::decode(&whole, any_key, self.mark).is_ok();
                self.mistaken(key, now, seq, bad, is_whole);
                None
            }
        }
    }

    fn mistaken(self: &Rc<Self>, key: Key, found: Found, seq: u64, bad: Bad, is_whole: bool) {
        if is_whole {
            self.counts.other_keys.add(1);
            return;
        }
        let is_leaving = self.inner.borrow().leaving == Some(self.layout.slot_of(found.page));
        if is_leaving || self.seq_at(found.page) != seq {
            self.counts.overwritten.add(1);
            return;
        }
        self.counts.checksum_errors.add(1);
        let text = format!(
            "the record at page {} is damaged ({}); it is dropped",
            found.page,
            bad.word()
        );
        self.say("damaged", &text);
        self.inner.borrow_mut().take_out(self, key, found);
    }
}

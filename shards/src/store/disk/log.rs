//! One log: the part of a device that one shard writes, in a circle.
//!
//! | mode | what it does | becomes |
//! |---|---|---|
//! | waiting | remembers kills and edicts; has nothing, takes nothing | up, when the keeper has found the newest segment |
//! | up | everything; while it recovers, more is found from time to time | down, when the device fails |
//! | down | has nothing, takes nothing; a kill is refused | up, begun anew with all that was there void |
//!
//! Everything between two awaits is one step: what the index says, and what is given to be
//! written, change together. Kills and edicts are noted in the order of the calls, and an object is
//! only appended after the kills before it: so the order of the log is the order of what happened.

use super::charged::Charged;
use super::checkpointing::Checkpointing;
use super::edicts::EdictsArea;
use super::failing::{Fall, Silence};
use super::orders::{LogId, Order, SlotState};
use super::packing;
use super::reads::Reads;
use super::staging::Staging;
use super::status::{Counts, Dropped};
use super::unlisted::Unlisted;
use super::writing::{Goal, Job, Noted, Queue};
use super::Opening;
use crate::rt::Disk;
use crate::store::arena::Budget;
use crate::store::object::Object;
use ringside_engine::key::Key;
use ringside_engine::store::disk::keep::{self, Admission};
use ringside_engine::store::disk::places::{Found, Places};
use ringside_engine::store::disk::record::{
    self, encode_kills, kills_per_page, pages_for_kills, RECORD_PAGES_MAX,
};
use ringside_engine::store::disk::recover::Recovery;
use ringside_engine::store::disk::segment::encode_footer;
use ringside_engine::store::disk::{
    variant_bits, Event, Kill, KillForce, Layout, MarkKey, Record, Room, SegmentHeader, Sheet,
    Superblock,
};
use ringside_engine::time::Mono;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

/// A block that was begun so long ago is written though it is not full.
const DUE_MS: u64 = 1000;
/// A device that is down is tried again after so long.
pub(super) const RETRY_MS: u64 = 30_000;
/// Kills that wait to be written, at most: a device that takes none for so long has failed.
const PENDING_MAX: usize = 1 << 18;

/// One shard's part of one device.
pub(super) struct Log {
    pub(super) id: LogId,
    pub(super) path: String,
    pub(super) position: usize,
    /// Beside its file: says that it is void, if nothing else can.
    pub(super) sign: Option<PathBuf>,
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    pub(super) mark: MarkKey,
    pub(super) budget: &'static Budget,
    pub(super) orders: Option<SyncSender<Order>>,
    pub(super) counts: Counts,
    pub(super) reads: Rc<Reads>,
    pub(super) now: Cell<Mono>,
    /// When it began to wait for its newest segment, if it does.
    pub(super) waits_since: Cell<Instant>,
    pub(super) inner: RefCell<Inner>,
}

/// What changes.
pub(super) struct Inner {
    pub(super) mode: Mode,
    /// Grows when the log fails: what was begun before must not be gone on with.
    pub(super) epoch: u32,
    pub(super) superblock: Superblock,
    pub(super) places: Places,
    pub(super) charged: Charged,
    pub(super) unlisted: Unlisted,
    /// The slots as their headers on the medium say.
    pub(super) slots: Vec<SlotState>,
    /// Number and slot of the segment that is prepared next.
    pub(super) next_seq: u64,
    pub(super) next_slot: u32,
    /// The first number that was this life's to give.
    pub(super) first_seq: u64,
    /// The numbers above are right: the newest segment was found.
    pub(super) is_known: bool,
    /// Something was refused before that: begin anew then.
    pub(super) is_void: bool,
    pub(super) open: Option<OpenSegment>,
    /// The segments that were opened in this life and are not wholly on the medium, the oldest
    /// first: the last one is open, the others are safe after the job of this number.
    pub(super) unsafe_segments: VecDeque<(SegmentHeader, u64)>,
    /// A segment whose header is on the medium, and whose old records have left the index.
    pub(super) prepared: Option<SegmentHeader>,
    pub(super) is_reclaiming: bool,
    /// The slot whose old records leave the index: its new header is on the medium.
    pub(super) leaving: Option<u32>,
    pub(super) staging: Staging,
    pub(super) queue: Queue,
    pub(super) kills: Kills,
    pub(super) edicts: EdictsArea,
    pub(super) recovery: Option<Recovery>,
    pub(super) recovered: (u64, u64),
    pub(super) checkpointing: Checkpointing,
    pub(super) is_closing: bool,
    /// No segment is prepared any more.
    pub(super) is_ending: bool,
    /// What prepares the next segment waits for the device.
    pub(super) is_reclaim_asking: bool,
    pub(super) silence: Silence,
    pub(super) fall: Fall,
    settled_at: Mono,
}

/// What a log does.
pub(super) enum Mode {
    /// The newest segment is not known yet.
    Waiting,
    /// It is written and read.
    Up,
    /// Its device failed.
    Down {
        /// Why.
        why: String,
        /// Try again then.
        retry_at: Mono,
        /// It is being tried.
        is_trying: bool,
    },
}

/// The segment that is filled.
pub(super) struct OpenSegment {
    pub(super) header: SegmentHeader,
    pub(super) room: Room,
    pub(super) events: Vec<Event>,
}

/// Kills on their way into the log.
#[derive(Default)]
pub(super) struct Kills {
    pub(super) noted: Noted,
    /// Noted and not encoded yet, in order.
    pub(super) pending: VecDeque<Kill>,
}

impl Log {
    /// A log that was opened. One that was just made is empty, and up at once.
    pub(super) fn new(
        opening: Opening,
        staging: Staging,
        budget: &'static Budget,
        orders: Option<SyncSender<Order>>,
        now: Mono,
    ) -> Rc<Log> {
        let Opening {
            id,
            path,
            position,
            sign,
            disk,
            superblock,
            is_new,
            reads_max,
        } = opening;
        let layout = superblock.layout();
        let slots = vec![SlotState::default(); layout.segments as usize];
        let inner = Inner {
            mode: if is_new { Mode::Up } else { Mode::Waiting },
            epoch: 0,
            places: Places::new(layout.records_max()),
            charged: Charged::new(budget),
            unlisted: Unlisted::default(),
            slots,
            next_seq: superblock.valid_from.max(1),
            next_slot: 0,
            first_seq: superblock.valid_from.max(1),
            is_known: is_new,
            is_void: false,
            open: None,
            unsafe_segments: VecDeque::new(),
            prepared: None,
            is_reclaiming: false,
            leaving: None,
            staging,
            queue: Queue::default(),
            kills: Kills::default(),
            edicts: EdictsArea::new(),
            recovery: (!is_new).then(Recovery::new),
            recovered: (0, 0),
            checkpointing: Checkpointing::new(now),
            is_closing: false,
            is_ending: false,
            is_reclaim_asking: false,
            silence: Silence::default(),
            fall: Fall::default(),
            settled_at: now,
            superblock,
        };
        let log = Rc::new(Log {
            id,
            path,
            position,
            sign,
            disk,
            layout,
            mark: inner.superblock.mark_key(),
            budget,
            orders,
            counts: Counts::default(),
            reads: Reads::new(reads_max),
            now: Cell::new(now),
            waits_since: Cell::new(Instant::now()),
            inner: RefCell::new(inner),
        });
        log.settle_index();
        if is_new {
            log.inner.borrow_mut().reclaim(&log);
        }
        log
    }

    /// Tries to append an object; gives its pages, or says why it was not.
    pub(super) fn offer(self: &Rc<Self>, object: &Object) -> Result<u32, Dropped> {
        let inner = &mut *self.inner.borrow_mut();
        inner.admit()?;
        let notes = packing::notes_of(object);
        let pages = packing::pages_of(object, notes.len());
        let file = match object.file() {
            // Checked before it is copied.
            Some(_) if !inner.fits_ever(self, pages) => return Err(Dropped::TooLarge),
            Some(file) => file.file().read().ok_or(Dropped::NoMemory)?,
            None => Vec::new(),
        };
        let small = [object.small_body(), &file];
        let body: Vec<&[u8]> = small
            .into_iter()
            .chain(object.pieces().iter().map(|piece| &**piece))
            .collect();
        let record = packing::record_of(object, &notes);
        let page = inner.append_object(self, &record, &body, pages, 0)?;
        object.written_to(page);
        self.counts.admitted.add(1);
        self.counts.admitted_bytes.add(u64::from(pages) * 4096);
        Ok(pages)
    }

    /// There is memory for more than what can't wait, which is what is evicted.
    pub(super) fn is_at_ease(&self) -> bool {
        self.inner.borrow_mut().staging.is_at_ease()
    }

    /// Does an object that leaves memory, or could be copied from it, go to disk?
    pub(super) fn wants(object: &Object, reused: bool, is_filling: bool) -> bool {
        let (minimum, rule) = match object.to_disk().code() {
            u8::MAX => (0, Admission::Never),
            minimum => (minimum, Admission::Auto),
        };
        keep::admits(object.uses(), reused, minimum, rule, is_filling)
    }

    /// It has not been full yet: nothing is in the segment that comes next.
    pub(super) fn is_filling(&self) -> bool {
        let inner = self.inner.borrow();
        let next = inner.slots.get(inner.next_slot as usize);
        next.is_some_and(|next| next.seq < inner.superblock.valid_from.max(1))
    }

    /// Carries out a kill and notes it where it must be. `None`: there is nothing that could come
    /// back. `Err`: the log is down.
    pub(super) fn kill(self: &Rc<Self>, kill: &Kill) -> Result<Option<(Goal, u32)>, ()> {
        let inner = &mut *self.inner.borrow_mut();
        if let Mode::Down { .. } = inner.mode {
            return Err(());
        }
        let hit = inner.places.kill(kill, |_| {}) > 0;
        if let Some(recovery) = &mut inner.recovery {
            recovery.kill(kill);
        }
        if hit || !inner.lists_all() {
            inner.note_kill(self, *kill);
        } else if inner.kills.noted.safe == inner.kills.noted.count {
            return Ok(None);
        }
        // Where nothing was hit, an earlier kill may have done it that is not safe yet.
        let epoch = inner.epoch;
        match inner.mode {
            Mode::Down { .. } => Err(()),
            _ => Ok(Some((Goal::Kills(inner.kills.noted.count), epoch))),
        }
    }
}

impl Inner {
    fn admit(&self) -> Result<(), Dropped> {
        match self.mode {
            _ if self.is_closing => Err(Dropped::Stopping),
            Mode::Waiting => Err(Dropped::Recovering),
            Mode::Down { .. } => Err(Dropped::Down),
            Mode::Up if self.edicts.is_due => Err(Dropped::Recovering),
            Mode::Up if !self.charged.settle(self.places.allocated_bytes()) => {
                Err(Dropped::NoMemory)
            }
            Mode::Up => Ok(()),
        }
    }

    /// Whatever is on the medium is in the index.
    pub(super) fn lists_all(&self) -> bool {
        self.recovery.is_none() && self.unlisted.is_nothing()
    }

    /// A record of so many pages can be in this log at all.
    fn fits_ever(&self, log: &Log, pages: u32) -> bool {
        pages <= RECORD_PAGES_MAX.min(self.staging.pages_max())
            && Room::new(log.layout.pages_per_segment()).fits(pages, 1)
    }

    /// Appends an object's record, with so many uses, in the place of the older one of its variant.
    /// Returns its page.
    pub(super) fn append_object(
        &mut self,
        log: &Rc<Log>,
        record: &Record<'_>,
        body: &[&[u8]],
        pages: u32,
        uses: u8,
    ) -> Result<u32, Dropped> {
        if !self.fits_ever(log, pages) {
            return Err(Dropped::TooLarge);
        }
        // What was killed before must be killed before it in the log too.
        self.drain_kills(log)?;
        let (page, seq) = self.place(log, pages, 1)?;
        let Some(into) = self.staging.take(pages) else {
            return Err(Dropped::Slow);
        };
        record::encode(record, body, seq, page, log.mark, into);
        let variant = variant_bits(record.variant, record.has_variant);
        // As many as RECORD_PAGES_MAX.
        let pages = pages as u16;
        self.note_event(log, page, u32::from(pages), |page| Event::Object {
            key: record.key,
            page,
            pages,
            variant,
        });
        let older = Kill {
            key: record.key,
            variant: Some(variant),
            force: KillForce::Hard,
        };
        self.places.kill(&older, |_| {});
        let found = Found {
            page,
            pages,
            variant,
            uses,
            soft: false,
        };
        self.places.insert(record.key, found);
        self.checkpointing.changed();
        if self.staging.is_worth_writing() {
            self.kick(log);
        }
        Ok(page)
    }

    /// Makes sure that the open segment and the open block have room; returns the page and the
    /// number of the segment. The caller takes both at once.
    fn place(&mut self, log: &Rc<Log>, pages: u32, events: usize) -> Result<(u32, u64), Dropped> {
        let fits = |open: &OpenSegment| open.room.fits(pages, events);
        if !self.open.as_ref().is_some_and(fits) {
            self.turn(log)?;
        }
        let now = log.now.get();
        let open = self.open.as_ref().ok_or(Dropped::Turning)?;
        if !fits(open) {
            return Err(Dropped::TooLarge);
        }
        let (slot, seq) = (open.header.slot, open.header.seq);
        let page = log.layout.first_page(slot) + open.room.next_page();
        if !self.staging.fits(pages) {
            self.seal_block(log);
            self.begin_jobs(log);
            if !self.staging.begin(page, pages, now) {
                return Err(Dropped::Slow);
            }
        }
        Ok((page, seq))
    }

    fn note_event(&mut self, log: &Log, page: u32, pages: u32, event: impl FnOnce(u16) -> Event) {
        if let Some(open) = &mut self.open {
            let within = page - log.layout.first_page(open.header.slot);
            // Segments have no more pages than that.
            open.events.push(event(within as u16));
            open.room.take(pages, 1);
        }
    }

    /// Goes on to the segment that is prepared, and seals the one that is full.
    pub(super) fn turn(&mut self, log: &Rc<Log>) -> Result<(), Dropped> {
        let header = self.prepared.take().ok_or(Dropped::Turning)?;
        self.seal_segment(log);
        self.unsafe_segments.push_back((header, u64::MAX));
        self.open = Some(OpenSegment {
            header,
            room: Room::new(log.layout.pages_per_segment()),
            events: Vec::new(),
        });
        log.counts.segments.add(1);
        self.checkpointing.turned();
        self.reclaim(log);
        Ok(())
    }

    /// Writes the footer of the open segment, if there is one, and flushes. Returns the job after
    /// which it is safe.
    pub(super) fn seal_segment(&mut self, log: &Rc<Log>) -> Option<u64> {
        let open = self.open.take()?;
        let sheet = Sheet {
            header: open.header,
            sealed_ms: log.now.get().0,
            events: open.events,
        };
        let pages = log.layout.pages_per_segment();
        let footer = encode_footer(&sheet, log.mark, pages);
        let end = log.layout.slot_at(sheet.header.slot) + u64::from(log.layout.segment_bytes);
        let at = end - footer.len() as u64;
        log.counts.footer_bytes.add(footer.len() as u64);
        // Without memory for it the segment stays unsealed, and is scanned after a restart.
        self.push_bytes(log, at, &footer);
        let job = self.push(log, Job::Flush);
        if let Some((_, safe_after)) = self.unsafe_segments.back_mut() {
            *safe_after = job;
        }
        Some(job)
    }

    /// Notes a kill that must be in the log.
    pub(super) fn note_kill(&mut self, log: &Rc<Log>, kill: Kill) {
        self.checkpointing.changed();
        self.kills.noted.count += 1;
        self.kills.pending.push_back(kill);
        if self.kills.pending.len() > PENDING_MAX {
            let why = match self.mode {
                Mode::Waiting => "too many purges came before it was known what it holds",
                _ => "the device is too slow to note purges",
            };
            self.fail(log, why.to_owned());
        }
    }

    /// A record that could not be read is taken out, and stays out after a restart too: it might
    /// be readable then.
    pub(super) fn take_out(&mut self, log: &Rc<Log>, key: Key, found: Found) {
        if self.places.remove(key, found.page).is_none() {
            return;
        }
        let kill = Kill {
            key,
            variant: Some(found.variant),
            force: KillForce::Hard,
        };
        if let Some(recovery) = &mut self.recovery {
            recovery.kill(&kill);
        }
        self.note_kill(log, kill);
    }

    /// Encodes the kills that wait; says why some still do.
    pub(super) fn drain_kills(&mut self, log: &Rc<Log>) -> Result<(), Dropped> {
        while !self.kills.pending.is_empty() {
            let count = self.kills.pending.len().min(kills_per_page());
            let pages = pages_for_kills(count);
            let (page, seq) = self.place(log, pages, count)?;
            let kills: Vec<Kill> = self.kills.pending.drain(..count).collect();
            if let Some(into) = self.staging.take(pages) {
                encode_kills(&kills, seq, page, log.mark, into);
            }
            if let Some(open) = &mut self.open {
                open.room.take(pages, count);
                open.events.extend(kills.into_iter().map(Event::Kill));
            }
            let drained = self.kills.noted.count - self.kills.pending.len() as u64;
            self.kills.noted.given(drained, self.queue.next());
        }
        Ok(())
    }

    /// Writes what has waited long enough, whether or not somebody waits for it.
    pub(super) fn settle(&mut self, log: &Rc<Log>) {
        let now = log.now.get();
        if now.since(self.settled_at) >= DUE_MS {
            self.settled_at = now;
            for noted in [&mut self.kills.noted, &mut self.edicts.noted] {
                noted.wanted = noted.count;
            }
        }
        self.kick(log);
    }

    /// Something has waited long enough to be written.
    pub(super) fn is_due(&self, log: &Log) -> bool {
        let began = self.staging.began();
        began.is_some_and(|began| log.now.get().since(began) >= DUE_MS)
    }
}

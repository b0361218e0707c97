//! A device that fails, and comes back.
//!
//! When a write or a flush fails, nobody knows what of the last writes is there. So the log gives
//! up everything that it holds: its index is emptied, who waits for a kill is told that it is not
//! safe, and nothing is taken. From time to time it is tried to begin anew: the superblock says
//! from which segment on records count, and all that were there before are void, among them those
//! that a kill could not reach. Edicts are written again as a snapshot, since some were refused.
//!
//! The process may end before that. So it is noted that the log fell: by the others of its shard, by
//! itself if it takes one page, and by a file beside it.

use super::log::{Inner, Log, Mode, RETRY_MS};
use super::orders::{Order, SlotState};
use super::unlisted::Unlisted;
use crate::rt::{self, Pages, Part};
use ringside_engine::store::disk::layout::SUPERBLOCKS_AT;
use ringside_engine::store::disk::recover::Recovery;
use ringside_engine::store::disk::{Superblock, PAGE};
use ringside_engine::time::Mono;
use std::io;
use std::rc::Rc;
use std::time::Instant;

/// A device that stays down is told of again after so long.
const REMINDER_MS: u64 = 600_000;
/// What a device is given takes no longer than that, or it has failed.
const PATIENCE_MS: u64 = 30_000;

/// How long nothing was heard of a device that was asked.
#[derive(Clone, Copy, Default)]
pub(super) struct Silence {
    /// The keeper's news of it.
    news: u64,
    /// Its answers by then, and those news.
    answers: u64,
    at: Mono,
    lasts_ms: u64,
}

impl Silence {
    /// The keeper has said something.
    pub(super) fn heard(&mut self) {
        self.news += 1;
    }
}

/// That a log is down, for a process that is started before it is back.
#[derive(Default)]
pub(super) struct Fall {
    /// It was tried to note it in its own superblock.
    is_noted: bool,
    /// The operator knows of it: trying in vain to find where the log ends is no news.
    is_told: bool,
    /// Says so beside it.
    sign: rt::Sign,
}

impl Inner {
    /// The device failed, or can't be used as it must be.
    pub(super) fn fail(&mut self, log: &Rc<Log>, why: String) {
        if let Mode::Down { .. } = self.mode {
            return;
        }
        log.counts.failures.add(1);
        log.counts.read_errors_in_row.set(0);
        if matches!(self.mode, Mode::Up) || !self.fall.is_told {
            let seconds = RETRY_MS / 1000;
            let text = format!("{why}; going on without it, tried again every {seconds} s");
            log.say_after(0, "down", &text);
            self.fall.is_told = true;
        }
        self.epoch += 1;
        self.is_void |= !self.is_known;
        self.fall.is_noted = false;
        self.fall.sign.set(log.sign.as_deref(), true);
        self.mode = Mode::Down {
            why,
            retry_at: Mono(log.now.get().0 + RETRY_MS),
            is_trying: false,
        };
        self.open = None;
        self.unsafe_segments.clear();
        self.prepared = None;
        self.forget_index();
        self.kills.pending.clear();
        self.edicts.pending.clear();
        self.edicts.is_due = true;
        self.checkpointing.abandon(log);
        self.forget_jobs();
        self.staging.clear();
        log.reads.give_up();
    }

    fn forget_index(&mut self) {
        self.slots.fill(SlotState::default());
        let places = self.places.take();
        let records = places.len();
        rt::free_aside(places, records);
        if let Some(recovery) = self.recovery.take() {
            let kills = recovery.remembered();
            rt::free_aside(recovery, kills);
        }
    }

    /// A device that does not answer has failed too: who waits for it would wait for ever. So has
    /// one that the keeper looks through, when nothing is heard of that.
    pub(super) fn fail_if_it_hangs(&mut self, log: &Rc<Log>) {
        let is_waiting = matches!(self.mode, Mode::Waiting);
        let news = self.silence.news;
        let (now, answers) = (log.now.get(), log.counts.answers.read() + news);
        let is_asked = self.queue.is_working() || self.is_reclaim_asking || log.reads.are_asked();
        let is_asked = is_asked || is_waiting;
        let before = std::mem::replace(
            &mut self.silence,
            Silence {
                news,
                answers,
                at: now,
                lasts_ms: 0,
            },
        );
        if !is_asked || answers != before.answers {
            return;
        }
        // A process that was stopped has heard nothing either.
        self.silence.lasts_ms = before.lasts_ms + now.since(before.at).min(1000);
        if self.silence.lasts_ms >= PATIENCE_MS {
            let seconds = PATIENCE_MS / 1000;
            let what = match is_waiting {
                true => "what it holds was not found: the keeper has said nothing",
                false => "it has not answered",
            };
            self.fail(log, format!("{what} for {seconds} s"));
        }
    }

    /// Tries a device that is down, when it is time. Nothing of before may be under way.
    pub(super) fn retry(&mut self, log: &Rc<Log>) {
        let Mode::Down {
            why,
            retry_at,
            is_trying,
        } = &mut self.mode
        else {
            return;
        };
        log.say_after(REMINDER_MS, "down", &format!("is still down: {why}"));
        let busy = *is_trying || self.queue.is_working() || self.is_reclaiming;
        if !busy && !self.fall.is_noted {
            *is_trying = true;
            return self.note_own_fall(log);
        }
        if busy || log.now.get() < *retry_at {
            return;
        }
        if !self.is_known {
            // Where the log ends was never found: that comes first.
            let order = Order::Recover { log: log.id };
            let asked = log.orders.as_ref().map(|orders| orders.try_send(order));
            if matches!(asked, Some(Ok(()))) {
                self.mode = Mode::Waiting;
                log.waits_since.set(Instant::now());
                self.recovery = Some(Recovery::new());
            }
            return;
        }
        *is_trying = true;
        self.begin_anew(log);
    }

    /// Says in its own superblock that it is void, if the device takes that.
    fn note_own_fall(&mut self, log: &Rc<Log>) {
        self.fall.is_noted = true;
        let superblock = Superblock {
            generation: self.superblock.generation + 1,
            ..self.superblock.clone()
        };
        let (ours, panics) = (log.clone(), log.clone());
        let task = async move {
            let result = ours.rewrite(superblock, true).await;
            let inner = &mut *ours.inner.borrow_mut();
            if let Ok(superblock) = result {
                inner.superblock = superblock;
            }
            inner.was_noted();
        };
        rt::spawn(task, move || panics.inner.borrow_mut().was_noted());
    }

    fn was_noted(&mut self) {
        if let Mode::Down { is_trying, .. } = &mut self.mode {
            *is_trying = false;
        }
    }

    fn begin_anew(&mut self, log: &Rc<Log>) {
        let epoch = self.epoch;
        let superblock = Superblock {
            generation: self.superblock.generation + 1,
            valid_from: self.next_seq,
            latest_ms: self.superblock.latest_ms.max(log.now.get().0),
            ..self.superblock.clone()
        };
        let (ours, panics) = (log.clone(), log.clone());
        let task = async move {
            let result = ours.rewrite(superblock, false).await;
            let inner = &mut *ours.inner.borrow_mut();
            if inner.epoch == epoch {
                match result {
                    Ok(superblock) => inner.is_back(&ours, superblock),
                    Err(error) => inner.is_still_down(&ours, &error.to_string()),
                }
            }
        };
        rt::spawn(task, move || {
            let inner = &mut *panics.inner.borrow_mut();
            inner.is_still_down(&panics, "trying it failed");
        });
    }

    fn is_still_down(&mut self, log: &Log, error: &str) {
        if let Mode::Down {
            why,
            retry_at,
            is_trying,
        } = &mut self.mode
        {
            *why = error.to_owned();
            *is_trying = false;
            retry_at.0 = log.now.get().0 + RETRY_MS;
        }
    }

    fn is_back(&mut self, log: &Rc<Log>, superblock: Superblock) {
        log.say_after(0, "back", "is back, and begins empty");
        self.fall.is_told = false;
        self.superblock = superblock;
        self.fall.sign.set(log.sign.as_deref(), false);
        self.is_void = false;
        self.unlisted = Unlisted::default();
        self.mode = Mode::Up;
        self.reclaim(log);
    }

    /// The newest segment was found, but something was refused before that: all of it is void.
    pub(super) fn void(&mut self, log: &Rc<Log>) {
        self.forget_index();
        self.kills.pending.clear();
        self.edicts.is_due = true;
        self.forget_jobs();
        self.epoch += 1;
        self.mode = Mode::Down {
            why: "begins anew, since purges could not be noted".to_owned(),
            retry_at: log.now.get(),
            is_trying: true,
        };
        self.begin_anew(log);
    }
}

impl Log {
    /// Of a log that is down, the generation up to which it is void.
    pub(super) fn fallen(&self) -> Option<u64> {
        let inner = self.inner.borrow();
        let is_down = matches!(inner.mode, Mode::Down { .. });
        is_down.then_some(inner.superblock.generation)
    }

    /// Notes that the log of this shard on another device is void up to this generation.
    pub(super) fn note_fall(self: &Rc<Self>, device: u16, generation: u64) {
        let inner = &mut *self.inner.borrow_mut();
        if matches!(inner.mode, Mode::Up) && inner.superblock.falls.note(device, generation) {
            inner.write_superblock(self);
        }
    }

    /// Makes sure that it is still our device, and writes a superblock after which all that was
    /// there is void: by its numbers, or since it says that the log fell. Either copy, once it is
    /// flushed, is enough.
    async fn rewrite(
        self: &Rc<Self>,
        mut superblock: Superblock,
        falls: bool,
    ) -> io::Result<Superblock> {
        self.disk.reopen().await?;
        let mut is_ours = false;
        for at in SUPERBLOCKS_AT {
            let page = self.disk.read(at, PAGE).await?;
            let Ok(held) = Superblock::decode(&page) else {
                continue;
            };
            if !is_same(&held, &superblock) {
                return Err(io::Error::other("there is another store now"));
            }
            is_ours = true;
            superblock.generation = superblock.generation.max(held.generation + 1);
            superblock.valid_from = superblock.valid_from.max(held.valid_from);
        }
        if !is_ours {
            return Err(io::Error::other("there is no store of ours any more"));
        }
        if falls {
            let (device, generation) = (superblock.device, superblock.generation);
            superblock.falls.note(device, generation);
        }
        let page = Pages::of(&superblock.encode()).ok_or(io::ErrorKind::OutOfMemory)?;
        let page = Part::whole(page);
        for at in SUPERBLOCKS_AT {
            self.disk.write(at, page.clone()).await?;
            self.disk.flush().await?;
        }
        Ok(superblock)
    }
}

fn is_same(held: &Superblock, ours: &Superblock) -> bool {
    held.set == ours.set
        && held.device == ours.device
        && held.shard == ours.shard
        && held.created_ms == ours.created_ms
        && held.segment_bytes == ours.segment_bytes
        && held.segments == ours.segments
}

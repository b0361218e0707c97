//! What goes to the device, one after the other, and who waits until it is safe there.
//!
//! Everything that a log writes is a job in one queue, so what a crash leaves is a beginning of the
//! queue up to the last flush, and any part of what follows. Whatever must be safe before
//! something else is written has a flush between.
//!
//! | job | beside what |
//! |---|---|
//! | a block | other blocks: no two are for one place |
//! | another write, or a flush | nothing: all before it are done, and none behind it has begun |

use super::log::{Inner, Log, Mode};
use super::status::Dropped;
use crate::rt::{self, oneshot, Pages, Part, Sender};
use ringside_engine::store::disk::PAGE;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// A write waits so long at most while reads queue for the device.
const YIELD_MS: u64 = 20;
/// Blocks that are written at a time: the device need not wait for us between two.
const WRITERS_MAX: usize = 4;

/// A job of the writer.
pub(super) enum Job {
    /// Write.
    Write {
        /// Where.
        at: u64,
        /// What.
        what: Part,
        /// It is the block of the staging that begins at this page.
        block: Option<u32>,
    },
    /// What was written before is on the medium before what comes behind.
    Flush,
}

impl Job {
    /// It may be carried out beside others of which the same is true.
    fn is_block(&self) -> bool {
        matches!(self, Job::Write { block: Some(_), .. })
    }
}

/// Jobs, by their number in the order in which they were given.
#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    given: u64,
    done: u64,
    /// All below this number are on the medium.
    flushed: u64,
    /// Somebody wants all below this number to be.
    wanted: u64,
    /// Jobs that are being carried out, each by a task.
    under_way: usize,
    /// One of them suffers no other beside it.
    is_alone: bool,
    waiting: Vec<(Goal, Sender<Kept>)>,
    progress: Vec<Sender<()>>,
}

/// It is on the medium, or won't be.
pub(super) type Kept = Result<(), ()>;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// So many kills are safe.
    Kills(u64),
    /// So many edicts are.
    Edicts(u64),
    /// The job of this number is.
    Job(u64),
}

/// Things that are noted first and written later, counted.
#[derive(Default)]
pub(super) struct Noted {
    /// Noted so far.
    pub(super) count: u64,
    /// So many of them are in the job of this number.
    jobs: VecDeque<(u64, u64)>,
    /// So many of them are safe.
    pub(super) safe: u64,
    /// So many should be, for somebody waits.
    pub(super) wanted: u64,
}

impl Noted {
    /// The first `count` of all are in this job, or in one before.
    pub(super) fn given(&mut self, count: u64, job: u64) {
        self.jobs.push_back((count, job));
    }

    fn flushed(&mut self, flushed: u64) {
        while let Some((count, job)) = self.jobs.front().copied() {
            if job >= flushed {
                return;
            }
            self.safe = count;
            self.jobs.pop_front();
        }
    }

    /// Nothing of it can be made safe any more, nor needs to be.
    fn forget(&mut self) {
        self.jobs.clear();
        self.safe = self.count;
        self.wanted = 0;
    }
}

impl Queue {
    /// The device was asked for something.
    pub(super) fn is_working(&self) -> bool {
        self.under_way > 0
    }

    /// The next job, if it may be begun now.
    fn begin(&mut self) -> Option<Job> {
        let is_block = self.jobs.front()?.is_block();
        let most = if is_block { WRITERS_MAX } else { 1 };
        if self.is_alone || self.under_way >= most {
            return None;
        }
        self.under_way += 1;
        self.is_alone = !is_block;
        self.jobs.pop_front()
    }

    fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        self.is_alone = false;
    }

    /// The number of the job that is given next.
    pub(super) fn next(&self) -> u64 {
        self.given
    }

    fn push(&mut self, job: Job) -> u64 {
        self.jobs.push_back(job);
        self.given += 1;
        self.given - 1
    }

    /// Told when the next job is done; dropped when none will be.
    pub(super) fn progress(&mut self) -> rt::Waiting<()> {
        let (sender, waiting) = oneshot();
        self.progress.push(sender);
        waiting
    }
}

impl Inner {
    /// Gives a job, behind everything that was appended before; returns its number.
    pub(super) fn push(&mut self, log: &Rc<Log>, job: Job) -> u64 {
        self.seal_block(log);
        let number = self.queue.push(job);
        self.begin_jobs(log);
        number
    }

    /// Gives a write of bytes that become whole pages. `None`: no memory for them.
    pub(super) fn push_bytes(&mut self, log: &Rc<Log>, at: u64, bytes: &[u8]) -> Option<u64> {
        let what = Part::whole(Pages::of(bytes)?);
        let block = None;
        Some(self.push(log, Job::Write { at, what, block }))
    }

    /// Makes a job of the open block.
    pub(super) fn seal_block(&mut self, log: &Rc<Log>) {
        if let Some((page, what)) = self.staging.seal() {
            let (at, block) = (log.layout.page_at(page), Some(page));
            self.queue.push(Job::Write { at, what, block });
        }
    }

    /// Looks whether there is something to write, and begins what can be begun.
    pub(super) fn kick(&mut self, log: &Rc<Log>) {
        self.begin_jobs(log);
        if self.queue.jobs.is_empty() && self.may_write() {
            self.find_job(log);
            self.begin_jobs(log);
        }
    }

    /// Begins what was given and can be begun.
    pub(super) fn begin_jobs(&mut self, log: &Rc<Log>) {
        while self.may_write() {
            let Some(job) = self.queue.begin() else {
                return;
            };
            let (ours, panics, epoch) = (log.clone(), log.clone(), self.epoch);
            let task = async move {
                let result = carry_out(&ours, &job).await;
                let inner = &mut *ours.inner.borrow_mut();
                inner.ended(&ours, job, epoch, result);
            };
            rt::spawn(task, move || {
                let inner = &mut *panics.inner.borrow_mut();
                inner.queue.ended();
                inner.fail(&panics, "the writer failed".to_owned());
            });
        }
    }

    fn may_write(&self) -> bool {
        matches!(self.mode, Mode::Up)
    }

    /// Gives a job when one is due that nobody has given yet.
    fn find_job(&mut self, log: &Rc<Log>) {
        let wants_kills = self.kills.noted.wanted > self.kills.noted.safe;
        let wants_edicts = self.edicts.noted.wanted > self.edicts.noted.safe;
        let wants_jobs = self.queue.wanted > self.queue.flushed;
        if wants_kills || wants_edicts || wants_jobs {
            // Those for which there is no room wait for the next segment, or for memory.
            let _: Result<(), Dropped> = self.drain_kills(log);
            self.seal_block(log);
            // What is wanted may still have no room in the log; then no flush helps.
            let helps = |noted: &Noted| noted.wanted > noted.safe && !noted.jobs.is_empty();
            let unflushed = self.queue.flushed < self.queue.given;
            if self.queue.jobs.is_empty() && unflushed && !self.queue.is_alone {
                let helps = helps(&self.kills.noted) || helps(&self.edicts.noted) || wants_jobs;
                if helps {
                    self.queue.push(Job::Flush);
                }
            }
        } else if self.staging.is_worth_writing() || self.is_due(log) {
            self.seal_block(log);
        }
    }

    /// A job has come to its end, in this epoch of the log or an earlier one.
    fn ended(&mut self, log: &Rc<Log>, job: Job, epoch: u32, result: io::Result<()>) {
        self.queue.ended();
        log.counts.answers.add(1);
        if self.epoch != epoch {
            // The log failed meanwhile. Its memory comes back, and that is all.
            return;
        }
        match result {
            Ok(()) => {
                self.done(log, job);
                self.kick(log);
            }
            Err(error) => {
                log.counts.write_errors.add(1);
                self.fail(log, describe(&job, &error));
            }
        }
    }

    fn done(&mut self, log: &Rc<Log>, job: Job) {
        self.queue.done += 1;
        match job {
            Job::Write { what, block, .. } => {
                log.counts.writes.add(1);
                log.counts.written_bytes.add(what.len() as u64);
                if let Some(page) = block {
                    self.staging.written(page);
                }
            }
            Job::Flush => {
                log.counts.flushes.add(1);
                let flushed = self.queue.done;
                self.queue.flushed = flushed;
                self.kills.noted.flushed(flushed);
                self.edicts.noted.flushed(flushed);
                self.unlisted.flushed(flushed);
                // The last stays, as where the next checkpoint begins.
                while self.unsafe_segments.len() > 1 {
                    match self.unsafe_segments.front() {
                        Some((_, job)) if *job < flushed => self.unsafe_segments.pop_front(),
                        _ => break,
                    };
                }
                self.settle_waiting();
            }
        }
        for sender in self.queue.progress.drain(..) {
            sender.send(());
        }
    }

    fn settle_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.queue.waiting);
        for (goal, sender) in waiting {
            match self.reached(goal) {
                true => sender.send(Ok(())),
                false => self.queue.waiting.push((goal, sender)),
            }
        }
    }

    /// It is on the medium.
    pub(super) fn reached(&self, goal: Goal) -> bool {
        match goal {
            Goal::Kills(count) => self.kills.noted.safe >= count,
            Goal::Edicts(count) => self.edicts.noted.safe >= count,
            Goal::Job(number) => self.queue.flushed > number,
        }
    }

    /// Nothing of the queue will be done any more.
    pub(super) fn forget_jobs(&mut self) {
        self.queue.jobs.clear();
        self.queue.done = self.queue.given;
        self.queue.flushed = self.queue.given;
        self.queue.wanted = 0;
        self.queue.progress.clear();
        self.kills.noted.forget();
        self.edicts.noted.forget();
        for (_, sender) in self.queue.waiting.drain(..) {
            sender.send(Err(()));
        }
    }

    fn wait_for(&mut self, log: &Rc<Log>, goal: Goal) -> Option<rt::Waiting<Kept>> {
        if self.reached(goal) {
            return None;
        }
        match goal {
            Goal::Kills(count) => raise(&mut self.kills.noted.wanted, count),
            Goal::Edicts(count) => raise(&mut self.edicts.noted.wanted, count),
            Goal::Job(number) => raise(&mut self.queue.wanted, number + 1),
        }
        let (sender, waiting) = oneshot();
        self.queue.waiting.push((goal, sender));
        self.kick(log);
        Some(waiting)
    }
}

fn raise(level: &mut u64, to: u64) {
    *level = (*level).max(to);
}

impl Log {
    /// Asks for a goal of this epoch, and gives what waits for it.
    pub(super) fn want(self: &Rc<Self>, goal: Goal, epoch: u32) -> Result<Wanted, ()> {
        let inner = &mut *self.inner.borrow_mut();
        if inner.epoch != epoch {
            return Err(());
        }
        Ok(Wanted(inner.wait_for(self, goal)))
    }

    /// Waits until a job is on the medium.
    pub(super) async fn safe(self: &Rc<Self>, job: u64, epoch: u32) -> Kept {
        self.want(Goal::Job(job), epoch)?.reached().await
    }
}

/// Waits for a goal.
pub(super) struct Wanted(Option<rt::Waiting<Kept>>);

impl Wanted {
    pub(super) async fn reached(self) -> Kept {
        match self.0 {
            None => Ok(()),
            Some(waiting) => waiting.await.unwrap_or(Err(())),
        }
    }
}

async fn carry_out(log: &Rc<Log>, job: &Job) -> io::Result<()> {
    match job {
        Job::Write { at, what, block } => {
            if block.is_some() && !log.is_awaited() {
                log.reads.let_pass(YIELD_MS).await;
            }
            log.disk.write(*at, what.clone()).await
        }
        Job::Flush => log.disk.flush().await,
    }
}

impl Log {
    /// Somebody waits for what is written.
    fn is_awaited(&self) -> bool {
        !self.inner.borrow().queue.waiting.is_empty()
    }
}

fn describe(job: &Job, error: &io::Error) -> String {
    match job {
        Job::Write { at, what, .. } => format!(
            "writing {} pages at byte {at} failed: {error}",
            what.len() / PAGE
        ),
        Job::Flush => format!("flushing failed: {error}"),
    }
}

//! One log, from its bytes to its shard's letters. What is read and what that means is decided by
//! the walk; here it is carried out.

use super::device::{Body, Device};
use super::pace::Pace;
use super::{identity, Keeping, LogToKeep, State};
use crate::store::disk::orders::{DiskNews, LogId};
use ringside_engine::store::disk::walk::{Found, Ticket, Walk, Walked};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often it is told how far a recovery is.
const PROGRESS: Duration = Duration::from_secs(1);

/// Recovers the log with this place in the list. `anew`: its superblock may have changed since.
pub(super) async fn recover(body: Body, keeping: Rc<Keeping>, number: usize, anew: bool) {
    let Some(kept) = keeping.kept.get(number) else {
        return;
    };
    let turn = match anew {
        true => kept.asked.get().wrapping_add(1),
        false => kept.asked.get(),
    };
    kept.asked.set(turn);
    // One under way sees that it is not wanted any more.
    while kept.is_recovering() {
        body.sleep(super::UNREAD_PAUSE).await;
        if kept.asked.get() != turn {
            return;
        }
    }
    kept.state.set(State::Silent);
    let mut recovery = Recovery {
        body,
        keeping: &keeping,
        to_keep: &kept.to_keep,
        number,
        turn,
        pace: &kept.pace,
        began: Instant::now(),
        error: None,
    };
    let log = kept.to_keep.log;
    if let Err(error) = recovery.run(anew).await {
        let why = error.to_string();
        keeping.tell(body, DiskNews::Failed { log, why }).await;
    }
    kept.state.set(State::Quiet);
}

/// One recovery under way.
struct Recovery<'a> {
    body: Body,
    keeping: &'a Keeping,
    to_keep: &'a LogToKeep,
    number: usize,
    turn: u32,
    pace: &'a RefCell<Pace>,
    began: Instant,
    /// The first read that failed.
    error: Option<io::Error>,
}

impl Recovery<'_> {
    fn is_wanted(&self) -> bool {
        let kept = self.keeping.kept.get(self.number);
        !self.keeping.is_stopped() && kept.is_some_and(|kept| kept.asked.get() == self.turn)
    }

    fn log(&self) -> LogId {
        self.to_keep.log
    }

    async fn run(&mut self, anew: bool) -> io::Result<()> {
        let LogToKeep {
            path,
            base,
            superblock,
            ..
        } = self.to_keep;
        let bytes = superblock.layout().total_bytes();
        let device = Device::open(self.body, path, *base, bytes).await?;
        let walked = match identity::confirmed(&device, superblock).await {
            Ok(now) => {
                let superblock = if anew { &now } else { superblock };
                self.walk(&device, Walk::new(superblock)).await
            }
            Err(error) => Err(error),
        };
        device.close().await;
        walked
    }

    /// To the end of the walk, or until it is not wanted any more.
    async fn walk(&mut self, device: &Device<Ticket>, mut walk: Walk) -> io::Result<()> {
        let mut progress_at = self.began + PROGRESS;
        while self.is_wanted() {
            while let Some(found) = walk.found() {
                if self.tell(device, found).await? {
                    return Ok(());
                }
            }
            while device.under_way() < self.keeping.reads_max(self.log().device) {
                let Some(read) = walk.wanted() else { break };
                let wait = self.pace.borrow_mut().wait(read.bytes, Instant::now());
                if !wait.is_zero() {
                    self.body.sleep(wait).await;
                }
                device.begin(read.ticket, read.at, read.bytes);
            }
            if let Some((ticket, read)) = device.ended().await {
                match read {
                    Ok(bytes) => walk.feed(ticket, Some(&bytes)),
                    Err(error) => {
                        self.note(error);
                        walk.feed(ticket, None);
                    }
                }
            }
            // Each log is to take something soon, whatever others still have to read.
            self.body.turn().await;
            let now = Instant::now();
            if now >= progress_at {
                progress_at = now + PROGRESS;
                let (done, of) = walk.progress();
                let news = DiskNews::Progress {
                    log: self.log(),
                    done: u64::from(done),
                    of: u64::from(of),
                };
                self.send(news).await;
                self.tell_those_that_wait().await;
            }
        }
        Ok(())
    }

    /// On plain calls one log is recovered after the other: the others hear that it goes on.
    async fn tell_those_that_wait(&self) {
        let waits = |kept: &&super::Kept| kept.state.get() == State::Waiting;
        for kept in self.keeping.kept.iter().filter(waits) {
            let (log, done, of) = (kept.to_keep.log, 0, 0);
            self.keeping
                .tell(self.body, DiskNews::Progress { log, done, of })
                .await;
        }
    }

    fn note(&mut self, error: io::Error) {
        if self.error.is_none() {
            self.keeping
                .say(self.log(), &format!("a read failed: {error}"));
            self.error = Some(error);
        }
    }

    async fn send(&self, news: DiskNews) {
        if let Some(kept) = self.keeping.kept.get(self.number) {
            kept.state.set(State::Telling);
        }
        for part in news.in_parts() {
            self.keeping.tell(self.body, part).await;
        }
    }

    /// After a stop in order the last checkpoint has everything, and there is nothing to say.
    fn tell_operator(&self, walked: &Walked, took: Duration) {
        if walked.objects > 0 {
            let records = walked.objects + walked.entries;
            let what = format!(
                "recovered in {:.1} s: {records} records, {} of them newer than its last checkpoint",
                took.as_secs_f64(),
                walked.objects
            );
            self.keeping.say(self.log(), &what);
        }
    }

    /// Passes on what was found; whether that was all.
    async fn tell(&mut self, device: &Device<Ticket>, found: Found) -> io::Result<bool> {
        let log = self.log();
        match found {
            Found::Footer { at, bytes } => {
                // Without it, the next start scans that segment again.
                if let Err(error) = write_footer(device, at, &bytes).await {
                    let what = format!("a segment can't be sealed: {error}");
                    self.keeping.say(log, &what);
                }
                Ok(false)
            }
            Found::Failed => {
                let error = self.error.take();
                Err(error.unwrap_or_else(|| io::ErrorKind::InvalidData.into()))
            }
            found => {
                let took = self.began.elapsed();
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let mut is_all = false;
                if let Found::Done(walked) = &found {
                    is_all = true;
                    self.tell_operator(walked, took);
                }
                if let Some(news) = DiskNews::of_walk(log, found, took_ms) {
                    self.send(news).await;
                }
                Ok(is_all)
            }
        }
    }
}

async fn write_footer(device: &Device<Ticket>, at: u64, bytes: &[u8]) -> io::Result<()> {
    device.write(at, bytes).await?;
    device.flush().await
}

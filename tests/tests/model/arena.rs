//! The server under the histories: shared by all within a step, alone with who purges or kills it.

use ringside_tests::{pattern, Answer, Ask, Stage};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The route of what only fills memory.
pub(crate) const FLOOD: &str =
    "\n[[sites.routes]]\npath = \"/flood/\"\norigin = \"app\"\ncache.disk = \"never\"\n";

pub(crate) struct Arena<'a> {
    stage: RwLock<&'a mut Stage>,
    pub(crate) shards: usize,
    pub(crate) has_disk: bool,
    /// Times that the server was killed.
    lives: AtomicU64,
    /// Hits from disk in earlier lives.
    hits: Mutex<f64>,
    over: AtomicBool,
}

impl<'a> Arena<'a> {
    pub(crate) fn new(stage: &'a mut Stage, has_disk: bool) -> Self {
        Arena {
            shards: stage.shards,
            stage: RwLock::new(stage),
            has_disk,
            lives: AtomicU64::new(0),
            hits: Mutex::new(0.0),
            over: AtomicBool::new(false),
        }
    }

    /// The server, for a step beside others.
    pub(crate) fn together(&self) -> RwLockReadGuard<'_, &'a mut Stage> {
        // Whoever panicked with it has changed nothing that the lock is for.
        self.stage.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server, while nobody else does anything.
    pub(crate) fn alone(&self) -> RwLockWriteGuard<'_, &'a mut Stage> {
        self.stage.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the server and starts it again. What is not found yet is a miss, and may be a hit a
    /// moment later; the model knows no such thing, so all is found before the next step.
    pub(crate) fn crash(&self, stage: &mut Stage) {
        *self.hits.lock().unwrap_or_else(PoisonError::into_inner) += hits(stage);
        stage.ringside.kill();
        stage.ringside.start_again(None);
        stage.ringside.wait_until_recovered();
        self.lives.fetch_add(1, Ordering::SeqCst);
    }

    /// Times that it was killed.
    pub(crate) fn lives(&self) -> u64 {
        self.lives.load(Ordering::SeqCst)
    }

    /// Hits from disk so far.
    pub(crate) fn hits_from_disk(&self) -> f64 {
        let past = *self.hits.lock().unwrap_or_else(PoisonError::into_inner);
        past + hits(&self.together())
    }

    /// Fills memory, so that what the histories store does not stay there; until the end.
    pub(crate) fn fill(&self) {
        if !self.has_disk {
            return;
        }
        let body = Arc::new(pattern(64 << 10, 1));
        let answer = Answer::shared(body).fresh();
        self.together().origin.on("/flood/*", answer);
        let (mut client, mut lives) = (None, 0);
        for number in 0.. {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let stage = self.together();
            if lives != self.lives() {
                (client, lives) = (None, self.lives());
            }
            let client = client.get_or_insert_with(|| stage.client());
            let ask = Ask::get(&format!("/flood/{number}")).host("flood.test");
            // Some are used, and displace what was used.
            for _ in 0..1 + number % 2 {
                client.ask(&ask).expect(200);
            }
        }
    }

    /// Nobody needs its memory filled any more.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn hits(stage: &Stage) -> f64 {
    let labels = [("outcome", "disk-hit")];
    stage.ringside.metric("ringside_requests_total", &labels)
}

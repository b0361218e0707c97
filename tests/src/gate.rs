//! A gate the origin waits at until the test opens it: the way scripts put events in order.

use crate::wait::PATIENCE;
use std::sync::{Arc, Condvar, Mutex};

/// Closed at first; once open it stays open. Clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.inside.lock().expect("gate").open = true;
        self.0.changed.notify_all();
    }

    /// Waits until the gate is open. False when that took longer than the kit's patience (the test
    /// has most likely failed by then; the origin gives up quietly).
    pub fn pass(&self) -> bool {
        let mut inside = self.0.inside.lock().expect("gate");
        inside.waiting += 1;
        self.0.changed.notify_all();
        let (mut inside, _) = self
            .0
            .changed
            .wait_timeout_while(inside, PATIENCE, |inside| !inside.open)
            .expect("gate");
        inside.waiting -= 1;
        inside.open
    }

    /// Waits until `n` stand before the gate at the same time: proof that they run side by side.
    #[track_caller]
    pub fn wait_for_waiting(&self, n: usize) {
        let inside = self.0.inside.lock().expect("gate");
        let (inside, _) = self
            .0
            .changed
            .wait_timeout_while(inside, PATIENCE, |inside| inside.waiting < n)
            .expect("gate");
        let waiting = inside.waiting;
        // Not held while panicking, or everybody else at the gate would panic too.
        drop(inside);
        assert!(
            waiting >= n,
            "{n} should stand before the gate, {waiting} do"
        );
    }
}

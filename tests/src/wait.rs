//! Bounded waiting: every wait of the kit ends in time or in a panic that says for what.

use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest any single wait of the kit takes before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A moment after which waiting is a failure.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// [`PATIENCE`] from now.
    pub fn soon() -> Self {
        Self::after(PATIENCE)
    }

    /// `span` from now.
    pub fn after(span: Duration) -> Self {
        Deadline(Instant::now() + span)
    }

    /// What is left; panics with `what` when nothing is.
    #[track_caller]
    pub fn left(&self, what: &str) -> Duration {
        let left = self.0.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "waited too long for {what}");
        left
    }

    /// True once the moment is past.
    pub fn is_past(&self) -> bool {
        Instant::now() >= self.0
    }

    /// Bounds the next read of `stream` by what is left.
    #[track_caller]
    pub fn bound_read(&self, stream: &TcpStream, what: &str) {
        stream
            .set_read_timeout(Some(self.left(what)))
            .expect("a read timeout can be set");
    }
}

/// Asks `ready` again and again until it says yes; panics with `what` after [`PATIENCE`].
///
/// For conditions outside this process that nobody announces (a counter of the server, its
/// resident memory). Where the kit itself sees the event, it waits on a condition variable instead.
#[track_caller]
pub fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Deadline::soon();
    while !ready() {
        deadline.left(what);
        // Not synchronisation: the answer comes from `ready`; this only spares the processor.
        std::thread::sleep(Duration::from_millis(2));
    }
}

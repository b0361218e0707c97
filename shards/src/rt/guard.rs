//! Keeps a panic inside the task that had it.

use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A task whose panic ends only itself: the future is dropped right there, so that what it held
/// (sockets, budget, places in queues) is given back, and then `on_panic` is called.
///
/// Written by hand, not as an async block: that would hold the future twice, and every idle
/// connection is one.
pub(super) struct Task<F, P> {
    future: Option<F>,
    on_panic: Option<P>,
}

impl<F, P> Task<F, P> {
    pub(super) fn new(future: F, on_panic: P) -> Self {
        Task {
            future: Some(future),
            on_panic: Some(on_panic),
        }
    }
}

impl<F: Future<Output = ()>, P: FnOnce()> Future for Task<F, P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: structural pinning: `future` is never moved out while pinned, only dropped in
        // place by assigning `None` through the pinned slot. `on_panic` is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let Some(future) = this.future.as_mut() else {
            return Poll::Ready(());
        };
        // SAFETY: as above, the slot is pinned with us.
        let future = unsafe { Pin::new_unchecked(future) };
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => this.future = None,
            Err(_) => {
                // A panic while dropping must not escape either.
                let _ = catch_unwind(AssertUnwindSafe(|| this.future = None));
                if let Some(on_panic) = this.on_panic.take() {
                    on_panic();
                }
            }
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Waker;

    fn poll_once(task: impl Future<Output = ()>) -> Poll<()> {
        let mut task = Box::pin(task);
        task.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_panic_is_told_and_what_was_held_is_dropped() {
        let (held, told) = (Rc::new(()), Rc::new(Cell::new(false)));
        let (inside, tell) = (held.clone(), told.clone());
        let task = Task::new(
            async move {
                let _inside = inside;
                panic!("deliberate, for the test");
            },
            move || tell.set(true),
        );
        assert_eq!(poll_once(task), Poll::Ready(()));
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(told.get());
    }

    #[test]
    fn a_task_without_panic_tells_nothing() {
        let task = Task::new(async {}, || unreachable!("it did not panic"));
        assert_eq!(poll_once(task), Poll::Ready(()));
    }
}

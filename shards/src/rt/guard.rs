//! Keeps a panic inside the task that had it.

use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future, with a panic turned into `Err(())`. The future is dropped right there, so that
/// what it held (sockets, budget, places in queues) is given back before anyone looks.
pub fn guard<F: Future>(future: F) -> impl Future<Output = Result<F::Output, ()>> {
    Guard { future: Some(future) }
}

struct Guard<F> {
    future: Option<F>,
}

impl<F: Future> Future for Guard<F> {
    type Output = Result<F::Output, ()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: structural pinning: `future` is never moved out while pinned, only dropped in
        // place by assigning `None` through the pinned slot.
        let slot = unsafe { &mut self.get_unchecked_mut().future };
        let Some(future) = slot.as_mut() else {
            return Poll::Ready(Err(()));
        };
        // SAFETY: as above, the slot is pinned with us.
        let future = unsafe { Pin::new_unchecked(future) };
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                *slot = None;
                Poll::Ready(Ok(value))
            }
            Err(_) => {
                // A panic while dropping must not escape either.
                let _ = catch_unwind(AssertUnwindSafe(|| *slot = None));
                Poll::Ready(Err(()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
        let mut future = Box::pin(future);
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_panic_becomes_an_error_and_drops_what_was_held() {
        let held = std::rc::Rc::new(());
        let inside = held.clone();
        let outcome = poll_once(guard(async move {
            let _inside = inside;
            panic!("deliberate, for the test");
        }));
        assert!(matches!(outcome, Poll::Ready(Err(()))));
        assert_eq!(std::rc::Rc::strong_count(&held), 1);
    }

    #[test]
    fn a_value_passes() {
        assert_eq!(poll_once(guard(async { 7 })), Poll::Ready(Ok(7)));
    }
}

//! Waiting within one shard: a one-value channel and a counting semaphore. No locks, no threads.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

struct Slot<T> {
    value: Cell<Option<T>>,
    waker: Cell<Option<Waker>>,
    closed: Cell<bool>,
}

/// The end that gives the value.
pub struct Sender<T>(Rc<Slot<T>>);

/// The end that waits; resolves to `None` when the sender is gone without a value.
pub struct Waiting<T>(Rc<Slot<T>>);

/// A channel for one value within a shard.
pub fn oneshot<T>() -> (Sender<T>, Waiting<T>) {
    let slot = Rc::new(Slot {
        value: Cell::new(None),
        waker: Cell::new(None),
        closed: Cell::new(false),
    });
    (Sender(slot.clone()), Waiting(slot))
}

impl<T> Sender<T> {
    /// Gives the value and wakes the waiter.
    pub fn send(self, value: T) {
        self.0.value.set(Some(value));
    }

    /// Nobody waits any more.
    pub fn is_forgotten(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.closed.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

impl<T> Future for Waiting<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(value) = self.0.value.take() {
            return Poll::Ready(Some(value));
        }
        if self.0.closed.get() {
            return Poll::Ready(None);
        }
        self.0.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// What came first of two waits.
pub enum First<A, B> {
    /// The one.
    One(A),
    /// The other.
    Other(B),
}

/// Waits for the first of two, and drops the other. Neither may own an operation in flight.
pub async fn first<A: Future, B: Future>(one: A, other: B) -> First<A::Output, B::Output> {
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(value) = one.as_mut().poll(cx) {
            return Poll::Ready(First::One(value));
        }
        other.as_mut().poll(cx).map(First::Other)
    })
    .await
}

/// Work that goes on while something else is waited for ([`meanwhile`]), and whose result is asked
/// for afterwards.
pub struct Started<F: Future> {
    future: Pin<Box<F>>,
    value: Option<F::Output>,
}

impl<F: Future> Started<F> {
    /// Begins with the first [`meanwhile`], or when it is finished. It may own no operation in
    /// flight, since it may be dropped.
    pub fn new(future: F) -> Self {
        Started {
            future: Box::pin(future),
            value: None,
        }
    }

    /// Its result.
    pub async fn finish(self) -> F::Output {
        match self.value {
            Some(value) => value,
            None => self.future.await,
        }
    }
}

/// Waits for `main` while `side` goes on, as far as it comes.
pub async fn meanwhile<M: Future, S: Future>(main: M, side: &mut Started<S>) -> M::Output {
    let mut main = std::pin::pin!(main);
    std::future::poll_fn(|cx| {
        if side.value.is_none() {
            if let Poll::Ready(value) = side.future.as_mut().poll(cx) {
                side.value = Some(value);
            }
        }
        main.as_mut().poll(cx)
    })
    .await
}

/// Counts what may be under way at a time; those above wait in order.
pub struct Semaphore {
    free: Cell<usize>,
    queue: RefCell<VecDeque<Sender<Permit>>>,
}

/// The right to be one of those under way; given back when dropped.
pub struct Permit(Rc<Semaphore>);

impl Semaphore {
    /// At most `count` at a time.
    pub fn new(count: usize) -> Rc<Semaphore> {
        Rc::new(Semaphore {
            free: Cell::new(count),
            queue: RefCell::default(),
        })
    }

    /// A permit, at once or when one is given back.
    pub async fn enter(self: &Rc<Self>) -> Permit {
        if let Some(permit) = self.try_enter() {
            return permit;
        }
        let (sender, waiting) = oneshot();
        self.queue.borrow_mut().push_back(sender);
        match waiting.await {
            Some(permit) => permit,
            // The queue lives as long as `self`, so a sender is only dropped after sending.
            None => Permit(self.clone()),
        }
    }

    /// A permit, if one is free.
    pub fn try_enter(self: &Rc<Self>) -> Option<Permit> {
        let free = self.free.get().checked_sub(1)?;
        self.free.set(free);
        Some(Permit(self.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.free.set(self.0.free.get() + 1);
        // Hand it to the first who still waits. The borrow ends before anything is sent, since
        // sending wakes, and a permit dropped by a forgotten receiver comes back here.
        loop {
            let next = self.0.queue.borrow_mut().pop_front();
            let Some(next) = next else { return };
            if next.is_forgotten() {
                continue;
            }
            if let Some(permit) = self.0.try_enter() {
                next.send(permit);
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_value_arrives_and_a_lost_sender_is_noticed() {
        let (sender, mut waiting) = oneshot();
        assert!(poll(&mut waiting).is_pending());
        sender.send(5);
        assert_eq!(poll(&mut waiting), Poll::Ready(Some(5)));
        let (sender, mut waiting) = oneshot::<u8>();
        drop(sender);
        assert_eq!(poll(&mut waiting), Poll::Ready(None));
    }

    #[test]
    fn what_was_started_goes_on_meanwhile() {
        let (first, side) = oneshot::<u8>();
        let (second, main) = oneshot::<u8>();
        let mut started = Started::new(side);
        {
            let mut both = Box::pin(meanwhile(main, &mut started));
            assert!(poll(&mut both).is_pending());
            first.send(1);
            second.send(2);
            assert_eq!(poll(&mut both), Poll::Ready(Some(2)));
        }
        let mut finish = Box::pin(started.finish());
        assert_eq!(poll(&mut finish), Poll::Ready(Some(1)));
    }

    #[test]
    fn a_permit_goes_to_the_first_who_still_waits() {
        let gate = Semaphore::new(1);
        let held = gate.try_enter().unwrap();
        let mut gone = Box::pin(gate.enter());
        let mut patient = Box::pin(gate.enter());
        assert!(poll(&mut gone).is_pending());
        assert!(poll(&mut patient).is_pending());
        drop(gone);
        drop(held);
        let Poll::Ready(permit) = poll(&mut patient) else {
            panic!("the permit was lost")
        };
        assert!(gate.try_enter().is_none());
        drop(permit);
        assert!(gate.try_enter().is_some());
    }
}

//! The queues between shards, and who wakes whom.
//!
//! | state of a postman | a sender that flushes | the postman |
//! |---|---|---|
//! | awake | only pushes | drains until nothing is left |
//! | asleep | pushes, clears `asleep`, rings | set `asleep`, fence, looked again, then waited |
//!
//! Both sides fence between their write and their look, so either the sender sees `asleep` or the
//! postman sees the letter: a letter is never left behind.

use super::letter::Letter;
use crate::rt::{Bell, Buffer, Ringer};
use crossbeam::queue::ArrayQueue;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{fence, AtomicBool, Ordering};
use std::sync::Arc;

/// Letters one pair of shards can have under way.
const QUEUE_LETTERS: usize = 1024;
/// Letters from outside the shards.
const OUTSIDE_LETTERS: usize = 4096;
/// Questions that may wait in an outbox before further ones are refused.
const OUTBOX_LETTERS: usize = 1024;

/// One shard's receiving side, shared with all who write to it.
struct Box_ {
    /// One queue per sender; the last is the outside's.
    queues: Vec<ArrayQueue<Letter>>,
    asleep: AtomicBool,
    ringer: Ringer,
}

impl Box_ {
    fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            self.ringer.ring();
        }
    }

    fn is_empty(&self) -> bool {
        self.queues.iter().all(ArrayQueue::is_empty)
    }
}

/// One shard's post office: its own box, and the way into its siblings'.
pub struct Post {
    id: usize,
    boxes: Arc<[Box_]>,
    outbox: Vec<RefCell<VecDeque<Letter>>>,
    unsent: Cell<bool>,
    sent: Cell<u64>,
}

/// A way to write to every shard from a thread that is none.
#[derive(Clone)]
pub struct Outside {
    boxes: Arc<[Box_]>,
}

/// Post offices for `count` shards, and the outside's access to them.
///
/// # Errors
/// No descriptors left for the bells.
pub fn mesh(count: usize) -> io::Result<(Vec<Post>, Outside)> {
    let mut boxes = Vec::with_capacity(count);
    for _ in 0..count {
        let mut queues: Vec<_> = (0..count).map(|_| ArrayQueue::new(QUEUE_LETTERS)).collect();
        queues.push(ArrayQueue::new(OUTSIDE_LETTERS));
        boxes.push(Box_ {
            queues,
            asleep: AtomicBool::new(false),
            ringer: Ringer::new()?,
        });
    }
    let boxes: Arc<[Box_]> = boxes.into();
    let posts = (0..count)
        .map(|id| Post {
            id,
            boxes: boxes.clone(),
            outbox: (0..count).map(|_| RefCell::default()).collect(),
            unsent: Cell::new(false),
            sent: Cell::new(0),
        })
        .collect();
    Ok((posts, Outside { boxes }))
}

impl Post {
    /// The bell of this shard, on the calling ring.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn bell(&self) -> io::Result<Bell> {
        self.own().ringer.bell()
    }

    fn own(&self) -> &Box_ {
        &self.boxes[self.id]
    }

    /// Puts a letter into the outbox. Returns whether somebody must flush (the first of a turn).
    pub fn put(&self, to: usize, letter: Letter) -> bool {
        self.outbox[to].borrow_mut().push_back(letter);
        self.sent.set(self.sent.get() + 1);
        !self.unsent.replace(true)
    }

    /// A question to `to` would find room.
    pub fn has_room(&self, to: usize) -> bool {
        self.outbox[to].borrow().len() < OUTBOX_LETTERS
    }

    /// Moves the outboxes into the queues and rings the bells of those asleep.
    pub fn flush(&self) {
        self.unsent.set(false);
        for (to, outbox) in self.outbox.iter().enumerate() {
            let mut outbox = outbox.borrow_mut();
            if outbox.is_empty() {
                continue;
            }
            let theirs = &self.boxes[to];
            while let Some(letter) = outbox.pop_front() {
                if let Err(letter) = theirs.queues[self.id].push(letter) {
                    // Full: its postman is awake with plenty to do. The next turn tries again.
                    outbox.push_front(letter);
                    break;
                }
            }
            theirs.wake();
        }
    }

    /// Letters wait in an outbox because a queue was full.
    pub fn has_unsent(&self) -> bool {
        self.outbox.iter().any(|outbox| !outbox.borrow().is_empty())
    }

    /// Letters sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// The next letter for this shard, if there is one, and who sent it (the number of shards for
    /// the outside).
    pub fn take(&self) -> Option<(usize, Letter)> {
        let own = self.own();
        own.queues
            .iter()
            .enumerate()
            .find_map(|(from, queue)| Some((from, queue.pop()?)))
    }

    /// Sleeps until the bell rings, unless a letter is there already.
    pub async fn sleep(&self, bell: &Bell, buffer: Buffer) -> Buffer {
        let own = self.own();
        own.asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !own.is_empty() && own.asleep.swap(false, Ordering::AcqRel) {
            return buffer;
        }
        // Woken, or somebody is about to ring: the bell is waited for exactly once either way.
        bell.wait(buffer).await
    }
}

impl Outside {
    /// Writes to one shard.
    ///
    /// # Errors
    /// The letter comes back: that queue is full, or there is no such shard. It is read at every
    /// turn of that shard, so the sender may try again soon.
    pub fn tell(&self, shard: usize, letter: Letter) -> Result<(), Letter> {
        let Some(one) = self.boxes.get(shard) else {
            return Err(letter);
        };
        let told = match one.queues.last() {
            Some(queue) => queue.push(letter),
            None => Err(letter),
        };
        one.wake();
        told
    }

    /// Letters from outside that a shard has not read yet.
    pub fn unread(&self, shard: usize) -> usize {
        let queue = self.boxes.get(shard).and_then(|one| one.queues.last());
        queue.map_or(0, ArrayQueue::len)
    }

    /// How many shards there are to be written to.
    pub fn shards(&self) -> usize {
        self.boxes.len()
    }

    /// Writes to every shard. `false`: some queue was full and that shard was not told.
    pub fn tell_all(&self, mut letter: impl FnMut() -> Letter) -> bool {
        let mut told = true;
        for one in self.boxes.iter() {
            if let Some(queue) = one.queues.last() {
                told &= queue.push(letter()).is_ok();
            }
            one.wake();
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_engine::key::Key;

    #[test]
    fn letters_arrive_in_order_and_overflow_waits() {
        let (posts, _outside) = mesh(2).unwrap();
        for n in 0..(QUEUE_LETTERS + 10) {
            posts[0].put(1, Letter::Pull { ticket: n as u64 });
        }
        posts[0].flush();
        assert!(posts[0].has_unsent());
        let mut seen = 0;
        while let Some((from, letter)) = posts[1].take() {
            assert_eq!(from, 0);
            assert!(matches!(letter, Letter::Pull { ticket } if ticket == seen));
            seen += 1;
            posts[0].flush();
        }
        assert_eq!(seen as usize, QUEUE_LETTERS + 10);
        assert!(!posts[0].has_unsent());
    }

    #[test]
    fn the_outside_reaches_every_shard() {
        let (posts, outside) = mesh(3).unwrap();
        assert!(outside.tell_all(|| Letter::LetGo { key: Key(9) }));
        for post in &posts {
            assert!(matches!(
                post.take(),
                Some((3, Letter::LetGo { key: Key(9) }))
            ));
        }
    }

    #[test]
    fn the_outside_gets_a_letter_back_that_finds_no_room() {
        let (posts, outside) = mesh(2).unwrap();
        for ticket in 0..OUTSIDE_LETTERS as u64 {
            assert!(outside.tell(1, Letter::Pull { ticket }).is_ok());
        }
        let back = outside.tell(1, Letter::Pull { ticket: 77 });
        assert!(matches!(back, Err(Letter::Pull { ticket: 77 })));
        assert!(outside.tell(2, Letter::Stop).is_err());
        assert_eq!(outside.unread(0), 0);
        assert_eq!(outside.unread(1), OUTSIDE_LETTERS);
        // Only that shard was written to, and room for one is room for one.
        assert!(posts[0].take().is_none());
        assert!(matches!(
            posts[1].take(),
            Some((2, Letter::Pull { ticket: 0 }))
        ));
        assert!(outside.tell(1, Letter::Pull { ticket: 77 }).is_ok());
    }

    #[test]
    fn a_sleeping_postman_is_always_woken() {
        let (mut posts, _outside) = mesh(2).unwrap();
        let receiver = posts.pop().unwrap();
        let sender = posts.pop().unwrap();
        const LETTERS: u64 = 20_000;
        let reader = std::thread::spawn(move || {
            crate::rt::run(async move {
                let bell = receiver.bell().unwrap();
                let mut buffer = Buffer::with_capacity(8);
                let mut seen = 0;
                while seen < LETTERS {
                    while let Some((_, letter)) = receiver.take() {
                        assert!(matches!(letter, Letter::Pull { ticket } if ticket == seen));
                        seen += 1;
                    }
                    if seen < LETTERS {
                        buffer = receiver.sleep(&bell, buffer).await;
                    }
                }
            })
            .unwrap();
        });
        let mut ticket = 0;
        while ticket < LETTERS {
            if sender.has_room(1) {
                sender.put(1, Letter::Pull { ticket });
                ticket += 1;
            }
            sender.flush();
            if ticket % 97 == 0 {
                std::thread::yield_now();
            }
        }
        while sender.has_unsent() {
            sender.flush();
        }
        reader.join().unwrap();
    }
}

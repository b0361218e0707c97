//! Deadlines of sockets, kept in one table per shard and swept several times a second.
//!
//! A socket that is over its time is shut down with shutdown(2). Whatever operation waits on it
//! then completes by itself, so nothing is ever cancelled in the ring and no completion is lost:
//! - [`When::Idle`] and [`When::Read`] shut the receiving side: a read gives 0, and an answer
//!   such as 408 can still be sent;
//! - [`When::Write`] shuts both sides: a write fails.
//!
//! A read and a write may be awaited at the same time by two tasks, so each has a deadline of its
//! own. One entry is 24 bytes; a sweep looks at every entry once.

use ringside_engine::time::Mono;
use std::cell::RefCell;
use std::os::fd::RawFd;
use std::time::Duration;

/// What a socket is waiting for until its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing is under way: may be closed at any time, and is when the shard stops.
    Idle,
    /// Bytes from the peer.
    Read,
    /// The peer taking our bytes, or a connection being established.
    Write,
}

struct Entry {
    fd: RawFd,
    /// The read that is awaited is one between requests.
    idle: bool,
    read_expired: bool,
    write_expired: bool,
    read_at: Mono,
    write_at: Mono,
}

const NEVER: Mono = Mono(u64::MAX);
const FREE: RawFd = -1;

#[derive(Default)]
struct Table {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

/// A socket's place in the table; given back when dropped.
pub(super) struct Place(u32);

impl Place {
    /// Enters `fd`, without a deadline. The owner drops the place before it closes `fd`.
    pub(super) fn enter(fd: RawFd) -> Place {
        TABLE.with_borrow_mut(|table| {
            let entry = Entry {
                fd,
                idle: false,
                read_expired: false,
                write_expired: false,
                read_at: NEVER,
                write_at: NEVER,
            };
            if let Some(slot) = table.free.pop() {
                if let Some(place) = table.entries.get_mut(slot as usize) {
                    *place = entry;
                }
                return Place(slot);
            }
            table.entries.push(entry);
            Place((table.entries.len() - 1) as u32)
        })
    }

    pub(super) fn set(&self, when: When, after: Duration, now: Mono) {
        let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let at = Mono(now.0.saturating_add(ms).min(NEVER.0 - 1));
        self.edit(|entry| match when {
            When::Idle | When::Read => {
                entry.read_at = at;
                entry.idle = when == When::Idle;
            }
            When::Write => entry.write_at = at,
        });
    }

    pub(super) fn clear(&self, when: When) {
        self.edit(|entry| match when {
            When::Idle | When::Read => entry.read_at = NEVER,
            When::Write => entry.write_at = NEVER,
        });
    }

    pub(super) fn expired(&self) -> bool {
        TABLE.with_borrow(|table| {
            let entry = table.entries.get(self.0 as usize);
            entry.is_some_and(|entry| entry.read_expired || entry.write_expired)
        })
    }

    fn edit(&self, change: impl FnOnce(&mut Entry)) {
        TABLE.with_borrow_mut(|table| {
            if let Some(entry) = table.entries.get_mut(self.0 as usize) {
                change(entry);
            }
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TABLE.with_borrow_mut(|table| {
            if let Some(entry) = table.entries.get_mut(self.0 as usize) {
                entry.fd = FREE;
                entry.read_at = NEVER;
                entry.write_at = NEVER;
            }
            table.free.push(self.0);
        });
    }
}

/// Ends what is over its time; with `stopping`, idle sockets too. Returns how many.
pub fn sweep(now: Mono, stopping: bool) -> usize {
    TABLE.with_borrow_mut(|table| {
        let mut ended = 0;
        for entry in &mut table.entries {
            if entry.fd == FREE {
                continue;
            }
            let waits_idle = entry.idle && entry.read_at != NEVER;
            if !entry.read_expired && (entry.read_at <= now || (stopping && waits_idle)) {
                entry.read_expired = true;
                ended += 1;
                // SAFETY: `fd` is open: its owner drops the place, which frees the entry, before
                // it closes the socket. An error (not connected any more) leaves nothing to do.
                unsafe { libc::shutdown(entry.fd, libc::SHUT_RD) };
            }
            if !entry.write_expired && entry.write_at <= now {
                entry.write_expired = true;
                ended += 1;
                // SAFETY: as above.
                unsafe { libc::shutdown(entry.fd, libc::SHUT_RDWR) };
            }
        }
        ended
    })
}

const _: () = assert!(std::mem::size_of::<Entry>() <= 24);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_read_over_its_time_ends_and_the_answer_still_goes_out() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let place = Place::enter(ours.as_raw_fd());
        place.set(When::Read, Duration::from_millis(50), Mono(1000));
        assert_eq!(sweep(Mono(1049), false), 0);
        assert_eq!(sweep(Mono(1050), false), 1);
        assert!(place.expired());
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
        ours.write_all(b"408").unwrap();
        let mut got = [0; 3];
        theirs.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"408");
    }

    #[test]
    fn stopping_ends_idle_sockets_only() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let (busy, _other) = UnixStream::pair().unwrap();
        let idle = Place::enter(ours.as_raw_fd());
        let reading = Place::enter(busy.as_raw_fd());
        idle.set(When::Idle, Duration::from_secs(60), Mono(0));
        reading.set(When::Read, Duration::from_secs(60), Mono(0));
        sweep(Mono(1), true);
        assert!(idle.expired());
        assert!(!reading.expired());
    }

    #[test]
    fn a_place_is_reused_without_its_past() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let first = Place::enter(ours.as_raw_fd());
        first.set(When::Read, Duration::ZERO, Mono(0));
        sweep(Mono(1), false);
        drop(first);
        let second = Place::enter(ours.as_raw_fd());
        assert!(!second.expired());
    }
}

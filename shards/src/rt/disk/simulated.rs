//! A disk in memory that does what real ones may do, by the dice of its seed.
//!
//! What is written lies in a volatile cache until it is flushed. A crash keeps any part of it:
//! each write whole, torn at any sector or not at all, in any order. Operations end when the test
//! says so, in an order of its choice, or at once.
//!
//! Faults on demand: the n-th operation from now fails; a page can't be read; bits flip on the
//! medium; the device turns read-only, fills up, or is gone.

use super::super::local::{oneshot, Sender};
use super::super::pages::{Pages, Part, PAGE_BYTES};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

/// What a crash may cut a write at.
pub const SECTOR_BYTES: usize = 512;

/// A source of chance that replays from its seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// What is the matter with the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Writes and flushes give EROFS.
    ReadOnly,
    /// Writes give ENOSPC.
    Full,
    /// Everything gives ENODEV.
    Gone,
    /// Reads give EIO.
    Unreadable,
}

type Page = [u8; PAGE_BYTES];

struct Written {
    id: u64,
    at: u64,
    bytes: Vec<u8>,
}

enum Kind {
    Read { at: u64, pages: Pages },
    Write { at: u64, bytes: Vec<u8> },
    Flush { before: u64 },
}

struct Pending {
    kind: Kind,
    done: Sender<io::Result<Option<Pages>>>,
}

/// The device: outlives the logs that use it, and crashes.
pub struct SimulatedDisk {
    bytes: u64,
    dice: RefCell<Dice>,
    stable: RefCell<BTreeMap<u64, Box<Page>>>,
    cache: RefCell<Vec<Written>>,
    pending: RefCell<Vec<Pending>>,
    at_once: Cell<bool>,
    fault: Cell<Fault>,
    fails_in: Cell<Option<(u64, i32)>>,
    bad: RefCell<BTreeSet<u64>>,
    ids: Cell<u64>,
    operations: Cell<u64>,
    life: Cell<u64>,
}

impl SimulatedDisk {
    /// `bytes` of zeros.
    pub fn new(bytes: u64, seed: u64) -> Rc<SimulatedDisk> {
        Rc::new(SimulatedDisk {
            bytes,
            dice: RefCell::new(Dice::new(seed)),
            stable: RefCell::default(),
            cache: RefCell::default(),
            pending: RefCell::default(),
            at_once: Cell::new(true),
            fault: Cell::default(),
            fails_in: Cell::new(None),
            bad: RefCell::default(),
            ids: Cell::new(0),
            operations: Cell::new(0),
            life: Cell::new(0),
        })
    }

    /// Operations end by themselves at once, or only by [`SimulatedDisk::step`].
    pub fn at_once(&self, at_once: bool) {
        self.at_once.set(at_once);
    }

    /// From now on this is the matter.
    pub fn fault(&self, fault: Fault) {
        self.fault.set(fault);
    }

    /// The `n`-th operation from now (0 is the next) fails with `errno`.
    pub fn fail_in(&self, n: u64, errno: i32) {
        self.fails_in.set(Some((n, errno)));
    }

    /// Reads of the page at `at` give EIO until it is written again.
    pub fn spoil(&self, at: u64) {
        self.bad.borrow_mut().insert(at / PAGE_BYTES as u64);
    }

    /// The page at `at` can be read again, as it was.
    pub fn heal(&self, at: u64) {
        self.bad.borrow_mut().remove(&(at / PAGE_BYTES as u64));
    }

    /// Turns one bit of what is stored.
    pub fn flip(&self, at: u64, bit: u8) {
        let (page, within) = (at / PAGE_BYTES as u64, at as usize % PAGE_BYTES);
        self.settle();
        if let Some(page) = self.stable.borrow_mut().get_mut(&page) {
            page[within] ^= 1 << (bit % 8);
        }
    }

    /// Grows with each crash: who opened it in an earlier life is dead, and does nothing more.
    pub fn life(&self) -> u64 {
        self.life.get()
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// Operations that wait for [`SimulatedDisk::step`].
    pub fn pending(&self) -> usize {
        self.pending.borrow().len()
    }

    /// Ends one waiting operation, any of them. `false`: none waits.
    pub fn step(&self) -> bool {
        let which = match self.pending.borrow().len() {
            0 => return false,
            len => self.dice.borrow_mut().below(len),
        };
        let Pending { kind, done } = self.pending.borrow_mut().remove(which);
        let result = self.carry_out(kind);
        done.send(result);
        true
    }

    /// The power goes: what waits never ends, what was not flushed is kept in any part. Faults are
    /// over; damage to the medium stays.
    pub fn crash(&self) {
        let mut left: Vec<(u64, Vec<u8>)> = Vec::new();
        for written in self.cache.borrow_mut().drain(..) {
            left.push((written.at, written.bytes));
        }
        for pending in self.pending.borrow_mut().drain(..) {
            if let Kind::Write { at, bytes } = pending.kind {
                left.push((at, bytes));
            }
        }
        let mut dice = self.dice.borrow_mut();
        // All kept, all lost, or each as it comes.
        let mood = dice.below(4);
        while !left.is_empty() {
            let which = dice.below(left.len());
            let (at, bytes) = left.swap_remove(which);
            match (mood, dice.below(4)) {
                (0, _) | (2 | 3, 0) => self.store(at, &bytes, |_| true),
                (1, _) | (2 | 3, 1) => {}
                (_, 2) => {
                    let cut = dice.below(bytes.len() / SECTOR_BYTES + 1);
                    self.store(at, &bytes, |sector| sector < cut);
                }
                _ => {
                    let mut own = Dice::new(dice.roll());
                    self.store(at, &bytes, |_| own.once_in(2));
                }
            }
        }
        self.fault.set(Fault::None);
        self.fails_in.set(None);
        self.life.set(self.life.get() + 1);
    }

    /// A stop in good order: everything is kept.
    pub fn settle(&self) {
        for written in self.cache.borrow_mut().drain(..) {
            self.store(written.at, &written.bytes, |_| true);
        }
    }

    /// Reads as a process would, without faults but spoilt pages; for recovery in tests.
    ///
    /// # Errors
    /// A page is spoilt, or the place is outside.
    pub fn look(&self, at: u64, bytes: usize) -> io::Result<Vec<u8>> {
        self.check(at, bytes)?;
        let pages = at / PAGE_BYTES as u64..(at + bytes as u64) / PAGE_BYTES as u64;
        if self.bad.borrow().range(pages).next().is_some() {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        let mut into = vec![0; bytes];
        self.copy_out(at, &mut into);
        Ok(into)
    }

    /// Writes as somebody else would (the keeper, the preparer), flushed; what others wrote is not.
    pub fn put(&self, at: u64, bytes: &[u8]) {
        self.store(at, bytes, |_| true);
    }

    pub(super) fn reopen(&self) -> io::Result<()> {
        match self.fault.get() {
            Fault::Gone => Err(io::Error::from_raw_os_error(libc::ENODEV)),
            _ => Ok(()),
        }
    }

    pub(super) async fn read(&self, life: u64, at: u64, pages: Pages) -> io::Result<Pages> {
        self.check(at, pages.capacity())?;
        let pages = self.run(life, Kind::Read { at, pages }).await?;
        pages.ok_or_else(|| io::ErrorKind::Other.into())
    }

    pub(super) async fn write(&self, life: u64, at: u64, from: &Part) -> io::Result<()> {
        let bytes = from.to_vec();
        self.check(at, bytes.len())?;
        self.run(life, Kind::Write { at, bytes }).await.map(drop)
    }

    pub(super) async fn flush(&self, life: u64) -> io::Result<()> {
        let before = self.ids.get();
        self.run(life, Kind::Flush { before }).await.map(drop)
    }

    async fn run(&self, life: u64, kind: Kind) -> io::Result<Option<Pages>> {
        if life != self.life.get() {
            return std::future::pending().await;
        }
        if self.at_once.get() {
            return self.carry_out(kind);
        }
        let (done, waiting) = oneshot();
        self.pending.borrow_mut().push(Pending { kind, done });
        match waiting.await {
            Some(result) => result,
            // Crashed: nobody hears of it any more.
            None => std::future::pending().await,
        }
    }

    fn check(&self, at: u64, bytes: usize) -> io::Result<()> {
        let page = PAGE_BYTES as u64;
        if at % page != 0 || bytes % PAGE_BYTES != 0 || at + bytes as u64 > self.bytes {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(())
    }

    fn carry_out(&self, kind: Kind) -> io::Result<Option<Pages>> {
        self.operations.set(self.operations.get() + 1);
        if let Some(error) = self.refusal(&kind) {
            // A write that failed may be there in part.
            if let Kind::Write { at, mut bytes } = kind {
                let keep = self.dice.borrow_mut().below(bytes.len() / SECTOR_BYTES + 1);
                bytes.truncate(keep * SECTOR_BYTES);
                self.remember(at, bytes);
            }
            return Err(error);
        }
        match kind {
            Kind::Read { at, mut pages } => {
                let mut bytes = vec![0; pages.capacity()];
                self.copy_out(at, &mut bytes);
                pages = Pages::of(&bytes).ok_or(io::ErrorKind::OutOfMemory)?;
                Ok(Some(pages))
            }
            Kind::Write { at, bytes } => {
                let end = at + bytes.len() as u64;
                let pages = at / PAGE_BYTES as u64..end / PAGE_BYTES as u64;
                self.bad.borrow_mut().retain(|page| !pages.contains(page));
                self.remember(at, bytes);
                Ok(None)
            }
            Kind::Flush { before } => {
                let mut cache = self.cache.borrow_mut();
                let (flushed, kept) = cache.drain(..).partition(|written| written.id < before);
                *cache = kept;
                drop(cache);
                let flushed: Vec<Written> = flushed;
                for written in flushed {
                    self.store(written.at, &written.bytes, |_| true);
                }
                Ok(None)
            }
        }
    }

    fn refusal(&self, kind: &Kind) -> Option<io::Error> {
        let fails = match self.fails_in.get() {
            Some((0, errno)) => {
                self.fails_in.set(None);
                Some(errno)
            }
            Some((n, errno)) => {
                self.fails_in.set(Some((n - 1, errno)));
                None
            }
            None => None,
        };
        let errno = fails.or(match (self.fault.get(), kind) {
            (Fault::Gone, _) => Some(libc::ENODEV),
            (Fault::ReadOnly, Kind::Write { .. } | Kind::Flush { .. }) => Some(libc::EROFS),
            (Fault::Full, Kind::Write { .. }) => Some(libc::ENOSPC),
            (Fault::Unreadable, Kind::Read { .. }) => Some(libc::EIO),
            (_, Kind::Read { at, pages }) => {
                let end = at + pages.capacity() as u64;
                let pages = at / PAGE_BYTES as u64..end / PAGE_BYTES as u64;
                let bad = self.bad.borrow();
                bad.range(pages).next().map(|_| libc::EIO)
            }
            _ => None,
        });
        errno.map(io::Error::from_raw_os_error)
    }

    fn remember(&self, at: u64, bytes: Vec<u8>) {
        let id = self.ids.get();
        self.ids.set(id + 1);
        self.cache.borrow_mut().push(Written { id, at, bytes });
    }

    /// Puts sectors on the medium.
    fn store(&self, at: u64, bytes: &[u8], mut keeps: impl FnMut(usize) -> bool) {
        let mut stable = self.stable.borrow_mut();
        for (sector, from) in bytes.chunks(SECTOR_BYTES).enumerate() {
            if !keeps(sector) {
                continue;
            }
            let at = at + (sector * SECTOR_BYTES) as u64;
            let within = at as usize % PAGE_BYTES;
            let page = stable
                .entry(at / PAGE_BYTES as u64)
                .or_insert_with(|| Box::new([0; PAGE_BYTES]));
            page[within..within + from.len()].copy_from_slice(from);
        }
    }

    fn copy_out(&self, at: u64, into: &mut [u8]) {
        let stable = self.stable.borrow();
        for (n, to) in into.chunks_mut(PAGE_BYTES).enumerate() {
            match stable.get(&(at / PAGE_BYTES as u64 + n as u64)) {
                Some(page) => to.copy_from_slice(&page[..to.len()]),
                None => to.fill(0),
            }
        }
        let end = at + into.len() as u64;
        for written in &*self.cache.borrow() {
            let written_end = written.at + written.bytes.len() as u64;
            let (from, to) = (written.at.max(at), written_end.min(end));
            if from < to {
                into[(from - at) as usize..(to - at) as usize].copy_from_slice(
                    &written.bytes[(from - written.at) as usize..(to - written.at) as usize],
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Disk;
    use super::*;
    use crate::rt;

    fn page(value: u8) -> Part {
        Part::whole(Pages::of(&[value; PAGE_BYTES]).unwrap())
    }

    #[test]
    fn a_flush_keeps_what_a_crash_would_lose() {
        let (mut lost, mut torn) = (0, 0);
        for seed in 0..200 {
            let device = SimulatedDisk::new(1 << 20, seed);
            let disk = Disk::simulated(&device);
            rt::run(async {
                disk.write(0, page(1)).await.unwrap();
                disk.flush().await.unwrap();
                disk.write(0, page(2)).await.unwrap();
                disk.write(8192, page(3)).await.unwrap();
                assert_eq!(disk.read(0, PAGE_BYTES).await.unwrap()[0], 2);
                device.crash();
                let disk = Disk::simulated(&device);
                let first = disk.read(0, PAGE_BYTES).await.unwrap();
                assert!(first.iter().all(|byte| matches!(byte, 1 | 2)));
                torn += usize::from(first.contains(&1) && first.contains(&2));
                let second = disk.read(8192, PAGE_BYTES).await.unwrap();
                lost += usize::from(second.iter().all(|byte| *byte == 0));
            })
            .unwrap();
        }
        assert!((20..180).contains(&lost), "{lost}");
        assert!((20..180).contains(&torn), "{torn}");
    }

    #[test]
    fn faults_come_as_ordered() {
        let device = SimulatedDisk::new(1 << 20, 1);
        let disk = Disk::simulated(&device);
        rt::run(async {
            device.fail_in(1, libc::EIO);
            disk.write(0, page(1)).await.unwrap();
            assert!(disk.flush().await.is_err());
            disk.flush().await.unwrap();
            device.spoil(0);
            assert!(disk.read(0, PAGE_BYTES).await.is_err());
            disk.write(0, page(1)).await.unwrap();
            device.flip(7, 1);
            assert_eq!(disk.read(0, PAGE_BYTES).await.unwrap()[7], 3);
            device.fault(Fault::ReadOnly);
            assert!(disk.write(0, page(1)).await.is_err());
            assert!(disk.read(0, PAGE_BYTES).await.is_ok());
            device.fault(Fault::Gone);
            assert!(disk.read(0, PAGE_BYTES).await.is_err());
            assert!(disk.reopen().await.is_err());
        })
        .unwrap();
    }
}

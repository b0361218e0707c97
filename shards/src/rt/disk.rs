//! Files and devices that are read and written past the page cache, on the shard's own ring.
//!
//! An operation is whole or an error: short results are gone on with. Everything is aligned to
//! pages: memory ([`Pages`]), offset and length. Offsets count from the beginning of a disk's own
//! part, which may be a slice of a raw device; what lies outside of it can't be reached.
//!
//! A future of these may be dropped: the ring keeps the memory until the operation has ended. But
//! then nobody hears how it ended, so whoever may go away lets a task of its own wait.
//!
//! In tests a disk may have a second body with the same face, which loses, tears and damages what
//! was written (`simulated`).

#[cfg(test)]
pub mod simulated;

use super::pages::{Pages, Part, PAGE_BYTES};
use monoio::buf::{IoBuf, IoBufMut};
use monoio::fs::{File, OpenOptions};
use std::cell::RefCell;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Opens a file or device for whole pages that go past the kernel's cache; with `create` a file of
/// the owner alone is made when there is none.
///
/// # Errors
/// What opening gave.
pub fn open_direct(path: &Path, write: bool, create: bool) -> io::Result<std::fs::File> {
    let open = |flags| {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(write).create(create).mode(0o600);
        options.custom_flags(flags).open(path)
    };
    // A file system without O_DIRECT says EINVAL; it is slower through the page cache, and as
    // safe, since what must last is flushed.
    match open(libc::O_DIRECT | libc::O_CLOEXEC) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => open(libc::O_CLOEXEC),
        result => result,
    }
}

/// A part of a file or device. Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Rc<Body>);

enum Body {
    Real(Real),
    #[cfg(test)]
    Simulated(Rc<simulated::SimulatedDisk>, u64),
}

struct Real {
    path: PathBuf,
    base: u64,
    bytes: u64,
    write: bool,
    file: RefCell<Rc<File>>,
}

impl Disk {
    /// The `bytes` from `base` on of an existing file or device. Waits for the kernel: only before
    /// the shards run.
    ///
    /// # Errors
    /// What opening gave.
    pub fn open(path: &Path, base: u64, bytes: u64, write: bool) -> io::Result<Disk> {
        let file = open_direct(path, write, false)?;
        Ok(Disk(Rc::new(Body::Real(Real {
            path: path.to_owned(),
            base,
            bytes,
            write,
            file: RefCell::new(Rc::new(File::from_std(file)?)),
        }))))
    }

    /// A disk that tests do harm to, for a process that dies with the next crash.
    #[cfg(test)]
    pub fn simulated(disk: &Rc<simulated::SimulatedDisk>) -> Disk {
        Disk(Rc::new(Body::Simulated(disk.clone(), disk.life())))
    }

    /// Opens the same path again: the device may have been away.
    ///
    /// # Errors
    /// What opening gave; the disk is as before.
    pub async fn reopen(&self) -> io::Result<()> {
        match &*self.0 {
            Body::Real(real) => {
                let open = async |flags| {
                    let mut options = OpenOptions::new();
                    options.read(true).write(real.write).custom_flags(flags);
                    options.open(&real.path).await
                };
                let file = match open(libc::O_DIRECT | libc::O_CLOEXEC).await {
                    Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                        open(libc::O_CLOEXEC).await
                    }
                    result => result,
                }?;
                *real.file.borrow_mut() = Rc::new(file);
                Ok(())
            }
            #[cfg(test)]
            Body::Simulated(disk, _) => disk.reopen(),
        }
    }

    /// Reads `bytes` at `at`.
    ///
    /// # Errors
    /// The device gave an error, or less than all of it.
    pub async fn read(&self, at: u64, bytes: usize) -> io::Result<Pages> {
        let pages = Pages::unfilled(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        match &*self.0 {
            Body::Real(real) => real.read(at, pages).await,
            #[cfg(test)]
            Body::Simulated(disk, life) => disk.read(*life, at, pages).await,
        }
    }

    /// Writes whole pages at `at`.
    ///
    /// # Errors
    /// The device gave an error; any part of it may be written.
    pub async fn write(&self, at: u64, from: Part) -> io::Result<()> {
        match &*self.0 {
            Body::Real(real) => real.write(at, from).await,
            #[cfg(test)]
            Body::Simulated(disk, life) => disk.write(*life, at, &from).await,
        }
    }

    /// Returns in a later turn: who has kept the others waiting for long lets them go first.
    pub async fn next_turn(&self) {
        match &*self.0 {
            Body::Real(real) => {
                let file = real.file.borrow().clone();
                // Nothing is read, and what becomes of it does not matter: it goes through the ring.
                drop(file.read_at(Vec::new(), 0).await);
            }
            #[cfg(test)]
            Body::Simulated(..) => {}
        }
    }

    /// Returns when what was written before is on the medium.
    ///
    /// # Errors
    /// The device gave an error: what was written since the last flush may be lost.
    pub async fn flush(&self) -> io::Result<()> {
        match &*self.0 {
            Body::Real(real) => {
                let file = real.file.borrow().clone();
                file.sync_data().await
            }
            #[cfg(test)]
            Body::Simulated(disk, life) => disk.flush(*life).await,
        }
    }
}

impl Real {
    /// The offset in the file, if all of `bytes` is in our part.
    fn place(&self, at: u64, bytes: usize) -> io::Result<u64> {
        let end = at.checked_add(bytes as u64);
        let aligned = at % PAGE_BYTES as u64 == 0 && bytes % PAGE_BYTES == 0;
        match end.filter(|end| *end <= self.bytes && aligned) {
            Some(_) => Ok(self.base + at),
            None => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    async fn read(&self, at: u64, mut pages: Pages) -> io::Result<Pages> {
        let place = self.place(at, pages.capacity())?;
        let file = self.file.borrow().clone();
        while pages.filled() < pages.capacity() {
            let done = pages.filled() as u64;
            let (result, reading) = file.read_at(Reading(pages), place + done).await;
            pages = reading.0;
            match result {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pages)
    }

    async fn write(&self, at: u64, from: Part) -> io::Result<()> {
        let (place, mut done) = (self.place(at, from.len())?, 0);
        let file = self.file.borrow().clone();
        while done < from.len() {
            let writing = Writing(from.clone(), done);
            let (result, _) = file.write_at(writing, place + done as u64).await;
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

struct Reading(Pages);

// SAFETY: the memory does not move, and nobody else has it while the ring does.
unsafe impl IoBufMut for Reading {
    fn write_ptr(&mut self) -> *mut u8 {
        self.0.rest().as_ptr()
    }

    fn bytes_total(&mut self) -> usize {
        self.0.capacity() - self.0.filled()
    }

    unsafe fn set_init(&mut self, pos: usize) {
        // SAFETY: the ring wrote so many bytes into the room.
        unsafe { self.0.fill(pos) };
    }
}

/// What follows so many bytes.
struct Writing(Part, usize);

// SAFETY: the memory does not move and is not changed while the part lives.
unsafe impl IoBuf for Writing {
    fn read_ptr(&self) -> *const u8 {
        self.0
            .get(self.1..)
            .map_or(std::ptr::null(), <[u8]>::as_ptr)
    }

    fn bytes_init(&self) -> usize {
        self.0.len().saturating_sub(self.1)
    }
}

/// A file of zeros, which goes with the value.
#[cfg(test)]
pub struct TestFile(pub PathBuf);

#[cfg(test)]
impl TestFile {
    /// Of so many bytes; `name` tells it from those of other tests.
    pub fn new(name: &str, bytes: u64) -> TestFile {
        let name = format!("ringside-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = std::fs::File::create(&path).and_then(|file| file.set_len(bytes));
        file.expect("there is room for a small file");
        TestFile(path)
    }
}

#[cfg(test)]
impl Drop for TestFile {
    fn drop(&mut self) {
        // A test may have removed it.
        let _: io::Result<()> = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    #[test]
    fn what_was_written_to_a_slice_is_read_and_stays_within_it() {
        let file = TestFile::new("slice", 64 * 1024);
        let inside = file.0.clone();
        rt::run(async move {
            let disk = Disk::open(&inside, 8192, 16384, true).unwrap();
            let mut pages = Pages::zeroed(3 * PAGE_BYTES).unwrap();
            pages[PAGE_BYTES..2 * PAGE_BYTES].fill(7);
            pages[2 * PAGE_BYTES..].fill(9);
            let two = Part::whole(Pages::of(&pages[PAGE_BYTES..]).unwrap());
            disk.write(8192, two.clone()).await.unwrap();
            disk.flush().await.unwrap();
            let read = disk.read(8192, 8192).await.unwrap();
            assert!(read[..PAGE_BYTES].iter().all(|byte| *byte == 7));
            assert!(read[PAGE_BYTES..].iter().all(|byte| *byte == 9));
            let beyond = disk.write(12288, two).await;
            assert_eq!(beyond.unwrap_err().kind(), io::ErrorKind::InvalidInput);
            assert!(disk.read(16384, PAGE_BYTES).await.is_err());
            assert!(disk.read(512, PAGE_BYTES).await.is_err());
            disk.reopen().await.unwrap();
            assert_eq!(disk.read(8192, PAGE_BYTES).await.unwrap()[0], 7);
        })
        .unwrap();
        let bytes = std::fs::read(&file.0).unwrap();
        assert!(bytes[..16384].iter().all(|byte| *byte == 0));
        assert_eq!((bytes[16384], bytes[20480], bytes[24576]), (7, 9, 0));
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let file = TestFile::new("short", 6144);
        let inside = file.0.clone();
        rt::run(async move {
            let disk = Disk::open(&inside, 0, 16384, true).unwrap();
            let error = disk.read(4096, 8192).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            let gone = std::fs::remove_file(&inside);
            gone.unwrap();
            assert!(disk.reopen().await.is_err());
        })
        .unwrap();
    }
}

//! A log's bytes as the keeper reads and writes them: on glommio's ring, or with plain system
//! calls where there is none. Both past the page cache, as far as the file system can.
//!
//! | fact of glommio 0.9 | what follows |
//! |---|---|
//! | the first file of a device that is opened is read from, to find out whether the device can be polled; a hole at its front is taken for a yes, and then all fails | what the ring does not support is done by plain calls |
//! | a ring that polls hangs on a read that is longer than the device takes at once | a read is never longer than the walk's pieces |
//! | three rings lock their buffers, each as many | few buffers |
//! | it expects /sys to be as it knows it, and else panics | whoever runs this catches that and goes on with plain calls |

use crate::rt::Pages;
use glommio::channels::local_channel::{new_unbounded, LocalReceiver, LocalSender};
use glommio::io::{DmaFile, OpenOptions as DmaOptions, ReadResult};
use glommio::GlommioError;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::future::{poll_fn, Future};
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::{pin, Pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Buffers that each of glommio's three rings locks in memory.
const RING_MEMORY_BYTES: usize = 1024 * 1024;
/// Operations on a ring at once; reads are bounded to fewer.
const RING_DEPTH: usize = 64;

/// What carries the keeper's work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// glommio.
    Ring,
    /// Blocking calls, one after the other.
    Plain,
}

impl Body {
    /// Runs `work` to its end on the calling thread.
    ///
    /// # Errors
    /// glommio does not start here.
    pub(super) fn run(self, work: impl Future<Output = ()>) -> io::Result<()> {
        match self {
            Body::Ring => {
                let builder = glommio::LocalExecutorBuilder::new(glommio::Placement::Unbound)
                    .name("keeper")
                    .io_memory(RING_MEMORY_BYTES)
                    .ring_depth(RING_DEPTH);
                let executor = ManuallyDrop::new(builder.make()?);
                executor.run(work);
                // After a panic it is left as it is: what is under way there must not be waited
                // for by what is broken.
                drop(ManuallyDrop::into_inner(executor));
            }
            Body::Plain => {
                let mut work = pin!(work);
                let mut context = Context::from_waker(Waker::noop());
                // Nothing here ever waits but in a call that blocks.
                while work.as_mut().poll(&mut context) == Poll::Pending {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        Ok(())
    }

    /// Waits.
    pub(super) async fn sleep(self, duration: Duration) {
        match self {
            Body::Ring => glommio::timer::sleep(duration).await,
            Body::Plain => std::thread::sleep(duration),
        }
    }

    /// Begins all `works` beside what there is; on plain calls, does them now, each by turns.
    pub(super) fn spawn<W: Future<Output = ()> + 'static>(self, works: impl Iterator<Item = W>) {
        match self {
            Body::Ring => works.for_each(|work| drop(glommio::spawn_local(work).detach())),
            Body::Plain => {
                let mut works: Vec<Pin<Box<W>>> = works.map(Box::pin).collect();
                let mut context = Context::from_waker(Waker::noop());
                while !works.is_empty() {
                    works.retain_mut(|work| work.as_mut().poll(&mut context).is_pending());
                }
            }
        }
    }

    /// On plain calls, lets the works go on that were begun together with the one that asks.
    pub(super) async fn turn(self) {
        let mut was_asked = self == Body::Ring;
        let turn = poll_fn(|_| match std::mem::replace(&mut was_asked, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        turn.await;
    }
}

/// Bytes that were read.
pub(super) enum Bytes {
    Ring(ReadResult),
    Plain(Pages),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Ring(read) => read,
            Bytes::Plain(pages) => pages,
        }
    }
}

/// What became of a read that `T` names.
type Outcome<T> = (T, io::Result<Bytes>);

/// A log's part of a file or device, with reads that `T` names under way.
pub(super) struct Device<T> {
    file: Opened,
    base: u64,
    len: u64,
    under_way: Cell<usize>,
    ended: (Rc<LocalSender<Outcome<T>>>, LocalReceiver<Outcome<T>>),
    /// Reads to be done by plain calls.
    waiting: RefCell<VecDeque<(T, u64, usize)>>,
}

enum Opened {
    Ring(Rc<RingFile>),
    Plain(File),
}

/// A file on the ring, and the same by plain calls, once the ring turned out not to support it.
struct RingFile {
    ring: DmaFile,
    path: PathBuf,
    plain: OnceCell<File>,
}

impl<T: 'static> Device<T> {
    /// Opens the part of `len` bytes from `base` on, to be read and written.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) async fn open(
        body: Body,
        path: &Path,
        base: u64,
        len: u64,
    ) -> io::Result<Device<T>> {
        let file = match body {
            Body::Ring => match RingFile::open(path).await {
                Ok(file) => Opened::Ring(Rc::new(file)),
                // A file system that has no direct reads and writes.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    Opened::Plain(open_plain(path)?)
                }
                Err(error) => return Err(error),
            },
            Body::Plain => Opened::Plain(open_plain(path)?),
        };
        let (sender, receiver) = new_unbounded();
        Ok(Device {
            file,
            base,
            len,
            under_way: Cell::new(0),
            ended: (Rc::new(sender), receiver),
            waiting: RefCell::default(),
        })
    }

    fn place(&self, at: u64, bytes: usize) -> io::Result<u64> {
        let end = at.checked_add(bytes as u64);
        let inside = end.is_some_and(|end| end <= self.len);
        let place = self.base.checked_add(at).filter(|_| inside);
        place.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Begins a read; [`Device::ended`] tells what becomes of it.
    pub(super) fn begin(&self, name: T, at: u64, bytes: usize) {
        self.under_way.set(self.under_way.get() + 1);
        let Opened::Ring(file) = &self.file else {
            return self.waiting.borrow_mut().push_back((name, at, bytes));
        };
        let (file, place, end) = (file.clone(), self.place(at, bytes), self.ended.0.clone());
        let read = async move {
            let read = match place {
                Ok(place) => file.read(place, bytes).await,
                Err(error) => Err(error),
            };
            // Nobody is left to hear it: the log was given up.
            let _ = end.try_send((name, read));
        };
        drop(glommio::spawn_local(read).detach());
    }

    /// Reads that were begun and did not end.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.get()
    }

    /// The next read that ends; nothing when none is under way.
    pub(super) async fn ended(&self) -> Option<Outcome<T>> {
        if self.under_way.get() == 0 {
            return None;
        }
        let ended = match &self.file {
            Opened::Ring(_) => self.ended.1.recv().await,
            Opened::Plain(file) => {
                let next = self.waiting.borrow_mut().pop_front();
                next.map(|(name, at, bytes)| {
                    let place = self.place(at, bytes);
                    (name, place.and_then(|place| read_plain(file, place, bytes)))
                })
            }
        };
        self.under_way.set(self.under_way.get() - 1);
        ended
    }

    /// Reads whole pages, beside the reads that have a name.
    ///
    /// # Errors
    /// The kernel's, or there is less.
    pub(super) async fn read(&self, at: u64, bytes: usize) -> io::Result<Bytes> {
        let place = self.place(at, bytes)?;
        match &self.file {
            Opened::Ring(file) => file.read(place, bytes).await,
            Opened::Plain(file) => read_plain(file, place, bytes),
        }
    }

    /// Writes whole pages.
    ///
    /// # Errors
    /// The kernel's, or not all was written.
    pub(super) async fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let place = self.place(at, bytes.len())?;
        match &self.file {
            Opened::Ring(file) => file.write(place, bytes).await,
            Opened::Plain(file) => write_plain(file, place, bytes),
        }
    }

    /// Returns when all that was written is on the media.
    ///
    /// # Errors
    /// The kernel's; what was written before may be lost.
    pub(super) async fn flush(&self) -> io::Result<()> {
        match &self.file {
            // It is the same file, whichever way it was written to.
            Opened::Ring(file) => file.ring.fdatasync().await.map_err(of_kernel),
            Opened::Plain(file) => file.sync_data(),
        }
    }

    /// Waits for what is under way, and closes the file.
    pub(super) async fn close(self) {
        while self.ended().await.is_some() {}
        if let Opened::Ring(file) = self.file {
            if let Some(file) = Rc::into_inner(file) {
                // It was only read from, or flushed before.
                let _ = file.ring.close().await;
            }
        }
    }
}

impl RingFile {
    async fn open(path: &Path) -> io::Result<RingFile> {
        let mut options = DmaOptions::new();
        let opened = options.read(true).write(true).dma_open(path).await;
        Ok(RingFile {
            ring: opened.map_err(of_kernel)?,
            path: path.to_owned(),
            plain: OnceCell::new(),
        })
    }

    async fn read(&self, place: u64, bytes: usize) -> io::Result<Bytes> {
        if self.plain.get().is_none() {
            match self.ring.read_at_aligned(place, bytes).await {
                Ok(read) if read.len() == bytes => return Ok(Bytes::Ring(read)),
                Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => unless_unsupported(of_kernel(error))?,
            }
        }
        read_plain(self.plain()?, place, bytes)
    }

    async fn write(&self, place: u64, bytes: &[u8]) -> io::Result<()> {
        if self.plain.get().is_none() {
            let mut buffer = self.ring.alloc_dma_buffer(bytes.len());
            buffer.as_bytes_mut().copy_from_slice(bytes);
            match self.ring.write_at(buffer, place).await {
                Ok(written) if written == bytes.len() => return Ok(()),
                Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) => unless_unsupported(of_kernel(error))?,
            }
        }
        write_plain(self.plain()?, place, bytes)
    }

    fn plain(&self) -> io::Result<&File> {
        if let Some(file) = self.plain.get() {
            return Ok(file);
        }
        let file = open_plain(&self.path)?;
        let held = file.metadata()?;
        let device = (self.ring.dev_major(), self.ring.dev_minor());
        let is_same = held.ino() == self.ring.inode()
            && (libc::major(held.dev()), libc::minor(held.dev())) == device;
        if !is_same {
            return Err(io::Error::other("there is another file now"));
        }
        Ok(self.plain.get_or_init(|| file))
    }
}

/// The kernel's own error, without glommio's words about which call it was.
fn of_kernel<T>(error: GlommioError<T>) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.into(),
    }
}

/// Goes on where the ring took the device for one that it can poll.
fn unless_unsupported(error: io::Error) -> io::Result<()> {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => Ok(()),
        _ => Err(error),
    }
}

fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let direct = options.clone().custom_flags(libc::O_DIRECT).open(path);
    match direct {
        // A file system in memory, for one, has nothing to get past.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => options.open(path),
        direct => direct,
    }
}

fn write_plain(file: &File, place: u64, bytes: &[u8]) -> io::Result<()> {
    let pages = Pages::of(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
    file.write_all_at(pages.get(..bytes.len()).unwrap_or(&pages), place)
}

fn read_plain(file: &File, place: u64, bytes: usize) -> io::Result<Bytes> {
    let mut pages = Pages::zeroed(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
    file.read_exact_at(&mut pages, place)?;
    Ok(Bytes::Plain(pages))
}

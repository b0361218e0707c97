//! The bytes of one log, read in large pieces past the kernel's cache; what can't be read is zeros,
//! and told.

use crate::rt::Pages;
use ringside_engine::store::disk::{Superblock, PAGE};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Read at once where a longer read failed: what a device has lost is seldom all of it.
const RETRY_BYTES: usize = 64 * 1024;

/// Where a log's bytes are.
pub(super) struct Source<'a> {
    file: &'a File,
    base: u64,
    /// So far the log was pre-written: what is not there behind it was never there.
    prepared_bytes: u64,
    /// Read so far.
    pub(super) bytes: u64,
}

/// Bytes that can't be read, from the first of those that were wanted, and why.
pub(super) type Unread = (Range<usize>, io::ErrorKind);

impl<'a> Source<'a> {
    /// The log of this superblock, from `base` on.
    pub(super) fn new(file: &'a File, base: u64, superblock: &Superblock) -> Source<'a> {
        Source {
            file,
            base,
            prepared_bytes: superblock.prepared_bytes,
            bytes: 0,
        }
    }

    /// Fills `into`, which is whole pages, from byte `at` of the log on.
    pub(super) fn read(&mut self, at: u64, into: &mut [u8]) -> Vec<Unread> {
        self.bytes += into.len() as u64;
        let mut unread = Vec::new();
        let there = match fill(self.file, self.base + at, into) {
            Ok(there) => there,
            Err(_) => {
                let mut there = 0;
                for (number, piece) in into.chunks_mut(RETRY_BYTES).enumerate() {
                    let from = number * RETRY_BYTES;
                    match fill(self.file, self.base + at + from as u64, piece) {
                        Ok(bytes) => there = from + bytes,
                        Err(error) => {
                            piece.fill(0);
                            there = from + piece.len();
                            unread.push((from..there, error.kind()));
                        }
                    }
                }
                there
            }
        };
        let missing = into.get_mut(there..).unwrap_or_default();
        missing.fill(0);
        let expected = self.prepared_bytes.saturating_sub(at);
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        let end = expected.min(into.len());
        if there < end {
            unread.push((there..end, io::ErrorKind::UnexpectedEof));
        }
        unread
    }
}

/// Reads to the end of `into`, or of the file; says how many bytes that were.
pub(super) fn fill(file: &File, at: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        let rest = into.get_mut(done..).unwrap_or_default();
        match file.read_at(rest, at + done as u64) {
            Ok(0) => break,
            Ok(bytes) => done += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        // Past the cache only whole pages can be read, and less than one is the end.
        if done % PAGE != 0 {
            break;
        }
    }
    Ok(done)
}

/// Aligned memory of so many bytes.
pub(super) fn memory(bytes: usize) -> io::Result<Pages> {
    Pages::zeroed(bytes).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

//! What the kernel keeps of files in memory: the page cache, emptied or filled before a turn, so
//! that it is known whether a rival reads from the disk or from memory.

use crate::fault::Result;
use crate::sys;
use std::fs::File;
use std::path::Path;

/// What to do before a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing: the server does not read through the page cache.
    Nothing,
    /// The contents of its files leave memory; what the kernel knows of the files themselves (names,
    /// sizes, places) stays.
    Drop,
    /// All that the kernel can forget leaves memory. Needs root.
    DropAll,
    /// The contents of all its files come into memory.
    Keep,
}

/// Writes what is not written yet: such pages can't leave memory. Once, after the caches were filled.
///
/// # Errors
/// The kernel's.
pub(crate) fn settle(directory: &Path) -> Result<()> {
    Ok(sys::sync(&File::open(directory)?)?)
}

/// Does that to the files below `directory`; false when it is not permitted.
///
/// # Errors
/// The kernel's.
pub(crate) fn prepare(directory: &Path, before: Before) -> Result<bool> {
    match before {
        Before::Nothing => Ok(true),
        Before::Drop => {
            each(directory, &mut |file| Ok(sys::forget_pages(file)?))?;
            Ok(true)
        }
        Before::DropAll => Ok(std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()),
        Before::Keep => {
            each(directory, &mut |file| {
                std::io::copy(&mut &*file, &mut std::io::sink())?;
                Ok(())
            })?;
            Ok(true)
        }
    }
}

/// Hands every file below `directory` to `act`. A cache may remove files meanwhile.
fn each(directory: &Path, act: &mut dyn FnMut(&File) -> Result<()>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => each(&path, act)?,
            Ok(kind) if kind.is_file() => {
                if let Ok(file) = File::open(&path) {
                    act(&file)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

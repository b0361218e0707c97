//! A directory for configurations, logs, served files and the rivals' caches, removed at the end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory of our own; removed, with all that is in it, when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new one: in memory (/dev/shm) where that is writable, so that no rival waits for a disk.
    ///
    /// # Errors
    /// Neither there nor in the temporary directory can one be made.
    pub(crate) fn new() -> io::Result<Scratch> {
        let name = new_name();
        let in_memory = Path::new("/dev/shm").join(&name);
        if std::fs::create_dir(&in_memory).is_ok() {
            return Ok(Scratch(in_memory));
        }
        let on_disk = std::env::temp_dir().join(&name);
        std::fs::create_dir(&on_disk)?;
        Ok(Scratch(on_disk))
    }

    /// A new one in `parent`, for what must lie on a disk.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn below(parent: &Path) -> io::Result<Scratch> {
        let path = parent.join(new_name());
        std::fs::create_dir(&path)?;
        Ok(Scratch(path))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A directory in it, made when it is not there.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn directory(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }
}

fn new_name() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("ringside-bench-{}-{number}", std::process::id())
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind at worst, under a name that says whose it was.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let scratch = Scratch::new().unwrap();
        let directory = scratch.directory("a/b").unwrap();
        scratch.write("a/b/c", b"text").unwrap();
        let root = scratch.path("");
        assert!(directory.join("c").is_file());
        drop(scratch);
        assert!(!root.exists());
    }
}

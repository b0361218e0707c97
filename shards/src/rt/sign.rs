//! An empty file that says something by being there, for whoever comes after this process.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread::{Builder, JoinHandle};

/// Sets and removes such a file, on a thread of its own: no ring waits for a directory.
#[derive(Default)]
pub struct Sign {
    under_way: Option<JoinHandle<()>>,
}

impl Sign {
    /// Has the file there, or not any more; what was asked for before is done before. Tells nobody
    /// whether that went well: its device may be the one that fails. Without a path, does nothing.
    pub fn set(&mut self, path: Option<&Path>, is_there: bool) {
        let Some(path) = path.map(Path::to_owned) else {
            return;
        };
        let before = self.under_way.take();
        let task = move || {
            // It has ended by then, whatever way.
            let _ = before.map(JoinHandle::join);
            let _: io::Result<()> = change(&path, is_there);
        };
        self.under_way = Builder::new().name("sign".to_owned()).spawn(task).ok();
    }
}

fn change(path: &Path, is_there: bool) -> io::Result<()> {
    match is_there {
        true => File::create(path)?.sync_all()?,
        false => std::fs::remove_file(path)?,
    }
    let directory = path.parent().unwrap_or(path);
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let name = format!("ringside-sign-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut sign = Sign::default();
        for is_there in [true, false, true, true, false, true] {
            sign.set(Some(&path), is_there);
        }
        sign.under_way.take().unwrap().join().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        sign.set(Some(&path), false);
        sign.under_way.take().unwrap().join().unwrap();
        assert!(!path.exists());
    }
}

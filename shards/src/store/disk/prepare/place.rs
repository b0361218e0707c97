//! Where logs are: files in a directory, or slices of a block device; opened, locked, and looked at.

use super::decide::{Fate, Terms};
use super::{refused, Refused, Trouble, Watcher};
use crate::rt::{self, Pages};
use ringside_config::DiskPlan;
use ringside_engine::store::disk::layout::FRONT_BYTES;
use ringside_engine::store::disk::{Layout, NotOurs, Superblock, PAGE, SEGMENT_BYTES};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A record of an object with 1 MiB of content must fit with much to spare.
const SEGMENT_BYTES_MIN: u32 = 2 << 20;
/// Segments that a log should have before they get longer: with few, one that is given up takes
/// much with it.
const SEGMENTS_WANTED: u64 = 64;

/// One disk, with all its logs.
pub(super) struct Site {
    pub(super) path: PathBuf,
    /// Among the disks of the Plan.
    pub(super) position: usize,
    pub(super) is_device: bool,
    /// By shard.
    pub(super) places: Vec<Place>,
}

/// Where a log is, or will be.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) base: u64,
    pub(super) bytes: u64,
    pub(super) shard: u16,
    pub(super) is_file: bool,
    /// It failed, and the sign of that is beside it.
    pub(super) is_void: bool,
    /// Bytes from its beginning to the end of its file or device.
    pub(super) there: u64,
    /// For reading and writing whole pages past the kernel's cache; locked.
    pub(super) file: File,
    /// Of a device, with its first log: while it is open nobody else formats or mounts it.
    pub(super) claim: Option<File>,
    pub(super) found: Result<Superblock, NotOurs>,
}

/// Directories and files that were made to be looked at. Those in which nothing was written go with
/// it: whoever is refused finds everything as it was.
#[derive(Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        // A directory comes before its files.
        for path in self.0.iter().rev() {
            let held = std::fs::symlink_metadata(path);
            // What is in use by now, or can't be removed, is left there: it takes no room.
            let _: io::Result<()> = match held {
                Ok(held) if held.is_dir() => std::fs::remove_dir(path),
                Ok(held) if held.len() == 0 => std::fs::remove_file(path),
                _ => Ok(()),
            };
        }
    }
}

/// The file of a shard's log.
pub fn file_of(directory: &Path, shard: usize) -> PathBuf {
    directory.join(format!("ringside-{shard}.store"))
}

/// What says that a shard's log is void, if nothing could be written into it (docs/store.md).
fn sign_of(directory: &Path, shard: usize) -> PathBuf {
    directory.join(format!("ringside-{shard}.void"))
}

/// Opens the places of all logs on one disk.
pub(super) fn look(
    disk: &DiskPlan,
    position: usize,
    shards: usize,
    made: &mut Made,
) -> Result<Site, Trouble> {
    let path = &disk.path;
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(held) if held.file_type().is_block_device() => slices(disk, position, shards),
        Ok(held) if held.is_dir() => files(disk, position, shards, made),
        Ok(_) => refused(format!(
            "[disk] path {shown} is neither a directory nor a block device"
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A device that is gone fails; the server does without it.
            if path.starts_with("/dev") {
                return Err(error.into());
            }
            make_directory(path)?;
            made.0.push(path.clone());
            files(disk, position, shards, made)
        }
        Err(error) => Err(rights(path, error)),
    }
}

/// Makes the last part of the path alone: if its parent is missing, so may be what should be
/// mounted there.
fn make_directory(path: &Path) -> Result<(), Trouble> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(path).display();
            let why = format!(
                "[disk] path {}: there is no {parent} to make it in; is something not mounted?",
                path.display()
            );
            Trouble::Refused(Refused(why))
        }
        _ => rights(path, error),
    })
}

/// What the operator has not allowed is no failing of the disk.
fn rights(path: &Path, error: io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Trouble::Refused(Refused(format!(
            "[disk] {}: this process has no right to it; `chown` it to the user that Ringside runs as",
            path.display()
        ))),
        _ => error.into(),
    }
}

fn files(
    disk: &DiskPlan,
    position: usize,
    shards: usize,
    made: &mut Made,
) -> Result<Site, Trouble> {
    let Some(size) = disk.size_bytes else {
        return refused(format!(
            "[disk] {} is a directory, which needs a size: size = \"100GiB\"",
            disk.path.display()
        ));
    };
    let share = size / shards.max(1) as u64;
    fits(&disk.path, share, shards)?;
    let place = |shard| {
        let path = file_of(&disk.path, shard);
        if !path.exists() {
            made.0.push(path.clone());
        }
        let file = rt::open_direct(&path, true, true).map_err(|error| rights(&path, error))?;
        lock(&path, &file)?;
        let found = read_front(&file, 0)?;
        Ok(Place {
            path,
            base: 0,
            bytes: share,
            shard: u16::try_from(shard).unwrap_or(u16::MAX),
            is_file: true,
            is_void: sign_of(&disk.path, shard).exists(),
            there: file.metadata()?.len(),
            file,
            claim: None,
            found,
        })
    };
    Ok(Site {
        path: disk.path.clone(),
        position,
        is_device: false,
        places: (0..shards).map(place).collect::<Result<_, Trouble>>()?,
    })
}

fn slices(disk: &DiskPlan, position: usize, shards: usize) -> Result<Site, Trouble> {
    let path = &disk.path;
    // One lock for all: the first slice keeps it. It comes first, as it tells who it is.
    let first = rt::open_direct(path, true, false).map_err(|error| rights(path, error))?;
    lock(path, &first)?;
    let mut claim = claimed(path)?;
    let whole = claim.seek(SeekFrom::End(0))?;
    let size = disk.size_bytes.unwrap_or(whole);
    if size > whole {
        return refused(format!(
            "[disk] {} has {whole} bytes, and size asks for {size}",
            path.display()
        ));
    }
    let share = size / shards.max(1) as u64;
    // So that segments lie as well on the device as they do in a file.
    let share = share - share % u64::from(SEGMENT_BYTES_MIN);
    fits(path, share, shards)?;
    let mut places = Vec::new();
    let mut first = Some((first, Some(claim)));
    for shard in 0..shards {
        let (file, claim) = match first.take() {
            Some(first) => first,
            None => {
                let opened = rt::open_direct(path, true, false);
                (opened.map_err(|error| rights(path, error))?, None)
            }
        };
        let base = share * shard as u64;
        let found = read_front(&file, base)?;
        places.push(Place {
            path: path.clone(),
            base,
            bytes: share,
            shard: u16::try_from(shard).unwrap_or(u16::MAX),
            is_file: false,
            is_void: false,
            there: whole - base,
            file,
            claim,
            found,
        });
    }
    Ok(Site {
        path: path.clone(),
        position,
        is_device: true,
        places,
    })
}

/// Opens a device as nobody can who finds it mounted, or a part of another; and as long as this is
/// open, `mkfs` and `mount` are refused too.
fn claimed(path: &Path) -> Result<File, Trouble> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(libc::O_EXCL).open(path);
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => Trouble::Refused(Refused(format!(
            "[disk] {} is mounted, or in use as a part of something else: `lsblk` shows of what",
            path.display()
        ))),
        _ => rights(path, error),
    })
}

fn lock(path: &Path, file: &File) -> Result<(), Trouble> {
    match rt::lock(file)? {
        true => Ok(()),
        false => refused(format!(
            "{} is in use: is Ringside running already, or a [[disk]] named twice?",
            path.display()
        )),
    }
}

/// The length of segments for a log of so many bytes.
pub(super) fn segment_bytes(log_bytes: u64) -> u32 {
    let mut bytes = SEGMENT_BYTES;
    while bytes > SEGMENT_BYTES_MIN && log_bytes / u64::from(bytes) < SEGMENTS_WANTED {
        bytes /= 2;
    }
    bytes
}

fn fits(path: &Path, share: u64, shards: usize) -> Result<(), Trouble> {
    if Layout::fitting(share, segment_bytes(share)).is_some() {
        return Ok(());
    }
    let least = Layout::of(SEGMENT_BYTES_MIN, 4).map_or(0, |layout| layout.total_bytes());
    refused(format!(
        "[disk] {}: {} MiB for each of {shards} shards is too little, it takes {} MiB: raise size, \
         or lower [shards] count",
        path.display(),
        share >> 20,
        least.div_ceil(1 << 20)
    ))
}

fn read_front(file: &File, base: u64) -> Result<Result<Superblock, NotOurs>, Trouble> {
    let mut front = pages(FRONT_BYTES)?;
    let read = read_some(file, &mut front, base)?;
    Ok(Superblock::read(front.get(..read).unwrap_or_default()))
}

pub(super) fn pages(bytes: usize) -> io::Result<Pages> {
    Pages::zeroed(bytes).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Reads to the end of the pages, or of the file.
pub(super) fn read_some(file: &File, pages: &mut Pages, at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < pages.len() {
        let rest = pages.get_mut(done..).unwrap_or_default();
        match file.read_at(rest, at + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // Past the cache, only whole pages can be gone on with; the rest of a page is its end.
        if done % PAGE != 0 {
            break;
        }
    }
    Ok(done)
}

impl Place {
    /// Where the sign that it is void would be.
    pub(super) fn sign(&self) -> Option<PathBuf> {
        self.is_file.then(|| self.path.with_extension("void"))
    }

    /// For messages.
    pub(super) fn shown(&self) -> String {
        match self.is_file {
            true => self.path.display().to_string(),
            false => format!("{} for shard {}", self.path.display(), self.shard),
        }
    }
}

impl Site {
    /// Files of shards that there are no more: they only take room.
    fn surplus(&self, shards: u16, set: u128) -> io::Result<Vec<PathBuf>> {
        let mut surplus = Vec::new();
        if self.is_device {
            return Ok(surplus);
        }
        for entry in std::fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name.and_then(|name| {
                let number = name.strip_prefix("ringside-")?.strip_suffix(".store")?;
                number.parse::<u16>().ok()
            });
            if number.is_some_and(|number| number >= shards) && is_of_set(&path, set) {
                surplus.push(path);
            }
        }
        Ok(surplus)
    }

    /// Removes them.
    pub(super) fn remove_surplus(
        &self,
        shards: u16,
        set: u128,
        watcher: &mut dyn Watcher,
    ) -> Result<(), Trouble> {
        for path in self.surplus(shards, set)? {
            std::fs::remove_file(&path)?;
            // Mostly there is none; and a new log would only begin anew.
            let _: io::Result<()> = std::fs::remove_file(path.with_extension("void"));
            let shown = path.display();
            watcher.say(&format!(
                "{shown}: removed, there is no such shard any more"
            ));
        }
        Ok(())
    }

    /// Bytes that its files will take more than they do.
    fn missing_bytes(&self, fates: &[(Superblock, Fate)]) -> u64 {
        // Those that get shorter are the first: they were there before the others.
        let (mut missing, mut freed) = (0_u64, 0);
        for (place, (superblock, _)) in self.places.iter().zip(fates) {
            let needed = superblock.layout().total_bytes();
            missing += needed.saturating_sub(place.there);
            freed += place.there.saturating_sub(needed);
        }
        missing.saturating_sub(freed)
    }
}

/// What the disks in one file system take of it.
struct Taken<'a> {
    file_system: u64,
    paths: Vec<&'a Path>,
    missing: u64,
    /// By what is removed before anything is written.
    freed: u64,
}

/// Whether each file system has room for all that is to be written there, before anything is.
pub(super) fn have_room(
    decided: &[(Site, Vec<(Superblock, Fate)>)],
    terms: &Terms,
) -> Result<(), Refused> {
    let mut all: Vec<Taken<'_>> = Vec::new();
    for (site, fates) in decided.iter().filter(|(site, _)| !site.is_device) {
        // One that fails here will be left out.
        let Ok(held) = std::fs::metadata(&site.path) else {
            continue;
        };
        let at = all.iter().position(|one| one.file_system == held.dev());
        let at = at.unwrap_or_else(|| {
            all.push(Taken {
                file_system: held.dev(),
                paths: Vec::new(),
                missing: 0,
                freed: 0,
            });
            all.len() - 1
        });
        let surplus = site.surplus(terms.shards, terms.set).unwrap_or_default();
        let sizes = surplus.iter().filter_map(|path| path.metadata().ok());
        if let Some(taken) = all.get_mut(at) {
            taken.paths.push(&site.path);
            taken.missing += site.missing_bytes(fates);
            // Blocks have 512 bytes here, whatever they have there.
            taken.freed += sizes.map(|held| held.blocks() * 512).sum::<u64>();
        }
    }
    all.iter().try_for_each(Taken::fits)
}

impl Taken<'_> {
    fn fits(&self) -> Result<(), Refused> {
        let missing = self.missing.saturating_sub(self.freed);
        let free = self.paths.first().map(|path| rt::free_bytes(path));
        let Some(Ok(free)) = free else { return Ok(()) };
        if missing <= free {
            return Ok(());
        }
        let paths: Vec<String> = self.paths.iter().map(|p| p.display().to_string()).collect();
        Err(Refused(format!(
            "[disk] {}: {} MiB more are needed, and the file system has {} MiB free: lower size, or \
             make room",
            paths.join(", "),
            missing.div_ceil(1 << 20),
            free >> 20
        )))
    }
}

fn is_of_set(path: &Path, set: u128) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut front = vec![0; FRONT_BYTES];
    let read = file.read_at(&mut front, 0).unwrap_or(0);
    let found = Superblock::read(front.get(..read).unwrap_or_default());
    found.is_ok_and(|held| held.set == set) && rt::lock(&file).unwrap_or(false)
}

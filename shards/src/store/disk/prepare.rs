//! From the Plan's disks to logs that can be opened: found, made, grown, shrunk, pre-written, locked.
//!
//! Done on the main thread, before any shard runs, with plain calls: what takes long here takes long
//! once. Nothing that is not ours is written to unless the operator says so.
//!
//! | found | becomes |
//! |---|---|
//! | nothing, or zeros | a new log |
//! | our log, of this shard among as many | it is used as it is |
//! | the same, larger or smaller than it should be | segments are added, or those at the end are given up |
//! | our log, for another number of shards | what has the same home as before stays; files of shards that are gone are removed |
//! | our log, that missed a run of the others | a new log: what it has may have been purged since (`run`) |
//! | our log, that failed in the last run and is known to (`decide::falls`) | a new log, for the same reason |
//! | our log, not pre-written to its end | it goes on from there |
//! | a log of another data set, another version, a file system, anything else | refused; made anew only if forced |
//!
//! What the operator must put right is refused. What a device fails is said, and the server does
//! without it.

mod decide;
mod place;
mod run;
mod write;

use super::orders::LogId;
use super::progress::Watcher;
use decide::Fate;
pub use place::file_of;
use place::Site;
use ringside_config::DiskPlan;
use ringside_engine::key::Seed;
use ringside_engine::store::disk::Superblock;
use ringside_engine::time::Mono;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Why the disks can't be used, and what to do.
#[derive(Debug)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A log that can be opened.
#[derive(Debug)]
pub struct PreparedLog {
    /// Which.
    pub id: LogId,
    /// The file or device.
    pub path: PathBuf,
    /// Where in it the log begins.
    pub base: u64,
    /// The position of its disk among those of the Plan.
    pub position: usize,
    /// What it says of itself.
    pub superblock: Superblock,
    /// It holds nothing yet.
    pub is_new: bool,
    /// A file beside it, whose presence says that it is void; none for a part of a device.
    pub sign: Option<PathBuf>,
    /// Nobody else has it while this is open; of a device, that of its first log.
    pub lock: File,
    /// With the first log of a device: nobody formats or mounts that while this is open.
    pub claim: Option<File>,
}

impl PreparedLog {
    /// Makes all that it holds void, where it can't be opened after all: it has joined the run.
    ///
    /// # Errors
    /// Its superblock could not be written.
    pub fn empty(&self) -> io::Result<()> {
        let held = &self.superblock;
        let superblock = Superblock {
            generation: held.generation + 1,
            valid_from: decide::NEVER_USED,
            created_ms: held.created_ms + 1,
            ..held.clone()
        };
        write::write_superblock(&self.lock, self.base, &superblock)
    }
}

/// All logs of a data set.
#[derive(Debug)]
pub struct Prepared {
    /// The secret of its keys.
    pub seed: Seed,
    /// No record in it is younger.
    pub latest: Mono,
    /// By device, then by shard.
    pub logs: Vec<PreparedLog>,
    /// Disks that are not used in this run, as they fail; each was said.
    pub left_out: Vec<PathBuf>,
    /// The last run that one of them took part in.
    last_run: u64,
}

impl Prepared {
    /// Takes all logs into a run of the server. From now on each of them hears every purge, or else
    /// begins empty when it is back. Before anything is served.
    ///
    /// # Errors
    /// None that is known; a disk that fails is left out.
    pub fn take_part(mut self, watcher: &mut dyn Watcher) -> Result<Prepared, Refused> {
        let logs = std::mem::take(&mut self.logs);
        self.logs = join(logs, self.last_run, &mut self.left_out, watcher)?;
        Ok(self)
    }
}

/// What a data set that is made now is named by, and when.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    /// The name of the set.
    pub set: u128,
    /// The secret of its keys.
    pub seed: Seed,
    /// Milliseconds since the epoch.
    pub now_ms: u64,
}

/// What the operator lets become of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It stays, or all is refused.
    Keep,
    /// What was stored by another number of shards may go, as far as it has another home now.
    OtherShards,
    /// All that can't be used may be overwritten, whoever's it is.
    Overwrite,
}

/// Prepares all `disks` for `shards` shards, with the operator's consent.
///
/// # Errors
/// What was found where, and what to do. A disk that fails is left out, and said to `watcher`: its
/// failing must not keep the server from starting.
pub fn prepare(
    disks: &[DiskPlan],
    shards: usize,
    chance: Chance,
    consent: Consent,
    watcher: &mut dyn Watcher,
) -> Result<Prepared, Refused> {
    let force = consent == Consent::Overwrite;
    let mut left_out = Vec::new();
    let mut made = place::Made::default();
    let mut sites = Vec::new();
    for (position, disk) in disks.iter().enumerate() {
        let found = place::look(disk, position, shards, &mut made);
        let path = disk.path.clone();
        sites.extend(unless_it_fails(found, path, &mut left_out, watcher)?);
    }
    let (set, seed) = decide::the_set(&sites, force)?.unwrap_or((chance.set, chance.seed));
    let terms = decide::Terms {
        set,
        seed,
        shards: u16::try_from(shards).unwrap_or(u16::MAX),
        run: run::latest(decide::ours(&sites, set)),
        falls: decide::falls(&sites, set),
        now_ms: chance.now_ms,
        force,
    };
    if consent == Consent::Keep {
        decide::as_many_shards(&sites, set, terms.shards)?;
    }
    let numbers = decide::numbers(&sites, set);
    // Of the whole set, with that of logs that begin anew: time never goes back.
    let latest = decide::ours(&sites, set).map(|held| held.latest_ms).max();
    // All of them, before anything is written anywhere.
    let mut decided = Vec::new();
    for (site, number) in sites.into_iter().zip(numbers) {
        let fates = decide::fates(&site, number, &terms)?;
        decided.push((site, fates));
    }
    place::have_room(&decided, &terms)?;
    // All that goes before all that comes: its room is counted on.
    let mut cleared = Vec::new();
    for (site, fates) in decided {
        let removed = site.remove_surplus(terms.shards, terms.set, watcher);
        let path = site.path.clone();
        if unless_it_fails(removed, path, &mut left_out, watcher)?.is_some() {
            cleared.push((site, fates));
        }
    }
    let mut logs = Vec::new();
    for (site, fates) in cleared {
        let path = site.path.clone();
        let made = carry_out(site, fates, &terms, watcher);
        logs.extend(
            unless_it_fails(made, path, &mut left_out, watcher)?
                .into_iter()
                .flatten(),
        );
    }
    Ok(Prepared {
        seed,
        latest: Mono(latest.unwrap_or(0)),
        logs,
        left_out,
        last_run: terms.run,
    })
}

/// Takes all logs into a run of their own, without disks that fail in it.
fn join(
    mut logs: Vec<PreparedLog>,
    last_run: u64,
    left_out: &mut Vec<PathBuf>,
    watcher: &mut dyn Watcher,
) -> Result<Vec<PreparedLog>, Refused> {
    let mut run = last_run;
    loop {
        // Whoever joins a run and then fails would be taken for one that took part in it.
        run += 1;
        let mut failed = Vec::new();
        for stage in [run::Stage::Joins, run::Stage::Takes] {
            for log in &mut logs {
                let device = log.id.device;
                if failed.contains(&device) {
                    continue;
                }
                let written = write::join(log, run, stage);
                if unless_it_fails(written, log.path.clone(), left_out, watcher)?.is_none() {
                    failed.push(device);
                }
            }
        }
        logs.retain(|log| !failed.contains(&log.id.device));
        if failed.is_empty() {
            return Ok(logs);
        }
    }
}

/// What keeps a disk from being used.
enum Trouble {
    /// The operator has to put it right.
    Refused(Refused),
    /// The machine has.
    Failed(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Failed(error)
    }
}

fn refused<T>(why: String) -> Result<T, Trouble> {
    Err(Trouble::Refused(Refused(why)))
}

/// None for a disk that fails, once that is said.
fn unless_it_fails<T>(
    result: Result<T, Trouble>,
    path: PathBuf,
    left_out: &mut Vec<PathBuf>,
    watcher: &mut dyn Watcher,
) -> Result<Option<T>, Refused> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Trouble::Refused(why)) => Err(why),
        Err(Trouble::Failed(error)) => {
            let shown = path.display();
            watcher.say(&format!("{shown} fails, and is left out: {error}"));
            left_out.push(path);
            Ok(None)
        }
    }
}

/// Makes of one disk what was decided.
fn carry_out(
    site: Site,
    fates: Vec<(Superblock, Fate)>,
    terms: &decide::Terms,
    watcher: &mut dyn Watcher,
) -> Result<Vec<PreparedLog>, Trouble> {
    let mut logs = Vec::new();
    let position = site.position;
    for (place, (superblock, fate)) in site.places.into_iter().zip(fates) {
        let shown = place.shown();
        if let Some(why) = fate.why() {
            watcher.say(&format!("{shown}: {why}"));
        }
        let is_begun = matches!(fate, Fate::Begins { .. });
        let shards = place
            .found
            .as_ref()
            .map_or(terms.shards, |held| held.shards);
        let is_moved = !is_begun && shards != terms.shards;
        if is_moved {
            watcher.say(&format!(
                "{shown}: it was for {shards} shards, and now there are {}: what has another home \
                 now is gone",
                terms.shards
            ));
        }
        let superblock = match fate {
            Fate::Shrinks { .. } => match write::without_the_last(&place, &superblock, watcher)? {
                Some(kept) => kept,
                None => {
                    watcher.say(&format!(
                        "{shown}: what is given up is damaged: it begins empty"
                    ));
                    decide::emptied(&place, superblock, terms)
                }
            },
            _ => superblock,
        };
        if superblock.valid_from == decide::NEVER_USED {
            // Or else half of what is cleared would count after a crash. And what was begun so is
            // cleared again: it is not known how far that came.
            write::write_superblock(&place.file, place.base, &superblock)?;
            write::blank(&place, &superblock, 0, watcher)?;
        } else if let Fate::Grows { from, .. } = fate {
            write::blank(&place, &superblock, from, watcher)?;
        }
        let is_changed = is_moved || !matches!(fate, Fate::Stays);
        let superblock = write::pre_write(&place, superblock, is_changed, watcher)?;
        let sign = place.sign();
        if let (Some(sign), true) = (&sign, place.is_void) {
            std::fs::remove_file(sign)?;
        }
        logs.push(PreparedLog {
            id: LogId {
                shard: place.shard,
                device: superblock.device,
            },
            path: place.path,
            base: place.base,
            position,
            is_new: superblock.valid_from == decide::NEVER_USED,
            superblock,
            sign,
            lock: place.file,
            claim: place.claim,
        });
    }
    Ok(logs)
}

#[cfg(test)]
mod tests;

//! `ringside disk verify`: every record of a store that no server is using, against its checksums.
//!
//! | step | file |
//! |---|---|
//! | from a path to logs; the lock; what is printed | here |
//! | one log, part by part | `log` |
//! | what a part's bytes come to | `check` |
//! | bytes, and what of them can't be read | `source` |

mod check;
mod log;
mod report;
mod source;

use crate::commands::{ask, CONFIG, HOST, OK};
use crate::rt;
use crate::store::disk::progress::{Console, Watcher};
use log::Tally;
use ringside_engine::store::disk::{NotOurs, Superblock};
use source::Source;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to verify, and when.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Reads all of it, and changes nothing. A record that was replaced, killed, or left behind by an
earlier lap is void, which is no damage; nor is a record that was being written when the machine
stopped. What is damaged, the server does not serve: it fetches it again.

After a power loss, start the server once before: until then, what was not wholly written can't
always be told from damage.

Examples:
  ringside disk verify /var/cache/ringside                    all logs of a directory
  ringside disk verify /var/cache/ringside/ringside-0.store   one of them
  ringside disk verify /dev/nvme1n1                           a device, with the logs of all shards

Exit codes: 0 all is whole; 1 something is damaged, missing, or in use; 2 the arguments are wrong.")]
pub struct Arguments {
    /// A directory with stores, a store file or a block device
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Verify it while a server uses it: what is being written then may show as damage
    #[arg(long)]
    anyway: bool,
}

/// Verifies, and prints what it came to.
pub fn verify(arguments: &Arguments) -> u8 {
    let path = &arguments.path;
    let files = match files(path) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("ringside: {}: {error}", path.display());
            return CONFIG;
        }
    };
    if files.is_empty() {
        eprintln!(
            "ringside: {}: no store here: its files are called ringside-0.store and so on",
            path.display()
        );
        return CONFIG;
    }
    let begun = Instant::now();
    let mut console = Console::new(|| false);
    let mut all = Tally::default();
    let (mut logs, mut faulty) = (0, 0);
    for file in &files {
        let verified = match verify_file(file, arguments.anyway, &mut console) {
            Ok(verified) => verified,
            Err(fault) => {
                eprintln!("ringside: {}: {fault}", file.display());
                faulty += 1;
                continue;
            }
        };
        for (name, tally) in verified {
            logs += 1;
            faulty += usize::from(!tally.faults.is_empty());
            ask::print(&report::of_log(&name, &tally));
            all.add(&tally);
        }
    }
    if logs > 0 {
        ask::print(&report::of_all(&all, logs, begun.elapsed()));
    }
    match faulty {
        0 => OK,
        _ => HOST,
    }
}

/// The files or devices that have logs.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut numbered = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?.path();
        let name = entry.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| {
            let number = name.strip_prefix("ringside-")?.strip_suffix(".store")?;
            number.parse::<u16>().ok()
        });
        numbered.extend(number.map(|number| (number, entry)));
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// All logs of a file or device, by name: there is one log in a file, and on a device one for each
/// shard, behind each other.
fn verify_file(
    path: &Path,
    anyway: bool,
    watcher: &mut dyn Watcher,
) -> Result<Vec<(String, Tally)>, String> {
    let told = |error: io::Error| error.to_string();
    let file = rt::open_direct(path, false, false).map_err(told)?;
    if !rt::lock(&file).map_err(told)? {
        if !anyway {
            return Err(
                "in use: is Ringside running? Stop it, or ask it (`ringside disk status`); with \
                 --anyway it is verified nevertheless, and what is being written may show as damage"
                    .to_owned(),
            );
        }
        let shown = path.display();
        watcher.say(&format!(
            "{shown} is in use: what is being written may show as damage"
        ));
    }
    let end = (&file).seek(SeekFrom::End(0)).map_err(told)?;
    let mut found = Vec::new();
    let (mut base, mut shards, mut share) = (0, 1, 0);
    for shard in 0.. {
        if shard == shards || (shard > 0 && base >= end) {
            break;
        }
        let front = log::front(&file, base).map_err(told)?;
        let name = |shards: u16| match shards {
            1 => path.display().to_string(),
            _ => format!("{}, log {} of {shards}", path.display(), shard + 1),
        };
        match Superblock::read(&front) {
            Ok(superblock) => {
                // A file that ends where its log does has no other.
                share = superblock.total_bytes;
                if shard == 0 && end > base + share {
                    shards = superblock.shards;
                }
                let tally = verify_log(&file, base, &superblock, &front, &name(shards), watcher);
                found.push((name(shards), tally.map_err(told)?));
            }
            Err(not_ours) if shard == 0 => return Err(no_log(not_ours)),
            Err(not_ours) => {
                found.push((name(shards), Tally::without_superblock(&no_log(not_ours))));
            }
        }
        base += share;
    }
    Ok(found)
}

fn verify_log(
    file: &File,
    base: u64,
    superblock: &Superblock,
    front: &[u8],
    name: &str,
    watcher: &mut dyn Watcher,
) -> io::Result<Tally> {
    let layout = superblock.layout();
    let all = layout.total_bytes();
    if superblock.prepared_bytes < all {
        watcher.say(&format!(
            "{name}: {} % of it was pre-written so far; the next start, or `ringside disk prepare`, \
             goes on there",
            u128::from(superblock.prepared_bytes) * 100 / u128::from(all.max(1))
        ));
    }
    let mut source = Source::new(file, base, superblock);
    // What is read once; checkpoints, a hundredth of it, are as long as they are.
    watcher.begin(name, 0, layout.checkpoints_at[0]);
    let tally = log::verify(&mut source, superblock, front, watcher);
    watcher.end();
    tally
}

fn no_log(not_ours: NotOurs) -> String {
    match not_ours {
        NotOurs::Empty => "nothing there: only zeros".to_owned(),
        NotOurs::Foreign("something") => "no store: something that is not Ringside's".to_owned(),
        NotOurs::Foreign(what) => format!("no store: it looks like {what}"),
        NotOurs::Version(version) => format!("of another release (format {version})"),
        NotOurs::Damaged => "both copies of the superblock are damaged".to_owned(),
    }
}

#[cfg(test)]
mod tests;

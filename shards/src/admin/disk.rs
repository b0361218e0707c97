//! `GET /disk`: how the disks are doing, as JSON; `GET /disk?text` for people.
//!
//! Made of what the shards count; nothing is asked of a disk. `ringside disk status` prints it.

use super::{parameters, plain, Reply};
use crate::counters::{Count, Counters, DiskCounters, DiskState, DROPS};
use crate::shard::Shard;
use crate::store::disk::Dropped;
use ringside_engine::report::{family, sample, Kind};
use std::fmt::Write;
use std::sync::Arc;

/// A plain number of a log: its name, what it says, its kind, where it is.
type Row = (
    &'static str,
    &'static str,
    Kind,
    fn(&DiskCounters) -> &Count,
);

const ROWS: &[Row] = &[
    (
        "size_bytes",
        "Bytes of the segments on this disk",
        Kind::Gauge,
        |c| &c.size_bytes,
    ),
    ("segments", "Segments on this disk", Kind::Gauge, |c| {
        &c.segments
    }),
    (
        "segments_used",
        "Segments that hold something",
        Kind::Gauge,
        |c| &c.segments_used,
    ),
    (
        "records",
        "Records on this disk that can be found",
        Kind::Gauge,
        |c| &c.records,
    ),
    (
        "records_bytes",
        "Bytes of records on this disk, with their heads and padding",
        Kind::Gauge,
        |c| &c.records_bytes,
    ),
    (
        "index_bytes",
        "Memory of the index of this disk",
        Kind::Gauge,
        |c| &c.index_bytes,
    ),
    (
        "write_rate_bytes",
        "Bytes written a second, over the last five seconds",
        Kind::Gauge,
        |c| &c.write_rate_bytes,
    ),
    (
        "hits_total",
        "Questions answered from this disk",
        Kind::Counter,
        |c| &c.hits,
    ),
    (
        "misses_total",
        "Questions that this disk had no answer to",
        Kind::Counter,
        |c| &c.misses,
    ),
    (
        "read_bytes_total",
        "Bytes read from this disk to answer questions",
        Kind::Counter,
        |c| &c.read_bytes,
    ),
    (
        "reads_refused_total",
        "Reads not begun because too many were under way",
        Kind::Counter,
        |c| &c.reads_refused,
    ),
    (
        "admitted_total",
        "Records written for what was stored or evicted",
        Kind::Counter,
        |c| &c.admitted,
    ),
    (
        "admitted_bytes_total",
        "Bytes of records written for what was stored or evicted",
        Kind::Counter,
        |c| &c.admitted_bytes,
    ),
    (
        "reinserted_total",
        "Records written again because they were in use when their turn to go came",
        Kind::Counter,
        |c| &c.reinserted,
    ),
    (
        "reinserted_bytes_total",
        "Bytes of records written again",
        Kind::Counter,
        |c| &c.reinserted_bytes,
    ),
    (
        "written_bytes_total",
        "All bytes written to this disk",
        Kind::Counter,
        |c| &c.written_bytes,
    ),
    (
        "kills_total",
        "Purges, replacements and invalidations written to this disk",
        Kind::Counter,
        |c| &c.kills,
    ),
    (
        "checkpoints_total",
        "Checkpoints of the index written",
        Kind::Counter,
        |c| &c.checkpoints,
    ),
    (
        "checksum_faults_total",
        "Records whose bytes were not what was written; each was dropped",
        Kind::Counter,
        |c| &c.checksum_faults,
    ),
    (
        "read_faults_total",
        "Reads that the device failed",
        Kind::Counter,
        |c| &c.read_faults,
    ),
    (
        "write_faults_total",
        "Writes and flushes that the device failed",
        Kind::Counter,
        |c| &c.write_faults,
    ),
    (
        "downs_total",
        "Times that this disk was taken out of use",
        Kind::Counter,
        |c| &c.downs,
    ),
];

const _: () = assert!(Dropped::ALL.len() == DROPS);

/// How many objects were not written, by reason: first those that nobody had asked for often enough.
fn drops(log: &DiskCounters) -> impl Iterator<Item = (&'static str, u64)> + '_ {
    let others = Dropped::ALL.iter().zip(&log.dropped);
    let others = others.map(|(why, count)| (why.word(), count.read()));
    std::iter::once(("unused", log.dropped_unused.read())).chain(others)
}

/// Answers with all disks.
pub(super) fn tell(shard: &Shard, query: &[u8]) -> Reply {
    let disks = disks(&paths(shard), &shard.siblings);
    let is_text = parameters(query).iter().any(|(name, _)| name == b"text");
    if is_text {
        return plain(200, text(&disks));
    }
    Reply {
        status: 200,
        kind: "application/json",
        text: json(&disks).into_bytes(),
    }
}

/// The disks of the Plan, as it names them.
pub(super) fn paths(shard: &Shard) -> Vec<String> {
    let disks = &shard.setting.plan.disks;
    let path = |disk: &ringside_config::DiskPlan| disk.path.display().to_string();
    disks.iter().map(path).collect()
}

/// Adds every disk's numbers to the metrics, with a label for its path.
pub(super) fn push_metrics(out: &mut Vec<u8>, paths: &[String], shards: &[Arc<Counters>]) {
    if paths.is_empty() {
        return;
    }
    let all = || {
        shards.iter().enumerate().flat_map(|(id, counters)| {
            let of_disk = paths.iter().zip(&counters.disks);
            of_disk.map(move |(path, log)| (id.to_string(), path.as_str(), log))
        })
    };
    let each = || all().filter(|(_, _, log)| log.state() != DiskState::Absent);
    for (name, help, kind, read) in ROWS {
        let name = format!("ringside_disk_{name}");
        family(out, &name, help, *kind);
        for (shard, disk, log) in each() {
            let labels = [("shard", &*shard), ("disk", disk)];
            sample(out, &name, &labels, read(log).read() as f64);
        }
    }
    let name = "ringside_disk_up";
    let help =
        "Whether this disk is in use: 0 after it failed, until it is tried again, and for one \
                that could not be opened at the start";
    family(out, name, help, Kind::Gauge);
    // One that was left out has no other number, and is what an alert is for.
    for (shard, disk, log) in all() {
        let is_up = matches!(log.state(), DiskState::Up | DiskState::Recovering);
        let labels = [("shard", &*shard), ("disk", disk)];
        sample(out, name, &labels, f64::from(u8::from(is_up)));
    }
    let name = "ringside_disk_recovered_ratio";
    let help = "Share that was found again of what was on this disk at the start";
    family(out, name, help, Kind::Gauge);
    for (shard, disk, log) in each() {
        let labels = [("shard", &*shard), ("disk", disk)];
        sample(out, name, &labels, log.recovered_ratio().unwrap_or(0.0));
    }
    let name = "ringside_disk_overwritten_age_seconds";
    let help = "Age of what was overwritten last; 0 until something was, since the start";
    family(out, name, help, Kind::Gauge);
    for (shard, disk, log) in each() {
        let labels = [("shard", &*shard), ("disk", disk)];
        let seconds = log.overwritten_age_ms.read() as f64 / 1e3;
        sample(out, name, &labels, seconds);
    }
    let name = "ringside_disk_dropped_total";
    let help = "Objects that were not written: unused, not asked for often enough; slow, memory for \
                writing waits for the device; turning, the next segment is not ready; large, no \
                record can be; recovering, too little is found yet; down; memory, none left; stopping";
    family(out, name, help, Kind::Counter);
    for (shard, disk, log) in each() {
        for (reason, count) in drops(log) {
            let labels = [("shard", &*shard), ("disk", disk), ("reason", reason)];
            sample(out, name, &labels, count as f64);
        }
    }
}

/// One disk, summed over the shards.
#[derive(Debug, PartialEq)]
struct Disk {
    path: String,
    /// Of its logs, how many are in which state; in the order of [`DiskState::ALL`].
    states: [usize; 4],
    /// Why logs are down, each reason once.
    whys: Vec<String>,
    /// Of its logs that are in use, how much was found again of what was there before the start.
    recovered_ratio: Option<f64>,
    /// In the order of [`ROWS`].
    sums: Vec<u64>,
    /// Objects that were not written, by reason.
    drops: Vec<(&'static str, u64)>,
    /// The least of its logs that overwrote something: how long an object may hope to stay.
    overwritten_age_ms: Option<u64>,
}

fn disks(paths: &[String], shards: &[Arc<Counters>]) -> Vec<Disk> {
    let disk = |(at, path): (usize, &String)| {
        let logs = || shards.iter().filter_map(move |one| one.disks.get(at));
        let sum = |read: &fn(&DiskCounters) -> &Count| logs().map(|log| read(log).read()).sum();
        let downs = logs().filter(|log| log.state() == DiskState::Down);
        let mut whys: Vec<String> = downs.map(DiskCounters::why).collect();
        whys.sort();
        whys.dedup();
        let ratios: Vec<f64> = logs().filter_map(DiskCounters::recovered_ratio).collect();
        let ages = logs().map(|log| log.overwritten_age_ms.read());
        Disk {
            path: path.clone(),
            states: DiskState::ALL.map(|state| logs().filter(|log| log.state() == state).count()),
            whys,
            recovered_ratio: (!ratios.is_empty())
                .then(|| ratios.iter().sum::<f64>() / ratios.len() as f64),
            sums: ROWS.iter().map(|(_, _, _, read)| sum(read)).collect(),
            drops: summed(logs().flat_map(drops)),
            overwritten_age_ms: ages.filter(|age| *age > 0).min(),
        }
    };
    paths.iter().enumerate().map(disk).collect()
}

/// The sum of each reason, in the order in which they come.
fn summed(drops: impl Iterator<Item = (&'static str, u64)>) -> Vec<(&'static str, u64)> {
    let mut sums: Vec<(&'static str, u64)> = Vec::new();
    for (reason, count) in drops {
        match sums.iter_mut().find(|(of, _)| *of == reason) {
            Some((_, sum)) => *sum += count,
            None => sums.push((reason, count)),
        }
    }
    sums
}

impl Disk {
    /// One word for all logs: the worst of them.
    fn state(&self) -> &'static str {
        let [absent, recovering, up, down] = self.states.map(|count| count > 0);
        let state = match () {
            () if down => DiskState::Down,
            () if recovering => DiskState::Recovering,
            () if up && !absent => DiskState::Up,
            () => DiskState::Absent,
        };
        state.word()
    }

    fn sum(&self, name: &str) -> u64 {
        let at = ROWS.iter().position(|(row, ..)| *row == name);
        at.and_then(|at| self.sums.get(at))
            .copied()
            .unwrap_or_default()
    }
}

fn json(disks: &[Disk]) -> String {
    let mut out = String::from("{\"disks\":[");
    for (n, disk) in disks.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "{comma}{{\"path\":\"{}\"", escaped(&disk.path));
        let _ = write!(out, ",\"state\":\"{}\"", disk.state());
        for (state, count) in DiskState::ALL.iter().zip(disk.states) {
            let _ = write!(out, ",\"shards_{}\":{count}", state.word());
        }
        let why = match disk.whys.is_empty() {
            true => "null".to_owned(),
            false => format!("\"{}\"", escaped(&disk.whys.join("; "))),
        };
        let ratio = disk.recovered_ratio;
        let ratio = ratio.map_or("null".to_owned(), |ratio| format!("{ratio:.3}"));
        let _ = write!(out, ",\"why\":{why},\"recovered_ratio\":{ratio}");
        for ((name, ..), sum) in ROWS.iter().zip(&disk.sums) {
            let _ = write!(out, ",\"{name}\":{sum}");
        }
        for (reason, sum) in &disk.drops {
            let _ = write!(out, ",\"dropped_{reason}_total\":{sum}");
        }
        let age = disk.overwritten_age_ms.map(|ms| ms as f64 / 1e3);
        let age = age.map_or("null".to_owned(), |seconds| seconds.to_string());
        let _ = write!(out, ",\"overwritten_age_seconds\":{age}}}");
    }
    out + "]}\n"
}

/// As a JSON string holds it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn text(disks: &[Disk]) -> String {
    if disks.is_empty() {
        return "no disk is configured: everything is in memory\n".to_owned();
    }
    let mut out = String::new();
    for disk in disks {
        let _ = writeln!(out, "{}: {}", disk.path, state_line(disk));
        for (name, value) in lines(disk) {
            let _ = writeln!(out, "  {name:<12} {value}");
        }
    }
    out
}

fn state_line(disk: &Disk) -> String {
    let shards: usize = disk.states.iter().sum();
    match (disk.state(), disk.states) {
        ("down", [.., down]) if down < shards => format!(
            "down on {down} of {shards} shards: {}; tried again every 30 s",
            disk.whys.join("; ")
        ),
        ("down", _) => format!("down: {}; tried again every 30 s", disk.whys.join("; ")),
        ("recovering", _) => format!(
            "recovering, {:.0} % found again",
            100.0 * disk.recovered_ratio.unwrap_or(0.0)
        ),
        ("absent", [absent, ..]) if absent < shards => {
            format!("left out on {absent} of {shards} shards at the start, until the next one")
        }
        ("absent", _) => {
            "left out at the start, for what was said then: it is used after a restart".to_owned()
        }
        (word, _) => word.to_owned(),
    }
}

fn lines(disk: &Disk) -> Vec<(&'static str, String)> {
    let sum = |name| disk.sum(name);
    let (size, stored) = (sum("size_bytes"), sum("records_bytes"));
    let (hits, misses) = (sum("hits_total"), sum("misses_total"));
    let (admitted, written) = (sum("admitted_bytes_total"), sum("written_bytes_total"));
    let some = disk.drops.iter().filter(|(_, count)| *count > 0);
    let drops: Vec<String> = some
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    let mut lines = vec![
        (
            "fill",
            format!(
                "{} of {}, {}",
                bytes(stored),
                bytes(size),
                share(stored, size)
            ),
        ),
        (
            "segments",
            format!("{} of {} used", sum("segments_used"), sum("segments")),
        ),
        (
            "records",
            format!(
                "{}, with {} of memory for their index",
                sum("records"),
                bytes(sum("index_bytes"))
            ),
        ),
        (
            "hits",
            format!(
                "{hits} of {} questions, {}",
                hits + misses,
                share(hits, hits + misses)
            ),
        ),
        (
            "writes",
            format!(
                "{}/s; {} in all, {} for each byte admitted",
                bytes(sum("write_rate_bytes")),
                bytes(written),
                match admitted {
                    0 => "-".to_owned(),
                    _ => format!("{:.2}", written as f64 / admitted as f64),
                }
            ),
        ),
        (
            "overwrites",
            match disk.overwritten_age_ms {
                Some(ms) => format!("what is {} old", age(ms)),
                None => "nothing since the start".to_owned(),
            },
        ),
        (
            "not written",
            match drops.is_empty() {
                true => "none".to_owned(),
                false => drops.join(", "),
            },
        ),
    ];
    lines.push((
        "faults",
        format!(
            "{} checksums, {} reads, {} writes",
            sum("checksum_faults_total"),
            sum("read_faults_total"),
            sum("write_faults_total")
        ),
    ));
    lines
}

fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
    }
}

fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut shown = (bytes as f64, "B");
    for unit in units {
        if shown.0 < 1024.0 {
            break;
        }
        shown = (shown.0 / 1024.0, unit);
    }
    match shown.1 {
        "B" => format!("{bytes} B"),
        unit => format!("{:.1} {unit}", shown.0),
    }
}

fn age(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;

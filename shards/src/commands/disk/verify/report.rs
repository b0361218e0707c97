//! What was found, for people.

use super::check::{Fault, Part};
use super::log::Tally;
use indicatif::BinaryBytes;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Faults of one log that are told one by one.
const TOLD_MAX: usize = 20;

impl Part {
    fn word(self) -> &'static str {
        match self {
            Part::Superblock => "superblocks",
            Part::Header => "segment headers",
            Part::Footer => "segment footers",
            Part::Object => "records",
            Part::Kills => "kill records",
            Part::Edicts => "edicts",
            Part::Checkpoint => "checkpoints",
            Part::Bytes => "stretches of bytes",
        }
    }
}

impl Tally {
    /// Of a place where a log should be.
    pub(super) fn without_superblock(why: &str) -> Tally {
        Tally {
            faults: vec![Fault {
                part: Part::Superblock,
                place: format!("superblocks ({why})"),
                why: "not whole",
            }],
            ..Tally::default()
        }
    }
}

/// One log: a line, and one for each of its faults.
pub(super) fn of_log(name: &str, tally: &Tally) -> String {
    let verdict = match tally.faults.len() {
        0 => "whole".to_owned(),
        1 => "1 fault".to_owned(),
        faults => format!("{faults} faults"),
    };
    let mut out = format!("{name}: {} record(s), {verdict}\n", tally.objects);
    for Fault { place, why, .. } in tally.faults.iter().take(TOLD_MAX) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "  {place}: {why}");
    }
    if let Some(more) = tally.faults.len().checked_sub(TOLD_MAX + 1) {
        let _ = writeln!(out, "  and {} more", more + 1);
    }
    out
}

/// The table at the end.
pub(super) fn of_all(all: &Tally, logs: usize, time: Duration) -> String {
    let mut damage: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for fault in &all.faults {
        *damage.entry((fault.part.word(), fault.why)).or_default() += 1;
    }
    let segments = format!(
        "{} sealed, {} unsealed, {} void, {} empty, {} lost",
        all.sealed, all.unsealed, all.void_segments, all.empty, all.lost
    );
    let rate = (all.read_bytes as f64 / time.as_secs_f64().max(1e-3)) as u64;
    let mut rows = vec![
        ("logs", logs.to_string()),
        (
            "superblocks",
            format!("{} of {}", all.superblocks, 2 * logs),
        ),
        ("segments", segments),
        (
            "records",
            format!("{} whole, {}", all.objects, BinaryBytes(all.record_bytes)),
        ),
        (
            "of them void",
            format!("{}, replaced or killed since", all.void),
        ),
        ("torn", format!("{}, never wholly written", all.torn)),
        ("kills", all.kills.to_string()),
        ("edicts", all.edicts.to_string()),
        (
            "checkpoints",
            format!("{}, {} entries in the newest", all.checkpoints, all.entries),
        ),
        (
            "read",
            format!(
                "{} in {:.1} s, {}/s",
                BinaryBytes(all.read_bytes),
                time.as_secs_f64(),
                BinaryBytes(rate)
            ),
        ),
    ];
    if damage.is_empty() {
        rows.push(("damage", "none".to_owned()));
    }
    for ((part, why), count) in damage {
        rows.push(("damage", format!("{part}, {why}: {count}")));
    }
    let mut out = String::new();
    for (name, value) in rows {
        let _ = writeln!(out, "{name:<13} {value}");
    }
    out
}

//! What does a request cost, and how often is it a hit, when the set is ten times the memory?
//!
//! Sizes and popularity as on the Web (`draw`). Ringside has a memory and a disk of four times as
//! much; nginx a disk cache of both together. Every server is asked the same sequence, so hit ratios
//! compare exactly. nginx has the page cache of the whole machine besides, which holds all of its
//! cache here: it hardly reads from the disk, so this compares what the two decide, and CPU, in
//! nginx's favour.
//!
//! A second Ringside has a disk no larger than its memory: its circle goes round again and again, so
//! it shows how many bytes are written for each that is let in when the disk is full.

use super::client::{self, Tally};
use super::draw::{web_bytes, Dice, Zipf};
use super::source::{Heard, Source};
use super::{metrics, note_disk, row};
use crate::cases::{Effort, Pinned, OURS};
use crate::fault::Result;
use crate::http::sample;
use crate::report::{Case, Row};
use crate::scratch::Scratch;
use crate::servers::nginx::{self, Kind, OnDisk};
use crate::servers::ringside::{Disk, Ringside, Setting};
use crate::servers::{Server, Stage};
use ringside_shards::rt;
use std::cell::Cell;
use std::rc::Rc;

const EXPONENT: f64 = 0.9;
const CONNECTIONS: usize = 32;
/// The set over the memory, and the disk over the memory.
const SET: u64 = 10;
const DISK: u64 = 4;
/// Ringside with a disk that is always full.
const FULL: &str = "Ringside, small disk";

/// The set: the size of every object, by rank.
struct Set {
    bytes: Vec<usize>,
    zipf: Zipf,
}

impl Set {
    fn of(total_bytes: u64) -> Set {
        let (mut bytes, mut sum) = (Vec::new(), 0);
        while sum < total_bytes {
            let next = web_bytes(bytes.len() as u64);
            sum += next as u64;
            bytes.push(next);
        }
        let zipf = Zipf::new(bytes.len(), EXPONENT);
        Set { bytes, zipf }
    }
}

/// A server, its row, and how far it is in the sequence.
struct Entrant {
    server: Server,
    row: Row,
    dice: Rc<Cell<Dice>>,
}

/// Fills in the case.
pub(crate) fn measure(case: &mut Case, stage: &Stage, effort: &Effort) -> Result<()> {
    let memory_mib = if effort.small { 32 } else { 256 };
    let set = Rc::new(Set::of((SET * memory_mib) << 20));
    let objects = set.bytes.len() as u64;
    case.question = format!(
        "what does a request cost with {objects} objects of Web sizes, {} MiB, Zipf {EXPONENT}, \
         memory {memory_mib} MiB, disk {} MiB?",
        SET * memory_mib,
        DISK * memory_mib,
    );
    case.unit = "CPU us/request";
    let scratch = Scratch::below(&stage.disk)?;
    let source = Source::start(stage)?;
    let _pinned = Pinned::to(stage.client_core)?;
    let mut entrants = Vec::new();
    // Names and admin ports.
    let mut ours = Vec::new();
    if stage.ringside.is_some() {
        for (name, disk_mib) in [
            (OURS, DISK * memory_mib),
            (FULL, disk_mib_least(memory_mib)),
        ] {
            let setting = Setting {
                memory_mib,
                disk: Some(Disk {
                    path: scratch.directory(&name.replace([',', ' '], ""))?,
                    mib: disk_mib,
                    rule: "auto",
                }),
                ..Setting::single(stage)
            };
            let Ringside { server, admin } = Ringside::start(stage, source.port, &setting)?;
            ours.push((name, admin));
            entrants.push(entrant(name, server));
        }
    } else {
        case.notes
            .push(format!("{OURS} left out: --without-ringside"));
    }
    let directory = scratch.directory("nginx")?;
    let setting = OnDisk {
        name: "nginx",
        directory: &directory,
        directives: "",
        kind: Kind::Cache(source.port, ((1 + DISK) * memory_mib) << 20, objects, ""),
    };
    entrants.push(entrant("nginx", nginx::on_disk(stage, &setting)?));
    // Until the circle has gone round, evictions included.
    let warm = if effort.small {
        objects / 4
    } else {
        4 * objects
    };
    for entrant in &entrants {
        eprintln!(
            "{}: warming {} with {warm} requests",
            case.name, entrant.server.name
        );
        ask(&set, entrant, warm)?;
    }
    let told = |ours: &[(&str, u16)]| -> Result<Vec<String>> {
        ours.iter().map(|(_, admin)| metrics(*admin)).collect()
    };
    let before = told(&ours)?;
    let requests = u64::from(effort.seconds) * if effort.small { 1500 } else { 6000 };
    for round in 1..=effort.rounds {
        for entrant in &mut entrants {
            let cost = turn(&set, &source, entrant, requests)?;
            let name = &entrant.row.name;
            eprintln!(
                "{} {round}/{} {name}: {cost:.1} us",
                case.name, effort.rounds
            );
        }
    }
    let after = told(&ours)?;
    for (((name, _), before), after) in ours.iter().zip(&before).zip(&after) {
        tell_writes(case, name, before, after);
        note_disk(case, name, after);
    }
    case.rows
        .extend(entrants.into_iter().map(|entrant| entrant.row));
    case.compare(OURS, "nginx", 1.0);
    Ok(())
}

/// As much as the memory, but no less than a disk may be.
fn disk_mib_least(memory_mib: u64) -> u64 {
    memory_mib.max(96)
}

fn entrant(name: &str, server: Server) -> Entrant {
    Entrant {
        row: row(name, &server),
        server,
        dice: Rc::new(Cell::new(Dice(7))),
    }
}

/// Goes on in the sequence for so many requests.
fn ask(set: &Rc<Set>, entrant: &Entrant, requests: u64) -> Result<Tally> {
    let (set, dice, mut left) = (set.clone(), entrant.dice.clone(), requests);
    rt::run(async {
        let clients = client::open(entrant.server.port, CONNECTIONS).await?;
        client::run(&clients, move |request| {
            if left == 0 {
                return false;
            }
            left -= 1;
            let mut next = dice.get();
            let rank = set.zipf.draw(&mut next);
            dice.set(next);
            let bytes = set.bytes.get(rank).copied().unwrap_or(0);
            client::write_request(request, &format!("/{bytes}/z{rank}"));
            true
        })
        .await
    })?
}

fn turn(set: &Rc<Set>, source: &Source, entrant: &mut Entrant, requests: u64) -> Result<f64> {
    let heard = source.heard()?;
    let before = entrant.server.running.cpu();
    let tally = ask(set, entrant, requests)?;
    let used = entrant.server.running.cpu().since(&before);
    let Heard {
        requests: missed,
        bytes: missed_bytes,
    } = source.heard()?.since(heard);
    let cost = used.seconds * 1e6 / tally.answered as f64;
    let row = &mut entrant.row;
    row.cost.push(cost);
    row.user_share.push(used.user_share);
    tally.add_to(row);
    row.more(
        "hit %",
        100.0 * (1.0 - missed as f64 / tally.answered as f64),
    );
    row.more(
        "byte hit %",
        100.0 * (1.0 - missed_bytes as f64 / tally.bytes as f64),
    );
    Ok(cost)
}

/// Bytes written for each byte that was let in, during the turns.
fn tell_writes(case: &mut Case, name: &str, before: &str, after: &str) {
    let risen = |name: &str| sample(after, name, "") - sample(before, name, "");
    let written = risen("ringside_disk_written_bytes_total");
    let admitted = risen("ringside_disk_admitted_bytes_total");
    case.notes.push(format!(
        "{name}: {:.1} MiB written to disk, {:.1} MiB of it let in: write amplification {:.2}; {} of \
         {} segments in use",
        written / f64::from(1 << 20),
        admitted / f64::from(1 << 20),
        written / admitted.max(1.0),
        sample(after, "ringside_disk_segments_used", ""),
        sample(after, "ringside_disk_segments", ""),
    ));
}

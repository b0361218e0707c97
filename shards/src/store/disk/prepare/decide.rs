//! What becomes of each log, by what was found in its place. Writes nothing.

use super::place::{segment_bytes, Place, Site};
use super::{run, Refused};
use ringside_engine::key::Seed;
use ringside_engine::store::disk::{Changes, Falls, Layout, NotOurs, Superblock};

/// What a log is valid from until it takes part in a run.
pub(super) const NEVER_USED: u64 = 0;

/// What holds for all logs.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) set: u128,
    pub(super) seed: Seed,
    pub(super) shards: u16,
    /// The last run of the set.
    pub(super) run: u64,
    /// What logs failed, by shard.
    pub(super) falls: Vec<(u16, Falls)>,
    pub(super) now_ms: u64,
    pub(super) force: bool,
}

/// What becomes of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is used as it is.
    Stays,
    /// It gets segments.
    Grows { from: u32, to: u32 },
    /// It loses segments.
    Shrinks { from: u32, to: u32 },
    /// It is empty from now on, for this reason if something was there.
    Begins { why: Option<String> },
}

impl Fate {
    /// What there is to say about it.
    pub(super) fn why(&self) -> Option<String> {
        match self {
            Fate::Stays => None,
            Fate::Grows { from, to } => Some(format!("grows from {from} to {to} segments")),
            Fate::Shrinks { from, to } => Some(format!(
                "shrinks from {from} to {to} segments; what was in the others is gone, and what is \
                 older than that"
            )),
            Fate::Begins { why } => why.as_ref().map(|why| format!("{why}: it begins empty")),
        }
    }
}

/// The superblocks of this set.
pub(super) fn ours(sites: &[Site], set: u128) -> impl Iterator<Item = &Superblock> {
    let held = sites.iter().flat_map(|site| site.places.iter());
    held.filter_map(|place| place.found.as_ref().ok())
        .filter(move |held| held.set == set)
}

/// What the logs of each shard say of each other's failing, and of their own.
pub(super) fn falls(sites: &[Site], set: u128) -> Vec<(u16, Falls)> {
    let each = ours(sites, set).map(|held| (held.shard, held.falls));
    each.collect()
}

/// The data set that the logs belong to; none when there is no log yet. Of several, that with most
/// bytes; and of equal ones the first.
///
/// # Errors
/// There are several, and without force none of them is emptied.
pub(super) fn the_set(sites: &[Site], force: bool) -> Result<Option<(u128, Seed)>, Refused> {
    let mut sets: Vec<(u128, Seed, u64)> = Vec::new();
    for held in sites.iter().flat_map(|site| &site.places) {
        let Ok(held) = &held.found else { continue };
        match sets.iter_mut().find(|(set, ..)| *set == held.set) {
            Some((.., bytes)) => *bytes += held.total_bytes,
            None => sets.push((held.set, held.seed, held.total_bytes)),
        }
    }
    let most = sets.iter().rev().max_by_key(|(.., bytes)| *bytes);
    let Some((set, seed, _)) = most else {
        return Ok(None);
    };
    if sets.len() > 1 && !force {
        return Err(several_sets(sites, *set));
    }
    Ok(Some((*set, *seed)))
}

fn several_sets(sites: &[Site], stays: u128) -> Refused {
    // The disks that have logs of such a set.
    let shown = |is_wanted: &dyn Fn(u128) -> bool| {
        let wanted = sites.iter().filter(|site| {
            let mut held = site
                .places
                .iter()
                .filter_map(|place| place.found.as_ref().ok());
            held.any(|held| is_wanted(held.set))
        });
        let shown: Vec<String> = wanted.map(|site| site.path.display().to_string()).collect();
        shown.join(", ")
    };
    Refused(format!(
        "{} and {} belong to different data sets: `ringside disk prepare --config FILE --force` makes \
         all of them part of the first one, and empties {}",
        shown(&|set| set == stays),
        shown(&|set| set != stays),
        shown(&|set| set != stays),
    ))
}

/// Refuses another number of shards than there were: it may be by mistake, as for a process that
/// was started on other cores.
pub(super) fn as_many_shards(sites: &[Site], set: u128, shards: u16) -> Result<(), Refused> {
    for place in sites.iter().flat_map(|site| &site.places) {
        let Ok(held) = &place.found else { continue };
        let is_used = held.set == set && held.valid_from != NEVER_USED;
        if is_used && held.shards != shards {
            return Err(Refused(format!(
                "{} has what {} shards have stored, and there would be {shards} now, one for each \
                 core that this process may run on: what has another home then would be lost. \
                 Write `[shards] count = {}` into the configuration, or the number that you want; \
                 --force takes {shards}",
                place.shown(),
                held.shards,
                held.shards
            )));
        }
    }
    Ok(())
}

/// The number of each disk in the set: as its logs say, or one that is free. A copy of a disk is
/// not that disk.
pub(super) fn numbers(sites: &[Site], set: u128) -> Vec<u16> {
    let own = |site: &Site| {
        let held = site.places.iter().filter_map(|p| p.found.as_ref().ok());
        let mut held = held.filter(|held| held.set == set);
        held.next().map(|held| held.device)
    };
    let mut taken: Vec<u16> = Vec::new();
    let known: Vec<Option<u16>> = sites
        .iter()
        .map(|site| {
            let number = own(site).filter(|number| !taken.contains(number))?;
            taken.push(number);
            Some(number)
        })
        .collect();
    let number = |known: Option<u16>| {
        known.unwrap_or_else(|| {
            let free = (0..=u16::MAX).find(|number| !taken.contains(number));
            let free = free.unwrap_or(u16::MAX);
            taken.push(free);
            free
        })
    };
    known.into_iter().map(number).collect()
}

/// What becomes of the logs of one disk, and the superblock that each has then.
///
/// # Errors
/// Something is there that is not ours.
pub(super) fn fates(
    site: &Site,
    number: u16,
    terms: &Terms,
) -> Result<Vec<(Superblock, Fate)>, Refused> {
    // Slices move when their length changes. What is where another began is not foreign then.
    let is_sliced = site.is_device && site.places.len() > 1;
    let first = site.places.first().map(|place| &place.found);
    let slicing = match first {
        Some(Ok(held)) if is_sliced && held.set == terms.set => Some(held),
        _ => None,
    };
    let moved = |place: &Place| {
        slicing.is_some_and(|held| held.total_bytes != place.bytes || held.shards != terms.shards)
    };
    let each = site.places.iter().map(|place| match &place.found {
        _ if moved(place) => {
            let why = match place.shard {
                0 => Some("the device is divided otherwise now".to_owned()),
                _ => None,
            };
            Ok(anew(place, number, terms, 0, why))
        }
        // Its first log was made, so the others were about to be.
        Err(_) if slicing.is_some() => Ok(anew(place, number, terms, 0, None)),
        Ok(held) => kept(place, held, number, terms),
        Err(NotOurs::Empty) => Ok(anew(place, number, terms, 0, None)),
        Err(not_ours) if !terms.force => Err(refusal(place, *not_ours)),
        Err(_) => {
            let why = "what was there is overwritten".to_owned();
            Ok(anew(place, number, terms, 0, Some(why)))
        }
    });
    each.collect()
}

fn refusal(place: &Place, not_ours: NotOurs) -> Refused {
    let found = match not_ours {
        NotOurs::Foreign("something") => "holds something that is not Ringside's".to_owned(),
        NotOurs::Foreign(what) => format!("looks like {what}"),
        NotOurs::Version(version) => format!("was written by another release (format {version})"),
        NotOurs::Damaged => "has two damaged superblocks".to_owned(),
        NotOurs::Empty => "is empty".to_owned(),
    };
    Refused(format!(
        "{} {found}, and is not touched; if it may be overwritten: `ringside disk prepare --config \
         FILE --force`",
        place.shown()
    ))
}

/// What becomes of a log that is there.
fn kept(
    place: &Place,
    held: &Superblock,
    number: u16,
    terms: &Terms,
) -> Result<(Superblock, Fate), Refused> {
    let (shard, shards) = (place.shard, terms.shards);
    let layout = Layout::fitting(place.bytes, held.segment_bytes);
    let why = if held.set != terms.set {
        "it belonged to another data set".to_owned()
    } else if held.shard != shard || held.device != number {
        "it is a copy of another log".to_owned()
    } else if run::missed(held, terms.run) {
        "the server has run without it, and may have been told to purge what it holds".to_owned()
    } else if fell(place, held, terms) {
        "it failed, and may hold what was purged then".to_owned()
    } else if place.there < held.prepared_bytes {
        // What was purged may have stood there.
        "its end was cut off".to_owned()
    } else if let (Some(layout), Some(held)) = (layout, among(held, shards)) {
        return Ok(resized(place, &held, layout));
    } else if layout.is_some() {
        format!("there were too many numbers of shards, and now there are {shards}")
    } else {
        "its segments are too long for its new size".to_owned()
    };
    Ok(anew(place, number, terms, held.prepared_bytes, Some(why)))
}

/// The same log among another number of shards: what has another home then counts no more. None if
/// that can't be said of anything in it.
fn among(held: &Superblock, shards: u16) -> Option<Superblock> {
    let mut superblock = held.clone();
    if held.shards == shards {
        return Some(superblock);
    }
    superblock.shards = shards;
    superblock.generation += 1;
    if held.valid_from != NEVER_USED {
        let valid_from = superblock.changes.change(shards)?;
        superblock.valid_from = superblock.valid_from.max(valid_from);
    }
    Some(superblock)
}

/// Whether it failed, and was not begun anew since.
fn fell(place: &Place, held: &Superblock, terms: &Terms) -> bool {
    let mut of_shard = terms.falls.iter().filter(|(shard, _)| *shard == held.shard);
    place.is_void || of_shard.any(|(_, falls)| falls.has(held))
}

fn resized(place: &Place, held: &Superblock, layout: Layout) -> (Superblock, Fate) {
    let (from, to) = (held.segments, layout.segments);
    if from == to {
        return (held.clone(), Fate::Stays);
    }
    let superblock = Superblock {
        segments: to,
        generation: held.generation + 1,
        prepared_bytes: held.prepared_bytes.min(layout.total_bytes()),
        total_bytes: place.bytes,
        ..held.clone()
    };
    let fate = match from < to {
        true => Fate::Grows { from, to },
        false => Fate::Shrinks { from, to },
    };
    (superblock, fate)
}

/// A new log. That it was made at another time makes all that was written before void.
fn anew(
    place: &Place,
    number: u16,
    terms: &Terms,
    prepared_bytes: u64,
    why: Option<String>,
) -> (Superblock, Fate) {
    let before = place.found.as_ref().ok();
    // The writings of another set say nothing in this one.
    let before = before.filter(|held| held.set == terms.set);
    let segment_bytes = segment_bytes(place.bytes);
    // `look` has refused what none fits into.
    let layout = Layout::fitting(place.bytes, segment_bytes);
    let (segments, total) = layout.map_or((0, 0), |it| (it.segments, it.total_bytes()));
    let superblock = Superblock {
        set: terms.set,
        seed: terms.seed,
        device: number,
        shard: place.shard,
        shards: terms.shards,
        segment_bytes,
        segments,
        // Newer than what is there, and of the set's last run.
        generation: run::generation(terms.run, run::Stage::Takes)
            .max(before.map_or(0, |held| held.generation + 1)),
        valid_from: NEVER_USED,
        // Blocks that were written once need not be again.
        prepared_bytes: prepared_bytes.min(total).min(place.there),
        created_ms: before.map_or(terms.now_ms, |held| terms.now_ms.max(held.created_ms + 1)),
        latest_ms: before.map_or(0, |held| held.latest_ms),
        total_bytes: place.bytes,
        falls: Falls::default(),
        changes: Changes::default(),
    };
    (superblock, Fate::Begins { why })
}

/// The same log with nothing in it, since what is there can't be trusted.
pub(super) fn emptied(place: &Place, superblock: Superblock, terms: &Terms) -> Superblock {
    let before = place.found.as_ref().ok();
    Superblock {
        valid_from: NEVER_USED,
        created_ms: before.map_or(terms.now_ms, |held| terms.now_ms.max(held.created_ms + 1)),
        ..superblock
    }
}

//! Purged prefixes of URLs, in order, so that those of one URL are found by one search.
//!
//! All prefixes of a text stand before it, and whatever stands between one of them and the text
//! begins with that prefix too. So the last entry that is not above the text has them all among
//! those that it begins with itself. Each entry knows the longest of these.

use super::reach::{Reach, Verdict};
use crate::limits::PURGED_PREFIXES_MAX;
use crate::time::Mono;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The statements, sorted by host and path.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes {
    sorted: Vec<Prefix>,
}

#[derive(Clone, Debug)]
struct Prefix {
    /// Empty for every host.
    host: Box<[u8]>,
    path: Box<[u8]>,
    reach: Reach,
    /// Where the longest other entry is that this one begins with.
    above: Option<u16>,
}

const _: () = assert!(PURGED_PREFIXES_MAX < u16::MAX as usize);

impl Prefix {
    fn holds(&self, host: &[u8], target: &[u8]) -> bool {
        *self.host == *host && target.starts_with(&self.path)
    }

    /// Everything under `host` and `path` is under this one.
    fn is_over(&self, host: &[u8], path: &[u8]) -> bool {
        (self.host.is_empty() || *self.host == *host) && path.starts_with(&self.path)
    }
}

impl Prefixes {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// All of them, each with its host and path.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], Reach)> + '_ {
        let sorted = self.sorted.iter();
        sorted.map(|held| (&*held.host, &*held.path, held.reach))
    }

    /// Makes a statement. Gives back one that found no neighbour to be merged with when there
    /// were too many: it must count for everything.
    pub(super) fn add(&mut self, host: &[u8], path: &[u8], reach: Reach) -> Option<Reach> {
        let said = |held: &Prefix| held.is_over(host, path) && held.reach.covers(reach);
        if self.sorted.iter().any(said) {
            return None;
        }
        self.put(host, path, reach);
        let homeless = if self.sorted.len() > PURGED_PREFIXES_MAX {
            self.merge_oldest()
        } else {
            None
        };
        self.link();
        homeless
    }

    /// Drops what a statement about everything says already.
    pub(super) fn drop_covered(&mut self, all: Reach) {
        self.sorted.retain(|held| !all.covers(held.reach));
        self.link();
    }

    /// What these say about a URL.
    pub(super) fn verdict(&self, born: Mono, host: &[u8], target: &[u8]) -> Verdict {
        if self.sorted.is_empty() {
            return Verdict::Valid;
        }
        let own = self.of_host(born, host, target);
        match host {
            [] => own,
            _ => own.max(self.of_host(born, b"", target)),
        }
    }

    fn of_host(&self, born: Mono, host: &[u8], target: &[u8]) -> Verdict {
        let not_above = |held: &Prefix| (&*held.host, &*held.path) <= (host, target);
        let mut next = self.sorted.partition_point(not_above).checked_sub(1);
        let mut worst = Verdict::Valid;
        while let Some(held) = next.and_then(|at| self.sorted.get(at)) {
            if held.holds(host, target) {
                worst = worst.max(held.reach.verdict(born));
            }
            next = held.above.map(usize::from);
        }
        worst
    }

    /// Where this one stands, or would.
    fn place(&self, host: &[u8], path: &[u8]) -> usize {
        self.sorted
            .partition_point(|held| (&*held.host, &*held.path) < (host, path))
    }

    /// Puts a statement in its place, or joins the one that is there, and drops those below it
    /// that say no more.
    fn put(&mut self, host: &[u8], path: &[u8], reach: Reach) {
        let at = self.place(host, path);
        let mut whole = reach;
        match self.sorted.get_mut(at) {
            Some(held) if *held.host == *host && *held.path == *path => {
                held.reach.join(reach);
                whole = held.reach;
            }
            _ => self.sorted.insert(
                at,
                Prefix {
                    host: host.into(),
                    path: path.into(),
                    reach,
                    above: None,
                },
            ),
        }
        self.sorted.retain(|held| {
            let is_below = (host.is_empty() || *held.host == *host) && held.path.starts_with(path);
            let is_itself = *held.host == *host && *held.path == *path;
            is_itself || !is_below || !whole.covers(held.reach)
        });
    }

    /// Merges the oldest statement with the neighbour of its host that has most in common with
    /// it, into one about that. It reaches as far back as either and over all that lies between
    /// them: more, never less. Without a neighbour its reach is given back.
    ///
    /// So a thousand purges below `/products/` become one of `/products/`, and other hosts, and
    /// other corners of this one, are left alone.
    fn merge_oldest(&mut self) -> Option<Reach> {
        let ages = self.sorted.iter().map(|held| held.reach.newest());
        let (oldest, _) = ages.enumerate().min_by_key(|(_, age)| *age)?;
        let common = |at: Option<usize>| {
            let (held, other) = (self.sorted.get(oldest)?, self.sorted.get(at?)?);
            let pairs = held.path.iter().zip(&*other.path);
            let len = pairs.take_while(|(a, b)| a == b).count();
            (held.host == other.host).then_some((len, at?))
        };
        let nearest = common(oldest.checked_sub(1)).max(common(oldest.checked_add(1)));
        let Some((len, other)) = nearest else {
            return Some(self.sorted.remove(oldest).reach);
        };
        // The later one first: the other keeps its place.
        let (later, earlier) = (oldest.max(other), oldest.min(other));
        let (later, earlier) = (self.sorted.remove(later), self.sorted.remove(earlier));
        let mut reach = earlier.reach;
        reach.join(later.reach);
        let path = earlier.path.get(..len).unwrap_or_default();
        self.put(&earlier.host, path, reach);
        None
    }

    /// Finds for each entry the one above it.
    fn link(&mut self) {
        // Those that the next one may begin with, the longest last.
        let mut open: Vec<u16> = Vec::new();
        for at in 0..self.sorted.len() {
            let Some(held) = self.sorted.get(at) else {
                break;
            };
            while let Some(over) = open.last().and_then(|at| self.sorted.get(usize::from(*at))) {
                if over.holds(&held.host, &held.path) {
                    break;
                }
                open.pop();
            }
            let above = open.last().copied();
            if let Some(held) = self.sorted.get_mut(at) {
                held.above = above;
            }
            // At most PURGED_PREFIXES_MAX, which fits.
            open.push(at as u16);
        }
    }
}

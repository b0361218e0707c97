//! Host and path to route: the exact host, else the longest suffix, else `*`; there the route
//! with the longest path prefix.
//!
//! Finding allocates nothing. A host that no site names exactly is read once more, from its end:
//! every dot on the way may begin a suffix that some site names.

use alloc::boxed::Box;
use alloc::vec::Vec;
use hashbrown::HashTable;
use ringside_config::{HostPattern, Plan};

/// Numbers all routes of all sites, in the Plan's order, from 0 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

/// The route of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Index of the site in the Plan.
    pub site: u16,
    /// Index of the route in its site.
    pub route: u16,
    /// The route among all.
    pub id: RouteId,
}

/// All sites and routes, compiled.
pub struct Table {
    exact: HashTable<Name>,
    /// Keyed by the suffix with its leading dot.
    suffixes: HashTable<Name>,
    any: Option<u16>,
    sites: Vec<Site>,
    /// By `RouteId`: site, route, origin.
    routes: Vec<(u16, u16, usize)>,
}

struct Name {
    hash: u64,
    /// In lower case.
    text: Box<[u8]>,
    site: u16,
}

/// The path prefixes of a site, sorted.
struct Site {
    prefixes: Vec<Prefix>,
}

struct Prefix {
    text: Box<[u8]>,
    found: Found,
    /// The longest other prefix that this one begins with.
    within: Option<usize>,
}

impl Table {
    /// The table of a Plan. Where two sites name the same host, or two routes of one site the
    /// same path, the first one counts. Sites and routes beyond 65,536 of a kind can't be
    /// numbered and are left out.
    #[must_use]
    pub fn compile(plan: &Plan) -> Table {
        let mut table = Table {
            exact: HashTable::new(),
            suffixes: HashTable::new(),
            any: None,
            sites: Vec::new(),
            routes: Vec::new(),
        };
        for (number, site) in (0..=u16::MAX).zip(&plan.sites) {
            for host in &site.hosts {
                match host {
                    HostPattern::Exact(name) => {
                        add(&mut table.exact, whole_hash(name.as_bytes()), name, number);
                    }
                    HostPattern::Suffix(name) => {
                        add(
                            &mut table.suffixes,
                            Backwards::of(name.as_bytes()),
                            name,
                            number,
                        );
                    }
                    HostPattern::Any => table.any = table.any.or(Some(number)),
                }
            }
            let mut prefixes = Vec::new();
            for (index, route) in (0..=u16::MAX).zip(&site.routes) {
                let Ok(id) = u32::try_from(table.routes.len()) else {
                    break;
                };
                table.routes.push((number, index, route.origin));
                let found = Found {
                    site: number,
                    route: index,
                    id: RouteId(id),
                };
                let text = route.path.as_bytes().into();
                prefixes.push(Prefix {
                    text,
                    found,
                    within: None,
                });
            }
            table.sites.push(Site::of(prefixes));
        }
        table
    }

    /// The route of a host, without port and final dot and in any case, and a path in normal form.
    #[must_use]
    pub fn find(&self, host: &[u8], path: &[u8]) -> Option<Found> {
        self.sites.get(usize::from(self.site(host)?))?.find(path)
    }

    /// Some site answers for this host, whatever the path.
    #[must_use]
    pub fn serves(&self, host: &[u8]) -> bool {
        self.site(host).is_some()
    }

    /// How many routes there are: ids are below.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// There are no routes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Where a route stands in the Plan: index of the site, and of the route in it. An id that is
    /// not of this table stands nowhere, at `usize::MAX`.
    #[must_use]
    pub fn indexes(&self, id: RouteId) -> (usize, usize) {
        self.routes
            .get(id.0 as usize)
            .map_or((usize::MAX, usize::MAX), |(site, route, _)| {
                (usize::from(*site), usize::from(*route))
            })
    }

    /// Index of a route's origin in the Plan; `usize::MAX` for an id that is not of this table.
    #[must_use]
    pub fn origin(&self, id: RouteId) -> usize {
        self.routes
            .get(id.0 as usize)
            .map_or(usize::MAX, |(_, _, origin)| *origin)
    }

    fn site(&self, host: &[u8]) -> Option<u16> {
        if let Some(site) = look(&self.exact, whole_hash(host), host) {
            return Some(site);
        }
        let mut found = None;
        if !self.suffixes.is_empty() {
            let mut hash = Backwards::new();
            for (at, byte) in host.iter().enumerate().rev() {
                hash.add(*byte);
                // The bare suffix is no name under it: something must stand before the dot.
                if *byte == b'.' && at > 0 {
                    found = look(&self.suffixes, hash.value(), host.get(at..)?).or(found);
                }
            }
        }
        found.or(self.any)
    }
}

impl Site {
    fn of(mut prefixes: Vec<Prefix>) -> Site {
        // Stable, so the first of equal ones stays.
        prefixes.sort_by(|a, b| a.text.cmp(&b.text));
        prefixes.dedup_by(|later, first| later.text == first.text);
        for at in 1..prefixes.len() {
            let (before, rest) = prefixes.split_at_mut(at);
            let Some(this) = rest.first_mut() else { break };
            // What this one begins with is the one before it, or something that one begins with.
            let mut within = Some(at - 1);
            while let Some(shorter) = within.and_then(|within| before.get(within)) {
                if this.text.starts_with(&shorter.text) {
                    break;
                }
                within = shorter.within;
            }
            this.within = within;
        }
        Site { prefixes }
    }

    /// The longest prefix of a path: it is the last one that sorts not after the path, or one
    /// that this begins with. For whatever sorts between a prefix of the path and the path
    /// begins with that prefix.
    fn find(&self, path: &[u8]) -> Option<Found> {
        let after = self
            .prefixes
            .partition_point(|prefix| *prefix.text <= *path);
        let mut at = after.checked_sub(1);
        while let Some(prefix) = at.and_then(|at| self.prefixes.get(at)) {
            if path.starts_with(&prefix.text) {
                return Some(prefix.found);
            }
            at = prefix.within;
        }
        None
    }
}

// The names are the operator's, so nobody outside chooses what is in the tables: quick hashes do.

/// A hash of a whole name, the same in any case, eight bytes at a time. With bit 5 set, letters
/// of both cases are one; what else becomes one is told apart by comparing.
fn whole_hash(text: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, word: [u8; 8]| {
        let word = u64::from_le_bytes(word) | 0x2020_2020_2020_2020;
        let hash = (hash ^ word).wrapping_mul(MULTIPLIER);
        hash ^ hash >> 32
    };
    let mut hash = text.len() as u64;
    for chunk in text.chunks_exact(8) {
        hash = mix(hash, chunk.try_into().unwrap_or_default());
    }
    // The last eight once more, as the end of what the chunks left out.
    let last = text.last_chunk().copied().unwrap_or_else(|| {
        let mut padded = [0; 8];
        padded
            .iter_mut()
            .zip(text)
            .for_each(|(place, byte)| *place = *byte);
        padded
    });
    mix(hash, last).wrapping_mul(MULTIPLIER)
}

/// FNV-1a over the bytes of a name from its last to its first, in lower case.
struct Backwards(u64);

impl Backwards {
    fn new() -> Self {
        Backwards(0xCBF2_9CE4_8422_2325)
    }

    fn of(text: &[u8]) -> u64 {
        let mut hash = Backwards::new();
        text.iter().rev().for_each(|byte| hash.add(*byte));
        hash.value()
    }

    fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x100_0000_01B3);
    }

    /// With the high bits mixed into the low ones and the other way round: a table uses both.
    fn value(&self) -> u64 {
        self.0 ^ (self.0 >> 32) ^ (self.0 << 29)
    }
}

fn add(names: &mut HashTable<Name>, hash: u64, text: &str, site: u16) {
    if look(names, hash, text.as_bytes()).is_none() {
        let text = text.to_ascii_lowercase().into_bytes().into_boxed_slice();
        names.insert_unique(hash, Name { hash, text, site }, |name| name.hash);
    }
}

fn look(names: &HashTable<Name>, hash: u64, text: &[u8]) -> Option<u16> {
    let is = |name: &Name| name.text.eq_ignore_ascii_case(text);
    names.find(hash, is).map(|name| name.site)
}

#[cfg(test)]
mod tests;

//! Which groups a response belongs to, and which ones it invalidates (RFC 9875).
//!
//! A group is a name in a place, as a keyed hash of both, so that an object needs eight bytes for
//! each and nobody outside can make two of them one:
//!
//! - a member of Cache-Groups means a group of its *origin* (2.1): another host of the same site
//!   has a group of its own under that name;
//! - a tag (`Surrogate-Key`, `xkey` and the like) means a group of its *site*, as operators know
//!   tags from other caches: no RFC has them, and only the operator purges by them.

use crate::http::{structured, Fields};
use crate::key::{KeyWriter, Seed};
use crate::limits::{GROUPS_INVALIDATED_MAX, GROUPS_MAX, STRUCTURED_MEMBERS_MAX};
use crate::outcome::NotStored;
use alloc::boxed::Box;
use alloc::vec::Vec;

const CACHE_GROUPS: &[u8] = b"cache-groups";
const INVALIDATION: &[u8] = b"cache-group-invalidation";

/// The group of this name of an origin. `host` as in the key: in lower case, with the port
/// unless it is the scheme's own. Names are compared character by character (2.1).
#[must_use]
pub fn of_name(seed: Seed, site: u16, host: &[u8], name: &[u8]) -> u64 {
    let mut hash = KeyWriter::new(seed);
    hash.bytes(b"group");
    hash.bytes(&site.to_le_bytes());
    hash.bytes(host);
    hash.bytes(name);
    hash.finish().fold()
}

/// The groups of this name of all origins of a site, as one: for an operator who names no host.
#[must_use]
pub fn of_any_host(seed: Seed, site: u16, name: &[u8]) -> u64 {
    let mut hash = KeyWriter::new(seed);
    hash.bytes(b"groups");
    hash.bytes(&site.to_le_bytes());
    hash.bytes(name);
    hash.finish().fold()
}

/// The group of what a site has tagged with this name.
#[must_use]
pub fn of_tag(seed: Seed, site: u16, name: &[u8]) -> u64 {
    let mut hash = KeyWriter::new(seed);
    hash.bytes(b"tag");
    hash.bytes(&site.to_le_bytes());
    hash.bytes(name);
    hash.finish().fold()
}

/// Appends the groups of a response, eight bytes each, each once: the members of Cache-Groups,
/// and what stands between spaces and commas in the fields named in `tags`.
///
/// # Errors
/// There are more than [`GROUPS_MAX`]. Such a response must not be stored: it would stay when one
/// of those left out is purged. Nothing is appended then.
pub fn read(
    seed: Seed,
    site: u16,
    host: &[u8],
    fields: Fields<'_>,
    tags: &[Box<str>],
    out: &mut Vec<u8>,
) -> Result<(), NotStored> {
    let mut groups = Vec::new();
    names(fields, CACHE_GROUPS, |name| {
        groups.push(of_name(seed, site, host, name));
        groups.push(of_any_host(seed, site, name));
    })?;
    for tag in tags {
        for line in fields.all_by_text(tag.as_bytes()) {
            let words = line.split(|byte| matches!(byte, b' ' | b'\t' | b','));
            let words = words.filter(|word| !word.is_empty());
            groups.extend(words.map(|word| of_tag(seed, site, word)));
        }
    }
    groups.sort_unstable();
    groups.dedup();
    if groups.len() > GROUPS_MAX {
        return Err(NotStored::Groups);
    }
    out.extend(groups.iter().flat_map(|group| group.to_le_bytes()));
    Ok(())
}

/// The groups that [`read`] has packed.
pub fn unpacked(packed: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let eights = packed.chunks_exact(8);
    eights.map(|eight| u64::from_le_bytes(eight.try_into().unwrap_or_default()))
}

/// Appends the groups that a response invalidates by Cache-Group-Invalidation, each once. Only for
/// responses to unsafe requests (3), and those that succeeded: others change nothing (RFC 9111,
/// 4.4). What shares a group with these is invalidated, and nothing beyond (2.2.1).
///
/// The first [`GROUPS_INVALIDATED_MAX`] are taken; invalidation is something that a cache may do.
pub fn invalidated(seed: Seed, site: u16, host: &[u8], fields: Fields<'_>, out: &mut Vec<u64>) {
    let mut groups = Vec::new();
    // Too many members to be read leave none.
    let _ = names(fields, INVALIDATION, |name| {
        let group = of_name(seed, site, host, name);
        if groups.len() < GROUPS_INVALIDATED_MAX && !groups.contains(&group) {
            groups.push(group);
        }
    });
    out.append(&mut groups);
}

/// Calls `each` with the Strings of a List, whatever their parameters (2). Members of other types
/// are passed over: no name is lost by that, and a response that is in a group too many is at
/// worst purged with it. A field that breaks the grammar has none (RFC 9651, 1.2).
fn names(fields: Fields<'_>, field: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), NotStored> {
    let lines = || fields.all_by_text(field);
    match structured::list(lines()) {
        Some(members) => {
            let strings = members.iter().filter_map(structured::Member::string);
            strings.for_each(&mut each);
            Ok(())
        }
        None => {
            // Was it the number of members that could not be read? A comma within a string counts
            // too: then the response is not stored, which does no harm.
            let separators = lines().map(|line| 1 + memchr::memchr_iter(b',', line).count());
            if separators.sum::<usize>() > STRUCTURED_MEMBERS_MAX {
                Err(NotStored::Groups)
            } else {
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;

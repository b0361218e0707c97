//! Which stored response does a request select? (RFC 9111, 4.1; RFC 9110, 12.5.5)
//!
//! The values of the request fields that a response's Vary names become one keyed hash, the
//! *secondary* key. Two requests have the same one exactly when those fields match:
//!
//! - names in any order and case, each once;
//! - a field that is absent matches only an absent one, not an empty one;
//! - several lines of a field are one, joined by ", ";
//! - Accept-Encoding and Accept-Language, whose grammar is blind to case and space, are compared
//!   by their members without either; the encodings also in any order, since their order says
//!   nothing (RFC 9110, 12.5.3).
//!
//! Asked on every hit with the names in normal form: allocates nothing unless a field comes in
//! several lines or is very long.

use crate::http::{Fields, Name};
use crate::key::{KeyWriter, Seed};
use alloc::vec::Vec;

/// Names in one Vary that are looked at; a response with more is treated as `*`. Each costs a
/// walk over the request's fields on every hit.
pub const NAMES_MAX: usize = 32;
/// Members of one field that are put in order; with more, their order counts.
const MEMBERS_MAX: usize = 16;
/// Bytes of one field's members that are put in normal form without allocating.
const MEMBERS_BYTES_MAX: usize = 192;
/// Stands for the value of a field that is absent. No value holds it: no head does.
const ABSENT: &[u8] = b"\0";

/// What Vary says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vary {
    /// Nothing: every request selects the response.
    None,
    /// No later request can be said to select it: `*`, a name that no field can have, or more
    /// names than [`NAMES_MAX`].
    Star,
    /// The fields named.
    Names,
}

/// What a response's Vary says.
pub fn of(fields: Fields<'_>) -> Vary {
    let mut count = 0;
    for name in names(fields) {
        count += 1;
        if name == b"*" || !name.iter().all(|byte| is_token_byte(*byte)) || count > NAMES_MAX {
            return Vary::Star;
        }
    }
    if count == 0 {
        Vary::None
    } else {
        Vary::Names
    }
}

/// The names in Vary as they were sent.
pub fn names<'b>(fields: Fields<'b>) -> impl Iterator<Item = &'b [u8]> + 'b {
    fields.members(Name::Vary)
}

/// Appends the names in normal form: lower case, sorted, each once, separated by commas.
pub fn normal_names(fields: Fields<'_>, out: &mut Vec<u8>) {
    let mut sorted: Vec<Vec<u8>> = names(fields).map(<[u8]>::to_ascii_lowercase).collect();
    sorted.sort_unstable();
    sorted.dedup();
    for (at, name) in sorted.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name);
    }
}

/// The secondary key of a request, for a stored response with these fields.
pub fn secondary(seed: Seed, vary_fields: Fields<'_>, req: Fields<'_>) -> u64 {
    let mut sorted: [&[u8]; NAMES_MAX] = [b""; NAMES_MAX];
    let mut count = 0;
    for name in names(vary_fields) {
        let Some(place) = sorted.get_mut(count) else {
            break;
        };
        *place = name;
        count += 1;
    }
    let sorted = sorted.get_mut(..count).unwrap_or_default();
    sorted.sort_unstable_by(by_lower_case);
    let mut hash = KeyWriter::new(seed);
    let mut before: Option<&[u8]> = None;
    for name in sorted.iter().copied() {
        if before.is_some_and(|before| before.eq_ignore_ascii_case(name)) {
            continue;
        }
        before = Some(name);
        hash.lower(name);
        write_value(&mut hash, name, req);
    }
    hash.finish().fold()
}

/// The same, for names in the form of [`normal_names`].
pub fn secondary_of_names(seed: Seed, names: &[u8], req: Fields<'_>) -> u64 {
    let mut hash = KeyWriter::new(seed);
    let names = names
        .split(|byte| *byte == b',')
        .filter(|name| !name.is_empty());
    for name in names.take(NAMES_MAX) {
        hash.bytes(name);
        write_value(&mut hash, name, req);
    }
    hash.finish().fold()
}

/// The value of one field in normal form, as one part.
fn write_value(hash: &mut KeyWriter, name: &[u8], req: Fields<'_>) {
    let id = Name::from_bytes(name);
    match id {
        Name::AcceptEncoding => write_members(hash, req, id, true),
        Name::AcceptLanguage => write_members(hash, req, id, false),
        Name::Other => write_lines(hash, || req.all_by_text(name)),
        _ => write_lines(hash, || req.all(id)),
    }
}

/// Lines as they are, joined.
fn write_lines<'b, I: Iterator<Item = &'b [u8]>>(hash: &mut KeyWriter, lines: impl Fn() -> I) {
    let mut two = lines();
    match (two.next(), two.next()) {
        (None, _) => hash.bytes(ABSENT),
        (Some(only), None) => hash.bytes(only),
        (Some(_), Some(_)) => {
            let all: Vec<&[u8]> = lines().collect();
            hash.bytes(&all.join(&b", "[..]));
        }
    }
}

/// The members of a list field, in lower case and without whitespace, joined by commas.
fn write_members(hash: &mut KeyWriter, req: Fields<'_>, id: Name, any_order: bool) {
    let mut sorted: [&[u8]; MEMBERS_MAX] = [b""; MEMBERS_MAX];
    let (mut count, mut bytes) = (0, 0);
    for member in req.members(id) {
        if let Some(place) = sorted.get_mut(count) {
            *place = member;
        }
        count += 1;
        bytes += member.len() + 1;
    }
    if count == 0 {
        hash.bytes(if req.has(id) { b"" } else { ABSENT });
        return;
    }
    let sorted = sorted.get_mut(..count);
    if bytes > MEMBERS_BYTES_MAX || sorted.is_none() {
        let mut all: Vec<&[u8]> = req.members(id).collect();
        if any_order && sorted.is_some() {
            all.sort_unstable_by(by_lower_case);
        }
        let mut joined = alloc::vec![0; bytes];
        let len = join(&all, &mut joined);
        hash.bytes(joined.get(..len).unwrap_or_default());
    } else if let Some(sorted) = sorted {
        if any_order {
            sorted.sort_unstable_by(by_lower_case);
        }
        let mut joined = [0; MEMBERS_BYTES_MAX];
        let len = join(sorted, &mut joined);
        hash.bytes(joined.get(..len).unwrap_or_default());
    }
}

/// Writes members in normal form to `out`, which has room for each and a comma; returns the
/// length. No member holds a comma but in quotes, so the members can be told apart in it.
fn join(members: &[&[u8]], out: &mut [u8]) -> usize {
    let mut len = 0;
    let mut places = out.iter_mut();
    for member in members {
        let wanted = member.iter().filter(|byte| !matches!(byte, b' ' | b'\t'));
        for (byte, place) in wanted.chain(b",").zip(&mut places) {
            *place = byte.to_ascii_lowercase();
            len += 1;
        }
    }
    len
}

fn by_lower_case(a: &&[u8], b: &&[u8]) -> core::cmp::Ordering {
    a.iter()
        .map(u8::to_ascii_lowercase)
        .cmp(b.iter().map(u8::to_ascii_lowercase))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

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
/// Members of one field that are put in order.
const MEMBERS_MAX: usize = 16;
/// Bytes of one member that are freed of whitespace without allocating.
const MEMBER_BYTES_MAX: usize = 128;

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
        write_field(&mut hash, name, req);
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
        write_field(&mut hash, name, req);
    }
    hash.finish().fold()
}

/// One field: its name, whether it is there, and its value in normal form.
fn write_field(hash: &mut KeyWriter, name: &[u8], req: Fields<'_>) {
    hash.lower(name);
    let id = Name::from_bytes(name);
    match id {
        Name::AcceptEncoding => write_members(hash, req, id, true),
        Name::AcceptLanguage => write_members(hash, req, id, false),
        Name::Other => write_lines(hash, req.all_by_text(name), || req.all_by_text(name)),
        _ => write_lines(hash, req.all(id), || req.all(id)),
    }
}

/// Lines joined; marked by how the value came, so that an absent field is like nothing else.
fn write_lines<'b, I: Iterator<Item = &'b [u8]>>(
    hash: &mut KeyWriter,
    mut lines: I,
    again: impl Fn() -> I,
) {
    match (lines.next(), lines.next()) {
        (None, _) => hash.bytes(ABSENT),
        (Some(only), None) => {
            hash.bytes(PRESENT);
            hash.bytes(only);
        }
        (Some(_), Some(_)) => {
            let mut joined = Vec::new();
            for (at, line) in again().enumerate() {
                if at > 0 {
                    joined.extend_from_slice(b", ");
                }
                joined.extend_from_slice(line);
            }
            hash.bytes(PRESENT);
            hash.bytes(&joined);
        }
    }
}

const ABSENT: &[u8] = b"-";
const PRESENT: &[u8] = b"+";
/// Ends the members of a list, which has as many parts as members. No member is empty.
const END: &[u8] = b"";

/// The members of a list field, without case and space.
fn write_members(hash: &mut KeyWriter, req: Fields<'_>, id: Name, any_order: bool) {
    if !req.has(id) {
        hash.bytes(ABSENT);
        return;
    }
    hash.bytes(PRESENT);
    let mut first: [&[u8]; MEMBERS_MAX] = [b""; MEMBERS_MAX];
    let mut count = 0;
    for member in req.members(id) {
        if let Some(place) = first.get_mut(count) {
            *place = member;
        }
        count += 1;
    }
    match first.get_mut(..count) {
        Some(sorted) if any_order => {
            sorted.sort_unstable_by(by_lower_case);
            sorted.iter().for_each(|member| write_member(hash, member));
        }
        // Too many to sort: then in the order sent, which at worst is one variant more.
        _ => req
            .members(id)
            .for_each(|member| write_member(hash, member)),
    }
    hash.bytes(END);
}

/// A member in lower case and without whitespace.
fn write_member(hash: &mut KeyWriter, member: &[u8]) {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    if !member.iter().any(is_space) {
        hash.lower(member);
        return;
    }
    let wanted = || member.iter().copied().filter(|byte| !is_space(byte));
    let mut tight = [0; MEMBER_BYTES_MAX];
    if member.len() <= tight.len() {
        let mut len = 0;
        for (place, byte) in tight.iter_mut().zip(wanted()) {
            *place = byte;
            len += 1;
        }
        hash.lower(tight.get(..len).unwrap_or_default());
    } else {
        let tight: Vec<u8> = wanted().collect();
        hash.lower(&tight);
    }
}

fn by_lower_case(a: &&[u8], b: &&[u8]) -> core::cmp::Ordering {
    let lower = |text: &[u8], at: usize| text.get(at).map(u8::to_ascii_lowercase);
    let shorter = a.len().min(b.len());
    for at in 0..shorter {
        match lower(a, at).cmp(&lower(b, at)) {
            core::cmp::Ordering::Equal => {}
            order => return order,
        }
    }
    a.len().cmp(&b.len())
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

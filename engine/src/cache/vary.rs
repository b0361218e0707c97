//! Which stored response does a request select? (RFC 9111, 4.1; RFC 9110, 12.5)
//!
//! The values of the request fields that a response's Vary names become one keyed hash, the
//! *secondary* key. Two requests have the same one exactly when those fields match:
//!
//! - names in any order and case, each once;
//! - a field that is absent matches only an absent one, not an empty one;
//! - several lines of a field are one, joined by commas, and white space around commas does not
//!   count;
//! - fields whose definition says more are compared by what they mean (the `value` module):
//!   Accept and Accept-Charset in any order, Accept-Encoding by what it accepts, Accept-Language by
//!   what it prefers.
//!
//! Asked on every hit with the names in normal form: allocates nothing unless a field is very
//! long.

use crate::http::field::is_token;
use crate::http::{Fields, Name};
use crate::key::{KeyWriter, Seed};
use alloc::vec::Vec;
use ringside_config::AcceptLanguage;
use value::Language;

mod text;
mod value;

/// Names in one Vary that are looked at; a response with more is treated as `*`. Each costs a
/// walk over the request's fields on every hit.
pub const NAMES_MAX: usize = 32;

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
        if name == b"*" || !name.iter().all(|byte| is_token(*byte)) || count > NAMES_MAX {
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

/// Appends the names in the Vary of a response, the answer to `req`, in normal form: lower case,
/// sorted, each once, separated by commas. They alone say how requests are compared.
///
/// Accept-Language says which way after a `=`, which no name has: `=*` by all that it prefers;
/// `=de` when the response is in German, and that is what `req` likes best. Then whoever likes
/// German best selects it, whatever else they would take: the origin has shown what it has for
/// such a wish. Without a `=` the field is like any other.
pub fn normal_names(
    fields: Fields<'_>,
    req: Fields<'_>,
    language: AcceptLanguage,
    out: &mut Vec<u8>,
) {
    let mut sorted: Vec<Vec<u8>> = names(fields).map(<[u8]>::to_ascii_lowercase).collect();
    sorted.sort_unstable();
    sorted.dedup();
    for (at, name) in sorted.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        let is_language = Name::from_bytes(name) == Name::AcceptLanguage;
        if is_language && language == AcceptLanguage::Normal {
            out.push(b'=');
            match value::content_language(fields).filter(|tag| value::likes_best(req, tag)) {
                Some(tag) => out.extend(tag.iter().map(u8::to_ascii_lowercase)),
                None => out.push(b'*'),
            }
        }
    }
}

/// The secondary key of a request, for a stored response whose Vary is `names` in the form of
/// [`normal_names`].
pub fn secondary_of_names(seed: Seed, names: &[u8], req: Fields<'_>) -> u64 {
    let mut hash = KeyWriter::new(seed);
    let names = names
        .split(|byte| *byte == b',')
        .filter(|name| !name.is_empty());
    for name in names.take(NAMES_MAX) {
        hash.bytes(name);
        let (name, way) = match memchr::memchr(b'=', name) {
            Some(at) => name.split_at_checked(at).unwrap_or((name, b"")),
            None => (name, &b""[..]),
        };
        let way = match way {
            [b'=', b'*'] => Language::ByPreference,
            [b'=', tag @ ..] => Language::LikesBest(tag),
            _ => Language::AsSpelled,
        };
        value::write(&mut hash, name, way, req);
    }
    hash.finish().fold()
}

//! No-Vary-Search: which differences between two queries make no difference
//! (draft-ietf-httpbis-no-vary-search).
//!
//! A response says which parameters its content does not depend on. A rule gives every query a
//! *canonical* form, and two URLs that differ in nothing but the query are one resource exactly
//! when these forms are equal. The canonical form is a query itself, equivalent to the one it was
//! made from, so it can stand in its place in a key.
//!
//! Parameters are read as browsers read forms (WHATWG URL, 5.1): percent-decoded, `+` as a space,
//! what is no UTF-8 replaced, empty ones left out, and `a` is `a=`.

use crate::http::structured::{self, Item, Member};
use crate::http::Fields;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// What a response says about its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRule {
    params: Params,
    /// Of parameters with different names, the order matters.
    ordered: bool,
}

/// The parameters that matter. Names are decoded and sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Params {
    /// All but these: `params=(…)`, or with none of them the default.
    AllBut(Vec<String>),
    /// None but these: `params` with `except=(…)`.
    NoneBut(Vec<String>),
}

impl SearchRule {
    /// The rule of a response. `None` without the field, and where anything that is known in it is
    /// not as it must be: then URLs must be equal, which only costs hits (section 4.1). Unknown
    /// members are ignored.
    #[must_use]
    pub fn of(fields: Fields<'_>) -> Option<SearchRule> {
        let mut lines = fields.all_by_text(b"No-Vary-Search").peekable();
        lines.peek()?;
        let said = structured::dictionary(lines)?;
        let ordered = match said.get("key-order") {
            None => true,
            Some(member) => !member.boolean()?,
        };
        let params = match said.get("params") {
            None => Params::AllBut(Vec::new()),
            Some(Member::Inner(names)) => Params::AllBut(keys(&names.items)?),
            Some(all) if all.boolean()? => Params::NoneBut(Vec::new()),
            Some(_) => Params::AllBut(Vec::new()),
        };
        let params = match (said.get("except"), params) {
            (None, params) => params,
            (Some(except), Params::NoneBut(_)) => Params::NoneBut(keys(except.items()?)?),
            // Exceptions to what?
            (Some(_), Params::AllBut(_)) => return None,
        };
        Some(SearchRule { params, ordered })
    }

    /// It says no more than that queries must be equal, byte by byte: not even `a` and `a=` are
    /// one then (section 5).
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.ordered && matches!(&self.params, Params::AllBut(names) if names.is_empty())
    }

    /// Appends the canonical form of a query, without its question mark; no query is an empty one.
    /// A default rule gives it as it is. Costs its length, and sorting where the order does not
    /// matter.
    pub fn apply(&self, query: &[u8], out: &mut Vec<u8>) {
        if self.is_default() {
            out.extend_from_slice(query);
            return;
        }
        let mut wanted: Vec<(Cow<'_, str>, Cow<'_, str>)> = parameters(query)
            .filter(|(name, _)| self.wants(name))
            .collect();
        if !self.ordered {
            // Stable: the order of values with one name matters still.
            wanted.sort_by(|a, b| a.0.cmp(&b.0));
        }
        for (at, (name, value)) in wanted.iter().enumerate() {
            if at > 0 {
                out.push(b'&');
            }
            push_encoded(out, name);
            out.push(b'=');
            push_encoded(out, value);
        }
    }

    /// Are two queries, of URLs that are equal otherwise, the same to this rule? To be asked of
    /// the rule of a stored response before it is used for another query than its own.
    #[must_use]
    pub fn is_same(&self, a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
        if a == b {
            return true;
        }
        if self.is_default() {
            return false;
        }
        let canonical = |query: Option<&[u8]>| {
            let mut out = Vec::new();
            self.apply(query.unwrap_or_default(), &mut out);
            out
        };
        canonical(a) == canonical(b)
    }

    fn wants(&self, name: &str) -> bool {
        let is_in = |names: &[String]| names.binary_search_by(|known| (**known).cmp(name)).is_ok();
        match &self.params {
            Params::AllBut(names) => !is_in(names),
            Params::NoneBut(names) => is_in(names),
        }
    }
}

/// The names in an inner list of Strings, decoded as the names of parameters are (section 4.3).
fn keys(items: &[Item<'_>]) -> Option<Vec<String>> {
    let names = items.iter().map(|item| {
        let name = item.value.string()?;
        Some(decoded(name).into_owned())
    });
    let mut names: Vec<String> = names.collect::<Option<_>>()?;
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// Names and values of a query.
fn parameters(query: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pieces = query.split(|byte| *byte == b'&');
    pieces.filter(|piece| !piece.is_empty()).map(|piece| {
        let at = memchr::memchr(b'=', piece).unwrap_or(piece.len());
        let (name, value) = piece.split_at_checked(at).unwrap_or((piece, b""));
        (decoded(name), decoded(value.get(1..).unwrap_or_default()))
    })
}

/// `+` as a space, `%` and two digits as a byte, all of it as UTF-8 in which a mistake is U+FFFD.
fn decoded(text: &[u8]) -> Cow<'_, str> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return String::from_utf8_lossy(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, later @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = later;
                    high << 4 | low
                }
                // What is no code stands for itself.
                _ => b'%',
            },
            _ => *first,
        });
    }
    Cow::Owned(match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text,
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// As browsers write forms, so that reading it again gives the same text.
fn push_encoded(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b' ' => out.push(b'+'),
            b'*' | b'-' | b'.' | b'_' => out.push(byte),
            _ if byte.is_ascii_alphanumeric() => out.push(byte),
            _ => {
                let [high, low] = [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
                out.extend_from_slice(&[b'%', high, low]);
            }
        }
    }
}

#[cfg(test)]
mod tests;

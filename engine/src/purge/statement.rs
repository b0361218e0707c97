//! Statements as bytes, so that what was purged stays purged after a restart (docs/store.md,
//! "Statements").
//!
//! One statement after another. A snapshot of all that was stated is such a list too, so both are
//! read in the same way, each joined to what is there: to read one twice, or a snapshot after the
//! statements that it came from, changes nothing.

use super::{Force, Purges, Reach};
use crate::time::Mono;
use alloc::borrow::Cow;
use alloc::vec::Vec;

const ALL: u8 = 1;
const GROUPED: u8 = 2;
const PREFIX: u8 = 3;
const GROUP: u8 = 4;
/// Bytes of a statement about everything.
const ALL_BYTES: usize = 17;

/// That everything born by `at` is purged: what [`Purges::all`] states.
#[must_use]
pub fn statement_all(force: Force, at: Mono) -> Vec<u8> {
    let mut out = Vec::new();
    begin(ALL, Reach::of(force, at), &mut out);
    out
}

/// What [`Purges::prefix`] states.
#[must_use]
pub fn statement_prefix(host: &[u8], path: &[u8], force: Force, at: Mono) -> Vec<u8> {
    let mut out = Vec::new();
    prefix(host, path, Reach::of(force, at), &mut out);
    out
}

/// What [`Purges::group`] states.
#[must_use]
pub fn statement_group(group: u64, force: Force, at: Mono) -> Vec<u8> {
    let mut out = Vec::new();
    begin(GROUP, Reach::of(force, at), &mut out);
    out.extend(group.to_le_bytes());
    out
}

/// These statements in at most `bytes_max` bytes, which are 17 or more: where they take more, the
/// oldest become one about everything, so that more is purged and never less. `None`: they can't
/// be read.
#[must_use]
pub fn bounded(statements: &[u8], bytes_max: usize) -> Option<Cow<'_, [u8]>> {
    if statements.len() <= bytes_max {
        return Some(Cow::Borrowed(statements));
    }
    let mut each = Vec::new();
    let mut rest = statements;
    while !rest.is_empty() {
        let (_, reach, after) = read(rest)?;
        each.push((reach, rest.get(..rest.len() - after.len())?));
        rest = after;
    }
    each.sort_by_key(|(reach, _)| reach.newest());
    let mut joined = Reach::default();
    let mut bytes = ALL_BYTES + statements.len();
    let mut kept = Vec::new();
    for (reach, statement) in each {
        if bytes > bytes_max {
            bytes -= statement.len();
            joined.join(reach);
        } else {
            kept.extend_from_slice(statement);
        }
    }
    let mut out = Vec::with_capacity(ALL_BYTES + kept.len());
    begin(ALL, joined, &mut out);
    out.extend(kept);
    Some(Cow::Owned(out))
}

fn begin(kind: u8, reach: Reach, out: &mut Vec<u8>) {
    out.push(kind);
    for word in reach.to_words() {
        out.extend(word.to_le_bytes());
    }
}

fn prefix(host: &[u8], path: &[u8], reach: Reach, out: &mut Vec<u8>) {
    // A text too long for its length says less, and so purges more: the front of a path, and
    // instead of a host every host.
    let host = u16::try_from(host.len()).map_or(&b""[..], |_| host);
    let path = path.get(..usize::from(u16::MAX)).unwrap_or(path);
    begin(PREFIX, reach, out);
    out.extend((host.len() as u16).to_le_bytes());
    out.extend((path.len() as u16).to_le_bytes());
    out.extend(host);
    out.extend(path);
}

/// One statement that was read.
enum Statement<'a> {
    All,
    Grouped,
    Prefix(&'a [u8], &'a [u8]),
    Group(u64),
}

/// The statement at the front, and the bytes behind it.
fn read(bytes: &[u8]) -> Option<(Statement<'_>, Reach, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (hard, rest) = rest.split_first_chunk()?;
    let (soft, rest) = rest.split_first_chunk()?;
    let reach = Reach::of_words([u64::from_le_bytes(*hard), u64::from_le_bytes(*soft)]);
    let (statement, rest) = match *kind {
        ALL => (Statement::All, rest),
        GROUPED => (Statement::Grouped, rest),
        GROUP => {
            let (group, rest) = rest.split_first_chunk()?;
            (Statement::Group(u64::from_le_bytes(*group)), rest)
        }
        PREFIX => {
            let (host, rest) = rest.split_first_chunk()?;
            let (path, rest) = rest.split_first_chunk()?;
            let (host, rest) = rest.split_at_checked(u16::from_le_bytes(*host).into())?;
            let (path, rest) = rest.split_at_checked(u16::from_le_bytes(*path).into())?;
            (Statement::Prefix(host, path), rest)
        }
        _ => return None,
    };
    Some((statement, reach, rest))
}

impl Purges {
    /// Appends all that was stated and still says something.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (kind, reach) in [(ALL, self.all), (GROUPED, self.grouped)] {
            if !reach.is_empty() {
                begin(kind, reach, out);
            }
        }
        for (host, path, reach) in self.prefixes.iter() {
            prefix(host, path, reach, out);
        }
        for (group, reach) in &self.groups {
            begin(GROUP, *reach, out);
            out.extend(group.to_le_bytes());
        }
    }

    /// States what these bytes say, on top of what was stated before. False when some of them
    /// can't be read: what stands before those is stated, and the rest is not known.
    pub fn read(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((statement, reach, after)) = read(rest) else {
                return false;
            };
            match statement {
                Statement::All => self.add_all(reach),
                Statement::Grouped => self.add_grouped(reach),
                Statement::Prefix(host, path) => self.add_prefix(host, path, reach),
                Statement::Group(group) => self.add_group(group, reach),
            }
            rest = after;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_its_places() {
        let all = statement_all(Force::Hard, Mono(0x0102));
        assert_eq!(all, b"\x01\x03\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let group = statement_group(0x0807_0605_0403_0201, Force::Soft, Mono(4));
        assert_eq!(
            group,
            b"\x04\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08"
        );
        let prefix = statement_prefix(b"a.b", b"/x", Force::Hard, Mono(0));
        assert_eq!(
            prefix,
            b"\x03\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\x02\0a.b/x"
        );
    }

    #[test]
    fn what_breaks_off_is_refused_and_what_stood_before_counts() {
        let mut list = statement_all(Force::Soft, Mono(5));
        let whole = list.len();
        list.extend(statement_prefix(b"h", b"/p", Force::Hard, Mono(9)));
        for cut in 0..=list.len() {
            let mut purges = Purges::new();
            let good = cut == 0 || cut == whole || cut == list.len();
            assert_eq!(purges.read(&list[..cut]), good, "cut at {cut}");
            let stated = u64::from(cut >= whole) + u64::from(cut == list.len());
            assert_eq!(purges.changes(), stated, "cut at {cut}");
        }
        let mut purges = Purges::new();
        for kind in (0..=u8::MAX).filter(|kind| !(1..=4).contains(kind)) {
            list[whole] = kind;
            assert!(!purges.read(&list), "kind {kind}");
        }
    }

    #[test]
    fn texts_too_long_for_their_length_purge_more() {
        let (host, path) = ("h".repeat(70_000), "/p".repeat(35_000));
        let statement = statement_prefix(host.as_bytes(), path.as_bytes(), Force::Hard, Mono(7));
        let mut purges = Purges::new();
        assert!(purges.read(&statement));
        let about = super::super::About {
            host: host.as_bytes(),
            target: path.as_bytes(),
            groups: b"",
        };
        assert_eq!(purges.verdict(Mono(7), &about), super::super::Verdict::Dead);
    }

    #[test]
    fn what_has_no_room_is_stated_of_everything() {
        let mut list = statement_prefix(b"new", b"/", Force::Soft, Mono(30));
        let newest = list.clone();
        list.extend(statement_group(7, Force::Hard, Mono(10)));
        list.extend(statement_prefix(b"old", b"/", Force::Soft, Mono(20)));
        assert_eq!(bounded(&list, list.len()).as_deref(), Some(&list[..]));
        let mut fewer = Vec::new();
        let reach = Reach::of_words([11, 21]);
        begin(ALL, reach, &mut fewer);
        fewer.extend(newest);
        assert_eq!(bounded(&list, fewer.len()).as_deref(), Some(&fewer[..]));
        let mut all = Vec::new();
        begin(ALL, Reach::of_words([11, 31]), &mut all);
        for bytes_max in [ALL_BYTES, fewer.len() - 1] {
            assert_eq!(bounded(&list, bytes_max).as_deref(), Some(&all[..]));
        }
        list.push(9);
        assert_eq!(bounded(&list, ALL_BYTES), None);
    }
}

//! The values of request fields in normal form, so that equal forms mean that either request may
//! have the other's answer (RFC 9111, 4.1).
//!
//! What does not follow its field's grammar, and what is longer than anybody sends, is compared as
//! a field that nobody knows: a value that is not understood equals only itself. Does not know
//! which fields a response names.

use super::text::Text;
use crate::http::field::{self, is_token, trim};
use crate::http::{Fields, Name};
use crate::key::KeyWriter;
use core::cmp::Ordering;

/// Members of one list that are put in order. Browsers send up to about a dozen.
pub(super) const MEMBERS_MAX: usize = 32;
/// Stands for the value of a field that is absent. No value holds it: no head does.
const ABSENT: &[u8] = b"\0";
/// Begins what is not a value as it was sent, so that none is taken for one. No head holds it.
const MEANING: u8 = 1;
/// Bytes of a language tag, at most: far more than any that is registered (RFC 5646, 4.4.1).
const LANGUAGE_BYTES_MAX: usize = 64;

/// How Accept-Language is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language<'n> {
    /// As a field that nobody knows.
    AsSpelled,
    /// By what it prefers to what.
    ByPreference,
    /// Only by whether it likes this language best.
    LikesBest(&'n [u8]),
}

/// Adds the value of one field of a request, as one part.
pub(super) fn write(hash: &mut KeyWriter, name: &[u8], language: Language<'_>, req: Fields<'_>) {
    let mut lines = req.all_by_text(name);
    let Some(first) = lines.next() else {
        return hash.bytes(ABSENT);
    };
    let mut text = Text::default();
    let understood = match (Name::from_bytes(name), language) {
        (Name::AcceptLanguage, Language::LikesBest(tag)) => {
            text.push(MEANING);
            text.push(if likes_best(req, tag) { b'1' } else { b'0' });
            Some(())
        }
        (Name::AcceptLanguage, Language::ByPreference) => languages(req, &mut text),
        (Name::AcceptEncoding, _) => codings(req, &mut text),
        (Name::Accept, _) => unordered(req, name, &mut text),
        (Name::Other, _) if name.eq_ignore_ascii_case(b"accept-charset") => {
            unordered(req, name, &mut text)
        }
        _ => None,
    };
    if understood.is_some() {
        return hash.bytes(text.bytes());
    }
    if lines.next().is_none() && memchr::memchr(b',', first).is_none() {
        return hash.bytes(first);
    }
    text.clear();
    spelled(req.all_by_text(name), &mut text);
    hash.bytes(text.bytes());
}

/// A value as it was sent, its lines joined, without white space around commas: whether the field
/// is a list or not, no definition gives a meaning to that (RFC 9110, 5.3 and 5.6.1). What is in
/// quotes stays as it is.
fn spelled<'b>(lines: impl Iterator<Item = &'b [u8]>, text: &mut Text) {
    let (mut quoted, mut escaped, mut after_comma) = (false, false, false);
    // The length without the white space at the end.
    let mut solid = 0;
    for (at, line) in lines.enumerate() {
        let between: &[u8] = if at > 0 { b", " } else { b"" };
        for byte in between.iter().chain(line).copied() {
            match byte {
                b',' if !quoted => {
                    text.truncate(solid);
                    text.push(byte);
                    (solid, after_comma) = (text.len(), true);
                    continue;
                }
                b' ' | b'\t' if !quoted => {
                    if !after_comma {
                        text.push(byte);
                    }
                    continue;
                }
                b'"' if !escaped => quoted = !quoted,
                _ => {}
            }
            escaped = quoted && !escaped && byte == b'\\';
            text.push(byte);
            (solid, after_comma) = (text.len(), false);
        }
    }
}

/// A list whose order says nothing (RFC 9110, 12.5.1 and 12.5.2): its members sorted, without
/// white space.
fn unordered(req: Fields<'_>, name: &[u8], text: &mut Text) -> Option<()> {
    let mut members = [&b""[..]; MEMBERS_MAX];
    let mut count = 0;
    for member in req.all_by_text(name).flat_map(field::members) {
        *members.get_mut(count)? = member;
        count += 1;
    }
    let members = members.get_mut(..count)?;
    members.sort_unstable();
    text.push(MEANING);
    for member in members {
        let (mut quoted, mut escaped) = (false, false);
        for byte in member.iter().copied() {
            if byte == b'"' && !escaped {
                quoted = !quoted;
            }
            escaped = quoted && !escaped && byte == b'\\';
            if quoted || !matches!(byte, b' ' | b'\t') {
                text.push(byte);
            }
        }
        text.push(b',');
    }
    Some(())
}

/// What Accept-Encoding accepts. Whatever was chosen for one of two requests that accept the same
/// serves the other, so weights do not count, and neither does order (RFC 9110, 12.5.3).
fn codings(req: Fields<'_>, text: &mut Text) -> Option<()> {
    let mut codings = [(&b""[..], false); MEMBERS_MAX];
    let mut count = 0;
    for member in req.members(Name::AcceptEncoding) {
        let (coding, weight) = weighted(member)?;
        if coding.is_empty() || !coding.iter().all(|byte| is_token(*byte)) {
            return None;
        }
        *codings.get_mut(count)? = (by_usual_name(coding), weight > 0);
        count += 1;
    }
    let codings = codings.get_mut(..count)?;
    codings.sort_unstable_by(|a, b| by_lower_case(a.0, b.0));
    // Both accepted and refused: who knows what is meant.
    let contradict = |pair: &[(&[u8], bool)]| match pair {
        [a, b] => a.0.eq_ignore_ascii_case(b.0) && a.1 != b.1,
        _ => false,
    };
    if codings.windows(2).any(contradict) {
        return None;
    }
    let listed = |name: &[u8]| {
        codings
            .iter()
            .find(|(coding, _)| coding.eq_ignore_ascii_case(name))
    };
    let others = listed(b"*").map(|(_, accepted)| *accepted);
    let identity = listed(b"identity").map(|(_, accepted)| *accepted);
    text.push(MEANING);
    let mut before: &[u8] = b"";
    for (coding, accepted) in codings.iter().copied() {
        let again = coding.eq_ignore_ascii_case(before);
        before = coding;
        if again || coding.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        // What is refused is worth a word only where all others are accepted.
        if accepted || others == Some(true) {
            text.push(if accepted { b',' } else { b'/' });
            text.push_lower(coding);
        }
    }
    // No coding at all is acceptable unless it is refused, by name or with all others.
    if !identity.unwrap_or(others != Some(false)) {
        text.push(b'/');
    }
    Some(())
}

/// A coding by the name that it usually has (RFC 9110, 8.4.1).
fn by_usual_name(coding: &[u8]) -> &[u8] {
    match coding {
        [b'x' | b'X', b'-', usual @ ..]
            if usual.eq_ignore_ascii_case(b"gzip") || usual.eq_ignore_ascii_case(b"compress") =>
        {
            usual
        }
        _ => coding,
    }
}

/// What Accept-Language prefers to what: ranges by falling weight, those of one weight in the order
/// of the alphabet, since the order in which they are sent is none "that can be relied upon"
/// (RFC 9110, 12.5.4).
fn languages(req: Fields<'_>, text: &mut Text) -> Option<()> {
    let mut ranges = [(0_u16, &b""[..]); MEMBERS_MAX];
    let mut count = 0;
    for member in req.members(Name::AcceptLanguage) {
        let (range, weight) = weighted(member)?;
        if !is_language(range) && range != b"*" {
            return None;
        }
        *ranges.get_mut(count)? = (weight, range);
        count += 1;
    }
    let ranges = ranges.get_mut(..count)?;
    ranges.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| by_lower_case(a.1, b.1)));
    // Weights say something only in comparison; 0 says "not acceptable".
    let weighs = match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) => first.0 != last.0 || last.0 == 0,
        _ => false,
    };
    text.push(MEANING);
    let mut before = (0, &b""[..]);
    for (weight, range) in ranges.iter().copied() {
        if before.0 == weight && range.eq_ignore_ascii_case(before.1) {
            continue;
        }
        before = (weight, range);
        text.push(b',');
        text.push_lower(range);
        if weighs {
            text.push(b';');
            weight
                .to_be_bytes()
                .into_iter()
                .for_each(|byte| text.push(byte));
        }
    }
    Some(())
}

/// Accept-Language lists this language, and nothing with a larger weight.
pub(super) fn likes_best(req: Fields<'_>, tag: &[u8]) -> bool {
    let (mut best, mut likes) = (0, false);
    for member in req.members(Name::AcceptLanguage) {
        let Some((range, weight)) = weighted(member) else {
            return false;
        };
        if weight > best {
            (best, likes) = (weight, false);
        }
        likes |= weight > 0 && weight == best && range.eq_ignore_ascii_case(tag);
    }
    likes
}

/// The language of a response's content, when it is one (RFC 9110, 8.5).
pub(super) fn content_language<'b>(fields: Fields<'b>) -> Option<&'b [u8]> {
    let mut lines = fields.all_by_text(b"content-language");
    let tag = lines.next().filter(|tag| is_language(tag))?;
    lines.next().is_none().then_some(tag)
}

fn is_language(tag: &[u8]) -> bool {
    (1..=LANGUAGE_BYTES_MAX).contains(&tag.len())
        && tag
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// A member and its weight in thousandths (RFC 9110, 12.4.2); `None` when it has anything else.
fn weighted(member: &[u8]) -> Option<(&[u8], u16)> {
    let Some(at) = memchr::memchr(b';', member) else {
        return Some((member, 1000));
    };
    let (name, parameter) = member.split_at_checked(at)?;
    let [b'q' | b'Q', b'=', value @ ..] = trim(parameter.get(1..)?) else {
        return None;
    };
    Some((trim(name), weight(value)?))
}

fn weight(value: &[u8]) -> Option<u16> {
    let (whole, rest) = match value {
        [b'0', rest @ ..] => (0, rest),
        [b'1', rest @ ..] => (1000, rest),
        _ => return None,
    };
    let digits = match rest {
        [] => rest,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let mut thousandths = 0;
    for at in 0..3 {
        let digit = digits.get(at).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        thousandths = thousandths * 10 + u16::from(digit - b'0');
    }
    Some(whole + thousandths).filter(|weight| *weight <= 1000)
}

fn by_lower_case(a: &[u8], b: &[u8]) -> Ordering {
    a.iter()
        .map(u8::to_ascii_lowercase)
        .cmp(b.iter().map(u8::to_ascii_lowercase))
}

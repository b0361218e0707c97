//! What an unsafe request outdates (RFC 9111, 4.4).
//!
//! Names targets; keys and stores are not known here.

use crate::http::{Name, Request, Response};
use alloc::borrow::Cow;

/// A request with an unsafe, or unknown, method was answered without an error: what is stored
/// for its target must not be served again without validation.
pub fn invalidates(req: &Request<'_>, res_status: u16) -> bool {
    !req.method.is_safe() && (200..400).contains(&res_status)
}

/// The further targets that such a response may outdate: Location and Content-Location, where
/// they have the origin of the request, whose Host is `host` and whose path and query are `target`.
pub fn targets<'b>(
    host: &'b [u8],
    target: &'b [u8],
    res: &Response<'b>,
) -> impl Iterator<Item = Cow<'b, [u8]>> + 'b {
    let fields = res.fields;
    [Name::Location, Name::ContentLocation]
        .into_iter()
        .filter_map(move |name| resolve(host, target, fields.get(name)?))
}

/// Path and query that a URI reference in the answer to a request for `target` means, when its
/// origin is that of `host` (RFC 3986, 5.2). Dots in the path are left to whoever makes a key.
pub fn resolve<'b>(host: &[u8], target: &[u8], value: &'b [u8]) -> Option<Cow<'b, [u8]>> {
    let end = memchr::memchr(b'#', value).unwrap_or(value.len());
    let reference = value.get(..end)?;
    let authority = reference.starts_with(b"//") || has_scheme(reference);
    if authority || reference.starts_with(b"/") {
        return same_origin_target(host, value).map(Cow::Borrowed);
    }
    let path_end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let path = target.get(..path_end)?;
    let kept = match reference {
        // The same document: for a fragment of it, the query counts too.
        [] => target,
        [b'?', ..] => path,
        _ => path.get(..=memchr::memrchr(b'/', path)?)?,
    };
    Some(Cow::Owned([kept, reference].concat()))
}

/// Does a reference begin with a scheme? (RFC 3986, 4.2: a colon in the first segment of a
/// relative one would be taken for its end.)
fn has_scheme(reference: &[u8]) -> bool {
    let end = reference
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'));
    let first = reference.get(..end.unwrap_or(reference.len()));
    first.is_some_and(|segment| segment.contains(&b':'))
}

/// Path and query of a URI reference, when its origin is that of `host` (`name` or
/// `name:port`, as in Host) by plain HTTP.
///
/// Another origin must not be invalidated: anybody could empty the cache for others. `None` also
/// for what is relative to a path: see [`resolve`].
pub fn same_origin_target<'b>(host: &[u8], value: &'b [u8]) -> Option<&'b [u8]> {
    let end = memchr::memchr(b'#', value).unwrap_or(value.len());
    let value = value.get(..end)?;
    let rest = match value {
        [b'/', b'/', rest @ ..] => rest,
        [b'/', ..] => return Some(value),
        _ => {
            let (scheme, rest) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"http://").then_some(rest)?
        }
    };
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end)?;
    if !without_default_port(authority).eq_ignore_ascii_case(without_default_port(host)) {
        return None;
    }
    match target {
        [] => Some(b"/"),
        [b'/', ..] => Some(target),
        // "http://host?query" is "/?query", which no part of the value spells.
        _ => None,
    }
}

fn without_default_port(authority: &[u8]) -> &[u8] {
    let name = authority
        .strip_suffix(b":80")
        .or(authority.strip_suffix(b":"));
    name.unwrap_or(authority)
}

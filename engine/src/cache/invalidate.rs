//! What an unsafe request outdates (RFC 9111, 4.4).
//!
//! Names targets; keys and stores are not known here.

use crate::http::{Name, Request, Response};

/// A request with an unsafe, or unknown, method was answered without an error: what is stored
/// for its target must not be served again without validation.
pub fn invalidates(req: &Request<'_>, res_status: u16) -> bool {
    !req.method.is_safe() && (200..400).contains(&res_status)
}

/// The further targets that such a response may outdate: Location and Content-Location, where
/// they have the origin of the request. `host` is the Host of the request.
pub fn targets<'b>(host: &'b [u8], res: &Response<'b>) -> impl Iterator<Item = &'b [u8]> + 'b {
    let fields = res.fields;
    [Name::Location, Name::ContentLocation]
        .into_iter()
        .filter_map(move |name| same_origin_target(host, fields.get(name)?))
}

/// Path and query of a URI reference, when its origin is that of `host` (`name` or
/// `name:port`, as in Host) by plain HTTP.
///
/// Another origin must not be invalidated: anybody could empty the cache for others. References
/// that are relative to the path are left alone, since 4.4 only allows, and does not ask for,
/// what is done here.
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

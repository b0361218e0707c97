//! Request targets (RFC 9112, 3.2), the host they are for (RFC 9110, 7.2), and the normal form of
//! paths (RFC 3986, 6.2.2).
//!
//! Knows neither sites nor routes; it refuses what two recipients could take for two of them.

use super::field::Name;
use super::head::Request;
use super::method::{Method, Version};
use alloc::vec::Vec;
use core::net::Ipv6Addr;

/// The form of a request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, for CONNECT
    Authority,
    /// `*`, for OPTIONS
    Asterisk,
}

/// A request target in its parts. All but `path` are slices of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'b> {
    /// Its form.
    pub form: Form,
    /// The scheme; empty unless the form is absolute.
    pub scheme: &'b [u8],
    /// Host and port; empty unless the form is absolute or authority.
    pub authority: &'b [u8],
    /// The path. Where an absolute form has none it is `/`, or `*` for OPTIONS without a query
    /// (RFC 9112, 3.2.4). Empty in authority form.
    pub path: &'b [u8],
    /// What follows the question mark, if there is one.
    pub query: Option<&'b [u8]>,
    /// Path and query together as they were sent: what is left of the target without scheme and
    /// authority. `encode::request_head` makes a valid origin form of it.
    pub path_and_query: &'b [u8],
}

/// Why a target or its host is refused; the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetFault {
    /// The status to answer with.
    pub status: u16,
    /// What is wrong.
    pub what: &'static str,
}

const fn bad(what: &'static str) -> TargetFault {
    TargetFault { status: 400, what }
}

/// Splits a target (RFC 9112, 3.2). Only visible ASCII passes, and no fragment: it is never sent
/// (RFC 9110, 4.2.5), and some recipients would cut it off.
///
/// # Errors
/// It is malformed, or its form does not go with the method.
pub fn split(method: Method, target: &[u8]) -> Result<Target<'_>, TargetFault> {
    let foreign = target.iter().fold(target.is_empty(), |foreign, byte| {
        foreign | (*byte < 0x21) | (*byte > 0x7e) | (*byte == b'#')
    });
    if foreign {
        return Err(bad("the request target has characters that no URI has"));
    }
    match target {
        _ if method == Method::Connect => connect(target),
        b"*" if method == Method::Options => Ok(Target {
            path: target,
            ..of_origin(Form::Asterisk, target)
        }),
        [b'/', ..] => Ok(of_origin(Form::Origin, target)),
        _ => absolute(method, target),
    }
}

/// Path, and query if there is a question mark.
#[must_use]
pub fn split_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', target) {
        Some(at) => (target.get(..at).unwrap_or_default(), target.get(at + 1..)),
        None => (target, None),
    }
}

/// A target that is all path and query.
fn of_origin(form: Form, target: &[u8]) -> Target<'_> {
    let (path, query) = split_query(target);
    Target {
        form,
        scheme: b"",
        authority: b"",
        path,
        query,
        path_and_query: target,
    }
}

/// CONNECT names a host and a port, both (RFC 9110, 9.3.6).
fn connect(target: &[u8]) -> Result<Target<'_>, TargetFault> {
    let named = authority(target)?;
    if named.name.is_empty() || named.port.is_none() {
        return Err(bad("CONNECT needs a host and a port"));
    }
    Ok(Target {
        authority: target,
        ..of_origin(Form::Authority, b"")
    })
}

fn absolute(method: Method, target: &[u8]) -> Result<Target<'_>, TargetFault> {
    let unknown = bad("the request target has no known form");
    let colon = memchr::memchr(b':', target).ok_or(unknown)?;
    let (scheme, rest) = target.split_at(colon);
    let rest = rest.strip_prefix(b"://").ok_or(unknown)?;
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(named) {
        return Err(bad("the request target's scheme is malformed"));
    }
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at(end);
    let parts = of_origin(Form::Absolute, path_and_query);
    let path: &[u8] = match (parts.path, parts.query) {
        (b"", None) if method == Method::Options => b"*",
        (b"", _) => b"/",
        (path, _) => path,
    };
    Ok(Target {
        scheme,
        authority,
        path,
        ..parts
    })
}

/// The host a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'b> {
    /// The name as it was sent, without port and without a last dot; an IPv6 address with its
    /// brackets. Empty when a 1.0 client named none, or Host is empty (RFC 9112, 3.2).
    pub name: &'b [u8],
    /// The port, if one was named.
    pub port: Option<u16>,
}

/// The host of a request: from its absolute target, else from Host (RFC 9112, 3.2.2 and 3.3).
///
/// # Errors
/// None or several, malformed, or target and Host disagree: RFC 9112 lets the target win, but two
/// recipients could then take it for two sites.
#[inline]
pub fn host<'b>(request: &Request<'b>, target: &Target<'b>) -> Result<Host<'b>, TargetFault> {
    let mut lines = request.fields.all(Name::Host);
    let line = lines.next();
    if lines.next().is_some() {
        return Err(bad("several Host fields"));
    }
    let field = match line {
        Some(value) => Some(authority(value)?),
        None if request.version == Version::Http11 => return Err(bad("no Host field")),
        None => None,
    };
    if !matches!(target.form, Form::Absolute | Form::Authority) {
        return Ok(field.unwrap_or(Host {
            name: b"",
            port: None,
        }));
    }
    let named = authority(target.authority)?;
    if named.name.is_empty() {
        return Err(bad("the request target names no host"));
    }
    match field {
        Some(field) if !agree(&field, &named, target) => {
            Err(bad("Host and the request target disagree"))
        }
        _ => Ok(named),
    }
}

/// The same name in any case, and the same port. Where none is named it is the scheme's; CONNECT
/// has no scheme, and many leave the port out of its Host.
fn agree(field: &Host<'_>, named: &Host<'_>, target: &Target<'_>) -> bool {
    let usual = match target.scheme {
        b"" => named.port,
        scheme if scheme.eq_ignore_ascii_case(b"https") => Some(443),
        _ => Some(80),
    };
    field.name.eq_ignore_ascii_case(named.name) && field.port.or(usual) == named.port.or(usual)
}

/// Splits `host[:port]` (RFC 3986, 3.2), of which only what hosts are really named by is taken: a
/// name of letters, digits, `-._~`, or an IP address. Userinfo has no place in a request (RFC
/// 9110, 4.2.4), and escapes in names would be two spellings of one host.
pub fn authority(value: &[u8]) -> Result<Host<'_>, TargetFault> {
    let malformed = bad("the host is malformed");
    if value.first() == Some(&b'[') {
        let end = memchr::memchr(b']', value).ok_or(malformed)?;
        let (name, rest) = value.split_at(end + 1);
        let inside = value
            .get(1..end)
            .and_then(|inside| core::str::from_utf8(inside).ok());
        inside
            .and_then(|inside| inside.parse::<Ipv6Addr>().ok())
            .ok_or(malformed)?;
        return Ok(Host {
            name,
            port: port(rest)?,
        });
    }
    let end = memchr::memchr(b':', value).unwrap_or(value.len());
    let (name, rest) = value.split_at(end);
    // A port of nobody: an http URI without a host is invalid (RFC 9110, 4.2.1).
    if name.is_empty() && !rest.is_empty() {
        return Err(malformed);
    }
    let mut before = b'.';
    for byte in name {
        // A label is never empty: "a..b" and ".a" are nobody's names.
        if !IN_NAMES[usize::from(*byte)] || (*byte == b'.' && before == b'.') {
            return Err(malformed);
        }
        before = *byte;
    }
    Ok(Host {
        name: name.strip_suffix(b".").unwrap_or(name),
        port: port(rest)?,
    })
}

static IN_NAMES: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        table[at] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        at += 1;
    }
    table
};

/// What follows a name: nothing, or a colon and a port, which may be empty (RFC 3986, 3.2.3).
/// Leading zeros would be two spellings of one port.
fn port(rest: &[u8]) -> Result<Option<u16>, TargetFault> {
    let malformed = bad("the host's port is malformed");
    match rest {
        [] | b":" => Ok(None),
        b":0" => Ok(Some(0)),
        [b':', digits @ ..] if digits.len() <= 5 && digits.first() != Some(&b'0') => {
            let value = digits.iter().try_fold(0_u32, |sum, byte| {
                byte.is_ascii_digit()
                    .then(|| sum * 10 + u32::from(byte - b'0'))
            });
            value
                .and_then(|value| u16::try_from(value).ok())
                .map(Some)
                .ok_or(malformed)
        }
        _ => Err(malformed),
    }
}

/// Is a path in normal form already? Most are, and cost no copy.
#[must_use]
pub fn is_normal(path: &[u8]) -> bool {
    // A dot segment is a dot behind a slash, and whatever else that may be is rare.
    let hidden = |at: usize| at.checked_sub(1).and_then(|at| path.get(at)) == Some(&b'/');
    memchr::memchr(b'%', path).is_none()
        && (!memchr::memchr_iter(b'.', path).any(hidden)
            || !path
                .split(|byte| *byte == b'/')
                .any(|part| matches!(part, b"." | b"..")))
}

/// Appends a path in normal form, for keys and routes: escapes of unreserved characters decoded,
/// others in upper case, dot segments removed and never above the root (RFC 3986, 6.2.2). What
/// goes to the origin is not touched by this.
///
/// A segment with a `%` that begins no escape is no URI's and is kept as it is: decoding around
/// it could make an escape that was not there, and thereby two resources one. Slashes are never
/// merged. What does not begin with a slash (`*`) is kept as well.
pub fn normal_path(path: &[u8], out: &mut Vec<u8>) {
    let Some(segments) = path.strip_prefix(b"/") else {
        out.extend_from_slice(path);
        return;
    };
    let start = out.len();
    let mut segments = segments.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let slash = out.len();
        out.push(b'/');
        push_segment(segment, out);
        let up = match out.get(slash + 1..) {
            Some(b".") => 0,
            Some(b"..") => 1,
            _ => continue,
        };
        out.truncate(slash);
        if up == 1 {
            let done = out.get(start..).unwrap_or_default();
            let parent = memchr::memrchr(b'/', done).unwrap_or(0);
            out.truncate(start + parent);
        }
        // "/a/b/.." is "/a/".
        if segments.peek().is_none() {
            out.push(b'/');
        }
    }
}

/// Appends one segment with its escapes in normal form.
fn push_segment(segment: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let start = out.len();
    let mut rest = segment;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let digits = match escape {
            [_, high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let Some((high, low)) = digits else {
            out.truncate(start);
            out.extend_from_slice(segment);
            return;
        };
        let byte = high << 4 | low;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            out.extend([
                b'%',
                DIGITS[usize::from(high & 15)],
                DIGITS[usize::from(low & 15)],
            ]);
        }
        rest = escape.get(3..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests;

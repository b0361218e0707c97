//! Request targets (RFC 9112, 3.2), the host they are for (RFC 9110, 7.2), and the normal form of
//! paths (RFC 3986, 6.2.2).

use super::field::Name;
use super::head::Request;
use super::method::{Method, Version};
use alloc::vec::Vec;

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

/// A request target in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'b> {
    /// Its form.
    pub form: Form,
    /// The scheme; empty unless the form is absolute.
    pub scheme: &'b [u8],
    /// Host and port; empty unless the form is absolute or authority.
    pub authority: &'b [u8],
    /// The path; `/` where an absolute form has none, `*` for the asterisk.
    pub path: &'b [u8],
    /// What follows the question mark, if there is one.
    pub query: Option<&'b [u8]>,
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

/// Splits a target. Only characters that may stand in a URI pass.
///
/// # Errors
/// It is malformed, or its form does not go with the method.
pub fn split(method: Method, target: &[u8]) -> Result<Target<'_>, TargetFault> {
    if !target.iter().all(|byte| matches!(byte, 0x21..=0x7e)) || target.contains(&b'#') {
        return Err(bad("the request target has characters that no URI has"));
    }
    let plain = |form, path| Target { form, scheme: b"", authority: b"", path, query: None };
    if method == Method::Connect {
        return Ok(Target { authority: target, ..plain(Form::Authority, b"") });
    }
    match target {
        b"*" if method == Method::Options => Ok(plain(Form::Asterisk, target)),
        [b'/', ..] => {
            let (path, query) = query_of(target);
            Ok(Target { query, ..plain(Form::Origin, path) })
        }
        _ => absolute(target),
    }
}

fn absolute(target: &[u8]) -> Result<Target<'_>, TargetFault> {
    let colon = target.windows(3).position(|window| window == b"://");
    let colon = colon.ok_or(bad("the request target has no known form"))?;
    let (scheme, rest) = (target.get(..colon), target.get(colon + 3..));
    let (Some(scheme), Some(rest)) = (scheme, rest) else {
        return Err(bad("the request target has no known form"));
    };
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(named) {
        return Err(bad("the request target's scheme is malformed"));
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (path, query) = query_of(path);
    if path.first().is_some_and(|byte| *byte != b'/') {
        return Err(bad("the request target's path is malformed"));
    }
    let path = if path.is_empty() { b"/" } else { path };
    Ok(Target { form: Form::Absolute, scheme, authority, path, query })
}

fn query_of(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

/// The host a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'b> {
    /// The name as it was sent, without port and without a last dot. Empty when a 1.0 client
    /// named none.
    pub name: &'b [u8],
    /// The port, if one was named.
    pub port: Option<u16>,
}

/// The host of a request: from its absolute target, else from Host (RFC 9112, 3.2.2 and 3.3).
///
/// # Errors
/// None or several, malformed, or target and Host disagree: two recipients could then take it
/// for two sites.
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
        return Ok(field.unwrap_or(Host { name: b"", port: None }));
    }
    let named = authority(target.authority)?;
    if named.name.is_empty() {
        return Err(bad("the request target names no host"));
    }
    match field {
        Some(field) if !same(&field, &named) => Err(bad("Host and the request target disagree")),
        _ => Ok(named),
    }
}

fn same(a: &Host<'_>, b: &Host<'_>) -> bool {
    a.name.eq_ignore_ascii_case(b.name) && a.port.unwrap_or(80) == b.port.unwrap_or(80)
}

/// Splits `host[:port]`.
fn authority(value: &[u8]) -> Result<Host<'_>, TargetFault> {
    let malformed = bad("the host is malformed");
    let (name, port) = if let Some(rest) = value.strip_prefix(b"[") {
        let end = rest.iter().position(|byte| *byte == b']').ok_or(malformed)?;
        let inside = rest.get(..end).unwrap_or_default();
        if !inside.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) {
            return Err(malformed);
        }
        value.split_at(end + 2)
    } else {
        let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
        let (name, port) = value.split_at(end);
        // A registered name in the letters that names have; no userinfo, no escapes.
        if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
            return Err(malformed);
        }
        (name, port)
    };
    let port = match port {
        [] | b":" => None,
        [b':', digits @ ..] if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => {
            let value = digits.iter().fold(0_u32, |sum, byte| sum * 10 + u32::from(byte - b'0'));
            Some(u16::try_from(value).map_err(|_| malformed)?)
        }
        _ => return Err(malformed),
    };
    Ok(Host { name: name.strip_suffix(b".").unwrap_or(name), port })
}

/// Is a path in normal form already? Most are, and cost no copy.
#[must_use]
pub fn is_normal(path: &[u8]) -> bool {
    !path.contains(&b'%') && !path.split(|byte| *byte == b'/').any(|part| matches!(part, b"." | b".."))
}

/// Appends a path in normal form, for keys and routes: escapes of unreserved characters decoded,
/// others in upper case, dot segments removed and never above the root (RFC 3986, 6.2.2).
pub fn normal_path(path: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut decoded = Vec::with_capacity(path.len());
    decode(path, &mut decoded);
    let mut parts = decoded.split(|byte| *byte == b'/').peekable();
    if decoded.first() == Some(&b'/') {
        parts.next();
    }
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            b"." | b".." => {
                if part == b".." {
                    let parent = out.get(start..).and_then(|done| {
                        done.iter().rposition(|byte| *byte == b'/')
                    });
                    out.truncate(start + parent.unwrap_or(0));
                }
                if last {
                    out.push(b'/');
                }
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(part);
            }
        }
    }
    if out.len() == start {
        out.push(b'/');
    }
}

fn decode(path: &[u8], out: &mut Vec<u8>) {
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escape = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let Some((high, low)) = escape else {
            out.push(*byte);
            continue;
        };
        rest = after.get(2..).unwrap_or_default();
        let value = high << 4 | low;
        if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
            out.push(value);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.extend([b'%', DIGITS[usize::from(high)], DIGITS[usize::from(low)]]);
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests;

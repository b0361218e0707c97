//! The grammar of names an operator writes: addresses, servers, hosts, path prefixes, tokens.
//!
//! Text becomes a type here (RFC 3986 section 3.2.2 for hosts, RFC 9110 section 5.6.2 for tokens).
//! Knows no option and no other value: whether a name is given twice is asked in `read`.
//!
//! Every function returns the value, or a suggestion where there is a good one.

use crate::faults::did_you_mean;
use crate::plan::{HostPattern, LogTarget, Net, Server};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// The outcome of reading a name: the error is a suggestion.
pub(crate) type Read<T> = Result<T, Option<String>>;

/// Bytes of a host name (RFC 1035, 2.3.4, less the two length bytes at its ends).
const HOST_BYTES_MAX: usize = 253;
/// Bytes between two dots of a host name (RFC 1035, 2.3.4).
const LABEL_BYTES_MAX: usize = 63;
/// Bytes of the names that we make up ourselves and repeat in fields, logs and metrics.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of a path prefix: no longer than the longest target that limits.uri allows.
const PATH_BYTES_MAX: usize = 64 << 10;
/// Bytes of a path to a file, its closing NUL included: what Linux takes (PATH_MAX).
const FILE_BYTES_MAX: usize = 4096;

/// An address to listen on: `IP:port`, or `:80` and `*:80` for every IPv4 address.
pub(crate) fn address(text: &str) -> Read<SocketAddr> {
    let every = text
        .strip_prefix('*')
        .unwrap_or(text)
        .strip_prefix(':')
        .and_then(port);
    if let Some(port) = every {
        return Ok(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    Err(if port(text).is_some() {
        Some(format!("did you mean `:{text}`?"))
    } else if let Ok(ip) = text.parse::<IpAddr>() {
        Some(format!("add a port: \"{}\"", SocketAddr::new(ip, 80)))
    } else if let Some(port) = text.strip_prefix("localhost:").and_then(port) {
        Some(format!(
            "names are not looked up here: \"127.0.0.1:{port}\" or \"[::1]:{port}\""
        ))
    } else if text == "*" {
        Some("add a port: \"*:80\"".to_owned())
    } else {
        None
    })
}

/// One server of an origin: a host name or an IP address, and perhaps a port.
pub(crate) fn server(text: &str) -> Read<Server> {
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Err(Some(format!("did you mean `[{ip}]:80`?")));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let bare = rest.split('/').next().unwrap_or_default();
        let is_server = server(bare).is_ok();
        return Err(match scheme {
            "http" if is_server => Some(format!("did you mean `{bare}`?")),
            "https" => Some("Ringside speaks plain HTTP to origins".to_owned()),
            _ => None,
        });
    }
    if let Some((bare, _)) = text.split_once('/') {
        let without = "a server has no path";
        return Err(server(bare)
            .ok()
            .map(|_| format!("{without}; did you mean `{bare}`?")));
    }
    let (host, port_text) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, "")) => (ip, None),
        Some((ip, rest)) => (ip, Some(rest.strip_prefix(':').ok_or(None)?)),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host = if text.starts_with('[') {
        host.parse::<Ipv6Addr>().map_err(|_| None)?.to_string()
    } else {
        host_name(host)?
    };
    let port = match port_text {
        None => 80,
        Some(text) => match port(text) {
            None | Some(0) => return Err(Some("ports go from 1 to 65535".to_owned())),
            Some(port) => port,
        },
    };
    Ok(Server { host, port })
}

/// A pattern of hosts: `www.example.org`, `*.example.org`, `*`.
pub(crate) fn host(text: &str) -> Read<HostPattern> {
    if text == "*" {
        return Ok(HostPattern::Any);
    }
    if let Some(rest) = text.strip_prefix("*.") {
        return Ok(HostPattern::Suffix(format!(".{}", host_name(rest)?)));
    }
    if let Some(ip) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        // Kept in the spelling of RFC 5952, which is what clients send.
        return ip
            .parse::<Ipv6Addr>()
            .map(|ip| HostPattern::Exact(format!("[{ip}]")))
            .map_err(|_| None);
    }
    if let Some(suffix) = text.strip_prefix('.') {
        return Err(host_name(suffix)
            .ok()
            .map(|name| format!("did you mean `*.{name}`?")));
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.split(['/', ':']).next().unwrap_or_default();
    if bare != text {
        let scope = "a host has no scheme, port or path";
        return Err(host(bare)
            .ok()
            .map(|_| format!("{scope}; did you mean `{bare}`?")));
    }
    host_name(text).map(HostPattern::Exact)
}

/// A path prefix in normal form, since that is what request paths are compared in.
pub(crate) fn path(text: &str) -> Read<String> {
    if !text.starts_with('/') {
        let with = format!("/{text}");
        return Err(path(&with)
            .ok()
            .map(|path| format!("did you mean `{path}`?")));
    }
    if text.len() > PATH_BYTES_MAX {
        return Err(Some(
            "it is longer than any request target may be".to_owned(),
        ));
    }
    if let Some(end) = text.find(['?', '#']) {
        let (bare, _) = text.split_at(end);
        return Err(path(bare)
            .ok()
            .map(|path| format!("did you mean `{path}`?")));
    }
    if let Some(bare) = text.strip_suffix('*').filter(|bare| bare.ends_with('/')) {
        return Err(path(bare)
            .ok()
            .map(|p| format!("a prefix needs no `*`; did you mean `{p}`?")));
    }
    if text
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return Err(Some(
            "request paths have no `.` and `..` left when they get here".to_owned(),
        ));
    }
    let normal = normal_escapes(text).ok_or_else(|| Some("write `%` as `%25`".to_owned()))?;
    if normal != text {
        return Err(path(&normal)
            .ok()
            .map(|path| format!("did you mean `{path}`?")));
    }
    Ok(normal)
}

/// A name that stands in fields: a token for Via (RFC 9110, 5.6.2) that begins with a letter, so
/// that it is one for Cache-Status as well, which is a structured field (RFC 8941, 3.3.4).
pub(crate) fn token(text: &str) -> Read<String> {
    let is_token = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.len() <= NAME_BYTES_MAX
            && text.bytes().all(is_tchar)
    };
    if is_token(text) {
        return Ok(text.to_owned());
    }
    let fixed = text.trim().replace(' ', "-");
    Err(is_token(&fixed).then(|| format!("did you mean `{fixed}`?")))
}

/// The name of an origin; it goes into logs and metrics unquoted.
pub(crate) fn origin(text: &str) -> Read<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(None)
    }
}

/// A query parameter by its whole name.
pub(crate) fn parameter(text: &str) -> Read<String> {
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"&=?#*".contains(&b);
    if text.is_empty() || text.len() > HOST_BYTES_MAX {
        return Err(None);
    }
    if text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    let bare = text
        .trim()
        .trim_start_matches(['?', '&'])
        .trim_end_matches(['=', '*']);
    let is_bare = !bare.is_empty() && bare.bytes().all(is_plain);
    Err(is_bare.then(|| format!("did you mean `{bare}`?")))
}

/// A query parameter, or all that begin so: `utm_*`.
pub(crate) fn parameters(text: &str) -> Read<String> {
    match text.strip_suffix('*') {
        Some("") => Ok(text.to_owned()),
        Some(beginning) => parameter(beginning).map(|_| text.to_owned()),
        None => parameter(text),
    }
}

/// What [`statuses`] takes.
pub(crate) const STATUSES: &str = "a status from 300 to 599, or `3xx`, `4xx` or `5xx`";

/// Statuses that say something of one request, and nothing of what another may get: 304 of its
/// validators, 412 of its preconditions, 416 of its range, 417 of what it expects; and those that
/// must not be stored (RFC 6585, 3 to 6).
const OF_ONE_REQUEST: [u16; 8] = [304, 412, 416, 417, 428, 429, 431, 511];

/// The statuses that a key of `cache.negative` stands for: one, or a class of them.
pub(crate) fn statuses(text: &str) -> Read<Vec<u16>> {
    let of_one = |status: &u16| OF_ONE_REQUEST.contains(status);
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && text.len() == 3;
    let status = text.parse::<u16>().ok().filter(|_| digits);
    let class = || {
        let plain = text.to_ascii_lowercase();
        let hundreds = plain.strip_suffix("xx").unwrap_or(&plain).parse::<u16>();
        hundreds.ok().filter(|n| (1..=5).contains(n))
    };
    match (status, class()) {
        (Some(status), _) if of_one(&status) => Err(Some(format!(
            "{status} answers a condition of one request, and is never stored for others"
        ))),
        (Some(100..=199), _) | (None, Some(1)) => {
            Err(Some("interim responses are never stored".to_owned()))
        }
        (Some(200..=299), _) | (None, Some(2)) => {
            Err(Some("for successes there is `cache.default`".to_owned()))
        }
        (Some(status @ 300..=599), _) => Ok(vec![status]),
        (None, Some(class)) if text.ends_with("xx") => {
            let all = class * 100..=class * 100 + 99;
            Ok(all.filter(|status| !of_one(status)).collect())
        }
        (None, Some(class)) => Err(Some(format!("did you mean `{class}xx`?"))),
        _ => Err(None),
    }
}

/// A range of addresses: `10.0.0.0/8`, or one address.
pub(crate) fn net(text: &str) -> Read<Net> {
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = ip.parse::<IpAddr>() else {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        return Err(match bare {
            Some(bare) if net(bare).is_ok() => Some(format!("did you mean `{bare}`?")),
            _ if text == "localhost" => {
                Some("names are not looked up here: \"127.0.0.1\", \"::1\"".to_owned())
            }
            _ => None,
        });
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(digits) => {
            let number = digits.bytes().all(|b| b.is_ascii_digit());
            let number = digits.parse::<u8>().ok().filter(|n| number && *n <= bits);
            number.ok_or_else(|| Some(format!("a prefix of {ip} has 0 to {bits} bits")))?
        }
    };
    let first = match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        // Connections from such an address are judged as the IPv4 that they are.
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
            let inner = address.to_canonical();
            let net = Net {
                address: inner,
                prefix: prefix.saturating_sub(96),
            };
            let suggestion = || format!("did you mean `{net}`?");
            return Err((prefix >= 96).then(suggestion));
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    };
    let net = Net {
        address: first,
        prefix,
    };
    if first != address {
        return Err(Some(format!("did you mean `{net}`?")));
    }
    Ok(net)
}

/// The name of a field (RFC 9110, 5.1).
pub(crate) fn field(text: &str) -> Read<String> {
    let is_name =
        |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_tchar);
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let fixed = text
        .split(':')
        .next()
        .unwrap_or_default()
        .trim()
        .replace(' ', "-");
    Err(is_name(&fixed).then(|| format!("did you mean `{fixed}`?")))
}

/// The name of a targeted field (RFC 9213): none of those that are for every cache.
pub(crate) fn targeted_field(text: &str) -> Read<String> {
    let name = field(text)?;
    let for_all = ["Cache-Control", "Expires", "Pragma"];
    match for_all
        .iter()
        .find(|other| other.eq_ignore_ascii_case(&name))
    {
        Some(other) => Err(Some(format!(
            "{other} is read where no targeted field decides"
        ))),
        None => Ok(name),
    }
}

/// Where log lines go.
pub(crate) fn log_target(text: &str) -> Read<LogTarget> {
    match text {
        "off" => Ok(LogTarget::Off),
        "stdout" => Ok(LogTarget::Stdout),
        // A bare word is more likely a slip of the two above than a file beside whatever
        // directory the server was started in.
        _ if !text.contains('/') => Err(did_you_mean(text, ["off", "stdout"])
            .or_else(|| plain_path(text).then(|| format!("did you mean `./{text}`?")))),
        _ if text.ends_with('/') || !plain_path(text) => Err(None),
        _ => Ok(LogTarget::File(PathBuf::from(text))),
    }
}

/// Where objects are kept on disk.
pub(crate) fn disk(text: &str) -> Read<PathBuf> {
    match text {
        _ if text.starts_with('/') && plain_path(text) => Ok(PathBuf::from(text)),
        // Which directory the server is started in should not decide where its cache is.
        _ if text.starts_with("~/") => Err(Some("write your home directory out".to_owned())),
        _ => Err((plain_path(text) && !text.starts_with('.'))
            .then(|| format!("did you mean `/{text}`?"))),
    }
}

fn plain_path(text: &str) -> bool {
    !text.is_empty() && text.len() < FILE_BYTES_MAX && !text.chars().any(char::is_control)
}

/// RFC 9110, 5.6.2.
fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn port(text: &str) -> Option<u16> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// A host name or IPv4 address, in lower case.
fn host_name(text: &str) -> Read<String> {
    if text.parse::<Ipv4Addr>().is_ok() {
        return Ok(text.to_owned());
    }
    if !text.is_ascii() {
        return Err(Some(
            "write international names in their xn-- form".to_owned(),
        ));
    }
    if let Some(bare) = text.strip_suffix('.') {
        return Err(host_name(bare)
            .ok()
            .map(|name| format!("did you mean `{name}`?")));
    }
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name that ends in a number is a mistyped address or a lonely port (WHATWG URL, 3.5).
    let ends_in_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let last = text.rsplit('.').next().unwrap_or_default();
    if text.len() > HOST_BYTES_MAX || !text.split('.').all(is_label) || ends_in_number(last) {
        return Err(None);
    }
    Ok(text.to_ascii_lowercase())
}

/// `path` with its percent-encoding in normal form (RFC 3986, 6.2.2): unreserved bytes plain,
/// everything that no URI may hold encoded, hex in upper case. `None` for a `%` that begins nothing.
fn normal_escapes(path: &str) -> Option<String> {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let other_path_bytes = b"/!$&'()*+,;=:@";
    let mut normal = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let (byte, was_encoded) = match byte {
            b'%' => {
                let digit = |b: Option<u8>| char::from(b?).to_digit(16);
                let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
                (u8::try_from(value).ok()?, true)
            }
            plain => (plain, false),
        };
        if unreserved(byte) || (!was_encoded && other_path_bytes.contains(&byte)) {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(normal)
}

#[cfg(test)]
mod tests;

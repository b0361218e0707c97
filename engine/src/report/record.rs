//! One exchange as a line of the access log.
//!
//! What clients send stands in these lines: every byte that could end a line, leave a quote or
//! confuse a terminal is escaped, and a line of JSON is valid JSON in UTF-8 whatever came.

use crate::http::{date, Version};
use crate::outcome::{Outcome, Reason};
use crate::time::Wall;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::IpAddr;

/// What is recorded of an exchange. Texts are as they were sent; empty where there was none.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it ended.
    pub wall: Wall,
    /// The client's address.
    pub client: IpAddr,
    /// The method's text.
    pub method: &'a [u8],
    /// The request target.
    pub target: &'a [u8],
    /// The request's version.
    pub version: Version,
    /// Host.
    pub host: &'a [u8],
    /// The status sent.
    pub status: u16,
    /// Bytes of content sent.
    pub body_bytes: u64,
    /// Referer.
    pub referer: &'a [u8],
    /// User-Agent.
    pub user_agent: &'a [u8],
    /// How it was answered, and why.
    pub outcome: Outcome,
    /// From the complete request head to the last byte sent, in microseconds.
    pub total_us: u64,
    /// From the complete request head to the origin's head, in microseconds.
    pub first_byte_us: Option<u64>,
    /// The shard that had the client.
    pub shard: u16,
}

/// Appends Apache's combined format, followed by what a cache has to tell:
/// `host="…" outcome=miss reason=not-stored total_us=… first_byte_us=… shard=…`.
pub fn combined(record: &Record<'_>, out: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ = write!(Text(out), "{} - - [", record.client);
    push_clf_time(out, record.wall);
    out.extend_from_slice(b"] \"");
    escape_text(out, record.method);
    out.push(b' ');
    escape_text(out, record.target);
    out.extend_from_slice(match record.version {
        Version::Http10 => b" HTTP/1.0\" ",
        Version::Http11 => b" HTTP/1.1\" ",
    });
    let _ = write!(Text(out), "{} ", record.status);
    match record.body_bytes {
        0 => out.push(b'-'),
        bytes => drop(write!(Text(out), "{bytes}")),
    }
    for text in [record.referer, record.user_agent] {
        out.extend_from_slice(b" \"");
        escape_text(out, if text.is_empty() { b"-" } else { text });
        out.push(b'"');
    }
    out.extend_from_slice(b" host=\"");
    escape_text(out, record.host);
    let _ = write!(Text(out), "\" outcome={}", record.outcome.word());
    if record.outcome.reason() != Reason::None {
        let _ = write!(Text(out), " reason={}", record.outcome.reason().word());
    }
    let _ = write!(Text(out), " total_us={}", record.total_us);
    if let Some(us) = record.first_byte_us {
        let _ = write!(Text(out), " first_byte_us={us}");
    }
    let _ = writeln!(Text(out), " shard={}", record.shard);
}

/// Appends one JSON object and a line end.
pub fn json(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    push_iso_time(out, record.wall);
    let _ = write!(Text(out), "\",\"client\":\"{}\"", record.client);
    let version: &[u8] = match record.version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
    };
    for (name, text) in [
        ("method", record.method),
        ("target", record.target),
        ("version", version),
        ("host", record.host),
        ("referer", record.referer),
        ("user_agent", record.user_agent),
        ("outcome", record.outcome.word().as_bytes()),
        ("reason", record.outcome.reason().word().as_bytes()),
    ] {
        // What is empty is left out: most requests have no referer and hits no reason.
        if !text.is_empty() {
            let _ = write!(Text(out), ",\"{name}\":\"");
            escape_json(out, text);
            out.push(b'"');
        }
    }
    let _ = write!(
        Text(out),
        ",\"status\":{},\"body_bytes\":{},\"total_us\":{}",
        record.status,
        record.body_bytes,
        record.total_us
    );
    if let Some(us) = record.first_byte_us {
        let _ = write!(Text(out), ",\"first_byte_us\":{us}");
    }
    let _ = writeln!(Text(out), ",\"shard\":{}}}", record.shard);
}

/// A Vec to format into.
pub(super) struct Text<'a>(pub(super) &'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex(byte: u8) -> [u8; 2] {
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// As Apache does: quotes and backslashes by a backslash, what is not printable ASCII as `\xhh`.
fn escape_text(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7E => out.push(*byte),
            _ => {
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(&hex(*byte));
            }
        }
    }
}

/// As a JSON string asks (RFC 8259, 7). Controls beyond ASCII and the Unicode line ends are
/// escaped as well, since some readers end a line there. Bytes that are no UTF-8 become U+FFFD.
fn escape_json(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' | '\\' => out.extend_from_slice(&[b'\\', char as u8]),
                ' '..='~' => out.push(char as u8),
                '\0'..='\u{9F}' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(Text(out), "\\u{:04x}", u32::from(char));
                }
                _ => drop(write!(Text(out), "{char}")),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

/// `10/Oct/2000:13:55:36 +0000`, cut from the HTTP date.
fn push_clf_time(out: &mut Vec<u8>, wall: Wall) {
    let mut buffer = [0; 29];
    // "Tue, 10 Oct 2000 13:55:36 GMT"
    let [_, _, _, _, _, d1, d2, _, m1, m2, m3, _, y1, y2, y3, y4, _, time @ .., _, _, _, _] =
        *fixdate(wall, &mut buffer);
    out.extend_from_slice(&[d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':']);
    out.extend_from_slice(&time);
    out.extend_from_slice(b" +0000");
}

/// `2000-10-10T13:55:36Z`, cut from the HTTP date.
fn push_iso_time(out: &mut Vec<u8>, wall: Wall) {
    const MONTHS: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let mut buffer = [0; 29];
    let [_, _, _, _, _, d1, d2, _, m1, m2, m3, _, y1, y2, y3, y4, _, time @ .., _, _, _, _] =
        *fixdate(wall, &mut buffer);
    let month = MONTHS
        .iter()
        .position(|name| **name == [m1, m2, m3])
        .unwrap_or(0)
        + 1;
    out.extend_from_slice(&[y1, y2, y3, y4]);
    let _ = write!(Text(out), "-{month:02}-");
    out.extend_from_slice(&[d1, d2, b'T']);
    out.extend_from_slice(&time);
    out.push(b'Z');
}

fn fixdate(wall: Wall, buffer: &mut [u8; 29]) -> &[u8; 29] {
    date::format(wall, buffer);
    buffer
}

#[cfg(test)]
mod tests;

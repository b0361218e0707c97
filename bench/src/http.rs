//! A plain blocking HTTP client, for checking what servers answer and for reading their numbers;
//! never what is measured. One request per connection, unless the caller keeps it.

use crate::fault::{fault, Fault, Result};
use memchr::memmem;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A response, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// Status line and fields, without the empty line.
    pub(crate) head: String,
    /// The content.
    pub(crate) body: Vec<u8>,
}

/// A content of `len` bytes that shows when a piece is missing or in the wrong place: letters and
/// digits only, so that it can stand in any configuration file.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
    let mut next = || {
        // A linear congruential generator (Numerical Recipes); its high bits are the good ones.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcdefghijklmnopqrstuvwxyz012345"[(state >> 27) as usize]
    };
    (0..len).map(|_| next()).collect()
}

/// Where the head at the start of `bytes` ends, its empty line included.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// The value of the field `name` in a head.
pub(crate) fn field<'h>(head: &'h [u8], name: &str) -> Option<&'h [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        start
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.trim_ascii())
    })
}

/// Length of the content that follows `head`, when it says.
pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    std::str::from_utf8(field(head, "content-length")?)
        .ok()?
        .parse()
        .ok()
}

/// Connects to `port` of loopback.
///
/// # Errors
/// The kernel's.
pub(crate) fn connect(port: u16) -> Result<TcpStream> {
    let stream = patiently(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Tries again when a signal came between. A socket with a timeout says so even where handlers
/// restart system calls: whenever the process was stopped and continued (signal(7)).
fn patiently<T>(mut attempt: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Asks for `path` on a connection of its own.
///
/// # Errors
/// No connection, or no whole response.
pub(crate) fn get(port: u16, path: &str) -> Result<Reply> {
    ask(&mut connect(port)?, path, true)
}

/// Asks for `path` on this connection; `last` announces that it is the last request.
///
/// # Errors
/// No whole response.
pub(crate) fn ask(stream: &mut TcpStream, path: &str, last: bool) -> Result<Reply> {
    let close = if last { "Connection: close\r\n" } else { "" };
    let port = stream.peer_addr()?.port();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{close}\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let read = patiently(|| stream.read(&mut piece))?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = head_end(&bytes) else {
            if read == 0 {
                return fault(format!("{path}: the connection ended within the head"));
            }
            continue;
        };
        let whole = match content_length(&bytes[..end]) {
            Some(length) => bytes.len() >= end + length,
            // Without a length the connection's end is the content's.
            None => read == 0,
        };
        if whole {
            return reply(&bytes, end);
        }
        if read == 0 {
            return fault(format!("{path}: the connection ended within the content"));
        }
    }
}

fn reply(bytes: &[u8], end: usize) -> Result<Reply> {
    let (head, body) = bytes.split_at(end);
    let head = String::from_utf8_lossy(head).trim_end().to_owned();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| Fault(format!("no status in: {head}")))?;
    Ok(Reply {
        status,
        head,
        body: body.to_vec(),
    })
}

/// The sum of all samples of `name` in a text of Prometheus whose labels hold `label`.
pub(crate) fn sample(text: &str, name: &str, label: &str) -> f64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let ours = rest.starts_with(['{', ' ']) && rest.contains(label);
        rest.rsplit_once(' ')
            .filter(|_| ours)?
            .1
            .parse::<f64>()
            .ok()
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_their_case() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  17 \r\nX-Content-Length: 9\r\n\r\n";
        assert_eq!(content_length(head), Some(17));
        assert_eq!(field(head, "x-content-length"), Some(&b"9"[..]));
        assert_eq!(field(head, "content"), None);
        assert_eq!(head_end(head), Some(head.len()));
        assert_eq!(head_end(&head[..head.len() - 1]), None);
        assert_eq!(
            content_length(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
            None
        );
    }

    #[test]
    fn content_differs_from_place_to_place() {
        let whole = content(4096);
        assert_eq!(whole.len(), 4096);
        assert_eq!(&whole[..100], content(100));
        assert_ne!(&whole[..1024], &whole[1024..2048]);
        assert!(whole.iter().all(u8::is_ascii_alphanumeric));
    }

    #[test]
    fn samples_are_summed_by_label() {
        let text =
            "# TYPE a_total counter\na_total{shard=\"0\",x=\"1\"} 3\na_total{shard=\"1\"} 4\n\
                    a_total_more{shard=\"0\"} 100\nb 7\n";
        assert_eq!(sample(text, "a_total", "shard=\"0\""), 3.0);
        assert_eq!(sample(text, "a_total", ""), 7.0);
        assert_eq!(sample(text, "b", ""), 7.0);
        assert_eq!(sample(text, "c", ""), 0.0);
    }
}

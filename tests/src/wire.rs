//! What both ends of the kit share: a socket with the bytes read from it, heads cut into fields,
//! and bodies read piece by piece (RFC 9112, 2 to 7).
//!
//! This reader is strict on purpose, because it reads what Ringside wrote: a bare LF, a space
//! before a colon, both framing fields or a wrong chunk is [`Broken::Malformed`], not tolerated.

use crate::wait::Deadline;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;

/// Most bytes of one line or head the kit accepts.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// Why no message could be read to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Broken {
    /// The peer ended its side in order, too early.
    Closed,
    /// The peer reset the connection.
    Reset,
    /// Nothing came in time.
    Late,
    /// What came breaks the grammar.
    Malformed(String),
}

/// A socket and what was read from it but not consumed.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    /// Bounds every read; `None` waits for as long as the connection lives.
    pub(crate) deadline: Option<Deadline>,
    buffer: Vec<u8>,
    at: usize,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        Wire {
            stream,
            deadline: None,
            buffer: Vec::new(),
            at: 0,
        }
    }

    /// Bytes read and not consumed.
    pub(crate) fn ready(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        assert!(self.at <= self.buffer.len());
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
        }
    }

    /// One more read; at least one byte more is ready afterwards.
    pub(crate) fn fill(&mut self) -> Result<(), Broken> {
        if let Some(deadline) = &self.deadline {
            if deadline.is_past() {
                return Err(Broken::Late);
            }
            deadline.bound_read(&self.stream, "bytes");
        }
        let mut piece = [0; 64 << 10];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(Broken::Closed),
                Ok(bytes) => {
                    self.buffer.drain(..self.at);
                    self.at = 0;
                    self.buffer.extend_from_slice(&piece[..bytes]);
                    return Ok(());
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(Broken::Late),
                    _ => return Err(Broken::Reset),
                },
            }
        }
    }

    /// The bytes of the next line without its CRLF.
    fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut seen = 0;
        loop {
            let ready = self.ready();
            if let Some(end) = ready[seen..].iter().position(|b| *b == b'\n') {
                let end = seen + end;
                if end == 0 || ready[end - 1] != b'\r' {
                    return malformed("a bare LF", &ready[..end]);
                }
                let line = ready[..end - 1].to_vec();
                self.consume(end + 1);
                if let Some(bad) = line.iter().find(|b| matches!(b, b'\r' | 0)) {
                    return malformed(&format!("byte {bad:#x} in a line"), &line);
                }
                return Ok(line);
            }
            seen = ready.len();
            if seen > HEAD_BYTES_MAX {
                return malformed("a line without end", &ready[..80]);
            }
            self.fill()?;
        }
    }

    /// The next head: its first line and its fields.
    pub(crate) fn head(&mut self) -> Result<Head, Broken> {
        let first = self.line()?;
        let mut head = Head {
            first: text(&first),
            fields: Vec::new(),
            raw: [&first[..], b"\r\n"].concat(),
        };
        loop {
            let line = self.line()?;
            head.raw.extend_from_slice(&line);
            head.raw.extend_from_slice(b"\r\n");
            if line.is_empty() {
                return Ok(head);
            }
            head.fields.push(field(&line)?);
        }
    }
}

/// A head as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) raw: Vec<u8>,
}

impl Head {
    /// How the content of this message is delimited; `None` when no framing field says.
    pub(crate) fn framing(&self) -> Result<Option<Body>, Broken> {
        let lengths: Vec<&str> = values(&self.fields, "content-length").collect();
        let codings: Vec<&str> = values(&self.fields, "transfer-encoding").collect();
        match (&lengths[..], &codings[..]) {
            ([], []) => Ok(None),
            ([length], []) if length.bytes().all(|b| b.is_ascii_digit()) => length
                .parse()
                .map(|length| Some(Body::Exact(length)))
                .or_else(|_| malformed("Content-Length", length.as_bytes())),
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => {
                Ok(Some(Body::Chunked(Phase::Size)))
            }
            _ => malformed("framing fields", &self.raw),
        }
    }
}

/// The values of every line named `name`, in order.
pub(crate) fn values<'a>(
    fields: &'a [(String, String)],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// A body under way: what is left of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Exact(u64),
    Chunked(Phase),
    UntilClose,
    Done,
}

/// Where in the chunked coding (RFC 9112, 7.1) the next byte stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
}

/// What the chunked coding said beside the content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunks {
    pub(crate) sizes: Vec<u64>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Body {
    /// Reads one piece of content (or framing) and gives content to `sink`. Done once `self` is
    /// [`Body::Done`].
    pub(crate) fn step(
        &mut self,
        wire: &mut Wire,
        chunks: &mut Chunks,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Broken> {
        match self {
            Body::Done => {}
            Body::Exact(0) => *self = Body::Done,
            Body::Exact(left) => {
                *left -= pass_on(wire, *left, sink)?;
                if *left == 0 {
                    *self = Body::Done;
                }
            }
            Body::UntilClose => match pass_on(wire, u64::MAX, sink) {
                Ok(_) => {}
                Err(Broken::Closed) => *self = Body::Done,
                Err(broken) => return Err(broken),
            },
            Body::Chunked(Phase::Size) => {
                let line = wire.line()?;
                let size = text(&line);
                let size = size.split(';').next().unwrap_or_default();
                let Ok(size) = u64::from_str_radix(size, 16) else {
                    return malformed("chunk size", &line);
                };
                if size == 0 {
                    *self = Body::Chunked(Phase::Trailers);
                } else {
                    chunks.sizes.push(size);
                    *self = Body::Chunked(Phase::Data(size));
                }
            }
            Body::Chunked(Phase::Data(left)) => {
                *left -= pass_on(wire, *left, sink)?;
                if *left == 0 {
                    *self = Body::Chunked(Phase::DataEnd);
                }
            }
            Body::Chunked(Phase::DataEnd) => {
                let line = wire.line()?;
                if !line.is_empty() {
                    return malformed("bytes after chunk data", &line);
                }
                *self = Body::Chunked(Phase::Size);
            }
            Body::Chunked(Phase::Trailers) => {
                let line = wire.line()?;
                if line.is_empty() {
                    *self = Body::Done;
                } else {
                    chunks.trailers.push(field(&line)?);
                }
            }
        }
        Ok(())
    }
}

/// Gives `sink` what is ready, at most `limit` bytes, and says how many that were.
fn pass_on(wire: &mut Wire, limit: u64, sink: &mut dyn FnMut(&[u8])) -> Result<u64, Broken> {
    if wire.ready().is_empty() {
        wire.fill()?;
    }
    let bytes = wire
        .ready()
        .len()
        .min(usize::try_from(limit).unwrap_or(usize::MAX));
    sink(&wire.ready()[..bytes]);
    wire.consume(bytes);
    Ok(bytes as u64)
}

/// One field line, strictly (RFC 9112, 5).
fn field(line: &[u8]) -> Result<(String, String), Broken> {
    let Some(colon) = line.iter().position(|b| *b == b':') else {
        return malformed("a field line without colon", line);
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    if name.is_empty() || !name.iter().all(is_token) {
        return malformed("a field name", line);
    }
    if value
        .iter()
        .any(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f)
    {
        return malformed("a control character in a field value", line);
    }
    Ok((text(name), text(value)))
}

fn malformed<T>(what: &str, bytes: &[u8]) -> Result<T, Broken> {
    Err(Broken::Malformed(format!("{what} in {:?}", text(bytes))))
}

/// Bytes as text, each byte one character, so that nothing is lost.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

//! What the origin says to one request, down to wrong framing and cut connections.

use crate::date::http_date;
use crate::gate::Gate;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// One response of the origin, built up field by field. Clones share the content.
///
/// Without further words it has a `Date`, a `Content-Length` and leaves the connection open.
#[derive(Clone)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) content: Arc<Vec<u8>>,
    pub(crate) delimited: Delimited,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) first: Vec<u8>,
    pub(crate) pauses: Vec<(Place, Gate)>,
    pub(crate) cut: Option<(usize, Cut)>,
    pub(crate) reads_content: bool,
    pub(crate) continues: bool,
    pub(crate) close: bool,
    pub(crate) date: bool,
    pub(crate) upgrade: Option<Arc<dyn Fn(Talk) + Send + Sync>>,
}

/// How the end of the content is told (RFC 9112, 6.3).
#[derive(Clone, Debug)]
pub(crate) enum Delimited {
    Length(Option<u64>),
    Chunks(Vec<usize>),
    Close,
    /// The content is the whole message, byte for byte.
    Raw,
}

/// Where an answer waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Head,
    Content(usize),
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Close,
    Reset,
}

impl Answer {
    /// 200 with this content.
    pub fn ok(content: impl Into<Vec<u8>>) -> Self {
        Self::shared(Arc::new(content.into()))
    }

    /// 200 with content that is not copied: for large bodies.
    pub fn shared(content: Arc<Vec<u8>>) -> Self {
        Answer {
            status: 200,
            fields: Vec::new(),
            content,
            delimited: Delimited::Length(None),
            trailers: Vec::new(),
            first: Vec::new(),
            pauses: Vec::new(),
            cut: None,
            reads_content: true,
            continues: false,
            close: false,
            date: true,
            upgrade: None,
        }
    }

    /// Any status, with its number as content (none where the status has none).
    pub fn status(status: u16) -> Self {
        let has_content = !matches!(status, 204 | 304);
        let content = if has_content {
            status.to_string()
        } else {
            String::new()
        };
        Answer {
            status,
            ..Self::ok(content)
        }
    }

    /// The same with this content.
    pub fn content(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.content = Arc::new(content.into());
        self
    }

    /// These bytes instead of a response; the connection closes after them.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Answer {
            delimited: Delimited::Raw,
            close: true,
            ..Self::ok(bytes)
        }
    }

    /// 101 to this protocol; `talk` then has the connection for itself.
    pub fn upgrade(protocol: &str, talk: impl Fn(Talk) + Send + Sync + 'static) -> Self {
        Answer {
            status: 101,
            upgrade: Some(Arc::new(talk)),
            ..Self::ok("")
        }
        .field("Connection", "upgrade")
        .field("Upgrade", protocol)
    }

    /// One more field line.
    pub fn field(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.fields.push((name.into(), value.as_ref().into()));
        self
    }

    /// Stays fresh for a minute: the plain way to be stored.
    pub fn fresh(self) -> Self {
        self.field("Cache-Control", "max-age=60")
    }

    /// May not be stored.
    pub fn no_store(self) -> Self {
        self.field("Cache-Control", "no-store")
    }

    /// Chunked: chunks of these sizes, what is left over as one more.
    pub fn chunked(mut self, sizes: &[usize]) -> Self {
        self.delimited = Delimited::Chunks(sizes.to_vec());
        self
    }

    /// A trailer field after the last chunk.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        assert!(matches!(self.delimited, Delimited::Chunks(_)));
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// No framing: the end of the connection is the end of the content.
    pub fn until_close(mut self) -> Self {
        self.delimited = Delimited::Close;
        self.close = true;
        self
    }

    /// States this Content-Length, whatever the content.
    pub fn claiming(mut self, length: u64) -> Self {
        self.delimited = Delimited::Length(Some(length));
        self
    }

    /// Closes the connection after the answer, and says so.
    pub fn closing(mut self) -> Self {
        self.close = true;
        self.field("Connection", "close")
    }

    /// No Date field.
    pub fn without_date(mut self) -> Self {
        self.date = false;
        self
    }

    /// An interim response (1xx) with these fields, before everything else.
    pub fn first(mut self, status: u16, fields: &[(&str, &str)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Interim\r\n");
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        self.first.extend_from_slice((head + "\r\n").as_bytes());
        self
    }

    /// Says 100 (Continue) once the head is read, then reads the content.
    pub fn continuing(mut self) -> Self {
        self.continues = true;
        self
    }

    /// Answers without reading the request's content, and closes.
    pub fn unread(mut self) -> Self {
        self.reads_content = false;
        self.closing()
    }

    /// Waits at `gate` before the head (after interim responses).
    pub fn wait_before_head(mut self, gate: &Gate) -> Self {
        self.pauses.push((Place::Head, gate.clone()));
        self
    }

    /// Sends `bytes` bytes of the content, then waits at `gate`.
    pub fn wait_after(mut self, bytes: usize, gate: &Gate) -> Self {
        self.pauses.push((Place::Content(bytes), gate.clone()));
        self
    }

    /// Ends the connection in order after `bytes` bytes of the content.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some((bytes, Cut::Close));
        self
    }

    /// Resets the connection after `bytes` bytes of the content.
    pub fn reset_after(mut self, bytes: usize) -> Self {
        self.cut = Some((bytes, Cut::Reset));
        self
    }

    /// The head as it goes out, with its empty line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Said by the origin\r\n", self.status);
        let has_content = !matches!(self.status, 101 | 204 | 304);
        match &self.delimited {
            Delimited::Raw => return Vec::new(),
            Delimited::Length(stated) if has_content => {
                let length = stated.unwrap_or(self.content.len() as u64);
                head += &format!("Content-Length: {length}\r\n");
            }
            Delimited::Chunks(_) => head += "Transfer-Encoding: chunked\r\n",
            Delimited::Length(_) | Delimited::Close => {}
        }
        if self.date {
            head += &format!("Date: {}\r\n", http_date(0));
        }
        for (name, value) in &self.fields {
            head += &format!("{name}: {value}\r\n");
        }
        (head + "\r\n").into_bytes()
    }

    /// The content cut into what is written at once: at chunks, pauses and the cut.
    pub(crate) fn pieces(&self) -> Vec<std::ops::Range<usize>> {
        let end = self
            .cut
            .map_or(self.content.len(), |(at, _)| at.min(self.content.len()));
        let mut marks = vec![0, end];
        if let Delimited::Chunks(sizes) = &self.delimited {
            marks.extend(sizes.iter().scan(0, |at, size| {
                *at += size;
                Some(*at)
            }));
        }
        for (place, _) in &self.pauses {
            if let Place::Content(at) = place {
                marks.push(*at);
            }
        }
        marks.retain(|mark| *mark <= end);
        marks.sort_unstable();
        marks.dedup();
        marks.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }
}

/// The connection after an upgrade: read and write as you like.
pub struct Talk {
    pub(crate) early: Vec<u8>,
    pub(crate) stream: TcpStream,
}

impl Talk {
    /// Sends back everything that comes, until the peer ends its side.
    pub fn echo(mut self) {
        let mut piece = [0; 16 << 10];
        while let Ok(bytes @ 1..) = self.read(&mut piece) {
            if self.write_all(&piece[..bytes]).is_err() {
                return;
            }
        }
    }
}

impl Read for Talk {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return self.stream.read(out);
        }
        let bytes = self.early.len().min(out.len());
        out[..bytes].copy_from_slice(&self.early[..bytes]);
        self.early.drain(..bytes);
        Ok(bytes)
    }
}

impl Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

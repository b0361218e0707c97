//! The origin of the disk cases: any number of objects of any size, each with a content of its own,
//! and a count of what was asked for.
//!
//! `GET /16384/anything` is answered with 16384 bytes that stay fresh for a day; `GET /count` with
//! how many requests and bytes of content there were so far, itself left out. It runs on the
//! runtime seam, since an origin must cost little where it shares a core with the client.

use crate::fault::{fault, Fault, Result};
use crate::http::{self, content, head_end};
use crate::process::Running;
use crate::servers::{port_of, Stage};
use ringside_engine::http::date;
use ringside_shards::rt::{self, Buffer, Listener, Stream};
use std::cell::Cell;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::process::Command;
use std::rc::Rc;

/// No object is larger.
pub(crate) const OBJECT_BYTES_MAX: usize = 1 << 20;
/// Contents begin at one of so many places of the same bytes.
const PLACES: usize = 1 << 20;
const BUFFER_BYTES: usize = 16 * 1024;

/// The running origin.
pub(crate) struct Source {
    /// Where it listens on loopback.
    pub(crate) port: u16,
    // Held so that it runs.
    _running: Running,
}

/// What an origin was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    /// Requests for objects.
    pub(crate) requests: u64,
    /// Bytes of their content.
    pub(crate) bytes: u64,
}

impl Heard {
    /// What came after `before`.
    pub(crate) fn since(self, before: Heard) -> Heard {
        Heard {
            requests: self.requests.saturating_sub(before.requests),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }
}

impl Source {
    /// Starts it on the client's core.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(stage: &Stage) -> Result<Source> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["source", "--port", "0"]);
        let mut running = Running::start("source", command, &[stage.client_core], &stage.scratch)?;
        let port = port_of(&running.wait_for_line("source: listening on ")?)?;
        Ok(Source {
            port,
            _running: running,
        })
    }

    /// What it was asked for so far.
    ///
    /// # Errors
    /// It has died.
    pub(crate) fn heard(&self) -> Result<Heard> {
        let reply = http::get(self.port, "/count")?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let mut numbers = text.split(' ').filter_map(|word| word.parse().ok());
        match (numbers.next(), numbers.next()) {
            (Some(requests), Some(bytes)) => Ok(Heard { requests, bytes }),
            _ => fault(format!("the origin counts: {text}")),
        }
    }
}

/// The bytes that all contents are taken from.
pub(crate) fn all_content() -> &'static [u8] {
    static ALL: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| content(PLACES + OBJECT_BYTES_MAX))
}

/// Where in [`all_content`] the content of `path` is: its first segment says how long it is, its
/// hash where it begins.
pub(crate) fn place(path: &[u8]) -> Option<Range<usize>> {
    let end = path.iter().skip(1).position(|byte| *byte == b'/')? + 1;
    let bytes: usize = std::str::from_utf8(path.get(1..end)?).ok()?.parse().ok()?;
    // FNV-1a.
    let hash = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let from = usize::try_from(hash >> 24).unwrap_or(0) % PLACES;
    (bytes <= OBJECT_BYTES_MAX).then_some(from..from + bytes)
}

/// The target of a request: what stands between the first two spaces.
pub(crate) fn target(request: &[u8]) -> &[u8] {
    request.split(|byte| *byte == b' ').nth(1).unwrap_or(b"")
}

/// Serves on `port` of loopback (0: the kernel chooses one) until the process is ended, and prints
/// where.
///
/// # Errors
/// The port is taken, or the kernel refuses a ring.
pub(crate) fn serve(port: u16) -> Result<()> {
    let socket = Listener::bind((Ipv4Addr::LOCALHOST, port).into(), 4096, false)?;
    all_content();
    rt::run(async move {
        let listener = Listener::start(socket)?;
        println!("source: listening on {}", listener.address());
        let heard = Rc::new(Cell::new(Heard::default()));
        loop {
            let stream = Stream::adopt(listener.accept().await?)?;
            let heard = heard.clone();
            rt::spawn(
                async move {
                    converse(stream, &heard).await;
                },
                || {},
            );
        }
    })?
}

async fn converse(stream: Stream, heard: &Cell<Heard>) {
    let mut buffer = Buffer::with_capacity(BUFFER_BYTES);
    loop {
        if buffer.room() == 0 {
            buffer.make_room(BUFFER_BYTES);
            if buffer.room() == 0 {
                return;
            }
        }
        let (result, back) = stream.read(buffer).await;
        buffer = back;
        if !matches!(result, Ok(n) if n > 0) {
            return;
        }
        while let Some(end) = head_end(buffer.unread()) {
            let answered = answer(&stream, buffer.unread(), heard).await;
            buffer.consume(end);
            if answered.is_err() {
                return;
            }
        }
    }
}

async fn answer(stream: &Stream, request: &[u8], heard: &Cell<Heard>) -> Result<()> {
    /// Up to here head and content go in one piece.
    const TOGETHER: usize = 64 << 10;
    let path = target(request);
    let so_far = heard.get();
    let (mut head, body) = match place(path) {
        Some(range) => {
            heard.set(Heard {
                requests: so_far.requests + 1,
                bytes: so_far.bytes + range.len() as u64,
            });
            let head = format!("200 OK\r\nDate: {}\r\nCache-Control: max-age=86400", date());
            (head, all_content().get(range).unwrap_or_default())
        }
        None if path == b"/count" => {
            let text = format!("{} {}", so_far.requests, so_far.bytes);
            let head = format!(
                "200 OK\r\nCache-Control: no-store\r\nContent-Length: {}",
                text.len()
            );
            let (sent, _) = stream
                .write_all(format!("HTTP/1.1 {head}\r\n\r\n{text}").into_bytes())
                .await;
            return sent.map_err(Fault::from);
        }
        None => ("404 Not Found".to_owned(), &[][..]),
    };
    head = format!(
        "HTTP/1.1 {head}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut bytes = head.into_bytes();
    let mut left: &'static [u8] = body;
    if left.len() <= TOGETHER {
        bytes.extend_from_slice(left);
        left = &[];
    }
    stream.write_all(bytes).await.0?;
    while !left.is_empty() {
        match stream.write(left).await.0? {
            0 => return fault("the client is gone"),
            n => left = left.get(n..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Now, as a Date field has it; Squid does not keep what has none.
fn date() -> String {
    let mut text = [0; 29];
    String::from_utf8_lossy(date::format(rt::wall(), &mut text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_how_long_its_content_is_and_each_has_its_own() {
        let one = place(b"/1024/a-1").unwrap();
        let other = place(b"/1024/a-2").unwrap();
        assert_eq!((one.len(), other.len()), (1024, 1024));
        assert_ne!(one, other);
        assert_eq!(place(b"/1048576/x").unwrap().len(), OBJECT_BYTES_MAX);
        for path in ["/1048577/x", "/count", "/", "", "/x/1", "/1024"] {
            assert_eq!(place(path.as_bytes()), None, "{path}");
        }
        assert_eq!(target(b"GET /1024/a-1 HTTP/1.1\r\n\r\n"), b"/1024/a-1");
    }
}

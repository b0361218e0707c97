//! The limit: the least that any HTTP server on our runtime seam can spend on a request.
//!
//! One thread, one ring, one fixed answer. It reads into a buffer that stays with the connection,
//! looks for the empty line that ends a head, and sends head and content in one call; it parses
//! nothing, counts nothing, decides nothing. What Ringside spends above this is what the cache
//! costs; what this spends is the kernel's TCP and the ring.
//!
//! For misses there is a second kind, a *relay*: every client connection has one to the origin, and
//! bytes go from one to the other. It reads one field, the length of the answer, to know when it
//! has all of it.

use crate::fault::Result;
use crate::http::{content, content_length, head_end};
use ringside_shards::rt::{self, Buffer, Listener, Stream};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Room for a request or several that came together; also for a relayed answer, or a piece of it.
const BUFFER_BYTES: usize = 16 * 1024;
/// Time to connect to the origin.
const CONNECT: Duration = Duration::from_secs(5);

/// What the server does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Answers with so many bytes of [`content`].
    Fixed(usize),
    /// Passes it on to the origin on this port of loopback.
    Relay(u16),
}

/// Serves on `port` of loopback (0: the kernel chooses one) until the process is ended, and prints
/// where.
///
/// # Errors
/// The port is taken, or the kernel refuses a ring.
pub(crate) fn serve(port: u16, kind: Kind) -> Result<()> {
    let socket = Listener::bind((Ipv4Addr::LOCALHOST, port).into(), 4096, false)?;
    let fixed = match kind {
        // It lives as long as the process: the ring may send from it at any time.
        Kind::Fixed(body) => &*Vec::leak(answer(body)),
        Kind::Relay(_) => &[],
    };
    rt::run(async move {
        let listener = Listener::start(socket)?;
        println!("limit: listening on {}", listener.address());
        loop {
            let stream = Stream::adopt(listener.accept().await?)?;
            match kind {
                Kind::Fixed(_) => rt::spawn(converse(stream, fixed), || {}),
                Kind::Relay(origin) => {
                    let relayed = async move {
                        // Either side's end is the end; there is nobody to tell.
                        let _ = relay(stream, (Ipv4Addr::LOCALHOST, origin).into()).await;
                    };
                    rt::spawn(relayed, || {});
                }
            }
        }
    })?
}

fn answer(body: usize) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n\
         Cache-Control: max-age=86400\r\nContent-Length: {body}\r\n\r\n"
    )
    .into_bytes();
    answer.extend(content(body));
    answer
}

async fn converse(stream: Stream, answer: &'static [u8]) {
    let mut buffer = Buffer::with_capacity(BUFFER_BYTES);
    loop {
        if buffer.room() == 0 {
            // Moves a head's first part to the front; without effect, the head is too large.
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
            buffer.consume(end);
            let mut left = answer;
            while !left.is_empty() {
                match stream.write(left).await.0 {
                    Ok(n) if n > 0 => left = left.get(n..).unwrap_or_default(),
                    _ => return,
                }
            }
        }
    }
}

async fn relay(client: Stream, origin: SocketAddr) -> io::Result<()> {
    let origin = Stream::connect(origin, CONNECT, rt::now()).await?;
    let mut buffer = Buffer::with_capacity(BUFFER_BYTES);
    loop {
        buffer = receive(&client, buffer, |bytes| head_end(bytes).is_some()).await?;
        buffer = send(&origin, buffer).await?;
        buffer = receive(&origin, buffer, is_whole_answer).await?;
        buffer = send(&client, buffer).await?;
    }
}

/// Reads until `is_whole`, or fails when the buffer is full or the peer ends before.
async fn receive(
    from: &Stream,
    mut buffer: Buffer,
    is_whole: impl Fn(&[u8]) -> bool,
) -> io::Result<Buffer> {
    while !is_whole(buffer.unread()) {
        if buffer.room() == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (result, back) = from.read(buffer).await;
        buffer = back;
        if result? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer)
}

/// Sends all that is in the buffer, and empties it.
async fn send(to: &Stream, mut buffer: Buffer) -> io::Result<Buffer> {
    while !buffer.is_empty() {
        let (result, back) = to.write(buffer).await;
        buffer = back;
        match result? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => buffer.consume(n),
        }
    }
    Ok(buffer)
}

fn is_whole_answer(bytes: &[u8]) -> bool {
    let Some(end) = head_end(bytes) else {
        return false;
    };
    content_length(&bytes[..end]).is_some_and(|length| bytes.len() >= end + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let bytes = answer(1024);
        assert!(is_whole_answer(&bytes));
        assert!(!is_whole_answer(&bytes[..bytes.len() - 1]));
        assert!(!is_whole_answer(&bytes[..40]));
        assert!(!is_whole_answer(b"HTTP/1.1 200 OK\r\n\r\nno length"));
    }
}

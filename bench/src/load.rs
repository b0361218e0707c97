//! A client of our own, for what wrk can't do: keep connections that are on a chosen shard, and
//! ask for exactly so many URLs.
//!
//! It runs on the same runtime seam as Ringside, on one thread. It understands responses of a
//! stated length that fit its buffer, which is all it is used for; anything else is a fault.

use crate::fault::{check, fault, Result};
use crate::http::{content_length, head_end};
use ringside_shards::rt::{self, Buffer, Stream};
use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

const BUFFER_BYTES: usize = 16 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
/// How long the last responses may take once no more requests are sent.
const LAST: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(5);

/// A kept connection.
pub(crate) struct Connection {
    /// The port of the server.
    pub(crate) port: u16,
    stream: Stream,
    buffer: RefCell<Option<Buffer>>,
}

impl Connection {
    /// Connects to `port` of loopback.
    ///
    /// # Errors
    /// Refused, or not in time.
    pub(crate) async fn open(port: u16) -> Result<Rc<Connection>> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let stream = Stream::connect(address, CONNECT, rt::now()).await?;
        let buffer = RefCell::new(Some(Buffer::with_capacity(BUFFER_BYTES)));
        Ok(Rc::new(Connection {
            port,
            stream,
            buffer,
        }))
    }

    /// Sends one request and reads its response; gives the length of the content.
    ///
    /// # Errors
    /// Not a 200, of no stated or too great a length, or the connection ended.
    pub(crate) async fn ask(&self, request: Vec<u8>) -> Result<(usize, Vec<u8>)> {
        let Some(mut buffer) = self.buffer.take() else {
            return fault("a connection has one request at a time");
        };
        let (sent, request) = self.stream.write_all(request).await;
        sent?;
        loop {
            let (result, back) = self.stream.read(buffer).await;
            buffer = back;
            if result? == 0 {
                return fault("the server ended the connection");
            }
            let bytes = buffer.unread();
            let Some(end) = head_end(bytes) else { continue };
            let head = &bytes[..end];
            if head.get(9..12) != Some(b"200") {
                return fault(format!("an answer: {}", String::from_utf8_lossy(head)));
            }
            let Some(length) = content_length(head).filter(|length| end + length < BUFFER_BYTES)
            else {
                return fault("an answer without a length, or too long for this client");
            };
            if bytes.len() >= end + length {
                buffer.consume(end + length);
                self.buffer.replace(Some(buffer));
                return Ok((length, request));
            }
        }
    }
}

/// A request for `path` of the server on `port`; the host is part of a cache's key, so it is
/// spelled as wrk does.
pub(crate) fn request(port: u16, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes()
}

#[derive(Default)]
struct Progress {
    answered: Cell<u64>,
    busy: Cell<usize>,
    fault: RefCell<Option<crate::fault::Fault>>,
}

/// Asks over all connections at once, each one request at a time, for what `next` gives until it
/// gives `None`; returns how many were answered. `next` gets the former request back to reuse.
///
/// # Errors
/// The first failed request, a signal, or a server that stopped answering for 15 s.
pub(crate) async fn run(
    connections: &[Rc<Connection>],
    next: impl FnMut(Vec<u8>) -> Option<Vec<u8>> + 'static,
) -> Result<u64> {
    let progress = Rc::new(Progress::default());
    let next = Rc::new(RefCell::new(next));
    for connection in connections {
        let (connection, ours, next) = (connection.clone(), progress.clone(), next.clone());
        progress.busy.set(progress.busy.get() + 1);
        let panicked = progress.clone();
        let task = async move {
            let mut request = Vec::new();
            loop {
                let following = next.borrow_mut()(request);
                let Some(following) = following else { break };
                match connection.ask(following).await {
                    Ok((_, back)) => request = back,
                    Err(fault) => {
                        ours.fault.borrow_mut().get_or_insert(fault);
                        break;
                    }
                }
                ours.answered.set(ours.answered.get() + 1);
            }
            ours.busy.set(ours.busy.get() - 1);
        };
        rt::spawn(task, move || {
            let text = "the client panicked".to_owned();
            panicked
                .fault
                .borrow_mut()
                .get_or_insert(crate::fault::Fault(text));
        });
    }
    let mut last = (rt::now(), 0);
    while progress.busy.get() > 0 {
        rt::sleep(LOOK).await;
        let answered = progress.answered.get();
        if answered > last.1 {
            last = (rt::now(), answered);
        }
        let silent = rt::now().since(last.0) > u64::try_from(LAST.as_millis()).unwrap_or(u64::MAX);
        let stop = match silent {
            true => fault("the server stopped answering"),
            false => check(),
        };
        if progress.fault.borrow().is_some() || stop.is_err() {
            // Ends every read under way, so that no task outlives this call for long.
            connections
                .iter()
                .for_each(|connection| connection.stream.close());
            rt::sleep(LOOK * 4).await;
            stop?;
            break;
        }
    }
    match progress.fault.take() {
        Some(fault) => Err(fault),
        None => Ok(progress.answered.get()),
    }
}

fn port_of(connections: &[Rc<Connection>]) -> u16 {
    connections.first().map_or(0, |connection| connection.port)
}

/// Asks for `path` over all connections for this long; returns how many were answered.
///
/// # Errors
/// As [`run`].
pub(crate) async fn repeat(
    connections: &[Rc<Connection>],
    path: &str,
    time: Duration,
) -> Result<u64> {
    let end = rt::now_us() + u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let wanted = request(port_of(connections), path);
    run(connections, move |former| {
        let request = if former.is_empty() {
            wanted.clone()
        } else {
            former
        };
        (rt::now_us() < end).then_some(request)
    })
    .await
}

/// Asks once for each of `count` paths: `start`, then a number; returns when all were answered.
///
/// # Errors
/// As [`run`].
pub(crate) async fn each(connections: &[Rc<Connection>], start: &str, count: u64) -> Result<u64> {
    let (start, port, mut number) = (start.to_owned(), port_of(connections), 0);
    run(connections, move |_| {
        number += 1;
        (number <= count).then(|| request(port, &format!("{start}{number}")))
    })
    .await
}

/// Connects `count` times.
///
/// # Errors
/// A connection is refused.
pub(crate) async fn open(port: u16, count: usize) -> Result<Vec<Rc<Connection>>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(port).await?);
    }
    Ok(connections)
}

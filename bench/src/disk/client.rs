//! The client of the disk cases: asks for given paths over kept connections, checks what comes, and
//! keeps every latency.
//!
//! It runs on the runtime seam on one thread. An answer must be a 200 with the length that its path
//! says and begin with the bytes that the origin gives for that path; anything else is a fault. So a
//! server that mixes up its records is not measured as fast.

use super::source;
use crate::fault::{check, fault, Fault, Result};
use crate::http::{content_length, head_end};
use crate::report::Row;
use ringside_shards::rt::{self, Buffer, Stream};
use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

/// Large enough that reading is not what the client does most.
const BUFFER_BYTES: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server may answer nothing at all.
const LAST: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of a content that are compared.
const COMPARED: usize = 64;

/// What was answered.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers.
    pub(crate) answered: u64,
    /// Bytes of content.
    pub(crate) bytes: u64,
    /// How long it took, seconds.
    pub(crate) seconds: f64,
    /// Of each answer, microseconds, sorted.
    latencies: Vec<u32>,
}

impl Tally {
    /// This part of the answers (0 to 1) came within so many microseconds.
    pub(crate) fn within_us(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (part * last as f64).round() as usize;
        self.latencies.get(at).copied().map_or(0.0, f64::from)
    }

    /// Adds the rate and the latencies to a row.
    pub(crate) fn add_to(&self, row: &mut Row) {
        row.rate.push(self.answered as f64 / self.seconds);
        row.p50_us.push(self.within_us(0.5));
        row.p99_us.push(self.within_us(0.99));
        row.more("p99.9 us", self.within_us(0.999));
        row.more(
            "MiB/s",
            self.bytes as f64 / self.seconds / f64::from(1 << 20),
        );
    }
}

/// A kept connection.
pub(crate) struct Client {
    stream: Stream,
    buffer: RefCell<Option<Buffer>>,
}

/// Connects `count` times to `port` of loopback.
///
/// # Errors
/// Refused, or not in time.
pub(crate) async fn open(port: u16, count: usize) -> Result<Vec<Rc<Client>>> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let stream = Stream::connect(address, CONNECT, rt::now()).await?;
        let buffer = RefCell::new(Some(Buffer::with_capacity(BUFFER_BYTES)));
        clients.push(Rc::new(Client { stream, buffer }));
    }
    Ok(clients)
}

/// Writes a request for `path`. The host is the same for every port, so that a server that starts
/// again on another one has the same keys.
pub(crate) fn write_request(request: &mut Vec<u8>, path: &str) {
    request.clear();
    request.extend_from_slice(b"GET ");
    request.extend_from_slice(path.as_bytes());
    request.extend_from_slice(b" HTTP/1.1\r\nHost: bench\r\n\r\n");
}

impl Client {
    /// Sends one request and reads its answer; gives the length of the content.
    async fn ask(&self, request: Vec<u8>) -> Result<(usize, Vec<u8>)> {
        let Some(mut buffer) = self.buffer.take() else {
            return fault("a connection has one request at a time");
        };
        let wanted = source::place(source::target(&request));
        let wanted = wanted.and_then(|range| source::all_content().get(range));
        let (sent, request) = self.stream.write_all(request).await;
        sent?;
        let Some(wanted) = wanted else {
            return fault("a path that the origin has not");
        };
        let (mut in_head, mut left) = (true, 0);
        while in_head || left > 0 {
            let (result, back) = self.stream.read(buffer).await;
            buffer = back;
            if result? == 0 {
                return fault("the server ended the connection");
            }
            if in_head {
                let bytes = buffer.unread();
                let Some(end) = head_end(bytes) else { continue };
                // So that the start of the content is there to compare.
                let compared = wanted.len().min(COMPARED);
                if bytes.len() < end + compared {
                    continue;
                }
                let (head, start) = bytes.split_at(end);
                let right = head.get(9..12) == Some(b"200")
                    && content_length(head) == Some(wanted.len())
                    && start.get(..compared) == wanted.get(..compared);
                if !right {
                    let (path, head) = (source::target(&request), String::from_utf8_lossy(head));
                    let path = String::from_utf8_lossy(path).into_owned();
                    return fault(format!("{path} is answered wrongly: {head}"));
                }
                buffer.consume(end);
                (in_head, left) = (false, wanted.len());
            }
            let Some(still) = left.checked_sub(buffer.unread().len()) else {
                return fault("more content than was announced");
            };
            left = still;
            buffer.clear();
        }
        self.buffer.replace(Some(buffer));
        Ok((wanted.len(), request))
    }

    /// Ends what is under way.
    pub(crate) fn close(&self) {
        self.stream.close();
    }
}

#[derive(Default)]
struct Progress {
    tally: RefCell<Tally>,
    busy: Cell<usize>,
    fault: RefCell<Option<Fault>>,
}

/// Asks over all connections at once, each one request at a time, for what `next` writes, until it
/// says that there is no more.
///
/// # Errors
/// The first failed request, a signal, or a server that stopped answering.
pub(crate) async fn run(
    clients: &[Rc<Client>],
    next: impl FnMut(&mut Vec<u8>) -> bool + 'static,
) -> Result<Tally> {
    paced(clients, 0, next).await
}

/// The same, but every connection begins a request only every `pace_us`, each shifted against the
/// others; one that came late is begun at once.
///
/// # Errors
/// As [`run`].
pub(crate) async fn paced(
    clients: &[Rc<Client>],
    pace_us: u64,
    next: impl FnMut(&mut Vec<u8>) -> bool + 'static,
) -> Result<Tally> {
    let progress = Rc::new(Progress::default());
    let next = Rc::new(RefCell::new(next));
    let start = rt::now_us();
    for (number, client) in clients.iter().enumerate() {
        let shift_us = pace_us * number as u64 / clients.len().max(1) as u64;
        let mut due_us = start + shift_us;
        let (client, ours, next) = (client.clone(), progress.clone(), next.clone());
        progress.busy.set(progress.busy.get() + 1);
        let panicked = progress.clone();
        let task = async move {
            let mut request = Vec::new();
            loop {
                if pace_us > 0 {
                    let early_us = due_us.saturating_sub(rt::now_us());
                    rt::sleep(Duration::from_micros(early_us)).await;
                    due_us = due_us.max(rt::now_us().saturating_sub(pace_us)) + pace_us;
                }
                if !next.borrow_mut()(&mut request) {
                    break;
                }
                let asked = rt::now_us();
                match client.ask(request).await {
                    Ok((bytes, back)) => {
                        request = back;
                        let mut tally = ours.tally.borrow_mut();
                        tally.answered += 1;
                        tally.bytes += bytes as u64;
                        let us = rt::now_us() - asked;
                        tally.latencies.push(u32::try_from(us).unwrap_or(u32::MAX));
                    }
                    Err(fault) => {
                        ours.fault.borrow_mut().get_or_insert(fault);
                        break;
                    }
                }
            }
            ours.busy.set(ours.busy.get() - 1);
        };
        rt::spawn(task, move || {
            let text = "the client panicked".to_owned();
            panicked.fault.borrow_mut().get_or_insert(Fault(text));
        });
    }
    wait(clients, &progress).await?;
    let mut tally = progress.tally.take();
    tally.seconds = (rt::now_us() - start) as f64 / 1e6;
    tally.latencies.sort_unstable();
    Ok(tally)
}

async fn wait(clients: &[Rc<Client>], progress: &Progress) -> Result<()> {
    let mut last = (rt::now(), 0);
    while progress.busy.get() > 0 {
        rt::sleep(LOOK).await;
        let answered = progress.tally.borrow().answered;
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
            clients.iter().for_each(|client| client.close());
            rt::sleep(LOOK * 4).await;
            stop?;
            break;
        }
    }
    match progress.fault.take() {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

/// Microseconds on the clock of [`rt::now_us`] when `time` from now is over.
pub(crate) fn end_us(time: Duration) -> u64 {
    rt::now_us() + u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_latencies() {
        let tally = Tally {
            latencies: (0..=1000).collect(),
            ..Tally::default()
        };
        assert_eq!(tally.within_us(0.5), 500.0);
        assert_eq!(tally.within_us(0.999), 999.0);
        assert_eq!(tally.within_us(1.0), 1000.0);
        assert_eq!(Tally::default().within_us(0.5), 0.0);
    }
}

//! HTTP/1.x with one client: requests in, answers out, in order.
//!
//! | phase | holds | deadline |
//! |---|---|---|
//! | idle | no buffer, no head | `limits.idle`; closed at once when the shard stops |
//! | head | a read buffer, a parsed head | `limits.head_timeout` from the first byte |
//! | exchange | the same; more on the long way, in a box of its own | the exchange's |
//! | closing | the last answer is sent; what still arrives is dropped | a moment |
//!
//! The future of an idle connection stays small: everything but the hit path lives in a box that
//! exists only while it runs. A hit allocates nothing.

use crate::exchange::intent::{intent, Refusal};
use crate::exchange::look::{quick, Quick};
use crate::exchange::{self, deliver, record, After, Visit};
use crate::rt::{self, Buffer, Gather, Stream, When};
use crate::shard::{Keep, OpenConnection, Shard};
use crate::store::object::BodyFile;
use ringside_engine::http::{Method, Parse, Request, RequestHead};
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::time::Mono;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// After an error, how long and how much of what still arrives is dropped before the close, so
/// that the answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// A part of a conversation off the hit path.
type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// Serves one connection to its end.
///
/// An async block, not an async fn: that would hold its arguments twice, in every idle connection.
#[allow(clippy::manual_async_fn)]
pub fn converse(
    shard: Rc<Shard>,
    stream: Rc<Stream>,
    client: SocketAddr,
    open: OpenConnection,
) -> impl Future<Output = ()> {
    async move {
        let _open = &open;
        let mut buffer = Buffer::default();
        loop {
            if buffer.is_empty() {
                // An idle connection parks no buffer.
                stream.deadline(When::Idle, shard.setting.limits().idle, rt::now());
                if stream.readable().await.is_err() || stream.expired() {
                    return;
                }
                match shard.take_buffer() {
                    Some(taken) => buffer = taken,
                    None => return,
                }
                match stream.read_arrived(&mut buffer) {
                    Ok(n) if n > 0 => {}
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        shard.give_buffer(std::mem::take(&mut buffer));
                        continue;
                    }
                    _ => {
                        shard.give_buffer(buffer);
                        return;
                    }
                }
            }
            let turn = match begin(&shard, &stream, client, buffer) {
                Begun::Hit(hit) => {
                    let (result, gather) = hit
                        .gather
                        .write_to(&stream, shard.setting.limits().send)
                        .await;
                    finish_hit(&shard, client, hit.rest, result.is_ok(), gather)
                }
                Begun::Slow(turn) => turn.await,
            };
            match turn {
                Turn::Next(left) => buffer = left,
                Turn::Close(left) => {
                    shard.give_buffer(left);
                    return;
                }
                Turn::Linger(left) => {
                    linger(stream.clone(), left, shard.clone()).await;
                    return;
                }
            }
            if buffer.is_empty() {
                shard.give_buffer(std::mem::take(&mut buffer));
            }
        }
    }
}

/// What becomes of a connection after a request, with the bytes that follow it.
enum Turn {
    Next(Buffer),
    Close(Buffer),
    Linger(Buffer),
}

/// How the answer to what has arrived begins.
enum Begun {
    Hit(Hit),
    Slow(Boxed<Turn>),
}

/// A hit on its way out: what is written, and what is needed when it is.
struct Hit {
    gather: Box<Gather<Keep>>,
    rest: HitRest,
}

struct HitRest {
    buffer: Buffer,
    head: Box<RequestHead>,
    sending: u64,
    bytes: u64,
    began_us: u64,
    status: u16,
    outcome: Outcome,
    keep: bool,
}

/// Reads the head that has arrived and finds its answer, or the long way to it. Plain code: what
/// it needs on the way is not kept by an idle connection.
fn begin(shard: &Rc<Shard>, stream: &Rc<Stream>, client: SocketAddr, buffer: Buffer) -> Begun {
    let mut head = shard.take_head();
    match head.parse(buffer.unread(), &shard.setting.head_limits) {
        Ok(Parse::Complete) => answer(shard, stream, client, buffer, head),
        Ok(Parse::Partial) => {
            let (shard, stream) = (shard.clone(), stream.clone());
            Begun::Slow(Box::pin(slowly(shard, stream, client, buffer, head)))
        }
        Err(fault) => {
            shard.give_head(head);
            let refusal = Refusal::malformed(fault.status(), fault.what());
            let (shard, stream) = (shard.clone(), stream.clone());
            Begun::Slow(Box::pin(refuse_unread(
                shard, stream, client, buffer, refusal,
            )))
        }
    }
}

/// Answers a complete head.
fn answer(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    buffer: Buffer,
    head: Box<RequestHead>,
) -> Begun {
    let began_us = rt::now_us();
    let now = Mono(began_us / 1000);
    let request = head.view(buffer.unread());
    let intent = match intent(shard, &request, buffer.unread()) {
        Ok(intent) => intent,
        Err(refusal) => {
            let (shard, stream) = (shard.clone(), stream.clone());
            return Begun::Slow(Box::pin(refuse(
                shard, stream, client, buffer, head, refusal,
            )));
        }
    };
    if let Some(Quick {
        gather,
        file,
        bytes,
        status,
        outcome,
    }) = quick(shard, &request, buffer.unread(), &intent, client.ip(), now)
    {
        let in_file = if file.is_some() { bytes } else { 0 };
        let sending = gather.bytes() as u64 + in_file;
        let keep = intent.keep;
        let rest = HitRest {
            buffer,
            head,
            sending,
            bytes,
            began_us,
            status,
            outcome,
            keep,
        };
        let hit = Hit { gather, rest };
        return match file {
            None => Begun::Hit(hit),
            Some(file) => {
                let (shard, stream) = (shard.clone(), stream.clone());
                Begun::Slow(Box::pin(send_file(shard, stream, client, hit, file)))
            }
        };
    }
    stream.no_deadline(When::Read);
    let (shard, stream) = (shard.clone(), stream.clone());
    let visit = Visit {
        shard,
        stream,
        client,
        buffer,
        head,
        intent,
        content: None,
        taken: 0,
        began_us,
    };
    Begun::Slow(Box::pin(exchange(visit)))
}

/// A hit whose content is in a file. Boxed, since every idle connection would hold the room.
async fn send_file(
    shard: Rc<Shard>,
    stream: Rc<Stream>,
    client: SocketAddr,
    hit: Hit,
    file: Arc<BodyFile>,
) -> Turn {
    let (result, gather) = stream
        .send_file(
            hit.gather,
            file.file(),
            0..hit.rest.bytes,
            shard.setting.limits().send,
        )
        .await;
    finish_hit(&shard, client, hit.rest, result.is_ok(), gather)
}

async fn exchange(visit: Visit) -> Turn {
    let shard = visit.shard.clone();
    let left = exchange::run(visit).await;
    shard.give_head(left.head);
    match left.after {
        After::Next => Turn::Next(left.buffer),
        After::Linger => Turn::Linger(left.buffer),
        After::Close => Turn::Close(left.buffer),
    }
}

/// Counts and logs a hit that was written.
fn finish_hit(
    shard: &Rc<Shard>,
    client: SocketAddr,
    hit: HitRest,
    whole: bool,
    gather: Box<Gather<Keep>>,
) -> Turn {
    let HitRest {
        mut buffer,
        head,
        sending,
        bytes,
        began_us,
        status,
        outcome,
        keep,
    } = hit;
    let sent = sending - gather.bytes() as u64;
    shard.give_gather(gather);
    let total_us = rt::now_us().saturating_sub(began_us);
    let counters = &shard.counters;
    counters.request(outcome, total_us);
    counters.sent_bytes.add(sent);
    counters.hit_bytes.add(bytes.min(sent));
    if shard.lines.borrow().is_on() {
        let request = head.view(buffer.unread());
        record::line(
            shard,
            client,
            Some(&request),
            status,
            bytes,
            outcome,
            total_us,
            None,
        );
    }
    buffer.consume(head.len());
    shard.give_head(head);
    match (whole, keep) {
        (true, true) => Turn::Next(buffer),
        (true, false) => Turn::Linger(buffer),
        (false, _) => Turn::Close(buffer),
    }
}

/// A head that did not come in one piece: reads on, within its time and its bounds.
async fn slowly(
    shard: Rc<Shard>,
    stream: Rc<Stream>,
    client: SocketAddr,
    mut buffer: Buffer,
    mut head: Box<RequestHead>,
) -> Turn {
    stream.deadline(When::Read, shard.setting.limits().head, rt::now());
    loop {
        if buffer.room() == 0 {
            // The parser refuses what is above the limit before the buffer can be full of it.
            let most = shard.setting.head_limits.head_bytes + 1024;
            if !shard.grow_buffer(&mut buffer, most) || buffer.room() == 0 {
                shard.give_head(head);
                return Turn::Close(buffer);
            }
        }
        let (result, back) = stream.read(buffer).await;
        buffer = back;
        match result {
            Ok(n) if n > 0 => {}
            _ if stream.expired() => {
                let refusal = Refusal {
                    status: 408,
                    what: "the request did not arrive in time",
                    reason: Reason::Timeout,
                    close: true,
                };
                shard.give_head(head);
                return refuse_unread(shard, stream, client, buffer, refusal).await;
            }
            _ => {
                shard.give_head(head);
                return Turn::Close(buffer);
            }
        }
        match head.parse(buffer.unread(), &shard.setting.head_limits) {
            Ok(Parse::Complete) => {
                // Whole now: it is answered as if it had come so.
                stream.no_deadline(When::Read);
                shard.give_head(head);
                return Turn::Next(buffer);
            }
            Ok(Parse::Partial) => {}
            Err(fault) => {
                shard.give_head(head);
                let refusal = Refusal::malformed(fault.status(), fault.what());
                return refuse_unread(shard, stream, client, buffer, refusal).await;
            }
        }
    }
}

/// Answers a request whose head could not be understood, and closes.
async fn refuse_unread(
    shard: Rc<Shard>,
    stream: Rc<Stream>,
    client: SocketAddr,
    buffer: Buffer,
    refusal: Refusal,
) -> Turn {
    let began_us = rt::now_us();
    let last = b"Connection: close\r\n";
    send_refusal(&shard, &stream, client, &refusal, false, last).await;
    note_refusal(&shard, client, None, &refusal, began_us);
    Turn::Linger(buffer)
}

/// Counts and logs a refusal.
fn note_refusal(
    shard: &Shard,
    client: SocketAddr,
    request: Option<&Request<'_>>,
    refusal: &Refusal,
    began_us: u64,
) {
    let outcome = Outcome::Refused(refusal.reason);
    let total_us = rt::now_us().saturating_sub(began_us);
    shard.counters.request(outcome, total_us);
    if shard.lines.borrow().is_on() {
        let status = refusal.status;
        record::line(shard, client, request, status, 0, outcome, total_us, None);
    }
}

/// Answers a request that was understood but is refused.
async fn refuse(
    shard: Rc<Shard>,
    stream: Rc<Stream>,
    client: SocketAddr,
    mut buffer: Buffer,
    head: Box<RequestHead>,
    refusal: Refusal,
) -> Turn {
    let began_us = rt::now_us();
    let close = refusal.close || shard.stopping.get();
    let request = head.view(buffer.unread());
    let head_only = request.method == Method::Head;
    let last = deliver::connection(request.version, !close);
    let sent = send_refusal(&shard, &stream, client, &refusal, head_only, last).await;
    let request = head.view(buffer.unread());
    note_refusal(&shard, client, Some(&request), &refusal, began_us);
    buffer.consume(head.len());
    shard.give_head(head);
    match (sent, close) {
        (true, false) => Turn::Next(buffer),
        _ => Turn::Linger(buffer),
    }
}

async fn send_refusal(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    refusal: &Refusal,
    head_only: bool,
    connection: &[u8],
) -> bool {
    let mut gather = shard.take_gather();
    deliver::push_error(
        gather.scratch(),
        (&shard.setting, shard.wall()),
        refusal.status,
        refusal.what,
        (Outcome::Refused(refusal.reason), client.ip()),
        connection,
        head_only,
    );
    gather.push_scratch();
    let bytes = gather.bytes() as u64;
    let patience = shard.setting.limits().send;
    let (result, gather) = gather.write_to(stream, patience).await;
    shard.counters.sent_bytes.add(bytes - gather.bytes() as u64);
    shard.give_gather(gather);
    result.is_ok()
}

/// Lets the last answer arrive: says that we are done, and drops what the client still sends.
fn linger(stream: Rc<Stream>, mut buffer: Buffer, shard: Rc<Shard>) -> Boxed<()> {
    Box::pin(async move {
        stream.close_write();
        stream.deadline(When::Write, LINGER, rt::now());
        let mut dropped = 0;
        while dropped < LINGER_BYTES && buffer.capacity() > 0 {
            buffer.clear();
            let (result, back) = stream.read(buffer).await;
            buffer = back;
            match result {
                Ok(n) if n > 0 => dropped += n,
                _ => break,
            }
        }
        shard.give_buffer(buffer);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future, A, B, C, D>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        // Grows silently with every variable that lives across a wait; see the module text.
        assert!(size(converse) <= 448, "{} bytes", size(converse));
    }
}

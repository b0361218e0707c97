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
use crate::rt::{self, Buffer, Stream, When};
use crate::shard::Shard;
use ringside_engine::http::{HeadFault, Method, Parse, RequestHead};
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::time::Mono;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// After an error, how long and how much of what still arrives is dropped before the close, so
/// that the answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// Serves one connection to its end.
pub async fn converse(shard: Rc<Shard>, stream: Rc<Stream>, client: SocketAddr) {
    let mut carried: Option<Buffer> = None;
    loop {
        let buffer = match carried.take() {
            Some(buffer) => buffer,
            None => {
                let idle = shard.setting.limits().idle;
                stream.deadline(When::Idle, idle, rt::now());
                if stream.readable().await.is_err() || stream.expired() {
                    return;
                }
                let Some(buffer) = shard.take_buffer() else { return };
                buffer
            }
        };
        match turn(&shard, &stream, client, buffer).await {
            Turn::Next(buffer) if buffer.is_empty() => shard.give_buffer(buffer),
            Turn::Next(buffer) => carried = Some(buffer),
            Turn::Close(buffer) => {
                shard.give_buffer(buffer);
                return;
            }
            Turn::Linger(buffer) => {
                Box::pin(linger(&stream, buffer, &shard)).await;
                return;
            }
        }
    }
}

enum Turn {
    Next(Buffer),
    Close(Buffer),
    Linger(Buffer),
}

/// One request and its answer.
async fn turn(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    mut buffer: Buffer,
) -> Turn {
    let mut head = shard.take_head();
    loop {
        if !buffer.is_empty() {
            match head.parse(buffer.unread(), &shard.setting.head_limits) {
                Ok(Parse::Complete) => break,
                Ok(Parse::Partial) => {
                    return Box::pin(slowly(shard, stream, client, buffer, head)).await;
                }
                Err(fault) => {
                    return Box::pin(refuse_head(shard, stream, client, buffer, head, fault)).await;
                }
            }
        }
        let (result, back) = stream.read(buffer).await;
        buffer = back;
        if !matches!(result, Ok(n) if n > 0) {
            shard.give_head(head);
            return Turn::Close(buffer);
        }
    }
    answer(shard, stream, client, buffer, head).await
}

/// Answers a complete head.
async fn answer(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    mut buffer: Buffer,
    head: RequestHead,
) -> Turn {
    let began_us = rt::now_us();
    let now = Mono(began_us / 1000);
    let request = head.view(buffer.unread());
    let meant = match intent(&shard.setting, &request, buffer.unread()) {
        Ok(meant) => meant,
        Err(refusal) => {
            return Box::pin(refuse(shard, stream, client, buffer, head, refusal)).await;
        }
    };
    let Some(Quick { gather, bytes, status }) = quick(shard, &request, &meant, now) else {
        let visit = Visit {
            shard: shard.clone(),
            stream: stream.clone(),
            client,
            buffer,
            head,
            intent: meant,
            began_us,
        };
        stream.no_deadline();
        let left = Box::pin(exchange::run(visit)).await;
        shard.give_head(left.head);
        return match left.after {
            After::Next => Turn::Next(left.buffer),
            After::Linger => Turn::Linger(left.buffer),
            After::Close => Turn::Close(left.buffer),
        };
    };
    let sending = gather.bytes() as u64;
    stream.deadline(When::Write, shard.setting.limits().send, now);
    let (result, gather) = gather.write_to(stream).await;
    let sent = sending - gather.bytes() as u64;
    shard.give_gather(gather);
    let total_us = rt::now_us().saturating_sub(began_us);
    let counters = &shard.counters;
    counters.request(Outcome::Hit, total_us);
    counters.sent_bytes.add(sent);
    counters.hit_bytes.add(bytes);
    if shard.lines.borrow().is_on() {
        let request = head.view(buffer.unread());
        record::line(shard, client, Some(&request), status, bytes, Outcome::Hit, total_us, None);
    }
    buffer.consume(head.len());
    shard.give_head(head);
    match (result.is_ok(), meant.keep) {
        (true, true) => Turn::Next(buffer),
        (true, false) => Turn::Linger(buffer),
        (false, _) => Turn::Close(buffer),
    }
}

/// A head that did not come in one piece: reads on, within its time and its bounds.
async fn slowly(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    mut buffer: Buffer,
    mut head: RequestHead,
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
            Ok(Parse::Complete) => return answer(shard, stream, client, buffer, head).await,
            Ok(Parse::Partial) => {}
            Err(fault) => return refuse_head(shard, stream, client, buffer, head, fault).await,
        }
    }
}

async fn refuse_head(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    buffer: Buffer,
    head: RequestHead,
    fault: HeadFault,
) -> Turn {
    shard.give_head(head);
    let refusal = Refusal::malformed(fault.status(), fault.what());
    refuse_unread(shard, stream, client, buffer, refusal).await
}

/// Answers a request whose head could not be understood, and closes.
async fn refuse_unread(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    buffer: Buffer,
    refusal: Refusal,
) -> Turn {
    let began_us = rt::now_us();
    send_refusal(shard, stream, &refusal, false, b"Connection: close\r\n").await;
    let outcome = Outcome::Refused(refusal.reason);
    let total_us = rt::now_us().saturating_sub(began_us);
    shard.counters.request(outcome, total_us);
    if shard.lines.borrow().is_on() {
        record::line(shard, client, None, refusal.status, 0, outcome, total_us, None);
    }
    Turn::Linger(buffer)
}

/// Answers a request that was understood but is refused.
async fn refuse(
    shard: &Rc<Shard>,
    stream: &Rc<Stream>,
    client: SocketAddr,
    mut buffer: Buffer,
    head: RequestHead,
    refusal: Refusal,
) -> Turn {
    let began_us = rt::now_us();
    let close = refusal.close || shard.stopping.get();
    let request = head.view(buffer.unread());
    let head_only = request.method == Method::Head;
    let last = deliver::connection(request.version, !close);
    let sent = send_refusal(shard, stream, &refusal, head_only, last).await;
    let outcome = Outcome::Refused(refusal.reason);
    let total_us = rt::now_us().saturating_sub(began_us);
    shard.counters.request(outcome, total_us);
    if shard.lines.borrow().is_on() {
        let request = head.view(buffer.unread());
        record::line(shard, client, Some(&request), refusal.status, 0, outcome, total_us, None);
    }
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
    refusal: &Refusal,
    head_only: bool,
    connection: &[u8],
) -> bool {
    let mut gather = shard.take_gather();
    deliver::push_error(
        gather.scratch(),
        &shard.setting,
        shard.wall(),
        refusal.status,
        refusal.what,
        connection,
        head_only,
    );
    gather.push_scratch();
    let bytes = gather.bytes() as u64;
    stream.deadline(When::Write, shard.setting.limits().send, rt::now());
    let (result, gather) = gather.write_to(stream).await;
    shard.counters.sent_bytes.add(bytes - gather.bytes() as u64);
    shard.give_gather(gather);
    result.is_ok()
}

/// Lets the last answer arrive: says that we are done, and drops what the client still sends.
async fn linger(stream: &Stream, mut buffer: Buffer, shard: &Rc<Shard>) {
    stream.close_write();
    stream.deadline(When::Write, LINGER, rt::now());
    let mut dropped = 0;
    while dropped < LINGER_BYTES {
        buffer.clear();
        let (result, back) = stream.read(buffer).await;
        buffer = back;
        match result {
            Ok(n) if n > 0 => dropped += n,
            _ => break,
        }
    }
    shard.give_buffer(buffer);
}

//! The fourth step: head and content to the client.
//!
//! A head that we composed when the response arrived gets its last fields here: Age, framing,
//! Connection and Cache-Status. A content that breaks off never looks complete: the connection is
//! closed before the stated length, without the last chunk, or by a reset.

use super::look::handle;
use super::source::Source;
use super::Visit;
use crate::rt;
use crate::shard::{Keep, Setting};
use crate::store::flight::News;
use crate::store::object::BodyFile;
use crate::store::{End, FlightHead, Piece};
use ringside_engine::cache::part::{partial_head, unsatisfiable_head};
use ringside_engine::cache::{self, Part, Verdict};
use ringside_engine::fault::Fault;
use ringside_engine::http::{chunk_line, encode, Method, ResponseHead, Version};
use ringside_engine::outcome::{Outcome, Reason};
use std::sync::Arc;

/// What was sent, for the record and for what becomes of the connection.
pub struct Delivered {
    /// How the request was answered.
    pub outcome: Outcome,
    /// Status code sent.
    pub status: u16,
    /// Bytes of content sent.
    pub bytes: u64,
    /// When the origin's head arrived, if one did for this request.
    pub first_byte_us: Option<u64>,
    /// The connection may be used again.
    pub keep: bool,
    /// The client is gone: nothing more can be sent.
    pub gone: bool,
}

impl Delivered {
    /// The client left before anything was sent.
    pub fn gone() -> Delivered {
        Delivered {
            outcome: Outcome::Refused(Reason::ClientGone),
            status: 499,
            bytes: 0,
            first_byte_us: None,
            keep: false,
            gone: true,
        }
    }
}

/// The Connection field, if one is needed.
pub fn connection(version: Version, keep: bool) -> &'static [u8] {
    match (version, keep) {
        (_, false) => b"Connection: close\r\n",
        (Version::Http10, true) => b"Connection: keep-alive\r\n",
        (Version::Http11, true) => b"",
    }
}

/// The last fields of an answer from memory, and the empty line.
pub fn push_hit_fields(
    out: &mut Vec<u8>,
    setting: &Setting,
    age: u32,
    outcome: Outcome,
    connection: &[u8],
) {
    push_age(out, age);
    push_cache_status(out, setting, outcome);
    out.extend_from_slice(connection);
    out.extend_from_slice(b"\r\n");
}

fn push_age(out: &mut Vec<u8>, age: u32) {
    out.extend_from_slice(b"Age: ");
    encode::push_decimal(out, u64::from(age));
    out.extend_from_slice(b"\r\n");
}

fn push_cache_status(out: &mut Vec<u8>, setting: &Setting, outcome: Outcome) {
    out.extend_from_slice(b"Cache-Status: ");
    out.extend_from_slice(setting.plan.proxy.name.as_bytes());
    out.extend_from_slice(b"; ");
    out.extend_from_slice(outcome.cache_status().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Keeps the connection after this answer?
fn keeps(visit: &Visit) -> bool {
    visit.intent.keep && !visit.shard.stopping.get()
}

/// Sends an object: the whole, a part, or the news that the client has it already.
pub async fn object(visit: &Visit, keep: Keep, outcome: Outcome) -> Delivered {
    let Some(object) = handle(&keep) else {
        return Delivered::gone();
    };
    let request = visit.request();
    let now = rt::now();
    let connection = connection(request.version, keeps(visit));
    let mut head = ResponseHead::default();
    let response = object.response(&mut head);
    let verdict = response.as_ref().map_or(Verdict::Proceed, |response| {
        cache::preconditions(&request, response)
    });
    let mut gather = visit.shard.take_gather();
    let out = gather.scratch();
    let mut delivered = Delivered {
        outcome,
        status: object.facts.status,
        bytes: 0,
        first_byte_us: None,
        keep: keeps(visit),
        gone: false,
    };
    let setting = &visit.shard.setting;
    let mut span = 0..object.body_bytes();
    match (verdict, &response) {
        (Verdict::NotModified, Some(response)) => {
            delivered.status = 304;
            cache::not_modified_head(response, out);
            span = 0..0;
        }
        (Verdict::Failed, _) => {
            visit.shard.give_gather(gather);
            let fault = Fault::client(412, "the precondition does not hold");
            return self::fault(visit, &fault, Reason::BadRequest).await;
        }
        (_, Some(response)) => match cache::part(&request, response, object.body_bytes()) {
            Part::Whole => out.extend_from_slice(object.head()),
            Part::Span(wanted) => {
                delivered.status = 206;
                partial_head(response, &wanted, object.body_bytes(), out);
                span = wanted;
            }
            Part::Unsatisfiable => {
                delivered.status = 416;
                unsatisfiable_head(object.body_bytes(), visit.shard.wall(), out);
                span = 0..0;
            }
        },
        (_, None) => out.extend_from_slice(object.head()),
    }
    push_hit_fields(out, setting, object.facts.age(now), outcome, connection);
    gather.push_scratch();
    if request.method == Method::Head {
        span = 0..0;
    }
    delivered.bytes = span.end - span.start;
    let sent = send_span(visit, gather, keep, span).await;
    if let Err(unsent) = sent {
        delivered.gone = true;
        delivered.bytes -= unsent.min(delivered.bytes);
    }
    visit.shard.counters.hit_bytes.add(delivered.bytes);
    delivered
}

/// Sends a hit that is composed already.
pub async fn quick(visit: &Visit, quick: super::look::Quick) -> Delivered {
    let sending = quick.gather.bytes() as u64 + quick.bytes;
    let gone = match quick.file {
        Some(file) => write_file(visit, quick.gather, &file, 0..quick.bytes)
            .await
            .is_err(),
        None => write(visit, quick.gather).await.is_err(),
    };
    let bytes = if gone { 0 } else { quick.bytes.min(sending) };
    visit.shard.counters.hit_bytes.add(bytes);
    Delivered {
        outcome: quick.outcome,
        status: quick.status,
        bytes,
        first_byte_us: None,
        keep: keeps(visit),
        gone,
    }
}

/// Sends what the gather holds and then `span` of the object. The error is what was not sent.
async fn send_span(
    visit: &Visit,
    mut gather: Box<rt::Gather<Keep>>,
    keep: Keep,
    span: std::ops::Range<u64>,
) -> Result<(), u64> {
    let mut left = span.end - span.start;
    let Some(object) = handle(&keep) else {
        return Err(left);
    };
    if left == 0 {
        return write(visit, gather).await.map_err(|_| 0);
    }
    if let Some(file) = object.file() {
        return write_file(visit, gather, file, span)
            .await
            .map_err(|_| left);
    }
    if object.pieces().is_empty() {
        let small = object.small_body_range();
        let (from, to) = (
            small.start + span.start as usize,
            small.start + span.end as usize,
        );
        gather.push(keep, from..to);
        return write(visit, gather).await.map_err(|_| left);
    }
    let mut at = 0;
    for piece in object.pieces() {
        let (from, to) = (at, at + piece.len() as u64);
        at = to;
        let (first, last) = (span.start.max(from), span.end.min(to));
        if first >= last {
            continue;
        }
        if !gather.has_room() {
            let full = std::mem::replace(&mut gather, visit.shard.take_gather());
            let bytes = full.bytes() as u64;
            write(visit, full).await.map_err(|_| left)?;
            left -= bytes.min(left);
        }
        gather.push(
            Keep::Piece(piece.clone()),
            (first - from) as usize..(last - from) as usize,
        );
    }
    write(visit, gather).await.map_err(|_| left)
}

/// Writes a gather within the time a client may take, and gives it back.
async fn write(visit: &Visit, gather: Box<rt::Gather<Keep>>) -> std::io::Result<()> {
    let bytes = gather.bytes() as u64;
    let patience = visit.shard.setting.limits().send;
    let (result, gather) = gather.write_to(&visit.stream, patience).await;
    visit
        .shard
        .counters
        .sent_bytes
        .add(bytes - gather.bytes() as u64);
    visit.shard.give_gather(gather);
    result
}

/// Writes a gather and then a part of a file, likewise.
async fn write_file(
    visit: &Visit,
    gather: Box<rt::Gather<Keep>>,
    file: &BodyFile,
    span: std::ops::Range<u64>,
) -> std::io::Result<()> {
    let bytes = gather.bytes() as u64 + (span.end - span.start);
    let patience = visit.shard.setting.limits().send;
    let (result, gather) = visit
        .stream
        .send_file(gather, file.file(), span, patience)
        .await;
    if result.is_ok() {
        visit.shard.counters.sent_bytes.add(bytes);
    }
    visit.shard.give_gather(gather);
    result
}

async fn write_text(visit: &Visit, compose: impl FnOnce(&mut Vec<u8>)) -> bool {
    let mut gather = visit.shard.take_gather();
    compose(gather.scratch());
    gather.push_scratch();
    write(visit, gather).await.is_ok()
}

/// Passes an interim response on. `false`: the client is gone.
pub async fn interim(visit: &Visit, head: &Arc<[u8]>) -> bool {
    write_text(visit, |out| out.extend_from_slice(head)).await
}

/// Sends the head of a protocol switch.
pub async fn switching(visit: &Visit, head: &FlightHead) -> Delivered {
    let sent = write_text(visit, |out| {
        out.extend_from_slice(&head.head);
        out.extend_from_slice(b"\r\n");
    })
    .await;
    Delivered {
        outcome: Outcome::Tunnel,
        status: 101,
        bytes: 0,
        first_byte_us: Some(head.at_us),
        keep: false,
        gone: !sent,
    }
}

/// Answers OPTIONS that may go no further (RFC 9110, 7.6.2).
pub async fn options(visit: &Visit) -> Delivered {
    let keep = keeps(visit);
    let version = visit.request().version;
    let sent = write_text(visit, |out| {
        encode::push_status_line(out, 200, b"");
        encode::push_length(out, 0);
        encode::push_date(out, visit.shard.wall());
        out.extend_from_slice(connection(version, keep));
        out.extend_from_slice(b"\r\n");
    })
    .await;
    Delivered {
        outcome: Outcome::Refused(Reason::Method),
        status: 200,
        bytes: 0,
        first_byte_us: None,
        keep,
        gone: !sent,
    }
}

/// Sends an error page of our own.
pub async fn fault(visit: &Visit, fault: &Fault, reason: Reason) -> Delivered {
    let framed = matches!(visit.intent.length, ringside_engine::http::Length::None);
    let keep = keeps(visit) && framed && fault.status != 408;
    let request = visit.request();
    let head_only = request.method == Method::Head;
    let last = connection(request.version, keep);
    let mut bytes = 0;
    let sent = write_text(visit, |out| {
        bytes = push_error(
            out,
            &visit.shard.setting,
            visit.shard.wall(),
            fault.status,
            fault.what,
            last,
            head_only,
        );
    })
    .await;
    Delivered {
        outcome: Outcome::Refused(reason),
        status: fault.status,
        bytes: bytes as u64,
        first_byte_us: None,
        keep,
        gone: !sent,
    }
}

/// Composes an error page; returns the bytes of its content.
pub fn push_error(
    out: &mut Vec<u8>,
    setting: &Setting,
    wall: ringside_engine::time::Wall,
    status: u16,
    what: &str,
    connection: &[u8],
    head_only: bool,
) -> usize {
    let mut page = Vec::new();
    encode::error_page(status, what, &setting.plan.proxy.name, out, &mut page);
    encode::push_date(out, wall);
    out.extend_from_slice(connection);
    out.extend_from_slice(b"\r\n");
    if head_only {
        return 0;
    }
    out.extend_from_slice(&page);
    page.len()
}

/// How content is delimited towards this client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Nothing,
    Length(u64),
    Chunks,
    UntilClose,
}

/// Sends a response while it arrives.
pub async fn flight(
    visit: &Visit,
    mut source: Source,
    head: Arc<FlightHead>,
    outcome: Outcome,
) -> Delivered {
    let request = visit.request();
    let mut delivered = Delivered {
        outcome,
        status: head.status,
        bytes: 0,
        first_byte_us: Some(head.at_us),
        keep: keeps(visit),
        gone: false,
    };
    let mut parsed = ResponseHead::default();
    let response = crate::store::object::parse_stored(&head.head, &mut parsed);
    // A shared fetch went out without this client's conditions: they are answered here. A fetch
    // for this client alone carried them to the origin.
    let shared = !matches!(outcome, Outcome::Pass(_));
    let verdict = match (&response, shared && head.status == 200) {
        (Some(response), true) => cache::preconditions(&request, response),
        _ => Verdict::Proceed,
    };
    if verdict == Verdict::Failed {
        drop(source);
        let fault = Fault::client(412, "the precondition does not hold");
        return self::fault(visit, &fault, Reason::BadRequest).await;
    }
    let not_modified = verdict == Verdict::NotModified;
    let framing = match (
        not_modified || !head.has_content || request.method == Method::Head,
        head.length,
    ) {
        (true, _) => Framing::Nothing,
        (false, Some(bytes)) => Framing::Length(bytes),
        (false, None) if request.version == Version::Http11 => Framing::Chunks,
        (false, None) => Framing::UntilClose,
    };
    delivered.keep &= framing != Framing::UntilClose;
    let mut gather = visit.shard.take_gather();
    let out = gather.scratch();
    match (&response, not_modified) {
        (Some(response), true) => {
            delivered.status = 304;
            cache::not_modified_head(response, out);
        }
        _ => out.extend_from_slice(&head.head),
    }
    push_arriving_fields(
        out,
        visit,
        &head,
        framing,
        not_modified,
        outcome,
        delivered.keep,
    );
    if framing == Framing::Nothing {
        gather.push_scratch();
        delivered.gone = write(visit, gather).await.is_err();
        return delivered;
    }
    let ended = stream_content(visit, &mut source, gather, framing, &mut delivered.bytes).await;
    match ended {
        Streamed::Whole => {}
        Streamed::Broken => {
            // Nothing that was sent may look like a whole message.
            delivered.keep = false;
            delivered.gone = true;
            if framing == Framing::UntilClose {
                visit.stream.reset_on_close();
            }
        }
        Streamed::Gone => {
            delivered.keep = false;
            delivered.gone = true;
        }
    }
    delivered
}

fn push_arriving_fields(
    out: &mut Vec<u8>,
    visit: &Visit,
    head: &FlightHead,
    framing: Framing,
    not_modified: bool,
    outcome: Outcome,
    keep: bool,
) {
    let request = visit.request();
    let age = head.facts.age(rt::now());
    // A response made for this request has no Age (RFC 9111, 5.1), unless some cache had it.
    if head.aged || (age > 0 && matches!(outcome, Outcome::Collapsed(_))) {
        push_age(out, age);
    }
    let bodiless = not_modified || matches!(head.status, 204) || head.status < 200;
    match (framing, head.length) {
        (Framing::Chunks, _) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        (Framing::Length(bytes), _) | (Framing::Nothing, Some(bytes)) if !bodiless => {
            encode::push_length(out, bytes);
        }
        _ => {}
    }
    push_cache_status(out, &visit.shard.setting, outcome);
    out.extend_from_slice(connection(request.version, keep));
    out.extend_from_slice(b"\r\n");
}

enum Streamed {
    Whole,
    Broken,
    Gone,
}

/// Moves content from a source to the client. `gather` holds the head in its scratch, not pushed
/// yet: what is there already goes out with it.
async fn stream_content(
    visit: &Visit,
    source: &mut Source,
    mut gather: Box<rt::Gather<Keep>>,
    framing: Framing,
    bytes: &mut u64,
) -> Streamed {
    let mut first = source.look();
    if first.is_none() {
        gather.push_scratch();
        if write(visit, gather).await.is_err() {
            return Streamed::Gone;
        }
        gather = visit.shard.take_gather();
    }
    loop {
        let news = match first.take() {
            Some(news) => news,
            None => source.news().await,
        };
        match news {
            News::Pieces(pieces) => {
                // The end, when it is known already, goes out with the last piece.
                let next = source.look();
                *bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
                let last = matches!(&next, Some(News::End(End::Complete(more))) if more.is_empty());
                push_pieces(&mut gather, pieces, framing, last);
                if write(visit, gather).await.is_err() {
                    return Streamed::Gone;
                }
                if last {
                    return Streamed::Whole;
                }
                gather = visit.shard.take_gather();
                first = next;
            }
            News::End(End::Complete(trailers)) => {
                if framing == Framing::Chunks {
                    let out = gather.scratch();
                    out.extend_from_slice(b"0\r\n");
                    out.extend_from_slice(&trailers);
                    out.extend_from_slice(b"\r\n");
                }
                gather.push_scratch();
                return match write(visit, gather).await {
                    Ok(()) => Streamed::Whole,
                    Err(_) => Streamed::Gone,
                };
            }
            News::End(End::Broken(_)) => {
                gather.push_scratch();
                let _ = write(visit, gather).await;
                return Streamed::Broken;
            }
            News::Interim(_) | News::Opening(_) => {}
        }
    }
}

fn push_pieces(gather: &mut rt::Gather<Keep>, pieces: Vec<Piece>, framing: Framing, last: bool) {
    let chunked = framing == Framing::Chunks;
    if chunked {
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        let out = gather.scratch();
        out.extend_from_slice(chunk_line(total, &mut [0; 20]));
    }
    gather.push_scratch();
    for piece in pieces {
        let len = piece.len();
        gather.push(Keep::Piece(piece), 0..len);
    }
    match (chunked, last) {
        (true, true) => gather.push(Keep::Fixed(b"\r\n0\r\n\r\n"), 0..7),
        (true, false) => gather.push(Keep::Fixed(b"\r\n"), 0..2),
        (false, _) => true,
    };
}

//! The fourth step: head and content to the client.
//!
//! A head that we composed when the response arrived gets its last fields here: Age, framing,
//! Connection and Cache-Status. A content that breaks off never looks complete: the connection is
//! closed before the stated length, without the last chunk, or by a reset.

use super::assemble::{self, lay_out, Changed, Step};
use super::look::{handle, shared_handle};
use super::source::Source;
use super::Visit;
use crate::rt;
use crate::shard::{Keep, Setting};
use crate::store::flight::News;
use crate::store::object::{parse_stored, BodyFile};
use crate::store::{End, FlightHead, Object, Piece};
use ringside_config::StatusTo;
use ringside_engine::cache::part::{partial_head, unsatisfiable_head};
use ringside_engine::cache::{self, Facts, Part, Verdict};
use ringside_engine::fault::Fault;
use ringside_engine::http::{chunk_line, encode, Method, Name, Response, ResponseHead, Version};
use ringside_engine::key::Key;
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::report::cache_status::{self, Status};
use ringside_engine::time::Mono;
use std::net::IpAddr;
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
    (client, key): (IpAddr, Key),
    facts: &Facts,
    now: Mono,
    outcome: Outcome,
    connection: &[u8],
) {
    push_age(out, facts.age(now));
    let told = Told {
        client,
        ttl: Some(ttl(facts, now)),
        forwarded: None,
        stored: false,
        key: Some(key),
    };
    push_cache_status(out, setting, outcome, told);
    out.extend_from_slice(connection);
    out.extend_from_slice(b"\r\n");
}

/// The same on the long way. What a request has caused to be fetched has no Age.
pub fn push_stored_fields(out: &mut Vec<u8>, visit: &Visit, facts: &Facts, outcome: Outcome) {
    let now = rt::now();
    let age = facts.age(now);
    let fetched = matches!(outcome, Outcome::Miss(_));
    if !fetched || age > 0 {
        push_age(out, age);
    }
    let told = Told {
        client: visit.client.ip(),
        ttl: Some(ttl(facts, now)),
        forwarded: match outcome {
            Outcome::Miss(_) => Some(206),
            Outcome::Revalidated(_) => Some(304),
            _ => None,
        },
        stored: fetched,
        key: Some(visit.intent.key),
    };
    push_cache_status(out, &visit.shard.setting, outcome, told);
    out.extend_from_slice(connection(visit.request().version, keeps(visit)));
    out.extend_from_slice(b"\r\n");
}

fn push_age(out: &mut Vec<u8>, age: u32) {
    out.extend_from_slice(b"Age: ");
    encode::push_decimal(out, u64::from(age));
    out.extend_from_slice(b"\r\n");
}

/// Seconds of freshness left; negative once stale (RFC 9211, 2.4).
fn ttl(facts: &Facts, now: Mono) -> i64 {
    i64::from(facts.lifetime) - i64::from(facts.age(now))
}

/// What Cache-Status says beside the outcome.
struct Told {
    client: IpAddr,
    ttl: Option<i64>,
    forwarded: Option<u16>,
    stored: bool,
    key: Option<Key>,
}

/// Our member of Cache-Status, for clients that may know (RFC 9211).
fn push_cache_status(out: &mut Vec<u8>, setting: &Setting, outcome: Outcome, told: Told) {
    let asked = &setting.plan.cache_status;
    let trusted = match &asked.to {
        StatusTo::All => true,
        StatusTo::None => false,
        StatusTo::Nets(nets) => nets.iter().any(|net| net.contains(told.client)),
    };
    if !trusted {
        return;
    }
    let key = told.key.filter(|_| asked.key);
    let key = key.map(|key| format!("{:032x}", key.0));
    let status = Status {
        outcome,
        ttl: told.ttl,
        forwarded: told.forwarded,
        stored: told.stored,
        key: key.as_ref().map(|key| key.as_bytes()),
        detail: asked.detail,
    };
    cache_status::push(out, &setting.plan.proxy.name, &status);
}

/// Keeps the connection after this answer?
pub fn keeps(visit: &Visit) -> bool {
    visit.intent.keep && !visit.shard.stopping.get()
}

/// Sends an object: the whole, parts, or the news that the client has it already.
pub async fn object(visit: &Visit, keep: Keep, outcome: Outcome) -> Result<Delivered, Changed> {
    let Some(object) = shared_handle(&keep).cloned() else {
        return Ok(Delivered::gone());
    };
    let mut head = ResponseHead::default();
    let Some(response) = object.response(&mut head) else {
        return Ok(Delivered::gone());
    };
    let laid_out = lay_out(visit, &response, object.head(), object.body_bytes());
    let Some(layout) = laid_out else {
        let fault = Fault::client(412, "the precondition does not hold");
        return Ok(self::fault(visit, &fault, Reason::BadRequest).await);
    };
    if object.version().is_some() && !layout.steps.is_empty() {
        return Box::pin(assemble::run(visit, object, outcome, layout, None)).await;
    }
    let mut delivered = Delivered {
        outcome,
        status: layout.status,
        bytes: layout.bytes(),
        first_byte_us: None,
        keep: keeps(visit),
        gone: false,
    };
    let mut gather = visit.shard.take_gather();
    let out = gather.scratch();
    out.extend_from_slice(&layout.head);
    push_stored_fields(out, visit, &object.facts, outcome);
    if let Err(unsent) = send_steps(visit, gather, keep, &layout.steps).await {
        delivered.gone = true;
        delivered.bytes -= unsent.min(delivered.bytes);
    }
    visit.shard.counters.hit_bytes.add(delivered.bytes);
    Ok(delivered)
}

/// Sends what the gather's scratch holds, and then texts and spans of a stored body. The error is
/// what was not sent, about.
async fn send_steps(
    visit: &Visit,
    mut gather: Box<rt::Gather<Keep>>,
    keep: Keep,
    steps: &[Step],
) -> Result<(), u64> {
    let mut waiting = true;
    for step in steps {
        match step {
            Step::Text(text) => {
                gather.scratch().extend_from_slice(text);
                waiting = true;
            }
            Step::Span(span) => {
                gather.push_scratch();
                send_span(visit, gather, keep.clone(), span.clone()).await?;
                gather = visit.shard.take_gather();
                waiting = false;
            }
        }
    }
    if !waiting {
        visit.shard.give_gather(gather);
        return Ok(());
    }
    gather.push_scratch();
    write(visit, gather).await.map_err(|_| 0)
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
pub async fn send_span(
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
pub async fn write(visit: &Visit, gather: Box<rt::Gather<Keep>>) -> std::io::Result<()> {
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
    let (outcome, client) = (Outcome::Refused(reason), visit.client.ip());
    let mut bytes = 0;
    let sent = write_text(visit, |out| {
        bytes = push_error(
            out,
            (&visit.shard.setting, visit.shard.wall()),
            fault.status,
            fault.what,
            (outcome, client),
            last,
            head_only,
        );
    })
    .await;
    Delivered {
        outcome,
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
    (setting, wall): (&Setting, ringside_engine::time::Wall),
    status: u16,
    what: &str,
    (outcome, client): (Outcome, IpAddr),
    connection: &[u8],
    head_only: bool,
) -> usize {
    let mut page = Vec::new();
    encode::error_page(status, what, &setting.plan.proxy.name, out, &mut page);
    encode::push_date(out, wall);
    let told = Told {
        client,
        ttl: None,
        forwarded: None,
        stored: false,
        key: None,
    };
    push_cache_status(out, setting, outcome, told);
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
pub enum Framing {
    /// There is none.
    Nothing,
    /// By its length.
    Length(u64),
    /// In chunks.
    Chunks,
    /// By the connection's end.
    UntilClose,
}

/// What of arriving content is sent on: so many bytes after so many others.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Bytes that are left out at the front.
    pub skip: u64,
    /// Bytes that follow them and are sent.
    pub left: u64,
}

impl Cut {
    /// The part of `piece` that is sent, if any.
    fn of(&mut self, piece: Piece) -> Option<Piece> {
        let skipped = self.skip.min(piece.len() as u64);
        self.skip -= skipped;
        // Not more than the length of a piece.
        let rest = piece.skip(skipped as usize);
        let taken = self.left.min(rest.len() as u64);
        self.left -= taken;
        (taken > 0).then(|| rest.first(taken as usize))
    }
}

/// Sends a response while it arrives.
pub async fn flight(
    visit: &Visit,
    mut source: Source,
    head: Arc<FlightHead>,
    outcome: Outcome,
) -> Result<Delivered, Changed> {
    let request = visit.request();
    let mut delivered = Delivered {
        outcome,
        status: head.status,
        bytes: 0,
        first_byte_us: Some(head.at_us),
        keep: keeps(visit),
        gone: false,
    };
    let plain = request.fields.count(Name::Range) == 1
        && request
            .fields
            .iter()
            .filter(|field| is_condition(field.id))
            .count()
            == 1;
    let verbatim = head
        .verbatim
        .as_deref()
        .filter(|_| plain && matches!(outcome, Outcome::Miss(_)));
    if let (Some(part), None) = (&head.part, verbatim) {
        let outline = part.outline.clone();
        return Box::pin(of_part(visit, outline, source, head, outcome)).await;
    }
    let text = match (verbatim, &head.own_head, outcome) {
        (Some(verbatim), ..) => verbatim,
        (None, Some(own), Outcome::Miss(_)) => own,
        _ => &head.head,
    };
    let mut parsed = ResponseHead::default();
    let response = parse_stored(text, &mut parsed);
    // A shared fetch went out without this client's conditions and ranges: they are answered here.
    // A fetch for this client alone carried them to the origin.
    let shared = !matches!(outcome, Outcome::Pass(_)) && head.status == 200;
    let sent = match (&response, shared) {
        (Some(response), true) => arriving(visit, response, text, &head),
        _ => Some(Arriving::whole(text, &head)),
    };
    let Some(sent) = sent else {
        drop(source);
        let fault = Fault::client(412, "the precondition does not hold");
        return Ok(self::fault(visit, &fault, Reason::BadRequest).await);
    };
    delivered.status = sent.status;
    let framing = match (
        sent.bare || !head.has_content || request.method == Method::Head,
        sent.length,
    ) {
        (true, _) => Framing::Nothing,
        (false, Some(bytes)) => Framing::Length(bytes),
        (false, None) if request.version == Version::Http11 => Framing::Chunks,
        (false, None) => Framing::UntilClose,
    };
    delivered.keep &= framing != Framing::UntilClose;
    let mut gather = visit.shard.take_gather();
    let out = gather.scratch();
    out.extend_from_slice(&sent.head);
    let ending = (framing, delivered.keep);
    push_arriving_fields(out, visit, &head, &sent, ending, outcome);
    if framing == Framing::Nothing {
        gather.push_scratch();
        delivered.gone = write(visit, gather).await.is_err();
        return Ok(delivered);
    }
    let bytes = &mut delivered.bytes;
    // The length of a part is what its Content-Range says: how it was framed need not agree.
    let cut = sent.cut.or(match framing {
        Framing::Length(left) if head.forwarded == 206 => Some(Cut { skip: 0, left }),
        _ => None,
    });
    let ended = stream(visit, &mut source, gather, framing, cut, bytes).await;
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
    Ok(delivered)
}

fn is_condition(name: Name) -> bool {
    use Name::{IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, Range};
    matches!(
        name,
        IfNoneMatch | IfModifiedSince | IfMatch | IfUnmodifiedSince | IfRange | Range
    )
}

/// Sends a response of which a part arrives.
async fn of_part(
    visit: &Visit,
    outline: Arc<Object>,
    source: Source,
    head: Arc<FlightHead>,
    outcome: Outcome,
) -> Result<Delivered, Changed> {
    let mut parsed = ResponseHead::default();
    let Some(response) = outline.response(&mut parsed) else {
        return Ok(Delivered::gone());
    };
    let Some(layout) = lay_out(visit, &response, outline.head(), outline.body_bytes()) else {
        let fault = Fault::client(412, "the precondition does not hold");
        return Ok(self::fault(visit, &fault, Reason::BadRequest).await);
    };
    let first = Some((source, head));
    assemble::run(visit, outline, outcome, layout, first).await
}

/// What a client gets of a response that is arriving.
struct Arriving {
    status: u16,
    head: Vec<u8>,
    length: Option<u64>,
    /// Its length stands in the head already, or it has none.
    framed: bool,
    /// The head is all.
    bare: bool,
    cut: Option<Cut>,
}

impl Arriving {
    fn whole(text: &[u8], head: &FlightHead) -> Arriving {
        Arriving {
            status: head.status,
            head: text.to_vec(),
            length: head.length,
            framed: head.status == 204 || head.status < 200,
            bare: false,
            cut: None,
        }
    }
}

/// Conditions and a range of the request, applied to a 200 that is arriving. Several ranges get
/// the whole, and so does one of a length that is not known yet. `None`: a precondition fails.
fn arriving(
    visit: &Visit,
    response: &Response<'_>,
    text: &[u8],
    head: &FlightHead,
) -> Option<Arriving> {
    let request = visit.request();
    let mut sent = Arriving::whole(text, head);
    match cache::preconditions(&request, response) {
        Verdict::Failed => return None,
        Verdict::NotModified => {
            sent.status = 304;
            sent.head.clear();
            cache::not_modified_head(response, &mut sent.head);
            sent.bare = true;
            sent.framed = true;
            return Some(sent);
        }
        Verdict::Proceed => {}
    }
    let Some(whole) = head.length.filter(|_| head.has_content) else {
        return Some(sent);
    };
    match cache::part(&request, response, whole) {
        Part::Span(span) => {
            sent.status = 206;
            sent.head.clear();
            partial_head(response, &span, whole, &mut sent.head);
            sent.length = Some(span.end - span.start);
            sent.framed = true;
            sent.cut = Some(Cut {
                skip: span.start,
                left: span.end - span.start,
            });
        }
        Part::Unsatisfiable => {
            sent.status = 416;
            sent.head.clear();
            unsatisfiable_head(whole, visit.shard.wall(), &mut sent.head);
            sent.framed = true;
            sent.bare = true;
        }
        Part::Whole | Part::Spans(_) => {}
    }
    Some(sent)
}

fn push_arriving_fields(
    out: &mut Vec<u8>,
    visit: &Visit,
    head: &FlightHead,
    sent: &Arriving,
    (framing, keep): (Framing, bool),
    outcome: Outcome,
) {
    let (request, now) = (visit.request(), rt::now());
    let age = head.facts.age(now);
    // A response made for this request has no Age (RFC 9111, 5.1), unless some cache had it.
    if head.aged || (age > 0 && matches!(outcome, Outcome::Collapsed(_))) {
        push_age(out, age);
    }
    match (framing, sent.length) {
        (Framing::Chunks, _) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        (Framing::Length(bytes), _) | (Framing::Nothing, Some(bytes)) if !sent.framed => {
            encode::push_length(out, bytes);
        }
        _ => {}
    }
    let told = Told {
        client: visit.client.ip(),
        ttl: head.stored.then(|| ttl(&head.facts, now)),
        forwarded: Some(head.forwarded),
        stored: head.stored,
        key: Some(visit.intent.key),
    };
    push_cache_status(out, &visit.shard.setting, outcome, told);
    out.extend_from_slice(connection(request.version, keep));
    out.extend_from_slice(b"\r\n");
}

/// How the sending of arriving content ended.
pub enum Streamed {
    /// All of it is sent.
    Whole,
    /// The origin's side broke.
    Broken,
    /// The client is gone.
    Gone,
}

/// Moves content from a source to the client, or what `cut` leaves of it. `gather` holds the head
/// in its scratch, not pushed yet: what is there already goes out with it.
pub async fn stream(
    visit: &Visit,
    source: &mut Source,
    mut gather: Box<rt::Gather<Keep>>,
    framing: Framing,
    mut cut: Option<Cut>,
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
            News::Pieces(mut pieces) => {
                if let Some(cut) = &mut cut {
                    pieces = pieces
                        .into_iter()
                        .filter_map(|piece| cut.of(piece))
                        .collect();
                    if pieces.is_empty() {
                        continue;
                    }
                }
                // The end, when it is known already, goes out with the last piece.
                let next = source.look();
                *bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
                let ended =
                    matches!(&next, Some(News::End(End::Complete(more))) if more.is_empty());
                let last = match &cut {
                    Some(cut) => cut.left == 0,
                    None => ended,
                };
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
            News::End(End::Complete(_)) if cut.is_some_and(|cut| cut.left > 0) => {
                gather.push_scratch();
                let _ = write(visit, gather).await;
                return Streamed::Broken;
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

//! The second step: is there an answer in memory, here or at the key's home?

use super::intent::Intent;
use super::source::Source;
use super::{home, own, Visit};
use crate::rt::Gather;
use crate::shard::{Keep, Shard};
use crate::siblings::{Letter, Told};
use crate::store::flight::News;
use crate::store::object::BodyFile;
use crate::store::{FlightHead, Object, Opening};
use ringside_engine::cache::{self, vary, Lookup, Serve};
use ringside_engine::fault::Fault;
use ringside_engine::http::{Length, Method, Request, Version};
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::time::Mono;
use std::rc::Rc;
use std::sync::Arc;

/// Bodies up to this size are copied behind their head and sent as one buffer: measured cheaper
/// than a vectored write (docs/decisions/0004).
pub const COPY_BYTES_MAX: usize = 4096;
/// Questions asked again when a flight turned out to be for another variant.
const ASK_AGAIN_MAX: u32 = 3;

/// An answer ready to be written.
pub struct Quick {
    /// Head and content.
    pub gather: Box<Gather<Keep>>,
    /// The content, when it is not in the gather but in a file.
    pub file: Option<Arc<BodyFile>>,
    /// Bytes of content in it.
    pub bytes: u64,
    /// Status code.
    pub status: u16,
    /// Fresh, or stale as the request allows.
    pub outcome: Outcome,
}

/// What was found for a request.
pub enum Found {
    /// A stored object that may be served.
    Object(Keep, Outcome),
    /// A response that is arriving.
    Flight(Source, Arc<FlightHead>, Outcome),
    /// Nobody can answer.
    Failed(Fault, Reason),
    /// Fetch alone.
    Go(Reason),
    /// The client is gone.
    Gone,
}

/// The hit path: a fresh object in this shard's memory for a plain GET or HEAD. `None`: take the
/// long way. Allocates nothing once warm, takes no lock, waits for nothing.
pub fn quick(
    shard: &Rc<Shard>,
    request: &Request<'_>,
    intent: &Intent,
    now: Mono,
) -> Option<Quick> {
    let plain = matches!(intent.lookup, Lookup::Cache)
        && intent.length == Length::None
        && !shard.stopping.get()
        && !cache::has_conditions(request);
    if !plain {
        return None;
    }
    let policy = &shard.setting.route(intent.route)?.policy;
    let keep = stored_here(shard, request, intent)?;
    let object = handle(&keep)?;
    match cache::serve(request, &object.facts, policy, now) {
        Serve::Fresh => {}
        Serve::Validate(_) => return None,
    }
    object.touch();
    compose(shard, request, intent, keep, now)
}

/// How an object from memory is counted: a request may allow a stale one (RFC 9111, 5.2.1.2).
fn served(object: &Object, now: Mono) -> Outcome {
    if object.facts.is_fresh(now) {
        Outcome::Hit
    } else {
        Outcome::Stale(Reason::Expired)
    }
}

/// The object in a handle.
pub fn handle(keep: &Keep) -> Option<&Object> {
    shared_handle(keep).map(|object| &**object)
}

/// The same, as the siblings share it.
fn shared_handle(keep: &Keep) -> Option<&Arc<Object>> {
    match keep {
        Keep::Object(object) => Some(object),
        Keep::Replica(object) => Some(object),
        Keep::Piece(_) | Keep::Fixed(_) => None,
    }
}

/// The live object this request selects, if this shard has it: as its home, or as a replica.
fn stored_here(shard: &Shard, request: &Request<'_>, intent: &Intent) -> Option<Keep> {
    let seed = shard.setting.seed;
    if shard.home(intent.key) == shard.id {
        let memory = shard.memory.borrow();
        memory.find(intent.key, seed, request.fields).map(own)
    } else {
        let replicas = shard.replicas.borrow();
        replicas
            .find(intent.key, seed, request.fields)
            .map(|held| Keep::Replica(held.clone()))
    }
}

/// Head and content of a hit as one gather; `None` when the content needs more than one.
fn compose(
    shard: &Rc<Shard>,
    request: &Request<'_>,
    intent: &Intent,
    keep: Keep,
    now: Mono,
) -> Option<Quick> {
    if let Some(object) = shared_handle(&keep) {
        super::promote::note_use(shard, object);
    }
    let object = handle(&keep)?;
    if object.pieces().len() > crate::store::flight::PIECES_AT_ONCE {
        return None;
    }
    let outcome = served(object, now);
    let mut gather = shard.take_gather();
    let scratch = gather.scratch();
    scratch.extend_from_slice(object.head());
    super::deliver::push_hit_fields(
        scratch,
        &shard.setting,
        object.facts.age(now),
        outcome,
        super::deliver::connection(request.version, intent.keep),
    );
    let status = object.facts.status;
    if request.method == Method::Head {
        gather.push_scratch();
        return Some(Quick {
            gather,
            file: None,
            bytes: 0,
            status,
            outcome,
        });
    }
    let bytes = object.body_bytes();
    let object_file = object.file().cloned();
    let small = object.small_body_range();
    let copied = small.len() <= COPY_BYTES_MAX;
    if copied {
        scratch.extend_from_slice(object.small_body());
    }
    gather.push_scratch();
    for piece in object.pieces() {
        let len = piece.len();
        gather.push(Keep::Piece(piece.clone()), 0..len);
    }
    if !copied {
        gather.push(keep, small);
    }
    Some(Quick {
        gather,
        file: object_file,
        bytes,
        status,
        outcome,
    })
}

/// Looks until there is an answer: own store, replica, home, flight. `asked` is what a first
/// question found already.
pub async fn find(visit: &Visit, mut asked: Option<Asking>) -> Found {
    let mut reason = Reason::VaryMiss;
    for _ in 0..ASK_AGAIN_MAX {
        let asking = match asked.take() {
            Some(asking) => asking,
            None => ask(visit).await,
        };
        match asking {
            Asking::Done(found) => return found,
            Asking::Joined(source, outcome) => {
                match wait_for_opening(visit, source, outcome).await {
                    Found::Flight(source, head, outcome) => {
                        if suits(visit, &head) {
                            return Found::Flight(source, head, outcome);
                        }
                        // It is another variant's flight: the home knows better by now.
                        reason = Reason::VaryMiss;
                    }
                    Found::Object(keep, outcome) if selected(visit, &keep) => {
                        return Found::Object(keep, outcome);
                    }
                    // A validation that was joined before it was known whose variant it is.
                    Found::Object(..) => reason = Reason::VaryMiss,
                    found => return found,
                }
            }
        }
    }
    Found::Go(reason)
}

/// What one question found.
pub enum Asking {
    /// Something, or the advice to go alone.
    Done(Found),
    /// A place in a flight.
    Joined(Source, Outcome),
}

/// The answer to a plain request whose home is a sibling that has the object: one letter there
/// and one back, with little kept meanwhile. `Err`: what else was found.
pub async fn by_letter(visit: &Visit) -> Result<Quick, Asking> {
    match ask(visit).await {
        Asking::Done(Found::Object(keep, Outcome::Hit)) => {
            let (request, now) = (visit.request(), crate::rt::now());
            let size = handle(&keep).map_or(0, |object| object.pieces().len());
            if cache::has_conditions(&request) || size > crate::store::flight::PIECES_AT_ONCE {
                return Err(Asking::Done(Found::Object(keep, Outcome::Hit)));
            }
            compose(&visit.shard, &request, &visit.intent, keep, now)
                .ok_or(Asking::Done(Found::Go(Reason::Busy)))
        }
        asking => Err(asking),
    }
}

async fn ask(visit: &Visit) -> Asking {
    let (shard, key) = (&visit.shard, visit.intent.key);
    let at = shard.home(key);
    if at == shard.id {
        return match home::consider(shard, visit.asked(), None) {
            home::Considered::Object(object) => {
                Asking::Done(Found::Object(Keep::Object(object), Outcome::Hit))
            }
            home::Considered::Joined(flight, id, outcome) => {
                Asking::Joined(Source::here(flight, id), outcome)
            }
            home::Considered::Go(reason) => Asking::Done(Found::Go(reason)),
        };
    }
    // A mark of our own saves the letter, but says nothing of what is stored.
    if shard.is_marked(key, crate::rt::now()) && !cache::only_if_cached(&visit.request()) {
        return Asking::Done(Found::Go(Reason::HitForMiss));
    }
    if let Some(keep) = fresh_here(visit) {
        return Asking::Done(Found::Object(keep, Outcome::Hit));
    }
    if !shard.post.has_room(at) {
        shard.counters.letters_refused.add(1);
        return Asking::Done(Found::Go(Reason::Busy));
    }
    let mut asked_again = 0;
    let (source, told) = loop {
        let ticket = shard.ticket();
        let source = Source::there(shard.clone(), at, ticket);
        let asked = visit.asked();
        let told = shard
            .demand(at, ticket, Letter::Ask { ticket, asked })
            .await;
        match told {
            // It was replaced or purged while the letter was under way: the home knows more.
            Some(Told::Object(object)) if !object.is_live() && asked_again < ASK_AGAIN_MAX => {
                source.settled();
                asked_again += 1;
            }
            told => break (source, told),
        }
    };
    match told {
        Some(Told::Object(object)) if !object.is_live() => {
            // It was purged while the letter was under way.
            source.settled();
            Asking::Done(Found::Go(Reason::NotStored))
        }
        Some(Told::Object(object)) => {
            source.settled();
            Asking::Done(Found::Object(keep_replica(shard, object), Outcome::Hit))
        }
        Some(Told::Joined(outcome)) => Asking::Joined(source, outcome),
        Some(Told::Go(reason)) => {
            source.settled();
            if reason == Reason::HitForMiss {
                shard.mark(key, crate::rt::now());
            }
            Asking::Done(Found::Go(reason))
        }
        Some(Told::News(_) | Told::Purged(_)) | None => Asking::Done(Found::Go(Reason::Busy)),
    }
}

fn keep_replica(shard: &Shard, object: Arc<Object>) -> Keep {
    object.touch();
    shard.replicas.borrow_mut().keep(object.clone());
    Keep::Object(object)
}

/// A fresh object in this shard, conditions or not.
fn fresh_here(visit: &Visit) -> Option<Keep> {
    let request = visit.request();
    let keep = stored_here(&visit.shard, &request, &visit.intent)?;
    let object = handle(&keep)?;
    let policy = &visit.shard.setting.route(visit.intent.route)?.policy;
    match cache::serve(&request, &object.facts, policy, crate::rt::now()) {
        Serve::Fresh => {
            object.touch();
            Some(keep)
        }
        Serve::Validate(_) => None,
    }
}

/// For only-if-cached: what may be served without asking the origin, from any shard. The request
/// says only-if-cached itself, so its home starts no flight for it.
pub async fn stored_anywhere(visit: &Visit) -> Option<(Keep, Outcome)> {
    match ask(visit).await {
        Asking::Done(Found::Object(keep, outcome)) => Some((keep, outcome)),
        _ => None,
    }
}

/// Reads a source up to its opening, passing interim responses on to the client.
pub async fn wait_for_opening(visit: &Visit, mut source: Source, outcome: Outcome) -> Found {
    loop {
        match source.news().await {
            News::Interim(head) => {
                if visit.request().version == Version::Http11
                    && !super::deliver::interim(visit, &head).await
                {
                    return Found::Gone;
                }
            }
            News::Opening(Opening::Head(head)) => return Found::Flight(source, head, outcome),
            News::Opening(Opening::Object(object)) => {
                let reason = match outcome {
                    Outcome::Miss(reason) | Outcome::Collapsed(reason) => reason,
                    _ => Reason::Expired,
                };
                return Found::Object(Keep::Object(object), Outcome::Revalidated(reason));
            }
            News::Opening(Opening::Go(reason)) => return Found::Go(reason),
            News::Opening(Opening::Failed(fault)) => {
                return Found::Failed(fault, reason_of(&fault))
            }
            News::Pieces(_) | News::End(_) => {
                let fault = Fault::machine(500, "content came before a head");
                return Found::Failed(fault, Reason::OriginBroken);
            }
        }
    }
}

fn selected(visit: &Visit, keep: &Keep) -> bool {
    let (seed, fields) = (visit.shard.setting.seed, visit.request().fields);
    handle(keep).is_some_and(|object| crate::store::replicas::selects(object, seed, fields))
}

fn suits(visit: &Visit, head: &FlightHead) -> bool {
    head.vary.is_empty()
        || vary::secondary_of_names(visit.shard.setting.seed, &head.vary, visit.request().fields)
            == head.variant
}

/// The log's word for a fault.
pub fn reason_of(fault: &Fault) -> Reason {
    match fault.status {
        504 => Reason::OriginTimeout,
        503 => Reason::Busy,
        499 => Reason::ClientGone,
        413 => Reason::TooLarge,
        408 => Reason::Timeout,
        400 => Reason::BadRequest,
        _ => Reason::OriginBroken,
    }
}

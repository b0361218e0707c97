//! The second step: is there an answer in memory, here or at the key's home?

use super::intent::{HostText, Intent};
use super::source::Source;
use super::{from_disk, home, own, Visit};
use crate::rt::Gather;
use crate::shard::{Keep, Shard};
use crate::siblings::{Letter, Told};
use crate::store::flight::{News, Want};
use crate::store::object::BodyFile;
use crate::store::{FlightHead, Object, Opening};
use ringside_engine::cache::{self, vary, Lookup, Serve};
use ringside_engine::fault::Fault;
use ringside_engine::http::range::{self, Wanted};
use ringside_engine::http::{Length, Method, Name, Request, Version};
use ringside_engine::key::Key;
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::purge::Verdict;
use ringside_engine::time::Mono;
use std::net::IpAddr;
use std::ops::Range;
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

/// The hit path: a fresh object in this shard's memory for a plain GET or HEAD whose head `bytes`
/// begin with. `None`: take the
/// long way. Allocates nothing once warm, takes no lock, waits for nothing.
pub fn quick(
    shard: &Rc<Shard>,
    request: &Request<'_>,
    bytes: &[u8],
    intent: &Intent,
    client: IpAddr,
    now: Mono,
) -> Option<Quick> {
    let plain = matches!(intent.lookup, Lookup::Cache)
        && intent.length == Length::None
        && request.method != Method::Query
        && !shard.stopping.get()
        && !cache::has_conditions(request);
    if !plain {
        return None;
    }
    let policy = &shard.setting.route(intent.route)?.policy;
    let keep = stored_here(shard, request, intent.key)?;
    let object = handle(&keep)?;
    let may_serve = unpurged(shard, object, intent, bytes)
        && cache::serve(request, &object.facts, policy, now) == Serve::Fresh;
    if !may_serve {
        return None;
    }
    object.touch();
    let outcome = served(object, now);
    compose(shard, request, intent, client, keep, outcome, now)
}

/// The host of a request as it stands in its key.
pub fn host_text(intent: &Intent, bytes: &[u8]) -> String {
    let host = HostText::of(bytes.get(intent.host.clone()).unwrap_or_default());
    String::from_utf8_lossy(host.as_ref()).into_owned()
}

/// No purge since it was stored has reached it.
fn unpurged(shard: &Shard, object: &Object, intent: &Intent, bytes: &[u8]) -> bool {
    verdict(shard, object, intent, bytes) == Verdict::Valid
}

/// What has become of an object by purges since it was asked for.
fn verdict(shard: &Shard, object: &Object, intent: &Intent, bytes: &[u8]) -> Verdict {
    shard.verdict(object, || {
        let host = bytes.get(intent.host.clone()).unwrap_or_default();
        (HostText::of(host), intent.target(bytes))
    })
}

/// How an object from memory is counted: a stale one is served where a request allows it
/// (RFC 9111, 5.2.1.2), or while somebody validates it (RFC 5861, 3).
fn served(object: &Object, now: Mono) -> Outcome {
    let facts = &object.facts;
    if facts.is_fresh(now) {
        return Outcome::Hit;
    }
    let stale_for = facts.age(now).saturating_sub(facts.lifetime);
    Outcome::Stale(if stale_for < facts.stale_while {
        Reason::StaleWhileRevalidate
    } else {
        Reason::Expired
    })
}

/// The object in a handle.
pub fn handle(keep: &Keep) -> Option<&Object> {
    shared_handle(keep).map(|object| &**object)
}

/// The same, as the siblings share it.
pub fn shared_handle(keep: &Keep) -> Option<&Arc<Object>> {
    match keep {
        Keep::Object(object) => Some(object),
        Keep::Replica(object) => Some(object),
        Keep::Piece(_) | Keep::Fixed(_) => None,
    }
}

/// The live object this request selects, if this shard has it: as its home, or as a replica.
fn stored_here(shard: &Shard, request: &Request<'_>, key: Key) -> Option<Keep> {
    let seed = shard.setting.seed;
    if shard.home(key) == shard.id {
        let memory = shard.memory.borrow();
        memory.find(key, seed, request.fields).map(own)
    } else {
        let replicas = shard.replicas.borrow();
        replicas
            .find(key, seed, request.fields)
            .map(|held| Keep::Replica(held.clone()))
    }
}

/// Head and content of a hit as one gather; `None` when the content needs more than one.
fn compose(
    shard: &Rc<Shard>,
    request: &Request<'_>,
    intent: &Intent,
    client: IpAddr,
    keep: Keep,
    outcome: Outcome,
    now: Mono,
) -> Option<Quick> {
    if let Some(object) = shared_handle(&keep) {
        super::promote::note_use(shard, object);
    }
    let object = handle(&keep)?;
    let elsewhere = object.version().is_some() && request.method != Method::Head;
    if elsewhere || object.pieces().len() > crate::store::flight::PIECES_AT_ONCE {
        return None;
    }
    let mut gather = shard.take_gather();
    let scratch = gather.scratch();
    scratch.extend_from_slice(object.head());
    super::deliver::push_hit_fields(
        scratch,
        &shard.setting,
        (client, intent.key),
        &object.facts,
        now,
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

/// What is asked for on the way of a request: its own response, or a fragment of one.
pub struct Question {
    /// The key.
    pub key: Key,
    /// How much.
    pub want: Want,
}

impl Visit {
    /// What this visit's request asks for.
    pub fn question(&self) -> Question {
        Question {
            key: self.intent.key,
            want: want(&self.request()),
        }
    }
}

/// How much a request wants of what is found.
pub fn want(request: &Request<'_>) -> Want {
    let wanted = match request.fields.get(Name::Range) {
        Some(range) if request.method == Method::Get => range::wanted(range),
        _ => Wanted::Ignore,
    };
    match wanted {
        Wanted::From(..) | Wanted::Suffix(_) if request.fields.count(Name::Range) == 1 => {
            Want::Range(wanted)
        }
        _ => Want::Whole,
    }
}

/// Looks until there is an answer: own store, replica, home, flight. `asked` is what a first
/// question found already.
pub async fn find(visit: &Visit, mut asked: Option<Asking>) -> Found {
    let question = visit.question();
    let mut reason = Reason::VaryMiss;
    for _ in 0..ASK_AGAIN_MAX {
        let asking = match asked.take() {
            Some(asking) => asking,
            None => ask(visit, &question).await,
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

/// The fragment of an outline that fills `window`, of which `need` is needed now.
pub async fn fragment(
    visit: &Visit,
    outline: &Arc<Object>,
    window: &Range<u64>,
    need: &Range<u64>,
) -> Found {
    let Some(version) = outline.version() else {
        return Found::Go(Reason::PartMissing);
    };
    let question = Question {
        key: version.fragment(visit.shard.setting.seed, outline.key(), window.start),
        want: Want::Fragment {
            outline: outline.clone(),
            window: window.clone(),
            need: need.clone(),
        },
    };
    match ask(visit, &question).await {
        Asking::Done(found) => found,
        // The client may be in the midst of the content: there is no place for a 1xx.
        Asking::Joined(source, outcome) => opening(visit, source, outcome, false).await,
    }
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
    match ask(visit, &visit.question()).await {
        Asking::Done(Found::Object(keep, outcome)) => {
            let (request, now) = (visit.request(), crate::rt::now());
            let large = |object: &Object| {
                object.pieces().len() > crate::store::flight::PIECES_AT_ONCE
                    || object.version().is_some()
            };
            if cache::has_conditions(&request) || handle(&keep).is_none_or(large) {
                return Err(Asking::Done(Found::Object(keep, outcome)));
            }
            let client = visit.client.ip();
            compose(
                &visit.shard,
                &request,
                &visit.intent,
                client,
                keep,
                outcome,
                now,
            )
            .ok_or(Asking::Done(Found::Go(Reason::Busy)))
        }
        asking => Err(asking),
    }
}

/// A stored object, counted as what it is now.
fn done(keep: Keep) -> Asking {
    let outcome = handle(&keep).map_or(Outcome::Hit, |object| served(object, crate::rt::now()));
    Asking::Done(Found::Object(keep, outcome))
}

/// The same, of one that was read from disk: it was fresh a moment ago.
fn from_disk_done(object: Arc<Object>) -> Asking {
    Asking::Done(Found::Object(Keep::Object(object), Outcome::DiskHit))
}

async fn ask(visit: &Visit, question: &Question) -> Asking {
    let (shard, key) = (&visit.shard, question.key);
    let at = shard.home(key);
    if at == shard.id {
        let asked = visit.asked(question);
        if from_disk::is_to_be_asked(shard, &asked) {
            if let Some(object) = from_disk::answer(shard, &asked).await {
                return from_disk_done(object);
            }
        }
        return match home::consider(shard, asked, None) {
            home::Considered::Object(object) => done(Keep::Object(object)),
            home::Considered::Joined(flight, id, outcome) => {
                Asking::Joined(Source::here(flight, id), outcome)
            }
            home::Considered::Go(reason) => Asking::Done(Found::Go(reason)),
        };
    }
    // A mark of our own saves the letter, but says nothing of what is stored.
    let asks_stored = visit.only_if_cached() || matches!(question.want, Want::Stale);
    if shard.is_marked(key, crate::rt::now()) && !asks_stored {
        return Asking::Done(Found::Go(Reason::HitForMiss));
    }
    if let Some(keep) = good_here(visit, question) {
        return done(keep);
    }
    if !shard.post.has_room(at) {
        shard.counters.letters_refused.add(1);
        return Asking::Done(Found::Go(Reason::Busy));
    }
    let mut asked_again = 0;
    let (source, told) = loop {
        let ticket = shard.ticket();
        let source = Source::there(shard.clone(), at, ticket);
        let asked = visit.asked(question);
        let told = shard
            .demand(at, ticket, Letter::Ask { ticket, asked })
            .await;
        match told {
            // It was replaced or purged while the letter was under way: the home knows more.
            Some(Told::Object(object) | Told::Once(object) | Told::FromDisk(object))
                if is_gone(visit, question, &object) && asked_again < ASK_AGAIN_MAX =>
            {
                source.settled();
                asked_again += 1;
            }
            told => break (source, told),
        }
    };
    match told {
        Some(Told::Object(object) | Told::Once(object) | Told::FromDisk(object))
            if is_gone(visit, question, &object) =>
        {
            // It was purged while the letter was under way.
            source.settled();
            Asking::Done(Found::Go(Reason::NotStored))
        }
        Some(Told::Object(object)) => {
            source.settled();
            done(keep_replica(shard, object))
        }
        Some(Told::Once(object)) => {
            source.settled();
            done(Keep::Object(object))
        }
        Some(Told::FromDisk(object)) => {
            source.settled();
            from_disk_done(object)
        }
        Some(Told::Joined(outcome)) => Asking::Joined(source, outcome),
        Some(Told::Go(reason)) => {
            source.settled();
            // Of ranges it may be true while the whole is shared.
            if reason == Reason::HitForMiss && !matches!(question.want, Want::Range(_)) {
                shard.mark(key, crate::rt::now());
            }
            Asking::Done(Found::Go(reason))
        }
        Some(_) | None => Asking::Done(Found::Go(Reason::Busy)),
    }
}

/// Purged or replaced while it was on its way here. Fragments are as good as their outline.
fn is_gone(visit: &Visit, question: &Question, object: &Object) -> bool {
    let is_part = matches!(question.want, Want::Fragment { .. });
    let dead = || {
        let bytes = visit.buffer.unread();
        verdict(&visit.shard, object, &visit.intent, bytes) == Verdict::Dead
    };
    !object.is_live() || (!is_part && dead())
}

/// The home has counted this use.
fn keep_replica(shard: &Shard, object: Arc<Object>) -> Keep {
    shard.replicas.borrow_mut().keep(object.clone());
    Keep::Object(object)
}

/// An object in this shard that answers the question as it is, conditions or not.
fn good_here(visit: &Visit, question: &Question) -> Option<Keep> {
    let (shard, request) = (&visit.shard, visit.request());
    let keep = stored_here(shard, &request, question.key)?;
    let object = handle(&keep)?;
    let good = match &question.want {
        // As good as the outline through which it was found.
        Want::Fragment { need, .. } => object.extent().is_some_and(|extent| extent.covers(need)),
        _ => {
            let policy = &shard.setting.route(visit.intent.route)?.policy;
            unpurged(shard, object, &visit.intent, visit.buffer.unread())
                && cache::serve(&request, &object.facts, policy, crate::rt::now()) == Serve::Fresh
        }
    };
    if !good {
        return None;
    }
    object.touch();
    Some(keep)
}

/// For only-if-cached: what may be served without asking the origin, from any shard. The request
/// says only-if-cached itself, so its home starts no flight for it.
pub async fn stored_anywhere(visit: &Visit) -> Option<(Keep, Outcome)> {
    match ask(visit, &visit.question()).await {
        Asking::Done(Found::Object(keep, outcome)) => Some((keep, outcome)),
        _ => None,
    }
}

/// What was found, or in place of an error what is stored: for those whose request was sent by
/// itself (RFC 5861, 4).
pub async fn or_stale(visit: &Visit, found: Found) -> Found {
    let reason = match &found {
        Found::Failed(fault, reason) if fault.status >= 500 => *reason,
        Found::Flight(_, head, _) if cache::is_error(head.status) => Reason::OriginError,
        _ => return found,
    };
    let question = Question {
        key: visit.intent.key,
        want: Want::Stale,
    };
    match ask(visit, &question).await {
        Asking::Done(Found::Object(keep, _)) => Found::Object(keep, Outcome::Stale(reason)),
        _ => found,
    }
}

/// Reads a source up to its opening, passing interim responses on to the client.
pub async fn wait_for_opening(visit: &Visit, source: Source, outcome: Outcome) -> Found {
    opening(visit, source, outcome, true).await
}

async fn opening(visit: &Visit, mut source: Source, outcome: Outcome, interims: bool) -> Found {
    loop {
        match source.news().await {
            News::Interim(head) => {
                if interims
                    && visit.request().version == Version::Http11
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
            News::Opening(Opening::Stale(object, fault)) => return stale(visit, object, fault),
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

/// The origin has failed: what is stored, where this request may have it stale (RFC 5861, 4).
fn stale(visit: &Visit, object: Arc<Object>, fault: Option<Fault>) -> Found {
    let (shard, request) = (&visit.shard, visit.request());
    let selects = crate::store::replicas::selects(&object, shard.setting.seed, request.fields);
    let route = shard.setting.route(visit.intent.route);
    let now = crate::rt::now();
    // It was not good enough to be served as it is, by its age or by a purge.
    let facts = object.facts.soft_purged(now);
    let allowed =
        route.is_some_and(|route| cache::in_place_of_error(&request, &facts, &route.policy, now));
    let reason = fault.map_or(Reason::OriginError, |fault| reason_of(&fault));
    let purged = verdict(shard, &object, &visit.intent, visit.buffer.unread()) == Verdict::Dead;
    match (selects && allowed && !purged && object.is_live(), fault) {
        (true, _) => {
            object.touch();
            Found::Object(Keep::Object(object), Outcome::Stale(reason))
        }
        (false, Some(fault)) => Found::Failed(fault, reason),
        (false, None) => Found::Go(Reason::OriginError),
    }
}

fn selected(visit: &Visit, keep: &Keep) -> bool {
    let (seed, fields) = (visit.shard.setting.seed, visit.request().fields);
    handle(keep).is_some_and(|object| crate::store::replicas::selects(object, seed, fields))
}

/// Is the response that arrives one that this request selects?
pub fn suits(visit: &Visit, head: &FlightHead) -> bool {
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

//! What is larger than a fragment: how parts of it are fetched, and how it is stored.
//!
//! | what is asked for | what the origin is asked for | what is stored |
//! |---|---|---|
//! | all | all | fragments, each as it is complete; at the end the outline |
//! | a range of something unknown | the fragment that it begins in, or the last bytes | at the end the fragment, and then the outline |
//! | a fragment of an outline | what is missing of it | the fragment, whole |
//!
//! An *outline* is an object with a head, a length and a version but without a body. Fragments are
//! objects with keys of their own, made from the outline's version: they are found through it only,
//! so a purge, a replacement or an eviction of the outline ends them all at once, and parts of two
//! versions never meet (docs/decisions/0012).

use super::content::Aside;
use super::fetch::{self, Arrived, Fetch, Held};
use super::{home, keeping};
use crate::shard::{RouteFacts, Shard};
use crate::siblings::letter::{HeadSeen, Keepsake};
use crate::store::flight::{self, Scope, Want};
use crate::store::object::{parse_stored, Notes, Parts, ToDisk, Version};
use crate::store::replicas::selects;
use crate::store::{End, FlightHead, Object, Opening, Piece};
use ringside_engine::cache::part::push_content_range;
use ringside_engine::cache::{self, Extent, Facts};
use ringside_engine::fault::Fault;
use ringside_engine::http::{encode, framing, Length, Name, Response, ResponseHead};
use ringside_engine::key::Key;
use ringside_engine::limits::FRAGMENT_BYTES;
use ringside_engine::outcome::{NotStored, Reason};
use ringside_engine::purge::Verdict;
use std::ops::Range;
use std::sync::Arc;

/// Content on its way into fragments.
pub struct Slices<'a> {
    shard: &'a Shard,
    key: Key,
    version: Version,
    facts: Facts,
    /// What brings its fragments to disk.
    to_disk: ToDisk,
    /// Validators of the whole, for the heads of its fragments.
    validators: Vec<u8>,
    whole: u64,
    /// Where the fragment begins that is being filled.
    at: u64,
    bytes: u64,
    pieces: Vec<Piece>,
}

impl<'a> Slices<'a> {
    /// Fragments of a new version of what `key` names, which has `whole` bytes.
    pub fn new(
        shard: &'a Shard,
        key: Key,
        head: &FlightHead,
        whole: u64,
        route: &RouteFacts,
    ) -> Slices<'a> {
        Slices {
            to_disk: route.for_length(head.to_disk, whole),
            shard,
            key,
            version: shard.version(key),
            facts: head.facts,
            validators: validators(&head.head),
            whole,
            at: 0,
            bytes: 0,
            pieces: Vec::new(),
        }
    }

    /// Adds content, no piece of which lies in two fragments.
    pub fn put(&mut self, piece: &Piece) {
        self.bytes += piece.len() as u64;
        self.pieces.push(piece.clone());
        if self.bytes >= FRAGMENT_BYTES {
            self.flush();
        }
    }

    /// Nothing of the content is missing any more.
    pub fn is_whole(&self) -> bool {
        self.at + self.bytes >= self.whole
    }

    /// Stores the last fragment. Returns how long the whole is, and its version.
    pub fn finish(mut self) -> (u64, Version) {
        self.flush();
        (self.at, self.version)
    }

    fn flush(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let extent = Extent {
            first: self.at,
            end: self.at + self.bytes,
            whole: self.whole,
        };
        let body = std::mem::take(&mut self.pieces);
        let text = (self.validators.as_slice(), self.facts);
        let name = (self.key, self.version);
        bring(self.shard, name, text, &extent, body, self.to_disk);
        self.at = extent.end;
        self.bytes = 0;
    }
}

/// The fields of a head by which the parts of one version are known.
fn validators(head: &[u8]) -> Vec<u8> {
    let mut parsed = ResponseHead::default();
    let mut out = Vec::new();
    if let Some(response) = parse_stored(head, &mut parsed) {
        for field in response.fields.iter() {
            if matches!(field.id, Name::ETag | Name::LastModified | Name::Date) {
                encode::push_field(&mut out, field.name, field.value);
            }
        }
    }
    out
}

/// A fragment's own head: where it lies, and what it is a part of.
fn fragment_head(validators: &[u8], extent: &Extent) -> Vec<u8> {
    let mut head = Vec::with_capacity(validators.len() + 96);
    encode::push_status_line(&mut head, 206, b"");
    push_content_range(&mut head, &extent.span(), extent.whole);
    head.extend_from_slice(validators);
    head
}

/// Hands a fragment to its home.
fn bring(
    shard: &Shard,
    (key, version): (Key, Version),
    (validators, facts): (&[u8], Facts),
    extent: &Extent,
    body: Vec<Piece>,
    to_disk: ToDisk,
) {
    let start = cache::window(extent.first, Some(extent.whole)).start;
    keeping::bring(
        shard,
        Keepsake {
            key: version.fragment(shard.setting.seed, key, start),
            facts,
            to_disk,
            head: fragment_head(validators, extent),
            variant: 0,
            vary: Vec::new(),
            groups: Vec::new(),
            body,
            outline: None,
            variants_max: 1,
            begun_us: None,
        },
    );
}

/// A part of something of which nothing was stored has arrived.
pub async fn discovered(
    fetch: Fetch,
    route: &RouteFacts,
    mut arrived: Arrived,
) -> Result<(), Fault> {
    let (shard, flight) = (&fetch.shard, &fetch.flight);
    let (request, response) = (fetch.asked.request(), arrived.view());
    let length = framing::response(request.method, &response);
    let extent = match &length {
        Ok(Length::Exact(bytes)) => Extent::of(&response, Some(*bytes)),
        Ok(_) => Extent::of(&response, None),
        Err(_) => None,
    };
    let expected = |extent: &Extent| match flight.scope() {
        Scope::Window(window) => extent.first == window.start && extent.end <= window.end,
        _ => true,
    };
    let (Ok(length), Some(extent)) = (length, extent.filter(expected)) else {
        return give_up(fetch, route, arrived, None);
    };
    let storing = cache::storable_part(&request, &response, &route.policy)
        .and_then(|()| fetch::fits(&fetch, route, &response, None));
    if let Err(why) = storing {
        return give_up(fetch, route, arrived, Some(why));
    }
    // Parts that do not prove of which version they are can't be put together, ever.
    if extent.whole > FRAGMENT_BYTES && !cache::same_entity(&response, &response) {
        return give_up(fetch, route, arrived, None);
    }
    let keeps =
        framing::keeps_alive(response.version, response.fields) && length != Length::UntilClose;
    arrived
        .connection
        .stream
        .no_deadline(crate::rt::When::Write);
    let mut head = fetch::flight_head(&fetch, route, &arrived, length);
    let Some(text) = as_whole(&head.head) else {
        return give_up(fetch, route, arrived, None);
    };
    // Whoever asked for just this gets what the origin made of it.
    if let Scope::Suffix(_) = flight.scope() {
        head.verbatim = Some(head.own_head.take().unwrap_or_else(|| head.head.clone()));
    }
    head.own_head = head.own_head.as_deref().and_then(as_whole);
    head.head = text;
    // What holds for the whole holds for its parts: heuristics know no 206.
    let whole = Response {
        status: 200,
        ..arrived.view()
    };
    let times = arrived.times(shard, fetch.asked.key);
    head.facts = Facts::of(&request, &whole, &route.policy, &times);
    head.stored = true;
    let outline = match extent.is_whole() && extent.whole <= FRAGMENT_BYTES {
        true => None,
        false => match outline(&fetch, &head, extent.whole) {
            Some(outline) => Some(outline),
            None => return give_up(fetch, route, arrived, Some(NotStored::NoMemory)),
        },
    };
    head.status = if outline.is_some() { 206 } else { 200 };
    head.length = Some(extent.end - extent.first);
    head.part = outline
        .clone()
        .map(|outline| flight::Part { outline, extent });
    if outline.is_none() {
        flight.widen();
    }
    let head_bytes = arrived.head.len();
    arrived.buffer.consume(head_bytes);
    let head = Arc::new(head);
    flight.open(Opening::Head(head.clone()), false);
    let mut aside = match shard.disk {
        Some(_) => Aside::End(extent.end - extent.first, None),
        None => Aside::None,
    };
    let moved = fetch::receive(&fetch, route, &mut arrived, length, &mut aside).await;
    let body = aside.body(flight);
    let complete = moved.and_then(|trailers| {
        let bytes: u64 = body.iter().map(|piece| piece.len() as u64).sum();
        let whole = bytes == extent.end - extent.first || !flight.may_store();
        whole
            .then_some(trailers)
            .ok_or(Fault::origin(502, "the part is not as long as it says"))
    });
    let trailers = match complete {
        Ok(trailers) => trailers,
        Err(fault) => {
            aside.let_go(flight);
            shard.counters.not_stored(NotStored::Incomplete);
            fetch::release(&fetch, route, arrived, false);
            return Err(fault);
        }
    };
    store_discovered(&fetch, route, &head, outline.as_ref(), &extent, body).await;
    aside.let_go(flight);
    home::unlist(shard, flight);
    flight.end(End::Complete(trailers));
    fetch::release(&fetch, route, arrived, keeps);
    Ok(())
}

async fn store_discovered(
    fetch: &Fetch,
    route: &RouteFacts,
    head: &FlightHead,
    outline: Option<&Arc<Object>>,
    extent: &Extent,
    body: Vec<Piece>,
) {
    let (shard, flight) = (&fetch.shard, &fetch.flight);
    if !flight.may_store() {
        shard.counters.not_stored(flight.why_not_stored());
        return;
    }
    let key = fetch.asked.key;
    fetch::make_way(fetch, key, head).await;
    if !flight.may_store() {
        shard.counters.not_stored(flight.why_not_stored());
        return;
    }
    let Some(outline) = outline else {
        let mut sent = fetch::keepsake(route, key, head, body, None);
        encode::push_length(&mut sent.head, extent.whole);
        keeping::bring(shard, sent);
        return;
    };
    // The last bytes may begin in one fragment and end in another: then they were for the readers.
    let within = cache::window(extent.first, Some(extent.whole));
    if let (Some(version), true) = (outline.version(), extent.end <= within.end) {
        let text = (validators(&head.head), head.facts);
        let to_disk = outline.to_disk();
        bring(
            shard,
            (key, version),
            (&text.0, text.1),
            extent,
            body,
            to_disk,
        );
        let home = version.fragment(shard.setting.seed, key, within.start);
        keeping::arrived(shard, shard.home(home)).await;
        if !flight.may_store() {
            return;
        }
    }
    // Now that it leads to something it may be found: earlier, whoever did would ask for a fragment
    // that nobody has yet.
    let mut memory = shard.memory.borrow_mut();
    if !memory.variants(key).any(|held| Arc::ptr_eq(held, outline)) {
        memory.put(outline.clone(), route.policy.variants_max);
        shard.counters.stored.add(1);
        shard.unmark(key);
    }
    drop(memory);
    shard.bury_dead();
}

/// The head of a part, as the whole would have it.
fn as_whole(head: &[u8]) -> Option<Vec<u8>> {
    let mut parsed = ResponseHead::default();
    let part = parse_stored(head, &mut parsed)?;
    let mut out = Vec::with_capacity(head.len());
    cache::whole_head(&part, &mut out);
    Some(out)
}

/// The outline of what a part belongs to: the one that another fetch has made of the same version,
/// or a new one. It is not stored yet.
fn outline(fetch: &Fetch, head: &FlightHead, whole: u64) -> Option<Arc<Object>> {
    let (shard, key) = (&fetch.shard, fetch.asked.key);
    let mut text = head.head.clone();
    encode::push_length(&mut text, whole);
    if let Some(known) = known_outline(fetch, &text, whole) {
        return Some(known);
    }
    let parts = Parts {
        key,
        facts: head.facts,
        head: &text,
        notes: head.notes(),
        body: &[],
        to_disk: head.to_disk,
    };
    let version = shard.version(key);
    let object = shard
        .memory
        .borrow_mut()
        .make_outline(&parts, whole, version);
    shard.bury_dead();
    object
}

/// An outline of the same version, stored or about to be.
fn known_outline(fetch: &Fetch, text: &[u8], whole: u64) -> Option<Arc<Object>> {
    let (shard, key) = (&fetch.shard, fetch.asked.key);
    let (seed, fields) = (shard.setting.seed, fetch.asked.request().fields);
    let mut parsed = ResponseHead::default();
    let new = parse_stored(text, &mut parsed)?;
    let same = |outline: &Arc<Object>| {
        let mut parsed = ResponseHead::default();
        let held = outline.response(&mut parsed);
        outline.is_live()
            && home::verdict(shard, outline, &fetch.asked) == Verdict::Valid
            && outline.version().is_some()
            && outline.body_bytes() == whole
            && selects(outline, seed, fields)
            && held.is_some_and(|held| cache::same_entity(&held, &new))
    };
    let stored = shard
        .memory
        .borrow()
        .variants(key)
        .find(|held| same(held))
        .cloned();
    stored.or_else(|| {
        let flights = shard.flights.borrow();
        let others = flights
            .get(&key)?
            .iter()
            .filter_map(|flight| flight.outline());
        let mut others = others.filter(|outline| same(outline));
        others.next()
    })
}

/// What arrives can't be shared, or is not what was asked for. We asked for another range than the
/// clients did, so it is of no use to any of them: they ask for themselves.
fn give_up(
    fetch: Fetch,
    route: &RouteFacts,
    arrived: Arrived,
    why: Option<NotStored>,
) -> Result<(), Fault> {
    match why {
        Some(why) => fetch::settle_unstored(&fetch, why, 206),
        None => fetch
            .shard
            .mark(home::of_ranges(fetch.asked.key), crate::rt::now()),
    }
    home::unlist(&fetch.shard, &fetch.flight);
    fetch::release(&fetch, route, arrived, false);
    fetch.flight.close_to_others();
    fetch.flight.open(Opening::Go(Reason::HitForMiss), false);
    Ok(())
}

/// What to ask the origin for so that a fragment is there, given what is held of it.
pub fn asked_for(held: &Held, window: &Range<u64>) -> Range<u64> {
    match held.objects.first().and_then(|object| object.extent()) {
        Some(extent) => cache::missing(&extent, window),
        None => window.clone(),
    }
}

/// A fragment of an outline has arrived, or what was missing of it.
pub async fn fragment(
    mut fetch: Fetch,
    route: &RouteFacts,
    mut arrived: Arrived,
) -> Result<(), Fault> {
    let Want::Fragment {
        outline, window, ..
    } = fetch.asked.want.clone()
    else {
        return Err(Fault::machine(500, "it is no fragment"));
    };
    if arrived.view().status == 200 {
        // All of it, in whatever version: an answer to what the readers wanted in the end.
        home::outdate(&fetch.shard, &outline);
        fetch.flight.widen();
        fetch.held = Held::default();
        fetch.asked.key = outline.key();
        fetch.asked.want = Want::Whole;
        return fetch::respond(fetch, route, arrived).await;
    }
    let (shard, flight) = (&fetch.shard, &fetch.flight);
    let response = arrived.view();
    let asked_for = asked_for(&fetch.held, &window);
    let held = match asked_for == window {
        true => None,
        false => fetch.held.objects.first().cloned(),
    };
    let length = framing::response(fetch.asked.request().method, &response).ok();
    let extent = length.and_then(|length| match length {
        Length::Exact(bytes) => Extent::of(&response, Some(bytes)),
        _ => Extent::of(&response, None),
    });
    let fits = |extent: &Extent| {
        extent.span() == asked_for
            && extent.whole == outline.body_bytes()
            && agrees(&outline, &response)
    };
    let (Some(length), Some(extent)) = (length, extent.filter(fits)) else {
        return changed(fetch, route, arrived, &outline, held);
    };
    // What came for credentials, or is marked as one client's, is not for those who come next,
    // although the rest of it was (RFC 9111, 3.5 and 5.2.2.7).
    let storing = cache::storable_part(&fetch.asked.request(), &response, &route.policy);
    if let Err(why) = storing {
        shard.counters.not_stored(why);
        flight.give_up_storing(why);
    }
    let private = storing.is_err();
    if private && held.is_some() {
        fetch::release(&fetch, route, arrived, false);
        home::unlist(shard, flight);
        flight.open(Opening::Go(Reason::HitForMiss), false);
        return Ok(());
    }
    let keeps =
        framing::keeps_alive(response.version, response.fields) && length != Length::UntilClose;
    arrived
        .connection
        .stream
        .no_deadline(crate::rt::When::Write);
    let times = arrived.times(shard, outline.key());
    let age = response.fields.get(Name::Age).map(<[u8]>::to_vec);
    let mut head = fetch::flight_head(&fetch, route, &arrived, length);
    head.length = Some(extent.end - extent.first);
    head.stored = !private;
    let text = (validators(&head.head), head.facts);
    let part = flight::Part {
        outline: outline.clone(),
        extent,
    };
    head.part = Some(part);
    let head_bytes = arrived.head.len();
    arrived.buffer.consume(head_bytes);
    // What is put together has the fields of its newest part (RFC 9111, 3.4).
    let seen = held.as_ref().and_then(|_| {
        let mut asked = fetch.asked.clone();
        asked.key = outline.key();
        let mut text = as_whole(&head.head)?;
        if let Some(age) = &age {
            encode::push_field(&mut text, b"Age", age);
        }
        encode::push_length(&mut text, outline.body_bytes());
        Some(HeadSeen {
            asked,
            head: text,
            times,
        })
    });
    if held.is_none() {
        flight.open(Opening::Head(Arc::new(head)), private);
    }
    let moved = fetch::receive(&fetch, route, &mut arrived, length, &mut Aside::None).await;
    let trailers = match moved {
        Ok(trailers) => trailers,
        Err(fault) => {
            fetch::release(&fetch, route, arrived, false);
            return Err(fault);
        }
    };
    let may_store = flight.may_store();
    let bytes: u64 = flight.body().iter().map(|piece| piece.len() as u64).sum();
    let whole = bytes == extent.end - extent.first;
    if may_store && !whole {
        // Chunks and closed connections tell nothing of a length: what is put together with this
        // would not lie where it belongs.
        fetch::release(&fetch, route, arrived, false);
        return Err(Fault::origin(502, "the part is not as long as it says"));
    }
    // Where a purge came meanwhile, those who wait for both parts get them still.
    let done = match whole && (may_store || held.is_some()) {
        true => complete(&fetch, held.as_ref(), &text, &extent, may_store),
        false => None,
    };
    if let (Some(_), Some(seen), true) = (&done, seen, may_store) {
        home::tell_head(shard, seen).await;
    }
    home::unlist(shard, flight);
    fetch::release(&fetch, route, arrived, keeps);
    match (held, done) {
        (None, _) => flight.end(End::Complete(trailers)),
        (Some(_), Some(object)) => flight.open(Opening::Object(object), false),
        (Some(_), None) => {
            return Err(Fault::machine(503, "no memory for a part of the response"));
        }
    }
    Ok(())
}

/// Is this part of the version that we hold? Put behind that version's head, or together with bytes
/// that are here already, it must prove it by a strong validator (RFC 9111, 3.4).
fn agrees(outline: &Object, response: &Response<'_>) -> bool {
    let mut head = ResponseHead::default();
    let whole = outline.response(&mut head);
    whole.is_some_and(|whole| cache::same_entity(&whole, response))
}

/// Makes an object of the fragment that is complete now, and stores it if it may be.
fn complete(
    fetch: &Fetch,
    held: Option<&Arc<Object>>,
    (validators, facts): &(Vec<u8>, Facts),
    extent: &Extent,
    may_store: bool,
) -> Option<Arc<Object>> {
    let shard = &fetch.shard;
    let mut extent = *extent;
    let mut body = fetch.flight.body();
    if let Some(held) = held {
        let there = held.extent()?;
        let pieces = pieces_of(shard, held)?;
        if there.first < extent.first {
            body.splice(0..0, pieces);
        } else {
            body.extend(pieces);
        }
        extent.first = extent.first.min(there.first);
        extent.end = extent.end.max(there.end);
    }
    let head = fragment_head(validators, &extent);
    let to_disk = match &fetch.asked.want {
        Want::Fragment { outline, .. } => outline.to_disk(),
        _ => ToDisk::NEVER,
    };
    let parts = Parts {
        key: fetch.asked.key,
        facts: *facts,
        head: &head,
        notes: Notes::default(),
        body: &body,
        to_disk,
    };
    let mut memory = shard.memory.borrow_mut();
    let object = memory.make(&parts);
    if let (Some(object), true) = (&object, may_store) {
        memory.put(object.clone(), 1);
        shard.counters.stored.add(1);
    }
    drop(memory);
    shard.bury_dead();
    object
}

/// The body of an object as pieces; `None` where it lies in a file, or there is no memory.
fn pieces_of(shard: &Shard, object: &Object) -> Option<Vec<Piece>> {
    if object.file().is_some() {
        return None;
    }
    if !object.pieces().is_empty() {
        return Some(object.pieces().to_vec());
    }
    let body = object.small_body();
    let mut filling = shard.memory.borrow_mut().filling(body.len())?;
    filling.copy(body);
    Some(filling.cut().into_iter().collect())
}

/// The origin has another version, or gives no parts of this one. What is held of it does not hold
/// any more; readers begin anew.
fn changed(
    fetch: Fetch,
    route: &RouteFacts,
    arrived: Arrived,
    outline: &Arc<Object>,
    held: Option<Arc<Object>>,
) -> Result<(), Fault> {
    let shard = &fetch.shard;
    let error = cache::is_error(arrived.view().status);
    fetch::release(&fetch, route, arrived, false);
    if error {
        return Err(Fault::origin(502, "the origin failed to send a part"));
    }
    if let Some(held) = held {
        shard.memory.borrow_mut().remove(&held);
    }
    home::outdate(shard, outline);
    home::unlist(shard, &fetch.flight);
    fetch.flight.close_to_others();
    fetch.flight.open(Opening::Go(Reason::PartMissing), false);
    shard.bury_dead();
    Ok(())
}

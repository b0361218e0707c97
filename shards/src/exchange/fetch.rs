//! The third step: one fetch from an origin, as a task of its own that fills a flight.
//!
//! | phase | what can go wrong | then |
//! |---|---|---|
//! | connect | nobody answers | the next address, the next server, then the fault |
//! | send | a kept connection was closed meanwhile | another try when that is safe |
//! | head | silence, nonsense, an early end | another try when that is safe, else 502 or 504 |
//! | content | an early end, silence, no memory | the readers' content is broken off; nothing stored |
//! | end | | stored if it may be; the connection is kept if both sides can |

use super::aftermath::Aftermath;
use super::content::{self, Aside, Content};
use super::intent::{with_path, HostText};
use super::part::{self, Slices};
use super::source::Source;
use super::upload::Upload;
use super::{home, keeping, search, Visit};
use crate::origin::Connection;
use crate::rt::{self, Buffer, When};
use crate::shard::{RouteFacts, Shard};
use crate::siblings::letter::Keepsake;
use crate::siblings::{Asked, Letter};
use crate::store::flight::{Scope, Want};
use crate::store::object::{parse_stored, Notes, ToDisk};
use crate::store::replicas::takes_place_of;
use crate::store::{End, Flight, FlightHead, Object, Opening, Piece};
use ringside_engine::cache::{self, vary, Facts, SetCookie, Times};
use ringside_engine::fault::Fault;
use ringside_engine::http::{
    encode, framing, Answer, Field, Forward, Length, Method, Name, Parse, Request, Response,
    ResponseHead,
};
use ringside_engine::key::Key;
use ringside_engine::limits::{self, FRAGMENT_BYTES};
use ringside_engine::origin::{may_retry, Sent};
use ringside_engine::outcome::{NotStored, Reason};
use ringside_engine::purge::groups;
use ringside_engine::store::disk::{variant_bits, KillForce};
use ringside_engine::time::Mono;
use std::borrow::Cow;
use std::cell::RefCell;
use std::future::IntoFuture;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A response waits so long at most until a disk has noted what it replaces.
const NOTED_PATIENCE: Duration = Duration::from_secs(5);
/// Interim responses accepted before the final one.
const INTERIM_MAX: u32 = 16;

/// Where the fetch leaves its connection when the origin switches protocols.
#[derive(Default)]
pub struct Tunnel(RefCell<Option<(Connection, Buffer)>>);

impl Tunnel {
    /// The connection and what has arrived on it.
    pub fn take(&self) -> Option<(Connection, Buffer)> {
        self.0.borrow_mut().take()
    }
}

/// What is stored and may turn out to be still good.
#[derive(Clone, Default)]
pub struct Held {
    /// Objects to be validated. For a fragment: the part of it that is there.
    pub objects: Vec<Arc<Object>>,
    /// The first is what the request selects; the others are variants of it.
    pub selected: bool,
}

impl Held {
    /// What the request selects.
    fn own(&self) -> Option<&Arc<Object>> {
        self.objects.first().filter(|_| self.selected)
    }
}

/// A fetch that others may join, for this home's key. `held` is to be validated, or completed.
pub fn shared(shard: &Rc<Shard>, flight: Rc<Flight>, asked: Box<Asked>, held: Held) {
    start(Fetch {
        shard: shard.clone(),
        flight,
        asked,
        held,
        pass: None,
        upload: None,
        tunnel: None,
    });
}

/// A fetch for this visit only.
pub fn alone(
    visit: &Visit,
    reason: Reason,
    upload: Option<Rc<Upload>>,
    tunnel: Rc<Tunnel>,
) -> Source {
    let flight = Flight::new(visit.intent.key, false, Scope::Whole);
    let id = flight.join(None);
    start(Fetch {
        shard: visit.shard.clone(),
        flight: flight.clone(),
        asked: visit.asked(&visit.question()),
        held: Held::default(),
        pass: Some(reason),
        upload,
        tunnel: (reason == Reason::Upgrade).then_some(tunnel),
    });
    Source::here(flight, id)
}

/// A fetch under way.
pub struct Fetch {
    /// The shard that fetches.
    pub shard: Rc<Shard>,
    /// Whoever reads it.
    pub flight: Rc<Flight>,
    /// The request.
    pub asked: Box<Asked>,
    /// What is stored.
    pub held: Held,
    /// Not for the cache, and why.
    pub pass: Option<Reason>,
    upload: Option<Rc<Upload>>,
    tunnel: Option<Rc<Tunnel>>,
}

/// A response head that has arrived, and the connection it came on.
pub struct Arrived {
    /// The connection.
    pub connection: Connection,
    /// The head's bytes, and what came behind them.
    pub buffer: Buffer,
    /// The head.
    pub head: ResponseHead,
    requested: Mono,
    requested_us: u64,
    received: Mono,
}

fn start(fetch: Fetch) {
    let shard = fetch.shard.clone();
    shard.counters.flights.add(1);
    let open = &shard.counters.flights_open;
    open.set(open.read() + 1);
    let (flight, after) = (fetch.flight.clone(), shard.clone());
    rt::spawn(
        async move {
            let flight = fetch.flight.clone();
            let shard = fetch.shard.clone();
            let stale = match fetch.asked.want {
                Want::Fragment { .. } => None,
                _ => fetch.held.own().cloned(),
            };
            if let Err(fault) = fly(fetch).await {
                shard.counters.fetch_faults.add(1);
                fail(&shard, &flight, fault, stale);
            }
            finish(&shard, &flight);
        },
        move || {
            after.counters.panics.add(1);
            let fault = Fault::machine(500, "the fetch ended by a fault of ours");
            fail(&after, &flight, fault, None);
            finish(&after, &flight);
        },
    );
}

/// Ends a flight that brought nothing, or not all. Where something stale is stored, each reader
/// is asked whether it may have that instead (RFC 9111, 4.2.4).
fn fail(shard: &Shard, flight: &Rc<Flight>, fault: Fault, stale: Option<Arc<Object>>) {
    home::unlist(shard, flight);
    match (flight.is_open(), stale) {
        (true, _) => flight.end(End::Broken(fault)),
        (false, Some(stale)) if stale.is_live() => {
            flight.open(Opening::Stale(stale, Some(fault)), false);
        }
        (false, _) => flight.open(Opening::Failed(fault), false),
    }
}

fn finish(shard: &Shard, flight: &Rc<Flight>) {
    home::unlist(shard, flight);
    let open = &shard.counters.flights_open;
    open.set(open.read().saturating_sub(1));
    shard.bury_dead();
}

async fn fly(mut fetch: Fetch) -> Result<(), Fault> {
    let shard = fetch.shard.clone();
    let setting = shard.setting.clone();
    let route = setting
        .route(fetch.asked.route)
        .ok_or_else(|| Fault::machine(500, "the route is gone"))?;
    let arrived = loop {
        let mut arrived = obtain(&mut fetch, route).await?;
        let fragment = matches!(fetch.asked.want, Want::Fragment { .. });
        if arrived.view().status != 304 || fetch.held.objects.is_empty() || fragment {
            break arrived;
        }
        let held = std::mem::take(&mut fetch.held);
        let response = arrived.view();
        let keeps = framing::keeps_alive(response.version, response.fields);
        let done = validated(&fetch, route, &held, &arrived);
        let head_bytes = arrived.head.len();
        arrived.buffer.consume(head_bytes);
        release(&fetch, route, arrived, keeps);
        if done {
            return Ok(());
        }
        // It confirms something else than we hold: ask again, without conditions.
    };
    let status = arrived.view().status;
    if status == 101 {
        return hand_over(&fetch, arrived);
    }
    if let (Want::Fragment { .. }, None) = (&fetch.asked.want, fetch.pass) {
        // In boxes, since every fetch would hold the room, and be moved with it.
        return Box::pin(part::fragment(fetch, route, arrived)).await;
    }
    if stale_is_better(&fetch, route, status) {
        let stale = fetch.held.own().cloned();
        release(&fetch, route, arrived, false);
        home::unlist(&shard, &fetch.flight);
        if let Some(stale) = stale {
            fetch.flight.open(Opening::Stale(stale, None), false);
        }
        return Ok(());
    }
    match (status, fetch.flight.scope()) {
        (_, Scope::Whole | Scope::Widened) => {}
        (206, _) => return Box::pin(part::discovered(fetch, route, arrived)).await,
        // The origin knows no ranges, or not for this.
        _ => fetch.flight.widen(),
    }
    respond(fetch, route, arrived).await
}

/// The origin answers with an error, and what is stored may be served instead (RFC 5861, 4): to
/// those whose request allows it, which each reader decides.
fn stale_is_better(fetch: &Fetch, route: &RouteFacts, status: u16) -> bool {
    let request = fetch.asked.request();
    fetch.pass.is_none()
        && cache::is_error(status)
        && fetch.held.own().is_some_and(|stale| {
            let now = rt::now();
            let facts = &stale.facts.soft_purged(now);
            let for_others = facts.age(now).saturating_sub(facts.lifetime) < facts.stale_error;
            let for_this = cache::in_place_of_error(&request, facts, &route.policy, now);
            stale.is_live() && (for_others || for_this)
        })
}

impl Arrived {
    /// The head.
    pub fn view(&self) -> Response<'_> {
        self.head.view(self.buffer.unread())
    }

    /// When it was asked for, in microseconds.
    pub fn requested_us(&self) -> u64 {
        self.requested_us
    }

    /// When it was asked for and when it came; `key` spreads what is to be spread.
    pub fn times(&self, shard: &Shard, key: Key) -> Times {
        Times {
            requested: self.requested,
            received: self.received,
            wall: shard.wall(),
            spread: (key.fold() % 1000) as u16,
        }
    }
}

/// Sends the request until a head comes back, on other connections where that is safe.
async fn obtain(fetch: &mut Fetch, route: &RouteFacts) -> Result<Arrived, Fault> {
    let pool = fetch.shard.pools.get(route.origin);
    let pool = pool.ok_or_else(|| Fault::machine(500, "the origin is gone"))?;
    let retries = pool.origin().retries;
    let mut attempt = 0;
    loop {
        let connection = pool.obtain(attempt > 0, &fetch.shard.counters).await?;
        let reused = connection.reused;
        match converse(fetch, route, connection).await {
            Ok(arrived) => return Ok(arrived),
            Err((fault, sent)) => {
                let method = fetch.asked.request().method;
                let begun = fetch
                    .upload
                    .as_ref()
                    .is_some_and(|upload| upload.has_started());
                // A kept connection that the origin closed costs no try of its own.
                let allowed = if reused { retries.max(1) } else { retries };
                if begun || !may_retry(method, sent, attempt, allowed) {
                    return Err(fault);
                }
                attempt += 1;
                fetch.shard.counters.retries.add(1);
            }
        }
    }
}

/// One request and the response's head on one connection.
async fn converse(
    fetch: &Fetch,
    route: &RouteFacts,
    connection: Connection,
) -> Result<Arrived, (Fault, Sent)> {
    let shard = &fetch.shard;
    let pool = &shard.pools[route.origin];
    let stream = connection.stream.clone();
    let requested_us = rt::now_us();
    let requested = Mono(requested_us / 1000);
    let text = compose(fetch, route);
    stream.deadline(When::Write, pool.first_byte_timeout(), requested);
    let sent_before = if connection.reused {
        Sent::HeadOnReusedConnection
    } else {
        Sent::Head
    };
    let (result, _) = stream.write_all(text).await;
    if result.is_err() {
        return Err((
            Fault::origin(502, "the origin closed while it was asked"),
            sent_before,
        ));
    }
    if let Some(upload) = &fetch.upload {
        let patience = shard.setting.limits().body;
        upload.start(stream.clone(), patience, pool.first_byte_timeout());
    }
    let mut arrived = Arrived {
        connection,
        buffer: shard.take_buffer().ok_or((
            Fault::machine(503, "no memory to read the response"),
            Sent::ResponseBegun,
        ))?,
        head: ResponseHead::default(),
        requested,
        requested_us,
        received: requested,
    };
    let result = read_final_head(fetch, &mut arrived, pool.first_byte_timeout(), sent_before).await;
    match result {
        Ok(()) => Ok(arrived),
        Err(error) => {
            shard.give_buffer(arrived.buffer);
            // A client's fault in the content explains the origin's early end.
            let client = fetch.upload.as_ref().and_then(|upload| upload.fault());
            Err(client.map_or(error, |fault| (fault, Sent::PartOfBody)))
        }
    }
}

fn compose(fetch: &Fetch, route: &RouteFacts) -> Vec<u8> {
    let (shard, asked) = (&fetch.shard, &fetch.asked);
    let proxy = &shard.setting.plan.proxy;
    let pool = &shard.pools[route.origin];
    let mut conditions = Vec::new();
    push_conditions(fetch, &mut conditions);
    let server = pool.origin().servers.first();
    let own_host = server
        .map(|server| server.host.as_bytes())
        .unwrap_or_default();
    let shared = fetch.pass.is_none();
    let forward = Forward {
        via_name: proxy.via.then_some(proxy.name.as_str()),
        forwarded: proxy.forwarded,
        client_ip: asked.client,
        scheme: "http",
        host: if asked.host().is_empty() {
            own_host
        } else {
            asked.host()
        },
        close: !pool.origin().keep_alive,
        length: match (&fetch.upload, &asked.content) {
            (Some(upload), _) => upload.length(),
            (None, Some(content)) => Length::Exact(content.len() as u64),
            (None, None) => Length::None,
        },
        extra: &conditions,
        drop_conditionals: shared,
        drop_range: shared,
        upgrade: fetch.tunnel.is_some(),
    };
    let mut out = Vec::with_capacity(asked.bytes.len() + 256);
    encode::request_head(&mut out, &asked.request(), &origin_target(asked), &forward);
    out.extend_from_slice(asked.content.as_deref().unwrap_or_default());
    out
}

/// The fields that ask for less than all: whether what is stored still holds, or a part.
fn push_conditions(fetch: &Fetch, out: &mut Vec<u8>) {
    if fetch.pass.is_some() {
        return;
    }
    match (&fetch.asked.want, fetch.flight.scope()) {
        (
            Want::Fragment {
                outline, window, ..
            },
            _,
        ) => {
            let asked_for = part::asked_for(&fetch.held, window);
            cache::push_range(out, &asked_for, Some(outline.body_bytes()));
        }
        (_, Scope::Window(window)) => cache::push_range(out, &window, None),
        (_, Scope::Suffix(bytes)) => {
            out.extend_from_slice(b"Range: bytes=-");
            encode::push_decimal(out, bytes);
            out.extend_from_slice(b"\r\n");
        }
        (_, Scope::Whole | Scope::Widened) => {
            let objects = &fetch.held.objects;
            let mut heads: Vec<ResponseHead> = Vec::new();
            heads.resize_with(objects.len(), ResponseHead::default);
            let held: Vec<_> = objects
                .iter()
                .zip(&mut heads)
                .filter_map(|(object, head)| parse_stored(object.head(), head))
                .collect();
            cache::conditionals_of(&held, out);
        }
    }
}

/// Path and query for the origin; an absolute target may have had a query without a path.
fn origin_target(asked: &Asked) -> Cow<'_, [u8]> {
    match asked.path_and_query() {
        [] => Cow::Borrowed(b""),
        target => with_path(target),
    }
}

/// Reads heads until the final one, passing interim ones on.
async fn read_final_head(
    fetch: &Fetch,
    arrived: &mut Arrived,
    patience: std::time::Duration,
    sent: Sent,
) -> Result<(), (Fault, Sent)> {
    for _ in 0..INTERIM_MAX {
        read_head(fetch, arrived, patience, sent).await?;
        let response = arrived.view();
        match response.status {
            101 if fetch.tunnel.is_some() => return Ok(()),
            101 => {
                let what = "the origin switched protocols without being asked";
                return Err((Fault::origin(502, what), Sent::ResponseBegun));
            }
            100..=199 => {
                let mut head = Vec::new();
                let options = Answer {
                    via_name: None,
                    drop_age: false,
                    now: None,
                };
                encode::response_head(&mut head, &response, &options);
                head.extend_from_slice(b"\r\n");
                fetch.flight.interim(head.into());
                let len = arrived.head.len();
                arrived.buffer.consume(len);
            }
            _ => return Ok(()),
        }
    }
    Err((
        Fault::origin(502, "the origin sent too many interim responses"),
        Sent::ResponseBegun,
    ))
}

async fn read_head(
    fetch: &Fetch,
    arrived: &mut Arrived,
    patience: std::time::Duration,
    sent: Sent,
) -> Result<(), (Fault, Sent)> {
    let shard = &fetch.shard;
    let limits = &shard.setting.head_limits;
    let stream = arrived.connection.stream.clone();
    let mut begun = sent;
    loop {
        if !arrived.buffer.is_empty() {
            begun = Sent::ResponseBegun;
            match arrived.head.parse(arrived.buffer.unread(), limits) {
                Ok(Parse::Complete) => {
                    arrived.received = rt::now();
                    return Ok(());
                }
                Ok(Parse::Partial) => {}
                Err(fault) => return Err((Fault::origin(502, fault.what()), begun)),
            }
        }
        if arrived.buffer.room() == 0 {
            let most = limits.head_bytes + 4096;
            if arrived.buffer.unread().len() >= most
                || !shard.grow_buffer(&mut arrived.buffer, most)
            {
                return Err((Fault::origin(502, "the response head is too large"), begun));
            }
        }
        stream.deadline(When::Write, patience, rt::now());
        let buffer = std::mem::take(&mut arrived.buffer);
        let (result, buffer) = stream.read(buffer).await;
        arrived.buffer = buffer;
        match result {
            Ok(n) if n > 0 => {}
            _ if stream.expired() => {
                let fault = Fault::origin(504, "the origin did not answer in time");
                return Err((fault, Sent::ResponseBegun));
            }
            _ => {
                return Err((
                    Fault::origin(502, "the origin closed without an answer"),
                    begun,
                ))
            }
        }
    }
}

/// The origin confirmed what we hold (RFC 9111, 4.3.4). `false`: the 304 is about something else.
fn validated(fetch: &Fetch, route: &RouteFacts, held: &Held, arrived: &Arrived) -> bool {
    let shard = &fetch.shard;
    let news = arrived.view();
    let mut heads: Vec<ResponseHead> = Vec::new();
    heads.resize_with(held.objects.len(), ResponseHead::default);
    let mut responses = Vec::with_capacity(heads.len());
    for (object, head) in held.objects.iter().zip(&mut heads) {
        let Some(response) = parse_stored(object.head(), head) else {
            return false;
        };
        responses.push(response);
    }
    let Some(at) = cache::selected(&responses, &news) else {
        return false;
    };
    let Some(stale) = held.objects.get(at) else {
        return false;
    };
    // Another variant than the request's own: it stays, and answers this request as well.
    let own = at == 0 && held.selected;
    let times = arrived.times(shard, fetch.asked.key);
    home::unlist(shard, &fetch.flight);
    let may_store = fetch.flight.may_store();
    let (object, storable) = freshen(
        shard,
        &fetch.asked,
        route,
        stale,
        &news,
        &times,
        own && may_store,
    );
    // Without memory for a new head it is the stored object itself.
    let is_new = !Arc::ptr_eq(&object, stale);
    if may_store && storable && !own && is_new {
        let mut memory = shard.memory.borrow_mut();
        memory.put_freshened(object.clone(), stale, route.policy.variants_max);
    } else if own && !(may_store && storable) {
        // A purge came meanwhile, or it may not be stored any more: for the readers only.
        shard.memory.borrow_mut().remove(stale);
    }
    if is_new && !(may_store && storable) {
        object.kill();
    }
    // What the 304 made private is for the one whose request it answers.
    fetch.flight.open(Opening::Object(object), !storable);
    shard.bury_dead();
    true
}

/// The stored object with the head that `news` gives it, and whether that may be stored; with
/// `put` it is, in its place, if it may.
pub fn freshen(
    shard: &Shard,
    asked: &Asked,
    route: &RouteFacts,
    stale: &Arc<Object>,
    news: &Response<'_>,
    times: &Times,
    put: bool,
) -> (Arc<Object>, bool) {
    // What a HEAD says is said of the answer to GET.
    let method = Method::Get;
    let request = Request {
        method,
        ..asked.request()
    };
    let mut old_head = ResponseHead::default();
    let Some(old) = parse_stored(stale.head(), &mut old_head) else {
        return (stale.clone(), false);
    };
    let mut head = Vec::with_capacity(stale.head().len() + 64);
    cache::freshen(&old, news, &route.policy, &mut head);
    if !news.fields.has(Name::Date) {
        // What a 304 without Date freshened was confirmed now (RFC 9110, 6.6.1).
        encode::push_date(&mut head, shard.wall());
    }
    let mut new_head = ResponseHead::default();
    let Some(fresh) = parse_stored(&head, &mut new_head) else {
        return (stale.clone(), false);
    };
    let facts = Facts::validated(&request, &fresh, news, &route.policy, times);
    let (names, variant) = variant_of(shard, route, &fresh, &request);
    let mut groups = Vec::new();
    let grouped = groups_of(shard, route, asked, &fresh, &mut groups);
    let storable = cache::storable(&request, &fresh, &route.policy).is_ok() && grouped;
    let notes = Notes {
        variant,
        vary: &names,
        groups: &groups,
    };
    let Some(object) = stale.freshened(&head, notes, facts) else {
        return (stale.clone(), storable);
    };
    if put && storable {
        let mut memory = shard.memory.borrow_mut();
        if !takes_place_of(&object, stale) {
            memory.remove(stale);
        }
        memory.put_freshened(object.clone(), stale, route.policy.variants_max);
    }
    (object, storable)
}

/// The groups of a response; `false`: it is in more than can be kept.
pub fn groups_of(
    shard: &Shard,
    route: &RouteFacts,
    asked: &Asked,
    response: &Response<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let (seed, tags) = (shard.setting.seed, &shard.setting.tags);
    let host = HostText::of(asked.host());
    groups::read(seed, route.site, host.as_ref(), response.fields, tags, out).is_ok()
}

/// It has a field that no one here knows, as those of groups and tags are.
fn may_be_grouped(shard: &Shard, response: &Response<'_>) -> bool {
    let named = |field: Field<'_>| {
        field.id == Name::Other || shard.setting.tags.iter().any(|tag| is_name(&field, tag))
    };
    response.fields.iter().any(named)
}

fn is_name(field: &Field<'_>, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name.as_bytes())
}

/// The names in Vary in normal form, and the hash of the request's fields of those names.
pub fn variant_of(
    shard: &Shard,
    route: &RouteFacts,
    response: &Response<'_>,
    request: &Request<'_>,
) -> (Vec<u8>, u64) {
    let mut names = Vec::new();
    let language = route.policy.language;
    vary::normal_names(response.fields, request.fields, language, &mut names);
    if names.is_empty() {
        return (names, 0);
    }
    let variant = vary::secondary_of_names(shard.setting.seed, &names, request.fields);
    (names, variant)
}

/// A 101: what follows belongs to the visit, which takes the connection from the tunnel.
fn hand_over(fetch: &Fetch, mut arrived: Arrived) -> Result<(), Fault> {
    let Some(tunnel) = &fetch.tunnel else {
        return Err(Fault::origin(
            502,
            "the origin switched protocols without being asked",
        ));
    };
    let response = arrived.view();
    let mut head = Vec::new();
    // Upgrade and Connection belong to the switch itself and are passed on as they are.
    encode::push_status_line(&mut head, 101, b"");
    for field in response.fields.iter() {
        encode::push_field(&mut head, field.name, field.value);
    }
    let times = arrived.times(&fetch.shard, fetch.asked.key);
    let policy = &fetch
        .shard
        .setting
        .route(fetch.asked.route)
        .map(|route| &route.policy);
    let facts = match policy {
        Some(policy) => Facts::of(&fetch.asked.request(), &response, policy, &times),
        None => Facts::default(),
    };
    let flight_head = FlightHead {
        to_disk: ToDisk::NEVER,
        head,
        own_head: None,
        kept_head: None,
        verbatim: None,
        status: 101,
        forwarded: 101,
        stored: false,
        length: None,
        has_content: false,
        facts,
        aged: false,
        vary: Vec::new(),
        variant: 0,
        groups: Vec::new(),
        part: None,
        switches: true,
        at_us: rt::now_us(),
    };
    let len = arrived.head.len();
    arrived.buffer.consume(len);
    arrived.connection.stream.no_deadline(When::Write);
    *tunnel.0.borrow_mut() = Some((arrived.connection, arrived.buffer));
    fetch
        .flight
        .open(Opening::Head(Arc::new(flight_head)), true);
    fetch.flight.end(End::Complete(Arc::from(&b""[..])));
    Ok(())
}

/// Opens the flight with a final head, moves the content, and stores what may be stored.
pub async fn respond(fetch: Fetch, route: &RouteFacts, mut arrived: Arrived) -> Result<(), Fault> {
    let (shard, flight) = (&fetch.shard, &fetch.flight);
    let request = fetch.asked.request();
    let response = arrived.view();
    let length = match framing::response(request.method, &response) {
        Ok(length) => length,
        Err(fault) => {
            release(&fetch, route, arrived, false);
            return Err(Fault::origin(502, fault.what));
        }
    };
    arrived.connection.stream.no_deadline(When::Write);
    let mut head = flight_head(&fetch, route, &arrived, length);
    let storing = decide(&fetch, route, &response, head.length);
    head.stored = storing.is_ok();
    let (key, learned) = search::key(shard, &fetch, route, &response, storing.is_ok());
    if learned {
        head.to_disk = ToDisk::NEVER;
    }
    let after = Aftermath::of(&fetch, route, &arrived, &head);
    let keeps =
        framing::keeps_alive(response.version, response.fields) && length != Length::UntilClose;
    let head_bytes = arrived.head.len();
    arrived.buffer.consume(head_bytes);
    // Whoever sees that the change succeeded must not be served what it outdated.
    let copying = after.carry_out(shard, arrived.requested_us()).await;
    if learned {
        keeping::arrived_everywhere(shard).await;
    }
    let head = Arc::new(head);
    match &storing {
        Ok(()) => flight.open(Opening::Head(head.clone()), false),
        Err(why) => {
            settle_unstored(&fetch, *why, head.status);
            // A purge, or a newer fetch, forbids storing; those who wait here may share it still.
            let private = *why != NotStored::Purged;
            flight.open(Opening::Head(head.clone()), private);
        }
    }
    let mut aside = match (&storing, copying, head.length) {
        (_, Some(_), _) => Aside::held(),
        (Ok(()), _, Some(bytes)) if bytes > FRAGMENT_BYTES => {
            Aside::Slices(Slices::new(shard, key, &head, bytes, route), None)
        }
        // It is stored elsewhere than where it is read: not until then is it all given.
        (Ok(()), ..) if shard.home(key) != shard.id => Aside::held(),
        (Ok(()), _, Some(bytes)) if shard.disk.is_some() => Aside::End(bytes, None),
        _ => Aside::None,
    };
    let begun_us = copying;
    let moved = receive(&fetch, route, &mut arrived, length, &mut aside).await;
    let trailers = match moved {
        Ok(trailers) => trailers,
        Err(fault) => {
            aside.let_go(flight);
            if storing.is_ok() {
                shard.counters.not_stored(NotStored::Incomplete);
            }
            release(&fetch, route, arrived, false);
            return Err(fault);
        }
    };
    if storing.is_ok() && flight.may_store() {
        make_way(&fetch, key, &head).await;
    }
    if storing.is_ok() && flight.may_store() {
        let sliced = store(
            &fetch,
            route,
            &head,
            key,
            &mut aside,
            arrived.requested_us(),
        );
        match sliced {
            true => keeping::arrived_everywhere(shard).await,
            false => keeping::arrived(shard, shard.home(key)).await,
        }
    } else if storing.is_ok() {
        // It was given up on the way.
        let why = flight.why_not_stored();
        shard.counters.not_stored(why);
        if why != NotStored::Purged {
            make_way(&fetch, key, &head).await;
            drop_outdated(&fetch);
        }
    } else if let Aside::Held(Some(body)) = &aside {
        let body = body.clone();
        let bytes: usize = body.iter().map(|piece| piece.len()).sum();
        let mut sent = keepsake(route, key, &head, body, begun_us);
        encode::push_length(&mut sent.head, bytes as u64);
        keeping::bring(shard, sent);
        keeping::arrived(shard, shard.home(key)).await;
    }
    aside.let_go(flight);
    home::unlist(shard, flight);
    let trailers = match fetch.pass {
        Some(_) => trailers,
        None => shared_trailers(trailers, &head.head, route),
    };
    flight.end(End::Complete(trailers));
    release(&fetch, route, arrived, keeps);
    Ok(())
}

/// Trailer fields without those that are only for the client whose request was sent. That one does
/// not get them either: trailers may be dropped (RFC 9110, 6.5.1), and are kept once for all.
fn shared_trailers(trailers: Arc<[u8]>, head: &[u8], route: &RouteFacts) -> Arc<[u8]> {
    if trailers.is_empty() {
        return trailers;
    }
    let mut parsed = ResponseHead::default();
    let Some(response) = parse_stored(head, &mut parsed) else {
        return Arc::from(&b""[..]);
    };
    let withheld = cache::withheld(&response, &route.policy);
    let mut out = Vec::with_capacity(trailers.len());
    for line in trailers.split_inclusive(|byte| *byte == b'\n') {
        let end = line.iter().position(|byte| *byte == b':');
        let name = line.get(..end.unwrap_or(0)).unwrap_or_default();
        let (id, value) = (Name::from_bytes(name), &b""[..]);
        if !withheld.has(&Field { id, name, value }) {
            out.extend_from_slice(line);
        }
    }
    out.into()
}

/// The head as clients will get it.
pub fn flight_head(
    fetch: &Fetch,
    route: &RouteFacts,
    arrived: &Arrived,
    length: Length,
) -> FlightHead {
    let (shard, request, response) = (&fetch.shard, fetch.asked.request(), arrived.view());
    let proxy = &shard.setting.plan.proxy;
    let options = Answer {
        via_name: proxy.via.then_some(proxy.name.as_str()),
        drop_age: true,
        now: Some(shard.wall()),
    };
    let mut head = Vec::with_capacity(arrived.head.len() + 64);
    encode::response_head(&mut head, &response, &options);
    let (mut own_head, mut kept_head) = (None, None);
    let withheld = cache::withheld(&response, &route.policy);
    let withholds = withheld.any(response.fields);
    if fetch.pass.is_none() && withholds {
        (head, own_head) = withhold(head, route);
    } else if request.method == Method::Post {
        kept_head = Some(withhold(head.clone(), route).0);
    }
    let (vary, variant) = variant_of(shard, route, &response, &request);
    let times = arrived.times(shard, fetch.asked.key);
    let stated = response
        .fields
        .get(Name::ContentLength)
        .and_then(parse_length);
    let mut groups = Vec::new();
    if may_be_grouped(shard, &response) {
        groups_of(shard, route, &fetch.asked, &response, &mut groups);
    }
    FlightHead {
        head,
        own_head,
        kept_head,
        verbatim: None,
        status: response.status,
        forwarded: response.status,
        stored: false,
        // An answer to HEAD, or a 304, states the length of what it does not carry.
        length: match length {
            Length::None => stated,
            Length::Exact(bytes) => Some(bytes),
            _ => None,
        },
        has_content: length != Length::None,
        facts: Facts::of(&request, &response, &route.policy, &times),
        to_disk: route.to_disk(&fetch.asked, search::is_ruled(shard, &fetch.asked)),
        aged: response.fields.has(Name::Age),
        vary,
        variant,
        groups,
        part: None,
        switches: false,
        at_us: rt::now_us(),
    }
}

/// A head without the fields that are only for the client whose request was sent, and with them
/// for that one, if there are such (RFC 9111, 5.2.2.4 and 5.2.2.7). Where cookies are stripped,
/// nobody gets them.
fn withhold(head: Vec<u8>, route: &RouteFacts) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut parsed = ResponseHead::default();
    let Some(response) = parse_stored(&head, &mut parsed) else {
        return (head, None);
    };
    let withheld = cache::withheld(&response, &route.policy);
    if !withheld.any(response.fields) {
        return (head, None);
    }
    let strips = route.policy.set_cookie == SetCookie::Strip;
    let write = |leaves_out: &dyn Fn(&Field<'_>) -> bool| {
        let mut out = Vec::with_capacity(head.len());
        encode::push_status_line(&mut out, response.status, response.reason);
        for field in response.fields.iter().filter(|field| !leaves_out(field)) {
            encode::push_field(&mut out, field.name, field.value);
        }
        out
    };
    let shared = write(&|field| withheld.has(field));
    let own = write(&|field| strips && field.id == Name::SetCookie);
    (shared, Some(own))
}

/// Moves the content into the flight, and what is wanted of it aside.
pub async fn receive(
    fetch: &Fetch,
    route: &RouteFacts,
    arrived: &mut Arrived,
    length: Length,
    aside: &mut Aside<'_>,
) -> Result<Arc<[u8]>, Fault> {
    let shard = &fetch.shard;
    let content = Content {
        length,
        window: window(shard, route),
        bytes_max: shard.object_bytes_max(),
        patience: shard.pools[route.origin].between_bytes_timeout(),
    };
    let (stream, buffer) = (
        &arrived.connection.stream,
        std::mem::take(&mut arrived.buffer),
    );
    let ended = content::receive(shard, &fetch.flight, stream, buffer, &content, aside).await;
    arrived.buffer = ended.buffer;
    ended.result
}

/// May this response be stored and shared?
fn decide(
    fetch: &Fetch,
    route: &RouteFacts,
    response: &Response<'_>,
    content_bytes: Option<u64>,
) -> Result<(), NotStored> {
    let request = fetch.asked.request();
    if let Some(reason) = fetch.pass {
        let storable = request.method == Method::Get
            && cache::storable(&request, response, &route.policy).is_ok();
        if reason == Reason::HitForMiss && storable {
            let shard = &fetch.shard;
            shard.unmark(fetch.asked.key);
            let home = shard.home(fetch.asked.key);
            if home != shard.id {
                shard.send(
                    home,
                    Letter::Unmark {
                        key: fetch.asked.key,
                    },
                );
            }
        }
        return Err(NotStored::Method);
    }
    cache::storable(&request, response, &route.policy)?;
    fits(fetch, route, response, content_bytes)
}

/// What else stands in the way of storing a response.
pub fn fits(
    fetch: &Fetch,
    route: &RouteFacts,
    response: &Response<'_>,
    content_bytes: Option<u64>,
) -> Result<(), NotStored> {
    let shard = &fetch.shard;
    if content_bytes.is_some_and(|bytes| bytes > shard.whole_bytes_max()) {
        return Err(NotStored::TooLarge);
    }
    let grouped = may_be_grouped(shard, response);
    if grouped && !groups_of(shard, route, &fetch.asked, response, &mut Vec::new()) {
        return Err(NotStored::Groups);
    }
    if !fetch.flight.may_store() {
        return Err(NotStored::Purged);
    }
    Ok(())
}

/// A response that can't be shared: say so to those who come next, and drop what it outdates.
pub fn settle_unstored(fetch: &Fetch, why: NotStored, status: u16) {
    let shard = &fetch.shard;
    home::unlist(shard, &fetch.flight);
    // A purge says nothing of the response, and a server error nothing of the resource
    // (RFC 9111, 4.3.3): what comes next may well be shared, and what we hold is as good as before.
    if fetch.pass.is_some() {
        return;
    }
    shard.counters.not_stored(why);
    // Nor does what this one request brought with it.
    let of_request = matches!(why, NotStored::Authorization | NotStored::RequestNoStore)
        || matches!(status, 412 | 416 | 417);
    if why == NotStored::Purged || of_request || status >= 500 {
        return;
    }
    shard.mark(fetch.asked.key, rt::now());
    drop_outdated(fetch);
}

/// Drops what a newer response would have replaced that is not stored itself.
fn drop_outdated(fetch: &Fetch) {
    if let Some(stale) = fetch.held.own() {
        fetch.shard.memory.borrow_mut().remove(stale);
        fetch.shard.bury_dead();
    }
}

/// Sees to it that what a new version is to replace, while it would still be served, does not come
/// back from disk: not even after a crash. What is stale is validated when it comes back.
pub async fn make_way(fetch: &Fetch, key: Key, head: &FlightHead) {
    let disk = fetch.shard.disk.as_ref();
    let Some(disk) = disk.filter(|disk| disk.may_come_back(key)) else {
        return;
    };
    let is_stale = |held: &Arc<Object>| !held.facts.is_fresh(rt::now());
    if fetch.held.own().is_some_and(is_stale) {
        return;
    }
    let bits = variant_bits(head.variant, !head.vary.is_empty());
    // A disk that can't note it holds nothing that is served; one that hangs is about to fail.
    let noted = disk.kill(key, Some(bits), KillForce::Hard).into_future();
    let _: Option<Result<_, _>> = rt::within(NOTED_PATIENCE, noted).await;
}

/// Stores a complete flight: whole, or (`true`) as an outline with its fragments.
fn store(
    fetch: &Fetch,
    route: &RouteFacts,
    head: &FlightHead,
    key: Key,
    aside: &mut Aside<'_>,
    begun_us: u64,
) -> bool {
    let (shard, flight) = (&fetch.shard, &fetch.flight);
    // Where it is not the flight's own key, a purge does not find the flight by it.
    let begun_us = (key != flight.key).then_some(begun_us);
    // What is held back stays so until the caller lets it go.
    let (held, slices, back) = match std::mem::replace(aside, Aside::None) {
        Aside::Held(Some(held)) => (Some(held.clone()), None, Some(held)),
        Aside::End(_, last) => {
            let last: Vec<Piece> = last.into_iter().collect();
            (
                Some([flight.body(), last.clone()].concat()),
                None,
                Some(last),
            )
        }
        Aside::Slices(slices, last) => (None, Some(slices), last.map(|piece| vec![piece])),
        _ => (None, None, None),
    };
    *aside = Aside::Held(back);
    let body = held.unwrap_or_else(|| match slices {
        Some(_) => Vec::new(),
        None => flight.body(),
    });
    let bytes: u64 = body.iter().map(|piece| piece.len() as u64).sum();
    let slices = slices.or_else(|| {
        let new = || Slices::new(shard, key, head, bytes, route);
        let mut slices = (bytes > FRAGMENT_BYTES).then(new)?;
        body.iter().for_each(|piece| slices.put(piece));
        Some(slices)
    });
    let mut sent = match slices {
        Some(slices) => {
            let outline = slices.finish();
            let mut sent = keepsake(route, key, head, Vec::new(), begun_us);
            sent.outline = Some(outline);
            sent
        }
        None => keepsake(route, key, head, body, begun_us),
    };
    let bytes = match sent.outline {
        Some((bytes, _)) => bytes,
        None => sent.body.iter().map(|piece| piece.len() as u64).sum(),
    };
    if !matches!(head.status, 204 | 304) {
        encode::push_length(&mut sent.head, bytes);
    }
    sent.to_disk = route.for_length(sent.to_disk, bytes);
    let sliced = sent.outline.is_some();
    keeping::bring(shard, sent);
    shard.unmark(fetch.asked.key);
    sliced
}

/// What is stored of a response with this head and body.
pub fn keepsake(
    route: &RouteFacts,
    key: Key,
    head: &FlightHead,
    body: Vec<Piece>,
    begun_us: Option<u64>,
) -> Keepsake {
    let kept = head.kept_head.as_ref().unwrap_or(&head.head);
    let mut text = Vec::with_capacity(kept.len() + 32);
    text.extend_from_slice(kept);
    Keepsake {
        key,
        facts: head.facts,
        head: text,
        to_disk: head.to_disk,
        variant: head.variant,
        vary: head.vary.clone(),
        groups: head.groups.clone(),
        body,
        outline: None,
        variants_max: route.policy.variants_max,
        begun_us,
    }
}

/// How much of a response may wait for a slow client: with an origin that serves one request per
/// connection, as much as memory allows, so that it is free at once.
fn window(shard: &Shard, route: &RouteFacts) -> usize {
    let keeps = shard.pools[route.origin].origin().keep_alive;
    if keeps {
        limits::WINDOW_BYTES
    } else {
        shard.budget().limit() / limits::OBJECT_SHARE
    }
}

fn parse_length(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Gives the connection back to its pool, or closes it.
pub fn release(fetch: &Fetch, route: &RouteFacts, arrived: Arrived, keeps: bool) {
    let uploaded = fetch.upload.as_ref().is_none_or(|upload| upload.is_done());
    let clean = arrived.buffer.is_empty();
    fetch.shard.give_buffer(arrived.buffer);
    if keeps && uploaded && clean {
        fetch.shard.pools[route.origin].keep(arrived.connection, rt::now());
    } else {
        // Wakes an upload that is still moving.
        arrived.connection.stream.close();
    }
}

//! The third step: one fetch from an origin, as a task of its own that fills a flight.
//!
//! | phase | what can go wrong | then |
//! |---|---|---|
//! | connect | nobody answers | the next address, the next server, then the fault |
//! | send | a kept connection was closed meanwhile | another try when that is safe |
//! | head | silence, nonsense, an early end | another try when that is safe, else 502 or 504 |
//! | content | an early end, silence, no memory | the readers' content is broken off; nothing stored |
//! | end | | stored if it may be; the connection is kept if both sides can |

use super::content::{self, Content};
use super::source::Source;
use super::upload::Upload;
use super::{home, Visit};
use crate::origin::Connection;
use crate::rt::{self, Buffer, When};
use crate::shard::{RouteFacts, Shard};
use crate::siblings::{Asked, Letter};
use crate::store::object::{parse_stored, Parts};
use crate::store::{End, Flight, FlightHead, Object, Opening};
use ringside_engine::cache::{self, vary, Facts, Times};
use ringside_engine::fault::Fault;
use ringside_engine::http::target::split_query;
use ringside_engine::http::{
    encode, framing, Answer, Forward, Length, Method, Name, Parse, Response, ResponseHead,
};
use ringside_engine::key::Key;
use ringside_engine::limits;
use ringside_engine::origin::{may_retry, Sent};
use ringside_engine::outcome::{NotStored, Reason};
use ringside_engine::time::Mono;
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

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

/// A fetch that others may join, for this home's key. `stale` is to be validated.
pub fn shared(
    shard: &Rc<Shard>,
    flight: Rc<Flight>,
    asked: Box<Asked>,
    stale: Option<Arc<Object>>,
) {
    start(Fetch {
        shard: shard.clone(),
        flight,
        asked,
        stale,
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
    let flight = Flight::new(visit.intent.key, false);
    let id = flight.join(None);
    start(Fetch {
        shard: visit.shard.clone(),
        flight: flight.clone(),
        asked: visit.asked(),
        stale: None,
        pass: Some(reason),
        upload,
        tunnel: (reason == Reason::Upgrade).then_some(tunnel),
    });
    Source::here(flight, id)
}

struct Fetch {
    shard: Rc<Shard>,
    flight: Rc<Flight>,
    asked: Box<Asked>,
    stale: Option<Arc<Object>>,
    /// Not for the cache, and why.
    pass: Option<Reason>,
    upload: Option<Rc<Upload>>,
    tunnel: Option<Rc<Tunnel>>,
}

/// A response head that has arrived, and the connection it came on.
struct Arrived {
    connection: Connection,
    buffer: Buffer,
    head: ResponseHead,
    requested: Mono,
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
            if let Err(fault) = fly(fetch).await {
                shard.counters.fetch_faults.add(1);
                fail(&shard, &flight, fault);
            }
            finish(&shard, &flight);
        },
        move || {
            after.counters.panics.add(1);
            fail(
                &after,
                &flight,
                Fault::machine(500, "the fetch ended by a fault of ours"),
            );
            finish(&after, &flight);
        },
    );
}

fn fail(shard: &Shard, flight: &Rc<Flight>, fault: Fault) {
    home::unlist(shard, flight);
    if flight.is_open() {
        flight.end(End::Broken(fault));
    } else {
        flight.open(Opening::Failed(fault), false);
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
        let response = arrived.view();
        match (response.status, fetch.stale.take()) {
            (304, Some(stale)) => {
                let keeps = framing::keeps_alive(response.version, response.fields);
                let done = validated(&fetch, route, &stale, &arrived);
                let head_bytes = arrived.head.len();
                arrived.buffer.consume(head_bytes);
                release(&fetch, route, arrived, keeps);
                if done {
                    return Ok(());
                }
                // It confirms something else than we hold: ask again, without conditions.
            }
            (_, stale) => {
                fetch.stale = stale;
                break arrived;
            }
        }
    };
    if arrived.view().status == 101 {
        return hand_over(&fetch, arrived);
    }
    respond(fetch, route, arrived).await
}

impl Arrived {
    fn view(&self) -> Response<'_> {
        self.head.view(self.buffer.unread())
    }

    fn times(&self, shard: &Shard) -> Times {
        Times {
            requested: self.requested,
            received: self.received,
            wall: shard.wall(),
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
    let requested = rt::now();
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
    if let Some(stale) = &fetch.stale {
        let mut head = ResponseHead::default();
        if let Some(response) = parse_stored(stale.head(), &mut head) {
            cache::conditionals(&response, &mut conditions);
        }
    }
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
        length: fetch
            .upload
            .as_ref()
            .map_or(Length::None, |upload| upload.length()),
        extra: &conditions,
        drop_conditionals: shared,
        drop_range: shared,
        upgrade: fetch.tunnel.is_some(),
    };
    let mut out = Vec::with_capacity(asked.bytes.len() + 256);
    encode::request_head(&mut out, &asked.request(), &origin_target(asked), &forward);
    out
}

/// Path and query for the origin; an absolute target may have had a query without a path.
fn origin_target(asked: &Asked) -> Cow<'_, [u8]> {
    match asked.path_and_query() {
        query @ [b'?', ..] => Cow::Owned([b"/", query].concat()),
        whole => Cow::Borrowed(whole),
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
fn validated(fetch: &Fetch, route: &RouteFacts, stale: &Arc<Object>, arrived: &Arrived) -> bool {
    let shard = &fetch.shard;
    let (request, news) = (fetch.asked.request(), arrived.view());
    let mut old_head = ResponseHead::default();
    let Some(old) = parse_stored(stale.head(), &mut old_head) else {
        return false;
    };
    if !cache::selects(&old, &news) {
        return false;
    }
    let mut head = Vec::with_capacity(stale.head().len() + 64);
    cache::freshen(&old, &news, &mut head);
    if !news.fields.has(Name::Date) {
        // What a 304 without Date freshened was confirmed now (RFC 9110, 6.6.1).
        encode::push_date(&mut head, shard.wall());
    }
    let mut new_head = ResponseHead::default();
    let Some(fresh) = parse_stored(&head, &mut new_head) else {
        return false;
    };
    let times = arrived.times(shard);
    let facts = Facts::validated(&request, &fresh, &news, &route.policy, &times);
    let (names, variant) = variant_of(shard, &fresh, &request);
    let storable = cache::storable(&request, &fresh, &route.policy);
    let may_store = fetch.flight.may_store() && storable.is_ok();
    let object = stale
        .freshened(&head, &names, variant, facts)
        .unwrap_or_else(|| stale.clone());
    home::unlist(shard, &fetch.flight);
    if may_store {
        if !Arc::ptr_eq(&object, stale) {
            shard.memory.borrow_mut().put(object.clone());
        }
    } else {
        // A purge came meanwhile, or it may not be stored any more: for the readers only.
        shard.memory.borrow_mut().remove(stale);
        object.kill();
    }
    // What the 304 made private is for the one whose request it answers.
    fetch
        .flight
        .open(Opening::Object(object), storable.is_err());
    shard.bury_dead();
    true
}

fn variant_of(
    shard: &Shard,
    response: &Response<'_>,
    request: &ringside_engine::http::Request<'_>,
) -> (Vec<u8>, u64) {
    let mut names = Vec::new();
    vary::normal_names(response.fields, &mut names);
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
    let times = arrived.times(&fetch.shard);
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
        head,
        status: 101,
        length: None,
        has_content: false,
        facts,
        aged: false,
        vary: Vec::new(),
        variant: 0,
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
async fn respond(fetch: Fetch, route: &RouteFacts, mut arrived: Arrived) -> Result<(), Fault> {
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
    let content_bytes = match length {
        Length::Exact(bytes) => Some(bytes),
        _ => None,
    };
    let storing = decide(&fetch, route, &response, content_bytes);
    let outdated = outdated(&fetch, &response);
    let (vary, variant) = variant_of(shard, &response, &request);
    let times = arrived.times(shard);
    let facts = Facts::of(&request, &response, &route.policy, &times);
    let proxy = &shard.setting.plan.proxy;
    let mut head = Vec::with_capacity(arrived.head.len() + 64);
    let options = Answer {
        via_name: proxy.via.then_some(proxy.name.as_str()),
        drop_age: true,
        now: Some(shard.wall()),
    };
    encode::response_head(&mut head, &response, &options);
    let stated = response
        .fields
        .get(Name::ContentLength)
        .and_then(parse_length);
    let flight_head = Arc::new(FlightHead {
        status: response.status,
        // An answer to HEAD, or a 304, states the length of what it does not carry.
        length: if length == Length::None {
            stated
        } else {
            content_bytes
        },
        has_content: length != Length::None,
        facts,
        aged: response.fields.has(Name::Age),
        vary,
        variant,
        switches: false,
        at_us: rt::now_us(),
        head,
    });
    let keeps =
        framing::keeps_alive(response.version, response.fields) && length != Length::UntilClose;
    let head_bytes = arrived.head.len();
    arrived.buffer.consume(head_bytes);
    // Whoever sees that the change succeeded must not be served what it outdated.
    for key in outdated {
        home::purge_anywhere(shard, key).await;
    }
    match &storing {
        Ok(()) => flight.open(Opening::Head(flight_head.clone()), false),
        Err(why) => {
            settle_unstored(&fetch, *why, flight_head.status);
            // A purge, or a newer fetch, forbids storing; those who wait here may share it still.
            let private = *why != NotStored::Purged;
            flight.open(Opening::Head(flight_head.clone()), private);
        }
    }
    let content = Content {
        length,
        window: window(shard, route),
        bytes_max: shard.object_bytes_max(),
        patience: shard.pools[route.origin].between_bytes_timeout(),
    };
    let ended = content::receive(
        shard,
        flight,
        &arrived.connection.stream,
        std::mem::take(&mut arrived.buffer),
        &content,
    )
    .await;
    arrived.buffer = ended.buffer;
    let trailers = match ended.result {
        Ok(trailers) => trailers,
        Err(fault) => {
            if storing.is_ok() {
                shard.counters.not_stored(NotStored::Incomplete);
            }
            release(&fetch, route, arrived, false);
            return Err(fault);
        }
    };
    if storing.is_ok() && flight.may_store() {
        store(&fetch, &flight_head);
    } else if storing.is_ok() {
        // It was given up on the way.
        shard.counters.not_stored(flight.why_not_stored());
    }
    home::unlist(shard, flight);
    flight.end(End::Complete(trailers));
    release(&fetch, route, arrived, keeps);
    Ok(())
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
    if content_bytes.is_some_and(|bytes| bytes > fetch.shard.object_bytes_max()) {
        return Err(NotStored::TooLarge);
    }
    if !fetch.flight.may_store() {
        return Err(NotStored::Purged);
    }
    Ok(())
}

/// A response that can't be shared: say so to those who come next, and drop what it outdates.
fn settle_unstored(fetch: &Fetch, why: NotStored, status: u16) {
    let shard = &fetch.shard;
    home::unlist(shard, &fetch.flight);
    // A purge says nothing of the response, and a server error nothing of the resource
    // (RFC 9111, 4.3.3): what comes next may well be shared, and what we hold is as good as before.
    if fetch.pass.is_some() {
        return;
    }
    shard.counters.not_stored(why);
    // Nor does what this one request brought with it.
    let of_request = matches!(why, NotStored::Authorization | NotStored::RequestNoStore);
    if why == NotStored::Purged || of_request || status >= 500 {
        return;
    }
    shard.mark(fetch.asked.key, rt::now());
    if let Some(stale) = &fetch.stale {
        shard.memory.borrow_mut().remove(stale);
        shard.bury_dead();
    }
}

/// The keys that a state-changing request has outdated, if it succeeded (RFC 9111, 4.4).
fn outdated(fetch: &Fetch, response: &Response<'_>) -> Vec<Key> {
    let request = fetch.asked.request();
    if fetch.pass.is_none() || !cache::invalidates(&request, response.status) {
        return Vec::new();
    }
    let host = fetch.asked.host();
    let mut keys = vec![fetch.asked.key];
    for target in cache::invalidate::targets(host, response) {
        let (path, query) = split_query(target);
        keys.extend(super::intent::key_of(
            &fetch.shard.setting,
            host,
            path,
            query,
        ));
    }
    keys
}

/// Makes an object of a complete flight.
fn store(fetch: &Fetch, head: &FlightHead) {
    let (shard, flight) = (&fetch.shard, &fetch.flight);
    let body = flight.body();
    let bytes: usize = body.iter().map(|piece| piece.len()).sum();
    if bytes > 0 && bytes as u64 > shard.object_bytes_max() {
        return;
    }
    let mut stored_head = Vec::with_capacity(head.head.len() + 32);
    stored_head.extend_from_slice(&head.head);
    if !matches!(head.status, 204 | 304) {
        encode::push_length(&mut stored_head, bytes as u64);
    }
    let parts = Parts {
        key: fetch.asked.key,
        variant: head.variant,
        facts: head.facts,
        head: &stored_head,
        vary: &head.vary,
        body: &body,
    };
    if shard.memory.borrow_mut().store(&parts).is_some() {
        shard.counters.stored.add(1);
        shard.unmark(fetch.asked.key);
    } else {
        shard.counters.not_stored(NotStored::NoMemory);
    }
    shard.bury_dead();
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
fn release(fetch: &Fetch, route: &RouteFacts, arrived: Arrived, keeps: bool) {
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

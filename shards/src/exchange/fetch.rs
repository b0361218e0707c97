//! The third step: one fetch from an origin, as a task of its own that fills a flight.
//!
//! | phase | what can go wrong | then |
//! |---|---|---|
//! | connect | nobody answers | the next address, the next server, then the fault |
//! | send | a kept connection was closed meanwhile | another try when that is safe |
//! | head | silence, nonsense, an early end | another try when that is safe, else 502 or 504 |
//! | content | an early end, silence, no memory | the readers' content is broken off; nothing stored |
//! | end | | stored if it may be; the connection is kept if both sides can |
//!
//! | what | file |
//! |---|---|
//! | one question, and the head that comes back | `asking` |
//! | what a 304 confirms | `confirmed` |
//! | the head for clients and the store | `head` |
//! | may it be stored, and what then | `storing` |
//! | the connection after a 101 | `switched` |

mod asking;
mod confirmed;
mod head;
mod storing;
mod switched;

pub use confirmed::freshen;
pub use head::{flight_head, groups_of};
pub use storing::{fits, keepsake, make_way, settle_unstored};
pub use switched::Tunnel;

use super::aftermath::Aftermath;
use super::content::{self, Aside, Content};
use super::part::{self, Slices};
use super::source::Source;
use super::upload::Upload;
use super::{home, keeping, search, Visit};
use crate::origin::Connection;
use crate::rt::{self, Buffer, When};
use crate::shard::{RouteFacts, Shard};
use crate::siblings::Asked;
use crate::store::flight::{Scope, Want};
use crate::store::object::ToDisk;
use crate::store::{End, Flight, Object, Opening};
use asking::obtain;
use confirmed::validated;
use head::shared_trailers;
use ringside_engine::cache::{self, Times};
use ringside_engine::fault::Fault;
use ringside_engine::http::{encode, framing, Length, Response, ResponseHead};
use ringside_engine::key::Key;
use ringside_engine::limits::{self, FRAGMENT_BYTES};
use ringside_engine::outcome::{NotStored, Reason};
use ringside_engine::time::Mono;
use std::rc::Rc;
use std::sync::Arc;
use storing::{decide, drop_outdated, store};
use switched::hand_over;

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
    // Whoever has seen the head of an empty content has all of it.
    let is_empty = head.length == Some(0) || !head.has_content;
    if storing.is_ok() && is_empty {
        make_way(&fetch, key, &head).await;
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
    if storing.is_ok() && !is_empty && flight.may_store() {
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

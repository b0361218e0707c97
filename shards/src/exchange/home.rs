//! What the home shard of a key does for whoever asks, on this shard or on a sibling.

use super::fetch::{self, Held};
use super::from_disk;
use super::intent::{with_path, HostText};
use super::purging;
use crate::rt;
use crate::shard::Shard;
use crate::siblings::letter::{HeadSeen, Inspection};
use crate::siblings::{Asked, Letter, Told};
use crate::store::flight::{Guest, ReaderId, Scope, Want};
use crate::store::object::parse_stored;
use crate::store::replicas::selects;
use crate::store::{Flight, Object};
use ringside_engine::cache::{self, only_if_cached, Facts, HeadEffect, Policy, Serve};
use ringside_engine::http::range::Wanted;
use ringside_engine::http::{Method, ResponseHead};
use ringside_engine::key::Key;
use ringside_engine::outcome::{Outcome, Reason};
use ringside_engine::purge::{Force, Verdict};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Whoever passes a newer head on waits so long until its home has heeded it: it may have to read
/// from a disk, and one that hangs must not hold an answer back.
const HEEDED_PATIENCE: Duration = Duration::from_secs(5);
/// Stored variants named to the origin in one question.
const VALIDATED_MAX: usize = 16;

/// What a home has for a request.
pub enum Considered {
    /// An object; this use of it is counted.
    Object(Arc<Object>),
    /// A place as reader of a flight.
    Joined(Rc<Flight>, ReaderId, Outcome),
    /// Fetch by yourself.
    Go(Reason),
}

/// Decides what a request gets from its home: a stored object, a place in a flight (started now
/// if need be), or the advice to go alone. `guest` names a reader on a sibling.
pub fn consider(shard: &Rc<Shard>, asked: Box<Asked>, guest: Option<Guest>) -> Considered {
    if let Want::Fragment { .. } = asked.want {
        return fragment(shard, asked, guest);
    }
    let now = rt::now();
    let Some(route) = shard.setting.route(asked.route) else {
        return Considered::Go(Reason::NoSite);
    };
    let key = asked.key;
    let request = asked.request();
    let mut reason = Reason::NotStored;
    let mut held = Vec::new();
    if let Some(stored) = select(shard, &asked) {
        match cache::serve(&request, &stored.facts, &route.policy, now) {
            Serve::Fresh => {
                stored.object.touch();
                return Considered::Object(stored.object);
            }
            Serve::Stale(_) => {
                stored.object.touch();
                refresh(shard, asked, stored.object.clone());
                return Considered::Object(stored.object);
            }
            Serve::Validate(why) => {
                reason = match why {
                    Reason::Expired if stored.soft => Reason::SoftPurge,
                    why => why,
                };
                held.push(stored.object);
            }
        }
    } else if shard.memory.borrow().has(key) {
        reason = Reason::VaryMiss;
    }
    if let Want::Stale = asked.want {
        let held = held.into_iter().next();
        let allowed = held.filter(|stale| {
            let facts = stale.facts.soft_purged(now);
            cache::in_place_of_error(&request, &facts, &route.policy, now)
        });
        return allowed.map_or(Considered::Go(reason), |stale| {
            stale.touch();
            Considered::Object(stale)
        });
    }
    if only_if_cached(&request, &route.policy) {
        return Considered::Go(Reason::OnlyIfCached);
    }
    if shard.stopping.get() {
        return Considered::Go(Reason::Shutdown);
    }
    // Nobody but the origin can judge those, and what it answers is for this client.
    if cache::guards(&request) {
        return Considered::Go(Reason::Precondition);
    }
    // The answer to HEAD can't be stored for those who want the content: no flight for it.
    if request.method == Method::Head {
        return Considered::Go(reason);
    }
    // A request that wants the origin's word now is not served by a fetch begun before it.
    let insists = reason == Reason::NoCacheRequest;
    if !insists {
        if let Some(flight) = joinable(shard, &asked) {
            let id = flight.join(guest);
            return Considered::Joined(flight, id, Outcome::Collapsed(reason));
        }
    }
    let in_parts = matches!(asked.want, Want::Range(_)) && held.is_empty();
    if shard.is_marked(key, now) || in_parts && shard.is_marked(of_ranges(key), now) {
        return Considered::Go(Reason::HitForMiss);
    }
    if asked.content.is_some() {
        let forgotten = shard.questions.borrow_mut().note(asked.url, key);
        for question in forgotten {
            purging::drop_question(shard, question, Force::Hard);
        }
    }
    let selected = held.len();
    // A question about other variants is a question about all of it.
    if selected > 0 || matches!(asked.want, Want::Whole) {
        held.extend(other_variants(shard, &asked, held.first()));
    }
    let flight = Flight::new(key, true, scope(&asked, &route.policy, held.is_empty()));
    let id = flight.join(guest);
    if insists {
        // Whoever comes later is better served by the newer fetch.
        purging::close_flights(shard, key);
    }
    list(shard, &flight);
    let held = Held {
        objects: held,
        selected: selected > 0,
    };
    fetch::shared(shard, flight.clone(), asked, held);
    Considered::Joined(flight, id, Outcome::Miss(reason))
}

/// What stands for a key's ranges where they can't be shared, and the whole may be.
pub fn of_ranges(key: Key) -> Key {
    Key(key.0 ^ 1)
}

/// A stored object that a request selects, and what is to be decided by.
struct Stored {
    object: Arc<Object>,
    facts: Facts,
    /// A soft purge has made it stale.
    soft: bool,
}

/// The object this request selects among the stored ones that no purge has reached.
fn select(shard: &Shard, asked: &Asked) -> Option<Stored> {
    let (key, seed) = (asked.key, shard.setting.seed);
    loop {
        let found = shard.memory.borrow();
        let object = found.find(key, seed, asked.request().fields)?.clone();
        drop(found);
        let facts = object.facts;
        match verdict(shard, &object, asked) {
            Verdict::Valid => {
                return Some(Stored {
                    object,
                    facts,
                    soft: false,
                })
            }
            Verdict::Stale => return Some(softened(shard, object)),
            Verdict::Dead => {
                shard.memory.borrow_mut().remove(&object);
                shard.bury_dead();
            }
        }
    }
}

/// What has become of an object by purges since it was asked for.
pub fn verdict(shard: &Shard, object: &Object, asked: &Asked) -> Verdict {
    shard.verdict(object, || {
        (
            HostText::of(asked.host()),
            with_path(asked.path_and_query()),
        )
    })
}

/// An object that a soft purge has reached, stale since the last purge at least: put in anew so,
/// when it is first seen, since how long it has been stale counts (RFC 5861).
fn softened(shard: &Shard, object: Arc<Object>) -> Stored {
    let facts = object.facts.soft_purged(shard.purges.borrow().latest());
    let soft = true;
    if facts == object.facts {
        let object = object.clone();
        return Stored {
            object,
            facts,
            soft,
        };
    }
    let mut memory = shard.memory.borrow_mut();
    let softened = object.freshened(object.head(), object.notes(), facts);
    let softened = softened.filter(|new| memory.replace(&object, new.clone()));
    drop(memory);
    shard.bury_dead();
    Stored {
        object: softened.unwrap_or(object),
        facts,
        soft,
    }
}

/// Other stored variants that can be named to the origin: it may find that one of them fits
/// (RFC 9111, 4.1). Not what was purged: no 304 brings that back.
fn other_variants(
    shard: &Shard,
    asked: &Asked,
    selected: Option<&Arc<Object>>,
) -> Vec<Arc<Object>> {
    let memory = shard.memory.borrow();
    memory
        .variants(asked.key)
        .filter(|object| object.facts.has(Facts::HAS_ETAG))
        .filter(|object| verdict(shard, object, asked) != Verdict::Dead)
        .filter(|object| selected.is_none_or(|selected| !Arc::ptr_eq(selected, object)))
        .take(VALIDATED_MAX)
        .cloned()
        .collect()
}

/// How much of the response a new fetch is to bring. What is stored is validated as a whole.
fn scope(asked: &Asked, policy: &Policy, nothing_held: bool) -> Scope {
    match &asked.want {
        Want::Range(Wanted::From(first, _)) if policy.fragments && nothing_held => {
            Scope::Window(cache::window(*first, None))
        }
        Want::Range(Wanted::Suffix(bytes)) if policy.fragments && nothing_held => {
            Scope::Suffix(*bytes)
        }
        _ => Scope::Whole,
    }
}

/// Validates a stale object that is being served meanwhile, unless somebody does already
/// (RFC 5861, 3).
fn refresh(shard: &Rc<Shard>, mut asked: Box<Asked>, stale: Arc<Object>) {
    let key = asked.key;
    asked.want = Want::Whole;
    // Others may join it: the answer to HEAD would be of no use to them.
    asked.as_get |= asked.request().method == Method::Head;
    if shard.stopping.get() || shard.is_marked(key, rt::now()) || joinable(shard, &asked).is_some()
    {
        return;
    }
    let mut objects = vec![stale];
    let others = other_variants(shard, &asked, objects.first());
    objects.extend(others);
    let held = Held {
        objects,
        selected: true,
    };
    let flight = Flight::new(key, true, Scope::Whole);
    // The first reader's place is that of the client whose request is sent, which has its answer:
    // what turns out to be for that one alone is for none of those who join.
    let nobody = flight.join(None);
    flight.leave(nobody);
    list(shard, &flight);
    fetch::shared(shard, flight, asked, held);
}

/// A fragment of an outline: what is stored of it, or a place in its fetch.
fn fragment(shard: &Rc<Shard>, asked: Box<Asked>, guest: Option<Guest>) -> Considered {
    let Want::Fragment { window, need, .. } = asked.want.clone() else {
        return Considered::Go(Reason::PartMissing);
    };
    let key = asked.key;
    let stored = shard.memory.borrow().variants(key).next().cloned();
    let extent = stored.as_ref().and_then(|object| object.extent());
    if let (Some(object), Some(extent)) = (&stored, &extent) {
        if extent.first <= need.start && need.end <= extent.end {
            object.touch();
            return Considered::Object(object.clone());
        }
    }
    // Also while we stop: the answer that it is a part of may be under way.
    let route = shard.setting.route(asked.route);
    if route.is_some_and(|route| only_if_cached(&asked.request(), &route.policy)) {
        return Considered::Go(Reason::OnlyIfCached);
    }
    if let Some(flight) = joinable(shard, &asked) {
        let id = flight.join(guest);
        return Considered::Joined(flight, id, Outcome::Collapsed(Reason::PartMissing));
    }
    let flight = Flight::new(key, true, Scope::Window(window));
    let id = flight.join(guest);
    list(shard, &flight);
    let held = Held {
        // What lies in a file can't be joined to what comes: it is fetched again.
        objects: stored
            .into_iter()
            .filter(|part| part.file().is_none())
            .collect(),
        selected: true,
    };
    fetch::shared(shard, flight.clone(), asked, held);
    Considered::Joined(flight, id, Outcome::Miss(Reason::PartMissing))
}

fn joinable(shard: &Shard, asked: &Asked) -> Option<Rc<Flight>> {
    let flights = shard.flights.borrow();
    let fields = asked.request().fields;
    let suits = |flight: &&Rc<Flight>| {
        flight.is_joinable() && flight.suits(shard.setting.seed, fields, &asked.want)
    };
    flights.get(&asked.key)?.iter().find(suits).cloned()
}

fn list(shard: &Shard, flight: &Rc<Flight>) {
    let mut flights = shard.flights.borrow_mut();
    flights.entry(flight.key).or_default().push(flight.clone());
}

/// No request finds this flight any more.
pub fn unlist(shard: &Shard, flight: &Rc<Flight>) {
    let mut flights = shard.flights.borrow_mut();
    if let Some(same) = flights.get_mut(&flight.key) {
        same.retain(|listed| !Rc::ptr_eq(listed, flight));
        if same.is_empty() {
            flights.remove(&flight.key);
        }
    }
}

/// The origin has another version than this object: it is of no use any more, wherever its home.
pub fn outdate(shard: &Shard, object: &Arc<Object>) {
    let home = shard.home(object.key());
    if home == shard.id {
        shard.memory.borrow_mut().remove(object);
        shard.bury_dead();
    } else {
        let object = object.clone();
        shard.send(home, Letter::Outdated { object });
    }
}

/// Tells the home of a key what a newer head says. When this returns, it has heeded that, unless a
/// disk is too slow to say what it has.
pub async fn tell_head(shard: &Rc<Shard>, seen: HeadSeen) {
    let home = shard.home(seen.asked.key);
    if home == shard.id {
        if !from_disk::may_have(shard, &seen.asked) {
            return head_says(shard, &seen);
        }
        let (sender, heeded) = rt::oneshot();
        shard.carry_out(async move |shard| {
            head_seen(shard, &seen).await;
            sender.send(());
        });
        let _: Option<Option<()>> = rt::within(HEEDED_PATIENCE, heeded).await;
    // A sibling that has stopped answers no more, and nobody asks it any more.
    } else if shard.post.has_room(home) && !shard.stopping.get() {
        let (ticket, seen) = (shard.ticket(), Box::new(seen));
        let heeded = shard.demand(home, ticket, Letter::HeadSeen { ticket, seen });
        if rt::within(HEEDED_PATIENCE, heeded).await.is_none() {
            shard.forget(ticket);
        }
    }
}

/// What the answer to a HEAD request says of the stored object that a GET would have selected
/// (RFC 9111, 4.3.5).
pub async fn head_seen(shard: &Rc<Shard>, seen: &HeadSeen) {
    if from_disk::may_have(shard, &seen.asked) {
        from_disk::recall(shard, &seen.asked).await;
    }
    head_says(shard, seen);
}

fn head_says(shard: &Shard, seen: &HeadSeen) {
    let Some(route) = shard.setting.route(seen.asked.route) else {
        return;
    };
    let Some(Stored { object, .. }) = select(shard, &seen.asked) else {
        return;
    };
    // What was said before a purge does not undo it.
    let outrun = shard.purged.borrow().last_us(seen.asked.key) > seen.times.requested.0 * 1000;
    let (mut old_head, mut new_head) = (ResponseHead::default(), ResponseHead::default());
    let (Some(old), Some(new)) = (
        object.response(&mut old_head),
        parse_stored(&seen.head, &mut new_head),
    ) else {
        return;
    };
    match cache::head_answers(&old, object.body_bytes(), &new) {
        HeadEffect::Freshens if outrun => {}
        HeadEffect::Freshens => {
            fetch::freshen(shard, &seen.asked, route, &object, &new, &seen.times, true);
        }
        HeadEffect::Outdates => shard.memory.borrow_mut().remove(&object),
        HeadEffect::None => {}
    }
    shard.bury_dead();
}

/// What is stored for a request, and what would become of it. What is on disk alone is read, and
/// stays there.
pub async fn inspect(shard: &Rc<Shard>, asked: &Asked) -> Inspection {
    let on_disk = match from_disk::may_have(shard, asked) {
        true => from_disk::look(shard, asked).await,
        false => None,
    };
    let (seed, now) = (shard.setting.seed, rt::now());
    let fields = asked.request().fields;
    let key = asked.key;
    let last_is_on_disk = on_disk.is_some();
    let variants: Vec<_> = shard.memory.borrow().variants(key).cloned().collect();
    let variants: Vec<_> = variants
        .into_iter()
        .chain(on_disk)
        .map(|object| {
            let selected = selects(&object, seed, fields);
            let verdict = verdict(shard, &object, asked);
            (object, selected, verdict)
        })
        .collect();
    let held = variants
        .iter()
        .any(|(_, selected, verdict)| *selected && *verdict != Verdict::Dead);
    let in_parts = matches!(asked.want, Want::Range(_)) && !held;
    let marked_as_ranges = || shard.marked_for_ms(of_ranges(key), now);
    Inspection {
        variants,
        last_is_on_disk,
        marked_for_ms: shard
            .marked_for_ms(key, now)
            .or_else(|| in_parts.then(marked_as_ranges)?),
        flights: usize::from(joinable(shard, asked).is_some()),
    }
}

/// Answers a sibling's question, at once unless a disk must be read for it.
pub fn answer(shard: &Rc<Shard>, from: usize, ticket: u64, asked: Box<Asked>) {
    if !from_disk::is_to_be_asked(shard, &asked) {
        return answer_from_memory(shard, from, ticket, asked);
    }
    let (ours, panics) = (shard.clone(), shard.counters.clone());
    rt::spawn(
        async move {
            match from_disk::answer(&ours, &asked).await {
                Some(object) => {
                    let told = Told::FromDisk(object);
                    ours.send(from, Letter::Told { ticket, told });
                }
                None => answer_from_memory(&ours, from, ticket, asked),
            }
        },
        move || panics.panics.add(1),
    );
}

fn answer_from_memory(shard: &Rc<Shard>, from: usize, ticket: u64, asked: Box<Asked>) {
    let guest = Guest {
        shard: from,
        ticket,
    };
    let told = match consider(shard, asked, Some(guest)) {
        Considered::Object(object) if shard.memory.borrow().is_only_kind(&object) => {
            object.held_by(from);
            Told::Object(object)
        }
        Considered::Object(object) => Told::Once(object),
        Considered::Joined(flight, id, outcome) => {
            let weak = Rc::downgrade(shard);
            flight.on_due(Box::new(move |flight| {
                if let Some(shard) = weak.upgrade() {
                    feed_due(&shard, flight);
                }
            }));
            shard.guests.borrow_mut().insert(guest, (flight, id));
            Told::Joined(outcome)
        }
        Considered::Go(reason) => Told::Go(reason),
    };
    shard.send(from, Letter::Told { ticket, told });
}

fn feed_due(shard: &Shard, flight: &Flight) {
    for (id, guest) in flight.take_due() {
        if let Some(news) = flight.feed(id) {
            let letter = Letter::Told {
                ticket: guest.ticket,
                told: Told::News(news),
            };
            shard.send(guest.shard, letter);
        }
    }
}

/// A guest asks for news.
pub fn pull(shard: &Shard, from: usize, ticket: u64) {
    let guest = Guest {
        shard: from,
        ticket,
    };
    let held = shard.guests.borrow().get(&guest).cloned();
    match held {
        Some((flight, id)) => {
            if let Some(news) = flight.feed(id) {
                shard.send(
                    from,
                    Letter::Told {
                        ticket,
                        told: Told::News(news),
                    },
                );
            }
        }
        None => shard.send(
            from,
            Letter::Told {
                ticket,
                told: Told::Go(Reason::Busy),
            },
        ),
    }
}

/// A guest is gone.
pub fn leave(shard: &Shard, from: usize, ticket: u64) {
    let guest = Guest {
        shard: from,
        ticket,
    };
    let held = shard.guests.borrow_mut().remove(&guest);
    if let Some((flight, id)) = held {
        flight.leave(id);
    }
}

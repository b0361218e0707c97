//! What the home shard of a key does for whoever asks, on this shard or on a sibling.

use super::fetch;
use crate::rt;
use crate::shard::Shard;
use crate::siblings::{Asked, Letter, Told};
use crate::store::flight::{Guest, ReaderId};
use crate::store::{Flight, Object};
use ringside_engine::cache::{self, only_if_cached, Serve};
use ringside_engine::http::Method;
use ringside_engine::key::Key;
use ringside_engine::outcome::{NotStored, Outcome, Reason};
use std::rc::Rc;
use std::sync::Arc;

/// What a home has for a request.
pub enum Considered {
    /// A fresh object.
    Object(Arc<Object>),
    /// A place as reader of a flight.
    Joined(Rc<Flight>, ReaderId, Outcome),
    /// Fetch by yourself.
    Go(Reason),
}

/// Decides what a request gets from its home: a stored object, a place in a flight (started now
/// if need be), or the advice to go alone. `guest` names a reader on a sibling.
pub fn consider(shard: &Rc<Shard>, asked: Box<Asked>, guest: Option<Guest>) -> Considered {
    let now = rt::now();
    let Some(route) = shard.setting.route(asked.route) else {
        return Considered::Go(Reason::NoSite);
    };
    let (key, seed) = (asked.key, shard.setting.seed);
    let request = asked.request();
    let stored = shard
        .memory
        .borrow()
        .find(key, seed, request.fields)
        .cloned();
    let mut reason = Reason::NotStored;
    let mut stale = None;
    if let Some(object) = stored {
        match cache::serve(&request, &object.facts, &route.policy, now) {
            Serve::Fresh => {
                object.touch();
                return Considered::Object(object);
            }
            Serve::Validate(why) => {
                reason = why;
                stale = Some(object);
            }
        }
    } else if shard.memory.borrow().has(key) {
        reason = Reason::VaryMiss;
    }
    if only_if_cached(&request) {
        return Considered::Go(Reason::OnlyIfCached);
    }
    if shard.stopping.get() {
        return Considered::Go(Reason::Shutdown);
    }
    // The answer to HEAD can't be stored for those who want the content: no flight for it.
    if request.method == Method::Head {
        return Considered::Go(reason);
    }
    // A request that wants the origin's word now is not served by a fetch begun before it.
    let insists = reason == Reason::NoCacheRequest;
    if !insists {
        if let Some(flight) = joinable(shard, key, &request) {
            let id = flight.join(guest);
            return Considered::Joined(flight, id, Outcome::Collapsed(reason));
        }
    }
    if shard.is_marked(key, now) {
        return Considered::Go(Reason::HitForMiss);
    }
    let flight = Flight::new(key, true);
    let id = flight.join(guest);
    if insists {
        // Whoever comes later is better served by the newer fetch.
        close_flights(shard, key);
    }
    shard
        .flights
        .borrow_mut()
        .entry(key)
        .or_default()
        .push(flight.clone());
    fetch::shared(shard, flight.clone(), asked, stale);
    Considered::Joined(flight, id, Outcome::Miss(reason))
}

fn joinable(
    shard: &Shard,
    key: Key,
    request: &ringside_engine::http::Request<'_>,
) -> Option<Rc<Flight>> {
    let flights = shard.flights.borrow();
    let suits = |flight: &&Rc<Flight>| {
        flight.is_joinable() && flight.suits(shard.setting.seed, request.fields)
    };
    flights.get(&key)?.iter().find(suits).cloned()
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

/// Nobody joins the flights of `key` any more, and none of them stores. A flight that left the list
/// without this could store after a purge, or over a newer one's object.
fn close_flights(shard: &Shard, key: Key) {
    let flights = shard.flights.borrow_mut().remove(&key).unwrap_or_default();
    flights
        .iter()
        .for_each(|flight| flight.give_up_storing(NotStored::Purged));
}

/// Makes `key` unservable: when this returns, no shard serves an object stored before, and no
/// fetch begun before will store. Returns how many objects died.
///
/// Replicas need no letter for that: every use checks the object's `live` bit, which is cleared
/// here. They are told to let go for the memory's sake only.
pub fn purge(shard: &Shard, key: Key) -> usize {
    let count = shard.memory.borrow_mut().purge(key);
    close_flights(shard, key);
    shard.unmark(key);
    shard.counters.purged.add(count as u64);
    shard.bury_dead();
    count
}

/// Purges at the key's home, wherever that is; returns how many objects died.
pub async fn purge_anywhere(shard: &Rc<Shard>, key: Key) -> usize {
    let home = shard.home(key);
    if home == shard.id {
        return purge(shard, key);
    }
    let ticket = shard.ticket();
    match shard
        .demand(home, ticket, Letter::Purge { ticket, key })
        .await
    {
        Some(Told::Purged(count)) => count,
        _ => 0,
    }
}

/// Answers a sibling's question.
pub fn answer(shard: &Rc<Shard>, from: usize, ticket: u64, asked: Box<Asked>) {
    let guest = Guest {
        shard: from,
        ticket,
    };
    let told = match consider(shard, asked, Some(guest)) {
        Considered::Object(object) => {
            object.held_by(from);
            Told::Object(object)
        }
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

//! What a purge does: by key at its home, by decree on every shard. When a function here has ended,
//! what it was about is served by no shard any more (docs/architecture.md, "Why a purged object is
//! gone").

use crate::rt;
use crate::shard::Shard;
use crate::siblings::letter::{Decree, Purged, Whom};
use crate::siblings::{Letter, Told};
use crate::store::disk::Kept;
use ringside_engine::key::Key;
use ringside_engine::outcome::NotStored;
use ringside_engine::purge::{statement_all, statement_group, statement_prefix, Force};
use ringside_engine::store::disk::KillForce;
use ringside_engine::time::Mono;
use std::rc::Rc;
use std::sync::Arc;

/// Nobody joins the flights of `key` any more, and none of them stores. A flight that left the list
/// without this could store after a purge, or over a newer one's object.
pub fn close_flights(shard: &Shard, key: Key) {
    let flights = shard.flights.borrow_mut().remove(&key).unwrap_or_default();
    flights
        .iter()
        .for_each(|flight| flight.give_up_storing(NotStored::Purged));
}

/// Makes `key` unservable, or stale: when this returns, no shard serves an object stored before
/// as fresh, and no fetch begun before will store. That goes for answers to questions that were
/// asked of it by QUERY, too.
///
/// Replicas need no letter for that: every use checks the object's `live` bit, which is cleared
/// here. They are told to let go for the memory's sake only.
pub fn purge(shard: &Shard, key: Key, force: Force) -> Purge {
    let before_us = shard.purged.borrow_mut().note(key, rt::now_us());
    shard.unmark(key);
    let mut objects = drop_question(shard, key, force);
    let questions = shard.questions.borrow_mut().of(key);
    for question in &questions {
        objects += drop_question(shard, *question, force);
    }
    if force == Force::Soft {
        // They are stored still.
        for question in questions {
            shard.questions.borrow_mut().note(key, question);
        }
    }
    let kept = shard
        .disk
        .as_ref()
        .map(|disk| disk.kill(key, None, kill_force(force)));
    shard.counters.purged.add(objects as u64);
    shard.bury_dead();
    Purge {
        purged: Purged {
            objects,
            before_us,
            forgettable: false,
        },
        kept,
    }
}

/// A decree as the disk keeps it.
fn statement_of(decree: &Decree) -> Vec<u8> {
    let (force, at) = (decree.force, decree.at);
    let statements = decree.whom.iter().map(|whom| match whom {
        Whom::All => statement_all(force, at),
        Whom::Prefix { host, path } => statement_prefix(host, path, force, at),
        Whom::Group(group) => statement_group(*group, force, at),
    });
    statements.flatten().collect()
}

/// In the words of the store, which knows no purges.
fn kill_force(force: Force) -> KillForce {
    match force {
        Force::Hard => KillForce::Hard,
        Force::Soft => KillForce::Soft,
    }
}

/// A purge that every shard obeys, and that a disk may still have to note: until it has, what is
/// stored there could come back after a crash.
pub struct Purge {
    purged: Purged,
    kept: Option<Kept>,
}

impl Purge {
    /// What it did, if no disk has anything to note.
    pub fn at_once(self) -> Result<Purged, Purge> {
        match self.kept {
            None => Ok(self.purged),
            Some(_) => Err(self),
        }
    }

    /// What it did, once that is for good.
    pub async fn settled(self) -> Purged {
        let mut purged = self.purged;
        if let Some(kept) = self.kept {
            purged.forgettable = kept.await.is_err();
        }
        purged
    }
}

/// What is stored by one key, and the fetches for it; returns how many objects there were.
pub fn drop_question(shard: &Shard, key: Key, force: Force) -> usize {
    close_flights(shard, key);
    match force {
        Force::Hard => shard.memory.borrow_mut().purge(key),
        Force::Soft => soften(shard, key),
    }
}

/// Puts stale copies in the place of all variants of `key`; returns how many.
fn soften(shard: &Shard, key: Key) -> usize {
    let now = rt::now();
    let variants: Vec<_> = shard.memory.borrow().variants(key).cloned().collect();
    // The oldest first: what is put in last is found first.
    for object in variants.iter().rev() {
        let facts = object.facts.soft_purged(now);
        let softened = object.freshened(object.head(), object.notes(), facts);
        let mut memory = shard.memory.borrow_mut();
        match softened {
            Some(softened) => {
                memory.replace(object, softened);
            }
            // No memory for that: gone is stale enough.
            None => memory.remove(object),
        }
    }
    variants.len()
}

/// Purges at the key's home, wherever that is.
pub async fn purge_anywhere(shard: &Rc<Shard>, key: Key, force: Force) -> Purged {
    let home = shard.home(key);
    if home == shard.id {
        return purge(shard, key, force).settled().await;
    }
    let ticket = shard.ticket();
    let letter = Letter::Purge { ticket, key, force };
    match shard.demand(home, ticket, letter).await {
        Some(Told::Purged(purged)) => purged,
        _ => Purged::default(),
    }
}

/// Outdates everything that `whom` names, on every shard: when this returns, all obey. Returns
/// how many objects are known to be hit; what is named by its group or path is found when it is
/// asked for, and not counted.
///
/// One instant holds for all shards: what was asked for at or before it is outdated, wherever it is
/// and whenever it comes. So a fetch begun before can't make anything servable.
pub async fn decree_everywhere(shard: &Rc<Shard>, whom: Vec<Whom>, force: Force) -> Purged {
    let at = Mono(rt::now_us() / 1000);
    let decree = Arc::new(Decree { whom, force, at });
    let others = (0..shard.count).filter(|id| *id != shard.id);
    let told: Vec<_> = others
        .map(|other| {
            let (ticket, decree) = (shard.ticket(), decree.clone());
            shard.demand(other, ticket, Letter::Decree { ticket, decree })
        })
        .collect();
    let mut purged = obey(shard, &decree).settled().await;
    for waiting in told {
        if let Some(Told::Purged(there)) = waiting.await {
            purged.objects += there.objects;
            purged.forgettable |= there.forgettable;
        }
    }
    purged
}

/// Carries a decree out here.
pub fn obey(shard: &Shard, decree: &Decree) -> Purge {
    let mut purges = shard.purges.borrow_mut();
    let (force, at) = (decree.force, decree.at);
    for whom in &decree.whom {
        match whom {
            Whom::All => purges.all(force, at),
            Whom::Prefix { host, path } => purges.prefix(host, path, force, at),
            Whom::Group(group) => purges.group(*group, force, at),
        }
    }
    drop(purges);
    let kept = shard.disk.as_ref().map(|disk| {
        let whole = || {
            let mut all = Vec::new();
            shard.purges.borrow().write(&mut all);
            all
        };
        disk.edict(statement_of(decree), &whole)
    });
    // Whoever asks from now on is not to wait for what was asked for before.
    for flight in shard.flights.borrow().values().flatten() {
        flight.refuse_joins();
    }
    let everything = decree.whom.contains(&Whom::All);
    let objects = match everything {
        true => shard.memory.borrow().len(),
        false => 0,
    };
    shard.counters.purged.add(objects as u64);
    Purge {
        purged: Purged {
            objects,
            ..Purged::default()
        },
        kept,
    }
}

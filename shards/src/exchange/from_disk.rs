//! What a home has on disk for a request, brought to where [`home::consider`] finds it.
//!
//! | what was read | what becomes of it |
//! |---|---|
//! | fresh, and read for the first time since it was written | it answers, and is forgotten |
//! | fresh, and read before | it answers, and returns to memory |
//! | stale, or for a question of more than one answer | it returns to memory, and the home decides as ever |
//! | reached by a purge | it is dropped |
//!
//! So all that HTTP has to say is said of objects in memory, by one set of functions. Memory goes
//! before disk: what it has of a key was stored later, or is the same.

use super::home;
use crate::rt;
use crate::shard::Shard;
use crate::siblings::Asked;
use crate::store::disk::Suits;
use crate::store::flight::Want;
use crate::store::replicas::selects;
use crate::store::Object;
use ringside_engine::cache::{self, vary, Serve};
use ringside_engine::http::Fields;
use ringside_engine::key::Seed;
use ringside_engine::purge::Verdict;
use ringside_engine::store::disk::{variant_bits, KillForce};
use std::rc::Rc;
use std::sync::Arc;

/// Reads of one question: each that led to nothing has dropped what it read.
const READS_MAX: usize = 4;

/// Is it worth a read? Whatever is in memory for this question goes before.
pub fn may_have(shard: &Shard, asked: &Asked) -> bool {
    let Some(disk) = &shard.disk else {
        return false;
    };
    disk.find(asked.key) && !in_memory(shard, asked)
}

/// The same, for a question that must be answered: one that neither memory nor disk has an answer to
/// counts as one that the disk has missed.
pub fn is_to_be_asked(shard: &Shard, asked: &Asked) -> bool {
    let Some(disk) = &shard.disk else {
        return false;
    };
    if in_memory(shard, asked) {
        return false;
    }
    let may_have = disk.find(asked.key);
    if !may_have {
        disk.missed(asked.key);
    }
    may_have
}

fn in_memory(shard: &Shard, asked: &Asked) -> bool {
    let memory = shard.memory.borrow();
    match &asked.want {
        Want::Fragment { need, .. } => memory
            .variants(asked.key)
            .next()
            .and_then(|held| held.extent())
            .is_some_and(|extent| extent.covers(need)),
        _ => {
            let fields = asked.request().fields;
            let found = memory.find(asked.key, shard.setting.seed, fields);
            found.is_some()
        }
    }
}

/// Brings what is on disk for a question back to memory, whatever it is good for.
pub async fn recall(shard: &Rc<Shard>, asked: &Asked) {
    if let Some(object) = read(shard, asked).await {
        give_back(shard, asked, object);
    }
}

/// Reads what is on disk for a question. What it gives may be served as it is; otherwise ask
/// [`home::consider`], which finds in memory what was worth it.
pub async fn answer(shard: &Rc<Shard>, asked: &Asked) -> Option<Arc<Object>> {
    for _ in 0..READS_MAX {
        if !may_have(shard, asked) {
            return None;
        }
        let object = read(shard, asked).await?;
        // It came meanwhile, by a fetch or by another read.
        if in_memory(shard, asked) {
            return None;
        }
        match judge(shard, asked, &object) {
            Judged::Serve => {
                if object.disk_uses() > 0 {
                    give_back(shard, asked, object.clone());
                }
                return Some(object);
            }
            Judged::Return => {
                give_back(shard, asked, object);
                return None;
            }
            Judged::Drop => {
                if let Some(disk) = &shard.disk {
                    disk.kill(object.key(), Some(object.variant_bits()), KillForce::Hard);
                }
            }
        }
    }
    None
}

/// Shows what is on disk for a question, and leaves all as it is.
pub async fn look(shard: &Rc<Shard>, asked: &Asked) -> Option<Arc<Object>> {
    let disk = shard.disk.clone()?;
    let (seed, request) = (shard.setting.seed, asked.request());
    let selects = |object: &Object| suits(object, seed, request.fields);
    let room = |bytes| make_room(shard, bytes);
    disk.look(asked.key, &selects, &room).await
}

async fn read(shard: &Rc<Shard>, asked: &Asked) -> Option<Arc<Object>> {
    let disk = shard.disk.clone()?;
    let (seed, request) = (shard.setting.seed, asked.request());
    let selects = |object: &Object| suits(object, seed, request.fields);
    let room = |bytes| make_room(shard, bytes);
    disk.read(asked.key, &selects, &room).await
}

/// Evicts, and tells siblings that hold what was evicted.
fn make_room(shard: &Shard, bytes: usize) {
    shard.memory.borrow_mut().make_room(bytes);
    shard.bury_dead();
}

/// Is it what a request selects? Where its Vary says no, what would be (RFC 9111, 4.1).
fn suits(object: &Object, seed: Seed, request: Fields<'_>) -> Suits {
    if selects(object, seed, request) {
        return Suits::Yes;
    }
    let variant = vary::secondary_of_names(seed, object.notes().vary, request);
    Suits::Other(variant_bits(variant, true))
}

/// What is to become of an object that was read.
enum Judged {
    /// It answers as it is.
    Serve,
    /// The home is to decide: back to memory with it.
    Return,
    /// A purge has reached it.
    Drop,
}

fn judge(shard: &Shard, asked: &Asked, object: &Arc<Object>) -> Judged {
    if let Want::Fragment { need, .. } = &asked.want {
        // As good as the outline through which it was found.
        let covers = object.extent().is_some_and(|extent| extent.covers(need));
        return match covers {
            true => Judged::Serve,
            false => Judged::Return,
        };
    }
    let verdict = home::verdict(shard, object, asked);
    let Some(route) = shard.setting.route(asked.route) else {
        return Judged::Return;
    };
    let fresh = || cache::serve(&asked.request(), &object.facts, &route.policy, rt::now());
    match verdict {
        Verdict::Dead => Judged::Drop,
        Verdict::Stale => Judged::Return,
        Verdict::Valid if fresh() == Serve::Fresh => Judged::Serve,
        Verdict::Valid => Judged::Return,
    }
}

/// Puts an object that was read into memory, behind what is there.
fn give_back(shard: &Shard, asked: &Asked, object: Arc<Object>) {
    let route = shard.setting.route(asked.route);
    let variants_max = route.map_or(1, |route| route.policy.variants_max);
    shard.memory.borrow_mut().give_back(object, variants_max);
    shard.bury_dead();
}

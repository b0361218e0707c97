//! How a finished response comes to its home and is stored there, whichever shard has fetched it.

use crate::shard::Shard;
use crate::siblings::letter::Keepsake;
use crate::siblings::Letter;
use crate::store::object::{Notes, Parts};
use crate::store::Piece;
use ringside_engine::outcome::NotStored;
use ringside_engine::store::disk::KillForce;

/// Stores what another shard has fetched, unless it was purged meanwhile.
pub fn keep(shard: &Shard, mut sent: Keepsake) {
    match own_copy(shard, &sent.body) {
        Some(body) => {
            sent.body = body;
            put(shard, &sent);
        }
        None => no_room(shard, &sent),
    }
}

/// What is older than what there is no room for is not to be served in its place.
fn no_room(shard: &Shard, sent: &Keepsake) {
    shard.counters.not_stored(NotStored::NoMemory);
    shard.memory.borrow_mut().purge(sent.key);
    if let Some(disk) = &shard.disk {
        drop(disk.kill(sent.key, None, KillForce::Hard));
    }
    shard.bury_dead();
}

fn put(shard: &Shard, sent: &Keepsake) {
    if sent
        .begun_us
        .is_some_and(|begun| shard.purged.borrow().last_us(sent.key) > begun)
    {
        shard.counters.not_stored(NotStored::Purged);
        return;
    }
    let parts = Parts {
        key: sent.key,
        facts: sent.facts,
        head: &sent.head,
        notes: Notes {
            variant: sent.variant,
            vary: &sent.vary,
            groups: &sent.groups,
        },
        body: &sent.body,
        to_disk: sent.to_disk,
    };
    let mut memory = shard.memory.borrow_mut();
    let made = match sent.outline {
        Some((bytes, version)) => memory.make_outline(&parts, bytes, version),
        None => memory.make(&parts),
    };
    match made {
        Some(object) => {
            memory.put(object, sent.variants_max);
            shard.counters.stored.add(1);
        }
        None => {
            drop(memory);
            return no_room(shard, sent);
        }
    }
    drop(memory);
    shard.bury_dead();
}

/// The same bytes on this shard's budget.
fn own_copy(shard: &Shard, body: &[Piece]) -> Option<Vec<Piece>> {
    let mut out = Vec::with_capacity(body.len());
    for piece in body {
        let mut filling = shard.memory.borrow_mut().filling(piece.len())?;
        filling.copy(piece);
        out.extend(filling.cut());
    }
    shard.bury_dead();
    Some(out)
}

/// Hands what was fetched here to its home.
pub fn bring(shard: &Shard, sent: Keepsake) {
    let home = shard.home(sent.key);
    if home == shard.id {
        put(shard, &sent);
    } else if shard.post.has_room(home) {
        shard.send(home, Letter::Keep(Box::new(sent)));
    } else {
        shard.counters.not_stored(NotStored::Busy);
    }
}

/// Waits until what was brought to `home` is there: letters are read in order. Whoever knows that a
/// response has ended may rely on its being stored, wherever that is.
pub async fn arrived(shard: &Shard, home: usize) {
    // A sibling that has stopped answers no more, and nobody asks it any more.
    if home != shard.id && !shard.stopping.get() {
        let ticket = shard.ticket();
        shard.demand(home, ticket, Letter::Ping { ticket }).await;
    }
}

/// The same for all siblings.
pub async fn arrived_everywhere(shard: &Shard) {
    for home in 0..shard.count {
        arrived(shard, home).await;
    }
}

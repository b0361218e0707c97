//! How many variants of a key memory holds.

use super::*;
use crate::store::object::{Notes, ToDisk};
use ringside_engine::cache::Facts;

fn variant(variant: u64, budget: &'static Budget) -> Arc<Object> {
    let parts = Parts {
        key: Key(7),
        facts: Facts::default(),
        head: b"HTTP/1.1 200 OK\r\n",
        notes: Notes {
            variant,
            vary: b"x",
            groups: b"",
        },
        body: &[],
        to_disk: ToDisk::NEVER,
    };
    Object::new(&parts, budget).unwrap()
}

fn held(memory: &Memory) -> Vec<u64> {
    let variants = memory.variants(Key(7));
    variants.map(|object| object.notes().variant).collect()
}

#[test]
fn what_comes_back_from_disk_is_one_of_the_variants_allowed() {
    let budget = Budget::new(1 << 20);
    let mut memory = Memory::new(budget, None);
    for n in 1..=3 {
        memory.put(variant(n, budget), 3);
    }
    memory.variants(Key(7)).last().unwrap().touch();
    memory.give_back(variant(4, budget), 3);
    assert_eq!(
        held(&memory),
        [4, 3, 1],
        "the oldest that was not used goes"
    );
    // What is there already is newer.
    memory.give_back(variant(3, budget), 3);
    assert_eq!(held(&memory), [4, 3, 1]);
}

//! How many records are read until one is found.

use super::super::Suits;
use super::kit::*;
use super::plain::settle;
use crate::rt;
use crate::store::arena::Budget;
use crate::store::object::Object;
use ringside_engine::store::disk::variant_bits;
use ringside_engine::time::Mono;

/// Variants of key 1 on a device, in this order.
async fn stored(variants: &[u64]) -> Process {
    let device = device(12, 1);
    let budget = Budget::new(16 << 20);
    let mut now = Mono(1000);
    let process = Process::start(&device, budget, true, now);
    settle(&process.cache, &mut now).await;
    for variant in variants {
        let like = Like {
            key: 1,
            variant: *variant,
            version: 1,
            bytes: 100,
        };
        let object = like.object(budget, now);
        process.cache.offer(&object, true);
        assert_ne!(object.disk_page(), 0);
        settle(&process.cache, &mut now).await;
    }
    process
}

/// What is found, and how many records are read for it.
async fn reads(process: &Process, wants: impl Fn(&Object) -> Suits) -> (Option<u64>, u64) {
    let count = || process.cache.status()[0].reads;
    let before = count();
    let found = process.cache.read(key(1), &wants, &|_| {}).await;
    let variant = found.map(|object| Like::of(&object).variant);
    (variant, count() - before)
}

#[test]
fn of_many_variants_two_records_are_read() {
    let variants: Vec<u64> = (1..=40).collect();
    rt::run(async move {
        let process = stored(&variants).await;
        for variant in variants {
            let (found, reads) = reads(&process, wants(variant)).await;
            assert_eq!(found, Some(variant));
            assert!(reads <= 2, "{reads} records for variant {variant}");
        }
        let (found, reads) = reads(&process, wants(41)).await;
        assert_eq!(found, None);
        assert!(reads <= 4, "{reads} records for what is not there");
    })
    .unwrap();
}

#[test]
fn what_has_no_vary_is_found_behind_variants() {
    rt::run(async move {
        let process = stored(&[0, 1, 2, 3, 4, 5, 6, 7, 8]).await;
        let plain = |object: &Object| match Like::of(object).variant {
            0 => Suits::Yes,
            _ => Suits::Other(variant_bits(9, true)),
        };
        assert_eq!(reads(&process, plain).await, (Some(0), 2));
    })
    .unwrap();
}

#[test]
fn variants_under_another_vary_are_found_too() {
    // From 100 on they are of another Vary than the others, and the newest has yet another.
    rt::run(async move {
        let process = stored(&[1, 101, 102, 103, 2, 3, 200]).await;
        let asked = |object: &Object| match Like::of(object).variant {
            101 => Suits::Yes,
            102 | 103 => Suits::Other(variant_bits(101, true)),
            200 => Suits::Other(variant_bits(201, true)),
            _ => Suits::Other(variant_bits(9, true)),
        };
        // 200, 3, 2, 103 without a sign, and then the one.
        assert_eq!(reads(&process, asked).await, (Some(101), 5));
    })
    .unwrap();
}

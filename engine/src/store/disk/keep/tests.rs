//! What is admitted and what stays: tables, and a log driven by many seeds.

use super::*;
use crate::store::disk::circle::{key, step, Chance, Circle};
use crate::store::disk::record::{Kill, KillForce};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[test]
fn what_was_asked_for_more_than_once_is_admitted() {
    use Admission::{Always, Auto, Never};
    let cases = [
        // (uses, reused, minimum, rule, admitted)
        (0, false, 1, Auto, false),
        (0, true, 1, Auto, true),
        (1, false, 1, Auto, true),
        (0, false, 0, Auto, true),
        (1, true, 2, Auto, false),
        (2, false, 2, Auto, true),
        (0, false, 9, Always, true),
        (9, true, 0, Never, false),
    ];
    for (uses, reused, minimum, rule, want) in cases {
        let got = admits(uses, reused, minimum, rule, false);
        assert_eq!(got, want, "{uses} {reused} {minimum} {rule:?}");
    }
}

#[test]
fn while_the_log_fills_a_single_request_is_enough() {
    use Admission::{Always, Auto, Never};
    for (minimum, rule, want) in [
        (0, Auto, true),
        (1, Auto, true),
        (2, Auto, false),
        (9, Always, true),
        (0, Never, false),
    ] {
        let got = admits(0, false, minimum, rule, true);
        assert_eq!(got, want, "{minimum} {rule:?}");
    }
}

/// Fills one segment with records of these pages and uses, and says which stay.
fn staying_of(records: &[(u16, usize)]) -> Vec<(u64, u8)> {
    let mut circle = Circle::new(4, 32);
    for (n, (pages, uses)) in (0..).zip(records) {
        circle.put(key(n), 0, *pages);
        (0..*uses).for_each(|_| circle.used(key(n)));
    }
    assert_eq!(circle.seq, 1, "all of it in one segment");
    let sheet = circle.sheets[0].as_ref().expect("it is open");
    let stay = staying(sheet, &circle.layout, &circle.places);
    for events_max in 1..4 {
        let mut choice = Choice::default();
        let mut slices = 1;
        while choice.look(sheet, &circle.layout, &circle.places, events_max) {
            slices += 1;
        }
        assert_eq!(slices, records.len().div_ceil(events_max));
        assert_eq!(choice.made(&circle.layout), stay);
    }
    let number = |stays: &Staying| (0..).find(|n| key(*n) == stays.key);
    let stay = stay
        .iter()
        .map(|stays| (number(stays).expect("ours"), stays.uses));
    stay.collect()
}

#[test]
fn the_most_used_stay_in_half_of_a_segment() {
    assert_eq!(staying_of(&[(1, 0), (1, 1), (1, 3)]), [(1, 0), (2, 2)]);
    // 16 pages are half. Of equals the smaller goes first; what does not fit makes way for what
    // does.
    let stay = staying_of(&[(9, 1), (5, 1), (10, 2)]);
    assert_eq!(stay, [(1, 0), (2, 1)]);
    let stay = staying_of(&[(8, 3), (9, 2), (8, 1)]);
    assert_eq!(stay, [(0, 2), (2, 0)]);
}

#[test]
fn what_was_purged_does_not_stay() {
    for force in [KillForce::Hard, KillForce::Soft] {
        let mut circle = Circle::new(4, 32);
        circle.put(key(1), 0, 1);
        circle.used(key(1));
        circle.kill(Kill {
            key: key(1),
            variant: None,
            force,
        });
        let sheet = circle.sheets[0].as_ref().expect("it is open");
        assert_eq!(staying(sheet, &circle.layout, &circle.places), []);
    }
}

#[test]
fn the_index_is_true_after_every_step() {
    let mut again = 0;
    for seed in 0..400_u64 {
        let mut chance = Chance(seed);
        let (segments, pages) = (4 + chance.below(5) as u32, 8 + chance.below(40) as u32);
        let run = AssertUnwindSafe(|| {
            let mut circle = Circle::new(segments, pages);
            for _ in 0..250 {
                step(&mut circle, &mut chance);
                circle.agrees();
                circle.pages_are_apart();
            }
            circle.pages_again
        });
        again += catch_unwind(run).unwrap_or_else(|_| panic!("seed {seed}"));
    }
    assert!(
        again > 1000,
        "only {again} pages stayed: the test tests little"
    );
}
